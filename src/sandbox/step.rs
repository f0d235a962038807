//! One step, in a child of init of its own, with the rights of its user.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::collections::BTreeMap;
use std::ffi::{CString, NulError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeWriter, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{execve, setsid};
use seccompiler::BpfProgram;

use super::supervise::keep_only;
use super::wire::{Doing as _, Trouble};
use super::{GuestUser, Step, attached, landlock, rights, terminal, unpack};

/// Processes of one user of one guest unless something else is asked for: far above what builds need, and an end to fork
/// bombs.
const MAX_PROCESSES: u64 = 8_192;

/// Descriptors of one process, as login sessions have; what scans all possible ones is slow with more.
const MAX_DESCRIPTORS: u64 = 1_024;

/// Where programs are sought if the environment has no `PATH`, as the shell does.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

impl Step {
    /// Whether it is done without starting a program of the guest's.
    pub(super) fn is_deed(&self) -> bool {
        !matches!(self, Self::Run { .. } | Self::OnTerminal(_) | Self::WithInput(_))
    }
}

/// Closes what init has open, but the pipe for errors and what is attached, which exec closes.
pub(super) fn close_in(errors: RawFd, attached: Option<RawFd>) -> io::Result<PipeWriter> {
    keep_only(&[Some(errors), attached].into_iter().flatten().collect::<Vec<_>>());
    // SAFETY: it was made for this process; the value that owned it is never dropped here.
    let errors = unsafe { OwnedFd::from_raw_fd(errors) };
    Ok(PipeWriter::from(errors))
}

/// Does one command, at what is `attached` to it, or several [deeds](Step::is_deed) one after another; an error comes with the
/// step's place among them. A command's only returns if it could not be started.
pub(super) fn perform(
    steps: &[Step],
    attached: Option<RawFd>,
    processes: Option<u64>,
    filters: &[BpfProgram],
) -> Result<(), (usize, Trouble)> {
    let alone = |trouble| (0, trouble);
    match steps {
        [Step::OnTerminal(run)] => {
            begin_session().map_err(alone)?;
            attached.map_or(Ok(()), terminal::attach).map_err(alone)?;
            execute_as(run, processes, filters).map_err(alone)
        }
        [Step::WithInput(run)] => {
            begin_session().map_err(alone)?;
            attached.map_or(Ok(()), attached::feed).map_err(alone)?;
            execute_as(run, processes, filters).map_err(alone)
        }
        [run @ Step::Run { .. }] => {
            begin_session().map_err(alone)?;
            execute_as(run, processes, filters).map_err(alone)
        }
        deeds => {
            rights::limit(GuestUser::Root, filters).map_err(alone)?;
            deeds.iter().enumerate().try_for_each(|(place, step)| deed(step).map_err(|trouble| (place, trouble)))
        }
    }
}

/// A session of its own, with the signals that programs expect.
fn begin_session() -> Result<(), Trouble> {
    reset_signals();
    setsid().doing(|| "making a session".to_owned())?;
    Ok(())
}

/// Does what needs no program.
fn deed(step: &Step) -> Result<(), Trouble> {
    match step {
        Step::Run { .. } | Step::OnTerminal(_) | Step::WithInput(_) => unreachable!("a command stands alone"),
        Step::UnpackDebs { debs } => debs.iter().try_for_each(|deb| {
            let file = File::open(deb.as_path()).doing(|| format!("opening `{deb}`"))?;
            unpack::unpack(file, Path::new("/")).doing(|| format!("unpacking `{deb}`"))
        }),
        Step::MakeFolder { path, mode, owner } => {
            make_folder(path.as_path(), *mode, *owner).doing(|| format!("making `{path}`"))
        }
        Step::Symlink { path, target } => {
            let made = clear(path.as_path()).and_then(|()| symlink(target, path.as_path()));
            made.doing(|| format!("linking `{path}`"))
        }
        Step::WriteFile { path, mode, text } => {
            write_file(path.as_path(), *mode, text).doing(|| format!("writing `{path}`"))
        }
    }
}

/// Becomes the command of a [`Step::Run`].
fn execute_as(run: &Step, processes: Option<u64>, filters: &[BpfProgram]) -> Result<(), Trouble> {
    let Step::Run { argv, env, cwd, user, writable } = run else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput)).doing(|| "looking for a command".to_owned());
    };
    // Above the limit, so that whoever counts has something to see before the kernel refuses more.
    limit_resources(processes.map_or(MAX_PROCESSES, |most| most.saturating_add(most / 4)));
    // Before the rights go: the working directory may be open to the guest's root only.
    std::env::set_current_dir(cwd.as_path()).doing(|| format!("entering `{cwd}`"))?;
    if let Some(places) = writable {
        // Before the ids go, as the places may lie in folders of root's.
        landlock::write_only_below(places).doing(|| "limiting where it writes".to_owned())?;
    }
    rights::limit(*user, filters)?;
    execute(argv, env)
}

