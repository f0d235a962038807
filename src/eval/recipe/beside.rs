//! Files that lie beside a recipe, in `recipes/<name>/`: patches, and what is laid into the source.
//!
//! While a recipe is read, it is only looked whether they are there. What is in patches and single files is read once
//! all recipes are, and becomes part of derivations; a folder is a source of its own.

use std::collections::BTreeSet;

use rhai::Dynamic;

use super::super::files::{Files, FilesError, MAX_FILE};
use super::super::mistake::{Complaint, Mistake, RecipeError};
use super::super::places::{Step, key};
use super::super::read::{Beside, Reader};
use super::super::{Project, Work};
use crate::component::{Component, FilesBeside, LaidFile};
use crate::diag::{did_you_mean, is_harmful};
use crate::path::TreePath;

/// The most bytes of all patches and single files of a component.
const MAX_ALL: usize = 8 << 20;

/// Reads the patches and the single files beside recipes that the components of `project` name, and what stands beside specs
/// there.
pub(in super::super) fn read_contents(project: &mut Project, files: &dyn Files, errors: &mut Vec<RecipeError>) {
    let mut seen: BTreeSet<*const Component> = BTreeSet::new();
    let mut wrong: BTreeSet<(String, String)> = BTreeSet::new();
    for component in project.work.iter().map(|work| &work.component).filter(|component| component.skip.is_none()) {
        if component.patches.is_empty() && component.files.is_empty() || !seen.insert(&raw const **component) {
            continue;
        }
        let patches = component.patches.iter().map(|path| ("patches", path));
        let single = component.files.iter().filter(|file| !file.is_folder).map(|file| ("files", &file.from));
        let mut all = 0;
        for (field, from) in patches.chain(single) {
            let path = component.beside(from);
            if !project.beside.contains_key(&path) {
                match files.content(&path) {
                    Ok(content) => drop(project.beside.insert(path.clone(), content)),
                    Err(error) => {
                        if wrong.insert((component.name.to_string(), path)) {
                            errors.push(unusable(project, component, (field, from), &error));
                        }
                        continue;
                    }
                }
            }
            let before = all;
            all += project.beside.get(&path).map_or(0, |content| content.bytes.len());
            if before <= MAX_ALL && all > MAX_ALL && wrong.insert((component.name.to_string(), String::new())) {
                let message = format!("the patches and files of `{}` have more than {MAX_ALL} bytes", component.name);
                errors.push(at(project, component, (field, from), message, larger(field)));
            }
        }
    }
}

/// Reads what stands in folders beside recipes in which there is a spec: what the spec may name is not known before it is read
/// for a distro. Folders, and what is too large for a patch, are passed over.
pub(in super::super) fn read_specs(project: &mut Project, files: &dyn Files, errors: &mut Vec<RecipeError>) {
    let is_rpm = |work: &&Work| {
        let distro = project.distros.get(&work.target.distro);
        work.component.skip.is_none() && distro.is_some_and(|distro| distro.rpm().is_some())
    };
    let folders: BTreeSet<&str> =
        project.work.iter().filter(is_rpm).map(|work| work.component.folder.as_str()).collect();
    let mut found = FilesBeside::new();
    for folder in folders {
        let names = match files.list(folder) {
            Ok(names) => names,
            Err(FilesError::Missing { .. }) => continue,
            Err(error) => {
                errors.push(RecipeError::of_files(folder, &error));
                continue;
            }
        };
        let is_spec = |name: &String| name.ends_with(".spec");
        if !names.iter().any(is_spec) {
            continue;
        }
        let is_file = |name: &&String| !name.ends_with('/') && !name.ends_with(".rhai") && !name.starts_with('.');
        let mut all = 0;
        for name in names.iter().filter(is_file) {
            let path = format!("{folder}/{name}");
            match files.content(&path) {
                Ok(content) => {
                    all += content.bytes.len();
                    found.insert(path, content);
                }
                Err(FilesError::TooLarge { .. }) if is_spec(name) => {
                    let complaint = Complaint::new(Mistake::File, format!("`{path}` is larger than {MAX_FILE} bytes"));
                    let help = "a spec is never that long: move what is not packaging into files beside it";
                    errors.push(RecipeError::placeless(&path, complaint.help(help)));
                }
                Err(error) if is_spec(name) => errors.push(RecipeError::of_files(&path, &error)),
                // Whether the spec names it, is seen when that is read.
                Err(_) => {}
            }
            if all > MAX_ALL {
                let message = format!("the files in `{folder}` have more than {MAX_ALL} bytes");
                let complaint = Complaint::new(Mistake::File, message);
                errors
                    .push(RecipeError::placeless(folder, complaint.help("move what the spec does not name elsewhere")));
                break;
            }
        }
    }
    project.beside.append(&mut found);
}

fn unusable(project: &Project, component: &Component, place: (&str, &TreePath), error: &FilesError) -> RecipeError {
    let path = component.beside(place.1);
    match error {
        FilesError::TooLarge { .. } => {
            let message = format!("`{path}` is larger than {MAX_FILE} bytes");
            at(project, component, place, message, larger(place.0))
        }
        FilesError::Read { source, .. } => {
            let help = "put a regular file there that can be read; a link must not lead out of the project";
            at(project, component, place, format!("cannot read `{path}`: {source}"), help)
        }
        other => at(project, component, place, other.to_string(), "put the file there"),
    }
}

fn larger(field: &str) -> &'static str {
    match field {
        "patches" => "split it, or put the change into the source itself",
        _ => "put large files into a folder and lay that, as in `\"data/\": \"data/\"`: a folder may have any size",
    }
}

