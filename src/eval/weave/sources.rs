//! The sources of all components: each local folder is looked at once, each source's facts are read once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::{Project, Work};
use crate::component::{BuildSpec, Component, SourceSpec};
use crate::digest::Digest;
use crate::family::deb::facts::facts;
use crate::family::deb::needs::Source;
use crate::lock::Lock;
use crate::name::{DistroName, PackageName};

/// What is asked of a folder with a source: the texts in it that say how packages are made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asked {
    /// Paths of texts from the source's root.
    pub texts: BTreeSet<String>,
    /// Whether specs are asked for too: every `*.spec` in the source's root, in `rpm/` and in `packaging/`.
    pub specs: bool,
}

/// What evaluation must know of a folder with a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalSource {
    /// Digest of its tree, ignored files left out.
    pub tree: Digest,
    /// The texts that were asked for and are there, by path.
    pub texts: BTreeMap<String, String>,
}

/// Why a folder is no source: a message and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What was asked of folders below the project's root, and what they answered: all keys of the question.
pub type LookAt<'a> = dyn Fn(&BTreeMap<String, Asked>) -> Looked + 'a;

/// What folders answered.
pub type Looked = BTreeMap<String, Result<LocalSource, LocalError>>;

/// All sources of the components that are woven.
pub(in super::super) struct Sources<'a> {
    looked: Looked,
    local: BTreeMap<(String, String), Result<(Source<'a>, Digest), LocalError>>,
    pinned: BTreeMap<&'a DistroName, BTreeMap<&'a PackageName, Source<'a>>>,
}

impl<'a> Sources<'a> {
    /// Looks at the folders of all `work`, and reads the facts of all pins of the distros in it.
    pub fn new(
        project: &Project,
        work: &BTreeMap<&'a DistroName, Vec<&'a Work>>,
        lock: &'a Lock,
        look_at: &LookAt<'_>,
    ) -> Self {
        let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
        let mut places: BTreeSet<(String, String)> = BTreeSet::new();
        let mut seen: BTreeSet<*const Component> = BTreeSet::new();
        let is_rpm = |name: &DistroName| project.distros.get(name).is_some_and(|distro| distro.rpm().is_some());
        for (family_is_rpm, work) in
            work.iter().flat_map(|(name, all)| all.iter().map(move |work| (is_rpm(name), work)))
        {
            let SourceSpec::Path { folder } = &work.component.source else { continue };
            if family_is_rpm {
                let asked = asked.entry(folder_of(folder.as_ref())).or_default();
                match work.component.build.file() {
                    Some(file) => drop(asked.texts.insert(file.to_string())),
                    None => asked.specs = true,
                }
            } else if seen.insert(&raw const *work.component) {
                let (folder, debian) = (folder_of(folder.as_ref()), debian_of(&work.component));
                let texts = &mut asked.entry(folder.clone()).or_default().texts;
                texts.extend(["control", "changelog", "source/format"].map(|name| format!("{debian}/{name}")));
                places.insert((folder, debian));
            }
        }
        let looked = if asked.is_empty() { Looked::new() } else { look_at(&asked) };
        let local = places.into_iter().map(|place| {
            let read = local(&looked, &place);
            (place, read)
        });
        let pins = work.keys().filter_map(|distro| Some((*distro, lock.dsc.get(*distro)?)));
        let pinned = pins.map(|(distro, pins)| {
            let read = pins.iter().map(|(name, pin)| (name, Source::new(Cow::Borrowed(&pin.facts))));
            (distro, read.collect())
        });
        let local = local.collect();
        Self { pinned: pinned.collect(), local, looked }
    }

    /// What the folder of a local source has answered.
    ///
    /// # Errors
    /// Where it is no source.
    pub fn folder(&self, folder: Option<&String>) -> Result<&LocalSource, LocalError> {
        let folder = folder_of(folder);
        let missing = || LocalError {
            message: format!("the folder `{folder}` was not looked at"),
            help: "report this: it is a mistake in opb".to_owned(),
        };
        self.looked.get(&folder).ok_or_else(missing)?.as_ref().map_err(Clone::clone)
    }

    /// The source of a component of `distro`, and the tree of a local one.
    ///
    /// # Errors
    /// Where it has no pin, or its folder is no source.
    pub fn of<'s>(
        &'s self,
        distro: &DistroName,
        component: &Component,
    ) -> Result<(&'s Source<'a>, Option<Digest>), LocalError> {
        match &component.source {
            SourceSpec::Dsc { name } => {
                let pins = self.pinned.get(distro);
                let pinned = pins.and_then(|pins| pins.get(name)).ok_or_else(|| LocalError {
                    message: format!("the source package `{name}` of {distro} is not pinned"),
                    help: format!("run `opb update {}`, which looks it up and writes `opb.lock`", component.name),
                })?;
                Ok((pinned, None))
            }
            SourceSpec::Path { folder } => {
                let place = (folder_of(folder.as_ref()), debian_of(component));
                let found = self.local.get(&place).ok_or_else(|| LocalError {
                    message: format!("the folder `{}` was not asked for its `{}`", place.0, place.1),
                    help: format!("it makes no `.deb` packages for {distro}"),
                })?;
                let (source, tree) = found.as_ref().map_err(Clone::clone)?;
                let format = &source.facts.format;
                if !component.stamp.is_empty() && format == "3.0 (custom)" {
                    return Err(LocalError {
                        message: format!("files of a source in the format `{format}` cannot be stamped"),
                        help: "remove `stamp`, or use the format `3.0 (quilt)` or `3.0 (native)`".to_owned(),
                    });
                }
                Ok((source, Some(*tree)))
            }
        }
    }
}

fn folder_of(folder: Option<&String>) -> String {
    folder.map_or_else(|| ".".to_owned(), Clone::clone)
}

/// The folder with Debian packaging, from the source's root.
fn debian_of(component: &Component) -> String {
    match &component.build {
        BuildSpec::Debian { folder: Some(folder) } => folder.to_string(),
        _ => "debian".to_owned(),
    }
}

fn local<'a>(looked: &Looked, (folder, debian): &(String, String)) -> Result<(Source<'a>, Digest), LocalError> {
    let found = looked.get(folder).cloned().unwrap_or_else(|| {
        let message = format!("the folder `{folder}` was not looked at");
        Err(LocalError { message, help: "report this: it is a mistake in opb".to_owned() })
    })?;
    let text = |name: &str| found.texts.get(&format!("{debian}/{name}")).map(String::as_str);
    let needed = |name: &str| {
        text(name).ok_or_else(|| LocalError {
            message: format!("the folder `{folder}` has no `{debian}/{name}`"),
            help: "add Debian packaging to the source, or name the folder that has it".to_owned(),
        })
    };
    let facts = facts(needed("control")?, needed("changelog")?, text("source/format")).map_err(|error| LocalError {
        message: crate::diag::chain(&error),
        help: format!("mend the file in the source's `{debian}/` folder"),
    })?;
    Ok((Source::new(Cow::Owned(facts)), found.tree))
}
