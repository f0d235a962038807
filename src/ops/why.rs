//! Why a node ran, why it would run, and where all of it begins.

use super::keeping;
use super::plan::{Wish, plan};
use super::runs::run_of;
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::drv::text_of;
use crate::exec::{self, walked};
use crate::graph::{Excepted, Graph, NodeId, Selector, SelectorError};
use crate::name::{Kind, NodeName};
use crate::plan::{self, Causes, Change, Earlier, Plan, Reason, State, Walked, changes, reason};
use crate::report::causes::{CauseTold, ReasonTold, date};
use crate::report::runs::{cause_of, outcome_word};
use crate::report::why::{Everything, Failed, InRun, Last, Now, WHY_VERSION, Why};
use crate::store::Store;
use crate::store::runs::Run;

/// Why there is no answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum WhyError {
    /// The record has nothing of that name.
    #[error("run `{run}` has nothing on record of `{node}`")]
    #[diagnostic(
        code(opb::why::not_in_run),
        help("it was clean then, or no part of that run; `opb runs {run} --all` lists what is on record")
    )]
    NotInRun {
        /// The run.
        run: String,
        /// What was asked for.
        node: String,
    },
    /// It means several.
    #[error("`{selector}` means {count} nodes of run `{run}`, and one is wanted")]
    #[diagnostic(code(opb::why::several), help("name one of them: {names}"))]
    Several {
        /// The run.
        run: String,
        /// What was asked for.
        selector: String,
        /// How many it means.
        count: usize,
        /// Some of them.
        names: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    #[diagnostic(code(opb::why::selector), help("write a node's name, such as `build:libbsd@debian-12/amd64`"))]
    Selector(#[from] SelectorError),
}

impl Caused for WhyError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Tells why a node ran last, and why it would run now if everything were built.
///
/// # Errors
/// Where the store cannot be read.
pub fn why(session: &Session, store: &Store, id: NodeId) -> Result<Why, Failure> {
    let node = session.graph.node(id).to_string();
    let plan = plan_all(session, store)?;
    let history = exec::history(store, &node, keeping::listed(session, store, &node), usize::MAX)?;
    let newest = history.first().map_or(0, |last| last.started);
    let attempt = store.last_attempt_of_node(&node)?.filter(|attempt| attempt.started >= newest);
    let walks: Vec<Walked> = history.iter().cloned().map(walked).collect();
    let made_as = |earlier: &Earlier| {
        let made = history.iter().find(|made| made.key == earlier.key);
        made.map_or(node.as_str(), |made| made.node.as_str())
    };
    let run = |earlier: &Earlier| run_of(store, made_as(earlier), earlier).ok().flatten().map(|run| run.to_string());
    let last = history.first().map(|last| {
        let before = walks.get(1..).unwrap_or_default();
        Last {
            started: date(last.started),
            milliseconds: last.milliseconds,
            number: last.number,
            key: last.key.to_string(),
            run: run(&Earlier { key: last.key, started: last.started }),
            kept: last.kept.is_some(),
            made_as: Some(last.node.clone()).filter(|name| *name != node),
            reason: ReasonTold::new(&reason(before, &last.derivation), &session.graph, &run),
        }
    });
    Ok(Why {
        version: WHY_VERSION,
        now: now((&session.graph, &session.excepted), &plan, id, &walks, &run),
        node: node.clone(),
        last,
        failed: attempt.map(|attempt| Failed { started: date(attempt.started), message: attempt.message }),
    })
}

fn now(
    (graph, excepted): (&Graph, &Excepted),
    plan: &Plan,
    id: NodeId,
    walks: &[Walked],
    run: &dyn Fn(&Earlier) -> Option<String>,
) -> Now {
    let state = plan.of(id).map_or(State::Clean, |planned| planned.state.clone());
    let causes = plan::causes_reaching(graph, plan, &[id]);
    let mut told = Now {
        state: "clean",
        reason: None,
        skip: None,
        depends_on: Vec::new(),
        own_changes: Vec::new(),
        roots: causes.roots,
        dragged: causes.dragged,
        causes: told(graph, &causes),
    };
    let walk = walk_now(graph, plan, id);
    match state {
        State::Clean => {}
        State::Runs(reason) => {
            // A plan compares with the latest realisations only; here all of them count.
            let reason = match reason {
                Reason::Changed { .. } | Reason::Gone { .. } => plan::reason(walks, &walk),
                other => other,
            };
            told.state = "runs";
            told.reason = Some(ReasonTold::new(&reason, graph, run));
        }
        State::Skipped(on) => {
            told.state = "skipped";
            told.skip = excepted.skip(id).cloned();
            told.depends_on = on.iter().map(|id| graph.node(*id).to_string()).collect();
        }
        State::Depends(on) => {
            told.state = "depends";
            told.depends_on = on.iter().map(|id| graph.node(*id).to_string()).collect();
            told.own_changes = own_changes(walks, &walk);
        }
    }
    told
}

/// The walk of a node with what is known of its inputs.
fn walk_now(graph: &Graph, plan: &Plan, id: NodeId) -> String {
    let node = graph.node(id);
    let contents = node.inputs().map(|input| {
        let outputs = plan.of(input.node)?.outputs.as_ref()?;
        outputs.iter().find(|(name, _)| name.as_str() == input.output).map(|(_, digest)| *digest)
    });
    text_of(&node.derivation(), &contents.collect::<Vec<_>>())
}

/// What differs from the nearest realisation whatever comes out of the inputs that are not known yet.
fn own_changes(walks: &[Walked], now: &str) -> Vec<Change> {
    let certain = |walked: &Walked| -> Vec<Change> {
        changes(&walked.walk, now).into_iter().filter(|change| change.now.as_deref() != Some("?")).collect()
    };
    walks.iter().map(certain).min_by_key(Vec::len).unwrap_or_default()
}

/// Tells where all that would run now begins.
///
/// # Errors
/// Where the store cannot be read.
pub fn everything(session: &Session, store: &Store) -> Result<Everything, Failure> {
    let plan = plan_all(session, store)?;
    let causes = plan::causes(&session.graph, &plan);
    let (clean, ..) = plan.counts();
    Ok(Everything {
        version: WHY_VERSION,
        run: None,
        clean,
        roots: causes.roots,
        dragged: causes.dragged,
        causes: told(&session.graph, &causes),
    })
}

/// Tells where all that ran in a run on record began.
pub fn everything_then(run: &Run) -> Everything {
    let started = &run.head.started;
    let roots = run.causes.iter().map(|cause| cause.roots).sum();
    Everything {
        version: WHY_VERSION,
        run: Some(run.head.id.to_string()),
        clean: started.clean,
        roots,
        dragged: (started.runs + started.depends).saturating_sub(roots),
        causes: run.causes.iter().map(cause_of).collect(),
    }
}

/// Tells why a node ran, or did not, in a run on record. `text` is its name, or a selector that means one node of the run.
///
/// # Errors
/// [`WhyError`] where the run has no such node, or where the store cannot be read.
pub fn then(store: &Store, run: &Run, text: &str) -> Result<InRun, Failure> {
    let node = pick(run, text)?;
    let id = run.head.id.to_string();
    let Some(of) = run.of(&node) else { return Err(WhyError::NotInRun { run: id, node }.into()) };
    let (planned, ended) = (of.planned.as_ref(), of.ended.as_ref());
    let causes = planned.map_or(&[][..], |planned| &planned.causes);
    let realised = ended.and_then(|ended| ended.key).map(|key| store.realisation(key)).transpose()?.flatten();
    let reason = match realised.filter(|realised| realised.node == node) {
        None => None,
        Some(realised) => {
            let mut history = store.history_of_node(&node)?;
            history.retain(|earlier| earlier.started < realised.started);
            let walks: Vec<Walked> = history.into_iter().map(walked).collect();
            let from = |earlier: &Earlier| run_of(store, &node, earlier).ok().flatten().map(|run| run.to_string());
            // A reason that came from realisations alone names no node of a graph.
            Some(ReasonTold::new(&reason(&walks, &realised.derivation), &Graph::default(), &from))
        }
    };
    Ok(InRun {
        version: WHY_VERSION,
        run: id,
        started: date(run.head.started.started),
        state: planned.map(|planned| planned.state.clone()),
        planned_reason: planned.and_then(|planned| planned.reason.clone()),
        compared_with: planned.and_then(|planned| planned.since).map(date),
        causes: causes.iter().filter_map(|place| run.causes.get(*place)).map(cause_of).collect(),
        outcome: run.outcome(of).map(outcome_word),
        milliseconds: ended.map(|ended| ended.milliseconds),
        message: ended.and_then(|ended| ended.message.clone()),
        reason,
        node,
    })
}

/// The node of the run that `text` means. Of several, a build comes before others.
fn pick(run: &Run, text: &str) -> Result<String, WhyError> {
    if run.of(text).is_some() {
        return Ok(text.to_owned());
    }
    let selector: Selector = text.parse()?;
    let names = run.nodes.iter().filter_map(|node| node.node.parse::<NodeName>().ok());
    let meant: Vec<NodeName> = names.filter(|name| selector.matches(name)).collect();
    let builds: Vec<NodeName> = meant.iter().filter(|name| name.kind == Kind::Build).cloned().collect();
    let candidates = if builds.is_empty() { meant } else { builds };
    match &candidates[..] {
        [] => Err(WhyError::NotInRun { run: run.head.id.to_string(), node: text.to_owned() }),
        [one] => Ok(one.to_string()),
        several => Err(WhyError::Several {
            run: run.head.id.to_string(),
            selector: text.to_owned(),
            count: several.len(),
            names: several.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }),
    }
}

fn plan_all(session: &Session, store: &Store) -> Result<Plan, Failure> {
    let wish = Wish { wanted: session.graph.ids().collect(), ..Wish::default() };
    plan(session, &wish, store, None)
}

fn told(graph: &Graph, causes: &Causes) -> Vec<CauseTold> {
    causes.causes.iter().map(|cause| CauseTold::new(cause, graph)).collect()
}
