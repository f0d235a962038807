//! The values of `opb.exceptions.toml`: what release engineers except from the rules for a while, and until when.
//!
//! ```toml
//! version = 1
//!
//! [skip."libmd@debian-12/*"]
//! reason = "its new test suite takes a day"
//! expires = "2026-12-24"
//! ```
//!
//! The file is TOML, sorted, one fact a line. What a selector means is for `graph` to say; an exception is no part of any
//! identity.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::diag::is_harmful;

/// The version of the format that this program writes. A newer one is refused.
pub const EXCEPTIONS_VERSION: u32 = 1;

/// The most characters of a reason.
const MOST: usize = 500;

/// All exceptions of a project, each kind by selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// Version of the format.
    pub version: u32,
    /// Pins that stay where they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hold: BTreeMap<String, Exception>,
    /// Builds that do not run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skip: BTreeMap<String, Exception>,
    /// Builds whose failure is no failure of a run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", rename = "expect-failure")]
    pub expect_failure: BTreeMap<String, Exception>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Why.
    pub reason: Reason,
    /// The last day on which it holds.
    pub expires: Day,
}

/// What an exception does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExceptionKind {
    /// Pins stay where they are.
    Hold,
    /// Builds do not run.
    Skip,
    /// Builds may fail.
    ExpectFailure,
}

/// A reason: one line of plain text, not empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason(String);

/// A day in UTC, as `2026-12-24`. Days are in the order of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Day(String);

/// An exception as it is told where it is met.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Excuse {
    /// The reason.
    pub why: String,
    /// The last day on which it holds, as `2026-12-24`; `None`: without end.
    pub until: Option<String>,
    /// The selector of the exception; `None`: its recipe says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
}

/// A text that cannot stand in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExceptionError {
    /// No reason.
    #[error("a reason must be one line of plain text with at most {MOST} characters")]
    Reason,
    /// No day of the calendar.
    #[error("`{0}` is no day such as `2026-12-24`")]
    Day(String),
}

impl Default for Exceptions {
    fn default() -> Self {
        let none = BTreeMap::new;
        Self { version: EXCEPTIONS_VERSION, hold: none(), skip: none(), expect_failure: none() }
    }
}

impl Exceptions {
    /// Those of a kind, by selector.
    pub fn of(&self, kind: ExceptionKind) -> &BTreeMap<String, Exception> {
        match kind {
            ExceptionKind::Hold => &self.hold,
            ExceptionKind::Skip => &self.skip,
            ExceptionKind::ExpectFailure => &self.expect_failure,
        }
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, kind: ExceptionKind) -> &mut BTreeMap<String, Exception> {
        match kind {
            ExceptionKind::Hold => &mut self.hold,
            ExceptionKind::Skip => &mut self.skip,
            ExceptionKind::ExpectFailure => &mut self.expect_failure,
        }
    }

    /// All of them, by kind and selector.
    pub fn all(&self) -> impl Iterator<Item = (ExceptionKind, &str, &Exception)> {
        ExceptionKind::ALL
            .into_iter()
            .flat_map(|kind| self.of(kind).iter().map(move |(selector, one)| (kind, selector.as_str(), one)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Those of a kind that hold on the day `today`, the one that holds longest last: where several mean the same, it counts.
    pub fn in_force(&self, kind: ExceptionKind, today: &str) -> Vec<(&str, &Exception)> {
        let all = self.of(kind).iter().filter(|(_, one)| one.holds(today));
        let mut found: Vec<(&str, &Exception)> = all.map(|(selector, one)| (selector.as_str(), one)).collect();
        found.sort_by(|(_, one), (_, other)| one.expires.cmp(&other.expires));
        found
    }
}

impl Exception {
    /// Whether it still holds on the day `today`, as `2026-12-24`.
    pub fn holds(&self, today: &str) -> bool {
        today <= self.expires.as_str()
    }

    /// As it is told; `selector` is its own.
    pub fn excuse(&self, selector: &str) -> Excuse {
        let (why, until) = (self.reason.to_string(), Some(self.expires.to_string()));
        Excuse { why, until, exception: Some(selector.to_owned()) }
    }
}

impl ExceptionKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Hold, Self::Skip, Self::ExpectFailure];

    /// The word for it: the verb that makes one, and its table in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Skip => "skip",
            Self::ExpectFailure => "expect-failure",
        }
    }
}

impl fmt::Display for ExceptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `until 2026-12-24: its new test suite takes a day`.
impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.until {
            Some(until) => write!(f, "until {until}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl FromStr for Reason {
    type Err = ExceptionError;

    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        let text = text.trim();
        let is_plain = !text.is_empty() && text.chars().count() <= MOST && !text.chars().any(is_harmful);
        if is_plain { Ok(Self(text.to_owned())) } else { Err(ExceptionError::Reason) }
    }
}

