//! What a recipe lays into a source, put together from inputs and small files before the sandbox sees it.
//!
//! Nothing of it is written over the source here: that is done inside, where a hostile source can do no harm.

use super::context::{Context, Job};
use super::error::NodeError;
use crate::diag::Failure;
use crate::drv::Script;
use crate::family::laid::{FILE_INTO, FOLDER_INTO, PACKAGE_INTO, PROGRAM_INTO, SOURCE_INTO};
use crate::path::{TreePath, TreePathError};
use crate::tree::{Entry, Tree};

/// What the further sources of a recipe are together, as far as they are folders.
///
/// # Errors
/// Where two of them are in each other's way.
pub fn sources(ctx: &Context<'_>, job: &Job<'_>) -> Result<Tree, Failure> {
    folders(ctx, job, SOURCE_INTO)
}

/// The source packages among the further sources, each in the folder that it is to be unpacked into.
///
/// # Errors
/// As [`sources`].
pub fn packages(ctx: &Context<'_>, job: &Job<'_>) -> Result<Tree, Failure> {
    folders(ctx, job, PACKAGE_INTO)
}

/// What the files beside a recipe are together: folders first, so that a single file may take the place of one in them.
///
/// # Errors
/// As [`sources`].
pub fn files(ctx: &Context<'_>, job: &Job<'_>, script: &Script) -> Result<Tree, Failure> {
    let mut all = folders(ctx, job, FOLDER_INTO)?;
    for (start, executable) in [(FILE_INTO, false), (PROGRAM_INTO, true)] {
        for (to, bytes) in script.files.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(start)?, bytes))) {
            let entry = Entry::File { digest: ctx.store.put_bytes(bytes)?, size: bytes.len() as u64, executable };
            all.lay(place(to)?, entry).map_err(|source| NodeError::Laid { to: to.to_owned(), source })?;
        }
    }
    Ok(all)
}

/// Whether a file of a script is laid into the source, by its name.
pub fn is_laid(name: &str) -> bool {
    [FILE_INTO, PROGRAM_INTO].iter().any(|start| name.starts_with(start))
}

fn folders(ctx: &Context<'_>, job: &Job<'_>, start: &str) -> Result<Tree, Failure> {
    let mut all = Tree::default();
    for (to, tree) in job.inputs(start)? {
        let (folder, tree) = (place(to)?, ctx.store.get_tree(tree)?);
        all.lay_below(&folder, &tree).map_err(|source| NodeError::Laid { to: to.to_owned(), source })?;
    }
    Ok(all)
}

fn place(to: &str) -> Result<TreePath, NodeError> {
    let unreadable = |error: TreePathError| NodeError::Unreadable { what: format!("`{to}`"), why: error.to_string() };
    to.parse().map_err(unreadable)
}