fn at(
    project: &Project,
    component: &Component,
    (field, from): (&str, &TreePath),
    message: String,
    help: &str,
) -> RecipeError {
    match project.components.get(&component.name) {
        Some(info) => info.places.error(Mistake::File, field, Some(&from.to_string()), message, help),
        None => RecipeError::placeless(&component.file, Complaint::new(Mistake::File, message).help(help)),
    }
}

/// Complains about files that are named and not there, in `folder` below the project's root.
pub(super) fn check(reader: &mut Reader, files: &dyn Files, folder: &str) {
    for Beside { way, path, is_folder } in std::mem::take(&mut reader.beside) {
        match found_folder(files, folder, &path) {
            Ok(found) if found == is_folder => {}
            Ok(found) => {
                let (what, written) = if found { ("folder", format!("{path}/")) } else { ("file", path.to_string()) };
                let complaint = Complaint::new(Mistake::File, format!("`{folder}/{path}` is a {what}"));
                reader.refuse(
                    &way,
                    complaint.help(format!("write `{written}`: a folder's path ends in `/`, a file's does not")),
                );
            }
            Err(Ok(complaint)) => reader.refuse(&way, complaint),
            Err(Err(error)) => reader.errors.push(RecipeError::of_files(folder, &error)),
        }
    }
}

/// Whether what lies at `path` is a folder.
fn found_folder(files: &dyn Files, folder: &str, path: &TreePath) -> Result<bool, Result<Complaint, FilesError>> {
    let around = path.parent().map_or_else(|| folder.to_owned(), |parent| format!("{folder}/{parent}"));
    let name = String::from_utf8_lossy(path.file_name()).into_owned();
    let names = match files.list(&around) {
        Ok(names) => names,
        Err(FilesError::Missing { .. }) => Vec::new(),
        Err(error) => return Err(Err(error)),
    };
    if names.contains(&name) {
        return Ok(false);
    }
    if names.iter().any(|other| other.strip_suffix('/') == Some(&name)) {
        return Ok(true);
    }
    let known = names.iter().map(|name| name.trim_end_matches('/')).filter(|name| *name != "recipe.rhai");
    let help = match did_you_mean(&name, known) {
        Some(near) => {
            let near = path.parent().map_or_else(|| near.to_owned(), |parent| format!("{parent}/{near}"));
            format!("did you mean `{near}`?")
        }
        None => format!("put it into the folder beside the recipe, `{folder}/`, and name it relative to that"),
    };
    Err(Ok(Complaint::new(Mistake::File, format!("there is no `{folder}/{path}`")).help(help)))
}

/// A path as it may be written: relative, without `.` and `..`; a folder's ends in `/`.
fn checked(text: &str) -> Result<(TreePath, bool), Complaint> {
    let (plain, is_folder) = text.strip_suffix('/').map_or((text, false), |plain| (plain, true));
    let harmful = text.contains('\\') || text.chars().any(is_harmful);
    match plain.parse() {
        Ok(path) if !harmful => Ok((path, is_folder)),
        _ => Err(Complaint::new(Mistake::File, format!("`{text}` is not a path of a file"))
            .help("write it relative, without `.` and `..`, as in `fix.patch` or `debian/`")),
    }
}

/// Patches beside the recipe, in their order.
pub(super) fn patches(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Vec<TreePath>> {
    let mut seen: Vec<TreePath> = Vec::new();
    reader.list(value, way, |reader, value, way| {
        let text = reader.text(value, way)?;
        let (path, _) = checked(&text).map_err(|complaint| reader.refuse(way, complaint)).ok()?;
        if seen.contains(&path) {
            let complaint = Complaint::new(Mistake::File, format!("the patch `{path}` is named twice"));
            reader.refuse(way, complaint.help("keep one of them: it can be applied only once"));
            return None;
        }
        seen.push(path.clone());
        reader.beside.push(Beside { way: way.to_vec(), path: path.clone(), is_folder: false });
        Some(path)
    })
}

/// Files beside the recipe by where they go.
pub(super) fn files(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Vec<LaidFile>> {
    let map = reader.map(value, way)?;
    let mut laid: Vec<LaidFile> = Vec::new();
    for (written, value) in &map {
        let way = key(way, written);
        let Some(from) = reader.text(value, &way) else { continue };
        let (to, from) = match (checked(written), checked(&from)) {
            (Ok(to), Ok(from)) => (to, from),
            (Err(complaint), _) => {
                reader.refuse_key(&way, complaint);
                continue;
            }
            (_, Err(complaint)) => {
                reader.refuse(&way, complaint);
                continue;
            }
        };
        if to.1 != from.1 {
            let complaint = Complaint::new(
                Mistake::File,
                format!("`{written}` and `{}` are not both files or both folders", from.0),
            );
            reader.refuse_key(&way, complaint.help("end both with `/` for a folder, neither for a file"));
            continue;
        }
        reader.beside.push(Beside { way, path: from.0.clone(), is_folder: from.1 });
        laid.push(LaidFile { to: to.0, from: from.0, is_folder: from.1 });
    }
    laid.sort();
    let below = |inner: &TreePath, outer: &TreePath| {
        inner.as_bytes().strip_prefix(outer.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    };
    for (turn, file) in laid.iter().enumerate() {
        let inside = laid.iter().enumerate().find(|(other, inner)| *other != turn && below(&inner.to, &file.to));
        if let Some((_, inner)) = inside.filter(|_| !file.is_folder) {
            let message = format!("`{}` cannot be laid into `{}`, which is a file", inner.to, file.to);
            reader.refuse(way, Complaint::new(Mistake::File, message).help("give each a place of its own"));
        }
    }
    Some(laid)
}
