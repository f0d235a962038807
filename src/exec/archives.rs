//! Files of distributions' archives, into the store by their digest.
//!
//! Addresses come from the host's own apt configuration or from `opb.toml`; they are looked up when the first file is
//! wanted that the store lacks, so that a run that lacks none works on a host without any.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use super::error::NodeError;
use crate::address::Address;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::{Archive, ArchiveSuite, Repository};
use crate::fetch::{self, Access, Came, FetchError, HostApt, Mirror, Wanted};
use crate::store::{Store, WorkDir};

/// A file of an archive, by its digest.
#[derive(Debug, Clone)]
pub struct ArchiveFile {
    /// Its path below the archive's root, such as `pool/main/libm/libmd/libmd0_1.0.4-2_amd64.deb`.
    pub path: String,
    /// Its digest.
    pub sha256: Sha256,
    /// Its length in bytes; `None` where nobody said.
    pub size: Option<u64>,
}

/// The objects of files that are in the store, and the files that are not.
type Split<'f> = (BTreeMap<Sha256, Digest>, BTreeMap<Sha256, &'f ArchiveFile>);

/// What became of files of which each may come or not. What came is in the store.
#[derive(Debug, Default)]
pub struct Pooled {
    /// Files that could not be had, with the reason of each.
    pub lost: BTreeMap<Sha256, FetchError>,
    /// What kept all others away that are not there; `None` where nothing did.
    pub ended: Option<FetchError>,
}

/// Access to the archives of distributions.
pub struct Archives<'a> {
    store: &'a Store,
    overrides: &'a BTreeMap<String, String>,
    access: Access<'a>,
    read_host: fn() -> Result<HostApt, Failure>,
    host: OnceLock<HostApt>,
    closed: bool,
}

impl<'a> Archives<'a> {
    /// Access for a project with these `[mirrors]`. `stop` ends downloads, `read_host` reads apt's configuration.
    pub fn new(
        store: &'a Store,
        overrides: &'a BTreeMap<String, String>,
        offline: bool,
        stop: &'a AtomicBool,
        read_host: fn() -> Result<HostApt, Failure>,
    ) -> Self {
        let access = Access { offline, ..Access::new(stop) };
        Self { store, overrides, access, read_host, host: OnceLock::new(), closed: false }
    }

    /// The same, but only what the store has is had, whatever archives are on this machine.
    #[must_use]
    pub fn closed(self) -> Self {
        Self { closed: true, ..self }
    }

    /// Whether only what the store has is had.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What the host's apt is set to.
    ///
    /// # Errors
    /// Where its configuration cannot be read.
    pub fn host(&self) -> Result<&HostApt, Failure> {
        if let Some(host) = self.host.get() {
            return Ok(host);
        }
        let read = (self.read_host)()?;
        Ok(self.host.get_or_init(|| read))
    }

    /// Whether somebody says where a repository is, right or wrong.
    pub fn knows_place(&self, of: Repository<'_>) -> bool {
        !matches!(fetch::repository(of, self.overrides), Err(fetch::MirrorError::NoRepository { .. }))
    }

    /// The places that may hold an archive, best first.
    ///
    /// # Errors
    /// Where none is known.
    fn mirrors(&self, of: Archive<'_>, scratch: &WorkDir) -> Result<Vec<Mirror>, Failure> {
        let mirrors = match of {
            Archive::Suite(suite) => fetch::mirrors(suite, self.overrides, self.host()?)?,
            Archive::Repository(repository) => vec![fetch::repository(repository, self.overrides)?],
        };
        Ok(fetch::bases(&mirrors, &scratch.path().join("lists"), &self.access)?)
    }

    /// The `InRelease` file of a suite as its archive has it now, and the archive; not verified.
    ///
    /// # Errors
    /// Where it cannot be fetched.
    pub fn release(&self, of: ArchiveSuite<'_>) -> Result<(Vec<u8>, Mirror), Failure> {
        let scratch = self.store.new_work()?;
        let mirrors = self.mirrors(of.into(), &scratch)?;
        let suite = &of.suite.name;
        let places =
            mirrors.iter().map(|mirror| fetch::suite_address(&mirror.address, suite).join("InRelease")).collect();
        let wanted = Wanted { places, name: "InRelease".to_owned(), sha256: None, size: None, before: None };
        fetch::download(&[wanted], &scratch.path().join("release"), &self.access)?;
        let bytes = scratch.dir().read("release/InRelease").map_err(read_error(&scratch, "release/InRelease"))?;
        let first = mirrors.into_iter().next();
        Ok((bytes, first.ok_or_else(|| NodeError::NoInput { role: "mirror".to_owned() })?))
    }

