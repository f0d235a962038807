//! Assembles an APT repository: sorts packages into indexes, compresses them, lays out pool and by-hash files.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::pool::{self, Pool};
use super::{
    Assembled, Binary, Fields, IndexEntry, Makers, RepoError, Settings, SourcePackage, compress, field, stanza,
};
use crate::digest::{Digest, Sha256};
use crate::name::PackageName;
use crate::package::version::Version;

/// Assembles a repository of these packages. The order in which they are given does not matter; the same package given
/// again counts once. Without packages the indexes are there, and empty.
///
/// # Errors
/// [`RepoError`]: settings or fields that an index cannot hold, packages that contradict each other.
pub fn assemble(settings: &Settings, binaries: &[Binary], sources: &[SourcePackage]) -> Result<Assembled, RepoError> {
    pool::check(settings)?;
    let mut pool = Pool::default();
    let mut indexes = binary_indexes(settings, binaries, &mut pool)?;
    indexes.append(&mut source_indexes(settings, sources, &mut pool)?);

    let mut made = Assembled { tree: pool.tree, contents: BTreeMap::new(), indexes: Vec::new() };
    let compressed: Vec<_> = indexes
        .into_par_iter()
        .map(|(path, text)| match compress::compress(text.as_bytes()) {
            Ok(forms) => Ok((path, text, forms)),
            Err(source) => Err(RepoError::Compress { path, source }),
        })
        .collect::<Result<_, _>>()?;
    for (path, text, forms) in compressed {
        made.indexes.push(entry(path.clone(), text.as_bytes()));
        made.add(settings, format!("{path}.gz"), forms.gz)?;
        made.add(settings, format!("{path}.xz"), forms.xz)?;
    }
    made.indexes.sort();
    Ok(made)
}

impl Assembled {
    /// Puts a made file below `dists/<codename>`: under its name, and under its digest for those who read an older
    /// `Release`.
    fn add(&mut self, settings: &Settings, path: String, bytes: Vec<u8>) -> Result<(), RepoError> {
        let dists = format!("dists/{}", settings.codename);
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        let entry = entry(path, &bytes);
        let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let by_hash = format!("{dists}/{folder}/by-hash/SHA256/{}", entry.sha256);
        pool::put_file(&mut self.tree, format!("{dists}/{}", entry.path), digest, size)?;
        pool::put_file(&mut self.tree, by_hash, digest, size)?;
        self.contents.insert(digest, bytes);
        self.indexes.push(entry);
        Ok(())
    }
}

fn entry(path: String, bytes: &[u8]) -> IndexEntry {
    IndexEntry { path, size: bytes.len() as u64, sha256: Sha256::of(bytes) }
}

/// A package's place in its indexes. The last part tells udebs and arches apart.
type Key = (String, Version, String);

/// Texts of indexes by path below `dists/<codename>`, without a compression's ending.
type Indexes = BTreeMap<String, String>;

fn binary_indexes(
    settings: &Settings,
    binaries: &[Binary],
    pool: &mut Pool,
) -> Result<Vec<(String, String)>, RepoError> {
    let mut sorted: BTreeMap<Key, &Binary> = BTreeMap::new();
    for package in binaries {
        let from = &package.file.name;
        check_area(settings, &package.area, from)?;
        let name = package_name(&package.control, "Package", from)?;
        let arch = stanza::required(&package.control, "Architecture", from)?;
        if arch != "all" && !settings.arches.iter().any(|known| known.as_str() == arch) {
            return Err(RepoError::Arch { package: from.clone(), arch: arch.escape_debug().to_string() });
        }
        let place = if package.udeb { format!("{arch} udeb") } else { arch.to_owned() };
        insert(&mut sorted, (name, version(&package.control, from)?, place), package, |package| {
            (&package.made_by, (&package.control, &package.area, &package.file))
        })?;
    }

    let mut indexes = Indexes::new();
    for area in &settings.areas {
        for arch in &settings.arches {
            indexes.insert(format!("{area}/binary-{arch}/Packages"), String::new());
        }
    }
    for ((name, ..), package) in sorted {
        let folder = pool::folder(&package.area, &source_name(&package.control, &name, &package.file.name)?);
        pool::put(pool, &folder, &package.file, &package.made_by)?;
        let text = stanza::binary(package, &folder)?;
        let installer = if package.udeb { "/debian-installer" } else { "" };
        let own = field(&package.control, "Architecture").unwrap_or("all");
        for arch in &settings.arches {
            let path = format!("{}{installer}/binary-{arch}/Packages", package.area);
            // The installer's indexes are there for all arches once an area has anything for it.
            let index = indexes.entry(path).or_default();
            if own == "all" || own == arch.as_str() {
                index.push_str(&text);
            }
        }
    }
    Ok(indexes.into_iter().collect())
}

