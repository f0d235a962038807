//! What was at addresses whose digest nobody says, and of what time: who looks again asks for what has changed since.
//!
//! ```text
//! sources/seen/<id>.json   a file, and when its server says that it was changed last (sealed)
//! ```
//!
//! Only a hint: it may be lost, and goes with the file. The id is its writer's; of an address it says nothing.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::{Store, sealed};
use crate::digest::Sha256;

const SEEN: &str = "sources/seen";

/// What was seen at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The file.
    pub sha256: Sha256,
    /// When its server says that it was changed last, in seconds since 1970.
    pub modified: u64,
}

fn place_of(id: &str) -> String {
    format!("{SEEN}/{id}.json")
}

impl Store {
    /// Keeps what was seen at an address, in place of what was seen there before; `None`: nothing that could be asked for.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_seen(&self, id: &str, seen: Option<Seen>) -> Result<(), StoreError> {
        match seen {
            Some(seen) => {
                self.make_folder(SEEN)?;
                self.put_lightly(&place_of(id), &sealed::encode(&seen))
            }
            None => self.remove_durably(&place_of(id)).map(drop),
        }
    }

    /// What was seen at an address; `None` where nothing was, or it is damaged.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn seen(&self, id: &str) -> Result<Option<Seen>, StoreError> {
        Ok(self.read_whole(&place_of(id))?.and_then(|bytes| sealed::decode(&bytes)))
    }

    /// Removes what is known of files that are gone.
    pub(super) fn forget_lost_seen(&self) -> Result<(), StoreError> {
        for name in self.names_in(SEEN)? {
            let Some(id) = name.strip_suffix(".json") else { continue };
            let file = self.seen(id)?.map(|seen| self.known_sha256(seen.sha256)).transpose()?.flatten();
            if file.is_none() {
                self.keep_seen(id, None)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;

    #[test]
    fn what_was_seen_goes_with_its_file() {
        let scratch = tempfile::tempdir().expect("scratch");
        let store = Store::open(&HostPath::new(scratch.path().join("store"))).expect("opens");
        let seen = |bytes: &[u8], modified| Seen { sha256: Sha256::of(bytes), modified };
        assert_eq!(store.seen("a").expect("reads"), None);
        store.put_known_sha256(&mut &b"here"[..], Sha256::of(b"here"), 4).expect("stored");
        store.keep_seen("a", Some(seen(b"here", 7))).expect("kept");
        store.keep_seen("b", Some(seen(b"gone", 8))).expect("kept");
        store.keep_seen("c", Some(seen(b"here", 9))).expect("kept");
        store.keep_seen("c", None).expect("removed");
        assert_eq!(store.seen("a").expect("reads"), Some(seen(b"here", 7)));
        std::fs::write(scratch.path().join("store/sources/seen/d.json"), "{").expect("written");
        assert_eq!(store.seen("d").expect("reads"), None);
        store.forget_lost_seen().expect("collects");
        assert_eq!(store.names_in(SEEN).expect("reads"), ["a.json"]);
    }
}
