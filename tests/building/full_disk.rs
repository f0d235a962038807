//! A store on a disk that is full.

use std::fs;
use std::process::Command;

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// Puts a copy of a store on a disk that has some megabytes more than that takes. Roots are shown from elsewhere.
const SMALL_DISK: &str = "set -e
shared=$1; disk=$2; more=$3; shift 3
mkdir \"$disk\"
mount -t tmpfs -o size=8g tmpfs \"$disk\"
mkdir \"$disk/store\" \"$disk/store/roots\"
for part in format objects trees sha256 realised locks; do cp -R \"$shared/$part\" \"$disk/store/\"; done
mount --bind \"$shared/roots\" \"$disk/store/roots\"
\"$@\" --store \"$disk/store\" plan > /dev/null
used=$(du -sm --one-file-system \"$disk\" | cut -f1)
mount -o \"remount,size=$((used + more))m\" \"$disk\"
";

/// Runs a build there, then gives it space, and builds again.
const SCRIPT: &str = "code=0; \"$@\" --store \"$disk/store\" build -j1 > /dev/null 2> \"$disk.full\" || code=$?
echo \"full: $code\"
mount -o remount,size=8g \"$disk\"
code=0; \"$@\" --store \"$disk/store\" build -j1 2>&1 || code=$?
echo \"space: $code\"";

/// Runs `script` where `$disk`, which is `disk` in the project, has room for so many megabytes, and `"$@"` is the program.
pub fn on_a_small_disk(space: &Space, megabytes: u32, script: &str) -> Ran {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &format!("{SMALL_DISK}{script}"), "sh"]);
    command.arg(&space.store).arg(space.folder.join("disk")).arg(megabytes.to_string());
    command.arg(env!("CARGO_BIN_EXE_opb")).arg("-C").arg(&space.folder);
    command.env("NO_COLOR", "1").output().expect("runs").into()
}

#[test]
fn a_full_disk_is_told_and_space_is_all_that_it_takes() {
    let Some(space) = space("full") else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can mount a small disk");
        return;
    }
    Tiny::PLAIN.with_recipe(&space, "");
    // More than the disk has, in the source: the store is what cannot be written.
    fs::write(space.folder.join("a/large"), vec![b'x'; 40 << 20]).expect("writes");
    let ran = on_a_small_disk(&space, 12, SCRIPT);
    let full = fs::read_to_string(space.folder.join("disk.full")).unwrap_or_default();
    assert!(ran.out.contains("full: 3\n"), "{full}\n{}{}", ran.out, ran.err);
    let told = space.shown(&full);
    assert!(told.contains("no space is left for `PROJECT/disk/store/"), "{told}");
    assert!(told.contains("help: free space on that disk, or choose a store on another one"), "{told}");
    assert!(ran.out.ends_with("space: 0\n"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_would_fill_the_disk_is_not_started() {
    let Some(space) = space("large") else { return };
    let tiny = Tiny::PLAIN;
    tiny.with_recipe(&space, "");
    space.opb(&["build"]).fine();
    let node = "build:a-TAG@DISTRO/all";
    let last = space.last(node);
    assert!((1..1 << 30).contains(&last.disk), "what it took is measured: {} bytes", last.disk);
    // As of one that took more than any disk has.
    let key = opb::drv::ActionKey(opb::digest::Digest::of(space.tag.as_bytes()));
    let large = opb::store::Realisation {
        key,
        number: None,
        fingerprint: None,
        started: last.started + 1,
        disk: 1 << 60,
        ..last
    };
    space.open_store().record(&large).expect("recorded");
    tiny.with_recipe(&space, "env: #{ X: \"1\" }");
    let told = space.opb(&["build"]).exits(3);
    let line = "it needs about 1.4 EB on the disk of `";
    assert!(told.err.contains(line) && told.err.contains("`opb store gc` removes what nobody needs"), "{}", told.err);
    assert_eq!(space.times(node), 2, "it ran");
    assert!(space.open_store().forget(key).expect("forgotten"));
    space.opb(&["build"]).fine();
    assert_eq!(space.packages(node), ["a-TAG_1.0-1~SUFFIX+opb2_all.deb"]);
}
