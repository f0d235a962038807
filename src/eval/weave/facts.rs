//! The facts of sources, for those who want to know of a source what evaluation knows.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Project;
use super::sources::{LookAt, Sources};
use super::{by_distro, pinned_arches};
use crate::lock::{Lock, SourceFacts};
use crate::name::{ComponentName, DistroName};
use crate::settings::Settings;

/// What is known of the source of each component, by distro. Those whose source is not known are left out.
pub fn facts(
    project: &Project,
    lock: &Lock,
    look_at: &LookAt<'_>,
) -> BTreeMap<(DistroName, ComponentName), SourceFacts> {
    let pinned = lock.distro.iter().filter_map(|(name, pin)| {
        let (name, distro) = project.distros.get_key_value(name)?;
        Some((name, pinned_arches(distro, pin)))
    });
    let work = by_distro(project, &pinned.collect(), &BTreeSet::new());
    let sources = Sources::new(project, &work, (lock, &Settings::default()), look_at);
    let mut facts = BTreeMap::new();
    for (distro, work) in &work {
        for component in work.iter().map(|work| &*work.component) {
            let name = ((*distro).clone(), component.name.clone());
            if !facts.contains_key(&name)
                && let Ok((source, _)) = sources.of(distro, component)
            {
                facts.insert(name, source.facts.clone().into_owned());
            }
        }
    }
    facts
}
