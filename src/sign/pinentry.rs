//! Asking a person for a passphrase through `pinentry`, the program that GnuPG asks with.
//!
//! It speaks Assuan over its standard input and output (its manual, "Protocol"): a greeting, then `OPTION`, `SETDESC` and their like, then `GETPIN`, each
//! answered by `OK` or `ERR`, the passphrase by a line `D …` before. How it asks, on the terminal or in a window, is its own affair.
//! Where the program is, and on which terminal somebody is, its caller knows. The passphrase is nowhere but in memory that is wiped.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{Passphrase, assuan};
use crate::diag::{Cause, Caused};

/// A person has so long to answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// A line of Assuan is at most 1000 bytes long; the rest is for programs that do not count well.
const MAX_LINE: usize = 4096;

/// A question with its command fits into a line.
const MAX_TEXT: usize = 900;

/// Numbers of libgpg-error, in the lower half of those that stand behind `ERR`.
const TIMEOUT: u32 = 62;
const CANCELED: [u32; 2] = [99, 198];

/// Why nobody answers.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PinentryError {
    /// The question was turned down.
    #[error("no passphrase was given: the question was cancelled")]
    #[diagnostic(code(opb::pinentry::cancelled), help("run it again, and give the passphrase"))]
    Cancelled,
    /// Nobody was there.
    #[error("no passphrase was given within {} minutes", PATIENCE.as_secs() / 60)]
    #[diagnostic(
        code(opb::pinentry::timeout),
        help("run it again, or give the passphrase as a systemd credential, which asks nobody")
    )]
    TimedOut,
    /// The program does not run or does not speak.
    #[error("asking for a passphrase with `{}`", .program.display())]
    #[diagnostic(
        code(opb::pinentry::program),
        help("see that it runs on this terminal, or choose another one with `update-alternatives --config pinentry`")
    )]
    Program {
        /// Which.
        program: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The program cannot ask.
    #[error("`{}` cannot ask for a passphrase: {said}", .program.display())]
    #[diagnostic(
        code(opb::pinentry::refused),
        help("install one that asks on a terminal, such as pinentry-curses or pinentry-tty")
    )]
    Refused {
        /// Which.
        program: PathBuf,
        /// Its answer, escaped.
        said: String,
    },
}

impl Caused for PinentryError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

/// Where somebody is who can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// Its device, such as `/dev/pts/3`.
    pub path: PathBuf,
    /// Its kind, as in `TERM`.
    pub kind: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What for, in a sentence or two.
    pub description: String,
    /// A word before the field.
    pub prompt: &'static str,
    /// What was wrong with the answer before.
    pub complaint: Option<String>,
}

/// Asks with the program at `program`, once.
///
/// # Errors
/// [`PinentryError`].
pub fn ask(program: &Path, terminal: &Terminal, question: &Question) -> Result<Passphrase, PinentryError> {
    let mut talk = Talk::begin(program)?;
    talk.answer()?;
    let path = assuan::escape(&terminal.path.to_string_lossy(), MAX_TEXT);
    talk.tell(&format!("OPTION ttyname={path}"))?;
    if let Some(kind) = &terminal.kind {
        talk.tell(&format!("OPTION ttytype={}", assuan::escape(kind, MAX_TEXT)))?;
    }
    talk.tell(&format!("SETTIMEOUT {}", PATIENCE.as_secs()))?;
    talk.tell(&format!("SETDESC {}", assuan::escape(&question.description, MAX_TEXT)))?;
    talk.tell(&format!("SETPROMPT {}", assuan::escape(question.prompt, MAX_TEXT)))?;
    if let Some(complaint) = &question.complaint {
        talk.tell(&format!("SETERROR {}", assuan::escape(complaint, MAX_TEXT)))?;
    }
    talk.send("GETPIN")?;
    match talk.answer()? {
        Answer::Fine(said) => Ok(said),
        Answer::No(said) => Err(talk.refusal(&said)),
    }
}

