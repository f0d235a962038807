//! What is remembered of a cache, in the user's cache folder: its keys files, blocks that were read, its list, that it was
//! broken, and the beginnings of files that came only in part. All of it can be lost.
//!
//! Nothing here is believed without being checked again: names are digests, and what they name is verified by the reader.

use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::list::{List, MAX_KEYS};
use crate::digest::Digest;
use crate::path::HostPath;

/// For how long a list is not asked for again, in seconds: what it did not have, it has not got.
pub const FRESH: i64 = 60;

/// For how long a broken cache is left alone, in seconds.
pub const BROKEN: i64 = 120;

/// For how long the beginning of an object stays.
const PARTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// For how long anything stays of a cache that is asked no more.
const UNUSED: Duration = Duration::from_secs(60 * 24 * 3600);

/// The folder of one cache; without one, nothing is remembered.
pub struct Copies {
    dir: Option<Dir>,
    path: HostPath,
}

#[derive(Serialize, Deserialize)]
struct Kept<T> {
    when: i64,
    what: T,
}

impl Copies {
    /// The folder for the cache at `address` below `folder`, made where it is not there.
    pub fn below(folder: Option<&HostPath>, address: &str) -> Self {
        let Some(folder) = folder else { return Self { dir: None, path: HostPath::new("/") } };
        let path = folder.join("caches").join(Digest::of(address.as_bytes()).to_string());
        let mut builder = std::fs::DirBuilder::new();
        let made = std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700).create(path.as_path());
        let dir = made.and_then(|()| Dir::open_ambient_dir(path.as_path(), ambient_authority())).ok();
        Self { dir, path }
    }

    /// The list, where it was read less than [`FRESH`] seconds ago.
    pub fn list(&self, now: i64) -> Option<List> {
        self.recent("list", now, FRESH)
    }

    /// Remembers the list, and forgets what belongs to segments that it does not name.
    pub fn keep_list(&self, list: &List, now: i64) {
        self.keep("list", &Kept { when: now, what: list });
        let Some(dir) = &self.dir else { return };
        let now = modified(dir.metadata("list"));
        for entry in dir.entries().into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let of = name.strip_prefix("keys-").or_else(|| name.strip_prefix("block-"));
            let segment = of.and_then(|of| of.split('-').next()?.parse::<Digest>().ok());
            let is_gone = segment.is_some_and(|segment| list.segments.iter().all(|named| named.name != segment));
            if is_gone || (name.starts_with("part-") && is_older(modified(entry.metadata()), now, PARTS)) {
                let _ = dir.remove_file(&name);
            }
        }
        self.sweep(now);
    }

    /// Removes what is remembered of caches that nobody has asked for long.
    fn sweep(&self, now: Option<SystemTime>) {
        let Some(all) = self.dir.as_ref().and_then(|dir| dir.open_parent_dir(ambient_authority()).ok()) else { return };
        for entry in all.entries().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_cache = name.to_str().is_some_and(|name| name.parse::<Digest>().is_ok());
            let last = all.metadata(std::path::Path::new(&name).join("list")).or_else(|_| entry.metadata());
            if is_cache && is_older(modified(last), now, UNUSED) {
                let _ = all.remove_dir_all(&name);
            }
        }
    }

    /// Why the cache was broken less than [`BROKEN`] seconds ago.
    pub fn broken(&self, now: i64) -> Option<String> {
        self.recent("broken", now, BROKEN)
    }

    /// Remembers that it is broken.
    pub fn keep_broken(&self, why: &str, now: i64) {
        self.keep("broken", &Kept { when: now, what: why });
    }

    /// Forgets that it was broken.
    pub fn forget_broken(&self) {
        let _ = self.dir.as_ref().map(|dir| dir.remove_file("broken"));
    }

    /// A keys file.
    pub fn keys(&self, segment: Digest) -> Option<Vec<u8>> {
        self.read(&format!("keys-{segment}"), MAX_KEYS)
    }

    /// Remembers a keys file.
    pub fn keep_keys(&self, segment: Digest, bytes: &[u8]) {
        self.write(&format!("keys-{segment}"), bytes);
    }

    /// A block, packed.
    pub fn block(&self, segment: Digest, number: u32, length: u64) -> Option<Vec<u8>> {
        self.read(&format!("block-{segment}-{number}"), length)
    }

    /// Remembers a block.
    pub fn keep_block(&self, segment: Digest, number: u32, bytes: &[u8]) {
        self.write(&format!("block-{segment}-{number}"), bytes);
    }

    /// The beginning of a packed object, to be read and written further; `None` where there is no place for one.
    pub fn part(&self, object: Digest) -> Option<std::fs::File> {
        let mut options = cap_std::fs::OpenOptions::new();
        options.read(true).write(true).create(true);
        Some(self.dir.as_ref()?.open_with(format!("part-{object}"), &options).ok()?.into_std())
    }

    /// Where the beginning of an object is.
    pub fn place_of_part(&self, object: Digest) -> HostPath {
        self.path.join(format!("part-{object}"))
    }

    /// Forgets the beginning of an object.
    pub fn forget_part(&self, object: Digest) {
        let _ = self.dir.as_ref().map(|dir| dir.remove_file(format!("part-{object}")));
    }

    fn recent<T: DeserializeOwned>(&self, name: &str, now: i64, seconds: i64) -> Option<T> {
        let kept: Kept<T> = serde_json::from_slice(&self.read(name, super::list::MAX_LIST * 2)?).ok()?;
        // One from the future was written before the clock was set back.
        (0..seconds).contains(&now.saturating_sub(kept.when)).then_some(kept.what)
    }

    fn keep<T: Serialize>(&self, name: &str, kept: &Kept<T>) {
        self.write(name, &serde_json::to_vec(kept).expect("plain structs"));
    }

    fn read(&self, name: &str, limit: u64) -> Option<Vec<u8>> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        self.dir.as_ref()?.open(name).ok()?.take(limit + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= limit).then_some(bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let Some(dir) = &self.dir else { return };
        let written = cap_tempfile::TempFile::new(dir).and_then(|mut temp| {
            std::io::Write::write_all(&mut temp, bytes)?;
            temp.replace(name)
        });
        // What cannot be remembered is asked for again.
        drop(written);
    }
}

