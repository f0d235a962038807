//! What the engine gets of a recipe in which handles may occur.
//!
//! The engine makes strings of back-ticked text and takes the default branch of a `switch` for what it cannot compare,
//! both without asking. So there, and only there, back-ticked text becomes a call that keeps handles, and what is
//! switched on passes through one that refuses them. Lines stay lines; a table leads places back to the recipe's text.

use super::handle::{JOIN, KNOWN};
use super::scan::{Kind, Scanner, Token, scan};

/// Text for the engine, and where its parts come from.
#[derive(Debug)]
pub(super) struct Code {
    pub text: String,
    /// Offsets in `text` and in the recipe from which on both run side by side, ascending in `text`.
    places: Vec<(usize, usize)>,
}

impl Code {
    /// The code of `raw`; `None` where the recipe can be run as it is.
    pub fn new(raw: &str, tokens: &[Token]) -> Option<Self> {
        let word =
            |token: &&Token| token.kind == Kind::Word && ["probe", "import"].contains(&&raw[token.start..token.end]);
        tokens.iter().find(word)?;
        let mut code = Self { text: String::with_capacity(raw.len() + 64), places: Vec::new() };
        code.rewrite(raw, 0, raw.len(), 0);
        (code.text != raw).then_some(code)
    }

    /// Where in the recipe an offset of the text comes from.
    pub fn raw_offset(&self, offset: usize) -> usize {
        let at = self.places.partition_point(|(code, _)| *code <= offset);
        self.places[..at].last().map_or(offset, |(code, raw)| raw + (offset - code))
    }

    fn copy(&mut self, raw: &str, from: usize, to: usize) {
        self.places.push((self.text.len(), from));
        self.text.push_str(&raw[from..to]);
    }

    /// Text that stands for what is at `at`; all of it is that place.
    fn put(&mut self, text: &str, at: usize) {
        for (offset, _) in text.char_indices() {
            self.places.push((self.text.len() + offset, at));
        }
        self.text.push_str(text);
    }

    fn rewrite(&mut self, raw: &str, from: usize, to: usize, depth: usize) {
        let tokens = scan(&raw[from..to]);
        let mut at = from;
        // Brackets that are open in what is switched on, for each `switch` whose block has not begun.
        let mut switches: Vec<usize> = Vec::new();
        for (number, token) in tokens.iter().enumerate() {
            let (start, end) = (from + token.start, from + token.end);
            let written = &raw[start..end];
            match &token.kind {
                Kind::Text(_, false) if written.contains("${") && depth < 16 && !doubled(&tokens, number) => {
                    self.copy(raw, at, start);
                    self.template(raw, start, end, depth);
                    at = end;
                }
                Kind::Word if written == "switch" && is_statement(raw, from, &tokens, number) => {
                    self.copy(raw, at, end);
                    self.put(&format!(" {KNOWN}("), start);
                    at = end;
                    switches.push(0);
                }
                Kind::Mark => match (written, switches.last_mut()) {
                    ("{", Some(0)) => {
                        self.copy(raw, at, start);
                        self.put(") ", start);
                        at = start;
                        switches.pop();
                    }
                    ("(" | "[" | "{" | "#{", Some(open)) => *open += 1,
                    (")" | "]" | "}", Some(open)) => *open = open.saturating_sub(1),
                    _ => {}
                },
                _ => {}
            }
        }
        self.copy(raw, at, to);
    }

    /// Back-ticked text from `start` to `end`, its marks included.
    fn template(&mut self, raw: &str, start: usize, end: usize, depth: usize) {
        self.put(&format!("{JOIN}(["), start);
        let inside = raw[start + 1..end].strip_suffix('`').map_or(end, |_| end - 1);
        let mut at = start + 1;
        // The engine drops a line's end right behind the first mark.
        if raw[at..inside].starts_with('\n') {
            self.copy(raw, at, at + 1);
            at += 1;
        }
        while at < inside {
            let text_end = raw[at..inside].find("${").map_or(inside, |place| at + place);
            if text_end > at {
                self.literal(raw, at, text_end);
            }
            if text_end == inside {
                break;
            }
            let code = text_end + 2;
            let code_end = closing(raw, code, inside);
            self.put("{", text_end);
            self.rewrite(raw, code, code_end, depth + 1);
            self.put("},", code_end);
            at = (code_end + 1).min(inside);
        }
        self.put("])", inside);
    }

