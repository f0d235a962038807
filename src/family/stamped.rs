//! The version that a commit's tags say, with what both families write of it into a source package: version, date, and what
//! has changed since the last release.

use jiff::Timestamp;

use crate::lock::{CheckoutPin, SourceFacts};
use crate::package::tagged::{Since, Tagged};
use crate::package::version::{Version, VersionError};
use crate::remote::{Checkout, System};

/// The release of what has none.
const UNRELEASED: &str = "0.0.0";

/// How wide lines of a changelog are, in characters.
const WIDTH: usize = 78;

/// The file beside a script with what has changed.
pub const CHANGES: &str = "changes";

/// What is written into a source package that is made of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// Its version.
    pub version: Tagged,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// What commits since the last release say that they do, the newest first: plain lines.
    changes: Vec<String>,
    /// How many more of them there are.
    more: u64,
}

impl Stamped {
    /// What the pin of a checkout says; `None` where its version does not come from tags.
    pub fn of(checkout: &Checkout, pin: &CheckoutPin) -> Option<Self> {
        let (versions, release) = (checkout.versions.as_ref()?, pin.release.as_ref()?);
        // That the tag says one was looked at when the lock was read.
        let version = release.tag.as_ref().and_then(|tag| versions.version(tag).ok());
        let system = match checkout.system {
            System::Git => "git",
            System::Hg => "hg",
        };
        let is_release = version.is_some() && release.distance == 0;
        let since = Since { distance: release.distance, system, commit: pin.commit.clone() };
        let version =
            Tagged { release: version.unwrap_or_else(|| UNRELEASED.to_owned()), since: (!is_release).then_some(since) };
        Some(Self { version, time: pin.time, changes: release.changes.clone(), more: release.more })
    }

    /// Puts version and date into the facts of a Debian source, whose changelog gets an entry that says so.
    ///
    /// # Errors
    /// [`VersionError`] where the version comes out too long.
    pub fn stamp(&self, facts: &mut SourceFacts) -> Result<(), VersionError> {
        let version = self.version.deb_after(&Version::new(&facts.version)?)?;
        facts.version = version.to_string();
        facts.date = self.time;
        // The entry that a maintainer has begun is not finished; this one is.
        if facts.distribution == "UNRELEASED" {
            facts.distribution = "unstable".to_owned();
        }
        Ok(())
    }

    /// What the new entry of `debian/changelog` tells, after deb-changelog(5).
    pub fn deb_changes(&self) -> String {
        self.told().iter().map(|line| wrapped(line, "  * ", "    ")).collect()
    }

    /// The new entry of a spec's changelog, of the version and release `evr`. `newest`: the date of the newest one that it
    /// has, as rpm refuses one that is older.
    pub fn rpm_entry(&self, maintainer: &str, evr: &str, newest: Option<i64>) -> String {
        let time = newest.map_or(self.time, |newest| newest.max(self.time));
        let day = Timestamp::from_second(time).unwrap_or_default().strftime("%a %b %d %Y");
        let lines: String = self.told().iter().map(|line| wrapped(line, "- ", "  ")).collect();
        // What commits and settings say is no macro.
        format!("* {day} {maintainer} - {evr}\n{lines}").replace('%', "%%") + "\n"
    }

    fn told(&self) -> Vec<String> {
        let mut told = self.changes.clone();
        match (told.is_empty(), self.more) {
            (true, 0) => told.push("Built by opb.".to_owned()),
            (_, 0) => {}
            (_, 1) => told.push("… and 1 more commit".to_owned()),
            (_, more) => told.push(format!("… and {more} more commits")),
        }
        told
    }
}

/// `line` in lines of at most [`WIDTH`] characters, as far as its words are short enough.
fn wrapped(line: &str, first: &str, others: &str) -> String {
    let mut text = first.to_owned();
    let mut width = first.chars().count();
    let mut is_begin = true;
    for word in line.split_whitespace() {
        let length = word.chars().count();
        if !is_begin && width + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(others);
            width = others.chars().count();
            is_begin = true;
        }
        if !is_begin {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += length;
        is_begin = false;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(changes: &[&str], more: u64) -> Stamped {
        let version = Tagged { release: "1.2".to_owned(), since: None };
        let changes = changes.iter().map(|change| (*change).to_owned()).collect();
        Stamped { version, time: 1_795_255_200, changes, more }
    }

    #[test]
    fn changes_are_told_in_both_ways() {
        let long = format!("Mend {} (Closes: #12)", "word ".repeat(20).trim());
        let stamped = stamped(&[&long, "%{lua:print(1)} 100% * done", "-- A <a@example.org>"], 2);
        insta::assert_snapshot!(stamped.deb_changes(), @r"
          * Mend word word word word word word word word word word word word word word
            word word word word word word (Closes: #12)
          * %{lua:print(1)} 100% * done
          * -- A <a@example.org>
          * … and 2 more commits
        ");
        insta::assert_snapshot!(stamped.rpm_entry("A <a@example.org>", "1:1.2-1.el9", None), @r"
        * Sat Nov 21 2026 A <a@example.org> - 1:1.2-1.el9
        - Mend word word word word word word word word word word word word word word
          word word word word word word (Closes: #12)
        - %%{lua:print(1)} 100%% * done
        - -- A <a@example.org>
        - … and 2 more commits
        ");
        let later = stamped.rpm_entry("A <a@example.org>", "1.2-1", Some(1_795_255_200 + 86_400));
        assert!(later.starts_with("* Sun Nov 22 2026 "), "{later}");
    }

    #[test]
    fn nothing_and_one_more() {
        assert_eq!(stamped(&[], 0).deb_changes(), "  * Built by opb.\n");
        assert_eq!(stamped(&["a"], 1).deb_changes(), "  * a\n  * … and 1 more commit\n");
        let word = "x".repeat(100);
        assert_eq!(stamped(&[&word], 0).deb_changes(), format!("  * {word}\n"));
    }
}
