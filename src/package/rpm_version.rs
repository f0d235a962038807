//! Versions of RPM packages, in the order of rpm (rpm-version(7)): epoch, version, release.
//!
//! Own code: the order is forty lines, and each crate for it either misses `^` or takes what rpm refuses.

use std::cmp::Ordering;
use std::fmt;

use super::version::VersionError;

/// The most bytes that a version with its epoch and release may have.
pub const MAX_EVR: usize = 300;

/// `[epoch:]version[-release]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evr {
    /// The epoch; `None` where there is none, which counts as 0.
    pub epoch: Option<u32>,
    /// The version, never empty.
    pub version: String,
    /// The release; `None` where there is none.
    pub release: Option<String>,
}

impl Evr {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`VersionError`] with the rule that it breaks.
    pub fn new(text: &str) -> Result<Self, VersionError> {
        let wrong = |rule| VersionError { text: text.chars().take(80).collect(), rule };
        if text.len() > MAX_EVR {
            return Err(wrong("it is longer than 300 bytes"));
        }
        let (epoch, rest) = match text.split_once(':') {
            None => (None, text),
            Some((epoch, rest)) => {
                let digits = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
                let number = epoch.parse::<u32>().ok().filter(|_| digits);
                (Some(number.ok_or_else(|| wrong("what stands before the colon must be a number"))?), rest)
            }
        };
        let (version, release) = match rest.rsplit_once('-') {
            None => (rest, None),
            Some((version, release)) => (version, Some(release)),
        };
        for part in [Some(version), release].into_iter().flatten() {
            if part.is_empty() {
                return Err(wrong("a part of it is empty"));
            }
            if !part.bytes().all(is_plain) {
                return Err(wrong("versions and releases have letters, digits and `.`, `_`, `+`, `~`, `^` only"));
            }
        }
        Ok(Self { epoch, version: version.to_owned(), release: release.map(str::to_owned) })
    }

    /// The order in which rpm sees two packages; a missing release comes first.
    pub fn order(&self, other: &Self) -> Ordering {
        self.order_of_versions(other).then_with(|| match (&self.release, &other.release) {
            (Some(one), Some(other)) => compare(one, other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        })
    }

    /// Where it stands against the limit of a dependency: a release counts only where both have one, so that `= 1.0` means
    /// every release of it. For that reason this is no order among versions.
    pub fn against(&self, limit: &Self) -> Ordering {
        self.order_of_versions(limit).then_with(|| match (&self.release, &limit.release) {
            (Some(one), Some(other)) => compare(one, other),
            _ => Ordering::Equal,
        })
    }

    fn order_of_versions(&self, other: &Self) -> Ordering {
        self.epoch.unwrap_or(0).cmp(&other.epoch.unwrap_or(0)).then_with(|| compare(&self.version, &other.version))
    }
}

impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch {
            write!(f, "{epoch}:")?;
        }
        f.write_str(&self.version)?;
        match &self.release {
            Some(release) => write!(f, "-{release}"),
            None => Ok(()),
        }
    }
}

/// What may stand in a version or a release.
pub fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+~^".contains(&byte)
}

/// The order of two versions, or of two releases: rpm's `rpmvercmp`.
///
/// Runs of digits compare as numbers and sort after letters; `~` sorts before everything, the end included; `^` after the
/// end and before everything else; other characters only separate.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        left = past_separators(left);
        right = past_separators(right);
        match (left.first(), right.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                left = &left[1..];
                right = &right[1..];
                continue;
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), _) => return Ordering::Less,
            (_, Some(b'^')) => return Ordering::Greater,
            (Some(one), Some(other)) if one.is_ascii_digit() != other.is_ascii_digit() => {
                return if one.is_ascii_digit() { Ordering::Greater } else { Ordering::Less };
            }
            (Some(byte), Some(_)) => {
                let same: fn(&u8) -> bool =
                    if byte.is_ascii_digit() { u8::is_ascii_digit } else { u8::is_ascii_alphabetic };
                let (one, other) = (take(&mut left, same), take(&mut right, same));
                let order = if byte.is_ascii_digit() { numbers(one, other) } else { one.cmp(other) };
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

fn past_separators(text: &[u8]) -> &[u8] {
    let counts = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    &text[text.iter().position(counts).unwrap_or(text.len())..]
}

fn take<'a>(text: &mut &'a [u8], same: fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|byte| !same(byte)).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

