//! Numbers, durations and foreign text in words.

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

/// `80 bytes`, `4.2 kB`, `3.1 MB`: powers of 1000.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut unit = 1_000;
    for (at, name) in UNITS.iter().enumerate() {
        if bytes < unit {
            break;
        }
        if bytes / unit < 1_000 || at + 1 == UNITS.len() {
            return format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit);
        }
        unit *= 1_000;
    }
    format!("{bytes} bytes")
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

/// `text` in lines of at most `width` characters, the first behind `first`, the others behind `next`, with a newline
/// after each. Words (names, digests) are never cut in two, so a line may be longer.
pub fn wrapped(text: &str, first: &str, next: &str, width: usize) -> String {
    let options = textwrap::Options::new(width).initial_indent(first).subsequent_indent(next).break_words(false);
    let mut wrapped = textwrap::fill(text, options.word_splitter(textwrap::WordSplitter::NoHyphenation));
    wrapped.push('\n');
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!([count(0, "node"), count(1, "node")], ["0 nodes", "1 node"]);
        let shown: Vec<String> = [80, 4_210, 185_000, 7_620_000].into_iter().map(duration).collect();
        assert_eq!(shown, ["80 ms", "4.2 s", "3 min 5 s", "2 h 7 min"]);
        assert_eq!([80, 4_210, 3_190_000].map(size), ["80 bytes", "4.2 kB", "3.1 MB"]);
        assert_eq!(plain("a\u{1b}]0;x\u{7}\tb\r\n"), "a\\u{1b}]0;x\\u{7}\tb\n");
    }
}
