//! Publishing again what was published: of another channel, or of an earlier generation.

use std::collections::BTreeSet;

use super::channel::{self, ChannelError};
use super::closure;
use super::pins;
use super::plan::Wish;
use super::publish::request;
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::drv::Action;
use crate::graph::NodeId;
use crate::lock::Lock;
use crate::name::{ChannelName, DistroName};
use crate::project::Place;
use crate::publish::{self, Content, Generation, Part, Published, Way};
use crate::repo::yum::{DEBUG, SOURCES, base_arch};
use crate::sign::Signers;
use crate::store::Store;

/// Why what a channel has does not go into another, or not again.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PromoteError {
    /// One channel twice.
    #[error("`{channel}` cannot be promoted to itself")]
    #[diagnostic(code(opb::promote::same), help("name another channel, or use `opb repo rollback {channel}`"))]
    Same {
        /// The channel.
        channel: String,
    },
    /// Other arches.
    #[error("`{distro}` has the arches {theirs} in `{from}`, and {ours} in `{to}`")]
    #[diagnostic(
        code(opb::promote::arches),
        help("let `targets` of both channels hold the same arches of it, and publish `{from}` first")
    )]
    Arches {
        /// The distro.
        distro: String,
        /// The channel that has it.
        from: String,
        /// The channel that is to have it.
        to: String,
        /// What there is.
        theirs: String,
        /// What is wanted.
        ours: String,
    },
    /// What would not be whole there.
    #[error("what `{from}` has of `{distro}` is not whole in `{to}`")]
    #[diagnostic(
        code(opb::promote::open),
        help(
            "publish newer packages in `{from}` first, or set `closure = false` for `{to}`; what is not met today:\n{told}"
        )
    )]
    Open {
        /// The distro.
        distro: String,
        /// The channel that has it.
        from: String,
        /// The channel that is to have it.
        to: String,
        /// The packages, in lines.
        told: String,
    },
    /// A generation that does not say what it was made from.
    #[error(
        "generation {number} of `{channel}` does not say which pins it was made from, and `{to}` has a lock of its own"
    )]
    #[diagnostic(
        code(opb::promote::no_pins),
        help("publish `{channel}` again, which makes a generation that says so, and promote that one")
    )]
    NoPins {
        /// The channel that has it.
        channel: String,
        /// Its generation.
        number: u64,
        /// The channel that is to have it.
        to: String,
    },
    /// Bytes that are gone.
    #[error("generation {number} of `{channel}` is not whole any more")]
    #[diagnostic(
        code(opb::promote::lost),
        help("run `opb store verify --repair`, build again what it forgets, or name another generation")
    )]
    Lost {
        /// The channel.
        channel: String,
        /// Its generation.
        number: u64,
    },
    /// Nothing before it.
    #[error("there is no generation of `{channel}` before the current one")]
    #[diagnostic(code(opb::promote::first), help("see `opb repo list {channel}` for those that there are"))]
    First {
        /// The channel.
        channel: String,
    },
}

impl Caused for PromoteError {
    fn fault(&self) -> Cause {
        match self {
            Self::Lost { .. } => Cause::Environment,
            Self::Open { .. } => Cause::Build,
            _ => Cause::Input,
        }
    }
}

/// What is taken over from another channel.
#[derive(Debug)]
pub struct Promotion<'a> {
    /// The channel that has it.
    pub from: &'a ChannelName,
    /// The channel that is to have it.
    pub to: &'a ChannelName,
    /// The generation of `from`; `None`: the current one.
    pub generation: Option<u64>,
    /// Which distros; empty: all that both hold.
    pub distros: &'a [DistroName],
}

/// What was published again.
#[derive(Debug)]
pub struct Again {
    /// The generation.
    pub published: Published,
    /// The file of the channel's own lock, where that was written: it says what the generation was made from.
    pub lock: Option<String>,
}

