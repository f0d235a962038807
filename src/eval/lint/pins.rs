//! Pins that nothing uses, and pins that pin nothing.

use std::collections::BTreeSet;

use super::super::Work;
use super::super::weave::takes_sources;
use super::{Found, Ground, Lint};
use crate::distro::{Distro, ExtraRepository};
use crate::family::deb::extra::seen;
use crate::name::{DistroName, PackageName};

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    checkouts(ground, found);
    source_rpms(ground, found);
    let (lock, Some(table)) = ground.lock else { return };
    let project = ground.project();
    let text = &*table.text;
    let known = |name: &DistroName| ground.survey.distros.iter().any(|(distro, _)| distro == name);
    for (name, pin) in &lock.distro {
        let key = table.of_key(&["distro", name.as_str()]);
        if !known(name) {
            let message = format!("{name} is pinned, but there is no `distros/{name}.rhai`");
            let help = format!("remove everything of `{name}` from `opb.lock`, or take the distro's file back");
            found.at(Lint::PinUnused, text, key, message, help);
            continue;
        }
        let update = format!("run `opb update @{name}`");
        let of_suites = pin.suite.iter().map(|suite| &suite.index);
        let mut indexes = of_suites.chain(pin.repository.iter().map(|repository| &repository.index)).peekable();
        if indexes.peek().is_none() || indexes.any(std::collections::BTreeMap::is_empty) {
            let message = format!("the pin of {name} has no digest of an index");
            found.at(Lint::PinWithoutDigest, text, key, message, update.clone());
        }
        if let Some(deb) = project.distros.get(name).and_then(Distro::deb) {
            let pinned: Vec<&str> = pin.suite.iter().map(|suite| suite.name.as_str()).collect();
            let wanted: Vec<&str> = deb.suites.iter().map(|suite| suite.name.as_str()).collect();
            if pinned != wanted && !pinned.is_empty() {
                let message = format!(
                    "{name} is pinned with the suites {}, but its file has {}",
                    listed(&pinned),
                    listed(&wanted)
                );
                found.at(Lint::PinSuites, text, key, message, update);
            }
        }
    }
    for (distro, pin) in &lock.distro {
        let Some(deb) = project.distros.get(distro).and_then(Distro::deb) else { continue };
        for extra in pin.extra.keys() {
            let key = table.of_key(&["distro", distro.as_str(), "extra", extra.as_str()]);
            let why = match deb.extra_repository(extra.as_str()) {
                None => "which its file does not have",
                Some(known) if !is_seen(ground, distro, known) && !ground.has_gaps() => {
                    "and no recipe names it any more"
                }
                Some(_) => continue,
            };
            let message = format!("{distro} is pinned with the extra repository `{extra}`, {why}");
            found.at(Lint::PinUnused, text, key, message, "run `opb update`: it drops pins that nothing uses");
        }
    }
    for (distro, pins) in &lock.dsc {
        if !known(distro) {
            if !lock.distro.contains_key(distro) {
                let message = format!("sources of {distro} are pinned, but there is no `distros/{distro}.rhai`");
                let help = format!("remove everything of `{distro}` from `opb.lock`, or take the distro's file back");
                found.at(Lint::PinUnused, text, table.of_key(&["dsc", distro.as_str()]), message, help);
            }
            continue;
        }
        let used = used(ground, distro);
        for (name, pin) in pins {
            let key = table.of_key(&["dsc", distro.as_str(), name.as_str()]);
            if pin.files.is_empty() || !pin.files.keys().any(|file| file.ends_with(".dsc")) {
                let message = format!("the pin of `{name}` for {distro} has no digest of a `.dsc`");
                found.at(Lint::PinWithoutDigest, text, key, message, "run `opb update`, naming the component");
            }
            // What could not be read may use it.
            if !used.contains(name) && !ground.has_gaps() {
                let skipped = asks(ground, name);
                let message = if skipped {
                    format!("the source `{name}` is pinned for {distro}, where no recipe uses it")
                } else {
                    format!("the source `{name}` is pinned for {distro}, and no recipe asks for it any more")
                };
                found.at(Lint::PinUnused, text, key, message, "run `opb update`: it drops pins that nothing uses");
            }
        }
    }
}

