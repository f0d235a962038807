//! Versions of Debian packages, in the order of deb-version(7).
//!
//! Own code, since the crate `debversion` puts `1.0a` before `1.0a0`, which dpkg calls equal, and takes a regular
//! expression to read one; an index has tens of thousands.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The most bytes that a version may have.
pub const MAX_VERSION: usize = 300;

/// A version: `[epoch:]upstream[-revision]`.
///
/// Equal means equal in the order: `1.0`, `0:1.0` and `1.0-0` are, although they are different texts.
#[derive(Clone)]
pub struct Version {
    text: Box<str>,
    epoch: u32,
    /// Where the upstream version starts.
    start: u16,
    /// Where it ends.
    end: u16,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no version: {rule}")]
pub struct VersionError {
    /// What was given, at most its first 80 characters.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl Version {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`VersionError`] with the rule that it breaks.
    pub fn new(text: &str) -> Result<Self, VersionError> {
        let wrong = |rule| VersionError { text: text.chars().take(80).collect(), rule };
        if text.len() > MAX_VERSION {
            return Err(wrong("it is longer than 300 bytes"));
        }
        let (epoch, start) = match text.split_once(':') {
            None => (0, 0),
            Some((epoch, _)) => {
                let digits = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
                let number = epoch.parse::<u32>().ok().filter(|number| digits && *number <= i32::MAX as u32);
                (number.ok_or_else(|| wrong("what stands before the colon must be a number"))?, epoch.len() + 1)
            }
        };
        let end = text.rfind('-').filter(|end| *end >= start).unwrap_or(text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'~');
        if start == end {
            return Err(wrong("the upstream version is empty"));
        }
        if !text[start..end].bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b':')) {
            return Err(wrong("an upstream version has letters, digits and `.`, `+`, `~`, `-`, `:` only"));
        }
        if end + 1 == text.len() {
            return Err(wrong("the revision is empty"));
        }
        if end < text.len() && !text[end + 1..].bytes().all(plain) {
            return Err(wrong("a revision has letters, digits and `.`, `+`, `~` only"));
        }
        // Both fit: `text` has at most `MAX_VERSION` bytes.
        Ok(Self { text: text.into(), epoch, start: start as u16, end: end as u16 })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The epoch; 0 where there is none.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The part before the last hyphen, without the epoch.
    pub fn upstream(&self) -> &str {
        &self.text[usize::from(self.start)..usize::from(self.end)]
    }

    /// The part after the last hyphen; `None` for a native package's version.
    pub fn revision(&self) -> Option<&str> {
        self.text.get(usize::from(self.end) + 1..)
    }

    /// The text without the epoch, as file names of packages have it.
    pub fn without_epoch(&self) -> &str {
        &self.text[usize::from(self.start)..]
    }
}

/// The order of a character in the part that is no number: `~`, the end, letters, all else.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    }
}

