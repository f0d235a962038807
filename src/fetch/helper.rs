//! One run of apt's download helper: starts it, watches it, and reads what it says went wrong.
//!
//! `apt-helper download-file ADDRESS TARGET DIGEST …` gets several files in one call. What its messages mean for a file
//! is [`super::download()`]'s business.

#![expect(clippy::disallowed_methods, reason = "apt's helper writes to paths, and is waited for by its files")]

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::download::Access;
use super::failure::FetchError;
use crate::address::{Address, redact};
use crate::digest::Sha256;
use crate::path::HostPath;

/// How often the growth of files is looked at. Their sizes are checked again afterwards.
const LOOK: Duration = Duration::from_millis(200);

/// The fewest bytes of a second, over as long as nothing at all may come: a server that sends less would hold us up for ever.
const SLOWEST: u64 = 100;

/// How long a helper may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// The most of the helper's messages that is kept, in bytes.
const MAX_MESSAGES: u64 = 1 << 20;

/// A file that was at an address before. A server that still has it says so, and sends nothing.
#[derive(Debug, Clone)]
pub struct Before {
    /// Where it lies here.
    pub file: HostPath,
    /// When the server says that it was changed last, in seconds since 1970.
    pub modified: u64,
}

/// A file to get.
pub(super) struct Job {
    pub address: Address,
    pub target: HostPath,
    pub sha256: Option<Sha256>,
    /// The most bytes that it may have.
    pub limit: u64,
    /// What was there before.
    pub before: Option<Before>,
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, all files got.
    Well,
    /// By itself, with messages.
    Badly,
    /// Ended by us: no file grew for as long as [`Access::stall`] allows.
    Stalled,
    /// Ended by us: the job of this index grew beyond its limit.
    TooLong(usize),
}

/// What came of a run.
pub(super) struct Run {
    pub ended: Ended,
    /// Address (without credentials, as apt writes it) and reason of each failure.
    pub failures: Vec<(String, String)>,
    /// All messages, without credentials.
    pub messages: String,
}

/// Runs the helper for `jobs`. Leaves at each target what it got, checked or not.
pub(super) fn run(access: &Access<'_>, jobs: &[Job]) -> Result<Run, FetchError> {
    for job in jobs {
        // What has no digest could be gone on with, and be nothing whole in the end.
        if !access.resumes || job.sha256.is_none() {
            remove(&job.target)?;
        }
        remove(&failed_name(&job.target))?;
        if let Some(before) = &job.before {
            lay(before, &job.target)?;
        }
    }
    let mut child = command(access, jobs)
        .spawn()
        .map_err(|source| FetchError::NoHelper { helper: access.helper.clone(), source })?;
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            // What is cut off here must still be read, or the helper would wait for ever.
            let _ = (&mut stderr).take(MAX_MESSAGES).read_to_end(&mut text);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        }
        text
    });
    let ended = watch(access, jobs, &mut child);
    if !matches!(ended, Ok(Ended::Well | Ended::Badly)) {
        if access.resumes {
            interrupt(&mut child);
        }
        end(&mut child);
    }
    let messages = redact(&String::from_utf8_lossy(&reader.join().unwrap_or_default()));
    for job in jobs {
        remove(&failed_name(&job.target))?;
    }
    Ok(Run { ended: ended?, failures: parse_failures(&messages), messages })
}

/// Puts what was there before where the file is to be. apt then asks for what may stand behind it, if it is still of that time: a
/// server that has the same file has nothing behind it, and another one comes as a whole.
fn lay(before: &Before, target: &HostPath) -> Result<(), FetchError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |source| FetchError::File { path: target.clone(), source };
    std::fs::copy(before.file.as_path(), target.as_path()).map_err(failed)?;
    std::fs::set_permissions(target.as_path(), std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    let file = std::fs::File::options().append(true).open(target.as_path()).map_err(failed)?;
    let modified = std::time::UNIX_EPOCH + Duration::from_secs(before.modified);
    file.set_modified(modified).map_err(failed)
}

fn command(access: &Access<'_>, jobs: &[Job]) -> Command {
    let mut command = Command::new(access.helper.as_path());
    // Only the options' own, so that nobody's shell can lead apt elsewhere. Proxy variables stay: apt honours them.
    command.env_remove("APT_CONFIG").env("LC_ALL", "C");
    if let Some(path) = &access.apt_config {
        command.env("APT_CONFIG", path.as_path());
    }
    let seconds = access.timeout.as_secs().max(1);
    command.arg("-qq").args(["-o", &format!("Acquire::Retries={}", access.retries)]);
    for scheme in ["http", "https"] {
        command.args(["-o", &format!("Acquire::{scheme}::Timeout={seconds}")]);
    }
    if nix::unistd::geteuid().is_root() {
        // apt's own user may not write to our folder; what it gets is checked by digest or signature all the same.
        command.args(["-o", "APT::Sandbox::User=root"]);
    }
    command.arg("download-file");
    for job in jobs {
        // The method `file` makes symbolic links to what it finds, `copy` files.
        let address = job.address.secret();
        match address.strip_prefix("file:") {
            Some(rest) => command.arg(format!("copy:{rest}")),
            None => command.arg(address),
        };
        command.arg(job.target.as_path());
        command.args(job.sha256.map(|sha256| format!("SHA256:{sha256}")));
    }
    // A group of its own: ending it ends apt's methods too.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    command
}

