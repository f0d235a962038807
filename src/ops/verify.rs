//! Verifying: builds are made again in fresh sandboxes, to see whether they come out the same.
//!
//! The result that counts stays what it is. What came out otherwise is kept beside it, and where it differs is shown.

mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::build::{Means, build};
use super::cache::compared;
use super::plan::{Asked, Scope, Wish, plan};
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::drv::ActionKey;
use crate::event::{Event, Sink};
use crate::exec::Outcome;
use crate::graph::NodeId;
use crate::name::{Kind, NodeName};
use crate::plan::State;
use crate::project;
use crate::report::verify::{Came, VerifiedBuild};
use crate::store::{Rebuilt, Store};

/// Why nothing can be verified.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum VerifyError {
    /// Nothing to make again.
    #[error("no build is selected that has a result")]
    #[diagnostic(
        code(opb::verify::none),
        help("select builds that have been made, as in `opb verify libbsd`; `opb build` makes them")
    )]
    None,
    /// A build without a result as it is now.
    #[error("`{node}` has not been built as it is now{}", and_more(*more))]
    #[diagnostic(code(opb::verify::not_built), help("run `opb build` first: there is nothing to compare with"))]
    NotBuilt {
        /// The first of them.
        node: String,
        /// How many more.
        more: usize,
    },
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(", nor have {more} more") }
}

impl Caused for VerifyError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Builds that are made again, with the keys of their results.
pub type Chosen = BTreeMap<NodeId, ActionKey>;

/// A sample of builds: so many, which ones the seed decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// How many at most.
    pub most: usize,
    /// Another one gives another sample.
    pub seed: String,
}

/// The builds among `selected` that are to be made again: all of them, or of those that have a result a sample.
///
/// # Errors
/// [`VerifyError`], or where the store cannot be read.
pub fn choose(
    session: &Session,
    store: &Store,
    selected: &[NodeId],
    sample: Option<&Sample>,
) -> Result<Chosen, Failure> {
    let graph = &session.graph;
    let builds: Vec<NodeId> = selected.iter().copied().filter(|id| graph.node(*id).kind() == Kind::Build).collect();
    let plan = plan(session, &Wish { wanted: builds.clone(), ..Wish::default() }, store, None)?;
    let (mut clean, mut not_built) = (Chosen::new(), Vec::new());
    for id in builds {
        match plan.of(id).filter(|planned| planned.state == State::Clean).and_then(|planned| planned.key) {
            Some(key) => drop(clean.insert(id, key)),
            None => not_built.push(id),
        }
    }
    match (sample, not_built.first()) {
        (None, Some(first)) => {
            let (node, more) = (graph.node(*first).to_string(), not_built.len() - 1);
            return Err(VerifyError::NotBuilt { node, more }.into());
        }
        (Some(sample), _) => clean = sampled(clean, sample, |id| graph.node(id).to_string()),
        (None, None) => {}
    }
    if clean.is_empty() { Err(VerifyError::None.into()) } else { Ok(clean) }
}

/// Those whose digests with the seed come first: each is in as many samples as any other.
fn sampled(all: Chosen, sample: &Sample, name: impl Fn(NodeId) -> String) -> Chosen {
    let place = |id: NodeId| Digest::of(format!("{}\0{}", sample.seed, name(id)).as_bytes());
    let mut all: Vec<(Digest, NodeId, ActionKey)> = all.into_iter().map(|(id, key)| (place(id), id, key)).collect();
    all.sort_unstable();
    all.into_iter().take(sample.most).map(|(_, id, key)| (id, key)).collect()
}

