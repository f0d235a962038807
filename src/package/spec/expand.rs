//! Expansion of macros, as far as that needs neither a shell nor Lua.
//!
//! What cannot be expanded is left as it stands and reported beside the text, so that the reader can decide whether it
//! matters. Bounded: brackets within brackets, and the bytes that all expansions of a spec come to.

use super::condition;
use super::macros::{Macro, Macros, is_name};
use super::read::is_directive;
use super::table::Table;

/// Macros within macros, brackets within brackets.
const MAX_DEPTH: usize = 32;
/// Bytes of all expansions of a spec together.
const MAX_EXPANDED: usize = 4 << 20;

/// The bounds are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// Expands texts, and takes in what they define.
pub(super) struct Expander {
    pub macros: Table,
    spent: usize,
    depth: usize,
    /// The first construct since [`Expander::fresh`] that could not be expanded.
    pub left: Option<String>,
}

/// What stands for `%1`, `%*` in the body of a macro with arguments.
pub(super) struct Arguments(pub Vec<String>);

impl Expander {
    pub fn new(macros: Macros) -> Self {
        Self { macros: Table::new(macros), spent: 0, depth: 0, left: None }
    }

    /// Expands `text`; `left` then says whether something in it could not be.
    pub fn fresh(&mut self, text: &str) -> Result<String, TooMuch> {
        self.left = None;
        self.expand(text, None)
    }

    pub(super) fn leave(&mut self, construct: &str) {
        if self.left.is_none() {
            self.left = Some(construct.chars().take(80).collect());
        }
    }

    pub(super) fn expand(&mut self, text: &str, arguments: Option<&Arguments>) -> Result<String, TooMuch> {
        self.spent += text.len();
        self.depth += 1;
        if self.spent > MAX_EXPANDED || self.depth > MAX_DEPTH {
            return Err(TooMuch);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = self.one(rest, arguments, &mut out)?;
            // A macro may stand for more than the text that names it.
            if out.len() > MAX_EXPANDED {
                return Err(TooMuch);
            }
        }
        out.push_str(rest);
        self.depth -= 1;
        Ok(out)
    }