impl FromStr for Day {
    type Err = ExceptionError;

    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        // Days are compared as texts, so there is one way to write each.
        let day = text.parse::<jiff::civil::Date>().ok().filter(|day| day.to_string() == text && day.year() > 0);
        day.map(|_| Self(text.to_owned())).ok_or_else(|| ExceptionError::Day(text.to_owned()))
    }
}

impl Reason {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Day {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The day so many days after `today`; `None` where one of them is none.
    pub fn after(today: &str, days: i32) -> Option<Self> {
        let day = today.parse::<jiff::civil::Date>().ok()?;
        day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?.to_string().parse().ok()
    }

    /// How many days come between `today` and this one; negative where it has passed. `None` where `today` is no day.
    pub fn days_from(&self, today: &str) -> Option<i32> {
        let [then, now] = [self.as_str(), today].map(|day| day.parse::<jiff::civil::Date>().ok());
        then?.since((jiff::Unit::Day, now?)).ok().map(|span| span.get_days())
    }
}

macro_rules! of_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

of_text!(Reason);
of_text!(Day);

#[cfg(test)]
mod tests {
    use super::*;

    fn one(reason: &str, expires: &str) -> Exception {
        Exception { reason: reason.parse().expect(reason), expires: expires.parse().expect(expires) }
    }

    #[test]
    fn the_file_has_one_fact_a_line_and_is_sorted() {
        let mut all = Exceptions::default();
        all.expect_failure.insert("build:lib*@debian-12/*".to_owned(), one("upstream \"77\"", "2027-01-15"));
        all.hold.insert("libmd".to_owned(), one("waits for a review", "2026-12-24"));
        all.hold.insert("@debian-12".to_owned(), one("frozen", "2026-12-24"));
        let text = toml::to_string(&all).expect("plain values");
        insta::assert_snapshot!(text, @r#"
        version = 1

        [hold."@debian-12"]
        reason = "frozen"
        expires = "2026-12-24"

        [hold.libmd]
        reason = "waits for a review"
        expires = "2026-12-24"

        [expect-failure."build:lib*@debian-12/*"]
        reason = 'upstream "77"'
        expires = "2027-01-15"
        "#);
        assert_eq!(toml::from_str::<Exceptions>(&text).expect("read"), all);
        let listed: Vec<(&str, &str)> = all.all().map(|(kind, selector, _)| (kind.as_str(), selector)).collect();
        assert_eq!(listed, [("hold", "@debian-12"), ("hold", "libmd"), ("expect-failure", "build:lib*@debian-12/*")]);
    }

    #[test]
    fn what_cannot_stand_there() {
        let error = |table: &str| {
            let read = toml::from_str::<Exceptions>(&format!("version = 1\n[skip.a]\n{table}"));
            read.expect_err(table).message().to_owned()
        };
        let reason = "a reason must be one line of plain text with at most 500 characters";
        for text in ["", "  ", "a\\nb", "a\\u001bb", &"x".repeat(501)] {
            assert_eq!(error(&format!("reason = \"{text}\"\nexpires = \"2026-12-24\"")), reason);
        }
        for day in ["2026-12-32", "2026-1-2", "tomorrow", "20261224", "-000001-01-01", ""] {
            let told = error(&format!("reason = \"a\"\nexpires = \"{day}\""));
            assert_eq!(told, format!("`{day}` is no day such as `2026-12-24`"));
        }
        assert!(error("reason = \"a\"\nexpires = \"2026-12-24\"\nmore = 1").starts_with("unknown field `more`"));
        assert!(error("reason = \"a\"").starts_with("missing field `expires`"));
        assert!(toml::from_str::<Exceptions>("").is_err(), "a file without a version");
    }

    #[test]
    fn of_several_the_one_that_holds_longest_counts() {
        let mut all = Exceptions::default();
        for (selector, day) in [("a", "2026-12-24"), ("b", "2026-11-30"), ("c", "2026-11-28"), ("d", "2026-11-29")] {
            all.skip.insert(selector.to_owned(), one("x", day));
        }
        let found = all.in_force(ExceptionKind::Skip, "2026-11-29");
        assert_eq!(found.iter().map(|(selector, _)| *selector).collect::<Vec<_>>(), ["d", "b", "a"]);
        assert!(all.in_force(ExceptionKind::Hold, "2026-11-29").is_empty());
        assert_eq!(found[2].1.excuse("a").to_string(), "until 2026-12-24: x");
    }

    #[test]
    fn days_are_counted() {
        let from = |day: &str| day.parse::<Day>().expect(day).days_from("2026-11-29");
        assert_eq!(
            [from("2026-11-29"), from("2026-12-24"), from("2027-11-29"), from("2026-11-28")],
            [Some(0), Some(25), Some(365), Some(-1)]
        );
    }
}
