//! Begins a project: in an empty folder, or in one that is a source with packaging, which then is its first component.

use std::collections::BTreeMap;
use std::path::Path;

use super::definitions::{FILE, IGNORE};
use super::new::distro::all_known;
use super::new::recipe::{self, Source};
use crate::diag::{Cause, Caused, Failure, did_you_mean};
use crate::distro::known::known;
use crate::distro::{Distro, Family};
use crate::eval::definitions;
use crate::name::{ComponentName, DistroName};
use crate::path::HostPath;
use crate::project::{Beginning, LOCK_FILE, OWN_FOLDERS, Packaging, begin, host_release, packaging};

const SETTINGS: &str = "\
# Settings of this project. All are optional: the manual of opb lists them.

# Who makes the packages: stands in changelog entries that opb makes.
# maintainer = \"Your Name <you@example.org>\"

# A repository that `opb repo publish` publishes.
# [channel.nightly]
# label = \"Nightly builds\"
";

const RECIPES: &str = "\
# Recipes

One file for each component: `recipes/NAME.rhai`. `opb new component NAME --from FOLDER` writes one for a source in this
project that has a `debian/` or a spec, `opb new component NAME --dsc NAME` one for a source package of the distribution.
";

const STORE: [(&str, &str); 2] = [
    ("store/.gitignore", include_str!("../../store/.gitignore")),
    ("store/README.md", include_str!("../../store/README.md")),
];

/// A project that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where it is.
    pub path: HostPath,
    /// Files that were made, in order.
    pub made: Vec<String>,
    /// What would have been made and was there.
    pub kept: Vec<String>,
    /// Lines for people.
    pub notes: Vec<String>,
    /// Commands to go on with, in order.
    pub next: Vec<String>,
}

/// Why no project was begun.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum InitError {
    /// A distro that does not come with the program.
    #[error("opb does not know the distro `{name}`")]
    #[diagnostic(
        code(opb::init::unknown_distro),
        help("{close}choose one of {known}; `opb new distro` makes others from those")
    )]
    UnknownDistro {
        /// The name.
        name: String,
        /// `did you mean …? Otherwise `, or empty.
        close: String,
        /// Those that do.
        known: String,
    },
    /// The machine is no distro that comes with the program.
    #[error("this machine ({host}) is none of the distros that opb knows")]
    #[diagnostic(code(opb::init::host), help("name one to build for with `--distro`, one of {known}"))]
    Host {
        /// What the machine says it is.
        host: String,
        /// Those that do.
        known: String,
    },
    /// A folder of the source has a name that means something else in a project.
    #[error("the source in `{folder}` has a folder `{name}` of its own, which would not be part of it in a project")]
    #[diagnostic(
        code(opb::init::taken),
        help(
            "begin the project in the folder above it (`opb init ..`), and then write `opb new component {component} --from {folder}`"
        )
    )]
    Taken {
        /// The source's folder.
        folder: String,
        /// The folder in it.
        name: &'static str,
        /// A name for the component.
        component: String,
    },
    /// A name of a source that no component can have.
    #[error("the source in this folder is called `{name}`, which no component can be")]
    #[diagnostic(
        code(opb::init::name),
        help("begin the project in the folder above it, and choose a name there with `opb new component`")
    )]
    Name {
        /// The name.
        name: String,
    },
}

impl Caused for InitError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Begins a project in `folder`, which is made where it is not there, for `distros`; without any, for the machine's own
/// release. What is there stays as it is.
///
/// # Errors
/// [`InitError`], packaging that cannot be read, and what the file system says.
pub fn init(folder: &Path, distros: &[String]) -> Result<Begun, Failure> {
    let wanted = wanted(distros)?;
    let mut beginning = begin(folder)?;
    let packaging = packaging(&beginning.root, ".")?;
    let has_recipes = has_scripts(&beginning, "recipes");
    let is_project = has_recipes || has_scripts(&beginning, "distros") || beginning.root.exists("opb.toml");
    let mut notes = Vec::new();
    let component = match &packaging {
        Some(packaging) if !has_recipes => {
            let called = recipe::source_name(packaging);
            let name = recipe::plain(called).ok_or_else(|| InitError::Name { name: called.to_owned() })?;
            if !is_project {
                refuse_taken(&beginning, &name)?;
            }
            Some(name)
        }
        _ => None,
    };
    let families = packaging.as_ref().map_or(vec![Family::Deb, Family::Rpm], families);
    let (distros, is_own) = match wanted {
        Some(wanted) => (wanted, false),
        None if has_scripts(&beginning, "distros") => (Vec::new(), false),
        None => {
            let (distro, is_own) = own_distro(&host_release(), &families, &mut notes)?;
            (vec![distro], is_own)
        }
    };
    beginning.file("opb.toml", SETTINGS)?;
    match (&component, packaging) {
        (Some(name), Some(packaging)) => {
            let source = Source::Folder { folder: ".".to_owned(), packaging: Box::new(packaging) };
            beginning.file(&format!("recipes/{name}.rhai"), &recipe::text(name, &source, &BTreeMap::new()))?;
            notes.extend(recipe::notes(name, &source));
        }
        _ if !has_recipes => beginning.file("recipes/README.md", RECIPES)?,
        _ => beginning.kept.push("recipes/".to_owned()),
    }
    if distros.is_empty() {
        beginning.kept.push("distros/".to_owned());
    }
    for name in &distros {
        beginning.file(&format!("distros/{name}.rhai"), known(name).unwrap_or_default())?;
    }
    for (path, text) in STORE {
        beginning.file(path, text)?;
    }
    beginning.file(FILE, &definitions::text())?;
    beginning.file(IGNORE.0, IGNORE.1)?;
    if let Some(around) = beginning.around() {
        notes.push(format!("this folder lies in the project at {around}, which does not know of this one"));
    }
    let next = next(&beginning, component.is_some() || has_recipes, if is_own { &[] } else { &distros });
    let Beginning { path, made, kept, .. } = beginning;
    Ok(Begun { path, made, kept, notes, next })
}

