//! The text of a new recipe, for somebody who has not written one before, and what is worth telling of its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::component::SourceSpec;
use crate::eval;
use crate::family::deb::facts::facts;
use crate::name::{ComponentName, DistroName, PackageName};
use crate::package::relation::{Relations, Variables};
use crate::project::{Packaging, Project, Spec, packaging};

/// Where the source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A source package of the distros.
    Dsc(PackageName),
    /// A source RPM of the distros.
    Srpm(PackageName),
    /// A folder below the project's root, with what packaging it has.
    Folder {
        /// The folder; `.` is the root itself.
        folder: String,
        /// Its packaging.
        packaging: Box<Packaging>,
    },
}

/// The name of a component for something called `text`: its letters small, `_` and spaces as `-`. `None` where nothing can
/// be made of it.
pub fn plain(text: &str) -> Option<ComponentName> {
    let name: String = text.to_lowercase().chars().map(|c| if "_ ".contains(c) { '-' } else { c }).collect();
    ComponentName::new(name.trim_matches('-')).ok()
}

/// What the packaging calls the source: `debian/` before a spec.
pub fn source_name(packaging: &Packaging) -> &str {
    let spec = || packaging.specs.first().map_or("", |spec| spec.name.as_str());
    packaging.debian.as_ref().map_or_else(spec, |facts| facts.source.as_str())
}

/// How to build it: the expression for `build`, and what it means.
fn build(packaging: &Packaging) -> (String, String) {
    let native = |spec: &Spec| spec.path.starts_with("rpm/");
    match (&packaging.debian, &packaging.specs[..]) {
        (Some(_), []) => {
            ("debian()".to_owned(), "`debian()` is the packaging in its `debian/`, which makes `.deb`.".to_owned())
        }
        (Some(_), [spec]) if native(spec) => (
            "native()".to_owned(),
            format!("`native()` is the packaging that comes with it: `debian/`, and `{}` for RPM.", spec.path),
        ),
        (None, [spec]) if native(spec) => {
            ("spec()".to_owned(), format!("`spec()` is its spec, `{}`, which makes `.rpm`.", spec.path))
        }
        (None, specs) => {
            let spec = specs.first().map_or("", |spec| spec.path.as_str());
            (format!("spec({spec:?})"), format!("that spec of it, which makes `.rpm`.{}", others(specs)))
        }
        (Some(_), specs) => {
            let spec = chosen(packaging).map_or("", |spec| spec.path.as_str());
            let build = format!("if target.family == \"rpm\" {{ spec({spec:?}) }} else {{ debian() }}");
            (build, format!("its `debian/`, and that spec for RPM.{}", others(specs)))
        }
    }
}

/// The spec that the recipe takes: of several, the one that is called as `debian/` calls the source.
pub(super) fn chosen(packaging: &Packaging) -> Option<&Spec> {
    let is_named = |spec: &&Spec| packaging.debian.as_ref().is_some_and(|facts| spec.name == facts.source.as_str());
    packaging.specs.iter().find(is_named).or(packaging.specs.first())
}

fn others(specs: &[Spec]) -> String {
    if specs.len() < 2 {
        String::new()
    } else {
        format!(" There are {} specs: see that it is the right one.", specs.len())
    }
}

