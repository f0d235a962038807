//! Reads a recipe's value: one component, or several, each with what it overrides for which targets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{Array, Dynamic, Map};

use super::api::Relation;
use super::mistake::{Complaint, Mistake, RecipeError};
use super::pattern::{Pattern, selects};
use super::places::{FieldPlaces, Step, index, key};
use super::read::{Reader, describe, present};
use super::scan::Text;
use crate::component::{BuildSpec, Component, Need, SourceSpec};
use crate::name::{ComponentName, Target};
use crate::path::TreePath;

const FIELDS: [&str; 10] = ["name", "source", "build", "needs", "targets", "env", "profiles", "stamp", "on", "skip"];
/// What `on` may override.
const OVERRIDES: [&str; 5] = ["env", "profiles", "needs", "skip", "stamp"];

/// A component as its recipe says it, for all targets that agree on what the recipe read.
#[derive(Debug)]
pub(super) struct Recipe {
    pub name: ComponentName,
    pub places: FieldPlaces,
    source: SourceSpec,
    build: BuildSpec,
    settings: Settings,
    targets: Vec<Pattern>,
    on: Vec<(Pattern, Settings)>,
}

/// What the recipe itself and lines of `on` may set. `None`: not said here.
#[derive(Debug, Default)]
struct Settings {
    /// A variable without a value is one that an override takes away.
    env: Option<BTreeMap<String, Option<String>>>,
    profiles: Option<BTreeSet<String>>,
    needs: Option<Vec<Need>>,
    stamp: Option<Vec<TreePath>>,
    /// Without a reason: an override that takes an earlier `skip` back.
    skip: Option<Option<String>>,
}

impl Recipe {
    /// Whether `targets` selects `target`.
    pub fn is_for(&self, target: &Target) -> bool {
        selects(&self.targets, target)
    }

    /// The component for one target.
    pub fn component(&self, target: &Target) -> Component {
        let mut component = Component {
            name: self.name.clone(),
            file: self.places.text().name().to_owned(),
            source: self.source.clone(),
            build: self.build,
            needs: Vec::new(),
            env: BTreeMap::new(),
            profiles: BTreeSet::new(),
            stamp: Vec::new(),
            skip: None,
        };
        self.settings.apply(&mut component);
        for (_, settings) in self.on.iter().filter(|(pattern, _)| pattern.covers(target)) {
            settings.apply(&mut component);
        }
        component
    }

    /// Complains about patterns that match nothing: errors for `targets`, warnings for `on`.
    pub fn check_patterns(&self, all: &[Target], errors: &mut Vec<RecipeError>, warnings: &mut Vec<RecipeError>) {
        for (place, pattern) in self.targets.iter().enumerate() {
            if !all.iter().any(|target| pattern.covers(target)) {
                let span = self.places.of_value(&index(&key(&[], "targets"), place));
                errors.push(RecipeError::new(self.places.text(), span, pattern.nothing(Mistake::Pattern, all)));
            }
        }
        let own: Vec<Target> = all.iter().filter(|target| self.is_for(target)).cloned().collect();
        for (place, (pattern, _)) in self.on.iter().enumerate() {
            if !own.iter().any(|target| pattern.covers(target)) {
                let span = self.places.of_value(&index(&index(&key(&[], "on"), place), 0));
                warnings.push(RecipeError::new(self.places.text(), span, pattern.nothing(Mistake::Notice, &own)));
            }
        }
    }
}

impl Settings {
    fn apply(&self, to: &mut Component) {
        for (name, value) in self.env.iter().flatten() {
            match value {
                Some(value) => to.env.insert(name.clone(), value.clone()),
                None => to.env.remove(name),
            };
        }
        if let Some(profiles) = &self.profiles {
            to.profiles.clone_from(profiles);
        }
        if let Some(needs) = &self.needs {
            to.needs.clone_from(needs);
        }
        if let Some(stamp) = &self.stamp {
            to.stamp.clone_from(stamp);
        }
        if let Some(skip) = &self.skip {
            to.skip.clone_from(skip);
        }
    }
}

