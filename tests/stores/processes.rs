//! Several processes on one store.

use super::*;

#[test]
#[ignore = "the child of `two_processes_do_not_hold_one_key`"]
fn child_that_holds_a_key() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(&HostPath::new(Path::new(&folder).join("store"))).expect("opens");
    let _lock = store.lock_key(key("a"), &mut |_| panic!("nobody else has it")).expect("locks");
    fs::write(Path::new(&folder).join("locked"), "").expect("written");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn two_processes_do_not_hold_one_key() {
    let space = Space::new();
    let store = space.open();
    let mut holder =
        child("processes::child_that_holds_a_key", space.folder.path()).stdout(Stdio::null()).spawn().expect("runs");
    while !space.path("locked").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let TryLock::HeldBy(Some(said)) = store.try_lock_key(key("a")).expect("tries") else { panic!("not held") };
    assert_eq!(said.pid, holder.id());
    assert_eq!(said.to_string(), format!("process {} on {}", said.pid, said.host));
    // Another key is free meanwhile.
    assert!(matches!(store.try_lock_key(key("b")).expect("tries"), TryLock::Locked(_)));
    // The wait is told whose it waits for, and ends when the holder dies, however it dies.
    let mut told = Vec::new();
    let lock = store.lock_key(key("a"), &mut |waits_for| {
        told.push(waits_for);
        holder.kill().expect("killed");
        holder.wait().expect("reaped");
    });
    assert_eq!(told, [Some(said)]);
    assert!(
        matches!(store.try_lock_key(key("a")).expect("tries"), TryLock::HeldBy(Some(holder)) if holder.pid == std::process::id())
    );
    drop(lock);
    assert!(matches!(store.try_lock_key(key("a")).expect("tries"), TryLock::Locked(_)));
    assert_eq!(
        fs::read_dir(space.path("store/locks")).expect("reads").count(),
        1,
        "locks are left (`work` is the gate)"
    );
}

#[test]
fn a_key_is_held_by_one_at_a_time() {
    let space = Space::new();
    let inside = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = space.open();
                for _ in 0..100 {
                    let _lock = store.lock_key(key("a"), &mut |_| ()).expect("locks");
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
}

#[test]
#[ignore = "the child of `many_processes_share_a_store`"]
fn child_that_records() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(&HostPath::new(Path::new(&folder).join("store"))).expect("opens");
    for number in 0..20 {
        let name = format!("{number} of {}", std::process::id());
        store.put_bytes(b"shared by all").expect("stored");
        assert_eq!(store.record(&realisation(&name, 1)).expect("recorded"), Recorded::New);
        assert!(store.outputs_of(&[key(&name)]).expect("reads")[0].is_some());
    }
    assert_eq!(store.take_notices(), []);
}

#[test]
fn many_processes_share_a_store() {
    let space = Space::new();
    let start =
        |_| child("processes::child_that_records", space.folder.path()).stdout(Stdio::null()).spawn().expect("runs");
    // The store does not exist before: they make it together.
    let children: Vec<_> = (0..4).map(start).collect();
    for mut child in children {
        assert!(child.wait().expect("reaped").success());
    }
    let store = space.open();
    assert_eq!(store.history_of_node("build:hello@debian-12/amd64").expect("reads").len(), 80);
    assert_eq!(store.take_notices(), []);
}
