//! The engine that recipes run in: what they can do, how much of it, and what they see of the target.
//!
//! Built from nothing (Rhai's default engine imports any path, waits, reads the clock and has no limits). A recipe sees
//! the functions of `api.rs`, the shared code of `imports.rs` and the variable `target`, which records what was read of
//! it: targets that agree on that share the recipe's value.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package as _,
};
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, OptimizationLevel, Position};

use super::handle::unknown_yet;
use super::mistake::{Complaint, Mistake};
use super::watch::Watch;
use crate::diag::did_you_mean;
use crate::distro::Distro;
use crate::name::Target;

/// Steps of one evaluation. A recipe of a hundred lines takes some hundred. A step makes at most one value of the sizes
/// below, so steps times size bounds the memory (the engine does not count what is assigned to `map[key]`).
const MAX_OPERATIONS: u64 = 50_000;
/// Bytes of all strings in one value.
pub(super) const MAX_STRING: usize = 16 * 1024;
/// Items of all lists in one value. Larger ones would also be slow: every change counts them.
pub(super) const MAX_LIST: usize = 1_000;
/// Entries of all maps in one value.
const MAX_MAP: usize = 500;
/// Variables at one time.
const MAX_VARIABLES: usize = 100;
/// Calls within calls.
const MAX_CALLS: usize = 24;
/// Brackets within brackets, outside and inside of functions.
const MAX_DEPTH: usize = 48;
const MAX_FUNCTIONS: usize = 200;
/// Imports of one evaluation.
const MAX_IMPORTS: usize = 64;
/// Printed lines that are kept of one evaluation.
const MAX_PRINTED: usize = 20;

/// What recipes may ask of `target`, sorted.
pub(super) const TARGET_FACTS: [&str; 7] = ["arch", "codename", "distro", "family", "name", "release", "vendor"];

/// A target as recipes see it.
#[derive(Debug)]
pub(super) struct Facts(BTreeMap<&'static str, ImmutableString>);

impl Facts {
    pub fn new(target: &Target, distro: &Distro) -> Self {
        let value = |fact: &str| match fact {
            "arch" => target.arch.to_string(),
            "codename" => distro.codename().to_owned(),
            "distro" => target.distro.to_string(),
            "family" => distro.family().as_str().to_owned(),
            "release" => distro.release.clone(),
            "vendor" => distro.vendor.clone(),
            _ => target.to_string(),
        };
        Self(TARGET_FACTS.into_iter().map(|fact| (fact, value(fact).into())).collect())
    }
}

/// What was read of a target: fact and value.
pub(super) type Reads = BTreeMap<&'static str, ImmutableString>;

/// Whether an evaluation that read `reads` would run the same for `facts`.
pub(super) fn agrees(reads: &Reads, facts: &Facts) -> bool {
    reads.iter().all(|(fact, value)| facts.0.get(fact) == Some(value))
}

/// What goes on at the moment, shared with the engine's callbacks.
#[derive(Debug, Default)]
struct State {
    /// `None` while shared code or a distro's file is evaluated.
    facts: Option<Arc<Facts>>,
    reads: Reads,
    printed: Vec<String>,
    /// Where the engine made text of a handle, which it does not tell.
    shown: Option<Position>,
}

/// The engine's side of what goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage(Arc<Mutex<State>>);

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an evaluation.
    pub fn begin(&self, facts: Option<Arc<Facts>>) {
        *self.lock() = State { facts, ..State::default() };
    }

    /// Ends it: what was read of the target, and what was printed.
    pub fn end(&self) -> (Reads, Vec<String>) {
        let state = std::mem::take(&mut *self.lock());
        (state.reads, state.printed)
    }

    /// The value of the variable `target`.
    pub fn target(&self) -> Dynamic {
        Dynamic::from(TargetView(self.clone()))
    }

    /// Notes that a handle was to become text at `place`.
    pub fn handle_shown(&self, place: Position) {
        self.lock().shown.get_or_insert(place);
    }

    /// `value`, or an error where something that is not known was used while it was made.
    pub fn sound(&self, value: Dynamic) -> Result<Dynamic, Box<EvalAltResult>> {
        match self.lock().shown.take() {
            Some(place) => Err(EvalAltResult::ErrorRuntime(Dynamic::from(unknown_yet()), place).into()),
            None => Ok(value),
        }
    }

    fn read(&self, fact: &str) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut state = self.lock();
        let known = state.facts.as_ref().and_then(|facts| facts.0.get_key_value(fact));
        let Some((fact, value)) = known.map(|(fact, value)| (*fact, value.clone())) else {
            let complaint = Complaint::new(Mistake::Script, format!("`target` has no property `{fact}`"));
            let list = TARGET_FACTS.join("`, `");
            return Err(raise(complaint.help(match did_you_mean(fact, TARGET_FACTS) {
                Some(word) => format!("did you mean `{word}`? A target has `{list}`"),
                None => format!("choose one of `{list}`"),
            })));
        };
        state.reads.insert(fact, value.clone());
        Ok(value.into())
    }

    fn print(&self, text: &str) {
        let mut state = self.lock();
        if state.printed.len() < MAX_PRINTED {
            state.printed.push(text.chars().take(200).collect());
        }
    }
}

