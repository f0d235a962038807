//! Release files: what a suite's archive says of itself, from a text whose signature somebody else has verified.
//!
//! The format is apt's (the repository format of the Debian wiki; apt-secure(8) for the dates). Only SHA-256 counts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::apt_config::Stance;
use super::fields;
use crate::digest::Sha256;
use crate::distro::Expired;
use crate::path::TreePath;

/// The longest Release file, in bytes. Debian's are about 150 KB.
const MAX_RELEASE: usize = 64 << 20;

/// How far in the future a `Date` may be, in seconds: apt's own `Acquire::Max-FutureTime`.
const CLOCK_SKEW: i64 = 10;

/// What a Release file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Such as `stable-security`; empty where it does not say.
    pub suite: String,
    /// Such as `bookworm-security`; empty where it does not say.
    pub codename: String,
    /// Such as `Debian`; empty where it does not say.
    pub origin: String,
    /// `Date` as it stands there, and what it means.
    pub date: (String, Timestamp),
    /// `Valid-Until` likewise; `None` where it never expires.
    pub valid_until: Option<(String, Timestamp)>,
    /// Whether files can be got by their digest.
    pub acquire_by_hash: bool,
    /// The files below the suite with digest and size in bytes, by path.
    pub files: BTreeMap<String, (Sha256, u64)>,
}

/// Something to tell people about a Release file that was accepted all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(pub String);

/// Why a Release file is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum ReleaseError {
    /// It is no Release file.
    #[error("cannot understand the Release file of suite `{suite}`: {why}")]
    #[diagnostic(
        code(opb::fetch::release),
        help("check that the address leads to an APT archive, or use another mirror")
    )]
    Malformed {
        /// The suite that was asked for.
        suite: String,
        /// What is wrong.
        why: String,
    },
    /// It is of another suite: a mirror that mixes things up, or an attack.
    #[error("the Release file got for suite `{wanted}` is that of suite `{suite}`, code name `{codename}`")]
    #[diagnostic(code(opb::fetch::other_suite), help("check the archive's address, or use another mirror"))]
    OtherSuite {
        /// What was asked for.
        wanted: String,
        /// What it says it is.
        suite: String,
        /// Likewise.
        codename: String,
    },
    /// Past its `Valid-Until`.
    #[error("the Release file of suite `{suite}` expired on {valid_until}")]
    #[diagnostic(
        code(opb::fetch::expired),
        help(
            "use a mirror that is up to date, or check this machine's clock; for a release that is no longer renewed, set `expired_release_files: \"accept\"` in the distro's file"
        )
    )]
    Expired {
        /// The suite.
        suite: String,
        /// The date, as it stands there.
        valid_until: String,
    },
    /// Dated after now.
    #[error("the Release file of suite `{suite}` is dated {date}, which is in the future")]
    #[diagnostic(code(opb::fetch::future), help("check this machine's clock"))]
    Future {
        /// The suite.
        suite: String,
        /// The date, as it stands there.
        date: String,
    },
    /// An index that the distro needs is not in it.
    #[error("suite `{suite}` has no index `{path}`")]
    #[diagnostic(code(opb::fetch::no_index), help("check the areas and arches in the distro's file"))]
    NoIndex {
        /// The suite.
        suite: String,
        /// The index, without the ending of its compression.
        path: String,
    },
}

impl crate::diag::Caused for ReleaseError {
    fn fault(&self) -> crate::diag::Cause {
        match self {
            Self::NoIndex { .. } => crate::diag::Cause::Input,
            _ => crate::diag::Cause::Environment,
        }
    }
}

/// Reads a Release file's verified text, got for `suite`.
///
/// # Errors
/// [`ReleaseError::Malformed`], and [`ReleaseError::OtherSuite`] where neither suite nor code name is what was asked for.
pub fn parse_release(text: &str, suite: &str) -> Result<Release, ReleaseError> {
    let wrong = |why: String| ReleaseError::Malformed { suite: suite.to_owned(), why };
    if text.len() > MAX_RELEASE {
        return Err(wrong(format!("it has {} bytes", text.len())));
    }
    let stanzas = fields::stanzas(text).map_err(|line| wrong(format!("line {line} is no field")))?;
    let [stanza] = stanzas.as_slice() else {
        return Err(wrong(format!("it has {} paragraphs instead of one", stanzas.len())));
    };
    let date_of = |name: &str| match stanza.get(name) {
        Some(text) => match parse_date(text) {
            Some(time) => Ok(Some((text.to_owned(), time))),
            None => {
                Err(wrong(format!("`{name}` is `{}`, which is no date", text.chars().take(80).collect::<String>())))
            }
        },
        None => Ok(None),
    };
    let word = |name: &str| stanza.get(name).unwrap_or_default().to_owned();
    let release = Release {
        suite: word("Suite"),
        codename: word("Codename"),
        origin: word("Origin"),
        date: date_of("Date")?.ok_or_else(|| wrong("it has no `Date`".to_owned()))?,
        valid_until: date_of("Valid-Until")?,
        acquire_by_hash: stanza.get("Acquire-By-Hash").and_then(super::sources::truth) == Some(true),
        files: parse_files(stanza.get("SHA256").ok_or_else(|| wrong("it has no `SHA256`".to_owned()))?)
            .map_err(wrong)?,
    };
    // A signature only says that the distribution made the file, not that it is the one that was asked for.
    if ![&release.suite, &release.codename].into_iter().any(|name| same_suite(name, suite)) {
        return Err(ReleaseError::OtherSuite {
            wanted: suite.to_owned(),
            suite: release.suite,
            codename: release.codename,
        });
    }
    Ok(release)
}

