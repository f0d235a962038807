//! The canonical bytes of a tree.
//!
//! ```text
//! "opb tree 1\n"  u64 count, then per entry in path order:
//!   u8 kind: 0 folder, 1 file, 2 executable file, 3 link
//!   u32 length, path
//!   file: 32 bytes BLAKE3, u64 size        link: u32 length, target
//! ```
//!
//! Numbers are little-endian. There is exactly one encoding of a tree: the decoder refuses whatever the encoder would
//! not have written, so `encode(decode(bytes)) == bytes`.

use super::{Entry, MAX_ENTRIES, Tree, TreeError};
use crate::digest::Digest;
use crate::path::{TreePath, TreePathError};

const HEAD: &[u8] = b"opb tree 1\n";

/// Why some bytes are no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeDecodeError {
    /// Not made by this program, or by a version with another format.
    #[error("it does not start as a tree does")]
    Head,
    /// The bytes end inside an entry.
    #[error("it ends in the middle")]
    Truncated,
    /// There are bytes after the last entry.
    #[error("there are bytes after its end")]
    Trailing,
    /// An unknown kind of entry.
    #[error("{0} is no kind of entry")]
    Kind(u8),
    /// Entries that are not in order.
    #[error("`{0}` is out of order")]
    Order(TreePath),
    /// A path that leaves the tree, or is none.
    #[error(transparent)]
    Path(#[from] TreePathError),
    /// An entry that contradicts the tree.
    #[error(transparent)]
    Entry(#[from] TreeError),
}

impl Tree {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        // A file's entry is the longest beside its path.
        let length = self.iter().map(|(path, _)| 1 + 4 + path.as_bytes().len() + 32 + 8).sum::<usize>();
        let mut bytes = Vec::with_capacity(HEAD.len() + 8 + length);
        bytes.extend_from_slice(HEAD);
        bytes.extend_from_slice(&(self.len() as u64).to_le_bytes());
        for (path, entry) in self.iter() {
            bytes.push(match entry {
                Entry::Folder => 0,
                Entry::File { executable: false, .. } => 1,
                Entry::File { executable: true, .. } => 2,
                Entry::Link { .. } => 3,
            });
            put_bytes(&mut bytes, path.as_bytes());
            match entry {
                Entry::Folder => {}
                Entry::File { digest, size, .. } => {
                    bytes.extend_from_slice(digest.as_bytes());
                    bytes.extend_from_slice(&size.to_le_bytes());
                }
                Entry::Link { target } => put_bytes(&mut bytes, target),
            }
        }
        bytes
    }

    /// Reads what [`Tree::encode`] writes.
    ///
    /// # Errors
    /// [`TreeDecodeError`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeDecodeError> {
        let mut rest = bytes.strip_prefix(HEAD).ok_or(TreeDecodeError::Head)?;
        let count = u64::from_le_bytes(take(&mut rest)?);
        if count > MAX_ENTRIES as u64 {
            return Err(TreeError::TooMany.into());
        }
        let mut entries: Vec<(TreePath, Entry)> = Vec::new();
        for _ in 0..count {
            let [kind] = take(&mut rest)?;
            let path = TreePath::new(take_bytes(&mut rest)?)?;
            if entries.last().is_some_and(|(last, _)| *last >= path) {
                return Err(TreeDecodeError::Order(path));
            }
            let entry = match kind {
                0 => Entry::Folder,
                1 | 2 => Entry::File {
                    digest: Digest::from_bytes(take(&mut rest)?),
                    size: u64::from_le_bytes(take(&mut rest)?),
                    executable: kind == 2,
                },
                3 => Entry::Link { target: take_bytes(&mut rest)?.to_vec() },
                other => return Err(TreeDecodeError::Kind(other)),
            };
            entries.push((path, entry));
        }
        let tree = Self::of_sorted(entries)?;
        if rest.is_empty() { Ok(tree) } else { Err(TreeDecodeError::Trailing) }
    }
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    // Paths and link targets are bounded far below 4 GiB where they are made.
    to.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    to.extend_from_slice(bytes);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], TreeDecodeError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(TreeDecodeError::Truncated)?;
    *rest = tail;
    Ok(*head)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], TreeDecodeError> {
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (head, tail) = rest.split_at_checked(length).ok_or(TreeDecodeError::Truncated)?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::default();
        let file = |text: &str, executable| Entry::File {
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
            executable,
        };
        tree.insert_with_folders("debian/rules".parse().expect("plain"), file("#!/usr/bin/make -f\n", true))
            .expect("fits");
        tree.insert("a.c".parse().expect("plain"), file("int a;\n", false)).expect("fits");
        tree.insert("link".parse().expect("plain"), Entry::Link { target: b"../elsewhere".to_vec() }).expect("fits");
        tree
    }

    #[test]
    fn golden_digest() {
        // Changing this number changes every identity there is: raise the format's version instead.
        assert_eq!(
            Tree::default().digest().to_string(),
            "b0bd7c9d137523c071f3ede299f38cf851f2029bcfc472fcbebebf5e709a70d3"
        );
        assert_eq!(sample().digest().to_string(), "491550b2c8e9d8c610e9d4d07692439f9d4fba30d0f02a0435b5c6bbf6f511a4");
        assert_eq!(Tree::decode(&sample().encode()), Ok(sample()));
    }

    #[test]
    fn what_is_laid_over_a_tree_takes_the_place_of_files_only() {
        let (path, file) = (
            |path: &str| path.parse::<TreePath>().expect("plain"),
            |text: &[u8]| Entry::File { digest: Digest::of(text), size: text.len() as u64, executable: false },
        );
        let mut tree = sample();
        let mut over = Tree::default();
        over.insert_with_folders(path("new/x"), file(b"1")).expect("new");
        tree.lay_below(&path("d"), &over).expect("laid");
        tree.lay_below(&path("d"), &over).expect("laid again");
        assert_eq!(tree.get(&path("d/new/x")), Some(&file(b"1")));
        tree.lay(path("d/new/x"), file(b"2")).expect("another file");
        assert_eq!(tree.get(&path("d/new/x")), Some(&file(b"2")));
        tree.lay(path("link"), file(b"3")).expect("a file in place of a link");
        assert_eq!(tree.get(&path("link")), Some(&file(b"3")));
        assert_eq!(tree.lay(path("d/new"), file(b"4")), Err(TreeError::Twice(path("d/new"))));
        assert_eq!(tree.lay(path("a.c"), Entry::Folder), Err(TreeError::Twice(path("a.c"))));
        let mut tree = sample();
        assert_eq!(tree.lay(path("link/x"), file(b"5")), Err(TreeError::NoFolder(path("link/x"))));
        let long = vec![vec![b'n'; 200]; 18].join(&b'/');
        assert_eq!(tree.lay_below(&TreePath::new(&long).expect("long"), &over), Ok(()));
        let longer = TreePath::new(&[&long[..], b"/", &[b'n'; 182]].concat()).expect("as long as may be");
        assert_eq!(tree.lay_below(&longer, &over), Err(TreeError::TooLong(longer.clone())));
    }

    #[test]
    fn contradictions_are_refused() {
        let mut tree = sample();
        let folder = |path: &str| (path.parse().expect("plain"), Entry::Folder);
        let (path, entry) = folder("a.c");
        assert!(matches!(tree.insert(path, entry), Err(TreeError::Twice(_))));
        let (path, entry) = folder("a.c/b");
        assert!(matches!(tree.insert(path, entry), Err(TreeError::NoFolder(_))));
        let (path, entry) = folder("link/b");
        assert!(matches!(tree.insert_with_folders(path, entry), Err(TreeError::NoFolder(_))));
        let target = b"a\0b".to_vec();
        assert!(matches!(
            tree.insert("x".parse().expect("plain"), Entry::Link { target }),
            Err(TreeError::LinkTarget(_))
        ));
    }

    #[test]
    fn every_cut_and_extension_is_refused() {
        let bytes = sample().encode();
        for end in 0..bytes.len() {
            assert!(Tree::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(Tree::decode(&[&bytes[..], b"x"].concat()), Err(TreeDecodeError::Trailing));
        let mut huge = bytes;
        huge[HEAD.len()..HEAD.len() + 8].copy_from_slice(&(1u64 << 63).to_le_bytes());
        assert_eq!(Tree::decode(&huge), Err(TreeError::TooMany.into()));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(change in 0usize..400, byte: u8) {
            let mut bytes = sample().encode();
            let at = change % bytes.len();
            bytes[at] = byte;
            if let Ok(tree) = Tree::decode(&bytes) {
                prop_assert_eq!(tree.encode(), bytes);
            }
        }
    }
}
