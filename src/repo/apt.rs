//! Assembles an APT repository: sorts packages into suites and indexes, lays out pool and by-hash files.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::cut::Shape;
use super::facts::{checked_name, version};
use super::index::{self, Entries, Index};
use super::pool::{self, Pool};
use super::{Assembled, Binary, IndexEntry, Keep, Makers, RepoError, Settings, SourcePackage, Suite, contents, stanza};
use crate::digest::{Digest, Sha256};
use crate::name::Arch;
use crate::package::version::Version;
use crate::tree::Tree;

/// Stanzas of a piece. Fewer cost less when one changes, and more bytes in all: of a distribution's own packages, whose stanzas
/// have much in common, 500 in a piece take 6 to 10 hundredths more than one stream, these 3 to 5.
const SHAPE: Shape = Shape { least: 1_280, usual: 64, most: 2_048 };

/// The same of as many packages as a distribution has, among which one stream would find more to refer to.
const LARGE: Shape = Shape { least: 3_200, usual: 64, most: 5_120 };

/// From so many stanzas on an index is large.
const MANY: usize = 16_384;

fn shape(count: usize) -> Shape {
    if count < MANY { SHAPE } else { LARGE }
}

/// Assembles a repository of these packages. The order in which they are given does not matter; the same package given
/// again counts once. Without packages the indexes are there, and empty. `kept` only saves time.
///
/// # Errors
/// [`RepoError`]: settings or fields that an index cannot hold, packages that contradict each other.
pub fn assemble(
    settings: &Settings,
    binaries: &[Binary],
    sources: &[SourcePackage],
    kept: &dyn Keep,
) -> Result<Assembled, RepoError> {
    pool::check(settings)?;
    let mut pool = Pool::default();
    let sorted = sorted(settings, binaries)?;
    let mut folders = Vec::with_capacity(sorted.len());
    for package in &sorted {
        let folder = pool::folder(&package.area, &package.facts.source);
        pool::put(&mut pool, &folder, &package.file, &package.made_by)?;
        folders.push(folder);
    }
    let of_sources = source_indexes(settings, sources, &mut pool)?;
    let mut tree = pool.tree;
    let mut made = BTreeMap::new();
    let mut suite = |settings: Settings, is_debug: bool, more: Vec<Entries<'_>>| {
        let packages = sorted.iter().zip(&folders).filter(|(package, _)| package.facts.is_debug == is_debug);
        let mut wanted =
            binary_indexes(&settings, &packages.map(|(p, folder)| (*p, folder.as_str())).collect::<Vec<_>>());
        wanted.extend(more);
        let indexes: Vec<Index> =
            wanted.par_iter().map(|entries| index::make(entries, kept)).collect::<Result<_, _>>()?;
        let indexes = add(&mut tree, &mut made, &settings.codename, indexes)?;
        Ok::<_, RepoError>(Suite { settings, indexes })
    };
    let suites = [suite(settings.clone(), false, of_sources)?, suite(settings.for_debug(), true, Vec::new())?];
    Ok(Assembled { tree, contents: made, suites })
}

/// Puts compressed indexes below `dists/<codename>`: under their names, and under their digests for those who read an older
/// `Release`. What `Release` lists, sorted by path.
fn add(
    tree: &mut Tree,
    contents: &mut BTreeMap<Digest, Vec<u8>>,
    codename: &str,
    indexes: Vec<Index>,
) -> Result<Vec<IndexEntry>, RepoError> {
    let dists = format!("dists/{codename}");
    let mut listed = Vec::with_capacity(indexes.len() * 3);
    for Index { path, size, sha256, gz, xz } in indexes {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (ending, bytes) in [("gz", gz), ("xz", xz)] {
            let (digest, size, sha256) = (Digest::of(&bytes), bytes.len() as u64, Sha256::of(&bytes));
            let path = format!("{path}.{ending}");
            pool::put_file(tree, format!("{dists}/{path}"), digest, size)?;
            pool::put_file(tree, format!("{dists}/{folder}/by-hash/SHA256/{sha256}"), digest, size)?;
            contents.insert(digest, bytes);
            listed.push(IndexEntry { path, size, sha256 });
        }
        listed.push(IndexEntry { path, size, sha256 });
    }
    listed.sort();
    Ok(listed)
}

/// The packages by name, then by version, arch and kind; each once.
fn sorted<'a>(settings: &Settings, binaries: &'a [Binary]) -> Result<Vec<&'a Binary>, RepoError> {
    for package in binaries {
        let from = &package.file.name;
        check_area(settings, &package.area, from)?;
        let arch = &package.facts.arch;
        if arch != "all" && !settings.arches.iter().any(|known| known.as_str() == arch) {
            return Err(RepoError::Arch { package: from.clone(), arch: arch.escape_debug().to_string() });
        }
    }
    let mut sorted: Vec<&Binary> = binaries.iter().collect();
    sorted.sort_by(|one, other| place(one).cmp(&place(other)));
    for pair in sorted.windows(2) {
        let (one, other) = (pair[0], pair[1]);
        if place(one) == place(other) && (&one.area, &one.file) != (&other.area, &other.file) {
            let (package, version, arch) = (&one.facts.name, one.facts.version.to_string(), &one.facts.arch);
            let arch = if one.udeb { format!("{arch} udeb") } else { arch.clone() };
            return Err(twice(package.clone(), version, arch, (&one.made_by, &other.made_by)));
        }
    }
    sorted.dedup_by(|one, other| place(one) == place(other));
    Ok(sorted)
}

