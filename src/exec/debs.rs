//! Packages as the dpkg of a root gets them: uncompressed.
//!
//! Undoing the compression is most of what installing takes. It is done here, by a newer decoder than the root may have, on all
//! of a job's cores, and once for what is unpacked before there is a dpkg; and never under an emulator.

use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cap_std::fs::{Dir, Permissions};

use super::context::Context;
use super::error::NodeError;
use super::packages::Stored;
use crate::diag::Failure;
use crate::package::deb;
use crate::path::HostPath;

/// Writes `stored` into `folder`, each under its own file name; `path` is where that is, for messages.
///
/// # Errors
/// Where one is no whole package, or cannot be written.
pub fn lay_out(ctx: &Context<'_>, stored: &[Stored], folder: &Dir, path: &HostPath) -> Result<(), Failure> {
    // The largest first, so that nobody is left alone with it at the end.
    let mut order: Vec<&Stored> = stored.iter().collect();
    order.sort_by_key(|package| std::cmp::Reverse(package.listed.size));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let Some(package) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(failure) = one(ctx, package, folder, path) {
                next.store(order.len(), Ordering::Relaxed);
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
            }
        }
    };
    // Plain threads: a worker of the run's pool that waits would start other nodes meanwhile.
    std::thread::scope(|scope| {
        for _ in 1..ctx.cores.min(order.len()) {
            scope.spawn(work);
        }
        work();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

fn one(ctx: &Context<'_>, package: &Stored, folder: &Dir, path: &HostPath) -> Result<(), Failure> {
    let name = package.file_name();
    let object = BufReader::with_capacity(64 << 10, ctx.store.open_object(package.object)?);
    let written = folder.create(&name).and_then(|file| {
        file.set_permissions(Permissions::from_std(std::fs::Permissions::from_mode(0o644)))?;
        deb::plain(object, file)
    });
    Ok(written.map_err(|source| NodeError::File { doing: "write", path: path.join(&name).to_string(), source })?)
}
