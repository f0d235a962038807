//! What recipes lay into a source before its source package is made: further sources, files beside the recipe, patches.
//!
//! Folders and further sources are inputs of the source package, by roles that say where they go. Patches and single
//! files are small: their bytes stand in its script's files, so that only those that are used are part of it. `exec` puts
//! together what lies at `/in/packages`, `/in/sources` and `/in/files` from these; the scripts here, steps of longer ones, do the rest.

use std::collections::BTreeMap;

use super::stamped::Stamped;
use crate::component::{Component, FilesBeside, SourceSpec};
use crate::digest::Digest;
use crate::name::PackageName;
use crate::remote::Checkout;
use crate::remote::archive::Archive;

/// How the role of a further source begins; the folder that it goes to follows.
pub const SOURCE_INTO: &str = "source into ";

/// How the role of a further source begins that is a source package of the distribution; the folder that it is unpacked
/// into follows.
pub const PACKAGE_INTO: &str = "package into ";

/// How the role of a folder beside the recipe begins; the folder that it goes to follows.
pub const FOLDER_INTO: &str = "folder into ";

/// The role of the archive of upstream that a source package takes over as it is.
pub const UPSTREAM: &str = "upstream";

/// How the name of a script's file begins that is laid into the source; where it goes follows.
pub const FILE_INTO: &str = "file into ";

/// The same for one that may be executed.
pub const PROGRAM_INTO: &str = "program into ";

/// The step that lays further sources from `/in/sources` into the folder `tree`.
const LAY_SOURCES: &str = include_str!("laid/sources.sh");

/// The step that unpacks source packages from `/in/packages` into the folder `tree`.
const LAY_PACKAGES: &str = include_str!("laid/packages.sh");

/// The step that lays files from `/in/files` into the folder `tree`.
pub const LAY_FILES: &str = include_str!("laid/files.sh");

/// The step that writes the version into the files that `stamp` names.
pub const STAMP: &str = include_str!("laid/stamp.sh");

/// The step that applies patches to the folder `tree`.
pub const APPLY_PATCHES: &str = include_str!("laid/patches.sh");

/// What is laid into a component's source, as far as that does not stand in the component.
#[derive(Debug, Clone, Copy)]
pub struct Laid<'a> {
    /// What is in files beside recipes.
    pub beside: &'a FilesBeside,
    /// The roles of [`trees`] with the trees that these are.
    pub trees: &'a [(String, Digest)],
    /// The version and the changes of a source whose version comes from tags.
    pub stamped: Option<&'a Stamped>,
}

impl Laid<'_> {
    /// Whether the archive of upstream is there as it is.
    pub fn has_upstream(&self) -> bool {
        self.trees.iter().any(|(role, _)| role == UPSTREAM)
    }
}

/// A tree that is laid into a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaidTree {
    /// The field of the recipe that says so.
    pub field: &'static str,
    /// The role that it has as an input of the source package.
    pub role: String,
    /// The folder where it goes, from the source's root.
    pub to: String,
    /// Where it comes from.
    pub from: LaidFrom,
}

/// Where a tree comes from that is laid into a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaidFrom {
    /// A folder, from the project's root.
    Folder(String),
    /// A commit of a repository.
    Checkout(Checkout),
    /// An archive of upstream.
    Archive(Archive),
    /// A source package of the distribution.
    Package(PackageName),
}

/// The trees that are laid into a component's source: further sources, then folders beside the recipe.
pub fn trees(component: &Component) -> Vec<LaidTree> {
    let sources = component.sources.iter().filter_map(|(to, source)| {
        let (start, from) = match source {
            SourceSpec::Path { folder } => {
                (SOURCE_INTO, LaidFrom::Folder(folder.clone().unwrap_or_else(|| ".".to_owned())))
            }
            SourceSpec::Checkout(checkout) => (SOURCE_INTO, LaidFrom::Checkout(checkout.clone())),
            SourceSpec::Archive(archive) => (SOURCE_INTO, LaidFrom::Archive(archive.clone())),
            SourceSpec::Dsc { name } => (PACKAGE_INTO, LaidFrom::Package(name.clone())),
            // No recipe can lay one.
            SourceSpec::Srpm { .. } => return None,
        };
        Some(LaidTree { field: "sources", role: format!("{start}{to}"), to: to.to_string(), from })
    });
    let beside = component.files.iter().filter(|file| file.is_folder).map(|file| {
        let (role, from) = (format!("{FOLDER_INTO}{}", file.to), LaidFrom::Folder(component.beside(&file.from)));
        LaidTree { field: "files", role, to: file.to.to_string(), from }
    });
    sources.chain(beside).collect()
}

/// The steps that lay a component's further sources.
pub fn source_steps(component: &Component) -> [(bool, &'static str); 2] {
    let is_package = |source: &SourceSpec| matches!(source, SourceSpec::Dsc { .. });
    let (packages, folders) = (component.sources.values().any(is_package), !component.sources.values().all(is_package));
    [(packages, LAY_PACKAGES), (folders, LAY_SOURCES)]
}

/// The files of a script that makes a component's source package: patches, and what is laid as a single file.
pub fn script_files(component: &Component, beside: &FilesBeside) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut list = String::new();
    for (turn, path) in component.patches.iter().enumerate() {
        let name = format!("patch-{}", turn + 1);
        list.push_str(&format!("{name} {path}\n"));
        let content = beside.get(&component.beside(path)).map(|file| file.bytes.clone());
        files.insert(name, content.unwrap_or_default());
    }
    if !list.is_empty() {
        files.insert("patches".to_owned(), list.into_bytes());
    }
    let packages = component.sources.iter().filter(|(_, source)| matches!(source, SourceSpec::Dsc { .. }));
    let packages: String = packages.map(|(to, _)| format!("{to}\n")).collect();
    if !packages.is_empty() {
        files.insert("packages".to_owned(), packages.into_bytes());
    }
    for file in component.files.iter().filter(|file| !file.is_folder) {
        let Some(content) = beside.get(&component.beside(&file.from)) else { continue };
        let start = if content.executable { PROGRAM_INTO } else { FILE_INTO };
        files.insert(format!("{start}{}", file.to), content.bytes.clone());
    }
    files
}
