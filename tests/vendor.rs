//! The made-up vendor's project (`examples/vendor.rs`): that it has the shape which large tests and benchmarks count on.
//!
//! That its sources really build is shown in `tests/building/vendor.rs`.

#[path = "../examples/vendor/mod.rs"]
mod vendor;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use opb::graph::{Graph, NodeId};
use opb::name::Kind;
use opb::ops::session::Session;
use vendor::{Wish, write};

/// A project in a folder that goes with it.
struct Farm {
    folder: tempfile::TempDir,
    session: Session,
}

fn farm(components: usize, targets: usize) -> Farm {
    let folder = tempfile::tempdir().expect("scratch");
    write(folder.path(), &Wish { components, targets, seed: 1 }).expect("a project");
    let session = match Session::open(folder.path()) {
        Ok(session) => session,
        Err(failure) => panic!("{:?}", failure.report),
    };
    Farm { folder, session }
}

impl Farm {
    fn graph(&self) -> &Graph {
        &self.session.graph
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).expect(path)
    }

    fn builds(&self) -> impl Iterator<Item = NodeId> {
        self.graph().ids().filter(|id| self.graph().node(*id).kind() == Kind::Build)
    }

    fn component(&self, id: NodeId) -> String {
        self.graph().node(id).component_str().expect("a build has a component").to_owned()
    }

    /// The other components of a distro whose builds read, through others or not, what is made of `component`.
    fn dirtied(&self, component: &str, distro: &str) -> BTreeSet<String> {
        let name = format!("source-package:{component}@{distro}").parse().expect("a name");
        let source = self.graph().find(&name).expect("a source package");
        let reached = self.graph().with_consumers(&[source]);
        let builds = reached.into_iter().filter(|id| self.graph().node(*id).kind() == Kind::Build);
        builds.map(|id| self.component(id)).filter(|name| name != component).collect()
    }

    /// Whose packages the root of a build may take.
    fn needs(&self, resolve: &str) -> BTreeSet<String> {
        let id = self.graph().find(&resolve.parse().expect("a name")).expect(resolve);
        let ours = self.graph().node(id).inputs().filter_map(|input| input.role.strip_prefix("packages of "));
        ours.map(|place| place.split('/').next().unwrap_or(place).to_owned()).collect()
    }

    fn distros(&self) -> BTreeSet<String> {
        self.builds().filter_map(|id| self.graph().node(id).distro().map(str::to_owned)).collect()
    }
}

#[test]
fn the_shape_of_the_farm() {
    let farm = farm(70, 62);
    assert_eq!(farm.session.evaluated().expect("sound").components.len(), 70);
    let mut targets: BTreeSet<String> = BTreeSet::new();
    let mut arches: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    let mut builds = 0;
    for id in farm.builds() {
        let node = farm.graph().node(id);
        let independent = node.arch() == Some("all");
        builds += 1;
        if !independent {
            targets.insert(node.place().to_owned());
        }
        arches.entry(farm.component(id)).or_default().insert(independent);
    }
    assert_eq!(targets.len(), 62);
    assert!(builds >= 70 * 62, "{builds} builds");
    // About half yield packages for all arches alone, and some both kinds.
    let of = |kinds: &[bool]| arches.values().filter(|of| of.iter().eq(kinds)).count();
    assert_eq!((of(&[true]), of(&[false, true]), of(&[false])), (34, 14, 22));
    // A change of the base library makes 41 others dirty, of the core 32, of the interface 1.
    // On RPM, two modules have no spec, one program does without the library, and one more needs the core.
    for (name, distro) in &farm.session.evaluated().expect("sound").distros {
        if !farm.session.lock().expect("sound").distro.contains_key(name) {
            continue;
        }
        let expected = if distro.rpm().is_some() { [38, 31, 1] } else { [41, 32, 1] };
        let dirtied = |component| farm.dirtied(component, name.as_str()).len();
        assert_eq!(["libskerry", "skerry-core", "skerry-web"].map(dirtied), expected, "{name}");
    }
    // Of the targets about half are each family's.
    let is_rpm = |target: &&String| {
        let name: opb::name::DistroName =
            target.split('/').next().and_then(|name| name.parse().ok()).expect("a distro");
        farm.session.evaluated().expect("sound").distros[&name].rpm().is_some()
    };
    assert_eq!(targets.iter().filter(is_rpm).count(), 31);
}

