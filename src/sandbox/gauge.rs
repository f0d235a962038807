//! Init's look, once a second, at what the guest uses: the disk always; memory and processes where no cgroup counts them.
//!
//! What is written is counted in two ways. `statvfs` says cheaply how full the disk is, whoever filled it; a walk over what
//! the guest wrote says how much of that is the guest's. The walk is made only where a limit was asked for, and then takes
//! at most a twentieth of the time, or once the disk is nearly full. It does not see files that are deleted but open: when
//! the disk is all but full, a guest is ended without one.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::sys::statvfs::{Statvfs, fstatvfs};

use super::Limits;
use super::walk::{Met, What, walk};
use super::wire::Limit;

/// The time from one look to the next.
const LOOK: Duration = Duration::from_secs(1);

/// What a file takes at least, in bytes: so that there is an end to empty ones.
const LEAST: u64 = 4_096;

/// A guest that has filled the disk is ended when of what was free at its beginning only one part in so many is left, if
/// it took a quarter of it, …
const NEARLY: u64 = 10;

/// … and when one part in so many is left, in any case: all that write there are about to fail.
const ALL_BUT: u64 = 50;

/// What a guest may have, and how much of it is not counted elsewhere.
pub(super) struct Gauge {
    written: Vec<OwnedFd>,
    free: Option<Free>,
    disk: Option<u64>,
    memory: Option<u64>,
    processes: Option<u64>,
    next: Instant,
    next_walk: Instant,
}

/// What is free where the guest writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Free {
    bytes: u64,
    /// Inodes; `None` where the file system makes them as it goes.
    files: Option<u64>,
}

/// What a guest has written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Written {
    /// On the disk.
    bytes: u64,
    files: u64,
}

impl Gauge {
    /// Over the folders `written`, of which the first is the one whose disk counts.
    pub fn new(written: Vec<OwnedFd>, limits: &Limits, counted: Counted) -> Self {
        let now = Instant::now();
        Self {
            free: written.first().and_then(free),
            written,
            disk: limits.disk_bytes,
            memory: limits.memory_bytes.filter(|_| !counted.memory),
            processes: limits.processes.filter(|_| !counted.processes),
            next: now + LOOK,
            next_walk: now,
        }
    }

    /// How long to wait for the next look.
    pub fn left(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Looks, if it is time. `over` says that nobody needs to know any more.
    pub fn look(&mut self, over: &dyn Fn() -> bool) -> Option<Limit> {
        if !self.left().is_zero() {
            return None;
        }
        let met = self.processes_or_memory().or_else(|| self.disk(over));
        self.next = Instant::now() + LOOK;
        met
    }

    /// Looks once more when a step has ended and what it started has not: one that could not start another process has
    /// often ended before the first look.
    pub fn look_at_end(&self) -> Option<Limit> {
        self.processes_or_memory()
    }

    fn processes_or_memory(&self) -> Option<Limit> {
        if self.processes.is_none() && self.memory.is_none() {
            return None;
        }
        let (mut threads, mut memory) = (0_u64, shared_memory());
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let name = entry.file_name();
            let Some(process) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else {
                continue;
            };
            let of = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
            // Init is none of the build's.
            if self.processes.is_some() && process != "1" {
                threads += threads_of(&of("stat"));
            }
            if self.memory.is_some() {
                memory += memory_of(&of("statm"));
            }
        }
        if self.memory.is_some_and(|most| memory > most) {
            return Some(Limit::Memory);
        }
        self.processes.is_some_and(|most| threads > most).then_some(Limit::Processes)
    }

    fn disk(&mut self, over: &dyn Fn() -> bool) -> Option<Limit> {
        let (Some(before), Some(now)) = (self.free, self.written.first().and_then(free)) else { return None };
        if now.is_under(before, ALL_BUT) {
            return Some(Limit::HostDisk);
        }
        let nearly = now.is_under(before, NEARLY);
        let began = Instant::now();
        if !nearly && (self.disk.is_none() || began < self.next_walk) {
            return None;
        }
        let met = self.judge(before, nearly, over);
        // What moves while it is counted may be counted twice: only what is met twice is met.
        let met = met.and_then(|_| self.judge(before, nearly, over));
        self.next_walk = Instant::now() + began.elapsed() * 20;
        met
    }

    fn judge(&self, before: Free, nearly: bool, over: &dyn Fn() -> bool) -> Option<Limit> {
        let written = self.written.iter().try_fold(Written::default(), |sum, folder| {
            let one = measure(folder, self.disk, over)?;
            Some(Written { bytes: sum.bytes + one.bytes, files: sum.files + one.files })
        })?;
        if self.disk.is_some_and(|most| written.counted() > most) {
            return Some(Limit::Disk);
        }
        let quarter = written.bytes >= before.bytes / 4 || before.files.is_some_and(|files| written.files >= files / 4);
        (nearly && quarter).then_some(Limit::HostDisk)
    }
}

/// What a cgroup counts, so that nobody else has to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub memory: bool,
    pub processes: bool,
}

impl Counted {
    /// As the supervisor tells it.
    pub fn byte(self) -> u8 {
        u8::from(self.memory) | u8::from(self.processes) << 1
    }

    /// See [`Counted::byte`].
    pub fn of_byte(byte: u8) -> Self {
        Self { memory: byte & 1 != 0, processes: byte & 2 != 0 }
    }
}

