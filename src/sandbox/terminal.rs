//! A terminal of the guest's own, for a step that a person works at.
//!
//! ```text
//!  a person's terminal ◄─bytes─► caller ◄─outer side─ pty of the guest's own devpts ─inner side─► the step
//! ```
//! Init makes the pty where the guest's `/dev/pts` is, so that it has a name inside and none outside, and passes its outer
//! side to the caller. Of the caller's own terminal nothing ever gets in: what the guest could do to a terminal (feed it
//! input, change its modes) it can do to this one alone. No step begins before the caller has set it up.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::unistd::{Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown};

use super::passing;
use super::wire::{Doing as _, Trouble};
use super::{GuestUser, Request, Step};

impl Request {
    /// Who works at the request's terminal, where a step has one.
    pub(super) fn at_terminal(&self) -> Option<GuestUser> {
        self.steps.iter().find_map(|step| match step {
            Step::OnTerminal(run) => match **run {
                Step::Run { user, .. } => Some(user),
                _ => None,
            },
            _ => None,
        })
    }
}

/// Makes a terminal for `user`, passes its outer side over stdout, which is a socket then, and waits until the caller says
/// go. Stdout is nothing afterwards.
pub(super) fn make(user: GuestUser) -> Result<OwnedFd, Trouble> {
    let (outer, inner) = pty(user).doing(|| "making a terminal".to_owned())?;
    let passing = || "passing the terminal on".to_owned();
    passing::send(io::stdout(), b"t", &[outer.as_raw_fd()]).doing(passing)?;
    drop(outer);
    let stdout = io::stdout().as_raw_fd();
    // SAFETY: nothing else in this process of one thread uses stdout, which is replaced below.
    let mut socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(stdout) });
    let answered = socket.read_exact(&mut [0]).doing(passing);
    // Its number is taken at once by what replaces it.
    let _ = std::os::fd::IntoRawFd::into_raw_fd(socket);
    let null = OpenOptions::new().write(true).open("/dev/null").doing(|| "opening `/dev/null`".to_owned())?;
    dup2_stdout(&null).doing(passing)?;
    answered.map(|()| inner)
}

/// Both sides of a new pty: the outer one first.
fn pty(user: GuestUser) -> io::Result<(OwnedFd, OwnedFd)> {
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

/// The outer side that init passes through `socket`.
pub(super) fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let passed = passing::receive(socket, &mut [0])?;
    passed.into_iter().next().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
