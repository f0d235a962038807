//! The sources of all components: each local folder is looked at once, each source's facts are read once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Project, Work};
use super::archives;
use super::checkouts::{self, Stamps};
use super::laid::{Layer, layers};
use super::{source_distro, srpms};
use crate::component::{BuildSpec, Component, FilesBeside, SourceSpec};
use crate::digest::Digest;
use crate::family::deb::facts::facts;
use crate::family::deb::needs::Source;
use crate::family::rpm::Specs;
use crate::family::stamped::Stamped;
use crate::graph::Origin;
use crate::lock::{DscPin, Lock};
use crate::name::{ComponentName, DistroName, PackageName};
use crate::remote::Checkout;
use crate::settings::Settings;

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
    beside: &'a FilesBeside,
    pub(super) lock: &'a Lock,
    local: BTreeMap<Place, Result<(Source<'a>, Digest), LocalError>>,
    pinned: BTreeMap<&'a DistroName, BTreeMap<&'a PackageName, Source<'a>>>,
    /// Whose source packages distros of RPM packages take.
    source_distro: Result<&'a DistroName, LocalError>,
    specs: Specs,
    stamped: Stamps,
}

/// Where the packaging of a local source is read from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    folder: String,
    /// The folder with Debian packaging, from the source's root.
    debian: String,
    /// What is laid over it.
    layers: Vec<Layer>,
}

/// What is read of Debian packaging.
const TEXTS: [&str; 3] = ["control", "changelog", "source/format"];

impl<'a> Sources<'a> {
    /// Looks at the folders of all `work`, and reads the facts of all pins of the distros in it.
    pub fn new(
        project: &'a Project,
        work: &BTreeMap<&'a DistroName, Vec<&'a Work>>,
        (lock, settings): (&'a Lock, &Settings),
        look_at: &LookAt<'_>,
    ) -> Self {
        let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
        let mut places: BTreeSet<Place> = BTreeSet::new();
        let mut seen: BTreeSet<(bool, *const Component)> = BTreeSet::new();
        let is_rpm = |name: &DistroName| project.distros.get(name).is_some_and(|distro| distro.rpm().is_some());
        for (family_is_rpm, work) in
            work.iter().flat_map(|(name, all)| all.iter().map(move |work| (is_rpm(name), work)))
        {
            let component = &*work.component;
            if !seen.insert((family_is_rpm, &raw const *component)) {
                continue;
            }
            ask(component, family_is_rpm, &mut asked);
            if !family_is_rpm {
                places.extend(place_of(component));
            }
        }
        asked.retain(|folder, _| !checkouts::is_key(folder));
        let mut looked = if asked.is_empty() { Looked::new() } else { look_at(&asked) };
        let components = || work.values().flatten().map(|work| -> &Component { &work.component });
        let all = components().flat_map(|component| component.checkouts().map(|checkout| (checkout, &component.name)));
        let all: BTreeMap<&Checkout, &ComponentName> = all.collect();
        looked.extend(checkouts::looked_up(&all, lock));
        let stamped = checkouts::stamped(&all, lock);
        let files = components().flat_map(|component| component.archives().map(|archive| (archive, &component.name)));
        looked.extend(archives::looked_up(files, lock));
        let beside = &project.beside;
        let local = places.into_iter().map(|place| {
            let read = local(&looked, beside, &place);
            let read = read.and_then(|read| checkouts::stamp(read, stamped.get(&place.folder)));
            (place, read)
        });
        let pins = work.keys().filter_map(|distro| Some((*distro, lock.dsc.get(*distro)?)));
        let pinned = pins.map(|(distro, pins)| {
            let read = pins.iter().map(|(name, pin)| (name, Source::new(Cow::Borrowed(&pin.facts))));
            (distro, read.collect())
        });
        let local = local.collect();
        let source_distro = source_distro(&project.distros, lock, settings);
        Self { pinned: pinned.collect(), local, looked, beside, lock, source_distro, specs: Specs::default(), stamped }
    }

    /// The source package that `component` is made of on a distro of RPM packages, and whose it is.
    ///
    /// # Errors
    /// Where nothing says whose, or it is not pinned.
    pub fn of_other(
        &self,
        name: &PackageName,
        component: &ComponentName,
    ) -> Result<(&'a DistroName, &DscPin), LocalError> {
        let distro = self.source_distro.clone()?;
        Ok((distro, self.pin(distro, name, component)?))
    }

    /// What is in files beside recipes.
    pub fn beside(&self) -> &'a FilesBeside {
        self.beside
    }

