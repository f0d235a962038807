//! Other results of a node: which outputs differ, and which files in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::drv::Outputs;
use crate::ops::plan::{Wish, plan};
use crate::ops::session::Session;
use crate::report::rivals::{FileDiff, OutputDiff, RivalTold};
use crate::store::{Realisation, Store, StoreError};
use crate::tree::{Entry, Tree};

/// What there is of a node: its own result, and others.
#[derive(Debug, Clone)]
pub struct RivalOf {
    /// The node.
    pub node: String,
    /// The other results.
    pub rivals: Vec<RivalTold>,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RivalsError {
    /// No result, or no other.
    #[error("no other result of `{node}` is kept")]
    #[diagnostic(
        code(opb::diff::no_rivals),
        help("build it again with `opb build --again --only {node}`, or push it to a cache that has one")
    )]
    None {
        /// The node.
        node: String,
    },
}

impl Caused for RivalsError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The other results of a node that are kept, compared with its own: of the key that it has now, else of earlier ones.
///
/// # Errors
/// [`RivalsError`] where there are none.
pub fn rivals(session: &Session, store: &Store, node: &str) -> Result<RivalOf, Failure> {
    let id = session.one(node)?;
    let node = session.graph.node(id).to_string();
    let plan = plan(session, &Wish { wanted: vec![id], ..Wish::default() }, store, None)?;
    let now = plan.of(id).and_then(|planned| planned.key);
    let now = now.map(|key| store.realisation(key)).transpose()?.flatten();
    let mut told = Vec::new();
    for own in now.into_iter().chain(store.history_of_node(&node)?) {
        for rival in store.rivals(own.key)? {
            told.push(compared(store, &own, rival.cache, &rival.realisation)?);
        }
        if !told.is_empty() {
            return Ok(RivalOf { node, rivals: told });
        }
    }
    Err(RivalsError::None { node }.into())
}

/// Another result compared with the one that counts.
///
/// # Errors
/// Where the store cannot be read.
pub(in crate::ops) fn compared(
    store: &Store,
    own: &Realisation,
    cache: Option<String>,
    other: &Realisation,
) -> Result<RivalTold, StoreError> {
    let names: BTreeSet<&str> =
        own.outputs.keys().chain(other.outputs.keys()).map(crate::name::OutputName::as_str).collect();
    let mut outputs = Vec::new();
    for name in names {
        let sides = [&own.outputs, &other.outputs].map(|outputs: &Outputs| outputs.get(name).copied());
        if sides[0] != sides[1] {
            outputs.push(OutputDiff { output: name.to_owned(), files: files(store, sides)? });
        }
    }
    let [own, other] = [own, other].map(|result| (result.started, result.host.clone()));
    Ok(RivalTold { cache, own, other, outputs })
}

/// The files that differ; `None` where one side's bytes are not here.
fn files(store: &Store, sides: [Option<Digest>; 2]) -> Result<Option<Vec<FileDiff>>, StoreError> {
    let mut trees = Vec::new();
    for side in sides {
        match side.map(|digest| store.get_tree(digest)).transpose() {
            Ok(tree) => trees.push(tree.unwrap_or_default()),
            Err(StoreError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let [own, other] = &trees[..] else { return Ok(None) };
    let entries = |tree: &Tree| -> BTreeMap<String, Entry> {
        tree.iter().map(|(path, entry)| (path.to_string(), entry.clone())).collect()
    };
    let (own, other) = (entries(own), entries(other));
    let paths: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
    let differ = paths.into_iter().filter(|path| own.get(*path) != other.get(*path));
    let told = |entry: Option<&Entry>| entry.map(shown);
    Ok(Some(
        differ
            .map(|path| FileDiff { path: path.clone(), own: told(own.get(path)), other: told(other.get(path)) })
            .collect(),
    ))
}

fn shown(entry: &Entry) -> String {
    match entry {
        Entry::Folder => "a folder".to_owned(),
        Entry::File { digest, size, executable } => {
            format!("{size} bytes, {}{}", digest.short(), if *executable { ", executable" } else { "" })
        }
        Entry::Link { target } => format!("a link to {}", String::from_utf8_lossy(target).escape_debug()),
    }
}
