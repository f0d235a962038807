//! Names that specs ask for in the wrong spelling: `grace-devel` where a component makes `libgrace-devel` or `libgrace-dev`.
//!
//! Only names of development packages are compared. A program and a library may well have names that differ by `lib`, and
//! are not the same.

use std::collections::{BTreeMap, BTreeSet};

use super::recipe::{Source, chosen};
use crate::component::SourceSpec;
use crate::eval;
use crate::name::{ComponentName, PackageName};
use crate::package::spec::Spec;
use crate::project::{Project, packaging};

/// What the specs of a project ask for by other names than they are made under.
#[derive(Debug, Default)]
pub struct Aliases {
    /// For the new recipe: what other components ask for, and the one package of this one that can be meant.
    pub written: BTreeMap<String, String>,
    /// Lines about them, and about what cannot be written into the new recipe.
    pub notes: Vec<String>,
}

/// Looks at the spec of `source` and at those of all components.
pub fn aliases(project: &Project, evaluated: &eval::Project, source: &Source) -> Aliases {
    let mut found = Aliases::default();
    let Source::Folder { packaging, .. } = source else { return found };
    let Some(own) = chosen(packaging).and_then(|spec| spec.says.as_ref()) else { return found };
    let others = others(project, evaluated);
    let all = || others.values().flatten();
    let mut known: BTreeSet<String> = all().chain([own]).flat_map(provided).collect();
    known.extend(evaluated.work.iter().flat_map(|work| work.component.aliases.keys().cloned()));
    let mut said = BTreeSet::new();
    for (component, specs) in &others {
        for asked in specs.iter().flat_map(|spec| asked(spec, &known)).filter(|asked| said.insert(asked.clone())) {
            match &alike(&asked, own)[..] {
                [] => {}
                [package] => {
                    found.notes.push(format!("{component} asks for {asked}; the recipe says that {package} is meant"));
                    found.written.insert(asked, (*package).to_string());
                }
                several => {
                    let several: Vec<&str> = several.iter().map(|package| package.as_str()).collect();
                    let several = several.join(" or ");
                    found
                        .notes
                        .push(format!("{component} asks for {asked}: if {several} is meant, add it to `aliases`"));
                }
            }
        }
    }
    for asked in asked(own, &known) {
        for (component, specs) in &others {
            let packages: BTreeSet<&PackageName> = specs.iter().flat_map(|spec| alike(&asked, spec)).collect();
            let Some(info) = evaluated.components.get(component) else { continue };
            for package in packages {
                found.notes.push(format!(
                    "it asks for {asked}, and the component {component} makes {package}: if that is meant, write \
                     `aliases: #{{ {:?}: {:?} }}` in {}",
                    asked,
                    package.as_str(),
                    info.file
                ));
            }
        }
    }
    found
}

/// The specs of all components that have some, as far as they can be read without a distro.
fn others(project: &Project, evaluated: &eval::Project) -> BTreeMap<ComponentName, Vec<Spec>> {
    let mut others: BTreeMap<ComponentName, Vec<Spec>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for component in evaluated.work.iter().map(|work| &work.component) {
        let SourceSpec::Path { folder } = &component.source else { continue };
        let named = component.build.file().map(ToString::to_string);
        if !seen.insert((&component.name, folder, named.clone())) {
            continue;
        }
        let found = packaging(project.root(), folder.as_deref().unwrap_or(".")).ok().flatten();
        let specs = found.into_iter().flat_map(|packaging| packaging.specs);
        let specs = specs.filter(|spec| named.as_ref().is_none_or(|named| *named == spec.path));
        others.entry(component.name.clone()).or_default().extend(specs.filter_map(|spec| spec.says));
    }
    others
}

fn provided(spec: &Spec) -> Vec<String> {
    let said = |(name, package): (&PackageName, &crate::package::spec::Package)| {
        let provides = package.provides.iter().flat_map(|provided| provided.names().to_vec());
        provides.chain([name.to_string()]).collect::<Vec<String>>()
    };
    spec.packages.iter().flat_map(said).collect()
}

/// The development packages that a spec asks for and that nobody makes under that name, in order.
fn asked(spec: &Spec, known: &BTreeSet<String>) -> Vec<String> {
    let names = spec.build_requires.iter().flat_map(|need| need.names().to_vec());
    let mut asked: Vec<String> = names.filter(|name| stem(name).is_some() && !known.contains(name)).collect();
    asked.sort();
    asked.dedup();
    asked
}

/// The packages of a spec that are called nearly as `asked`.
fn alike<'s>(asked: &str, spec: &'s Spec) -> Vec<&'s PackageName> {
    spec.packages.keys().filter(|name| stem(name.as_str()).is_some() && stem(name.as_str()) == stem(asked)).collect()
}

/// What a development package is about: `grace` for `libgrace-dev`; `None` for other names.
fn stem(name: &str) -> Option<&str> {
    PackageName::new(name).ok()?;
    let of = name.strip_suffix("-devel").or_else(|| name.strip_suffix("-dev"))?;
    Some(of.strip_prefix("lib").filter(|rest| !rest.is_empty()).unwrap_or(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_of_development_packages() {
        for name in ["grace-devel", "libgrace-devel", "grace-dev", "libgrace-dev"] {
            assert_eq!(stem(name), Some("grace"), "{name}");
        }
        assert_eq!(stem("lib-devel"), Some("lib"));
        for other in ["grace", "libgrace", "pkgconfig(grace-devel", "/usr/include/grace-devel", "-devel"] {
            assert_eq!(stem(other), None, "{other}");
        }
    }
}
