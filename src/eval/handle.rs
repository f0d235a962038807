//! Handles: text in recipes that holds what a probe finds, which nobody knows while recipes run.
//!
//! A handle can be joined with text and put into `env`. Everything else, comparing, branching, measuring, is an error
//! that says so: what a recipe comes to must not depend on a machine. The engine turns values into text without asking
//! whether that worked, so such a use is noted in [`Stage`], which makes an error of it when the evaluation ends.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext};

use super::engine::{MAX_STRING, Stage, raise};
use super::mistake::{Complaint, Mistake};
use crate::component::{Probe, Text};

/// What code that may meet handles has in place of back-ticked text.
pub(super) const JOIN: &str = "__text";
/// What stands around the value that such code switches on.
pub(super) const KNOWN: &str = "__known";

/// Text that holds what a probe finds.
#[derive(Debug, Clone)]
pub(super) struct Handle(pub Text);

type Made<T> = Result<T, Box<EvalAltResult>>;

/// What to say where a recipe wants to know what it cannot know.
pub(super) fn unknown_yet() -> Complaint {
    Complaint::new(Mistake::Script, "what a probe finds is not known while recipes run")
        .help("put it into `env`, or join it with text for there; to decide something use `target`, or the build's own script")
}

/// Makes handles known to `engine`.
pub(super) fn register(engine: &mut Engine, stage: &Stage) {
    engine.register_type_with_name::<Handle>("probe");
    engine
        .register_fn("+", |one: Handle, other: Handle| join(one.0, other.0))
        .register_fn("+", |one: Handle, other: ImmutableString| join(one.0, other.as_str().into()))
        .register_fn("+", |one: ImmutableString, other: Handle| join(one.as_str().into(), other.0))
        .register_fn("+", |one: Handle, other: char| join(one.0, other.to_string().into()))
        .register_fn("+", |one: char, other: Handle| join(one.to_string().into(), other.0))
        .register_fn("+", |one: Handle, other: i64| join(one.0, other.to_string().into()))
        .register_fn("+", |one: i64, other: Handle| join(one.to_string().into(), other.0));
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        engine
            .register_fn(operator, |_: Handle, _: Handle| refuse())
            .register_fn(operator, |_: Handle, _: Dynamic| refuse())
            .register_fn(operator, |_: Dynamic, _: Handle| refuse());
    }
    for name in ["to_string", "to_debug"] {
        let stage = stage.clone();
        engine.register_fn(name, move |context: NativeCallContext<'_>, _: &mut Handle| {
            stage.handle_shown(context.call_position());
            Err::<ImmutableString, _>(raise(unknown_yet()))
        });
    }
    engine.register_fn(JOIN, |context: NativeCallContext<'_>, pieces: Array| text(&context, pieces));
    engine.register_fn(KNOWN, known);
}

fn refuse() -> Made<bool> {
    Err(raise(unknown_yet()))
}

fn join(mut one: Text, other: Text) -> Made<Handle> {
    one.push(other);
    if one.len() > MAX_STRING {
        let complaint = Complaint::new(Mistake::Limit, "length of string over the limit of a recipe");
        return Err(raise(complaint.help("make the value smaller, or put it into a file of the source")));
    }
    Ok(Handle(one))
}

/// The text that `pieces` make: a string, or a handle where one of them is.
fn text(context: &NativeCallContext<'_>, pieces: Array) -> Made<Dynamic> {
    let mut whole = Handle(Text::default());
    for piece in pieces {
        let piece = if piece.is::<Handle>() {
            piece.cast::<Handle>().0
        } else if piece.is_string() {
            piece.cast::<ImmutableString>().as_str().into()
        } else {
            context.call_native_fn::<ImmutableString>("to_string", (piece,))?.as_str().into()
        };
        whole = join(whole.0, piece)?;
    }
    let plain = whole.0.plain().map(|text| Dynamic::from(text.to_owned()));
    Ok(plain.unwrap_or_else(|| Dynamic::from(whole)))
}

/// `value`, unless it is a handle or a list with one.
fn known(value: Dynamic) -> Made<Dynamic> {
    let holds = |value: &Dynamic| value.is::<Handle>();
    let in_list = value.read_lock::<Array>().is_some_and(|list| list.iter().any(holds));
    if holds(&value) || in_list { Err(raise(unknown_yet())) } else { Ok(value) }
}

/// A probe: a command, and what it says is the value.
pub(super) fn probe(command: &str) -> Result<Handle, Complaint> {
    let harmful = command.chars().any(crate::diag::is_harmful);
    if command.trim().is_empty() || harmful || command.len() > 1_000 {
        return Err(Complaint::new(Mistake::Field, "a probe's command must be one line of plain text")
            .about(command)
            .help("write a command whose output is the value, as in `probe(\"gcc -dumpversion\")`"));
    }
    Ok(Handle(Text::of_probe(Probe { command: command.to_owned() })))
}
