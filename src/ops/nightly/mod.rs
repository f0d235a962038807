//! A nightly: moves the pins that are old enough, builds what follows from that, publishes what is whole, prunes, and keeps a
//! record of all of it, which the next one is compared with.
//!
//! ```text
//! pins.rs        update: each pin as far as it can be had, and the project be evaluated with it
//! running.rs     build: repositories keep what they had of what fails; publishing.rs: publish, prune
//! wishing.rs     what of the graph is built for the channels of one lock
//! verifying.rs   verify: a few builds made again
//! reporting.rs   report: in all forms, where people look for it
//! telling.rs     what came of it beside the last one: cells, failures; moved.rs: moves; heard.rs: what the run said; gathered.rs: all
//!                of that while it runs, and what earlier ones could not tell
//! ```
//!
//! Each step that is done is done for good: pins in the lock, results in the store, generations of channels. One that is killed
//! leaves no record, and the next one goes on from there, finds what is done, and tells what changed since the last record. One that
//! cannot begin, as a lock or a recipe is wrong, leaves a record of that.

mod gathered;
mod heard;
mod moved;
mod pins;
mod publishing;
mod reporting;
mod running;
mod telling;
mod verifying;
mod wishing;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::build::Means;
use super::session::Session;
use super::update::Move as PinMove;
use crate::diag::{Cause, Caused, Failure};
use crate::event::Sink;
use crate::graph::Selector;
use crate::lock::Lock;
use crate::name::{ChannelName, LockName, SetName};
use crate::night::{Night, NightStep};
use crate::plan::Plan;
use crate::project::{Place, Project, lock_file, lock_text, now, read_lock};
use crate::settings::NightSet;
use crate::store::{KeyLock, NightState, Store, TryLock};

use wishing::wish;

pub use pins::Looks;
pub use reporting::report;

/// What a nightly is to do.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// A folder that the project lies in.
    pub folder: &'a Path,
    /// The set; `None`: the one that is meant where none is named.
    pub set: Option<&'a SetName>,
    /// Which pins are looked at.
    pub looks: Looks,
    /// Try again what failed before and has not changed since.
    pub retry_failed: bool,
}

/// What a nightly came to.
pub enum End {
    /// It was stopped; the next one goes on.
    Stopped,
    /// It has a record.
    Done(Box<Done>),
}

/// A nightly that came to its end.
pub struct Done {
    /// Its record, which is in the store.
    pub night: Night,
    /// The set.
    pub set: SetName,
    /// What `opb.toml` says of that.
    pub settings: NightSet,
    /// What kept it from doing all; `None`: nothing but what is in the record.
    pub failure: Option<Failure>,
}

/// What a nightly would do.
pub struct Outlook {
    /// The pins that would move.
    pub moves: Vec<PinMove>,
    /// Those that would stay although they were to move, each with the reason.
    pub stays: Vec<(String, String)>,
    /// Lines for people.
    pub notices: Vec<String>,
    /// What would be built of each lock.
    pub builds: Vec<Plan>,
    /// The channels, each with whether something of it would be assembled anew.
    pub channels: Vec<(ChannelName, bool)>,
}

/// Why there is no nightly.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum NightlyError {
    /// Another one is under way.
    #[error("a nightly of the set `{set}` is under way already: {holder}")]
    #[diagnostic(code(opb::nightly::under_way), help("wait until it has ended; `opb runs` shows what it is at"))]
    UnderWay {
        /// The set.
        set: String,
        /// Who has its lock.
        holder: String,
    },
    /// Somebody else has moved pins meanwhile.
    #[error("`{file}` was changed while its pins were looked at")]
    #[diagnostic(
        code(opb::nightly::lock_changed),
        help("run it again: what the other one has written stays; nightlies of one lock belong into one set")
    )]
    LockChanged {
        /// The lock's file.
        file: String,
    },
    /// What is to be frozen is no selector.
    #[error("`set.{set}.frozen` has `{text}`, which is no selector")]
    #[diagnostic(
        code(opb::nightly::frozen),
        help(
            "write in `opb.toml` what `opb hold` takes: a component (`libmd`), a distro (`@debian-12`), or both (`lib*@debian-12`)"
        )
    )]
    Frozen {
        /// The set.
        set: String,
        /// What it says, escaped.
        text: String,
        /// Why it is none.
        #[source]
        source: crate::graph::SelectorError,
    },
    /// A channel was named where a set is meant.
    #[error("a nightly is for a set, and not for the channel `{channel}`")]
    #[diagnostic(
        code(opb::nightly::of_channel),
        help("leave `--channel` out; `channels` of a `[set.NAME]` in `opb.toml` says which ones it is for")
    )]
    OfChannel {
        /// The channel.
        channel: String,
    },
}

impl Caused for NightlyError {
    fn fault(&self) -> Cause {
        match self {
            Self::UnderWay { .. } | Self::LockChanged { .. } => Cause::Environment,
            Self::OfChannel { .. } | Self::Frozen { .. } => Cause::Input,
        }
    }
}

/// The name in the store under which nightlies of a project are kept.
pub fn project_of(project: &Project) -> String {
    project.path.to_string()
}

/// Channels that are made from one lock.
struct Group {
    lock: Option<LockName>,
    channels: Vec<ChannelName>,
}

