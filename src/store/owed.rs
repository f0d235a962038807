//! Keys whose results were learned from elsewhere and whose bytes somebody will ask for: an empty file each, `owed/<key>`.
//!
//! Only a note of what is to be fetched when it is asked for by name: without it, a result is realised and absent, and
//! nobody goes for its bytes before a consumer runs.

use std::collections::BTreeSet;

use super::Store;
use super::error::StoreError;
use crate::drv::ActionKey;

const OWED: &str = "owed";

impl Store {
    /// Notes that the bytes of `keys` are still to come.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn owe(&self, keys: impl IntoIterator<Item = ActionKey>) -> Result<(), StoreError> {
        keys.into_iter().try_for_each(|key| self.put_lightly(&format!("{OWED}/{key}"), b""))
    }

    /// The keys whose bytes are still to come. Empty where the folder cannot be read.
    pub fn owed(&self) -> BTreeSet<ActionKey> {
        let entries = self.dir.read_dir(OWED).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(ActionKey(entry.file_name().to_str()?.parse().ok()?))).collect()
    }

    /// The bytes of `key` are here.
    ///
    /// # Errors
    /// Where that cannot be noted.
    pub fn not_owed(&self, key: ActionKey) -> Result<(), StoreError> {
        self.remove_durably(&format!("{OWED}/{key}")).map(drop)
    }
}
