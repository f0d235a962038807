//! Channels of a project: what `opb.toml` says of one, and what is built of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::last_good::WithLastGood;
use super::plan::Wish;
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::drv::{Action, Outputs};
use crate::exec::suites;
use crate::graph::{NodeId, Origin};
use crate::name::{ChannelName, DistroName, Kind, NodeName};
use crate::plan::{Instead, Plan, Planned, State, contents_without, without};
use crate::project::today;
use crate::publish::{Content, Naming, Part, Retention, YumSettings};
use crate::repo::Suite;
use crate::settings::{Channel, NoChannel};
use crate::store::Store;

/// The most bytes of a repository's listing.
const MAX_LISTING: u64 = 64 << 20;

/// Why nothing can be done with a channel.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ChannelError {
    /// `opb.toml` has none of that name.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unknown(#[from] NoChannel),
    /// Its content has not been built.
    #[error("`{node}` is not built")]
    #[diagnostic(code(opb::publish::not_built), help("run `{build}`, then publish again; what is published now stays"))]
    NotBuilt {
        /// The node that assembles it.
        node: String,
        /// The verb that builds it.
        build: String,
    },
    /// Nothing was published of it.
    #[error("nothing is published of the channel `{channel}`")]
    #[diagnostic(code(opb::publish::unpublished), help("run `opb repo publish {channel}` first"))]
    Unpublished {
        /// The channel.
        channel: String,
    },
    /// A generation that is not on the disk.
    #[error("there is no generation {number} of the channel `{channel}`")]
    #[diagnostic(code(opb::publish::no_generation), help("{help}"))]
    NoGeneration {
        /// The channel.
        channel: String,
        /// The number.
        number: u64,
        /// Those that there are.
        help: String,
    },
    /// A distro that a channel does not hold.
    #[error("the channel `{channel}` holds nothing of `{distro}`")]
    #[diagnostic(code(opb::publish::no_distro), help("{help}"))]
    NoDistro {
        /// The channel.
        channel: String,
        /// The distro.
        distro: String,
        /// Those that it holds.
        help: String,
    },
}

impl Caused for ChannelError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// What `opb.toml` says of a channel.
///
/// # Errors
/// Where there is no such channel.
pub fn settings<'a>(session: &'a Session, channel: &ChannelName) -> Result<&'a Channel, ChannelError> {
    Ok(session.project.settings.channel(channel)?)
}

/// What a channel of the project says of itself.
pub fn naming(session: &Session, channel: &Channel) -> Naming {
    Naming {
        keyring: channel.has_keyring(),
        maintainer: session.project.settings.maintainer.clone(),
        origin: channel.origin.clone(),
        label: channel.label.clone(),
        suite: channel.suite.clone(),
        aliases: channel.aliases.clone(),
        url: channel.url.clone(),
        valid_for: channel.valid_seconds(),
        grace: channel.grace_seconds(),
    }
}

/// Which generations of a channel stay.
pub fn retention(channel: &Channel) -> Retention {
    Retention { count: channel.kept_count(), age: channel.kept_seconds(), grace: channel.grace_seconds() }
}

/// The nodes that assemble a channel.
///
/// # Errors
/// Where there is no such channel.
pub fn parts(session: &Session, channel: &ChannelName) -> Result<Vec<NodeId>, ChannelError> {
    settings(session, channel)?;
    let is_part = |id: &NodeId| {
        let node = session.graph.node(*id);
        node.kind() == Kind::Repo && node.subject() == channel.as_str()
    };
    Ok(session.graph.ids().filter(is_part).collect())
}

/// What is built of a channel.
pub struct Built {
    /// Its distros, in the order of their nodes.
    pub distros: Vec<BuiltDistro>,
    /// The nodes without whose outputs some of it was assembled, since they failed as they may or are skipped; in order, each
    /// once.
    pub without: Vec<NodeName>,
    /// The nodes whose last good outputs some of it was assembled with, since they fail; in order, each once.
    pub kept: Vec<NodeName>,
    /// The nodes that fail and that it never had, so that it is without them; in order, each once.
    pub never: Vec<NodeName>,
    /// What each node came to.
    pub plan: Plan,
}

/// What is built of a distro's part of a channel.
#[derive(Clone)]
pub struct BuiltDistro {
    /// The distro.
    pub distro: DistroName,
    /// The node that assembles it.
    pub node: NodeId,
    /// What it holds; `None`: it is not built.
    pub part: Option<Part>,
    /// What it keeps of what fails; `None`: it holds what the plan says.
    pub(super) last_good: Option<Arc<WithLastGood>>,
}

impl Built {
    /// What a node came to for a distro's part.
    pub fn outputs(&self, of: &BuiltDistro, id: NodeId) -> Option<Outputs> {
        let kept = of.last_good.as_ref().and_then(|last_good| last_good.outputs(id));
        kept.unwrap_or_else(|| self.plan.of(id).and_then(|planned| planned.outputs.clone()))
    }
}