/// Publishes in a channel the packages that another has published, and takes over the pins that they were made from where it has
/// a lock of its own. What it holds of other distros stays. `session` has the lock of the channel that has them.
///
/// # Errors
/// [`PromoteError`], [`ChannelError`], and as [`publish::publish`]. The channel then stays as it was.
pub fn promote(
    session: &Session,
    store: &Store,
    promotion: &Promotion<'_>,
    signer: &Signers,
) -> Result<Again, Failure> {
    let Promotion { from, to, distros, .. } = promotion;
    if from == to {
        return Err(PromoteError::Same { channel: from.to_string() }.into());
    }
    channel::settings(session, from)?;
    let source = generation(store, from, promotion.generation)?;
    let there: Vec<DistroName> = source.parts.iter().map(|record| record.part.distro.clone()).collect();
    let moved = pins::of_generation(&session.project, store, &source)?;
    let own = pins::session_of(session, to, |lock| match &moved {
        Some(moved) => pins::with(lock, moved, distros),
        None => lock,
    })?;
    if own.is_some() && moved.is_none() {
        return Err(
            PromoteError::NoPins { channel: from.to_string(), number: source.number, to: to.to_string() }.into()
        );
    }
    let target = own.as_ref().unwrap_or(session);
    let held: BTreeSet<String> =
        channel::parts(target, to)?.into_iter().map(|node| target.graph.node(node).place().to_owned()).collect();
    let missing = |channel: &ChannelName, distro: &DistroName, known: Vec<String>| ChannelError::NoDistro {
        channel: channel.to_string(),
        distro: distro.to_string(),
        help: format!("name one of those that it holds: {}", known.join(", ")),
    };
    for distro in *distros {
        if !there.contains(distro) {
            return Err(missing(from, distro, there.iter().map(ToString::to_string).collect()).into());
        }
        if !held.contains(distro.as_str()) {
            return Err(missing(to, distro, held.into_iter().collect()).into());
        }
    }
    let is_meant =
        |part: &Part| held.contains(part.distro.as_str()) && (distros.is_empty() || distros.contains(&part.distro));
    let taken: Vec<Part> =
        source.parts.iter().map(|record| record.part.clone()).filter(|part| is_meant(part)).collect();
    for part in &taken {
        check_arches(target, store, promotion, part)?;
        if !store.hold(part.tree)? {
            return Err(PromoteError::Lost { channel: from.to_string(), number: source.number }.into());
        }
        check_closure((session, target), store, promotion, part)?;
    }
    let current = publish::current(store, to)?;
    let before = match &current {
        Some(current) => pins::of_generation(&target.project, store, current)?.unwrap_or_default(),
        None => Lock::default(),
    };
    let made_from = match (&own, &moved) {
        (Some(own), _) => Some(pins::keep(store, own.lock()?)?),
        (None, Some(moved)) => Some(pins::keep(store, &pins::with(before, moved, distros))?),
        (None, None) => None,
    };
    let others = current.into_iter().flat_map(|current| current.parts).map(|record| record.part);
    let others = others
        .filter(|part| held.contains(part.distro.as_str()) && !taken.iter().any(|taken| taken.distro == part.distro));
    let mut parts: Vec<Part> = others.chain(taken.iter().cloned()).collect();
    parts.sort_by(|one, other| one.distro.cmp(&other.distro));
    let way = Way::Promoted { from: (*from).clone(), generation: source.number };
    again(own.as_ref(), store, || request(target, store, to, (&parts, way, made_from), signer))
}

/// Publishes something, with what it was made from in the lock of the channel's own, where it has one; the store then keeps what that
/// comes to.
fn again(
    own: Option<&Session>,
    store: &Store,
    publish: impl FnOnce() -> Result<Published, Failure>,
) -> Result<Again, Failure> {
    let Some(own) = own else { return Ok(Again { published: publish()?, lock: None }) };
    let (published, lock) = pins::written(own, publish, |_| true)?;
    let wish = Wish { wanted: own.graph.ids().collect(), ..Wish::default() };
    super::plan::plan(own, &wish, store, None)?;
    Ok(Again { published, lock })
}

/// Publishes an earlier generation of a channel again, as a newer one, and where the channel has a lock of its own, has that say again
/// what it was made from. Without `to`, the one before the current one. `session` has the lock of the channel.
///
/// # Errors
/// As [`promote`].
pub fn rollback(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    to: Option<u64>,
    signer: &Signers,
) -> Result<Again, Failure> {
    channel::settings(session, channel)?;
    let current = generation(store, channel, None)?;
    let to = match to {
        Some(number) => generation(store, channel, Some(number))?,
        None => {
            let before = publish::generations(store, channel)?;
            let before = before.into_iter().rev().find(|generation| generation.number < current.number);
            before.ok_or_else(|| PromoteError::First { channel: channel.to_string() })?
        }
    };
    let moved = pins::of_generation(&session.project, store, &to)?;
    let parts: Vec<Part> = to.parts.into_iter().map(|record| record.part).collect();
    for part in &parts {
        if !store.hold(part.tree)? {
            return Err(PromoteError::Lost { channel: channel.to_string(), number: to.number }.into());
        }
    }
    let way = Way::RolledBack { to: to.number };
    let own = match moved.filter(|_| session.project.lock_name().is_some()) {
        None => None,
        Some(moved) => {
            let project = Place { folder: session.project.path.as_path(), channel: Some(channel) }.open()?;
            Some(Session::pinned(project, moved)?)
        }
    };
    again(own.as_ref(), store, || request(session, store, channel, (&parts, way, to.pins), signer))
}

