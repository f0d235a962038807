//! The pool: where a package's files lie, and the checks of what may become part of a path.

use super::{Blob, Makers, RepoError, Settings};
use crate::digest::Digest;
use crate::path::TreePath;
use crate::tree::{Entry, Tree, TreeError};

/// `pool/<area>/<prefix>/<source>`, the prefix as in Debian's archive: `libb` for `libbsd`, `h` for `hello`.
pub(super) fn folder(area: &str, source: &str) -> String {
    let prefix = if source.starts_with("lib") && source.len() > 3 { &source[..4] } else { &source[..1] };
    format!("pool/{area}/{prefix}/{source}")
}

/// Whether `name` is a plain ASCII name of one path part that an index, a URL and a shell all take as it is.
pub(super) fn is_plain(name: &str) -> bool {
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".+~^_-%:@".contains(&byte);
    starts_well && name.len() <= crate::path::MAX_NAME && name.bytes().all(fits)
}

/// A repository's files while packages are put there, each with who made it.
#[derive(Default)]
pub(super) struct Pool<'a>(Vec<(TreePath, Entry, &'a str)>);

impl<'a> Pool<'a> {
    /// Puts `blob`, which `made_by` has made, into `folder`; the same file may be put there again.
    pub(super) fn put(&mut self, folder: &str, blob: &Blob, made_by: &'a str) -> Result<(), RepoError> {
        if !is_plain(&blob.name) {
            return Err(RepoError::FileName { name: blob.name.escape_debug().to_string() });
        }
        let path = format!("{folder}/{}", blob.name);
        let place = TreePath::new(path.as_bytes()).map_err(|_| RepoError::FileName { name: path })?;
        self.0.push((place, Entry::File { digest: blob.blake3, size: blob.size, executable: false }, made_by));
        Ok(())
    }

    /// All of them, with their folders.
    pub(super) fn tree(self) -> Result<Tree, RepoError> {
        let Self(mut files) = self;
        files.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        for pair in files.windows(2) {
            let ((path, one, made), (other, than, by)) = (&pair[0], &pair[1]);
            if path == other && one != than {
                let makers = Makers { one: (*made).to_owned(), other: (*by).to_owned() };
                return Err(RepoError::Clash { path: path.to_string(), makers });
            }
        }
        files.dedup_by(|(one, ..), (other, ..)| one == other);
        Tree::of_files(files.into_iter().map(|(path, file, _)| (path, file)).collect()).map_err(RepoError::Tree)
    }
}

/// Puts a file of our own making at `path`, which is plain because its parts are.
pub(super) fn put_file(tree: &mut Tree, path: String, digest: Digest, size: u64) -> Result<(), RepoError> {
    let place = TreePath::new(path.as_bytes()).map_err(|_| RepoError::FileName { name: path.clone() })?;
    let entry = Entry::File { digest, size, executable: false };
    match tree.get(&place) {
        Some(there) if *there == entry => Ok(()),
        _ => tree.insert_with_folders(place, entry).map_err(|error: TreeError| RepoError::Tree(error)),
    }
}

/// Checks everything of the settings that becomes a path or a line.
pub(super) fn check(settings: &Settings) -> Result<(), RepoError> {
    let wrong = |setting, value: &str, problem| {
        Err(RepoError::Setting { setting, value: value.escape_debug().to_string(), problem })
    };
    for (setting, value) in
        [("origin", &settings.origin), ("label", &settings.label), ("description", &settings.description)]
    {
        if value.trim().is_empty() || value.chars().any(char::is_control) {
            return wrong(setting, value, "is not one line of text");
        }
    }
    let names = [("suite", &settings.suite), ("code name", &settings.codename)];
    for (setting, value) in names.into_iter().chain(settings.areas.iter().map(|area| ("area", area))) {
        if !is_plain(value) {
            return wrong(setting, value, "is not a plain name");
        }
    }
    for (at, area) in settings.areas.iter().enumerate() {
        if settings.areas[..at].contains(area) {
            return wrong("area", area, "is named twice");
        }
    }
    if settings.areas.is_empty() {
        return wrong("list of areas", "", "is empty");
    }
    if settings.arches.is_empty() {
        return wrong("list of arches", "", "is empty");
    }
    if settings.arches.iter().any(crate::name::Arch::is_all) {
        return wrong("arch", "all", "is part of every arch and has no index of its own");
    }
    Ok(())
}
