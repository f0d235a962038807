//! One node, from its key to its realisation.

use std::collections::BTreeMap;

use super::context::{Context, Job};
use super::elsewhere::{Brought, compare, take_own};
use super::error::{NodeError, told};
use super::knowledge::same_to_readers;
use super::numbering::{Numbered, equal_before};
use super::outputs::{self, Left};
use super::scripts::Task;
use super::{checking, failed, limits, probing, repository, resolving, roots, rpm, scripts, sources};
use crate::cost::Cost;
use crate::diag::{Cause, Failure};
use crate::digest::Digest;
use crate::distro::{Distro, Family};
use crate::drv::{Action, ActionKey, Derivation, Fingerprint, Outputs, text_of};
use crate::event::{Done, Event};
use crate::family::numbered_version;
use crate::graph::Node;
use crate::name::{DistroName, Kind, OutputName};
use crate::plan::Knowledge as _;
use crate::store::{Attempt, Realisation, Recorded, Released, Rival};

/// The name of the backend that runs scripts in our own namespaces.
const BACKEND: &str = "namespaces";

/// What a node came to.
pub struct Ran {
    /// Its key.
    pub key: ActionKey,
    /// Its outputs, in the store.
    pub outputs: Outputs,
    /// In what way.
    pub how: Done,
    /// Whether another process or node had made it meanwhile, so nothing ran.
    pub found: bool,
    /// What it took when it was made; `None` where that is not known.
    pub cost: Option<Cost>,
}

/// What a runner brings back.
struct Made {
    outputs: Outputs,
    log: Option<Digest>,
    cpu_milliseconds: u64,
    peak_memory: u64,
    disk: u64,
}

impl From<Outputs> for Made {
    fn from(outputs: Outputs) -> Self {
        Self { outputs, log: None, cpu_milliseconds: 0, peak_memory: 0, disk: 0 }
    }
}

/// Runs the node of `job`, or finds that somebody else just has.
///
/// # Errors
/// Whatever its runner says. A build's own failure is remembered as an attempt.
pub fn run(ctx: &Context<'_>, job: &Job<'_>) -> Result<Ran, Failure> {
    let node = job.node();
    let contents = job.contents()?;
    let numbered = Numbered::of(node);
    let fingerprint = node.fingerprint(&contents);
    failed_before(ctx, job, fingerprint)?;
    let number = numbered.as_ref().map(|numbered| numbered.assign(ctx.store, fingerprint)).transpose()?;
    let derivation = number.map_or_else(|| node.derivation(), |number| node.derivation().numbered(number));
    let key = derivation.action_key(&contents);
    let lock = ctx.store.lock_key(key, &mut |holder| {
        let whose = holder.map_or_else(|| "another".to_owned(), |holder| holder.to_string());
        ctx.phase(node, format!("waiting for {whose}, which makes the same"));
    })?;
    let before = ctx.store.last_of_node(&node.to_string())?;
    if let Some(ran) = found(ctx, job, key)? {
        return Ok(ran);
    }
    if let Some(ran) = brought(ctx, job, key)? {
        return Ok(ran);
    }
    let (started, began) = (after(ctx, job, before.as_ref())?, std::time::Instant::now());
    let milliseconds = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let made = match make(ctx, job, &derivation, key, number) {
        Ok(made) => made,
        Err(failure) => {
            // One that was realised and now failed when it was asked for again keeps its number: it may be published.
            if let Some(numbered) = &numbered
                && ctx.store.realisation(key)?.is_none()
            {
                numbered.release(ctx.store, fingerprint, Released::Failed)?;
            }
            remember(ctx, job, (key, fingerprint), &failure, started, milliseconds())?;
            // What cannot be removed now can be later.
            let _ = failed::prune(ctx.store, &ctx.launcher);
            return Err(failure);
        }
    };
    let kept = number.map(|number| equal_before(ctx.store, node, &made.outputs, number)).transpose()?.flatten();
    let known: Vec<Option<Digest>> = contents.iter().copied().map(Some).collect();
    let mut realisation = Realisation {
        key,
        node: node.to_string(),
        fingerprint: number.map(|_| fingerprint),
        number,
        outputs: made.outputs,
        derivation: text_of(&derivation, &known),
        log: made.log,
        started,
        milliseconds: milliseconds(),
        cpu_milliseconds: made.cpu_milliseconds,
        peak_memory: made.peak_memory,
        disk: made.disk,
        backend: backend(ctx, job, &derivation.action)?,
        host: nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned()),
        kept: None,
    };
    let how = settle_kept(ctx, numbered.as_ref(), fingerprint, &derivation, &mut realisation, kept, before)?;
    let outputs = record(ctx, job, &realisation)?;
    if ctx.store.failed_before(&realisation.node, fingerprint)?.is_some() {
        // Else it would not be made again where its result is lost.
        ctx.store.forget_attempt(&realisation.node)?;
    }
    let _ = failed::forget(ctx.store, &ctx.launcher, &realisation.node);
    drop(lock);
    Ok(Ran { key, outputs, how, found: false, cost: Some(realisation.cost()) })
}

