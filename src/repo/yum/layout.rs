//! Where packages lie, and which do not go together.

use std::collections::{BTreeMap, BTreeSet};

use super::super::pool::{self, is_plain};
use super::super::{Makers, RepoError};
use crate::digest::Digest;
use crate::path::TreePath;
use crate::tree::{Entry, Tree};

/// The folder of source packages.
pub const SOURCES: &str = "SRPMS";

/// A package as a build made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// Its name.
    pub name: String,
    /// Epoch, version and release.
    pub version: String,
    /// Its arch: `noarch`, `src` or one of rpm's.
    pub arch: String,
    /// The file's name.
    pub file: String,
    /// What the store calls it.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it holds debug symbols or the sources that they refer to, and goes to a repository of its own.
    pub is_debug: bool,
    /// Who made it, for messages.
    pub made_by: String,
}

/// What the folder of an arch's debug packages has behind the arch.
pub const DEBUG: &str = "-debug";

/// The arch that dnf puts for `$basearch` where packages of `arch` are installed; folders of repositories are named so.
pub fn base_arch(arch: &str) -> &str {
    match arch {
        "i386" | "i486" | "i586" | "i686" | "athlon" | "geode" => "i386",
        "x86_64" | "amd64" | "ia32e" | "x86_64_v2" | "x86_64_v3" | "x86_64_v4" => "x86_64",
        "armv7l" | "armv7hl" | "armv7hnl" | "armv8hl" => "armhfp",
        "armv5tel" | "armv5tejl" | "armv6l" | "armv7nl" => "arm",
        other => other,
    }
}

/// The tree of a distro's repositories: `<arch>/<letter>/<file>` and `<arch>-debug/<letter>/<file>` for each of `arches`, and
/// `SRPMS/<letter>/<file>`. The order
/// in which packages are given does not matter; the same one given again counts once. Folders of repositories are there also
/// where they are empty.
///
/// # Errors
/// [`RepoError`]: names that cannot be part of a path, packages for other arches, packages that contradict each other.
pub fn lay_out(arches: &[&str], packages: &[Unsigned]) -> Result<Tree, RepoError> {
    let mut tree = Tree::default();
    let of_arches =
        arches.iter().map(|arch| base_arch(arch)).flat_map(|arch| [arch.to_owned(), format!("{arch}{DEBUG}")]);
    let folders: BTreeSet<String> = of_arches.chain([SOURCES.to_owned()]).collect();
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    for folder in &folders {
        tree.insert(path((*folder).to_owned())?, Entry::Folder).map_err(RepoError::Tree)?;
    }
    let mut known: BTreeMap<(&str, &str, &str), &Unsigned> = BTreeMap::new();
    let mut makers: BTreeMap<String, &str> = BTreeMap::new();
    for package in packages {
        if !is_plain(&package.file) || !package.file.ends_with(".rpm") {
            return Err(RepoError::FileName { name: package.file.escape_debug().to_string() });
        }
        match known.insert((&package.name, &package.version, &package.arch), package) {
            Some(other) if (other.digest, &other.file) != (package.digest, &package.file) => {
                return Err(RepoError::Twice {
                    package: package.name.escape_debug().to_string(),
                    version: package.version.escape_debug().to_string(),
                    arch: package.arch.escape_debug().to_string(),
                    makers: Makers { one: other.made_by.clone(), other: package.made_by.clone() },
                });
            }
            _ => {}
        }
        for folder in folders_of(package, &folders)? {
            let place = format!("{folder}/{}/{}", &package.file[..1].to_ascii_lowercase(), package.file);
            if let Some(one) = makers.insert(place.clone(), &package.made_by) {
                let there = tree.get(&path(place.clone())?);
                if !matches!(there, Some(Entry::File { digest, .. }) if *digest == package.digest) {
                    let makers = Makers { one: one.to_owned(), other: package.made_by.clone() };
                    return Err(RepoError::Clash { path: place, makers });
                }
                continue;
            }
            pool::put_file(&mut tree, place, package.digest, package.size)?;
        }
    }
    Ok(tree)
}

/// The repositories that a package belongs to.
fn folders_of<'a>(package: &Unsigned, folders: &[&'a str]) -> Result<Vec<&'a str>, RepoError> {
    let of =
        |wanted: &dyn Fn(&str) -> bool| -> Vec<&str> { folders.iter().copied().filter(|one| wanted(one)).collect() };
    let found = match package.arch.as_str() {
        "src" | "nosrc" => of(&|folder| folder == SOURCES),
        "noarch" => return Ok(of(&|folder| folder != SOURCES && folder.ends_with(DEBUG) == package.is_debug)),
        arch => {
            let wanted = format!("{}{}", base_arch(arch), if package.is_debug { DEBUG } else { "" });
            of(&|folder| folder != SOURCES && folder == wanted)
        }
    };
    if found.is_empty() {
        let arch = package.arch.escape_debug().to_string();
        return Err(RepoError::Arch { package: package.file.clone(), arch });
    }
    Ok(found)
}

fn path(text: String) -> Result<TreePath, RepoError> {
    TreePath::new(text.as_bytes()).map_err(|_| RepoError::FileName { name: text.escape_debug().to_string() })
}
