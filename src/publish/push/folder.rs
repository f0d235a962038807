//! A folder elsewhere on this machine, or one that is mounted: it gets the generation as a folder, then its `current` is switched.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions, Permissions};

use super::super::Generation;
use super::PushError;
use crate::diag::Failure;
use crate::path::{HostPath, TreePath};
use crate::store::{StoreError, switch_link};

const FOLDER: &str = "generations";

/// Copies the generation in `from`, but for `others`, to the folder `into` at `path` and lets `current` point to it. The one that
/// was current there stays, for who is reading it; older ones go.
pub(super) fn push(
    from: &Dir,
    others: &BTreeSet<TreePath>,
    into: &Dir,
    path: &HostPath,
    generation: &Generation,
) -> Result<(), Failure> {
    let failed = |doing, name: &str| {
        let path = path.join(name);
        move |source| PushError::File { doing, path, source }
    };
    let name = generation.name();
    let (place, partial) = (format!("{FOLDER}/{name}"), format!("{FOLDER}/{name}.partial"));
    into.create_dir_all(FOLDER).map_err(failed("make", FOLDER))?;
    open_up(into, FOLDER).map_err(failed("make readable", FOLDER))?;
    let before = into.read_link("current").ok();
    remove(into, &partial).map_err(failed("remove", &partial))?;
    if before.as_deref() != Some(Path::new(&place)) {
        remove(into, &place).map_err(failed("remove", &place))?;
        into.create_dir(&partial).map_err(failed("make", &partial))?;
        open_up(into, &partial).map_err(failed("make readable", &partial))?;
        let made = into.open_dir(&partial).map_err(failed("open", &partial))?;
        let earlier = before.as_ref().and_then(|before| into.open_dir(before).ok());
        copy_all(from, others, &made, earlier.as_ref()).map_err(|(file, source)| PushError::File {
            doing: "write",
            path: path.join(&partial).join(file),
            source,
        })?;
        into.rename(&partial, into, &place).map_err(failed("rename", &partial))?;
        sync_file_system(into).map_err(failed("write", &place))?;
        switch_link(into, path, "current", &place).map_err(|error: StoreError| Failure::from(error))?;
    }
    let stays = [Some(PathBuf::from(&place)), before];
    for entry in into.read_dir(FOLDER).map_err(failed("read", FOLDER))? {
        let entry = entry.map_err(failed("read", FOLDER))?;
        let old = Path::new(FOLDER).join(entry.file_name());
        if !stays.iter().flatten().any(|stays| *stays == old) {
            let old = old.display().to_string();
            remove(into, &old).map_err(failed("remove", &old))?;
        }
    }
    Ok(())
}

/// Copies all below `from` but for `others`. What `earlier` has at the same place with the same bytes gets a further name instead.
fn copy_all(
    from: &Dir,
    others: &BTreeSet<TreePath>,
    into: &Dir,
    earlier: Option<&Dir>,
) -> Result<(), (PathBuf, io::Error)> {
    let is_other = |place: &Path| {
        let place = place.strip_prefix(".").unwrap_or(place).as_os_str();
        TreePath::new(place.as_bytes()).is_ok_and(|place| others.contains(&place))
    };
    let mut folders = vec![PathBuf::from(".")];
    while let Some(folder) = folders.pop() {
        let failed = |source| (folder.clone(), source);
        for entry in from.read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let place = folder.join(entry.file_name());
            let failed = |source| (place.clone(), source);
            if entry.file_type().map_err(failed)?.is_dir() {
                into.create_dir(&place).map_err(failed)?;
                open_up(into, &place).map_err(failed)?;
                folders.push(place);
            } else if !is_other(&place) && !is_linked(from, into, earlier, &place).map_err(failed)? {
                copy(from, into, &place).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Whether the file could get a further name of what is there already. Only of files whose names tell their content: what is
/// in a pool never changes under its name.
fn is_linked(from: &Dir, into: &Dir, earlier: Option<&Dir>, place: &Path) -> io::Result<bool> {
    let text = place.to_string_lossy();
    let is_fixed = text.starts_with("./pool/") || text.contains("/Packages/") || text.contains("/by-hash/");
    let Some(earlier) = earlier.filter(|_| is_fixed) else { return Ok(false) };
    let size = from.symlink_metadata(place)?.len();
    let same = earlier.symlink_metadata(place).is_ok_and(|there| there.is_file() && there.len() == size);
    Ok(same && earlier.hard_link(place, into, place).is_ok())
}

fn copy(from: &Dir, into: &Dir, place: &Path) -> io::Result<()> {
    let mut source = from.open(place)?;
    let mut file = into.open_with(place, OpenOptions::new().write(true).create_new(true))?;
    let mut chunk = vec![0; 128 << 10];
    loop {
        let count = source.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        file.write_all(&chunk[..count])?;
    }
    file.set_permissions(Permissions::from_std(std::fs::Permissions::from_mode(0o644)))
}

fn open_up(dir: &Dir, folder: impl AsRef<Path>) -> io::Result<()> {
    dir.set_permissions(folder, Permissions::from_std(std::fs::Permissions::from_mode(0o755)))
}

fn remove(dir: &Dir, name: &str) -> io::Result<()> {
    match dir.symlink_metadata(name) {
        Ok(about) if about.is_dir() => dir.remove_dir_all(name),
        Ok(_) => dir.remove_file(name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_file_system(dir: &Dir) -> io::Result<()> {
    nix::unistd::syncfs(dir.open(".")?).map_err(io::Error::from)
}
