//! One pin: a distro's index, or a source package.

pub(super) mod archives;
pub(super) mod checkouts;
pub(super) mod extra;
pub(super) mod moves;
mod releases;
pub(super) mod repositories;
pub(super) mod srpms;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;

use super::update::UpdateError;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::{ArchiveSuite, Deb, Distro, Suite};
use crate::exec::{ArchiveFile, Archives, NodeError};
use crate::family::deb::facts::facts;
use crate::fetch;
use crate::lock::{DscPin, PinnedFile, SourceFacts, SuitePin};
use crate::name::{Arch, PackageName};
use crate::package::compression::Compression;
use crate::package::index::IndexError;
use crate::package::sources::{SourceEntry, names, newest};
use crate::package::{archive, patch};
use crate::project::{self, Project};
use crate::sign::{Keyring, VerifyError, verify_inrelease};
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// The most bytes of an index of sources, uncompressed.
const MAX_INDEX: u64 = 1 << 30;

/// Makes pins.
pub(super) struct Pinner<'a> {
    pub project: &'a Project,
    pub store: &'a Store,
    pub archives: &'a Archives<'a>,
    pub notices: &'a mut Vec<String>,
}

/// Keys that release files are checked with.
pub(super) enum Keys {
    /// A keyring on this machine or in the project, read once there is something to check.
    File(PathBuf),
    /// A key of the project.
    Held(Keyring),
}

/// Whose signature a release file must bear.
pub(super) struct Trust<'a> {
    pub keys: &'a Keys,
    /// What is said where it does not.
    pub wrong: &'a dyn Fn(VerifyError) -> Failure,
}

/// The indexes of sources of a distro: each suite with the texts of its areas.
pub(super) struct SourceIndex(Vec<(String, String)>);

impl SourceIndex {
    /// The names of all source packages in it.
    ///
    /// # Errors
    /// Where an index cannot be read.
    pub fn names(&self) -> Result<BTreeSet<PackageName>, Failure> {
        let mut all = BTreeSet::new();
        for (_, text) in &self.0 {
            all.extend(names(text)?);
        }
        Ok(all)
    }

    /// The newest version of each of `names`, with the suite that has it.
    ///
    /// # Errors
    /// Where an index cannot be read; for one of them, where its entry cannot.
    pub fn newest<'n>(&self, names: &BTreeSet<&'n PackageName>) -> Result<BTreeMap<&'n PackageName, Newest>, Failure> {
        let mut best: BTreeMap<&PackageName, Newest> = BTreeMap::new();
        for (suite, text) in &self.0 {
            for (name, entry) in newest(text, names)? {
                let is_newer = match (best.get(name).map(|(_, best)| best), &entry) {
                    (None, _) | (Some(Ok(_)), Err(_)) => true,
                    (Some(Ok(best)), Ok(entry)) => best.version < entry.version,
                    (Some(Err(_)), _) => false,
                };
                if is_newer {
                    best.insert(name, (suite.clone(), entry));
                }
            }
        }
        Ok(best)
    }
}

/// The newest version of a source package: the suite that has it, and its entry there.
pub(super) type Newest = (String, Result<SourceEntry, IndexError>);