/// Fails as `job` did before, where nothing that it follows from has changed since and it is not to be tried again.
fn failed_before(ctx: &Context<'_>, job: &Job<'_>, fingerprint: Fingerprint) -> Result<(), Failure> {
    if job.again || job.retry {
        return Ok(());
    }
    let set = ctx.limits_of(&job.node().name());
    let attempt = ctx.store.failed_before(&job.node().to_string(), fingerprint)?;
    match attempt.filter(|attempt| limits::stands(attempt, &set)) {
        Some(Attempt { message, log, started, .. }) => {
            Err(NodeError::FailedBefore { message, log, since: started }.into())
        }
        None => Ok(()),
    }
}

/// Whether a node belongs to a distro of RPM packages.
pub fn is_rpm(distros: &BTreeMap<DistroName, Distro>, node: Node<'_>) -> bool {
    let name = node.name();
    let of = name.distro().and_then(|distro| distros.iter().find(|(name, _)| name.as_str() == distro));
    of.is_some_and(|(_, distro)| distro.rpm().is_some())
}

/// Now, in seconds since 1970, but later than the node's last result and last failure: which of them is the newest must
/// be plain although builds may take less than a second and clocks are set back.
fn after(ctx: &Context<'_>, job: &Job<'_>, before: Option<&Realisation>) -> Result<i64, Failure> {
    let attempt = ctx.store.last_attempt_of_node(&job.node().to_string())?.map(|attempt| attempt.started);
    let last = attempt.into_iter().chain(before.map(|before| before.started)).max();
    Ok((ctx.now)().max(last.map_or(i64::MIN, |last| last.saturating_add(1))))
}

/// A node that is realised and here needs no run; one that was asked for again does.
fn found(ctx: &Context<'_>, job: &Job<'_>, key: ActionKey) -> Result<Option<Ran>, Failure> {
    if job.again {
        return Ok(None);
    }
    let node = job.node();
    let knows = super::StoreKnowledge::new(ctx.store)?.holding();
    let (outputs, cost) = ctx.store.results_of(&[key])?.pop().flatten().unzip();
    match outputs.or_else(|| node.known_outputs(key)) {
        Some(outputs) if knows.present(node, key, &outputs)? => {
            Ok(Some(Ran { key, outputs, how: Done::Built, found: true, cost }))
        }
        _ => Ok(None),
    }
}

/// A node whose result and bytes somebody else has needs no run either.
fn brought(ctx: &Context<'_>, job: &Job<'_>, key: ActionKey) -> Result<Option<Ran>, Failure> {
    let node = job.node();
    if ctx.elsewhere.is_none() || job.again || node.kind() == Kind::Root {
        return Ok(None);
    }
    // Asked again: it may have come there since the plan was made.
    let knows = super::StoreKnowledge::new(ctx.store)?.asking(ctx.elsewhere);
    let realised = knows.realised(&[key])?.pop().flatten().map(|(outputs, _)| outputs);
    let outputs = realised.or_else(|| node.known_outputs(key));
    outputs.map_or(Ok(None), |outputs| fetch(ctx, node, key, &outputs))
}

