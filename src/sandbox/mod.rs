//! One command in fresh namespaces over stacked layers, safe against what it runs.
//!
//! ```text
//!  run() in opb ──socket, log pipe──► supervisor ──clone──► init, pid 1 of the guest ──► a step
//!  limits, log                        writes the id maps, kills init    mounts, reaps, collects
//!       │                             when the socket closes
//!       └───────────────────────────► zygote (`opb __sandbox`), of which supervisors are copies
//! ```
//! The same as root and as an ordinary user with ranges in `/etc/subuid`: inside, ids are 0 to 65535, `/` is an overlay or
//! one folder, there is a `/proc` of this guest, a small `/dev`, no `/sys`, and no network but the loopback. Whoever is
//! killed, nothing is left: the supervisor ends with its caller, init with its supervisor, all others with init; mounts
//! live in the guest's own mount namespace. A step runs with few or no capabilities and under a filter of system calls.
//!
//! Memory and processes are counted by a cgroup of the guest's own where this process may make one, else by init, which
//! looks once a second; what is written to the disk is always init's to count.
//!
//! Knows nothing of derivations, stores or what a step is for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::path::{GuestPath, HostPath};

mod attached;
mod binfmt;
mod cgroup;
mod collect;
mod cpu;
mod elf;
mod error;
mod gauge;
mod id_map;
mod init;
mod landlock;
mod launch;
mod mounts;
mod passing;
mod remove;
mod rights;
mod step;
mod supervise;
mod terminal;
mod trial;
mod unpack;
mod walk;
mod wire;
mod zygote;

pub use cgroup::{Cgroups, Controller};
pub use cpu::{Cpu, Emulator, NoCpu, Runs, host_arch, how_it_runs};
pub use error::SandboxError;
pub use gauge::host_memory;
pub use id_map::{IdMap, forbidden};
pub use landlock::landlock_version;
pub use launch::{Cancel, Launcher, run, run_attached};
pub use remove::remove;
pub use trial::try_out;
pub use zygote::{Zygote, guest_main};

/// The hidden verb that [`guest_main`] answers to.
pub const HIDDEN_VERB: &str = "__sandbox";

/// The host name inside.
pub const HOST_NAME: &str = "opb";

/// What to run, over what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// What `/` is.
    pub root: RootFs,
    /// An empty folder made with [`IdMap::make_dir_for_guest`], on a file system that can hold an overlay's upper layer
    /// (not itself an overlay). Its content is the caller's to [`remove()`] afterwards.
    pub scratch: HostPath,
    /// What else of the host is to be seen, in this order.
    pub binds: Vec<Bind>,
    /// What to do, in this order; the first that fails is the last.
    pub steps: Vec<Step>,
    /// When to end it from outside.
    pub limits: Limits,
    /// What its programs run on.
    pub cpu: Cpu,
    /// What it reaches of the network.
    pub network: Network,
    /// A folder that programs make their root: it has the guest's `/dev` and `/proc` too. The folders of these are left there,
    /// empty.
    pub inner: Option<GuestPath>,
}

/// What a guest reaches of the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Its own loopback.
    #[default]
    None,
    /// All that the host does, its loopback included; and where Landlock can say so (from Linux 6.12 on), no socket of the
    /// host's that has no place in a file system.
    Host,
}

/// What `/` is inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum RootFs {
    /// An overlay.
    Layers {
        /// Topmost first, at least one. Never written.
        lowers: Vec<HostPath>,
        /// What becomes of what the steps write.
        upper: Upper,
    },
    /// This folder itself, writable: for making a base. Made with [`IdMap::make_dir_for_guest`]. As on an overlay, what asks
    /// for durability there is told at once that it has it: the caller makes the folder durable, whole.
    Bare {
        /// The folder.
        folder: HostPath,
    },
}

/// What becomes of what the steps write into an overlay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Upper {
    /// It stays in the scratch folder, to be removed with it.
    Discard,
    /// When every step succeeded it is made durable and renamed to this folder, which is then a lower for others; it may
    /// be absent or empty before, and must be on scratch's file system. Otherwise as `Discard`.
    Keep(HostPath),
}

/// A file or folder of the host seen inside, never honouring setuid bits or devices in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bind {
    /// Where it is.
    pub host: HostPath,
    /// Where it is seen. Made if missing.
    pub guest: GuestPath,
    /// Whether the guest may write there, as far as modes and owners allow: a [`Step::MakeFolder`] at `guest` gives a folder
    /// that is the guest root's to the builder.
    pub writable: bool,
    /// A folder of outputs: when every step has succeeded and nothing of the guest runs any more, all in it becomes readable for, and owned by, the guest's root; in user mode that is the caller.
    pub collect: bool,
}

