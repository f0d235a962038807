//! What commits say that they do, as lines of a changelog: anybody's text, made plain and short, with the bugs that it names.

use std::collections::BTreeSet;

use crate::diag::is_harmful;

/// How many commits are told of.
pub(super) const MOST: usize = 50;

/// The most characters of a line, references to bugs left out.
const MAX_LINE: usize = 200;

/// The most characters of a commit's text that are searched for bugs.
const MAX_TEXT: usize = 20_000;

/// The most bugs that one line names.
const MOST_BUGS: usize = 20;

/// The line of a commit with this text: its first line, and the bugs that the others name. Empty where it says nothing.
pub(super) fn line(subject: &str, text: &str) -> String {
    let plain: String = subject.chars().map(|c| if c == '\t' || c == '\n' { ' ' } else { c }).collect();
    let plain: String = plain.chars().filter(|c| !is_harmful(*c)).take(10 * MAX_LINE).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let mut line = words.join(" ");
    let whole = bugs(&line);
    if let Some((cut, _)) = line.char_indices().nth(MAX_LINE) {
        line.truncate(cut);
        line.push('…');
    }
    let text: String = text.chars().take(MAX_TEXT).collect();
    let mut told: BTreeSet<(Kind, String)> = bugs(&line).into_iter().collect();
    let mut of_kind: [Vec<String>; 3] = Default::default();
    for (kind, number) in whole.into_iter().chain(bugs(&text)) {
        // A number that stands in the line is told of, whatever is said of it.
        let stands = kind == Kind::Other && line.split('#').skip(1).any(|rest| digits(rest) == number);
        if !stands && told.len() < MOST_BUGS && told.insert((kind, number.clone())) {
            of_kind[kind as usize].push(number);
        }
    }
    for (kind, numbers) in [Kind::Debian, Kind::Launchpad, Kind::Other].into_iter().zip(of_kind) {
        if !numbers.is_empty() {
            let numbers: Vec<String> = numbers.iter().map(|number| format!("#{number}")).collect();
            line.push_str(&format!(
                "{}({}{})",
                if line.is_empty() { "" } else { " " },
                kind.word(),
                numbers.join(", ")
            ));
        }
    }
    line
}

/// Whose bug a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Debian's: `Closes: #123`.
    Debian,
    /// Launchpad's: `LP: #123`.
    Launchpad,
    /// The project's own: `Fixes #123`.
    Other,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Debian => "Closes: ",
            Self::Launchpad => "LP: ",
            Self::Other => "",
        }
    }
}

/// The bugs that a text says something about, in its order: behind `Closes:` and `LP:` as deb-changelog(5) and Launchpad
/// read them, and behind words such as `fixes`.
fn bugs(text: &str) -> Vec<(Kind, String)> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<(usize, Kind, String)> = Vec::new();
    let words = [
        ("closes:", Kind::Debian),
        ("lp:", Kind::Launchpad),
        ("close", Kind::Other),
        ("closes", Kind::Other),
        ("closed", Kind::Other),
        ("fix", Kind::Other),
        ("fixes", Kind::Other),
        ("fixed", Kind::Other),
        ("resolve", Kind::Other),
        ("resolves", Kind::Other),
        ("resolved", Kind::Other),
        ("see", Kind::Other),
        ("bug", Kind::Other),
    ];
    for (word, kind) in words {
        for (at, _) in lower.match_indices(word) {
            if lower[..at].ends_with(|c: char| c.is_alphanumeric()) {
                continue;
            }
            let mut rest = &lower[at + word.len()..];
            if kind == Kind::Other {
                rest = rest.strip_prefix(':').unwrap_or(rest);
            }
            while let Some((number, behind)) = number(rest, kind) {
                found.push((at, kind, number));
                let Some(next) = behind.strip_prefix(',') else { break };
                rest = next;
            }
        }
    }
    // `Closes: bug#1` is Debian's alone.
    let closed: BTreeSet<String> =
        found.iter().filter(|(_, kind, _)| *kind != Kind::Other).map(|(.., number)| number.clone()).collect();
    found.retain(|(_, kind, number)| *kind != Kind::Other || !closed.contains(number));
    found.sort_by_key(|(at, ..)| *at);
    found.into_iter().map(|(_, kind, number)| (kind, number)).collect()
}

/// A bug's number at the beginning of a text, and what stands behind it.
fn number(text: &str, kind: Kind) -> Option<(String, &str)> {
    let text = text.trim_start();
    let text = if kind == Kind::Debian { text.strip_prefix("bug").unwrap_or(text).trim_start() } else { text };
    let text = match text.strip_prefix('#') {
        Some(text) => text,
        None if kind == Kind::Debian => text,
        None => return None,
    };
    let number = digits(text);
    (!number.is_empty() && number.len() <= 12).then(|| (number.to_owned(), &text[number.len()..]))
}

/// The digits at the beginning of a text.
fn digits(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain_and_short() {
        assert_eq!(line("Mend it", ""), "Mend it");
        assert_eq!(line("  a\tb \u{1b}[2J\u{202e}c\u{7}\n -- A <a@b>  x", ""), "a b [2Jc -- A <a@b> x");
        let long = line(&format!("{} Closes: #7", "ä".repeat(300)), "");
        assert_eq!(long, format!("{}… (Closes: #7)", "ä".repeat(200)));
        assert_eq!(line("", ""), "");
        assert_eq!(line("", "Fixes #1"), "(#1)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_one_short_plain_line(subject in "(closes: #[0-9]{1,20}|.|\\PC|[\u{0}-\u{20}]|é){0,60}", text in "(?s:.){0,200}") {
            let line = line(&subject, &text);
            proptest::prop_assert!(!line.chars().any(is_harmful), "{line:?}");
            proptest::prop_assert!(line.chars().count() <= MAX_LINE + 1 + MOST_BUGS * 20, "{line}");
        }
    }

    #[test]
    fn bugs_are_kept() {
        let cases = [
            ("Mend it", "Closes: #12", "Mend it (Closes: #12)"),
            ("Mend it (Closes: #12)", "Closes: #12, #13", "Mend it (Closes: #12) (Closes: #13)"),
            ("Mend it", "Long.\n\ncloses: bug#12, 13\nLP: #99, #100", "Mend it (Closes: #12, #13) (LP: #99, #100)"),
            ("Mend it", "Fixes #7\nResolves: #8, #9\nFixes: #7", "Mend it (#7, #8, #9)"),
            ("Mend it, fixes #7", "Fixes #7", "Mend it, fixes #7"),
            ("Mend it (#7)", "see #8", "Mend it (#7) (#8)"),
            ("Mend it", "prefixes #7, encloses: #8, help: #9, #10", "Mend it"),
            ("Mend it", "Fixes 12, Closes #x, LP: 7, Fixes #1234567890123", "Mend it"),
        ];
        for (subject, text, told) in cases {
            assert_eq!(line(subject, text), told, "{subject} {text}");
        }
        let many: String = (0..100).map(|number| format!("Fixes #{number}\n")).collect();
        assert_eq!(line("a", &many).matches('#').count(), MOST_BUGS);
    }
}
