//! The filter for 32-bit programs of PCs (i386) on a 64-bit kernel: what is denied to others, by the numbers that calls
//! have there. The other filters kill a process that calls by such numbers, and have to let these pass.

use seccompiler::{BpfProgram, sock_filter};

use super::{CLONE_NEWTIME, NAMESPACE_FLAGS};

/// `AUDIT_ARCH_I386`: how the kernel says that a call came by these numbers.
const I386: u32 = 0x4000_0003;

/// Offsets in what a filter sees (`struct seccomp_data`): the number, the convention, and the first two arguments.
const NUMBER: u32 = 0;
const CONVENTION: u32 = 4;
const ARGUMENTS: [u32; 2] = [16, 24];

const CLONE: u32 = 120;
const CLONE3: u32 = 435;
const UNSHARE: u32 = 310;
const IOCTL: u32 = 54;

/// As the list for other programs, but for `kexec_file_load`, which these have not. From 403 on, all conventions have the same numbers.
const DENIED: &[u32] = &[
    21,  // mount
    22,  // umount
    52,  // umount2
    217, // pivot_root
    429, // move_mount
    428, // open_tree
    467, // open_tree_attr
    430, // fsopen
    431, // fsconfig
    432, // fsmount
    433, // fspick
    442, // mount_setattr
    346, // setns
    288, // keyctl
    286, // add_key
    287, // request_key
    357, // bpf
    336, // perf_event_open
    425, // io_uring_setup
    426, // io_uring_enter
    427, // io_uring_register
    374, // userfaultfd
    283, // kexec_load
    128, // init_module
    350, // finit_module
    129, // delete_module
    342, // open_by_handle_at
    338, // fanotify_init
    131, // quotactl
    443, // quotactl_fd
    87,  // swapon
    115, // swapoff
    88,  // reboot
    51,  // acct
    111, // vhangup
    103, // syslog
    79,  // settimeofday
    25,  // stime
    264, // clock_settime
    404, // clock_settime64
    110, // iopl
    101, // ioperm
];

const fn statement(code: u32, jump_if: u8, jump_else: u8, value: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: jump_if, jf: jump_else, k: value }
}

const fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

const fn answer(value: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, 0, 0, value)
}

/// Goes on so many statements further if what was loaded is `value`, else so many.
const fn equal(value: u32, jump_if: u8, jump_else: u8) -> sock_filter {
    statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jump_if, jump_else, value)
}

const ALLOWED: sock_filter = answer(libc::SECCOMP_RET_ALLOW);

const fn refused(error: i32) -> sock_filter {
    answer(libc::SECCOMP_RET_ERRNO | error.unsigned_abs())
}

/// Makes a filter for 64-bit programs allow whatever comes by the numbers of 32-bit ones.
pub(super) fn pass_by(filter: &mut BpfProgram) {
    filter.splice(0..0, [load(CONVENTION), equal(I386, 0, 1), ALLOWED]);
}

/// The filter; it allows whatever comes by other numbers.
pub(super) fn filter() -> BpfProgram {
    let mut filter = vec![load(CONVENTION), equal(I386, 1, 0), ALLOWED, load(NUMBER)];
    filter.extend([equal(CLONE3, 0, 1), refused(libc::ENOSYS)]);
    for number in DENIED {
        filter.extend([equal(*number, 0, 1), refused(libc::EPERM)]);
    }
    let all = NAMESPACE_FLAGS.iter().fold(0, |flags, flag| flags | flag.unsigned_abs());
    // In clone that one is part of a signal's number.
    for (call, flags) in [(CLONE, all & !CLONE_NEWTIME.unsigned_abs()), (UNSHARE, all)] {
        let any = statement(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, flags);
        filter.extend([equal(call, 0, 4), load(ARGUMENTS[0]), any, refused(libc::EPERM), ALLOWED]);
    }
    let [sti, linux] = [libc::TIOCSTI, libc::TIOCLINUX].map(|request| u32::try_from(request).unwrap_or(u32::MAX));
    filter.extend([equal(IOCTL, 0, 4), load(ARGUMENTS[1]), equal(sti, 1, 0), equal(linux, 0, 1), refused(libc::EPERM)]);
    filter.push(ALLOWED);
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of number and name in the list above.
    fn listed() -> Vec<(u32, &'static str)> {
        let lines = include_str!("narrow.rs").lines().skip_while(|line| !line.starts_with("const DENIED"));
        let pairs = lines.skip(1).map_while(|line| line.split_once("// "));
        pairs.map(|(number, name)| (number.trim_matches([' ', ',']).parse().expect("a number"), name)).collect()
    }

    #[test]
    fn what_is_denied_to_others_is_denied_here() {
        let listed = listed();
        assert_eq!(listed.iter().map(|(number, _)| *number).collect::<Vec<_>>(), DENIED);
        let others = include_str!("../rights.rs").lines().skip_while(|line| !line.starts_with("const DENIED"));
        let names = others.skip(1).filter_map(|line| line.trim().strip_prefix("libc::SYS_")?.strip_suffix(','));
        let missing: Vec<&str> = names
            .filter(|name| listed.iter().all(|(_, listed)| listed != name) && *name != "kexec_file_load")
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it reads a header of the system")]
    fn the_numbers_are_those_of_the_kernel() {
        let Ok(header) = std::fs::read_to_string("/usr/include/x86_64-linux-gnu/asm/unistd_32.h") else {
            println!("skipped: this machine has not the kernel's headers for programs of i386");
            return;
        };
        let calls = [(CLONE, "clone"), (CLONE3, "clone3"), (UNSHARE, "unshare"), (IOCTL, "ioctl")];
        for (number, name) in listed().into_iter().chain(calls) {
            // Newer than the headers of some releases.
            let known = header.contains(&format!("#define __NR_{name} {number}\n"));
            assert!(known || number == 467, "{name}");
        }
    }
}