/// The variable `target`.
#[derive(Debug, Clone)]
pub(super) struct TargetView(Stage);

/// A complaint as the engine carries it. It gets the place of the call.
pub(super) fn raise(complaint: Complaint) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(complaint), Position::NONE).into()
}

/// An engine without any function of our own.
pub(super) fn engine(stage: &Stage, watch: &Watch) -> Engine {
    let mut engine = Engine::new_raw();
    for module in [
        LanguageCorePackage::new().as_shared_module(),
        ArithmeticPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicFnPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
        BasicMathPackage::new().as_shared_module(),
    ] {
        engine.register_global_module(module);
    }
    limit(&mut engine);
    engine.disable_symbol("eval");
    see(&mut engine, stage);
    let watch = watch.clone();
    engine.on_progress(move |steps| (steps % 64 == 0 && watch.stopped().is_some()).then_some(Dynamic::UNIT));
    engine
}

fn limit(engine: &mut Engine) {
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_max_strings_interned(0)
        .set_max_operations(MAX_OPERATIONS)
        .set_max_string_size(MAX_STRING)
        .set_max_array_size(MAX_LIST)
        .set_max_map_size(MAX_MAP)
        .set_max_variables(MAX_VARIABLES)
        .set_max_call_levels(MAX_CALLS)
        .set_max_expr_depths(MAX_DEPTH, MAX_DEPTH)
        .set_max_functions(MAX_FUNCTIONS)
        .set_max_modules(MAX_IMPORTS);
}

#[expect(deprecated, reason = "marked so for being volatile; the engine's version is pinned by Cargo.lock")]
fn see(engine: &mut Engine, stage: &Stage) {
    engine.register_type_with_name::<TargetView>("target");
    engine.register_indexer_get(|view: &mut TargetView, fact: ImmutableString| view.0.read(&fact));
    let shown = |view: &mut TargetView| view.0.read("name");
    engine.register_fn("to_string", shown).register_fn("to_debug", shown);
    // A resolver and not a constant in the scope, because functions do not see the scope.
    let resolving = stage.clone();
    engine.on_var(move |name, _, context| {
        if name != "target" || context.scope().contains("target") {
            return Ok(None);
        }
        if resolving.lock().facts.is_none() {
            return Err(raise(
                Complaint::new(Mistake::Script, "`target` is not known here: this is evaluated once for all targets")
                    .help("use `target` inside a `fn`, which recipes call; a distro's file is plain data"),
            ));
        }
        Ok(Some(resolving.target()))
    });
    let printing = stage.clone();
    engine.on_print(move |text| printing.print(text));
    let debugging = stage.clone();
    engine.on_debug(move |text, _, _| debugging.print(text));
    // Only where one is read: assigning to it adds it.
    engine.set_fail_on_invalid_map_property(true);
}