/// Waits for the helper's end, or finds a reason to end it.
fn watch(access: &Access<'_>, jobs: &[Job], child: &mut Child) -> Result<Ended, FetchError> {
    let mut pause = Duration::from_millis(2);
    let (mut since, mut looked) = (Instant::now(), Instant::now());
    let mut before: u64 = 0;
    let enough = SLOWEST * access.stall.as_secs();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(if status.success() { Ended::Well } else { Ended::Badly }),
            Ok(None) => {}
            Err(source) => return Err(FetchError::NoHelper { helper: access.helper.clone(), source }),
        }
        if access.cancel.load(Ordering::Relaxed) {
            return Err(FetchError::Cancelled);
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let sizes: Vec<u64> = jobs.iter().map(|job| size_of(&job.target)).collect();
            if let Some(index) = sizes.iter().zip(jobs).position(|(size, job)| *size > job.limit) {
                return Ok(Ended::TooLong(index));
            }
            let sum: u64 = sizes.iter().sum();
            if sum > before.saturating_add(enough) || sum < before {
                (before, since) = (sum, Instant::now());
            } else if since.elapsed() >= access.stall {
                return Ok(Ended::Stalled);
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(40));
    }
}

/// Asks a helper to end: apt then notes how old the file is of which a part has come, without which nobody can go on with it.
fn interrupt(child: &mut Child) {
    let Ok(id) = i32::try_from(child.id()) else { return };
    let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(10));
    }
    // What it started notes it too, in next to no time.
    std::thread::sleep(Duration::from_millis(50));
}

/// Ends a program that leads a process group, with all that it has started.
pub(super) fn end(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL);
    }
    let _ = child.wait();
}

fn size_of(path: &HostPath) -> u64 {
    std::fs::symlink_metadata(path.as_path()).map_or(0, |data| data.len())
}

/// Where apt puts a file whose digest is wrong.
fn failed_name(target: &HostPath) -> HostPath {
    let mut name = target.as_path().as_os_str().to_owned();
    name.push(".FAILED");
    HostPath::new(name)
}

pub(super) fn remove(path: &HostPath) -> Result<(), FetchError> {
    match std::fs::remove_file(path.as_path()) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(FetchError::File { path: path.clone(), source })
        }
        _ => Ok(()),
    }
}

/// `E: Failed to fetch ADDRESS  REASON`, with the lines that follow it up to the next message.
fn parse_failures(messages: &str) -> Vec<(String, String)> {
    let mut failures: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in messages.lines() {
        if let Some(rest) = line.strip_prefix("E: Failed to fetch ") {
            let (address, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            failures.push((address.to_owned(), reason.trim().to_owned()));
            open = true;
        } else if line.starts_with("E: ") || line.starts_with("W: ") {
            open = false;
        } else if let Some((_, reason)) = failures.last_mut().filter(|_| open) {
            reason.push('\n');
            reason.push_str(line.trim());
        }
    }
    failures
}

/// Whether a message about `said` is about `address`: apt leaves out credentials and shortens `file:///`.
pub(super) fn is_about(said: &str, address: &Address) -> bool {
    let plain = |text: &str| text.replacen(":///", ":/", 1).replacen("file:/", "copy:/", 1);
    plain(said) == plain(&address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_apart() {
        let failures = parse_failures(
            "W: x\nE: Failed to fetch http://h/a  404  Not Found [IP: 127.0.0.1 80]\nE: Failed to fetch http://h/b  Hash Sum mismatch\n   Hashes of expected file:\n    - SHA256:00\nE: Download Failed\n stray\n",
        );
        assert_eq!(failures.len(), 2);
        assert_eq!(failures[0], ("http://h/a".into(), "404  Not Found [IP: 127.0.0.1 80]".into()));
        assert_eq!(failures[1].1, "Hash Sum mismatch\nHashes of expected file:\n- SHA256:00");
    }

    #[test]
    fn messages_find_their_address() {
        let address = |text| Address::new(text).expect("good");
        assert!(is_about("http://h/x", &address("http://u:p@h/x")));
        assert!(is_about("copy:/srv/x", &address("file:///srv/x")));
        assert!(!is_about("http://h/xy", &address("http://h/x")));
    }
}
