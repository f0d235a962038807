//! A stage: pins and packages of a transition that belong together, in a lock and a channel of their own over another channel's,
//! until they are whole and go into that one.
//!
//! ```text
//! opb.lock ─────────────┬──► nightly
//! opb.NAME.lock ────────┴──► NAME: with the pins that moved in it, and else those of nightly ──► merged when it closes
//! ```

use std::cmp::Ordering;

use super::pin::moves::moves;
use super::publish::{Outlook, outlook};
use super::session::Session;
use super::update::Move;
use crate::diag::{Cause, Caused, Failure};
use crate::fetch::parse_date;
use crate::lock::Lock;
use crate::name::{ChannelName, LockName};
use crate::package::rpm_version::Evr;
use crate::package::version::Version;
use crate::project::{Place, Project, lock_file};
use crate::store::Store;

/// Why nothing can be done with a stage.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StageError {
    /// It is another kind of channel.
    #[error("`{name}` is a channel, and no stage")]
    #[diagnostic(
        code(opb::stage::channel),
        help("name the stage otherwise; a stage is a channel with `over` in `opb.toml`")
    )]
    Channel {
        /// The name.
        name: ChannelName,
    },
    /// There is none.
    #[error("there is no stage `{name}`")]
    #[diagnostic(code(opb::stage::none), help("run `opb stage {name}`, which begins it"))]
    None {
        /// The name.
        name: ChannelName,
    },
    /// One over a stage.
    #[error("`{over}` is a stage itself, and there are none over stages")]
    #[diagnostic(code(opb::stage::over), help("begin it over `{below}`"))]
    Over {
        /// What was named.
        over: ChannelName,
        /// The channel below that.
        below: ChannelName,
    },
    /// A lock that is left.
    #[error("`{file}` is there already")]
    #[diagnostic(code(opb::stage::left), help("remove it, if nobody needs it any more, or name the stage otherwise"))]
    Left {
        /// The file.
        file: String,
    },
    /// Nothing to merge.
    #[error("no pin of the stage `{name}` differs from those of `{over}`")]
    #[diagnostic(
        code(opb::stage::nothing),
        help("move some with `opb --channel {name} update COMPONENT`, or end it with `opb stage {name} --drop`")
    )]
    Nothing {
        /// The stage.
        name: ChannelName,
        /// The channel below.
        over: ChannelName,
    },
    /// It does not close.
    #[error("the stage `{name}` does not close: {what}")]
    #[diagnostic(
        code(opb::stage::open),
        help("see `opb stage {name}`; `opb --channel {name} build` builds what is not built")
    )]
    Open {
        /// The stage.
        name: ChannelName,
        /// The distros, with what is wrong with each.
        what: String,
    },
    /// The channel below has moved on.
    #[error("`{over}` has something newer than the stage `{name}`: {what}")]
    #[diagnostic(
        code(opb::stage::behind),
        help("run `opb --channel {name} update` for it, build the stage again, and merge it then")
    )]
    Behind {
        /// The stage.
        name: ChannelName,
        /// The channel below.
        over: ChannelName,
        /// The pins.
        what: String,
    },
}

impl Caused for StageError {
    fn fault(&self) -> Cause {
        match self {
            Self::Open { .. } => Cause::Build,
            _ => Cause::Input,
        }
    }
}

/// A stage that there is.
pub struct Stage {
    /// The project with its pins.
    pub session: Session,
    /// The channel below.
    pub over: ChannelName,
    /// How its pins differ from those of the channel below.
    pub moves: Vec<Move>,
    name: ChannelName,
}

/// The stage `name` of the project at `place`; `None`: there is no channel of that name.
///
/// # Errors
/// [`StageError::Channel`], and where the project cannot be read or evaluated.
pub fn open(place: &Place<'_>, name: &ChannelName) -> Result<Option<Stage>, Failure> {
    let project = Place { channel: None, ..*place }.open()?;
    let Some(channel) = project.settings.channel.get(name) else { return Ok(None) };
    let Some(over) = channel.over.clone() else { return Err(StageError::Channel { name: name.clone() }.into()) };
    let session = Session::of(project.of_channel(name)?)?;
    let below = session.project.base_lock()?.unwrap_or_default();
    let moves = moves(&below, session.lock()?);
    Ok(Some(Stage { session, over, moves, name: name.clone() }))
}