    /// Expands what `text`, which begins with `%`, begins with; gives what stands behind it.
    fn one<'t>(&mut self, text: &'t str, arguments: Option<&Arguments>, out: &mut String) -> Result<&'t str, TooMuch> {
        let behind = &text[1..];
        match behind.as_bytes().first() {
            Some(b'%') => {
                out.push('%');
                return Ok(&behind[1..]);
            }
            Some(open @ (b'{' | b'(' | b'[')) => {
                let Some(end) = closing(behind) else {
                    self.leave(text);
                    out.push_str(text);
                    return Ok("");
                };
                let (whole, inner, rest) = (&text[..end + 2], &behind[1..end], &behind[end + 1..]);
                match open {
                    b'{' => self.braced(whole, inner, arguments, out)?,
                    b'(' => {
                        self.leave(whole);
                        out.push_str(whole);
                    }
                    _ => {
                        let expression = self.expand(inner, arguments)?;
                        self.expression(whole, &expression, out);
                    }
                }
                return Ok(rest);
            }
            _ => {}
        }
        self.plain(text, arguments, out)
    }

    fn expression(&mut self, whole: &str, expression: &str, out: &mut String) {
        match condition::value(expression) {
            Ok(value) => out.push_str(&value.to_string()),
            Err(_) => {
                self.leave(whole);
                out.push_str(whole);
            }
        }
    }

    /// `%name`, `%?name`, `%!?name`, `%1`, `%*`.
    fn plain<'t>(
        &mut self,
        text: &'t str,
        arguments: Option<&Arguments>,
        out: &mut String,
    ) -> Result<&'t str, TooMuch> {
        let behind = &text[1..];
        let flags = behind.bytes().take_while(|byte| matches!(byte, b'?' | b'!')).count();
        let named = &behind[flags..];
        if let (Some(arguments), 0) = (arguments, flags) {
            let digits = named.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                out.push_str(argument(arguments, &named[..digits]));
                return Ok(&named[digits..]);
            }
            for (sign, star) in [("**", true), ("*", true), ("#", false)] {
                if let Some(rest) = named.strip_prefix(sign) {
                    out.push_str(&if star { arguments.0.join(" ") } else { arguments.0.len().to_string() });
                    return Ok(rest);
                }
            }
        }
        let length = named.bytes().take_while(|byte| is_name(*byte)).count();
        if length < 3 || named.as_bytes()[0].is_ascii_digit() {
            out.push('%');
            return Ok(behind);
        }
        let (name, rest) = named.split_at(length);
        if flags > 0 {
            let inner = &behind[..flags + length];
            self.braced(&text[..1 + flags + length], inner, arguments, out)?;
            return Ok(rest);
        }
        if let Some(rest) = self.statement(name, rest, arguments)? {
            return Ok(rest);
        }
        match self.macros.get(name).cloned() {
            None => {
                if !is_directive(name) {
                    self.leave(&text[..1 + length]);
                }
                out.push_str(&text[..1 + length]);
                Ok(rest)
            }
            Some(Macro { body, options: None, .. }) => {
                let expanded = self.expand(&body, arguments)?;
                out.push_str(&expanded);
                Ok(rest)
            }
            Some(found) => {
                // A macro with arguments takes the rest of the line.
                let end = rest.find('\n').unwrap_or(rest.len());
                let words = self.expand(&rest[..end], arguments)?;
                self.call(&text[..1 + length], &found, &words, out)?;
                Ok(&rest[end..])
            }
        }
    }

    fn call(&mut self, whole: &str, found: &Macro, words: &str, out: &mut String) -> Result<(), TooMuch> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let plain = found.options.as_deref().is_none_or(|options| options.is_empty() || options == "-");
        if !plain && words.iter().any(|word| word.starts_with('-')) {
            self.leave(whole);
            out.push_str(whole);
            return Ok(());
        }
        let expanded = self.expand(&found.body, Some(&Arguments(words)))?;
        out.push_str(&expanded);
        Ok(())
    }

    /// `%{…}`.
    fn braced(
        &mut self,
        whole: &str,
        inner: &str,
        arguments: Option<&Arguments>,
        out: &mut String,
    ) -> Result<(), TooMuch> {
        let flags = inner.bytes().take_while(|byte| matches!(byte, b'?' | b'!')).count();
        let negated = inner[..flags].bytes().filter(|byte| *byte == b'!').count() % 2 == 1;
        let asks = inner[..flags].contains('?');
        let named = &inner[flags..];
        if let Some(arguments) = arguments.filter(|_| named.starts_with(['-', '*', '#'])) {
            match named {
                "*" | "**" => out.push_str(&arguments.0.join(" ")),
                "#" => out.push_str(&arguments.0.len().to_string()),
                // Options are never taken apart here: whoever passes one is refused.
                _ if asks => {}
                _ => {}
            }
            return Ok(());
        }
        let length = named.bytes().take_while(|byte| is_name(*byte)).count();
        let (name, rest) = named.split_at(length);
        let number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if asks {
            let defined = match arguments {
                Some(arguments) if number => !argument(arguments, name).is_empty(),
                _ => self.macros.has(name),
            };
            let text = match rest.strip_prefix(':') {
                Some(text) if defined != negated => text,
                None if defined && !negated => return self.value(whole, name, "", arguments, out),
                _ => return Ok(()),
            };
            let expanded = self.expand(text, arguments)?;
            out.push_str(&expanded);
            return Ok(());
        }
        self.value(whole, name, rest, arguments, out)
    }

    /// The value of `%{name…}` without flags.
    fn value(
        &mut self,
        whole: &str,
        name: &str,
        rest: &str,
        arguments: Option<&Arguments>,
        out: &mut String,
    ) -> Result<(), TooMuch> {
        if let Some(arguments) = arguments.filter(|_| name.bytes().all(|byte| byte.is_ascii_digit())) {
            out.push_str(argument(arguments, name));
            return Ok(());
        }
        let found = self.macros.get(name).cloned();
        if let Some(found) = found {
            return if found.options.is_some() {
                let words = self.expand(rest.trim_start_matches([' ', ':']), arguments)?;
                self.call(whole, &found, &words, out)
            } else {
                let expanded = self.expand(&found.body, arguments)?;
                out.push_str(&expanded);
                Ok(())
            };
        }
        let argument = rest.strip_prefix([':', ' ']).unwrap_or(rest);
        if ["global", "define", "undefine", "bcond", "bcond_with", "bcond_without", "dnl"].contains(&name) {
            return self.statement(name, rest, arguments).map(|_| ());
        }
        let known = [
            "with",
            "without",
            "defined",
            "undefined",
            "expand",
            "expr",
            "lower",
            "upper",
            "quote",
            "shrink",
            "basename",
            "dirname",
            "len",
            "echo",
            "warn",
        ];
        if !known.contains(&name) || rest.is_empty() {
            self.leave(whole);
            out.push_str(whole);
            return Ok(());
        }
        let text = self.expand(argument, arguments)?;
        let word = text.trim();
        let flag = |on: bool| if on { "1" } else { "0" };
        match name {
            "with" => out.push_str(flag(self.macros.has(&format!("with_{word}")))),
            "without" => out.push_str(flag(!self.macros.has(&format!("with_{word}")))),
            "defined" => out.push_str(flag(self.macros.has(word))),
            "undefined" => out.push_str(flag(!self.macros.has(word))),
            "expand" => {
                let expanded = self.expand(&text, arguments)?;
                out.push_str(&expanded);
            }
            "expr" => self.expression(whole, &text, out),
            "lower" => out.push_str(&text.to_lowercase()),
            "upper" => out.push_str(&text.to_uppercase()),
            "len" => out.push_str(&text.len().to_string()),
            "quote" => out.push_str(&text),
            "shrink" => out.push_str(&word.split_whitespace().collect::<Vec<_>>().join(" ")),
            "basename" => out.push_str(word.rsplit('/').next().unwrap_or(word)),
            "dirname" => out.push_str(word.rsplit_once('/').map_or(".", |(folder, _)| folder)),
            _ => {}
        }
        Ok(())
    }
}

fn argument<'a>(arguments: &'a Arguments, number: &str) -> &'a str {
    let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    place.and_then(|place| arguments.0.get(place)).map_or("", String::as_str)
}

/// Where the bracket that `text` begins with is closed.
pub(super) fn closing(text: &str) -> Option<usize> {
    let open = *text.as_bytes().first()?;
    let close = match open {
        b'{' => b'}',
        b'(' => b')',
        _ => b']',
    };
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}
