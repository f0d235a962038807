//! Closures of recipes, called for one target.
//!
//! A closure gets copies of what it captured: one that changes a captured variable would otherwise make a target's result
//! depend on which others were evaluated before.

use rhai::{AST, Array, Dynamic, Engine, EvalAltResult, FnPtr, Map};

use super::engine::{Stage, raise};
use super::mistake::{Complaint, Mistake};

/// Calls `closure` with the target, and with `view` where it takes two arguments.
pub(super) fn call(
    engine: &Engine,
    ast: &AST,
    stage: &Stage,
    closure: &FnPtr,
    view: Map,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let mut left = 10_000;
    let own = copy_closure(closure, 0, &mut left).ok_or_else(|| {
        raise(
            Complaint::new(Mistake::Limit, "a closure that captures more than a recipe may")
                .help("let it use less of what stands around it"),
        )
    })?;
    let not_for_one = |error: &EvalAltResult| matches!(error, EvalAltResult::ErrorFunctionNotFound(signature, _) if signature.starts_with(own.fn_name()));
    match own.call::<Dynamic>(engine, ast, (stage.target(),)) {
        Err(error) if not_for_one(&error) => match own.call::<Dynamic>(engine, ast, (stage.target(), view)) {
            Err(error) if not_for_one(&error) => Err(raise(
                Complaint::new(Mistake::Script, "a closure in `on` takes one argument or two")
                    .help("write it as in `|target| #{ … }` or `|target, component| #{ … }`"),
            )),
            other => other,
        },
        other => other,
    }
}

fn copy_closure(closure: &FnPtr, depth: usize, left: &mut usize) -> Option<FnPtr> {
    let mut own = closure.clone();
    own.set_curry(closure.curry().iter().map(|value| copy(value, depth, left)).collect::<Option<Vec<_>>>()?);
    Some(own)
}

fn copy(value: &Dynamic, depth: usize, left: &mut usize) -> Option<Dynamic> {
    *left = left.checked_sub(1)?;
    if depth > 16 {
        return None;
    }
    let flat = value.clone().flatten();
    if let Some(list) = flat.read_lock::<Array>() {
        let items = list.iter().map(|item| copy(item, depth + 1, left)).collect::<Option<Array>>()?;
        return Some(items.into());
    }
    if let Some(map) = flat.read_lock::<Map>() {
        let entry = |(name, item): (_, &Dynamic)| Some((Clone::clone(name), copy(item, depth + 1, left)?));
        return Some(map.iter().map(entry).collect::<Option<Map>>()?.into());
    }
    if let Some(closure) = flat.read_lock::<FnPtr>() {
        return Some(Dynamic::from(copy_closure(&closure, depth + 1, left)?));
    }
    Some(flat)
}