impl Written {
    fn counted(self) -> u64 {
        self.bytes.max(self.files.saturating_mul(LEAST))
    }
}

impl Free {
    /// Whether it is less than one part in `parts` of what it was.
    fn is_under(self, before: Self, parts: u64) -> bool {
        let files = self.files.zip(before.files).is_some_and(|(now, before)| now < before / parts);
        self.bytes < before.bytes / parts || files
    }
}

fn free(folder: &OwnedFd) -> Option<Free> {
    let stat: Statvfs = fstatvfs(folder).ok()?;
    let files = (stat.files() > 0).then(|| stat.files_available());
    Some(Free { bytes: stat.blocks_available() * stat.fragment_size(), files })
}

/// What is in a folder, on its own file system; counts no further than over `most`. `None` where it was interrupted.
fn measure(folder: &OwnedFd, most: Option<u64>, over: &dyn Fn() -> bool) -> Option<Written> {
    let mut written = Written::default();
    let device = nix::sys::stat::fstat(folder).ok()?.st_dev;
    let mut interrupted = false;
    // An error is a folder that was moved or removed meanwhile: the next look is a second away.
    let _ = walk(folder.try_clone().ok()?, &mut |met: &Met<'_>| {
        match &met.what {
            What::Left => return Ok(()),
            // Not what is mounted inside a bare root.
            What::File(stat) if stat.st_dev != device => return Ok(()),
            // A file with several names is counted once in sum.
            What::File(stat) => written.bytes += stat.st_blocks.unsigned_abs() * 512 / stat.st_nlink.max(1),
            What::Folder => written.bytes += LEAST,
        }
        written.files += 1;
        if written.files.is_multiple_of(1_024) && over() {
            interrupted = true;
        }
        let enough = most.is_some_and(|most| written.counted() > most);
        if interrupted || enough { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    (!interrupted).then_some(written)
}

/// The threads that a `/proc/PID/stat` tells of (`proc_pid_stat(5)`, field 20).
fn threads_of(stat: &str) -> u64 {
    let threads = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(17)?.parse().ok());
    threads.unwrap_or_default()
}

/// The bytes that a `/proc/PID/statm` tells of (`proc_pid_statm(5)`): resident and not shared with anyone.
fn memory_of(statm: &str) -> u64 {
    let mut pages = statm.split(' ').skip(1).map(|number| number.parse::<u64>().unwrap_or_default());
    let (resident, shared) = (pages.next().unwrap_or_default(), pages.next().unwrap_or_default());
    resident.saturating_sub(shared) * page()
}

fn page() -> u64 {
    // SAFETY: asks for a number.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(LEAST)
}

/// What is in the guest's `/dev/shm`, which is memory too.
fn shared_memory() -> u64 {
    let stat = nix::sys::statvfs::statvfs("/dev/shm");
    stat.map_or(0, |stat| (stat.blocks() - stat.blocks_free()) * stat.fragment_size())
}

/// The bytes of memory that this machine has, or that the cgroup of this process may have at most, if that is less.
pub fn host_memory() -> u64 {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    super::cgroup::memory_above().into_iter().chain(total_of(&read("/proc/meminfo"))).min().unwrap_or(u64::MAX)
}

/// `MemTotal` of `/proc/meminfo`.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_kernel_are_read() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 7 0 5000 1000000 300 18446744073709551615";
        assert_eq!(threads_of(stat), 7);
        assert_eq!(threads_of("junk"), 0);
        assert_eq!(memory_of("1000 300 100 1 0 200 0\n"), 200 * page());
        assert_eq!(memory_of(""), 0);
        assert_eq!(total_of("MemFree: 1 kB\nMemTotal:       24683520 kB\n"), Some(24_683_520 * 1_024));
        assert_eq!(total_of("junk"), None);
        assert!(host_memory() > 1 << 20 && host_memory() < u64::MAX);
    }

    #[test]
    fn a_disk_is_nearly_full_by_bytes_or_by_files() {
        let free = |bytes, files| Free { bytes, files };
        let before = free(1_000, Some(500));
        assert!(!free(100, Some(50)).is_under(before, NEARLY));
        assert!(free(99, Some(500)).is_under(before, NEARLY) && free(1_000, Some(49)).is_under(before, NEARLY));
        assert!(!free(1_000, None).is_under(free(1_000, None), NEARLY));
    }

    #[test]
    fn what_is_complete_is_counted_once() {
        let top = tempfile::tempdir().expect("a folder");
        fs::create_dir(top.path().join("folder")).expect("made");
        let file = top.path().join("folder/file");
        fs::write(&file, vec![1; 1 << 20]).expect("written");
        fs::hard_link(&file, top.path().join("same")).expect("linked");
        // A hole takes nothing.
        fs::File::create(top.path().join("hole")).and_then(|file| file.set_len(1 << 40)).expect("made");
        let folder = OwnedFd::from(fs::File::open(top.path()).expect("opens"));
        // Not all of it may have its place on the disk yet, and its place in tables counts too.
        let written = measure(&folder, None, &|| false).expect("counted");
        assert_eq!(written.files, 4);
        assert!(written.bytes < 2 << 20, "{written:?}");
        assert!(written.counted() >= 4 * LEAST);
        let cut = measure(&folder, Some(LEAST), &|| false).expect("counted");
        assert!(cut.files < 4, "{cut:?}");
    }
}