/// What is built of `channel`. Where something is not built that may fail today or is skipped, what was assembled without it
/// counts.
///
/// # Errors
/// Where there is no such channel, or the store cannot be read.
pub fn built(session: &Session, store: &Store, channel: &ChannelName) -> Result<Built, Failure> {
    let nodes = parts(session, channel)?;
    let wish = Wish { wanted: nodes.clone(), ..Wish::default() };
    let plan = super::plan::plan(session, &wish, store, None)?;
    let (mut distros, mut lacking) = (Vec::new(), BTreeSet::new());
    let (mut kept, mut never) = (BTreeSet::new(), BTreeSet::new());
    for id in nodes {
        let node = session.graph.node(id);
        let Ok(distro) = DistroName::new(node.place()) else { continue };
        let mut last_good = None;
        let outputs = match plan.of(id).map(|planned| (&planned.state, &planned.outputs)) {
            Some((State::Clean, Some(outputs))) => {
                lacking.extend(plan.without(id, &session.graph));
                Some(outputs.clone())
            }
            Some((State::Skipped(_), _)) => None,
            // The way in which it was assembled last comes first.
            _ => match assembled_with_last_good(session, store, &plan, id)? {
                Some((outputs, found)) => {
                    let is_skipped = |id: &NodeId| plan.of(*id).is_some_and(Planned::is_skipped);
                    let (skipped, other) = found.instead.without.iter().copied().partition::<Vec<_>, _>(is_skipped);
                    lacking.extend(skipped);
                    never.extend(other);
                    kept.extend(found.kept());
                    last_good = Some(Arc::new(found));
                    Some(outputs)
                }
                None => assembled_without(session, store, &plan, id)?.map(|(outputs, missing)| {
                    lacking.extend(missing);
                    outputs
                }),
            },
        };
        let part = match outputs {
            Some(outputs) => part(session, store, id, &distro, &outputs)?,
            None => None,
        };
        distros.push(BuiltDistro { distro, node: id, part, last_good });
    }
    let names = |ids: BTreeSet<NodeId>| ids.into_iter().map(|id| session.graph.node(id).name()).collect();
    Ok(Built { distros, without: names(lacking), kept: names(kept), never: names(never), plan })
}

/// The part that the node `id` has assembled; `None` where its bytes are not here.
fn part(
    session: &Session,
    store: &Store,
    id: NodeId,
    distro: &DistroName,
    outputs: &Outputs,
) -> Result<Option<Part>, Failure> {
    let Action::Repo { settings } = &session.graph.node(id).action() else { return Ok(None) };
    let Some(tree) = outputs.get("tree").copied() else { return Ok(None) };
    let content = match YumSettings::of(distro, settings) {
        Some(settings) => Content::Yum(settings),
        None => match suites_of(store, settings, outputs)? {
            Some(suites) => Content::Apt(suites),
            None => return Ok(None),
        },
    };
    let imported = imported(session, id);
    Ok(store.hold(tree)?.then(|| Part { distro: distro.clone(), tree, content, imported }))
}

/// Files that the repository `id` reads and that were built elsewhere.
fn imported(session: &Session, id: NodeId) -> BTreeSet<Digest> {
    let inputs = session.graph.node(id).inputs().map(|input| session.graph.node(input.node).origin());
    let files = inputs.filter_map(|origin| match origin {
        Origin::Imported { files, .. } => Some(files.values().map(|file| file.blake3)),
        _ => None,
    });
    files.flatten().collect()
}

fn suites_of(
    store: &Store,
    settings: &BTreeMap<String, String>,
    outputs: &Outputs,
) -> Result<Option<Vec<Suite>>, Failure> {
    let Some(listing) = outputs.get("listing").copied() else { return Ok(None) };
    let listing = store.get_tree(listing)?;
    let Some((_, object, _)) = listing.files().next() else { return Ok(None) };
    let text = String::from_utf8_lossy(&store.read_object(object, MAX_LISTING)?).into_owned();
    Ok(Some(suites(settings, &text)?))
}

/// Whether `id` is of a check of what may fail and is not there: all that it lacks may.
fn has_nothing_to_check(
    session: &Session,
    id: NodeId,
    is_there: &dyn Fn(NodeId) -> bool,
    may_fail: &dyn Fn(NodeId) -> bool,
) -> bool {
    let node = session.graph.node(id);
    let mut lacking = node.input_nodes().iter().copied().filter(|input| !is_there(*input)).peekable();
    node.is_of_check()
        && lacking.peek().is_some()
        && lacking.all(|input| may_fail(input) || has_nothing_to_check(session, input, is_there, may_fail))
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
    let may_fail = |id: NodeId| {
        let known = session.excepted.known_failure(session.graph.node(id));
        known.is_some_and(|known| known.holds(&today)) || plan.of(id).is_some_and(Planned::is_skipped)
    };
    let missing = without(node, &session.graph, |id| {
        outputs(id).is_none()
            && (may_fail(id) || has_nothing_to_check(session, id, &|id| outputs(id).is_some(), &may_fail))
    });
    let Some(contents) = contents_without(node, outputs, |id| missing.contains(&id)) else { return Ok(None) };
    let found = store.outputs_of(&[node.action_key(None, &contents)])?.pop().flatten();
    Ok(found.map(|outputs| (outputs, missing)))
}

/// The outputs of the repository `id` as it was assembled with what it had of inputs that are not built, and what that is;
/// `None` where it was not.
fn assembled_with_last_good(
    session: &Session,
    store: &Store,
    plan: &Plan,
    id: NodeId,
) -> Result<Option<(Outputs, WithLastGood)>, Failure> {
    let node = session.graph.node(id);
    let outputs = |id: NodeId| plan.of(id).and_then(|planned| planned.outputs.as_ref());
    let skipped = |id: NodeId| plan.of(id).is_some_and(Planned::is_skipped);
    let Some(found) = WithLastGood::of(session, store, id, outputs, skipped)? else { return Ok(None) };
    let Instead { without, kept } = &found.instead;
    let settled = |input: NodeId| kept.get(&input).or_else(|| outputs(input));
    let Some(contents) = contents_without(node, settled, |input| without.contains(&input)) else { return Ok(None) };
    let assembled = store.outputs_of(&[node.action_key(None, &contents)])?.pop().flatten();
    Ok(assembled.map(|outputs| (outputs, found)))
}
