//! Reads fields out of a script's value, collecting what is wrong with them.
//!
//! Every reading function gives `None` where it complained; `()` counts as a field that is not there, so that
//! `if` without `else` can leave one out.

use rhai::{Array, Dynamic, ImmutableString, Map};

use super::handle::Handle;
use super::mistake::{Complaint, Mistake, RecipeError};
use super::places::{FieldPlaces, Step, Way, index, key};
use crate::diag::did_you_mean;
use crate::path::TreePath;

/// Reads one map.
pub(super) struct Reader {
    pub places: FieldPlaces,
    pub errors: Vec<RecipeError>,
    /// Files beside the recipe that it names.
    pub beside: Vec<Beside>,
    /// Fields that a misspelt one was probably meant to be: they are not missing as well.
    meant: Vec<Way>,
}

/// A file or folder beside the recipe.
pub(super) struct Beside {
    /// Where it is named.
    pub way: Way,
    /// From the folder beside the recipe.
    pub path: TreePath,
    pub is_folder: bool,
}

impl Reader {
    pub fn new(places: FieldPlaces) -> Self {
        Self { places, errors: Vec::new(), beside: Vec::new(), meant: Vec::new() }
    }

    /// Complains about the value at `way`.
    pub fn refuse(&mut self, way: &[Step], complaint: Complaint) {
        let span = self.places.of_value(way);
        self.errors.push(RecipeError::new(self.places.text(), span, complaint));
    }

    /// Complains about the key at `way`.
    pub fn refuse_key(&mut self, way: &[Step], complaint: Complaint) {
        let span = self.places.of_key(way);
        self.errors.push(RecipeError::new(self.places.text(), span, complaint));
    }

    /// Complains about the map as a whole.
    pub fn refuse_whole(&mut self, complaint: Complaint) {
        let span = self.places.whole();
        self.errors.push(RecipeError::new(self.places.text(), span, complaint));
    }

    fn wrong_type(&mut self, way: &[Step], wanted: &str, example: &str, value: &Dynamic) {
        let name = name_of(way);
        let complaint = Complaint::new(Mistake::Field, format!("{name} must be {wanted}, not {}", describe(value)));
        let help = if value.is::<Handle>() {
            "use it in a value of `env`: nothing else may depend on what a probe finds".to_owned()
        } else {
            format!("write it as in `{example}`")
        };
        self.refuse(way, complaint.help(help));
    }

    /// Complains about keys of `map` that are not in `known`.
    pub fn only(&mut self, map: &Map, way: &[Step], known: &[&str]) {
        for name in map.keys().filter(|name| !known.contains(&name.as_str())) {
            let complaint = Complaint::new(Mistake::Field, format!("there is no field `{name}`"));
            let list = known.join("`, `");
            let near = did_you_mean(name, known.iter().copied());
            self.meant.extend(near.map(|near| key(way, near)));
            self.refuse_key(
                &key(way, name),
                complaint.help(match near {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("remove it; the fields are `{list}`"),
                }),
            );
        }
    }

