//! Files that nothing reads, and files where nothing looks for them.

use std::collections::BTreeSet;

use super::super::RECIPES;
use super::super::{DISTROS, Files};
use super::{Found, Ground, Lint};
use crate::diag::did_you_mean;
use crate::family::rpm::{macros, named};
use crate::name::Arch;
use crate::package::spec;

/// Folders that are looked into below `recipes/`, and how many names are.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 20_000;

/// Names that people keep beside recipes for themselves.
const FOR_PEOPLE: [&str; 6] = ["README", "README.md", "NEWS.md", "CHANGELOG.md", "LICENSE", "Makefile"];

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    let mut read: BTreeSet<&str> = ground.survey.recipes.iter().map(|text| text.name()).collect();
    read.extend(ground.survey.shared.keys().map(String::as_str));
    let mut all = Vec::new();
    walk(ground.files, RECIPES, 0, &mut all);
    for path in all.iter().filter(|path| !read.contains(path.as_str())) {
        among_recipes(ground, path, found);
    }
    elsewhere(ground.files, found);
}

/// All files below `folder`, hidden ones left out, sorted.
fn walk(files: &dyn Files, folder: &str, depth: usize, all: &mut Vec<String>) {
    for name in files.list(folder).unwrap_or_default() {
        if name.starts_with('.') || all.len() >= MOST_FILES {
            continue;
        }
        match name.strip_suffix('/') {
            Some(name) if depth < DEEPEST => walk(files, &format!("{folder}/{name}"), depth + 1, all),
            Some(_) => {}
            None => all.push(format!("{folder}/{name}")),
        }
    }
}

/// A file below `recipes/` that is no recipe and is not imported.
fn among_recipes(ground: &Ground<'_>, path: &str, found: &mut Found) {
    let below = path.strip_prefix("recipes/").unwrap_or(path);
    let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
    if FOR_PEOPLE.contains(&name) {
        return;
    }
    if let Some(stem) = below.strip_suffix(".rhai") {
        // A recipe or shared code that cannot be read is an error of its own.
        if folder.is_empty() || name == "recipe.rhai" && !folder.contains('/') {
            return;
        }
        let has_recipe =
            ground.survey.recipes.iter().any(|text| text.name() == format!("recipes/{folder}/recipe.rhai"));
        let help = if has_recipe || folder == "lib" || folder.starts_with("lib/") {
            format!("remove it, or import it: `import \"{stem}\" as {};`", variable(name))
        } else {
            format!("remove it, or import it; a recipe in a folder of its own is called `recipes/{folder}/recipe.rhai`")
        };
        // What is broken may be what imports it.
        if !ground.is_named(stem) {
            found.of(Lint::UnusedFile, path, format!("no recipe imports `{path}`"), help);
        }
        return;
    }
    if let Some(stem) = nearly_rhai(name) {
        let right = format!("{}{stem}.rhai", if folder.is_empty() { String::new() } else { format!("{folder}/") });
        let message = format!("`{path}` is not read: its name does not end in `.rhai`");
        found.of(Lint::MisplacedFile, path, message, format!("rename it to `recipes/{right}`"));
        return;
    }
    beside(ground, path, folder, found);
}

/// A file beside a recipe that none of its fields names.
fn beside(ground: &Ground<'_>, path: &str, folder: &str, found: &mut Found) {
    let own = folder.split('/').next().unwrap_or(folder);
    if ground.is_in_a_source(path) {
        return;
    }
    let recipe = ground
        .survey
        .recipes
        .iter()
        .map(|text| text.name())
        .find(|name| *name == format!("recipes/{own}/recipe.rhai") || *name == format!("recipes/{own}.rhai"));
    match recipe {
        Some(recipe) if ground.is_broken(recipe) || ground.names_file(recipe, &format!("recipes/{own}"), path) => {}
        Some(_) if is_of_spec(ground, &format!("recipes/{own}/"), path) => {}
        Some(recipe) => {
            let message = format!("`{path}` is used by nothing in `{recipe}`");
            found.of(Lint::UnusedFile, path, message, "name it in `patches` or `files`, or remove it");
        }
        None => found.of(
            Lint::UnusedFile,
            path,
            format!("`{path}` belongs to no recipe"),
            "put it into the folder of a recipe that names it, or remove it",
        ),
    }
}

/// Whether `path` is a spec that may be what a recipe is built with on some distro, or a source or patch that such a one names.
/// `folder` is that beside the recipe, with `/` at its end.
fn is_of_spec(ground: &Ground<'_>, folder: &str, path: &str) -> bool {
    let project = &ground.survey.project;
    let Some(name) = path.strip_prefix(folder).filter(|name| !name.contains('/')) else { return false };
    let of_folder = project.work.iter().filter(|work| folder.strip_suffix('/') == Some(work.component.folder.as_str()));
    let rpms: BTreeSet<_> = of_folder.map(|work| &work.target.distro).collect();
    let mut rpms = rpms.into_iter().filter_map(|name| project.distros.get(name)).filter_map(|distro| distro.rpm());
    let files = || project.beside.range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
    rpms.any(|distro| {
        let macros = macros(distro, &Arch::new("amd64").expect("an arch"));
        let mut specs = files().filter(|(path, _)| path.ends_with(".spec"));
        specs.any(|(of, file)| {
            // What cannot be read may name it.
            let read = std::str::from_utf8(&file.bytes).ok().and_then(|text| spec::read(text, macros.clone()).ok());
            of == path || read.is_none_or(|spec| named(&spec).any(|other| other == name))
        })
    })
}

/// Files of the language outside of the two folders that are read.
fn elsewhere(files: &dyn Files, found: &mut Found) {
    for name in files.list(".").unwrap_or_default() {
        if name.ends_with(".rhai") {
            let message = format!("`{name}` is not read: it lies in the project's root");
            found.of(Lint::MisplacedFile, &name, message, "move it to `recipes/` or `distros/`");
        }
    }
    for name in files.list(DISTROS).unwrap_or_default() {
        let path = format!("{DISTROS}/{name}");
        if let Some(folder) = name.strip_suffix('/') {
            for inner in files.list(&format!("{DISTROS}/{folder}")).unwrap_or_default() {
                if inner.ends_with(".rhai") {
                    let path = format!("{path}{inner}");
                    let message = format!("`{path}` is not read: distros lie in `distros/` itself");
                    found.of(Lint::MisplacedFile, &path, message, format!("move it to `{DISTROS}/{inner}`"));
                }
            }
        } else if let Some(stem) = nearly_rhai(&name) {
            let message = format!("`{path}` is not read: its name does not end in `.rhai`");
            found.of(Lint::MisplacedFile, &path, message, format!("rename it to `{DISTROS}/{stem}.rhai`"));
        }
    }
}

/// The name without its ending, where that was probably meant to be `.rhai`.
fn nearly_rhai(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    if ending == "rhai" || stem.is_empty() {
        return None;
    }
    let close = did_you_mean(&ending.to_lowercase(), ["rhai"]).is_some() && ending.len() >= 3;
    (close && !matches!(ending, "hai")).then_some(stem)
}

/// A name for an import.
fn variable(file: &str) -> String {
    let stem = file.strip_suffix(".rhai").unwrap_or(file);
    stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