/// What comes back for a line.
enum Answer {
    /// `OK`, with the data that came before.
    Fine(Passphrase),
    /// `ERR`, with what stands behind it.
    No(String),
}

/// A conversation, which ends with it.
struct Talk {
    program: PathBuf,
    child: Child,
    /// A pair of sockets, not pipes: writing to a program that has ended is then an error, not a signal that ends this one.
    stream: UnixStream,
    deadline: Instant,
    /// What was read and is not yet a line. Never grows beyond what it is made with, as that would leave a copy behind.
    read: Zeroizing<Vec<u8>>,
}

impl Talk {
    fn begin(program: &Path) -> Result<Self, PinentryError> {
        let failed = |source| PinentryError::Program { program: program.to_owned(), source };
        let (stream, theirs) = UnixStream::pair().map_err(failed)?;
        let output = theirs.try_clone().map_err(failed)?;
        let mut command = Command::new(program);
        command.stdin(OwnedFd::from(theirs)).stdout(OwnedFd::from(output)).stderr(Stdio::null());
        let child = command.spawn().map_err(failed)?;
        let deadline = Instant::now() + PATIENCE + Duration::from_secs(5);
        let read = Zeroizing::new(Vec::with_capacity(MAX_LINE));
        Ok(Self { program: program.to_owned(), child, stream, deadline, read })
    }

    fn failed(&self, source: io::Error) -> PinentryError {
        PinentryError::Program { program: self.program.clone(), source }
    }

    fn send(&mut self, line: &str) -> Result<(), PinentryError> {
        self.stream.write_all(format!("{line}\n").as_bytes()).map_err(|source| self.failed(source))
    }

    /// Sends a line whose refusal changes little: programs differ in the options that they know.
    fn tell(&mut self, line: &str) -> Result<(), PinentryError> {
        self.send(line)?;
        self.answer().map(|_| ())
    }

    fn answer(&mut self) -> Result<Answer, PinentryError> {
        let mut data = Zeroizing::new(Vec::with_capacity(MAX_LINE));
        loop {
            let line = self.line()?;
            if *line == b"OK" || line.starts_with(b"OK ") {
                return Ok(Answer::Fine(Passphrase::new(data)));
            } else if let Some(said) = line.strip_prefix(b"ERR ") {
                return Ok(Answer::No(String::from_utf8_lossy(said).into_owned()));
            } else if let Some(part) = line.strip_prefix(b"D ") {
                if data.len() + part.len() > MAX_LINE {
                    return Err(self.failed(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long")));
                }
                assuan::unescape(part, &mut data);
            }
            // Status lines (`S …`) and comments (`# …`) are passed over.
        }
    }

    fn line(&mut self) -> Result<Zeroizing<Vec<u8>>, PinentryError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = Zeroizing::new(self.read[..end].to_vec());
                self.read.drain(..=end);
                return Ok(line);
            }
            if self.read.len() == MAX_LINE {
                return Err(self.failed(io::Error::new(io::ErrorKind::InvalidData, "its line is too long")));
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(PinentryError::TimedOut);
            }
            let mut room = Zeroizing::new([0; MAX_LINE]);
            let most = MAX_LINE - self.read.len();
            let read = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(&mut room[..most]));
            match read {
                Ok(0) => return Err(self.failed(io::Error::from(io::ErrorKind::UnexpectedEof))),
                Ok(count) => self.read.extend_from_slice(&room[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// What an `ERR` in place of a passphrase means.
    fn refusal(&self, said: &str) -> PinentryError {
        let number = said.split(' ').next().and_then(|number| number.parse::<u32>().ok()).map(|number| number & 0xffff);
        match number {
            Some(TIMEOUT) => PinentryError::TimedOut,
            Some(number) if CANCELED.contains(&number) => PinentryError::Cancelled,
            _ => PinentryError::Refused { program: self.program.clone(), said: said.escape_debug().to_string() },
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // Once nobody speaks to it, it sets the terminal right and ends. One that does not is ended.
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(2)));
        let _ = self.stream.read(&mut [0; 1]);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Talk({})", self.program.display())
    }
}
