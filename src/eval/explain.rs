//! The engine's errors in the words of a packager.
//!
//! The engine reports one syntax error a file, with a line and a column, in terms of its grammar. Here the mistakes that
//! newcomers make are recognised, by what stands around that place, and answered with what to write instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use miette::SourceSpan;
use rhai::{EvalAltResult, LexError, ParseErrorType, Position};

use super::functions::{FUNCTIONS, function};
use super::handle::unknown_yet;
use super::lint::Lint;
use super::mistake::{Complaint, Mistake, RecipeError};
use super::scan::{Kind, Text};
use crate::diag::did_you_mean;

/// Shared code by path: an error may have happened there.
pub(super) type Texts = BTreeMap<String, (Arc<Text>, bool)>;

/// What `error`, met while `text` was evaluated, means and where it is.
#[expect(clippy::boxed_local, reason = "this is how the engine hands errors out")]
pub(super) fn explain(text: &Arc<Text>, shared: &Texts, error: Box<EvalAltResult>) -> RecipeError {
    let (file, error) = innermost(text.name().to_owned(), *error);
    let text = shared.get(&file).map_or(text, |(text, _)| text);
    let at = offset(text, error.position());
    match error {
        EvalAltResult::ErrorParsing(kind, _) => syntax(text, at, &kind),
        EvalAltResult::ErrorRuntime(value, _) => match value.try_cast_result::<Complaint>() {
            Ok(complaint) => {
                let span = complaint.value.as_ref().and_then(|value| argument(text, at, value));
                RecipeError::new(text, span.unwrap_or_else(|| property_or_token(text, at)), complaint)
            }
            Err(value) => {
                let complaint = Complaint::new(Mistake::Script, format!("the recipe stopped itself: {value}"));
                RecipeError::new(text, text.span_at(at), complaint.help("look at what it throws, and why"))
            }
        },
        error => {
            let complaint = runtime(text, at, error);
            RecipeError::new(text, text.span_at(at), complaint)
        }
    }
}

/// What to say where a recipe prints.
pub(super) fn printing(text: &Text, line: &str) -> RecipeError {
    let call = (0..text.tokens().len()).find(|token| matches!(text.str(*token), "print" | "debug"));
    let complaint = Complaint::new(Mistake::Lint(Lint::LeftoverPrint), format!("the recipe prints: {line}"))
        .help("remove it when you are done");
    RecipeError::new(text, text.span(call.unwrap_or_default()), complaint)
}

/// Where the first error happened, as far as the engine knows.
pub(super) fn innermost_place(error: &EvalAltResult) -> Position {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
            innermost_place(inner)
        }
        error => error.position(),
    }
}

/// The first error and the file that it happened in.
fn innermost(file: String, error: EvalAltResult) -> (String, EvalAltResult) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
            innermost(if source.is_empty() { file } else { source }, *inner)
        }
        EvalAltResult::ErrorInModule(source, inner, _) => {
            innermost(if source.is_empty() { file } else { source }, *inner)
        }
        error => (file, error),
    }
}

fn offset(text: &Text, place: Position) -> usize {
    place.line().map_or(text.raw().len(), |line| text.offset(line, place.position().unwrap_or(1)))
}

/// The string `value` among the arguments of the call at `at`.
fn argument(text: &Text, at: usize, value: &str) -> Option<SourceSpan> {
    let call = text.token_at(at)?;
    let line_end = text.raw()[at..].find('\n').map_or(text.raw().len(), |end| at + end);
    let following = (call..text.tokens().len()).take_while(|token| text.tokens()[*token].start < line_end);
    following.into_iter().find(|token| text.text_value(*token) == Some(value)).map(|token| text.span(token))
}

/// The name after a `.`, where the engine points at the `.` or at what stands before it.
fn property_or_token(text: &Text, at: usize) -> SourceSpan {
    let Some(token) = text.token_at(at) else { return text.span_at(at) };
    match (text.str(token), text.str(token + 1)) {
        (".", _) => text.span(token + 1),
        _ => text.span_at(at),
    }
}

const RAW_STRINGS: &str =
    "write `#\"…\"#` instead: a back-ticked string puts the value of what stands in `${…}` into the text";

