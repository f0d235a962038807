//! What `opb.toml` says of a set: what one nightly is for, and how old pins may get.

use serde::{Deserialize, Deserializer, de};

use super::Settings;
use crate::diag::{Cause, Caused};
use crate::name::{ChannelName, SetName};
use crate::quantity::Age;

/// What one nightly is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NightSet {
    /// The channels; empty for all that are made from `opb.lock`.
    pub channels: Vec<ChannelName>,
    /// How old it may get that somebody looked where a branch or tag is; `None`: a day.
    pub sources: Option<MayAge>,
    /// The same of the indexes of distros and of their extra repositories; `None`: a week.
    pub bases: Option<MayAge>,
    /// Selectors of pins that never move, as `opb hold` takes them.
    pub frozen: Vec<String>,
    /// How many builds are made again each time, to see whether they come out the same; `None`: none.
    pub verify: Option<u32>,
    /// A folder for the last report, below the project's unless it begins at the root; `None`: in the store alone.
    pub report: Option<String>,
}

/// How old something may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayAge {
    /// So old.
    For(Age),
    /// As old as it likes.
    Forever,
}

impl<'de> Deserialize<'de> for MayAge {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text == "never" {
            return Ok(Self::Forever);
        }
        let wrong = |error| de::Error::custom(format!("{error}, nor `never`"));
        text.parse().map(Self::For).map_err(wrong)
    }
}

impl MayAge {
    /// Whether what was last looked at `then` is to be looked at `now`, both in seconds since 1970; `None`: it never was. An eighth
    /// of the age is given away: a nightly that begins a little earlier than the one before leaves nothing for the next.
    pub fn is_due(self, then: Option<i64>, now: i64) -> bool {
        match (self, then) {
            (Self::Forever, _) => false,
            (Self::For(_), None) => true,
            // A clock that was set back says nothing.
            (Self::For(_), Some(then)) if then > now => true,
            (Self::For(age), Some(then)) => now - then >= age.seconds - age.seconds / 8,
        }
    }
}

const DAY: i64 = 24 * 60 * 60;

impl NightSet {
    /// How old it may get that somebody looked where a branch or tag is.
    pub fn sources(&self) -> MayAge {
        self.sources.unwrap_or(MayAge::For(Age { seconds: DAY }))
    }

    /// How old an index may get.
    pub fn bases(&self) -> MayAge {
        self.bases.unwrap_or(MayAge::For(Age { seconds: 7 * DAY }))
    }
}

/// A set that is not there, or none that could be meant.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum NoSet {
    /// It is not there.
    #[error("there is no set `{set}`")]
    #[diagnostic(code(opb::settings::no_set), help("name one of {known}, or add `[set.{set}]` to `opb.toml`"))]
    Unknown {
        /// The name.
        set: String,
        /// Those that there are.
        known: String,
    },
    /// None was named, and there are several.
    #[error("`opb.toml` has several sets")]
    #[diagnostic(code(opb::settings::several_sets), help("name one of {known}"))]
    Several {
        /// Those that there are.
        known: String,
    },
}

impl Caused for NoSet {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl Settings {
    /// The set of that name. Without a name: the only one that there is, the one called `default`, or where there is none at all
    /// one of that name that says nothing.
    ///
    /// # Errors
    /// [`NoSet`].
    pub fn night_set(&self, name: Option<&SetName>) -> Result<(SetName, NightSet), NoSet> {
        let known = || {
            let mut names: Vec<String> = self.set.keys().map(|name| format!("`{name}`")).collect();
            if names.is_empty() {
                names.push("`default`".to_owned());
            }
            names.join(", ")
        };
        let usual = SetName::new("default").expect("a plain name");
        let found = |name: &SetName| Some((name.clone(), self.set.get(name)?.clone()));
        match name {
            Some(name) if *name == usual && self.set.is_empty() => Ok((usual, NightSet::default())),
            Some(name) => found(name).ok_or_else(|| NoSet::Unknown { set: name.to_string(), known: known() }),
            None if self.set.is_empty() => Ok((usual, NightSet::default())),
            None => {
                let mut only = self.set.keys().take(1).filter(|_| self.set.len() == 1);
                let one = only.next().or_else(|| self.set.keys().find(|name| **name == usual));
                one.and_then(found).ok_or_else(|| NoSet::Several { known: known() })
            }
        }
    }

    /// The channels of a set, in the order of their names, each once.
    pub fn channels_of(&self, set: &NightSet) -> Vec<ChannelName> {
        let of_project =
            self.channel.iter().filter(|(_, channel)| channel.lock.is_none()).map(|(name, _)| name.clone());
        let mut channels: Vec<ChannelName> =
            if set.channels.is_empty() { of_project.collect() } else { set.channels.clone() };
        channels.sort();
        channels.dedup();
        channels
    }