/// The components of a file's value. `file_name` names the one of a file that has one.
pub(super) fn read(
    text: &Arc<Text>,
    file_name: &ComponentName,
    value: &Dynamic,
    errors: &mut Vec<RecipeError>,
) -> Vec<Recipe> {
    if let Some(map) = value.read_lock::<Map>() {
        let places = FieldPlaces::new(text, None);
        return one(places, &map, Some(file_name), errors).into_iter().collect();
    }
    if let Some(list) = value.read_lock::<Array>() {
        return several(text, &list, errors);
    }
    let places = FieldPlaces::new(text, None);
    let message = format!("a recipe's value must be a map, or a list of maps, not {}", describe(value));
    let help = "end the file with a map, as in `#{ source: dsc(\"libmd\"), build: native() }`";
    errors.push(RecipeError::new(text, places.whole(), Complaint::new(Mistake::Field, message).help(help)));
    Vec::new()
}

fn several(text: &Arc<Text>, list: &Array, errors: &mut Vec<RecipeError>) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    for (place, item) in list.iter().enumerate() {
        let places = FieldPlaces::new(text, Some(place));
        let Some(map) = item.read_lock::<Map>() else {
            let message = format!("a list of components holds {}", describe(item));
            let complaint = Complaint::new(Mistake::Field, message).help("make each item a map with a `name`");
            errors.push(RecipeError::new(text, places.whole(), complaint));
            continue;
        };
        let Some(recipe) = one(places, &map, None, errors) else { continue };
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
    errors: &mut Vec<RecipeError>,
) -> Option<Recipe> {
    let mut reader = Reader::new(places);
    let recipe = fields(&mut reader, map, file_name);
    let sound = reader.errors.is_empty();
    errors.append(&mut reader.errors);
    recipe.filter(|_| sound)
}

fn fields(reader: &mut Reader, map: &Map, file_name: Option<&ComponentName>) -> Option<Recipe> {
    reader.only(map, &[], &FIELDS);
    let name = name(reader, map, file_name);
    let source = source(reader, map);
    let build = build(reader, map);
    let settings = settings(reader, map, &[]);
    let targets = match present(map, "targets") {
        None => Some(Vec::new()),
        Some(value) => reader.list(value, &key(&[], "targets"), pattern),
    };
    if present(map, "targets").is_some() && targets.as_ref().is_some_and(Vec::is_empty) && reader.errors.is_empty() {
        let complaint = Complaint::new(Mistake::Pattern, "`targets` is empty: the component would never be built");
        reader
            .refuse_key(&key(&[], "targets"), complaint.help("leave it out for all targets, or write `skip: \"why\"`"));
    }
    let on = match present(map, "on") {
        None => Some(Vec::new()),
        Some(value) => reader.list(value, &key(&[], "on"), override_line),
    };
    Some(Recipe {
        name: name?,
        places: reader.places.clone(),
        source: source?,
        build: build?,
        settings,
        targets: targets?,
        on: on?,
    })
}

fn name(reader: &mut Reader, map: &Map, file_name: Option<&ComponentName>) -> Option<ComponentName> {
    let way = key(&[], "name");
    let given = match (present(map, "name"), file_name) {
        (None, Some(file_name)) => return Some(file_name.clone()),
        (None, None) => reader.required(map, &[], "name", "\"libmd\"")?,
        (Some(given), _) => given,
    };
    let name = reader.checked(
        given,
        &way,
        str::parse::<ComponentName>,
        "choose a name that fits in file names and selectors",
    )?;
    if let Some(file_name) = file_name.filter(|file_name| **file_name != name) {
        let complaint =
            Complaint::new(Mistake::Name, format!("the file's only component is called `{file_name}`, not `{name}`"));
        reader.refuse(&way, complaint.help(format!("leave `name` out, or rename the file to `{name}.rhai`")));
    }
    Some(name)
}

fn source(reader: &mut Reader, map: &Map) -> Option<SourceSpec> {
    let value = reader.required(map, &[], "source", "dsc(\"libmd\")")?;
    let source = value.read_lock::<SourceSpec>().map(|source| source.clone());
    if source.is_none() {
        let complaint = Complaint::new(Mistake::Field, format!("`source` must be a source, not {}", describe(value)));
        reader.refuse(&key(&[], "source"), complaint.help("write `dsc(\"libmd\")` for a source package of the distro, `path(\"folder\")` for a folder of the project"));
    }
    source
}

