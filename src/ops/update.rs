//! Moving pins: what each distro's index and each distribution source is pinned to.
//!
//! A distro's pin is the digest of each suite's verified `InRelease` file, or of each repository's `repomd.xml`, with the digests
//! of the index files that it names. A source package's pin follows from the pinned index of sources; its files are fetched once, to record what
//! evaluation must know of them.

mod error;

use std::collections::{BTreeMap, BTreeSet};

pub use error::UpdateError;

use super::holding::{HeldPin, Holding};
use super::pin::checkouts::Pinning;
pub use super::pin::moves::Move;
use super::pin::moves::moves;
use super::pin::{Pinner, extra};
use crate::diag::Failure;
use crate::distro::{Distro, Packaging};
use crate::eval;
use crate::exec::{Archives, Checkouts};
use crate::lock::{DistroPin, Lock};
use crate::name::{Arch, ComponentName, DistroName, PackageName};
use crate::project::Project;
use crate::sandbox::host_arch;
use crate::store::Store;

/// What to move.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Distros, each with the arches to add; an empty set: those that are pinned already.
    pub distros: BTreeMap<DistroName, BTreeSet<Arch>>,
    /// Components: their sources are looked up again in the pinned index.
    pub components: BTreeSet<ComponentName>,
    /// Whether tags may mean other commits than they did.
    pub moved_tags: bool,
    /// Who chose it: a policy means what it names as far as that may move and can be had.
    pub policy: Option<Policy>,
}

/// Who moves pins where nobody watches.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Selectors of pins that never move, as holds have them.
    pub frozen: Vec<String>,
    /// Why they do not, for people.
    pub why: String,
}

/// What an update came to.
#[derive(Debug)]
pub struct Updated {
    /// The new lock.
    pub lock: Lock,
    /// What moves, in order.
    pub moves: Vec<Move>,
    /// What would have been looked at, but is held, in order.
    pub held: Vec<HeldPin>,
    /// Lines for people, such as accepted expired release files.
    pub notices: Vec<String>,
    /// Of a policy: what cannot be had, and stays as it was, each with the reason.
    pub failed: Vec<(String, Failure)>,
}

/// Reads what people write after `opb update`: components, and distros as `@debian-12` or `@debian-12/arm64`.
///
/// # Errors
/// [`UpdateError`] for a word that is neither.
pub fn selection(words: &[String], evaluated: &eval::Project) -> Result<Selection, UpdateError> {
    let mut selection = Selection::default();
    for word in words {
        let close = |known: Vec<&str>| {
            let at = if word.starts_with('@') { "@" } else { "" };
            let close = crate::diag::did_you_mean(word.trim_start_matches('@'), known);
            close.map_or(String::new(), |close| format!("; did you mean `{at}{close}`?"))
        };
        if let Some(place) = word.strip_prefix('@') {
            let (distro, arch) = place.split_once('/').unwrap_or((place, "*"));
            let known = DistroName::new(distro).ok().and_then(|name| evaluated.distros.get(&name));
            let distro = known.ok_or_else(|| UpdateError::Unknown {
                selector: word.clone(),
                close: close(evaluated.distros.keys().map(DistroName::as_str).collect()),
            })?;
            let arches = selection.distros.entry(distro.name.clone()).or_default();
            if arch != "*" {
                let found = distro.arches.iter().find(|known| known.as_str() == arch);
                let known = || distro.arches.iter().map(Arch::as_str).collect::<Vec<_>>().join(", ");
                arches.insert(found.cloned().ok_or_else(|| UpdateError::Arch {
                    distro: distro.name.to_string(),
                    arch: arch.to_owned(),
                    known: known(),
                })?);
            }
        } else {
            let name = ComponentName::new(word.clone()).ok().filter(|name| evaluated.components.contains_key(name));
            selection.components.insert(name.ok_or_else(|| UpdateError::Unknown {
                selector: word.clone(),
                close: close(evaluated.components.keys().map(ComponentName::as_str).collect()),
            })?);
        }
    }
    Ok(selection)
}

