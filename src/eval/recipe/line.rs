//! Lines of `on`: for which targets something changes, and what. A closure in place of a map is called for each target.

use rhai::{Array, Dynamic, FnPtr, Map};

use super::super::handle::Handle;
use super::super::mistake::{Complaint, Mistake, RecipeError};
use super::super::pattern::{Pattern, selects};
use super::super::places::{Step, index, key};
use super::super::read::{Reader, describe};
use super::settings::{Settings, settings};
use crate::component::Component;
use crate::name::Target;

/// What `on` may override.
const OVERRIDES: [&str; 14] = [
    "env",
    "profiles",
    "needs",
    "skip",
    "stamp",
    "patches",
    "files",
    "area",
    "extra_repositories",
    "may_fail",
    "network",
    "expires",
    "checks",
    "build",
];

/// Calls a closure with the target and a view of the component so far.
pub(in super::super) type Call<'a> = dyn FnMut(&FnPtr, Map) -> Result<Dynamic, Box<Stopped>> + 'a;

/// A closure that stopped.
pub(in super::super) struct Stopped {
    pub error: RecipeError,
    /// Whether the error knows its place.
    pub has_place: bool,
}

/// A line of `on`.
#[derive(Debug)]
pub(super) struct Line {
    /// Not empty.
    pub patterns: Vec<Pattern>,
    /// Whether they are written as a list.
    pub is_list: bool,
    pub changes: Changes,
}

/// What a line changes.
#[derive(Debug)]
pub(super) enum Changes {
    /// The same for all its targets.
    Data(Box<Settings>),
    /// What a closure says for each.
    Closure(FnPtr),
}

impl Line {
    /// Whether the line concerns `target`.
    pub fn covers(&self, target: &Target) -> bool {
        selects(&self.patterns, target)
    }
}

pub(super) fn pattern(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Pattern> {
    let text = reader.text(value, way)?;
    Pattern::new(&text).map_err(|complaint| reader.refuse(way, complaint)).ok()
}

pub(super) fn line(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Line> {
    let line = value.read_lock::<Array>().map(|line| line.clone());
    let Some([for_targets, changes]) = line.as_deref() else {
        let complaint = Complaint::new(Mistake::Field, "a line of `on` is a list of a target pattern and a map");
        reader.refuse(way, complaint.help("write it as in `[\"@debian-12\", #{ profiles: [\"nocheck\"] }]`"));
        return None;
    };
    let at = index(way, 0);
    let is_list = for_targets.is_array();
    let patterns = if is_list {
        let patterns = reader.list(for_targets, &at, pattern);
        if patterns.as_ref().is_some_and(Vec::is_empty) && reader.errors.is_empty() {
            let complaint = Complaint::new(Mistake::Pattern, "a line of `on` without any target pattern");
            reader.refuse(
                &at,
                complaint.help("name the targets that it is for, as in `[\"@debian-12\", \"@ubuntu-*\"]`"),
            );
        }
        patterns
    } else {
        let covering = pattern(reader, for_targets, &at);
        if covering.as_ref().is_some_and(|pattern| pattern.excludes) {
            let complaint = Complaint::new(Mistake::Pattern, "a line of `on` cannot exclude targets alone");
            reader.refuse(
                &at,
                complaint.help("write a list that begins with what is meant, as in `[\"@debian-*\", \"!@debian-12\"]`"),
            );
        }
        covering.map(|pattern| vec![pattern])
    };
    let at = index(way, 1);
    if let Some(closure) = changes.read_lock::<FnPtr>() {
        return Some(Line { patterns: patterns?, is_list, changes: Changes::Closure(closure.clone()) });
    }
    let changes = reader.map(changes, &at)?;
    reader.only(&changes, &at, &OVERRIDES);
    let settings = settings(reader, &changes, &at);
    Some(Line { patterns: patterns?, is_list, changes: Changes::Data(Box::new(settings)) })
}

/// What a closure changes of `component` for a target. `None` after complaints.
pub(super) fn called(
    reader: &mut Reader,
    closure: &FnPtr,
    component: &Component,
    place: usize,
    call: &mut Call<'_>,
) -> Option<Settings> {
    match call(closure, view(component)) {
        Ok(value) => answer(reader, &value, place),
        Err(stopped) => {
            let span = reader.places.of_value(&index(&index(&key(&[], "on"), place), 1));
            let Stopped { error, has_place } = *stopped;
            reader.errors.push(if has_place { error } else { error.moved(span) });
            None
        }
    }
}

/// What a closure sees of the component so far.
fn view(component: &Component) -> Map {
    let texts = |texts: &mut dyn Iterator<Item = &String>| -> Dynamic {
        texts.map(|text| Dynamic::from(text.clone())).collect::<Array>().into()
    };
    let env: Map = component
        .env
        .iter()
        .map(|(name, text)| {
            let value = text.plain().map_or_else(|| Dynamic::from(Handle(text.clone())), |text| text.to_owned().into());
            (name.into(), value)
        })
        .collect();
    let reason = |text: Option<&String>| text.map_or(Dynamic::UNIT, |text| text.clone().into());
    Map::from([
        ("name".into(), component.name.to_string().into()),
        ("area".into(), component.area.to_string().into()),
        ("env".into(), env.into()),
        ("profiles".into(), texts(&mut component.profiles.iter())),
        ("skip".into(), reason(component.skip.as_ref())),
        ("may_fail".into(), reason(component.may_fail.as_ref().map(|may_fail| &may_fail.why))),
        ("network".into(), reason(component.network.as_ref())),
    ])
}

/// Reads what the closure of the line `place` said.
fn answer(reader: &mut Reader, value: &Dynamic, place: usize) -> Option<Settings> {
    let way = index(&index(&key(&[], "on"), place), 1);
    let Some(map) = value.read_lock::<Map>().map(|map| map.clone()) else {
        let message = format!("a closure in `on` must give a map, not {}", describe(value));
        let help = "let it end with a map, as in `|target| #{ profiles: [\"nocheck\"] }`; `#{}` changes nothing";
        reader.refuse(&way, Complaint::new(Mistake::Field, message).help(help));
        return None;
    };
    let before = reader.errors.len();
    if map.contains_key("build") {
        let complaint = Complaint::new(Mistake::Field, "a closure in `on` cannot change `build`");
        reader.refuse(&key(&way, "build"), complaint.help("write it as data: `[\"@el-*\", #{ build: spec() }]`"));
    }
    reader.only(&map, &way, &OVERRIDES);
    let settings = settings(reader, &map, &way);
    (reader.errors.len() == before).then_some(settings)
}
