//! Results that were made again to see whether they come out the same: a sealed file for each key, `rebuilt/ab/cdef….json`,
//! of the last time.

use serde::{Deserialize, Serialize};

use super::durable::{folder_of, sharded};
use super::error::StoreError;
use super::{Store, sealed};
use crate::drv::ActionKey;

const REBUILT: &str = "rebuilt";

/// That a result was made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Its key.
    pub key: ActionKey,
    /// Its node's name.
    pub node: String,
    /// When, in seconds since 1970.
    pub when: i64,
    /// Whether it came out the same.
    pub same: bool,
    /// The host that made it again.
    pub host: String,
}

fn place_of(key: ActionKey) -> String {
    format!("{}.json", sharded(REBUILT, &key.0))
}

impl Store {
    /// Keeps that a result was made again, in place of what is known of an earlier time.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_rebuilt(&self, rebuilt: &Rebuilt) -> Result<(), StoreError> {
        let place = place_of(rebuilt.key);
        self.make_folder(folder_of(&place))?;
        self.put_durably(&place, &sealed::encode(rebuilt), 0o644)
    }

    /// When a result was last made again, and what came of it; `None` where it never was, or where that is damaged.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn rebuilt(&self, key: ActionKey) -> Result<Option<Rebuilt>, StoreError> {
        let bytes = self.read_whole(&place_of(key))?.unwrap_or_default();
        Ok(sealed::decode::<Rebuilt>(&bytes).filter(|rebuilt| rebuilt.key == key))
    }

    /// Forgets what is known of keys that `is_kept` does not want.
    pub(super) fn forget_rebuilt(&self, is_kept: &dyn Fn(ActionKey) -> bool) -> Result<(), StoreError> {
        for shard in self.names_in(REBUILT)? {
            for name in self.names_in(&format!("{REBUILT}/{shard}"))? {
                let key = name.strip_suffix(".json").and_then(|rest| format!("{shard}{rest}").parse().ok());
                if let Some(key) = key.map(ActionKey).filter(|key| !is_kept(*key)) {
                    self.remove_durably(&place_of(key))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::path::HostPath;

    #[test]
    fn the_last_time_is_kept_until_its_key_goes() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        let key = |text: &str| ActionKey(Digest::of(text.as_bytes()));
        let rebuilt = |text: &str, same| Rebuilt {
            key: key(text),
            node: "build:a@d/all".to_owned(),
            when: 7,
            same,
            host: "here".to_owned(),
        };
        assert_eq!(store.rebuilt(key("one")).expect("reads"), None);
        for (text, same) in [("one", false), ("one", true), ("two", false)] {
            store.keep_rebuilt(&rebuilt(text, same)).expect("writes");
        }
        assert_eq!(store.rebuilt(key("one")).expect("reads"), Some(rebuilt("one", true)));
        store.forget_rebuilt(&|kept| kept == key("one")).expect("forgets");
        assert_eq!(store.rebuilt(key("two")).expect("reads"), None);
        assert_eq!(store.rebuilt(key("one")).expect("reads"), Some(rebuilt("one", true)));
        // One that is damaged counts as absent.
        store.dir.write(place_of(key("one")), "{}\n").expect("writes");
        assert_eq!(store.rebuilt(key("one")).expect("reads"), None);
    }
}