/// Works out the new lock. Writes nothing but what it fetches, into the store.
///
/// # Errors
/// Where an index or a source cannot be fetched, is not signed as it must be, or is not there, or where what was named is held.
/// All pins then stay.
pub fn update(
    project: &Project,
    evaluated: &eval::Project,
    selection: Selection,
    store: &Store,
    (archives, checkouts): (&Archives<'_>, &Checkouts<'_>),
) -> Result<Updated, Failure> {
    let before = project.lock()?;
    let mut lock = before.clone();
    let mut notices = Vec::new();
    let mut pinner = Pinner { project, store, archives, notices: &mut notices };
    let mut failed: Vec<(String, Failure)> = Vec::new();
    let policy = selection.policy.as_ref();
    let mut holding = Holding::of(project, evaluated, policy)?;
    if policy.is_none() {
        holding.refuse(&selection, &before)?;
    }
    let distros = wanted_distros(&selection, evaluated, &before, archives, &mut holding)?;
    for (name, arches) in &distros {
        let Some(distro) = evaluated.distros.get(name) else { continue };
        match indexes(&mut pinner, distro, arches, lock.distro.get(name).cloned().unwrap_or_default()) {
            Ok(pin) => drop(lock.distro.insert(name.clone(), pin)),
            Err(failure) if policy.is_some() => failed.push((format!("@{name}"), failure)),
            Err(failure) => return Err(failure),
        }
    }
    for name in lock.distro.keys().cloned().collect::<Vec<_>>() {
        let Some(distro) = evaluated.distros.get(&name) else { continue };
        let Some(deb) = distro.deb() else { continue };
        if let Some(pin) = lock.distro.get_mut(&name) {
            let was = pin.clone();
            let pinned = extra::pin(&mut pinner, (distro, deb), &evaluated.work, pin, distros.contains_key(&name));
            match pinned {
                Err(failure) if policy.is_some() => {
                    *pin = was;
                    failed.push((format!("@{name}"), failure));
                }
                pinned => pinned?,
            }
        }
        let pins = lock.distro[&name].suite.clone();
        let mut wanted: BTreeMap<PackageName, String> = BTreeMap::new();
        // Pinned distros of RPM packages take source packages of one that has some.
        let pins_now = (&lock, &project.settings);
        let takes = |of: &DistroName| eval::weave::takes_sources(&evaluated.distros, pins_now, &name, of);
        let all = evaluated.work.iter().filter(|work| work.component.skip.is_none());
        for work in all.filter(|work| takes(&work.target.distro)) {
            wanted.extend(work.component.source_packages().map(|name| (name.clone(), work.component.file.clone())));
        }
        let again = |source: &PackageName| {
            let named = |component: &ComponentName| {
                evaluated.work.iter().any(|work| {
                    work.component.name == *component && work.component.source_packages().any(|name| name == source)
                })
            };
            distros.contains_key(&name) || selection.components.iter().any(named)
        };
        let known = lock.dsc.entry(name.clone()).or_default();
        known.retain(|source, _| wanted.contains_key(source));
        let mut to_pin: BTreeMap<&PackageName, &str> = BTreeMap::new();
        for (source, file) in &wanted {
            let pinned = known.get(source).map(|pin| pin.facts.version.as_str());
            if (pinned.is_none() || again(source)) && !holding.keeps_source(source, &name, pinned) {
                to_pin.insert(source, file);
            }
        }
        if to_pin.is_empty() {
            continue;
        }
        let asked = to_pin.keys().copied().collect();
        let index = pinner.source_index(distro, deb, &pins).and_then(|index| index.newest(&asked));
        let mut newest = match index {
            Ok(newest) => newest,
            Err(failure) if policy.is_some() => {
                failed.push((format!("@{name}"), failure));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        for (source, file) in to_pin {
            // The others are looked at all the same, so that one run tells of all that cannot be had.
            match pinner.pin_source((distro, deb), source, newest.remove(source), known.get(source), file) {
                Ok(pin) => drop(known.insert(source.clone(), pin)),
                Err(failure) => failed.push((format!("{source}@{name}"), failure)),
            }
        }
    }
    lock.dsc.retain(|_, pins| !pins.is_empty());
    let is_all = policy.is_none() && selection.distros.is_empty() && selection.components.is_empty();
    let wanted = eval::weave::asked_of_checkouts(evaluated);
    let again = |of: &[ComponentName]| is_all || of.iter().any(|component| selection.components.contains(component));
    let asked_for = wanted.iter().filter(|(checkout, (_, of))| lock.checkout.contains_key(*checkout) && again(of));
    asked_for.for_each(|(checkout, (_, of))| holding.meets_commit(checkout.to_string(), of));
    let pinning = Pinning {
        checkouts,
        store,
        again: &|of| again(of) && holding.may_move(of),
        moved_tags: selection.moved_tags,
        rewritten: policy.is_none(),
        rule: project.settings.rule_of(project.lock_name()),
    };
    pinning.pin(&mut lock.checkout, &wanted, &mut failed, &mut notices);
    if policy.is_none() {
        refuse(&mut failed)?;
    }
    let moves = moves(&before, &lock);
    Ok(Updated { lock, moves, held: holding.met(), notices, failed })
}

/// An error where something cannot be pinned.
fn refuse(failed: &mut Vec<(String, Failure)>) -> Result<(), Failure> {
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.remove(0).1),
        count => {
            let told = |(what, failure): &(String, Failure)| format!("\n  {what}: {}", failure.report);
            Err(UpdateError::Sources { count, list: failed.iter().map(told).collect() }.into())
        }
    }
}

