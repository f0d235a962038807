//! Beginning a project: the folder that it is to be in, and files that are made where nothing is in their place.

use std::io::{self, Write as _};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

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
    if let Some((folder, _)) = path.rsplit_once('/') {
        root.create_dir_all(folder)?;
    }
    let mut file = match root.open_with(path, OpenOptions::new().write(true).create_new(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would be taken for somebody's own the next time.
        let _ = root.remove_file(path);
    }
    written.map(|()| true)
}

/// `ID` and `VERSION_ID` of this machine's os-release(5); each `None` where it says none.
pub fn host_release() -> (Option<String>, Option<String>) {
    let [vendor, release] = fetch::release_facts(&super::local::os_release(), ["ID", "VERSION_ID"]);
    (vendor, release)
}