/// Makes builds again, and says what came of each.
///
/// # Errors
/// As [`build`].
pub fn verify(
    session: &Session,
    store: &Store,
    chosen: &Chosen,
    selection: &[String],
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<(Outcome, Vec<VerifiedBuild>), Failure> {
    let graph = &session.graph;
    let wanted: Vec<NodeId> = chosen.keys().copied().collect();
    let wish = Wish { again: wanted.clone(), wanted, retry_failed: true, keep_last_good: false };
    let scope = Scope { selected: true, again: true, only: true, retry_failed: true, keep_last_good: false };
    let asked = Asked { selection: selection.to_vec(), scope };
    let mut before: BTreeMap<ActionKey, BTreeSet<Digest>> = BTreeMap::new();
    for key in chosen.values() {
        let known =
            store.rivals(*key)?.into_iter().flat_map(|rival| rival.realisation.outputs).map(|(_, digest)| digest);
        before.insert(*key, known.collect());
    }
    let differing: Mutex<BTreeSet<ActionKey>> = Mutex::default();
    let watched = |event: Event| {
        if let Event::NodeDiffers { key, .. } = &event {
            differing.lock().unwrap_or_else(PoisonError::into_inner).insert(*key);
        }
        sink(event);
    };
    let outcome = build(session, &wish, &asked, store, means, &watched)?;
    let differing = differing.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed: BTreeSet<NodeId> =
        outcome.failures.iter().filter(|(_, cause)| *cause == Cause::Build).map(|(id, _)| *id).collect();
    let mut all = Vec::new();
    for (id, key) in chosen {
        let came = match () {
            () if differing.contains(key) => differs(store, *key, &before[key], means)?,
            () if failed.contains(id) => Came::Failed,
            () if outcome.settled.contains_key(id) => Came::Same,
            () => Came::NotRun,
        };
        let node = graph.node(*id).name();
        if let Some(same) = match came {
            Came::Same => Some(true),
            Came::Differs { .. } => Some(false),
            Came::Failed | Came::NotRun => None,
        } {
            let host =
                nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned());
            let (node, when) = (node.to_string(), project::now());
            store.keep_rebuilt(&Rebuilt { key: *key, node, when, same, host })?;
        }
        all.push(VerifiedBuild { node, came });
    }
    Ok((outcome, all))
}

/// Where the result of `key` and the other one that has just come differ; `before` has what is in others that were kept.
fn differs(store: &Store, key: ActionKey, before: &BTreeSet<Digest>, means: &Means<'_>) -> Result<Came, Failure> {
    let rivals = store.rivals(key)?;
    let is_new =
        |rival: &&crate::store::Rival| rival.realisation.outputs.values().any(|digest| !before.contains(digest));
    // One that came out like an earlier one is not kept twice.
    let rival = rivals.iter().find(is_new).or_else(|| rivals.iter().max_by_key(|rival| rival.realisation.started));
    let (Some(own), Some(rival)) = (store.realisation(key)?, rival) else {
        return Ok(Came::Differs { rival: None, places: Vec::new(), hint: None });
    };
    let other = &rival.realisation;
    let (places, hint) = places::places(store, (&own.outputs, &other.outputs), &means.cancel)?;
    let told = compared(store, &own, rival.cache.clone(), other)?;
    Ok(Came::Differs { rival: Some(Box::new(told)), places, hint })
}

/// When each build among `selected` was last made again.
///
/// # Errors
/// As [`choose`].
pub fn verified(
    session: &Session,
    store: &Store,
    selected: &[NodeId],
) -> Result<Vec<(NodeName, Option<Rebuilt>)>, Failure> {
    let any = Sample { most: usize::MAX, seed: String::new() };
    let chosen = choose(session, store, selected, Some(&any))?;
    chosen.into_iter().map(|(id, key)| Ok((session.graph.node(id).name(), store.rebuilt(key)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::small::{chain, id};

    #[test]
    fn a_sample_follows_from_its_seed() {
        let graph = chain("1");
        let all: Chosen = ["build:a@d/amd64", "build:b@d/amd64", "build:c@d/amd64"]
            .map(|name| (id(&graph, name), ActionKey(Digest::of(name.as_bytes()))))
            .into();
        let names = |seed: &str, most| -> Vec<String> {
            let sample = Sample { most, seed: seed.to_owned() };
            sampled(all.clone(), &sample, |id| graph.node(id).to_string())
                .keys()
                .map(|id| graph.node(*id).to_string())
                .collect()
        };
        assert_eq!(names("2026-11-29", 1), names("2026-11-29", 1));
        let days: BTreeSet<Vec<String>> = (1..20).map(|day| names(&format!("2026-11-{day}"), 1)).collect();
        assert_eq!(days.len(), 3, "in time each has its turn");
        assert_eq!((names("x", 2).len(), names("x", 9).len(), names("x", 0).len()), (2, 3, 0));
    }
}