/// Whether a Release file of suite `said` is what `wanted` stands for; Debian's older security suites say `buster` in the
/// file of `buster/updates`.
fn same_suite(said: &str, wanted: &str) -> bool {
    !said.is_empty() && (said == wanted || wanted.strip_suffix("/updates").is_some_and(|release| release == said))
}

fn parse_files(list: &str) -> Result<BTreeMap<String, (Sha256, u64)>, String> {
    let mut files = BTreeMap::new();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let shown =
            || format!("`{}` in `SHA256` is no digest, size and path", line.chars().take(200).collect::<String>());
        let mut words = line.split_whitespace();
        let (Some(digest), Some(size), Some(path), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(shown());
        };
        let digest: Sha256 = digest.to_ascii_lowercase().parse().map_err(|_| shown())?;
        let size: u64 = size.parse().map_err(|_| shown())?;
        path.parse::<TreePath>().map_err(|_| shown())?;
        if files.insert(path.to_owned(), (digest, size)).is_some_and(|before| before != (digest, size)) {
            return Err(format!("`{path}` is there twice with different digests"));
        }
    }
    Ok(files)
}

/// A date as Release files write it: RFC 2822, with `UTC` for the zone; `None`: it is none.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // The day of the week tells nothing, and apt does not look at it either.
    let text = text.split_once(',').map_or(text, |(_, rest)| rest.trim());
    let text = match text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z')) {
        Some(rest) => format!("{} +0000", rest.trim()),
        None => text.to_owned(),
    };
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&text).ok()
}

