//! Assembles an APT repository: sorts packages into suites and indexes, lays out pool and by-hash files.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::cut::Shape;
use super::facts::{checked_name, version};
use super::index::{self, Compressed, Entries, Index};
use super::pool::{self, Pool};
use super::{Assembled, Binary, IndexEntry, Keep, Makers, RepoError, Settings, SourcePackage, Suite, contents, stanza};
use crate::digest::Digest;
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
    let sorted = sorted(settings, binaries)?;
    let folders: Vec<String> =
        sorted.iter().map(|package| pool::folder(&package.area, package.facts.source())).collect();
    let sources = sorted_sources(settings, sources)?;
    let packages: Vec<(&Binary, &str)> =
        sorted.iter().zip(&folders).map(|(package, folder)| (*package, folder.as_str())).collect();
    let of_suite = |is_debug: bool| packages.iter().filter(move |(package, _)| package.facts.is_debug == is_debug);
    let (own, debug) = (settings.clone(), settings.for_debug());
    let mut lists = [binary_lists(&own, of_suite(false)), binary_lists(&debug, of_suite(true))];
    lists[0].extend(source_lists(&own, &sources));
    let (pool, indexes) = rayon::join(|| pool_of(&packages, &sources), || compressed(&lists, kept));
    let (mut tree, mut made) = (pool?, BTreeMap::new());
    let [of_own, of_debug] = indexes?;
    let mut suite = |settings: Settings, indexes| {
        let indexes = add(&mut tree, &mut made, &settings.codename, indexes)?;
        Ok::<_, RepoError>(Suite { settings, indexes })
    };
    let suites = [suite(own, of_own)?, suite(debug, of_debug)?];
    Ok(Assembled { tree, contents: made, suites })
}

/// The files of these packages, at their places.
fn pool_of(packages: &[(&Binary, &str)], sources: &Sources<'_>) -> Result<Tree, RepoError> {
    let mut pool = Pool::default();
    for (package, folder) in packages {
        pool.put(folder, &package.file, &package.made_by)?;
    }
    for (package, folder, _) in sources.values() {
        for file in package.files.iter().chain([&package.dsc_file]) {
            pool.put(folder, file, &package.made_by)?;
        }
    }
    pool.tree()
}

/// The indexes of each suite, all of them made side by side: one takes far longer than the others where something in it changed.
fn compressed(lists: &[Vec<List<'_>>; 2], kept: &dyn Keep) -> Result<[Vec<Index>; 2], RepoError> {
    let all: Vec<&List<'_>> = lists.iter().flatten().collect();
    let mut made: Vec<Index> =
        all.par_iter().map(|list| index::make(&list.entries(), kept)).collect::<Result<_, _>>()?;
    let of_debug = made.split_off(lists[0].len());
    Ok([made, of_debug])
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
        for (ending, Compressed { bytes, digest, sha256 }) in [("gz", gz), ("xz", xz)] {
            let size = bytes.len() as u64;
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
        let arch = package.facts.arch();
        if arch != "all" && !settings.arches.iter().any(|known| known.as_str() == arch) {
            return Err(RepoError::Arch { package: from.clone(), arch: arch.escape_debug().to_string() });
        }
    }
    let mut sorted: Vec<&Binary> = binaries.iter().collect();
    sorted.sort_by(|one, other| place(one).cmp(&place(other)));
    for pair in sorted.windows(2) {
        let (one, other) = (pair[0], pair[1]);
        if place(one) == place(other) && (&one.area, &one.file) != (&other.area, &other.file) {
            let (package, version, arch) = (one.facts.name(), one.facts.version.to_string(), one.facts.arch());
            let arch = if one.udeb { format!("{arch} udeb") } else { arch.to_owned() };
            return Err(twice(package.to_owned(), version, arch, (&one.made_by, &other.made_by)));
        }
    }
    sorted.dedup_by(|one, other| place(one) == place(other));
    Ok(sorted)
}

/// A package's place in its indexes.
fn place(package: &Binary) -> (&str, &Version, &str, bool) {
    let Binary { facts, udeb, .. } = package;
    (facts.name(), &facts.version, facts.arch(), *udeb)
}

fn twice(package: String, version: String, arch: String, (one, other): (&String, &String)) -> RepoError {
    RepoError::Twice { package, version, arch, makers: Makers { one: one.clone(), other: other.clone() } }
}

/// An index before it is made.
enum List<'a> {
    Packages { path: String, packages: Vec<(&'a Binary, &'a str)> },
    Contents { path: String, packages: Vec<&'a Binary> },
    Sources { path: String, stanzas: Vec<(&'a [u8], &'a str)> },
}

impl List<'_> {
    fn entries(&self) -> Entries<'_> {
        match self {
            Self::Packages { path, packages } => {
                let names: Vec<&[u8]> = packages.iter().map(|(package, _)| package.facts.name().as_bytes()).collect();
                let write = Box::new(move |number: usize, to: &mut Vec<u8>| {
                    let (package, folder) = packages[number];
                    package.facts.put_stanza(to, folder, &package.file);
                });
                Entries { path, shape: shape(names.len()), names, write }
            }
            Self::Contents { path, packages } => contents::entries(path, packages),
            Self::Sources { path, stanzas } => {
                let names: Vec<&[u8]> = stanzas.iter().map(|(name, _)| *name).collect();
                let write =
                    Box::new(move |number: usize, to: &mut Vec<u8>| to.extend_from_slice(stanzas[number].1.as_bytes()));
                Entries { path, shape: shape(names.len()), names, write }
            }
        }
    }
}

