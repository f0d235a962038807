//! A recipe's text, cut into tokens, so that mistakes can be underlined.
//!
//! Rhai says where something begins, not how long it is, and says nothing about a value once it is evaluated. This
//! scanner accepts any text and never fails: it only serves to point. It knows strings, comments and brackets, not
//! grammar.

use std::sync::Arc;

use miette::SourceSpan;

use super::code::Code;
use crate::diag::is_harmful;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a word of the language.
    Word,
    /// A string, with its value; `false` where it interpolates (back-ticked).
    Text(String, bool),
    /// A number or a character.
    Number,
    /// `#{`, `::`, or a single other character.
    Mark,
}

/// A token and the bytes that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// A file's name and text.
#[derive(Debug)]
pub(super) struct Text {
    name: String,
    raw: String,
    shown: Arc<str>,
    tokens: Vec<Token>,
    code: Option<Code>,
}

impl Text {
    pub fn new(name: impl Into<String>, raw: String) -> Self {
        let tokens = scan(&raw);
        Self { name: name.into(), shown: shown(&raw), code: Code::new(&raw, &tokens), tokens, raw }
    }

    /// What the engine runs.
    pub fn code(&self) -> &str {
        self.code.as_ref().map_or(&self.raw, |code| &code.text)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The text with everything harmful replaced by something of the same length.
    pub fn shown(&self) -> Arc<str> {
        self.shown.clone()
    }

    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The token's characters.
    pub fn str(&self, token: usize) -> &str {
        self.tokens.get(token).map_or("", |token| &self.raw[token.start..token.end])
    }

    pub fn span(&self, token: usize) -> SourceSpan {
        self.tokens.get(token).map_or_else(|| self.end(), |token| (token.start, token.end - token.start).into())
    }

    /// From the first byte of one token to the last of another, but only the first line of it.
    pub fn span_between(&self, first: usize, last: usize) -> SourceSpan {
        let (Some(from), Some(to)) = (self.tokens.get(first), self.tokens.get(last)) else { return self.span(first) };
        let range = &self.raw[from.start..to.end.max(from.end)];
        let line = range.lines().next().unwrap_or(range).trim_end();
        (from.start, line.len()).into()
    }

    /// The last character.
    fn end(&self) -> SourceSpan {
        let end = self.raw.trim_end().len();
        let width = self.raw[..end].chars().next_back().map_or(0, char::len_utf8);
        (end - width, width).into()
    }

    /// The byte at a line and column of the code, both from 1, the column in characters.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let code = self.code();
        let start: usize = code.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = &code[start.min(code.len())..];
        let offset = start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(place, _)| place);
        self.code.as_ref().map_or(offset, |code| code.raw_offset(offset)).min(self.raw.len())
    }

    /// The first byte of the line that `offset` is on.
    pub fn line_start(&self, offset: usize) -> usize {
        let before = self.raw.as_bytes().get(..offset).unwrap_or_default();
        before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
    }

    /// The token at `offset`, or the last one before it.
    pub fn token_at(&self, offset: usize) -> Option<usize> {
        self.tokens.partition_point(|token| token.start <= offset).checked_sub(1)
    }

    /// What to underline for a mistake at `offset`.
    pub fn span_at(&self, offset: usize) -> SourceSpan {
        match self.token_at(offset) {
            Some(token) if self.tokens[token].end > offset => {
                if matches!(self.tokens[token].kind, Kind::Text(_, false)) && self.tokens[token].start < offset {
                    let rest = &self.raw[offset..self.tokens[token].end];
                    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                    return (offset, word.max(rest.chars().next().map_or(0, char::len_utf8))).into();
                }
                self.span_between(token, token)
            }
            _ if offset >= self.raw.trim_end().len() => self.end(),
            _ => (offset, self.raw[offset..].chars().next().map_or(0, char::len_utf8)).into(),
        }
    }

    /// The innermost bracket that is still open before `token`.
    pub fn open_before(&self, token: usize) -> Option<usize> {
        let mut open = Vec::new();
        for index in 0..token.min(self.tokens.len()) {
            if self.tokens[index].kind == Kind::Mark {
                match self.str(index) {
                    "{" | "#{" | "[" | "(" => open.push(index),
                    "}" | "]" | ")" => drop(open.pop()),
                    _ => {}
                }
            }
        }
        open.pop()
    }

    /// The value of a string token.
    pub fn text_value(&self, token: usize) -> Option<&str> {
        match &self.tokens.get(token)?.kind {
            Kind::Text(value, _) => Some(value),
            _ => None,
        }
    }
}

fn shown(raw: &str) -> Arc<str> {
    if raw.chars().all(|c| c == '\n' || c == '\t' || !is_harmful(c)) {
        return raw.into();
    }
    let replace = |c: char| match c.len_utf8() {
        _ if c == '\n' || c == '\t' || !is_harmful(c) => c,
        1 if c == '\r' => ' ',
        1 => '?',
        2 => '\u{b7}',
        _ => '\u{fffd}',
    };
    raw.chars().map(replace).collect::<String>().into()
}

/// All tokens of a text.
pub(super) fn scan(raw: &str) -> Vec<Token> {
    Scanner::new(raw).collect()
}

/// The tokens of a text, one after the other.
pub(super) struct Scanner<'a> {
    raw: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(raw: &'a str) -> Self {
        Self { raw, at: 0 }
    }
}

