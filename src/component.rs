//! Components: what a recipe comes to for one target.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::name::{ComponentName, PackageName};
use crate::path::TreePath;

/// What a recipe comes to for one target, after its overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The name: that of its file, or the one it gives where a file has several.
    pub name: ComponentName,
    /// The recipe's file below the project's root, such as `recipes/libmd.rhai`.
    pub file: String,
    /// Where the source comes from.
    pub source: SourceSpec,
    /// How packages are made of it.
    pub build: BuildSpec,
    /// What it needs beyond what its source says.
    pub needs: Vec<Need>,
    /// Environment of the build beyond what this program sets.
    pub env: BTreeMap<String, String>,
    /// Active build profiles, such as `nocheck` (Debian's `DEB_BUILD_PROFILES`).
    pub profiles: BTreeSet<String>,
    /// Files that get the version written into them before the source package is made.
    pub stamp: Vec<TreePath>,
    /// Why it is not built for this target; `None` where it is.
    pub skip: Option<String>,
}

/// Where a source comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
pub enum SourceSpec {
    /// A source package of the distro itself.
    Dsc {
        /// Its name in the distro's index of sources.
        name: PackageName,
    },
    /// A folder below the project's root, less what its `.gitignore` files name; `None` is the root itself.
    Path {
        /// The folder.
        folder: Option<String>,
    },
}

/// How packages are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildSpec {
    /// By the packaging that comes with the source (`debian/`).
    Native,
}

/// Something that a recipe says its build needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Another component: it is built first, and its packages are preferred to the distribution's.
    Component(ComponentName),
    /// A package to install into the build's root, as a Debian relation: `help2man (>= 1.40)`.
    Package(String),
}
