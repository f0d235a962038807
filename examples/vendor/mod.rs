//! A made-up vendor's project: recipes, sources with packaging, distros and a lock.
//!
//! ```text
//! shape.rs ─► sources.rs, debian.rs, spec.rs ─► sources/NAME/…
//!        └──► recipes.rs ─► recipes/NAME.rhai, opb.toml          distros.rs ─► distros/…, opb.lock
//! ```
//!
//! Everything follows from the wish; nothing is read but the distros that come with opb.

mod debian;
mod distros;
mod recipes;
pub mod shape;
mod sources;
mod spec;
mod words;

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How many components.
    pub components: usize,
    /// How many targets are pinned.
    pub targets: usize,
    /// What texts and versions follow from.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    components: usize,
    packages: usize,
    targets: usize,
    files: usize,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { components, packages, targets, files } = self;
        write!(f, "{components} components with {packages} packages for {targets} targets, {files} files")
    }
}

/// Why a project cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too few components or targets.
    #[error("the shape takes at least {} components and one target", shape::FEWEST)]
    TooFew,
    /// Something is there already.
    #[error("`{0}` is not an empty folder")]
    NotEmpty(PathBuf),
    /// A file cannot be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A distro's file is wrong.
    #[error("a distro's file is wrong: {0}")]
    Distro(String),
    /// The lock cannot be written.
    #[error("the lock cannot be written: {0}")]
    Lock(String),
}

/// Writes the project into `folder`, which is new or empty.
///
/// # Errors
/// [`Error`].
pub fn write(folder: &Path, wish: &Wish) -> Result<Written, Error> {
    if wish.components < shape::FEWEST || wish.targets == 0 {
        return Err(Error::TooFew);
    }
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    if folder.exists() && std::fs::read_dir(folder).map_err(wrong(folder))?.next().is_some() {
        return Err(Error::NotEmpty(folder.to_owned()));
    }
    let components = shape::components(wish.components, wish.seed);
    let mut count = 0;
    let mut put = |path: &str, text: &str| -> Result<(), Error> {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        if !parent.is_dir() {
            std::fs::create_dir_all(parent).map_err(wrong(parent))?;
        }
        std::fs::write(&path, text).map_err(wrong(&path))?;
        if path.ends_with("debian/rules") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(wrong(&path))?;
        }
        count += 1;
        Ok(())
    };
    for component in &components {
        let files = [sources::files(component, wish.seed), debian::files(component, wish.seed), spec::files(component)];
        for (path, text) in files.iter().flatten() {
            put(&format!("sources/{}/{path}", component.name), text)?;
        }
    }
    for (path, text) in recipes::files(&components, wish.seed).into_iter().chain(distros::files(wish.targets)?) {
        put(&path, &text)?;
    }
    let packages = components.iter().map(|component| component.packages.len()).sum();
    Ok(Written { components: components.len(), packages, targets: wish.targets, files: count })
}
