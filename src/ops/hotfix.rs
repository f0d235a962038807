//! A hotfix: what a generation of a channel was made from with one change, built and published alone with what depends on it.
//!
//! ```text
//! pins of the generation ──► base ──┐ which packages are its component's, and which depend on it
//! the component's newer pin ──► new ┴──► what is to be built: nothing but those ──► published, and the lock written
//! ```
//!
//! Recipes, settings and local sources are those of today: one that changed otherwise would let other components be built anew,
//! and is refused.

use std::collections::BTreeSet;

use super::channel::{self, built};
use super::pin::moves::moves;
use super::pins;
use super::plan::{self, Wish};
use super::promote::generation;
use super::publish::{Outlook, Publication, outlook, publish_as};
use super::session::Session;
use super::update::Move;
use super::watch::evaluate;
use crate::diag::{Cause, Caused, Failure};
use crate::eval;
use crate::graph::{Graph, NodeId};
use crate::lock::Lock;
use crate::name::{ChannelName, ComponentName, Kind};
use crate::plan::{Plan, State};
use crate::project::{Place, Project, ProjectFiles};
use crate::publish::{Generation, Way};
use crate::repo;
use crate::sign::Signers;
use crate::store::Store;

/// The most names in a message.
const MOST: usize = 8;

/// Why there is no hotfix.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum HotfixError {
    /// The channel's pins move on.
    #[error("`{channel}` has no lock of its own, so what its generation was made from moves on")]
    #[diagnostic(
        code(opb::hotfix::no_lock),
        help(
            "add `lock = \"{channel}\"` to `[channel.{channel}]` in `opb.toml`, and publish or promote to it once more"
        )
    )]
    NoLock {
        /// The channel.
        channel: ChannelName,
    },
    /// A generation that does not say what it was made from.
    #[error("generation {number} of `{channel}` does not say which pins it was made from")]
    #[diagnostic(
        code(opb::hotfix::no_pins),
        help("publish or promote to `{channel}` once more, which makes one that says so")
    )]
    NoPins {
        /// The channel.
        channel: ChannelName,
        /// The generation.
        number: u64,
    },
    /// The lock has moved since.
    #[error("`{file}` is not what generation {number} of `{channel}` was made from: {what}")]
    #[diagnostic(
        code(opb::hotfix::moved),
        help("take the file back, or build and publish what it says first: `opb --channel {channel} build`")
    )]
    Moved {
        /// The lock's file.
        file: String,
        /// The channel.
        channel: ChannelName,
        /// The generation.
        number: u64,
        /// What differs.
        what: String,
    },
    /// No such component.
    #[error("there is no component `{name}`")]
    #[diagnostic(code(opb::hotfix::unknown), help("{help}"))]
    Unknown {
        /// What was given.
        name: ComponentName,
        /// What to do.
        help: String,
    },
    /// Nothing of the component changed.
    #[error("nothing of `{component}` differs from what generation {number} of `{channel}` was made from")]
    #[diagnostic(
        code(opb::hotfix::nothing),
        help(
            "run `opb update {component}` to have a newer source, or change its recipe or its source; then run this again"
        )
    )]
    Nothing {
        /// The component.
        component: ComponentName,
        /// The channel.
        channel: ChannelName,
        /// The generation.
        number: u64,
    },
    /// Something else changed, too.
    #[error(
        "the hotfix of `{component}` would not be alone: {what} would be built anew, too, and {does} not depend on it"
    )]
    #[diagnostic(
        code(opb::hotfix::not_alone),
        help(
            "take back what changed there since generation {number} of `{channel}` was published (see `opb --channel {channel} why NODE`), or publish it in the usual way first"
        )
    )]
    NotAlone {
        /// The component.
        component: ComponentName,
        /// What else.
        what: String,
        /// `does` or `do`.
        does: &'static str,
        /// The channel.
        channel: ChannelName,
        /// The generation.
        number: u64,
    },
    /// Other packages would come or go.
    #[error("the hotfix of `{component}` would not be alone: {what} would be published otherwise, too")]
    #[diagnostic(
        code(opb::hotfix::others),
        help("see `opb repo plan {channel}`, and publish what else is built of it in the usual way first")
    )]
    Others {
        /// The component.
        component: ComponentName,
        /// The packages.
        what: String,
        /// The channel.
        channel: ChannelName,
    },
}

impl Caused for HotfixError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The component that changes.
    pub component: &'a ComponentName,
    /// The channel that is to have it.
    pub on: &'a ChannelName,
    /// The channel whose lock has the component's newer pin; `None`: `opb.lock` has it.
    pub from: Option<&'a ChannelName>,
}

