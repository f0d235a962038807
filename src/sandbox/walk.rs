//! Goes through a folder that a guest has written, whatever it made of it: no link is followed, no depth is too deep.
//!
//! Holds one descriptor at a time and goes up by `..`, so that 100,000 folders in each other exhaust neither descriptors nor
//! stack. Only for folders in which nobody moves anything meanwhile: all of the guest is dead.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fstatat};

/// Something met on the way, by its name in an open folder.
pub(super) struct Met<'a> {
    pub folder: &'a OwnedFd,
    pub name: &'a CStr,
    pub what: What,
}

/// What a [`Met`] is.
pub(super) enum What {
    /// Anything but a folder.
    File(FileStat),
    /// A folder, before its content.
    Folder,
    /// A folder, after its content.
    Left,
}

pub(super) const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Meets everything below `top` once, folders twice. Ends with the first error of `meet`.
pub(super) fn walk(top: OwnedFd, meet: &mut dyn FnMut(&Met<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut here = top;
    let mut names: Vec<CString> = Vec::new();
    let mut waiting = vec![scan(&here, meet)?];
    while let Some(folders) = waiting.last_mut() {
        if let Some(name) = folders.pop() {
            here = openat(&here, name.as_c_str(), FOLDER, Mode::empty())?;
            names.push(name);
            waiting.push(scan(&here, meet)?);
        } else {
            waiting.pop();
            if let Some(name) = names.pop() {
                here = openat(&here, c"..", FOLDER, Mode::empty())?;
                meet(&Met { folder: &here, name: &name, what: What::Left })?;
            }
        }
    }
    Ok(())
}

/// Meets what is in one folder; returns the folders among it.
fn scan(folder: &OwnedFd, meet: &mut dyn FnMut(&Met<'_>) -> io::Result<()>) -> io::Result<Vec<CString>> {
    // Opened anew: a duplicate would share its position with `folder`.
    let mut listing = Dir::openat(folder, c".", FOLDER, Mode::empty())?;
    // Listed whole first, as meeting may remove.
    let mut names = Vec::new();
    for entry in listing.iter() {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    let mut folders = Vec::new();
    for name in names {
        let stat = fstatat(folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let is_folder = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        meet(&Met { folder, name: &name, what: if is_folder { What::Folder } else { What::File(stat) } })?;
        if is_folder {
            folders.push(name);
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_met_but_not_followed() {
        let top = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(top.path().join("a/b")).expect("made");
        fs::write(top.path().join("a/b/file"), "").expect("written");
        symlink("/", top.path().join("a/link")).expect("linked");
        let mut met = Vec::new();
        let opened = fs::File::open(top.path()).expect("opens");
        walk(opened.into(), &mut |one| {
            let sign = match one.what {
                What::File(_) => "",
                What::Folder => ">",
                What::Left => "<",
            };
            met.push(format!("{sign}{}", one.name.to_string_lossy()));
            Ok(())
        })
        .expect("walks");
        met.sort();
        assert_eq!(met, ["<a", "<b", ">a", ">b", "file", "link"]);
    }
}
