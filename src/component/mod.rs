//! Components: what a recipe comes to for one target.
//!
//! `build` says how packages are made, `need` what must be there for it, `text` holds what is put in once a build's root
//! is there. What a family makes of these values is its own business.

mod build;
mod checks;
mod need;
mod text;

use std::collections::{BTreeMap, BTreeSet};

pub use build::BuildSpec;
pub use checks::{Checks, Wanted};
pub use need::{Bound, BoundError, Capability, CapabilityKind, Need, Operator};
use serde::{Deserialize, Serialize};
pub use text::{Piece, Probe, Text};

use crate::name::{AreaName, ComponentName, PackageName, RepositoryName};
use crate::path::TreePath;
use crate::remote::Checkout;
use crate::remote::archive::Archive;

/// What a recipe comes to for one target, after its overrides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Component {
    /// The name: that of its file, or the one it gives where a file has several.
    pub name: ComponentName,
    /// The recipe's file below the project's root, such as `recipes/libmd.rhai`.
    pub file: String,
    /// Where the source comes from.
    pub source: SourceSpec,
    /// Further sources, by the folder of the source that each is laid into.
    pub sources: BTreeMap<TreePath, SourceSpec>,
    /// How packages are made of it.
    pub build: BuildSpec,
    /// What it needs beyond what its source says.
    pub needs: Vec<Need>,
    /// Environment of the build beyond what this program sets.
    pub env: BTreeMap<String, Text>,
    /// Active build profiles, such as `nocheck` (Debian's `DEB_BUILD_PROFILES`, RPM's conditions).
    pub profiles: BTreeSet<String>,
    /// Files that get the version written into them before the source package is made.
    pub stamp: Vec<TreePath>,
    /// The folder that `patches` and `files` are relative to, below the project's root: `recipes/libmd`.
    pub folder: String,
    /// Patches for the source, in the order in which they apply.
    pub patches: Vec<TreePath>,
    /// Files laid into the source, sorted by where they go.
    pub files: Vec<LaidFile>,
    /// The area of the repository that its packages go to.
    pub area: AreaName,
    /// Extra repositories of the distro that its build may use, beside those that all builds see.
    pub extra_repositories: BTreeSet<RepositoryName>,
    /// Names that others may ask for, and the package that is meant: package names, or capabilities as
    /// [`Capability`] writes them.
    pub aliases: BTreeMap<String, PackageName>,
    /// Module streams that its build enables, such as `nodejs:18` (RPM only). Sorted, none twice.
    pub modules: Vec<String>,
    /// How it can be built before what it needs is there; `None` where it cannot.
    pub stage: Option<Stage>,
    /// Why it is not built for this target; `None` where it is.
    pub skip: Option<String>,
    /// That its failure here is no failure of the run; `None` where it is one.
    pub may_fail: Option<MayFail>,
    /// Why its builds have the host's network; `None` where they have none.
    pub network: Option<String>,
    /// What its packages are checked by.
    pub checks: Checks,
}

/// A file or folder beside a recipe that is laid into the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LaidFile {
    /// Where it goes, from the source's root.
    #[serde(serialize_with = "as_text")]
    pub to: TreePath,
    /// Which one, from the component's `folder`.
    #[serde(serialize_with = "as_text")]
    pub from: TreePath,
    /// Whether it is a folder, with all that it holds.
    pub is_folder: bool,
}

/// What is in a file beside a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileBeside {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// What is in the files beside recipes that components name one by one, by path below the project's root.
pub type FilesBeside = BTreeMap<String, FileBeside>;

/// How a component is built before what it needs is there, to break a circle of needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Stage {
    /// Build profiles of that build, beyond the component's own. Not empty.
    pub profiles: BTreeSet<String>,
}

/// A known failure.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MayFail {
    /// The reason, one line.
    pub why: String,
    /// The day after which somebody should look again, as `2027-01-15`; `None`: never.
    pub expires: Option<String>,
    /// The selector of the exception that says so; `None`: its recipe does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
}

impl MayFail {
    /// Whether it still holds on the day `today`, which is written as `expires` is.
    pub fn holds(&self, today: &str) -> bool {
        self.expires.as_deref().is_none_or(|expires| today <= expires)
    }

    /// That of what all of `all` share: the one that expires first, and `None` where one of them may not fail.
    pub fn of_all<'a>(all: impl Iterator<Item = Option<&'a Self>>) -> Option<&'a Self> {
        let all: Option<Vec<&Self>> = all.collect();
        all?.into_iter().min_by_key(|may_fail| (may_fail.expires.is_none(), &may_fail.expires))
    }
}

/// Where a source comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
pub enum SourceSpec {
    /// A source package of the distro itself.
    Dsc {
        /// Its name in the distro's index of sources.
        name: PackageName,
    },
    /// The source RPM of the distro itself.
    Srpm {
        /// Its name in the distro's source repositories.
        name: PackageName,
    },
    /// A folder below the project's root, less what its `.gitignore` files name; `None` is the root itself.
    Path {
        /// The folder.
        folder: Option<String>,
    },
    /// A commit of a repository of version control.
    #[serde(untagged)]
    Checkout(Checkout),
    /// An archive of upstream, or a source RPM.
    #[serde(untagged)]
    Archive(Archive),
}

