//! Execution: runs what is dirty, in parallel, and registers what comes out.
//!
//! ```text
//! schedule ──ready node──► a thread of the pool ──► the runner of its kind ──► outputs in the store
//!    ▲  (one thread)                                                             │
//!    └──────────── settled: key and outputs ◄── realisation recorded ◄───────────┘
//! ```
//!
//! The schedule belongs to the calling thread; workers only send it messages. Nothing is printed: what happens goes out
//! as events.

mod again;
mod archives;
pub mod checking;
mod checkouts;
mod context;
mod cpus;
mod debs;
mod elsewhere;
mod ending;
mod error;
pub mod failed;
pub mod fetching;
mod guest;
mod knowledge;
mod laid;
mod limits;
mod node;
mod numbering;
mod outputs;
mod packages;
mod probing;
mod repository;
mod resolving;
mod roots;
mod rpm;
mod schedule;
mod scripts;
pub mod shell;
mod sources;
mod space;
mod telling;
mod testing;
pub mod upstreams;
mod working;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

pub use archives::{ArchiveFile, Archives, Pooled};
pub use checkouts::Checkouts;
pub use context::{Context, Job};
pub use cpus::{Cpus, arch_of};
pub use elsewhere::{Asked, Brought, Elsewhere, Known, Other, keep_other, settle_owed};
pub use ending::tell_of_done;
use ending::{outcome, tell_of_failures, tell_of_tolerated};
pub use error::{NodeError, told};
pub use guest::{clean, root_env};
pub use knowledge::{StoreKnowledge, history, root_owner, same_to_readers, walked};
pub use limits::{Met, bounded, met};
pub use node::is_rpm;
pub use numbering::{Numbered, number_of};
pub use packages::{list_in, sha256_in};
pub use repository::{KnownFile, WantedFile, known_files, learn, suites};
pub use resolving::read_universe;
pub use roots::layers;
pub use rpm::{RpmError, RpmMember, UnmetRpm, text as metadata_text, unmet_rpm};
use schedule::{Schedule, Stage};
pub use sources::insert;
pub use telling::telling_of;
pub use upstreams::{UpstreamError, Upstreams, source_rpm};
use working::{Tally, work_off};

use crate::diag::{Cause, Failure};
use crate::drv::{ActionKey, Outputs};
use crate::event::{Counts, Event, Foreign};
use crate::graph::{Graph, NodeId};
use crate::plan::{Course, LastGood, Places, Times, course, remaining, usual_of_kind};

/// What a run is to do.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Nodes to settle, with all that they need.
    pub wanted: Vec<NodeId>,
    /// Nodes that run although they are realised.
    pub again: Vec<NodeId>,
    /// Whether nodes that failed before as they are now are tried again.
    pub retry_failed: bool,
    /// Nodes whose bytes are to be here afterwards.
    pub here: Vec<NodeId>,
    /// Nodes that run at once.
    pub places: Places,
    /// What nodes that are expected to run usually take, in milliseconds; of others it is not known.
    pub usual: Times,
    /// Those of them for which it is a guess.
    pub guessed: BTreeSet<NodeId>,
    /// Start nothing new once a node has failed.
    pub fail_fast: bool,
    /// Leave out what exceptions skip: else what is wanted by name runs.
    pub skips: bool,
    /// What repositories were last assembled with, which they keep of what fails; those of which nothing is said wait for it.
    pub last_good: BTreeMap<NodeId, LastGood>,
    /// How many nodes a plan expects to run or to depend on others.
    pub expected: usize,
    /// Those of them that are of a foreign arch, by target.
    pub foreign: Vec<Foreign>,
}

/// What a repository took in the place of what fails and may not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptGood {
    /// Inputs with the outputs that it was last assembled with.
    pub kept: BTreeMap<NodeId, Outputs>,
    /// Inputs that it never had, and does without.
    pub never: BTreeSet<NodeId>,
}

