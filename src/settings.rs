//! The values of `opb.toml`: what a project says about itself besides its recipes. All of it is optional.
//!
//! ```toml
//! maintainer = "Vendor packages <packages@example.org>"   # stands in changelog entries that opb makes
//! source_distro = "debian-12"     # whose source packages distros of RPM packages take; default: the only one that is pinned
//!
//! [mirrors]                       # where the host's own apt configuration does not say
//! debian = "https://mirror.example.org/debian"
//! debian-security = "https://mirror.example.org/debian-security"
//! "debian-12/backports" = "https://mirror.example.org/debian"   # of an extra repository
//!
//! [sources.git]                   # where short names of repositories lead, as in `git("tool")`
//! base = "https://git.example.org/"
//!
//! [sources.hg]                    # the same for `hg("tool")`
//! base = "https://hg.example.org/"
//!
//! [sources.rewrite]               # addresses that are others here, by how they begin
//! "https://git.example.org/" = "https://mirror.example.org/git/"
//!
//! [store]                         # how far `opb store gc` goes; what is needed always stays
//! older_than = "14d"              # what nothing has needed for so long goes
//! budget = "200 GB"               # more goes, the longest unneeded first, until the store is that small
//! free = "20 GB"                  # and until so much is free on its disk
//!
//! [limits]                        # what one build may have of the machine
//! memory = "16 GB"                # default: all of the machine's but a sixteenth
//! processes = 8192                # and threads, at once; default: 8192, or 128 for each core if that is more
//! disk = "100 GB"                 # default: until the disk is nearly full
//! time = "6h"                     # from its beginning to its end
//! silence = "2h"                  # without a line of log
//!
//! [limits.component.chromium]     # what is other for builds of that component
//! time = "24h"
//!
//! [checks]                        # of which builds packages are checked, where recipes do not say
//! lintian = ["*"]                 # selectors; also `rpmlint`, `install`, `autopkgtest`
//! gate = true                     # repositories wait for the checks of what is in them; default: false
//!
//! [channel.nightly]
//! origin = "Vendor"               # Origin and Label of the Release file
//! label = "Vendor nightly"
//! targets = ["@debian-12/*"]      # default: every target
//! components = ["*", "!draft-*"]  # default: every component
//! areas = ["main", "openapp"]     # default: main, and those of its components
//! lock = "stable"                 # made from the pins in `opb.stable.lock`; default: from `opb.lock`
//! sources = "releases"            # of a lock of its own: the newest tag, where a recipe names none; default: "tip"
//! over = "stable"                 # with the pins of that channel where its own lock has none; default: none
//! key = "nightly"                 # the signing key's name; default: that of the channel
//! url = "https://example.org/deb" # where people reach it; default: its folder on this machine
//! to = ["deploy@www.example.org:/srv/deb"]    # where publishing brings it besides; also folders
//! closure = false                 # publish also what depends on packages that nobody has; default: true
//! keyring = true                  # whether there is a package with its keys; default: where there is a `url`
//! suite = "{codename}-vendor"     # names of suites; default: the distro's code name
//! aliases = { debian-12 = ["stable"] }    # further names of a distro's suite
//! valid_for = "14d"               # Valid-Until; `opb repo publish` signs anew in time; default: none
//! grace = "7d"                    # how long what was replaced can still be fetched; default: 7d
//! keep = 10                       # `opb repo prune` leaves at least so many generations; default: 10
//! keep_for = "30d"                # and all that are younger; default: 30d
//!
//! [set.default]                   # what `opb nightly` is for
//! channels = ["nightly"]          # default: all that are made from `opb.lock`
//! sources = "1d"                  # how old it may get that somebody looked where a branch is; or "never"; default: 1d
//! bases = "7d"                    # the same of the indexes of distros; default: 7d
//! frozen = ["libmd", "@debian-12"]    # pins that never move, as `opb hold` takes them
//! report = "/srv/www/nightly"     # a folder for the last report besides; default: only in the store
//!
//! [[cache]]                       # results that others share; used only by those who trust its key
//! url = "https://cache.example.org/opb"
//! key = "vendor:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="
//! ```