/// The distros that were asked for; `None` where none was.
fn wanted(distros: &[String]) -> Result<Option<Vec<String>>, InitError> {
    let all = all_known();
    if let Some(name) = distros.iter().find(|name| known(name).is_none()) {
        let list: Vec<&str> = all.keys().map(DistroName::as_str).collect();
        let close = did_you_mean(name, list.iter().copied());
        let close = close.map_or(String::new(), |word| format!("did you mean `{word}`? Otherwise "));
        return Err(InitError::UnknownDistro { name: name.clone(), close, known: list.join(", ") });
    }
    Ok((!distros.is_empty()).then(|| distros.to_vec()))
}

fn has_scripts(beginning: &Beginning, folder: &str) -> bool {
    let names = |folder: &str| {
        let entries = beginning.root.read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<String>>()
    };
    names(folder)
        .iter()
        .any(|name| name.ends_with(".rhai") || beginning.root.exists(format!("{folder}/{name}/recipe.rhai")))
}

/// A source whose own folders have the names of a project's would lose them without a word.
fn refuse_taken(beginning: &Beginning, component: &ComponentName) -> Result<(), InitError> {
    let is_taken = |name: &&&str| match **name {
        "store" => beginning.root.exists("store") && !beginning.root.exists("store/.gitignore"),
        name => beginning.root.exists(name),
    };
    let Some(name) = OWN_FOLDERS.iter().find(is_taken) else { return Ok(()) };
    let folder =
        beginning.path.as_path().file_name().map_or(".".to_owned(), |name| name.to_string_lossy().into_owned());
    Err(InitError::Taken { folder, name, component: component.to_string() })
}

/// The families that a source can be built for.
fn families(packaging: &Packaging) -> Vec<Family> {
    let deb = packaging.debian.iter().map(|_| Family::Deb);
    deb.chain(packaging.specs.first().map(|_| Family::Rpm)).collect()
}

/// The machine's own release, and true; where the source cannot be built for that, the newest that it can be built for.
fn own_distro(
    host: &(Option<String>, Option<String>),
    families: &[Family],
    notes: &mut Vec<String>,
) -> Result<(String, bool), InitError> {
    let all = all_known();
    let (vendor, release) = (host.0.as_deref().unwrap_or_default(), host.1.as_deref().unwrap_or_default());
    let is_own = |distro: &&Distro| {
        let major = release.split('.').next().unwrap_or(release);
        distro.vendor == vendor && (distro.release == release || distro.release == major)
    };
    let own = all.values().find(is_own);
    let listed = |family: Option<Family>| {
        let of_family = all.values().filter(|distro| family.is_none_or(|family| distro.family() == family));
        of_family.map(|distro| distro.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match own {
        Some(own) if families.contains(&own.family()) => Ok((own.name.to_string(), true)),
        Some(own) => {
            let fitting = all.values().filter(|distro| families.contains(&distro.family()));
            let newest = fitting.max_by(|one, other| one.lifecycle.end.cmp(&other.lifecycle.end));
            let newest = newest.map_or_else(String::new, |distro| distro.name.to_string());
            let others = listed(families.first().copied());
            notes.push(format!(
                "the source has no packaging for this machine's own release, {}; it is set up for {newest} (`--distro` takes others: {others})",
                own.name
            ));
            Ok((newest, false))
        }
        None => {
            let host = [vendor, release].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
            let host = if host.is_empty() { "unknown".to_owned() } else { host };
            Err(InitError::Host { host, known: listed(None) })
        }
    }
}

/// What to type next. `distros` are those to be named, since they are not the machine's own.
fn next(beginning: &Beginning, has_component: bool, distros: &[String]) -> Vec<String> {
    let mut next = Vec::new();
    if !has_component {
        next.push("opb new component NAME --from FOLDER".to_owned());
    }
    if !beginning.root.exists(LOCK_FILE) {
        let named: String = distros.iter().map(|name| format!(" @{name}")).collect();
        next.push(format!("opb update{named}"));
    }
    next.push("opb build".to_owned());
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(vendor: &str, release: &str, families: &[Family]) -> (Result<String, String>, usize) {
        let mut notes = Vec::new();
        let host = (Some(vendor.to_owned()), Some(release.to_owned()));
        let found = own_distro(&host, families, &mut notes).map(|(name, _)| name).map_err(|error| error.to_string());
        (found, notes.len())
    }

    #[test]
    fn the_machines_own_release_is_chosen_where_the_source_can_be_built_for_it() {
        let both = [Family::Deb, Family::Rpm];
        assert_eq!(own("debian", "12", &both), (Ok("debian-12".to_owned()), 0));
        assert_eq!(own("ubuntu", "24.04", &[Family::Deb]), (Ok("ubuntu-24.04".to_owned()), 0));
        let newest = own("debian", "12", &[Family::Rpm]);
        let name = newest.0.expect("one").parse::<DistroName>().expect("a name");
        assert_eq!((all_known()[&name].family(), newest.1), (Family::Rpm, 1));
        assert_eq!(own("almalinux", "9.4", &[Family::Rpm]), (Ok("el-9".to_owned()), 0));
        let none = "this machine (debian 7) is none of the distros that opb knows";
        assert_eq!(own("debian", "7", &both), (Err(none.to_owned()), 0));
        assert_eq!(
            own("", "", &both).0,
            Err("this machine (unknown) is none of the distros that opb knows".to_owned())
        );
    }
}
