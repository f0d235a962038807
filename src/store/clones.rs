//! What is fetched of repositories and of archives of upstream before it is whole: clones, and downloads that broke off.
//!
//! ```text
//! sources/<kind>/<id>/       a clone (`git`, `hg`), or a download that is not whole (`archive`)
//! sources/<kind>/<id>.lock   held by whoever uses it; its time says when that was last
//! keep/clones/<id>.json      a project, and the clones that its lock leads to
//! ```
//!
//! All of it may be lost, as it can be fetched again. Who fetches says what is in there; here it is only counted and removed.

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::error::{StoreError, io};
use super::keeps::id_of;
use super::{Store, sealed};

const SOURCES: &str = "sources";
const KEPT: &str = "keep/clones";

/// A clone, or a download that is not whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloneEntry {
    /// Its kind and id, as in `git/0123…`.
    pub name: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// When it was last used, in seconds since 1970.
    pub used: i64,
}

/// The clones that a project's pins lead to.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    project: String,
    clones: BTreeSet<String>,
}

fn place_of(project: &str) -> String {
    format!("{KEPT}/{}.json", id_of(project))
}

impl Store {
    /// Keeps these clones for their project, in place of those of before.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_clones(&self, project: &str, clones: BTreeSet<String>) -> Result<(), StoreError> {
        let place = place_of(project);
        if clones.is_empty() {
            return self.remove_durably(&place).map(drop);
        }
        let bytes = sealed::encode(&Kept { project: project.to_owned(), clones });
        if self.read_whole(&place).ok().flatten().is_some_and(|before| before == bytes) {
            return Ok(());
        }
        self.make_folder(KEPT)?;
        self.put_durably(&place, &bytes, 0o644)
    }

    /// Keeps no more clones for a project; `false` where none were kept.
    pub(super) fn drop_clones(&self, project: &str) -> Result<bool, StoreError> {
        self.remove_durably(&place_of(project))
    }

    /// The clones that some project's pins lead to. A list that is damaged keeps nothing: what it named is fetched again.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn kept_clones(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut kept = BTreeSet::new();
        for name in self.names_in(KEPT)? {
            let bytes = self.read_whole(&format!("{KEPT}/{name}"))?.unwrap_or_default();
            kept.extend(sealed::decode::<Kept>(&bytes).into_iter().flat_map(|kept| kept.clones));
        }
        Ok(kept)
    }

    /// All clones and downloads that are not whole, sorted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn clones(&self) -> Result<Vec<CloneEntry>, StoreError> {
        let mut clones = Vec::new();
        for kind in self.names_in(SOURCES)? {
            for id in self.names_in(&format!("{SOURCES}/{kind}"))? {
                let (name, place) = (format!("{kind}/{id}"), format!("{SOURCES}/{kind}/{id}"));
                if id.ends_with(".lock") || !self.dir.is_dir(&place) {
                    continue;
                }
                let found = self.stat(&format!("{place}.lock")).or_else(|| self.stat(&place));
                clones.push(CloneEntry {
                    name,
                    bytes: self.bytes_below(&place),
                    used: found.map_or(0, |stat| stat.st_mtime),
                });
            }
        }
        clones.sort();
        Ok(clones)
    }

    /// Removes a clone; `false` where somebody uses it, or it is gone.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn remove_clone(&self, name: &str) -> Result<bool, StoreError> {
        let place = format!("{SOURCES}/{name}");
        let failed = || io("removing a clone", &self.path.join(&place));
        let lock = format!("{place}.lock");
        let mut options = cap_std::fs::OpenOptions::new();
        let file = self.dir.open_with(&lock, options.append(true).create(true)).map_err(failed())?.into_std();
        let _lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => locked,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(false),
            Err((_, error)) => return Err(failed()(error.into())),
        };
        match self.dir.remove_dir_all(&place) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed()(error)),
        }
        let _ = self.dir.remove_file(&lock);
        Ok(true)
    }

    /// The bytes of all files below a folder. What goes meanwhile counts for nothing.
    fn bytes_below(&self, place: &str) -> u64 {
        let entries = self.dir.read_dir(place).into_iter().flatten().flatten();
        let sizes = entries.map(|entry| {
            let name = entry.file_name();
            match (entry.file_type(), name.to_str()) {
                (Ok(kind), Some(name)) if kind.is_dir() => self.bytes_below(&format!("{place}/{name}")),
                _ => entry.metadata().map_or(0, |data| data.len()),
            }
        });
        sizes.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;

    #[test]
    fn clones_are_counted_kept_and_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("a store");
        assert_eq!(store.clones().expect("none yet"), []);
        let put = |name: &str, bytes: &[u8]| {
            store.dir.create_dir_all(format!("sources/{name}/objects")).expect("made");
            store.dir.write(format!("sources/{name}/objects/pack"), bytes).expect("written");
            store.dir.write(format!("sources/{name}.lock"), b"").expect("written");
        };
        put("git/a", b"123");
        put("archive/b", b"12345");
        let found: Vec<(String, u64)> =
            store.clones().expect("there").into_iter().map(|entry| (entry.name, entry.bytes)).collect();
        assert_eq!(found, [("archive/b".to_owned(), 5), ("git/a".to_owned(), 3)]);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        store.keep_clones("/p", names(&["git/a"])).expect("kept");
        store.keep_clones("/q", names(&["hg/c"])).expect("kept");
        assert_eq!(store.kept_clones().expect("reads"), names(&["git/a", "hg/c"]));
        store.drop_project("/q", 0).expect("dropped");
        assert_eq!(store.kept_clones().expect("reads"), names(&["git/a"]));
        let held = store.dir.open("sources/git/a.lock").expect("there").into_std();
        let held = Flock::lock(held, FlockArg::LockExclusive).expect("free");
        assert!(!store.remove_clone("git/a").expect("in use"));
        drop(held);
        assert!(store.remove_clone("git/a").expect("removed") && !store.remove_clone("git/a").expect("gone"));
        assert_eq!(store.clones().expect("there").len(), 1);
    }
}
