//! What every node that runs may use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::archives::Archives;
use super::checkouts::Checkouts;
use super::cpus::Cpus;
use super::elsewhere::Elsewhere;
use super::error::NodeError;
use super::rpm::Universes;
use super::upstreams::Upstreams;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::distro::{Distro, Rpm};
use crate::drv::{ActionKey, Outputs, absent};
use crate::event::{Event, Sink};
use crate::graph::{Excepted, Graph, Node, NodeId};
use crate::name::{DistroName, NodeName, component_of};
use crate::sandbox::{Cancel, Launcher};
use crate::settings::{GuestLimits, Limits};
use crate::sign::rpm::Keyring;
use crate::solve::Universe;
use crate::store::Store;
use crate::tree::Tree;

/// The public keys of a distro.
pub type Keys<'a> = dyn Fn(&Distro, &Rpm) -> Result<Keyring, Failure> + Sync + 'a;

/// Puts a local source into the store.
pub type Import<'a> = dyn Fn(&str) -> Result<Tree, Failure> + Sync + 'a;

/// What every node that runs may use.
pub struct Context<'a> {
    /// The store.
    pub store: &'a Store,
    /// Puts a local source into the store: its folder below the project's root in, its tree out.
    pub import: &'a Import<'a>,
    /// Where else results are; `None`: nowhere.
    pub elsewhere: Option<&'a dyn Elsewhere>,
    /// The time, in seconds since 1970, for records.
    pub now: fn() -> i64,
    /// The day of today in UTC, as `2026-11-25`: known failures hold until a day.
    pub today: String,
    /// What exceptions mean for the nodes of its graph.
    pub excepted: &'a Excepted,
    /// Its distros.
    pub distros: &'a BTreeMap<DistroName, Distro>,
    /// How sandboxes are started.
    pub launcher: Launcher,
    /// What programs of which arch run on.
    pub cpus: Arc<Cpus>,
    /// What guests may have of the machine.
    pub limits: Limits,
    /// Ends sandboxes when the run is stopped.
    pub cancel: Cancel,
    /// Set when the run is stopped.
    pub stop: &'a AtomicBool,
    /// Archives of distributions.
    pub archives: Archives<'a>,
    /// Repositories of version control.
    pub checkouts: Checkouts<'a>,
    /// Archives of upstream.
    pub upstreams: Upstreams<'a>,
    /// Cores that one build may use.
    pub cores: usize,
    /// Where events go.
    pub sink: &'a Sink<'a>,
    /// Parsed indexes by the digest of their tree: read once, used by every `resolve`.
    pub universes: Mutex<BTreeMap<Digest, Arc<Universe>>>,
    /// The same of distros of `.rpm` packages, as dnf reads them.
    pub rpm_universes: Universes,
    /// Public keys that packages of a distro of `.rpm` packages are signed with.
    pub keys: &'a Keys<'a>,
}

impl Context<'_> {
    /// Tells what a running node is at.
    pub fn phase(&self, node: Node<'_>, phase: impl Into<String>) {
        (self.sink)(Event::NodePhase { node: node.name(), phase: phase.into() });
    }

    /// What guests may have of the machine that run for a node of that name.
    pub fn limits_of(&self, node: &NodeName) -> GuestLimits {
        self.limits.of(component_of(node.kind, &node.subject).unwrap_or_default())
    }

    /// Whether the run is being stopped.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The universe that `make` makes of the index tree `digest`, made once.
    pub fn universe(
        &self,
        digest: Digest,
        make: impl FnOnce() -> Result<Universe, Failure>,
    ) -> Result<Arc<Universe>, Failure> {
        // Held while it is made: two resolves that start together want one of them to read and the other to wait.
        let mut universes = self.universes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = universes.get(&digest) {
            return Ok(known.clone());
        }
        let made = Arc::new(make()?);
        universes.insert(digest, made.clone());
        Ok(made)
    }
}

/// A node that is to run, with what is known of its inputs.
pub struct Job<'a> {
    /// The graph that it stands in.
    pub graph: &'a Graph,
    /// Which.
    pub id: NodeId,
    /// Whether it runs although it is realised.
    pub again: bool,
    /// Whether it runs although it failed before as it is.
    pub retry: bool,
    /// How often it is tried in this run, with this time.
    pub tries: u32,
    /// Keys and outputs of all nodes that it reads from, directly or through one of those.
    pub settled: BTreeMap<NodeId, (ActionKey, Outputs)>,
    /// Inputs that could not be made, and that it is done without.
    pub without: BTreeSet<NodeId>,
    /// What a repository takes in the place of inputs that could not be made: what it was last assembled with.
    pub kept: BTreeMap<NodeId, Outputs>,
    /// Told when nothing of it runs any more, and only what came out is to be stored.
    pub over: Option<Box<dyn Fn() + Send + Sync>>,
}

impl<'a> Job<'a> {
    /// Nothing of it runs any more: another may have its place.
    pub fn is_over(&self) {
        if let Some(tell) = &self.over {
            tell();
        }
    }

    /// The node.
    pub fn node(&self) -> Node<'a> {
        self.graph.node(self.id)
    }

    /// Content of the inputs, in their order.
    ///
    /// # Errors
    /// [`NodeError::NoInput`], which is a bug: a node only runs when all are settled.
    pub fn contents(&self) -> Result<Vec<Digest>, NodeError> {
        let node = self.node();
        node.inputs()
            .map(|input| {
                if self.without.contains(&input.node) {
                    return Some(absent());
                }
                let made = || self.settled.get(&input.node).map(|(_, outputs)| outputs);
                self.kept.get(&input.node).or_else(made)?.get(input.output).copied()
            })
            .collect::<Option<_>>()
            .ok_or_else(|| NodeError::NoInput { role: node.to_string() })
    }

    /// The node behind the input `role`, and that input's content.
    ///
    /// # Errors
    /// [`NodeError::NoInput`] where there is no such role.
    pub fn input(&self, role: &str) -> Result<(NodeId, Digest), NodeError> {
        let missing = || NodeError::NoInput { role: role.to_owned() };
        let place = self.node().inputs().position(|input| input.role == role).ok_or_else(missing)?;
        Ok((self.node().input_nodes()[place], self.contents()?[place]))
    }

    /// The inputs whose role starts with `start`, but for those that it is done without: the rest of the role, and the
    /// content.
    ///
    /// # Errors
    /// As [`Job::contents`].
    pub fn inputs(&self, start: &str) -> Result<Vec<(&'a str, Digest)>, NodeError> {
        let contents = self.contents()?;
        // What it never had of something that is kept is absent too.
        let inputs = self.node().inputs().zip(contents).filter(|(_, content)| *content != absent());
        Ok(inputs.filter_map(|(input, digest)| Some((input.role.strip_prefix(start)?, digest))).collect())
    }
}
