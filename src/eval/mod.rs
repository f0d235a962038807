//! Evaluation: recipes and distro files in, components for targets out.
//!
//! Pure: the same files give the same [`Project`], whatever the machine, the time, or the order of files. It sees files
//! only through [`Files`], and knows neither the network nor the store nor what is pinned.
//!
//! ```text
//! distros/*.rhai ─► distro.rs ─► targets ──────────┐
//! recipes/*.rhai ─► imports.rs ─► engine.rs (api.rs) ─► recipe/ ─► one Work for each component × target
//!                        └──────────┴─ explain.rs ───────┴─► mistake.rs, underlined by scan.rs and places.rs
//! ```
//!
//! A recipe is run once for all targets that agree on what it read of `target`.

mod api;
mod closure;
mod code;
mod distro;
mod engine;
mod explain;
mod files;
pub mod functions;
mod handle;
mod imports;
mod mistake;
mod pattern;
mod places;
mod read;
mod recipe;
mod scan;
mod watch;
pub mod weave;

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, EvalAltResult, FnPtr, Map, Scope};

pub use files::{Files, FilesError, MAX_FILE, MemoryFiles};
pub use mistake::{Mistake, RecipeError, RecipeErrors, RecipeWarning};
pub use places::FieldPlaces;
pub use watch::{Stopped, Watch};

use crate::component::Component;
use crate::distro::Distro;
use crate::name::{ComponentName, DistroName, NameError, Target};
use engine::{Facts, Reads, Stage, agrees};
use explain::{explain, printing};
use imports::{Loader, RECIPES, Ready};
use mistake::Complaint;
use recipe::{Lines, Place, Recipe};
use scan::Text;

/// The folder of distro files.
const DISTROS: &str = "distros";

/// Everything that a project's recipes say.
#[derive(Debug)]
pub struct Project {
    /// The distros.
    pub distros: BTreeMap<DistroName, Distro>,
    /// The components, whatever targets they are for.
    pub components: BTreeMap<ComponentName, ComponentInfo>,
    /// One for each component and target that it is for, sorted by both. Those to be skipped are here too.
    pub work: Vec<Work>,
    /// What may not be what was meant, sorted by file and place.
    pub warnings: Vec<RecipeWarning>,
}

/// Where a component is written.
#[derive(Debug, Clone)]
pub struct ComponentInfo {
    /// The recipe's file below the project's root.
    pub file: String,
    /// Where its fields stand.
    pub places: FieldPlaces,
}

/// A component for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The distro and a real arch of it (never `all`).
    pub target: Target,
    /// The component, after overrides. One for all targets that come to the same.
    pub component: Arc<Component>,
}

impl Project {
    /// Every distro on every one of its arches, sorted.
    pub fn targets(&self) -> Vec<Target> {
        targets(&self.distros)
    }

    /// An error of a later stage, shown at the recipe's line: at `value`, a string inside `field`, or at the field.
    pub fn recipe_error(
        &self,
        component: &ComponentName,
        field: &str,
        value: Option<&str>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> RecipeError {
        match self.components.get(component) {
            Some(info) => info.places.error(Mistake::Need, field, value, message, help),
            None => RecipeError::placeless(component.as_str(), Complaint::new(Mistake::Need, message).help(help)),
        }
    }
}

/// Evaluates all recipes for all targets.
///
/// # Errors
/// Every independent mistake of this run, at its place.
pub fn evaluate(files: &dyn Files) -> Result<Project, RecipeErrors> {
    evaluate_watched(files, &Watch::default())
}

/// The same, until `watch` stops it.
///
/// # Errors
/// As [`evaluate`], and that it was stopped, which is the environment's fault.
pub fn evaluate_watched(files: &dyn Files, watch: &Watch) -> Result<Project, RecipeErrors> {
    Evaluation::new(files, watch).run()
}

/// A file with a recipe or a distro, and the name that its file gives it.
struct Script<N> {
    name: N,
    text: Arc<Text>,
}

/// An evaluation of one recipe, and what it read.
struct Shared {
    reads: Reads,
    recipes: Vec<Arc<Recipe>>,
    /// What its recipes come to where some of their lines concern a target, and what closures read of that target then.
    components: Vec<(*const Recipe, Lines, Reads, Option<Arc<Component>>)>,
}

/// A recipe and what it comes to for a target; `None` where it is not for it, or wrong.
type Came = (Arc<Recipe>, Option<Arc<Component>>);

struct Evaluation<'a> {
    files: &'a dyn Files,
    watch: Watch,
    engine: Engine,
    stage: Stage,
    loader: Loader<'a>,
    errors: Vec<RecipeError>,
    warnings: Vec<RecipeError>,
}

