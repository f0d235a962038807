//! The pins that generations were made from: kept beside them, and taken over with them.
//!
//! A channel with a lock of its own has in it what its current generation was made from, also where that was promoted to it or
//! rolled back, so that it can be built again as it is, and changed in one place.

use std::collections::BTreeSet;

use super::session::Session;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::lock::Lock;
use crate::name::{ChannelName, DistroName};
use crate::project::{Place, Project, lock_text, read_lock};
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
    read_lock(project.lock_name(), &text).map(Some)
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
    let lock = change(project.lock()?);
    Session::pinned(project, lock).map(Some)
}

/// Does `deed`, which publishes what `session` has, with its lock in the file: that is written before, so that whoever is killed in
/// between leaves a lock that says more than was published, and not less. It is taken back where the deed fails, or `stays` says that it
/// did not come to what it was to. Gives the file where something else was in it.
pub(super) fn written<T>(
    session: &Session,
    deed: impl FnOnce() -> Result<T, Failure>,
    stays: impl FnOnce(&T) -> bool,
) -> Result<(T, Option<String>), Failure> {
    let (project, lock) = (&session.project, session.lock()?);
    let before = project.lock()?;
    if before == *lock {
        return Ok((deed()?, None));
    }
    let was_there = project.root().exists(project.lock_file());
    project.write_lock(lock)?;
    let done = deed();
    if done.as_ref().is_ok_and(stays) {
        return Ok((done?, Some(project.lock_file())));
    }
    if was_there {
        project.write_lock(&before)?;
    } else {
        project.remove_lock()?;
    }
    Ok((done?, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Cause;
    use crate::lock::DistroPin;
    use crate::project::ProjectError;

    fn failure() -> Failure {
        let none = ProjectError::None { start: "x".into() };
        let failure = Failure::from(none);
        assert_eq!(failure.cause, Cause::Input);
        failure
    }

    #[test]
    fn a_lock_is_written_before_and_taken_back_where_nothing_came_of_it() {
        let folder = tempfile::tempdir().expect("scratch");
        std::fs::write(folder.path().join("opb.toml"), "[channel.s]\nlock = \"s\"\n").expect("written");
        let channel = ChannelName::new("s").expect("a name");
        let session = |distro: &str| {
            let project = Place { folder: folder.path(), channel: Some(&channel) }.open().expect("a project");
            let pins = [(distro.parse().expect("a name"), DistroPin::default())].into();
            let lock = Lock { name: project.lock_name().cloned(), distro: pins, ..Lock::default() };
            Session::with_lock(project, crate::eval::Project::default(), lock).expect("nothing to evaluate")
        };
        let file = || std::fs::read_to_string(folder.path().join("opb.s.lock")).unwrap_or_default();
        let one = session("d-1");
        let seen = || Ok(file());
        let (during, none) = written(&one, seen, |_| false).expect("done");
        assert!(during.contains("d-1") && none.is_none() && file().is_empty(), "{during}");
        assert!(!folder.path().join("opb.s.lock").exists(), "what was not there is not there again");
        let (_, lock) = written(&one, seen, |_| true).expect("done");
        assert_eq!((lock.as_deref(), file().contains("d-1")), (Some("opb.s.lock"), true));
        assert_eq!(written(&one, seen, |_| true).expect("done").1, None, "it says so already");
        assert!(written(&session("d-2"), || Err::<(), _>(failure()), |_| true).is_err());
        assert!(file().contains("d-1") && !file().contains("d-2"), "{}", file());
    }
}