/// Brings the bytes of a node that is realised; `None` where nobody has all of them.
///
/// # Errors
/// Where the store cannot be read or written to.
pub fn fetch(ctx: &Context<'_>, node: Node<'_>, key: ActionKey, outputs: &Outputs) -> Result<Option<Ran>, Failure> {
    let Some(elsewhere) = ctx.elsewhere else { return Ok(None) };
    ctx.phase(node, "asking caches for what it came to");
    let Some(Brought { cache, bytes }) = elsewhere.bring(ctx.store, key, outputs)? else { return Ok(None) };
    if !super::StoreKnowledge::new(ctx.store)?.holding().present(node, key, outputs)? {
        return Ok(None);
    }
    ctx.store.not_owed(key)?;
    let cost = ctx.store.results_of(&[key])?.pop().flatten().map(|(_, cost)| cost);
    Ok(Some(Ran { key, outputs: outputs.clone(), how: Done::Fetched { cache, bytes }, found: true, cost }))
}

/// Replaces the outputs by those of an equal earlier build, where there is one, and gives the number back.
fn settle_kept(
    ctx: &Context<'_>,
    numbered: Option<&Numbered>,
    fingerprint: Fingerprint,
    derivation: &Derivation,
    realisation: &mut Realisation,
    kept: Option<Realisation>,
    before: Option<Realisation>,
) -> Result<Done, Failure> {
    if let (Some(numbered), Some(kept)) = (numbered, kept) {
        numbered.release(ctx.store, fingerprint, Released::Equivalent)?;
        // Of a chain of equal rebuilds, the one whose packages these are.
        let first = kept.kept.unwrap_or(kept.key);
        let shown = ctx.store.realisation(first)?.and_then(|first| first.number).unwrap_or(1);
        realisation.outputs = kept.outputs;
        realisation.kept = Some(first);
        if let Action::Build { script, .. } = &derivation.action {
            return Ok(Done::Kept { version: numbered_version(script, shown) });
        }
    }
    let same = before.is_some_and(|before| same_to_readers(&before.outputs, &realisation.outputs));
    Ok(if same { Done::Identical } else { Done::Built })
}

/// How a node was run: a foreign one by which emulator too, and whether it had the network.
fn backend(ctx: &Context<'_>, job: &Job<'_>, action: &Action) -> Result<String, Failure> {
    let runs = ctx.runs(job.node(), job.graph)?;
    let network =
        if matches!(action, Action::Build { script, .. } if script.network) { " with the network" } else { "" };
    let emulator = runs.emulator().map_or_else(String::new, |emulator| format!(" under {emulator}"));
    Ok(format!("{BACKEND}{emulator}{network}"))
}

fn record(ctx: &Context<'_>, job: &Job<'_>, realisation: &Realisation) -> Result<Outputs, Failure> {
    match ctx.store.record(realisation)? {
        recorded @ (Recorded::New | Recorded::Same) => {
            if let Some(elsewhere) = ctx.elsewhere.filter(|_| recorded == Recorded::New)
                && let Some(cache) = compare(ctx.store, elsewhere, realisation)?
            {
                tell_of_rival(ctx, realisation, Some(cache));
            }
            Ok(realisation.outputs.clone())
        }
        Recorded::Differs(earlier) if same_to_readers(&earlier.outputs, &realisation.outputs) => Ok(earlier.outputs),
        Recorded::Differs(earlier) => {
            let node = job.node();
            if !super::StoreKnowledge::new(ctx.store)?.holding().present(node, realisation.key, &earlier.outputs)? {
                // What a cache said and does not have holds nobody up: who went on from it is looked at again.
                if ctx.store.is_from_elsewhere(realisation.key)? {
                    let cache = take_own(ctx.store, ctx.elsewhere, realisation, *earlier)?;
                    tell_of_rival(ctx, realisation, Some(cache));
                    return Ok(realisation.outputs.clone());
                }
                return Err(NodeError::Differs { node: node.to_string() }.into());
            }
            ctx.store.keep_rival(&Rival { cache: None, realisation: realisation.clone() })?;
            tell_of_rival(ctx, realisation, None);
            Ok(earlier.outputs)
        }
    }
}

/// Tells that a step is not deterministic. `cache` has the other result; without one, both are from here.
fn tell_of_rival(ctx: &Context<'_>, realisation: &Realisation, cache: Option<String>) {
    (ctx.sink)(Event::NodeDiffers { node: realisation.node.clone(), key: realisation.key, cache });
}

