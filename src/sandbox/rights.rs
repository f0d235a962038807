//! What a step may not do: capabilities and system calls.
//!
//! The namespaces are the wall; this keeps guests away from the parts of the kernel where walls have had holes. The filter
//! lists what no build needs; everything else is allowed, tracing too, which reaches only processes of the same guest.

use std::collections::BTreeMap;
use std::io;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::GuestUser;
use super::wire::{Doing as _, Trouble};

mod narrow;

/// What dpkg and maintainer scripts need (`capabilities(7)`): CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID,
/// SYS_CHROOT, SETFCAP.
const ROOT_CAPABILITIES: u64 = 1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 18 | 1 << 31;

/// Takes for good from what programs can ever have that init's children start what even the guest's root is not to have.
pub(super) fn bound_all() -> Result<(), Trouble> {
    // SAFETY: numbers only.
    let cleared = Errno::result(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) });
    cleared
        .map_err(io::Error::from)
        .and_then(|_| unbind(!ROOT_CAPABILITIES))
        .doing(|| "bounding capabilities".to_owned())
}

/// Gives up, for good, all that `user` is not to have, after [`bound_all`].
pub(super) fn limit(user: GuestUser, filters: &[BpfProgram]) -> Result<(), Trouble> {
    let kept = match user {
        GuestUser::Root => ROOT_CAPABILITIES,
        GuestUser::Builder => 0,
    };
    if user == GuestUser::Builder {
        unbind(ROOT_CAPABILITIES).doing(|| "bounding capabilities".to_owned())?;
        let (uid, gid) = (Uid::from_raw(user.id()), Gid::from_raw(user.id()));
        prctl::set_no_new_privs().doing(|| "forbidding new privileges".to_owned())?;
        // While there are still the capabilities to set it; the root's step may go without `no_new_privs` by them.
        filters.iter().try_for_each(install).doing(|| "filtering system calls".to_owned())?;
        setgroups(&[]).doing(|| "dropping groups".to_owned())?;
        setresgid(gid, gid, gid).doing(|| "becoming the builder's group".to_owned())?;
        setresuid(uid, uid, uid).doing(|| "becoming the builder".to_owned())?;
    } else {
        filters.iter().try_for_each(install).doing(|| "filtering system calls".to_owned())?;
    }
    set_capabilities(kept).doing(|| "dropping capabilities".to_owned())
}

/// Takes `capabilities` from what programs started from here on can ever have.
fn unbind(capabilities: u64) -> io::Result<()> {
    for capability in (0..64_u64).filter(|capability| capabilities & (1 << capability) != 0) {
        // SAFETY: numbers only.
        match Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }) {
            // The kernel's last capability was the one before.
            Err(Errno::EINVAL) => break,
            done => done?,
        };
    }
    Ok(())
}

/// `capset(2)` with version 3: two words of each set, low one first.
fn set_capabilities(kept: u64) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let words = [(kept & 0xffff_ffff) as u32, (kept >> 32) as u32];
    let data = [words[0], words[0], 0, words[1], words[1], 0];
    // SAFETY: the header is version and pid (0 for ourselves), the data two structs of effective, permitted, inheritable.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) })?;
    Ok(())
}

/// Not by the crate's own function, which sets `no_new_privs`.
fn install(program: &BpfProgram) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut() };
    // SAFETY: both are the kernel's `sock_filter`, of which there are `len`; the kernel copies them.
    Errno::result(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) })?;
    Ok(())
}

/// What the filters of a guest's steps depend on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filtered {
    /// It has 32-bit programs, whose calls have other numbers.
    pub narrow: bool,
    /// What asks for durability is told at once that it has it.
    pub volatile: bool,
}

/// The filters of every step, to be installed in this order.
pub(super) fn filters(Filtered { narrow, volatile }: Filtered) -> Result<Vec<BpfProgram>, Trouble> {
    let compile = |rules, answer: i32| -> Result<BpfProgram, Trouble> {
        let answer = SeccompAction::Errno(answer.unsigned_abs());
        SeccompFilter::new(rules, SeccompAction::Allow, answer, arch())
            .and_then(BpfProgram::try_from)
            .map_err(io::Error::other)
            .doing(|| "compiling the filter of system calls".to_owned())
    };
    // Its flags are behind a pointer, where a filter does not see them. ENOSYS, so that libraries fall back to clone.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let mut filters = vec![compile(absent, libc::ENOSYS)?, compile(denied()?, libc::EPERM)?];
    if volatile {
        // 32-bit programs wait for the disk, which is only slower.
        filters.push(compile(SYNCS.iter().map(|call| (*call, Vec::new())).collect(), 0)?);
    }
    if narrow {
        filters.iter_mut().for_each(narrow::pass_by);
        filters.push(narrow::filter());
    }
    filters.insert(0, no_other_numbers());
    Ok(filters)
}

/// On x86-64 each call has a second number for the x32 convention, which the lists below do not name.
fn no_other_numbers() -> BpfProgram {
    use seccompiler::sock_filter;
    const X32: u32 = 0x4000_0000;
    let answer = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let statement = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    vec![
        // The call's number is the first word of what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, answer),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

const fn arch() -> TargetArch {
    if cfg!(target_arch = "aarch64") { TargetArch::aarch64 } else { TargetArch::x86_64 }
}

/// What answers EPERM: whole calls, and some by their flags.
fn denied() -> Result<BTreeMap<i64, Vec<SeccompRule>>, Trouble> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let rule = |argument, operator, value: u64| -> Result<SeccompRule, Trouble> {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
            .and_then(|condition| SeccompRule::new(vec![condition]))
            .map_err(io::Error::other)
            .doing(|| "compiling the filter of system calls".to_owned())
    };
    for flag in NAMESPACE_FLAGS {
        let flag = u64::from(flag.unsigned_abs());
        // In clone the lowest byte is a signal, where CLONE_NEWTIME would be; only unshare knows that flag.
        if flag > 0xff {
            rules.entry(libc::SYS_clone).or_default().push(rule(0, SeccompCmpOp::MaskedEq(flag), flag)?);
        }
        rules.entry(libc::SYS_unshare).or_default().push(rule(0, SeccompCmpOp::MaskedEq(flag), flag)?);
    }
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        let request: u64 = request;
        rules.entry(libc::SYS_ioctl).or_default().push(rule(1, SeccompCmpOp::Eq, request)?);
    }
    Ok(rules)
}

const CLONE_NEWTIME: i32 = 0x80;

const NAMESPACE_FLAGS: [i32; 8] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    CLONE_NEWTIME,
];

/// What makes files durable.
const SYNCS: [i64; 5] =
    [libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync, libc::SYS_syncfs, libc::SYS_sync_file_range];

/// Newer than the crate's list; the numbers are the same on all architectures.
const SYS_OPEN_TREE_ATTR: i64 = 467;

/// Mounts, namespaces, keys, and what only an administrator uses.
const DENIED: &[i64] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_vhangup,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_compile_and_stay_short() {
        for (narrow, volatile) in [(false, false), (true, true)] {
            let filters = filters(Filtered { narrow, volatile }).expect("they compile");
            // Each call passes all of them; a long one would show in the time of a build.
            assert!(filters.iter().map(Vec::len).sum::<usize>() < 600);
        }
    }
}
