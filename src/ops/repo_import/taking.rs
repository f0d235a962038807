//! Taking a package's files into the store, and reading there what they are.
//!
//! Whatever is looked at has been copied first, so that nobody can change it any more. What is refused then is needed by
//! nothing and goes with the next collection.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::error::ImportError;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::Family;
use crate::exec::sha256_in;
use crate::family::rpm::debian_arch;
use crate::imported::{ImportedFile, ImportedKind};
use crate::name::{Arch, PackageName};
use crate::package::rpm::{self, Package};
use crate::package::version::Version;
use crate::package::{control, deb, dsc};
use crate::quantity::Size;
use crate::repo::yum::Unsigned;
use crate::repo::{Binary, Blob, Facts, Fields, SourcePackage};
use crate::sign::rpm::{Keyring as RpmKeyring, verify_digests, verify_package};
use crate::sign::{Keyring, verify_inrelease};
use crate::store::{Store, StoreError};

/// The most bytes of a package, or of a file of a source package: 16 GiB.
const MAX_PACKAGE: u64 = 16 << 30;

/// The most bytes of a `.dsc`.
const MAX_DSC: u64 = 4 << 20;

/// Keys that packages have to be signed by.
pub(super) struct Keys {
    /// Their file, for messages.
    pub name: String,
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// In seconds since 1970.
    pub now: u64,
}

/// A package whose files are in the store.
pub(super) struct Taken {
    /// What people called it.
    pub given: String,
    pub kind: ImportedKind,
    pub name: PackageName,
    pub version: String,
    pub arch: Option<Arch>,
    /// Fingerprint of the key that signed it, where that was asked for.
    pub verified: Option<String>,
    pub files: BTreeMap<String, ImportedFile>,
    /// As a repository takes it.
    pub fits: Fits,
}

/// A package as a repository takes it.
pub(super) enum Fits {
    Deb(Box<Binary>),
    Dsc(Box<SourcePackage>),
    Rpm(Box<Unsigned>),
}

impl Taken {
    /// What it is a package of.
    pub fn family(&self) -> Family {
        match self.fits {
            Fits::Deb(_) | Fits::Dsc(_) => Family::Deb,
            Fits::Rpm(_) => Family::Rpm,
        }
    }
}

/// Takes the package at `path`.
///
/// # Errors
/// [`ImportError`], and where the store cannot be written.
pub(super) fn take(store: &Store, path: &Path, keys: Option<&Keys>) -> Result<Taken, Failure> {
    let given = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().escape_debug().to_string();
    let (object, size) = put(store, path, MAX_PACKAGE, &given)?;
    let mut start = [0; 8];
    let length = store.open_object(object)?.read(&mut start).unwrap_or(0);
    let file = Found { store, given, object, size };
    if start.starts_with(b"!<arch>\n") {
        file.deb(keys)
    } else if start[..length].starts_with(&rpm::MAGIC) {
        file.rpm(keys)
    } else if path.extension().is_some_and(|ending| ending == "dsc") {
        file.dsc(path, keys)
    } else {
        Err(ImportError::NoPackage { file: file.given }.into())
    }
}

/// Copies the file at `path` into the store.
fn put(store: &Store, path: &Path, limit: u64, given: &str) -> Result<(Digest, u64), Failure> {
    let failed = |source| ImportError::File { path: path.to_owned(), source };
    // One who waits for a writer to a pipe waits for ever.
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(ImportError::NoFile { path: path.to_owned() }.into());
    }
    store.put_file(&mut file, limit).map_err(|error| match error {
        StoreError::TooLarge { .. } => {
            let (file, limit) = (given.to_owned(), Size(limit));
            ImportError::TooLarge { file, limit }.into()
        }
        error => error.into(),
    })
}

/// A file in the store.
struct Found<'a> {
    store: &'a Store,
    given: String,
    object: Digest,
    size: u64,
}

