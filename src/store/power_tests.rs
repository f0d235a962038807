//! Cuts the power at fault points of a piece of work, and looks at what is on the disk.
//!
//! The store is in a file system of its own in an image. At a point the process dies and the image is copied as it is at
//! that moment: what the file system has not given to its disk by then is not in the copy. That is mounted, by which the
//! file system recovers as after a power cut, and looked at.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::crash_tests::{FOLDER, check_nothing_half, killed_at, work};
use super::*;

/// Of how many points one is tried, unless all are wanted (`OPB_TEST_FULL`).
const STEP: u64 = 7;

/// The size of an image.
const IMAGE: &str = "32M";

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().expect("runs");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// A mounted image; unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(image: &Path, folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("made");
        run("mount", &["-o", "loop", text(image), text(&folder)]);
        Self(folder)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[text(&self.0)]);
    }
}

/// Whether the work came as far as the point `at`.
fn cut_at(place: &Path, at: u64) -> bool {
    let (disk, copy) = (place.join("disk.img"), place.join("copy.img"));
    let _ = std::fs::remove_file(&disk);
    run("truncate", &["-s", IMAGE, text(&disk)]);
    run("mkfs.ext4", &["-q", "-m", "0", text(&disk)]);
    let mounted = Mounted::new(&disk, place.join("disk"));
    let Some(point) = killed_at(&mounted.0, at) else { return false };
    run("cp", &["--sparse=always", text(&disk), text(&copy)]);
    drop(mounted);

    let after = Mounted::new(&copy, place.join("after"));
    // What was to be read is as good as gone too.
    let input = after.0.join("in/folder");
    std::fs::create_dir_all(&input).expect("made");
    for number in 0..20 {
        std::fs::write(input.join(number.to_string()), format!("file {number}")).expect("written");
    }
    let store = Store::open(&HostPath::new(after.0.join("store"))).expect("opens after a power cut");
    let found = store.verify(1, &|_| None).expect("verifies");
    assert_eq!(found.findings, [], "point {at}, {point}");
    drop(store);
    check_nothing_half(&after.0, at);
    work(&after.0);
    check_nothing_half(&after.0, at);
    true
}

#[test]
#[ignore = "the child of `power_cut_at_points`, in a mount namespace of its own"]
fn child_with_mounts() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let step = if std::env::var_os("OPB_TEST_FULL").is_some() { 1 } else { STEP };
    let cuts =
        (1..).step_by(usize::try_from(step).expect("small")).take_while(|at| cut_at(Path::new(&folder), *at)).count();
    assert!(cuts as u64 * step > 60, "only {cuts} cuts");
}

#[test]
fn power_cut_at_points() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("made");
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command
    };
    let probe = "truncate -s 8M probe && mkfs.ext4 -q probe && mkdir at && mount -o loop probe at && umount at";
    let probed = unshare().args(["sh", "-c", probe]).current_dir(folder.path()).output();
    if let Some(why) = match probed {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    } {
        eprintln!("skipped: no file system in an image to be had here (root, loop devices, mkfs.ext4): {why}");
        return;
    }
    let mut command = unshare();
    command.arg(std::env::current_exe().expect("known"));
    command.args(["--exact", "store::power_tests::child_with_mounts", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = command.env(FOLDER, folder.path()).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
