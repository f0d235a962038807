//! What checkers of packages say: findings, one a line, and baselines of those that are known.
//!
//! ```text
//! E: libbsd0: some-tag detail of it        lintian, and the scripts of this program
//! libbsd0.x86_64: W: some-tag detail       rpmlint
//! ```
//!
//! A baseline has the findings that somebody has looked at, in the first form, sorted; lines that begin with `#` are
//! comments. Severities are those of both programs: `E` and `W` count, what has another letter is only told.

use std::collections::BTreeSet;
use std::fmt;

use crate::diag::is_harmful;

/// The most findings that are read from one run; what is beyond them is counted.
pub const MOST: usize = 10_000;

/// The most characters of a line.
const LONGEST_LINE: usize = 16 << 10;

/// The most characters of a detail.
const LONGEST: usize = 500;

/// Something that a checker found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// The package, without version and arch.
    pub package: String,
    /// What kind of thing, such as `no-manual-page`.
    pub tag: String,
    /// Where, or what exactly; may be empty.
    pub detail: String,
    /// `E` for an error, `W` for a warning; other letters are only told.
    pub severity: char,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.severity, self.package, self.tag)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " {}", self.detail) }
    }
}

impl Finding {
    /// Whether it counts.
    pub fn counts(&self) -> bool {
        matches!(self.severity, 'E' | 'W')
    }

    /// Whether only an upgrade finds it.
    pub fn is_of_upgrade(&self) -> bool {
        OF_UPGRADES.contains(&self.tag.as_str())
    }

    /// The finding of a line in either form; `None` for any other line.
    pub fn parse(line: &str) -> Option<Self> {
        // What would move a cursor is dropped, and not the finding: one that is hidden so would pass.
        let line: String = line.chars().take(LONGEST_LINE).filter(|char| !is_harmful(*char)).collect();
        let (first, rest) = line.split_once(": ")?;
        let (severity, package, rest) = match severity(first) {
            Some(severity) => {
                let (package, rest) = rest.split_once(": ")?;
                (severity, package, rest)
            }
            None => {
                let (letter, rest) = rest.split_once(": ")?;
                // `libbsd0.x86_64`, and `file.spec:12` of a line in a file.
                let package = first.split_once(':').map_or(first, |(package, _)| package);
                (severity(letter)?, package.rsplit_once('.').map_or(package, |(name, _)| name), rest)
            }
        };
        // lintian says `libbsd source` and `libbsd changes` too.
        let is_plain = |word: &str| {
            !word.is_empty()
                && word.len() <= 200
                && word.bytes().all(|byte| byte.is_ascii_graphic())
                && !word.starts_with('#')
        };
        let mut words = package.split(' ');
        let package = words.next().filter(|word| is_plain(word))?;
        let is_of_kind = words.next().is_none_or(|kind| matches!(kind, "source" | "changes" | "buildinfo" | "udeb"));
        let (tag, detail) = rest.split_once(' ').unwrap_or((rest, ""));
        if !is_of_kind || words.next().is_some() || !is_plain(tag) {
            return None;
        }
        let detail: String = detail.trim().chars().take(LONGEST).collect();
        Some(Self { package: package.to_owned(), tag: tag.to_owned(), detail, severity })
    }
}

fn severity(word: &str) -> Option<char> {
    let mut letters = word.chars();
    letters.next().filter(|letter| "EWIPCXMNO".contains(*letter) && letters.next().is_none())
}

/// The findings in what a checker said, sorted, none twice; and how many more there are than [`MOST`]. A line that begins as an
/// error or a warning and is no finding is one all the same, so that nothing passes for its form.
pub fn findings(said: &str) -> (BTreeSet<Finding>, usize) {
    let unreadable = |line: &str| {
        let severity = line.chars().next().filter(|_| line.starts_with("E: ") || line.starts_with("W: "))?;
        Finding::parse(&format!("{severity}: -: unreadable {line}"))
    };
    collected(said.lines().filter_map(|line| Finding::parse(line).or_else(|| unreadable(line))))
}

