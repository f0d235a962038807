//! Rivals: other results of a step that is realised here. Its own result stays; these are kept to be compared with it.
//!
//! One sealed file each, `rivals/ab/cdef…/<digest>.json`, named by the digest of what is in it.

use serde::{Deserialize, Serialize};

use super::durable::{folder_of, sharded};
use super::error::{StoreError, io};
use super::{Realisation, Store, sealed};
use crate::digest::Digest;
use crate::drv::ActionKey;

const RIVALS: &str = "rivals";

/// How many are kept of one key: a step that never comes out the same would fill the disk.
const MOST: usize = 16;

/// Another result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    /// The cache that has it; `None` where it was made here.
    pub cache: Option<String>,
    /// The result.
    pub realisation: Realisation,
}

fn folder_of_key(key: ActionKey) -> String {
    sharded(RIVALS, &key.0)
}

impl Store {
    /// The keys that have rivals, sorted.
    pub(super) fn keys_with_rivals(&self) -> Result<Vec<ActionKey>, StoreError> {
        let mut keys = Vec::new();
        for shard in self.names_in(RIVALS)? {
            let names = self.names_in(&format!("{RIVALS}/{shard}"))?;
            keys.extend(names.into_iter().filter_map(|name| Some(ActionKey(format!("{shard}{name}").parse().ok()?))));
        }
        Ok(keys)
    }

    /// Forgets all rivals of a key.
    pub(super) fn forget_rivals(&self, key: ActionKey) -> Result<(), StoreError> {
        let folder = folder_of_key(key);
        for name in self.names_in(&folder)? {
            self.remove_durably(&format!("{folder}/{name}"))?;
        }
        // Where another has come meanwhile it stays, with its folder.
        let _ = self.dir.remove_dir(&folder);
        Ok(())
    }

    /// Keeps another result, durably; `false` where it is kept already, or where there are as many as are kept.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_rival(&self, rival: &Rival) -> Result<bool, StoreError> {
        let known = self.rivals(rival.realisation.key)?;
        if known.len() >= MOST || known.iter().any(|known| known.realisation.outputs == rival.realisation.outputs) {
            return Ok(false);
        }
        let bytes = sealed::encode(rival);
        let place = format!("{}/{}.json", folder_of_key(rival.realisation.key), Digest::of(&bytes));
        self.make_folder(folder_of(&place))?;
        self.put_durably(&place, &bytes, 0o644)?;
        Ok(true)
    }

    /// The other results of a key that are kept, in the order of their names. Damaged ones are passed over.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn rivals(&self, key: ActionKey) -> Result<Vec<Rival>, StoreError> {
        let folder = folder_of_key(key);
        let entries = match self.dir.read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io("reading other results", &self.path.join(folder))(error)),
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        let mut rivals = Vec::new();
        for name in names {
            let bytes = self.read_whole(&format!("{folder}/{name}"))?.unwrap_or_default();
            rivals.extend(sealed::decode::<Rival>(&bytes).filter(|rival| rival.realisation.key == key));
        }
        Ok(rivals)
    }
}