/// A hotfix that is to be built and published.
pub struct Hotfix {
    /// The project with its pins.
    pub session: Session,
    /// What is to be built.
    pub wish: Wish,
    /// What that comes to.
    pub plan: Plan,
    /// The pins that move.
    pub moves: Vec<Move>,
    /// The components that it concerns: the one, and those that depend on it.
    pub components: BTreeSet<ComponentName>,
    /// Names of their packages, as they were and as far as they are known.
    packages: BTreeSet<String>,
    component: ComponentName,
    channel: ChannelName,
}

/// Works out a hotfix in the project at `place`. Changes nothing.
///
/// # Errors
/// [`HotfixError`], and where the project, its locks or the store cannot be read.
pub fn prepare(place: &Place<'_>, store: &Store, asked: &Asked<'_>) -> Result<Hotfix, Failure> {
    let Asked { component, on, from } = *asked;
    let project = Place { channel: Some(on), ..*place }.open()?;
    let newer = Place { channel: from, ..*place }.open()?.lock()?;
    if project.lock_name().is_none() {
        return Err(HotfixError::NoLock { channel: on.clone() }.into());
    }
    let evaluated = evaluate(&ProjectFiles(project.root()))?;
    check_known(&evaluated, component)?;
    let all = || evaluated.work.iter().map(|work| &work.component).filter(|known| known.name == *component);
    let sources = all().flat_map(|known| known.source_packages().chain(known.source_rpm()).cloned()).collect();
    let checkouts = all().flat_map(|known| known.checkouts().cloned()).collect();
    let archives = all().flat_map(|known| known.archives().cloned()).collect();
    let current = generation(store, on, None)?;
    let pinned = pins::of_generation(&project, store, &current)?;
    let pinned = pinned.ok_or_else(|| HotfixError::NoPins { channel: on.clone(), number: current.number })?;
    check_unmoved(&project, on, &current, &pinned)?;
    let lock = pinned.clone().taking_sources(&newer, &sources).taking_checkouts(&newer, &checkouts);
    let lock = lock.taking_archives(&newer, &archives);
    let moves = moves(&pinned, &lock);
    let base = Session::with_lock(project, evaluated, pinned)?;
    let session = Session::pinned(Place { channel: Some(on), ..*place }.open()?, lock)?;
    let mut packages = BTreeSet::new();
    let (_, before) = affected(&base.graph, component);
    packages.append(&mut names(&base, store, on, &before)?);
    let (components, of_components) = affected(&session.graph, component);
    let wish = Wish { wanted: channel::parts(&session, on)?, ..Wish::default() };
    let plan = plan::plan(&session, &wish, store, None)?;
    let (mut own, mut others) = (false, BTreeSet::new());
    for planned in plan.nodes.iter().filter(|planned| planned.state != State::Clean) {
        let node = session.graph.node(planned.node);
        if of_components.contains(&planned.node) {
            own = own || node.kind() != Kind::Repo;
        } else if matches!(node.kind(), Kind::Build | Kind::SourcePackage) {
            others.insert(node.to_string());
        }
    }
    if !others.is_empty() {
        return Err(HotfixError::NotAlone {
            component: component.clone(),
            does: if others.len() == 1 { "does" } else { "do" },
            what: listed(others.iter()),
            channel: on.clone(),
            number: current.number,
        }
        .into());
    }
    // A change that was built already, and not published, is one as well.
    if !own && outlook(&session, store, on)?.distros.iter().all(|distro| distro.changes.is_empty()) {
        let (component, channel) = (component.clone(), on.clone());
        return Err(HotfixError::Nothing { component, channel, number: current.number }.into());
    }
    let (component, channel) = (component.clone(), on.clone());
    Ok(Hotfix { session, wish, plan, moves, components, packages, component, channel })
}

/// Publishes a hotfix that is built, and writes the channel's lock; gives its file, where something moves in it.
///
/// # Errors
/// [`HotfixError::Others`], and as [`publish`](super::publish::publish). The channel then stays as it was.
pub fn finish(hotfix: &Hotfix, store: &Store, signer: &Signers) -> Result<(Publication, Option<String>), Failure> {
    let Hotfix { session, channel, component, .. } = hotfix;
    let (_, nodes) = affected(&session.graph, component);
    let mut packages = names(session, store, channel, &nodes)?;
    packages.extend(hotfix.packages.iter().cloned());
    let outlook: Outlook = outlook(session, store, channel)?;
    let changed = outlook.distros.iter().flat_map(|distro| &distro.changes);
    let others: BTreeSet<&String> =
        changed.map(|changed| &changed.name).filter(|name| !packages.contains(*name)).collect();
    if !others.is_empty() {
        let (component, channel) = (component.clone(), channel.clone());
        return Err(HotfixError::Others { component, what: listed(others.into_iter()), channel }.into());
    }
    let way = Way::Hotfix { component: component.clone() };
    let publish = || publish_as(session, store, channel, outlook, way, signer);
    pins::written(session, publish, |publication| publication.outlook.held().next().is_none())
}

