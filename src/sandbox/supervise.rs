//! The supervisor: a process of one thread between the caller and the guest.
//!
//! It reads the order from stdin (a socket), clones init into new namespaces, writes the id maps from outside, and then
//! only waits: for init's end, or for the end of its input, upon which it kills init. Its answer is one [`Report`].

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;

use super::cgroup::{Controller, Own};
use super::gauge::Counted;
use super::id_map::{Extent, Writer};
use super::wire::{self, Doing as _, Ended, Job, Order, Place, Report, Trouble, Usage};
use super::{IdMap, Network, init, mounts, remove};

/// Serves as supervisor for the caller at the other end of stdin; the exit code.
pub(super) fn serve_caller() -> i32 {
    let caller = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let answered = caller.and_then(|mut caller| {
        let order = wire::receive(&mut caller)?;
        let report = supervise(&order, &mut caller).unwrap_or_else(Report::Failed);
        wire::send(&mut caller, &report)
    });
    // Without an order, or a way to answer, the caller is gone.
    if answered.is_ok() { 0 } else { 2 }
}

fn supervise(order: &Order, caller: &mut UnixStream) -> Result<Report, Trouble> {
    let is_root = order.map.writer == Writer::Root;
    let mut namespaces = CloneFlags::CLONE_NEWUSER;
    if let Job::Run(request) = &order.job {
        namespaces |= mounts::NAMESPACES;
        if request.network == Network::Host {
            namespaces.remove(CloneFlags::CLONE_NEWNET);
        }
        if is_root {
            // The real root may enter every folder; root of a user namespace, only its own and open ones.
            mounts::stage_in_new_namespace(request)?;
        }
    }
    let mut cgroup = match &order.job {
        Job::Run(request) => Own::make(&order.cgroups, &request.limits),
        Job::Remove(_) => Own::default(),
    };
    let (ready, mut go) = io::pipe().doing(|| "making a pipe".to_owned())?;
    let (mut report, answer) = io::pipe().doing(|| "making a pipe".to_owned())?;
    cgroup.enter();
    let cloned = clone_into(namespaces);
    let Some(child) = cloned.inspect_err(|_| cgroup.leave())? else { init_side(order, ready, answer) };
    cgroup.leave();
    drop((ready, answer));
    prefer_to_kill(child.pid);
    if let Err(trouble) =
        write_maps(&order.map, child.pid).and_then(|()| go.write_all(b"g").doing(|| "starting init".to_owned()))
    {
        child.kill();
        child.wait()?;
        return Err(trouble);
    }
    // Init makes its mounts meanwhile: the kernel may take some milliseconds.
    cgroup.take_in(child.pid);
    let counted = Counted { memory: cgroup.has(Controller::Memory), processes: cgroup.has(Controller::Processes) };
    // Where it has ended already, it has said why.
    let _ = go.write_all(&[counted.byte()]);
    let end = child.attend(caller, &cgroup);
    let (status, usage) = child.wait()?;
    // Also where it ended by itself: a build that lost one of its processes has not done what it was told to.
    if let Some(limit) = cgroup.met() {
        return Ok(Report::Limited { limit, usage });
    }
    if end == Attended::Killed {
        return Ok(Report::Killed { usage });
    }
    let Ok(said) = wire::receive::<Result<Option<Ended>, Trouble>>(&mut report) else {
        let said = if libc::WIFSIGNALED(status) {
            format!("signal {}", libc::WTERMSIG(status))
        } else {
            format!("exit status {}", libc::WEXITSTATUS(status))
        };
        return Err(Trouble { place: Place::Lost, doing: String::new(), errno: None, said });
    };
    Ok(said?.map_or(Report::Done, |ended| Report::Ended { ended, usage }))
}

/// Where the host itself runs out of memory, builds are to go first.
fn prefer_to_kill(process: libc::pid_t) {
    let _ = std::fs::write(format!("/proc/{process}/oom_score_adj"), "500");
}

/// The cloned child: does the job once it has its ids, and says how it went.
fn init_side(order: &Order, mut ready: PipeReader, mut answer: PipeWriter) -> ! {
    // The supervisor's end of the caller's socket above all: whoever holds it keeps the caller waiting.
    keep_only(&[ready.as_raw_fd(), answer.as_raw_fd()]);
    let code = match ready.read_exact(&mut [0]) {
        Err(_) => 1,
        Ok(()) => {
            let done = match &order.job {
                Job::Run(request) => init::serve(request, order.map.writer != Writer::Root, &ready).map(Some),
                Job::Remove(path) => remove::remove_here(path.as_path()).map(|()| None),
            };
            i32::from(wire::send(&mut answer, &done).is_err())
        }
    };
    exit_now(code)
}

/// Ends this process without the exit handlers of the program it was cloned from.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Closes all descriptors but 0, 1, 2 and `kept`. Owners of the closed ones must never be dropped: only for processes
/// that end by exec or `_exit`.
pub(super) fn keep_only(kept: &[RawFd]) {
    let mut kept: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    kept.sort_unstable();
    let mut from = 3_u32;
    for fd in kept.into_iter().chain([u32::MAX]) {
        if from < fd {
            // SAFETY: closes descriptors, touches no memory.
            unsafe { libc::syscall(libc::SYS_close_range, from, fd - u32::from(fd != u32::MAX), 0) };
        }
        from = fd.saturating_add(1);
    }
}

