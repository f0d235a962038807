//! What stands in a recipe and has no effect: imports, variables and functions that nothing uses.
//!
//! Looked at as tokens. Names inside of back-ticked strings count as used.

use super::super::scan::{Kind, Text};
use super::{Found, Ground, Lint};

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    let recipes = ground.survey.recipes.iter().map(|text| (text, true));
    let shared = ground.survey.shared.values().map(|(text, _)| (text, false));
    let distros = ground.survey.distros.iter().map(|(_, text)| (text, true));
    for (text, is_whole) in recipes.chain(shared).chain(distros) {
        of_text(text, is_whole, found);
    }
}

/// `is_whole`: nothing outside of it can use what it declares.
fn of_text(text: &Text, is_whole: bool, found: &mut Found) {
    for token in 1..text.tokens().len() {
        if text.tokens()[token].kind != Kind::Word {
            continue;
        }
        let name = text.str(token);
        let span = text.span(token);
        match text.str(token - 1) {
            "as" if is_import(text, token) && !used(text, token) => {
                let help = format!("remove the line, or call what is in it: `{name}::…`");
                found.at(Lint::UnusedImport, text, span, format!("`{name}` is imported and not used"), help);
            }
            // In shared code a constant outside of functions is for those who import it.
            word @ ("let" | "const") if (is_whole || word == "let") && !used(text, token) => {
                let what = if word == "let" { "variable" } else { "constant" };
                found.at(Lint::UnusedVariable, text, span, format!("the {what} `{name}` is never read"), "remove it");
            }
            "fn" if (is_whole || is_private(text, token)) && !used(text, token) => {
                let message = format!("the function `{name}` is never called");
                found.at(Lint::UnusedFunction, text, span, message, "remove it, or move it to `recipes/lib/`");
            }
            _ => {}
        }
    }
}

fn is_import(text: &Text, name: usize) -> bool {
    name >= 3 && text.str(name - 3) == "import"
}

fn is_private(text: &Text, name: usize) -> bool {
    name >= 2 && text.str(name - 2) == "private"
}

/// Whether the name that is declared at `declared` stands anywhere else as one. An assignment alone is no use, but that is
/// not told from one by looking at tokens.
fn used(text: &Text, declared: usize) -> bool {
    let name = text.str(declared);
    name.starts_with('_')
        || (0..text.tokens().len()).any(|token| match &text.tokens()[token].kind {
            Kind::Word => token != declared && text.str(token) == name && !is_key(text, token),
            // `Fn("name")`, and `${…}` in back ticks.
            Kind::Text(value, true) => value == name && token >= 2 && text.str(token - 2) == "Fn",
            Kind::Text(value, false) => words(value).any(|word| word == name),
            _ => false,
        })
}

/// Whether a word is a key of a map or a property.
fn is_key(text: &Text, token: usize) -> bool {
    let before = if token == 0 { "" } else { text.str(token - 1) };
    before == "." || text.str(token + 1) == ":" && (before == "#{" || before == ",")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}
