//! What the guest sees: its `/`, and what is mounted on it.
//!
//! ```text
//!  stage   with the rights of the caller: every folder of the host is bound into a small tmpfs
//!  enter   as the guest's root: overlay from the staged folders, pivot_root, /proc, /dev, binds
//! ```
//! Two halves, since the guest's root may not pass through the caller's private folders, while an overlay must be mounted by
//! whoever is to own what is written. Everything that resolves a path of the guest happens behind pivot_root, so that
//! links in a layer lead nowhere on the host.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::wire::{Doing as _, Trouble};
use super::{Bind, Request, RootFs};

/// The namespaces of a guest besides the user's, and that of cgroups, which is made when it is in its own.
pub(super) const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWNET)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWUTS);

/// Where the staging tmpfs is mounted: any folder that every host has, as nobody else sees it there.
const STAGE: &str = "/tmp";

/// The devices of a guest.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

const NONE: Option<&str> = None;

/// As [`stage`], for the real root.
pub(super) fn stage_in_new_namespace(request: &Request) -> Result<(), Trouble> {
    unshare(CloneFlags::CLONE_NEWNS).doing(|| "making a mount namespace".to_owned())?;
    stage(request)
}

/// Binds all that the request names of the host into one place. In a mount namespace of our own.
pub(super) fn stage(request: &Request) -> Result<(), Trouble> {
    // First of all: what is mounted from here on must not spread to the host.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).doing(|| "making mounts private".to_owned())?;
    // All before the tmpfs covers what may lie below its place.
    let mut sources = Vec::new();
    let mut take = |name: String, path: &Path, flags: u32| -> Result<(), Trouble> {
        sources.push((name, clone_mount(path, flags).doing(|| format!("opening `{}`", path.display()))?));
        Ok(())
    };
    match &request.root {
        RootFs::Layers { lowers, .. } => {
            for (number, lower) in lowers.iter().enumerate() {
                take(format!("l{number}"), lower.as_path(), 0)?;
            }
            take("scratch".to_owned(), request.scratch.as_path(), 0)?;
        }
        RootFs::Bare { folder } => take("bare".to_owned(), folder.as_path(), 0)?,
    }
    for (number, bind) in request.binds.iter().enumerate() {
        take(format!("b{number}"), bind.host.as_path(), AT_RECURSIVE)?;
    }
    for device in DEVICES {
        take(format!("d-{device}"), &Path::new("/dev").join(device), 0)?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("opb"), STAGE, Some("tmpfs"), flags, Some("mode=0755,size=1m"))
        .doing(|| "mounting a tmpfs to stage in".to_owned())?;
    fs::create_dir(staged("root")).doing(|| "staging".to_owned())?;
    for (name, source) in sources {
        attach(&source, &staged(&name)).doing(|| format!("staging `{name}`"))?;
    }
    Ok(())
}

fn staged(name: &str) -> PathBuf {
    Path::new(STAGE).join(name)
}

/// What init holds open of the guest's world: opened before any step could put something else in its place.
pub(super) struct Held {
    /// The folders to collect, with their names inside.
    pub outputs: Vec<(OwnedFd, String)>,
    /// The folders whose content takes room on the host's disk; the one below `/` is the first.
    pub written: Vec<OwnedFd>,
}

/// Makes the guest's world out of what was staged, and goes there for good.
pub(super) fn enter(request: &Request) -> Result<Held, Trouble> {
    let upper = mount_root(&request.root)?;
    let take = |name: String, flags| clone_mount(&staged(&name), flags).doing(|| format!("taking `{name}`"));
    let binds = (0..request.binds.len()).map(|number| take(format!("b{number}"), AT_RECURSIVE));
    let binds = binds.collect::<Result<Vec<_>, _>>()?;
    let devices = DEVICES.map(|device| Ok((device, take(format!("d-{device}"), 0)?)));
    let devices = devices.into_iter().collect::<Result<Vec<_>, Trouble>>()?;

    std::env::set_current_dir(staged("root")).doing(|| "entering the root".to_owned())?;
    // The old root ends up on top of the new one at `/`, where paths do not see it, and is taken off below.
    nix::unistd::pivot_root(".", ".").doing(|| "changing the root".to_owned())?;
    // While the host's /proc is still in this namespace: else the kernel does not let a user namespace have one.
    make_point(Path::new("/proc"), true).doing(|| "making `/proc`".to_owned())?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, NONE).doing(|| "mounting `/proc`".to_owned())?;
    umount2(".", MntFlags::MNT_DETACH).doing(|| "leaving the host's root".to_owned())?;
    std::env::set_current_dir("/").doing(|| "entering the root".to_owned())?;

    mount_dev(devices, request.limits.memory_bytes)?;
    let mut outputs = Vec::new();
    let mut written = vec![upper];
    for (bind, source) in request.binds.iter().zip(binds) {
        let doing = || format!("binding `{}` at `{}`", bind.host, bind.guest);
        set_attributes(&source, bind).doing(doing)?;
        attach(&source, bind.guest.as_path()).doing(doing)?;
        if bind.collect || bind.writable {
            // The mount's own root, not the path: a later bind may lie above it.
            let opened = File::open(bind.guest.as_path()).doing(doing)?;
            if bind.writable && opened.metadata().doing(doing)?.is_dir() {
                written.push(opened.try_clone().doing(doing)?.into());
            }
            if bind.collect {
                outputs.push((opened.into(), bind.guest.to_string()));
            }
        }
    }
    if let Some(inner) = &request.inner {
        for name in ["dev", "proc"] {
            let doing = || format!("mounting `/{name}` in `{inner}`");
            let place = inner.as_path().join(name);
            clone_mount(&Path::new("/").join(name), AT_RECURSIVE)
                .and_then(|copy| attach(&copy, &place))
                .doing(doing)?;
        }
    }
    Ok(Held { outputs, written })
}

