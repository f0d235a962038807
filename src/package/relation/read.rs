//! Reads relations: one pass over the bytes, no look-ahead beyond one.

use super::{Alternatives, Operator, Relation, RelationError, Relations, Term, Variables};
use crate::package::version::Version;

/// The most relations that a field may have.
const MAX_RELATIONS: usize = 100_000;

pub(super) fn relations(text: &str, variables: Variables) -> Result<Relations, RelationError> {
    let mut reader = Reader { text, at: 0, variables };
    let mut all = Vec::new();
    let mut count = 0;
    loop {
        // Empty items are allowed: real fields end in a comma, or have one too many after a variable was replaced.
        reader.skip_space();
        match reader.peek() {
            None => return Ok(Relations(all)),
            Some(b',') => {
                reader.at += 1;
                continue;
            }
            Some(_) => {}
        }
        let mut alternatives = Vec::new();
        loop {
            count += 1;
            if count > MAX_RELATIONS {
                return Err(reader.expected("at most 100000 relations"));
            }
            alternatives.extend(reader.relation()?);
            match reader.peek() {
                Some(b'|') => reader.at += 1,
                None | Some(b',') => break,
                Some(_) => return Err(reader.expected("`,`, `|` or the end")),
            }
        }
        if !alternatives.is_empty() {
            all.push(Alternatives(alternatives));
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    variables: Variables,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn expected(&self, expected: &'static str) -> RelationError {
        let before = self.text.get(..self.at).unwrap_or(self.text).chars().count();
        let shown = if self.text.chars().count() <= 200 {
            self.text.to_owned()
        } else {
            self.text.chars().skip(before.saturating_sub(100)).take(200).collect()
        };
        RelationError { text: shown, column: before + 1, expected, version: None }
    }

    /// Takes bytes while they are `wanted`; only ASCII is, so the slice is whole characters.
    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii() && wanted(byte)) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), RelationError> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// A relation and the white space after it; `None` where a variable makes its name unknown.
    fn relation(&mut self) -> Result<Option<Relation>, RelationError> {
        self.skip_space();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
        let mut name = self.take_while(is_name).to_owned();
        let mut unknown = false;
        while self.variable()? {
            unknown = true;
            name = self.take_while(is_name).to_owned();
        }
        let plain = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && name.len() <= 300;
        if !unknown && !plain {
            return Err(self.expected("the name of a package"));
        }
        let qualifier = if self.peek() == Some(b':') {
            self.at += 1;
            let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if word.is_empty() {
                return Err(self.expected("`any`, `native` or an arch"));
            }
            Some(word.to_owned())
        } else {
            None
        };
        self.skip_space();
        let version = if self.peek() == Some(b'(') { self.version()? } else { None };
        let arches = if self.peek() == Some(b'[') { self.terms(b']', "an arch, or `]`")? } else { Vec::new() };
        let mut profiles = Vec::new();
        while self.peek() == Some(b'<') {
            profiles.push(self.terms(b'>', "a build profile, or `>`")?);
        }
        Ok((!unknown).then_some(Relation { name, qualifier, version, arches, profiles }))
    }

    /// Takes a `${…}` off, where one may stand and does.
    fn variable(&mut self) -> Result<bool, RelationError> {
        if self.variables == Variables::Refused || !self.text.as_bytes()[self.at..].starts_with(b"${") {
            return Ok(false);
        }
        self.at += 2;
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'_' | b'.'));
        self.take(b'}', "`}` at the end of a variable")?;
        Ok(true)
    }

    /// `(operator version)` and the white space after it.
    fn version(&mut self) -> Result<Option<(Operator, Version)>, RelationError> {
        self.at += 1;
        self.skip_space();
        let start = self.at;
        let operator = match self.take_while(|byte| matches!(byte, b'<' | b'=' | b'>')) {
            "<<" => Operator::Earlier,
            // Policy calls the single signs obsolete; dpkg reads them so.
            "<=" | "<" => Operator::EarlierOrEqual,
            "=" => Operator::Equal,
            ">=" | ">" => Operator::LaterOrEqual,
            ">>" => Operator::Later,
            _ => {
                self.at = start;
                return Err(self.expected("one of `<<`, `<=`, `=`, `>=`, `>>`"));
            }
        };
        self.skip_space();
        let start = self.at;
        let is_version = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b')' | b'$' | b',' | b'|' | b'(');
        let text = self.take_while(is_version);
        let mut unknown = false;
        while self.variable()? {
            unknown = true;
            self.take_while(is_version);
        }
        let version = if unknown {
            None
        } else {
            let read = Version::new(text);
            Some((
                operator,
                read.map_err(|error| {
                    self.at = start;
                    RelationError { version: Some(error), ..self.expected("a version") }
                })?,
            ))
        };
        self.skip_space();
        self.take(b')', "`)` after the version")?;
        self.skip_space();
        Ok(version)
    }

    /// Words between brackets, at least one, and the white space after them.
    fn terms(&mut self, close: u8, expected: &'static str) -> Result<Vec<Term>, RelationError> {
        self.at += 1;
        let mut terms = Vec::new();
        loop {
            self.skip_space();
            if self.peek() == Some(close) && !terms.is_empty() {
                self.at += 1;
                self.skip_space();
                return Ok(terms);
            }
            let negated = self.peek() == Some(b'!');
            self.at += usize::from(negated);
            let word = self
                .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+' | b'_' | b'/'));
            if word.is_empty() {
                return Err(self.expected(expected));
            }
            terms.push(Term { negated, word: word.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        Relations::parse(text).expect(text).to_string()
    }

    #[test]
    fn everything_that_policy_allows() {
        assert_eq!(
            written(
                "debhelper-compat(=13),libc6-dev|libc-dev:any (>>2~) , gcc:native [ amd64 !i386 ]<!nocheck><cross stage1>,"
            ),
            "debhelper-compat (= 13), libc6-dev | libc-dev:any (>> 2~), gcc:native [amd64 !i386] <!nocheck> <cross stage1>"
        );
        assert_eq!(written("a (< 1), b (> 2)"), "a (<= 1), b (>= 2)");
        assert_eq!(written(" , ,"), "");
    }

    #[test]
    fn variables_only_where_they_may_be() {
        let text =
            "libmd0 (= ${binary:Version}), ${shlibs:Depends}, ${misc:Depends} | a, python${v}-x (>= 1), b (>= ${v}1)";
        let read = Relations::parse_with(text, Variables::LeftOut).expect("good");
        assert_eq!(read.to_string(), "libmd0, a, b");
        assert_eq!(
            Relations::parse("a, ${shlibs:Depends}").expect_err("bad").to_string(),
            "cannot read the relation `a, ${shlibs:Depends}` at column 4: expected the name of a package"
        );
    }

    #[test]
    fn errors_name_the_place() {
        let check = |text: &str, column: usize, expected: &str| {
            let error = Relations::parse_with(text, Variables::LeftOut).expect_err(text);
            assert_eq!(
                error.to_string(),
                format!("cannot read the relation `{text}` at column {column}: expected {expected}")
            );
        };
        check("a b", 3, "`,`, `|` or the end");
        check("a | , b", 5, "the name of a package");
        check("é", 1, "the name of a package");
        check("a:", 3, "`any`, `native` or an arch");
        check("a (1)", 4, "one of `<<`, `<=`, `=`, `>=`, `>>`");
        check("a (>= 1_0)", 7, "a version");
        check("a (>= 1", 8, "`)` after the version");
        check("a []", 4, "an arch, or `]`");
        check("a <!>", 5, "a build profile, or `>`");
        check("${a", 4, "`}` at the end of a variable");
        let error = Relations::parse("a (>= 1_0)").expect_err("bad");
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.starts_with("`1_0` is no version"), "{cause}");
        let long = format!("{} b", "a".repeat(5_000));
        assert!(Relations::parse(&long).expect_err("bad").to_string().len() < 400);
    }

    proptest! {
        #[test]
        fn what_is_complete_reads_the_same(text in "([a-c:,|() <>=!\\[\\]12.~é-]|\\$\\{b\\}){0,40}") {
            if let Ok(read) = Relations::parse_with(&text, Variables::LeftOut) {
                let written = read.to_string();
                prop_assert_eq!(Relations::parse(&written), Ok(read));
            }
        }

        #[test]
        fn good_relations_read_back(names in proptest::collection::vec("[a-z][a-z0-9+.-]{1,8}( \\((<<|<=|=|>=|>>) [0-9]{1,3}(-[0-9])?\\))?( \\[!?[a-z]{2,5}\\])?( <!?[a-z]{2,5}>){0,2}", 1..6)) {
            let text = names.join(", ");
            prop_assert_eq!(written(&text), text);
        }
    }
}
