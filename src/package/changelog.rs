//! The newest entry of `debian/changelog`, as deb-changelog(5) defines it.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use miette::Diagnostic;

use super::version::{Version, VersionError};
use crate::diag::{Cause, Caused};
use crate::name::{NameError, PackageName};

/// An entry of a changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangelogEntry {
    /// The source package.
    pub source: PackageName,
    /// Its version.
    pub version: Version,
    /// The distributions, joined by one space, such as `unstable`.
    pub distribution: String,
    /// Name and address, such as `A Name <name@host>`.
    pub maintainer: String,
    /// The date in seconds since 1970.
    pub date: i64,
    /// The date as it stands there (RFC 2822).
    pub date_text: String,
}

/// Why a text is no changelog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[diagnostic(help("mend `debian/changelog`; `dpkg-parsechangelog` says the same of it"))]
pub enum ChangelogError {
    /// Not `source (version) distributions; key=value`.
    #[error("cannot read line {line} of a changelog: `{text}` is not `source (version) distribution; urgency=…`")]
    #[diagnostic(code(opb::package::changelog::head))]
    Head {
        /// The line, from 1; 0 in an empty text.
        line: usize,
        /// Its start.
        text: String,
    },
    /// The line ` -- maintainer  date` is missing or wrong.
    #[error("cannot read line {line} of a changelog: `{text}` is not ` -- name <address>  date`")]
    #[diagnostic(code(opb::package::changelog::trailer))]
    Trailer {
        /// The line, from 1; the last where the entry does not end.
        line: usize,
        /// Its start.
        text: String,
    },
    /// A date that is none.
    #[error("cannot read line {line} of a changelog: `{text}` is no date such as `Mon, 02 Jan 2006 15:04:05 +0000`")]
    #[diagnostic(code(opb::package::changelog::date))]
    Date {
        /// The line, from 1.
        line: usize,
        /// The date.
        text: String,
    },
    /// The source package's name.
    #[error("cannot read the head of a changelog's entry")]
    #[diagnostic(code(opb::package::changelog::name))]
    Name(#[from] NameError),
    /// The version.
    #[error("cannot read the head of a changelog's entry")]
    #[diagnostic(code(opb::package::changelog::version))]
    Version(#[from] VersionError),
}

impl Caused for ChangelogError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The newest entry of a changelog, which is its first.
///
/// # Errors
/// [`ChangelogError`] with the line. What follows the entry is not looked at: old changelogs end in other formats.
pub fn newest(text: &str) -> Result<ChangelogEntry, ChangelogError> {
    let short = |text: &str| text.chars().take(80).collect::<String>();
    let mut lines =
        text.lines().enumerate().map(|(place, line)| (place + 1, line)).filter(|(_, line)| !line.trim().is_empty());
    let (line, head) = lines.next().unwrap_or((0, ""));
    let (source, version, distribution) =
        split_head(head).ok_or_else(|| ChangelogError::Head { line, text: short(head) })?;
    let (source, version) = (PackageName::new(source)?, Version::new(version)?);
    let mut last = (line, head);
    for (line, body) in lines {
        last = (line, body);
        if body.starts_with("  ") {
            continue;
        }
        let trailer = body.strip_prefix(" -- ").and_then(|trailer| trailer.split_once(">  "));
        let Some((person, date)) = trailer else { break };
        let date = date.trim();
        // Real changelogs have wrong days of the week; dpkg minds them as little.
        let instant: Result<Timestamp, _> = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(date);
        let instant = instant.map_err(|_| ChangelogError::Date { line, text: short(date) })?;
        return Ok(ChangelogEntry {
            source,
            version,
            distribution,
            maintainer: format!("{person}>"),
            date: instant.as_second(),
            date_text: date.to_owned(),
        });
    }
    Err(ChangelogError::Trailer { line: last.0, text: short(last.1) })
}

fn split_head(head: &str) -> Option<(&str, &str, String)> {
    let (front, _) = head.split_once(';')?;
    let (source, rest) = front.split_once(" (")?;
    let (version, distributions) = rest.split_once(')')?;
    let distributions: Vec<&str> = distributions.split_ascii_whitespace().collect();
    (!distributions.is_empty()).then(|| (source, version, distributions.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\nlibmd (1.0.4-2) unstable; urgency=medium\n\n  * Something\n    more.\n\n -- A Name <a@example.org>  Thu, 02 Jun 2022 14:03:02 +0200\n\nlibmd (1.0.4-1) broken\n";

    #[test]
    fn the_first_entry_is_read() {
        let entry = newest(TEXT).expect("good");
        assert_eq!(entry.source.as_str(), "libmd");
        assert_eq!(entry.version.as_str(), "1.0.4-2");
        assert_eq!(entry.distribution, "unstable");
        assert_eq!(entry.maintainer, "A Name <a@example.org>");
        assert_eq!(entry.date, 1_654_171_382);
        assert_eq!(entry.date_text, "Thu, 02 Jun 2022 14:03:02 +0200");
        let odd_day = TEXT.replace("Thu, 02", "Mon, 2");
        assert_eq!(newest(&odd_day).expect("good").date, 1_654_171_382);
    }

    #[test]
    fn errors_name_the_line() {
        let error = |text: &str| newest(text).expect_err("bad");
        let help = " of a changelog: ";
        assert_eq!(
            error("").to_string(),
            format!("cannot read line 0{help}`` is not `source (version) distribution; urgency=…`")
        );
        assert_eq!(
            error("\nx 1.0 y; z\n").to_string(),
            format!("cannot read line 2{help}`x 1.0 y; z` is not `source (version) distribution; urgency=…`")
        );
        assert_eq!(
            error(&TEXT.replace(">  Thu", "> Thu")).to_string(),
            format!(
                "cannot read line 7{help}` -- A Name <a@example.org> Thu, 02 Jun 2022 14:03:02 +0200` is not ` -- name <address>  date`"
            )
        );
        assert_eq!(
            error(&TEXT.replace("Jun", "Foo")).to_string(),
            format!(
                "cannot read line 7{help}`Thu, 02 Foo 2022 14:03:02 +0200` is no date such as `Mon, 02 Jan 2006 15:04:05 +0000`"
            )
        );
        assert!(matches!(error("x (1_0) y; z"), ChangelogError::Version(_)));
        assert!(matches!(error("x/y (1) y; z"), ChangelogError::Name(_)));
        assert_eq!(error("x (1_0) y; z").to_string(), "cannot read the head of a changelog's entry");
    }
}