/// Pins of source RPMs that no recipe takes.
fn source_rpms(ground: &Ground<'_>, found: &mut Found) {
    let (lock, Some(table)) = ground.lock else { return };
    let text = &*table.text;
    let work = || ground.project().work.iter();
    for (distro, pins) in &lock.srpm {
        let is_known = ground.survey.distros.iter().any(|(known, _)| known == distro);
        if !is_known && !lock.distro.contains_key(distro) {
            let message = format!("sources of {distro} are pinned, but there is no `distros/{distro}.rhai`");
            let help = format!("remove everything of `{distro}` from `opb.lock`, or take the distro's file back");
            found.at(Lint::PinUnused, text, table.of_key(&["srpm", distro.as_str()]), message, help);
        }
        // What could not be read may use it.
        if !is_known || ground.has_gaps() {
            continue;
        }
        let built = |work: &&Work| work.target.distro == *distro && work.component.skip.is_none();
        let used: BTreeSet<&PackageName> =
            work().filter(built).filter_map(|work| work.component.source_rpm()).collect();
        for name in pins.keys().filter(|name| !used.contains(name)) {
            let message = match work().any(|work| work.component.source_rpm() == Some(name)) {
                true => format!("the source RPM `{name}` is pinned for {distro}, where no recipe uses it"),
                false => format!("the source RPM `{name}` is pinned for {distro}, and no recipe asks for it any more"),
            };
            let key = table.of_key(&["srpm", distro.as_str(), name.as_str()]);
            found.at(Lint::PinUnused, text, key, message, "run `opb update`: it drops pins that nothing uses");
        }
    }
}

/// Pins of repositories and archives that no recipe takes anything of.
fn checkouts(ground: &Ground<'_>, found: &mut Found) {
    let (lock, Some(table)) = ground.lock else { return };
    // What could not be read may use it.
    if ground.has_gaps() {
        return;
    }
    let work = || ground.project().work.iter().filter(|work| work.component.skip.is_none());
    let used: BTreeSet<_> = work().flat_map(|work| work.component.checkouts()).collect();
    let commits = lock.checkout.keys().filter(|checkout| !used.contains(checkout));
    let used: BTreeSet<_> = work().flat_map(|work| work.component.archives()).collect();
    let archives = lock.archive.keys().filter(|archive| !used.contains(archive));
    let unused = commits.map(|checkout| ("checkout", checkout.to_string()));
    for (list, what) in unused.chain(archives.map(|archive| ("archive", archive.to_string()))) {
        let (text, key) = (&*table.text, table.of_key(&[list]));
        let message = format!("`{what}` is pinned, and no recipe asks for it any more");
        found.at(Lint::PinUnused, text, key, message, "run `opb update`: it drops pins that nothing uses");
    }
}

/// Whether a build of a distro sees an extra repository of it.
fn is_seen(ground: &Ground<'_>, distro: &DistroName, extra: &ExtraRepository) -> bool {
    let mut built =
        ground.survey.project.work.iter().filter(|work| work.target.distro == *distro && work.component.skip.is_none());
    built.any(|work| seen(std::slice::from_ref(extra), &work.component, &work.target.arch).next().is_some())
}

/// Sources that recipes take from a distro.
fn used<'a>(ground: &Ground<'a>, distro: &DistroName) -> BTreeSet<&'a PackageName> {
    let (project, pins) = (&ground.survey.project, (ground.lock.0, ground.settings.0));
    let takes = |work: &&Work| takes_sources(&project.distros, pins, distro, &work.target.distro);
    let of_distro = project.work.iter().filter(takes);
    of_distro.filter(|work| work.component.skip.is_none()).flat_map(|work| work.component.source_packages()).collect()
}

/// Whether any recipe asks for that source, for whatever target.
fn asks(ground: &Ground<'_>, source: &PackageName) -> bool {
    ground.project().work.iter().any(|work| work.component.source_packages().any(|name| name == source))
}

fn listed(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}
