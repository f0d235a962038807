//! Numbers, durations and foreign text in words, and cells in columns.

use crate::diag::is_harmful;
use crate::quantity::Size;

/// `1 node`, `3 nodes`.
pub fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// `80 ms`, `4.2 s`, `3 min 5 s`, `2 h 7 min`.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1_000 % 60),
        _ => format!("{} h {} min", milliseconds / 3_600_000, milliseconds / 60_000 % 60),
    }
}

/// `80 bytes`, `4.2 kB`, `3.1 MB`, as [`Size`] has it.
pub fn size(bytes: u64) -> String {
    Size(bytes).to_string()
}

/// Foreign text (logs, names) with its control characters made harmless; tabs and newlines stay.
pub fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, c| {
        match c {
            '\n' | '\t' => plain.push(c),
            '\r' => {}
            c if c.is_control() => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
        plain
    })
}

/// Foreign text on one line of at most `most` characters; what is cut off ends with `…`. What a terminal, a page or a mail might do
/// something else with than show it, such as controls and overrides of direction, is written out.
pub(super) fn line_of(text: &str, most: usize) -> String {
    let (mut line, mut room) = (String::with_capacity(text.len().min(most)), most);
    for letter in text.trim_end().chars() {
        let before = line.len();
        match letter {
            '\n' | '\t' => line.push(' '),
            letter if is_harmful(letter) => line.extend(letter.escape_default()),
            letter => line.push(letter),
        }
        let Some(left) = room.checked_sub(line[before..].chars().count()) else {
            line.truncate(before);
            // Room for the sign of what is cut off.
            if room == 0 {
                line.pop();
            }
            line.push('…');
            break;
        };
        room = left;
    }
    line
}

/// `text` in lines of at most `width` characters, the first behind `first`, the others behind `next`, with a newline
/// after each. Words (names, digests) are never cut in two, so a line may be longer.
pub fn wrapped(text: &str, first: &str, next: &str, width: usize) -> String {
    let options = textwrap::Options::new(width).initial_indent(first).subsequent_indent(next).break_words(false);
    let mut wrapped = textwrap::fill(text, options.word_splitter(textwrap::WordSplitter::NoHyphenation));
    wrapped.push('\n');
    wrapped
}

/// Which way cells stand in their column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows in columns that are as wide as their widest cell, two spaces apart; a line each, without spaces at its end.
pub fn columns<const N: usize>(rows: &[[String; N]], sides: [Side; N]) -> String {
    let mut widths = [0; N];
    for row in rows {
        std::iter::zip(&mut widths, row).for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).zip(sides).map(|((cell, width), side)| match side {
            Side::Left => format!("{cell:width$}"),
            Side::Right => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_do_something_is_written_out() {
        assert_eq!(line_of(" a\n\tb\u{1b}[31m\u{202e}c\u{2028}d \n", 80), " a  b\\u{1b}[31m\\u{202e}c\\u{2028}d");
        assert_eq!(line_of("abc\u{1b}", 5), "abc…");
        assert_eq!(line_of("é".repeat(9).as_str(), 4), "ééé…");
        assert_eq!([line_of("four", 4), line_of("", 0)], ["four", ""]);
    }

    #[test]
    fn cells_stand_below_each_other() {
        let rows = [["NAME", "NODES", "WHAT"], ["é", "1234567", ""], ["libbsd", "1", "x"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(
            columns(&rows, [Side::Left, Side::Right, Side::Left]),
            "NAME      NODES  WHAT\né       1234567\nlibbsd        1  x\n"
        );
    }

    #[test]
    fn words() {
        assert_eq!([count(0, "node"), count(1, "node")], ["0 nodes", "1 node"]);
        let shown: Vec<String> = [80, 4_210, 185_000, 7_620_000].into_iter().map(duration).collect();
        assert_eq!(shown, ["80 ms", "4.2 s", "3 min 5 s", "2 h 7 min"]);
        assert_eq!(size(4_210), "4.2 kB");
        assert_eq!(plain("a\u{1b}]0;x\u{7}\tb\r\n"), "a\\u{1b}]0;x\\u{7}\tb\n");
    }
}
