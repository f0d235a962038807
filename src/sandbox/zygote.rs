//! The zygote: this program started once more, of which each sandbox's supervisor is a copy.
//!
//! ```text
//!  caller ── start: stdin, stdout and stderr of a supervisor ──► zygote ── fork ──► supervisor
//!         ◄── a descriptor that tells when it is gone ──────────
//!         ── ended: how? ──────────────────────────────────────►
//! ```
//! Starting a program takes as long as all the rest of a small sandbox; a copy of one that waits takes a tenth of it. And only
//! a process of one thread may do anything after a fork. It has no secrets, and nothing of a sandbox stays in it. It ends when
//! the caller closes its end, or dies.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setpgid};

use super::passing;
use super::supervise::{clone_into, exit_now, keep_only, serve_caller};

/// Where supervisors come from. Clones are one and the same; nothing is started before the first supervisor is wanted.
#[derive(Clone)]
pub struct Zygote(Arc<Slot>);

struct Slot {
    program: PathBuf,
    args: Vec<String>,
    running: Mutex<Option<Running>>,
}

impl fmt::Debug for Zygote {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Zygote({})", self.program().display())
    }
}

impl Zygote {
    /// Of `program`, which calls [`guest_main`] when it is started with `args`.
    pub fn new(program: impl Into<PathBuf>, args: Vec<String>) -> Self {
        Self(Arc::new(Slot { program: program.into(), args, running: Mutex::new(None) }))
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.0.program
    }

    /// The zygote's process id; `None` while there is none.
    pub fn pid(&self) -> Option<u32> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|running| running.child.id())
    }

    /// Starts a supervisor with these as its stdin, stdout and stderr.
    pub(super) fn start(&self, streams: &[OwnedFd; 3]) -> io::Result<Supervisor> {
        let mut slot = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*slot {
            match running.start(streams) {
                // Somebody has killed it: another one serves as well.
                Err(error) if is_gone(&error) => *slot = None,
                started => return started.map(|started| self.supervisor(running, started)),
            }
        }
        let running = slot.insert(Running::begin(&self.0.program, &self.0.args)?);
        running.start(streams).map(|started| self.supervisor(running, started))
    }

    fn supervisor(&self, running: &Running, (pid, gone): (i32, OwnedFd)) -> Supervisor {
        Supervisor { pid, gone, zygote: self.clone(), parent: running.child.id() }
    }
}

/// A supervisor that was started.
pub(super) struct Supervisor {
    pid: i32,
    /// Readable once it is gone.
    gone: OwnedFd,
    zygote: Zygote,
    /// The process id of the zygote that has it as a child: by now there may be another one.
    parent: u32,
}

