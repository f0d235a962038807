//! What evaluation must know of the files of a source that is pinned: the texts of its packaging.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::diag::Failure;
use crate::eval::weave::Asked;
use crate::exec::NodeError;
use crate::family::deb::slim;
use crate::path::TreePath;
use crate::project::is_spec;
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// The most bytes of a text of packaging.
const MAX_TEXT: u64 = 16 << 20;

/// The most bytes of what of it stands in the lock.
const MAX_PINNED: usize = 1 << 20;

/// The most specs that are read of one source.
const MAX_SPECS: usize = 20;

/// The most symbolic links on the way to a text.
const MAX_LINKS: usize = 40;

/// What is always looked for.
const USUAL: [&str; 3] = ["debian/control", "debian/changelog", "debian/source/format"];

/// Texts by path, and paths where there is nothing.
type Texts = (BTreeMap<String, String>, BTreeSet<String>);

/// Whether all that is asked has been looked for.
pub(super) fn are_known(asked: &Asked, texts: &BTreeMap<String, String>, without: &BTreeSet<String>) -> bool {
    let is_known = |path: &String| USUAL.contains(&path.as_str()) || texts.contains_key(path) || without.contains(path);
    asked.texts.iter().all(is_known)
}

/// The texts of the source `tree`, which is called `source`, and what was looked for in vain besides the usual.
pub(super) fn texts(store: &Store, source: &dyn Display, tree: &Tree, asked: &Asked) -> Result<Texts, Failure> {
    let (mut texts, mut without) = (BTreeMap::new(), BTreeSet::new());
    let specs = tree.iter().map(|(path, _)| path.to_string()).filter(|path| is_spec(path)).take(MAX_SPECS);
    let usual = USUAL.iter().map(|path| (*path).to_owned());
    let all: BTreeSet<String> = usual.chain(asked.texts.iter().cloned()).chain(specs).collect();
    for path in all {
        match text(store, source, tree, &path)? {
            Some(text) => drop(texts.insert(path, text)),
            None if USUAL.contains(&path.as_str()) => {}
            None => drop(without.insert(path)),
        }
    }
    Ok((texts, without))
}

/// What evaluation must know of the text at `path`; `None` where there is none.
fn text(store: &Store, source: &dyn Display, tree: &Tree, path: &str) -> Result<Option<String>, Failure> {
    let Some((digest, size)) = file_at(tree, path) else { return Ok(None) };
    let unreadable = |why: String| NodeError::Unreadable { what: format!("`{path}` of `{source}`"), why };
    if size > MAX_TEXT {
        return Err(unreadable(format!("it has more than {MAX_TEXT} bytes")).into());
    }
    let bytes = store.read_object(digest, MAX_TEXT)?;
    // Entries of old times are in other encodings, and only the newest counts.
    let text = if path.ends_with("/changelog") {
        slim::changelog(&String::from_utf8_lossy(&bytes))
    } else {
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
        if path.ends_with("/control") { slim::control(&text) } else { text }
    };
    if text.len() > MAX_PINNED {
        return Err(unreadable(format!("more than {MAX_PINNED} bytes of it matter")).into());
    }
    Ok(Some(text))
}

/// The file that `path` leads to: digest and size. Links lead where they lead in the source.
fn file_at(tree: &Tree, path: &str) -> Option<(crate::digest::Digest, u64)> {
    let mut at: Vec<&[u8]> = Vec::new();
    let mut rest: Vec<&[u8]> = path.as_bytes().rsplit(|byte| *byte == b'/').collect();
    let mut links = 0;
    while let Some(name) = rest.pop() {
        match name {
            b"" | b"." => continue,
            b".." => drop(at.pop()?),
            name => at.push(name),
        }
        if at.is_empty() {
            continue;
        }
        match tree.get(&TreePath::new(&at.join(&b'/')).ok()?)? {
            Entry::Folder => {}
            Entry::File { digest, size, .. } if rest.is_empty() => return Some((*digest, *size)),
            Entry::File { .. } => return None,
            Entry::Link { target } => {
                links += 1;
                if links > MAX_LINKS || target.starts_with(b"/") {
                    return None;
                }
                at.pop();
                rest.extend(target.rsplit(|byte| *byte == b'/'));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn texts_are_found_through_links() {
        let mut tree = Tree::default();
        let file = |text: &[u8]| Entry::File { digest: Digest::of(text), size: 1, executable: false };
        let link = |target: &[u8]| Entry::Link { target: target.to_vec() };
        let entries = [
            ("pkg/control", file(b"control")),
            ("debian", link(b"pkg")),
            ("pkg/changelog", link(b"../CHANGES")),
            ("CHANGES", file(b"changes")),
            ("round", link(b"round")),
            ("out", link(b"../x")),
            ("absolute", link(b"/CHANGES")),
        ];
        for (path, entry) in entries {
            tree.insert_with_folders(path.parse().expect("a path"), entry).expect("fits");
        }
        let found = |path: &str| file_at(&tree, path).map(|(digest, _)| digest);
        assert_eq!(found("debian/control"), Some(Digest::of(b"control")));
        assert_eq!(found("debian/changelog"), Some(Digest::of(b"changes")));
        for none in ["debian", "pkg", "none", "round", "out", "absolute", "CHANGES/x"] {
            assert_eq!(found(none), None, "{none}");
        }
    }
}