impl Group {
    /// Those of `channels`.
    fn all(project: &Project, channels: &[ChannelName]) -> Result<Vec<Self>, Failure> {
        let mut groups: BTreeMap<Option<LockName>, Vec<ChannelName>> = BTreeMap::new();
        for channel in channels {
            let lock = project.settings.channel(channel)?.lock.clone();
            groups.entry(lock).or_default().push(channel.clone());
        }
        Ok(groups.into_iter().map(|(lock, channels)| Self { lock, channels }).collect())
    }

    /// The project with that lock.
    fn open(&self, folder: &Path) -> Result<Project, Failure> {
        Place { folder, channel: self.of_lock() }.open()
    }

    /// A channel by which its lock is named; `None` where that is the project's own.
    fn of_lock(&self) -> Option<&ChannelName> {
        self.channels.first().filter(|_| self.lock.is_some())
    }

    /// What its lock was when the last nightly had ended.
    fn before(&self, state: &NightState) -> Result<Lock, Failure> {
        let file = lock_file(self.lock.as_ref());
        state.locks.get(&file).map_or_else(|| Ok(Lock::default()), |text| read_lock(self.lock.as_ref(), text))
    }

    /// The subject of a pin of its lock, in the state of a set.
    fn subject(&self, of: &str) -> String {
        self.lock.as_ref().map_or_else(|| of.to_owned(), |lock| format!("{lock} {of}"))
    }
}

/// The steps of a nightly, in their order.
#[derive(Default)]
struct Steps(Vec<NightStep>);

impl Steps {
    /// Does `deed` as a part of the step `name`.
    fn during<T>(&mut self, name: &str, deed: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = deed();
        self.step(name).milliseconds += u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        done
    }

    /// Says that a step failed. Several failures are told one behind the other.
    fn failed(&mut self, name: &str, why: &str) {
        let failure = &mut self.step(name).failure;
        *failure = Some(failure.take().map_or_else(|| why.to_owned(), |before| format!("{before}; {why}")));
    }

    fn step(&mut self, name: &str) -> &mut NightStep {
        let place = self.0.iter().position(|step| step.name == name).unwrap_or_else(|| {
            self.0.push(NightStep { name: name.to_owned(), milliseconds: 0, failure: None });
            self.0.len() - 1
        });
        &mut self.0[place]
    }
}

/// Runs the nightly of a set, and keeps its record.
///
/// # Errors
/// Where one is under way, `opb.toml` cannot be read, or the store cannot be used. What fails besides is in the record.
pub fn nightly(wanted: &Wanted<'_>, store: &Store, means: &Means<'_>, sink: &Sink<'_>) -> Result<End, Failure> {
    let project = Place { folder: wanted.folder, channel: None }.open()?;
    let (name, set) = project.settings.night_set(wanted.set)?;
    let _lock = lock(store, &project, &name)?;
    running::run(wanted, (&project, &name, set), (store, means), sink)
}

/// Whether all that the set `name` freezes is written as a selector.
fn check_frozen(name: &SetName, set: &NightSet) -> Result<(), Failure> {
    for text in &set.frozen {
        if let Err(source) = text.parse::<Selector>() {
            let (set, text) = (name.to_string(), text.escape_debug().to_string());
            return Err(NightlyError::Frozen { set, text, source }.into());
        }
    }
    Ok(())
}

/// The lock of the nightlies of a set.
fn lock(store: &Store, project: &Project, name: &SetName) -> Result<KeyLock, Failure> {
    match store.try_lock_nights(&project_of(project), name)? {
        TryLock::Locked(lock) => Ok(lock),
        TryLock::HeldBy(holder) => {
            let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
            Err(NightlyError::UnderWay { set: name.to_string(), holder }.into())
        }
    }
}

/// What the nightly of a set would do now. Nothing is written but what is fetched, into the store.
///
/// # Errors
/// As [`nightly`].
pub fn outlook(wanted: &Wanted<'_>, store: &Store, means: &Means<'_>) -> Result<Outlook, Failure> {
    let project = Place { folder: wanted.folder, channel: None }.open()?;
    let (name, set) = project.settings.night_set(wanted.set)?;
    check_frozen(&name, &set)?;
    let state = store.night_state(&project_of(&project), &name)?;
    let (moves, stays, notices) = (Vec::new(), Vec::new(), Vec::new());
    let mut outlook = Outlook { moves, stays, notices, builds: Vec::new(), channels: Vec::new() };
    for group in Group::all(&project, &project.settings.channels_of(&set))? {
        let looked = |subject: &str| state.looked.get(&group.subject(subject)).copied();
        let open = || group.open(wanted.folder);
        let moved = pins::move_pins(&open, (&set, wanted.looks), (&looked, now()), (store, means), false)?;
        let wish = wish(&moved.session.graph, &group.channels, wanted.retry_failed);
        let plan = super::plan::plan(&moved.session, &wish, store, None)?;
        for channel in &group.channels {
            let parts = super::channel::parts(&moved.session, channel)?;
            let is_dirty = parts.iter().any(|id| plan.of(*id).is_none_or(crate::plan::Planned::may_run));
            outlook.channels.push((channel.clone(), is_dirty));
        }
        outlook.moves.extend(moved.moves);
        let told = moved.stays.into_iter().map(|stay| (stay.told(group.of_lock()), stay.what));
        outlook.stays.extend(told.map(|(why, what)| (what, why)));
        outlook.notices.extend(moved.notices);
        outlook.builds.push(plan);
    }
    Ok(outlook)
}

/// The lock of a session as it is kept in the state of a set.
fn kept_lock(session: &Session) -> Result<(String, String), Failure> {
    Ok((session.project.lock_file(), lock_text(session.lock()?)))
}