mod channel;
mod channels;
mod checks;
mod set;
mod sources;
mod store;
mod user;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::diag::{Cause, Caused};
use crate::name::{ChannelName, ComponentName, DistroName, SetName};
use crate::quantity::{Age, Size};

pub use channel::{Channel, NoChannel, SourceRule};
pub use checks::ChecksTable;
pub use set::{MayAge, NightSet, NoSet};
pub use sources::{Sources, SourcesError};
pub use store::{Collection, SharedCache};
pub use user::{Trusted, UserCache, UserSettings, UserSettingsError};

/// What `opb.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Who makes the packages: name and address, for changelog entries.
    pub maintainer: String,
    /// The distro of `.deb` packages whose source packages `dsc(…)` means on distros of RPM packages; `None`: the only one
    /// that is pinned.
    pub source_distro: Option<DistroName>,
    /// Addresses of archives, by vendor (`debian`) or distro (`debian-12`), with `-security` or `/` and an extra repository.
    pub mirrors: BTreeMap<String, String>,
    /// Where repositories of version control are.
    pub sources: Sources,
    /// How far a collection goes.
    pub store: Collection,
    /// What one guest may have of the machine.
    pub limits: Limits,
    /// Which checks run, and what for.
    pub checks: ChecksTable,
    /// Published repositories. Never empty: without any, there is `nightly`.
    pub channel: BTreeMap<ChannelName, Channel>,
    /// What nightlies are for.
    pub set: BTreeMap<SetName, NightSet>,
    /// Where results of this project are shared.
    pub cache: Vec<SharedCache>,
}

/// What one guest may have of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "LimitsTable")]
pub struct Limits {
    /// Whatever it is for.
    pub all: GuestLimits,
    /// What is other for builds of a component.
    pub component: BTreeMap<ComponentName, GuestLimits>,
}

impl Limits {
    /// What a guest may have that is for `component`.
    pub fn of(&self, component: &str) -> GuestLimits {
        let (own, all) = (self.component.get(component).copied().unwrap_or_default(), self.all);
        GuestLimits {
            memory: own.memory.or(all.memory),
            processes: own.processes.or(all.processes),
            disk: own.disk.or(all.disk),
            time: own.time.or(all.time),
            silence: own.silence.or(all.silence),
        }
    }
}

/// The table, as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    memory: Option<Size>,
    processes: Option<u32>,
    disk: Option<Size>,
    time: Option<Age>,
    silence: Option<Age>,
    component: BTreeMap<ComponentName, GuestLimits>,
}

impl From<LimitsTable> for Limits {
    fn from(table: LimitsTable) -> Self {
        let LimitsTable { memory, processes, disk, time, silence, component } = table;
        Self { all: GuestLimits { memory, processes, disk, time, silence }, component }
    }
}

/// What one guest may have of the machine; `None`: what the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuestLimits {
    /// Memory of all its processes together.
    pub memory: Option<Size>,
    /// Processes and threads at once.
    pub processes: Option<u32>,
    /// What it writes.
    pub disk: Option<Size>,
    /// How long all of it may take. Of builds and source packages alone: what makes roots and probes has limits of its own.
    pub time: Option<Age>,
    /// How long it may say nothing; as `time`.
    pub silence: Option<Age>,
}

impl GuestLimits {
    /// With less a shell does not even start, and the message would be about something else.
    const LEAST: Self = Self {
        memory: Some(Size(64_000_000)),
        processes: Some(32),
        disk: Some(Size(16_000_000)),
        time: Some(Age { seconds: 60 }),
        silence: Some(Age { seconds: 60 }),
    };

