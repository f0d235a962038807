//! Moving pins: what each distro's index and each distribution source is pinned to.
//!
//! A distro's pin is the digest of each suite's verified `InRelease` file, or of each repository's `repomd.xml`, with the digests
//! of the index files that it names. A source package's pin follows from the pinned index of sources; its files are fetched once, to record what
//! evaluation must know of them.

mod error;
mod source_rpms;

use std::collections::{BTreeMap, BTreeSet};

pub use error::UpdateError;

use super::holding::{HeldPin, Holding};
use super::pin::checkouts::Pinning;
pub use super::pin::moves::Move;
use super::pin::moves::moves;
use super::pin::{Pinner, archives, extra};
use crate::diag::Failure;
use crate::distro::{Deb, Distro, Packaging};
use crate::eval;
use crate::exec::{Archives, Checkouts, Upstreams};
use crate::lock::{DistroPin, Lock};
use crate::name::{Arch, ComponentName, DistroName, PackageName};
use crate::project::{self, Project};
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
    /// Whether versions that come from tags may go down.
    pub lower_versions: bool,
    /// Whether addresses of archives may have other files than they had.
    pub changed_archives: bool,
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

/// What could not be pinned, each with the reason.
type Failed = Vec<(String, Failure)>;

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
    (archives, checkouts, upstreams): (&Archives<'_>, &Checkouts<'_>, &Upstreams<'_>),
) -> Result<Updated, Failure> {
    let before = project.lock()?;
    let mut lock = before.clone();
    let (mut notices, mut failed) = (Vec::new(), Failed::new());
    let mut pinner = Pinner { project, store, archives, notices: &mut notices };
    let policy = selection.policy.as_ref();
    let mut holding = Holding::of(project, evaluated, policy)?;
    if policy.is_none() {
        holding.refuse(&selection, &before)?;
    }
    let distros = wanted_distros(&selection, evaluated, &before, archives, &mut holding)?;
    let looking = Looking { project, evaluated, selection: &selection, store };
    for (name, arches) in &distros {
        let Some(distro) = evaluated.distros.get(name) else { continue };
        let pin = indexes(&mut pinner, distro, arches, lock.distro.get(name).cloned().unwrap_or_default());
        lock.distro.extend(looking.or_stays(name, pin, &mut failed)?.map(|pin| (name.clone(), pin)));
    }
    for name in lock.distro.keys().cloned().collect::<Vec<_>>() {
        let Some(distro) = evaluated.distros.get(&name) else { continue };
        let is_moved = distros.contains_key(&name);
        let told = (&mut holding, &mut failed);
        let deb = match &distro.packaging {
            Packaging::Deb(deb) => deb,
            Packaging::Rpm(rpm) => {
                looking.source_rpms(&mut pinner, &mut lock, (distro, rpm), is_moved, told)?;
                continue;
            }
        };
        if let Some(pin) = lock.distro.get_mut(&name) {
            let was = pin.clone();
            let pinned = extra::pin(&mut pinner, (distro, deb), &evaluated.work, pin, is_moved);
            if looking.or_stays(&name, pinned, &mut failed)?.is_none() {
                *pin = was;
            }
        }
        looking.source_packages(&mut pinner, &mut lock, (distro, deb), is_moved, (&mut holding, &mut failed))?;
    }
    lock.dsc.retain(|_, pins| !pins.is_empty());
    looking.commits(checkouts, (&before, &mut lock), (&mut holding, &mut failed), &mut notices)?;
    looking.archives(upstreams, &mut lock, (&mut holding, &mut failed), &mut notices);
    if policy.is_none() {
        nothing_failed(&mut failed)?;
    }
    let moves = moves(&before, &lock);
    Ok(Updated { lock, moves, held: holding.met(), notices, failed })
}

/// What is looked at, and for whom.
struct Looking<'a> {
    project: &'a Project,
    evaluated: &'a eval::Project,
    selection: &'a Selection,
    store: &'a Store,
}

