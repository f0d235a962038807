//! The caller's side: starts the supervisor, passes the log on, keeps time, and says stop.
//!
//! The supervisor's stdin is one end of a socket: the order goes in, the report comes out, and closing it (or dying) ends
//! everything.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::attached;
use super::id_map::forbidden;
use super::wire::{self, Job, Limit, Order, Place, Report, Status, Trouble, Usage};
use super::zygote::{Supervisor, Zygote};
use super::{Cgroups, End, HIDDEN_VERB, IdMap, Limits, Outcome, Request, RootFs, SandboxError, Upper};

/// How the supervisor is started, and with which ids.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// Where supervisors come from.
    pub zygote: Zygote,
    /// The ids.
    pub map: IdMap,
    /// Where guests get cgroups of their own.
    pub cgroups: Cgroups,
}

impl Launcher {
    /// This program again, as it was when it started, even if its file has been replaced since.
    ///
    /// # Errors
    /// As [`IdMap::of_this_process`].
    pub fn this_program() -> Result<Self, SandboxError> {
        let map = IdMap::of_this_process()?;
        let cgroups = Cgroups::of_this_process();
        Ok(Self { zygote: Zygote::new("/proc/self/exe", vec![HIDDEN_VERB.to_owned()]), map, cgroups })
    }
}

/// Ends runs from another thread. Clones are one and the same; once cancelled it stays so.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<CancelPipe>);

/// Cancelling closes the writing end, which wakes every run that polls the other.
#[derive(Debug)]
struct CancelPipe {
    watched: PipeReader,
    held: Mutex<Option<PipeWriter>>,
}

impl Cancel {
    /// One that is not cancelled.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (watched, held) = io::pipe()?;
        Ok(Self(Arc::new(CancelPipe { watched, held: Mutex::new(Some(held)) })))
    }

    /// Ends every run that has this, at once, and every later one.
    pub fn cancel(&self) {
        drop(self.0.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Waits until it is cancelled, but not for longer than `time`.
    pub fn wait(&self, time: Duration) {
        let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
        // A signal may end it too early, which is as good.
        let _ = poll(&mut [PollFd::new(self.0.watched.as_fd(), PollFlags::POLLIN)], time);
    }
}

/// Does the request's steps in a fresh sandbox and waits for their end. `log` gets stdout and stderr as they come.
///
/// When this returns nothing of the guest runs any more, and no mount is left.
///
/// # Errors
/// Where the sandbox cannot be made, a step cannot be begun, or the kept layer cannot be put in its place. A command
/// that fails or is ended is an [`Outcome`].
pub fn run(
    launcher: &Launcher,
    request: &Request,
    log: &mut dyn FnMut(&[u8]),
    cancel: &Cancel,
) -> Result<Outcome, SandboxError> {
    run_attached(launcher, request, log, &mut |_| (), cancel)
}

/// As [`run`], where a step is [`Step::OnTerminal`](super::Step::OnTerminal) or [`Step::WithInput`](super::Step::WithInput):
/// `attach` gets the outer side of its terminal, or the writing end of its input, before any step begins, to set it up and to work
/// at it. Nobody has the inner side any more when this returns.
///
/// # Errors
/// As [`run`].
pub fn run_attached(
    launcher: &Launcher,
    request: &Request,
    log: &mut dyn FnMut(&[u8]),
    attach: &mut dyn FnMut(OwnedFd),
    cancel: &Cancel,
) -> Result<Outcome, SandboxError> {
    let mut watch = Watch::new(request.limits);
    let mut guest = Guest::start(launcher, Job::Run(Box::new(request.clone())))?;
    let report = guest.attend(&mut watch, log, attach, cancel)?;
    let wall_milliseconds = milliseconds(watch.started.elapsed());
    let (end, step, usage) = match report {
        Report::Ended { ended, usage } => match watch.stopped {
            // It ended by itself while we were about to end it, after it had written too much.
            Some(End::LogLimit) => (End::LogLimit, None, usage),
            _ => match ended.status {
                Status::Limit(limit) => (limit.into(), None, usage),
                Status::Exit(code) => (End::Exit(code), Some(ended.step), usage),
                Status::Signal(signal) => (End::Signal(signal), Some(ended.step), usage),
            },
        },
        Report::Limited { limit, usage } => (watch.stopped.unwrap_or(limit.into()), None, usage),
        Report::Killed { usage } => (watch.stopped.unwrap_or(End::Cancelled), None, usage),
        Report::Failed(trouble) => return Err(trouble.into()),
        Report::Done => return Err(SandboxError::Lost { who: "supervisor", status: "another job's report".into() }),
    };
    if let (End::Exit(0), RootFs::Layers { upper: Upper::Keep(folder), .. }) = (end, &request.root) {
        keep(request.scratch.join("upper").as_path(), folder.as_path())?;
    }
    let Usage { cpu_milliseconds, peak_memory } = usage;
    Ok(Outcome { end, step, wall_milliseconds, cpu_milliseconds, peak_memory })
}

/// Puts a finished upper layer in its place, whole or not at all.
fn keep(upper: &Path, folder: &Path) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::File { doing: "keep the layer", path: folder.to_owned(), source };
    // The overlay was mounted without syncs, so nothing of the layer is sure to be on the disk yet.
    let opened = File::open(upper).map_err(failed)?;
    nix::unistd::syncfs(&opened).map_err(|error| failed(error.into()))?;
    std::fs::rename(upper, folder).map_err(failed)
}

