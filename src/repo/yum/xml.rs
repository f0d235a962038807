//! Text in XML, byte for byte as `createrepo_c` (libxml2) writes it.
//!
//! Packages of old times are in any encoding: what is not UTF-8 is taken for Latin-1. XML has no place for most control
//! characters, not even escaped; they are left out.

use std::borrow::Cow;
use std::io::Write as _;

/// Appends `bytes` as the text of an element.
pub(super) fn text(to: &mut Vec<u8>, bytes: &[u8]) {
    let needs = |byte: u8| byte >= 0x7f || matches!(byte, b'<' | b'>' | b'&') || (byte < b' ' && byte != b'\n');
    escape(to, bytes, needs, |to, letter| match letter {
        '<' => to.extend_from_slice(b"&lt;"),
        '>' => to.extend_from_slice(b"&gt;"),
        '&' => to.extend_from_slice(b"&amp;"),
        '\r' => to.extend_from_slice(b"&#13;"),
        other => push(to, other),
    });
}

/// Appends ` name="bytes"`.
pub(super) fn attribute(to: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    to.push(b' ');
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"=\"");
    let needs = |byte: u8| !(b' '..0x7f).contains(&byte) || matches!(byte, b'<' | b'>' | b'&' | b'"');
    escape(to, bytes, needs, |to, letter| match letter {
        '<' => to.extend_from_slice(b"&lt;"),
        '>' => to.extend_from_slice(b"&gt;"),
        '&' => to.extend_from_slice(b"&amp;"),
        '"' => to.extend_from_slice(b"&quot;"),
        '\t' | '\n' | '\r' => drop(write!(to, "&#{};", u32::from(letter))),
        other if other.is_ascii() => push(to, other),
        other => drop(write!(to, "&#x{:X};", u32::from(other))),
    });
    to.push(b'"');
}

/// Appends ` name="number"`.
pub(super) fn number(to: &mut Vec<u8>, name: &str, number: u64) {
    // Writing into memory does not fail.
    let _ = write!(to, " {name}=\"{number}\"");
}

/// Appends an element with a text on a line of its own.
pub(super) fn element(to: &mut Vec<u8>, indent: &str, name: &str, bytes: &[u8]) {
    for part in [indent, "<", name, ">"] {
        to.extend_from_slice(part.as_bytes());
    }
    text(to, bytes);
    for part in ["</", name, ">\n"] {
        to.extend_from_slice(part.as_bytes());
    }
}

/// Nearly all of it is plain ASCII and is copied in one piece.
fn escape(to: &mut Vec<u8>, bytes: &[u8], needs: impl Fn(u8) -> bool, put: impl Fn(&mut Vec<u8>, char)) {
    let Some(first) = bytes.iter().position(|byte| needs(*byte)) else { return to.extend_from_slice(bytes) };
    to.extend_from_slice(&bytes[..first]);
    for letter in decoded(&bytes[first..], bytes).chars().filter(|letter| is_allowed(*letter)) {
        put(to, letter);
    }
}

/// `part` of `whole`, which as a whole is UTF-8 or is not.
fn decoded<'a>(part: &'a [u8], whole: &[u8]) -> Cow<'a, str> {
    match std::str::from_utf8(part) {
        Ok(text) if std::str::from_utf8(whole).is_ok() => Cow::Borrowed(text),
        _ => Cow::Owned(part.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// XML 1.0, `Char`.
fn is_allowed(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn push(to: &mut Vec<u8>, letter: char) {
    to.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped() {
        let made = |put: fn(&mut Vec<u8>, &[u8]), bytes: &[u8]| {
            let mut to = Vec::new();
            put(&mut to, bytes);
            String::from_utf8(to).expect("UTF-8")
        };
        let in_text = |bytes: &[u8]| made(text, bytes);
        let in_attribute = |bytes: &[u8]| made(|to, bytes| attribute(to, "a", bytes), bytes);
        assert_eq!(in_text(b"a \"b\" 'c'\n\td"), "a \"b\" 'c'\n\td");
        assert_eq!(in_text(b"<a> & b\r"), "&lt;a&gt; &amp; b&#13;");
        assert_eq!(in_text("é".as_bytes()), "é");
        assert_eq!(in_text(b"a\xe9 \xc3\xa9"), "aé Ã©", "not UTF-8 as a whole");
        assert_eq!(in_text(b"a\x01b\x7f\x1bc"), "ab\u{7f}c");
        assert_eq!(in_text("\u{ffff}x".as_bytes()), "x");
        assert_eq!(in_attribute(b"a 'b'"), " a=\"a 'b'\"");
        assert_eq!(in_attribute(b"\"<>&\n\t\r"), " a=\"&quot;&lt;&gt;&amp;&#10;&#9;&#13;\"");
        assert_eq!(in_attribute("é…".as_bytes()), " a=\"&#xE9;&#x2026;\"");
    }
}