/// The recipe's text. `aliases` are names that others ask for, each with the package that is meant.
pub fn text(name: &ComponentName, source: &Source, aliases: &BTreeMap<String, String>) -> String {
    let mut text = format!(
        "// The component `{name}`. A recipe is a map of fields: mind the `#` before `{{`, and no `;` at the end.\n//\n"
    );
    let (expression, build) = match source {
        Source::Dsc(package) => {
            text.push_str(&of_distro("a source package", "by the packaging that comes with it."));
            (format!("dsc({:?})", package.as_str()), "debian()".to_owned())
        }
        Source::Srpm(package) => {
            text.push_str(&of_distro("the source RPM", "by the spec that comes with it, which makes `.rpm`."));
            (format!("srpm({:?})", package.as_str()), "spec()".to_owned())
        }
        Source::Folder { folder, packaging } => {
            let (build, means) = build(packaging);
            let place = match folder.as_str() {
                "." => "this folder, without what is opb's in it.".to_owned(),
                _ => "a folder below the project's root.".to_owned(),
            };
            let names = if aliases.is_empty() {
                ""
            } else {
                "//   aliases names that specs of other components ask for, and the package that is meant: see that it is so.\n"
            };
            let read_from = match (&packaging.debian, packaging.specs.is_empty()) {
                (Some(_), true) => "debian/",
                (Some(_), false) => "debian/ and the spec",
                (None, _) => "the spec",
            };
            let _ = write!(
                text,
                "//   source  {place} A file that changes there makes another source, at once.\n\
                 //   build   {means}\n{names}//\n\
                 // Not written here, because it is read from {read_from}: its version, the packages that it makes, and what\n\
                 // its build needs. Where another component of this project makes one of those, that one is built first, and\n\
                 // its packages are preferred to the distribution's.\n"
            );
            let called = source_name(packaging);
            if called != name.as_str() {
                let _ = write!(
                    text,
                    "//\n// The packaging calls the source `{called}`. `{name}` is what this project calls it: in selectors (`opb build\n\
                     // {name}`) and in the `needs` of other recipes.\n"
                );
            }
            (format!("path({folder:?})"), build)
        }
    };
    let _ = write!(
        text,
        "//\n// Other fields, all optional: needs, targets, env, profiles, patches, on, skip and more. `opb definitions` writes\n\
         // down what each of them is.\n#{{\n    source: {expression},\n    build:  {build},\n"
    );
    if !aliases.is_empty() {
        let _ = writeln!(text, "    aliases: #{{ {} }},", pairs(aliases));
    }
    text.push_str("}\n");
    text
}

/// What is said of a source that the distro has itself.
fn of_distro(source: &str, build: &str) -> String {
    format!(
        "//   source  {source} of the distro itself; each distro has its own version of it.\n\
         //           `opb update` pins it, in opb.lock.\n\
         //   build   {build}\n//\n\
         // Not written here, because it is read from the source when it is pinned: its version, the packages that it\n\
         // makes, and what its build needs. Where another component of this project makes one of those, that one is\n\
         // built first, and its packages are preferred to the distribution's.\n"
    )
}

/// The shortest recipe of a source, for somebody who has many to begin with; of a source package, for `distro` alone.
pub fn skeleton(source: &Source, distro: Option<&DistroName>, aliases: &BTreeMap<String, String>) -> String {
    let (source, build) = match source {
        Source::Dsc(package) => (format!("dsc({:?})", package.as_str()), "debian()".to_owned()),
        Source::Srpm(package) => (format!("srpm({:?})", package.as_str()), "spec()".to_owned()),
        Source::Folder { folder, packaging } => (format!("path({folder:?})"), build(packaging).0),
    };
    let mut text = format!("#{{\n    source: {source},\n    build:  {build},\n");
    if let Some(distro) = distro {
        let _ = writeln!(text, "    targets: [\"@{distro}\"],");
    }
    if !aliases.is_empty() {
        let _ = writeln!(text, "    aliases: #{{ {} }},", pairs(aliases));
    }
    text.push_str("}\n");
    text
}

fn pairs(aliases: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = aliases.iter().map(|(asked, package)| format!("{asked:?}: {package:?}")).collect();
    pairs.join(", ")
}

