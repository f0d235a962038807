//! Channels and roots.

use super::*;

#[test]
fn a_channel_is_switched_at_once() {
    let space = Space::new();
    let store = space.open();
    let channel = "nightly".parse().expect("a name");
    let (dir, path) = (store.channel_dir(&channel).expect("made"), store.channel_path(&channel));
    assert_eq!(path, space.host().join("channels/nightly"));
    for target in ["generations/1", "generations/2"] {
        switch_link(&dir, &path, "current", target).expect("switched");
        assert_eq!(fs::read_link(path.join("current").as_path()).expect("a link"), Path::new(target));
    }
    for content in ["one", "two"] {
        write_atomically(&dir, &path, "settings", content.as_bytes()).expect("written");
        assert_eq!(fs::read_to_string(path.join("settings").as_path()).expect("reads"), content);
    }
    assert_eq!(fs::metadata(path.join("settings").as_path()).expect("there").mode() & 0o777, 0o644);
    fs::create_dir(path.join("full").as_path()).expect("made");
    let said = shown(&switch_link(&dir, &path, "full", "x").expect_err("refused"));
    assert!(said.starts_with(&format!("switching a channel failed at `{path}/full`: ")), "{said}");
    assert_eq!(fs::read_dir(path.as_path()).expect("reads").count(), 3, "a temporary name is left");
}

#[test]
fn a_root_is_whole_or_not_there() {
    let space = Space::new();
    let store = space.open();
    let work = store.new_work().expect("made");
    let make = |content: &str| {
        work.dir().create_dir("root").expect("made");
        work.dir().write("root/file", content).expect("written");
    };
    assert!(!store.has_root(key("a"), 1000));
    make("one");
    assert_eq!(store.commit_root(key("a"), 1000, &work, "root").expect("committed"), CommittedRoot::New);
    assert!(store.has_root(key("a"), 1000) && !store.has_root(key("a"), 0));
    make("two");
    assert_eq!(store.commit_root(key("a"), 1000, &work, "root").expect("committed"), CommittedRoot::Earlier);
    let content = || fs::read_to_string(store.root_path(key("a"), 1000).join("file").as_path()).expect("reads");
    assert_eq!(content(), "one");
    // A crash before the marker: not whole, and replaced.
    let marker = format!("{}.ok", store.root_path(key("a"), 1000));
    fs::remove_file(&marker).expect("removed");
    assert!(!store.has_root(key("a"), 1000));
    assert!(!store.roots().expect("lists")[0].whole);
    assert_eq!(store.commit_root(key("a"), 1000, &work, "root").expect("committed"), CommittedRoot::New);
    assert_eq!(content(), "two");
    let roots = store.roots().expect("lists");
    assert_eq!(roots.iter().map(|root| (root.uid, root.key, root.whole)).collect::<Vec<_>>(), [(1000, key("a"), true)]);
    assert!(store.withdraw_root(key("a"), 1000, &work, "away").expect("moved"));
    assert!(!store.withdraw_root(key("a"), 1000, &work, "away").expect("moved"));
    assert_eq!(store.roots().expect("lists"), []);
}

#[test]
fn a_root_that_is_a_link_counts_as_absent() {
    let space = Space::new();
    let store = space.open();
    let work = store.new_work().expect("made");
    work.dir().create_dir("root").expect("made");
    assert_eq!(store.commit_root(key("a"), 1000, &work, "root").expect("committed"), CommittedRoot::New);
    assert!(store.has_root(key("a"), 1000));
    // Put in its place by somebody else: to elsewhere, and to another root.
    let place = store.root_path(key("a"), 1000);
    for target in ["/etc", "b"] {
        let _ = fs::remove_dir(place.as_path()).or_else(|_| fs::remove_file(place.as_path()));
        symlink(target, place.as_path()).expect("linked");
        assert!(!store.has_root(key("a"), 1000), "{target} would be the chroot");
    }
    fs::create_dir(place.as_path().with_file_name("b")).expect("made");
    assert!(!store.has_root(key("a"), 1000), "a root of another key would be the chroot");
}

#[test]
fn work_folders_are_spread_over_an_ext4() {
    use std::os::fd::AsRawFd as _;
    let space = Space::new();
    drop(space.open().new_work().expect("made"));
    let folder = fs::File::open(space.path("store/work")).expect("opens");
    let kind = nix::sys::statfs::fstatfs(&folder).expect("a file system").filesystem_type();
    if kind != nix::sys::statfs::EXT4_SUPER_MAGIC {
        println!("skipped: the folder for tests is not on an ext4, which alone knows the wish");
        return;
    }
    let mut flags: libc::c_long = 0;
    // SAFETY: the call writes one number to `flags`.
    let asked = unsafe { libc::ioctl(folder.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) };
    assert_eq!((asked, flags & 0x0002_0000), (0, 0x0002_0000));
}
