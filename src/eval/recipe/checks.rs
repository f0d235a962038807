//! `checks` of a recipe, and the baselines that lie beside recipes.

use std::collections::BTreeSet;

use rhai::{Dynamic, Map};

use super::super::Project;
use super::super::files::{Files, FilesError};
use super::super::mistake::{Complaint, Mistake, RecipeError};
use super::super::places::{Step, key};
use super::super::read::{Reader, describe, present};
use crate::component::{Checks, Component, Wanted};
use crate::family::rpm::check_need;
use crate::name::{Check, PackageName};
use crate::package::finding::baseline;
use crate::package::relation::Relations;

/// The longest script of a recipe, in bytes.
const MAX_SCRIPT: usize = 64 << 10;

const NAMES: [&str; 5] = ["autopkgtest", "install", "lintian", "own", "rpmlint"];

/// What a recipe says of checks.
pub(super) fn checks(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Checks> {
    let map = reader.map(value, way)?;
    reader.only(&map, way, &NAMES);
    let mut checks = Checks::new();
    for check in Check::ALL {
        if let Some(value) = present(&map, check.as_str()) {
            let wanted = one(reader, check, value, &key(way, check.as_str()));
            checks.extend(wanted.map(|wanted| (check, wanted)));
        }
    }
    Some(checks)
}

/// How one check is wanted; `None` after complaints.
fn one(reader: &mut Reader, check: Check, value: &Dynamic, way: &[Step]) -> Option<Option<Wanted>> {
    if let Ok(wanted) = value.as_bool() {
        if wanted && check == Check::Own {
            let complaint = Complaint::new(Mistake::Field, "`own` does not say what to run");
            reader.refuse(way, complaint.help("write a script, as in `own: \"tool --version\"`"));
            return None;
        }
        return Some(wanted.then(Wanted::default));
    }
    if check == Check::Own && value.is_string() {
        let script = script(reader, value, way)?;
        return Some(Some(Wanted { script, ..Wanted::default() }));
    }
    let Some(map) = value.read_lock::<Map>().map(|map| map.clone()) else {
        let example = if check == Check::Own { "own: \"tool --version\"" } else { "install: true" };
        let message = format!("`{check}` of `checks` must be `true`, `false` or a map, not {}", describe(value));
        reader.refuse(way, Complaint::new(Mistake::Field, message).help(format!("write it as in `{example}`")));
        return None;
    };
    let fields: &[&str] = match check {
        Check::Own => &["script", "needs", "packages"],
        Check::Autopkgtest | Check::Install => &["needs", "packages"],
        Check::Lintian | Check::Rpmlint => &["packages"],
    };
    reader.only(&map, way, fields);
    let script = match check {
        Check::Own => {
            let value = reader.required(&map, way, "script", "\"tool --version\"")?;
            script(reader, value, &key(way, "script"))?
        }
        _ => String::new(),
    };
    let needs = match present(&map, "needs") {
        None => Vec::new(),
        Some(value) => reader.list(value, &key(way, "needs"), |reader, value, way| {
            reader.checked(value, way, relation, "name a package, as in `\"python3\"` or `\"python3 (>= 3.9)\"`")
        })?,
    };
    let packages = match present(&map, "packages") {
        None => Vec::new(),
        Some(value) => reader.list(value, &key(way, "packages"), |reader, value, way| {
            let help = "name a package that the component makes";
            reader.checked(value, way, str::parse::<PackageName>, help).map(|name| name.to_string())
        })?,
    };
    Some(Some(Wanted { script, needs, packages }))
}

fn script(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<String> {
    let text = reader.text(value, way)?;
    let problem = match () {
        () if text.trim().is_empty() => "is empty",
        () if text.contains('\0') => "holds a NUL character",
        () if text.len() > MAX_SCRIPT => "is longer than 64 KiB",
        () => return Some(text),
    };
    let complaint = Complaint::new(Mistake::Field, format!("the script of the check `own` {problem}"));
    reader.refuse(way, complaint.help("write what is to run for `/bin/sh`, as in `own: \"tool --version\"`"));
    None
}

/// A need as one of the families writes it. Which of them are meant is known where the targets are.
fn relation(text: &str) -> Result<String, String> {
    if is_relation(text) || check_need(text).is_some() {
        Ok(text.trim().to_owned())
    } else {
        Err(format!("`{text}` is no need of one package"))
    }
}

/// Whether `text` is a relation of `.deb` packages to one of them, or to alternatives.
pub fn is_relation(text: &str) -> bool {
    Relations::parse(text).is_ok_and(|relations| relations.0.len() == 1) && !text.chars().any(char::is_control)
}

/// The file beside the recipe in which a component's known findings of `check` stand, below the project's root.
pub fn baseline_path(component: &Component, check: Check) -> String {
    format!("{}/{}.{check}.baseline", component.folder, component.name)
}

/// Reads the baselines beside the recipes of `project`.
pub(in super::super) fn read_baselines(project: &mut Project, files: &dyn Files, errors: &mut Vec<RecipeError>) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for component in project.work.iter().map(|work| &work.component).filter(|component| component.skip.is_none()) {
        // Folders are few, so they are looked into once.
        if !seen.insert(format!("{}/{}", component.folder, component.name)) {
            continue;
        }
        let names = match files.list(&component.folder) {
            Ok(names) => names,
            Err(FilesError::Missing { .. }) => continue,
            Err(error) => {
                errors.push(RecipeError::of_files(&component.folder, &error));
                continue;
            }
        };
        for check in Check::ALL {
            let path = baseline_path(component, check);
            if !names.iter().any(|name| path.strip_prefix(&component.folder) == Some(&format!("/{name}"))) {
                continue;
            }
            let content = match files.content(&path) {
                Ok(content) => content,
                Err(error) => {
                    errors.push(RecipeError::of_files(&path, &error));
                    continue;
                }
            };
            let line = match std::str::from_utf8(&content.bytes) {
                Ok(text) => baseline(text).err(),
                Err(_) => Some(1),
            };
            if let Some(line) = line {
                let message = format!("line {line} of `{path}` is no finding");
                let help = "write it as in `W: libbsd0: some-tag where it is`, or let `opb baseline --write` do so";
                errors.push(RecipeError::placeless(&path, Complaint::new(Mistake::File, message).help(help)));
                continue;
            }
            project.beside.insert(path, content);
        }
    }
}
