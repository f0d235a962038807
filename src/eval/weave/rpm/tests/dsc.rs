//! Source packages of a distribution of `.deb` packages on a distro of RPM packages: the project's own recipes.

use std::collections::BTreeMap;

use super::fixture::{lock, looked, project};
use super::{node, reads};
use crate::digest::{Digest, Sha256};
use crate::distro::Family;
use crate::drv::Action;
use crate::eval::Project;
use crate::eval::weave::{takes_sources, weave};
use crate::graph::Graph;
use crate::lock::{BinaryFacts, DistroPin, DscPin, Lock, PinnedFile, SourceFacts};
use crate::name::DistroName;
use crate::settings::Settings;

/// Components of the project with their specs, the version of their pins, and the packages that each makes on Debian.
const OWN: [(&str, &str, &str, &str, &str); 3] = [
    ("libmd", include_str!("../../../../../recipes/libmd/libmd.spec"), "1.1.0-2", "", "libmd0 libmd-dev"),
    (
        "libbsd",
        include_str!("../../../../../recipes/libbsd/libbsd.spec"),
        "0.12.2-2",
        "libmd-dev",
        "libbsd0 libbsd-dev",
    ),
    (
        "signify-openbsd",
        include_str!("../../../../../recipes/signify-openbsd/signify-openbsd.spec"),
        "32-1",
        "libbsd-dev",
        "signify-openbsd",
    ),
];

fn pin(source: &str, version: &str, needs: &str, binaries: &str) -> DscPin {
    let upstream = version.split('-').next().unwrap_or_default();
    let files = [format!("{source}_{version}.dsc"), format!("{source}_{upstream}.orig.tar.xz")];
    let file = |name: String| (name, PinnedFile { size: 1, sha256: Sha256::of(b"1") });
    let binary = |name: &str| {
        let of_arch = BinaryFacts {
            architecture: "any".into(),
            package_type: None,
            depends: String::new(),
            provides: String::new(),
            profiles: String::new(),
        };
        (name.parse().expect("a name"), of_arch)
    };
    DscPin {
        suite: "oasis".into(),
        directory: format!("pool/{source}"),
        tree: Digest::of(source.as_bytes()),
        files: files.map(file).into(),
        facts: SourceFacts {
            source: source.parse().expect("a name"),
            version: version.into(),
            distribution: "unstable".into(),
            date: 1_790_000_000,
            format: "3.0 (quilt)".into(),
            rules_requires_root: Some("no".into()),
            build_depends: needs.into(),
            build_depends_arch: String::new(),
            build_depends_indep: String::new(),
            build_conflicts: String::new(),
            binaries: binaries.split(' ').map(binary).collect(),
        },
    }
}

fn pinned() -> Lock {
    let pins = OWN.map(|(name, _, version, needs, binaries)| {
        (name.parse().expect("a name"), pin(name, version, needs, binaries))
    });
    Lock { dsc: BTreeMap::from([(mirage(), pins.into())]), ..lock() }
}

fn mirage() -> DistroName {
    "mirage-1".parse().expect("a name")
}

/// The project's own components in place of those of the fixture, with these changes.
fn own(changes: &[(&str, &str)]) -> (Project, Settings) {
    let recipes = OWN.map(|(name, ..)| (name.to_owned(), format!("#{{ source: dsc(\"{name}\") }}")));
    let specs = OWN.map(|(name, spec, ..)| (format!("{name}/{name}.spec"), spec.to_owned()));
    let none =
        ["grace", "logax", "tool"].map(|name| (name.to_owned(), "#{ source: dsc(\"x\"), skip: \"no\" }".to_owned()));
    let all: Vec<(String, String)> = none.into_iter().chain(recipes).chain(specs).collect();
    let mut all: Vec<(&str, &str)> = all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    all.extend(changes);
    project(&all)
}

fn woven((project, settings): &(Project, Settings), lock: &Lock) -> Result<Graph, Vec<String>> {
    weave(project, lock, settings, &looked).map(|woven| woven.graph).map_err(|errors| {
        errors.iter().map(|error| format!("{error} / {}", miette::Diagnostic::help(error).expect("help"))).collect()
    })
}