/// The findings in a log, where other lines stand between them.
pub fn findings_in_log(log: &str) -> BTreeSet<Finding> {
    collected(log.lines().filter_map(Finding::parse)).0
}

fn collected(all: impl Iterator<Item = Finding>) -> (BTreeSet<Finding>, usize) {
    let (mut found, mut more) = (BTreeSet::new(), 0);
    for finding in all {
        if found.len() < MOST || found.contains(&finding) {
            found.insert(finding);
        } else {
            more += 1;
        }
    }
    (found, more)
}

/// The findings of a baseline.
///
/// # Errors
/// The number of the first line that is none, from 1.
pub fn baseline(text: &str) -> Result<BTreeSet<Finding>, usize> {
    let mut known = BTreeSet::new();
    for (place, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        known.insert(Finding::parse(line).ok_or(place + 1)?);
    }
    Ok(known)
}

/// The text of a baseline, sorted; lines of `head` stand before it as comments.
pub fn baseline_text(head: &str, known: &BTreeSet<Finding>) -> String {
    let mut text: String = head.lines().map(|line| format!("# {line}\n")).collect();
    for finding in known {
        text.push_str(&format!("{finding}\n"));
    }
    text
}

/// What a run found, held against what was known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// That count and are not known.
    pub new: Vec<Finding>,
    /// That are known.
    pub known: Vec<Finding>,
    /// That are only told.
    pub told: Vec<Finding>,
    /// Known ones that are not there any more.
    pub gone: Vec<Finding>,
}

/// Tags of what only an upgrade finds. Whether it is gone, no other run can say.
const OF_UPGRADES: [&str; 3] = ["left-after-upgrade", "not-whole-after-upgrade", "scriptlet-failed-in-upgrade"];