    /// The names of what is too small, with the least that there may be.
    fn problems(&self) -> Vec<(&'static str, String)> {
        let size = |name, set: Option<Size>, least: Option<Size>| {
            set.zip(least).filter(|(set, least)| set < least).map(|(_, least)| (name, least.to_string()))
        };
        let age = |name, set: Option<Age>, least: Option<Age>| {
            set.zip(least)
                .filter(|(set, least)| set < least)
                .map(|(_, least)| (name, format!("{}m", least.seconds / 60)))
        };
        let processes = self.processes.zip(Self::LEAST.processes).filter(|(set, least)| set < least);
        [
            size("memory", self.memory, Self::LEAST.memory),
            processes.map(|(_, least)| ("processes", least.to_string())),
            size("disk", self.disk, Self::LEAST.disk),
            age("time", self.time, Self::LEAST.time),
            age("silence", self.silence, Self::LEAST.silence),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        let nightly = ChannelName::new("nightly").expect("a plain name");
        Self {
            maintainer: "opb <opb@localhost>".to_owned(),
            source_distro: None,
            mirrors: BTreeMap::new(),
            sources: Sources::default(),
            store: Collection::default(),
            limits: Limits::default(),
            checks: ChecksTable::default(),
            channel: BTreeMap::from([(nightly, Channel::default())]),
            set: BTreeMap::new(),
            cache: Vec::new(),
        }
    }
}

/// An `opb.toml` that cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot read `opb.toml`: {message}")]
#[diagnostic(code(opb::settings::toml), help("correct that place; the manual lists what `opb.toml` may say"))]
pub struct SettingsError {
    message: String,
    #[source_code]
    text: miette::NamedSource<String>,
    #[label("here")]
    place: Option<miette::SourceSpan>,
}

impl Caused for SettingsError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl SettingsError {
    /// That `text` cannot be changed, and why.
    pub fn of(text: &str, message: String) -> Self {
        Self { message, text: miette::NamedSource::new("opb.toml", text.to_owned()), place: None }
    }