fn syntax(text: &Text, at: usize, kind: &ParseErrorType) -> RecipeError {
    let token = text.token_at(at);
    let place = |complaint| RecipeError::new(text, text.span_at(at), complaint);
    let complain = |message: String| Complaint::new(Mistake::Syntax, message);
    if let Some(token) = token
        && matches!(text.tokens()[token].kind, Kind::Text(_, false))
        && text.tokens()[token].end > at
    {
        return place(complain("a `${…}` in back-ticks holds what is not an expression".to_owned()).help(RAW_STRINGS));
    }
    if let Some(brace) = token.and_then(|token| forgotten_hash(text, token)) {
        let complaint = complain("a map begins with `#{`, not with `{`".to_owned()).help("write `#{` here");
        return RecipeError::new(text, text.span(brace), complaint);
    }
    let word = token.filter(|token| text.tokens()[*token].end > at).map(|token| text.str(token)).unwrap_or_default();
    if word == "eval" {
        let complaint = complain("recipes cannot evaluate text".to_owned());
        return place(complaint.help("write the code itself, or share it with `import`"));
    }
    match kind {
        ParseErrorType::MissingToken(..) if token.is_some_and(|token| is_key(text, token)) => {
            return place(reserved(word));
        }
        ParseErrorType::MissingToken(missing, _) if missing == "," => {
            let complaint = complain(format!("a `,` is missing before `{word}`"));
            return place(complaint.help("end what stands before it with `,`"));
        }
        ParseErrorType::Reserved(word) => return place(reserved(word)),
        ParseErrorType::PropertyExpected | ParseErrorType::VariableExpected | ParseErrorType::FnMissingName
            if word.chars().next().is_some_and(char::is_alphabetic) =>
        {
            return place(reserved(word));
        }
        ParseErrorType::ExprTooDeep => {
            let complaint = Complaint::new(Mistake::Limit, "an expression deeper or longer than a recipe may have");
            return place(complaint.help("give parts of it a name with `let`"));
        }
        ParseErrorType::LiteralTooLarge(what, max) => {
            let complaint = Complaint::new(Mistake::Limit, format!("{} over the limit of {max}", lower(what)));
            return place(complaint.help("make it shorter, or put it into a file of the source"));
        }
        ParseErrorType::DuplicatedProperty(name) => {
            return place(complain(format!("`{name}` is given twice")).help("keep one of them"));
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            let complaint = complain("this string is not closed on its line".to_owned());
            return place(complaint.help("close it with `\"`; for text of several lines write `#\"…\"#`"));
        }
        _ => {}
    }
    if at >= text.raw().trim_end().len()
        && let Some(open) = text.open_before(text.tokens().len())
    {
        let complaint = complain(format!("`{}` is never closed", text.str(open)));
        return RecipeError::new(text, text.span(open), complaint.help("close it before the file ends"));
    }
    place(complain(expected(kind, word)).help("compare with a recipe that works, such as `recipes/libmd.rhai`"))
}

/// The `{` of a block that was meant to be a map: the error is at the `:` after its first key.
fn forgotten_hash(text: &Text, token: usize) -> Option<usize> {
    let colon = if text.str(token) == ":" { token } else { token + 1 };
    let open = text.open_before(colon)?;
    let is_name = matches!(text.tokens().get(open + 1)?.kind, Kind::Word | Kind::Text(..));
    (text.str(colon) == ":" && text.str(open) == "{" && is_name && colon == open + 2).then_some(open)
}

/// Whether a word stands where a map's key does. Had the engine taken it for one, it would not complain.
fn is_key(text: &Text, token: usize) -> bool {
    text.tokens().get(token).is_some_and(|token| token.kind == Kind::Word)
        && text.str(token + 1) == ":"
        && token > 0
        && (text.str(token - 1) == "#{"
            || text.str(token - 1) == "," && text.open_before(token).is_some_and(|open| text.str(open) == "#{"))
}

fn reserved(word: &str) -> Complaint {
    Complaint::new(Mistake::Syntax, format!("`{word}` is a word of the language, not a name"))
        .help(format!("choose another name; as a key of a map write `\"{word}\"`"))
}

fn expected(kind: &ParseErrorType, word: &str) -> String {
    match kind {
        ParseErrorType::MissingToken(token, why) if word.is_empty() => format!("expected `{token}` {why}"),
        ParseErrorType::MissingToken(token, why) => format!("expected `{token}` {why}, but found `{word}`"),
        kind => lower(&kind.to_string()).replace('\'', "`"),
    }
}

fn lower(message: &str) -> String {
    let mut rest = message.chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}