fn modified(metadata: std::io::Result<Metadata>) -> Option<SystemTime> {
    metadata.and_then(|metadata| metadata.modified()).ok().map(cap_std::time::SystemTime::into_std)
}

/// Whether something is that old; `false` where that is not known.
fn is_older(modified: Option<SystemTime>, now: Option<SystemTime>, age: Duration) -> bool {
    let Some((modified, now)) = modified.zip(now) else { return false };
    now.duration_since(modified).is_ok_and(|since| since > age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::list::SegmentName;

    #[test]
    fn lists_and_faults_are_remembered_briefly() {
        let folder = tempfile::tempdir().expect("a folder");
        let copies = Copies::below(Some(&HostPath::new(folder.path())), "https://c.example.org");
        let segment = SegmentName { name: Digest::of(b"a"), keys: 1, records: 2 };
        let list = List { segments: vec![segment.clone()], ..List::default() };
        copies.keep_keys(segment.name, b"keys");
        copies.keep_block(segment.name, 3, b"block");
        copies.keep_list(&list, 1_000);
        assert_eq!(copies.list(1_000 + FRESH - 1), Some(list.clone()));
        assert_eq!([copies.list(1_000 + FRESH), copies.list(999)], [None, None]);
        assert_eq!(copies.keys(segment.name).as_deref(), Some(&b"keys"[..]));
        assert_eq!(copies.block(segment.name, 3, 5).as_deref(), Some(&b"block"[..]));
        assert_eq!(copies.block(segment.name, 3, 4), None, "longer than the table says");
        copies.keep_list(&List::default(), 1_000);
        assert_eq!(copies.keys(segment.name), None, "its segment is gone");
        copies.keep_broken("it burns", 1_000);
        assert_eq!(copies.broken(1_001).as_deref(), Some("it burns"));
        assert_eq!(copies.broken(1_000 + BROKEN), None);
        copies.forget_broken();
        assert_eq!(copies.broken(1_001), None);
        assert!(Copies::below(None, "x").list(0).is_none());
    }

    #[test]
    fn what_nobody_wants_any_more_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = |address: &str| Copies::below(Some(&HostPath::new(folder.path())), address);
        let [used, unused] = ["https://a.example.org", "https://b.example.org"].map(|address| {
            let copies = below(address);
            copies.keep_list(&List::default(), 1_000);
            folder.path().join("caches").join(Digest::of(address.as_bytes()).to_string())
        });
        let age = |path: &std::path::Path, days: u64| {
            let file = std::fs::File::open(path).expect("there");
            file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(days * 24 * 3600)).expect("set");
        };
        let now = std::fs::metadata(used.join("list")).expect("there").modified().expect("known");
        let today = now.duration_since(std::time::UNIX_EPOCH).expect("later").as_secs() / (24 * 3600);
        drop(below("https://a.example.org").part(Digest::of(b"a")));
        drop(below("https://a.example.org").part(Digest::of(b"b")));
        let part = |of: &[u8]| used.join(format!("part-{}", Digest::of(of)));
        age(&part(b"a"), today - 10);
        age(&unused.join("list"), today - 50);
        below("https://a.example.org").keep_list(&List::default(), 1_000);
        assert_eq!([part(b"a").exists(), part(b"b").exists(), unused.exists()], [false, true, true]);
        age(&unused.join("list"), today - 70);
        below("https://a.example.org").keep_list(&List::default(), 1_000);
        assert_eq!([used.exists(), unused.exists()], [true, false]);
    }
}