fn remember(
    ctx: &Context<'_>,
    job: &Job<'_>,
    (key, fingerprint): (ActionKey, Fingerprint),
    failure: &Failure,
    started: i64,
    milliseconds: u64,
) -> Result<(), Failure> {
    let log = failure.report.downcast_ref::<NodeError>().and_then(NodeError::log);
    // One of the environment says nothing of the next try, but may have a log to read.
    if failure.cause != Cause::Build && log.is_none() {
        return Ok(());
    }
    // Limits are in no fingerprint, so the one that was met is kept beside it.
    let limit = match failure.report.downcast_ref::<NodeError>() {
        Some(NodeError::Limit { limit, .. }) => *limit,
        _ => None,
    };
    let fingerprint = Some(fingerprint);
    let (node, message) = (job.node().to_string(), told(failure));
    let (cause, tries) = (failure.cause, job.tries);
    let attempt = Attempt { key, node, fingerprint, cause, log, started, milliseconds, message, tries, limit };
    Ok(ctx.store.record_attempt(&attempt)?)
}

fn make(
    ctx: &Context<'_>,
    job: &Job<'_>,
    derivation: &Derivation,
    key: ActionKey,
    number: Option<u32>,
) -> Result<Made, Failure> {
    let limits = limits::of_build(&ctx.limits_of(&job.node().name()));
    match &derivation.action {
        Action::Source { .. } => sources::source(ctx, job).map(Made::from),
        Action::Index { .. } => sources::index(ctx, job).map(Made::from),
        Action::Resolve(resolve) if resolve.family == Family::Rpm.as_str() => {
            rpm::resolve(ctx, job, resolve, key).map(Made::from)
        }
        Action::Resolve(resolve) => resolving::resolve(ctx, job, resolve).map(Made::from),
        Action::Root { .. } => {
            let make = if is_rpm(ctx.distros, job.node()) { rpm::make } else { roots::make };
            let (log, outcome, disk) = make(ctx, job, key)?;
            let outputs = derivation.known_outputs(key).unwrap_or_default();
            let (cpu_milliseconds, peak_memory) = (outcome.cpu_milliseconds, outcome.peak_memory);
            Ok(Made { outputs, log: Some(log), cpu_milliseconds, peak_memory, disk })
        }
        Action::Probe { script } => Ok(ran(probing::probe(ctx, job, key, script)?)),
        Action::SourcePackage { script: None } => Ok(sources::one("source", job.input("source")?.1).into()),
        Action::SourcePackage { script: Some(script) } => {
            let outputs = [OutputName::new("source").expect("a plain name")];
            let take = |left: &Left<'_>| outputs::folders(ctx, left, &outputs);
            Ok(ran(scripts::run(
                ctx,
                job,
                &Task { key, script, env: &[], check: None, before: None, limits: &limits, take: &take },
            )?))
        }
        Action::Build { script, outputs, .. } => {
            let env = scripts::build_env(ctx, number.unwrap_or(1));
            let take = |left: &Left<'_>| {
                let outputs = outputs::folders(ctx, left, outputs)?;
                check_packages(ctx, &outputs, left)?;
                repository::learn(ctx.store, &outputs);
                Ok(outputs)
            };
            Ok(ran(scripts::run(
                ctx,
                job,
                &Task { key, script, env: &env, check: None, before: None, limits: &limits, take: &take },
            )?))
        }
        Action::Check { check, script } => Ok(ran(checking::check(ctx, job, key, (*check, script), &limits)?)),
        Action::Repo { .. } => repository::assemble(ctx, job).map(Made::from),
    }
}

fn ran(ran: scripts::Ran) -> Made {
    let (cpu_milliseconds, peak_memory) = (ran.outcome.cpu_milliseconds, ran.outcome.peak_memory);
    Made { outputs: ran.outputs, log: Some(ran.log), cpu_milliseconds, peak_memory, disk: ran.disk }
}

/// A build that ends well but makes nothing is a failed one.
fn check_packages(ctx: &Context<'_>, outputs: &Outputs, left: &Left<'_>) -> Result<(), Failure> {
    for (name, digest) in outputs {
        if ["packages", "udebs"].contains(&name.as_str()) && ctx.store.get_tree(*digest)?.files().next().is_some() {
            return Ok(());
        }
    }
    Err(NodeError::NoOutput { node: left.node.to_owned(), log: left.log }.into())
}
