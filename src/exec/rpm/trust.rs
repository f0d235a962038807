//! Whether the distribution's packages are to be trusted: each bears a signature by a key that the distro's file names.
//!
//! The signature of a repository's metadata, where there is one, was checked when its pin was made; many distributions sign
//! packages alone. What a component of the project made is known by its digest.

use std::io::BufReader;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::RpmError;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::distro::{Distro, Rpm};
use crate::exec::context::Context;
use crate::graph::Node;
use crate::package::list::{Listed, ListedFrom};
use crate::package::rpm::Package;
use crate::sign::rpm::{Keyring, verify_package};

/// Checks the packages of `stored` that are the distribution's own.
///
/// # Errors
/// For the first, by name, that is not signed as it must be, or is another one than it was listed as.
pub fn check(
    ctx: &Context<'_>,
    node: Node<'_>,
    (distro, rpm): (&Distro, &Rpm),
    stored: &[(Listed, Digest)],
) -> Result<(), Failure> {
    let foreign: Vec<&(Listed, Digest)> =
        stored.iter().filter(|(listed, _)| listed.from == ListedFrom::Distribution).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    ctx.phase(node, format!("checking signatures of {} packages", foreign.len()));
    let keyring = (ctx.keys)(distro, rpm)?;
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((listed, object)) = foreign.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(failure) = one(ctx, &keyring, distro, listed, *object) {
                let name = listed.name.to_string();
                failed.lock().unwrap_or_else(PoisonError::into_inner).push((name, failure));
            }
        }
    };
    // Plain threads, as where packages are laid out.
    std::thread::scope(|scope| {
        for _ in 1..ctx.cores.min(foreign.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by(|(one, _), (other, _)| one.cmp(other));
    failed.into_iter().next().map_or(Ok(()), |(_, failure)| Err(failure))
}

fn one(ctx: &Context<'_>, keyring: &Keyring, distro: &Distro, listed: &Listed, object: Digest) -> Result<(), Failure> {
    let promised = format!("{} {}", listed.name, listed.version);
    let package = Package::read(ctx.store.open_object(object)?)?;
    let epoch = package.epoch();
    let epoch = if epoch == 0 { String::new() } else { format!("{epoch}:") };
    let is = format!("{} {epoch}{}-{}", package.name(), package.version(), package.release());
    if is != promised {
        return Err(RpmError::OtherPackage { is, promised }.into());
    }
    let reader = BufReader::with_capacity(1 << 16, ctx.store.open_object(object)?);
    verify_package(keyring, reader).map(drop).map_err(|source| {
        RpmError::Signature { package: promised, distro: distro.name.to_string(), source: Box::new(source) }.into()
    })
}
