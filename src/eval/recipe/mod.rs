//! Reads a recipe's value: one component, or several, each with what it overrides for which targets.
//!
//! `whole` reads what holds for all targets, `settings` what lines of `on` may change, `line` those lines, and `beside`
//! looks at the files that lie beside the recipe. Here is the recipe itself and what it comes to for a target.

mod beside;
mod checks;
mod line;
mod settings;
mod whole;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use beside::{read_contents, read_specs};
pub(super) use checks::read_baselines;
pub use checks::{baseline_path, is_relation};
pub(super) use line::Stopped;
use rhai::{Array, Dynamic, Map};

use super::files::Files;
use super::lint::Lint;
use super::mistake::{Complaint, Mistake, RecipeError};
use super::pattern::{Pattern, selects};
use super::places::{FieldPlaces, index, key};
use super::read::{Reader, describe, present};
use super::scan::Text;
use crate::component::{BuildSpec, Component, SourceSpec, Stage, folder_beside};
use crate::distro::Family;
use crate::family::makes;
use crate::name::{ComponentName, PackageName, Target};
use crate::path::TreePath;

use line::{Call, Changes, Line};
use settings::Settings;

pub(super) const FIELDS: [&str; 23] = [
    "name",
    "source",
    "sources",
    "version",
    "build",
    "needs",
    "targets",
    "env",
    "profiles",
    "stamp",
    "patches",
    "files",
    "area",
    "extra_repositories",
    "aliases",
    "modules",
    "stage",
    "skip",
    "may_fail",
    "network",
    "expires",
    "checks",
    "on",
];

/// A target, and how packages are made for it.
pub(super) type Place = (Target, Family);

/// A component as its recipe says it, for all targets that agree on what the recipe read.
#[derive(Debug)]
pub(super) struct Recipe {
    pub name: ComponentName,
    pub places: FieldPlaces,
    /// The folder beside the recipe.
    folder: String,
    source: SourceSpec,
    sources: BTreeMap<TreePath, SourceSpec>,
    build: BuildSpec,
    aliases: BTreeMap<String, PackageName>,
    modules: Vec<(Pattern, Vec<String>)>,
    stage: Option<Stage>,
    settings: Settings,
    targets: Vec<Pattern>,
    on: Vec<Line>,
}

/// Which lines of a recipe concern a target: targets that agree on it and on what closures read have one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    on: Vec<bool>,
    modules: Vec<bool>,
}

impl Recipe {
    /// Whether it is built for a target: `targets` selects it, and its build makes packages of that family.
    pub fn is_for(&self, (target, family): &Place) -> bool {
        selects(&self.targets, target) && makes(self.build_for(target), *family)
    }

    /// Which lines concern `target`.
    pub fn lines(&self, target: &Target) -> Lines {
        Lines {
            on: self.on.iter().map(|line| line.covers(target)).collect(),
            modules: self.modules.iter().map(|(pattern, _)| pattern.covers(target)).collect(),
        }
    }

    /// The component where `lines` concern it; `call` runs closures. `None` after complaints.
    pub fn component(
        &self,
        lines: &Lines,
        call: &mut Call<'_>,
        files: &dyn Files,
        errors: &mut Vec<RecipeError>,
    ) -> Option<Component> {
        let mut reader = Reader::new(self.places.clone());
        let component = self.fill(lines, call, &mut reader);
        beside::check(&mut reader, files, &self.folder);
        let sound = reader.errors.is_empty();
        errors.append(&mut reader.errors);
        component.filter(|_| sound)
    }

    fn fill(&self, lines: &Lines, call: &mut Call<'_>, reader: &mut Reader) -> Option<Component> {
        let file = self.places.text().name();
        let mut component = Component::new(self.name.clone(), file, self.source.clone());
        component.folder.clone_from(&self.folder);
        component.sources.clone_from(&self.sources);
        component.build.clone_from(&self.build);
        component.aliases.clone_from(&self.aliases);
        component.stage.clone_from(&self.stage);
        let concerned = self.modules.iter().zip(&lines.modules).filter(|(_, concerned)| **concerned);
        component.modules = concerned.flat_map(|((_, streams), _)| streams.iter().cloned()).collect();
        component.modules.sort();
        component.modules.dedup();
        self.settings.apply(&mut component);
        for (place, (line, _)) in self.on.iter().zip(&lines.on).enumerate().filter(|(_, (_, concerned))| **concerned) {
            match &line.changes {
                Changes::Data(settings) => settings.apply(&mut component),
                Changes::Closure(closure) => {
                    line::called(reader, closure, &component, place, call)?.apply(&mut component);
                }
            }
        }
        Some(component)
    }

