//! How much of the disk a node is likely to need, so that none starts that would fill it.

use super::context::{Context, Job};
use super::packages;
use crate::diag::Failure;
use crate::drv::Action;
use crate::package::list::Layer;

/// What stays free whatever is predicted, in bytes: records and logs still have to be written.
pub const RESERVE: u64 = 32 << 20;

/// What a step takes of which nothing is known, in bytes.
const LEAST: u64 = 16 << 20;

/// What unpacking, compiling and packing a source takes, in sizes of that source.
const OF_SOURCE: u64 = 10;

/// What packages take when they are installed, in sizes of the packages.
const OF_PACKAGES: u64 = 4;

/// The bytes that `job` is likely to need on the store's disk: a quarter more than the node took last time, else a guess
/// from what it reads.
///
/// # Errors
/// Where the store cannot be read.
pub fn predicted(ctx: &Context<'_>, job: &Job<'_>) -> Result<u64, Failure> {
    let node = job.node();
    // What is there besides what the node is then said to have taken.
    let mut beside = 0;
    let guess = match node.action() {
        // Their sizes are those of what comes: known when it is there.
        Action::Source { .. } | Action::Index { .. } | Action::Resolve(_) | Action::Repo { .. } => return Ok(0),
        Action::SourcePackage { script: None } => return Ok(0),
        Action::Root { .. } => {
            let (_, list) = job.input("list")?;
            let list = packages::list(ctx, list)?;
            let layer = if job.input("base").is_ok() { Layer::Component } else { Layer::Base };
            let unpacked = list.layer(layer).map(|listed| listed.size).sum::<u64>().saturating_mul(OF_PACKAGES);
            // The packages themselves, uncompressed.
            beside = unpacked;
            unpacked
        }
        Action::Probe { .. } => LEAST,
        Action::Check { .. } => match job.input("list") {
            Ok((_, list)) => {
                // One root after the other, where there are several.
                let lists = packages::lists_in(ctx.store, list)?;
                let installed = lists.iter().map(|list| list.layer(Layer::Component).map(|listed| listed.size).sum());
                let installed: u64 = installed.max().unwrap_or_default();
                installed.saturating_mul(OF_PACKAGES).max(LEAST)
            }
            Err(_) => LEAST,
        },
        Action::SourcePackage { .. } | Action::Build { .. } => {
            let source = job.input("source").ok().map(|(_, source)| ctx.store.get_tree(source)).transpose()?;
            let bytes = source.map_or(0, |source| source.files().map(|(.., size)| size).sum::<u64>());
            bytes.saturating_mul(OF_SOURCE).max(LEAST)
        }
    };
    let last = ctx.store.last_of_node(&node.to_string())?.map_or(0, |last| last.disk);
    let own = if last == 0 { guess } else { last.saturating_add(last / 4) };
    Ok(own.saturating_add(beside))
}

/// Whether what is predicted for nodes that run and for one more fits.
pub fn fits(free: u64, running: u64, one: u64) -> bool {
    let all = running.checked_add(one).and_then(|all| all.checked_add(RESERVE));
    one == 0 || all.is_some_and(|all| all <= free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_already_counts() {
        let all = RESERVE + 300;
        assert!(fits(all, 0, 300) && fits(all, 100, 200));
        assert!(!fits(all, 101, 200) && !fits(all - 1, 0, 300));
        assert!(fits(0, 5, 0), "what needs nothing always starts");
        assert!(!fits(u64::MAX, u64::MAX, 1));
    }
}
