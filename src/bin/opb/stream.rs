//! Events on stdout as JSON lines, each written when it happens.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use opb::event::Event;
use opb::project;
use opb::report::events;
use opb::report::fetch::FetchTold;

/// A stream of events. Threads may share it.
pub struct Stream {
    began: Instant,
    /// What the first line met that could not be written; nothing is written after it.
    broken: Mutex<Option<io::Error>>,
}

impl Stream {
    /// Begins one. From here on a reader that goes away ends neither the program nor the run: who watches a build is not
    /// who wants it.
    pub fn begin() -> Self {
        // SAFETY: ignoring a signal runs no code of ours. Programs that are started get the default action back.
        unsafe {
            let _ = nix::sys::signal::signal(nix::sys::signal::Signal::SIGPIPE, nix::sys::signal::SigHandler::SigIgn);
        }
        let stream = Self { began: Instant::now(), broken: Mutex::new(None) };
        stream.write(|_| events::began(project::now_milliseconds()));
        stream
    }

    /// Writes the line of an event.
    pub fn show(&self, event: &Event) {
        self.write(|at| events::line(event, at));
    }

    /// Writes the line of what was fetched.
    pub fn fetched(&self, told: &FetchTold) {
        self.write(|at| events::fetched(told, at));
    }

    /// Writes the last line. What could not be written is an error, but not where the reader went away.
    pub fn end(&self, code: u8, error: Option<&str>) -> io::Result<()> {
        self.write(|at| events::ended(code, error, at));
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        broken.filter(|error| error.kind() != io::ErrorKind::BrokenPipe).map_or(Ok(()), Err)
    }

    fn write(&self, line: impl FnOnce(u64) -> String) {
        // The time is read under the lock, so that no line is older than the one before it.
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if broken.is_some() {
            return;
        }
        let line = line(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX));
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()) {
            // Where nobody reads stderr either, nobody is told.
            let _ = writeln!(io::stderr(), "note: nobody is told of events any more ({error}); the run goes on");
            *broken = Some(error);
        }
    }
}