/// The order of upstream versions, and that of revisions (deb-version(7), "Sorting algorithm").
pub fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    let is_other = |text: &[u8]| text.first().is_some_and(|byte| !byte.is_ascii_digit());
    while !left.is_empty() || !right.is_empty() {
        while is_other(left) || is_other(right) {
            let order = weight(left.first().copied()).cmp(&weight(right.first().copied()));
            if order.is_ne() {
                return order;
            }
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        }
        let (one, other) = (take_number(&mut left), take_number(&mut right));
        // Without leading zeros the longer number is the greater one; numbers may be of any length.
        let order = one.len().cmp(&other.len()).then_with(|| one.cmp(other));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    let zeros = number.iter().position(|byte| *byte != b'0').unwrap_or(number.len());
    &number[zeros..]
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(self.upstream(), other.upstream()))
            .then_with(|| compare(self.revision().unwrap_or(""), other.revision().unwrap_or("")))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.text)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::new(text)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        Version::new(text).expect(text)
    }

    #[test]
    fn parts() {
        let one = version("1:2.0-rc1-3");
        assert_eq!(
            (one.epoch(), one.upstream(), one.revision(), one.without_epoch()),
            (1, "2.0-rc1", Some("3"), "2.0-rc1-3")
        );
        let native = version("12.4");
        assert_eq!((native.upstream(), native.revision(), native.without_epoch()), ("12.4", None, "12.4"));
    }

    #[test]
    fn errors_name_the_rule() {
        let error = |text: &str| Version::new(text).expect_err(text).to_string();
        assert_eq!(error(""), "`` is no version: the upstream version is empty");
        assert_eq!(error("1:"), "`1:` is no version: the upstream version is empty");
        assert_eq!(error("a:1"), "`a:1` is no version: what stands before the colon must be a number");
        assert_eq!(
            error("2147483648:1"),
            "`2147483648:1` is no version: what stands before the colon must be a number"
        );
        assert_eq!(error("1.0-"), "`1.0-` is no version: the revision is empty");
        assert_eq!(
            error("1_0"),
            "`1_0` is no version: an upstream version has letters, digits and `.`, `+`, `~`, `-`, `:` only"
        );
        assert_eq!(error("1-2:3"), "`1-2:3` is no version: what stands before the colon must be a number");
        assert_eq!(error("1-é"), "`1-é` is no version: a revision has letters, digits and `.`, `+`, `~` only");
        assert!(error(&"1".repeat(301)).ends_with("it is longer than 300 bytes"));
    }

    #[test]
    fn the_numbers_of_rebuilds_sort_as_they_must() {
        let ascending = [
            "1.0-1~deb12",
            "1.0-1",
            "1.0-1+0opb1~deb12",
            "1.0-1+0opb1~deb13",
            "1.0-1+0opb2~deb12",
            "1.0-1+b1",
            "1.0-1+deb12u1",
        ];
        assert!(ascending.windows(2).all(|pair| version(pair[0]) < version(pair[1])));
    }

    /// Versions whose every pair is compared with dpkg's answer.
    const SAMPLES: [&str; 32] = [
        "0",
        "0-0",
        "00",
        "1",
        "1.0",
        "1.0-0",
        "0:1.0",
        "1:0",
        "1:0.1",
        "1.0a",
        "1.0a0",
        "1.0~",
        "1.0~~",
        "1.0~~a",
        "1.0~a",
        "1.0~rc1-1",
        "1.0-1",
        "1.0-1+0opb1~deb12",
        "1.0-1+b1",
        "1.0-1+deb12u1",
        "1.0-1~deb12",
        "1.0.0",
        "1.00",
        "1.01",
        "1.10",
        "1.0+dfsg-1",
        "1.0-a-1",
        "a",
        "9999999999999999999999",
        "10000000000000000000000",
        "0:0-0-0",
        "1.0.",
    ];

    #[test]
    fn the_order_is_that_of_dpkg() {
        if std::process::Command::new("dpkg").arg("--version").output().is_err() {
            println!("skipped: no dpkg here to compare with");
            return;
        }
        let mut checked = 0;
        for (place, left) in SAMPLES.iter().enumerate() {
            for right in &SAMPLES[place..] {
                let ours = version(left).cmp(&version(right));
                let operator = match ours {
                    Ordering::Less => "lt",
                    Ordering::Equal => "eq",
                    Ordering::Greater => "gt",
                };
                let dpkg =
                    std::process::Command::new("dpkg").args(["--compare-versions", left, operator, right]).status();
                assert!(dpkg.expect("runs").success(), "{left} {ours:?} {right}");
                assert_eq!(version(right).cmp(&version(left)), ours.reverse(), "{left} {right}");
                checked += 1;
            }
        }
        assert!(checked > 400, "{checked}");
    }

    proptest! {
        #[test]
        fn the_order_is_total(texts in proptest::collection::vec("[0-9][0-9a~+.-]{0,5}[0-9a]", 3)) {
            let mut all: Vec<Version> = texts.iter().filter_map(|text| Version::new(text).ok()).collect();
            all.sort();
            for (place, left) in all.iter().enumerate() {
                prop_assert!(all[place..].iter().all(|right| left.cmp(right) == right.cmp(left).reverse() && left <= right));
            }
        }
    }
}
