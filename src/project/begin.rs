//! Beginning a project: the folder that it is to be in, and files that are made where nothing is in their place.

use std::io::{self, Write as _};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};

use super::{MARKS, ProjectError};
use crate::fetch;
use crate::path::HostPath;

/// The folder at `place`, made where it is not there, with the files that are made in it.
pub struct Beginning {
    /// Where it is.
    pub path: HostPath,
    /// The same, opened.
    pub root: Dir,
    /// Files that were made, in order, by their path below it.
    pub made: Vec<String>,
    /// Files that would have been made and were there.
    pub kept: Vec<String>,
}

/// Opens the folder at `place`; makes it and those above it where they are not there.
///
/// # Errors
/// [`ProjectError::File`] where it is no folder, or cannot be made.
pub fn begin(place: &Path) -> Result<Beginning, ProjectError> {
    let failed = |deed, path: &Path| {
        let path = path.to_owned();
        move |source| ProjectError::File { deed, path, source }
    };
    let path = std::path::absolute(place).map_err(failed("open", place))?;
    std::fs::create_dir_all(&path).map_err(failed("make", &path))?;
    let path = path.canonicalize().map_err(failed("open", &path))?;
    let root = Dir::open_ambient_dir(&path, ambient_authority()).map_err(failed("open", &path))?;
    Ok(Beginning { path: HostPath::new(path), root, made: Vec::new(), kept: Vec::new() })
}

impl Beginning {
    /// Makes the file at `path`, with the folders above it, unless something is there.
    ///
    /// # Errors
    /// [`ProjectError::File`].
    pub fn file(&mut self, path: &str, text: &str) -> Result<(), ProjectError> {
        let made = make_file(&self.root, path, text);
        let failed =
            |source| ProjectError::File { deed: "make", path: self.path.join(path).as_path().to_owned(), source };
        let list = if made.map_err(failed)? { &mut self.made } else { &mut self.kept };
        list.push(path.to_owned());
        Ok(())
    }

    /// The project that this folder lies in, itself not counted.
    pub fn around(&self) -> Option<HostPath> {
        let above = self.path.as_path().ancestors().skip(1);
        let found = above.into_iter().find(|folder| MARKS.iter().any(|mark| folder.join(mark).exists()));
        found.map(HostPath::new)
    }
}

/// Makes a file; tells whether it did, or whether something was there.
///
/// # Errors
/// What the file system says.
pub fn make_file(root: &Dir, path: &str, text: &str) -> io::Result<bool> {
    let Some(file) = create(root, path, text)? else { return Ok(false) };
    let synced = file.sync_all();
    if synced.is_err() {
        let _ = root.remove_file(path);
    }
    synced.map(|()| true)
}

/// Makes many files, each at its path; for each whether it did, or whether something was there. All are durable before any has its
/// name, so that a power cut leaves none of them empty.
///
/// # Errors
/// The path at which it failed, and what the file system says. Some of them may be there then.
pub fn make_files(root: &Dir, files: &[(String, String)]) -> Result<Vec<bool>, (String, io::Error)> {
    let at = |path: &str| {
        let path = path.to_owned();
        move |error: io::Error| (path, error)
    };
    let lacking: Vec<bool> = files.iter().map(|(path, _)| root.symlink_metadata(path).is_err()).collect();
    let new = || files.iter().zip(&lacking).filter(|(_, is_lacking)| **is_lacking).map(|(file, _)| file);
    for (path, text) in new() {
        let unnamed = unnamed(path);
        // An earlier time may have ended here.
        let make = || match root.remove_file(&unnamed) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => create(root, &unnamed, text).map(|_| ()),
        };
        make().map_err(at(path))?;
    }
    let sync = || root.open(".").and_then(|root| nix::unistd::syncfs(root).map_err(io::Error::from));
    if new().next().is_none() {
        return Ok(lacking);
    }
    sync().map_err(at("."))?;
    let mut made = Vec::with_capacity(files.len());
    for ((path, _), is_lacking) in files.iter().zip(&lacking) {
        let name = || match root.hard_link(unnamed(path), root, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                root.remove_file(unnamed(path)).map(|()| false)
            }
            Err(error) => Err(error),
            Ok(()) => root.remove_file(unnamed(path)).map(|()| true),
        };
        made.push(*is_lacking && name().map_err(at(path))?);
    }
    sync().map_err(at("."))?;
    Ok(made)
}

/// What a file is called before it is durable: nothing reads files with such names.
fn unnamed(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/.{name}.new"),
        None => format!(".{path}.new"),
    }
}

/// Writes a new file; `None` where something is there.
fn create(root: &Dir, path: &str, text: &str) -> io::Result<Option<File>> {
    if let Some((folder, _)) = path.rsplit_once('/') {
        root.create_dir_all(folder)?;
    }
    let mut file = match root.open_with(path, OpenOptions::new().write(true).create_new(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error),
    };
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        // Half a file would be taken for somebody's own the next time.
        let _ = root.remove_file(path);
    }
    written.map(|()| Some(file))
}

/// `ID` and `VERSION_ID` of this machine's os-release(5); each `None` where it says none.
pub fn host_release() -> (Option<String>, Option<String>) {
    let [vendor, release] = fetch::release_facts(&super::local::os_release(), ["ID", "VERSION_ID"]);
    (vendor, release)
}
