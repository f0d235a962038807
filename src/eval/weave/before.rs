//! What a graph was woven from, in short: enough to see which components changed since, and in what.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::super::Project;
use crate::component::{BuildSpec, Component, Text};
use crate::digest::Digest;

/// The components that a graph was woven from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// By recipe file; without those that no component is built of.
    files: BTreeMap<String, OfFile>,
    /// What stands beside recipes.
    beside: Digest,
}

/// The components of a recipe file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OfFile {
    /// Which component is for which targets.
    shape: Digest,
    variants: Vec<Variant>,
    /// For each component and target, in order, which variant it came to.
    of_work: Vec<u32>,
}

/// What a component came to for some targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Variant {
    whole: Digest,
    /// Of all but the fields that follow here and the environment.
    pub rest: Digest,
    pub profiles: BTreeSet<String>,
    pub bcond: BTreeMap<String, bool>,
    pub define: BTreeMap<String, String>,
    /// Whether values of its environment are learned in a root.
    pub probes: bool,
}

impl Variant {
    pub(super) fn of(component: &Component) -> Self {
        let mut rest = component.clone();
        rest.env.clear();
        let profiles = std::mem::take(&mut rest.profiles);
        let (bcond, define) = match &mut rest.build {
            BuildSpec::Spec { bcond, define, .. } => (std::mem::take(bcond), std::mem::take(define)),
            _ => (BTreeMap::new(), BTreeMap::new()),
        };
        let probes = component.env.values().flat_map(Text::probes).next().is_some();
        Self { whole: digest(component), rest: digest(&rest), profiles, bcond, define, probes }
    }

    /// `component` as it was before, where only what stands here and the environment differ.
    pub(super) fn in_place_of(&self, component: &Component) -> Component {
        let mut old = component.clone();
        old.profiles.clone_from(&self.profiles);
        if let BuildSpec::Spec { bcond, define, .. } = &mut old.build {
            bcond.clone_from(&self.bcond);
            define.clone_from(&self.define);
        }
        old
    }
}

impl Before {
    /// Of a project.
    pub fn of(project: &Project) -> Self {
        let files = by_file(project).into_iter();
        Self {
            files: files.map(|(file, places)| (file.to_owned(), OfFile::of(project, &places))).collect(),
            beside: beside(project),
        }
    }

    /// The same, where the recipe files `read` were read again alone and came to `part`.
    #[must_use]
    pub fn with(mut self, read: &BTreeSet<String>, part: &Project) -> Self {
        self.files.retain(|file, _| !read.contains(file));
        self.files.extend(Self::of(part).files);
        self
    }

    /// How many components it has, each counted for each target.
    pub(super) fn work(&self) -> usize {
        self.files.values().map(|of_file| of_file.of_work.len()).sum()
    }

    /// The work of `project` that came to something else before, by place, with what it came to; `None` where other
    /// components are for other targets, or other files stand beside recipes. Where `read` names recipe files, the
    /// project has what these came to alone, and all that stands beside recipes is as it was.
    pub(super) fn changed(&self, project: &Project, read: Option<&BTreeSet<String>>) -> Option<Vec<(usize, &Variant)>> {
        let now = by_file(project);
        let is_same = match read {
            None => self.beside == beside(project) && now.len() == self.files.len(),
            Some(read) => read.iter().all(|file| now.contains_key(file.as_str()) == self.files.contains_key(file)),
        };
        if !is_same {
            return None;
        }
        let mut changed = Vec::new();
        for (file, places) in now {
            self.files.get(file)?.changed(project, &places, &mut changed)?;
        }
        changed.sort_unstable_by_key(|(place, _)| *place);
        Some(changed)
    }
}

impl OfFile {
    /// Of the work of `project` at `places`.
    fn of(project: &Project, places: &[usize]) -> Self {
        let mut known: BTreeMap<*const Component, u32> = BTreeMap::new();
        let mut variants = Vec::new();
        let place = |at: &usize| {
            let component: &Component = &project.work[*at].component;
            *known.entry(&raw const *component).or_insert_with(|| {
                variants.push(Variant::of(component));
                u32::try_from(variants.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let of_work = places.iter().map(place).collect();
        Self { shape: shape(project, places), variants, of_work }
    }

    fn changed<'a>(&'a self, project: &Project, places: &[usize], into: &mut Vec<(usize, &'a Variant)>) -> Option<()> {
        if self.shape != shape(project, places) || self.of_work.len() != places.len() {
            return None;
        }
        let mut wholes: BTreeMap<*const Component, Digest> = BTreeMap::new();
        for (place, before) in std::iter::zip(places, &self.of_work) {
            let component: &Component = &project.work[*place].component;
            let before = self.variants.get(*before as usize)?;
            if *wholes.entry(&raw const *component).or_insert_with(|| digest(component)) != before.whole {
                into.push((*place, before));
            }
        }
        Some(())
    }
}

/// The places of a project's work by the recipe file that it is written in.
fn by_file(project: &Project) -> BTreeMap<&str, Vec<usize>> {
    let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, work) in project.work.iter().enumerate() {
        files.entry(work.component.file.as_str()).or_default().push(place);
    }
    files
}

fn shape(project: &Project, places: &[usize]) -> Digest {
    let mut bytes = Bytes::default();
    for work in places.iter().map(|place| &project.work[*place]) {
        (&work.component.name, &work.target).hash(&mut bytes);
    }
    bytes.digest()
}

fn beside(project: &Project) -> Digest {
    let mut bytes = Bytes::default();
    project.beside.hash(&mut bytes);
    bytes.digest()
}

/// Good within one build of this program: of all fields, whichever there are.
fn digest(component: &Component) -> Digest {
    let mut bytes = Bytes::default();
    component.hash(&mut bytes);
    bytes.digest()
}

/// What a value hands to a hasher.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    fn finish(&self) -> u64 {
        // The digest is what is asked for.
        self.0.len() as u64
    }
}
