//! What defines macros: `%global`, `%define`, `%undefine`, `%bcond…`.

use super::condition;
use super::expand::{Arguments, Expander, TooMuch, closing};
use super::macros::{Macro, is_name};

impl Expander {
    /// `%global`, `%define`, `%undefine`, `%bcond…`, `%dnl` and their like, which take the rest of their line; `None` for
    /// any other name.
    pub(super) fn statement<'t>(
        &mut self,
        name: &str,
        rest: &'t str,
        arguments: Option<&Arguments>,
    ) -> Result<Option<&'t str>, TooMuch> {
        match name {
            "global" | "define" => self.definition(name == "global", rest, arguments).map(Some),
            "undefine" | "dnl" | "bcond" | "bcond_with" | "bcond_without" => {
                let end = rest.find('\n').unwrap_or(rest.len());
                let line = &rest[..end];
                if name != "dnl" {
                    let line = self.expand(line, arguments)?;
                    let mut words = line.trim().splitn(2, char::is_whitespace);
                    let (condition, default) = (words.next().unwrap_or_default(), words.next().unwrap_or("0"));
                    match name {
                        "undefine" => self.macros.remove(condition),
                        _ => self.bcond(name, condition, default),
                    }
                }
                Ok(Some(&rest[end..]))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn bcond(&mut self, kind: &str, name: &str, default: &str) {
        if name.is_empty() || !name.bytes().all(is_name) {
            return;
        }
        let default = match kind {
            "bcond_with" => false,
            "bcond_without" => true,
            _ => condition::holds(default.trim()).unwrap_or_else(|_| {
                self.leave(&format!("%bcond {name}"));
                false
            }),
        };
        let on = self.macros.has(&format!("_with_{name}")) || default && !self.macros.has(&format!("_without_{name}"));
        if on {
            self.macros.put(&format!("with_{name}"), Macro { body: "1".to_owned(), options: None, own: true });
        }
    }

    /// `name[(options)] body` up to the end of the line, which a `\` carries on, or in braces.
    pub(super) fn definition<'t>(
        &mut self,
        now: bool,
        text: &'t str,
        arguments: Option<&Arguments>,
    ) -> Result<&'t str, TooMuch> {
        let text = text.trim_start_matches([' ', '\t']);
        let length = text.bytes().take_while(|byte| is_name(*byte)).count();
        let (name, mut rest) = text.split_at(length);
        let mut options = None;
        if let Some((inside, behind)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            options = Some(inside.to_owned());
            rest = behind;
        }
        rest = rest.trim_start_matches([' ', '\t']);
        // The way on from one line to the next may stand before the body.
        rest = rest.strip_prefix("\\\n").unwrap_or(rest);
        let braces = if rest.starts_with('{') { closing(rest) } else { None };
        let (body, rest) = match braces {
            Some(end) => (rest[1..end].to_owned(), &rest[end + 1..]),
            None => {
                let end = end_of_line(rest);
                (rest[..end].replace("\\\n", "\n"), &rest[end..])
            }
        };
        // rpm takes no shorter names.
        if name.len() < 3 {
            return Ok(rest);
        }
        let body = body.trim_end();
        // What cannot be expanded now stays as it is: it matters only where the macro is used.
        let left = self.left.take();
        let body = if now { self.expand(body, arguments)? } else { body.to_owned() };
        self.left = left;
        self.macros.put(name, Macro { body, options, own: true });
        Ok(rest)
    }
}

/// The end of a line that goes on behind a `\\` and inside a macro's bracket.
fn end_of_line(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'\n', _) => return at,
            (b'\\', Some(_)) | (b'%', Some(b'%')) => at += 2,
            (b'%', Some(b'{' | b'(' | b'[')) => match closing(&text[at + 1..]) {
                Some(end) => at += end + 2,
                None => return bytes.len(),
            },
            _ => at += 1,
        }
    }
    bytes.len()
}