    /// What is wrong with sets.
    pub(super) fn set_problems(&self) -> Vec<(Vec<String>, String)> {
        let mut problems = Vec::new();
        for (name, set) in &self.set {
            let keys = |field: &str| vec!["set".to_owned(), name.to_string(), field.to_owned()];
            for channel in set.channels.iter().filter(|channel| !self.channel.contains_key(*channel)) {
                let keys = keys("channels");
                problems.push((keys.clone(), format!("`{}` names `{channel}`, which is no channel", keys.join("."))));
            }
            if set.channels.is_empty() && self.channels_of(set).is_empty() {
                let keys = keys("channels");
                let message = format!("`{}` must name channels: none is made from `opb.lock`", keys.join("."));
                problems.push((keys, message));
            }
            let lines =
                set.frozen.iter().map(|text| ("frozen", text)).chain(set.report.iter().map(|text| ("report", text)));
            for (field, text) in lines.filter(|(_, text)| text.is_empty() || text.contains(char::is_control)) {
                let keys = keys(field);
                let message = format!("`{}` must be one line of text, not `{}`", keys.join("."), text.escape_debug());
                problems.push((keys, message));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Settings {
        Settings::parse(text).expect(text)
    }

    fn set(name: &str) -> SetName {
        name.parse().expect("a name")
    }

    #[test]
    fn the_set_that_is_meant() {
        let meant = |text: &str, name: Option<&str>| {
            let name = name.map(set);
            let found = parse(text).night_set(name.as_ref());
            found.map(|(name, _)| name.to_string()).map_err(|error| error.to_string())
        };
        let (one, two) = ("[set.slow]\n", "[set.slow]\n[set.quick]\n");
        assert_eq!(meant("", None), Ok("default".to_owned()));
        assert_eq!(meant("", Some("default")), Ok("default".to_owned()));
        assert_eq!(meant("", Some("slow")), Err("there is no set `slow`".to_owned()));
        assert_eq!(meant(one, None), Ok("slow".to_owned()));
        assert_eq!(meant(one, Some("default")), Err("there is no set `default`".to_owned()));
        assert_eq!(meant(two, None), Err("`opb.toml` has several sets".to_owned()));
        assert_eq!(meant(two, Some("quick")), Ok("quick".to_owned()));
        assert_eq!(meant(&format!("{two}[set.default]\n"), None), Ok("default".to_owned()));
    }

    #[test]
    fn it_has_the_channels_that_are_made_from_the_projects_lock() {
        let settings =
            parse("[channel.b]\n[channel.a]\n[channel.c]\nlock = \"c\"\n[set.few]\nchannels = [\"c\", \"a\", \"c\"]\n");
        let names = |set: &NightSet| settings.channels_of(set).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&NightSet::default()), ["a", "b"]);
        assert_eq!(names(&settings.set[&set("few")]), ["a", "c"]);
    }

    #[test]
    fn what_is_old_enough_is_due() {
        let age = |text: &str| parse(&format!("[set.s]\nsources = \"{text}\"\n")).set[&set("s")].sources();
        let hours = |hours: i64| Some(1_000_000 - hours * 3_600);
        let due = |text: &str, then| age(text).is_due(then, 1_000_000);
        assert_eq!([due("1d", None), due("never", None), due("0", hours(0))], [true, false, true]);
        assert_eq!([due("1d", hours(20)), due("1d", hours(21)), due("1d", hours(30))], [false, true, true]);
        assert_eq!([due("7d", hours(6 * 24)), due("7d", hours(7 * 24))], [false, true]);
        assert!(due("7d", hours(-1)), "a clock that was set back");
        let usual = NightSet::default();
        assert_eq!([usual.sources(), usual.bases()], [age("1d"), age("7d")]);
    }

    #[test]
    fn wrong_sets_are_named() {
        let error = |text: &str| Settings::parse(text).expect_err("wrong").to_string();
        assert_eq!(
            error("[set.s]\nsources = \"often\""),
            "cannot read `opb.toml`: `often` is no age, such as `36h`, `14d` or `2w`, nor `never`"
        );
        assert_eq!(
            error("[set.s]\nchannels = [\"x\"]"),
            "cannot read `opb.toml`: `set.s.channels` names `x`, which is no channel"
        );
        assert_eq!(
            error("[channel.c]\nlock = \"c\"\n[set.s]\n"),
            "cannot read `opb.toml`: `set.s.channels` must name channels: none is made from `opb.lock`"
        );
        assert_eq!(
            error("[set.s]\nfrozen = [\"\"]"),
            "cannot read `opb.toml`: `set.s.frozen` must be one line of text, not ``"
        );
        assert_eq!(
            error("[set.s]\nkeep = 1"),
            "cannot read `opb.toml`: unknown field `keep`, expected one of `channels`, `sources`, `bases`, `frozen`, `verify`, `report`"
        );
        assert!(error("[set.S]").contains("`S` is not a name of a set"), "{}", error("[set.S]"));
    }
}
