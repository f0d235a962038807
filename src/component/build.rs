//! How packages are made of a source.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::path::TreePath;

/// How packages are made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildSpec {
    /// By the packaging that comes with the source: `debian/` for `.deb`, `rpm/*.spec` for `.rpm`.
    Native,
    /// By a folder of Debian packaging. Makes `.deb` only.
    Debian {
        /// The folder of the source that is the `debian/` of its source package; `None`: `debian/` itself.
        #[serde(serialize_with = "path")]
        folder: Option<TreePath>,
    },
    /// By a spec file. Makes `.rpm` only.
    Spec {
        /// The spec in the source; `None`: the only `rpm/*.spec` of it.
        #[serde(serialize_with = "path")]
        file: Option<TreePath>,
        /// Build conditions (`%bcond`) that the recipe turns on or off, by name.
        bcond: BTreeMap<String, bool>,
        /// Macros (`--define`), by name; a value may be empty.
        define: BTreeMap<String, String>,
    },
}

impl BuildSpec {
    /// The place in the source that packaging is read from, where the recipe says one.
    pub fn file(&self) -> Option<&TreePath> {
        match self {
            Self::Native => None,
            Self::Debian { folder } => folder.as_ref(),
            Self::Spec { file, .. } => file.as_ref(),
        }
    }

    /// A call that makes it, without its arguments.
    pub fn call(&self) -> &'static str {
        match self {
            Self::Native => "native()",
            Self::Debian { .. } => "debian()",
            Self::Spec { .. } => "spec()",
        }
    }
}

#[expect(clippy::ref_option, reason = "the shape that serde calls")]
fn path<S: serde::Serializer>(path: &Option<TreePath>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(ToString::to_string).serialize(to)
}
