//! Sandboxes as nodes use them: their limits, their log, how they ended, and getting rid of what they leave.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::time::Instant;

use super::context::Context;
use super::error::NodeError;
use super::limits::{self, Met};
use super::space;
use super::telling::telling_lines;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::name::{NodeName, component_of};
use crate::path::{GuestPath, HostPath};
use crate::sandbox::{self, Bind, End, Launcher, Limits, Outcome, Request};
use crate::store::{LogTime, MOST_TIMES, WorkDir};

/// The limits of a build: six hours, in which the longest of a distribution's main archive fits; two hours without a line.
pub const BUILD_LIMITS: Limits =
    Limits { wall_seconds: Some(6 * 3_600), silence_seconds: Some(2 * 3_600), log_bytes: 256 << 20, ..Limits::NONE };

/// What a guest has said.
pub struct Said {
    /// The last part of it.
    pub text: String,
    /// Whether the store's disk was full when it spoke of one.
    pub full: bool,
}

/// What programs say where a disk is full.
const NO_SPACE: &str = "No space left on device";

/// Runs `request` for `node`; its outcome, its log in the store, and what it said.
///
/// # Errors
/// Where the sandbox cannot be made or the log not be kept.
pub fn logged(
    ctx: &Context<'_>,
    work: &WorkDir,
    node: &NodeName,
    request: &Request,
) -> Result<(Outcome, Digest, Said), Failure> {
    logged_all(ctx, work, node, std::slice::from_ref(request), &mut |_| Ok(()))
}

/// Runs `requests`, which are one at least, one after the other until one fails, within the time and log of one; `ended` hears
/// the turn of each that did not. What they take together, with one log.
///
/// # Errors
/// As [`logged`], and those of `ended`.
pub fn logged_all(
    ctx: &Context<'_>,
    work: &WorkDir,
    node: &NodeName,
    requests: &[Request],
    ended: &mut dyn FnMut(usize) -> Result<(), Failure>,
) -> Result<(Outcome, Digest, Said), Failure> {
    let path = work.path().join("log");
    let failed = |source| NodeError::File { doing: "write", path: path.to_string(), source };
    let mut file = work.new_log(&node.to_string())?;
    let (mut written, mut full) = (Ok(()), false);
    let (began, mut times, from) = (Instant::now(), Vec::new(), Cell::new(0));
    let mut write = |bytes: &[u8]| {
        note_time(&mut times, LogTime { from: from.get(), milliseconds: milliseconds_since(began) });
        from.set(from.get() + bytes.len() as u64);
        // Looked at just then: once the guest or another has ended there is room again.
        if !full && String::from_utf8_lossy(bytes).contains(NO_SPACE) {
            full = ctx.store.free_bytes().is_ok_and(|free| free < space::RESERVE);
        }
        if written.is_ok() {
            written = file.write_all(bytes);
        }
    };
    let mut all: Option<Outcome> = None;
    for (turn, request) in requests.iter().enumerate() {
        let outcome = match all {
            None => sandbox::run(&ctx.launcher, request, &mut write, &ctx.cancel)?,
            Some(before) => {
                let limits = limits::left(request.limits, before.wall_milliseconds, from.get());
                let next = Request { limits, ..request.clone() };
                before.and(sandbox::run(&ctx.launcher, &next, &mut write, &ctx.cancel)?)
            }
        };
        all = Some(outcome);
        if outcome.end != End::Exit(0) {
            break;
        }
        ended(turn)?;
    }
    let outcome = all.expect("one request at least");
    written.map_err(failed)?;
    file.rewind().map_err(failed)?;
    let log = ctx.store.put_log_with_times(&mut file, &times)?;
    let text = String::from_utf8_lossy(&last_part(&mut file).map_err(failed)?).into_owned();
    Ok((outcome, log, Said { text, full }))
}

fn milliseconds_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Notes when a part of the log came, unless another one came just before.
fn note_time(times: &mut Vec<LogTime>, time: LogTime) {
    /// Milliseconds.
    const JUST_BEFORE: u64 = 100;
    let is_new = times.last().is_none_or(|last| time.milliseconds >= last.milliseconds + JUST_BEFORE);
    if is_new && times.len() < MOST_TIMES {
        times.push(time);
    }
}

/// The last megabytes of a log: telling lines are looked for there.
fn last_part(file: &mut File) -> std::io::Result<Vec<u8>> {
    const PART: u64 = 4 << 20;
    let length = file.metadata()?.len();
    file.seek(std::io::SeekFrom::Start(length.saturating_sub(PART)))?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(file, &mut bytes)?;
    Ok(bytes)
}

/// An error unless the sandbox's steps all succeeded, which ran within `limits`.
///
/// # Errors
/// [`NodeError::Script`] with the telling lines, [`NodeError::Limit`], or [`NodeError::Stopped`].
pub fn finished(
    ctx: &Context<'_>,
    node: &NodeName,
    outcome: Outcome,
    what: &str,
    limits: &Limits,
    (log, Said { text, full }): (Digest, &Said),
) -> Result<(), Failure> {
    let how = match outcome.end {
        End::Exit(0) => return Ok(()),
        End::Cancelled => return Err(NodeError::Stopped.into()),
        End::Exit(code) => format!("failed with exit code {code}"),
        End::Signal(signal) => format!("was ended by signal {signal}"),
        End::WallLimit => format!("took longer than {} and was ended", span(limits.wall_seconds)),
        End::LogLimit => format!("wrote more than {} MiB of log and was ended", limits.log_bytes >> 20),
        // Said below.
        End::SilenceLimit | End::MemoryLimit | End::HostMemory | End::ProcessLimit | End::DiskLimit | End::HostDisk => {
            String::new()
        }
    };
    let telling = telling(text);
    let component = component_of(node.kind, &node.subject).unwrap_or_default();
    let met = limits::met(&ctx.limits_of(node), component, outcome.end, limits);
    let node = node.to_string();
    if let Some(Met { how, help, cause, limit }) = met {
        let (how, help) = (format!("{what} {how}{telling}"), format!("{help}; the whole log: `opb log {node}`"));
        return Err(NodeError::Limit { how, help, cause, log, end: outcome.end, limit }.into());
    }
    if text.contains(NO_SPACE) {
        return Err(NodeError::NoSpace { node, how: format!("{what} {how}"), telling, log, full: *full }.into());
    }
    Err(NodeError::Script { node, how: format!("{what} {how}"), telling, log: Some(log) }.into())
}

/// The telling lines of a log, each on a line of its own and indented.
pub fn telling(text: &str) -> String {
    telling_lines(text).iter().map(|line| format!("\n    {line}")).collect()
}

pub fn span(seconds: Option<u64>) -> String {
    match seconds.unwrap_or_default() {
        60 => "a minute".to_owned(),
        3_600 => "an hour".to_owned(),
        seconds if seconds % 3_600 == 0 => format!("{} hours", seconds / 3_600),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// Gets rid of a work folder, also of what in it belongs to the sandbox's users.
pub fn clean(launcher: &Launcher, work: WorkDir) {
    if let Some(path) = work.remove() {
        // What cannot be removed now is swept when the store is opened next.
        let _ = sandbox::remove(launcher, &path);
    }
}

/// The environment of scripts that run as root while a root is made.
pub fn root_env() -> BTreeMap<String, String> {
    [
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("TERM", "dumb"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// A folder of the host for the guest to read.
pub fn read_only(host: HostPath, guest: &str) -> Bind {
    Bind { host, guest: GuestPath::new(guest), writable: false, collect: false }
}
