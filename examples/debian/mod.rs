//! All of Debian as a project's sources.
//!
//! True are names, versions, files with their digests, build dependencies, binary packages with their arches and profiles, and
//! what these depend on. Made up are the digest of each source's tree, the date and the distribution of its newest change, and
//! that whatever is built for an arch has dependencies that only its build tells (`${shlibs:Depends}`), as nearly all have.
//!
//! What needs itself, through others or not, is left to the distro, as a project that rebuilds parts of one does: the compilers,
//! debhelper, and all that these are made with. So is one of two sources that make a package of one name.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use opb::diag::Failure;
use opb::digest::Digest;
use opb::distro::ArchiveSuite;
use opb::exec::{ArchiveFile, Archives};
use opb::lock::{BinaryFacts, DscPin, PinnedFile, SourceFacts};
use opb::name::{DistroName, PackageName};
use opb::package::compression::Compression;
use opb::package::control::{self, Paragraph};
use opb::package::sources::{SourceEntry, newest};
use opb::project::{Project, ProjectFiles, host_apt};
use opb::store::Store;

/// What came of it.
#[derive(Debug)]
pub struct Pinned {
    /// How many source packages are pinned.
    pub pinned: usize,
    /// Those that are left to the distro.
    pub left: BTreeSet<PackageName>,
}

impl fmt::Display for Pinned {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} source packages pinned, {} left to the distro", self.pinned, self.left.len())
    }
}

/// The date of each newest change.
const DATE: i64 = 1_700_000_000;

/// The texts of a distro's indexes.
struct Indexes {
    sources: Vec<(String, String)>,
    packages: Vec<String>,
}

/// Writes pins for the recipes of a project, and takes those away that are left to the distro.
///
/// # Errors
/// Where the project or an index cannot be read.
pub fn pin(folder: &Path, store: Option<&Path>, distro: &str, every: usize) -> Result<Pinned, Failure> {
    let project = Project::open(folder)?;
    let store = Store::open(&project.store_path(store))?;
    let distro = DistroName::new(distro).expect("the name of a distro");
    let indexes = indexes(&project, &store, &distro)?;
    let depends = depends(&indexes.packages);
    let mut pins: BTreeMap<PackageName, DscPin> = BTreeMap::new();
    for (suite, text) in &indexes.sources {
        let names = opb::package::sources::names(text)?;
        let entries = newest(text, &names.iter().collect())?;
        let mut facts = facts_of(text, &depends);
        for (place, (name, entry)) in entries.into_iter().enumerate() {
            let entry: SourceEntry = entry?;
            if place % every == 0
                && let Some(facts) = facts.remove(&(name.clone(), entry.version.to_string()))
            {
                pins.insert(name.clone(), pin_of(suite, entry, facts));
            }
        }
    }
    let mut left: BTreeSet<PackageName> = circles::in_circles(&pins);
    pins.retain(|name, _| !left.contains(name));
    left.extend(made_elsewhere(&pins));
    pins.retain(|name, _| !left.contains(name));
    for recipe in std::fs::read_dir(folder.join("recipes")).expect("recipes were imported").flatten() {
        let name = recipe.path().file_stem().and_then(|name| name.to_str()).map(PackageName::new);
        if !name.is_some_and(|name| name.is_ok_and(|name| pins.contains_key(&name))) {
            std::fs::remove_file(recipe.path()).expect("a recipe can be removed");
        }
    }
    let mut lock = project.lock()?;
    let pinned = pins.len();
    lock.dsc.insert(distro, pins);
    project.write_lock(&lock)?;
    Ok(Pinned { pinned, left })
}

fn indexes(project: &Project, store: &Store, distro: &DistroName) -> Result<Indexes, Failure> {
    let never = AtomicBool::new(false);
    let archives = Archives::new(store, &project.settings.mirrors, false, &never, host_apt);
    let evaluated = opb::eval::evaluate(&ProjectFiles(project.root()))?;
    let distro = evaluated.distros.get(distro).expect("the distro is in the project");
    let deb = distro.deb().expect("a distro of .deb packages");
    let mut found = Indexes { sources: Vec::new(), packages: Vec::new() };
    for (suite, pin) in deb.suites.iter().zip(&project.lock()?.distro[&distro.name].suite) {
        for (path, sha256) in &pin.index {
            let file = ArchiveFile { path: path.clone(), sha256: *sha256, size: None };
            let object = archives.indexes(ArchiveSuite::own(distro, suite), &[file])?[sha256];
            let mut text = String::new();
            let reader = Compression::of_name(path).reader(store.open_object(object)?).expect("a known compression");
            reader.take(1 << 30).read_to_string(&mut text).expect("an index is text");
            match path.contains("/source/") {
                true => found.sources.push((suite.name.clone(), text)),
                false => found.packages.push(text),
            }
        }
    }
    Ok(found)
}

