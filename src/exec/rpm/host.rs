//! Programs of the host: dnf's solver, asked for a choice.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::RpmError;
use crate::diag::Failure;
use crate::exec::context::Context;
use crate::exec::error::NodeError;
use crate::path::HostPath;

/// The interpreter that the distribution's dnf is written for.
const PYTHON: &str = "/usr/bin/python3";

/// What fills an empty root.
const DNF: &str = "/usr/bin/dnf";

const SCRIPT: &str = include_str!("choose.py");

/// Checks whether all that packages require is there.
const CLOSURE: &str = include_str!("closure.py");

/// No choice takes longer.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 64 << 20;

/// What dnf is asked.
#[derive(Serialize)]
pub struct Asked<'a> {
    /// Where it may write.
    pub folder: &'a str,
    /// The arch, in rpm's spelling.
    pub arch: &'a str,
    /// The platform of modules, such as `el9`.
    pub platform: &'a str,
    /// Whether weak dependencies are installed.
    pub weak: bool,
    /// Modular streams to enable.
    pub streams: &'a [String],
    /// The repositories.
    pub repositories: Vec<AskedRepository>,
    /// The package that needs what is asked for.
    pub root: &'a str,
    /// Its repository.
    pub root_repository: &'a str,
}

/// A repository that dnf chooses from.
#[derive(Serialize)]
pub struct AskedRepository {
    /// What it is called in the answer.
    pub id: String,
    /// Where its `repodata` is.
    pub folder: String,
    /// Its place, which decides between equal packages: the lowest first.
    pub place: usize,
    /// Of one name, packages of the lowest count alone.
    pub priority: u32,
    /// Whether modules hide nothing of it.
    pub hotfixes: bool,
    /// Whether it stays as it is while this program runs.
    pub stays: bool,
}

/// What dnf answers.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// A choice.
    Chosen {
        /// The packages, in any order.
        packages: Vec<Chosen>,
    },
    /// None.
    Failed {
        /// What kind of failure.
        failed: String,
        /// What it says.
        text: String,
    },
}

/// A package that was chosen.
#[derive(Deserialize)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// Its epoch; 0 where it has none.
    pub epoch: u32,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
    /// Its arch, in rpm's spelling.
    pub arch: String,
    /// Its SHA-256; empty where the repository states another digest.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
    /// The repository that it is of.
    pub repository: String,
}

impl Chosen {
    /// Its version as package lists write it.
    pub fn evr(&self) -> String {
        let Self { epoch, version, release, .. } = self;
        if *epoch == 0 { format!("{version}-{release}") } else { format!("{epoch}:{version}-{release}") }
    }
}

/// What dnf is asked about packages whose requirements are to be met.
#[derive(Serialize)]
pub struct AskedClosure<'a> {
    /// Where it may write.
    pub folder: &'a str,
    /// The arch, in rpm's spelling.
    pub arch: &'a str,
    /// The repositories.
    pub repositories: Vec<AskedRepository>,
    /// The one whose packages are looked at.
    pub ours: &'a str,
}

/// What dnf answers to that.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum ClosureAnswer {
    /// What is unmet.
    Looked {
        /// The requirements, in any order.
        unmet: Vec<UnmetRequirement>,
    },
    /// It could not look.
    Failed {
        /// What it says.
        failed: String,
    },
}

/// A requirement of one of our packages that nothing meets.
#[derive(Deserialize)]
pub struct UnmetRequirement {
    /// The SHA-256 of the package.
    pub package: String,
    /// As rpm writes it.
    pub requirement: String,
    /// For each name in it the packages that provide it, in whichever version.
    pub there: Vec<(String, Vec<String>)>,
    /// How many of our packages cannot be installed for that.
    pub followers: usize,
}

/// What a question is about, for errors.
#[derive(Clone, Copy)]
struct About {
    script: &'static str,
    what: &'static str,
    failed: fn(String) -> RpmError,
}

const CHOOSING: About =
    About { script: SCRIPT, what: "asks dnf which packages a root consists of", failed: |said| RpmError::Dnf { said } };

const CHECKING: About = About {
    script: CLOSURE,
    what: "asks dnf whether all that packages require is there",
    failed: |said| RpmError::NotChecked { said },
};

/// Asks dnf for a choice; it works in `home`.
///
/// # Errors
/// Where there is no dnf, or it gives no answer.
pub fn ask(ctx: &Context<'_>, asked: &Asked<'_>, home: &HostPath) -> Result<Answer, Failure> {
    let question = serde_json::to_vec(asked).expect("plain fields");
    let wait = |time| {
        let stopped = ctx.stopped();
        if !stopped {
            ctx.cancel.wait(time);
        }
        stopped
    };
    answer(CHOOSING, question, home, &wait)
}

/// Asks dnf which requirements are unmet; it works in `home`.
///
/// # Errors
/// As [`ask`].
pub fn ask_closure(asked: &AskedClosure<'_>, home: &HostPath) -> Result<ClosureAnswer, Failure> {
    let question = serde_json::to_vec(asked).expect("plain fields");
    // Nothing stops it before its time but the end of this program.
    let (_held, stop) = std::sync::mpsc::channel::<()>();
    let wait = |time| stop.recv_timeout(time).is_ok();
    answer(CHECKING, question, home, &wait)
}