/// Refuses the name of a component that there is not.
fn check_known(evaluated: &eval::Project, component: &ComponentName) -> Result<(), HotfixError> {
    if evaluated.components.contains_key(component) {
        return Ok(());
    }
    let known = evaluated.components.keys().map(ComponentName::as_str);
    let help = match crate::diag::did_you_mean(component.as_str(), known) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "name one of the files in `recipes/`".to_owned(),
    };
    Err(HotfixError::Unknown { name: component.clone(), help })
}

/// Refuses a lock that has moved since `current` was published: those moves would be lost, or go out unseen.
fn check_unmoved(project: &Project, channel: &ChannelName, current: &Generation, pinned: &Lock) -> Result<(), Failure> {
    let moved = moves(pinned, &project.lock()?);
    if moved.is_empty() {
        return Ok(());
    }
    let what = listed(moved.iter().map(|moved| &moved.what));
    let (file, channel, number) = (project.lock_file(), channel.clone(), current.number);
    Err(HotfixError::Moved { file, channel, number, what }.into())
}

/// The components that a change of `component` concerns, and their nodes with the sources that only they read.
fn affected(graph: &Graph, component: &ComponentName) -> (BTreeSet<ComponentName>, BTreeSet<NodeId>) {
    let own = graph.ids().filter(|id| graph.node(*id).component_str() == Some(component.as_str()));
    let mut nodes: BTreeSet<NodeId> = graph.with_consumers(&own.collect::<Vec<_>>()).into_iter().collect();
    let components = nodes.iter().filter_map(|id| graph.node(*id).component()).collect();
    let is_only_theirs = |id: &NodeId| graph.consumers(*id).iter().all(|consumer| nodes.contains(consumer));
    let sources: Vec<NodeId> =
        graph.ids().filter(|id| graph.node(*id).kind() == Kind::Source).filter(is_only_theirs).collect();
    nodes.extend(sources);
    (components, nodes)
}

/// Names of the packages that `nodes` have made for `channel`.
fn names(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    nodes: &BTreeSet<NodeId>,
) -> Result<BTreeSet<String>, Failure> {
    let mut names = BTreeSet::new();
    let plan = built(session, store, channel)?.plan;
    for planned in plan.nodes.iter().filter(|planned| nodes.contains(&planned.node)) {
        if !matches!(session.graph.node(planned.node).kind(), Kind::Build | Kind::SourcePackage) {
            continue;
        }
        for tree in planned.outputs.iter().flat_map(crate::drv::Outputs::values) {
            if store.hold(*tree)? {
                let rows = repo::rows(&store.get_tree(*tree)?, &BTreeSet::new());
                names.extend(rows.into_iter().map(|row| row.name));
            }
        }
    }
    Ok(names)
}

fn listed(names: impl ExactSizeIterator<Item = impl std::fmt::Display>) -> String {
    let (count, shown) = (names.len(), names.take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>());
    let more = if count > MOST { format!(" and {} more", count - MOST) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_and_what_to_do() {
        let told = |error: HotfixError| {
            let help = miette::Diagnostic::help(&error).expect("says what to do").to_string();
            (error.to_string(), help)
        };
        let channel = || ChannelName::new("stable").expect("a name");
        let component = || ComponentName::new("libmd").expect("a name");
        assert_eq!(
            told(HotfixError::NoPins { channel: channel(), number: 3 }),
            (
                "generation 3 of `stable` does not say which pins it was made from".to_owned(),
                "publish or promote to `stable` once more, which makes one that says so".to_owned()
            )
        );
        let what = listed(["libbsd0", "libbsd-dev"].iter());
        assert_eq!(
            told(HotfixError::Others { component: component(), what, channel: channel() }),
            (
                "the hotfix of `libmd` would not be alone: `libbsd0`, `libbsd-dev` would be published otherwise, too"
                    .to_owned(),
                "see `opb repo plan stable`, and publish what else is built of it in the usual way first".to_owned()
            )
        );
        assert_eq!(listed(["a"; 10].iter()).matches('a').count(), MOST + 1, "the rest is counted");
        assert!(listed(["x"; 10].iter()).ends_with(" and 2 more"));
    }
}