    /// A file that is no text.
    pub fn not_text() -> Self {
        let text = miette::NamedSource::new("opb.toml", String::new());
        Self { message: "it is not UTF-8 text".to_owned(), text, place: None }
    }
}

impl Settings {
    /// Reads the text of an `opb.toml`.
    ///
    /// # Errors
    /// [`SettingsError`] with the place.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let error = |message: String, place| SettingsError {
            message,
            text: miette::NamedSource::new("opb.toml", text.to_owned()),
            place,
        };
        let settings: Self =
            toml::from_str(text).map_err(|e| error(e.message().to_owned(), e.span().map(Into::into)))?;
        let settings = settings.completed();
        if let Some((_, message)) = settings.problems().into_iter().next() {
            return Err(error(message, None));
        }
        Ok(settings)
    }

    /// With what is there where a file says nothing.
    pub fn completed(mut self) -> Self {
        if self.channel.is_empty() {
            self.channel = Self::default().channel;
        }
        self
    }

    /// What its types do not rule out: the keys that lead to it, and a message.
    pub fn problems(&self) -> Vec<(Vec<String>, String)> {
        let one_line = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        let caches = self.cache.iter().flat_map(|cache| [("url", &cache.url), ("key", &cache.key)]);
        let caches = caches.map(|(field, text)| (vec!["cache".to_owned(), field.to_owned()], text.clone()));
        let texts = self.channel.iter().flat_map(|(name, channel)| {
            let keys = |field: &str| vec!["channel".to_owned(), name.to_string(), field.to_owned()];
            channel.texts().into_iter().filter_map(move |(field, text)| Some((keys(field), text?.to_owned())))
        });
        let of_channels = self.channel.iter().flat_map(|(name, channel)| {
            channel.problems().into_iter().map(move |(field, problem)| {
                let keys = vec!["channel".to_owned(), name.to_string(), field.to_owned()];
                let message = format!("`{}` {problem}", keys.join("."));
                (keys, message)
            })
        });
        let all = std::iter::once((vec!["maintainer".to_owned()], self.maintainer.clone())).chain(texts).chain(caches);
        let wrong = all.filter(|(_, text)| !one_line(text));
        let message = |keys: &[String], text: &str| {
            format!("`{}` must be one line of text, not `{}`", keys.join("."), text.escape_debug())
        };
        let own = |(name, limits): (&ComponentName, &GuestLimits)| {
            let below = vec!["component".to_owned(), name.to_string()];
            (below, *limits)
        };
        let of_limits = std::iter::once((Vec::new(), self.limits.all)).chain(self.limits.component.iter().map(own));
        let of_limits = of_limits.flat_map(|(below, limits)| {
            limits.problems().into_iter().map(move |(field, least)| (below.clone(), field, least))
        });
        let of_limits = of_limits.map(|(below, field, least)| {
            let mut keys = vec!["limits".to_owned()];
            keys.extend(below);
            keys.push(field.to_owned());
            let message = format!("`{}` must be at least {least}", keys.join("."));
            (keys, message)
        });
        wrong
            .map(|(keys, text)| (keys.clone(), message(&keys, &text)))
            .chain(of_limits)
            .chain(of_channels)
            .chain(self.lock_problems())
            .chain(self.set_problems())
            .chain(self.sources.problems())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(Settings::parse("").expect("fine"), Settings::default());
    }

    #[test]
    fn a_component_has_the_limits_of_all_but_for_its_own() {
        let text = "[limits]\ntime = \"6h\"\ndisk = \"1 GB\"\n[limits.component.big]\ntime = \"2d\"\nprocesses = 99\n";
        let limits = Settings::parse(text).expect("fine").limits;
        let told = |limits: GuestLimits| (limits.time.map(|age| age.seconds), limits.processes, limits.disk);
        assert_eq!(told(limits.of("big")), (Some(2 * 86_400), Some(99), Some(Size(1_000_000_000))));
        assert_eq!(told(limits.of("small")), (Some(6 * 3_600), None, Some(Size(1_000_000_000))));
        assert_eq!(limits.of("small"), limits.all);
    }

    #[test]
    fn wrong_files_are_named() {
        let error = |text: &str| Settings::parse(text).expect_err("wrong").to_string();
        assert_eq!(
            error("mirors = 1"),
            "cannot read `opb.toml`: unknown field `mirors`, expected one of `maintainer`, `source_distro`, `mirrors`, `sources`, `store`, `limits`, `checks`, `channel`, `set`, `cache`"
        );
        assert_eq!(
            error("maintainer = \"a\\nb\""),
            "cannot read `opb.toml`: `maintainer` must be one line of text, not `a\\nb`"
        );
        assert_eq!(
            error("[limits]\nmemory = \"1 MB\""),
            "cannot read `opb.toml`: `limits.memory` must be at least 64.0 MB"
        );
        assert_eq!(error("[limits]\nprocesses = 1"), "cannot read `opb.toml`: `limits.processes` must be at least 32");
        assert_eq!(error("[limits]\ndisk = \"0\""), "cannot read `opb.toml`: `limits.disk` must be at least 16.0 MB");
        assert_eq!(
            error("[limits]\nmemory = 5"),
            "cannot read `opb.toml`: invalid type: integer `5`, expected a string"
        );
        assert_eq!(
            error("[limits]\nprocesses = -1"),
            "cannot read `opb.toml`: invalid value: integer `-1`, expected u32"
        );
        assert_eq!(
            error("[limits]\ncpu = 5"),
            "cannot read `opb.toml`: unknown field `cpu`, expected one of `memory`, `processes`, `disk`, `time`, `silence`, `component`"
        );
        assert_eq!(error("[limits]\ntime = \"0\""), "cannot read `opb.toml`: `limits.time` must be at least 1m");
        assert_eq!(
            error("[limits.component.chromium]\nsilence = \"0m\""),
            "cannot read `opb.toml`: `limits.component.chromium.silence` must be at least 1m"
        );
        assert!(error("[limits.component.chromium]\ncomponent = 1").contains("unknown field `component`"));
    }
}
