//! What editors are told of the language of recipes: a definition file, as Rhai's language server reads them.
//!
//! It says what recipes have beyond Rhai itself: functions, the variable `target`, and as comments the fields of recipes
//! and distros. Written from the tables of `functions.rs` and `fields.rs`, so that it cannot say what is not so.

use super::fields::{DISTRO, Field, RECIPE, TARGET};
use super::functions::FUNCTIONS;

/// The text of the definition file.
pub fn text() -> String {
    let mut text = String::from(
        "/// What recipes of opb have beyond Rhai itself. Written by `opb definitions`, and not to be changed by hand.\n///\n\
         /// A recipe is a file in `recipes/` whose last expression is a map of these fields:\n///\n",
    );
    rows(&mut text, RECIPE);
    text.push_str("///\n/// A distro is a map in `distros/` of these:\n///\n");
    rows(&mut text, DISTRO);
    text.push_str("module static;\n\n/// The target that the recipe is evaluated for.\n///\n");
    rows(&mut text, TARGET);
    text.push_str("let target: #{ ");
    let facts: Vec<String> = TARGET.iter().map(|field| format!("{}: String", field.name)).collect();
    text.push_str(&facts.join(", "));
    text.push_str(" };\n");
    for function in FUNCTIONS {
        for signature in function.signatures {
            text.push('\n');
            for line in function.text.lines() {
                text.push_str(if line.is_empty() { "///" } else { "/// " });
                text.push_str(line);
                text.push('\n');
            }
            text.push_str("///\n/// # Example\n///\n/// ```rhai\n");
            text.push_str(&format!("/// {}\n/// ```\nfn {signature};\n", function.example));
        }
    }
    text
}

fn rows(text: &mut String, fields: &[Field]) {
    for Field { name, example, text: what } in fields {
        text.push_str(&format!("/// - `{name}: {example}`: {what}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens of a definition: words, strings of marks, and single characters.
    fn tokens(line: &str) -> Vec<String> {
        let mut tokens: Vec<String> = Vec::new();
        let mut rest = line.trim();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let length = match first {
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                '-' if rest.starts_with("->") => 2,
                '#' if rest.starts_with("#{") => 2,
                c => c.len_utf8(),
            };
            tokens.push(rest[..length].to_owned());
            rest = rest[length..].trim_start();
        }
        tokens
    }

    /// A reader of Rhai's grammar for definition files (`RhaiDef` in the language server's grammar), as far as is used.
    struct Reader {
        tokens: Vec<String>,
        at: usize,
    }

    impl Reader {
        fn take(&mut self, wanted: &str) -> bool {
            let is_there = self.tokens.get(self.at).is_some_and(|token| token == wanted);
            self.at += usize::from(is_there);
            is_there
        }

        fn word(&mut self) -> bool {
            let reserved =
                ["static", "module", "fn", "let", "const", "import", "switch", "in", "is", "package", "default"];
            let is_word = |token: &String| {
                token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !reserved.contains(&token.as_str())
            };
            let is_there = self.tokens.get(self.at).is_some_and(is_word);
            self.at += usize::from(is_there);
            is_there
        }

        /// Type: a word, `?`, an array, or a map of words and types.
        fn a_type(&mut self) -> bool {
            if self.take("?") {
                return true;
            }
            if self.take("[") {
                return self.a_type() && self.take("]");
            }
            if self.take("#{") {
                while !self.take("}") {
                    if !(self.word()
                        && self.take(":")
                        && self.a_type()
                        && (self.take(",") || self.tokens.get(self.at).is_some_and(|next| next == "}")))
                    {
                        return false;
                    }
                }
                return true;
            }
            self.word()
        }

        fn item(&mut self) -> bool {
            if self.take("let") {
                return self.word() && self.take(":") && self.a_type() && self.take(";");
            }
            if !(self.take("fn") && self.word() && self.take("(")) {
                return false;
            }
            while !self.take(")") {
                if !(self.word()
                    && self.take(":")
                    && self.a_type()
                    && (self.take(",") || self.tokens.get(self.at).is_some_and(|next| next == ")")))
                {
                    return false;
                }
            }
            self.take("->") && self.a_type() && self.take(";")
        }
    }

    fn is_good(line: &str) -> bool {
        let mut reader = Reader { tokens: tokens(line), at: 0 };
        reader.item() && reader.at == reader.tokens.len()
    }

    #[test]
    fn the_text_is_a_definition_file() {
        let text = text();
        let code: Vec<&str> = text.lines().filter(|line| !line.starts_with("///") && !line.is_empty()).collect();
        assert_eq!(code[0], "module static;");
        for line in &code[1..] {
            assert!(is_good(line), "{line}");
        }
        let signatures: usize = FUNCTIONS.iter().map(|function| function.signatures.len()).sum();
        assert_eq!(code.len(), signatures + 2);
        // A comment must belong to something: the last line is no comment.
        assert!(text.ends_with(";\n"));
        assert!(
            ["fn pkg(relation String) -> Package;", "fn pkg(a: String)", "let x;", "fn switch() -> ?;"]
                .iter()
                .all(|line| !is_good(line))
        );
    }
}
