//! Events on stdout as JSON lines, each written when it happens, by a thread of their own: a reader that pauses holds
//! nothing up.
//!
//! Lines that nobody has read yet are kept, up to [`MOST`] bytes. A reader that falls behind further is told no more: then no
//! line comes after those that are kept, not even the last one, by whose absence a stream is known to have been cut off.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use opb::event::Event;
use opb::project;
use opb::report::events;
use opb::report::fetch::FetchTold;

/// How many bytes of lines are kept for a reader: those of a run of a hundred thousand nodes.
const MOST: usize = 64 << 20;

/// A stream of events. Threads may share it.
pub struct Stream {
    began: Instant,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    /// Those of the lines.
    bytes: usize,
    /// Nothing is added any more.
    closed: bool,
    /// What could not be written; nothing is written after it.
    broken: Option<io::Error>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the line that `line` makes; `most`: of bytes that wait.
    fn add(&self, line: impl FnOnce() -> String, most: usize) {
        // The line is made under the lock, so that no line is older than the one before it.
        let mut state = self.state();
        if state.closed || state.broken.is_some() {
            return;
        }
        let line = line();
        state.bytes += line.len();
        if state.bytes > most {
            state.closed = true;
            nobody(&format!("nobody has read {} MB of them", most / 1_000_000));
        } else {
            state.lines.push_back(line);
        }
        self.changed.notify_one();
    }

    /// Writes lines as they come, until there are no more.
    fn write(&self, out: &mut impl io::Write) {
        let mut state = self.state();
        loop {
            let Some(line) = state.lines.pop_front() else {
                if state.closed {
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            state = self.state();
            state.bytes -= line.len();
            if let Err(error) = written {
                nobody(&error.to_string());
                (state.lines, state.broken) = (VecDeque::new(), Some(error));
                return;
            }
        }
    }
}

/// Says that nobody is told any more. Where nobody reads stderr either, nobody is told that.
fn nobody(why: &str) {
    let _ = writeln!(io::stderr(), "note: nobody is told of events any more ({why}); the run goes on");
}

impl Stream {
    /// Begins one. From here on a reader that goes away ends neither the program nor the run: who watches a build is not
    /// who wants it.
    pub fn begin() -> Self {
        // SAFETY: ignoring a signal runs no code of ours. Programs that are started get the default action back.
        unsafe {
            let _ = nix::sys::signal::signal(nix::sys::signal::Signal::SIGPIPE, nix::sys::signal::SigHandler::SigIgn);
        }
        let queue = Arc::new(Queue::default());
        let writer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.write(&mut io::stdout())
        });
        let stream = Self { began: Instant::now(), queue, writer: Mutex::new(Some(writer)) };
        stream.add(|_| events::began(project::now_milliseconds()));
        stream
    }

    /// Writes the line of an event.
    pub fn show(&self, event: &Event) {
        self.add(|at| events::line(event, at));
    }

    /// Writes the line of what was fetched.
    pub fn fetched(&self, told: &FetchTold) {
        self.add(|at| events::fetched(told, at));
    }

    /// Writes the last line, and waits until all are written. What could not be written is an error, but not where the reader
    /// went away or fell behind.
    pub fn end(&self, code: u8, error: Option<&str>) -> io::Result<()> {
        self.add(|at| events::ended(code, error, at));
        self.queue.state().closed = true;
        self.queue.changed.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
        let broken = self.queue.state().broken.take();
        broken.filter(|error| error.kind() != io::ErrorKind::BrokenPipe).map_or(Ok(()), Err)
    }

    fn add(&self, line: impl FnOnce(u64) -> String) {
        let at = || u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.queue.add(|| line(at()), MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_written_whole_and_nothing_behind_a_gap() {
        let queue = Queue::default();
        for line in ["one\n", "two\n", "three\n", "4\n"] {
            queue.add(|| line.to_owned(), 9);
        }
        let mut out = Vec::new();
        queue.write(&mut out);
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "one\ntwo\n",
            "`three` was too much, and `4` would hide that"
        );
    }
}