    fn literal(&mut self, raw: &str, from: usize, to: usize) {
        let text = &raw[from..to];
        let longest = text.split('"').skip(1).map(|rest| rest.bytes().take_while(|byte| *byte == b'#').count()).max();
        let marks = "#".repeat(longest.unwrap_or(0) + 1);
        self.put(&format!("{marks}\""), from);
        self.copy(raw, from, to);
        self.put(&format!("\"{marks},"), to);
    }
}

/// Whether the mark of back-ticked text is doubled, as the text itself: what stands there are not two texts.
fn doubled(tokens: &[Token], number: usize) -> bool {
    let ticked = |token: &Token| matches!(token.kind, Kind::Text(_, false));
    let here = &tokens[number];
    tokens.get(number + 1).is_some_and(|next| ticked(next) && next.start == here.end)
        || number > 0 && tokens.get(number - 1).is_some_and(|before| ticked(before) && before.end == here.start)
}

/// Whether a word is one of the language here: not a key, not a property.
fn is_statement(raw: &str, from: usize, tokens: &[Token], number: usize) -> bool {
    let written = |token: Option<&Token>| token.map_or("", |token| &raw[from + token.start..from + token.end]);
    let before = if number > 0 { written(tokens.get(number - 1)) } else { "" };
    written(tokens.get(number + 1)) != ":" && before != "."
}

/// The `}` that closes what begins at `from`.
fn closing(raw: &str, from: usize, to: usize) -> usize {
    let mut depth = 0_usize;
    for token in Scanner::new(&raw[from..to]) {
        if token.kind == Kind::Mark {
            match &raw[from + token.start..from + token.end] {
                "{" | "#{" => depth += 1,
                "}" if depth == 0 => return from + token.start,
                "}" => depth -= 1,
                _ => {}
            }
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(raw: &str) -> Option<Code> {
        Code::new(raw, &scan(raw))
    }

    #[test]
    fn only_recipes_that_may_meet_handles_are_changed() {
        assert!(code("let x = `a${1}`; switch x { _ => 1 }").is_none());
        assert!(code("let x = probe(\"a\");").is_none());
        assert!(code("// probe\nlet x = `a${1}`;").is_none());
    }

    #[test]
    fn back_ticked_text_and_switches_become_calls() {
        let shown = |raw: &str| code(raw).map(|code| code.text);
        assert_eq!(
            shown("probe; `a${p}\"b${`${q}`}`").as_deref(),
            Some("probe; __text([#\"a\"#,{p},#\"\"b\"#,{__text([{q},])},])")
        );
        assert_eq!(shown("probe; `a\"#${p}`").as_deref(), Some("probe; __text([##\"a\"#\"##,{p},])"));
        assert_eq!(
            shown("probe; switch f(#{ a: 1 }) { _ => switch x { _ => 1 } }").as_deref(),
            Some("probe; switch __known( f(#{ a: 1 }) ) { _ => switch __known( x ) { _ => 1 } }")
        );
        assert_eq!(shown("probe; `a``b${p}`"), None, "the mark itself, not two texts");
    }

    #[test]
    fn places_lead_back() {
        let raw = "probe; let t = `a${one + two}b`;\nthree";
        let code = code(raw).expect("changed");
        for word in ["one", "two", "three", "probe", "let"] {
            let here = code.text.find(word).expect("copied");
            assert_eq!(code.raw_offset(here), raw.find(word).expect("there"), "{word}");
        }
        assert_eq!(code.raw_offset(code.text.find("__text").expect("put in")), raw.find('`').expect("there"));
        assert_eq!(code.text.lines().count(), raw.lines().count());
    }
}
