//! The lines of a log that tell why a build failed: the first error, not the last lines.

use std::collections::VecDeque;
use std::io::Read as _;

use crate::digest::Digest;
use crate::store::Store;

/// The most lines to show.
const MOST: usize = 8;

/// The most characters of a line to show.
const WIDTH: usize = 200;

/// How many lines above the word of a tool that something has failed may say what it was.
const ABOVE: usize = 10;

/// What rpmbuild says last of a script that failed.
const BAD_STATUS: &str = "error: Bad exit status from ";

/// The most bytes of a log that are read, and so many of them are kept: the last ones.
const MOST_READ: u64 = 1 << 30;
const TAIL: usize = 4 << 20;

/// The telling lines of a log in the store; none where it is not there.
pub fn telling_of(store: &Store, log: Digest) -> Vec<String> {
    let Ok(log) = store.open_log(log) else { return Vec::new() };
    let (mut log, mut tail, mut part) = (log.take(MOST_READ), VecDeque::new(), vec![0; 1 << 16]);
    while let Ok(length @ 1..) = log.read(&mut part) {
        tail.extend(&part[..length]);
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    telling_lines(&String::from_utf8_lossy(tail.make_contiguous()))
}

/// The telling lines of a log, control characters made harmless: from the first that speaks of an error on, else the last. A line
/// that came before is left out.
pub fn telling_lines(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    let from = first(&lines).unwrap_or(lines.len().saturating_sub(MOST));
    let mut told: Vec<&str> = Vec::new();
    for line in &lines[from..] {
        if told.len() < MOST && !told.contains(line) {
            told.push(line);
        }
    }
    told.into_iter().map(shown).collect()
}

/// Where the telling begins.
fn first(lines: &[&str]) -> Option<usize> {
    let find = |sign: Sign| lines.iter().position(|line| sign_of(line) == Some(sign));
    let (error, failed) = (find(Sign::Error), find(Sign::Failed));
    match failed {
        // What make and its like say last is why they ended; what they ended for may have been said more quietly.
        Some(failed) if error.is_none_or(|error| error > failed) => {
            let above = failed.saturating_sub(ABOVE);
            let hint = lines[above..failed].iter().position(|line| sign_of(line) == Some(Sign::Hint));
            // The shell of a spec traces its commands, so the last ones say most.
            let traced = if lines[failed].contains(BAD_STATUS) { 2 } else { 0 };
            Some(hint.map_or(failed.saturating_sub(traced), |place| above + place))
        }
        _ => error.or_else(|| find(Sign::Hint)),
    }
}

/// What a line speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// An error, in the words of who met it.
    Error,
    /// That something which was started has failed.
    Failed,
    /// Something that may be the reason of an error, and as often is none.
    Hint,
}

fn sign_of(line: &str) -> Option<Sign> {
    // Words of compilers, linkers, make, dpkg, test suites and shells; and what often looks like one but is none.
    const FAILED: [&str; 4] = ["*** [", "returned exit status", "returned exit code", BAD_STATUS];
    const ERROR: [&str; 9] = [
        " error: ",
        ": error:",
        "error: ",
        "E: ",
        "undefined reference",
        "fatal error",
        "FAIL:",
        "FAILED",
        "No space left on device",
    ];
    const HINT: [&str; 3] = ["not found", "No such file or directory", "cannot "];
    const NOT: [&str; 6] = ["-Werror", "checking ", "warning: ", "# FAIL: ", "XFAIL", "dpkg-architecture: warning"];
    let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
    let signs = [(Sign::Failed, &FAILED[..]), (Sign::Error, &ERROR[..]), (Sign::Hint, &HINT[..])];
    signs.into_iter().find(|(_, words)| has(words)).map(|(sign, _)| sign).filter(|_| !has(&NOT))
}

fn shown(line: &str) -> String {
    let mut shown: String = line.chars().flat_map(harmless).take(WIDTH).collect();
    if line.chars().count() > WIDTH {
        shown.push('…');
    }
    shown
}

fn harmless(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control() && c != '\t';
    escaped.then(|| c.escape_default()).into_iter().flatten().chain((!escaped).then_some(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_told() {
        let log =
            "checking for error: no\ngcc -Werror a.c\na.c:1:2: error: bad\nmake: *** [Makefile:2: a] Error 1\nbye\n";
        assert_eq!(telling_lines(log), ["a.c:1:2: error: bad", "make: *** [Makefile:2: a] Error 1", "bye"]);
    }

    #[test]
    fn what_is_said_by_the_way_is_told_where_nobody_speaks_of_an_error() {
        let told = |log: &str| telling_lines(log).join("\n");
        let noise = "sh: 1: git-version-gen: not found\n".repeat(12);
        assert_eq!(
            told(&format!("{noise}configure: error: no compiler\nmake: *** [x] Error 1\n")).lines().next(),
            Some("configure: error: no compiler")
        );
        let make = "sh: 1: gcc: not found\nrm -f x\nmake: *** [Makefile:3: x] Error 127\ndh_auto_build: error: make returned exit code 2\n";
        assert_eq!(told(make), make.trim_end());
        let far = format!("{noise}{}make: *** [x] Error 1\n", "cc x.c\n".repeat(ABOVE));
        assert_eq!(told(&far), "make: *** [x] Error 1");
        // Told once, and nothing else.
        assert_eq!(told(&noise), "sh: 1: git-version-gen: not found");
    }

    #[test]
    fn of_a_spec_the_command_that_failed_is_told() {
        let end = "error: Bad exit status from /var/tmp/x (%build)\n\nRPM build errors:\n";
        let told = |log: &str| telling_lines(&format!("+ cd tool\n{log}{end}")).join("\n");
        let whole = format!("cat: x: No such file or directory\n{}", end.replace("\n\n", "\n").trim_end());
        assert_eq!(told("+ cat x\ncat: x: No such file or directory\n"), whole);
        assert_eq!(told("+ make\n+ test 1 = 2\n").lines().take(2).collect::<Vec<_>>(), ["+ make", "+ test 1 = 2"]);
        assert_eq!(told("a.c:1:2: error: bad\n").lines().next(), Some("a.c:1:2: error: bad"));
    }

    #[test]
    fn without_an_error_the_last_lines_are() {
        let log: String = (0..20).map(|number| format!("line {number}\n\n")).collect();
        assert_eq!(telling_lines(&log).first().map(String::as_str), Some("line 12"));
        assert_eq!(telling_lines(""), Vec::<String>::new());
    }

    #[test]
    fn control_characters_are_harmless() {
        assert_eq!(telling_lines("\u{1b}]0;x\u{7}error: \tx"), ["\\u{1b}]0;x\\u{7}error: \tx"]);
    }
}
