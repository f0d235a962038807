//! Publishing a channel from what is built.

use super::plan::Wish;
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::drv::{Action, Outputs};
use crate::exec::{StoreKnowledge, read_listing, settings_of};
use crate::graph::NodeId;
use crate::name::{ChannelName, Kind, OutputName};
use crate::plan::State;
use crate::project::now;
use crate::publish::{self, Part, Published};
use crate::sign::Signer;
use crate::store::Store;

/// The most bytes of a repository's listing.
const MAX_LISTING: u64 = 64 << 20;

/// Why a channel cannot be published.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ChannelError {
    /// `opb.toml` has none of that name.
    #[error("there is no channel `{channel}`")]
    #[diagnostic(
        code(opb::publish::no_channel),
        help("name one of {known}, or add `[channel.{channel}]` to `opb.toml`")
    )]
    Unknown {
        /// The name.
        channel: String,
        /// Those that there are.
        known: String,
    },
    /// Its content has not been built.
    #[error("`{node}` is not built")]
    #[diagnostic(
        code(opb::publish::not_built),
        help("run `opb build`, then publish again; what is published now stays")
    )]
    NotBuilt {
        /// The node that assembles it.
        node: String,
    },
}

impl Caused for ChannelError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The nodes that assemble a channel.
///
/// # Errors
/// Where there is no such channel.
pub fn parts(session: &Session, channel: &ChannelName) -> Result<Vec<NodeId>, ChannelError> {
    let channels = &session.project.settings.channel;
    if !channels.contains_key(channel) {
        let known = channels.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(ChannelError::Unknown { channel: channel.to_string(), known });
    }
    let is_part = |id: &NodeId| {
        let node = session.graph.node(*id);
        node.kind() == Kind::Repo && node.subject() == channel.as_str()
    };
    Ok(session.graph.ids().filter(is_part).collect())
}

/// The name of the key that signs a channel.
pub fn key_name(session: &Session, channel: &ChannelName) -> ChannelName {
    let settings = session.project.settings.channel.get(channel);
    let named = settings.and_then(|settings| settings.key.clone());
    named.unwrap_or_else(|| channel.clone())
}

/// Publishes what is built of a channel.
///
/// # Errors
/// Where something of it is not built, or it may not be published. What was published before stays.
pub fn publish(session: &Session, store: &Store, channel: &ChannelName, signer: &Signer) -> Result<Published, Failure> {
    let nodes = parts(session, channel)?;
    let wish = Wish { wanted: nodes.clone(), again: Vec::new() };
    let plan = super::plan::plan(&session.graph, &wish, &StoreKnowledge::new(store)?)?;
    let mut content = Vec::new();
    for id in nodes {
        let node = session.graph.node(id);
        let not_built = || ChannelError::NotBuilt { node: node.to_string() };
        let planned = plan.of(id).ok_or_else(not_built)?;
        let (State::Clean, Some(outputs)) = (&planned.state, &planned.outputs) else { return Err(not_built().into()) };
        let Action::Repo { settings } = &node.action() else { continue };
        let tree = output(outputs, "tree").ok_or_else(not_built)?;
        let listing = store.get_tree(output(outputs, "listing").ok_or_else(not_built)?)?;
        let (_, object, _) = listing.files().next().ok_or_else(not_built)?;
        let text = String::from_utf8_lossy(&store.read_object(object, MAX_LISTING)?).into_owned();
        if !store.present(tree)? {
            return Err(not_built().into());
        }
        content.push(Part { settings: settings_of(settings), tree, indexes: read_listing(&text)? });
    }
    let url = session.project.settings.channel.get(channel).and_then(|settings| settings.url.as_deref());
    publish::publish(store, channel, &content, signer, url, now())
}

fn output(outputs: &Outputs, name: &'static str) -> Option<crate::digest::Digest> {
    outputs.get(&OutputName::new(name).ok()?).copied()
}
