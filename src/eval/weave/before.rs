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
    /// Which component is for which targets, and what stands beside recipes.
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
        let mut places: BTreeMap<*const Component, u32> = BTreeMap::new();
        let mut variants = Vec::new();
        let place = |component: &Component| {
            *places.entry(&raw const *component).or_insert_with(|| {
                variants.push(Variant::of(component));
                u32::try_from(variants.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let of_work = project.work.iter().map(|work| &*work.component).map(place).collect();
        Self { shape: shape(project), variants, of_work }
    }

    /// The work of `project` that came to something else before, by place, with what it came to; `None` where other
    /// components are for other targets, or other files stand beside recipes.
    pub(super) fn changed(&self, project: &Project) -> Option<Vec<(usize, &Variant)>> {
        if self.shape != shape(project) || self.of_work.len() != project.work.len() {
            return None;
        }
        let mut wholes: BTreeMap<*const Component, Digest> = BTreeMap::new();
        let mut changed = Vec::new();
        for (place, (work, before)) in std::iter::zip(&project.work, &self.of_work).enumerate() {
            let component: &Component = &work.component;
            let before = self.variants.get(*before as usize)?;
            if *wholes.entry(&raw const *component).or_insert_with(|| digest(component)) != before.whole {
                changed.push((place, before));
            }
        }
        Some(changed)
    }
}

fn shape(project: &Project) -> Digest {
    let mut bytes = Bytes::default();
    for work in &project.work {
        (&work.component.name, &work.target).hash(&mut bytes);
    }
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
