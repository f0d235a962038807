//! What `opb.toml` says of a channel.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::diag::{Cause, Caused};
use crate::name::{AreaName, ChannelName, DistroName, LockName};
use crate::quantity::Age;

/// A published repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Channel {
    /// `Origin` of the Release file.
    pub origin: Option<String>,
    /// `Label` of the Release file.
    pub label: Option<String>,
    /// Patterns of the targets that it holds; empty for all.
    pub targets: Vec<String>,
    /// Patterns of the components that it holds: names with `*` for any characters, with `!` before what is left out. Empty
    /// for all.
    pub components: Vec<String>,
    /// The areas that it has, in order; what is of another is left out. Empty for `main` and those of its components.
    pub areas: Vec<AreaName>,
    /// The lock that it is made from; `None`: the project's, `opb.lock`.
    pub lock: Option<LockName>,
    /// The channel whose pins hold where its own lock has none, so that only what differs stands there.
    pub over: Option<ChannelName>,
    /// Name of the key that signs it; `None`: the channel's own name.
    pub key: Option<ChannelName>,
    /// Address that people reach it at, for the `.sources` files beside it; `None`: its folder on this machine.
    pub url: Option<String>,
    /// Whether only what is whole and of one piece is published; `None`: it is so.
    pub closure: Option<bool>,
    /// Whether it has a keyring package; `None`: where it has an address.
    pub keyring: Option<bool>,
    /// Where it is brought besides its own folder: absolute paths, `user@host:/path`, `rsync://host/module/path`.
    pub to: Vec<String>,
    /// Names of its suites, with `{codename}` in the place of the distro's code name; `None`: that alone.
    pub suite: Option<String>,
    /// Further names of a distro's suite.
    pub aliases: BTreeMap<DistroName, Vec<String>>,
    /// How long Release files are valid; `None`: they do not say.
    pub valid_for: Option<Age>,
    /// How long what a generation names can be fetched after it was replaced; `None`: 7 days.
    pub grace: Option<Age>,
    /// How many generations stay at least; `None`: 10.
    pub keep: Option<u32>,
    /// How long generations stay at least; `None`: 30 days.
    pub keep_for: Option<Age>,
}

/// A channel that is not there.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("there is no channel `{channel}`")]
#[diagnostic(code(opb::settings::no_channel), help("name one of {known}, or add `[channel.{channel}]` to `opb.toml`"))]
pub struct NoChannel {
    /// The name.
    pub channel: String,
    /// Those that there are.
    pub known: String,
}

impl Caused for NoChannel {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// With less, `apt` and a publisher that runs once a day would never agree that a list is valid.
const LEAST_VALID: u64 = 3_600;

const DAY: u64 = 86_400;

impl Channel {
    /// Whether only what is whole and of one piece is published.
    pub fn must_be_whole(&self) -> bool {
        self.closure.unwrap_or(true)
    }

    /// Whether it has a keyring package.
    pub fn has_keyring(&self) -> bool {
        self.keyring.unwrap_or(self.url.is_some())
    }

    /// How long what was replaced stays, in seconds.
    pub fn grace_seconds(&self) -> u64 {
        self.grace.map_or(7 * DAY, seconds)
    }

    /// How many generations stay at least.
    pub fn kept_count(&self) -> usize {
        self.keep.map_or(10, |keep| usize::try_from(keep).unwrap_or(usize::MAX))
    }

    /// How long generations stay at least, in seconds.
    pub fn kept_seconds(&self) -> u64 {
        self.keep_for.map_or(30 * DAY, seconds)
    }

    /// How long Release files are valid, in seconds.
    pub fn valid_seconds(&self) -> Option<u64> {
        self.valid_for.map(seconds)
    }

    /// What must be one line of text each, by field.
    pub(super) fn texts(&self) -> [(&'static str, Option<&str>); 3] {
        [("origin", self.origin.as_deref()), ("label", self.label.as_deref()), ("url", self.url.as_deref())]
    }

    /// What its types do not rule out: the field, and what is wrong with it.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if let Some(suite) = self.suite.as_deref().filter(|suite| !is_plain(&suite.replace("{codename}", "codename"))) {
            problems.push((
                "suite",
                format!("must be a plain name, with `{{codename}}` in it or not, not `{}`", suite.escape_debug()),
            ));
        }
        for alias in self.aliases.values().flatten().filter(|alias| !is_plain(alias)) {
            problems.push(("aliases", format!("must be plain names, not `{}`", alias.escape_debug())));
        }
        for pattern in self.components.iter().filter(|pattern| !is_pattern(pattern)) {
            let told = pattern.escape_debug();
            problems.push(("components", format!("must be names of components, with `*` and `!`, not `{told}`")));
        }
        if self.valid_seconds().is_some_and(|valid| valid < LEAST_VALID) {
            problems.push(("valid_for", "must be at least 1h".to_owned()));
        }
        if self.keep == Some(0) {
            problems.push(("keep", "must be at least 1".to_owned()));
        }
        problems
    }
}

