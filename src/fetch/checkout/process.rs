//! One run of git: what it may do is narrowed, what it says is bounded, and what it does is watched.
//!
//! The host's own configuration counts: helpers, proxies, certificates and other addresses (`insteadOf`) are set there. What
//! a repository could use against its reader does not: hooks, transports that run programs, other work trees, prompts.

#![expect(clippy::disallowed_methods, reason = "a child that may grow too large is looked at now and then")]

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Clones;
use super::error::CheckoutError;
use crate::fetch::git::LEADING_ELSEWHERE;
use crate::fetch::helper::end;
use crate::path::HostPath;
use crate::remote::RemoteUrl;

/// How often the growth of a clone is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How long a clone that is fetched into may not grow.
const STALL: Duration = Duration::from_secs(20 * 60);

/// The most bytes of an answer: a repository with half a million branches.
const MAX_ANSWER: u64 = 64 << 20;

/// The most bytes of messages.
const MAX_MESSAGES: u64 = 1 << 18;

/// What is set for every run, whatever the host's configuration says.
const SETTINGS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=120",
];

/// What came of a run.
pub(super) struct Ran {
    /// Whether it ended well.
    pub well: bool,
    /// What it answered.
    pub answer: Vec<u8>,
    /// What it said.
    pub said: String,
}

/// git over the clone at `clone`, without a way to any repository elsewhere.
pub(in crate::fetch) fn local(clone: &HostPath) -> Command {
    let mut command = narrowed();
    command.env("GIT_ALLOW_PROTOCOL", "none").env("GIT_NO_LAZY_FETCH", "1");
    let mut folder = std::ffi::OsString::from("--git-dir=");
    folder.push(clone.as_path());
    command.arg(folder);
    command
}

/// git with a way to the repository at `url`, and over `clone`, where there is one.
pub(super) fn remote(url: &RemoteUrl, clone: Option<&HostPath>) -> Command {
    let mut command = narrowed();
    // The host's configuration may lead an address elsewhere: to what is at least as safe as itself.
    let allowed = match url.scheme() {
        Some("https" | "ssh") => "https:ssh",
        Some("http") => "http:https:ssh",
        Some("git") => "git:https:ssh",
        Some("file") => "file",
        _ => "none",
    };
    command.env("GIT_ALLOW_PROTOCOL", allowed);
    if let Some(clone) = clone {
        let mut folder = std::ffi::OsString::from("--git-dir=");
        folder.push(clone.as_path());
        command.arg(folder);
    }
    command
}

fn narrowed() -> Command {
    let mut command = Command::new("git");
    for name in LEADING_ELSEWHERE {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GCM_INTERACTIVE", "never");
    command.env("SSH_ASKPASS_REQUIRE", "never").env("GIT_OPTIONAL_LOCKS", "0");
    command.args(["--no-pager", "--no-replace-objects"]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs `command` to its end. `growing` is a clone that it fetches into, from `url`.
pub(super) fn run(
    clones: &Clones<'_>,
    command: &mut Command,
    growing: Option<(&HostPath, &RemoteUrl)>,
) -> Result<Ran, CheckoutError> {
    // A group of its own: ending it ends its helpers too, and a terminal's signals reach only us.
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let program = if command.get_program() == "hg" { "hg" } else { "git" };
    let mut child = command.spawn().map_err(|source| CheckoutError::NoProgram { program, source })?;
    let answer = reader(child.stdout.take(), MAX_ANSWER);
    let said = reader(child.stderr.take(), MAX_MESSAGES);
    let watched = watch(clones, (program, &mut child), growing);
    if watched.is_err() {
        end(&mut child);
    }
    let (answer, said) = (answer.join().unwrap_or_default(), said.join().unwrap_or_default());
    let status = watched?;
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(Ran { well: status.success(), answer, said })
}

fn reader<R: std::io::Read + Send + 'static>(from: Option<R>, limit: u64) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What is cut off must still be read, or the program would wait for ever.
            let _ = (&mut from).take(limit).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        bytes
    })
}

fn watch(
    clones: &Clones<'_>,
    (program, child): (&'static str, &mut Child),
    growing: Option<(&HostPath, &RemoteUrl)>,
) -> Result<std::process::ExitStatus, CheckoutError> {
    let mut pause = Duration::from_millis(1);
    let (mut looked, mut grown, mut size) = (Instant::now(), Instant::now(), 0);
    loop {
        if clones.is_stopped() {
            return Err(CheckoutError::Cancelled);
        }
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(source) => return Err(CheckoutError::NoProgram { program, source }),
        }
        if let Some((clone, url)) = growing.filter(|_| looked.elapsed() >= LOOK) {
            looked = Instant::now();
            let now = size_of(clone);
            if now > clones.bounds.clone {
                return Err(too_large(clones, url));
            }
            if now != size {
                (size, grown) = (now, Instant::now());
            } else if grown.elapsed() >= STALL {
                let said = "nothing came for twenty minutes".to_owned();
                return Err(CheckoutError::Unreachable { url: url.to_string(), said });
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(40));
    }
}

/// The bytes of a clone's packs, those that are being fetched among them; of one of hg, of all that it holds.
pub(super) fn size_of(clone: &HostPath) -> u64 {
    let of_hg = clone.join(".hg/store");
    if of_hg.as_path().is_dir() {
        return size_below(of_hg.as_path());
    }
    let packs = std::fs::read_dir(clone.join("objects/pack").as_path());
    let sizes = packs.into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
    sizes.map(|data| data.len()).fold(0, u64::saturating_add)
}

fn size_below(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let data = entry.metadata().ok()?;
        Some(if data.is_dir() { size_below(&entry.path()) } else { data.len() })
    });
    sizes.fold(0, u64::saturating_add)
}

/// The error that says that a clone has more than it may.
pub(super) fn too_large(clones: &Clones<'_>, url: &RemoteUrl) -> CheckoutError {
    CheckoutError::TooLarge { url: url.to_string(), limit: clones.bounds.clone, what: "bytes" }
}

/// Waits, unless somebody asks to stop.
pub(super) fn pause(time: Duration, cancel: &AtomicBool) -> Result<(), CheckoutError> {
    let began = Instant::now();
    while began.elapsed() < time {
        if cancel.load(Ordering::Relaxed) {
            return Err(CheckoutError::Cancelled);
        }
        std::thread::sleep(Duration::from_millis(20).min(time));
    }
    Ok(())
}

/// Lets ssh fail where it would ask somebody, unless the host says which ssh is to be used.
pub(super) fn batch_ssh(clones: &Clones<'_>, url: &RemoteUrl, command: &mut Command) -> Result<(), CheckoutError> {
    if url.scheme() != Some("ssh") || std::env::var_os("GIT_SSH").is_some() {
        return Ok(());
    }
    let chosen = run(clones, narrowed().args(["config", "--get", "core.sshCommand"]), None)?;
    if !chosen.well {
        command.args(["-c", "core.sshCommand=ssh -o BatchMode=yes"]);
    }
    Ok(())
}