    /// The value of `name`; complains where it is missing.
    pub fn required<'m>(&mut self, map: &'m Map, way: &[Step], name: &str, example: &str) -> Option<&'m Dynamic> {
        let value = present(map, name);
        if value.is_none() && !self.meant.contains(&key(way, name)) {
            let complaint = Complaint::new(Mistake::Field, format!("the field `{name}` is missing"))
                .help(format!("add it as in `{name}: {example}`"));
            if way.is_empty() { self.refuse_whole(complaint) } else { self.refuse(way, complaint) }
        }
        value
    }

    pub fn text(&mut self, value: &Dynamic, way: &[Step]) -> Option<String> {
        match value.read_lock::<ImmutableString>() {
            Some(text) => Some(text.to_string()),
            None => {
                let example = match value.type_name() {
                    "i64" | "f64" | "bool" => format!("\"{value}\""),
                    _ => "\"text\"".to_owned(),
                };
                self.wrong_type(way, "a string", &example, value);
                None
            }
        }
    }

    /// A string that people read: one line, not empty.
    pub fn line(&mut self, value: &Dynamic, way: &[Step]) -> Option<String> {
        let Ok(text) = value.clone().into_string() else {
            self.wrong_type(way, "a reason", "\"needs debhelper 13\"", value);
            return None;
        };
        if text.trim().is_empty() || text.chars().any(crate::diag::is_harmful) {
            let complaint = Complaint::new(Mistake::Field, format!("{} must be one line of plain text", name_of(way)));
            self.refuse(way, complaint.help("write a few words, without control characters"));
            return None;
        }
        Some(text)
    }

    /// A string checked by `check`, whose complaint gets `help`.
    pub fn checked<T, E: std::fmt::Display>(
        &mut self,
        value: &Dynamic,
        way: &[Step],
        check: impl FnOnce(&str) -> Result<T, E>,
        help: &str,
    ) -> Option<T> {
        let text = self.text(value, way)?;
        match check(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(way, Complaint::new(Mistake::Name, error.to_string()).help(help));
                None
            }
        }
    }

    pub fn flag(&mut self, value: &Dynamic, way: &[Step]) -> Option<bool> {
        let flag = value.as_bool().ok();
        if flag.is_none() {
            self.wrong_type(way, "`true` or `false`", "true", value);
        }
        flag
    }

    /// The value as a map.
    pub fn map(&mut self, value: &Dynamic, way: &[Step]) -> Option<Map> {
        let map = value.read_lock::<Map>().map(|map| map.clone());
        if map.is_none() {
            self.wrong_type(way, "a map", "#{ key: \"value\" }", value);
        }
        map
    }

    /// The value as a list, each item read by `each`. Items that are wrong are left out after their complaint.
    pub fn list<T>(
        &mut self,
        value: &Dynamic,
        way: &[Step],
        mut each: impl FnMut(&mut Self, &Dynamic, &[Step]) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = value.read_lock::<Array>().map(|items| items.clone());
        let Some(items) = items else {
            self.wrong_type(way, "a list", "[\"one\", \"two\"]", value);
            return None;
        };
        Some(items.iter().enumerate().filter_map(|(place, item)| each(self, item, &index(way, place))).collect())
    }
}

/// The value of `name`, unless it is `()`.
pub(super) fn present<'m>(map: &'m Map, name: &str) -> Option<&'m Dynamic> {
    map.get(name).filter(|value| !value.is_unit())
}

/// A day, as in `2027-01-15`.
pub(super) fn date(text: &str) -> Result<String, String> {
    match text.parse::<jiff::civil::Date>() {
        Ok(date) if date.to_string() == text => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is not a date")),
    }
}

/// The innermost field of a way, as messages name it.
fn name_of(way: &[Step]) -> String {
    let of_list = matches!(way.last(), Some(Step::Index(_)));
    let field = way.iter().rev().find_map(|step| match step {
        Step::Key(name) => Some(name),
        Step::Index(_) => None,
    });
    match (field, of_list) {
        (Some(name), false) => format!("`{name}`"),
        (Some(name), true) => format!("each item of `{name}`"),
        (None, _) => "the value".to_owned(),
    }
}

/// What a value is, in the words of the manual.
pub(super) fn describe(value: &Dynamic) -> String {
    match value.type_name() {
        "string" | "alloc::string::String" => "a string".to_owned(),
        "i64" | "f64" => format!("the number {value}"),
        "bool" => format!("`{value}`"),
        "array" => "a list".to_owned(),
        "map" => "a map".to_owned(),
        "()" => "nothing".to_owned(),
        "Fn" => "a function".to_owned(),
        "char" => "a character".to_owned(),
        name if name.ends_with("SourceSpec") => "a source".to_owned(),
        name if name.ends_with("BuildSpec") => "a way to build".to_owned(),
        name if name.ends_with("Packaged") => "a package".to_owned(),
        name if name.ends_with("TargetView") => "the target itself".to_owned(),
        name if name.ends_with("Handle") => "what a probe finds".to_owned(),
        other => format!("a value of type {other}"),
    }
}
