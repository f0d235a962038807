//! Makes a folder of outputs readable for whoever takes them in. Judges nothing: that is the importer's.

use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::AtFlags;
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::{Gid, Uid, fchown, fchownat};

use super::walk::{Met, What, walk};

/// Gives all of `folder` to the guest's root; folders and what is executable become 0755, other files 0644.
pub(super) fn collect(folder: OwnedFd) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
    fchown(&folder, uid, gid)?;
    fchmod(&folder, Mode::from_bits_truncate(0o755))?;
    walk(folder, &mut |met: &Met<'_>| {
        let mode = match met.what {
            What::Left => return Ok(()),
            What::Folder => Some(0o755),
            What::File(stat) if stat.st_mode & libc::S_IFMT != libc::S_IFREG => None,
            What::File(stat) if stat.st_mode & 0o111 != 0 => Some(0o755),
            What::File(_) => Some(0o644),
        };
        fchownat(met.folder, met.name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if let Some(mode) = mode {
            // Follows links, but this is none, and nobody is left to make it one.
            fchmodat(met.folder, met.name, Mode::from_bits_truncate(mode), FchmodatFlags::FollowSymlink)?;
        }
        Ok(())
    })
}
