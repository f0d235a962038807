//! What a channel has published: its generations, how two differ, and removing old ones.

use std::collections::{BTreeMap, BTreeSet};

use super::channel;
use super::promote::generation;
use super::session::Session;
use crate::diag::Failure;
use crate::name::{ChannelName, DistroName};
use crate::path::HostPath;
use crate::project::now;
use crate::publish::{self, Generation, Part, Pruned};
use crate::repo::{self, Change, Changed, Row};
use crate::store::Store;

/// A generation on the disk, with what it holds in numbers.
#[derive(Debug)]
pub struct ListedGeneration {
    /// Its record.
    pub generation: Generation,
    /// Whether it is what people get.
    pub is_current: bool,
    /// Its folder.
    pub path: HostPath,
    /// Binary packages in it, of each distro by name, version and arch.
    pub packages: usize,
    /// Those of them that were built elsewhere.
    pub imported: usize,
    /// How many packages are new, gone and changed since the generation before it; `None`: that one is not on the disk.
    pub changes: Option<[usize; 3]>,
}

/// The generations of a channel that are on the disk, by number.
///
/// # Errors
/// Where there is no such channel, or a record or a tree cannot be read.
pub fn list(session: &Session, store: &Store, name: &ChannelName) -> Result<Vec<ListedGeneration>, Failure> {
    channel::settings(session, name)?;
    let current = publish::current(store, name)?.map(|current| current.number);
    let mut listed: Vec<ListedGeneration> = Vec::new();
    let mut before: Option<(u64, BTreeMap<DistroName, Vec<Row>>)> = None;
    for generation in publish::generations(store, name)? {
        let rows = rows(store, &generation)?;
        let changes = before.as_ref().filter(|(number, _)| number + 1 == generation.number).map(|(_, before)| {
            let all = between(before, &rows).into_iter().flat_map(|(_, changes)| changes);
            all.fold([0; 3], |mut sum, changed| {
                sum[match changed.change {
                    Change::Added { .. } => 0,
                    Change::Removed { .. } => 1,
                    Change::Changed { .. } => 2,
                }] += 1;
                sum
            })
        });
        before = Some((generation.number, rows.clone()));
        let binaries: Vec<&Row> = rows.values().flatten().filter(|row| row.arch != "source").collect();
        listed.push(ListedGeneration {
            is_current: current == Some(generation.number),
            path: store.channel_path(name).join(generation.place()),
            packages: binaries.len(),
            imported: binaries.iter().filter(|row| row.imported).count(),
            changes,
            generation,
        });
    }
    Ok(listed)
}

/// How two generations of a channel differ.
#[derive(Debug)]
pub struct Difference {
    /// The former; `None`: there was none.
    pub from: Option<u64>,
    /// The latter.
    pub to: u64,
    /// The distros that differ, with how; sorted.
    pub distros: Vec<(DistroName, Vec<Changed>)>,
}

/// How generation `to` of a channel differs from `from`. Without numbers, the current one from the one before it; without `to`,
/// the current one.
///
/// # Errors
/// Where there is no such channel or generation.
pub fn diff(
    session: &Session,
    store: &Store,
    name: &ChannelName,
    (from, to): (Option<u64>, Option<u64>),
) -> Result<Difference, Failure> {
    channel::settings(session, name)?;
    let to = generation(store, name, to)?;
    let from = match from {
        Some(number) => Some(generation(store, name, Some(number))?),
        None => {
            let all = publish::generations(store, name)?;
            all.into_iter().rev().find(|generation| generation.number < to.number)
        }
    };
    let before = from.as_ref().map_or_else(|| Ok(BTreeMap::new()), |from| rows(store, from))?;
    let distros = between(&before, &rows(store, &to)?);
    Ok(Difference { from: from.map(|from| from.number), to: to.number, distros })
}

/// Removes the generations of a channel that need not stay; with `dry`, says which these are.
///
/// # Errors
/// Where there is no such channel, or one cannot be removed.
pub fn prune(session: &Session, store: &Store, name: &ChannelName, dry: bool) -> Result<Pruned, Failure> {
    let retention = channel::retention(channel::settings(session, name)?);
    publish::prune(store, name, retention, now(), dry)
}

fn rows(store: &Store, generation: &Generation) -> Result<BTreeMap<DistroName, Vec<Row>>, Failure> {
    let of = |part: &Part| Ok((part.distro.clone(), part.rows(store)?));
    generation.parts.iter().map(|record| of(&record.part)).collect()
}

fn between(
    before: &BTreeMap<DistroName, Vec<Row>>,
    after: &BTreeMap<DistroName, Vec<Row>>,
) -> Vec<(DistroName, Vec<Changed>)> {
    let none = Vec::new();
    let distros: BTreeSet<&DistroName> = before.keys().chain(after.keys()).collect();
    let differing = distros.into_iter().map(|distro| {
        let [before, after] = [before, after].map(|rows| rows.get(distro).unwrap_or(&none));
        (distro.clone(), repo::changes(before, after))
    });
    differing.filter(|(_, changes)| !changes.is_empty()).collect()
}
