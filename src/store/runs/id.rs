//! Names of runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A run's name: when it started, in UTC, and which of that second's it is where there are several, as in
/// `20250111-100000` and `20250111-100000-2`. Sorted by that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    stamp: String,
    again: u32,
}

/// A text that is no run's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a run: written as in `20250111-100000`")]
pub struct RunIdError {
    /// The text, escaped.
    pub text: String,
}

impl RunId {
    /// The name of the run that started then (seconds since 1970), the `again`th of its second, from 1.
    pub(super) fn new(started: i64, again: u32) -> Self {
        // Outside of what dates can say there is no clock that could have told so.
        let time = jiff::Timestamp::from_second(started).unwrap_or_default();
        Self { stamp: time.strftime("%Y%m%d-%H%M%S").to_string(), again }
    }

    /// When it started, in seconds since 1970, as its name says; 0 where that is no date.
    pub fn started(&self) -> i64 {
        let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", &self.stamp).ok();
        let time = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
        time.map_or(0, |time| time.timestamp().as_second())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.again {
            1 => f.pad(&self.stamp),
            again => f.pad(&format!("{}-{again}", self.stamp)),
        }
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let wrong = || RunIdError { text: text.escape_debug().to_string() };
        let mut parts = text.split('-');
        let (date, time) = (parts.next().filter(|part| digits(part, 8)), parts.next().filter(|part| digits(part, 6)));
        let (date, time) = (date.ok_or_else(wrong)?, time.ok_or_else(wrong)?);
        let again = match parts.next() {
            None => 1,
            Some(again) => again.parse().ok().filter(|number| *number > 1).ok_or_else(wrong)?,
        };
        let id = Self { stamp: format!("{date}-{time}"), again };
        // One text for each: no `-02`, and nothing behind it.
        if id.to_string() == text { Ok(id) } else { Err(wrong()) }
    }
}

fn digits(part: &str, count: usize) -> bool {
    part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
