//! Checks that only look at files of the host.

#![expect(clippy::disallowed_methods, reason = "it looks at the host, which is at absolute paths")]

use std::fs;
use std::path::Path;

use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, FUSE_SUPER_MAGIC, FsType, NFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC,
    XFS_SUPER_MAGIC, statfs,
};
use nix::unistd::{AccessFlags, access};

use super::{Check, missing, ok, weak};
use crate::path::HostPath;
use crate::quantity::Size;
use crate::remote::System;

/// The oldest kernel that can hold a sandbox: it mounts by descriptor, and changes attributes of what is mounted so.
const LEAST_KERNEL: (u32, u32) = (5, 12);

/// What is free on the disk of a store that is worth beginning with.
const LEAST_FREE: u64 = 5_000_000_000;

/// A clock before this program was written is wrong: 2026-01-01.
const EARLIEST: i64 = 1_767_225_600;

/// Where programs are, whatever `PATH` says.
const PROGRAMS: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin"];

fn program(name: &str) -> bool {
    PROGRAMS.iter().any(|folder| Path::new(folder).join(name).is_file())
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

pub fn kernel() -> Check {
    const NAME: &str = "kernel";
    let release = text("/proc/sys/kernel/osrelease").unwrap_or_default();
    match version_of(&release) {
        Some(version) if version >= LEAST_KERNEL => ok(NAME, format!("Linux {release}")),
        Some(_) => missing(NAME, format!("Linux {release} is too old"), "use Linux 5.12 or newer"),
        None => missing(NAME, format!("`{release}` is no version of Linux"), "see that `/proc` is mounted"),
    }
}

/// The first two numbers of a kernel's release.
fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

pub fn seccomp() -> Check {
    const NAME: &str = "seccomp";
    match text("/proc/sys/kernel/seccomp/actions_avail") {
        Some(_) => ok(NAME, "system calls that no build needs are refused"),
        None => missing(
            NAME,
            "the kernel has no filters of system calls",
            "use a kernel with `CONFIG_SECCOMP_FILTER`, and see that `/proc/sys` is not hidden",
        ),
    }
}

/// The folder itself, or the nearest one above it that is there.
pub fn existing(path: &HostPath) -> Option<HostPath> {
    path.as_path().ancestors().find(|folder| folder.is_dir()).map(HostPath::new)
}

pub fn disk(store: &HostPath) -> Check {
    const NAME: &str = "disk";
    let folder = existing(store);
    let Some((folder, stat)) = folder.and_then(|folder| statfs(folder.as_path()).ok().map(|stat| (folder, stat)))
    else {
        return missing(NAME, format!("cannot look at `{store}`"), "choose another store with `--store`");
    };
    if access(folder.as_path(), AccessFlags::W_OK | AccessFlags::X_OK).is_err() {
        let help = format!("make `{folder}` yours, or choose another store with `--store`");
        return missing(NAME, format!("`{folder}`, for the store, is not writable"), help);
    }
    let free = stat.blocks_available().saturating_mul(stat.block_size().unsigned_abs());
    let (kind, unfit) = file_system(stat.filesystem_type());
    let found = format!("{} free for the store on {kind}", Size(free));
    match unfit {
        Some(why) => weak(NAME, format!("{found}, {why}"), "choose a store on ext4, XFS or Btrfs with `--store`"),
        None if free < LEAST_FREE => weak(NAME, found, "free space there: a base and a build want some gigabytes"),
        None => ok(NAME, found),
    }
}

/// What a file system is called, and why it is not fit for a store, if it is not.
fn file_system(kind: FsType) -> (&'static str, Option<&'static str>) {
    match kind {
        EXT4_SUPER_MAGIC => ("ext4", None),
        XFS_SUPER_MAGIC => ("XFS", None),
        BTRFS_SUPER_MAGIC => ("Btrfs", None),
        TMPFS_MAGIC => ("tmpfs", Some("which is memory and does not last")),
        OVERLAYFS_SUPER_MAGIC => ("an overlay", Some("on which no other overlay can be written")),
        NFS_SUPER_MAGIC => ("NFS", Some("on which no overlay can be written")),
        FUSE_SUPER_MAGIC => ("FUSE", Some("on which an overlay can seldom be written")),
        _ => ("a file system of another kind", None),
    }
}

pub fn apt() -> Check {
    const NAME: &str = "apt";
    if !program("apt-config") || !Path::new("/usr/lib/apt/apt-helper").is_file() {
        let help = "install `apt`, or build with `--offline` from what the store or a cache has";
        return weak(NAME, "no `apt-helper`, by which files of archives are fetched", help);
    }
    ok(NAME, "files of archives are fetched by `apt-helper`, as this host's apt is set up")
}

/// The program of a version control system that recipes name.
pub fn version_control(system: System) -> Check {
    let name = system.as_str();
    if program(name) {
        return ok(name, format!("commits of repositories that recipes name are fetched by {name}"));
    }
    let found = format!("no `{name}`, by which commits of repositories are fetched that recipes name");
    weak(name, found, format!("install `{}`", if system == System::Hg { "mercurial" } else { name }))
}

pub fn dnf() -> Check {
    const NAME: &str = "dnf";
    if !Path::new("/usr/bin/dnf").is_file() {
        let help = "install `dnf`, if there are RPM distros to build for";
        return weak(NAME, "no `/usr/bin/dnf`, which chooses packages of RPM distros and makes their base roots", help);
    }
    ok(NAME, "packages of RPM distros are chosen, and their base roots made, by this host's dnf")
}

pub fn keyrings() -> Check {
    const NAME: &str = "keyrings";
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let found: Vec<String> =
        names("/usr/share/keyrings").into_iter().filter(|name| name.ends_with("-archive-keyring.gpg")).collect();
    if found.is_empty() {
        return weak(
            NAME,
            "no distribution's keyring in `/usr/share/keyrings`: new pins cannot be verified",
            "install `debian-archive-keyring` or `ubuntu-keyring`",
        );
    }
    ok(NAME, found.join(", "))
}

pub fn verifier() -> Check {
    const NAME: &str = "verifier";
    match ["gpgv", "sqv"].into_iter().find(|name| program(name)) {
        Some(name) => ok(NAME, format!("signatures of distributions are checked by {name}")),
        None => weak(NAME, "neither gpgv nor sqv: new pins cannot be verified", "install `gpgv` or `sqv`"),
    }
}

/// `now` is in seconds since 1970.
pub fn clock(now: i64) -> Check {
    const NAME: &str = "clock";
    if now < EARLIEST {
        return missing(NAME, "it stands before this program was written", "set the clock, as by `timedatectl`");
    }
    ok(NAME, "it is not in the past")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::doctor::State;

    #[test]
    fn kernels_are_compared_by_number() {
        assert_eq!(version_of("6.18.44-x"), Some((6, 18)));
        assert_eq!(version_of("5.9-rc1"), Some((5, 9)));
        assert_eq!(version_of("junk"), None);
        assert!(version_of("5.9").expect("one") < LEAST_KERNEL && version_of("5.12.1").expect("one") >= LEAST_KERNEL);
    }

    #[test]
    fn unfit_disks_are_told() {
        assert_eq!(file_system(EXT4_SUPER_MAGIC), ("ext4", None));
        assert!(file_system(OVERLAYFS_SUPER_MAGIC).1.is_some() && file_system(TMPFS_MAGIC).1.is_some());
        assert_ne!(disk(&HostPath::new("/proc/no/where")).state, State::Ok);
        assert_eq!(existing(&HostPath::new("/usr/no/where")), Some(HostPath::new("/usr")));
    }

    #[test]
    fn a_clock_of_1970_is_wrong() {
        assert_eq!([clock(0).state, clock(EARLIEST).state], [State::Missing, State::Ok]);
    }
}