/// Begins a stage over a channel: adds it to `opb.toml`. Gives the file that its pins go into.
///
/// # Errors
/// [`StageError`], and where there is no such channel, or `opb.toml` cannot be written.
pub fn begin(place: &Place<'_>, name: &ChannelName, over: &ChannelName) -> Result<String, Failure> {
    let project = Place { channel: None, ..*place }.open()?;
    if let Some(below) = project.settings.channel(over)?.over.clone() {
        return Err(StageError::Over { over: over.clone(), below }.into());
    }
    let lock = LockName::new(name.as_str()).expect("what is the name of a channel can be that of a lock");
    let file = lock_file(Some(&lock));
    if project.root().symlink_metadata(&file).is_ok() {
        return Err(StageError::Left { file }.into());
    }
    let key = project.settings.key_of(over);
    project.add_stage(name, &lock, over, &key)?;
    Ok(file)
}

/// Ends a stage and forgets its pins. What was published of it stays, as of any channel.
///
/// # Errors
/// [`StageError`], and where a file cannot be written.
pub fn drop(place: &Place<'_>, name: &ChannelName) -> Result<(), Failure> {
    let project = Place { channel: None, ..*place }.open()?;
    match project.settings.channel.get(name) {
        None => Err(StageError::None { name: name.clone() }.into()),
        Some(channel) if channel.over.is_none() => Err(StageError::Channel { name: name.clone() }.into()),
        Some(_) => end(project, name),
    }
}

impl Stage {
    /// What publishing it would do now.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn outlook(&self, store: &Store) -> Result<Outlook, Failure> {
        outlook(&self.session, store, &self.name)
    }

    /// Puts its pins into the lock of the channel below, where all of it is built and whole, and ends it. Gives that lock's file.
    /// `told` says in a few words why a distro is held back.
    ///
    /// # Errors
    /// [`StageError`], and where a file cannot be written: the stage then is still there, and can be merged again.
    pub fn merge(
        self,
        place: &Place<'_>,
        store: &Store,
        told: impl Fn(&super::publish::HeldBack) -> String,
    ) -> Result<String, Failure> {
        let (name, over) = (self.name.clone(), self.over.clone());
        if self.moves.is_empty() {
            return Err(StageError::Nothing { name, over }.into());
        }
        let outlook = self.outlook(store)?;
        let open = outlook.held().map(|(distro, why)| format!("{}: {}", distro.distro, told(why)));
        let open: Vec<String> = open.collect();
        if !open.is_empty() {
            return Err(StageError::Open { name, what: open.join("; ") }.into());
        }
        let below = Place { channel: Some(&over), ..*place }.open()?;
        let lock = below.lock()?;
        let own = self.session.lock()?.beyond(&lock);
        let behind = behind(&lock, &own);
        if !behind.is_empty() {
            return Err(StageError::Behind { name, over, what: behind.join(", ") }.into());
        }
        let file = below.lock_file();
        below.write_lock(&Lock { name: lock.name.clone(), ..lock.with(own) })?;
        end(below, &name)?;
        Ok(file)
    }
}

/// Removes a stage: its lock first, so that one which is ended in part has no pins any more, and can be ended again.
fn end(project: Project, name: &ChannelName) -> Result<(), Failure> {
    let project = project.of_channel(name)?;
    project.remove_lock()?;
    project.remove_channel(name)
}