#[test]
fn both_families_are_built_of_one_source() {
    let graph = woven(&own(&[]), &pinned()).expect("sound");
    let of_rpm = reads(&graph, "source-package:libmd@mirror-9");
    assert_eq!(of_rpm, ["root: root:base@mirror-9/amd64", "source: source:libmd@mirage-1"]);
    assert_eq!(reads(&graph, "source-package:libmd@mirage-1"), ["source: source:libmd@mirage-1"]);
    assert!(!graph.ids().any(|id| graph.node(id).to_string() == "source:libmd@mirror-9"));
    let Action::Build { script, .. } = node(&graph, "build:libmd@mirror-9/arm64").action() else { panic!("no build") };
    assert_eq!(
        crate::family::numbered_version(&script, 1),
        "1.1.0-1.1.mr9",
        "the version of the source package, the release of the spec"
    );
    // The needs of the others follow from `pkgconfig(…)` in their specs.
    let needs = |name: &str| -> Vec<String> {
        let reads = reads(&graph, name).into_iter();
        reads.filter_map(|read| Some(read.strip_prefix("packages of ")?.split_once(": ")?.1.to_owned())).collect()
    };
    assert_eq!(needs("resolve:libbsd@mirror-9/amd64"), ["build:libmd@mirror-9/amd64"]);
    // What libbsd-devel needs when it is installed has to be there as well.
    assert_eq!(
        needs("resolve:signify-openbsd@mirror-9/amd64"),
        ["build:libbsd@mirror-9/amd64", "build:libmd@mirror-9/amd64"]
    );
}

#[test]
fn what_a_development_package_needs_at_run_time_is_built_before_even_if_no_spec_says_so() {
    let libbsd = OWN[1].1;
    let silent: String =
        libbsd.lines().filter(|line| !line.contains("libmd-devel")).map(|line| format!("{line}\n")).collect();
    assert_ne!(silent, libbsd);
    let graph = woven(&own(&[("libbsd/libbsd.spec", &silent)]), &pinned()).expect("sound");
    // rpm finds such needs in what is built: a .pc file that names another's.
    let needs = reads(&graph, "resolve:signify-openbsd@mirror-9/amd64");
    assert!(needs.contains(&"packages of libmd/amd64: build:libmd@mirror-9/amd64".to_owned()), "{needs:?}");
}

#[test]
fn nodes_of_deb_packages_are_what_they_were() {
    let (both, whole) = (own(&[]), pinned());
    let mut alone = whole.clone();
    alone.distro.retain(|name, _| *name == mirage());
    let ids = |graph: &Graph| -> BTreeMap<String, String> {
        let named = graph.ids().map(|id| (graph.node(id).to_string(), graph.node(id).id().to_string()));
        named.filter(|(name, _)| name.contains("mirage-1")).collect()
    };
    let (both, alone) = (woven(&both, &whole).expect("sound"), woven(&both, &alone).expect("sound"));
    assert!(ids(&alone).len() > 10);
    assert_eq!(ids(&both), ids(&alone));
}

#[test]
fn a_component_may_be_for_rpm_alone() {
    let only = "#{ source: dsc(\"libmd\"), targets: [\"@mirror-9\"] }";
    let nobody = ["libbsd", "signify-openbsd"].map(|name| (name, "#{ source: dsc(\"x\"), skip: \"no\" }"));
    let graph = woven(&own(&[&nobody[..], &[("libmd", only)]].concat()), &pinned()).expect("sound");
    assert!(reads(&graph, "source-package:libmd@mirror-9").contains(&"source: source:libmd@mirage-1".to_owned()));
    assert!(!graph.ids().any(|id| graph.node(id).to_string() == "source-package:libmd@mirage-1"));
}

#[test]
fn whose_source_packages_are_meant_must_be_known() {
    let nobody = ["libbsd", "signify-openbsd"].map(|name| (name, "#{ source: dsc(\"x\"), skip: \"no\" }"));
    let only = [&nobody[..], &[("libmd", "#{ source: dsc(\"libmd\"), targets: [\"@mirror-9\"] }")]].concat();
    let (mut project, mut settings) = own(&only);
    let said = |project: &(Project, Settings), lock: &Lock| woven(project, lock).expect_err("a mistake").join("\n");
    let mut none = pinned();
    none.distro.remove(&mirage());
    let whole = (project, settings);
    insta::assert_snapshot!(said(&whole, &none), @"no distro is pinned that has source packages of Debian's / run `opb update @mirage-1`, which pins it and looks up its source packages");
    insta::assert_snapshot!(said(&whole, &lock()), @"the source package `libmd` of mirage-1 is not pinned / run `opb update libmd`, which looks it up and writes `opb.lock`");
    (project, settings) = whole;
    // A second distro of `.deb` packages.
    let second: DistroName = "mirage-2".parse().expect("a name");
    let mut distro = project.distros[&mirage()].clone();
    assert_eq!(distro.family(), Family::Deb);
    distro.name = second.clone();
    project.distros.insert(second.clone(), distro);
    let mut two = pinned();
    two.distro.insert(second.clone(), DistroPin::default());
    let whole = (project, settings);
    insta::assert_snapshot!(said(&whole, &two), @"several distros are pinned that have source packages: `mirage-1`, `mirage-2` / say in `opb.toml` whose are taken, as in `source_distro = \"mirage-1\"`");
    (project, settings) = whole;
    settings.source_distro = Some(mirage());
    let whole = (project, settings);
    assert!(woven(&whole, &two).is_ok());
    (project, settings) = whole;
    settings.source_distro = Some(second);
    let whole = (project, settings);
    insta::assert_snapshot!(said(&whole, &pinned()), @"`opb.toml` has `source_distro = \"mirage-2\"`, which is not pinned / run `opb update @mirage-2`, which pins it and looks up its source packages");
    (project, settings) = whole;
    settings.source_distro = Some("mirag-1".parse().expect("a name"));
    insta::assert_snapshot!(said(&(project, settings), &pinned()), @"`opb.toml` has `source_distro = \"mirag-1\"`, which is no distro of `.deb` packages / name one of the project's, in `distros/`; did you mean `mirage-1`?");
}