impl<'a> Evaluation<'a> {
    fn new(files: &'a dyn Files, watch: &Watch) -> Self {
        let stage = Stage::default();
        let ready = Ready::default();
        let mut engine = engine::engine(&stage, watch);
        api::register(&mut engine);
        handle::register(&mut engine, &stage);
        engine.set_module_resolver(ready.clone());
        let loader = Loader::new(files, stage.clone(), ready);
        let watch = watch.clone();
        Self { files, watch, engine, stage, loader, errors: Vec::new(), warnings: Vec::new() }
    }

    fn run(mut self) -> Result<Project, RecipeErrors> {
        let distros = self.distros();
        let scripts = self.recipes();
        let known = |target: Target| {
            let distro = distros.get(&target.distro)?;
            Some((Arc::new(Facts::new(&target, distro)), (target, distro.family())))
        };
        let (facts, places): (Vec<Arc<Facts>>, Vec<Place>) = targets(&distros).into_iter().filter_map(known).unzip();
        // Where a distro is broken, patterns that match nothing are its fault.
        let all_targets_known = self.errors.is_empty();
        let mut components: BTreeMap<ComponentName, ComponentInfo> = BTreeMap::new();
        let mut work = Vec::new();
        let watch = self.watch.clone();
        for script in scripts.iter().take_while(|_| watch.stopped().is_none()) {
            let by_target = self.run_for_all(script, &facts, &places);
            let mut seen: Vec<*const Recipe> = Vec::new();
            for ((target, _), came) in places.iter().zip(by_target) {
                for (recipe, component) in came {
                    if !seen.contains(&Arc::as_ptr(&recipe)) {
                        seen.push(Arc::as_ptr(&recipe));
                        self.enter(&recipe, &mut components);
                        if all_targets_known {
                            recipe.check_patterns(&places, &mut self.errors, &mut self.warnings);
                        }
                    }
                    work.extend(component.map(|component| Work { target: target.clone(), component }));
                }
            }
        }
        self.errors.append(&mut self.loader.errors);
        if self.watch.stopped().is_some() {
            // What else is wrong may only look so, and one such error says it all.
            let file = self.errors.last().map_or(RECIPES, |error| error.file()).to_owned();
            self.errors = vec![RecipeError::placeless(&file, self.watch.complaint(&file)).of_environment()];
        }
        if let Some(errors) = RecipeErrors::new(self.errors) {
            return Err(errors);
        }
        work.sort_by(|one, other| {
            one.component.name.cmp(&other.component.name).then_with(|| one.target.cmp(&other.target))
        });
        let warnings = RecipeErrors::new(self.warnings);
        let warnings = warnings.iter().flat_map(RecipeErrors::iter).cloned().map(RecipeWarning).collect();
        Ok(Project { distros, components, work, warnings })
    }

    fn distros(&mut self) -> BTreeMap<DistroName, Distro> {
        let mut distros = BTreeMap::new();
        for script in self.scripts(DISTROS, DistroName::new) {
            if !self.loader.load_for(&self.engine, &script.text) {
                continue;
            }
            match self.run_once(&script.text, None) {
                Ok(value) => match distro::read(&script.text, &script.name, &value) {
                    Ok(distro) => drop(distros.insert(script.name, distro)),
                    Err(mut errors) => self.errors.append(&mut errors),
                },
                Err(error) => self.errors.push(error),
            }
            self.stage.end();
        }
        distros
    }