/// Does what is no run, and waits for it.
pub(super) fn order(launcher: &Launcher, job: Job) -> Result<(), SandboxError> {
    let mut watch = Watch::new(Limits::NONE);
    let cancel = Cancel::new().map_err(|source| supervisor_failed(launcher, source))?;
    match Guest::start(launcher, job)?.attend(&mut watch, &mut |_| (), &mut |_| (), &cancel)? {
        Report::Failed(trouble) => Err(trouble.into()),
        _ => Ok(()),
    }
}

fn supervisor_failed(launcher: &Launcher, source: io::Error) -> SandboxError {
    SandboxError::Supervisor { program: launcher.zygote.program().to_owned(), source }
}

fn lost(status: Option<ExitStatus>) -> SandboxError {
    let status = status.map_or_else(|| "no report".to_owned(), |status| status.to_string());
    SandboxError::Lost { who: "supervisor", status }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What has passed of the limits.
struct Watch {
    limits: Limits,
    started: Instant,
    spoke: Instant,
    logged: u64,
    stopped: Option<End>,
}

impl Watch {
    fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self { limits, started: now, spoke: now, logged: 0, stopped: None }
    }

    /// The earliest limit on time: when, and what it is. `None` once the guest is being stopped.
    fn deadline(&self) -> Option<(Instant, End)> {
        let after = |from: Instant, seconds: Option<u64>| from.checked_add(Duration::from_secs(seconds?));
        let wall = after(self.started, self.limits.wall_seconds).map(|at| (at, End::WallLimit));
        let silence = after(self.spoke, self.limits.silence_seconds).map(|at| (at, End::SilenceLimit));
        let earliest = [wall, silence].into_iter().flatten().min_by_key(|(at, _)| *at);
        earliest.filter(|_| self.stopped.is_none())
    }

    /// Counts output; gives what of it may still be passed on.
    fn hear<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.spoke = Instant::now();
        let room = usize::try_from(self.limits.log_bytes - self.logged).unwrap_or(usize::MAX);
        let passed = bytes.get(..room).unwrap_or(bytes);
        self.logged += passed.len() as u64;
        if passed.len() < bytes.len() {
            self.stopped.get_or_insert(End::LogLimit);
        }
        passed
    }
}

/// A running supervisor.
struct Guest {
    /// `None` once it was waited for.
    supervisor: Option<Supervisor>,
    socket: UnixStream,
    log: Option<PipeReader>,
    /// Where init passes the outer side of what is attached on, until it has.
    attached: Option<UnixStream>,
}

