//! Recipes for what is there already, many at once: folders with packaging, and source packages of a distro.
//!
//! Each is the shortest that builds, and a skeleton to go on from. What has a recipe keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::new::recipe::{Source, plain, skeleton, source_name};
use super::new::{aliases, below};
use super::pin::Pinner;
use super::watch::evaluate;
use crate::diag::{Cause, Caused, Failure, did_you_mean};
use crate::distro::{Distro, Family, Packaging, Rpm};
use crate::eval;
use crate::exec::Archives;
use crate::graph::matches_pattern;
use crate::lock::RepositoryPin;
use crate::name::{Arch, ComponentName, DistroName, NameError, PackageName};
use crate::project::{Project, ProjectError, ProjectFiles, make_files, packaging};
use crate::store::Store;

/// The most folders in one that are looked into.
const MOST_FOLDERS: usize = 100_000;

/// What came of it.
#[derive(Debug, Default)]
pub struct Imported {
    /// The files that were made, below the project's root, in order.
    pub made: Vec<String>,
    /// How many had a recipe already.
    pub there: usize,
    /// Of what no recipe was made, with the reason.
    pub left: Vec<(String, String)>,
    /// Lines about names that specs ask for in another spelling.
    pub notes: Vec<String>,
}

/// Why nothing can be imported.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ImportError {
    /// A folder with nothing in it to make a recipe of.
    #[error("neither the folder `{folder}` nor a folder in it has a `debian/` or a spec")]
    #[diagnostic(code(opb::import::nothing), help("name the folder whose folders are sources with packaging"))]
    Nothing {
        /// The folder.
        folder: String,
    },
    /// A distro that the project does not have, or not pinned.
    #[error("`{distro}` has no pinned index of sources here")]
    #[diagnostic(code(opb::import::unpinned), help("{help}"))]
    Unpinned {
        /// What was given.
        distro: String,
        /// What to do.
        help: String,
    },
    /// A pattern that means no source package.
    #[error("{distro} has no source package `{pattern}`")]
    #[diagnostic(code(opb::import::no_source), help("{help}"))]
    NoSource {
        /// The distro.
        distro: DistroName,
        /// What was given.
        pattern: String,
        /// What to do.
        help: String,
    },
}

impl Caused for ImportError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Makes recipes for these folders, or for the folders in them, that have packaging. `here` is where relative paths begin.
///
/// # Errors
/// [`ImportError::Nothing`], [`NewError`](super::new::NewError), and where a folder cannot be read. A source whose packaging is wrong is left out.
pub fn folders(project: &Project, here: &Path, folders: &[PathBuf]) -> Result<Imported, Failure> {
    let mut imported = Imported::default();
    let mut sources: BTreeMap<ComponentName, Source> = BTreeMap::new();
    for folder in folders {
        let top = below(project, here, folder)?;
        let places =
            if has_packaging(project, &top, &mut imported)? { vec![top.clone()] } else { inside(project, &top)? };
        let mut any = false;
        for place in places {
            let Some(packaging) = read(project, &place, &mut imported) else { continue };
            any = true;
            let folder_name = place.rsplit('/').next().unwrap_or(&place);
            let name = plain(source_name(&packaging)).or_else(|| plain(folder_name));
            let source = Source::Folder { folder: place.clone(), packaging };
            match name {
                None => imported.left.push((place, "it has a name that no component can have".to_owned())),
                Some(name) => match sources.get(&name) {
                    Some(other) if *other != source => {
                        let other = if let Source::Folder { folder, .. } = other { folder } else { &place };
                        let why = format!("its component would be `{name}`, as that of `{other}`");
                        imported.left.push((place.clone(), why));
                    }
                    _ => drop(sources.insert(name, source)),
                },
            }
        }
        if !any && imported.left.is_empty() {
            return Err(ImportError::Nothing { folder: top }.into());
        }
    }
    let made = make(project, &sources, None, &mut imported)?;
    // Whose packages specs ask for in another spelling is known once all are there.
    let evaluated = evaluate(&ProjectFiles(project.root()))?;
    for name in made {
        let Some(source) = sources.get(&name) else { continue };
        let found = aliases::aliases(project, &evaluated, source);
        imported.notes.extend(found.notes);
        if !found.written.is_empty() {
            project.write(&file_of(&name), &skeleton(source, None, &found.written))?;
        }
    }
    imported.notes.sort();
    imported.notes.dedup();
    Ok(imported)
}

