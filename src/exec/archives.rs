//! Files of distributions' archives, into the store by their digest.
//!
//! Addresses come from the host's own apt configuration or from `opb.toml`; they are looked up when the first file is
//! wanted that the store lacks, so that a run that lacks none works on a host without any.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use super::error::NodeError;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::{Distro, Suite};
use crate::fetch::{self, Access, Address, HostApt, Mirror, Wanted};
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

/// Access to the archives of distributions.
pub struct Archives<'a> {
    store: &'a Store,
    overrides: &'a BTreeMap<String, String>,
    access: Access<'a>,
    read_host: fn() -> Result<HostApt, Failure>,
    host: OnceLock<HostApt>,
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
        Self { store, overrides, access, read_host, host: OnceLock::new() }
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

    /// The archives that may hold `suite`, best first.
    ///
    /// # Errors
    /// Where none is known.
    pub fn mirrors(&self, distro: &Distro, suite: &Suite, scratch: &WorkDir) -> Result<Vec<Mirror>, Failure> {
        let mirrors = fetch::mirrors(distro, suite, self.overrides, self.host()?)?;
        Ok(fetch::bases(&mirrors, &scratch.path().join("lists"), &self.access)?)
    }

    /// The `InRelease` file of a suite as its archive has it now, and the archive; not verified.
    ///
    /// # Errors
    /// Where it cannot be fetched.
    pub fn release(&self, distro: &Distro, suite: &Suite) -> Result<(Vec<u8>, Mirror), Failure> {
        let scratch = self.store.new_work()?;
        let mirrors = self.mirrors(distro, suite, &scratch)?;
        let places =
            mirrors.iter().map(|mirror| fetch::suite_address(&mirror.address, &suite.name).join("InRelease")).collect();
        let wanted = Wanted { places, name: "InRelease".to_owned(), sha256: None, size: None };
        fetch::download(&[wanted], &scratch.path().join("release"), &self.access)?;
        let bytes = scratch.dir().read("release/InRelease").map_err(read_error(&scratch, "release/InRelease"))?;
        let first = mirrors.into_iter().next();
        Ok((bytes, first.ok_or_else(|| NodeError::NoInput { role: "mirror".to_owned() })?))
    }

    /// Index files of a suite, each by path below the suite, into the store.
    ///
    /// # Errors
    /// Where one cannot be fetched.
    pub fn indexes(
        &self,
        distro: &Distro,
        suite: &Suite,
        files: &[ArchiveFile],
    ) -> Result<BTreeMap<Sha256, Digest>, Failure> {
        self.files(distro, suite, files, |base, file| {
            fetch::by_hash(&fetch::suite_address(base, &suite.name), &file.path, file.sha256)
        })
    }

    /// Files of the pool, into the store.
    ///
    /// # Errors
    /// Where one cannot be fetched.
    pub fn pool(
        &self,
        distro: &Distro,
        suite: &Suite,
        files: &[ArchiveFile],
    ) -> Result<BTreeMap<Sha256, Digest>, Failure> {
        self.files(distro, suite, files, |base, file| vec![base.join(&file.path)])
    }

    fn files(
        &self,
        distro: &Distro,
        suite: &Suite,
        files: &[ArchiveFile],
        places: impl Fn(&Address, &ArchiveFile) -> Vec<Address>,
    ) -> Result<BTreeMap<Sha256, Digest>, Failure> {
        let mut found = BTreeMap::new();
        let mut lacking: BTreeMap<Sha256, &ArchiveFile> = BTreeMap::new();
        for file in files {
            match self.store.find_sha256(file.sha256)? {
                Some((object, _)) => {
                    found.insert(file.sha256, object);
                }
                None => {
                    lacking.insert(file.sha256, file);
                }
            }
        }
        if lacking.is_empty() {
            return Ok(found);
        }
        let scratch = self.store.new_work()?;
        let mirrors = self.mirrors(distro, suite, &scratch)?;
        let wanted: Vec<Wanted> = lacking
            .values()
            .map(|file| Wanted {
                places: mirrors.iter().flat_map(|mirror| places(&mirror.address, file)).collect(),
                name: file.sha256.to_string(),
                sha256: Some(file.sha256),
                size: file.size,
            })
            .collect();
        fetch::download(&wanted, &scratch.path().join("files"), &self.access)?;
        for file in lacking.values() {
            let place = format!("files/{}", file.sha256);
            let failed = || read_error(&scratch, &place);
            let mut opened = scratch.dir().open(&place).map_err(failed())?;
            let size = opened.metadata().map_err(failed())?.len();
            let object = self.store.put_known_sha256(&mut opened, file.sha256, size)?;
            found.insert(file.sha256, object);
            // Removed at once: a hundred packages need not be on the disk twice.
            let _ = scratch.dir().remove_file(&place);
        }
        Ok(found)
    }
}

fn read_error(scratch: &WorkDir, name: &str) -> impl FnOnce(std::io::Error) -> NodeError + use<> {
    let path = scratch.path().join(name).to_string();
    move |source| NodeError::File { doing: "read", path, source }
}