/// Mounts `/`; returns the folder of the host in which what is written there lies.
fn mount_root(root: &RootFs) -> Result<OwnedFd, Trouble> {
    let open = |path: PathBuf| File::open(path).map(OwnedFd::from).doing(|| "opening what is written to".to_owned());
    let RootFs::Layers { lowers, .. } = root else {
        let bare = clone_mount(&staged("bare"), 0).and_then(|bare| attach(&bare, &staged("root")));
        bare.doing(|| "mounting the root".to_owned())?;
        return open(staged("root"));
    };
    for (name, mode) in [("upper", 0o755), ("work", 0o700)] {
        let made = fs::DirBuilder::new().mode(mode).create(staged("scratch").join(name));
        made.doing(|| format!("making `{name}` in the scratch folder"))?;
    }
    let layers: Vec<String> = (0..lowers.len()).map(|number| format!("{STAGE}/l{number}")).collect();
    // The names are ours: nothing in them has to be escaped. `userxattr`: a user namespace may not write others.
    // `volatile`: no sync of dpkg's is worth anything before the layer is kept, and then all is synced once.
    let options = format!(
        "lowerdir={},upperdir={STAGE}/scratch/upper,workdir={STAGE}/scratch/work,userxattr,volatile",
        layers.join(":")
    );
    mount(Some("opb"), &staged("root"), Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .doing(|| "mounting the overlay".to_owned())?;
    open(staged("scratch").join("upper"))
}

fn mount_dev(devices: Vec<(&'static str, OwnedFd)>, memory: Option<u64>) -> Result<(), Trouble> {
    let make = |place: &str, kind: &str, flags: MsFlags, options: &str| {
        make_point(Path::new(place), true)
            .and_then(|()| Ok(mount(Some(kind), place, Some(kind), flags, Some(options))?))
            .doing(|| format!("mounting `{place}`"))
    };
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    make("/dev", "tmpfs", flags, "mode=0755,size=256k,nr_inodes=256")?;
    for (name, device) in devices {
        attach(&device, &Path::new("/dev").join(name)).doing(|| format!("binding `/dev/{name}`"))?;
    }
    make("/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620,gid=5")?;
    // Without a size it could have half of the host's memory.
    let size = memory.map_or_else(String::new, |bytes| format!(",size={bytes}"));
    make("/dev/shm", "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, &format!("mode=1777{size}"))?;
    let links = [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    for (name, target) in links {
        symlink(target, Path::new("/dev").join(name)).doing(|| format!("linking `/dev/{name}`"))?;
    }
    Ok(())
}

/// Makes a folder or an empty file to mount on, if nothing is there.
fn make_point(place: &Path, folder: bool) -> io::Result<()> {
    if folder {
        return fs::create_dir_all(place);
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o644).open(place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

const AT_RECURSIVE: u32 = libc::AT_RECURSIVE.unsigned_abs();

/// A detached copy of what is mounted at `path`, which may be a folder in the midst of a file system, or a file.
fn clone_mount(path: &Path, flags: u32) -> io::Result<OwnedFd> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let flags = flags | libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: `path` is a string that lives through the call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just made it, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).expect("a descriptor is an int")) })
}

/// Mounts a detached copy at `place`, which is made if missing.
fn attach(source: &OwnedFd, place: &Path) -> io::Result<()> {
    const EMPTY: &CStr = c"";
    let kind = nix::sys::stat::fstat(source)?.st_mode & libc::S_IFMT;
    make_point(place, kind == libc::S_IFDIR)?;
    let place = std::ffi::CString::new(place.as_os_str().as_bytes())?;
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_SYMLINKS;
    // SAFETY: both strings live through the call.
    let done = unsafe {
        libc::syscall(libc::SYS_move_mount, source.as_raw_fd(), EMPTY.as_ptr(), libc::AT_FDCWD, place.as_ptr(), flags)
    };
    Errno::result(done)?;
    Ok(())
}

/// No setuid bits and no devices, and where the bind is not writable no writing, also below mounts inside it.
fn set_attributes(source: &OwnedFd, bind: &Bind) -> io::Result<()> {
    let read_only = if bind.writable { 0 } else { libc::MOUNT_ATTR_RDONLY };
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | read_only,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the struct is as long as said, and lives through the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            source.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(done)?;
    Ok(())
}

/// Switches the guest's only network on: tests of packages talk to themselves.
pub(super) fn loopback_up() -> Result<(), Trouble> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let doing = || "switching the loopback on".to_owned();
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).doing(doing)?;
    // SAFETY: plain numbers, for which zero is a value.
    let mut wanted: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in wanted.ifr_name.iter_mut().zip(b"lo") {
        *place = libc::c_char::try_from(*byte).expect("ASCII");
    }
    wanted.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).expect("a small flag");
    // SAFETY: the call reads the struct, which is the one it wants.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const wanted) }).doing(doing)?;
    Ok(())
}
