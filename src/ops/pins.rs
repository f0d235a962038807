//! The pins that generations were made from: kept beside them, and taken over with them.
//!
//! A channel with a lock of its own has in it what its current generation was made from, also where that was promoted to it or
//! rolled back, so that it can be built again as it is, and changed in one place.

use std::collections::BTreeSet;

use super::session::Session;
use super::watch::evaluate;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::lock::Lock;
use crate::name::{ChannelName, DistroName};
use crate::project::{Place, Project, ProjectFiles, lock_text, read_lock};
use crate::publish::Generation;
use crate::store::Store;

/// The most bytes of a lock.
const MAX_LOCK: u64 = 1 << 30;

/// Keeps a lock in the store.
pub(super) fn keep(store: &Store, lock: &Lock) -> Result<Digest, Failure> {
    Ok(store.put_bytes(lock_text(lock).as_bytes())?)
}

/// The lock that a generation was made from, under the name of the lock that `project` has; `None`: it does not say.
pub(super) fn of_generation(
    project: &Project,
    store: &Store,
    generation: &Generation,
) -> Result<Option<Lock>, Failure> {
    let Some(pins) = generation.pins else { return Ok(None) };
    let text = String::from_utf8_lossy(&store.read_object(pins, MAX_LOCK)?).into_owned();
    Ok(Some(read_lock(project.lock_name(), &text)?))
}

/// `lock` with the pins in `other` of these distros; of none: of all.
pub(super) fn with(lock: Lock, other: &Lock, distros: &[DistroName]) -> Lock {
    let distros: BTreeSet<&DistroName> = distros.iter().collect();
    lock.taking(other, |distro| distros.is_empty() || distros.contains(distro))
}

/// The project as `channel` is made from its lock, with what `change` makes of that; `None` where it is the lock that `session` has.
pub(super) fn session_of(
    session: &Session,
    channel: &ChannelName,
    change: impl FnOnce(Lock) -> Lock,
) -> Result<Option<Session>, Failure> {
    let project = Place { folder: session.project.path.as_path(), channel: Some(channel) }.open()?;
    if project.lock_name() == session.project.lock_name() {
        return Ok(None);
    }
    let evaluated = evaluate(&ProjectFiles(project.root()))?;
    let lock = change(project.lock()?);
    Session::with_lock(project, evaluated, lock).map(Some)
}

/// Writes the lock of a session into its file where that says something else; gives the file's name then.
pub(super) fn write(session: &Session) -> Result<Option<String>, Failure> {
    let lock = session.lock()?;
    if session.project.lock()? == *lock {
        return Ok(None);
    }
    session.project.write_lock(lock)?;
    Ok(Some(session.project.lock_file()))
}
