//! Moving the pins of distros' own source RPMs, and of the source repositories that these are in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Failed, Looking};
use crate::diag::Failure;
use crate::distro::{Distro, Repository, Rpm};
use crate::lock::{Lock, RepositoryPin};
use crate::name::{Arch, DistroName, PackageName};
use crate::ops::holding::Holding;
use crate::ops::pin::Pinner;
use crate::ops::pin::srpms::{Having, SrpmError};

impl Looking<'_> {
    /// Pins the source RPMs of a distro: all of them where its indexes were looked at, else those of selected components and those
    /// that are new.
    pub(super) fn source_rpms(
        &self,
        pinner: &mut Pinner<'_>,
        lock: &mut Lock,
        (distro, rpm): (&Distro, &Rpm),
        is_moved: bool,
        (holding, failed): (&mut Holding<'_>, &mut Failed),
    ) -> Result<(), Failure> {
        let name = &distro.name;
        let (wanted, of_selected) = self.wanted_srpms(name);
        let Some(pin) = lock.distro.get_mut(name) else { return Ok(()) };
        let repositories =
            self.source_repositories(pinner, (distro, rpm), &pin.repository, (is_moved, !wanted.is_empty()));
        let Some(repositories) = self.or_stays(name, repositories, failed)? else { return Ok(()) };
        pin.repository.retain(|pin| pin.arch != Arch::source());
        pin.repository.extend(repositories);
        let known = lock.srpm.entry(name.clone()).or_default();
        known.retain(|source, _| wanted.contains_key(source));
        let mut to_pin: BTreeMap<&PackageName, &str> = BTreeMap::new();
        for (source, file) in &wanted {
            let pinned = known.get(source).map(|pin| pin.version.as_str());
            let is_asked_for = pinned.is_none() || is_moved || of_selected.contains(source);
            if is_asked_for && !holding.keeps_source(source, name, pinned) {
                to_pin.insert(source, file);
            }
        }
        if !to_pin.is_empty() && rpm.source_repositories.is_empty() {
            for (source, file) in to_pin {
                let (distro, name, file) = (name.to_string(), source.to_string(), file.to_owned());
                failed.push((format!("{source}@{distro}"), SrpmError::NoRepositories { distro, name, file }.into()));
            }
        } else if !to_pin.is_empty() {
            let names = to_pin.keys().copied().cloned().collect();
            let index = pinner.source_rpms((distro, rpm), &pin.repository, &names);
            let Some(index) = self.or_stays(name, index, failed)? else { return Ok(()) };
            let keys = self.project.rpm_keys(distro, rpm)?;
            let having = Having { distro, keys: &keys, index: &index };
            for (source, file) in to_pin {
                // The others are looked at all the same, so that one run tells of all that cannot be had.
                match pinner.pin_srpm(&having, source, known.get(source), file) {
                    Ok(pin) => drop(known.insert(source.clone(), pin)),
                    Err(failure) => failed.push((format!("{source}@{name}"), failure)),
                }
            }
        }
        lock.srpm.retain(|_, pins| !pins.is_empty());
        Ok(())
    }

    /// The source RPMs that recipes take of a distro, each with the file of one that does, and those of selected components.
    fn wanted_srpms(&self, distro: &DistroName) -> (BTreeMap<PackageName, String>, BTreeSet<PackageName>) {
        let (mut wanted, mut of_selected) = (BTreeMap::new(), BTreeSet::new());
        let of_distro = self.evaluated.work.iter().filter(|work| work.target.distro == *distro);
        for component in of_distro.map(|work| &work.component).filter(|component| component.skip.is_none()) {
            let Some(source) = component.source_rpm() else { continue };
            wanted.insert(source.clone(), component.file.clone());
            if self.selection.components.contains(&component.name) {
                of_selected.insert(source.clone());
            }
        }
        (wanted, of_selected)
    }

    /// The pins of a distro's source repositories: of those that are used, or of which somebody says where they are.
    ///
    /// Where they are pinned, only `is_moved` changes the pin.
    fn source_repositories(
        &self,
        pinner: &mut Pinner<'_>,
        (distro, rpm): (&Distro, &Rpm),
        before: &[RepositoryPin],
        (is_moved, is_used): (bool, bool),
    ) -> Result<Vec<RepositoryPin>, Failure> {
        let (source, mut pins, mut keys) = (Arch::source(), Vec::new(), None);
        for name in &rpm.source_repositories {
            let known = before.iter().find(|pin| pin.name == *name && pin.arch == source);
            let is_placed = || pinner.archives.knows_place(Repository { distro, name, arch: &source });
            match known {
                Some(known) if !is_moved => pins.push(known.clone()),
                known if is_used || is_moved && is_placed() => {
                    let keys = match &keys {
                        Some(keys) => keys,
                        None => keys.insert(self.project.rpm_keys(distro, rpm)?),
                    };
                    pins.push(pinner.pin_source_repository(distro, (name, keys), known)?);
                }
                _ => {}
            }
        }
        Ok(pins)
    }
}
