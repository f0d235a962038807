//! Paths, one type for each side of a wall.
//!
//! A [`TreePath`] is a place inside a tree: relative, normalized, never leaving it. A [`HostPath`] is a place on this
//! machine, a [`GuestPath`] one inside a sandbox; neither can be passed where the other is meant. Nothing here looks at
//! a file system.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The longest path that a tree may hold, in bytes. Linux's `PATH_MAX` less room for a prefix.
pub const MAX_TREE_PATH: usize = 3_800;

/// The longest single name in a tree, in bytes (Linux's `NAME_MAX`).
pub const MAX_NAME: usize = 255;

/// A place inside a tree: names joined by `/`, none of them empty, `.` or `..`, no NUL.
///
/// Bytes as the file system has them, so not necessarily UTF-8. Ordered by names: `a/b` comes before `a.c`, so that a
/// folder stands directly before what it contains.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TreePath(Vec<u8>);

/// Why some bytes are no [`TreePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreePathError {
    /// The path is empty, absolute, or has an empty, `.` or `..` name.
    #[error("`{0}` is not a plain relative path")]
    NotPlain(String),
    /// A NUL byte.
    #[error("`{0}` has a NUL byte")]
    Nul(String),
    /// Longer than [`MAX_TREE_PATH`], or a name longer than [`MAX_NAME`].
    #[error("a path of {length} bytes starting with `{start}` is too long")]
    TooLong {
        /// Length of the whole path in bytes.
        length: usize,
        /// Its first characters.
        start: String,
    },
}

impl TreePath {
    /// Checks `bytes`.
    ///
    /// # Errors
    /// [`TreePathError`] where the bytes name anything but a place inside the tree.
    pub fn new(bytes: &[u8]) -> Result<Self, TreePathError> {
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        if bytes.contains(&0) {
            return Err(TreePathError::Nul(shown()));
        }
        let names = || bytes.split(|byte| *byte == b'/');
        if names().any(|name| name.is_empty() || name == b"." || name == b"..") {
            return Err(TreePathError::NotPlain(shown()));
        }
        if bytes.len() > MAX_TREE_PATH || names().any(|name| name.len() > MAX_NAME) {
            return Err(TreePathError::TooLong { length: bytes.len(), start: shown() });
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last name.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or(&self.0)
    }

    /// The folder that holds it; `None` at the tree's root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(Self(self.0[..slash].to_vec()))
    }

    /// Whether it is in `folder`, at whatever depth.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&folder.0[..]).is_some_and(|rest| rest.starts_with(b"/"))
    }

    /// The path as the host's file functions want it. Relative, so it only means something below an opened folder.
    pub fn as_path(&self) -> &Path {
        use std::os::unix::ffi::OsStrExt as _;
        Path::new(std::ffi::OsStr::from_bytes(&self.0))
    }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Name by name: a `/` ends one, so it comes before every other byte. (There is no NUL in a path.)
        let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
        let (one, other) = (&self.0[..], &other.0[..]);
        let (mut at, length) = (0, one.len().min(other.len()));
        // Neighbours in a tree begin alike: that is passed over eight bytes at a time.
        while at + 8 <= length && one[at..at + 8] == other[at..at + 8] {
            at += 8;
        }
        while at < length && one[at] == other[at] {
            at += 1;
        }
        if at < length { rank(one[at]).cmp(&rank(other[at])) } else { one.len().cmp(&other.len()) }
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::str::FromStr for TreePath {
    type Err = TreePathError;

    fn from_str(text: &str) -> Result<Self, TreePathError> {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreePath({self})")
    }
}

/// An absolute place on this machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostPath(PathBuf);

/// An absolute place inside a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GuestPath(PathBuf);

macro_rules! absolute_path {
    ($name:ident) => {
        impl $name {
            /// Wraps an absolute path.
            ///
            /// # Panics
            /// Where `path` is relative: callers build it from one that is not.
            pub fn new(path: impl Into<PathBuf>) -> Self {
                let path = path.into();
                assert!(path.is_absolute(), "`{}` is not absolute", path.display());
                Self(path)
            }

            /// The path for file functions.
            pub fn as_path(&self) -> &Path {
                &self.0
            }

            /// A place below this one.
            pub fn join(&self, name: impl AsRef<Path>) -> Self {
                Self(self.0.join(name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.display().fmt(f)
            }
        }
    };
}
absolute_path!(HostPath);
absolute_path!(GuestPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths() {
        for good in ["a", "a/b", "...", "-x", "a b", "é"] {
            assert_eq!(good.parse::<TreePath>().map(|path| path.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\0b"] {
            assert!(bad.parse::<TreePath>().is_err(), "{bad:?}");
        }
        assert!(TreePath::new(&[b'a'; 256]).is_err());
        assert!(TreePath::new("a/".repeat(2_000).trim_end_matches('/').as_bytes()).is_err());
    }

    #[test]
    fn a_folder_stands_directly_before_its_content() {
        let mut paths: Vec<TreePath> =
            ["a.c", "a/b", "a", "a-b"].iter().map(|path| path.parse().expect("plain")).collect();
        paths.sort();
        let shown: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a", "a/b", "a-b", "a.c"]);
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_that_of_the_names(alike in "[ab/]{0,20}", one in "[!a./-]{1,9}", other in "[!a./-]{1,9}") {
            let (one, other) = (format!("{alike}{one}"), format!("{alike}{other}"));
            if let (Ok(one), Ok(other)) = (one.parse::<TreePath>(), other.parse::<TreePath>()) {
                let names = |path: &TreePath| path.to_string().split('/').map(str::to_owned).collect::<Vec<_>>();
                proptest::prop_assert_eq!(one.cmp(&other), names(&one).cmp(&names(&other)));
            }
        }
    }
}