/// One thing to do inside. Nothing a step started outlives it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Step {
    /// Runs a command with stdin empty, stdout and stderr to the log, in a session of its own.
    Run {
        /// The program and its arguments, at least one. Without a `/` it is looked up in `env`'s `PATH`.
        argv: Vec<String>,
        /// The whole environment.
        env: BTreeMap<String, String>,
        /// The working directory.
        cwd: GuestPath,
        /// As whom.
        user: GuestUser,
        /// Below which folders it may write at most, where the kernel has Landlock; `None`: wherever modes let it.
        writable: Option<Vec<GuestPath>>,
    },
    /// Does a [`Step::Run`] at a terminal of its own instead of the log. Only for [`run_attached`].
    OnTerminal(Box<Step>),
    /// Does a [`Step::Run`] whose stdin is a pipe that is its own. Only for [`run_attached`]; of these two, one and once.
    WithInput(Box<Step>),
    /// Extracts the files of Debian packages over `/`, in this order, without running anything of them. A folder's place
    /// may be a link to a folder, which is written through (`/bin` as `usr/bin`).
    UnpackDebs {
        /// The packages.
        debs: Vec<GuestPath>,
    },
    /// Makes a folder and its parents. One that is there gets mode and owner.
    MakeFolder {
        /// Where.
        path: GuestPath,
        /// Permission bits.
        mode: u32,
        /// Whose.
        owner: GuestUser,
    },
    /// Makes a symbolic link of root's in place of any file there.
    Symlink {
        /// Where.
        path: GuestPath,
        /// What it holds.
        target: String,
    },
    /// Makes a file of root's in place of any file there.
    WriteFile {
        /// Where.
        path: GuestPath,
        /// Permission bits.
        mode: u32,
        /// What it holds.
        text: String,
    },
}

/// Who a step is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GuestUser {
    /// uid and gid 0, with the capabilities that dpkg needs and no others.
    Root,
    /// uid and gid 1000, with no capabilities and no way to get any.
    Builder,
}

impl GuestUser {
    /// The uid, which is also the gid.
    pub fn id(self) -> u32 {
        match self {
            Self::Root => 0,
            Self::Builder => 1000,
        }
    }
}

/// When a run is ended from outside.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds that all steps together may take. `None`: any.
    pub wall_seconds: Option<u64>,
    /// Seconds without a byte of output. `None`: any.
    pub silence_seconds: Option<u64>,
    /// Bytes of output. No more are passed on.
    pub log_bytes: u64,
    /// Bytes of memory of all processes together, without what is swapped out. `None`: any.
    pub memory_bytes: Option<u64>,
    /// Processes and threads at once. `None`: as many as a user of the guest may have, which is far above what builds need.
    pub processes: Option<u64>,
    /// Bytes on the disk, where every file counts for at least 4 KiB. Looked at once a second. `None`: any, as long as the
    /// disk is not nearly full.
    pub disk_bytes: Option<u64>,
}

impl Limits {
    /// No limit but on what no build does by mistake only.
    pub const NONE: Self = Self {
        wall_seconds: None,
        silence_seconds: None,
        log_bytes: u64::MAX,
        memory_bytes: None,
        processes: None,
        disk_bytes: None,
    };
}

/// How a run ended, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How. `Exit(0)`: every step succeeded.
    pub end: End,
    /// The step that ended it, counted from 0; `None` where a limit or a cancel did.
    pub step: Option<usize>,
    /// Milliseconds from the call on.
    pub wall_milliseconds: u64,
    /// Milliseconds of processor time, of all processes inside.
    pub cpu_milliseconds: u64,
    /// The largest resident set of any one process inside, in bytes.
    pub peak_memory: u64,
}

impl Outcome {
    /// What two runs come to, `next` having come after this one.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        Self {
            wall_milliseconds: self.wall_milliseconds.saturating_add(next.wall_milliseconds),
            cpu_milliseconds: self.cpu_milliseconds.saturating_add(next.cpu_milliseconds),
            peak_memory: self.peak_memory.max(next.peak_memory),
            ..next
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A step exited.
    Exit(i32),
    /// A step died of a signal.
    Signal(i32),
    /// [`Limits::wall_seconds`].
    WallLimit,
    /// [`Limits::silence_seconds`].
    SilenceLimit,
    /// [`Limits::log_bytes`].
    LogLimit,
    /// [`Limits::memory_bytes`].
    MemoryLimit,
    /// The kernel killed something inside as the host, or the cgroup that we run in, had no memory left.
    HostMemory,
    /// [`Limits::processes`].
    ProcessLimit,
    /// [`Limits::disk_bytes`].
    DiskLimit,
    /// The disk is nearly full, and it is this guest that has filled it.
    HostDisk,
    /// [`Cancel::cancel`].
    Cancelled,
}

#[cfg(test)]
mod tests;