fn source_indexes(
    settings: &Settings,
    sources: &[SourcePackage],
    pool: &mut Pool,
) -> Result<Vec<(String, String)>, RepoError> {
    let mut sorted: BTreeMap<Key, &SourcePackage> = BTreeMap::new();
    for package in sources {
        let from = &package.dsc_file.name;
        check_area(settings, &package.area, from)?;
        let name = package_name(&package.dsc, "Source", from)?;
        insert(&mut sorted, (name, version(&package.dsc, from)?, "source".to_owned()), package, |package| {
            (&package.made_by, (&package.dsc, &package.area, &package.dsc_file, &package.files))
        })?;
    }
    let mut indexes: Indexes =
        settings.areas.iter().map(|area| (format!("{area}/source/Sources"), String::new())).collect();
    for ((name, ..), package) in sorted {
        let folder = pool::folder(&package.area, &name);
        for file in package.files.iter().chain([&package.dsc_file]) {
            pool::put(pool, &folder, file, &package.made_by)?;
        }
        let index = indexes.entry(format!("{}/source/Sources", package.area)).or_default();
        index.push_str(&stanza::source(package, &folder)?);
    }
    Ok(indexes.into_iter().collect())
}

/// Puts a package in; again is no mistake as long as it is the same. `told` says who made one, and what of it must be the same.
fn insert<'a, P, Same: PartialEq>(
    sorted: &mut BTreeMap<Key, &'a P>,
    key: Key,
    package: &'a P,
    told: impl Fn(&'a P) -> (&'a String, Same),
) -> Result<(), RepoError> {
    let (other, content) = told(package);
    match sorted.get(&key).map(|there| told(there)) {
        Some((one, there)) if there != content => {
            let (name, version, arch) = key;
            let makers = Makers { one: one.clone(), other: other.clone() };
            Err(RepoError::Twice { package: name, version: version.to_string(), arch, makers })
        }
        _ => {
            sorted.insert(key, package);
            Ok(())
        }
    }
}

fn check_area(settings: &Settings, area: &str, package: &str) -> Result<(), RepoError> {
    if settings.areas.iter().any(|known| known == area) {
        return Ok(());
    }
    Err(RepoError::Area { package: package.to_owned(), area: area.escape_debug().to_string() })
}

fn package_name(fields: &Fields, name: &'static str, from: &str) -> Result<String, RepoError> {
    checked_name(stanza::required(fields, name, from)?, name, from)
}

/// The source package of a binary package: `Source` may carry its version in brackets, and is left out where both have
/// one name.
fn source_name(control: &Fields, package: &str, from: &str) -> Result<String, RepoError> {
    let source = field(control, "Source").and_then(|source| source.split_whitespace().next());
    checked_name(source.unwrap_or(package), "Source", from)
}

fn checked_name(text: &str, name: &str, from: &str) -> Result<String, RepoError> {
    match PackageName::new(text) {
        Ok(checked) => Ok(checked.as_str().to_owned()),
        Err(_) => Err(RepoError::Field { package: from.to_owned(), field: name.to_owned() }),
    }
}

fn version(fields: &Fields, from: &str) -> Result<Version, RepoError> {
    Version::new(stanza::required(fields, "Version", from)?)
        .map_err(|_| RepoError::Field { package: from.to_owned(), field: "Version".to_owned() })
}