impl Found<'_> {
    fn damaged(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImportError {
        ImportError::Damaged { file: self.given.clone(), source: source.into() }
    }

    fn value(&self, what: &'static str, value: &str) -> ImportError {
        ImportError::Value { file: self.given.clone(), what, value: value.escape_debug().to_string() }
    }

    fn open(&self) -> Result<BufReader<File>, StoreError> {
        Ok(BufReader::with_capacity(64 << 10, self.store.open_object(self.object)?))
    }

    fn file(&self) -> Result<ImportedFile, Failure> {
        let Self { store, object, size, .. } = self;
        Ok(ImportedFile { size: *size, sha256: sha256_in(store, *object)?, blake3: *object })
    }

    fn name(&self, text: &str) -> Result<PackageName, ImportError> {
        PackageName::new(text).map_err(|_| self.value("name", text))
    }

    fn arch(&self, text: &str) -> Result<Arch, ImportError> {
        Arch::new(text).map_err(|_| self.value("arch", text))
    }

    fn deb(self, keys: Option<&Keys>) -> Result<Taken, Failure> {
        if keys.is_some() {
            return Err(ImportError::UnsignedKind { file: self.given }.into());
        }
        let (package, contents) = deb::read_with_contents(self.open()?).map_err(|error| self.damaged(error))?;
        let paragraph = package.paragraph();
        let field = |name| paragraph.get(name).unwrap_or_default().trim();
        let name = self.name(field("Package"))?;
        let version = Version::new(field("Version")).map_err(|_| self.value("version", field("Version")))?;
        let arch = self.arch(field("Architecture"))?;
        let is_udeb = field("Package-Type") == "udeb" || self.given.ends_with(".udeb");
        let ending = if is_udeb { "udeb" } else { "deb" };
        let file_name = format!("{name}_{}_{arch}.{ending}", version.without_epoch());
        let fields: Fields = paragraph.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let facts = Facts::new(&fields, &contents, &self.given).map_err(|error| self.damaged(error))?;
        let kind = match field("Auto-Built-Package") {
            _ if is_udeb => ImportedKind::Udeb,
            "debug-symbols" => ImportedKind::Debug,
            _ => ImportedKind::Package,
        };
        let file = self.file()?;
        let (area, made_by) = (String::new(), self.given.clone());
        let binary = Binary { facts: facts.into(), area, file: blob(&file_name, file), udeb: is_udeb, made_by };
        Ok(Taken {
            kind,
            name,
            version: version.to_string(),
            arch: Some(arch),
            verified: None,
            files: BTreeMap::from([(file_name, file)]),
            fits: Fits::Deb(Box::new(binary)),
            given: self.given,
        })
    }

    fn rpm(self, keys: Option<&Keys>) -> Result<Taken, Failure> {
        let package = Package::read(self.open()?).map_err(|error| self.damaged(error))?;
        let verified = match keys {
            None => {
                verify_digests(self.open()?).map_err(|error| self.damaged(error))?;
                None
            }
            Some(Keys { name, bytes, now }) => {
                let wrong = |source| self.unverified(name, source);
                let keyring = RpmKeyring::of([(name.as_str(), bytes.as_slice())], *now).map_err(wrong)?;
                Some(verify_package(&keyring, self.open()?).map_err(wrong)?)
            }
        };
        let name = self.name(package.name())?;
        let release = format!("{}-{}", package.version(), package.release());
        let file_name = format!("{name}-{release}.{}.rpm", package.arch());
        let arch = if package.is_source() { None } else { Some(self.arch(debian_arch(package.arch()))?) };
        let is_debug = ["-debuginfo", "-debugsource"].iter().any(|ending| name.as_str().ends_with(ending));
        let kind = match arch {
            None => ImportedKind::Source,
            Some(_) if is_debug => ImportedKind::Debug,
            Some(_) => ImportedKind::Package,
        };
        let version = match package.epoch() {
            0 => release,
            epoch => format!("{epoch}:{release}"),
        };
        let file = self.file()?;
        let unsigned = Unsigned {
            name: name.to_string(),
            version: version.clone(),
            arch: package.arch().to_owned(),
            file: file_name.clone(),
            digest: self.object,
            size: self.size,
            is_debug,
            made_by: self.given.clone(),
        };
        let files = BTreeMap::from([(file_name, file)]);
        let fits = Fits::Rpm(Box::new(unsigned));
        Ok(Taken { given: self.given, kind, name, version, arch, verified, files, fits })
    }

    fn dsc(self, path: &Path, keys: Option<&Keys>) -> Result<Taken, Failure> {
        let bytes = self.store.read_object(self.object, MAX_DSC).map_err(|error| self.damaged(error))?;
        let text = control::text(&bytes).map_err(|error| self.damaged(error))?;
        let read = dsc::read(text).map_err(|error| self.damaged(error))?;
        let verified = match keys {
            None => None,
            Some(Keys { name, bytes: keys, now }) => {
                let keyring = Keyring::of(keys.clone()).map_err(|source| self.unverified(name, source))?;
                let found = verify_inrelease(&bytes, &keyring, *now).map_err(|source| self.unverified(name, source))?;
                found.signers.into_iter().next()
            }
        };
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let dsc_name = format!("{}_{}.dsc", read.source, read.version.without_epoch());
        let own = self.file()?;
        let mut files = BTreeMap::from([(dsc_name.clone(), own)]);
        for (name, expected) in &read.files {
            let file = beside(self.store, (&self.given, &folder), name, *expected)?;
            files.insert(name.clone(), file);
        }
        let plain = dsc::signed_part(text).map_err(|error| self.damaged(error))?;
        let paragraph = control::paragraph(&plain).map_err(|error| self.damaged(error))?;
        let fields: Fields = paragraph.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let others = files.iter().filter(|(name, _)| **name != dsc_name);
        let source = SourcePackage {
            dsc: fields,
            dsc_file: blob(&dsc_name, own),
            files: others.map(|(name, file)| blob(name, *file)).collect(),
            area: String::new(),
            made_by: self.given.clone(),
        };
        let (kind, fits) = (ImportedKind::Source, Fits::Dsc(Box::new(source)));
        let (name, version) = (read.source, read.version.to_string());
        Ok(Taken { given: self.given, kind, name, version, arch: None, verified, files, fits })
    }

    fn unverified(&self, keyring: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImportError {
        ImportError::Signature { file: self.given.clone(), keyring: keyring.to_owned(), source: source.into() }
    }
}

/// A file that the `.dsc` called `dsc` names, from the folder that it is in.
fn beside(
    store: &Store,
    (dsc, folder): (&str, &Path),
    name: &str,
    expected: dsc::SourceFile,
) -> Result<ImportedFile, Failure> {
    let wrong = |problem| ImportError::Source { dsc: dsc.to_owned(), file: name.to_owned(), problem };
    let path = folder.join(name);
    if !path.exists() {
        return Err(wrong("there is no such file beside it").into());
    }
    let (object, size) = put(store, &path, expected.size.min(MAX_PACKAGE), name)
        .map_err(|failure| other_size(failure, wrong("the one beside it is another")))?;
    let sha256: Sha256 = sha256_in(store, object)?;
    if (size, sha256) != (expected.size, expected.sha256) {
        return Err(wrong("the one beside it is another").into());
    }
    Ok(ImportedFile { size, sha256, blake3: object })
}

/// A file that is longer than its `.dsc` says is another one.
fn other_size(failure: Failure, other: ImportError) -> Failure {
    match failure.report.downcast_ref::<ImportError>() {
        Some(ImportError::TooLarge { .. }) => other.into(),
        _ => failure,
    }
}

fn blob(name: &str, file: ImportedFile) -> Blob {
    Blob { name: name.to_owned(), size: file.size, sha256: file.sha256, blake3: file.blake3 }
}
