//! The store: file contents, trees, results and numbers on disk, as trustworthy as a database.
//!
//! A store is one folder; everything is reached through a descriptor of it. It knows nothing of graphs, recipes or
//! schedules: it is asked by digest and by action key.
//!
//! ```text
//! format           version of all this         realised/ab/cdef….json  what an action key came to (immutable)
//! objects/ab/cdef… contents by BLAKE3, 0444    attempts/ab/cdef….node.json  a node's latest failure
//! trees/ab/cdef…   canonical trees             ledger/<distro>/<component>.jsonl  numbers of rebuilds (append-only)
//! sha256/ab/cdef…  objects by SHA-256          log/<digest>.zst        build logs
//! roots/<uid>/<key>    chroots, disposable     channels/<c>/  keep/    for publishing and for garbage collection
//! rivals/ab/cdef…/  other results of a key          owed/<key>             keys whose bytes are to come
//! rebuilt/ab/cdef….json  keys that were made again, and what came of it
//! upgrades/ab/cdef….json  upgrades that were tried, and what came of each
//! runs/<id>.jsonl  what runs did, and why (append-only)
//! nights/<project>/<set>/  what nightlies came to
//! signed/ab/cdef….json  packages with signatures: which objects they are
//! pieces/<shelf>/  what is put together again, disposable
//! facts/ab         what is known of objects, disposable
//! work/<id>/       what is under way           locks/                  one file for each lock that is held
//! failed/<uid>/<id>/   what failed steps left, disposable
//! index.sqlite     an accelerator over `realised/`, rebuilt from it whenever it is lost or damaged
//! ```
//!
//! A write goes: temporary file in `work/`, content durable, rename, folder durable, then the record that refers to it,
//! the row of the index last. So a crash leaves at worst what nothing refers to. Reads of a damaged record find nothing
//! and say so by a [`Notice`].

mod assembled;
mod attempts;
mod channels;
mod clones;
pub mod collect;
#[cfg(test)]
mod crash_tests;
mod durable;
mod elsewhere;
mod error;
mod export;
mod facts;
mod failed;
pub mod fault;
mod fetched;
mod hashing;
mod import;
mod incoming;
mod index;
mod keeps;
mod ledger;
mod listed;
mod locks;
mod logs;
mod nights;
mod objects;
mod owed;
mod pieces;
#[cfg(test)]
mod power_tests;
mod realisations;
mod rebuilt;
mod rivals;
mod roots;
mod running;
pub mod runs;
mod sealed;
mod seen;
mod signed;
mod stamps;
mod trees;
mod upgrades;
mod uses;
pub mod verify;
mod work;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

pub use assembled::Assembled;
pub use attempts::{Attempt, Limited, MetLimit};
pub use channels::{switch_link, write_atomically};
pub use clones::CloneEntry;
pub use error::{Refusal, StoreError};
pub use export::ExportMode;
pub use failed::{FailedEntry, FailedTree, HeldTree};
pub use fetched::FetchedFiles;
pub use import::ImportRules;
pub use incoming::Incoming;
pub use keeps::{Pin, ProjectList};
pub use ledger::{Known, Ledger, Released};
pub use listed::Listed;
pub use locks::{Holder, KeyLock, TryLock};
pub use logs::{LogReader, LogTime, MOST_TIMES};
pub use nights::{NightState, ReportForm};
pub use pieces::Shelf;
pub use realisations::{Realisation, Recorded};
pub use rebuilt::Rebuilt;
pub use rivals::Rival;
pub use roots::{CommittedRoot, RootEntry};
pub use running::RunningLog;
pub use seen::Seen;
pub use signed::{NewlySigned, Signed};
pub use stamps::{FolderStamp, put_folder_stamps, read_folder_stamps};
pub use upgrades::{Upgrade, UpgradeOutcome};
pub use uses::{CollectionLock, Used};
pub use work::WorkDir;

use crate::path::HostPath;
use error::io;

/// The version of the layout that this program writes. A newer one is refused, an older one migrated.
///
/// 2: processes say what they use (`work/<id>/uses`), so that a collection may run beside them; no failures by key.
pub const FORMAT: u32 = 2;

const FORMAT_FILE: &str = "format";
const FORMAT_HEAD: &str = "opb store ";

/// The folders of a store, all made when it is.
const FOLDERS: [&str; 22] = [
    "objects", "trees", "realised", "attempts", "ledger", "sha256", "log", "roots", "work", "channels", "keep",
    "locks", "owed", "rivals", "runs", "failed", "signed", "pieces", "facts", "rebuilt", "nights", "upgrades",
];

/// What may stand in a folder that becomes a store: what a project keeps of it in version control.
const TOLERATED: [&str; 2] = ["README.md", ".gitignore"];

