//! What failed steps leave: the tree as it stood, for `opb shell`.
//!
//! ```text
//! tree/upper      what was written over the root          tree/in/<name>   what was to be read at /in/<name>
//! tree/more/out   what was written to /out                tree/opb         the script and its files
//! ```
//! A step works in a folder of that shape, so that keeping it is one rename. Trees are bounded in number and size, and go
//! before anything else does that the disk needs room for.

use std::collections::BTreeSet;

use super::context::{Context, Job};
use super::error::NodeError;
use super::knowledge::root_owner;
use super::limits;
use super::roots::layer_keys;
use super::scripts::{bind, run_step, scratch};
use super::space;
use crate::diag::Failure;
use crate::drv::ActionKey;
use crate::graph::{Graph, Node};
use crate::path::HostPath;
use crate::sandbox::{self, Launcher, Limits, Network, Request, RootFs, Step, Upper};
use crate::store::collect::{Amount, disk_bytes};
use crate::store::{FailedEntry, FailedTree, HeldTree, Store, TryLock, Used, WorkDir};

/// The folder of a work folder that is kept.
pub const TREE: &str = "tree";

/// Trees of a user that are kept at most.
const MOST: usize = 32;

/// Trees may have one part in so many of what would be free without them.
const PART: u64 = 4;

/// Keeps what the step of `job`, whose key is `key`, has written in `work` by `request`, in place of what an earlier try has
/// left. One that is too large is not kept.
///
/// # Errors
/// Where it cannot be moved: then it is gone with its work folder.
pub fn keep(
    ctx: &Context<'_>,
    job: &Job<'_>,
    key: ActionKey,
    (work, request): (&WorkDir, &Request),
) -> Result<(), Failure> {
    let failed = |source| NodeError::File { doing: "keep", path: work.path().to_string(), source };
    work.dir().rename(scratch(work, request).join("upper"), work.dir(), format!("{TREE}/upper")).map_err(failed)?;
    let written = ["upper", "more"].into_iter().filter_map(|name| work.dir().open_dir(format!("{TREE}/{name}")).ok());
    let bytes = written.map(disk_bytes).sum();
    if bytes > allowed(ctx.store.free_bytes()?, held(ctx.store)?.saturating_add(bytes)) {
        return Ok(());
    }
    let env = match request.steps.last() {
        Some(Step::Run { env, .. }) => env.clone(),
        _ => return Ok(()),
    };
    let node = job.node().to_string();
    let layers = layer_keys(job, job.input("root")?.0)?;
    let tree = FailedTree { node: node.clone(), key, kept: (ctx.now)(), bytes, layers, env };
    let kept = ctx.store.keep_failed(root_owner(Some(&ctx.launcher.map)), tree, (work, TREE))?;
    let is_earlier =
        |entry: &FailedEntry| entry.name != kept.name && entry.tree.as_ref().is_some_and(|tree| tree.node == node);
    remove(ctx.store, &ctx.launcher, is_earlier).map(drop)
}

/// The bytes that all trees take together.
fn held(store: &Store) -> Result<u64, Failure> {
    Ok(store.failed_trees()?.iter().map(FailedEntry::bytes).sum())
}

/// The bytes that all trees may take, of which `held` are taken on a disk that has `free` left.
fn allowed(free: u64, held: u64) -> u64 {
    free.saturating_add(held) / PART
}

/// Removes trees that nobody asks for any more, and the oldest where there are too many.
///
/// # Errors
/// Where the store cannot be read, or one not be removed.
pub fn prune(store: &Store, launcher: &Launcher) -> Result<Amount, Failure> {
    let all = store.failed_trees()?;
    if all.is_empty() {
        return Ok(Amount::default());
    }
    let most = allowed(store.free_bytes()?, all.iter().map(FailedEntry::bytes).sum());
    let (mut stay, mut bytes) = (BTreeSet::new(), 0_u64);
    for entry in all.iter().rev() {
        let Some(tree) = &entry.tree else { continue };
        let next = bytes.saturating_add(tree.bytes);
        // Who has just kept one is about to record its attempt, and holds the lock of its key until then.
        let is_wanted =
            store.attempt_of(tree)?.is_some() || matches!(store.try_lock_key(tree.key)?, TryLock::HeldBy(_));
        if is_wanted && next <= most && stay.len() < MOST {
            bytes = next;
            stay.insert(entry.name.clone());
        }
    }
    remove(store, launcher, |entry| !stay.contains(&entry.name))
}

