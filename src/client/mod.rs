//! A published repository as apt and dnf see it: what its lists promise is held against what its server gives.
//!
//! ```text
//! found      what is published there, and the key: by hints, which nobody trusts
//!   │
//! apt, yum   one list each: its signature, its dates, what it was when it was seen before (memory)
//!   │
//! indexes    what the list names, under its name and by its digest
//!   │
//! packages   what the indexes name, a few at a time
//! ```
//!
//! All of that goes through `server`, which has a limit for every size, every wait and the whole of it. Nothing is written to
//! disk. Knows nothing of projects, stores and channels as they are published from, so that any repository can be looked at.

mod apt;
mod fault;
mod folder;
mod found;
mod http;
mod indexes;
mod memory;
mod packages;
mod server;
#[cfg(test)]
mod tests;
mod yum;

use std::time::{Duration, Instant};

pub use fault::{Fault, Problem};
pub use memory::{Memory, MemoryError, Remembered};

use crate::diag::{Cause, Caused};
use crate::sign::{Keyring, VerifyError, rpm};
use packages::Seen;
use server::Server;

/// The most repositories that are looked at.
pub const MOST_REPOSITORIES: usize = 256;

/// The most faults that are kept of one repository.
pub const MOST_FAULTS: usize = 50;

/// What is looked at, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// `http://`, `https://`, `file:`, or an absolute folder: what clients have as the repository's root.
    pub address: String,
    /// Suites of APT, as clients name them.
    pub suites: Vec<String>,
    /// Folders of YUM repositories below the address; the empty one is the address itself. With no suites and none of these, what
    /// the place itself says it has.
    pub yum: Vec<String>,
    /// The keys that count; `None`: the one that is published there.
    pub keys: Option<Keyring>,
    /// How packages are looked at.
    pub packages: Packages,
    /// The most seconds that a list may be old.
    pub max_age: Option<i64>,
    /// Seconds since 1970.
    pub now: i64,
    /// How long to wait for what.
    pub limits: Limits,
}

/// How packages are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// Not at all.
    None,
    /// Each has to be there with its size.
    Size,
    /// As [`Self::Size`]; those that were not there when it was looked last are read, and their digests compared.
    Changed,
    /// Each is read, and its digest compared.
    All,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For the beginning of an answer, and for its next bytes.
    pub answer: Duration,
    /// Before it is looked again at what may have been changing just then.
    pub pause: Duration,
    /// For all of it.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(20),
            pause: Duration::from_secs(3),
            whole: Duration::from_secs(30 * 60),
        }
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The address, as it can be shown.
    pub address: String,
    /// Whether the key came from where the repository did, so that only consistency is shown.
    pub first_use: bool,
    /// The repositories in the order in which they were asked for.
    pub repositories: Vec<Looked>,
}

/// The family of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A suite.
    Apt,
    /// A folder with `repodata/`.
    Yum,
}

impl Kind {
    /// As people and programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Yum => "yum",
        }
    }
}

/// One repository.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Its family.
    pub kind: Kind,
    /// The suite, or the folder; `.` for the address itself.
    pub name: String,
    /// When its list was made, in seconds since 1970: `Date`, or a `revision` that is a time. `None` where it was not read, or
    /// does not say.
    pub date: Option<i64>,
    /// Until when clients take it; `None`: without end.
    pub valid_until: Option<i64>,
    /// The keys whose signatures count, by fingerprint. Sorted, unique.
    pub signers: Vec<String>,
    /// When the last of them ends; `None`: never, or not known.
    pub key_ends: Option<i64>,
    /// Files that the list names and that are as it says.
    pub indexes: usize,
    /// Packages and files of source packages that its indexes name. Each counts once.
    pub packages: usize,
    /// Those of them that are there with their size.
    pub present: usize,
    /// Those of them that were read.
    pub read: usize,
    /// What is wrong, at most [`MOST_FAULTS`] of them.
    pub faults: Vec<Fault>,
    /// How many there are besides.
    pub more_faults: usize,
}

impl Looked {
    fn new(kind: Kind, name: &str) -> Self {
        let name = if name.is_empty() { "." } else { name };
        Self {
            kind,
            name: name.to_owned(),
            date: None,
            valid_until: None,
            signers: Vec::new(),
            key_ends: None,
            indexes: 0,
            packages: 0,
            present: 0,
            read: 0,
            faults: Vec::new(),
            more_faults: 0,
        }
    }

    fn fault(&mut self, place: impl Into<String>, problem: Problem) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { place: place.into(), problem });
        } else {
            self.more_faults += 1;
        }
    }

    fn may_pass(&self) -> bool {
        self.faults.iter().any(|fault| fault.problem.may_pass())
    }

    /// Whose fault the worst of it is: [`Cause::Build`] for what is wrong, [`Cause::Environment`] where something could only not
    /// be reached; `None` where it is sound.
    pub fn cause(&self) -> Option<Cause> {
        self.faults.iter().map(|fault| fault.problem.fault()).max()
    }
}

