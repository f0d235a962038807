//! Nodes that choose the exact packages of a root.

use std::sync::Arc;

use super::context::{Context, Job};
use super::error::NodeError;
use super::packages::{self, sha256_of};
use super::sources::{insert, one};
use super::testing;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::distro::{Distro, Taken};
use crate::drv::{self, Outputs, Resolve};
use crate::name::{ComponentName, RepositoryName};
use crate::package::{deb, index};
use crate::solve::{self, Extra, OurPackage, Universe};
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// The most bytes of a slim index.
const MAX_INDEX: u64 = 1 << 30;

/// Answers the question of `job` with a package list.
///
/// # Errors
/// Where no packages meet it, with the reason.
pub fn resolve(ctx: &Context<'_>, job: &Job<'_>, question: &Resolve) -> Result<Outputs, Failure> {
    let (_, index) = job.input("index")?;
    let universe = universe(ctx, index, &question.arch)?;
    let of_extra = |role: &str| job.input(role).ok().map(|(_, digest)| digest);
    let missing = || NodeError::NoInput { role: "index of an extra repository".to_owned() };
    let extras = extras(ctx, question, of_extra)?.ok_or_else(missing)?;
    let base = job.input("base").ok().map(|(_, base)| packages::list(ctx, base)).transpose()?;
    let mut ours = Vec::new();
    for (role, digest) in job.inputs("packages of ")? {
        let component = role.split('/').next().unwrap_or(role);
        let component = ComponentName::new(component).map_err(|_| NodeError::NoInput { role: role.to_owned() })?;
        ours.extend(our_packages(ctx, &component, digest)?);
    }
    ctx.phase(job.node(), "choosing packages");
    let unseen = unseen(ctx, job, question);
    let choose = |question: &Resolve| solve::resolve((&universe, &extras), &ours, question, base.as_ref());
    if question.tests.is_some() {
        let texts = testing::Texts::of(ctx, &ctx.store.get_tree(job.input("source")?.1)?)?;
        let components = ours.iter().map(|package| package.component.to_string()).collect();
        let here = testing::Here { components: &components, unseen: &unseen };
        let chosen = testing::choose(&texts, question, here, &choose)?;
        return Ok(one("list", ctx.store.put_tree(&chosen.put(ctx)?)?));
    }
    let list = choose(question).map_err(|error| error.without(unseen))?;
    let text = list.encode();
    let digest = ctx.store.put_bytes(text.as_bytes())?;
    let mut tree = Tree::default();
    insert(&mut tree, "list", Entry::File { digest, size: text.len() as u64, executable: false })?;
    Ok(one("list", ctx.store.put_tree(&tree)?))
}

/// The packages of the index in the tree `digest`, read once.
///
/// # Errors
/// Where it cannot be read.
pub fn universe(ctx: &Context<'_>, digest: Digest, arch: &str) -> Result<Arc<Universe>, Failure> {
    ctx.universe(digest, || read_universe(ctx.store, digest, arch))
}

/// The index in the tree `digest`: a file for each area of a suite, in the suites' order by name.
///
/// # Errors
/// Where it cannot be read.
pub fn read_universe(store: &Store, digest: Digest, arch: &str) -> Result<Universe, Failure> {
    let mut suites = Vec::new();
    for (path, object, _) in store.get_tree(digest)?.files() {
        let unreadable = |why: String| NodeError::Unreadable { what: format!("the index `{path}`"), why };
        let text =
            String::from_utf8(store.read_object(object, MAX_INDEX)?).map_err(|error| unreadable(error.to_string()))?;
        suites.push(index::read(&text)?);
    }
    Ok(Universe::new(arch, suites)?)
}

/// The extra repositories of `question`; `index` gives the tree of the index of a role. `None` where one is not known.
///
/// # Errors
/// Where one cannot be read.
pub fn extras(
    ctx: &Context<'_>,
    question: &Resolve,
    index: impl Fn(&str) -> Option<Digest>,
) -> Result<Option<Vec<Extra>>, Failure> {
    let mut extras = Vec::new();
    for drv::Extra { name, taken } in &question.extra {
        let wrong = || NodeError::NoInput { role: format!("index of {name}") };
        let Some(digest) = index(&format!("index of {name}")) else { return Ok(None) };
        let (known, taken) = (RepositoryName::new(name.as_str()).ok(), Taken::named(taken));
        let (name, taken) = known.zip(taken).ok_or_else(wrong)?;
        extras.push(Extra { name, taken, packages: universe(ctx, digest, &question.arch)? });
    }
    Ok(Some(extras))
}

/// Extra repositories of the distro that the recipe could name, so that they would be looked at.
fn unseen(ctx: &Context<'_>, job: &Job<'_>, question: &Resolve) -> Vec<String> {
    let deb = job.node().distro().and_then(|distro| ctx.distros.get(distro)).and_then(Distro::deb);
    let extras = deb.map(|deb| deb.extra_repositories.as_slice()).unwrap_or_default();
    let is_seen = |name: &RepositoryName| question.extra.iter().any(|extra| extra.name == name.as_str());
    let of_component = job.node().component_str().is_some();
    extras
        .iter()
        .map(|extra| &extra.name)
        .filter(|name| of_component && !is_seen(name))
        .map(ToString::to_string)
        .collect()
}

/// The packages in the tree `digest`, which `component` made.
///
/// # Errors
/// Where one cannot be read.
pub fn our_packages(ctx: &Context<'_>, component: &ComponentName, digest: Digest) -> Result<Vec<OurPackage>, Failure> {
    let mut packages = Vec::new();
    for (_, object, size) in ctx.store.get_tree(digest)?.files() {
        let read = deb::read(std::io::BufReader::new(ctx.store.open_object(object)?))?;
        let sha256 = sha256_of(ctx, object)?;
        packages.push(OurPackage { component: component.clone(), control: read.control().to_owned(), sha256, size });
    }
    Ok(packages)
}
