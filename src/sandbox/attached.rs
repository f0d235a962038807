//! What a caller holds the other end of while a step runs: a terminal, or the input of a command.
//!
//! ```text
//!  caller ◄── outer end, over the socket that stdout is ── init ── inner end ──► the step
//!         ─── go ────────────────────────────────────────►
//! ```
//! Init makes both ends, so nothing of the caller's own ever gets in: no terminal, no file. No step begins before the caller has
//! the outer end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::unistd::{Uid, dup2_stdin, dup2_stdout, fchown};

use super::wire::{Doing as _, Trouble};
use super::{GuestUser, Request, Step, passing, terminal};

/// What is attached to a step of a request, and who reads and writes it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attached {
    /// A [`Step::OnTerminal`].
    Terminal(GuestUser),
    /// A [`Step::WithInput`].
    Input(GuestUser),
}

impl Request {
    /// What is attached, where a step has something.
    pub(super) fn attached(&self) -> Option<Attached> {
        let user_of = |step: &Step| match step {
            Step::Run { user, .. } => Some(*user),
            _ => None,
        };
        self.steps.iter().find_map(|step| match step {
            Step::OnTerminal(run) => user_of(run).map(Attached::Terminal),
            Step::WithInput(run) => user_of(run).map(Attached::Input),
            _ => None,
        })
    }
}

/// Makes both ends, passes the outer one over stdout, which is a socket then, and waits until the caller says go. Gives the
/// inner one. Stdout is nothing beside a terminal afterwards, and else the log.
pub(super) fn make(attached: Attached) -> Result<OwnedFd, Trouble> {
    match attached {
        Attached::Terminal(user) => {
            let (outer, inner) = terminal::pty(user).doing(|| "making a terminal".to_owned())?;
            let null = OpenOptions::new().write(true).open("/dev/null").doing(|| "opening `/dev/null`".to_owned())?;
            pass(outer, null.into()).doing(|| "passing the terminal on".to_owned())?;
            Ok(inner)
        }
        Attached::Input(user) => {
            let doing = || "making a pipe for the input".to_owned();
            let (inner, outer) = io::pipe().doing(doing)?;
            // Else it could not be opened by its name, `/dev/stdin`.
            fchown(&inner, Some(Uid::from_raw(user.id())), None).doing(doing)?;
            let log = io::stderr().as_fd().try_clone_to_owned().doing(doing)?;
            pass(outer.into(), log).doing(|| "passing the input on".to_owned())?;
            Ok(inner.into())
        }
    }
}

/// Passes `outer` over stdout, waits for the answer, and makes stdout `next`.
fn pass(outer: OwnedFd, next: OwnedFd) -> io::Result<()> {
    passing::send(io::stdout(), b"t", &[outer.as_raw_fd()])?;
    drop(outer);
    // SAFETY: nothing else in this process of one thread uses stdout, which is replaced below.
    let mut socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(io::stdout().as_raw_fd()) });
    let answered = socket.read_exact(&mut [0]);
    // Its number is taken at once by what replaces it.
    let _ = socket.into_raw_fd();
    dup2_stdout(&next)?;
    answered
}

/// Makes `inner` the stdin of this process.
pub(super) fn feed(inner: RawFd) -> Result<(), Trouble> {
    // SAFETY: init made it for this process, whose copy of it nothing else owns.
    let inner = unsafe { File::from_raw_fd(inner) };
    dup2_stdin(&inner).doing(|| "attaching the input".to_owned())
}

/// The outer end that init passes through `socket`.
pub(super) fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let passed = passing::receive(socket, &mut [0])?;
    passed.into_iter().next().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
