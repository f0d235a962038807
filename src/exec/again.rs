//! What is tried again within a run: faults of the environment that may pass. A build's own failure never is.
//!
//! Who waits has no place: others run meanwhile. For the network one waits a while, each time longer, but no more for a host
//! that has stayed away for another node through all its tries. For space one waits until something that ran beside it has
//! ended, or until there is room; where it ran alone, and nothing could be removed, nothing is other than it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::context::Context;
use super::error::NodeError;
use super::failed;
use crate::diag::{Failure, chain};
use crate::event::{Event, Passing};
use crate::fetch::{CheckoutError, FetchError};
use crate::graph::{Node, NodeId};
use crate::store::StoreError;

/// How long to wait before each further try. A mirror that restarts is there again by then; one that is down is told soon.
pub const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// How often a node is tried at most.
pub const MOST: u32 = 1 + WAITS.len() as u32;

/// How often it is looked whether the wait is over, or the run is stopped.
pub const LOOK: Duration = Duration::from_millis(50);

/// So much more has to be free before a node is tried again while others still run, in bytes.
const ROOM: u64 = 16 << 20;

/// A fault that may pass.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// A host did not answer, or said that it cannot just now.
    Network {
        /// Which.
        host: String,
    },
    /// The disk was full.
    Space,
}

/// The fault behind `failure`, where it may pass.
fn fault(failure: &Failure) -> Option<Fault> {
    let report = &failure.report;
    if let Some(error) = report.downcast_ref::<FetchError>() {
        let away = error.away().map(|host| Fault::Network { host: host.to_owned() });
        return away.or_else(|| error.is_no_space().then_some(Fault::Space));
    }
    if let Some(error) = report.downcast_ref::<CheckoutError>() {
        let away = error.away().map(|host| Fault::Network { host });
        return away.or_else(|| error.is_no_space().then_some(Fault::Space));
    }
    let full = match report.downcast_ref::<NodeError>() {
        Some(error) => error.is_no_space(),
        None => matches!(report.downcast_ref::<StoreError>(), Some(StoreError::Full { .. })),
    };
    full.then_some(Fault::Space)
}

/// Nodes that wait to be tried again.
#[derive(Default)]
pub struct Again {
    waiting: BTreeMap<NodeId, Waiting>,
    /// Hosts that one node has tried in vain as often as may be.
    away: BTreeSet<String>,
}

struct Waiting {
    until: Until,
    /// What it failed with, for when it is not tried again after all.
    failure: Failure,
    milliseconds: u64,
}

#[derive(Clone, Copy)]
enum Until {
    /// That moment.
    Moment(Instant),
    /// There is more room on the disk.
    Room {
        /// What was free when it had failed, in bytes.
        free: u64,
        /// Whether something else has ended since.
        ended: bool,
    },
}

/// How a node ran that failed.
#[derive(Debug, Clone, Copy)]
pub struct Try {
    /// How often it has been tried, with this time.
    pub tries: u32,
    /// Whether nothing else ran at any moment meanwhile.
    pub alone: bool,
    /// How long it took.
    pub milliseconds: u64,
}

impl Again {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Has `node` wait, and tells so, where what it failed with may pass; else the failure comes back.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn wait(
        &mut self,
        ctx: &Context<'_>,
        node: Node<'_>,
        failure: Failure,
        tried: Try,
    ) -> Result<Option<Failure>, Failure> {
        let Some(fault) = fault(&failure) else { return Ok(Some(failure)) };
        let Try { tries, alone, milliseconds } = tried;
        if tries >= MOST {
            if let Fault::Network { host } = fault {
                self.away.insert(host);
            }
            return Ok(Some(failure));
        }
        let now = Instant::now();
        let (why, until, wait_milliseconds) = match fault {
            Fault::Network { host } if self.away.contains(&host) => return Ok(Some(failure)),
            Fault::Network { .. } => {
                let wait = WAITS[(tries as usize).saturating_sub(1).min(WAITS.len() - 1)];
                let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                (Passing::Network, Until::Moment(now + wait), Some(milliseconds))
            }
            // What cannot be removed makes no room, and is not what this node failed with.
            Fault::Space if failed::remove(ctx.store, &ctx.launcher, |_| true).unwrap_or_default().bytes > 0 => {
                (Passing::Space, Until::Moment(now), Some(0))
            }
            Fault::Space if alone => return Ok(Some(failure)),
            Fault::Space => (Passing::Space, Until::Room { free: ctx.store.free_bytes()?, ended: false }, None),
        };
        let message = chain(&*failure.report);
        let message = message.lines().next().unwrap_or_default().to_owned();
        let (node, id) = (node.name(), node.node_id());
        (ctx.sink)(Event::NodeRetried { node, why, message, tries, most: MOST, wait_milliseconds });
        self.waiting.insert(id, Waiting { until, failure, milliseconds });
        Ok(None)
    }

    /// Something has ended that may have made room.
    pub fn one_ended(&mut self) {
        for waiting in self.waiting.values_mut() {
            if let Until::Room { ended, .. } = &mut waiting.until {
                *ended = true;
            }
        }
    }

    /// Those that have waited long enough; they wait no more. `idle`: nothing runs. Of those that wait for room one at a
    /// time goes on, since they have failed beside each other.
    ///
    /// # Errors
    /// Where the disk cannot be looked at.
    pub fn due(&mut self, idle: bool, ctx: &Context<'_>) -> Result<Vec<NodeId>, Failure> {
        if self.waiting.is_empty() {
            return Ok(Vec::new());
        }
        let (now, free_now) = (Instant::now(), ctx.store.free_bytes()?);
        let is_due = |waiting: &Waiting| matches!(waiting.until, Until::Moment(moment) if moment <= now);
        let mut due: Vec<NodeId> =
            self.waiting.iter().filter(|(_, waiting)| is_due(waiting)).map(|(id, _)| *id).collect();
        let has_room = |waiting: &Waiting| match waiting.until {
            Until::Moment(_) => false,
            Until::Room { free, ended } => idle || (ended && free_now > free) || free_now > free.saturating_add(ROOM),
        };
        if due.is_empty() {
            due.extend(self.waiting.iter().find(|(_, waiting)| has_room(waiting)).map(|(id, _)| *id));
        }
        due.iter().for_each(|id| drop(self.waiting.remove(id)));
        Ok(due)
    }

    /// All that wait: they are not tried again.
    pub fn give_up(&mut self) -> impl Iterator<Item = (NodeId, Failure, u64)> + use<> {
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|(id, Waiting { failure, milliseconds, .. })| (id, failure, milliseconds))
    }
}
