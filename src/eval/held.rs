//! Which pins are held: what exceptions of that kind mean for distros and for sources of components.
//!
//! A selector without a component means a distro's index, and all sources that are pinned of it. One with a component means the
//! sources of that one. Pins are the same for every arch, so a selector with an arch means none.

use std::collections::{BTreeMap, BTreeSet};

use super::Project;
use crate::component::Component;
use crate::exceptions::{ExceptionKind, Exceptions, Excuse};
use crate::graph::Selector;
use crate::lock::Lock;
use crate::name::{ComponentName, DistroName, PackageName};

/// Selectors of pins, each with its exception. Where several mean the same, the last one counts.
#[derive(Debug, Clone, Default)]
pub struct Holds(Vec<(Selector, Excuse)>);

/// The pins that a selector means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeldPins {
    /// Distros whose index is pinned.
    pub distros: Vec<DistroName>,
    /// Sources that are pinned, as `libmd@debian-12`, sorted.
    pub sources: Vec<String>,
    /// Sources that are not pinned yet, the same way.
    pub unpinned: Vec<String>,
    /// Components that are meant and have no source that could be pinned.
    pub local: Vec<ComponentName>,
}

impl Holds {
    /// Those that are in force on the day `today`. What is no selector means nothing; whoever reads the file has told of it.
    pub fn of(exceptions: &Exceptions, today: &str) -> Self {
        let all = exceptions.in_force(ExceptionKind::Hold, today).into_iter();
        Self(all.filter_map(|(text, one)| Some((text.parse().ok()?, one.excuse(text)))).collect())
    }

    /// Adds one, which counts before those that are there.
    pub fn add(&mut self, selector: Selector, excuse: Excuse) {
        self.0.push((selector, excuse));
    }

    /// Why the index of `distro` stays; `None` where it may move.
    pub fn distro(&self, distro: &DistroName) -> Option<&Excuse> {
        let held = self.0.iter().rev().find(|(selector, _)| selector.is_of_index(distro.as_str()));
        held.map(|(_, excuse)| excuse)
    }

    /// Why the pins of what one of `components` is made of stay in `distro`; `None` where they may move.
    pub fn sources(&self, components: &BTreeSet<&ComponentName>, distro: &DistroName) -> Option<&Excuse> {
        let is_held = |selector: &Selector| {
            components.iter().any(|component| selector.is_of_source(component.as_str(), distro.as_str()))
        };
        self.0.iter().rev().find(|(selector, _)| is_held(selector)).map(|(_, excuse)| excuse)
    }

    /// Why the commits and archives stay that one of `components` takes, which are of no distro; `None` where they may move.
    pub fn commits(&self, components: &BTreeSet<&ComponentName>) -> Option<&Excuse> {
        let is_held =
            |selector: &Selector| components.iter().any(|component| selector.is_of_source(component.as_str(), ""));
        self.0.iter().rev().find(|(selector, _)| is_held(selector)).map(|(_, excuse)| excuse)
    }
}

/// The pins that `selector` means, in a project with that lock.
pub fn held_pins(selector: &Selector, project: &Project, lock: &Lock) -> HeldPins {
    let distros = lock.distro.keys().filter(|distro| selector.is_of_index(distro.as_str()));
    let mut held = HeldPins { distros: distros.cloned().collect(), ..HeldPins::default() };
    let mut components: BTreeMap<&ComponentName, Vec<&Component>> = BTreeMap::new();
    for work in project.work.iter().filter(|work| work.component.skip.is_none()) {
        components.entry(&work.component.name).or_default().push(&work.component);
    }
    for (name, made) in components {
        let packages: Vec<&PackageName> = made.iter().flat_map(|component| component.source_packages()).collect();
        let is_of = |distro: &DistroName| selector.is_of_source(name.as_str(), distro.as_str());
        let commits: BTreeSet<_> = made.iter().flat_map(|component| component.checkouts()).collect();
        let archives: BTreeSet<_> = made.iter().flat_map(|component| component.archives()).collect();
        if selector.is_of_source(name.as_str(), "") {
            for commit in &commits {
                let is_pinned = lock.checkout.contains_key(*commit);
                if is_pinned { &mut held.sources } else { &mut held.unpinned }.push(commit.to_string());
            }
            for archive in &archives {
                let is_pinned = lock.archive.contains_key(*archive);
                if is_pinned { &mut held.sources } else { &mut held.unpinned }.push(archive.to_string());
            }
        }
        let srpms: BTreeSet<&PackageName> = made.iter().filter_map(|component| component.source_rpm()).collect();
        if packages.is_empty()
            && srpms.is_empty()
            && commits.is_empty()
            && archives.is_empty()
            && project.distros.keys().any(is_of)
        {
            held.local.push(name.clone());
        }
        for (distro, known) in project.distros.iter().filter(|(distro, _)| is_of(distro)) {
            let pins = lock.dsc.get(distro);
            for package in &packages {
                let what = format!("{package}@{distro}");
                if pins.is_some_and(|pins| pins.contains_key(*package)) {
                    held.sources.push(what);
                } else if known.deb().is_some() {
                    held.unpinned.push(what);
                }
            }
            let pins = lock.srpm.get(distro);
            for srpm in srpms.iter().filter(|_| known.rpm().is_some()) {
                let is_pinned = pins.is_some_and(|pins| pins.contains_key(*srpm));
                if is_pinned { &mut held.sources } else { &mut held.unpinned }.push(format!("{srpm}@{distro}"));
            }
        }
    }
    for list in [&mut held.sources, &mut held.unpinned] {
        list.sort();
        list.dedup();
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exceptions::Exception;

    fn holds(all: &[(&str, &str)]) -> Holds {
        let mut exceptions = Exceptions::default();
        for (selector, day) in all {
            let one = Exception { reason: "x".parse().expect("plain"), expires: day.parse().expect("a day") };
            exceptions.hold.insert((*selector).to_owned(), one);
        }
        Holds::of(&exceptions, "2026-11-29")
    }

    #[test]
    fn a_distro_is_held_by_a_selector_that_names_no_component() {
        let by = |selector: &str| {
            let holds = holds(&[(selector, "2026-12-24")]);
            holds.distro(&DistroName::new("debian-12").expect("a distro")).is_some()
        };
        let held = ["@debian-12", "@debian-*", "*", "*@debian-12/*", "index:base@debian-12", "index:@debian-12"];
        assert!(held.iter().all(|selector| by(selector)));
        let free =
            ["@debian-1", "libmd", "libmd@debian-12", "source:@debian-12", "@debian-12/amd64", "build:@debian-12"];
        assert!(!free.iter().any(|selector| by(selector)), "{free:?}");
    }

    #[test]
    fn the_hold_that_lasts_longest_is_told() {
        let holds = holds(&[
            ("@debian-12", "2026-12-24"),
            ("@debian-*", "2027-12-24"),
            ("*", "2026-11-28"),
            ("a b", "2028-12-24"),
        ]);
        let told = holds.distro(&DistroName::new("debian-12").expect("a distro")).map(ToString::to_string);
        assert_eq!(told.as_deref(), Some("until 2027-12-24: x"));
    }
}
