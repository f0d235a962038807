//! Publishing a channel from what is built.

use std::collections::BTreeSet;

use super::plan::Wish;
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::drv::{Action, Outputs};
use crate::exec::{read_listing, settings_of};
use crate::graph::NodeId;
use crate::name::{ChannelName, DistroName, Kind, NodeName};
use crate::plan::{Plan, State, contents_without, without};
use crate::project::{now, today};
use crate::publish::{self, Content, Part, Published, YumSettings};
use crate::repo::Suite;
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

/// What was published, and without what.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The generation.
    pub published: Published,
    /// The nodes without whose outputs it is, since they failed as they may; in order, each once.
    pub without: Vec<NodeName>,
}

/// Publishes what is built of a channel. Where something of it is not built that may fail today, the repository that was
/// assembled without it is published.
///
/// # Errors
/// Where something of it is not built, or it may not be published. What was published before stays.
pub fn publish(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    signer: &Signer,
) -> Result<Publication, Failure> {
    let nodes = parts(session, channel)?;
    let wish = Wish { wanted: nodes.clone(), ..Wish::default() };
    let plan = super::plan::plan(session, &wish, store, None)?;
    let (mut content, mut lacking) = (Vec::new(), BTreeSet::new());
    for id in nodes {
        let node = session.graph.node(id);
        let not_built = || ChannelError::NotBuilt { node: node.to_string() };
        let planned = plan.of(id).ok_or_else(not_built)?;
        let outputs = match (&planned.state, &planned.outputs) {
            (State::Clean, Some(outputs)) => outputs.clone(),
            _ => {
                let (outputs, missing) = assembled_without(session, store, &plan, id)?.ok_or_else(not_built)?;
                lacking.extend(missing);
                outputs
            }
        };
        let Action::Repo { settings } = &node.action() else { continue };
        let output = |name: &str| outputs.get(name).copied().ok_or_else(not_built);
        let tree = output("tree")?;
        let of = match DistroName::new(node.place()).ok().and_then(|distro| YumSettings::of(&distro, settings)) {
            Some(settings) => Content::Yum(settings),
            None => {
                let listing = store.get_tree(output("listing")?)?;
                let (_, object, _) = listing.files().next().ok_or_else(not_built)?;
                let text = String::from_utf8_lossy(&store.read_object(object, MAX_LISTING)?).into_owned();
                Content::Apt(vec![Suite { settings: settings_of(settings), indexes: read_listing(&text)? }])
            }
        };
        if !store.hold(tree)? {
            return Err(not_built().into());
        }
        content.push(Part { tree, content: of });
    }
    let url = session.project.settings.channel.get(channel).and_then(|settings| settings.url.as_deref());
    let published = publish::publish(store, channel, &content, signer, url, now())?;
    Ok(Publication { published, without: lacking.into_iter().map(|id| session.graph.node(id).name()).collect() })
}

/// The outputs of the repository `id` as it was assembled without inputs that may fail and are not built, and the nodes of
/// those; `None` where it was not.
fn assembled_without(
    session: &Session,
    store: &Store,
    plan: &Plan,
    id: NodeId,
) -> Result<Option<(Outputs, BTreeSet<NodeId>)>, Failure> {
    let (node, today) = (session.graph.node(id), today());
    let outputs = |id: NodeId| plan.of(id).and_then(|planned| planned.outputs.as_ref());
    let may_fail = |id: NodeId| session.graph.node(id).may_fail().is_some_and(|may_fail| may_fail.holds(&today));
    let missing = without(node, &session.graph, |id| outputs(id).is_none() && may_fail(id));
    let Some(contents) = contents_without(node, outputs, |id| missing.contains(&id)) else { return Ok(None) };
    let found = store.outputs_of(&[node.action_key(None, &contents)])?.pop().flatten();
    Ok(found.map(|outputs| (outputs, missing)))
}