impl Pinner<'_> {
    /// Pins a distro's suites as its archive has them now.
    pub fn pin_distro(
        &mut self,
        distro: &Distro,
        deb: &Deb,
        arches: &BTreeSet<Arch>,
    ) -> Result<Vec<SuitePin>, Failure> {
        let keys = self.keyring(distro, deb)?;
        let arches: Vec<Arch> = arches.iter().cloned().collect();
        let mut pins = Vec::new();
        for suite in &deb.suites {
            let wrong = |source| -> Failure {
                let (distro, suite) = (distro.name.to_string(), suite.name.clone());
                UpdateError::Signature { distro, suite, source }.into()
            };
            let trust = Trust { keys: &keys, wrong: &wrong };
            let (release, sha256) = self.release(ArchiveSuite::own(distro, suite), deb, &trust)?;
            let indexes = fetch::indexes(&release, &suite.name, &suite.areas, &arches, true)?;
            pins.push(SuitePin {
                name: suite.name.clone(),
                release: sha256,
                date: release.date.0,
                index: indexes.into_iter().map(|index| (index.path, index.sha256)).collect(),
            });
        }
        Ok(pins)
    }

    /// The release file of a suite as its archive has it now, with its digest: signed as it must be, and not expired.
    pub fn release(
        &mut self,
        of: ArchiveSuite<'_>,
        deb: &Deb,
        trust: &Trust<'_>,
    ) -> Result<(fetch::Release, Sha256), Failure> {
        let (bytes, mirror) = self.archives.release(of)?;
        let (now, suite) = (project::now(), &of.suite.name);
        let seconds = u64::try_from(now).unwrap_or(0);
        let verified = match trust.keys {
            Keys::File(path) => Keyring::read(path).and_then(|keyring| verify_inrelease(&bytes, &keyring, seconds)),
            Keys::Held(keyring) => verify_inrelease(&bytes, keyring, seconds),
        };
        let verified = verified.map_err(|source| match source {
            VerifyError::NoTool => Failure::from(source),
            source => (trust.wrong)(source),
        })?;
        let release = fetch::parse_release(&verified.text, suite)?;
        let today = jiff::Timestamp::from_second(now).unwrap_or_default();
        if let Some(notice) = fetch::check_dates(&release, suite, mirror.stance, deb.expired_release_files, today)? {
            self.notices.push(notice.0);
        }
        Ok((release, Sha256::of(&bytes)))
    }

    /// Reads the pinned indexes of sources.
    pub fn source_index(&mut self, distro: &Distro, deb: &Deb, pins: &[SuitePin]) -> Result<SourceIndex, Failure> {
        let mut texts = Vec::new();
        for suite in &deb.suites {
            let Some(pin) = pins.iter().find(|pin| pin.name == suite.name) else { continue };
            for (path, sha256) in pin.index.iter().filter(|(path, _)| path.contains("/source/")) {
                let file = ArchiveFile { path: path.clone(), sha256: *sha256, size: None };
                let objects = self.archives.indexes(ArchiveSuite::own(distro, suite), &[file])?;
                if let Some(object) = objects.get(sha256) {
                    texts.push((suite.name.clone(), self.unpacked(*object, path)?));
                }
            }
        }
        Ok(SourceIndex(texts))
    }

    fn unpacked(&self, object: Digest, path: &str) -> Result<String, Failure> {
        let unreadable = |why: String| NodeError::Unreadable { what: format!("the index {path}"), why };
        let mut bytes = Vec::new();
        let reader = Compression::of_name(path).reader(self.store.open_object(object)?);
        let reader = reader.map_err(|error| unreadable(error.to_string()))?;
        reader.take(MAX_INDEX).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()).into())
    }

    /// Pins the newest version of a source package, which is `found`; fetches it unless it is `known`.
    pub fn pin_source(
        &mut self,
        (distro, deb): (&Distro, &Deb),
        name: &PackageName,
        found: Option<Newest>,
        known: Option<&DscPin>,
        recipe: &str,
    ) -> Result<DscPin, Failure> {
        let (suite, entry) = found.ok_or_else(|| UpdateError::NoSource {
            distro: distro.name.to_string(),
            name: name.to_string(),
            file: recipe.to_owned(),
        })?;
        let entry = entry?;
        let files: BTreeMap<String, PinnedFile> = entry
            .files
            .iter()
            .map(|(name, file)| (name.clone(), PinnedFile { size: file.size, sha256: file.sha256 }))
            .collect();
        if let Some(known) = known.filter(|known| known.files == files) {
            return Ok(DscPin { suite, directory: entry.directory, ..known.clone() });
        }
        let suite = deb.suites.iter().find(|known| known.name == suite);
        let suite = suite.ok_or_else(|| NodeError::NoInput { role: "suite".to_owned() })?;
        let (tree, facts) = self.fetch_source(distro, suite, &entry)?;
        Ok(DscPin { suite: suite.name.clone(), directory: entry.directory, tree, files, facts })
    }

    fn fetch_source(
        &mut self,
        distro: &Distro,
        suite: &Suite,
        entry: &SourceEntry,
    ) -> Result<(Digest, SourceFacts), Failure> {
        let wanted: Vec<ArchiveFile> = entry
            .files
            .iter()
            .map(|(name, file)| ArchiveFile {
                path: format!("{}/{name}", entry.directory),
                sha256: file.sha256,
                size: Some(file.size),
            })
            .collect();
        let objects = self.archives.pool(ArchiveSuite::own(distro, suite).into(), &wanted)?;
        let mut tree = Tree::default();
        let mut texts = BTreeMap::new();
        for (name, file) in &entry.files {
            let digest = objects.get(&file.sha256).copied().ok_or_else(|| NodeError::NoInput { role: name.clone() })?;
            let path = name.parse().map_err(|_| NodeError::NoInput { role: name.clone() })?;
            let entry = Entry::File { digest, size: file.size, executable: false };
            tree.insert(path, entry).map_err(|_| NodeError::NoInput { role: name.clone() })?;
            texts.extend(self.debian_files(name, digest)?);
        }
        self.store.put_tree(&tree)?;
        let incomplete = |missing: &str| UpdateError::Incomplete {
            distro: distro.name.to_string(),
            name: entry.package.clone(),
            missing: missing.to_owned(),
        };
        let text = |name: &str| texts.get(name).ok_or_else(|| incomplete(name));
        let format = texts.get("debian/source/format").map(String::as_str);
        let facts = facts(text("debian/control")?, text("debian/changelog")?, format)?;
        Ok((tree.digest(), facts))
    }

    /// The texts of `debian/` that facts are made of, as far as the archive `name` has them.
    fn debian_files(&self, name: &str, object: Digest) -> Result<BTreeMap<String, String>, Failure> {
        const FILES: [&str; 3] = ["control", "changelog", "source/format"];
        let mut texts = BTreeMap::new();
        let file = self.store.open_object(object)?;
        if name.ends_with(".diff.gz") {
            let found = patch::added_files(
                Compression::Gzip.reader(file).map_err(|source| NodeError::File {
                    doing: "read",
                    path: name.to_owned(),
                    source,
                })?,
                &FILES.map(|file| format!("debian/{file}")),
            );
            texts.extend(found);
        } else if name.contains(".tar.") && !name.contains(".orig") && !name.ends_with(".asc") {
            let wanted = |path: &str| FILES.iter().any(|file| archive::is_debian_file(path, file));
            for (path, bytes) in archive::files(file, name, &wanted)? {
                let place = path.find("debian/").map_or(path.as_str(), |start| &path[start..]).to_owned();
                texts.insert(place, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(texts)
    }

    /// The distro's keyring: the project's own, else the system's.
    pub fn keyring(&self, distro: &Distro, deb: &Deb) -> Result<Keys, UpdateError> {
        let own = self.project.path.join("distros/keyrings").as_path().to_owned();
        let folders = [own, "/usr/share/keyrings".into(), "/etc/apt/keyrings".into(), "/etc/apt/trusted.gpg.d".into()];
        let found = folders.into_iter().map(|folder| folder.join(&deb.keyring)).find(|path| path.is_file());
        let missing = || UpdateError::Keyring { distro: distro.name.to_string(), keyring: deb.keyring.clone() };
        found.map(Keys::File).ok_or_else(missing)
    }
}