/// Removes what earlier tries of `node` left, which has succeeded now.
///
/// # Errors
/// As [`prune`].
pub fn forget(store: &Store, launcher: &Launcher, node: &str) -> Result<Amount, Failure> {
    remove(store, launcher, |entry| entry.tree.as_ref().is_some_and(|tree| tree.node == node))
}

/// Removes trees, the oldest first, until `need` bytes more fit on the disk beside what the nodes that run are likely to take;
/// whether they do. Where all of them are not enough none goes.
///
/// # Errors
/// As [`prune`].
pub fn make_room(store: &Store, launcher: &Launcher, (running, need): (u64, u64)) -> Result<bool, Failure> {
    let trees = store.failed_trees()?;
    let all: u64 = trees.iter().map(FailedEntry::bytes).sum();
    if !space::fits(store.free_bytes()?.saturating_add(all), running, need) {
        return Ok(false);
    }
    for entry in trees {
        remove(store, launcher, |other| other.name == entry.name)?;
        if space::fits(store.free_bytes()?, running, need) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the trees of this user that `goes` means, but for those that somebody looks at.
///
/// # Errors
/// Where one cannot be removed: then it is in a work folder, and goes when the store is opened next.
pub fn remove(store: &Store, launcher: &Launcher, goes: impl Fn(&FailedEntry) -> bool) -> Result<Amount, Failure> {
    let owner = root_owner(Some(&launcher.map));
    let mut gone = Amount::default();
    let entries = store.failed_trees()?;
    let entries: Vec<&FailedEntry> = entries.iter().filter(|entry| entry.uid == owner && goes(entry)).collect();
    if entries.is_empty() {
        return Ok(gone);
    }
    let work = store.new_work()?;
    for entry in entries {
        if store.withdraw_failed(entry, &work)? {
            sandbox::remove(launcher, &work.path().join(&entry.name))?;
            gone.add(entry.bytes());
        }
    }
    Ok(gone)
}

/// The tree that the last try of `node` has left, unless the root that it was written over is gone.
///
/// # Errors
/// Where the store cannot be read.
pub fn find(store: &Store, launcher: &Launcher, node: &str) -> Result<Option<HeldTree>, Failure> {
    let owner = root_owner(Some(&launcher.map));
    let Some(held) = store.hold_failed(node, owner)? else { return Ok(None) };
    // Said before it is looked for: what is there then stays.
    store.uses(&held.tree.layers.iter().map(|key| Used::Key(*key)).collect::<Vec<_>>())?;
    let is_whole = held.tree.layers.iter().all(|key| store.has_root(*key, owner));
    held.tree.layers.iter().filter(|_| is_whole).for_each(|key| store.touch_root(*key, owner));
    Ok(Some(held).filter(|_| is_whole))
}

/// A sandbox over `held`, which is `node`'s and not written to. The last step is the script that failed there.
///
/// # Errors
/// Where `work` cannot be prepared.
pub fn ready(
    ctx: &Context<'_>,
    (graph, node): (&Graph, Node<'_>),
    held: &HeldTree,
    work: &WorkDir,
) -> Result<Request, Failure> {
    let cpu = ctx.runs(node, graph)?.cpu().clone();
    let owner = root_owner(Some(&ctx.launcher.map));
    let scratch = work.path().join("scratch");
    ctx.launcher.map.make_dir_for_guest(scratch.as_path())?;
    // `/out` was another folder than what lay below it then, so it comes first.
    let written = ["more", "upper"].map(|name| held.path().join(name));
    let lowers = written.into_iter().chain(held.tree.layers.iter().map(|key| ctx.store.root_path(*key, owner)));
    let failed = |source| NodeError::File { doing: "read", path: held.path().to_string(), source };
    let mut binds = Vec::new();
    for entry in held.dir().read_dir("in").map_err(failed)? {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            binds.push(bind(held.path(), &format!("in/{name}"), &format!("/in/{name}")));
        }
    }
    binds.push(bind(held.path(), "opb", "/opb"));
    let limits = limits::bounded(&ctx.limits_of(&node.name()), &Limits::NONE);
    let root = RootFs::Layers { lowers: lowers.collect::<Vec<HostPath>>(), upper: Upper::Discard };
    Ok(Request {
        root,
        scratch,
        binds,
        steps: vec![run_step(held.tree.env.clone())],
        limits,
        cpu,
        network: Network::None,
        inner: None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::diag::Cause;
    use crate::digest::Digest;
    use crate::store::Attempt;

    #[test]
    fn a_quarter_of_what_would_be_free_is_theirs() {
        assert_eq!(
            [allowed(300, 100), allowed(0, 0), allowed(0, 40), allowed(u64::MAX, 1)],
            [100, 0, 10, u64::MAX / 4]
        );
    }

    /// A store with a launcher that may remove what is in it; `None` where that takes another program.
    fn store(folder: &std::path::Path) -> Option<(Store, Launcher)> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: an ordinary user removes trees by the program itself");
            return None;
        }
        let launcher = Launcher::this_program().inspect_err(|error| println!("skipped: {error}")).ok()?;
        Some((Store::open(&HostPath::new(folder)).expect("opens"), launcher))
    }

    fn leave(store: &Store, launcher: &Launcher, name: &str, (kept, bytes): (i64, u64)) {
        let (key, node) = (ActionKey(Digest::of(name.as_bytes())), format!("build:{name}"));
        let (cause, message) = (Cause::Build, String::new());
        let attempt = Attempt {
            key,
            node: node.clone(),
            fingerprint: None,
            cause,
            log: None,
            started: kept,
            milliseconds: 1,
            message,
            tries: 1,
            limit: None,
        };
        store.record_attempt(&attempt).expect("recorded");
        let work = store.new_work().expect("made");
        work.dir().create_dir_all("tree/upper").expect("made");
        let tree = FailedTree { node, key, kept, bytes, layers: Vec::new(), env: BTreeMap::new() };
        store.keep_failed(root_owner(Some(&launcher.map)), tree, (&work, TREE)).expect("kept");
    }

    fn left(store: &Store) -> Vec<String> {
        let all = store.failed_trees().expect("reads");
        all.into_iter().map(|entry| entry.tree.expect("whole").node.replace("build:", "")).collect()
    }

    #[test]
    fn the_oldest_go_and_those_that_are_too_large_or_forgotten() {
        let folder = tempfile::tempdir().expect("made");
        let Some((store, launcher)) = store(folder.path()) else { return };
        for number in 0..34 {
            leave(&store, &launcher, &number.to_string(), (number, 1));
        }
        assert_eq!(prune(&store, &launcher).expect("prunes").count, 2);
        assert_eq!((left(&store).len(), left(&store)[0].as_str()), (MOST, "2"));
        leave(&store, &launcher, "large", (50, 1 << 60));
        store.forget_attempt("build:7").expect("forgotten");
        // Another process has just kept the tree of `8`, and not yet recorded why.
        store.forget_attempt("build:8").expect("forgotten");
        let key = ActionKey(Digest::of(b"8"));
        let TryLock::Locked(lock) = store.try_lock_key(key).expect("locks") else { panic!("it is free") };
        assert_eq!(prune(&store, &launcher).expect("prunes").count, 2);
        let names = left(&store);
        assert!(!names.contains(&"large".to_owned()) && !names.contains(&"7".to_owned()), "{names:?}");
        assert!(names.contains(&"8".to_owned()));
        drop(lock);
        assert_eq!(prune(&store, &launcher).expect("prunes").count, 1);
        assert_eq!(forget(&store, &launcher, "build:9").expect("forgets").count, 1);
        assert_eq!(left(&store).len(), MOST - 3);
    }

    #[test]
    fn room_is_made_of_trees_where_they_are_enough() {
        let folder = tempfile::tempdir().expect("made");
        let Some((store, launcher)) = store(folder.path()) else { return };
        leave(&store, &launcher, "a", (1, 1 << 20));
        assert!(!make_room(&store, &launcher, (0, 1 << 60)).expect("looks"));
        assert_eq!(left(&store), ["a"], "they are not enough");
        // They say that they are, so all are tried.
        leave(&store, &launcher, "b", (2, 1 << 61));
        assert!(!make_room(&store, &launcher, (0, 1 << 60)).expect("removes"));
        assert_eq!(left(&store), [""; 0]);
        leave(&store, &launcher, "c", (1, 5));
        leave(&store, &launcher, "d", (2, 5));
        assert!(make_room(&store, &launcher, (0, 1)).expect("removes"), "one is enough");
        assert_eq!(left(&store), ["d"], "the oldest went");
    }
}