/// Something that the store mended or passed over by itself. Nothing was lost that was ever promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The index was missing, damaged or of another version, and has been rebuilt from the records.
    IndexRebuilt,
    /// The index cannot be kept on disk; look-ups use one in memory.
    IndexInMemory {
        /// Why.
        why: String,
    },
    /// A record is damaged; it counts as absent.
    DamagedRecord(HostPath),
    /// A nightly's record is damaged, or a later version of this program wrote it; it counts as absent.
    Night {
        /// Its file.
        path: HostPath,
        /// Whether it is of a later version.
        newer: bool,
    },
    /// A dead owner's work folder could not be removed: files in it belong to other users (those of a sandbox).
    StaleWork(HostPath),
    /// The last line of a ledger was torn by a crash and has been cut off; it was never acknowledged.
    TornLedger(HostPath),
}

/// A store, opened. Threads may share it, and processes may share the folder.
pub struct Store {
    path: HostPath,
    dir: Dir,
    /// Where temporary files are made: a work folder of this process, made when first needed.
    scratch: Mutex<Option<Arc<WorkDir>>>,
    /// What this process has said that it uses.
    uses: Mutex<Option<uses::Uses>>,
    serial: AtomicU64,
    index: Mutex<Option<index::Index>>,
    notices: Mutex<Vec<Notice>>,
}

impl Store {
    /// Opens the store at `path`; makes it where the folder is missing or empty. Sweeps what dead processes left in
    /// `work/`; what it may not remove is a [`Notice::StaleWork`].
    ///
    /// # Errors
    /// Where the folder cannot be used, holds something else, or holds a store of a newer format.
    pub fn open(path: &HostPath) -> Result<Self, StoreError> {
        Dir::create_ambient_dir_all(path.as_path(), ambient_authority()).map_err(io("making the store", path))?;
        let dir = Dir::open_ambient_dir(path.as_path(), ambient_authority()).map_err(io("opening the store", path))?;
        let store = Self {
            path: path.clone(),
            dir,
            scratch: Mutex::new(None),
            uses: Mutex::new(None),
            serial: AtomicU64::new(0),
            index: Mutex::new(None),
            notices: Mutex::new(Vec::new()),
        };
        match store.read_whole(FORMAT_FILE)? {
            Some(bytes) => {
                let found = store.check_format(&bytes)?;
                store.restore_layout()?;
                if found < FORMAT {
                    store.migrate(found)?;
                }
            }
            None => store.make_layout()?,
        }
        store.sweep();
        store.begin_index()?;
        Ok(store)
    }

    /// Where it is.
    pub fn path(&self) -> &HostPath {
        &self.path
    }

    /// What was mended or passed over since this was last asked.
    pub fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn notice(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    fn check_format(&self, bytes: &[u8]) -> Result<u32, StoreError> {
        let path = self.path.join(FORMAT_FILE);
        let text = String::from_utf8_lossy(bytes);
        let version = text.strip_prefix(FORMAT_HEAD).and_then(|rest| rest.trim_end().parse::<u32>().ok());
        match version {
            Some(found @ 1..=FORMAT) => Ok(found),
            Some(found) if found > FORMAT => Err(StoreError::Newer { path: self.path.clone(), found }),
            _ => Err(StoreError::Format { path }),
        }
    }

    /// Makes a store of an older format one of ours.
    fn migrate(&self, found: u32) -> Result<(), StoreError> {
        // Those that are at work now do not say what they use.
        if !self.live_work()?.is_empty() {
            return Err(StoreError::AtWork { path: self.path.clone(), found });
        }
        self.migrate_attempts()?;
        fault::point("migrating");
        self.put_durably(FORMAT_FILE, format!("{FORMAT_HEAD}{FORMAT}\n").as_bytes(), 0o644)
    }

    /// Makes folders that are gone: `roots` may be removed by people, and empty ones get lost in copies.
    fn restore_layout(&self) -> Result<(), StoreError> {
        for folder in FOLDERS.into_iter().filter(|folder| !self.dir.exists(folder)) {
            self.new_folder(folder)?;
        }
        Ok(())
    }

    fn make_layout(&self) -> Result<(), StoreError> {
        let reading = || io("reading the folder of the store", &self.path);
        // A store that has lost its format might be of any.
        for folder in ["objects", "realised"] {
            if !self.names_in(folder)?.is_empty() && !self.dir.exists(FORMAT_FILE) {
                return Err(StoreError::Format { path: self.path.join(FORMAT_FILE) });
            }
        }
        for entry in self.dir.entries().map_err(reading())? {
            let name = entry.map_err(reading())?.file_name();
            if !FOLDERS.iter().chain(&TOLERATED).any(|known| name == **known) {
                // Another process may have made the store since we looked; its format file came first.
                return match self.read_whole(FORMAT_FILE)? {
                    Some(bytes) => self.check_format(&bytes).map(drop),
                    None => {
                        let name = name.to_string_lossy().escape_debug().to_string();
                        Err(StoreError::NotAStore { path: self.path.clone(), name })
                    }
                };
            }
        }
        for folder in FOLDERS {
            self.new_folder(folder)?;
        }
        self.sync_folder(".")?;
        fault::point("layout-made");
        // Last: a folder without it is not a store yet, and this function may run on it again.
        self.put_durably(FORMAT_FILE, format!("{FORMAT_HEAD}{FORMAT}\n").as_bytes(), 0o644)
    }
}