/// Numbers of any length: without leading zeros the longer one is the greater.
fn numbers(one: &[u8], other: &[u8]) -> Ordering {
    let plain = |number: &[u8]| number.iter().position(|byte| *byte != b'0').unwrap_or(number.len());
    let (one, other) = (&one[plain(one)..], &other[plain(other)..]);
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What rpm itself says of pairs; `None` where the machine has no rpm.
    fn rpm_says(pairs: &[(String, String)]) -> Option<Vec<Ordering>> {
        let calls: String =
            pairs.iter().map(|(one, other)| format!("print(rpm.vercmp(\"{one}\", \"{other}\") .. \",\") ")).collect();
        let output = std::process::Command::new("rpm").arg("--eval").arg(format!("%{{lua: {calls}}}")).output().ok()?;
        let text = String::from_utf8(output.stdout).expect("text");
        let orders: Vec<Ordering> = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(|word| word.parse::<i32>().expect("a number").cmp(&0))
            .collect();
        assert_eq!(orders.len(), pairs.len(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(orders)
    }

    const VERSIONS: [&str; 33] = [
        "1",
        "1.0",
        "1.0.0",
        "1.0~rc1",
        "1.0~rc1~git1",
        "1.0^",
        "1.0^git1",
        "1.0^git1~pre",
        "1.0^20260101",
        "1.0a",
        "1.0.a",
        "1.01",
        "1.1",
        "10",
        "1_0",
        "1+0",
        "a",
        "a1",
        "1a",
        "1.a.2",
        "2.0.1",
        "2.0.1a",
        "xyz10",
        "xyz.4",
        "8",
        "00",
        "0",
        "5.5p10",
        "5.5p2",
        "6.0.rc1",
        "1.0-1",
        "1.0-1^x",
        "1:0.1-2",
    ];

    #[test]
    fn the_order_is_that_of_rpm() {
        let all = || VERSIONS.iter().flat_map(|one| VERSIONS.iter().map(move |other| (*one, *other)));
        let pairs: Vec<(String, String)> = all().map(|(one, other)| (one.to_owned(), other.to_owned())).collect();
        let Some(expected) = rpm_says(&pairs) else { return println!("skipped: no rpm here") };
        for ((one, other), expected) in pairs.iter().zip(expected) {
            let evr = |text: &str| Evr::new(text).expect(text);
            assert_eq!(evr(one).order(&evr(other)), expected, "{one} against {other}");
        }
    }

    fn version() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("0"),
            Just("1"),
            Just("00"),
            Just("10"),
            Just("a"),
            Just("b"),
            Just("Z"),
            Just("rc"),
            Just("."),
            Just(".."),
            Just("_"),
            Just("+"),
            Just("~"),
            Just("^"),
        ];
        let part = proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat());
        (proptest::option::of(0..3_u32), part.clone(), proptest::option::of(part))
            .prop_map(|(epoch, version, release)| Evr { epoch, version, release }.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn any_pair_is_ordered_as_rpm_does(pairs in proptest::collection::vec((version(), version()), 200)) {
            // Without rpm there is nothing to compare with; the test above says so.
            if let Some(expected) = rpm_says(&pairs) {
                for ((one, other), expected) in pairs.iter().zip(expected) {
                    let order = Evr::new(one).expect("sound").order(&Evr::new(other).expect("sound"));
                    prop_assert_eq!(order, expected, "{} against {}", one, other);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_other_way_round_is_the_reverse(one in "[0-9a-c.~^_]{0,8}", other in "[0-9a-c.~^_]{0,8}") {
            prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
            prop_assert_eq!(compare(&one, &one), Ordering::Equal);
        }

        #[test]
        fn what_is_read_is_complete_the_same(text in version()) {
            prop_assert_eq!(Evr::new(&text).expect("sound").to_string(), text);
        }
    }

    #[test]
    fn a_limit_without_a_release_means_every_release() {
        let evr = |text: &str| Evr::new(text).expect(text);
        assert_eq!(evr("1.0-3").against(&evr("1.0")), Ordering::Equal);
        assert_eq!(evr("1.0-3").against(&evr("1.0-4")), Ordering::Less);
        assert_eq!(evr("1:0.9").against(&evr("1.0-4")), Ordering::Greater);
        assert_eq!(evr("1.0-3").order(&evr("1.0")), Ordering::Greater, "among packages it does not");
    }

    #[test]
    fn what_is_no_version() {
        let said = |text: &str| Evr::new(text).expect_err(text).to_string();
        assert_eq!(said("a:1"), "`a:1` is no version: what stands before the colon must be a number");
        assert_eq!(said("1-"), "`1-` is no version: a part of it is empty");
        assert_eq!(said(""), "`` is no version: a part of it is empty");
        let rule = "versions and releases have letters, digits and `.`, `_`, `+`, `~`, `^` only";
        assert_eq!(said("1 2"), format!("`1 2` is no version: {rule}"));
        assert_eq!(said("1-2-3"), format!("`1-2-3` is no version: {rule}"));
        assert!(said(&"1".repeat(301)).ends_with("it is longer than 300 bytes"));
    }
}