fn build(reader: &mut Reader, map: &Map) -> Option<BuildSpec> {
    let Some(value) = present(map, "build") else { return Some(BuildSpec::Native) };
    let build = value.read_lock::<BuildSpec>().map(|build| *build);
    if build.is_none() {
        let complaint =
            Complaint::new(Mistake::Field, format!("`build` must be a way to build, not {}", describe(value)));
        reader.refuse(
            &key(&[], "build"),
            complaint.help("write `native()` for packaging that comes with the source, or leave it out"),
        );
    }
    build
}

fn settings(reader: &mut Reader, map: &Map, before: &[Step]) -> Settings {
    let is_override = !before.is_empty();
    Settings {
        env: present(map, "env").and_then(|value| env(reader, value, &key(before, "env"))),
        profiles: present(map, "profiles").and_then(|value| {
            let list = reader.list(value, &key(before, "profiles"), |reader, value, way| {
                reader.checked(value, way, profile, "name a build profile, as in `nocheck`")
            });
            list.map(|list| list.into_iter().collect())
        }),
        needs: present(map, "needs").and_then(|value| reader.list(value, &key(before, "needs"), need)),
        stamp: present(map, "stamp").and_then(|value| {
            reader.list(value, &key(before, "stamp"), |reader, value, way| {
                reader.checked(value, way, str::parse::<TreePath>, "name a file of the source, relative to its root")
            })
        }),
        skip: match map.get("skip") {
            Some(value) if value.is_unit() => is_override.then_some(None),
            Some(value) => reader.line(value, &key(before, "skip")).map(Some),
            None => None,
        },
    }
}

fn env(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<BTreeMap<String, Option<String>>> {
    let map = reader.map(value, way)?;
    let mut env = BTreeMap::new();
    for (name, value) in &map {
        let way = key(way, name);
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        if !is_name {
            let complaint = Complaint::new(Mistake::Name, format!("`{name}` is not a name of a variable"));
            reader.refuse_key(&way, complaint.help("use letters, digits and `_`, not beginning with a digit"));
        } else if name == "DEB_BUILD_PROFILES" {
            let complaint = Complaint::new(Mistake::Field, "`DEB_BUILD_PROFILES` is made from the recipe's `profiles`");
            reader.refuse_key(&way, complaint.help("write `profiles: [\"nocheck\"]`"));
        } else if value.is_unit() {
            env.insert(name.to_string(), None);
        } else if let Some(text) = reader.text(value, &way) {
            if text.contains('\0') {
                let complaint = Complaint::new(Mistake::Field, format!("the value of `{name}` holds a NUL character"));
                reader.refuse(&way, complaint.help("remove it: no variable can hold one"));
            }
            env.insert(name.to_string(), Some(text));
        }
    }
    Some(env)
}

/// Names as in Debian's registry of build profiles, such as `nocheck`, `pkg.libmd.small`.
fn profile(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".+-".contains(&byte);
    if text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase()) && text.len() <= 100 && text.bytes().all(plain)
    {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a name of a build profile"))
    }
}

fn need(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Need> {
    if let Some(relation) = value.read_lock::<Relation>() {
        return Some(Need::Package(relation.0.clone()));
    }
    let help = "name a component of this project; a package of the distro is written `pkg(\"help2man\")`";
    reader.checked(value, way, str::parse::<ComponentName>, help).map(Need::Component)
}

fn pattern(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Pattern> {
    let text = reader.text(value, way)?;
    Pattern::new(&text).map_err(|complaint| reader.refuse(way, complaint)).ok()
}

fn override_line(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<(Pattern, Settings)> {
    let line = value.read_lock::<Array>().map(|line| line.clone());
    let Some([for_targets, changes]) = line.as_deref() else {
        let complaint = Complaint::new(Mistake::Field, "a line of `on` is a list of a target pattern and a map");
        reader.refuse(way, complaint.help("write it as in `[\"@debian-12\", #{ profiles: [\"nocheck\"] }]`"));
        return None;
    };
    let covering = pattern(reader, for_targets, &index(way, 0));
    if covering.as_ref().is_some_and(|pattern| pattern.excludes) {
        let complaint = Complaint::new(Mistake::Pattern, "a line of `on` cannot exclude targets");
        reader.refuse(&index(way, 0), complaint.help("leave out `!`; a later line wins over an earlier one"));
    }
    let way = index(way, 1);
    let changes = reader.map(changes, &way)?;
    reader.only(&changes, &way, &OVERRIDES);
    let settings = settings(reader, &changes, &way);
    Some((covering?, settings))
}
