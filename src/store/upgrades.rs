//! Upgrades that were tried, and what came of each: a sealed file for each, `upgrades/ab/cdef….json`, by the digest of all that
//! it read. Never shared, never a result: one that is lost is tried again.

use serde::{Deserialize, Serialize};

use super::durable::{folder_of, sharded};
use super::error::StoreError;
use super::{Store, sealed};
use crate::digest::Digest;
use crate::drv::ActionKey;

const UPGRADES: &str = "upgrades";

/// An upgrade from published packages to those that a check installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// Digest of all that it read.
    pub key: Digest,
    /// The action key of the check: the upgrade is of interest for as long as that is.
    pub check: ActionKey,
    /// Name of the check's node.
    pub node: String,
    /// When it was started, in seconds since 1970.
    pub started: i64,
    /// Digest of the log.
    pub log: Digest,
    /// What came of it.
    pub outcome: UpgradeOutcome,
}

/// What came of an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeOutcome {
    /// Nothing is wrong.
    Fine,
    /// It was not tried, for this reason.
    NotTried(String),
    /// It failed by the fault of packages.
    Failed {
        /// In what way, on one line.
        how: String,
        /// Telling lines, each on a line of its own and indented; may be empty.
        telling: String,
        /// Whether it came to its end, and what it found is what is wrong.
        findings: bool,
    },
}

fn place_of(key: &Digest) -> String {
    format!("{}.json", sharded(UPGRADES, key))
}

impl Store {
    /// Keeps what came of an upgrade, in place of what is known of an earlier try.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_upgrade(&self, upgrade: &Upgrade) -> Result<(), StoreError> {
        let place = place_of(&upgrade.key);
        self.make_folder(folder_of(&place))?;
        self.put_durably(&place, &sealed::encode(upgrade), 0o644)
    }

    /// What came of the upgrade that read just this; `None` where it was never tried, or where that is damaged.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn upgrade(&self, key: Digest) -> Result<Option<Upgrade>, StoreError> {
        let bytes = self.read_whole(&place_of(&key))?.unwrap_or_default();
        Ok(sealed::decode::<Upgrade>(&bytes).filter(|upgrade| upgrade.key == key))
    }

    /// The upgrade that was tried last of the check `node`; `None` where none is known.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_upgrade_of_node(&self, node: &str) -> Result<Option<Upgrade>, StoreError> {
        let of_node = self.upgrades()?.into_iter().filter(|upgrade| upgrade.node == node);
        Ok(of_node.max_by_key(|upgrade| (upgrade.started, upgrade.key)))
    }

    /// All that are kept. Damaged ones are passed over.
    pub(super) fn upgrades(&self) -> Result<Vec<Upgrade>, StoreError> {
        let mut upgrades = Vec::new();
        for key in self.keys_of_upgrades()? {
            upgrades.extend(self.upgrade(key)?);
        }
        Ok(upgrades)
    }

    fn keys_of_upgrades(&self) -> Result<Vec<Digest>, StoreError> {
        let mut keys = Vec::new();
        for shard in self.names_in(UPGRADES)? {
            let names = self.names_in(&format!("{UPGRADES}/{shard}"))?;
            let key = |name: &String| format!("{shard}{}", name.strip_suffix(".json")?).parse::<Digest>().ok();
            keys.extend(names.iter().filter_map(key));
        }
        Ok(keys)
    }

    /// Forgets upgrades to packages of checks that `is_kept` does not want, and damaged ones.
    pub(super) fn forget_upgrades(&self, is_kept: &dyn Fn(ActionKey) -> bool) -> Result<(), StoreError> {
        for key in self.keys_of_upgrades()? {
            if !self.upgrade(key)?.is_some_and(|upgrade| is_kept(upgrade.check)) {
                self.remove_durably(&place_of(&key))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;
    use crate::store::ProjectList;
    use crate::store::collect::Keeper;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        (folder, store)
    }

    fn upgrade(key: &str, check: &str, started: i64, outcome: UpgradeOutcome) -> Upgrade {
        Upgrade {
            key: Digest::of(key.as_bytes()),
            check: ActionKey(Digest::of(check.as_bytes())),
            node: "check:a.install@d/amd64".to_owned(),
            started,
            log: Digest::of(b"log"),
            outcome,
        }
    }

    #[test]
    fn what_came_of_it_is_kept_as_long_as_its_check() {
        let (_folder, store) = store();
        let failed = UpgradeOutcome::Failed { how: "no".to_owned(), telling: String::new(), findings: false };
        let one = upgrade("one", "check", 1, failed);
        let two = upgrade("two", "check", 2, UpgradeOutcome::Fine);
        let old = upgrade("old", "gone", 3, UpgradeOutcome::NotTried("why".to_owned()));
        assert_eq!(store.upgrade(one.key).expect("reads"), None);
        for upgrade in [&one, &two, &old] {
            store.keep_upgrade(upgrade).expect("writes");
        }
        assert_eq!(store.upgrade(one.key).expect("reads").as_ref(), Some(&one));
        assert_eq!(store.last_upgrade_of_node(&one.node).expect("reads").as_ref(), Some(&old));
        assert_eq!(store.last_upgrade_of_node("check:b.install@d/amd64").expect("reads"), None);
        store.forget_upgrades(&|check| check == one.check).expect("forgets");
        assert_eq!(store.upgrade(old.key).expect("reads"), None);
        assert_eq!(store.last_upgrade_of_node(&one.node).expect("reads").as_ref(), Some(&two));
        // One that is damaged counts as absent, and goes.
        store.dir.write(place_of(&two.key), "{}\n").expect("writes");
        assert_eq!(store.last_upgrade_of_node(&one.node).expect("reads").as_ref(), Some(&one));
        store.forget_upgrades(&|check| check == one.check).expect("forgets");
        assert!(!store.dir.exists(place_of(&two.key)) && store.dir.exists(place_of(&one.key)));
    }

    #[test]
    fn its_log_is_kept_with_it() {
        let (_folder, store) = store();
        let one = upgrade("one", "check", 1, UpgradeOutcome::Fine);
        store.keep_upgrade(&one).expect("writes");
        let marked = || store.mark(Vec::new(), &|_| Ok(Vec::new())).expect("marked");
        assert!(marked().log(one.log).is_none(), "nobody has that check any more");
        let nodes = vec![(one.node.clone(), Some(one.check))];
        store.keep_project(&ProjectList { project: "p".to_owned(), updated: 1, nodes }).expect("kept");
        let marked = marked();
        let reason = marked.log(one.log).expect("kept");
        assert_eq!((reason.keeper, reason.what.as_str()), (Keeper::Upgrade, one.node.as_str()));
        assert_eq!(reason.to_string(), "log of the upgrade that check:a.install@d/amd64 was tried with");
    }
}