    /// What `targets` says.
    pub fn patterns(&self) -> &[Pattern] {
        &self.targets
    }

    /// How many lines `on` has.
    pub fn count_lines(&self) -> usize {
        self.on.len()
    }

    /// Whether a line of `on` concerns `target`.
    pub fn concerns(&self, line: usize, target: &Target) -> bool {
        self.on.get(line).is_some_and(|line| line.covers(target))
    }

    /// The component for `target`, or what it would be without a line of `on`. `None` where a closure has a say.
    pub fn of_data(&self, target: &Target, without: Option<usize>) -> Option<Component> {
        let mut lines = self.lines(target);
        if self.on.iter().any(|line| line.covers(target) && matches!(line.changes, Changes::Closure(_))) {
            return None;
        }
        if let Some(line) = without.and_then(|line| lines.on.get_mut(line)) {
            *line = false;
        }
        let mut reader = Reader::new(self.places.clone());
        self.fill(&lines, &mut |_, _| unreachable!("no line that concerns it has a closure"), &mut reader)
    }

    /// Complains about patterns that match nothing: errors for `targets`, warnings for others.
    pub fn check_patterns(&self, all: &[Place], errors: &mut Vec<RecipeError>, warnings: &mut Vec<RecipeError>) {
        let before = errors.len();
        let targets: Vec<Target> = all.iter().map(|(target, _)| target.clone()).collect();
        for (place, pattern) in self.targets.iter().enumerate() {
            let span = || self.places.of_value(&index(&key(&[], "targets"), place));
            let covered: Vec<&Place> = all.iter().filter(|(target, _)| pattern.covers(target)).collect();
            if covered.is_empty() {
                errors.push(RecipeError::new(self.places.text(), span(), pattern.nothing(Mistake::Pattern, &targets)));
            } else if let Some(family) = self.makes_none_of(pattern, &covered) {
                let message = format!(
                    "`{}` means only targets of the family {}, for which `{}` makes no packages",
                    pattern.written,
                    family.as_str(),
                    self.build.call()
                );
                let complaint = Complaint::new(Mistake::Pattern, message).help(
                    "remove it, or say how packages are made there: `native()`, or a line of `on` with its own `build`",
                );
                errors.push(RecipeError::new(self.places.text(), span(), complaint));
            }
        }
        let own: Vec<Target> =
            all.iter().filter(|place| self.is_for(place)).map(|(target, _)| target.clone()).collect();
        let is_selected = |place: &Place| selects(&self.targets, &place.0);
        if own.is_empty() && errors.len() == before && all.iter().any(is_selected) {
            let message = format!(
                "`{}` is built for no target: `{}` makes packages for none of them",
                self.name,
                self.build.call()
            );
            let complaint = Complaint::new(Mistake::Lint(Lint::BuiltNowhere), message)
                .help("add a distro of that family to `distros/`, or use `native()`");
            warnings.push(RecipeError::new(self.places.text(), self.places.of_key(&key(&[], "build")), complaint));
            return;
        }
        let unmatched = Mistake::Lint(Lint::OverrideUnmatched);
        let mut notice = |pattern: &Pattern, way: &[super::places::Step]| {
            if !own.iter().any(|target| pattern.covers(target)) {
                let span = self.places.of_value(way);
                warnings.push(RecipeError::new(self.places.text(), span, pattern.nothing(unmatched, &own)));
            }
        };
        for (place, line) in self.on.iter().enumerate() {
            let way = index(&index(&key(&[], "on"), place), 0);
            for (number, pattern) in line.patterns.iter().enumerate() {
                notice(pattern, &if line.is_list { index(&way, number) } else { way.clone() });
            }
        }
        for (pattern, _) in &self.modules {
            notice(pattern, &key(&key(&[], "modules"), &pattern.written));
        }
    }

    /// The one family of everything that is covered, where no packages are made for any of it.
    fn makes_none_of(&self, pattern: &Pattern, covered: &[&Place]) -> Option<Family> {
        let (_, family) = covered.first()?;
        let made = |(target, of): &&Place| of != family || makes(self.build_for(target), *of);
        (!pattern.excludes && !covered.iter().any(made)).then_some(*family)
    }

