//! Components of the made-up vendor's project, really built for this machine's release.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::space::{Space, space};
use super::vendor_project::{Wish, write};

/// The tests of this project build nodes of the same names in one store, and count how often.
pub static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Puts the vendor's project in the place of the space's own, with its pins.
pub fn put_project(space: &Space) {
    let pins = fs::read_to_string(space.folder.join("opb.lock")).expect("pinned");
    fs::remove_dir_all(&space.folder).expect("removes");
    // Another seed each time, so that the store has none of these sources yet.
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    write(&space.folder, &Wish { components: 70, targets: 6, seed }).expect("a project");
    space.write("opb.lock", &pins);
}

#[test]
fn a_made_up_vendors_sources_build() {
    if std::env::var_os("OPB_TEST_FULL").is_none() {
        println!("skipped: it takes minutes; OPB_TEST_FULL=1 runs it");
        return;
    }
    let Some(space) = space("vendor") else { return };
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    put_project(&space);
    let parts = |component: &str, arches: &[&str]| -> Vec<String> {
        arches.iter().map(|arch| format!("build:{component}@DISTRO/{arch}")).collect()
    };
    let both = ["ARCH", "all"];
    // C++, C, Python and shell; programs, plug-ins and scripts; each way to need something.
    let wanted = [
        parts("libskerry", &both),
        parts("skerry-core", &both),
        parts("skerry-auth", &["ARCH"]),
        parts("skerry-cli", &both),
        parts("skerry-admin", &["all"]),
        parts("skerry-mod-ldap", &["ARCH"]),
        parts("skerry-mod-web", &["ARCH"]),
        parts("skerry-mod-mail", &["all"]),
        parts("skerry-mod-ftp", &["all"]),
        parts("skerry-mod-sql", &both),
        parts("skerry-calc", &both),
        parts("skerry-theme-dark", &["all"]),
    ]
    .concat();
    // The store outlives a run of the suite.
    let times = || wanted.iter().map(|node| space.times(node)).collect::<Vec<usize>>();
    let before = times();
    let mut args = vec!["build"];
    args.extend(wanted.iter().map(String::as_str));
    space.opb(&args).fine();
    assert_eq!(times(), before.iter().map(|times| times + 1).collect::<Vec<usize>>(), "{wanted:?}");
    let names = |node: &str| -> Vec<String> {
        let files = space.packages(node);
        let mut names: Vec<String> = files.iter().filter_map(|file| Some(file.split_once('_')?.0.to_owned())).collect();
        names.sort();
        names
    };
    assert_eq!(
        names("build:libskerry@DISTRO/ARCH"),
        [
            "libskerry-dev",
            "libskerry-net-dev",
            "libskerry-net1",
            "libskerry-text-dev",
            "libskerry-text1",
            "libskerry1",
            "skerry-tools"
        ]
    );
    assert_eq!(names("build:libskerry@DISTRO/all"), ["libskerry-doc", "python3-skerry", "skerry-common"]);
    assert_eq!(names("build:skerry-core@DISTRO/ARCH"), ["libskerrycore1", "skerry-core", "skerry-core-dev"]);
    assert_eq!(names("build:skerry-core@DISTRO/all"), ["skerry-core-common", "skerry-core-doc", "skerry-core-full"]);
    // Met through what the core's development package depends on: it is not named by the module.
    let asked = ["run", "root:skerry-mod-ldap@DISTRO/ARCH", "--", "dpkg-query", "-W", "libskerry-dev"];
    let said = space.opb(&asked).fine().out;
    assert!(said.starts_with("libskerry-dev"), "{said}");
}