/// A generation of a channel; without a number, the current one.
///
/// # Errors
/// [`ChannelError`] where there is none.
pub fn generation(store: &Store, channel: &ChannelName, number: Option<u64>) -> Result<Generation, Failure> {
    let Some(number) = number else {
        let current = publish::current(store, channel)?;
        return Ok(current.ok_or_else(|| ChannelError::Unpublished { channel: channel.to_string() })?);
    };
    let all = publish::generations(store, channel)?;
    let numbers: Vec<String> = all.iter().map(|generation| generation.number.to_string()).collect();
    let found = all.into_iter().find(|generation| generation.number == number);
    Ok(found.ok_or_else(|| ChannelError::NoGeneration {
        channel: channel.to_string(),
        number,
        help: if numbers.is_empty() {
            format!("run `opb repo publish {channel}` first")
        } else {
            format!("name one of those that are kept: {}", numbers.join(", "))
        },
    })?)
}

/// The node that assembles what `channel` holds of a part's distro.
fn node_of(session: &Session, channel: &ChannelName, part: &Part) -> Result<Option<NodeId>, ChannelError> {
    let nodes = channel::parts(session, channel)?;
    Ok(nodes.into_iter().find(|node| session.graph.node(*node).place() == part.distro.as_str()))
}

/// Refuses a part of which something needs what neither it nor the distro has by now: as that is pinned where it comes from, for a
/// lock of the channel's own has the distro as it was then.
fn check_closure(
    (source, target): (&Session, &Session),
    store: &Store,
    promotion: &Promotion<'_>,
    part: &Part,
) -> Result<(), Failure> {
    let Promotion { from, to, .. } = promotion;
    if !channel::settings(target, to)?.must_be_whole() {
        return Ok(());
    }
    let now = node_of(source, from, part)?.map(|node| (source, node));
    let then = node_of(target, to, part)?.map(|node| (target, node));
    let Some((session, node)) = now.or(then) else { return Ok(()) };
    let closure = closure::check_published(session, store, node, &store.get_tree(part.tree)?)?;
    if closure.is_sound() {
        return Ok(());
    }
    let told = crate::report::closure::told(&closure.broken);
    let (distro, from, to) = (part.distro.to_string(), from.to_string(), to.to_string());
    Err(PromoteError::Open { distro, from, to, told }.into())
}

/// Refuses a part whose arches are others than those that the channel is to hold.
fn check_arches(session: &Session, store: &Store, promotion: &Promotion<'_>, part: &Part) -> Result<(), Failure> {
    let Some(node) = node_of(session, promotion.to, part)? else { return Ok(()) };
    let Action::Repo { settings } = &session.graph.node(node).action() else { return Ok(()) };
    let arches = settings.get("arches").map(String::as_str).unwrap_or_default().split_whitespace();
    let (theirs, ours): (BTreeSet<String>, BTreeSet<String>) = match &part.content {
        Content::Apt(suites) => {
            let theirs = suites.first().into_iter().flat_map(|suite| &suite.settings.arches);
            (theirs.map(ToString::to_string).collect(), arches.map(str::to_owned).collect())
        }
        Content::Yum(_) => {
            let tree = store.get_tree(part.tree)?;
            let tops = tree.iter().map(|(path, _)| path.to_string()).filter(|path| !path.contains('/'));
            let ours = arches.map(|arch| base_arch(arch).to_owned());
            (tops.filter(|top| top != SOURCES && !top.ends_with(DEBUG)).collect(), ours.collect())
        }
    };
    if theirs == ours {
        return Ok(());
    }
    let told = |arches: &BTreeSet<String>| arches.iter().map(|arch| format!("`{arch}`")).collect::<Vec<_>>().join(", ");
    Err(PromoteError::Arches {
        distro: part.distro.to_string(),
        from: promotion.from.to_string(),
        to: promotion.to.to_string(),
        theirs: told(&theirs),
        ours: told(&ours),
    }
    .into())
}