fn runtime(text: &Text, at: usize, mut error: EvalAltResult) -> Complaint {
    let limit = |message: &str, help: &str| Complaint::new(Mistake::Limit, message).help(help);
    match &error {
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown_variable(text, at, name),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => unknown_function(text, signature),
        EvalAltResult::ErrorTooManyOperations(_) => limit(
            "the recipe takes too many steps",
            "end the loop here, or make it shorter: a recipe describes, it does not work",
        ),
        EvalAltResult::ErrorStackOverflow(_) => {
            limit("calls within calls, deeper than a recipe may", "end the recursion of this function")
        }
        EvalAltResult::ErrorTooManyVariables(_) => limit("too many variables", "put values into a map or a list"),
        EvalAltResult::ErrorTooManyModules(_) => limit("too many imports", "import once, at the beginning of the file"),
        EvalAltResult::ErrorDataTooLarge(what, _) => limit(
            &format!(
                "{} over the limit of a recipe",
                lower(what).replace("array/BLOB", "list").replace("object map", "map")
            ),
            "make the value smaller, or put it into a file of the source",
        ),
        EvalAltResult::ErrorPropertyNotFound(name, _) => unknown_property(text, name),
        EvalAltResult::ErrorMismatchDataType(_, actual, _) | EvalAltResult::ErrorIndexingType(actual, _)
            if actual.ends_with("Handle") =>
        {
            unknown_yet()
        }
        EvalAltResult::ErrorModuleNotFound(name, _) => {
            Complaint::new(Mistake::Import, format!("`{name}` was not imported as a plain string"))
                .help("write `import \"lib/name\" as name;`")
        }
        _ => {
            error.clear_position();
            Complaint::new(Mistake::Script, lower(&error.to_string()).replace('\'', "`"))
                .help("mend this expression; the manual's chapter on recipes lists what the language has")
        }
    }
}

fn unknown_variable(text: &Text, at: usize, name: &str) -> Complaint {
    let complaint = Complaint::new(Mistake::Script, format!("there is no variable `{name}`"));
    let in_back_ticks = text.token_at(at).is_some_and(|token| {
        matches!(text.tokens()[token].kind, Kind::Text(_, false)) && text.tokens()[token].end > at
    });
    if in_back_ticks {
        return complaint.help(RAW_STRINGS);
    }
    if let Some(known) = function(name) {
        return complaint.help(format!("call the function: `{}`", known.example));
    }
    let declared: Vec<(&str, &str)> = (1..text.tokens().len())
        .filter(|token| matches!(text.str(token - 1), "let" | "const"))
        .map(|token| (text.str(token - 1), text.str(token)))
        .collect();
    match declared.iter().find(|(_, declared)| *declared == name) {
        Some(("const", _)) => {
            complaint.help(format!("write `global::{name}`: a `fn` does not see constants outside of it by their bare name"))
        }
        Some(_) => complaint.help(format!(
            "pass `{name}` as an argument, or make it a `const` and write `global::{name}`: a `fn` sees no variables outside of it"
        )),
        None => match did_you_mean(name, declared.iter().map(|(_, name)| *name).chain(["target"])) {
            Some(word) => complaint.help(format!("did you mean `{word}`?")),
            None => complaint.help(format!("write `\"{name}\"` if a string is meant")),
        },
    }
}

fn unknown_property(text: &Text, name: &str) -> Complaint {
    let complaint = Complaint::new(Mistake::Script, format!("this map has no `{name}`"));
    let keys = (1..text.tokens().len()).filter(|token| text.str(*token) == ":").map(|token| text.str(token - 1));
    let ask = format!("ask with `\"{name}\" in map` where it may be missing");
    complaint.help(match did_you_mean(name, keys.filter(|key| *key != name)) {
        Some(word) => format!("did you mean `{word}`? Otherwise {ask}"),
        None => ask,
    })
}

fn unknown_function(text: &Text, signature: &str) -> Complaint {
    let name = signature.split([' ', '(']).next().unwrap_or(signature);
    let given = signature[name.len()..].trim().replace("&str | ImmutableString | String", "string");
    let given = given.replace("i64", "number").replace("f64", "number");
    let given = given.trim_start_matches('(').trim_end_matches(')');
    if given.split(", ").any(|kind| kind == "probe") {
        return unknown_yet();
    }
    if let Some(known) = function(name) {
        let given = if given.is_empty() { "nothing".to_owned() } else { format!("({given})") };
        return Complaint::new(Mistake::Script, format!("`{name}` cannot be called with {given}"))
            .help(format!("call it as in `{}`", known.example));
    }
    let own = (1..text.tokens().len()).filter(|token| text.str(token - 1) == "fn").map(|token| text.str(token));
    if own.clone().any(|own| own == name) {
        let count = if given.is_empty() { 0 } else { given.split(',').count() };
        return Complaint::new(Mistake::Script, format!("`{name}` does not take {count} arguments"))
            .help("give as many as its `fn` line has");
    }
    let known = FUNCTIONS.iter().map(|function| function.name).chain(own);
    if name.contains("::") {
        return Complaint::new(Mistake::Script, format!("there is no function `{name}` for ({given})"))
            .help("look at the `fn` lines of the file that is imported under that name");
    }
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Complaint::new(Mistake::Script, format!("`{name}` does not work on ({given})"))
            .help("convert one side, with `parse_int()` or `to_string()`");
    }
    let complaint = Complaint::new(Mistake::Script, format!("there is no function `{name}` for ({given})"));
    match did_you_mean(name, known) {
        Some(word) => complaint.help(format!("did you mean `{word}`?")),
        None => {
            let list: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
            complaint.help(format!("use those of the language, of this file, or one of `{}`", list.join("`, `")))
        }
    }
}