/// Holds what was found against what was known. Whether a checker says error or warning of it is no difference.
pub fn compare(found: &BTreeSet<Finding>, known: &BTreeSet<Finding>) -> Compared {
    let same = |one: &Finding, other: &Finding| {
        (&one.package, &one.tag, &one.detail) == (&other.package, &other.tag, &other.detail)
    };
    // Sorted by all but the severity first.
    let has = |all: &BTreeSet<Finding>, finding: &Finding| {
        let least = Finding { severity: '\0', ..finding.clone() };
        all.range(least..).next().is_some_and(|other| same(other, finding))
    };
    let mut compared = Compared::default();
    for finding in found {
        let list = match () {
            () if has(known, finding) => &mut compared.known,
            () if finding.counts() => &mut compared.new,
            () => &mut compared.told,
        };
        list.push(finding.clone());
    }
    let is_gone = |finding: &&Finding| !finding.is_of_upgrade() && !has(found, finding);
    compared.gone = known.iter().filter(is_gone).cloned().collect();
    compared
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_only_an_upgrade_finds_is_never_gone() {
        let (known, _) = findings("W: a: left-after-upgrade etc/a\nW: a: left-after-purge etc/b\n");
        let compared = compare(&BTreeSet::new(), &known);
        assert_eq!(compared.gone.iter().map(|one| one.tag.as_str()).collect::<Vec<_>>(), ["left-after-purge"]);
    }

    /// What rpmlint 2.4 said of a small package, whole but for some of its lines.
    const RPMLINT: &str = "\
============================ rpmlint session starts ============================
rpmlint: 2.4.0
configuration:
    /usr/lib/python3/dist-packages/rpmlint/configdefaults.toml
checks: 26, packages: 1

tool.noarch: E: zero-length /usr/local/x
tool.noarch: W: summary-ended-with-dot A tool.
tool.noarch: E: non-executable-script /usr/bin/tool 644 /bin/sh
tool.noarch: W: no-url-tag
 1 packages and 0 specfiles checked; 2 errors, 2 warnings, 2 badness; has taken 0.0 s 
";

    #[test]
    fn what_rpmlint_says_is_read_without_what_stands_around_it() {
        let (found, more) = findings(RPMLINT);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = [
            "W: tool: no-url-tag",
            "E: tool: non-executable-script /usr/bin/tool 644 /bin/sh",
            "W: tool: summary-ended-with-dot A tool.",
            "E: tool: zero-length /usr/local/x",
        ];
        assert_eq!((told, more), (expected.map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn both_forms_are_read() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(Finding::parse(line).map(|finding| finding.to_string()).as_deref(), expected, "{line}");
        };
        check("E: libbsd0: no-copyright-file", Some("E: libbsd0: no-copyright-file"));
        check(
            "W: libbsd source: no-nmu-in-changelog [debian/changelog:1]",
            Some("W: libbsd: no-nmu-in-changelog [debian/changelog:1]"),
        );
        check("I: a: b c: d: e", Some("I: a: b c: d: e"));
        check("tool.x86_64: W: no-manual-page-for-binary tool", Some("W: tool: no-manual-page-for-binary tool"));
        check(
            "tool.spec:12: E: hardcoded-library-path in /usr/lib",
            Some("E: tool: hardcoded-library-path in /usr/lib"),
        );
        check("E: a: tag \u{1b}[31mred\u{7}", Some("E: a: tag [31mred"));
        check("E\u{7}: a\u{200b}: \u{1b}[8mtag", Some("E: a: [8mtag"));
        for other in [
            "",
            "N: ",
            "warning: something: odd",
            "E: two words here: tag",
            "E: a:",
            "E: a: ",
            "E:a: b",
            "1 packages and 0 specfiles checked; 0 errors, 0 warnings.",
            "E: \u{1b}: tag",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn only_what_is_new_and_counts_is_wrong() {
        let read = |text: &str| baseline(text).expect("a baseline");
        let known = read("# looked at\n\nW: a: old-one x\nE: a: gone y\n");
        let compared = compare(&read("E: a: old-one x\nE: a: new\nI: a: told\n"), &known);
        let text = |list: &[Finding]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert_eq!(text(&compared.new), "E: a: new");
        assert_eq!(text(&compared.known), "E: a: old-one x");
        assert_eq!(text(&compared.told), "I: a: told");
        assert_eq!(text(&compared.gone), "E: a: gone y");
        assert_eq!(baseline("E: a: b\nnonsense\n"), Err(2));
        assert_eq!(baseline_text("one\ntwo", &known), "# one\n# two\nE: a: gone y\nW: a: old-one x\n");
    }

    #[test]
    fn what_looks_like_an_error_never_passes_for_its_form() {
        let texts = |found: BTreeSet<Finding>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
        let said = "E: odd\nnothing\nW: two words here: tag\nE: a: tag\n";
        assert_eq!(
            texts(findings(said).0),
            ["E: -: unreadable E: odd", "W: -: unreadable W: two words here: tag", "E: a: tag"]
        );
        assert_eq!(texts(findings_in_log(said)), ["E: a: tag"]);
    }

    #[test]
    fn a_flood_is_bounded_and_counted() {
        let said: String = (0..MOST + 5).map(|turn| format!("W: a: tag {turn:06}\n")).collect();
        let (found, more) = findings(&(said + "W: a: tag 000000\n"));
        assert_eq!((found.len(), more), (MOST, 5));
        let long = Finding::parse(&format!("W: a: tag {}", "x".repeat(10_000))).expect("one");
        assert_eq!(long.detail.chars().count(), LONGEST);
        assert_eq!(Finding::parse(&format!("W: a: tag {}", "x".repeat(20_000))), Some(long));
    }

    proptest! {
        /// What is written is what is read again.
        #[test]
        fn a_baseline_reads_back(lines in prop::collection::vec("([EWIX]: )?[a-z.#]{0,5}( source)?: ([EW]: )?[ -~é\u{1b}]{0,20}", 0..8)) {
            let (found, _) = findings(&lines.join("\n"));
            prop_assert_eq!(baseline(&baseline_text("head", &found)), Ok(found));
        }
    }
}
