//! Commits of repositories elsewhere: which one a branch or tag means, its history, and its files.
//!
//! ```text
//! refs          what branches and tags a repository has now, and which of them is meant
//! clone         a bare clone for each address, below a folder that may be lost: fetched into, made anew where damaged
//! between       the commits since another one, for people
//! history       when a commit was made, and which tag it has come from
//! releases      what a version is made of that comes from tags; changes: what commits say, as lines of a changelog
//! files         what files a commit has, those of its submodules among them; links: nothing leads out of it
//! hg            the same of Mercurial's repositories, whose files are written out
//! process       one run of git or hg, watched, with what it may do narrowed; error: why it failed
//! ```
//!
//! git and hg themselves talk to servers, with the host's helpers, proxies and certificates. They never ask anybody, run no
//! hook of a repository's, and use no transport but that of the address. Knows nothing of recipes, the store and pins.

mod between;
mod changes;
mod clone;
mod error;
mod files;
mod hg;
#[cfg(test)]
mod hg_tests;
mod history;
mod links;
mod process;
mod refs;
mod releases;
#[cfg(test)]
mod releases_tests;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use between::Told;
pub use clone::clone_name;
pub use error::CheckoutError;
pub use files::{FileKind, Files, check_tree};
pub use history::History;
pub use links::leading_out;
pub(super) use process::local;
pub use refs::Tip;
pub use releases::{Releases, newest_release};

use crate::path::HostPath;
use crate::remote::RemoteUrl;

/// How long to wait before each further try, where a network does not answer.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];

/// What a repository may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    /// Bytes that a clone may have.
    pub clone: u64,
    /// Bytes of all files of a commit.
    pub bytes: u64,
    /// Files of a commit.
    pub files: usize,
    /// Bytes of all clones together that are not in use.
    pub all: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { clone: 32 << 30, bytes: 16 << 30, files: 1_000_000, all: 20 << 30 }
    }
}

/// Clones of repositories below a folder of this machine.
pub struct Clones<'a> {
    folder: HostPath,
    offline: bool,
    cancel: &'a AtomicBool,
    bounds: Bounds,
    waits: &'a [Duration],
}

impl<'a> Clones<'a> {
    /// Clones below `folder`, which is made when the first is. `offline`: nothing is fetched. `cancel` ends what runs.
    pub fn new(folder: HostPath, offline: bool, cancel: &'a AtomicBool) -> Self {
        Self { folder, offline, cancel, bounds: Bounds::default(), waits: &[] }
    }

    /// The same, but where the network does not answer, it is asked again after a while.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { waits: &WAITS, ..self }
    }

    fn is_stopped(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Does something with a repository over the network; again after a while where that did not answer.
    fn trying<T>(
        &self,
        url: &RemoteUrl,
        deed: &mut dyn FnMut() -> Result<T, CheckoutError>,
    ) -> Result<T, CheckoutError> {
        if self.offline && url.scheme() != Some("file") {
            return Err(CheckoutError::Offline { url: url.to_string() });
        }
        let mut waits = self.waits.iter();
        loop {
            match deed() {
                Err(error) if error.away().is_some() => match waits.next() {
                    Some(wait) => process::pause(*wait, self.cancel)?,
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }
}