/// `Packages` and `Contents` of each area and arch. The installer's are there for all arches once an area has anything for it.
fn binary_lists<'a>(
    settings: &Settings,
    packages: impl Iterator<Item = &'a (&'a Binary, &'a str)> + Clone,
) -> Vec<List<'a>> {
    let mut lists = Vec::new();
    for area in &settings.areas {
        for udeb in [false, true] {
            let of_area = packages.clone().filter(|(package, _)| package.area == *area && package.udeb == udeb);
            let of_area: Vec<(&Binary, &str)> = of_area.copied().collect();
            if udeb && of_area.is_empty() {
                continue;
            }
            let (folder, kind) = if udeb { ("/debian-installer", "udeb-") } else { ("", "") };
            for arch in &settings.arches {
                let is_in = |(package, _): &&(&Binary, &str)| is_for(package, arch);
                let chosen: Vec<(&Binary, &str)> = of_area.iter().filter(is_in).copied().collect();
                let files: Vec<&Binary> = chosen.iter().map(|(package, _)| *package).collect();
                let path = format!("{area}{folder}/binary-{arch}/Packages");
                lists.push(List::Packages { path, packages: chosen });
                lists.push(List::Contents { path: format!("{area}/Contents-{kind}{arch}"), packages: files });
            }
        }
    }
    lists
}

fn is_for(package: &Binary, arch: &Arch) -> bool {
    let own = package.facts.arch();
    own == "all" || own == arch.as_str()
}

/// Source packages by name and version, each with its folder and its stanza.
type Sources<'a> = BTreeMap<(String, Version), (&'a SourcePackage, String, String)>;

fn sorted_sources<'a>(settings: &Settings, sources: &'a [SourcePackage]) -> Result<Sources<'a>, RepoError> {
    let mut sorted: Sources<'a> = BTreeMap::new();
    for package in sources {
        let from = &package.dsc_file.name;
        check_area(settings, &package.area, from)?;
        let name = checked_name(stanza::required(&package.dsc, "Source", from)?, "Source", from)?;
        let folder = pool::folder(&package.area, &name);
        let key = (name, version(&package.dsc, from)?);
        let same = |package: &'a SourcePackage| (&package.dsc, &package.area, &package.dsc_file, &package.files);
        match sorted.get(&key) {
            Some((there, ..)) if same(there) != same(package) => {
                let (name, version) = key;
                let makers = (&there.made_by, &package.made_by);
                return Err(twice(name, version.to_string(), "source".to_owned(), makers));
            }
            Some(_) => {}
            None => {
                let stanza = stanza::source(package, &folder)?;
                sorted.insert(key, (package, folder, stanza));
            }
        }
    }
    Ok(sorted)
}

/// `Sources` of each area.
fn source_lists<'a>(settings: &Settings, sources: &'a Sources<'_>) -> Vec<List<'a>> {
    let of_area = |area: &String| {
        let stanzas = sources.iter().filter(|(_, (package, ..))| package.area == *area);
        let stanzas = stanzas.map(|((name, _), (.., stanza))| (name.as_bytes(), stanza.as_str())).collect();
        List::Sources { path: format!("{area}/source/Sources"), stanzas }
    };
    settings.areas.iter().map(of_area).collect()
}

fn check_area(settings: &Settings, area: &str, package: &str) -> Result<(), RepoError> {
    if settings.areas.iter().any(|known| known == area) {
        return Ok(());
    }
    Err(RepoError::Area { package: package.to_owned(), area: area.escape_debug().to_string() })
}