impl Answer {
    /// As [`Looked::cause`], of all of them.
    pub fn cause(&self) -> Option<Cause> {
        self.repositories.iter().filter_map(Looked::cause).max()
    }
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ClientError {
    /// An address that is none.
    #[error("`{address}` is no place of a repository: {why}")]
    #[diagnostic(
        code(opb::client::address),
        help("give what clients have: `https://…`, `http://…`, `file:///…` or a folder, without a name and password")
    )]
    Address {
        /// As it can be shown.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// A suite or a folder that can be none.
    #[error("`{name}` is neither a suite nor a folder below a repository's root")]
    #[diagnostic(code(opb::client::name), help("write it as clients do, such as `bookworm` or `rpm/el-9/x86_64`"))]
    Name {
        /// The text.
        name: String,
    },
    /// A folder that cannot be opened.
    #[error("cannot open `{folder}`")]
    #[diagnostic(code(opb::client::folder), help("see that it is there and that you may read it"))]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server cannot be asked.
    #[error("cannot look at `{address}`: `{place}`: {problem}")]
    #[diagnostic(code(opb::client::unreachable), help("{help}"))]
    Unreachable {
        /// The address.
        address: String,
        /// What was asked for.
        place: String,
        /// What happened.
        problem: Box<Problem>,
        /// What to do.
        help: String,
    },
    /// Nothing says what is there.
    #[error("`{address}` does not say what is published there: it has no `channel.json` and no `repodata/repomd.xml`")]
    #[diagnostic(
        code(opb::client::nothing),
        help(
            "name suites with `--suite`, as in `--suite bookworm`, and YUM repositories with `--yum`, as in `--yum rpm/el-9/x86_64`"
        )
    )]
    Nothing {
        /// The address.
        address: String,
    },
    /// More than anybody publishes.
    #[error("`{address}` has more than {MOST_REPOSITORIES} repositories")]
    #[diagnostic(code(opb::client::many), help("name those to look at with `--suite` and `--yum`"))]
    Many {
        /// The address.
        address: String,
    },
    /// No key to check with.
    #[error("no key is known by which `{address}` is signed")]
    #[diagnostic(code(opb::client::no_key), help("give the file with the public key that clients have: `--key FILE`"))]
    NoKey {
        /// The address.
        address: String,
    },
    /// The published key is none.
    #[error("cannot read the key `{place}` that `{address}` publishes: {why}")]
    #[diagnostic(code(opb::client::key), help("publish again, or give the key that clients have: `--key FILE`"))]
    Key {
        /// The address.
        address: String,
        /// Where it was.
        place: String,
        /// Why.
        why: String,
    },
    /// Signatures cannot be checked here.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Verify(#[from] VerifyError),
}

impl Caused for ClientError {
    fn fault(&self) -> Cause {
        match self {
            Self::Address { .. }
            | Self::Name { .. }
            | Self::Nothing { .. }
            | Self::Many { .. }
            | Self::NoKey { .. } => Cause::Input,
            Self::Folder { .. } | Self::Unreachable { .. } | Self::Verify(_) => Cause::Environment,
            Self::Key { .. } => Cause::Build,
        }
    }
}

/// What all looks of one run share.
struct View<'a> {
    request: &'a Request,
    server: Server,
    keys: &'a Keyring,
    detached: &'a rpm::Keyring,
    before: &'a Memory,
    /// The address, as it stands in memory.
    address: String,
}

impl View<'_> {
    /// When the last of `signers` ends; `None`: never.
    fn ends(&self, signers: &[String]) -> Option<i64> {
        let ends: Option<Vec<u64>> = signers.iter().map(|signer| self.detached.ends(signer)).collect();
        ends?.into_iter().max().and_then(|end| i64::try_from(end).ok())
    }
}

/// Looks at all that `request` names. What was seen before is in `memory`, and what is seen goes there.
///
/// What may have been changing while it was looked at is looked at once more after a while, and only then called a fault.
///
/// # Errors
/// [`ClientError`] where nothing could be looked at. All that is wrong with a repository is in the answer.
pub fn check(request: &Request, memory: &mut Memory) -> Result<Answer, ClientError> {
    let (address, suites) = found::split(&request.address, &request.suites);
    let request = &Request { address, suites, ..request.clone() };
    let until = deadline(request.limits.whole);
    let server = Server::open(&request.address, request.limits, until)?;
    let found = found::look(&server, request)?;
    let first_use = request.keys.is_none();
    let keys = match &request.keys {
        Some(keys) => keys.clone(),
        None => found::key(&server, &found)?,
    };
    let wrong = |error: rpm::RpmSignatureError| ClientError::Key {
        address: server.shown().to_owned(),
        place: found.key.clone().unwrap_or_default(),
        why: error.to_string(),
    };
    let now = u64::try_from(request.now).unwrap_or(0);
    let detached = rpm::Keyring::of([("the key", keys.bytes())], now).map_err(wrong)?;
    let shown = server.shown().to_owned();
    let mut answer = Answer { address: shown.clone(), first_use, repositories: Vec::new() };
    let (mut seen, before) = (Seen::default(), memory.clone());
    let mut view = View { request, server, keys: &keys, detached: &detached, before: &before, address: shown };
    let all = found.apt.iter().map(|name| (Kind::Apt, name)).chain(found.yum.iter().map(|name| (Kind::Yum, name)));
    for (kind, name) in all {
        let look = |view: &View<'_>, seen: &mut Seen| match kind {
            Kind::Apt => apt::look(view, name, seen),
            Kind::Yum => yum::look(view, name, seen),
        };
        let (mut looked, mut now_there) = look(&view, &mut seen)?;
        if looked.may_pass() && Instant::now() + request.limits.pause < until {
            wait(request.limits.pause);
            // A folder may lead to another generation by now.
            view.server = Server::open(&request.address, request.limits, until)?;
            (looked, now_there) = look(&view, &mut seen)?;
        }
        if let Some(now_there) = now_there {
            memory.repositories.insert(memory::key(&view.address, kind, name), now_there);
        }
        seen.settle();
        answer.repositories.push(looked);
    }
    Ok(answer)
}

fn deadline(whole: Duration) -> Instant {
    let now = Instant::now();
    // Beyond what the clock can say, there is no end within anybody's life.
    now.checked_add(whole).unwrap_or(now + Duration::from_secs(365 * 86_400))
}

#[expect(clippy::disallowed_methods, reason = "nobody tells when another server has switched")]
fn wait(pause: Duration) {
    std::thread::sleep(pause);
}