impl Component {
    /// A component of which only what must be there is said.
    pub fn new(name: ComponentName, file: impl Into<String>, source: SourceSpec) -> Self {
        let file = file.into();
        Self {
            folder: folder_beside(&file),
            name,
            file,
            source,
            sources: BTreeMap::new(),
            build: BuildSpec::Native,
            needs: Vec::new(),
            env: BTreeMap::new(),
            profiles: BTreeSet::new(),
            stamp: Vec::new(),
            patches: Vec::new(),
            files: Vec::new(),
            area: AreaName::main(),
            extra_repositories: BTreeSet::new(),
            aliases: BTreeMap::new(),
            modules: Vec::new(),
            stage: None,
            skip: None,
            may_fail: None,
            network: None,
            checks: Checks::new(),
        }
    }

    /// The source packages of a distribution of `.deb` packages that it is made of.
    pub fn source_packages(&self) -> impl Iterator<Item = &PackageName> {
        std::iter::once(&self.source).chain(self.sources.values()).filter_map(|source| match source {
            SourceSpec::Dsc { name } => Some(name),
            _ => None,
        })
    }

    /// The source RPM of the distro that it is made of.
    pub fn source_rpm(&self) -> Option<&PackageName> {
        match &self.source {
            SourceSpec::Srpm { name } => Some(name),
            _ => None,
        }
    }

    /// The commits of repositories that it is made of.
    pub fn checkouts(&self) -> impl Iterator<Item = &Checkout> {
        std::iter::once(&self.source).chain(self.sources.values()).filter_map(|source| match source {
            SourceSpec::Checkout(checkout) => Some(checkout),
            _ => None,
        })
    }

    /// The archives that it is made of.
    pub fn archives(&self) -> impl Iterator<Item = &Archive> {
        std::iter::once(&self.source).chain(self.sources.values()).filter_map(|source| match source {
            SourceSpec::Archive(archive) => Some(archive),
            _ => None,
        })
    }

    /// The path of what lies beside the recipe, below the project's root.
    pub fn beside(&self, path: &TreePath) -> String {
        format!("{}/{path}", self.folder)
    }

    /// The field in which `other`, the same component on another arch of one distro, makes another source package, which
    /// they should share; `None` where they agree.
    pub fn other_source(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            ("source", self.source != other.source),
            ("sources", self.sources != other.sources),
            ("build", (self.build.call(), self.build.file()) != (other.build.call(), other.build.file())),
            ("stamp", self.stamp != other.stamp),
            ("patches", self.patches != other.patches),
            ("files", self.files != other.files),
            ("area", self.area != other.area),
        ];
        differs.into_iter().find(|(_, differs)| *differs).map(|(field, _)| field)
    }

    /// The profiles and switches of its build as conditions of a spec, sorted: name, and whether it is on.
    ///
    /// `nocheck` and `nodoc` turn off what specs call `check`, `tests` and `docs`; any other profile turns on the
    /// condition of its own name. What `spec(…, #{ bcond: … })` says comes last and wins.
    pub fn conditions(&self) -> BTreeMap<String, bool> {
        let mut conditions = BTreeMap::new();
        for profile in &self.profiles {
            match profile.as_str() {
                "nocheck" => conditions.extend([("check".to_owned(), false), ("tests".to_owned(), false)]),
                "nodoc" => conditions.extend([("doc".to_owned(), false), ("docs".to_owned(), false)]),
                other => drop(conditions.insert(other.to_owned(), true)),
            }
        }
        if let BuildSpec::Spec { bcond, .. } = &self.build {
            conditions.extend(bcond.clone());
        }
        conditions
    }
}

/// The folder that belongs to a recipe's file: `recipes/a.rhai` and `recipes/a/recipe.rhai` both have `recipes/a`.
pub fn folder_beside(file: &str) -> String {
    file.strip_suffix("/recipe.rhai").or_else(|| file.strip_suffix(".rhai")).unwrap_or(file).to_owned()
}

fn as_text<T: std::fmt::Display, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component() -> Component {
        let source = SourceSpec::Path { folder: None };
        Component::new("tool".parse().expect("a name"), "recipes/tool.rhai", source)
    }

    #[test]
    fn profiles_and_switches_come_to_conditions() {
        let mut component = component();
        assert!(component.conditions().is_empty());
        component.profiles = ["nocheck", "nodoc", "stage1"].map(str::to_owned).into();
        let off = |component: &Component| -> Vec<String> {
            let shown = |(name, on): (String, bool)| format!("{}{name}", if on { "+" } else { "-" });
            component.conditions().into_iter().map(shown).collect()
        };
        assert_eq!(off(&component), ["-check", "-doc", "-docs", "+stage1", "-tests"]);
        let bcond = BTreeMap::from([("tests".to_owned(), true), ("lto".to_owned(), false)]);
        component.build = BuildSpec::Spec { file: None, bcond, define: BTreeMap::new() };
        assert_eq!(off(&component), ["-check", "-doc", "-docs", "-lto", "+stage1", "+tests"]);
    }

    #[test]
    fn arches_share_a_source_package() {
        let (one, mut other) = (component(), component());
        other.profiles = ["nocheck".to_owned()].into();
        other.build = BuildSpec::Native;
        assert_eq!(one.other_source(&other), None);
        other.area = "openapp".parse().expect("an area");
        assert_eq!(one.other_source(&other), Some("area"));
        other.patches = vec!["a.patch".parse().expect("a path")];
        assert_eq!(one.other_source(&other), Some("patches"));
    }

    #[test]
    fn a_recipe_has_a_folder_beside_it() {
        assert_eq!(folder_beside("recipes/a.rhai"), "recipes/a");
        assert_eq!(folder_beside("recipes/a/recipe.rhai"), "recipes/a");
    }
}
