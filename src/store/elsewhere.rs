//! Results that were made elsewhere, whose bytes need not be here: rows of 32 bytes of key in one file.
//!
//! Only for those who look for damage: of a result that was made here, bytes that are not there are lost.

use std::collections::BTreeSet;
use std::io::Write as _;

use cap_std::fs::OpenOptions;
use nix::fcntl::{Flock, FlockArg};

use super::collect::{Downloads, Marked};
use super::error::{StoreError, io};
use super::{Store, Used};
use crate::digest::Digest;
use crate::drv::ActionKey;

const FILE: &str = "elsewhere";

/// The bytes of a row.
const ROW: u64 = 32;

impl Store {
    /// Notes keys whose results come from elsewhere. Call it before they are recorded.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn note_elsewhere(&self, keys: &[ActionKey]) -> Result<(), StoreError> {
        let path = self.path.join(FILE);
        self.uses(&keys.iter().map(|key| Used::Key(*key)).collect::<Vec<_>>())?;
        // A collection replaces the file.
        let _gate = self.open_gate()?;
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        let file = self.dir.open_with(FILE, &options).map_err(io("opening a file of the store", &path))?.into_std();
        let rows: Vec<u8> = keys.iter().flat_map(|key| *key.0.as_bytes()).collect();
        let write = || {
            // Two at once would take each other's rows for torn ones.
            let mut file = Flock::lock(file.try_clone()?, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
            // What a crash left of a row would shift all that follow.
            let whole = file.metadata()?.len() / ROW * ROW;
            file.set_len(whole)?;
            file.write_all(&rows)
        };
        write().and_then(|()| file.sync_all()).map_err(io("writing a file of the store", &path))
    }

    /// Whether the result of `key` comes from elsewhere.
    ///
    /// # Errors
    /// Where the notes cannot be read.
    pub fn is_from_elsewhere(&self, key: ActionKey) -> Result<bool, StoreError> {
        Ok(self.elsewhere()?.contains(&key))
    }

    /// Notes that the result of `key` is made here from now on.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn not_elsewhere(&self, key: ActionKey) -> Result<(), StoreError> {
        let _gate = self.close_gate()?;
        let mut all = self.elsewhere()?;
        if all.remove(&key) { self.put_durably(FILE, &rows_of(&all), 0o644) } else { Ok(()) }
    }

    /// Forgets notes of keys that have no record any more, and will get none.
    pub(super) fn forget_lost_notes(&self, marked: &mut Marked, downloads: &Downloads<'_>) -> Result<(), StoreError> {
        let _gate = self.close_gate()?;
        self.mark_uses(marked, downloads)?;
        let is_known = |key: &ActionKey| marked.key(*key).is_some() || self.has_record(*key);
        for key in self.owed().iter().filter(|key| !is_known(key)) {
            self.not_owed(*key)?;
        }
        let all = self.elsewhere()?;
        let known: BTreeSet<ActionKey> = all.iter().copied().filter(is_known).collect();
        if known.len() < all.len() { self.put_durably(FILE, &rows_of(&known), 0o644) } else { Ok(()) }
    }

    /// The keys whose results came from elsewhere.
    pub(super) fn elsewhere(&self) -> Result<BTreeSet<ActionKey>, StoreError> {
        let bytes = self.read_whole(FILE)?.unwrap_or_default();
        Ok(bytes.as_chunks::<32>().0.iter().map(|key| ActionKey(Digest::from_bytes(*key))).collect())
    }
}

fn rows_of(keys: &BTreeSet<ActionKey>) -> Vec<u8> {
    keys.iter().flat_map(|key| *key.0.as_bytes()).collect()
}
