//! Sources in repositories of version control: what their pins say stands for what a folder answers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::Project;
use super::sources::{Asked, LocalError, LocalSource, Looked, ask};
use crate::component::Component;
use crate::digest::Digest;
use crate::family::deb::needs::Source;
use crate::family::stamped::Stamped;
use crate::graph::Origin;
use crate::lock::{CheckoutPin, Lock};
use crate::name::ComponentName;
use crate::remote::Checkout;
use crate::settings::{Settings, SourceRule};

/// How keys begin. No folder of a project is called so, as it has two `/` in a row.
pub(super) const KEY: &str = "//";

/// What stands between what is shown of a key and what only tells it from others.
pub(super) const BEHIND: char = '\n';

/// What a checkout's answer stands under, among those of folders.
pub(super) fn key(checkout: &Checkout) -> String {
    format!("{KEY}{checkout}")
}

/// Whether the answer of a checkout stands under `key`.
pub(super) fn is_key(key: &str) -> bool {
    key.starts_with(KEY)
}

/// What stands under `key`, for people.
pub(super) fn shown(key: &str) -> String {
    match key.strip_prefix(KEY) {
        Some(checkout) => format!("`{}`", checkout.split(BEHIND).next().unwrap_or_default()),
        None => format!("the folder `{key}`"),
    }
}

/// What the pins of `checkouts` say, by key. Each comes with a component that it is a source of.
pub(super) fn looked_up(checkouts: &BTreeMap<&Checkout, &ComponentName>, lock: &Lock) -> Looked {
    let mut looked = Looked::new();
    for (checkout, component) in checkouts {
        looked.entry(key(checkout)).or_insert_with(|| {
            let pin = pin(checkout, lock, component)?;
            Ok(LocalSource { tree: pin.tree, texts: pin.texts.clone() })
        });
    }
    looked
}

/// What is written into source packages of checkouts whose versions come from tags, by key.
pub(super) type Stamps = BTreeMap<String, Arc<Stamped>>;

/// What the pins of `checkouts` say of their versions, where these come from tags.
pub(super) fn stamped(checkouts: &BTreeMap<&Checkout, &ComponentName>, lock: &Lock) -> Stamps {
    let all = checkouts.keys().filter_map(|checkout| {
        let stamped = Stamped::of(checkout, lock.checkout.get(checkout)?)?;
        Some((key(checkout), Arc::new(stamped)))
    });
    all.collect()
}

/// A Debian source with what is written into it.
///
/// # Errors
/// Where its version comes out too long.
pub(super) fn stamp<'a>(
    (source, tree): (Source<'a>, Digest),
    stamped: Option<&Arc<Stamped>>,
) -> Result<(Source<'a>, Digest), LocalError> {
    let Some(stamped) = stamped else { return Ok((source, tree)) };
    let mut facts = source.facts.into_owned();
    stamped.stamp(&mut facts).map_err(|error| LocalError {
        message: error.to_string(),
        help: "give the repository a shorter tag, or the newest entry of `debian/changelog` a shorter version"
            .to_owned(),
    })?;
    Ok((Source::new(Cow::Owned(facts)).stamped(stamped.clone()), tree))
}

/// Where the tree of a checkout comes from.
///
/// # Errors
/// Where it is not pinned.
pub(super) fn origin(checkout: &Checkout, lock: &Lock, component: &ComponentName) -> Result<Origin, LocalError> {
    let pin = pin(checkout, lock, component)?;
    let (commit, found) = (pin.commit.clone(), pin.found.clone());
    Ok(Origin::Checkout { of: Box::new(checkout.clone()), commit, found })
}

fn pin<'l>(checkout: &Checkout, lock: &'l Lock, component: &ComponentName) -> Result<&'l CheckoutPin, LocalError> {
    lock.checkout.get(checkout).ok_or_else(|| LocalError {
        message: format!("`{checkout}` is not pinned"),
        help: format!("run `opb update {component}`, which looks it up and writes `opb.lock`"),
    })
}

/// The components of which a source has no release that is pinned, where the lock has releases alone.
pub(super) fn unreleased<'a>(project: &'a Project, lock: &Lock, settings: &Settings) -> BTreeSet<&'a ComponentName> {
    if settings.rule_of(lock.name.as_ref()) != SourceRule::Releases {
        return BTreeSet::new();
    }
    let lacks = |checkout: &Checkout| checkout.at_release().is_some() && !lock.checkout.contains_key(checkout);
    let works =
        project.work.iter().filter(|work| work.component.skip.is_none() && work.component.checkouts().any(lacks));
    works.map(|work| &work.component.name).collect()
}

/// What the recipes of a project ask its checkouts for, each with the components that it is a source of.
pub fn asked_of_checkouts(project: &Project) -> BTreeMap<Checkout, (Asked, Vec<ComponentName>)> {
    asked_of(project, Component::checkouts, key)
}

/// What recipes ask for of what `sources` gives of a component, each with the components that it is a source of; the answer
/// stands under what `key` makes of it. Those that are skipped everywhere ask for nothing.
pub(super) fn asked_of<'p, S: Clone + Ord + 'p, I: Iterator<Item = &'p S>>(
    project: &'p Project,
    sources: impl Fn(&'p Component) -> I,
    key: impl Fn(&S) -> String,
) -> BTreeMap<S, (Asked, Vec<ComponentName>)> {
    let (mut asked, mut all) = (BTreeMap::new(), BTreeMap::<S, Vec<ComponentName>>::new());
    for work in project.work.iter().filter(|work| work.component.skip.is_none()) {
        if sources(&work.component).next().is_none() {
            continue;
        }
        let is_rpm = project.distros.get(&work.target.distro).is_some_and(|distro| distro.rpm().is_some());
        ask(&work.component, is_rpm, &mut asked);
        for source in sources(&work.component) {
            let of = all.entry(source.clone()).or_default();
            if !of.contains(&work.component.name) {
                of.push(work.component.name.clone());
            }
        }
    }
    let with_asked = |(source, of): (S, Vec<ComponentName>)| {
        let asked = asked.remove(&key(&source)).unwrap_or_default();
        (source, (asked, of))
    };
    all.into_iter().map(with_asked).collect()
}