#[test]
fn a_pinned_distro_of_rpm_packages_takes_source_packages() {
    let (project, mut settings) = own(&[]);
    let takes = |lock: &Lock, settings: &Settings, of: &str, target: &str| {
        let [of, target] = [of, target].map(|name| name.parse().expect("a name"));
        takes_sources(&project.distros, (lock, settings), &of, &target)
    };
    assert!(takes(&lock(), &settings, "mirage-1", "mirror-9") && takes(&lock(), &settings, "mirage-1", "mirage-1"));
    assert!(!takes(&lock(), &settings, "mirror-9", "mirage-1"));
    let mut unpinned = lock();
    unpinned.distro.retain(|name, _| *name == mirage());
    assert!(!takes(&unpinned, &settings, "mirage-1", "mirror-9"), "what is not built takes nothing");
    settings.source_distro = Some("mirage-2".parse().expect("a name"));
    assert!(!takes(&lock(), &settings, "mirage-1", "mirror-9"));
}

#[test]
fn what_a_source_package_cannot_be_for_rpm() {
    let nobody = ["libbsd", "signify-openbsd"].map(|name| (name, "#{ source: dsc(\"x\"), skip: \"no\" }"));
    let said = |recipe: &str, lock: &Lock| {
        let project = own(&[&nobody[..], &[("libmd", recipe)]].concat());
        woven(&project, lock).expect_err("a mistake").join("\n")
    };
    let further = "#{ source: dsc(\"libmd\"), sources: #{ \"x\": dsc(\"libbsd\") }, targets: [\"@mirror-9\"] }";
    insta::assert_snapshot!(said(further, &pinned()), @r#"a further source of `libmd` is a source package, and mirror-9 has RPM packages / lay a folder of the project, or leave mirror-9 out with `targets`, as in `targets: ["@debian-*"]`"#);
    let mut bare = pinned();
    let pins = bare.dsc.get_mut(&mirage()).expect("pins");
    pins.values_mut().for_each(|pin| pin.files.retain(|name, _| name.ends_with(".dsc")));
    let only = "#{ source: dsc(\"libmd\"), targets: [\"@mirror-9\"] }";
    insta::assert_snapshot!(said(only, &bare), @r#"the source package `libmd` of mirage-1 has no upstream archive, or several that it could be / leave mirror-9 out with `targets`, as in `targets: ["@debian-*"]`, or take the source from a folder"#);
    let named = "#{ source: dsc(\"libmd\"), build: spec(\"md.spec\"), targets: [\"@mirror-9\"] }";
    insta::assert_snapshot!(said(named, &pinned()), @"`libmd` for mirror-9/amd64: there is no `md.spec` in `recipes/libmd/` / put it there, since a source package of Debian's has none, or leave these distros out with `targets`");
}

#[test]
fn switches_and_macros_reach_a_spec_beside_the_recipe() {
    let spec = "Name: libmd\nVersion: 1\nRelease: 1\nSource0: libmd-%{version}.tar.xz\n%bcond_without docs\n\
                %if %{with docs}\nBuildRequires: asciidoc\n%endif\n%if 0%{?extra}\nBuildRequires: more\n%endif\n%files\n";
    let nobody = ["libbsd", "signify-openbsd"].map(|name| (name, "#{ source: dsc(\"x\"), skip: \"no\" }"));
    let needs = |build: &str| {
        let recipe = format!("#{{ source: dsc(\"libmd\"), targets: [\"@mirror-9\"], {build} }}");
        let graph = woven(&own(&[&nobody[..], &[("libmd", &recipe), ("libmd/libmd.spec", spec)]].concat()), &pinned());
        match node(&graph.expect("sound"), "resolve:libmd@mirror-9/amd64").action() {
            Action::Resolve(resolve) => resolve.needs,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(needs(""), ["@perl:5.32", "asciidoc"]);
    assert_eq!(needs("profiles: [\"nodoc\"]"), ["@perl:5.32"]);
    let build = "build: spec(\"libmd.spec\", #{ bcond: [\"-docs\"], define: #{ extra: \"1\" } })";
    assert_eq!(needs(build), ["@perl:5.32", "more"]);
}
