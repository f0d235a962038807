//! What can go wrong with a store, and what to do then.

use std::io as std_io;

use miette::Diagnostic;

use crate::diag::{Cause, Caused};
use crate::digest::{Digest, Sha256};
use crate::path::{HostPath, TreePathError};
use crate::tree::{TreeDecodeError, TreeError};

/// An error of the store.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StoreError {
    /// A file system error other than a full disk.
    #[error("{doing} failed at `{path}`")]
    #[diagnostic(
        code(opb::store::io),
        help("check that the folder is there, is writable for you, and is on a sound disk")
    )]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: HostPath,
        /// Why.
        source: std_io::Error,
    },
    /// No space, or the quota is used up.
    #[error("no space is left for `{path}`")]
    #[diagnostic(
        code(opb::store::full),
        help(
            "free space on that disk, or choose a store on another one with `--store`; nothing that was stored is lost"
        )
    )]
    Full {
        /// What was being written.
        path: HostPath,
    },
    /// A store that a later version of this program made.
    #[error("the store `{path}` has format {found}, newer than {known}, the newest that this opb knows", known = super::FORMAT)]
    #[diagnostic(code(opb::store::newer), help("use the opb that made it, or choose another store with `--store`"))]
    Newer {
        /// The store.
        path: HostPath,
        /// Its format.
        found: u32,
    },
    /// Another process collects.
    #[error("another process is collecting in the store `{path}`")]
    #[diagnostic(code(opb::store::collecting), help("wait until it has ended"))]
    Collecting {
        /// The store.
        path: HostPath,
    },
    /// An older format, while programs that know no other are using it.
    #[error("the store `{path}` has format {found}, and an older opb is at work in it")]
    #[diagnostic(
        code(opb::store::at_work),
        help("wait until that has ended, then try again: the store is migrated then")
    )]
    AtWork {
        /// The store.
        path: HostPath,
        /// Its version.
        found: u32,
    },
    /// A format file that says nothing.
    #[error("`{path}` does not say a format")]
    #[diagnostic(
        code(opb::store::format),
        help("choose another store with `--store`, or write `opb store 2` into that file if the folder is a store")
    )]
    Format {
        /// The file.
        path: HostPath,
    },
    /// A folder with something else in it.
    #[error("`{path}` is neither empty nor a store: it holds `{name}`")]
    #[diagnostic(code(opb::store::not_a_store), help("choose an empty folder, or one that does not exist yet"))]
    NotAStore {
        /// The folder.
        path: HostPath,
        /// One of the things in it, escaped.
        name: String,
    },
    /// Bytes that are not here.
    #[error("the store has no {what} `{digest}`")]
    #[diagnostic(code(opb::store::missing), help("build or fetch again what it belongs to"))]
    Missing {
        /// `object`, `tree` or `log`.
        what: &'static str,
        /// Its digest.
        digest: Digest,
    },
    /// Bytes that are not what their name says.
    #[error("the {what} at `{path}` has been altered: its content does not have its digest")]
    #[diagnostic(
        code(opb::store::altered),
        help("remove that file and build or fetch again what it belongs to; check the disk")
    )]
    Altered {
        /// `object`, `tree` or `log`.
        what: &'static str,
        /// The file.
        path: HostPath,
    },
    /// More bytes than the caller wants.
    #[error("`{name}` is larger than {limit} bytes, the most that is accepted there")]
    #[diagnostic(code(opb::store::too_large), help("check where it comes from"))]
    TooLarge {
        /// What is too large: a digest.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Bytes from outside that are not those expected.
    #[error("expected SHA-256 `{expected}` with {expected_size} bytes, got `{found}` with {found_size} bytes")]
    #[diagnostic(
        code(opb::store::sha256),
        help("try again later or from another mirror; if it stays, do not trust that source")
    )]
    NotExpected {
        /// The digest that was expected.
        expected: Sha256,
        /// The size that was expected, in bytes.
        expected_size: u64,
        /// The digest of what came; where more came than expected, of one byte more than that.
        found: Sha256,
        /// How many bytes came; at most one more than expected.
        found_size: u64,
    },
    /// A stream from outside broke off or could not be read.
    #[error("reading what is to be stored failed")]
    #[diagnostic(code(opb::store::reading), help("try again"))]
    Reading {
        /// Why.
        source: std_io::Error,
    },
    /// A tree's file that has its digest but is no tree: another program wrote it.
    #[error("`{digest}` is no tree")]
    #[diagnostic(code(opb::store::no_tree), help("build or fetch again what it belongs to"))]
    NoTree {
        /// Its digest.
        digest: Digest,
        /// Why not.
        source: TreeDecodeError,
    },
    /// Something that never enters the store.
    #[error("`{path}` cannot be stored: {why}")]
    #[diagnostic(code(opb::store::refused), help("remove it, or change what makes it"))]
    Refused {
        /// Where it stands in the folder that is imported, escaped; `.` is the folder itself.
        path: String,
        /// Why.
        why: Refusal,
    },
    /// A ledger's line that cannot be read, other than a torn last one.
    #[error("line {line} of the ledger `{path}` is damaged")]
    #[diagnostic(
        code(opb::store::ledger),
        help(
            "restore the file from a backup; without one, run `opb store verify --repair`, which takes the numbers from the results that bear them"
        )
    )]
    Ledger {
        /// The ledger.
        path: HostPath,
        /// Counted from 1.
        line: usize,
    },
    /// A list of what must be kept is damaged: nothing may be collected.
    #[error("`{path}`, which says what must be kept, is damaged")]
    #[diagnostic(
        code(opb::store::keep),
        help(
            "nothing is collected. A project's list is made anew by `opb build` in it, what was fetched for it is noted anew by `opb fetch`; a pin is dropped by `opb store keep --drop NAME`"
        )
    )]
    Keep {
        /// The file.
        path: HostPath,
    },
    /// The index fails even in memory.
    #[error("the index of the store `{path}` fails")]
    #[diagnostic(code(opb::store::index), help("report this as a bug, with the cause"))]
    Index {
        /// The store.
        path: HostPath,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Why something in a folder cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A device, pipe or socket.
    #[error("it is a {0}, and only files, folders and symbolic links are stored")]
    Special(&'static str),
    /// A file that changes who runs it.
    #[error("it is setuid or setgid")]
    SetId,
    /// An extended attribute, which a tree does not hold.
    #[error("it has the extended attribute `{0}`, which would be lost")]
    Attribute(String),
    /// A file that has a further name outside of the folder.
    #[error("it is a hard link to a file outside of the folder")]
    LinkedOutside,
    /// It was replaced or written to meanwhile.
    #[error("it changed while it was read")]
    Changed,
    /// It may not be read, or the system cannot read it so.
    #[error("it cannot be read: {}", .0.desc())]
    Unreadable(nix::errno::Errno),
    /// More entries than allowed.
    #[error("the folder has more than {0} entries")]
    TooManyEntries(usize),
    /// More bytes than allowed.
    #[error("the files of the folder have more than {0} bytes")]
    TooManyBytes(u64),
    /// A path that no tree may have.
    #[error("its path is too long for a tree")]
    Name(#[from] TreePathError),
    /// An entry that no tree may have.
    #[error("a tree cannot hold it: {0}")]
    Tree(#[from] TreeError),
}

impl Caused for StoreError {
    fn fault(&self) -> Cause {
        match self {
            Self::Refused { .. } => Cause::Build,
            Self::Newer { .. } | Self::NotAStore { .. } | Self::Format { .. } => Cause::Input,
            Self::Index { .. } => Cause::Bug,
            _ => Cause::Environment,
        }
    }
}

/// Turns an I/O error into ours: a full disk is told apart, whatever was being done.
pub(super) fn io(doing: &'static str, path: &HostPath) -> impl FnOnce(std_io::Error) -> StoreError + use<> {
    let path = path.clone();
    move |source| match source.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT) => StoreError::Full { path },
        _ => StoreError::Io { doing, path, source },
    }
}
