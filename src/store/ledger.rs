//! The ledger: which number a rebuild of an unchanged version has.
//!
//! One append-only file for each distro and component, a JSON line for each fact, each with a check of its own. It is
//! read whole, folded, and appended to under a lock on the file; a line is durable before its number is given out. A
//! number that was given out and not released is never given to another fingerprint of the same version and arch: a file
//! name that was published never gets other bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;

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

pub(super) const LEDGERS: &str = "ledger";

/// A number that a result bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose ledger it belongs in.
    pub distro: DistroName,
    /// Whose ledger it belongs in.
    pub component: ComponentName,
    /// The version that it counts.
    pub version: String,
    /// The arch of the build.
    pub arch: Arch,
    /// The build.
    pub fingerprint: Fingerprint,
    /// The number.
    pub number: u32,
    /// Whether it was given back, as the packages were equal to earlier ones.
    pub equivalent: bool,
}

impl Known {
    pub(super) fn place(&self) -> String {
        place_of(&self.distro, &self.component)
    }
}

fn place_of(distro: &DistroName, component: &ComponentName) -> String {
    format!("{LEDGERS}/{distro}/{component}.jsonl")
}

/// All that a ledger says.
pub(super) struct Facts(Vec<Fact>);

impl Facts {
    /// Whether the number was ever given to that build.
    pub(super) fn knows(&self, known: &Known) -> bool {
        self.0.iter().any(|fact| match fact {
            Fact::Assigned { version, arch, fingerprint, number } => {
                (version, arch, *fingerprint, *number) == (&known.version, &known.arch, known.fingerprint, known.number)
            }
            Fact::Released { .. } => false,
        })
    }

