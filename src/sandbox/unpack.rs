//! Extracts the files of a Debian package (`deb(5)`), as debootstrap does before there is a dpkg.
//!
//! Runs behind the guest's pivot_root, so that no link in a root or a package leads to the host; and still refuses names
//! that go upwards. Keeps modes with setuid bits, owners by number, hard and symbolic links and times.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, fchown, lchown, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::{Archive, Entry, EntryType};

use crate::package::compression::Compression;

/// Extracts what `deb` holds over `root`.
pub(super) fn unpack(deb: impl Read, root: &Path) -> io::Result<()> {
    let mut members = ar::Archive::new(deb);
    while let Some(member) = members.next_entry() {
        let member = member?;
        let name = String::from_utf8_lossy(member.header().identifier()).into_owned();
        // Some tools end names with a slash, as `ar` itself does.
        let name = name.trim_end_matches('/');
        if name == "data.tar" || name.starts_with("data.tar.") {
            return unpack_tar(Compression::of_name(name).reader(member)?, root);
        }
    }
    Err(invalid("it has no data.tar".to_owned()))
}

fn unpack_tar(tar: impl Read, root: &Path) -> io::Result<()> {
    let mut archive = Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let place = inside(root, &name)?;
        extract(&mut entry, root, &place)
            .map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", name.display())))?;
    }
    Ok(())
}

fn invalid(said: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, said)
}

/// Where a name of the archive lies; `./a` and `/a` are `a`.
fn inside(root: &Path, name: &Path) -> io::Result<PathBuf> {
    let mut place = root.to_owned();
    for part in name.components() {
        match part {
            Component::Normal(part) => place.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(invalid(format!("`{}` leads out of the root", name.display())));
            }
        }
    }
    Ok(place)
}

fn extract(entry: &mut Entry<'_, impl Read>, root: &Path, place: &Path) -> io::Result<()> {
    let header = entry.header();
    let (uid, gid, mode) = (id(header.uid()?)?, id(header.gid()?)?, header.mode()? & 0o7777);
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(header.mtime()?);
    let kind = header.entry_type();
    if let (EntryType::Directory, false) = (kind, fs::symlink_metadata(place).is_ok_and(|there| there.is_symlink())) {
        fs::create_dir_all(place)?;
        if fs::metadata(place)?.dev() != fs::metadata(root)?.dev() {
            // `proc/` and `dev/`, on which something is mounted: not ours to change.
            return Ok(());
        }
        chown(place, Some(uid), Some(gid))?;
        return fs::set_permissions(place, Permissions::from_mode(mode));
    }
    if kind == EntryType::Directory {
        // `bin/` where the root has `bin -> usr/bin`: what follows goes through the link.
        return if place.is_dir() { Ok(()) } else { Err(invalid("the root has a link to no folder there".to_owned())) };
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::symlink_metadata(place) {
        Ok(there) if !there.is_dir() => fs::remove_file(place)?,
        _ => {}
    }
    let target = || entry.link_name()?.ok_or_else(|| invalid("a link to nothing".to_owned()));
    match kind {
        EntryType::Regular | EntryType::Continuous => {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
            io::copy(entry, &mut file)?;
            finish(&file, uid, gid, mode, modified)
        }
        EntryType::Symlink => {
            symlink(target()?, place)?;
            lchown(place, Some(uid), Some(gid))
        }
        EntryType::Link => fs::hard_link(inside(root, &target()?)?, place),
        EntryType::Fifo => {
            nix::unistd::mkfifo(place, nix::sys::stat::Mode::from_bits_truncate(mode))?;
            chown(place, Some(uid), Some(gid))
        }
        EntryType::XGlobalHeader => Ok(()),
        other => Err(invalid(format!("an entry of kind {:?} is no file of a package", other.as_byte() as char))),
    }
}

fn id(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| invalid(format!("the owner {number} is out of range")))
}

fn finish(file: &File, uid: u32, gid: u32, mode: u32, modified: SystemTime) -> io::Result<()> {
    fchown(file, Some(uid), Some(gid))?;
    // After the owner, whose change takes setuid bits away.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.set_modified(modified)
}