/// Makes recipes for the source packages of a distro whose names match `patterns`, in which `*` stands for any characters.
///
/// # Errors
/// [`ImportError`], and where the distro's pinned index cannot be had.
pub fn sources(
    project: &Project,
    store: &Store,
    archives: &Archives<'_>,
    distro: &str,
    patterns: &[String],
) -> Result<Imported, Failure> {
    let evaluated = evaluate(&ProjectFiles(project.root()))?;
    let lock = project.lock()?;
    let name = distro.strip_prefix('@').unwrap_or(distro);
    let found = evaluated.distros.values().find(|known| known.name.as_str() == name);
    let pinned = found.and_then(|found| Some((found, lock.distro.get(&found.name)?)));
    let (distro, pin) = pinned.ok_or_else(|| unpinned(distro, name, &evaluated))?;
    let mut notices = Vec::new();
    let mut pinner = Pinner { project, store, archives, notices: &mut notices };
    let names = match &distro.packaging {
        Packaging::Deb(deb) => pinner.source_index(distro, deb, &pin.suite)?.names()?,
        Packaging::Rpm(rpm) => {
            check_source_repositories(distro, rpm, &pin.repository)?;
            pinner.source_rpms((distro, rpm), &pin.repository, &BTreeSet::new())?.names
        }
    };
    let mut wanted: BTreeSet<PackageName> = BTreeSet::new();
    for pattern in patterns {
        let matching = names.iter().filter(|name| matches_pattern(pattern, name.as_str()));
        let mut any = false;
        wanted.extend(matching.cloned().inspect(|_| any = true));
        if !any {
            let help = match did_you_mean(pattern, names.iter().map(PackageName::as_str)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("correct the name, or run `opb update @{}` for what is new there", distro.name),
            };
            let (distro, pattern) = (distro.name.clone(), pattern.clone());
            return Err(ImportError::NoSource { distro, pattern, help }.into());
        }
    }
    // What could not be pinned would only be in the way of the others.
    let mut left = Vec::new();
    if let Packaging::Rpm(rpm) = &distro.packaging {
        let index = pinner.source_rpms((distro, rpm), &pin.repository, &wanted)?;
        wanted.retain(|package| match index.of(distro, package, "") {
            Ok(_) => true,
            Err(error) => {
                left.push((package.to_string(), error.to_string()));
                false
            }
        });
    }
    let mut imported = Imported { notes: notices, left, ..Imported::default() };
    let mut chosen: BTreeMap<ComponentName, Source> = BTreeMap::new();
    for package in wanted {
        let of = |package: PackageName| match distro.family() {
            Family::Deb => Source::Dsc(package),
            Family::Rpm => Source::Srpm(package),
        };
        match called(distro, &package) {
            Err(wrong) => imported.left.push((package.to_string(), wrong.to_string())),
            Ok(name) => match chosen.get(&name) {
                None => drop(chosen.insert(name, of(package))),
                Some(_) => {
                    let why = format!("its component would be `{name}`, as that of another");
                    imported.left.push((package.to_string(), why));
                }
            },
        }
    }
    make(project, &chosen, Some(&distro.name), &mut imported)?;
    Ok(imported)
}

/// What the component of a distro's source package is called.
fn called(distro: &Distro, package: &PackageName) -> Result<ComponentName, NameError> {
    // Source RPMs may have capitals in their names.
    let name = plain(package.as_str()).filter(|_| distro.family() == Family::Rpm);
    name.map_or_else(|| ComponentName::new(package.as_str()), Ok)
}