/// The pin of a distro's own indexes as they are now.
fn indexes(
    pinner: &mut Pinner<'_>,
    distro: &Distro,
    arches: &BTreeSet<Arch>,
    before: DistroPin,
) -> Result<DistroPin, Failure> {
    Ok(match &distro.packaging {
        Packaging::Deb(deb) => DistroPin { suite: pinner.pin_distro(distro, deb, arches)?, ..before },
        Packaging::Rpm(rpm) => {
            let repository = pinner.pin_repositories(distro, rpm, arches, &before.repository)?;
            DistroPin { repository, ..before }
        }
    })
}

/// The distros to move with all arches that are to be pinned then.
fn wanted_distros(
    selection: &Selection,
    evaluated: &eval::Project,
    lock: &Lock,
    archives: &Archives<'_>,
    holding: &mut Holding<'_>,
) -> Result<BTreeMap<DistroName, BTreeSet<Arch>>, Failure> {
    let mut wanted = selection.distros.clone();
    let (is_all, is_policy) = (wanted.is_empty() && selection.components.is_empty(), selection.policy.is_some());
    if is_policy {
        wanted.retain(|name, _| !holding.keeps_distro(name));
    } else if is_all {
        let free = lock.distro.keys().filter(|name| !holding.keeps_distro(name));
        wanted = free.map(|name| (name.clone(), BTreeSet::new())).collect();
    }
    if lock.distro.is_empty() && (is_all || is_policy) {
        wanted.insert(host_distro(evaluated, archives)?, BTreeSet::new());
    }
    for (name, arches) in &mut wanted {
        let Some(distro) = evaluated.distros.get(name) else { continue };
        if let Some(pin) = lock.distro.get(name) {
            arches.extend(eval::weave::pinned_arches(distro, pin).into_iter().cloned());
        }
        if arches.is_empty() {
            let native = host_arch();
            let known = distro.arches.iter().find(|arch| arch.as_str() == native);
            arches.insert(known.unwrap_or(&distro.indep_on).clone());
        }
    }
    Ok(wanted)
}

fn host_distro(evaluated: &eval::Project, archives: &Archives<'_>) -> Result<DistroName, Failure> {
    let host = archives.host()?;
    let found = evaluated.distros.values().find(|distro| {
        Some(distro.vendor.as_str()) == host.vendor.as_deref()
            && distro.deb().is_some_and(|deb| Some(deb.codename.as_str()) == host.codename.as_deref())
    });
    let unknown = || {
        let words = [host.vendor.as_deref(), host.codename.as_deref()];
        let host = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let example = evaluated.distros.keys().next().map_or_else(|| "debian-12".to_owned(), ToString::to_string);
        UpdateError::NoHostDistro { host: if host.is_empty() { "unknown".to_owned() } else { host }, example }
    };
    Ok(found.map(|distro| distro.name.clone()).ok_or_else(unknown)?)
}
