//! Needs that cannot be met, are there twice, or follow from the source anyway.

use std::collections::{BTreeMap, BTreeSet};

use super::super::mistake::{Complaint, Mistake, RecipeError};
use super::super::{Project, Work};
use super::{Found, Ground, Lint, in_all};
use crate::component::Need;
use crate::diag::did_you_mean;
use crate::family::deb::needs::{Known, components};
use crate::name::{ComponentName, DistroName, Target};
use crate::package::relation::{Relations, Variables};

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    let project = ground.project();
    let mut by_component: BTreeMap<&ComponentName, Vec<&Work>> = BTreeMap::new();
    for work in project.work.iter().filter(|work| work.component.skip.is_none()) {
        by_component.entry(&work.component.name).or_default().push(work);
    }
    let derived = Derived::new(ground);
    for (name, works) in &by_component {
        let needs: BTreeSet<&Need> = works.iter().flat_map(|work| &work.component.needs).collect();
        for need in needs {
            let with: Vec<&Work> = works.iter().copied().filter(|work| work.component.needs.contains(need)).collect();
            twice(project, name, need, &with, found);
            if let Need::Component { name: needed, .. } = need {
                unmet(project, name, needed, &with, found);
            }
            derived.look(name, need, &with, found);
        }
    }
}

fn twice(project: &Project, name: &ComponentName, need: &Need, works: &[&Work], found: &mut Found) {
    let count = |work: &&Work| work.component.needs.iter().filter(|other| *other == need).count();
    if let Some(info) = project.components.get(name)
        && works.iter().any(|work| count(work) > 1)
    {
        let span = info.places.of_text("needs", written(need));
        let message = format!("`{}` is listed twice in `needs`", written(need));
        found.at(Lint::NeedTwice, info.places.text(), span, message, "remove one of them");
    }
}

/// A component that does not exist is an error. One that is built for other targets only is a lint here, and an error as
/// soon as its distro is pinned.
fn unmet(project: &Project, name: &ComponentName, needed: &ComponentName, works: &[&Work], found: &mut Found) {
    let Some(info) = project.components.get(name).filter(|_| !project.broken.contains(needed)) else { return };
    let span = info.places.of_text("needs", needed.as_str());
    let text = info.places.text();
    if !project.components.contains_key(needed) {
        let close = did_you_mean(needed.as_str(), project.components.keys().map(ComponentName::as_str));
        let close = close.map_or(String::new(), |close| format!("; did you mean `{close}`?"));
        let help = format!("name a recipe; a package of the distribution is written `pkg(\"{needed}\")`{close}");
        let complaint = Complaint::new(Mistake::Need, format!("there is no component `{needed}`")).help(help);
        found.0.push(RecipeError::new(text, span, complaint));
        return;
    }
    let built: BTreeSet<&DistroName> = project
        .work
        .iter()
        .filter(|work| work.component.name == *needed && work.component.skip.is_none())
        .map(|work| &work.target.distro)
        .collect();
    if in_all(works, |work| !built.contains(&work.target.distro)) {
        let message = format!("`{needed}` is built for none of the distros that `{name}` is built for");
        let help = format!("build `{needed}` for them too, or remove the need");
        found.at(Lint::NeedUnmet, text, span, message, help);
    }
}

/// What sources say of their needs.
struct Derived<'a> {
    ground: &'a Ground<'a>,
    targets: BTreeMap<&'a Target, OfTarget<'a>>,
}

/// All components of a target, by place.
#[derive(Default)]
struct OfTarget<'a> {
    names: Vec<&'a ComponentName>,
    /// Without what recipes add, to see what is there without it. `None` where nothing is known of the source.
    known: Vec<Option<Known<'a>>>,
    makers: BTreeMap<&'a str, usize>,
    /// Which package is meant by another name.
    aliases: BTreeMap<String, String>,
}

impl<'a> Derived<'a> {
    fn new(ground: &'a Ground<'a>) -> Self {
        let mut targets: BTreeMap<&Target, OfTarget<'a>> = BTreeMap::new();
        for work in ground.survey.project.work.iter().filter(|work| work.component.skip.is_none()) {
            let of_target = targets.entry(&work.target).or_default();
            let source = ground.source(work);
            let made = source.into_iter().flat_map(|source| source.facts.binaries.keys());
            of_target.makers.extend(made.map(|package| (package.as_str(), of_target.names.len())));
            let aliases = work.component.aliases.iter();
            of_target.aliases.extend(aliases.map(|(alias, package)| (alias.clone(), package.to_string())));
            of_target.names.push(&work.component.name);
            let profiles = &work.component.profiles;
            of_target.known.push(source.map(|source| Known {
                source,
                profiles,
                needs: Vec::new(),
                packages: Vec::new(),
            }));
        }
        Self { ground, targets }
    }

    fn look(&self, name: &ComponentName, need: &Need, works: &[&Work], found: &mut Found) {
        let Some(info) = self.ground.project().components.get(name) else { return };
        let follows = in_all(works, |work| match need {
            // A version that the recipe asks for is more than what the source says.
            Need::Component { name, version: None } => self.leads(work, name),
            Need::Package { name, version: None } => self.says(work, name),
            _ => false,
        });
        if !follows {
            return;
        }
        let span = info.places.of_text("needs", written(need));
        let message = match need {
            Need::Component { name: needed, .. } => {
                format!("the source of `{name}` says itself that it needs `{needed}`")
            }
            _ => format!("the source of `{name}` build-depends on `{}` itself", written(need)),
        };
        found.at(
            Lint::NeedDerived,
            info.places.text(),
            span,
            message,
            "remove it: such needs are read from the source",
        );
    }

    /// Whether a source's own relations lead to that component.
    fn leads(&self, work: &Work, needed: &ComponentName) -> bool {
        let Some(OfTarget { names, known, makers, aliases }) = self.targets.get(&work.target) else { return false };
        let Some(of) = names.iter().position(|name| **name == work.component.name) else { return false };
        components(of, known, (makers, aliases), &work.target.arch).into_iter().any(|place| names[place] == needed)
    }

    /// Whether a source build-depends on that package, without a choice.
    fn says(&self, work: &Work, package: &str) -> bool {
        let Some(facts) = self.ground.facts(work) else { return false };
        let Ok(said) = Relations::parse_with(&facts.build_depends, Variables::LeftOut) else { return false };
        let said = said.reduce(work.target.arch.as_str(), &work.component.profiles);
        said.0.iter().any(|choice| matches!(&choice.0[..], [only] if only.name == package))
    }
}

/// A need's name, as its recipe nearly always writes it.
fn written(need: &Need) -> &str {
    match need {
        Need::Component { name, .. } => name.as_str(),
        Need::Package { name, .. } => name,
        Need::Capability { capability, .. } => &capability.name,
    }
}