impl Iterator for Scanner<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let (raw, bytes) = (self.raw, self.raw.as_bytes());
        loop {
            let at = &mut self.at;
            let character = raw[*at..].chars().next()?;
            let start = *at;
            let next = bytes.get(*at + 1).copied();
            let kind = match character {
                c if c.is_whitespace() => {
                    *at += c.len_utf8();
                    continue;
                }
                '/' if next == Some(b'/') => {
                    *at += raw[*at..].find('\n').unwrap_or(raw.len() - *at);
                    continue;
                }
                '/' if next == Some(b'*') => {
                    *at = after_comment(bytes, *at);
                    continue;
                }
                '"' | '\'' | '`' => string(raw, at),
                '#' if raw_string(bytes, *at).is_some() => string(raw, at),
                '#' if next == Some(b'{') => {
                    *at += 2;
                    Kind::Mark
                }
                ':' if next == Some(b':') => {
                    *at += 2;
                    Kind::Mark
                }
                c if c.is_alphabetic() || c == '_' => {
                    *at += raw[*at..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(raw.len() - *at);
                    Kind::Word
                }
                c if c.is_ascii_digit() => {
                    *at += raw[*at..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(raw.len() - *at);
                    Kind::Number
                }
                c => {
                    *at += c.len_utf8();
                    Kind::Mark
                }
            };
            return Some(Token { kind, start, end: *at });
        }
    }
}

/// A string or character that begins at `at`, which moves behind it.
fn string(raw: &str, at: &mut usize) -> Kind {
    let (bytes, start) = (raw.as_bytes(), *at);
    match bytes[start] {
        b'"' => {
            *at = after_quoted(bytes, start, b'"');
            Kind::Text(unescape(inside(&raw[start..*at], 1, "\"")), true)
        }
        b'\'' => {
            *at = after_quoted(bytes, start, b'\'');
            Kind::Number
        }
        b'`' => {
            *at = after_template(bytes, start);
            Kind::Text(inside(&raw[start..*at], 1, "`").to_owned(), false)
        }
        _ => {
            let hashes = raw_string(bytes, start).unwrap_or(1);
            let close = format!("\"{}", "#".repeat(hashes));
            let from = start + hashes + 1;
            *at = raw[from..].find(&close).map_or(raw.len(), |place| from + place + close.len());
            Kind::Text(inside(&raw[start..*at], hashes + 1, &close).to_owned(), true)
        }
    }
}

/// A string token's characters without its marks; the closing one may be missing.
fn inside<'a>(token: &'a str, open: usize, close: &str) -> &'a str {
    let rest = &token[open..];
    rest.strip_suffix(close).unwrap_or(rest)
}

/// The number of `#` where a raw string (`#"…"#`) begins.
fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at..].iter().take_while(|byte| **byte == b'#').count();
    (bytes.get(at + hashes) == Some(&b'"')).then_some(hashes)
}

/// Comments nest.
fn after_comment(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

/// A string ends at its mark or, unless the line's end is escaped, with the line.
fn after_quoted(bytes: &[u8], start: usize, close: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'\n' => return at,
            byte if byte == close => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// A back-ticked string may hold code, which may hold strings, and so on.
fn after_template(bytes: &[u8], start: usize) -> usize {
    let mut open = vec![b'`'];
    let mut at = start + 1;
    while at < bytes.len() && !open.is_empty() {
        let in_text = open.last() == Some(&b'`');
        match (in_text, &bytes[at..]) {
            (true, [b'$', b'{', ..]) => {
                open.push(b'{');
                at += 2;
                continue;
            }
            (true, [b'`', ..]) | (false, [b'}', ..]) => drop(open.pop()),
            (false, [mark @ (b'`' | b'{'), ..]) => open.push(*mark),
            (false, [b'"', ..]) => {
                at = after_quoted(bytes, at, b'"');
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        let digits = match rest.next() {
            Some('n') => {
                value.push('\n');
                continue;
            }
            Some('t') => {
                value.push('\t');
                continue;
            }
            Some('r') => {
                value.push('\r');
                continue;
            }
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(other) => {
                value.push(other);
                continue;
            }
            None => break,
        };
        let number: String = rest.by_ref().take(digits).collect();
        value.extend(u32::from_str_radix(&number, 16).ok().and_then(char::from_u32));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_real_lengths() {
        let text =
            Text::new("x", "#{ a: \"x\\\"y\", /* /* b */ \" */ `c${\"}\"}`, ##\"d\"#e\"##, 'f', 12 } // g".to_owned());
        let shown: Vec<&str> = (0..text.tokens().len()).map(|token| text.str(token)).collect();
        let expected =
            ["#{", "a", ":", "\"x\\\"y\"", ",", "`c${\"}\"}`", ",", "##\"d\"#e\"##", ",", "'f'", ",", "12", "}"];
        assert_eq!(shown, expected);
        assert_eq!(text.text_value(3), Some("x\"y"));
        assert_eq!(text.text_value(7), Some("d\"#e"));
    }

    #[test]
    fn what_is_shown_keeps_its_offsets() {
        let text = Text::new("x", "a\u{1b}[2J\r\u{85}\u{202e}b\n\tc".to_owned());
        assert_eq!(&*text.shown(), "a?[2J \u{b7}\u{fffd}b\n\tc");
        assert_eq!(text.shown().len(), text.raw().len());
    }
}
