//! Aliases that nothing asks for.

use super::super::places::key;
use super::{Found, Ground, Lint, distinct};
use crate::component::Need;

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    let project = ground.project();
    for (name, info) in &project.components {
        let own = project.work.iter().filter(|work| work.component.name == *name);
        for (alias, package) in distinct(own.flat_map(|work| &work.component.aliases)) {
            let span = info.places.of_key(&key(&key(&[], "aliases"), alias));
            let text = info.places.text();
            if alias == package.as_str() {
                let message = format!("`{alias}` is an alias of itself");
                found.at(Lint::AliasIdle, text, span, message, "remove it, or name the package that is meant");
            } else if asked(ground, alias) == Some(false) {
                let message = format!("no source and no recipe asks for `{alias}`");
                found.at(Lint::AliasUnused, text, span, message, "remove it, or correct the name that others ask for");
            }
        }
    }
}

/// Whether anything asks for that name; `None` where not all sources are known.
fn asked(ground: &Ground<'_>, alias: &str) -> Option<bool> {
    if ground.has_gaps() {
        return None;
    }
    let is_word = |text: &str| {
        text.split([',', '|', ' ', '(', ':']).any(|word| word == alias) || text.contains(alias) && alias.contains('(')
    };
    for work in ground.project().work.iter().filter(|work| work.component.skip.is_none()) {
        let says = |need: &Need| match need {
            Need::Component { .. } => false,
            Need::Package { name, .. } => name == alias,
            Need::Capability { capability, .. } => capability.to_string() == alias,
        };
        if work.component.needs.iter().any(says) {
            return Some(true);
        }
        let facts = ground.facts(work)?;
        let of_binaries = facts.binaries.values().map(|binary| &binary.depends);
        let relations = [&facts.build_depends, &facts.build_depends_arch, &facts.build_depends_indep];
        if relations.into_iter().chain(of_binaries).any(|text| is_word(text)) {
            return Some(true);
        }
    }
    Some(false)
}
