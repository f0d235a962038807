//! Init, pid 1 of the guest: makes its world, does the steps, leaves nobody running, makes outputs readable.
//!
//! It stays the guest's root with every capability of its user namespace, so nothing it starts may get at it: it cannot be
//! dumped or traced, its descriptors are closed in all others, and its `/proc/1` is closed to them.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, sethostname, setresgid, setresuid};
use seccompiler::BpfProgram;

use super::gauge::{Counted, Gauge};
use super::supervise::exit_now;
use super::wire::{self, Doing as _, Ended, Place, Status, Trouble};
use super::{
    Cpu, HOST_NAME, Network, Request, RootFs, Step, attached, binfmt, collect, landlock, mounts, rights, step,
};

/// The kernel's number for what 32-bit programs expect of it (`personality(2)`).
const PER_LINUX32: libc::c_ulong = 8;

/// Does the request, as the first process of fresh namespaces. `stage` says whether the host's folders are still to be
/// brought together; `supervisor` is a pipe whose other end the supervisor holds.
pub(super) fn serve(request: &Request, stage: bool, mut supervisor: &PipeReader) -> Result<Ended, Trouble> {
    if stage {
        mounts::stage(request)?;
    }
    become_guest_root()?;
    die_with(supervisor)?;
    sethostname(HOST_NAME).doing(|| "setting the host name".to_owned())?;
    if request.network == Network::None {
        mounts::loopback_up()?;
    }
    // Open as long as this process is there, and with it the registration.
    let _registry = match &request.cpu {
        Cpu::Emulated(emulator) => Some(binfmt::register(emulator)?),
        Cpu::Host | Cpu::Narrow => None,
    };
    let mounts::Held { outputs, written } = mounts::enter(request)?;
    silence_stdin()?;
    hold_back_signals()?;
    if request.network == Network::Host {
        landlock::keep_from_nameless_sockets().doing(|| "closing sockets of the host".to_owned())?;
    }
    // Whoever writes this byte has put us into our cgroup, so that all that starts from here on is in it.
    let mut counted = [0];
    supervisor.read_exact(&mut counted).doing(|| "waiting for the supervisor".to_owned())?;
    // Now that we are in it: builds see it as `/`, whatever it is called.
    unshare(CloneFlags::CLONE_NEWCGROUP).doing(|| "making a namespace of cgroups".to_owned())?;
    let mut gauge = Gauge::new(written, &request.limits, Counted::of_byte(counted[0]));
    let narrow = request.cpu == Cpu::Narrow;
    if narrow {
        // SAFETY: a number only.
        let before = unsafe { libc::personality(PER_LINUX32) };
        Errno::result(before).doing(|| "becoming a 32-bit machine".to_owned())?;
    }
    let volatile = matches!(request.root, RootFs::Bare { .. });
    let filters = rights::filters(rights::Filtered { narrow, volatile })?;
    rights::bound_all()?;
    let mut attached = request.attached().map(attached::make).transpose()?;
    let mut ended = Ended { step: 0, status: Status::Exit(0) };
    let mut done = Ok(());
    let mut number = 0;
    // Deeds that follow one another are done by one child.
    for steps in request.steps.chunk_by(|one, next| one.is_deed() && next.is_deed()) {
        let status = perform((number, steps), &mut attached, request.limits.processes, &filters, &mut gauge);
        end_all_others();
        match status {
            Ok(status) => ended = Ended { step: number, status },
            Err(trouble) => done = Err(trouble),
        }
        if done.is_err() || ended.status != Status::Exit(0) {
            break;
        }
        number += steps.len();
    }
    // Of one that failed all stays as it is: somebody may want to look at it.
    if done.is_err() || ended.status != Status::Exit(0) {
        return done.map(|()| ended);
    }
    for (folder, path) in outputs {
        collect::collect(folder).doing(|| format!("making `{path}` readable"))?;
    }
    Ok(ended)
}

fn become_guest_root() -> Result<(), Trouble> {
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setgroups(&[]).doing(|| "dropping the caller's groups".to_owned())?;
    setresgid(gid, gid, gid).doing(|| "becoming the guest's group".to_owned())?;
    setresuid(uid, uid, uid).doing(|| "becoming the guest's root".to_owned())?;
    umask(Mode::from_bits_truncate(0o022));
    // Else a step of the guest's root could open `/proc/1/exe`, which is our program on the host.
    prctl::set_dumpable(false).doing(|| "closing init to others".to_owned())
}

