//! Init, pid 1 of the guest: makes its world, does the steps, leaves nobody running, makes outputs readable.
//!
//! It stays the guest's root with every capability of its user namespace, so nothing it starts may get at it: it cannot be
//! dumped or traced, its descriptors are closed in all others, and its `/proc/1` is closed to them.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, sethostname, setresgid, setresuid};
use seccompiler::BpfProgram;

use super::supervise::exit_now;
use super::wire::{self, Doing as _, Ended, Place, Status, Trouble};
use super::{HOST_NAME, Request, Step, collect, mounts, rights, step};

/// Does the request, as the first process of fresh namespaces. `stage` says whether the host's folders are still to be
/// brought together; `supervisor` is a pipe whose other end the supervisor holds.
pub(super) fn serve(request: &Request, stage: bool, supervisor: &PipeReader) -> Result<Ended, Trouble> {
    if stage {
        mounts::stage(request)?;
    }
    become_guest_root()?;
    die_with(supervisor)?;
    sethostname(HOST_NAME).doing(|| "setting the host name".to_owned())?;
    mounts::loopback_up()?;
    let outputs = mounts::enter(request)?;
    silence_stdin()?;
    let filters = rights::filters()?;
    let mut ended = Ended { step: 0, status: Status::Exit(0) };
    let mut done = Ok(());
    for (number, step) in request.steps.iter().enumerate() {
        let status = perform(step, &filters);
        end_all_others();
        match status {
            Ok(status) => ended = Ended { step: number, status },
            Err(trouble) => done = Err(trouble.at(Place::Step(number))),
        }
        if done.is_err() || ended.status != Status::Exit(0) {
            break;
        }
    }
    for (folder, path) in outputs {
        collect::collect(folder).doing(|| format!("making `{path}` readable"))?;
    }
    done.map(|()| ended)
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

/// Does one step in a child and waits for it, reaping whatever else ends meanwhile.
fn perform(step: &Step, filters: &[BpfProgram]) -> Result<Status, Trouble> {
    let (mut errors, errors_writer) = io::pipe().doing(|| "making a pipe".to_owned())?;
    // SAFETY: init has one thread, so no lock is held in the copy.
    match unsafe { fork() }.doing(|| "starting a process".to_owned())? {
        ForkResult::Child => {
            let errors = step::close_in(errors_writer.as_raw_fd());
            let done = step::perform(step, filters);
            if let (Err(trouble), Ok(mut errors)) = (&done, errors) {
                let _ = wire::send(&mut errors, trouble);
            }
            exit_now(i32::from(done.is_err()))
        }
        ForkResult::Parent { child } => {
            drop(errors_writer);
            let status = wait_for(child)?;
            let mut said = Vec::new();
            let _ = errors.read_to_end(&mut said);
            match wire::receive(&mut said.as_slice()) {
                Ok(trouble) => Err(trouble),
                Err(_) => Ok(status),
            }
        }
    }
}

fn wait_for(child: Pid) -> Result<Status, Trouble> {
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
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

/// Kills every other process of the guest and waits until none is left: a fork that has already begun is either seen here
/// or fails, as the killed may not fork any more.
fn end_all_others() {
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {}
}
