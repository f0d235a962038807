//! What the programs of a guest run on, and how that is found out: by trying.
//!
//! A guest of a foreign arch runs by what the host's kernel can itself (32-bit programs), by an emulator that the host has
//! registered with its kernel (`binfmt_misc`, with the flag `F`, which keeps the emulator open so that a guest need not
//! have it), or by one that is registered for the guest alone and goes with it, which kernels do from Linux 6.7 on. Each
//! is believed only when the smallest program there is has run so in a sandbox.

use std::path::Path;

use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

use super::elf::{self, Format};
use super::{End, Launcher, SandboxError, trial};
use crate::path::HostPath;

/// What the programs of a guest run on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Cpu {
    /// The host's, as it is. What it does not run itself is handed to whatever the host has registered for that.
    #[default]
    Host,
    /// The host's as a 32-bit one, which is what `uname -m` then says.
    Narrow,
    /// An emulated one.
    Emulated(Emulator),
}

/// An emulator that is registered for one guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emulator {
    /// Whose programs it runs.
    pub arch: String,
    /// The program on the host. Linked statically, for the guest has none of its libraries.
    pub program: HostPath,
}

/// How programs of an arch run on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// By the kernel itself, as those of the host's own arch or as 32-bit ones.
    Natively(Cpu),
    /// By an emulator of that name, as `qemu-aarch64`.
    Emulated(Cpu, String),
}

impl Runs {
    /// What a guest needs for it.
    pub fn cpu(&self) -> &Cpu {
        match self {
            Self::Natively(cpu) | Self::Emulated(cpu, _) => cpu,
        }
    }

    /// The emulator's name, where there is one.
    pub fn emulator(&self) -> Option<&str> {
        match self {
            Self::Natively(_) => None,
            Self::Emulated(_, name) => Some(name),
        }
    }
}

/// Why programs of an arch do not run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCpu {
    /// Nobody has told this program what such programs look like.
    #[error("opb knows no emulator of it")]
    Unknown,
    /// None is installed.
    #[error("there is no `{name}`")]
    NoEmulator {
        /// The program's name.
        name: String,
    },
    /// One is installed, but nothing comes of it.
    #[error("`{program}` cannot be used ({why})")]
    Unusable {
        /// The program.
        program: HostPath,
        /// What happened when it was tried.
        why: String,
    },
}

impl NoCpu {
    /// What can be done about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unknown => "build it on a machine of that arch, and share its results through a cache",
            Self::NoEmulator { .. } => "install `qemu-user-static`",
            Self::Unusable { .. } => {
                "use Linux 6.7 or newer, or register the emulator with the host's kernel: install `binfmt-support`, or `systemd` and restart `systemd-binfmt`"
            }
        }
    }
}

/// Where emulators are, whatever `PATH` says.
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin"];

/// The arch that this program was compiled for, in Debian's spelling.
pub fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        other => other,
    }
}

/// Finds out how programs of `arch` run here, in sandboxes whose files lie below `folder`, which is made and removed again.
/// Nothing is tried for the host's own arch.
///
/// # Errors
/// Where no sandbox can be made; that nothing runs them is the inner error.
pub fn how_it_runs(launcher: &Launcher, folder: &HostPath, arch: &str) -> Result<Result<Runs, NoCpu>, SandboxError> {
    if arch == host_arch() {
        return Ok(Ok(Runs::Natively(Cpu::Host)));
    }
    let Some(format) = elf::format(arch) else { return Ok(Err(NoCpu::Unknown)) };
    let program = elf::smallest(&format);
    let tried = |cpu: Cpu| trial::of_program(launcher, folder, &program, cpu);
    if matches!((host_arch(), arch), ("amd64", "i386") | ("arm64", "armhf" | "armel")) && fine(&tried(Cpu::Narrow)?) {
        return Ok(Ok(Runs::Natively(Cpu::Narrow)));
    }
    let name = format!("qemu-{}", format.qemu);
    if fine(&tried(Cpu::Host)?) {
        return Ok(Ok(Runs::Emulated(Cpu::Host, name)));
    }
    let mut problem = NoCpu::NoEmulator { name: format!("{name}-static") };
    for found in programs(&format) {
        let cpu = Cpu::Emulated(Emulator { arch: arch.to_owned(), program: found.clone() });
        let why = match tried(cpu.clone()) {
            Ok(tried) if fine(&tried) => return Ok(Ok(Runs::Emulated(cpu, name))),
            Ok(Tried::Ended(end)) => format!("a program ended with {end:?}"),
            Ok(Tried::NotStarted(why)) => why,
            // Kernels before 6.7 answer so; and a sandbox without an emulator could be made just now.
            Err(error) => crate::diag::chain(&error),
        };
        if !matches!(problem, NoCpu::Unusable { .. }) {
            problem = NoCpu::Unusable { program: found, why };
        }
    }
    Ok(Err(problem))
}

/// What came of a program.
pub(super) enum Tried {
    /// It ran.
    Ended(End),
    /// The kernel did not take it.
    NotStarted(String),
}

fn fine(tried: &Tried) -> bool {
    matches!(tried, Tried::Ended(End::Exit(0)))
}

/// The emulators of the host for such programs, best first: one that says that it is linked statically.
fn programs(format: &Format) -> Vec<HostPath> {
    let names = [format!("qemu-{}-static", format.qemu), format!("qemu-{}", format.qemu)];
    let places = names.iter().flat_map(|name| FOLDERS.map(|folder| Path::new(folder).join(name)));
    places.filter(|place| place.is_file() && access(place, AccessFlags::X_OK).is_ok()).map(HostPath::new).collect()
}