    fn build_for(&self, target: &Target) -> &BuildSpec {
        let changed = self.on.iter().rev().filter(|line| line.covers(target)).find_map(|line| match &line.changes {
            Changes::Data(settings) => settings.build.as_ref(),
            Changes::Closure(_) => None,
        });
        changed.unwrap_or(&self.build)
    }
}

/// The components of a file's value. `file_name` names the one of a file that has one.
pub(super) fn read(
    text: &Arc<Text>,
    file_name: &ComponentName,
    value: &Dynamic,
    files: &dyn Files,
    errors: &mut Vec<RecipeError>,
) -> Vec<Recipe> {
    if let Some(map) = value.read_lock::<Map>() {
        let places = FieldPlaces::new(text, None);
        return one(places, &map, Some(file_name), files, errors).into_iter().collect();
    }
    if let Some(list) = value.read_lock::<Array>() {
        return several(text, &list, files, errors);
    }
    let places = FieldPlaces::new(text, None);
    let message = format!("a recipe's value must be a map, or a list of maps, not {}", describe(value));
    let help = "end the file with a map, as in `#{ source: dsc(\"libmd\"), build: native() }`";
    errors.push(RecipeError::new(text, places.whole(), Complaint::new(Mistake::Field, message).help(help)));
    Vec::new()
}

fn several(text: &Arc<Text>, list: &Array, files: &dyn Files, errors: &mut Vec<RecipeError>) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    for (place, item) in list.iter().enumerate() {
        let places = FieldPlaces::new(text, Some(place));
        let Some(map) = item.read_lock::<Map>() else {
            let message = format!("a list of components holds {}", describe(item));
            let complaint = Complaint::new(Mistake::Field, message).help("make each item a map with a `name`");
            errors.push(RecipeError::new(text, places.whole(), complaint));
            continue;
        };
        let Some(recipe) = one(places, &map, None, files, errors) else { continue };
        if recipes.iter().any(|other| other.name == recipe.name) {
            let complaint = Complaint::new(Mistake::Name, format!("the component `{}` is there twice", recipe.name));
            let span = recipe.places.of_value(&key(&[], "name"));
            errors.push(RecipeError::new(text, span, complaint.help("give one of them another `name`")));
        } else {
            recipes.push(recipe);
        }
    }
    recipes
}

fn one(
    places: FieldPlaces,
    map: &Map,
    file_name: Option<&ComponentName>,
    files: &dyn Files,
    errors: &mut Vec<RecipeError>,
) -> Option<Recipe> {
    let folder = folder_beside(places.text().name());
    let mut reader = Reader::new(places);
    let recipe = fields(&mut reader, map, file_name);
    beside::check(&mut reader, files, &folder);
    let sound = reader.errors.is_empty();
    errors.append(&mut reader.errors);
    recipe.filter(|_| sound)
}

fn fields(reader: &mut Reader, map: &Map, file_name: Option<&ComponentName>) -> Option<Recipe> {
    reader.only(map, &[], &FIELDS);
    let name = whole::name(reader, map, file_name);
    let source = whole::source(reader, map);
    let source = whole::versioned(reader, map, source);
    let sources = whole::sources(reader, map);
    let settings = settings::settings(reader, map, &[]);
    let aliases = whole::aliases(reader, map);
    let modules = whole::modules(reader, map);
    let stage = whole::stage(reader, map);
    let targets = match present(map, "targets") {
        None => Some(Vec::new()),
        Some(value) => reader.list(value, &key(&[], "targets"), line::pattern),
    };
    if present(map, "targets").is_some() && targets.as_ref().is_some_and(Vec::is_empty) && reader.errors.is_empty() {
        let complaint = Complaint::new(Mistake::Pattern, "`targets` is empty: the component would never be built");
        reader
            .refuse_key(&key(&[], "targets"), complaint.help("leave it out for all targets, or write `skip: \"why\"`"));
    }
    let on = match present(map, "on") {
        None => Some(Vec::new()),
        Some(value) => reader.list(value, &key(&[], "on"), line::line),
    };
    Some(Recipe {
        name: name?,
        places: reader.places.clone(),
        folder: folder_beside(reader.places.text().name()),
        source: source?,
        sources: sources?,
        build: settings.build.clone().unwrap_or(BuildSpec::Native),
        aliases: aliases?,
        modules: modules?,
        stage: stage?,
        settings,
        targets: targets?,
        on: on?,
    })
}
