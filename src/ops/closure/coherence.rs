//! What builds used of packages that would be published.
//!
//! The packages of a build's root stand in the list from which the root was made. A build's key follows from its root, and
//! that from the list, so of one plan the list is what the build was done with, also where its result was kept or came from
//! elsewhere. What was built against a component's stage, to break a circle, used other packages than are published: that is
//! what a stage is for.

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::{ClosureError, Going, Incoherent, Part};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::exec::{list_in, sha256_in};
use crate::graph::Node;
use crate::package::list::{Listed, ListedFrom};
use crate::store::Store;

/// A build with the tree of the list that its root was made from.
struct Used<'a> {
    by: Node<'a>,
    list: Digest,
    /// Components of which it used the stages.
    stages: BTreeSet<&'a str>,
}

/// Packages that were used and of which others would be published, sorted.
///
/// # Errors
/// Where a list or a package cannot be read.
pub(super) fn check(part: &Part<'_>, packages: &[Going]) -> Result<Vec<Incoherent>, Failure> {
    let mut lists = Vec::with_capacity(part.builds.len());
    for build in &part.builds {
        let Some(chosen) = part.list_of(build) else { continue };
        let not_here = || ClosureError::NotHere { node: chosen.to_string() };
        let outputs = (part.outputs)(chosen.node_id()).ok_or_else(not_here)?;
        let list = *outputs.get("list").ok_or_else(not_here)?;
        if !part.store.hold(list)? {
            return Err(not_here().into());
        }
        let staged = chosen.inputs().filter_map(|input| {
            let (component, _) = input.role.strip_prefix("packages of ")?.split_once('/')?;
            (part.session.graph.node(input.node).subject() != component).then_some(component)
        });
        lists.push(Used { by: build.node, list, stages: staged.collect() });
    }
    let published: BTreeMap<(&str, &str), &Going> =
        packages.iter().map(|going| ((going.name.as_str(), going.arch.as_str()), going)).collect();
    let store = part.store;
    let doubtful = lists.par_iter().map(|used| doubtful(store, used, &published)).collect::<Result<Vec<_>, _>>()?;
    let doubtful: Vec<_> = doubtful.into_iter().flatten().collect();
    // Nobody may have asked for a package by its SHA-256 yet: those are read to their ends.
    let objects: BTreeSet<Digest> = doubtful.iter().map(|(_, _, going)| going.object).collect();
    let digests = objects.par_iter().map(|object| Ok((*object, sha256_in(store, *object)?)));
    let digests: BTreeMap<Digest, Sha256> = digests.collect::<Result<_, Failure>>()?;
    let mut found = Vec::new();
    for (by, listed, going) in doubtful {
        let Some(digest) = digests.get(&going.object).filter(|digest| **digest != listed.sha256) else { continue };
        found.push(Incoherent {
            target: part.target(&going.arch),
            package: going.name.clone(),
            version: listed.version.to_string(),
            by: by.to_string(),
            used: listed.sha256.to_string(),
            published: (going.version.clone(), digest.to_string()),
        });
    }
    found.sort();
    Ok(found)
}

/// What the store does not know to be the same.
fn doubtful<'a>(
    store: &Store,
    used: &Used<'a>,
    published: &BTreeMap<(&str, &str), &'a Going>,
) -> Result<Vec<(Node<'a>, Listed, &'a Going)>, Failure> {
    let mut found = Vec::new();
    for listed in list_in(store, used.list)?.iter() {
        let ListedFrom::Component(component) = &listed.from else { continue };
        if used.stages.contains(component.as_str()) {
            continue;
        }
        let Some(going) = published.get(&(listed.name.as_str(), listed.arch.as_str())) else { continue };
        let known = store.find_sha256(listed.sha256)?;
        if known.is_none_or(|(object, _)| object != going.object) {
            found.push((used.by, listed.clone(), *going));
        }
    }
    Ok(found)
}
