//! Registers an emulator for the programs of one guest (`binfmt_misc`).
//!
//! Since Linux 6.7 each user namespace may have a registry of its own, which holds for it and those below it instead of the
//! host's. It lasts as long as its file system is mounted somewhere: here only at a descriptor of init's, where no path
//! leads to, so that nothing in the guest can change it, and it goes with init.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::cpu::Emulator;
use super::elf;
use super::wire::{Doing as _, Trouble};

/// Registers `emulator` in the user namespace that this process is root of. Holds as long as what is returned is open. While
/// the host's root is still in sight, for the emulator is opened here.
pub(super) fn register(emulator: &Emulator) -> Result<OwnedFd, Trouble> {
    let doing = || format!("registering the emulator `{}`", emulator.program);
    let format = elf::format(&emulator.arch).ok_or_else(|| io::Error::other("no such arch")).doing(doing)?;
    let registry = mount().doing(|| "making a registry of emulators (`binfmt_misc`)".to_owned())?;
    let form = openat(&registry, "register", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).doing(doing)?;
    let line = elf::registration(&format, &emulator.program.to_string());
    // One write: the kernel takes each for a registration.
    let written = nix::unistd::write(&form, line.as_bytes()).doing(doing)?;
    if written == line.len() { Ok(registry) } else { Err(io::Error::from(io::ErrorKind::WriteZero)).doing(doing) }
}

/// Mounts this user namespace's registry, at no place.
fn mount() -> io::Result<OwnedFd> {
    const CREATE: libc::c_uint = 6;
    const KIND: &CStr = c"binfmt_misc";
    // SAFETY: `KIND` is a string that lives through the call.
    let opened = unsafe { libc::syscall(libc::SYS_fsopen, KIND.as_ptr(), 1) };
    let opened = owned(opened)?;
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: this command takes neither key nor value.
    let made = unsafe { libc::syscall(libc::SYS_fsconfig, opened.as_raw_fd(), CREATE, none, none, 0) };
    Errno::result(made)?;
    let flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
    // SAFETY: numbers only.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, opened.as_raw_fd(), 1, flags) })
}

fn owned(descriptor: libc::c_long) -> io::Result<OwnedFd> {
    let descriptor = i32::try_from(Errno::result(descriptor)?).expect("a descriptor is an int");
    // SAFETY: the kernel has just made it, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
