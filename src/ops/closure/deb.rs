//! The dependencies of `.deb` packages.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::{Broken, Going, Part};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::exec::read_universe;
use crate::graph::Node;
use crate::name::Kind;
use crate::package::index::IndexEntry;
use crate::package::{control, deb};
use crate::solve::{Member, Seen, Universe, unmet};
use crate::store::Store;

/// How much of a package is read at once: its control file is in front, and small.
const FRONT: usize = 16 << 10;

/// All packages of `part`, and those of their dependencies that cannot be met.
///
/// # Errors
/// Where a package or an index cannot be read.
pub(super) fn check(part: &Part<'_>) -> Result<(Vec<Going>, Vec<Broken>), Failure> {
    let read = part.files.par_iter().map(|&(build, object, size)| {
        let entry = entry(part.store, object, size)?;
        let (name, version, arch) = (entry.package.clone(), entry.version.to_string(), entry.arch.clone());
        Ok((Going { build, object, name, version, arch }, entry))
    });
    let (packages, entries): (Vec<Going>, Vec<IndexEntry>) =
        read.collect::<Result<Vec<_>, Failure>>()?.into_iter().unzip();
    let seen = seen(part);
    let mut broken = Vec::new();
    for arch in &part.arches {
        let places = part.on(&packages, arch);
        if places.is_empty() {
            continue;
        }
        let universe = read_universe(part.store, part.own_index(arch)?, arch)?;
        let mut extras: Vec<(&str, Universe)> = Vec::new();
        for name in seen.values().flatten() {
            if extras.iter().all(|(known, _)| known != name)
                && let Some(tree) = part.index(name, arch)?
            {
                extras.push((name, read_universe(part.store, tree, arch)?));
            }
        }
        let extras: Vec<(&str, &Universe)> = extras.iter().map(|(name, universe)| (*name, universe)).collect();
        let members = places.iter().map(|place| {
            let names = seen.get(&packages[*place].build).map(Vec::as_slice).unwrap_or_default();
            let extras = (0..extras.len()).filter(|at| names.contains(&extras[*at].0)).collect();
            Member { entry: entries[*place].clone(), extras }
        });
        let members: Vec<Member> = members.collect();
        for one in unmet(Seen { universe: &universe, extras: &extras }, &members)? {
            let package = &packages[places[one.member]];
            broken.push(part.broken(arch, package, (one.need, one.available, one.followers)));
        }
    }
    Ok((packages, broken))
}

/// What the control file of an object says. The digest is not the file's, as nobody asks for it here.
fn entry(store: &Store, object: Digest, size: u64) -> Result<IndexEntry, Failure> {
    let front = deb::read_front(BufReader::with_capacity(FRONT, store.open_object(object)?))?;
    let paragraph = control::paragraph(front.control())?;
    Ok(IndexEntry::of_control(&paragraph, "ours.deb", size, Sha256::from_bytes(*object.as_bytes()))?)
}

/// The extra repositories that builds saw, by the places of the builds. Of what is known by its files alone, all that any build
/// of the distro saw.
fn seen<'a>(part: &Part<'a>) -> BTreeMap<usize, Vec<&'a str>> {
    if part.of_tree {
        let graph = &part.session.graph;
        let is_extra = |node: &Node<'a>| {
            node.kind() == Kind::Index && node.distro() == Some(part.distro) && node.subject() != "base"
        };
        let names: BTreeSet<&str> = graph.ids().map(|id| graph.node(id)).filter(is_extra).map(Node::subject).collect();
        let names: Vec<&str> = names.into_iter().collect();
        return (0..part.builds.len()).map(|place| (place, names.clone())).collect();
    }
    let names = |place: usize| -> Vec<&'a str> {
        let list = part.list_of(&part.builds[place]);
        let inputs = list.map(Node::inputs);
        inputs.into_iter().flatten().filter_map(|input| input.role.strip_prefix("index of ")).collect()
    };
    let all = (0..part.builds.len()).map(|place| (place, names(place)));
    all.filter(|(_, names)| !names.is_empty()).collect()
}