    /// The file at `path` of a repository as it is now, at most so many bytes of it; not verified. `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be fetched.
    pub fn now(&self, of: Repository<'_>, path: &str, most: u64) -> Result<Option<Vec<u8>>, Failure> {
        let scratch = self.store.new_work()?;
        let places = self.mirrors(of.into(), &scratch)?.iter().map(|mirror| mirror.address.join(path)).collect();
        let wanted = Wanted { places, name: "file".to_owned(), sha256: None, size: None, before: None };
        match fetch::download(&[wanted], &scratch.path().join("now"), &self.access) {
            Err(FetchError::Gone { .. }) => return Ok(None),
            fetched => fetched?,
        };
        let failed = || read_error(&scratch, "now/file");
        let mut bytes = Vec::new();
        let file = scratch.dir().open("now/file").map_err(failed())?;
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed())?;
        if bytes.len() as u64 > most {
            let why = format!("it is longer than {most} bytes");
            return Err(NodeError::Unreadable { what: format!("`{path}` of the repository `{}`", of.name), why }.into());
        }
        Ok(Some(bytes))
    }

    /// Index files of a suite, each by path below the suite, into the store.
    ///
    /// # Errors
    /// Where one cannot be fetched.
    pub fn indexes(&self, of: ArchiveSuite<'_>, files: &[ArchiveFile]) -> Result<BTreeMap<Sha256, Digest>, Failure> {
        self.files(of.into(), files, |base, file| {
            fetch::by_hash(&fetch::suite_address(base, &of.suite.name), &file.path, file.sha256)
        })
    }

    /// Files of an archive's pool, or of a repository, into the store.
    ///
    /// # Errors
    /// Where one cannot be fetched.
    pub fn pool(&self, of: Archive<'_>, files: &[ArchiveFile]) -> Result<BTreeMap<Sha256, Digest>, Failure> {
        self.files(of, files, |base, file| vec![base.join(&file.path)])
    }

    fn files(
        &self,
        of: Archive<'_>,
        files: &[ArchiveFile],
        places: impl Fn(&Address, &ArchiveFile) -> Vec<Address>,
    ) -> Result<BTreeMap<Sha256, Digest>, Failure> {
        let (mut found, lacking) = self.split(files)?;
        let Some(first) = lacking.values().next() else { return Ok(found) };
        if self.closed {
            return Err(NodeError::NotHere { file: first.path.clone() }.into());
        }
        let scratch = self.store.new_work()?;
        let wanted = self.wanted(of, &lacking, &scratch, places)?;
        fetch::download(&wanted, &scratch.path().join("files"), &self.access)?;
        for file in lacking.values() {
            found.insert(file.sha256, self.take_in(&scratch, file.sha256)?);
        }
        Ok(found)
    }

    /// Files of the pool, into the store, as many as can be had.
    ///
    /// # Errors
    /// Where no archive is known, or the store cannot be read or written.
    pub fn pool_each(&self, of: Archive<'_>, files: &[ArchiveFile]) -> Result<Pooled, Failure> {
        let (_, lacking) = self.split(files)?;
        let Some(first) = lacking.values().next() else { return Ok(Pooled::default()) };
        if self.closed {
            return Err(NodeError::NotHere { file: first.path.clone() }.into());
        }
        let scratch = self.store.new_work()?;
        let wanted = self.wanted(of, &lacking, &scratch, |base, file| vec![base.join(&file.path)])?;
        let Came { files, ended } = fetch::download_each(&wanted, &scratch.path().join("files"), &self.access);
        let mut lost = BTreeMap::new();
        for (sha256, came) in lacking.keys().zip(files) {
            match came {
                Some(Ok(_)) => drop(self.take_in(&scratch, *sha256)?),
                Some(Err(error)) => drop(lost.insert(*sha256, error)),
                None => {}
            }
        }
        Ok(Pooled { lost, ended })
    }

    /// The objects of those files that are in the store, and the files that are not.
    fn split<'f>(&self, files: &'f [ArchiveFile]) -> Result<Split<'f>, Failure> {
        let (mut found, mut lacking) = (BTreeMap::new(), BTreeMap::new());
        for file in files {
            match self.store.find_sha256(file.sha256)? {
                Some((object, _)) => drop(found.insert(file.sha256, object)),
                None => drop(lacking.insert(file.sha256, file)),
            }
        }
        Ok((found, lacking))
    }

    /// What to download, in the order of `lacking`.
    fn wanted(
        &self,
        of: Archive<'_>,
        lacking: &BTreeMap<Sha256, &ArchiveFile>,
        scratch: &WorkDir,
        places: impl Fn(&Address, &ArchiveFile) -> Vec<Address>,
    ) -> Result<Vec<Wanted>, Failure> {
        let mirrors = self.mirrors(of, scratch)?;
        let wanted = lacking.values().map(|file| Wanted {
            places: mirrors.iter().flat_map(|mirror| places(&mirror.address, file)).collect(),
            name: file.sha256.to_string(),
            sha256: Some(file.sha256),
            size: file.size,
            before: None,
        });
        Ok(wanted.collect())
    }

    /// Puts a file that was downloaded into the store.
    fn take_in(&self, scratch: &WorkDir, sha256: Sha256) -> Result<Digest, Failure> {
        let place = format!("files/{sha256}");
        let failed = || read_error(scratch, &place);
        let mut opened = scratch.dir().open(&place).map_err(failed())?;
        let size = opened.metadata().map_err(failed())?.len();
        let object = self.store.put_known_sha256(&mut opened, sha256, size)?;
        // Removed at once: a hundred packages need not be on the disk twice.
        let _ = scratch.dir().remove_file(&place);
        Ok(object)
    }
}

fn read_error(scratch: &WorkDir, name: &str) -> impl FnOnce(std::io::Error) -> NodeError + use<> {
    let path = scratch.path().join(name).to_string();
    move |source| NodeError::File { doing: "read", path, source }
}