    /// Specs that have been read.
    pub fn specs(&self) -> &Specs {
        &self.specs
    }

    /// What is written into the source package of a source whose version comes from tags; `None` of any other.
    pub fn stamped(&self, source: &SourceSpec) -> Option<&Arc<Stamped>> {
        self.stamped.get(&key_of(source)?)
    }

    /// What is known of a source that is no source package of a distribution: its folder has answered, or its pin says it.
    ///
    /// # Errors
    /// Where it is no source, or not pinned.
    pub fn own(&self, source: &SourceSpec) -> Result<&LocalSource, LocalError> {
        self.looked_at(&key_of(source).unwrap_or_default())
    }

    /// The same by the key of its answer.
    ///
    /// # Errors
    /// As [`Sources::own`].
    pub fn looked_at(&self, key: &str) -> Result<&LocalSource, LocalError> {
        self.looked.get(key).ok_or_else(|| not_looked_at(key))?.as_ref().map_err(Clone::clone)
    }

    /// Where the tree of such a source comes from.
    ///
    /// # Errors
    /// Where it is not pinned.
    pub fn origin(&self, source: &SourceSpec, component: &ComponentName) -> Result<Origin, LocalError> {
        origin(source, self.lock, component)
    }

    /// The pin of a source package that is laid into the source of `component`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn pin(
        &self,
        distro: &DistroName,
        name: &PackageName,
        component: &ComponentName,
    ) -> Result<&DscPin, LocalError> {
        let pin = self.lock.dsc.get(distro).and_then(|pins| pins.get(name));
        pin.ok_or_else(|| unpinned(distro, name, component))
    }

    /// The texts of a source for which it was asked, by path, with what is laid over them; of a source package of a
    /// distribution these alone.
    ///
    /// # Errors
    /// Where its folder, or what is laid over it, cannot be read.
    pub fn texts(
        &self,
        distro: &DistroName,
        component: &Component,
    ) -> Result<Cow<'_, BTreeMap<String, String>>, LocalError> {
        let mut texts = match &component.source {
            SourceSpec::Dsc { .. } => Cow::Owned(BTreeMap::new()),
            SourceSpec::Srpm { name } => Cow::Borrowed(&self.srpm(distro, name, &component.name)?.texts),
            own => Cow::Borrowed(&self.own(own)?.texts),
        };
        let named = component.build.file().map(ToString::to_string);
        let is_wanted = |path: &str| match &named {
            Some(file) => path == file,
            None => {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                ["", "packaging", "rpm"].contains(&folder) && name.ends_with(".spec")
            }
        };
        for layer in layers(component) {
            // Other files need not be text.
            if layer.folder().is_some() || is_wanted(layer.to()) {
                let over = layer.texts(&self.looked, self.beside)?;
                let mut over = over.into_iter().filter(|(path, _)| is_wanted(path)).peekable();
                if over.peek().is_some() {
                    texts.to_mut().extend(over);
                }
            }
        }
        Ok(texts)
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
                let pinned = pins.and_then(|pins| pins.get(name));
                Ok((pinned.ok_or_else(|| unpinned(distro, name, &component.name))?, None))
            }
            SourceSpec::Srpm { name } => Err(srpms::of_deb(distro, name)),
            SourceSpec::Path { .. } | SourceSpec::Checkout(_) | SourceSpec::Archive(_) => {
                let place = place_of(component).ok_or_else(|| not_looked_at(component.name.as_str()))?;
                let found = self.local.get(&place).ok_or_else(|| LocalError {
                    message: format!("{} was not asked for its `{}`", checkouts::shown(&place.folder), place.debian),
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

/// What `component` asks its sources for.
pub(super) fn ask(component: &Component, family_is_rpm: bool, asked: &mut BTreeMap<String, Asked>) {
    for layer in layers(component) {
        if let Some(folder) = layer.folder() {
            let asked = asked.entry(folder.clone()).or_default();
            match component.build.file() {
                Some(file) if family_is_rpm => layer.ask(asked, &[file.to_string()]),
                None if family_is_rpm => layer.ask_specs(asked),
                _ => layer.ask(asked, &texts_of(component, layer.is_source)),
            }
        }
    }
    let Some(key) = key_of(&component.source) else { return };
    let asked = asked.entry(key).or_default();
    match component.build.file() {
        Some(file) if family_is_rpm => drop(asked.texts.insert(file.to_string())),
        None if family_is_rpm => asked.specs = true,
        _ => asked.texts.extend(texts_of(component, true)),
    }
}

/// What a source's answer stands under; `None` of a source package of a distribution, `.src.rpm` or not, which is not asked.
pub(super) fn key_of(source: &SourceSpec) -> Option<String> {
    match source {
        SourceSpec::Path { folder } => Some(folder_of(folder.as_ref())),
        SourceSpec::Checkout(checkout) => Some(checkouts::key(checkout)),
        SourceSpec::Archive(archive) => Some(archives::key(archive)),
        SourceSpec::Dsc { .. } | SourceSpec::Srpm { .. } => None,
    }
}

/// Where the tree of a source comes from that is no source package of a distribution.
///
/// # Errors
/// Where it is not pinned.
pub(super) fn origin(source: &SourceSpec, lock: &Lock, component: &ComponentName) -> Result<Origin, LocalError> {
    match source {
        SourceSpec::Checkout(checkout) => checkouts::origin(checkout, lock, component),
        SourceSpec::Archive(archive) => archives::origin(archive, lock, component),
        source => Ok(Origin::Folder(key_of(source).unwrap_or_default())),
    }
}

fn not_looked_at(key: &str) -> LocalError {
    LocalError {
        message: format!("{} was not looked at", checkouts::shown(key)),
        help: "report this: it is a mistake in opb".to_owned(),
    }
}

pub(super) fn folder_of(folder: Option<&String>) -> String {
    folder.map_or_else(|| ".".to_owned(), Clone::clone)
}

/// The folder with Debian packaging, from the source's root.
pub(super) fn debian_of(component: &Component) -> String {
    match &component.build {
        BuildSpec::Debian { folder: Some(folder) } => folder.to_string(),
        _ => "debian".to_owned(),
    }
}

fn unpinned(distro: &DistroName, name: &PackageName, component: &ComponentName) -> LocalError {
    LocalError {
        message: format!("the source package `{name}` of {distro} is not pinned"),
        help: format!("run `opb update {component}`, which looks it up and writes `opb.lock`"),
    }
}

/// Where a pinned source package comes from.
pub(super) fn pin_origin(distro: &DistroName, pin: &DscPin) -> Origin {
    Origin::Dsc {
        distro: distro.clone(),
        suite: pin.suite.clone(),
        directory: pin.directory.clone(),
        files: pin.files.clone(),
    }
}

/// The texts of Debian packaging, by path in the source: where a source has them, or where they are made of them.
fn texts_of(component: &Component, in_source: bool) -> [String; 3] {
    let debian = if in_source { debian_of(component) } else { "debian".to_owned() };
    TEXTS.map(|name| format!("{debian}/{name}"))
}

/// Where its Debian packaging is read from; `None` of a source package of a distribution.
pub(super) fn place_of(component: &Component) -> Option<Place> {
    let folder = key_of(&component.source)?;
    let holds = |layer: &Layer| texts_of(component, layer.is_source).iter().any(|path| layer.inside(path).is_some());
    let layers = layers(component).filter(holds).collect();
    Some(Place { folder, debian: debian_of(component), layers })
}

pub(super) fn local<'a>(
    looked: &Looked,
    beside: &FilesBeside,
    place: &Place,
) -> Result<(Source<'a>, Digest), LocalError> {
    let Place { folder, debian, layers } = place;
    let found = looked.get(folder).cloned().unwrap_or_else(|| Err(not_looked_at(folder)))?;
    let mut texts = found.texts;
    // First what is in the source; then, where that has become `debian/`, what lies over it.
    for layer in layers.iter().filter(|layer| layer.is_source) {
        texts.extend(layer.texts(looked, beside)?);
    }
    if debian != "debian" {
        for name in TEXTS {
            let moved = texts.remove(&format!("{debian}/{name}"));
            texts.remove(&format!("debian/{name}"));
            texts.extend(moved.map(|text| (format!("debian/{name}"), text)));
        }
    }
    for layer in layers.iter().filter(|layer| !layer.is_source) {
        texts.extend(layer.texts(looked, beside)?);
    }
    let text = |name: &str| texts.get(&format!("debian/{name}")).map(String::as_str);
    let needed = |name: &str| {
        text(name).ok_or_else(|| LocalError {
            message: format!("{} has no `{debian}/{name}`", checkouts::shown(folder)),
            help: "add Debian packaging to the source, or name the folder that has it".to_owned(),
        })
    };
    let facts = facts(needed("control")?, needed("changelog")?, text("source/format")).map_err(|error| LocalError {
        message: crate::diag::chain(&error),
        help: format!("mend the file in the source's `{debian}/` folder"),
    })?;
    Ok((Source::new(Cow::Owned(facts)), found.tree))
}
