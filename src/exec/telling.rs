//! The lines of a log that tell why a build failed: the first error, not the last lines.

/// The most lines to show.
const MOST: usize = 8;

/// The most characters of a line to show.
const WIDTH: usize = 200;

/// The telling lines of a log, control characters made harmless: the first that speak of an error, else the last.
pub fn telling_lines(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    let first = lines.iter().position(|line| tells(line));
    let from = first.unwrap_or(lines.len().saturating_sub(MOST));
    lines[from..].iter().take(MOST).map(|line| shown(line)).collect()
}

fn tells(line: &str) -> bool {
    // Words of compilers, linkers, make, dpkg, test suites and shells; and what often looks like one but is none.
    const SIGNS: [&str; 13] = [
        " error: ",
        ": error:",
        "error: ",
        "*** [",
        "E: ",
        "undefined reference",
        "fatal error",
        "FAIL:",
        "FAILED",
        "not found",
        "No such file or directory",
        "cannot ",
        "No space left on device",
    ];
    const NOT: [&str; 6] = ["-Werror", "checking ", "warning: ", "# FAIL: ", "XFAIL", "dpkg-architecture: warning"];
    SIGNS.iter().any(|sign| line.contains(sign)) && !NOT.iter().any(|word| line.contains(word))
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
