//! What a project wants kept in the store: the list of its nodes, each with the key that it is or last was realised by.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Session;
use crate::diag::Failure;
use crate::drv::ActionKey;
use crate::fetch::clone_name;
use crate::graph::NodeId;
use crate::project::{self, Project};
use crate::store::{ProjectList, Store};

/// The name in lists of what a project pins: its folder, or the file of a lock that a channel has of its own.
pub fn project_of(project: &Project) -> String {
    match project.lock_name() {
        None => project.path.to_string(),
        Some(_) => project.path.join(project.lock_file()).to_string(),
    }
}

/// The key by which the project's list says that `node` is, or last was, realised. A damaged list says nothing.
pub fn listed(session: &Session, store: &Store, node: &str) -> Option<ActionKey> {
    store.listed(&project_of(&session.project)).ok().flatten()?.key_of(node, 0)
}

/// Brings the project's list in the store up to date with what `settled` says of its nodes. A node of which that says
/// nothing stays with what it had.
///
/// # Errors
/// Where the list cannot be written.
pub fn keep(session: &Session, store: &Store, settled: impl Fn(NodeId) -> Option<ActionKey>) -> Result<(), Failure> {
    let (project, graph) = (project_of(&session.project), &session.graph);
    let renewed = store.renew_project(&project, |before| {
        let before: BTreeMap<&str, ActionKey> =
            before.nodes.iter().filter_map(|(node, key)| Some((node.as_str(), (*key)?))).collect();
        let nodes = graph.ids().map(|id| {
            let name = graph.node(id).to_string();
            let key = settled(id).or_else(|| before.get(name.as_str()).copied());
            (name, key)
        });
        ProjectList { project: project.clone(), updated: project::now(), nodes: nodes.collect() }
    });
    renewed?;
    Ok(store.keep_clones(&project, clones(session)?)?)
}

/// The clones that the project's pins lead to. What leads nowhere has none.
fn clones(session: &Session) -> Result<BTreeSet<String>, Failure> {
    let sources = &session.project.settings.sources;
    let names = session.lock()?.checkout.keys().filter_map(|checkout| {
        let whole = sources.whole(checkout.system, &checkout.url).ok()?;
        Some(clone_name(checkout.system, &sources.leads(checkout.system, &whole).ok()?))
    });
    Ok(names.collect())
}