fn seconds(age: Age) -> u64 {
    u64::try_from(age.seconds).unwrap_or(0)
}

/// Whether it can be a folder below `dists/`: ASCII letters, digits and some signs, beginning with a letter or digit.
fn is_plain(name: &str) -> bool {
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts_well
        && name.len() <= 100
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+~_-".contains(&byte))
}

fn is_pattern(pattern: &str) -> bool {
    let name = pattern.strip_prefix('!').unwrap_or(pattern);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".+-*".contains(&byte);
    !name.is_empty() && name.len() <= 100 && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::super::Settings;

    #[test]
    fn what_a_channel_cannot_be_is_told() {
        let error = |text: &str| {
            let error = Settings::parse(&format!("[channel.nightly]\n{text}")).expect_err(text).to_string();
            error.strip_prefix("cannot read `opb.toml`: ").expect("it is about the file").to_owned()
        };
        assert_eq!(
            error("suite = \"../x\""),
            "`channel.nightly.suite` must be a plain name, with `{codename}` in it or not, not `../x`"
        );
        assert_eq!(
            error("aliases = { debian-12 = [\"a/b\"] }"),
            "`channel.nightly.aliases` must be plain names, not `a/b`"
        );
        assert_eq!(
            error("components = [\"Lib md\"]"),
            "`channel.nightly.components` must be names of components, with `*` and `!`, not `Lib md`"
        );
        assert_eq!(error("valid_for = \"10m\""), "`channel.nightly.valid_for` must be at least 1h");
        assert_eq!(error("keep = 0"), "`channel.nightly.keep` must be at least 1");
        assert_eq!(error("label = \"a\\nb\""), "`channel.nightly.label` must be one line of text, not `a\\nb`");
        assert!(error("areas = [\"A b\"]").contains("repository area"), "{}", error("areas = [\"A b\"]"));
    }

    #[test]
    fn locks_go_over_one_another_once() {
        let error = |text: &str| {
            let error = Settings::parse(text).expect_err(text).to_string();
            error.strip_prefix("cannot read `opb.toml`: `channel.b.over` ").expect("it is about that field").to_owned()
        };
        let b = |more: &str| error(&format!("[channel.a]\n[channel.b]\n{more}"));
        assert_eq!(b("over = \"a\""), "needs a `lock` beside it, for what differs");
        assert_eq!(b("lock = \"b\"\nover = \"x\""), "must be another channel, and there is no `x`");
        assert_eq!(
            b("lock = \"b\"\nover = \"c\"\n[channel.c]\nlock = \"c\"\nover = \"a\""),
            "must not be `c`, which has an `over` itself"
        );
        assert_eq!(
            b("lock = \"b\"\nover = \"c\"\n[channel.c]\nlock = \"b\""),
            "must not be `c`, which has the same lock"
        );
        let wrong = Settings::parse("[channel.b]\nlock = \"../x\"").expect_err("no name").to_string();
        assert!(wrong.contains("`../x` is not a lock name"), "{wrong}");
    }

    #[test]
    fn a_channel_says_how_long_things_stay() {
        let read = |text: &str| Settings::parse(&format!("[channel.nightly]\n{text}")).expect("fine").channel;
        let told = |text: &str| {
            let channel = read(text).into_values().next().expect("is there");
            (channel.grace_seconds(), channel.kept_count(), channel.kept_seconds(), channel.valid_seconds())
        };
        assert_eq!(told(""), (7 * 86_400, 10, 30 * 86_400, None));
        let set = "grace = \"0d\"\nkeep = 3\nkeep_for = \"12h\"\nvalid_for = \"2w\"\n";
        assert_eq!(told(set), (0, 3, 43_200, Some(14 * 86_400)));
    }
}
