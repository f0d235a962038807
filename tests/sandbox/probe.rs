//! What runs inside and tries what it must not; prints one `probe:name=answer` each.

#![expect(clippy::multiple_unsafe_ops_per_block, reason = "each call only asks the kernel whether it refuses")]

use std::ffi::CString;
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;

fn say(name: &str, answer: &str) {
    println!("\nprobe:{name}={answer}");
}

fn tell(name: &str, result: i64) {
    let answer = if result >= 0 { "OK".to_owned() } else { format!("{:?}", Errno::last()) };
    say(name, &answer);
}

fn tell_io<T>(name: &str, result: std::io::Result<T>) {
    match result {
        Ok(_) => say(name, "OK"),
        Err(error) => say(name, &format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0)))),
    }
}

pub fn probe(what: &str) {
    match what.split_once(' ') {
        Some(("network", name)) => network(name),
        None if what == "memory" => memory(),
        None if what == "processes" => processes(),
        None if what == "syncs" => syncs(),
        _ => calls(),
    }
}

/// Takes memory until there are 400 MB, and gives it back after a while.
fn memory() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for taken in 1..=40 {
        held.push(vec![1; 10_000_000]);
        say("memory", &format!("{taken}0"));
    }
    std::thread::sleep(std::time::Duration::from_secs(10));
    say("memory", if held.iter().flatten().all(|byte| *byte == 1) { "kept" } else { "lost" });
}

/// Starts processes until there are 500 or the kernel refuses, which all end after a while.
fn processes() {
    let sleep = || std::thread::sleep(std::time::Duration::from_secs(12));
    for started in 1..=500 {
        // SAFETY: the child sleeps and exits, and touches no lock.
        match unsafe { libc::fork() } {
            0 => {
                sleep();
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) };
            }
            1.. => {}
            _ => {
                say("processes", &started.to_string());
                break;
            }
        }
    }
    sleep();
    say("processes", "ended");
}

/// Asks for the durability of files that are not there: only who does not look says yes.
fn syncs() {
    // SAFETY: numbers only, none of which is a descriptor.
    unsafe {
        tell("fsync", libc::syscall(libc::SYS_fsync, -1));
        tell("fdatasync", libc::syscall(libc::SYS_fdatasync, -1));
        tell("syncfs", libc::syscall(libc::SYS_syncfs, -1));
        tell("sync_file_range", libc::syscall(libc::SYS_sync_file_range, -1, 0, 0, 0));
    }
}

