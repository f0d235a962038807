//! The ledger: which number a rebuild of an unchanged version has.
//!
//! One append-only file for each distro and component, a JSON line for each fact, each with a check of its own. It is
//! read whole, folded, and appended to under a lock on the file; a line is durable before its number is given out. A
//! number that was given out and not released is never given to another fingerprint of the same version and arch: a file
//! name that was published never gets other bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use cap_std::fs::OpenOptions;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::error::{StoreError, io};
use super::{Notice, Store, fault};
use crate::digest::Digest;
use crate::drv::Fingerprint;
use crate::name::{Arch, ComponentName, DistroName};
use crate::path::HostPath;

/// How a number came not to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Released {
    /// The build failed.
    Failed,
    /// The packages came out equal to earlier ones, which were kept. [`Ledger::number_of`] goes on answering, so that the
    /// build's action key is found again.
    Equivalent,
    /// The result was bad and is forgotten. The number stays used up: packages that bear it may be published.
    Forgotten,
}

/// The numbers of one component in one distro.
pub struct Ledger<'a> {
    store: &'a Store,
    place: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fact {
    Assigned { version: String, arch: Arch, fingerprint: Fingerprint, number: u32 },
    Released { version: String, arch: Arch, fingerprint: Fingerprint, how: Released },
}

#[derive(Serialize, Deserialize)]
struct Line {
    check: String,
    fact: Fact,
}

/// What the lines come to for one version: per arch and fingerprint the number, and how it was released if it was.
#[derive(Default)]
struct Numbers(BTreeMap<(Arch, Fingerprint), (u32, Option<Released>)>);

impl Numbers {
    fn of(facts: Vec<Fact>, wanted: &str) -> Self {
        let mut numbers = Self::default();
        for fact in facts {
            match fact {
                Fact::Assigned { version, arch, fingerprint, number } if version == wanted => {
                    numbers.0.insert((arch, fingerprint), (number, None));
                }
                Fact::Released { version, arch, fingerprint, how } if version == wanted => {
                    if let Some((_, released)) = numbers.0.get_mut(&(arch, fingerprint)) {
                        *released = Some(how);
                    }
                }
                _ => {}
            }
        }
        numbers
    }

    /// The highest number in use, by `arch` itself or by the others; 0 where there is none.
    fn highest(&self, arch: &Arch, own: bool) -> u32 {
        let is_used = |released: &Option<Released>| matches!(released, None | Some(Released::Forgotten));
        let used = self.0.iter().filter(|((of, _), (_, released))| is_used(released) && (of == arch) == own);
        used.map(|(_, (number, _))| *number).max().unwrap_or(0)
    }

    /// An arch that is behind joins the others' number, so that one version has one number everywhere where it can.
    fn next(&self, arch: &Arch) -> u32 {
        let (own, others) = (self.highest(arch, true), self.highest(arch, false));
        if others > own { others } else { own.saturating_add(1) }
    }
}

impl Store {
    /// The ledger of a component in a distro.
    pub fn ledger(&self, distro: &DistroName, component: &ComponentName) -> Ledger<'_> {
        Ledger { store: self, place: format!("ledger/{distro}/{component}.jsonl") }
    }
}

