//! The narrow window through which evaluation sees the project's folder.
//!
//! Nothing else of the file system is reachable from recipes; what is behind the window (a folder, a test's map) is not
//! known here.

use std::collections::{BTreeMap, BTreeSet};

use miette::Diagnostic;

use super::RECIPES;
use crate::component::FileBeside;
use crate::diag::{Cause, Caused};

/// The largest file that evaluation reads, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Read access to the project's folder. Paths are relative to its root, with `/`, without `.` and `..`.
pub trait Files {
    /// Names in `folder`, sorted by bytes; a folder's name ends in `/`. Names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// [`FilesError::Missing`] where there is no such folder, [`FilesError::Read`] where it cannot be listed.
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError>;

    /// The text of the file at `path`, at most [`MAX_FILE`] bytes.
    ///
    /// # Errors
    /// [`FilesError`], one variant for each reason.
    fn read(&self, path: &str) -> Result<String, FilesError>;

    /// The file at `path`, whatever its bytes: at most [`MAX_FILE`] of them.
    ///
    /// # Errors
    /// As [`Files::read`].
    fn content(&self, path: &str) -> Result<FileBeside, FilesError> {
        Ok(FileBeside { bytes: self.read(path)?.into_bytes(), executable: false })
    }
}

/// Files in which these recipe files are the only ones.
pub struct Only<'a> {
    /// All files.
    pub files: &'a dyn Files,
    /// The recipe files by their paths.
    pub recipes: &'a BTreeSet<String>,
}

impl Files for Only<'_> {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let mut names = self.files.list(folder)?;
        if folder == RECIPES {
            let has = |path: String| self.recipes.contains(&path);
            names.retain(|name| match name.strip_suffix('/') {
                Some(folder) => has(format!("{RECIPES}/{folder}/recipe.rhai")),
                None => has(format!("{RECIPES}/{name}")),
            });
        }
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        self.files.read(path)
    }

    fn content(&self, path: &str) -> Result<FileBeside, FilesError> {
        self.files.content(path)
    }
}

/// Whether a recipe may stand at `path`: in a file of the folder of recipes, or as `recipe.rhai` in a folder there. No other
/// file can import such a one.
pub fn is_recipe(path: &str) -> bool {
    let below = path.strip_prefix(RECIPES).and_then(|path| path.strip_prefix('/'));
    let name = below.map(|below| below.strip_suffix("/recipe.rhai").or_else(|| below.strip_suffix(".rhai")));
    name.flatten().is_some_and(|name| !name.is_empty() && !name.starts_with('.') && !name.contains('/'))
}

/// Why a file of the project could not be read.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum FilesError {
    /// There is nothing at that path.
    #[error("`{path}` is not there")]
    #[diagnostic(code(opb::eval::missing), help("create it, or change to the project's folder with `-C`"))]
    Missing {
        /// The path below the project's root.
        path: String,
    },
    /// The file's bytes are not UTF-8.
    #[error("`{path}` is not UTF-8 text")]
    #[diagnostic(code(opb::eval::not_text), help("save the file as UTF-8"))]
    NotText {
        /// The path below the project's root.
        path: String,
    },
    /// The file is larger than [`MAX_FILE`].
    #[error("`{path}` is larger than {MAX_FILE} bytes")]
    #[diagnostic(code(opb::eval::too_large), help("split the file; shared code goes to `recipes/lib/`"))]
    TooLarge {
        /// The path below the project's root.
        path: String,
    },
    /// The file system refused.
    #[error("reading `{path}`")]
    #[diagnostic(code(opb::eval::read), help("check the file's type and permissions"))]
    Read {
        /// The path below the project's root.
        path: String,
        /// What it said.
        source: std::io::Error,
    },
}

impl Caused for FilesError {
    fn fault(&self) -> Cause {
        match self {
            Self::Missing { .. } | Self::NotText { .. } | Self::TooLarge { .. } => Cause::Input,
            Self::Read { .. } => Cause::Environment,
        }
    }
}

/// A project's folder in memory: path to text.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles(pub BTreeMap<String, String>);

impl Files for MemoryFiles {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let names: BTreeSet<String> = self
            .0
            .keys()
            .filter_map(|path| if folder == "." { Some(&**path) } else { path.strip_prefix(folder)?.strip_prefix('/') })
            .map(|rest| rest.split_inclusive('/').next().unwrap_or(rest).to_owned())
            .collect();
        if names.is_empty() {
            return Err(FilesError::Missing { path: folder.to_owned() });
        }
        Ok(names.into_iter().collect())
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        let text = self.0.get(path).ok_or_else(|| FilesError::Missing { path: path.to_owned() })?;
        if text.len() > MAX_FILE {
            return Err(FilesError::TooLarge { path: path.to_owned() });
        }
        Ok(text.clone())
    }
}