/// A process as the one that forked it has it.
pub(super) struct Cloned {
    pub pid: libc::pid_t,
    pub pidfd: OwnedFd,
}

/// Forks, into new namespaces if any are named; `None` in the child.
pub(super) fn clone_into(namespaces: CloneFlags) -> Result<Option<Cloned>, Trouble> {
    let mut pidfd: RawFd = -1;
    let flags = i64::from(namespaces.bits() | libc::CLONE_PIDFD | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with no stack given this is a fork: the child has a copy of everything, and as this
    // process has one thread no lock is held in it. The kernel writes the new descriptor to `pidfd`.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, &raw mut pidfd, 0_usize, 0_usize) };
    match pid {
        0 => Ok(None),
        1.. => {
            // SAFETY: the kernel has just made it, and nobody else owns it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Some(Cloned { pid: libc::pid_t::try_from(pid).expect("a pid is a pid_t"), pidfd }))
        }
        _ => {
            let error = io::Error::last_os_error();
            Err(Trouble::new("making new namespaces", &error).at(Place::Namespaces))
        }
    }
}

impl Cloned {
    /// Kills init, and with it all of its pid namespace.
    fn kill(&self) {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: no info is given. Fails only where it has ended already.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), libc::SIGKILL, no_info, 0) };
    }

    /// Waits for init's end, and brings it about where the caller closes its end or dies, or a limit is met.
    fn attend(&self, caller: &mut UnixStream, cgroup: &Own) -> Attended {
        /// Milliseconds from one look at the cgroup to the next.
        const LOOK: u16 = 500;
        loop {
            let mut asked =
                [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN), PollFd::new(caller.as_fd(), PollFlags::POLLIN)];
            let timeout = if cgroup.is_none() { PollTimeout::NONE } else { PollTimeout::from(LOOK) };
            match poll(&mut asked, timeout) {
                Err(Errno::EINTR) => continue,
                Ok(0) if cgroup.met().is_none() => continue,
                Ok(1..) if asked[0].any() == Some(true) => return Attended::Ended,
                // The caller says nothing more: what comes is its end. Without poll nothing could be watched any more.
                _ => {
                    self.kill();
                    return Attended::Killed;
                }
            }
        }
    }

    /// Takes init's status, and the usage of all that it has reaped, which is everything in its pid namespace.
    fn wait(&self) -> Result<(i32, Usage), Trouble> {
        let mut status = 0;
        // SAFETY: `rusage` is plain numbers, for which zero is a value.
        let mut used: libc::rusage = unsafe { std::mem::zeroed() };
        loop {
            // SAFETY: both places are ours and live through the call.
            if unsafe { libc::wait4(self.pid, &raw mut status, libc::__WALL, &raw mut used) } >= 0 {
                break;
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(Trouble::new("waiting for init", &error));
            }
        }
        let milliseconds = |time: libc::timeval| time.tv_sec.unsigned_abs() * 1000 + time.tv_usec.unsigned_abs() / 1000;
        let usage = Usage {
            cpu_milliseconds: milliseconds(used.ru_utime) + milliseconds(used.ru_stime),
            peak_memory: used.ru_maxrss.unsigned_abs() * 1024,
        };
        Ok((status, usage))
    }
}

/// How waiting for init came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attended {
    /// It ended by itself.
    Ended,
    /// It was killed.
    Killed,
}

fn write_maps(map: &IdMap, pid: libc::pid_t) -> Result<(), Trouble> {
    let lines = |extents: &[Extent]| -> String {
        extents.iter().map(|extent| format!("{} {} {}\n", extent.guest, extent.host, extent.count)).collect()
    };
    let Writer::Helpers { uids, gids } = &map.writer else {
        for (file, extents) in [("uid_map", &map.uids), ("gid_map", &map.gids)] {
            let path = format!("/proc/{pid}/{file}");
            // One write: the kernel takes no second.
            std::fs::write(&path, lines(extents)).doing(|| format!("writing `{path}`"))?;
        }
        return Ok(());
    };
    // Both at once: they take most of the time of a small sandbox.
    let started = [(uids, &map.uids), (gids, &map.gids)].map(|(program, extents)| {
        let mut command = Command::new(program);
        command.arg(pid.to_string());
        for extent in extents {
            command.args([extent.guest, extent.host, extent.count].map(|number| number.to_string()));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        (program, child)
    });
    let refused = |program: &std::path::Path, said: String| Trouble {
        place: Place::Map,
        doing: program.display().to_string(),
        errno: None,
        said,
    };
    let ended = started.map(|(program, child)| {
        let output = child.and_then(std::process::Child::wait_with_output);
        let output = output.map_err(|error| refused(program, error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(refused(program, said)) }
    });
    ended.into_iter().collect()
}