/// Checks the dates of a Release file of `suite` against `now`, by the distro's word and the host's stance.
///
/// `Ok(Some(…))` where a date is wrong but was accepted, with the reason.
///
/// # Errors
/// [`ReleaseError::Expired`], [`ReleaseError::Future`].
pub fn check_dates(
    release: &Release,
    suite: &str,
    stance: Stance,
    expired: Expired,
    now: Timestamp,
) -> Result<Option<Notice>, ReleaseError> {
    let (date, dated) = &release.date;
    if dated.as_second() > now.as_second().saturating_add(CLOCK_SKEW) {
        if stance.check_date {
            return Err(ReleaseError::Future { suite: suite.to_owned(), date: date.clone() });
        }
        return Ok(Some(Notice(format!(
            "the Release file of suite `{suite}` is dated {date}, which is in the future; accepted, because this machine's apt does not check dates (Acquire::Check-Date)"
        ))));
    }
    let Some((valid_until, _)) = release.valid_until.as_ref().filter(|(_, until)| *until < now) else {
        return Ok(None);
    };
    let reason = match (expired, stance.check_valid_until) {
        (Expired::Accept, _) => "its distro is set to accept expired Release files",
        (Expired::Refuse, false) => {
            "this machine's apt does not check when Release files expire (Acquire::Check-Valid-Until or Check-Date)"
        }
        (Expired::Refuse, true) => {
            return Err(ReleaseError::Expired { suite: suite.to_owned(), valid_until: valid_until.clone() });
        }
    };
    Ok(Some(Notice(format!(
        "the Release file of suite `{suite}` expired on {valid_until}; accepted, because {reason}"
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn text() -> String {
        format!(
            "Origin: Debian\nLabel: Debian\nSuite: stable-updates\nCodename: bookworm-updates\nDate: Sat, 21 Nov 2026 08:10:11 UTC\n\
             Valid-Until: Sat, 28 Nov 2026 08:10:11 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64\nComponents: main\nMD5Sum:\n abc 1 x\nSHA256:\n \
             {HASH}        0 main/binary-amd64/Packages\n {HASH} 5 main/binary-amd64/Packages.gz\n {HASH} 7 main/binary-amd64/Packages.xz\n \
             {HASH} 9 main/source/Sources.gz\n"
        )
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_release_file() {
        let release = parse_release(&text(), "bookworm-updates").expect("good");
        assert_eq!((release.origin.as_str(), release.codename.as_str()), ("Debian", "bookworm-updates"));
        assert_eq!(release.date, ("Sat, 21 Nov 2026 08:10:11 UTC".into(), at("2026-11-21T08:10:11Z")));
        assert!(release.acquire_by_hash);
        assert!(parse_release(&text(), "stable-updates").is_ok());
    }

    #[test]
    fn another_suites_file_is_refused() {
        let error = parse_release(&text(), "bookworm").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the Release file got for suite `bookworm` is that of suite `stable-updates`, code name `bookworm-updates`"
        );
    }

    #[test]
    fn hostile_files_are_refused() {
        let check = |from: &str, to: &str, wanted: &str| {
            let error = parse_release(&text().replacen(from, to, 1), "bookworm-updates").unwrap_err().to_string();
            assert_eq!(
                error.strip_prefix("cannot understand the Release file of suite `bookworm-updates`: "),
                Some(wanted)
            );
        };
        check("Date: Sat, 21 Nov", "Date: Sat, 41 Nov", "`Date` is `Sat, 41 Nov 2026 08:10:11 UTC`, which is no date");
        check("Date:", "Dat:", "it has no `Date`");
        check("SHA256:", "SHA1:", "it has no `SHA256`");
        check("Label: Debian", "Label", "line 2 is no field");
        check("Label: Debian", "", "it has 2 paragraphs instead of one");
        let line = |path: &str| format!("`{HASH} 9 {path}` in `SHA256` is no digest, size and path");
        check("main/source/Sources.gz", "../x", &line("../x"));
        check("main/source/Sources.gz", "/x", &line("/x"));
        check("main/source/Sources.gz", "a b", &line("a b"));
        check(" 9 main/source", " -9 main/source", &line("main/source/Sources.gz").replace(" 9 ", " -9 "));
        check(
            "main/source/Sources.gz",
            "main/binary-amd64/Packages.xz",
            "`main/binary-amd64/Packages.xz` is there twice with different digests",
        );
        let page = parse_release("<html>\n", "x").unwrap_err().to_string();
        assert_eq!(page, "cannot understand the Release file of suite `x`: line 1 is no field");
    }

    #[test]
    fn dates_are_checked_by_the_hosts_stance() {
        let release = parse_release(&text(), "bookworm-updates").expect("good");
        let check = |now: &str, stance, expired| {
            check_dates(&release, "s", stance, expired, at(now))
                .map_err(|error| error.to_string())
                .map(|n| n.map(|n| n.0))
        };
        let lax = Stance { check_valid_until: false, check_date: true };
        let blind = Stance { check_valid_until: false, check_date: false };
        let (before, good, after) = ("2026-11-21T08:10:00Z", "2026-11-21T08:10:01Z", "2026-11-28T08:10:12Z");
        assert_eq!(check(good, Stance::STRICT, Expired::Refuse), Ok(None));
        assert_eq!(
            check(before, lax, Expired::Accept),
            Err("the Release file of suite `s` is dated Sat, 21 Nov 2026 08:10:11 UTC, which is in the future".into())
        );
        assert!(
            check(before, blind, Expired::Refuse).expect("accepted").expect("said").contains("Acquire::Check-Date")
        );
        assert_eq!(
            check(after, Stance::STRICT, Expired::Refuse),
            Err("the Release file of suite `s` expired on Sat, 28 Nov 2026 08:10:11 UTC".into())
        );
        assert_eq!(
            check(after, lax, Expired::Refuse).expect("accepted").as_deref(),
            Some(
                "the Release file of suite `s` expired on Sat, 28 Nov 2026 08:10:11 UTC; accepted, because this machine's apt does not check when Release files expire (Acquire::Check-Valid-Until or Check-Date)"
            )
        );
        assert!(
            check(after, Stance::STRICT, Expired::Accept)
                .expect("accepted")
                .expect("said")
                .contains("its distro is set")
        );
    }

    #[test]
    fn dates_as_archives_write_them() {
        for text in [
            "Thu, 25 Apr 2024 15:10:33 UTC",
            "25 Apr 2024 15:10:33 +0000",
            "Mon, 25 Apr 2024 15:10:33 GMT",
            "25 Apr 2024 17:10:33 +0200",
        ] {
            assert_eq!(parse_date(text), Some(at("2024-04-25T15:10:33Z")), "{text}");
        }
        for text in ["", "UTC", "yesterday", "2024-04-25", "25 Apr 99999 15:10:33 UTC"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Date: |SHA256:|Suite: x|\n |\n|[0-9a-f]{0,70}|[,: é/.-])*") {
            let _ = parse_release(&text, "x");
            let _ = parse_date(&text);
        }
    }
}