    /// All recipes: files, and folders with a `recipe.rhai`.
    fn recipes(&mut self) -> Vec<Script<ComponentName>> {
        let mut scripts = self.scripts(RECIPES, ComponentName::new);
        let folders = self.files.list(RECIPES).unwrap_or_default();
        for folder in folders.iter().filter_map(|name| name.strip_suffix('/')) {
            let path = format!("{RECIPES}/{folder}");
            let has_recipe = self.files.list(&path).is_ok_and(|names| names.iter().any(|name| name == "recipe.rhai"));
            if has_recipe {
                scripts.extend(self.script(&format!("{path}/recipe.rhai"), folder, ComponentName::new));
            }
        }
        scripts.sort_by(|one, other| one.text.name().cmp(other.text.name()));
        scripts
    }

    /// The `.rhai` files of a folder.
    fn scripts<N>(&mut self, folder: &str, name: fn(String) -> Result<N, NameError>) -> Vec<Script<N>> {
        let names = match self.files.list(folder) {
            Ok(names) => names,
            Err(error) => {
                self.errors.push(RecipeError::of_files(folder, &error));
                return Vec::new();
            }
        };
        let stems = names.iter().filter_map(|name| name.strip_suffix(".rhai").filter(|stem| !stem.starts_with('.')));
        stems.filter_map(|stem| self.script(&format!("{folder}/{stem}.rhai"), stem, name)).collect()
    }

    fn script<N>(&mut self, path: &str, stem: &str, name: fn(String) -> Result<N, NameError>) -> Option<Script<N>> {
        let name = name(stem.to_owned()).map_err(|error| {
            let complaint = Complaint::new(Mistake::Name, format!("`{path}`: {error}")).help("rename it");
            self.errors.push(RecipeError::placeless(path, complaint));
        });
        let raw = self.files.read(path).map_err(|error| self.errors.push(RecipeError::of_files(path, &error)));
        Some(Script { name: name.ok()?, text: Arc::new(Text::new(path, raw.ok()?)) })
    }

    /// Runs a text that has no target.
    fn run_once(&mut self, text: &Arc<Text>, facts: Option<Arc<Facts>>) -> Result<Dynamic, RecipeError> {
        let ast = self.engine.compile(text.code()).map_err(Box::<EvalAltResult>::from);
        let run = ast.and_then(|mut ast| {
            ast.set_source(text.name());
            self.stage.begin(facts);
            self.engine.eval_ast_with_scope::<Dynamic>(&mut Scope::new(), &ast)
        });
        run.map_err(|error| explain(text, &self.loader.texts, error))
    }

    /// What a recipe comes to for each target, in their order. Ends early where it failed.
    fn run_for_all(
        &mut self,
        script: &Script<ComponentName>,
        facts: &[Arc<Facts>],
        places: &[Place],
    ) -> Vec<Vec<Came>> {
        let mut shared: Vec<Shared> = Vec::new();
        let mut by_target = Vec::new();
        let text = &script.text;
        if !self.loader.load_for(&self.engine, text) {
            return by_target;
        }
        let mut ast = match self.engine.compile(text.code()) {
            Ok(ast) => ast,
            Err(error) => {
                self.errors.push(explain(text, &self.loader.texts, error.into()));
                return by_target;
            }
        };
        ast.set_source(text.name());
        for (facts, place) in facts.iter().zip(places) {
            let at = match shared.iter().position(|shared| agrees(&shared.reads, facts)) {
                Some(at) => at,
                None => {
                    // Once is enough: what stops for one target mostly stops for all, at some cost each time.
                    let Some(new) = self.run_for(script, &ast, facts) else { return by_target };
                    shared.push(new);
                    shared.len() - 1
                }
            };
            let came = shared[at].recipes.clone().into_iter().map(|recipe| {
                let component = if recipe.is_for(place) {
                    self.component(&recipe, &mut shared[at], &ast, (facts, &place.0))
                } else {
                    None
                };
                (recipe, component)
            });
            by_target.push(came.collect());
        }
        by_target
    }

