//! A full disk.

use super::*;

/// What a build does with a store.
fn work(folder: &Path, from: &Dir) -> Result<(), StoreError> {
    let store = Store::open(&HostPath::new(folder.join("store")))?;
    ledger(&store).assign("1", &arch("amd64"), fingerprint("a"))?;
    store.put_known_sha256(&mut &b"fetched"[..], Sha256::of(b"fetched"), 7)?;
    let tree = store.import_folder(from, &ImportRules::default())?;
    let digest = store.put_tree(&tree)?;
    let log = store.put_log(&mut &b"log"[..])?;
    let outputs = Outputs::from([(OutputName::new("packages").expect("a name"), digest)]);
    store.record(&Realisation { outputs, log: Some(log), ..realisation("a", 1) })?;
    let (dir, path) = {
        let channel = "nightly".parse().expect("a name");
        (store.channel_dir(&channel)?, store.channel_path(&channel))
    };
    write_atomically(&dir, &path, "file", b"content")?;
    switch_link(&dir, &path, "current", "file")
}

#[test]
#[ignore = "the child of `a_full_disk_is_an_error_and_nothing_else`"]
fn child_on_full_disks() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let from = open_dir(&folder.join("in"));
    let disk = folder.join("disk");
    let mount = |options: String| {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&disk).status();
        assert!(status.expect("runs").success(), "mounts {options}");
    };
    let mut full = 0;
    for pages in 1..120 {
        mount(format!("size={}k", pages * 4));
        match work(&disk, &from) {
            Ok(()) => {}
            Err(error @ StoreError::Full { .. }) => {
                full += 1;
                assert_eq!(error.fault(), Cause::Environment);
                let said = shown(&error);
                let path = said.strip_prefix(&format!("no space is left for `{}/", disk.display()));
                let help = "` | free space on that disk, or choose a store on another one with `--store`; nothing that was \
                            stored is lost";
                assert!(path.is_some_and(|path| path.ends_with(help)), "{said}");
            }
            Err(error) => panic!("{pages} pages: {}", shown(&error)),
        }
        mount("remount,size=64m".to_owned());
        work(&disk, &from).unwrap_or_else(|error| panic!("after {pages} pages: {}", shown(&error)));
        let store = Store::open(&HostPath::new(disk.join("store"))).expect("opens");
        let found = store.realisation(key("a")).expect("reads").expect("recorded");
        assert!(found.outputs.values().all(|digest| store.present(*digest).expect("reads")), "{pages} pages");
        let number = ledger(&store).number_of("1", &arch("amd64"), fingerprint("a"));
        assert_eq!(number.expect("reads"), Some(1), "{pages} pages");
        drop(store);
        assert!(Command::new("umount").arg(&disk).status().expect("runs").success());
    }
    assert!(full > 30, "the disk was full only {full} times");
}

#[test]
fn a_full_disk_is_an_error_and_nothing_else() {
    let space = Space::new();
    let from = space.folder("in");
    for number in 0..30 {
        from.write(number.to_string(), format!("file {number}")).expect("written");
    }
    space.folder("disk");
    // A mount namespace of its own, as an ordinary user too: the host sees no mount.
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--propagation", "private"]);
        command
    };
    let mut probe = unshare();
    probe.args(["mount", "-t", "tmpfs", "tmpfs"]).arg(space.path("disk")).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mount namespace with a small tmpfs to be had here (unshare --user --mount)");
        return;
    }
    let test = child("full_disk::child_on_full_disks", space.folder.path());
    let mut command = unshare();
    command.arg(test.get_program()).args(test.get_args()).env(FOLDER, space.folder.path());
    let output = command.output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