impl Looking<'_> {
    /// What became of a pin of `distro`; `None` where a policy lets it stay as it is.
    fn or_stays<T>(
        &self,
        distro: &DistroName,
        pinned: Result<T, Failure>,
        failed: &mut Failed,
    ) -> Result<Option<T>, Failure> {
        match pinned {
            Ok(pin) => Ok(Some(pin)),
            Err(failure) if self.selection.policy.is_some() => {
                failed.push((format!("@{distro}"), failure));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Pins the source packages of a distro: all of them where its indexes were looked at, else those of selected components and
    /// those that are new.
    fn source_packages(
        &self,
        pinner: &mut Pinner<'_>,
        lock: &mut Lock,
        (distro, deb): (&Distro, &Deb),
        is_moved: bool,
        (holding, failed): (&mut Holding<'_>, &mut Failed),
    ) -> Result<(), Failure> {
        let (name, evaluated) = (&distro.name, self.evaluated);
        let pins = lock.distro[name].suite.clone();
        let mut wanted: BTreeMap<PackageName, String> = BTreeMap::new();
        // Pinned distros of RPM packages take source packages of one that has some.
        let pins_now = (&*lock, &self.project.settings);
        let takes = |of: &DistroName| eval::weave::takes_sources(&evaluated.distros, pins_now, name, of);
        let mut of_selected: BTreeSet<&PackageName> = BTreeSet::new();
        let all = evaluated.work.iter().filter(|work| work.component.skip.is_none());
        for work in all.filter(|work| takes(&work.target.distro)) {
            let sources = || work.component.source_packages();
            wanted.extend(sources().map(|name| (name.clone(), work.component.file.clone())));
            if self.selection.components.contains(&work.component.name) {
                of_selected.extend(sources());
            }
        }
        let known = lock.dsc.entry(name.clone()).or_default();
        known.retain(|source, _| wanted.contains_key(source));
        let mut to_pin: BTreeMap<&PackageName, &str> = BTreeMap::new();
        for (source, file) in &wanted {
            let pinned = known.get(source).map(|pin| pin.facts.version.as_str());
            let is_asked_for = pinned.is_none() || is_moved || of_selected.contains(source);
            if is_asked_for && !holding.keeps_source(source, name, pinned) {
                to_pin.insert(source, file);
            }
        }
        if to_pin.is_empty() {
            return Ok(());
        }
        let index = pinner.source_index(distro, deb, &pins);
        let newest = index.and_then(|index| index.newest(&to_pin.keys().copied().collect()));
        let Some(mut newest) = self.or_stays(name, newest, failed)? else { return Ok(()) };
        for (source, file) in to_pin {
            // The others are looked at all the same, so that one run tells of all that cannot be had.
            match pinner.pin_source((distro, deb), source, newest.remove(source), known.get(source), file) {
                Ok(pin) => drop(known.insert(source.clone(), pin)),
                Err(failure) => failed.push((format!("{source}@{name}"), failure)),
            }
        }
        Ok(())
    }

    /// Whether something that these components take is looked at again.
    fn again(&self, of: &[ComponentName]) -> bool {
        let Selection { distros, components, policy, .. } = self.selection;
        let is_all = policy.is_none() && distros.is_empty() && components.is_empty();
        is_all || of.iter().any(|component| components.contains(component))
    }

    /// Pins the commits of repositories.
    fn commits(
        &self,
        checkouts: &Checkouts<'_>,
        (before, lock): (&Lock, &mut Lock),
        (holding, failed): (&mut Holding<'_>, &mut Failed),
        notices: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let wanted = eval::weave::asked_of_checkouts(self.evaluated);
        let known = wanted.iter().filter(|(checkout, (_, of))| lock.checkout.contains_key(*checkout) && self.again(of));
        known.for_each(|(checkout, (_, of))| holding.meets_commit(checkout.to_string(), of));
        let own = match self.project.base_lock()? {
            Some(base) => before.beyond(&base).checkout,
            None => before.checkout.clone(),
        };
        let pinning = Pinning {
            checkouts,
            store: self.store,
            again: &|of| self.again(of) && holding.may_move(of),
            moved_tags: self.selection.moved_tags,
            rewritten: self.selection.policy.is_none(),
            rule: self.project.settings.rule_of(self.project.lock_name()),
            own: &own,
            lower_versions: self.selection.lower_versions,
        };
        pinning.pin(&mut lock.checkout, &wanted, failed, notices);
        Ok(())
    }

    /// Pins the archives of upstream.
    fn archives(
        &self,
        upstreams: &Upstreams<'_>,
        lock: &mut Lock,
        (holding, failed): (&mut Holding<'_>, &mut Failed),
        notices: &mut Vec<String>,
    ) {
        let wanted = eval::weave::asked_of_archives(self.evaluated);
        let known = wanted.iter().filter(|(archive, (_, of))| lock.archive.contains_key(*archive) && self.again(of));
        known.for_each(|(archive, (_, of))| holding.meets_commit(archive.to_string(), of));
        let pinning = archives::Pinning {
            upstreams,
            store: self.store,
            again: &|of| self.again(of) && holding.may_move(of),
            changed: self.selection.changed_archives,
            now: u64::try_from(project::now()).unwrap_or(0),
        };
        pinning.pin(&mut lock.archive, &wanted, failed, notices);
    }
}

/// An error that tells of all that failed; none where nothing did.
fn nothing_failed(failed: &mut Failed) -> Result<(), Failure> {
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