impl Ledger<'_> {
    /// The number that a fingerprint has, if it has one: in use, or given up because the packages were equivalent. For
    /// look-ups only; a build that is to run asks [`Ledger::assign`], which answers the same while it still holds.
    ///
    /// # Errors
    /// Where the ledger cannot be read, or is damaged other than in a torn last line.
    pub fn number_of(&self, version: &str, arch: &Arch, fingerprint: Fingerprint) -> Result<Option<u32>, StoreError> {
        let bytes = self.store.read_whole(&self.place)?.unwrap_or_default();
        let numbers = Numbers::of(parse(&bytes, &self.path())?.0, version);
        let found = numbers.0.get(&(arch.clone(), fingerprint));
        let stands = |released: &Option<Released>| matches!(released, None | Some(Released::Equivalent));
        Ok(found.filter(|(_, released)| stands(released)).map(|(number, _)| *number))
    }

    /// The number for a build that is about to run, durable before it is returned. One that the fingerprint has in use
    /// stays; else it is the others' highest where this arch is behind, or one more than the highest in use.
    ///
    /// # Errors
    /// As [`Ledger::number_of`], and where the ledger cannot be written.
    pub fn assign(&self, version: &str, arch: &Arch, fingerprint: Fingerprint) -> Result<u32, StoreError> {
        let (mut file, facts) = self.lock()?;
        let numbers = Numbers::of(facts, version);
        if let Some((number, None)) = numbers.0.get(&(arch.clone(), fingerprint)) {
            return Ok(*number);
        }
        let number = numbers.next(arch);
        self.append(
            &mut file,
            Fact::Assigned { version: version.to_owned(), arch: arch.clone(), fingerprint, number },
        )?;
        Ok(number)
    }

    /// Gives a number back: the next fingerprint may have it. Nothing happens where the fingerprint has none in use.
    ///
    /// # Errors
    /// As [`Ledger::assign`].
    pub fn release(
        &self,
        version: &str,
        arch: &Arch,
        fingerprint: Fingerprint,
        how: Released,
    ) -> Result<(), StoreError> {
        let (mut file, facts) = self.lock()?;
        match Numbers::of(facts, version).0.get(&(arch.clone(), fingerprint)) {
            Some((_, None)) => self.append(
                &mut file,
                Fact::Released { version: version.to_owned(), arch: arch.clone(), fingerprint, how },
            ),
            _ => Ok(()),
        }
    }

    fn path(&self) -> HostPath {
        self.store.path().join(&self.place)
    }

    /// Opens and locks the file, repairs a torn end, and reads the facts.
    fn lock(&self) -> Result<(Flock<File>, Vec<Fact>), StoreError> {
        let path = self.path();
        let folder = super::durable::folder_of(&self.place);
        self.store.make_folder(folder)?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = self.store.dir.open_with(&self.place, &options).map_err(io("opening a ledger", &path))?.into_std();
        self.store.sync_folder(folder)?;
        let locked = Flock::lock(file, FlockArg::LockExclusive);
        let mut file = locked.map_err(|(_, error)| io("locking a ledger", &path)(error.into()))?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(io("reading a ledger", &path))?;
        let (facts, whole) = parse(&bytes, &path)?;
        if whole < bytes.len() {
            file.set_len(whole as u64).and_then(|()| file.sync_all()).map_err(io("repairing a ledger", &path))?;
            self.store.notice(Notice::TornLedger(path));
        }
        Ok((file, facts))
    }

    fn append(&self, file: &mut File, fact: Fact) -> Result<(), StoreError> {
        let path = self.path();
        let failed = || io("writing a ledger", &path);
        let before = file.metadata().map_err(failed())?.len();
        let mut bytes = serde_json::to_vec(&Line { check: check_of(&fact), fact }).expect("facts are plain structs");
        bytes.push(b'\n');
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        let written = file.write_all(first).and_then(|()| {
            fault::point("ledger-half-written");
            file.write_all(rest)
        });
        let written = written.and_then(|()| {
            fault::point("ledger-written");
            file.sync_all()
        });
        if let Err(error) = written {
            // A full disk in the middle of the line: take back the part that was written.
            let _ = file.set_len(before);
            return Err(failed()(error));
        }
        fault::point("ledger-durable");
        Ok(())
    }
}

/// The facts, and how many bytes the whole lines have: what follows the last newline is torn.
fn parse(bytes: &[u8], path: &HostPath) -> Result<(Vec<Fact>, usize), StoreError> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut facts = Vec::new();
    for (at, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let parsed = serde_json::from_slice::<Line>(line).ok().filter(|line| line.check == check_of(&line.fact));
        facts.push(parsed.ok_or_else(|| StoreError::Ledger { path: path.clone(), line: at + 1 })?.fact);
    }
    Ok((facts, whole))
}

fn check_of(fact: &Fact) -> String {
    Digest::of(&serde_json::to_vec(fact).expect("facts are plain structs")).short()
}