/// Runs a script and reads its answer. `wait` waits so long at most, and says whether to stop.
fn answer<T: serde::de::DeserializeOwned>(
    about: About,
    question: Vec<u8>,
    home: &HostPath,
    wait: &dyn Fn(Duration) -> bool,
) -> Result<T, Failure> {
    let no_program = |source| RpmError::NoProgram { program: PYTHON, what: about.what, package: "python3-dnf", source };
    // Without the user's modules and environment; `-B` keeps it from writing where root could.
    let mut child = Command::new(PYTHON)
        .args(["-I", "-B", "-c", about.script])
        .env_clear()
        .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
        .env("HOME", home.as_path())
        .current_dir(home.as_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(no_program)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        // One that ends before it has read everything says why on stderr.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(&question)));
        let read = |mut from: Box<dyn std::io::Read + Send>| {
            move || {
                let mut bytes = Vec::new();
                let _ = (&mut from).take(MAX_ANSWER).read_to_end(&mut bytes);
                // What is longer is dropped, so that nobody waits for a full pipe.
                let _ = std::io::copy(&mut from, &mut std::io::sink());
                bytes
            }
        };
        let answer = stdout.map(|from| scope.spawn(read(Box::new(from))));
        let said = stderr.map(|from| scope.spawn(read(Box::new(from))));
        let ended = wait_for(&mut child, wait);
        let take = |thread: Option<std::thread::ScopedJoinHandle<'_, Vec<u8>>>| {
            thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
        };
        let (answer, said) = (take(answer), take(said));
        ended?;
        serde_json::from_slice(&answer).map_err(|_| not_understood(about, &String::from_utf8_lossy(&said)).into())
    })
}

/// Whether there is a dnf, which makes roots from nothing.
///
/// # Errors
/// [`RpmError::NoProgram`].
pub fn check_dnf() -> Result<(), RpmError> {
    let what = "installs the first packages into an empty root";
    nix::unistd::access(DNF, nix::unistd::AccessFlags::X_OK).map_err(|source| RpmError::NoProgram {
        program: DNF,
        what,
        package: "dnf",
        source: source.into(),
    })
}

/// Waits for the end of `child`, and sees to it.
fn wait_for(child: &mut std::process::Child, wait: &dyn Fn(Duration) -> bool) -> Result<(), Failure> {
    let began = Instant::now();
    let failed = |source| NodeError::File { doing: "wait for", path: PYTHON.to_owned(), source };
    loop {
        if child.try_wait().map_err(failed)?.is_some() {
            return Ok(());
        }
        let stopped = wait(Duration::from_millis(10));
        let is_late = began.elapsed() > PATIENCE;
        if stopped || is_late {
            let _ = child.kill();
            child.wait().map_err(failed)?;
            let late = RpmError::Slow { minutes: PATIENCE.as_secs() / 60 };
            return Err(if is_late { late.into() } else { NodeError::Stopped.into() });
        }
    }
}

/// What is made of a failure of dnf or of its interpreter.
fn not_understood(about: About, said: &str) -> RpmError {
    if said.contains("No module named 'dnf'") {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "it has no module `dnf`");
        return RpmError::NoProgram { program: PYTHON, what: about.what, package: "python3-dnf", source };
    }
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = match lines.as_slice() {
        [] => "it has ended without a word".to_owned(),
        lines => lines[lines.len().saturating_sub(3)..].join("; "),
    };
    (about.failed)(last.chars().filter(|char| !char.is_control()).take(600).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_interpreter_are_told_by_their_cause() {
        let said = "Traceback (most recent call last):\n  File \"<string>\", line 7, in <module>\n\
                    ModuleNotFoundError: No module named 'dnf'\n";
        let error = not_understood(CHOOSING, said);
        assert_eq!(
            error.to_string(),
            "cannot run `/usr/bin/python3`, which asks dnf which packages a root consists of"
        );
        assert_eq!(
            not_understood(CHECKING, said).to_string(),
            "cannot run `/usr/bin/python3`, which asks dnf whether all that packages require is there"
        );
        let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
        assert_eq!(help.as_deref(), Some("install `python3-dnf` on this machine: `apt-get install python3-dnf`"));
        let error = not_understood(CHOOSING, "one\n\ntwo\nthree\nOSError: no space\u{7}\n");
        assert_eq!(error.to_string(), "dnf cannot choose packages: two; three; OSError: no space");
        assert_eq!(not_understood(CHOOSING, "").to_string(), "dnf cannot choose packages: it has ended without a word");
        let error = not_understood(CHECKING, "");
        assert_eq!(error.to_string(), "dnf cannot check what packages require: it has ended without a word");
    }

    #[test]
    fn an_epoch_of_none_is_not_written() {
        let one = |epoch| Chosen {
            name: "a".into(),
            epoch,
            version: "1.0".into(),
            release: "2".into(),
            arch: "noarch".into(),
            digest: String::new(),
            size: 1,
            repository: "r".into(),
        };
        assert_eq!((one(0).evr().as_str(), one(3).evr().as_str()), ("1.0-2", "3:1.0-2"));
    }
}