impl Supervisor {
    /// Waits until it is gone, and with it its mounts; how it ended, where that can be had.
    pub fn wait(&self) -> Option<ExitStatus> {
        let mut asked = [PollFd::new(self.gone.as_fd(), PollFlags::POLLIN)];
        while matches!(poll(&mut asked, PollTimeout::NONE), Err(Errno::EINTR)) {}
        let slot = self.zygote.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().filter(|running| running.child.id() == self.parent)?.how_ended(self.pid).ok()
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// A zygote that was started.
struct Running {
    child: Child,
    control: Option<UnixStream>,
}

impl Running {
    fn begin(program: &Path, args: &[String]) -> io::Result<Self> {
        let (control, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program);
        command.args(args).env_clear().current_dir("/").stdin(OwnedFd::from(theirs));
        // Nothing of the caller's own: not its terminal, nor a pipe whose reader waits for the end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: Ctrl-C on the terminal reaches the caller only, who then ends all in order.
        let child = command.process_group(0).spawn()?;
        Ok(Self { child, control: Some(control) })
    }

    fn start(&self, streams: &[OwnedFd; 3]) -> io::Result<(i32, OwnedFd)> {
        let streams = streams.each_ref().map(std::os::fd::AsRawFd::as_raw_fd);
        let (pid, passed) = self.ask(Asked::Start, 0, &streams)?;
        passed.into_iter().next().map(|gone| (pid, gone)).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn how_ended(&self, pid: i32) -> io::Result<ExitStatus> {
        self.ask(Asked::Ended, pid, &[]).map(|(status, _)| ExitStatus::from_raw(status))
    }

    /// Asks for one thing; the number and the descriptors of the answer.
    fn ask(&self, what: Asked, pid: i32, descriptors: &[RawFd]) -> io::Result<(i32, Vec<OwnedFd>)> {
        let control = self.control.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
        passing::send(control, &words(what as i32, pid), descriptors)?;
        let mut answer = [0; 8];
        let passed = passing::receive(control, &mut answer)?;
        match numbers(answer) {
            (0, number) => Ok((number, passed)),
            (errno, _) => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// What a zygote may be asked for.
#[derive(Clone, Copy)]
enum Asked {
    /// A supervisor.
    Start,
    /// How the supervisor of a process id, which is gone, has ended.
    Ended,
}

/// Two numbers as a message has them.
fn words(one: i32, other: i32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&one.to_le_bytes());
    bytes[4..].copy_from_slice(&other.to_le_bytes());
    bytes
}

/// See [`words`].
fn numbers(bytes: [u8; 8]) -> (i32, i32) {
    let [a, b, c, d, rest @ ..] = bytes;
    (i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes(rest))
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.control.take());
        // It waits for its supervisors, whose callers have all had their reports.
        let _ = self.child.wait();
    }
}

/// What the hidden verb does: serves as zygote for the caller at the other end of stdin. Call it first of all in `main`,
/// before any thread is started.
pub fn guest_main() -> ! {
    let control = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    // Where it was started by hand, its stdin is no socket.
    let served = control.and_then(|control| {
        let mut begun = 0_u64;
        loop {
            match serve(&control) {
                Ok(()) => begun += 1,
                Err(error) if begun == 0 => return Err(error),
                Err(_) => return Ok(()),
            }
        }
    });
    // Those that still run end when their own callers do.
    while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {}
    exit_now(if served.is_ok() { 0 } else { 2 })
}

/// Does one thing for the caller.
fn serve(control: &UnixStream) -> io::Result<()> {
    let mut asked = [0; 8];
    let streams = passing::receive(control, &mut asked)?;
    let (what, pid) = numbers(asked);
    if what == Asked::Ended as i32 {
        drop(streams);
        let (errno, status) = reap(pid);
        return passing::send(control, &words(errno, status), &[]);
    }
    match clone_into(CloneFlags::empty()) {
        Ok(None) => become_supervisor(streams),
        Ok(Some(supervisor)) => {
            // Not open here any more when the caller waits for the supervisor to close them.
            drop(streams);
            passing::send(control, &words(0, supervisor.pid), &[supervisor.pidfd.as_raw_fd()])
        }
        Err(trouble) => {
            drop(streams);
            passing::send(control, &words(trouble.errno.unwrap_or(libc::EAGAIN), 0), &[])
        }
    }
}

/// Takes the status of one that is gone, so that what it took counts as the caller's: an error's number, and the status.
fn reap(pid: i32) -> (i32, i32) {
    let mut status = 0;
    loop {
        // SAFETY: the place is ours and lives through the call. Never any child of whatever id (0, -1).
        if pid > 0 && unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } == pid {
            return (0, status);
        }
        match Errno::last() {
            Errno::EINTR if pid > 0 => {}
            _ => return (libc::ECHILD, 0),
        }
    }
}

/// The copy: it has the streams that came, and nothing else of the zygote's.
fn become_supervisor(streams: Vec<OwnedFd>) -> ! {
    let Ok([stdin, stdout, stderr]) = <[OwnedFd; 3]>::try_from(streams) else { exit_now(2) };
    let placed = dup2_stdin(&stdin).and_then(|()| dup2_stdout(&stdout)).and_then(|()| dup2_stderr(&stderr));
    // A group of its own, as the zygote has.
    if placed.and_then(|()| setpgid(Pid::from_raw(0), Pid::from_raw(0))).is_err() {
        exit_now(2)
    }
    drop([stdin, stdout, stderr]);
    keep_only(&[]);
    exit_now(serve_caller())
}