/// Asks to be killed with the supervisor. After the change of ids, which takes the wish back. The supervisor has one thread,
/// so that its thread's end, which is what counts, is its own.
fn die_with(supervisor: &PipeReader) -> Result<(), Trouble> {
    prctl::set_pdeathsig(Signal::SIGKILL).doing(|| "tying init to the supervisor".to_owned())?;
    // It may have died just before.
    let mut asked = [PollFd::new(supervisor.as_fd(), PollFlags::empty())];
    poll(&mut asked, PollTimeout::ZERO).doing(|| "looking for the supervisor".to_owned())?;
    if asked[0].any() == Some(false) { Ok(()) } else { exit_now(1) }
}

/// Replaces stdin, which is the caller's socket, by nothing.
fn silence_stdin() -> Result<(), Trouble> {
    let null = std::fs::File::open("/dev/null").doing(|| "opening `/dev/null`".to_owned())?;
    nix::unistd::dup2_stdin(&null).doing(|| "replacing stdin".to_owned())
}

/// Does a command or several deeds, the first of which has this number, in a child and waits for it, reaping whatever else ends
/// meanwhile.
fn perform(
    (number, steps): (usize, &[Step]),
    attached: &mut Option<OwnedFd>,
    processes: Option<u64>,
    filters: &[BpfProgram],
    gauge: &mut Gauge,
) -> Result<Status, Trouble> {
    let is_its = matches!(steps, [Step::OnTerminal(_) | Step::WithInput(_)]);
    let inner = attached.as_ref().map(AsRawFd::as_raw_fd).filter(|_| is_its);
    let (mut errors, errors_writer) = io::pipe().doing(|| "making a pipe".to_owned())?;
    // SAFETY: init has one thread, so no lock is held in the copy.
    match unsafe { fork() }.doing(|| "starting a process".to_owned())? {
        ForkResult::Child => {
            let errors = step::close_in(errors_writer.as_raw_fd(), inner);
            let done = step::perform(steps, inner, processes, filters);
            let failed = done.is_err();
            if let (Err((place, trouble)), Ok(mut errors)) = (done, errors) {
                let _ = wire::send(&mut errors, &trouble.at(Place::Step(number + place)));
            }
            exit_now(i32::from(failed))
        }
        ForkResult::Parent { child } => {
            drop(errors_writer);
            if let [Step::WithInput(_)] = steps {
                // Else whoever feeds it would not learn that nobody reads any more.
                *attached = None;
            }
            let status = wait_for(child, gauge)?;
            let status = gauge.look_at_end().map_or(status, Status::Limit);
            if let Status::Limit(_) = status {
                // It may not have ended, and then its pipe is open.
                return Ok(status);
            }
            let mut said = Vec::new();
            let _ = errors.read_to_end(&mut said);
            match wire::receive(&mut said.as_slice()) {
                Ok(trouble) => Err(trouble),
                Err(_) => Ok(status),
            }
        }
    }
}

/// Waits for the child's end, or for the guest to have met a limit.
fn wait_for(child: Pid, gauge: &mut Gauge) -> Result<Status, Trouble> {
    let ended = || {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(waitid(Id::Pid(child), flags), Ok(WaitStatus::StillAlive))
    };
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => {
                if let Some(limit) = gauge.look(&ended) {
                    return Ok(Status::Limit(limit));
                }
                await_signal(gauge.left());
            }
            Ok(WaitStatus::Exited(pid, code)) if pid == child => return Ok(Status::Exit(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => return Ok(Status::Signal(signal as i32)),
            // A real-time signal, which nix has no name for, shows as an error although the child was reaped.
            Err(Errno::EINVAL) => {
                if kill(child, None).is_err() {
                    return Ok(Status::Signal(libc::SIGRTMIN()));
                }
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(Trouble::new("waiting for a step", &error.into())),
        }
    }
}

/// Keeps the signals that tell of children for [`await_signal`]; steps undo this.
fn hold_back_signals() -> Result<(), Trouble> {
    // SAFETY: the default needs no handler. A caller that ignores the signal would have children reaped by the kernel.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    SigSet::from(Signal::SIGCHLD).thread_block().doing(|| "holding back signals".to_owned())
}

/// Sleeps until a child has ended, or for so long.
fn await_signal(most: Duration) {
    let seconds = libc::time_t::try_from(most.as_secs()).unwrap_or(libc::time_t::MAX);
    let timeout = libc::timespec { tv_sec: seconds, tv_nsec: most.subsec_nanos().into() };
    let awaited = SigSet::from(Signal::SIGCHLD);
    // SAFETY: both structs live through the call, and nothing is to be told about the signal.
    unsafe { libc::sigtimedwait(awaited.as_ref(), std::ptr::null_mut(), &raw const timeout) };
}

/// Kills every other process of the guest and waits until none is left: a fork that has already begun is either seen here
/// or fails, as the killed may not fork any more.
fn end_all_others() {
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {}
}
