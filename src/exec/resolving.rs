//! Nodes that choose the exact packages of a root.

use super::context::{Context, Job};
use super::error::NodeError;
use super::packages::{self, sha256_of};
use super::sources::{insert, one};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{Outputs, Resolve};
use crate::name::ComponentName;
use crate::package::{deb, index};
use crate::solve::{self, OurPackage, Universe};
use crate::tree::{Entry, Tree};

/// The most bytes of a slim index.
const MAX_INDEX: u64 = 1 << 30;

/// Answers the question of `job` with a package list.
///
/// # Errors
/// Where no packages meet it, with the reason.
pub fn resolve(ctx: &Context<'_>, job: &Job<'_>, question: &Resolve) -> Result<Outputs, Failure> {
    let (_, index) = job.input("index")?;
    let universe = ctx.universe(index, || universe(ctx, index, &question.arch))?;
    let base = job.input("base").ok().map(|(_, base)| packages::list(ctx, base)).transpose()?;
    let mut ours = Vec::new();
    for (role, digest) in job.inputs("packages of ")? {
        let component = role.split('/').next().unwrap_or(role);
        let component = ComponentName::new(component).map_err(|_| NodeError::NoInput { role: role.to_owned() })?;
        ours.extend(our_packages(ctx, &component, digest)?);
    }
    ctx.phase(job.node(), "choosing packages");
    let list = solve::resolve(&universe, &ours, question, base.as_ref())?;
    let text = list.encode();
    let digest = ctx.store.put_bytes(text.as_bytes())?;
    let mut tree = Tree::default();
    insert(&mut tree, "list", Entry::File { digest, size: text.len() as u64, executable: false })?;
    Ok(one("list", ctx.store.put_tree(&tree)?))
}

/// The index in the tree `digest`: a file for each area of a suite, in the suites' order by name.
///
/// # Errors
/// Where it cannot be read.
pub fn universe(ctx: &Context<'_>, digest: Digest, arch: &str) -> Result<Universe, Failure> {
    let mut suites = Vec::new();
    for (path, object, _) in ctx.store.get_tree(digest)?.files() {
        let unreadable = |why: String| NodeError::Unreadable { what: format!("the index `{path}`"), why };
        let text = String::from_utf8(ctx.store.read_object(object, MAX_INDEX)?)
            .map_err(|error| unreadable(error.to_string()))?;
        suites.push(index::read(&text)?);
    }
    Ok(Universe::new(arch, suites)?)
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
