//! Why a sandbox could not be made, or a step not be begun.

use std::io;
use std::path::PathBuf;

use crate::diag::{Cause, Caused};

/// Why a sandbox could not be made, or not be used to its end. A failing command is none of these but an [`End`](super::End).
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SandboxError {
    /// A program that ordinary users need is not there.
    #[error("cannot find `{program}`, which gives an ordinary user the ids of a sandbox")]
    #[diagnostic(code(opb::sandbox::helper_missing), help("install the package `uidmap`, or run as root"))]
    HelperMissing {
        /// `newuidmap` or `newgidmap`.
        program: &'static str,
    },
    /// No range, or too small a one.
    #[error("`{file}` gives `{user}` {found} ids where a sandbox needs {needed}")]
    #[diagnostic(
        code(opb::sandbox::no_range),
        help(
            "give it a range that nobody else has: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`"
        )
    )]
    NoRange {
        /// `/etc/subuid` or `/etc/subgid`.
        file: &'static str,
        /// The login name, or the uid where it has none.
        user: String,
        /// How many ids its ranges hold together.
        found: u64,
        /// How many are needed.
        needed: u32,
    },
    /// We are root of a namespace that lacks the ids which root hands out.
    #[error("this root has no ids from {first} on to give to a sandbox")]
    #[diagnostic(
        code(opb::sandbox::range_unmapped),
        help(
            "add a line for root to `/etc/subuid` and `/etc/subgid` with 65536 ids that `/proc/self/uid_map` holds, or run on the host itself"
        )
    )]
    RangeUnmapped {
        /// The first id of the range.
        first: u32,
    },
    /// The host's settings are against it.
    #[error("the host forbids ordinary users their own namespaces: `{sysctl}` is {value}")]
    #[diagnostic(
        code(opb::sandbox::forbidden),
        help("set it to {wanted} with `sysctl -w {sysctl}={wanted}`, or run as root")
    )]
    Forbidden {
        /// The setting.
        sysctl: &'static str,
        /// What it is.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// `newuidmap` or `newgidmap` said no.
    #[error("cannot map ids with `{program}`: {said}")]
    #[diagnostic(
        code(opb::sandbox::map_refused),
        help("compare `/etc/subuid` and `/etc/subgid` with your uid, and see that `{program}` is setuid root")
    )]
    MapRefused {
        /// The program.
        program: String,
        /// Its message.
        said: String,
    },
    /// A file could not be used.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(code(opb::sandbox::file), help("see that it is there and that you may use it"))]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor could not be started or talked to.
    #[error("cannot start the sandbox's supervisor `{program}`")]
    #[diagnostic(code(opb::sandbox::supervisor), help("see that the machine has processes and descriptors left"))]
    Supervisor {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Namespaces or mounts failed.
    #[error("cannot set up the sandbox: {doing}")]
    #[diagnostic(
        code(opb::sandbox::setup),
        help(
            "see that this is Linux 5.12 or newer, outside of a container that hides parts of `/proc`, and that the file system can hold an overlay"
        )
    )]
    SetUp {
        /// What was being done, with the path.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// A step that could not be begun, or that is no command.
    #[error("cannot do step {step} of the sandbox: {doing}")]
    #[diagnostic(code(opb::sandbox::step), help("see whether the root holds what the step needs"))]
    Step {
        /// Which, counted from 0.
        step: usize,
        /// What was being done, with the path.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// Supervisor or init ended without a word.
    #[error("the sandbox was lost: its {who} ended with {status}")]
    #[diagnostic(code(opb::sandbox::lost), help("see the kernel's log for a kill for want of memory, and try again"))]
    Lost {
        /// `supervisor` or `init`.
        who: &'static str,
        /// How, as the system says it.
        status: String,
    },
}

impl Caused for SandboxError {
    fn fault(&self) -> Cause {
        match self {
            Self::Step { .. } => Cause::Build,
            _ => Cause::Environment,
        }
    }
}