    /// Runs a recipe for one target, and for all that agree with it. `None` where it stopped.
    fn run_for(&mut self, script: &Script<ComponentName>, ast: &AST, facts: &Arc<Facts>) -> Option<Shared> {
        let text = &script.text;
        self.stage.begin(Some(facts.clone()));
        let value = self.engine.eval_ast_with_scope::<Dynamic>(&mut Scope::new(), ast);
        let value = value.and_then(|value| self.stage.sound(value));
        let (reads, printed) = self.stage.end();
        self.warnings.extend(printed.iter().map(|line| printing(text, line)));
        let value = value.map_err(|error| self.errors.push(explain(text, &self.loader.texts, error))).ok()?;
        let recipes = recipe::read(text, &script.name, &value, self.files, &mut self.errors);
        Some(Shared { reads, recipes: recipes.into_iter().map(Arc::new).collect(), components: Vec::new() })
    }

    /// What `recipe` comes to for a target, as it came to for one that agrees with it, or anew.
    fn component(
        &mut self,
        recipe: &Arc<Recipe>,
        shared: &mut Shared,
        ast: &AST,
        (facts, target): (&Arc<Facts>, &Target),
    ) -> Option<Arc<Component>> {
        let lines = recipe.lines(target);
        let same = |(of, with, reads, _): &&(*const Recipe, Lines, Reads, Option<Arc<Component>>)| {
            *of == Arc::as_ptr(recipe) && *with == lines && agrees(reads, facts)
        };
        if let Some((.., component)) = shared.components.iter().find(same) {
            return component.clone();
        }
        let text = recipe.places.text();
        self.stage.begin(Some(facts.clone()));
        let (engine, stage, texts) = (&self.engine, &self.stage, &self.loader.texts);
        let mut call = |closure: &FnPtr, view: Map| {
            closure::call(engine, ast, stage, closure, view).and_then(|value| stage.sound(value)).map_err(|error| {
                let has_place = !explain::innermost_place(&error).is_none();
                (explain(text, texts, error), has_place)
            })
        };
        let component = recipe.component(&lines, &mut call, self.files, &mut self.errors).map(Arc::new);
        let (reads, printed) = self.stage.end();
        self.warnings.extend(printed.iter().map(|line| printing(text, line)));
        shared.components.push((Arc::as_ptr(recipe), lines, reads, component.clone()));
        component
    }

    /// Puts a component into the table; complains where another file has it too.
    fn enter(&mut self, recipe: &Recipe, components: &mut BTreeMap<ComponentName, ComponentInfo>) {
        let file = recipe.places.text().name();
        match components.get(&recipe.name) {
            Some(other) if other.file != file => {
                let complaint = Complaint::new(
                    Mistake::Name,
                    format!("the component `{}` is in `{}` too", recipe.name, other.file),
                )
                .help("rename one of them, or remove it");
                let span = recipe.places.of_value(&places::key(&[], "name"));
                self.errors.push(RecipeError::new(recipe.places.text(), span, complaint));
            }
            Some(_) => {}
            None => {
                let info = ComponentInfo { file: file.to_owned(), places: recipe.places.clone() };
                components.insert(recipe.name.clone(), info);
            }
        }
    }
}

fn targets(distros: &BTreeMap<DistroName, Distro>) -> Vec<Target> {
    let mut targets: Vec<Target> = distros
        .values()
        .flat_map(|distro| distro.arches.iter().map(|arch| Target { distro: distro.name.clone(), arch: arch.clone() }))
        .collect();
    targets.sort();
    targets
}