/// What came out of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// In numbers.
    pub counts: Counts,
    /// The nodes that failed and may not, and whose fault each was.
    pub failures: Vec<(NodeId, Cause)>,
    /// The nodes that failed as they may.
    pub tolerated: Vec<NodeId>,
    /// Those of the blocked that read one that failed as it may, but may not fail themselves, each with what it reads.
    pub held_up: BTreeMap<NodeId, BTreeSet<NodeId>>,
    /// Repositories that were assembled without some of their inputs, each with those.
    pub without: BTreeMap<NodeId, BTreeSet<NodeId>>,
    /// Repositories that were assembled with what they had of something that fails.
    pub kept: BTreeMap<NodeId, KeptGood>,
    /// The nodes that did not run because of exceptions: of them, of what alone reads them, or of what they need.
    pub skipped: BTreeSet<NodeId>,
    /// The nodes that did not run because something that they need failed.
    pub blocked: Vec<NodeId>,
    /// Keys and outputs of the settled nodes.
    pub settled: BTreeMap<NodeId, (ActionKey, Outputs)>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// Runs `order`.
///
/// # Errors
/// Where the store cannot be read, or no threads be had. What goes wrong with a node is an [`Outcome`].
pub fn run(graph: &Graph, order: &Order, ctx: &Context<'_>) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let knows = StoreKnowledge::new(ctx.store)?.holding().asking(ctx.elsewhere);
    let course = if order.usual.is_empty() { None } else { Some(course(graph, &order.usual, order.places)) };
    let expected_milliseconds = course.as_ref().map(|course| course.forecast.wall);
    let by_kind = || remaining(graph, |id| usual_of_kind(graph.node(id).kind()));
    let priority = course.map_or_else(by_kind, |Course { priority, .. }| priority);
    let mut schedule = Schedule::new(graph, &order.wanted, &order.again, priority);
    schedule.may_fail(ctx.excepted.may_fail(graph, &ctx.today));
    schedule.keep_last_good(order.last_good.clone());
    if order.skips {
        schedule.skip(ctx.excepted.skipped());
    }
    if ctx.elsewhere.is_some() {
        schedule.fetch_first();
    }
    for id in &order.here {
        schedule.want_bytes(*id);
    }
    let looked_at = graph.with_inputs(&order.wanted).len();
    (ctx.sink)(Event::RunStarted { nodes: looked_at, will_run: order.expected, expected_milliseconds });
    for foreign in &order.foreign {
        (ctx.sink)(Event::ForeignArch(foreign.clone()));
    }
    let mut tally = Tally::default();
    schedule.pump(&knows)?;
    loop {
        if want_owed(order, ctx, &mut schedule) {
            schedule.pump(&knows)?;
        }
        // Threads are not started for a run that has nothing to do, as most runs.
        if !schedule.has_ready() || ctx.stopped() || (order.fail_fast && !tally.failures.is_empty()) {
            break;
        }
        work_off(graph, order, ctx, &knows, &mut schedule, &mut tally)?;
    }
    tell_of_failures(ctx, graph, &schedule, &tally);
    let outcome = outcome(graph, order, &schedule, tally, looked_at, ctx.stopped());
    tell_of_tolerated(ctx, graph, &schedule, &outcome);
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    (ctx.sink)(Event::RunFinished { counts: outcome.counts, milliseconds });
    Ok(outcome)
}

/// Wants the bytes of what was asked for by name and is known from elsewhere; whether there is any.
fn want_owed(order: &Order, ctx: &Context<'_>, schedule: &mut Schedule<'_>) -> bool {
    let owed = if ctx.elsewhere.is_some() { ctx.store.owed() } else { BTreeSet::new() };
    let is_owed =
        |id: &NodeId| schedule.stage(*id) == Stage::Settled && schedule.key(*id).is_some_and(|key| owed.contains(&key));
    let wanted: Vec<NodeId> =
        if owed.is_empty() { Vec::new() } else { order.wanted.iter().copied().filter(is_owed).collect() };
    wanted.iter().for_each(|id| schedule.want_bytes(*id));
    !wanted.is_empty()
}
