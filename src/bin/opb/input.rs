//! The caller's input, where a command inside of a sandbox reads it.
//!
//! Bytes are copied into a pipe that was made inside, a buffer at a time, so what cannot be read yet waits where it comes from. The
//! caller's own file or socket is never within reach of what runs there.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{SigSet, Signal};
use opb::diag::{Cause, Caused};

/// The standard input, unless somebody types there.
pub struct Input {
    failed: Arc<Mutex<Option<io::Error>>>,
}

/// The input could not be read to its end.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot read the standard input, so the command had only a part of it")]
#[diagnostic(code(opb::input), help("look at what it comes from"))]
pub struct InputError {
    #[source]
    source: io::Error,
}

impl Caused for InputError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

impl Input {
    /// `None` where it is a terminal.
    pub fn of_caller() -> Option<Self> {
        (!io::stdin().is_terminal()).then(|| Self { failed: Arc::default() })
    }

    /// Copies into `pipe` from now on, and closes it at the end.
    pub fn feed(&self, pipe: OwnedFd) {
        let failed = Arc::clone(&self.failed);
        // Nobody waits for it: it may be reading long after the command has ended.
        std::thread::spawn(move || {
            // One that reads no more is no reason to end; the signal goes to the thread that writes.
            let _ = SigSet::from(Signal::SIGPIPE).thread_block();
            let mut pipe = File::from(pipe);
            if let Err(error) = copy(&mut pipe) {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            // Only now the other side sees the end, so whoever asks after that knows what has failed.
            drop(pipe);
        });
    }

    /// Says whether all could be read, as far as the command wanted it.
    pub fn ended(self) -> Result<(), InputError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), |source| Err(InputError { source }))
    }
}

/// Copies until either side has no more; an error is one of reading.
fn copy(pipe: &mut File) -> io::Result<()> {
    // Past the buffer of the standard library, so that no more is read than is passed on.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut bytes = [0; 65_536];
    loop {
        match input.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) if pipe.write_all(&bytes[..count]).is_err() => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
