//! Running everything: distro files, then each recipe for all targets.
//!
//! It goes on where something is wrong, so that one run tells of all mistakes that do not follow from each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, EvalAltResult, FnPtr, Map, Scope};

use super::engine::{self, Facts, Reads, Stage, agrees};
use super::explain::{self, Texts, explain, printing};
use super::imports::{Loader, Ready};
use super::mistake::{Complaint, Mistake, RecipeError};
use super::recipe::{self, Lines, Place, Recipe};
use super::scan::Text;
use super::{
    ComponentInfo, DISTROS, Files, Project, RECIPES, Watch, Work, api, closure, distro, extra, handle, imported,
    places, targets,
};
use crate::component::{Component, FilesBeside};
use crate::distro::Distro;
use crate::name::{ComponentName, DistroName, NameError, Target};

/// Distro files by the names that they give.
type DistroTexts = Vec<(DistroName, Arc<Text>)>;

/// An evaluation with its mistakes: the project without what is wrong in it, and what it was made from.
pub(super) struct Survey {
    pub project: Project,
    pub errors: Vec<RecipeError>,
    pub warnings: Vec<RecipeError>,
    /// Distro files that could be opened, in the order of their names.
    pub distros: DistroTexts,
    /// Recipe files that could be opened, in the order of their paths.
    pub recipes: Vec<Arc<Text>>,
    /// What sound recipes came to, each with the targets that it came to that for (also those that it is not for).
    pub read: Vec<(Arc<Recipe>, Vec<Place>)>,
    /// Shared code that was imported, by path, with whether it can be used.
    pub shared: Texts,
}

/// Evaluates all recipes for all targets, as far as that is possible.
pub(super) fn survey(files: &dyn Files, watch: &Watch) -> Survey {
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

    fn run(mut self) -> Survey {
        let (distros, distro_texts) = self.distros();
        // Where a distro is broken, patterns that match nothing are its fault.
        let all_targets_known = self.errors.is_empty() && self.loader.errors.is_empty();
        let scripts = self.recipes();
        let known = |target: Target| {
            let distro = distros.get(&target.distro)?;
            Some((Arc::new(Facts::new(&target, distro)), (target, distro.family())))
        };
        let (facts, places): (Vec<Arc<Facts>>, Vec<Place>) = targets(&distros).into_iter().filter_map(known).unzip();
        let mut components: BTreeMap<ComponentName, ComponentInfo> = BTreeMap::new();
        let mut read: Vec<(Arc<Recipe>, Vec<Place>)> = Vec::new();
        let (mut work, mut broken) = (Vec::new(), BTreeSet::new());
        let watch = self.watch.clone();
        for script in scripts.iter().take_while(|_| watch.stopped().is_none()) {
            let (errors, first, first_work) = (self.errors.len() + self.loader.errors.len(), read.len(), work.len());
            let by_target = self.run_for_all(script, &facts, &places);
            let is_whole = by_target.len() == places.len();
            for (place, came) in places.iter().zip(by_target) {
                for (recipe, component) in came {
                    match read[first..].iter_mut().find(|(known, _)| Arc::ptr_eq(known, &recipe)) {
                        Some((_, places)) => places.push(place.clone()),
                        None => {
                            self.enter(&recipe, &mut components);
                            if all_targets_known {
                                recipe.check_patterns(&places, &mut self.errors, &mut self.warnings);
                            }
                            read.push((recipe, vec![place.clone()]));
                        }
                    }
                    work.extend(component.map(|component| Work { target: place.0.clone(), component }));
                }
            }
            if !is_whole || self.errors.len() + self.loader.errors.len() > errors {
                broken.extend(names_in(script));
                read.truncate(first);
                work.truncate(first_work);
                components.retain(|_, info| info.file != script.text.name());
            }
        }
        self.errors.append(&mut self.loader.errors);
        if self.watch.stopped().is_some() {
            // What else is wrong may only look so, and one such error says it all.
            let file = self.errors.last().map_or(RECIPES, |error| error.file()).to_owned();
            self.errors = vec![RecipeError::placeless(&file, self.watch.complaint(&file)).of_environment()];
        }
        work.sort_by(|one, other| {
            one.component.name.cmp(&other.component.name).then_with(|| one.target.cmp(&other.target))
        });
        extra::check(&work, &distros, &components, &mut self.errors);
        let (beside, warnings) = (FilesBeside::new(), Vec::new());
        let imports = imported::read(self.files, &mut self.errors);
        let mut project = Project { distros, components, work, beside, imports, warnings, broken };
        recipe::read_contents(&mut project, self.files, &mut self.errors);
        recipe::read_specs(&mut project, self.files, &mut self.errors);
        recipe::read_baselines(&mut project, self.files, &mut self.errors);
        Survey {
            project,
            errors: self.errors,
            warnings: self.warnings,
            distros: distro_texts,
            recipes: scripts.into_iter().map(|script| script.text).collect(),
            read,
            shared: self.loader.texts,
        }
    }

    fn distros(&mut self) -> (BTreeMap<DistroName, Distro>, DistroTexts) {
        let (mut distros, mut texts) = (BTreeMap::new(), Vec::new());
        for script in self.scripts(DISTROS, DistroName::new) {
            texts.push((script.name.clone(), script.text.clone()));
            if !self.loader.load_for(&self.engine, &script.text) {
                continue;
            }
            match self.run_once(&script.text, None) {
                Ok(value) => match distro::read(&script.text, &script.name, &value, self.files) {
                    Ok(distro) => drop(distros.insert(script.name, distro)),
                    Err(mut errors) => self.errors.append(&mut errors),
                },
                Err(error) => self.errors.push(*error),
            }
            self.stage.end();
        }
        (distros, texts)
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
    fn run_once(&mut self, text: &Arc<Text>, facts: Option<Arc<Facts>>) -> Result<Dynamic, Box<RecipeError>> {
        let ast = self.engine.compile(text.code()).map_err(Box::<EvalAltResult>::from);
        let run = ast.and_then(|mut ast| {
            ast.set_source(text.name());
            self.stage.begin(facts);
            self.engine.eval_ast_with_scope::<Dynamic>(&mut Scope::new(), &ast)
        });
        run.map_err(|error| Box::new(explain(text, &self.loader.texts, error)))
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
                Box::new(recipe::Stopped { error: explain(text, texts, error), has_place })
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
                let there = other.places.of_value(&places::key(&[], "name"));
                let error = RecipeError::new(recipe.places.text(), span, complaint);
                self.errors.push(error.and(other.places.text(), there, "it is here too"));
            }
            Some(_) => {}
            None => {
                let info = ComponentInfo { file: file.to_owned(), places: recipe.places.clone() };
                components.insert(recipe.name.clone(), info);
            }
        }
    }
}

/// Names that the components of a broken recipe may have: its file's, and whatever text in it could be one.
fn names_in(script: &Script<ComponentName>) -> impl Iterator<Item = ComponentName> {
    let texts = (0..script.text.tokens().len()).filter_map(|token| script.text.text_value(token));
    std::iter::once(script.name.clone()).chain(texts.filter_map(|text| text.parse().ok()))
}
