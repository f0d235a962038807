//! What needs ask for by another name than a package's, and which package is meant: capabilities and aliases.

use std::collections::BTreeMap;

use super::super::RecipeError;
use super::Scene;
use crate::component::{Capability, Need};
use crate::family::deb::capability;
use crate::name::PackageName;

/// The package that is meant, by what is asked for: capabilities that are needed in the scene, and aliases that are no
/// package's name. `makers` says which member makes a package.
pub(super) fn asked(
    scene: &Scene<'_>,
    makers: &BTreeMap<&str, usize>,
    errors: &mut Vec<RecipeError>,
) -> BTreeMap<String, String> {
    let aliases = aliases(scene, errors);
    let is_alias =
        |(name, _): &(&String, &PackageName)| Capability::parse(name).is_none() && !makers.contains_key(name.as_str());
    let mut asked: BTreeMap<String, String> =
        aliases.iter().filter(is_alias).map(|(name, package)| (name.clone(), package.to_string())).collect();
    for member in &scene.members {
        let needs = member.on.iter().flat_map(|(_, component)| &component.needs);
        for need in needs {
            let Need::Capability { capability, .. } = need else { continue };
            let written = capability.to_string();
            if asked.contains_key(&written) {
                continue;
            }
            match capability::package(capability, &aliases, |name| makers.contains_key(name), scene.deb) {
                Some(package) => drop(asked.insert(written, package)),
                None => {
                    let distro = &scene.distro.name;
                    let message = format!("no package with `{written}` is known for {distro}");
                    let help = format!(
                        "name it in `capabilities: #{{ \"{written}\": \"…\" }}` of `distros/{distro}.rhai`, or in `aliases` of the \
                         component that has it; or write `pkg(\"…\")`"
                    );
                    let place = Some(capability.name.as_str());
                    errors.push(scene.project.recipe_error(member.name, "needs", place, message, help));
                }
            }
        }
    }
    asked
}

/// The aliases of all members.
fn aliases(scene: &Scene<'_>, errors: &mut Vec<RecipeError>) -> BTreeMap<String, PackageName> {
    let mut aliases: BTreeMap<&String, (&PackageName, usize)> = BTreeMap::new();
    for (place, member) in scene.members.iter().enumerate() {
        for (alias, package) in member.on.first().iter().flat_map(|(_, component)| &component.aliases) {
            match aliases.insert(alias, (package, place)) {
                Some((other, of)) if other != package => {
                    let (name, other) = (member.name, scene.members[of].name);
                    let message = format!("`{name}` and `{other}` give `{alias}` another meaning");
                    let help = "leave the alias to the one whose package is meant";
                    errors.push(scene.project.recipe_error(name, "aliases", Some(alias), message, help));
                }
                _ => {}
            }
        }
    }
    aliases.into_iter().map(|(alias, (package, _))| (alias.clone(), package.clone())).collect()
}