/// The pins in `own` that are older than those of the same in `lock`.
fn behind(lock: &Lock, own: &Lock) -> Vec<String> {
    let mut behind = Vec::new();
    for (distro, pins) in &own.dsc {
        for (name, pin) in pins {
            let there = lock.dsc.get(distro).and_then(|there| there.get(name)).map(|there| &there.facts.version);
            let versions =
                there.and_then(|there| Some((Version::new(there).ok()?, Version::new(&pin.facts.version).ok()?)));
            if versions.is_some_and(|(there, own)| own.cmp(&there) == Ordering::Less) {
                behind.push(format!("{name}@{distro}"));
            }
        }
    }
    for (distro, pins) in &own.srpm {
        for (name, pin) in pins {
            let there = lock.srpm.get(distro).and_then(|there| there.get(name)).map(|there| &there.version);
            let versions = there.and_then(|there| Some((Evr::new(there).ok()?, Evr::new(&pin.version).ok()?)));
            if versions.is_some_and(|(there, own)| own.order(&there) == Ordering::Less) {
                behind.push(format!("{name}@{distro}"));
            }
        }
    }
    for (distro, pin) in &own.distro {
        let Some(there) = lock.distro.get(distro) else { continue };
        let is_older = |own: &str, there: &str| match (parse_date(own), parse_date(there)) {
            (Some(own), Some(there)) => own < there,
            _ => false,
        };
        let suites = pin
            .suite
            .iter()
            .any(|own| there.suite.iter().any(|there| there.name == own.name && is_older(&own.date, &there.date)));
        let repositories = pin.repository.iter().any(|own| {
            let is_same = |there: &&crate::lock::RepositoryPin| (&there.name, &there.arch) == (&own.name, &own.arch);
            let there = there.repository.iter().find(is_same);
            let revision = |text: &str| text.parse::<u64>().ok();
            there.is_some_and(|there| revision(&own.revision) < revision(&there.revision))
        });
        if suites || repositories {
            behind.push(format!("@{distro}"));
        }
    }
    behind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::read_lock;

    fn lock(version: &str, date: &str, revision: u64) -> Lock {
        let (sha, tree) = ("0".repeat(64), crate::digest::Digest::of(version.as_bytes()));
        let text = format!(
            "version = 1\n[[distro.d-1.suite]]\nname = \"s\"\nrelease = \"{sha}\"\ndate = \"{date}\"\nindex = {{}}\n\
             [[distro.r-1.repository]]\nname = \"baseos\"\narch = \"amd64\"\nrepomd = \"{sha}\"\nrevision = \"{revision}\"\nindex = {{}}\n\
             [dsc.d-1.a]\nsuite = \"s\"\ndirectory = \"pool\"\ntree = \"{tree}\"\nfiles = {{}}\n[dsc.d-1.a.facts]\nsource = \"a\"\n\
             version = \"{version}\"\ndistribution = \"s\"\ndate = 1\nformat = \"1.0\"\nbinaries = {{}}\n"
        );
        read_lock(None, &text).expect("a lock")
    }

    #[test]
    fn refusals_say_what_and_what_to_do() {
        let told = |error: StageError| {
            let help = miette::Diagnostic::help(&error).expect("says what to do").to_string();
            (error.to_string(), help)
        };
        let name = |name: &str| ChannelName::new(name).expect("a name");
        assert_eq!(
            told(StageError::Left { file: "opb.abi.lock".to_owned() }),
            (
                "`opb.abi.lock` is there already".to_owned(),
                "remove it, if nobody needs it any more, or name the stage otherwise".to_owned()
            )
        );
        assert_eq!(
            told(StageError::Behind { name: name("abi"), over: name("nightly"), what: "libmd@debian-12".to_owned() }),
            (
                "`nightly` has something newer than the stage `abi`: libmd@debian-12".to_owned(),
                "run `opb --channel abi update` for it, build the stage again, and merge it then".to_owned()
            )
        );
    }

    #[test]
    fn what_is_older_than_below_is_not_merged() {
        let (old, new) = ("Sat, 01 Nov 2025 00:00:00 UTC", "Sun, 02 Nov 2025 00:00:00 UTC");
        let below = lock("1.10-1", new, 10);
        assert_eq!(behind(&below, &lock("1.9-1", new, 11)), ["a@d-1"]);
        assert_eq!(behind(&below, &lock("1.10-1", old, 10)), ["@d-1"]);
        assert_eq!(behind(&below, &lock("1.11-1", new, 9)), ["@r-1"]);
        assert_eq!(behind(&below, &lock("1:0.1-1", new, 10)), [""; 0]);
        assert_eq!(behind(&Lock::default(), &below), [""; 0]);
    }

    #[test]
    fn sources_are_taken_over_one_by_one() {
        let date = "Sat, 01 Nov 2025 00:00:00 UTC";
        let (old, new) = (lock("1.0-1", date, 1), lock("2.0-1", "other", 2));
        let names = |name: &str| [name.parse().expect("a name")].into();
        let taken = old.clone().taking_sources(&new, &names("a"));
        assert_eq!((&taken.dsc, &taken.distro), (&new.dsc, &old.distro));
        assert_eq!(old.clone().taking_sources(&new, &names("b")), old);
        let moved = moves(&old, &taken);
        assert_eq!(moved.iter().map(|moved| moved.what.as_str()).collect::<Vec<_>>(), ["a@d-1"]);
        // Of a distro that is not pinned there, nothing is.
        assert_eq!(Lock::default().taking_sources(&new, &names("a")), Lock::default());
    }
}