/// Whether the source repositories of a distro are pinned, and there are some.
fn check_source_repositories(distro: &Distro, rpm: &Rpm, pins: &[RepositoryPin]) -> Result<(), ImportError> {
    let name = &distro.name;
    let help = match rpm.source_repositories.as_slice() {
        [] => format!("name its source repositories in `source_repositories` of `distros/{name}.rhai`"),
        _ if pins.iter().any(|pin| pin.arch == Arch::source()) => return Ok(()),
        [first, ..] => format!(
            "say where its source repositories are below `[mirrors]` of `opb.toml`, as in `\"{name}/{first}\" = \"https://…\"`, and \
             run `opb update @{name}`"
        ),
    };
    Err(ImportError::Unpinned { distro: name.to_string(), help })
}

fn unpinned(given: &str, name: &str, evaluated: &eval::Project) -> ImportError {
    let known = || evaluated.distros.values().map(|distro| distro.name.as_str());
    let help = if known().any(|known| known == name) {
        format!("run `opb update @{name}` first")
    } else if let Some(close) = did_you_mean(name, known()) {
        format!("did you mean `{close}`?")
    } else {
        let known: Vec<String> = known().map(|known| format!("`{known}`")).collect();
        format!("name a distro of this project: {}", known.join(", "))
    };
    ImportError::Unpinned { distro: given.to_owned(), help }
}

/// Makes the recipes that are not there; gives the names of these.
fn make(
    project: &Project,
    sources: &BTreeMap<ComponentName, Source>,
    distro: Option<&DistroName>,
    imported: &mut Imported,
) -> Result<Vec<ComponentName>, Failure> {
    let evaluated = evaluate(&ProjectFiles(project.root()))?;
    let lacking = || sources.iter().filter(|(name, _)| !evaluated.components.contains_key(*name));
    let files: Vec<(String, String)> =
        lacking().map(|(name, source)| (file_of(name), skeleton(source, distro, &BTreeMap::new()))).collect();
    let done = make_files(project.root(), &files).map_err(|(file, source)| ProjectError::File {
        deed: "make",
        path: project.path.join(&file).as_path().to_owned(),
        source,
    })?;
    imported.there += sources.len() - files.len();
    let mut made = Vec::new();
    for (((name, _), (file, _)), is_made) in lacking().zip(files).zip(done) {
        if is_made {
            imported.made.push(file);
            made.push(name.clone());
        } else {
            imported.there += 1;
        }
    }
    Ok(made)
}

fn file_of(name: &ComponentName) -> String {
    format!("recipes/{name}.rhai")
}

fn has_packaging(project: &Project, place: &str, imported: &mut Imported) -> Result<bool, Failure> {
    match packaging(project.root(), place) {
        Ok(found) => Ok(found.is_some()),
        Err(error @ crate::project::PackagingError::NoFolder { .. }) => Err(error.into()),
        Err(error) => {
            imported.left.push((place.to_owned(), crate::diag::chain(&error)));
            Ok(false)
        }
    }
}

fn read(project: &Project, place: &str, imported: &mut Imported) -> Option<Box<crate::project::Packaging>> {
    match packaging(project.root(), place) {
        Ok(found) => found.map(Box::new),
        Err(error) => {
            imported.left.push((place.to_owned(), crate::diag::chain(&error)));
            None
        }
    }
}

/// The folders in a folder of the project, sorted; hidden ones and those that are this program's left out.
fn inside(project: &Project, top: &str) -> Result<Vec<String>, Failure> {
    let failed =
        |source| ProjectError::File { deed: "read", path: project.path.join(top).as_path().to_owned(), source };
    let mut folders = BTreeSet::new();
    for entry in project.root().read_dir(top).map_err(failed)?.take(MOST_FOLDERS) {
        let entry = entry.map_err(failed)?;
        let (kind, name) = (entry.file_type().map_err(failed)?, entry.file_name());
        let Some(name) = name.to_str().filter(|name| kind.is_dir() && !name.starts_with('.')) else { continue };
        let is_ours = top == "." && crate::project::OWN_FOLDERS.contains(&name);
        if !is_ours && !name.contains(|c: char| c.is_control() || "\\\"".contains(c)) {
            folders.insert(if top == "." { name.to_owned() } else { format!("{top}/{name}") });
        }
    }
    Ok(folders.into_iter().collect())
}
