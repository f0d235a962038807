//! `opb-cache.json`: the one file of a cache that changes. It names the segments, the oldest first.

use serde::{Deserialize, Serialize};

use super::error::CacheError;
use crate::digest::Digest;

/// The version of the layout that this program writes.
pub const FORMAT: u32 = 1;

/// Its name.
pub const LIST: &str = "opb-cache.json";

/// The most bytes of it.
pub const MAX_LIST: u64 = 8 << 20;

/// The most bytes of all keys files together: some millions of keys.
pub const MAX_KEYS: u64 = 512 << 20;

/// The most segments: merging leaves a few dozen at most.
const MAX_SEGMENTS: usize = 1 << 12;

/// What a cache has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// 1.
    pub format: u32,
    /// The segments. Of two records of one key, that of the earlier segment counts.
    pub segments: Vec<SegmentName>,
}

/// A segment, as the list names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentName {
    /// The BLAKE3 of its keys file.
    pub name: Digest,
    /// Bytes of the keys file.
    pub keys: u64,
    /// Bytes of the records file.
    pub records: u64,
}

impl Default for List {
    fn default() -> Self {
        Self { format: FORMAT, segments: Vec::new() }
    }
}

impl List {
    /// Reads the file; `cache` is for messages.
    ///
    /// # Errors
    /// [`CacheError::NotACache`], [`CacheError::Newer`].
    pub fn parse(bytes: &[u8], cache: &str) -> Result<Self, CacheError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let not = |what| CacheError::NotACache { cache: cache.to_owned(), what };
        let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if start == Some(&b'<') {
            return Err(not("a page for people"));
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|_| not("not understood"))?;
        if head.format > FORMAT {
            return Err(CacheError::Newer { cache: cache.to_owned(), found: head.format });
        }
        let list: Self = serde_json::from_slice(bytes).map_err(|_| not("not understood"))?;
        let keys = list.segments.iter().try_fold(0u64, |sum, segment| sum.checked_add(segment.keys));
        if list.segments.len() > MAX_SEGMENTS || keys.is_none_or(|keys| keys > MAX_KEYS) {
            return Err(not("beyond all measure"));
        }
        Ok(list)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("plain structs");
        bytes.push(b'\n');
        bytes
    }
}

/// Where a segment's keys are.
pub fn keys_path(name: Digest) -> String {
    format!("segments/{name}.keys")
}

/// Where a segment's records are.
pub fn records_path(name: Digest) -> String {
    format!("segments/{name}.records")
}

/// A file of a cache that never changes, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOfCache {
    /// Of an object, tree or log: packed, and unpacked it has this digest.
    Packed(Digest),
    /// The keys of a segment; it has this digest.
    Keys(Digest),
    /// The records of the segment of that name.
    Records(Digest),
}

/// The file of a cache that may stand at `path`; `None` where there is none, and for the list.
pub fn file_of_cache(path: &str) -> Option<FileOfCache> {
    let (kind, rest) = path.split_once('/')?;
    if kind == "segments" {
        let (name, ending) = rest.split_once('.')?;
        let name: Digest = name.parse().ok()?;
        return match ending {
            "keys" => Some(FileOfCache::Keys(name)),
            "records" => Some(FileOfCache::Records(name)),
            _ => None,
        };
    }
    let (shard, rest) = rest.strip_suffix(".zst")?.split_once('/')?;
    let digest: Digest = format!("{shard}{rest}").parse().ok()?;
    let is_kind = ["objects", "trees", "logs"].contains(&kind);
    (is_kind && shard.len() == 2).then_some(FileOfCache::Packed(digest))
}

/// Where the object, tree or log of that digest is, packed: `objects/ab/cdef….zst`.
pub fn packed_path(kind: &str, digest: Digest) -> String {
    let hex = digest.to_string();
    let (shard, rest) = hex.split_at(2);
    format!("{kind}/{shard}/{rest}.zst")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_cache_are_such() {
        let digest = Digest::of(b"a");
        for kind in ["objects", "trees", "logs"] {
            assert_eq!(file_of_cache(&packed_path(kind, digest)), Some(FileOfCache::Packed(digest)));
        }
        assert_eq!(file_of_cache(&keys_path(digest)), Some(FileOfCache::Keys(digest)));
        assert_eq!(file_of_cache(&records_path(digest)), Some(FileOfCache::Records(digest)));
        let others =
            ["", LIST, "segments/../a.keys", "objects/a.zst", "other/aa/bb.zst", &format!("objects/{digest}.zst")];
        assert_eq!(others.map(file_of_cache), [None; 6]);
        assert_eq!(file_of_cache(&packed_path("objects", digest).replace(".zst", "/x.zst")), None);
    }

    #[test]
    fn lists_read_back_and_others_are_told_apart() {
        let segment = SegmentName { name: Digest::of(b"a"), keys: 1, records: 2 };
        let list = List { segments: vec![segment], ..List::default() };
        assert_eq!(List::parse(&list.encode(), "c").expect("a list"), list);
        let error = |text: &str| List::parse(text.as_bytes(), "c").expect_err("no list").to_string();
        assert_eq!(error("\n<!doctype html>"), "`c` is no cache: its `opb-cache.json` is a page for people");
        assert_eq!(error("{}"), "`c` is no cache: its `opb-cache.json` is not understood");
        assert_eq!(error("{\"format\":2}"), "the cache `c` has format 2, newer than 1, the newest that this opb knows");
        let segment = |keys| SegmentName { keys, ..list.segments[0].clone() };
        let halves = vec![segment(MAX_KEYS / 2), segment(MAX_KEYS / 2 + 1)];
        for segments in [vec![segment(u64::MAX)], vec![segment(u64::MAX); 2], halves, vec![segment(1); 5000]] {
            let huge = List { segments, ..List::default() }.encode();
            assert_eq!(
                error(&String::from_utf8(huge).expect("text")),
                "`c` is no cache: its `opb-cache.json` is beyond all measure"
            );
        }
    }
}
