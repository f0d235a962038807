//! Opening a store, and what the dead left in it.

use super::*;

#[test]
fn an_empty_folder_and_one_with_the_project_s_files_become_stores() {
    let space = Space::new();
    fs::create_dir(space.path("store")).expect("made");
    fs::write(space.path("store/README.md"), "x").expect("written");
    fs::write(space.path("store/.gitignore"), "*").expect("written");
    space.open();
    assert_eq!(fs::read_to_string(space.path("store/format")).expect("reads"), "opb store 2\n");
    assert_eq!(fs::metadata(space.path("store/work")).expect("there").mode() & 0o777, 0o700);
    assert_eq!(space.open().take_notices(), []);
}

#[test]
fn other_folders_and_newer_formats_are_refused() {
    let space = Space::new();
    let path = space.host();
    fs::create_dir(space.path("store")).expect("made");
    fs::write(space.path("store/the\x1bsis.tex"), "x").expect("written");
    let error = Store::open(&path).err().expect("refused");
    assert_eq!(error.fault(), Cause::Input);
    assert_eq!(
        shown(&error),
        format!(
            "`{path}` is neither empty nor a store: it holds `the\\u{{1b}}sis.tex` | choose an empty folder, or one that \
             does not exist yet"
        )
    );
    assert_eq!(fs::read_dir(space.path("store")).expect("reads").count(), 1, "something was written into it");

    fs::write(space.path("store/format"), "opb store 3\n").expect("written");
    let error = Store::open(&path).err().expect("refused");
    assert_eq!(
        shown(&error),
        format!(
            "the store `{path}` has format 3, newer than 2, the newest that this opb knows | use the opb that made it, or \
             choose another store with `--store`"
        )
    );
    fs::write(space.path("store/format"), "").expect("written");
    let error = Store::open(&path).err().expect("refused");
    assert!(shown(&error).starts_with(&format!("`{path}/format` does not say a format | choose another")), "{error}");

    fs::write(space.path("file"), "").expect("written");
    let error = Store::open(&HostPath::new(space.path("file/store"))).err().expect("refused");
    let said = shown(&error);
    assert!(said.starts_with("making the store failed at `") && said.contains("Not a directory"), "{said}");
    assert_eq!(error.fault(), Cause::Environment);
}

#[test]
fn an_older_format_is_migrated_once_nobody_is_at_work_in_it() {
    let space = Space::new();
    let store = space.open();
    store.record(&realisation("a", 1)).expect("recorded");
    drop(store);
    fs::write(space.path("store/format"), "opb store 1\n").expect("written");
    fs::create_dir(space.path("store/attempts/ab")).expect("made");
    for name in ["cd.json", "ef.node.json"] {
        fs::write(space.path("store/attempts/ab").join(name), "{}").expect("written");
    }
    fs::remove_dir_all(space.path("store/keep")).expect("removed");
    let at_work = {
        let store = space.open();
        fs::write(space.path("store/format"), "opb store 1\n").expect("written");
        store.new_work().expect("made")
    };
    let error = Store::open(&space.host()).err().expect("refused");
    let path = space.host();
    assert_eq!(
        shown(&error),
        format!(
            "the store `{path}` has format 1, and an older opb is at work in it | wait until that has ended, then try \
             again: the store is migrated then"
        )
    );
    drop(at_work);
    let store = space.open();
    assert_eq!(fs::read_to_string(space.path("store/format")).expect("reads"), "opb store 2\n");
    assert!(store.realisation(key("a")).expect("reads").is_some(), "nothing is lost");
    let failures =
        fs::read_dir(space.path("store/attempts/ab")).expect("reads").map(|file| file.expect("reads").file_name());
    assert_eq!(failures.collect::<Vec<_>>(), ["ef.node.json"], "those by key are of no use any more");
}

#[test]
fn work_of_the_dead_is_swept_and_of_the_living_not() {
    let space = Space::new();
    space.open();
    let store = space.open();
    let mine = store.new_work().expect("made");
    mine.dir().create_dir("build").expect("made");
    fs::create_dir_all(space.path("store/work/0123/build")).expect("made");
    fs::write(space.path("store/work/0123/lock"), "").expect("written");
    fs::create_dir_all(space.path("store/work/4567")).expect("made");
    let other = space.open();
    assert!(mine.path().join("build").as_path().is_dir());
    assert_eq!(fs::read_dir(space.path("store/work")).expect("reads").count(), 1);
    assert_eq!(other.take_notices(), []);
    let path = mine.path().clone();
    assert_eq!(mine.remove(), None);
    assert!(!path.as_path().exists());
}

#[test]
fn work_that_cannot_be_removed_is_returned() {
    let space = Space::new();
    space.open();
    fs::create_dir_all(space.path("store/work/0123/held")).expect("made");
    // A file that even root cannot remove, as an ordinary user cannot remove those of a sandbox's users.
    fs::write(space.path("store/work/0123/held/file"), "").expect("written");
    let attribute = |change: &str| {
        let path = space.path("store/work");
        Command::new("chattr")
            .args(["-R", change])
            .arg(path)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|it| it.success())
    };
    if !attribute("+i") || !attribute("-i") {
        eprintln!(
            "skipped: cannot set the immutable attribute here (it needs root, chattr and a file system that has it)"
        );
        return;
    }
    let file = space.path("store/work/0123/held");
    let one = |path: &Path, change: &str| Command::new("chattr").arg(change).arg(path).status().expect("runs");
    one(&file, "+i");
    let notices = space.open().take_notices();
    one(&space.path("store/work/0123.dead/held"), "-i");
    assert_eq!(notices, [Notice::StaleWork(space.host().join("work/0123.dead"))]);
    assert_eq!(space.open().take_notices(), []);
    assert!(!space.path("store/work/0123.dead").exists());
}

#[test]
fn folders_that_are_gone_are_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = HostPath::new(folder.path().join("store"));
    drop(Store::open(&path).expect("made"));
    for name in ["roots", "work", "locks", "attempts"] {
        fs::remove_dir_all(path.join(name).as_path()).expect("removed");
    }
    let store = Store::open(&path).expect("opens");
    store.new_work().expect("works");
    assert!(path.join("roots").as_path().is_dir() && path.join("locks").as_path().is_dir());
}