/// Gives every signal its default: what the caller ignores (a `nohup`, Rust's pipes) must not reach the build.
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default needs no handler. Fails for SIGKILL and SIGSTOP, which have no other.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
}

/// The same limits whoever calls, as far as the caller's own allow. None of them failing makes the guest less safe.
fn limit_resources(processes: u64) {
    let wanted = [
        (Resource::RLIMIT_CORE, 0, 0),
        (Resource::RLIMIT_NPROC, processes, processes),
        (Resource::RLIMIT_NOFILE, MAX_DESCRIPTORS, u64::MAX),
    ];
    for (resource, soft, hard) in wanted {
        let held = getrlimit(resource).map_or(hard, |(_, hard)| hard);
        let _ = setrlimit(resource, soft.min(held), hard.min(held));
    }
}

fn execute(argv: &[String], env: &BTreeMap<String, String>) -> Result<(), Trouble> {
    let program = argv.first().map_or("", String::as_str);
    let doing = || format!("starting `{program}`");
    let whole = || -> Result<(Vec<CString>, Vec<CString>), NulError> {
        let argv = argv.iter().map(|word| CString::new(word.as_str())).collect::<Result<_, _>>()?;
        let env = env.iter().map(|(name, value)| CString::new(format!("{name}={value}"))).collect::<Result<_, _>>()?;
        Ok((argv, env))
    };
    let (words, variables) = whole().doing(doing)?;
    let mut result = Errno::ENOENT;
    for file in candidates(program, env.get("PATH").map_or(DEFAULT_PATH, String::as_str)) {
        let Ok(file) = CString::new(file.into_os_string().into_encoded_bytes()) else { continue };
        match execve(&file, &words, &variables) {
            Ok(never) => match never {},
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => result = error,
        }
    }
    Err(io::Error::from(result)).doing(doing)
}

/// The files that a program's name may mean.
fn candidates(program: &str, path: &str) -> Vec<PathBuf> {
    if program.is_empty() {
        return Vec::new();
    }
    if program.contains('/') {
        return vec![program.into()];
    }
    path.split(':').filter(|folder| folder.starts_with('/')).map(|folder| Path::new(folder).join(program)).collect()
}

fn make_folder(path: &Path, mode: u32, owner: GuestUser) -> io::Result<()> {
    fs::create_dir_all(path)?;
    chown(path, Some(owner.id()), Some(owner.id()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777))
}

/// Removes the file or link at `path`, if there is one; a folder is left for the caller to fail on.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_dir() => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_file(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    clear(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_sought_in_absolute_folders_only() {
        assert_eq!(candidates("sh", "/usr/bin::./x:/bin"), [Path::new("/usr/bin/sh"), Path::new("/bin/sh")]);
        assert_eq!(candidates("./sh", "/usr/bin"), [Path::new("./sh")]);
        assert!(candidates("", "/usr/bin").is_empty());
    }
}