/// A package's place in its indexes.
fn place(package: &Binary) -> (&str, &Version, &str, bool) {
    let Binary { facts, udeb, .. } = package;
    (&facts.name, &facts.version, &facts.arch, *udeb)
}

fn twice(package: String, version: String, arch: String, (one, other): (&String, &String)) -> RepoError {
    RepoError::Twice { package, version, arch, makers: Makers { one: one.clone(), other: other.clone() } }
}

/// `Packages` and `Contents` of each area and arch. The installer's are there for all arches once an area has anything for it.
fn binary_indexes<'a>(settings: &Settings, packages: &[(&'a Binary, &'a str)]) -> Vec<Entries<'a>> {
    let mut indexes = Vec::new();
    for area in &settings.areas {
        for udeb in [false, true] {
            let of_area = packages.iter().filter(|(package, _)| package.area == *area && package.udeb == udeb);
            let of_area: Vec<(&Binary, &str)> = of_area.copied().collect();
            if udeb && of_area.is_empty() {
                continue;
            }
            let (folder, kind) = if udeb { ("/debian-installer", "udeb-") } else { ("", "") };
            for arch in &settings.arches {
                let is_in = |(package, _): &&(&Binary, &str)| is_for(package, arch);
                let chosen: Vec<(&Binary, &str)> = of_area.iter().filter(is_in).copied().collect();
                let files: Vec<&Binary> = chosen.iter().map(|(package, _)| *package).collect();
                indexes.push(packages_index(format!("{area}{folder}/binary-{arch}/Packages"), chosen));
                indexes.push(contents::entries(format!("{area}/Contents-{kind}{arch}"), &files));
            }
        }
    }
    indexes
}

fn is_for(package: &Binary, arch: &Arch) -> bool {
    let own = package.facts.arch.as_str();
    own == "all" || own == arch.as_str()
}

fn packages_index<'a>(path: String, packages: Vec<(&'a Binary, &'a str)>) -> Entries<'a> {
    let names: Vec<&[u8]> = packages.iter().map(|(package, _)| package.facts.name.as_bytes()).collect();
    let write = Box::new(move |number: usize, to: &mut Vec<u8>| {
        let (package, folder) = packages[number];
        package.facts.put_stanza(to, folder, &package.file);
    });
    Entries { path, shape: shape(names.len()), names, write }
}

/// A source package's place in its index, and its stanza.
type Sources<'a> = BTreeMap<(String, Version), (&'a SourcePackage, String)>;

fn source_indexes<'a>(
    settings: &Settings,
    sources: &'a [SourcePackage],
    pool: &mut Pool<'a>,
) -> Result<Vec<Entries<'a>>, RepoError> {
    let mut sorted: Sources<'a> = BTreeMap::new();
    for package in sources {
        let from = &package.dsc_file.name;
        check_area(settings, &package.area, from)?;
        let name = checked_name(stanza::required(&package.dsc, "Source", from)?, "Source", from)?;
        let key = (name, version(&package.dsc, from)?);
        let same = |package: &'a SourcePackage| (&package.dsc, &package.area, &package.dsc_file, &package.files);
        match sorted.get(&key) {
            Some((there, _)) if same(there) != same(package) => {
                let (name, version) = key;
                let makers = (&there.made_by, &package.made_by);
                return Err(twice(name, version.to_string(), "source".to_owned(), makers));
            }
            Some(_) => {}
            None => drop(sorted.insert(key, (package, String::new()))),
        }
    }
    for ((name, _), (package, text)) in &mut sorted {
        let folder = pool::folder(&package.area, name);
        for file in package.files.iter().chain([&package.dsc_file]) {
            pool::put(pool, &folder, file, &package.made_by)?;
        }
        *text = stanza::source(package, &folder)?;
    }
    let of_area = |area: &String| {
        let stanzas = sorted.values().filter(|(package, _)| package.area == *area);
        let stanzas: Vec<(&'a SourcePackage, String)> = stanzas.cloned().collect();
        let names: Vec<&[u8]> = stanzas.iter().map(|(package, _)| source_name(package)).collect();
        let write = Box::new(move |number: usize, to: &mut Vec<u8>| to.extend_from_slice(stanzas[number].1.as_bytes()));
        Entries { path: format!("{area}/source/Sources"), shape: shape(names.len()), names, write }
    };
    Ok(settings.areas.iter().map(of_area).collect())
}

fn source_name(package: &SourcePackage) -> &[u8] {
    super::field(&package.dsc, "Source").unwrap_or_default().as_bytes()
}

fn check_area(settings: &Settings, area: &str, package: &str) -> Result<(), RepoError> {
    if settings.areas.iter().any(|known| known == area) {
        return Ok(());
    }
    Err(RepoError::Area { package: package.to_owned(), area: area.escape_debug().to_string() })
}
