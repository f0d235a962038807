//! Archives of upstream and source RPMs: what their pins say stands for what a folder answers.

use std::collections::BTreeMap;

use super::super::Project;
use super::sources::{Asked, LocalError, LocalSource, Looked, Sources};
use super::{asked_of, checkouts};
use crate::component::{Component, SourceSpec};
use crate::digest::Digest;
use crate::family::rpm::{Upstream, takes_upstream};
use crate::graph::Origin;
use crate::lock::{ArchivePin, Lock};
use crate::name::ComponentName;
use crate::remote::archive::{Archive, Packing};

/// What an archive's answer stands under, among those of folders.
pub(super) fn key(archive: &Archive) -> String {
    // Two that are shown alike may differ in what is expected of them.
    let expected = archive.sha256.as_deref().unwrap_or_default();
    format!("{}{archive}{}{expected}", checkouts::KEY, checkouts::BEHIND)
}

/// What the pins of `archives` say, by key. Each comes with a component that it is a source of.
pub(super) fn looked_up<'a>(archives: impl Iterator<Item = (&'a Archive, &'a ComponentName)>, lock: &Lock) -> Looked {
    let mut looked = Looked::new();
    for (archive, component) in archives {
        looked.entry(key(archive)).or_insert_with(|| {
            let pin = pin(archive, lock, component)?;
            Ok(LocalSource { tree: pin.tree, texts: pin.texts.clone() })
        });
    }
    looked
}

/// Where the tree of what an archive holds comes from.
///
/// # Errors
/// Where it is not pinned.
pub(super) fn origin(archive: &Archive, lock: &Lock, component: &ComponentName) -> Result<Origin, LocalError> {
    Ok(origin_of(archive, pin(archive, lock, component)?, false))
}

fn origin_of(archive: &Archive, pin: &ArchivePin, as_it_is: bool) -> Origin {
    let (of, file, signature) = (Box::new(archive.clone()), pin.file.clone(), pin.signature.clone());
    Origin::Archive { of, file, packing: pin.packing, signature, as_it_is }
}

fn pin<'l>(archive: &Archive, lock: &'l Lock, component: &ComponentName) -> Result<&'l ArchivePin, LocalError> {
    lock.archive.get(archive).ok_or_else(|| LocalError {
        message: format!("`{archive}` is not pinned"),
        help: format!("run `opb update {component}`, which looks at it and writes `opb.lock`"),
    })
}

/// What the recipes of a project ask its archives for, each with the components that it is a source of.
pub fn asked_of_archives(project: &Project) -> BTreeMap<Archive, (Asked, Vec<ComponentName>)> {
    asked_of(project, Component::archives, key)
}

impl Sources<'_> {
    /// The tree that holds the archive that a component is made of, as it came, and where that is from; `None` where nothing is
    /// made of it as it is, which `takes` says.
    ///
    /// # Errors
    /// Where it is not pinned.
    pub(super) fn as_it_is(
        &self,
        component: &Component,
        takes: impl Fn(&Component, &Archive, Packing) -> bool,
    ) -> Result<Option<(Digest, Origin)>, LocalError> {
        let SourceSpec::Archive(archive) = &component.source else { return Ok(None) };
        let pin = pin(archive, self.lock, &component.name)?;
        let is_taken = takes(component, archive, pin.packing);
        Ok(is_taken.then(|| (pin.upstream, origin_of(archive, pin, true))))
    }

    /// The archive of upstream that builds for RPM distros take as it is; `None` where there is none.
    ///
    /// # Errors
    /// Where it is not pinned.
    pub(super) fn upstream(&self, component: &Component) -> Result<Option<Upstream>, LocalError> {
        let SourceSpec::Archive(archive) = &component.source else { return Ok(None) };
        let pin = pin(archive, self.lock, &component.name)?;
        Ok(takes_upstream(component, archive, pin.packing).then(|| Upstream::of_archive(pin)))
    }
}
