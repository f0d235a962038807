//! A terminal of the guest's own, for a step that a person works at.
//!
//! ```text
//!  a person's terminal ◄─bytes─► caller ◄─outer side─ pty of the guest's own devpts ─inner side─► the step
//! ```
//! Init makes the pty where the guest's `/dev/pts` is, so that it has a name inside and none outside, and passes its outer
//! side to the caller. Of the caller's own terminal nothing ever gets in: what the guest could do to a terminal (feed it
//! input, change its modes) it can do to this one alone. No step begins before the caller has set it up.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;

use nix::errno::Errno;
use nix::unistd::{Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown};

use super::GuestUser;
use super::wire::{Doing as _, Trouble};

/// Both sides of a new pty: the outer one first.
pub(super) fn pty(user: GuestUser) -> io::Result<(OwnedFd, OwnedFd)> {
    let outer: OwnedFd =
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open("/dev/pts/ptmx")?.into();
    let unlocked: libc::c_int = 0;
    // SAFETY: the call reads one number.
    Errno::result(unsafe { libc::ioctl(outer.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) })?;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // By the outer side, not by name: nothing can be in the name's place.
    // SAFETY: a number only.
    let inner = Errno::result(unsafe { libc::ioctl(outer.as_raw_fd(), libc::TIOCGPTPEER, flags) })?;
    // SAFETY: the kernel has just made it, and nobody else owns it.
    let inner = unsafe { OwnedFd::from_raw_fd(inner) };
    fchown(&inner, Some(Uid::from_raw(user.id())), None)?;
    Ok((outer, inner))
}

/// Makes `inner` the terminal of this process, which leads a session, and its stdin, stdout and stderr.
pub(super) fn attach(inner: RawFd) -> Result<(), Trouble> {
    let doing = || "attaching the terminal".to_owned();
    // SAFETY: a number only.
    Errno::result(unsafe { libc::ioctl(inner, libc::TIOCSCTTY, 0) }).doing(doing)?;
    // SAFETY: init opened it for this process, whose copy of it nothing else owns; exec closes it.
    let inner = unsafe { File::from_raw_fd(inner) };
    dup2_stdin(&inner).and_then(|()| dup2_stdout(&inner)).and_then(|()| dup2_stderr(&inner)).doing(doing)
}
