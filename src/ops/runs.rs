//! Finding runs on record: by name, by the beginning of a name, or counted from the last.

use crate::diag::{Cause, Caused, Failure};
use crate::plan::Earlier;
use crate::store::Store;
use crate::store::runs::{Run, RunHead, RunId};

/// How many runs are looked at to find the one that a realisation came from.
const MOST_LOOKED_AT: usize = 8;

/// Why a run cannot be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunsError {
    /// There are none at all.
    #[error("no run is on record here")]
    #[diagnostic(
        code(opb::runs::none),
        help("run `opb build`: a run that has something to do leaves a record in the store")
    )]
    None,
    /// None has that name.
    #[error("no run `{text}` is on record here")]
    #[diagnostic(code(opb::runs::unknown), help("look at `opb runs --all`, or say `last` or `last~1`"))]
    Unknown {
        /// What was asked for.
        text: String,
    },
    /// Several begin with that.
    #[error("`{text}` is the beginning of {count} runs")]
    #[diagnostic(code(opb::runs::several), help("write more of it, as in `{first}`"))]
    Several {
        /// What was asked for.
        text: String,
        /// How many begin with it.
        count: usize,
        /// The first of them.
        first: RunId,
    },
    /// Its record cannot be read.
    #[error("the record of the run `{id}` cannot be read")]
    #[diagnostic(code(opb::runs::damaged), help("remove `runs/{id}.jsonl` from the store: nothing else depends on it"))]
    Damaged {
        /// Which.
        id: RunId,
    },
}

impl Caused for RunsError {
    fn fault(&self) -> Cause {
        match self {
            Self::Damaged { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// Whether `text` is written as runs are named: `last`, `last~2`, `20250111-100000`.
pub fn is_run(text: &str) -> bool {
    back_from_last(text).is_some() || text.parse::<RunId>().is_ok()
}

/// The run that `text` means: `last`, `last~2` (two before it), a name, or its beginning where that is unique.
///
/// # Errors
/// [`RunsError`] where there is no such run.
pub fn find(store: &Store, text: &str) -> Result<RunId, Failure> {
    let ids = store.runs()?;
    let unknown = || RunsError::Unknown { text: text.escape_debug().to_string() };
    if ids.is_empty() {
        return Err(RunsError::None.into());
    }
    if let Some(back) = back_from_last(text) {
        return Ok(ids.iter().rev().nth(back).cloned().ok_or_else(unknown)?);
    }
    if let Some(exact) = ids.iter().find(|id| id.to_string() == text) {
        return Ok(exact.clone());
    }
    let mut beginning = ids.iter().filter(|id| !text.is_empty() && id.to_string().starts_with(text));
    let first = beginning.next().ok_or_else(unknown)?.clone();
    match beginning.count() {
        0 => Ok(first),
        more => Err(RunsError::Several { text: text.to_owned(), count: more + 1, first }.into()),
    }
}

/// The whole record of the run that `text` means.
///
/// # Errors
/// As [`find`], and where the record is damaged.
pub fn read(store: &Store, text: &str) -> Result<Run, Failure> {
    let id = find(store, text)?;
    Ok(store.run(&id)?.ok_or(RunsError::Damaged { id })?)
}

/// The latest runs, the last first, and how many there are in all. Records whose beginning is lost are passed over.
///
/// # Errors
/// Where the store cannot be read.
pub fn latest(store: &Store, most: usize) -> Result<(Vec<RunHead>, usize), Failure> {
    let ids = store.runs()?;
    let mut heads = Vec::new();
    for id in ids.iter().rev().take(most) {
        heads.extend(store.run_head(id)?);
    }
    Ok((heads, ids.len()))
}

/// The run that a realisation of `node` came from; `None` where none on record says so. Runs that began long before it,
/// with many others since, are not looked at.
///
/// # Errors
/// Where the store cannot be read.
pub fn run_of(store: &Store, node: &str, earlier: &Earlier) -> Result<Option<RunId>, Failure> {
    let ids = store.runs()?;
    // A realisation's start may be moved on by seconds so that it comes after the one before it.
    for id in ids.iter().rev().filter(|id| id.started() <= earlier.started).take(MOST_LOOKED_AT) {
        let Some(run) = store.run(id)? else { continue };
        let ended = run.of(node).and_then(|node| node.ended.as_ref());
        if ended.is_some_and(|ended| ended.key == Some(earlier.key)) {
            return Ok(Some(id.clone()));
        }
    }
    Ok(None)
}

fn back_from_last(text: &str) -> Option<usize> {
    match text.strip_prefix("last")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}