impl Guest {
    fn start(launcher: &Launcher, job: Job) -> Result<Self, SandboxError> {
        let failed = |source| supervisor_failed(launcher, source);
        let (socket, theirs) = UnixStream::pair().map_err(failed)?;
        let (log, log_writer) = io::pipe().map_err(failed)?;
        let (attached, stdout) = match &job {
            Job::Run(request) if request.attached().is_some() => {
                let (ours, theirs) = UnixStream::pair().map_err(failed)?;
                (Some(ours), OwnedFd::from(theirs))
            }
            _ => (None, OwnedFd::from(log_writer.try_clone().map_err(failed)?)),
        };
        let supervisor = launcher.zygote.start(&[theirs.into(), stdout, log_writer.into()]).map_err(failed)?;
        let mut guest = Self { supervisor: Some(supervisor), socket, log: Some(log), attached };
        let order = Order { map: launcher.map.clone(), cgroups: launcher.cgroups.clone(), job };
        wire::send(&mut guest.socket, &order).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => lost(guest.supervisor.take().and_then(|supervisor| supervisor.wait())),
            _ => failed(error),
        })?;
        Ok(guest)
    }

    /// Passes the log on and minds the limits until the report is here and the supervisor gone.
    fn attend(
        &mut self,
        watch: &mut Watch,
        log: &mut dyn FnMut(&[u8]),
        attach: &mut dyn FnMut(OwnedFd),
        cancel: &Cancel,
    ) -> Result<Report, SandboxError> {
        let mut told = false;
        loop {
            if watch.stopped.is_some() && !told {
                // The supervisor sees the end of its input. An error means that it is gone already.
                let _ = self.socket.shutdown(Shutdown::Write);
                told = true;
            }
            let heard = self.wait(watch.deadline(), (!told).then_some(&cancel.0.watched));
            if heard.log {
                self.pass_log(watch, log);
            }
            if let Some(mut socket) = self.attached.take_if(|_| heard.attached)
                && let Ok(outer) = attached::receive(&socket)
            {
                attach(outer);
                // Where init has ended before it could pass one on, or since, it says why.
                let _ = socket.write_all(b"g");
            }
            if heard.cancelled {
                watch.stopped.get_or_insert(End::Cancelled);
            }
            if heard.report {
                break;
            }
            if let Some((_, end)) = watch.deadline().filter(|(at, _)| *at <= Instant::now()) {
                watch.stopped = Some(end);
            }
        }
        let report = wire::receive(&mut self.socket);
        let status = self.supervisor.take().and_then(|supervisor| supervisor.wait());
        self.pass_rest(watch, log);
        report.map_err(|_| lost(status))
    }

    /// Sleeps until something happens or a limit has come.
    fn wait(&self, deadline: Option<(Instant, End)>, cancel: Option<&PipeReader>) -> Heard {
        let timeout = deadline.map_or(PollTimeout::NONE, |(at, _)| {
            // One more, so that it has certainly come when we wake.
            let left = at.saturating_duration_since(Instant::now()).as_millis().saturating_add(1);
            PollTimeout::try_from(i32::try_from(left).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
        });
        let watched: [Option<BorrowedFd<'_>>; 4] = [
            Some(self.socket.as_fd()),
            self.log.as_ref().map(std::os::fd::AsFd::as_fd),
            self.attached.as_ref().map(std::os::fd::AsFd::as_fd),
            cancel.map(std::os::fd::AsFd::as_fd),
        ];
        let mut asked: Vec<PollFd<'_>> =
            watched.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        if !matches!(poll(&mut asked, timeout), Ok(1..)) {
            return Heard::default();
        }
        let mut answers = asked.iter().map(|fd| fd.any().unwrap_or(true));
        let mut heard = |present: bool| present && answers.next().unwrap_or(false);
        Heard {
            report: heard(true),
            log: heard(self.log.is_some()),
            attached: heard(self.attached.is_some()),
            cancelled: heard(cancel.is_some()),
        }
    }

    fn pass_log(&mut self, watch: &mut Watch, log: &mut dyn FnMut(&[u8])) -> bool {
        let mut bytes = [0; 65_536];
        match self.log.as_mut().map(|reader| reader.read(&mut bytes)) {
            Some(Ok(count @ 1..)) => {
                let passed = watch.hear(&bytes[..count]);
                if !passed.is_empty() {
                    log(passed);
                }
                true
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => true,
            _ => {
                self.log = None;
                false
            }
        }
    }

    /// What is still in the pipe when all writers are gone; should one not be, it is not waited for.
    fn pass_rest(&mut self, watch: &mut Watch, log: &mut dyn FnMut(&[u8])) {
        if let Some(reader) = &self.log {
            let _: Result<_, Errno> = fcntl(reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        }
        while self.pass_log(watch, log) {}
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Where it has not reported: `log` panicked, or it could not be told what to do. Ends the guest.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.supervisor.take().map(|supervisor| supervisor.wait());
    }
}

/// What woke us.
#[derive(Default)]
struct Heard {
    report: bool,
    log: bool,
    attached: bool,
    cancelled: bool,
}

impl From<Limit> for End {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Memory => Self::MemoryLimit,
            Limit::HostMemory => Self::HostMemory,
            Limit::Processes => Self::ProcessLimit,
            Limit::Disk => Self::DiskLimit,
            Limit::HostDisk => Self::HostDisk,
        }
    }
}

impl From<Trouble> for SandboxError {
    fn from(trouble: Trouble) -> Self {
        let source = trouble.error();
        let denied = matches!(trouble.errno, Some(libc::EPERM | libc::EACCES | libc::ENOSPC | libc::EUSERS));
        match trouble.place {
            Place::Namespaces | Place::SetUp if denied && !nix::unistd::geteuid().is_root() => {
                forbidden().unwrap_or(Self::SetUp { doing: trouble.doing, source })
            }
            Place::Namespaces | Place::SetUp => Self::SetUp { doing: trouble.doing, source },
            Place::Map => Self::MapRefused { program: trouble.doing, said: trouble.said },
            Place::Step(step) => Self::Step { step, doing: trouble.doing, source },
            Place::Lost => Self::Lost { who: "init", status: trouble.said },
        }
    }
}
