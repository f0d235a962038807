//! Publishing a channel from what is built.
//!
//! A distro whose new content is not whole keeps its last good one, and does not hold back the others.

use std::collections::BTreeMap;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::channel::{self, BuiltDistro, ChannelError};
use super::closure::{self, Closure};
use super::key::{self, SignedLine};
use super::lower::lower;
use super::pins;
use super::session::Session;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::name::{ChannelName, DistroName, NodeName};
use crate::path::HostPath;
use crate::plan::Planned;
use crate::project::now;
use crate::publish::push::{self, Pushed};
use crate::publish::{self, Generation, Part, Published, Request, SignedText, Way};
use crate::repo::{self, Changed};
use crate::report::count;
use crate::sign::Signers;
use crate::store::Store;

/// What publishing a channel would do now.
#[derive(Debug)]
pub struct Outlook {
    /// What is current; `None` where nothing was published.
    pub before: Option<Generation>,
    /// Its distros, sorted.
    pub distros: Vec<DistroOutlook>,
    /// The nodes without whose outputs it is, since they failed as they may; in order, each once.
    pub without: Vec<NodeName>,
    /// The nodes whose last good outputs are in it, since they fail; in order, each once.
    pub kept: Vec<NodeName>,
    /// The nodes that fail and that it never had, so that it is without them; in order, each once.
    pub never: Vec<NodeName>,
}

/// What becomes of a distro's part of a channel.
#[derive(Debug)]
pub struct DistroOutlook {
    /// The distro.
    pub distro: DistroName,
    /// What is published of it: what was built, or the last good state where that is held back; `None`: nothing.
    pub part: Option<Part>,
    /// Why what was built is not published; `None`: it is.
    pub held: Option<HeldBack>,
    /// How what is built differs from what is current, sorted.
    pub changes: Vec<Changed>,
    /// Whether the distro has a state in the channel already.
    pub is_known: bool,
}

/// Why what was built for a distro is not published.
#[derive(Debug)]
pub enum HeldBack {
    /// It is not built.
    NotBuilt {
        /// The node that assembles it.
        node: String,
    },
    /// All of it is skipped, as exceptions say: that is no fault.
    Skipped,
    /// Packages would go down to lower versions, which no machine installs over those that it has.
    Lower {
        /// Which, sorted; not empty.
        lower: Vec<Changed>,
    },
    /// It is not whole, or not of one piece.
    Open {
        /// What is wrong with it.
        closure: Closure,
        /// What of it differs from what is current and has to do with that, sorted: since when it is so.
        since: Vec<Changed>,
    },
    /// What is published cannot be upgraded to it.
    Upgrade {
        /// The nodes whose packages were tried, each with what failed.
        failed: Vec<(NodeName, Failure)>,
    },
}

impl HeldBack {
    /// In words.
    pub fn reason(&self) -> String {
        let need =
            |packages: usize| format!("{} need{}", count(packages, "package"), if packages == 1 { "s" } else { "" });
        let are =
            |packages: usize| format!("{} {}", count(packages, "package"), if packages == 1 { "is" } else { "are" });
        let closure = match self {
            Self::NotBuilt { node } => return format!("`{node}` is not built"),
            Self::Skipped => return "exceptions skip all of it".to_owned(),
            Self::Lower { lower } => {
                return format!("{} would go down to a lower version", count(lower.len(), "package"));
            }
            Self::Upgrade { failed } => {
                return format!("what is published cannot be upgraded to {}", count(failed.len(), "component"));
            }
            Self::Open { closure, .. } => closure,
        };
        match (closure.broken.len(), closure.incoherent.len()) {
            (0, incoherent) => format!("{} not what builds of it used", are(incoherent)),
            (broken, 0) => format!("{} something that nobody has", need(broken)),
            (broken, incoherent) => format!(
                "{} something that nobody has, and {} not what builds of it used",
                need(broken),
                are(incoherent)
            ),
        }
    }
}

/// What was published, and what was not.
#[derive(Debug)]
pub struct Publication {
    /// The generation; `None`: nothing was ever published, and all is held back.
    pub published: Option<Published>,
    /// What became of each distro.
    pub outlook: Outlook,
}

impl Outlook {
    /// The distros whose new content is held back.
    pub fn held(&self) -> impl Iterator<Item = (&DistroOutlook, &HeldBack)> {
        self.distros.iter().filter_map(|distro| Some((distro, distro.held.as_ref()?)))
    }

    /// What is published.
    pub fn parts(&self) -> Vec<Part> {
        self.distros.iter().filter_map(|distro| distro.part.clone()).collect()
    }
}

/// What is done with packages whose versions go down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowerVersions {
    /// Their distro is held back.
    HeldBack,
    /// They are published.
    Published,
}

/// What publishing `channel` would do now.
///
/// # Errors
/// Where there is no such channel, or the store cannot be read.
pub fn outlook(session: &Session, store: &Store, channel: &ChannelName) -> Result<Outlook, Failure> {
    outlook_with(session, store, channel, LowerVersions::HeldBack)
}

