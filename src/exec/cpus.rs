//! What the programs of nodes run on: of which arch they are, and how such run here. It is found out once for each arch,
//! when somebody first asks, and enters no key: what came of it is the same everywhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::context::Context;
use super::error::NodeError;
use crate::diag::Failure;
use crate::graph::{Graph, Node};
use crate::name::Kind;
use crate::sandbox::{Cpu, Launcher, NoCpu, Runs, host_arch, how_it_runs};
use crate::store::Store;

/// How programs run here, for each arch that somebody asked for.
#[derive(Debug, Default)]
pub struct Cpus(Mutex<BTreeMap<String, Result<Runs, NoCpu>>>);

impl Cpus {
    /// How programs of `arch` run here; the inner error where they do not.
    ///
    /// # Errors
    /// Where no sandbox can be made to try it in.
    pub fn of(&self, store: &Store, launcher: &Launcher, arch: &str) -> Result<Result<Runs, NoCpu>, Failure> {
        if arch == host_arch() {
            return Ok(Ok(Runs::Natively(Cpu::Host)));
        }
        // Held while it is tried: others want to know the same.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runs) = known.get(arch) {
            return Ok(runs.clone());
        }
        let work = store.new_work()?;
        let runs = how_it_runs(launcher, &work.path().join("trial"), arch)?;
        known.insert(arch.to_owned(), runs.clone());
        Ok(runs)
    }
}

impl Context<'_> {
    /// How the programs that `node` runs do so here.
    ///
    /// # Errors
    /// [`NodeError::Foreign`] where they do not.
    pub fn runs(&self, node: Node<'_>, graph: &Graph) -> Result<Runs, Failure> {
        let arch = arch_of(node, graph).unwrap_or(host_arch());
        let runs = self.cpus.of(self.store, &self.launcher, arch)?;
        Ok(runs.map_err(|why| NodeError::Foreign { arch: arch.to_owned(), why })?)
    }
}

/// The arch of the programs that a node runs; `None` where it runs none.
pub fn arch_of<'g>(node: Node<'g>, graph: &'g Graph) -> Option<&'g str> {
    if !matches!(node.kind(), Kind::Root | Kind::Probe | Kind::SourcePackage | Kind::Build | Kind::Check) {
        return None;
    }
    // What has no arch, or is for all of them, is made in a root of one.
    let mut at = node;
    while at.arch().is_none_or(|arch| arch == "all") {
        let below = at.inputs().find(|input| matches!(input.role, "root" | "base"))?;
        at = graph.node(below.node);
    }
    at.arch()
}
