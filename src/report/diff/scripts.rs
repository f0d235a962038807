//! Long texts of fields, line by line.

use similar::TextDiff;

use crate::plan::Change;
use crate::report::plain;

/// Texts with more lines are not compared line by line: the time that takes grows with the square of them.
const MOST_LINES: usize = 3_000;

/// The most lines that are shown unless all are wanted.
const MOST_SHOWN: usize = 60;

/// The difference of a script or a small file as a unified diff, every line behind `indent`; empty for other fields, and
/// for texts that are too long.
pub(super) fn unified(change: &Change, all: bool, indent: &str) -> String {
    let (Some(before), Some(now)) = (&change.before, &change.now) else { return String::new() };
    if change.field != "script" && !change.field.starts_with("file ") {
        return String::new();
    }
    let (before, now) = (unescaped(before), unescaped(now));
    // A digest in place of a text says nothing to people.
    let is_text = before.contains('\n') || now.contains('\n');
    if !is_text || before.lines().count().max(now.lines().count()) > MOST_LINES || before == now {
        return String::new();
    }
    let diff = TextDiff::from_lines(&before, &now);
    let shown = diff.unified_diff().context_radius(3).to_string();
    let lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with('\\')).collect();
    let most = if all { usize::MAX } else { MOST_SHOWN };
    let mut text = format!("{indent}{}:\n", plain(&change.field));
    for line in lines.iter().take(most) {
        text += &format!("{indent}{}\n", plain(line));
    }
    if lines.len() > most {
        text += &format!("{indent}and {} more lines: `--all` shows them\n", lines.len() - most);
    }
    text
}

/// A value of a walk, which has `\n` for a newline and its like, as it was.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some('r')) => text.push('\r'),
            ('\\', Some('0')) => text.push('\0'),
            ('\\', Some('u')) => {
                let code: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                text.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            ('\\', Some(other)) => text.push(other),
            (c, _) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_walk_escapes_comes_back() {
        for text in ["a\nb\tc\r\0", "it's \"quoted\" \\n", "\u{1b}]0;é\u{200b}", ""] {
            let escaped: String = text.chars().flat_map(char::escape_debug).collect();
            assert_eq!(unescaped(&escaped), text);
        }
        // Not what a walk writes, and no reason to panic.
        for text in ["\\", "\\u", "\\u{", "\\u{zz}", "\\u{110000}"] {
            unescaped(text);
        }
    }

    #[test]
    fn scripts_are_told_line_by_line() {
        let change = |field: &str| Change {
            field: field.to_owned(),
            before: Some("set -e\\nmake\\nmake install\\n".to_owned()),
            now: Some("set -e\\nmake V=1\\u{1b}\\nmake install\\n".to_owned()),
        };
        insta::assert_snapshot!(unified(&change("script"), false, "  "), @r"
          script:
          @@ -1,3 +1,3 @@
           set -e
          -make
          +make V=1\u{1b}
           make install
        ");
        assert_eq!(unified(&change("env V"), false, "  "), "");
        let long = |last: &str| Some("line\\n".repeat(5_000) + last);
        assert_eq!(unified(&Change { field: "script".to_owned(), before: long("a"), now: long("b") }, true, ""), "");
    }
}