    /// What it must say besides to know all of `known`.
    fn lacking(&self, known: &[Known]) -> Vec<Fact> {
        let mut facts = Vec::new();
        for known in known.iter().filter(|known| !self.knows(known)) {
            let Known { version, arch, fingerprint, number, equivalent, .. } = known.clone();
            facts.push(Fact::Assigned { version: version.clone(), arch: arch.clone(), fingerprint, number });
            if equivalent {
                facts.push(Fact::Released { version, arch, fingerprint, how: Released::Equivalent });
            }
        }
        facts
    }
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
        Ledger { store: self, place: place_of(distro, component) }
    }

    /// All that the ledger at `place` says; nothing where there is none.
    pub(super) fn read_ledger(&self, place: &str) -> Result<Facts, StoreError> {
        let bytes = self.read_whole(place)?.unwrap_or_default();
        Ok(Facts(parse(&bytes, &self.path.join(place))?.0))
    }

    /// Makes the ledger at `place` of its sound lines and of what results say that it must know.
    pub(super) fn mend_ledger(&self, place: &str, known: &[Known]) -> Result<(), StoreError> {
        let ledger = Ledger { store: self, place: place.to_owned() };
        let _lock = ledger.open_locked()?;
        let bytes = self.read_whole(place)?.unwrap_or_default();
        let mut facts = Facts(bytes.split(|byte| *byte == b'\n').filter_map(read_line).collect());
        let lacking = facts.lacking(known);
        facts.0.extend(lacking);
        let bytes: Vec<u8> = facts.0.into_iter().flat_map(line_of).collect();
        self.put_durably(place, &bytes, 0o644)
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

    /// The number that [`Ledger::assign`] would give now. Nothing is written.
    ///
    /// # Errors
    /// As [`Ledger::number_of`].
    pub fn foresee(&self, version: &str, arch: &Arch, fingerprint: Fingerprint) -> Result<u32, StoreError> {
        let bytes = self.store.read_whole(&self.place)?.unwrap_or_default();
        let numbers = Numbers::of(parse(&bytes, &self.path())?.0, version);
        Ok(match numbers.0.get(&(arch.clone(), fingerprint)) {
            Some((number, None)) => *number,
            _ => numbers.next(arch),
        })
    }

    /// Takes over a number that a build was given elsewhere, with its result; `false` where another fingerprint has it in
    /// use here, so that the result must not be taken. `released`: its packages were equal to earlier ones.
    ///
    /// # Errors
    /// As [`Ledger::assign`].
    pub fn adopt(
        &self,
        version: &str,
        arch: &Arch,
        fingerprint: Fingerprint,
        number: u32,
        released: Option<Released>,
    ) -> Result<bool, StoreError> {
        let (mut file, facts) = self.lock()?;
        let numbers = Numbers::of(facts, version);
        match numbers.0.get(&(arch.clone(), fingerprint)) {
            None | Some((_, Some(Released::Failed))) => {
                let is_taken = |((of, _), (given, released)): (&(Arch, Fingerprint), &(u32, Option<Released>))| {
                    of == arch && *given == number && matches!(released, None | Some(Released::Forgotten))
                };
                if released.is_none() && numbers.0.iter().any(is_taken) {
                    return Ok(false);
                }
            }
            // Its own number, whose result was forgotten here and comes back.
            Some((given, Some(Released::Forgotten))) if *given == number => {}
            Some(known) => return Ok(*known == (number, released)),
        }
        let version = version.to_owned();
        let assigned = Fact::Assigned { version: version.clone(), arch: arch.clone(), fingerprint, number };
        self.append(&mut file, assigned)?;
        if let Some(how) = released {
            self.append(&mut file, Fact::Released { version, arch: arch.clone(), fingerprint, how })?;
        }
        Ok(true)
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

    /// Has the ledger know the numbers that results bear, as far as it does not: of one that was lost, or the end of it.
    ///
    /// # Errors
    /// As [`Ledger::assign`].
    pub fn recover(&self, known: &[Known]) -> Result<(), StoreError> {
        // Nearly always there is nothing to recover: no lock for that.
        if self.store.read_ledger(&self.place)?.lacking(known).is_empty() {
            return Ok(());
        }
        let (mut file, facts) = self.lock()?;
        let lacking = Facts(facts).lacking(known);
        lacking.into_iter().try_for_each(|fact| self.append(&mut file, fact))
    }

    fn path(&self) -> HostPath {
        self.store.path().join(&self.place)
    }

    /// Opens and locks the file, repairs a torn end, and reads the facts.
    fn lock(&self) -> Result<(Flock<File>, Vec<Fact>), StoreError> {
        let path = self.path();
        let mut file = self.open_locked()?;
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

    /// The file, made where it is missing, and locked.
    fn open_locked(&self) -> Result<Flock<File>, StoreError> {
        let path = self.path();
        let folder = super::durable::folder_of(&self.place);
        self.store.make_folder(folder)?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        loop {
            let file =
                self.store.dir.open_with(&self.place, &options).map_err(io("opening a ledger", &path))?.into_std();
            self.store.sync_folder(folder)?;
            let locked = Flock::lock(file, FlockArg::LockExclusive);
            let file = locked.map_err(|(_, error)| io("locking a ledger", &path)(error.into()))?;
            // Another may have taken its place while we waited for the lock.
            let ours = file.metadata().map_err(io("locking a ledger", &path))?;
            let named = self.store.stat(&self.place).map(|found| (found.st_dev, found.st_ino));
            if named == Some((ours.dev(), ours.ino())) {
                return Ok(file);
            }
        }
    }

    fn append(&self, file: &mut File, fact: Fact) -> Result<(), StoreError> {
        let path = self.path();
        let failed = || io("writing a ledger", &path);
        let before = file.metadata().map_err(failed())?.len();
        let bytes = line_of(fact);
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
        facts.push(read_line(line).ok_or_else(|| StoreError::Ledger { path: path.clone(), line: at + 1 })?);
    }
    Ok((facts, whole))
}

fn read_line(line: &[u8]) -> Option<Fact> {
    let line: Line = serde_json::from_slice(line).ok()?;
    (line.check == check_of(&line.fact)).then_some(line.fact)
}

fn line_of(fact: Fact) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(&Line { check: check_of(&fact), fact }).expect("facts are plain structs");
    bytes.push(b'\n');
    bytes
}

fn check_of(fact: &Fact) -> String {
    Digest::of(&serde_json::to_vec(fact).expect("facts are plain structs")).short()
}