/// What each binary package depends on.
fn depends(packages: &[String]) -> BTreeMap<&str, String> {
    let mut depends = BTreeMap::new();
    for paragraph in packages.iter().flat_map(|text| control::paragraphs(text)).flatten() {
        let fields = ["Pre-Depends", "Depends"].into_iter().filter_map(|field| paragraph.get(field));
        if let Some(name) = paragraph.get("Package") {
            depends.insert(name, fields.collect::<Vec<_>>().join(", "));
        }
    }
    depends
}

/// The facts of all source packages of an index, by name and version.
fn facts_of(text: &str, depends: &BTreeMap<&str, String>) -> BTreeMap<(PackageName, String), SourceFacts> {
    let mut all = BTreeMap::new();
    for paragraph in control::paragraphs(text).flatten() {
        let name = paragraph.get("Package").and_then(|name| PackageName::new(name).ok());
        if let (Some(name), Some(version)) = (name, paragraph.get("Version")) {
            all.insert((name.clone(), version.to_owned()), facts(name, version, &paragraph, depends));
        }
    }
    all
}

fn facts(
    source: PackageName,
    version: &str,
    paragraph: &Paragraph<'_>,
    depends: &BTreeMap<&str, String>,
) -> SourceFacts {
    let text = |field: &str| paragraph.folded(field).trim().to_owned();
    // A line for each: name, type, section, priority, and what else is to be said of it.
    let list = paragraph.get("Package-List").unwrap_or_default();
    let binaries = list.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next()?, words.next()?);
        let more: BTreeMap<&str, &str> = words.skip(2).filter_map(|word| word.split_once('=')).collect();
        let architecture = more.get("arch").map_or_else(|| "any".to_owned(), |arches| arches.replace(',', " "));
        let formula = more.get("profile").map(|formula| format!("<{}>", formula.replace('+', "> <").replace(',', " ")));
        let known = depends.get(name).cloned().unwrap_or_default();
        let open = if architecture == "all" { String::new() } else { "${shlibs:Depends}".to_owned() };
        let depends: Vec<String> = [open, known].into_iter().filter(|text| !text.is_empty()).collect();
        let facts = BinaryFacts {
            architecture,
            package_type: (kind == "udeb").then(|| kind.to_owned()),
            depends: depends.join(", "),
            provides: String::new(),
            profiles: formula.unwrap_or_default(),
        };
        Some((PackageName::new(name).ok()?, facts))
    });
    SourceFacts {
        source,
        version: version.to_owned(),
        distribution: "unstable".to_owned(),
        date: DATE,
        format: paragraph.get("Format").unwrap_or("1.0").to_owned(),
        rules_requires_root: Some("no".to_owned()),
        build_depends: text("Build-Depends"),
        build_depends_arch: text("Build-Depends-Arch"),
        build_depends_indep: text("Build-Depends-Indep"),
        build_conflicts: text("Build-Conflicts"),
        binaries: binaries.collect(),
    }
}

/// Those of whose packages another source makes one too, by whose name it comes later.
fn made_elsewhere(pins: &BTreeMap<PackageName, DscPin>) -> BTreeSet<PackageName> {
    let mut makers: BTreeMap<&PackageName, &PackageName> = BTreeMap::new();
    let binaries = pins.iter().flat_map(|(name, pin)| pin.facts.binaries.keys().map(move |binary| (binary, name)));
    binaries.filter_map(|(binary, name)| makers.insert(binary, name).cloned()).collect()
}

fn pin_of(suite: &str, entry: SourceEntry, facts: SourceFacts) -> DscPin {
    let files = entry.files.iter().map(|(name, file)| {
        let file = PinnedFile { size: file.size, sha256: file.sha256 };
        (name.clone(), file)
    });
    DscPin {
        suite: suite.to_owned(),
        directory: entry.directory.clone(),
        tree: Digest::of(format!("{} {}", entry.package, entry.version).as_bytes()),
        files: files.collect(),
        facts,
    }
}
