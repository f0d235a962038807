//! What caller, supervisor and init tell each other: JSON behind its length.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Cgroups, IdMap, Request};
use crate::path::HostPath;

/// The longest message, in bytes: a request with every package of a large distribution's root is far below.
const MAX_MESSAGE: u32 = 64 << 20;

/// What the supervisor is to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub map: IdMap,
    pub cgroups: Cgroups,
    pub job: Job,
}

/// See [`Order`].
#[derive(Serialize, Deserialize)]
pub(super) enum Job {
    Run(Box<Request>),
    Remove(HostPath),
}

/// What the supervisor answers, once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// Init ended by itself: the last step and how it ended.
    Ended { ended: Ended, usage: Usage },
    /// Init was killed because the caller said so.
    Killed { usage: Usage },
    /// A limit of the guest's cgroup was met, and init killed if it still ran.
    Limited { limit: Limit, usage: Usage },
    /// The job was not a run and is done.
    Done,
    /// It was not possible.
    Failed(Trouble),
}

/// How the last step that ran ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub step: usize,
    pub status: Status,
}

/// An exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Exit(i32),
    Signal(i32),
    Limit(Limit),
}

/// What the guest had too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Limit {
    Memory,
    HostMemory,
    Processes,
    Disk,
    HostDisk,
}

/// What init and all below it used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Usage {
    pub cpu_milliseconds: u64,
    pub peak_memory: u64,
}

/// Something that went wrong on the far side.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub place: Place,
    /// What was being done.
    pub doing: String,
    /// The system's error number, where it is the system's error.
    pub errno: Option<i32>,
    /// The error in words.
    pub said: String,
}

/// Where a [`Trouble`] arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// Making the namespaces.
    Namespaces,
    /// Writing the id maps; `doing` is the program.
    Map,
    /// Mounts and the rest.
    SetUp,
    /// A step, by its number.
    Step(usize),
    /// Init is gone without a report; `said` is its status.
    Lost,
}

impl Trouble {
    /// One of the set-up's.
    pub fn new(doing: impl Into<String>, error: &io::Error) -> Self {
        Self { place: Place::SetUp, doing: doing.into(), errno: error.raw_os_error(), said: error.to_string() }
    }

    /// The same, elsewhere.
    pub fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// The error as the system gave it.
    pub fn error(&self) -> io::Error {
        self.errno.map_or_else(|| io::Error::other(self.said.clone()), io::Error::from_raw_os_error)
    }
}

/// Says what was being done when an error came.
pub(super) trait Doing<T> {
    /// As [`Trouble::new`].
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Trouble>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Trouble> {
        self.map_err(|error| Trouble::new(doing(), &error.into()))
    }
}

/// Writes one message.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let length = u32::try_from(json.len()).ok().filter(|length| *length <= MAX_MESSAGE);
    let length = length.ok_or_else(|| io::Error::other("the message is too long"))?;
    to.write_all(&[&length.to_le_bytes()[..], &json].concat())
}

/// Reads one message.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let mut json = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}