#[test]
fn needs_of_every_sort() {
    let farm = farm(70, 6);
    // One source with ten packages, one with six.
    let packages =
        |component: &str| farm.read(&format!("sources/{component}/debian/control")).matches("\nPackage: ").count();
    assert_eq!((packages("libskerry"), packages("skerry-core")), (10, 6));
    // A minimum version.
    assert!(farm.read("sources/skerry-admin/debian/control").contains("skerry-web-dev (>= 1.4)"));
    // A need that is met through what the core's development package depends on.
    let control = farm.read("sources/skerry-mod-ldap/debian/control");
    assert!(farm.read("sources/skerry-mod-ldap/src/module.c").contains("#include <skerry/base.h>"));
    assert!(control.contains("skerry-core-dev (>= 2.1)") && !control.contains("libskerry-dev"), "{control}");
    let needs = farm.needs("resolve:skerry-mod-ldap@debian-12/amd64");
    assert_eq!(needs, BTreeSet::from(["libskerry", "skerry-core"].map(str::to_owned)));
    // Circles at run time: the core's metapackage and its modules, and two modules.
    let control = farm.read("sources/skerry-core/debian/control");
    let depends = |module: &str| farm.read(&format!("sources/{module}/debian/control"));
    assert!(control.contains("\n skerry-mod-dns,") && depends("skerry-mod-dns").contains("\n skerry-core (>= 2.1)"));
    assert!(depends("skerry-mod-dns").contains("\n skerry-mod-mail"));
    assert!(depends("skerry-mod-mail").contains("\n skerry-mod-dns"));
    // For Ubuntu alone, and not for the other family.
    let distros = |component: &str| -> BTreeSet<String> {
        let builds = farm
            .session
            .evaluated()
            .expect("sound")
            .work
            .iter()
            .filter(|work| work.component.name.as_str() == component);
        builds.filter(|work| work.component.skip.is_none()).map(|work| work.target.distro.to_string()).collect()
    };
    let ubuntu = distros("skerry-applet");
    assert!(!ubuntu.is_empty() && ubuntu.iter().all(|distro| distro.starts_with("ubuntu-")), "{ubuntu:?}");
    // Names and needs of RPM's differ.
    let spec = |component: &str| farm.read(&format!("sources/{component}/rpm/{component}.spec"));
    assert!(spec("libskerry").contains("%package -n libskerry-net-devel\n"));
    assert!(depends("skerry-watch").contains("libskerry-dev") && !spec("skerry-watch").contains("libskerry-devel"));
    assert!(
        !depends("skerry-backup").contains("skerry-core-dev") && spec("skerry-backup").contains("skerry-core-devel")
    );
}

#[test]
fn larger_ones_have_the_same_shape() {
    let farm = farm(700, 2);
    assert_eq!(farm.session.evaluated().expect("sound").components.len(), 700);
    let distro = farm.distros().first().expect("a distro").clone();
    let dirtied = |component| farm.dirtied(component, &distro).len();
    assert_eq!(["libskerry", "skerry-core", "skerry-web"].map(dirtied), [410, 320, 10]);
}

/// Every file below a folder with its text.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").display().to_string();
                found.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    found
}

#[test]
fn the_same_wish_gives_the_same_bytes() {
    let of = |seed| {
        let folder = tempfile::tempdir().expect("scratch");
        write(folder.path(), &Wish { components: 70, targets: 62, seed }).expect("a project");
        files(folder.path())
    };
    let (one, again, other) = (of(1), of(1), of(2));
    assert_eq!(one, again);
    // Another seed: the same files with other texts, and the same targets.
    assert!(one.keys().eq(other.keys()));
    assert_eq!(one["opb.lock"], other["opb.lock"]);
    let differing = one.iter().filter(|(path, text)| other[*path] != **text).count();
    assert!(differing > 300, "{differing}");
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().expect("scratch");
    let error = |components, targets| {
        write(folder.path(), &Wish { components, targets, seed: 1 }).expect_err("wrong").to_string()
    };
    assert_eq!(error(7, 1), "the shape takes at least 8 components and one target");
    assert_eq!(error(8, 0), "the shape takes at least 8 components and one target");
    fs::write(folder.path().join("x"), "").expect("writes");
    assert_eq!(error(8, 1), format!("`{}` is not an empty folder", folder.path().display()));
}