fn calls() {
    let root = CString::new("/").expect("no NUL");
    let none = std::ptr::null::<libc::c_char>();
    let text = CString::new("opb").expect("no NUL");
    let new_user = i64::from(libc::CLONE_NEWUSER);
    let signal = i64::from(libc::SIGCHLD);
    // SAFETY: each call is either denied before it looks at memory, or gets strings that live through it.
    unsafe {
        tell("mount", libc::syscall(libc::SYS_mount, none, root.as_ptr(), none, libc::MS_REMOUNT, none));
        tell("umount", libc::syscall(libc::SYS_umount2, c"/proc".as_ptr(), libc::MNT_DETACH));
        tell("pivot_root", libc::syscall(libc::SYS_pivot_root, root.as_ptr(), root.as_ptr()));
        tell("open_tree", libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, root.as_ptr(), 1));
        tell("fsopen", libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0));
        tell("unshare user", libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER));
        tell("unshare mount", libc::syscall(libc::SYS_unshare, libc::CLONE_NEWNS));
        tell("unshare both", libc::syscall(libc::SYS_unshare, libc::CLONE_FS | libc::CLONE_NEWNET));
        tell("clone user", libc::syscall(libc::SYS_clone, new_user | signal, 0, 0, 0, 0));
        // With rubbish in the upper half, which the kernel ignores.
        tell("clone user high", libc::syscall(libc::SYS_clone, new_user | signal | 1 << 40, 0, 0, 0, 0));
        tell("clone3", libc::syscall(libc::SYS_clone3, 0, 0));
        let own = File::open("/proc/self/ns/net").expect("opens");
        tell("setns", libc::syscall(libc::SYS_setns, own.as_raw_fd(), 0));
        tell("keyctl", libc::syscall(libc::SYS_keyctl, 0, -3, 0));
        tell("add_key", libc::syscall(libc::SYS_add_key, c"user".as_ptr(), text.as_ptr(), text.as_ptr(), 3, -3));
        tell("request_key", libc::syscall(libc::SYS_request_key, c"user".as_ptr(), text.as_ptr(), none, 0));
        tell("bpf", libc::syscall(libc::SYS_bpf, 0, 0, 0));
        tell("perf", libc::syscall(libc::SYS_perf_event_open, 0, 0, -1, -1, 0));
        tell("io_uring", libc::syscall(libc::SYS_io_uring_setup, 1, 0));
        tell("userfaultfd", libc::syscall(libc::SYS_userfaultfd, 0));
        tell("kexec", libc::syscall(libc::SYS_kexec_load, 0, 0, 0, 0));
        tell("module", libc::syscall(libc::SYS_init_module, 0, 0, text.as_ptr()));
        tell("handle", libc::syscall(libc::SYS_open_by_handle_at, libc::AT_FDCWD, 0, 0));
        tell("syslog", libc::syscall(libc::SYS_syslog, 10, 0, 0));
        tell("mknod", libc::syscall(libc::SYS_mknodat, libc::AT_FDCWD, c"/tmp/node".as_ptr(), libc::S_IFCHR, 0x103));
        tell("sethostname", libc::syscall(libc::SYS_sethostname, text.as_ptr(), 3));
        #[cfg(target_arch = "x86_64")]
        tell("x32", libc::syscall(0x4000_0000 | libc::SYS_getpid));
        terminals();
        tell("ptrace init", libc::ptrace(libc::PTRACE_SEIZE, 1, 0, 0));
        let child = libc::fork();
        if child == 0 {
            libc::pause();
            libc::_exit(0);
        }
        tell("ptrace", libc::ptrace(libc::PTRACE_SEIZE, child, 0, 0));
        libc::kill(child, libc::SIGKILL);
        tell("fork", i64::from(child));
    }
    say("thread", if std::thread::spawn(|| 1).join().is_ok_and(|one| one == 1) { "OK" } else { "failed" });
    for name in ["environ", "root/", "fd/", "exe", "maps", "mem", "cwd/"] {
        let path = format!("/proc/1/{name}");
        if name.ends_with("d/") && name != "cwd/" {
            tell_io(&format!("open:{path}"), std::fs::read_dir(&path));
        } else {
            tell_io(&format!("open:{path}"), File::open(&path));
        }
    }
    tell_io("chroot", std::os::unix::fs::chroot("/tmp"));
}

/// SAFETY: as its caller.
unsafe fn terminals() {
    tell_io("tty", File::open("/dev/tty"));
    let pty = File::options().read(true).write(true).open("/dev/ptmx");
    let Ok(pty) = pty else { return tell_io("pty", pty) };
    say("pty", "OK");
    // SAFETY: the request reads one byte, which lives through the call.
    unsafe {
        let byte = b'x';
        tell("TIOCSTI", i64::from(libc::ioctl(pty.as_raw_fd(), libc::TIOCSTI, &raw const byte)));
        let high = libc::TIOCSTI | 1 << 40;
        tell("TIOCSTI high", libc::syscall(libc::SYS_ioctl, pty.as_raw_fd(), high, &raw const byte));
        tell("TIOCLINUX", i64::from(libc::ioctl(pty.as_raw_fd(), libc::TIOCLINUX, &raw const byte)));
    }
}

fn network(abstract_name: &str) {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};
    tell_io("outside", TcpStream::connect("192.0.2.1:80"));
    tell_io("metadata", UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("169.254.169.254:80")));
    let listener = TcpListener::bind("127.0.0.1:0");
    tell_io("loopback", listener.and_then(|listener| TcpStream::connect(listener.local_addr()?)));
    let address = SocketAddr::from_abstract_name(abstract_name).expect("a name");
    tell_io("abstract", UnixStream::connect_addr(&address));
    let devices = std::fs::read_to_string("/proc/net/dev").expect("readable");
    let names: Vec<&str> =
        devices.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
    say("interfaces", &names.join(" "));
    let looked_up = std::net::ToSocketAddrs::to_socket_addrs(&("name.invalid", 80));
    say("name", if looked_up.is_err() { "failed" } else { "OK" });
}