/// The same, where people say what is done with versions that go down.
///
/// # Errors
/// As [`outlook`].
pub(super) fn outlook_with(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    lower_versions: LowerVersions,
) -> Result<Outlook, Failure> {
    let built = channel::built(session, store, channel)?;
    let before = publish::current(store, channel)?;
    let is_checked = channel::settings(session, channel)?.must_be_whole();
    let earlier: BTreeMap<&DistroName, &Part> =
        before.iter().flat_map(|before| &before.parts).map(|record| (&record.part.distro, &record.part)).collect();
    let mut distros = Vec::new();
    for of in built.distros.clone() {
        let BuiltDistro { distro, node, part, .. } = of.clone();
        let last = earlier.get(&distro).copied();
        let rows = |part: Option<&Part>| part.map_or_else(|| Ok(Vec::new()), |part| part.rows(store));
        let is_same = part.as_ref() == last;
        let changes = if is_same { Vec::new() } else { repo::changes(&rows(last)?, &rows(part.as_ref().or(last))?) };
        let lower = match (&part, last) {
            (Some(part), Some(last)) if !is_same && lower_versions == LowerVersions::HeldBack => {
                lower(store, last, part, &changes)?
            }
            _ => Vec::new(),
        };
        let held = match &part {
            None if built.plan.of(node).is_some_and(Planned::is_skipped) => Some(HeldBack::Skipped),
            None => Some(HeldBack::NotBuilt { node: session.graph.node(node).to_string() }),
            Some(_) if !lower.is_empty() => Some(HeldBack::Lower { lower }),
            Some(_) if is_same || !is_checked => None,
            Some(_) => {
                let outputs = |id| built.outputs(&of, id);
                let closure = closure::check(session, store, node, outputs)?;
                (!closure.is_sound()).then(|| {
                    let since = if last.is_some() { since(&closure, &changes) } else { Vec::new() };
                    HeldBack::Open { since, closure }
                })
            }
        };
        let part = if held.is_some() { last.cloned() } else { part };
        distros.push(DistroOutlook { distro, part, held, changes, is_known: last.is_some() });
    }
    for (distro, part) in &earlier {
        if !distros.iter().any(|known| known.distro == **distro) {
            let changes = repo::changes(&part.rows(store)?, &[]);
            let distro = (*distro).clone();
            distros.push(DistroOutlook { distro, part: None, held: None, changes, is_known: true });
        }
    }
    distros.sort_by(|one, other| one.distro.cmp(&other.distro));
    Ok(Outlook { before, distros, without: built.without, kept: built.kept, never: built.never })
}

/// What of `changes` has to do with what is wrong.
fn since(closure: &Closure, changes: &[Changed]) -> Vec<Changed> {
    let has = |text: &str, name: &str| {
        let mut words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "+-._".contains(letter)));
        words.any(|word| word == name)
    };
    let is_named = |name: &str| {
        closure.broken.iter().any(|broken| broken.package == name || has(&broken.dependency, name))
            || closure.incoherent.iter().any(|one| one.package == name)
    };
    changes.iter().filter(|changed| is_named(&changed.name)).cloned().collect()
}

/// Publishes what is built of a channel. Where something of it is not built that may fail today, the repository that was
/// assembled without it is published.
///
/// # Errors
/// Where nothing of it can be published. What was published before stays.
pub fn publish(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    signer: &Signers,
) -> Result<Publication, Failure> {
    publish_with(session, store, channel, signer, LowerVersions::HeldBack)
}

/// The same, where people say what is done with versions that go down.
///
/// # Errors
/// As [`publish()`].
pub fn publish_with(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    signer: &Signers,
    lower_versions: LowerVersions,
) -> Result<Publication, Failure> {
    let outlook = outlook_with(session, store, channel, lower_versions)?;
    publish_as(session, store, channel, outlook, Way::Published, signer)
}

/// The same of what `outlook` says, and the generation says that it comes this `way`.
///
/// # Errors
/// As [`publish()`].
pub(super) fn publish_as(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    outlook: Outlook,
    way: Way,
    signer: &Signers,
) -> Result<Publication, Failure> {
    let parts = outlook.parts();
    let published = match outlook.held().next() {
        Some((_, HeldBack::NotBuilt { node })) if parts.is_empty() => {
            let build = session.project.settings.told_for(session.project.lock_name(), "build");
            return Err(ChannelError::NotBuilt { node: node.clone(), build }.into());
        }
        Some(_) if parts.is_empty() => None,
        // Also where all is held back: signatures of the last good state may have to be renewed.
        _ => {
            let pins = pins::keep(store, session.lock()?)?;
            Some(request(session, store, channel, (&parts, way, Some(pins)), signer)?)
        }
    };
    Ok(Publication { published, outlook })
}

/// A place, as it is written, and what became of it.
pub type PlacePushed = (String, Result<Pushed, Failure>);

/// Brings what is current of a channel to the places that `opb.toml` names. One that fails does not keep it from others.
///
/// # Errors
/// Where there is no such channel.
pub fn push(session: &Session, store: &Store, channel: &ChannelName) -> Result<Vec<PlacePushed>, ChannelError> {
    let open = |path: &HostPath| Dir::open_ambient_dir(path.as_path(), ambient_authority());
    let places = channel::settings(session, channel)?.to.iter();
    Ok(places.map(|to| (to.clone(), push::push(store, channel, to, open))).collect())
}

/// Publishes `parts` under what the project says of the channel.
///
/// # Errors
/// As [`publish::publish`].
pub(super) fn request(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    (parts, way, pins): (&[Part], Way, Option<Digest>),
    signer: &Signers,
) -> Result<Published, Failure> {
    let naming = channel::naming(session, channel::settings(session, channel)?);
    let (name, keys) = (session.project.settings.key_of(channel), signer.fingerprints());
    let log = |generation: u64, time: u64, texts: &[SignedText]| {
        let line = |text: &SignedText| SignedLine {
            time,
            channel: channel.clone(),
            generation,
            file: text.file.clone(),
            sha256: text.sha256,
            keys: keys.clone(),
        };
        key::log_signed(&name, &texts.iter().map(line).collect::<Vec<_>>())
    };
    let request = Request { channel, parts, way, pins, naming: &naming, signer, log: &log, now: now() };
    publish::publish(store, &request)
}