/// What is worth telling of the source.
pub fn notes(name: &ComponentName, source: &Source) -> Vec<String> {
    let Source::Folder { packaging, .. } = source else { return Vec::new() };
    let mut notes = Vec::new();
    let also = |called: &str| if called == name.as_str() { String::new() } else { format!(" (here: {name})") };
    if let Some(facts) = &packaging.debian {
        let makes: Vec<&str> = facts.binaries.keys().map(PackageName::as_str).collect();
        let called = facts.source.as_str();
        notes.push(format!(
            "{called} {}{}, as its debian/ says, makes {}",
            facts.version,
            also(called),
            listed(&makes)
        ));
    }
    for spec in packaging.specs.iter().take(3) {
        let version = spec.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
        notes.push(format!("{}{version}{}, as {} says", spec.name, also(&spec.name), spec.path));
    }
    notes
}

/// Which components of the project the source needs, by what they say they make.
pub fn needs(project: &Project, evaluated: &eval::Project, source: &Source) -> Vec<String> {
    let Source::Folder { packaging, .. } = source else { return Vec::new() };
    let Some(facts) = &packaging.debian else { return Vec::new() };
    let whole = [&facts.build_depends, &facts.build_depends_arch, &facts.build_depends_indep];
    let relations = whole.into_iter().filter_map(|text| Relations::parse_with(text, Variables::LeftOut).ok());
    let wanted: Vec<String> =
        relations.flat_map(|relations| relations.0).flat_map(|any| any.0).map(|one| one.name).collect();
    let makers = makers(project, evaluated);
    let mut notes: Vec<String> = Vec::new();
    for (component, makes) in &makers {
        for package in wanted.iter().filter(|package| makes.contains(package.as_str())) {
            let note = format!("it needs {package}, which the component {component} makes");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// The components with the packages that they make on any target, as far as that is known without fetching.
fn makers(project: &Project, evaluated: &eval::Project) -> BTreeMap<ComponentName, BTreeSet<String>> {
    let lock = project.lock().unwrap_or_default();
    let sources: BTreeSet<(&ComponentName, &SourceSpec)> =
        evaluated.work.iter().map(|work| (&work.component.name, &work.component.source)).collect();
    let mut makers: BTreeMap<ComponentName, BTreeSet<String>> = BTreeMap::new();
    for (component, source) in sources {
        let made = makers.entry(component.clone()).or_default();
        match source {
            SourceSpec::Dsc { name } => {
                let pins = lock.dsc.values().filter_map(|pins| pins.get(name));
                made.extend(pins.flat_map(|pin| pin.facts.binaries.keys()).map(ToString::to_string));
            }
            // Whose packages its spec makes, is not read here.
            SourceSpec::Srpm { .. } => {}
            SourceSpec::Checkout(checkout) => {
                let control = lock.checkout.get(checkout).map(|pin| &pin.texts);
                made.extend(control.into_iter().flat_map(made_by));
            }
            SourceSpec::Archive(archive) => {
                let control = lock.archive.get(archive).map(|pin| &pin.texts);
                made.extend(control.into_iter().flat_map(made_by));
            }
            SourceSpec::Path { folder } => {
                let found = packaging(project.root(), folder.as_deref().unwrap_or(".")).ok().flatten();
                let facts = found.and_then(|packaging| packaging.debian);
                made.extend(facts.iter().flat_map(|facts| facts.binaries.keys()).map(ToString::to_string));
            }
        }
    }
    makers
}

/// The packages that a pinned source makes, by the texts of its packaging.
fn made_by(texts: &BTreeMap<String, String>) -> Vec<String> {
    let text = |name: &str| texts.get(name).map(String::as_str);
    let (Some(control), Some(changelog)) = (text("debian/control"), text("debian/changelog")) else {
        return Vec::new();
    };
    let facts = facts(control, changelog, text("debian/source/format")).ok();
    facts.iter().flat_map(|facts| facts.binaries.keys()).map(ToString::to_string).collect()
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [first @ .., last] if first.len() < 8 && !first.is_empty() => format!("{} and {last}", first.join(", ")),
        [only] => (*only).to_owned(),
        many => format!("{} packages", many.len()),
    }
}
