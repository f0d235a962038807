//! Versions, parts, profiles, and what a build is told.

use super::*;
use crate::component::{BuildSpec, FileBeside, FilesBeside, LaidFile};
use crate::digest::Digest;
use crate::distro::{Base, Deb, Expired, Lifecycle, Options, Packaging};
use crate::family::laid::Laid;
use crate::family::{numbered_version, unnumbered_version};
use crate::lock::BinaryFacts;
use crate::name::DistroName;
use crate::package::version::Version;

fn distro() -> Distro {
    Distro {
        name: DistroName::new("mirage-1").expect("a name"),
        vendor: "mirage".into(),
        release: "1".into(),
        suffix: "mir1".into(),
        arches: vec!["amd64".parse().expect("an arch")],
        indep_on: "amd64".parse().expect("an arch"),
        lifecycle: Lifecycle { end: "2030-01-01".into(), archived: false },
        packaging: Packaging::Deb(deb_distro()),
    }
}

pub(super) fn deb_distro() -> Deb {
    Deb {
        codename: "oasis".into(),
        extra_repositories: Vec::new(),
        suites: Vec::new(),
        keyring: "k".into(),
        base: Base { variant: "buildd".into(), add: Vec::new() },
        expired_release_files: Expired::Refuse,
        options: Options { first_alternative: true, rules_need_no_root: false },
        capabilities: BTreeMap::new(),
    }
}

fn component(source: SourceSpec, profiles: &[&str]) -> Component {
    let mut component = Component::new("tool".parse().expect("a name"), "recipes/tool.rhai", source);
    component.profiles = profiles.iter().map(|name| (*name).to_owned()).collect();
    component
}

fn dsc() -> SourceSpec {
    SourceSpec::Dsc { name: "tool".parse().expect("a name") }
}

fn own() -> SourceSpec {
    SourceSpec::Path { folder: None }
}

fn facts(version: &str, binaries: &[(&str, &str)]) -> SourceFacts {
    let binary = |(architecture, profiles): &(&str, &str)| BinaryFacts {
        architecture: (*architecture).to_owned(),
        package_type: None,
        depends: String::new(),
        provides: String::new(),
        profiles: (*profiles).to_owned(),
    };
    let named = binaries.iter().enumerate().map(|(n, facts)| (format!("p{n}").parse().expect("a name"), binary(facts)));
    SourceFacts {
        source: "tool".parse().expect("a name"),
        version: version.to_owned(),
        distribution: "unstable".into(),
        date: 1_736_589_600,
        format: "3.0 (quilt)".into(),
        rules_requires_root: None,
        build_depends: "a, b (>= 1)".into(),
        build_depends_arch: "c".into(),
        build_depends_indep: "d".into(),
        build_conflicts: "e".into(),
        binaries: named.collect(),
    }
}

fn script(action: &Action) -> &Script {
    match action {
        Action::Build { script, .. } | Action::SourcePackage { script: Some(script) } => script,
        other => panic!("no script: {other:?}"),
    }
}

fn version(source: SourceSpec, of: &str, number: u32) -> String {
    let build = build(&component(source, &[]), &distro(), &facts(of, &[]), (Part::Arch, false), "M <m@example.org>");
    numbered_version(script(&build), number)
}

#[test]
fn versions_are_those_of_the_manual() {
    assert_eq!(version(dsc(), "1.0-1", 1), "1.0-1+0opb1~mir1");
    assert_eq!(version(dsc(), "1.0-1", 2), "1.0-1+0opb2~mir1");
    assert_eq!(version(own(), "1.0-1", 2), "1.0-1~mir1+opb2");
    let build = build(&component(own(), &[]), &distro(), &facts("1:2", &[]), (Part::Arch, false), "M");
    assert_eq!(unnumbered_version(script(&build)), "1:2~mir1+opbN");
}

#[test]
fn versions_sort_where_the_manual_says() {
    let sorted = |versions: &[&str]| {
        let versions: Vec<Version> = versions.iter().map(|text| Version::new(text).expect(text)).collect();
        assert!(versions.windows(2).all(|pair| pair[0] < pair[1]), "{versions:?}");
    };
    sorted(&[
        "1.0-1",
        &version(dsc(), "1.0-1", 1),
        &version(dsc(), "1.0-1", 2),
        &version(dsc(), "1.0-1", 10),
        "1.0-1+b1",
    ]);
    sorted(&[&version(dsc(), "1.0-1", 10), "1.0-1+mir1u1", "1.0-2"]);
    sorted(&["1.0-1~mir1", &version(own(), "1.0-1", 2), "1.0-1", &version(dsc(), "1.0-1", 1)]);
    sorted(&[&version(own(), "1.0", 1), &version(own(), "1.0-1", 1)]);
}

#[test]
fn parts_follow_from_architectures_and_profiles() {
    let arch = |name: &str| name.parse::<Arch>().expect("an arch");
    let made = |binaries: &[(&str, &str)], profiles: &[&str], on: &str| -> Vec<Part> {
        let profiles = profiles.iter().map(|name| (*name).to_owned()).collect();
        parts(&facts("1", binaries), &profiles, &arch(on)).into_iter().collect()
    };
    assert_eq!(made(&[("any", "")], &[], "amd64"), [Part::Arch]);
    assert_eq!(made(&[("all", "")], &[], "amd64"), [Part::Indep]);
    assert_eq!(made(&[("any", ""), ("all", "")], &[], "amd64"), [Part::Arch, Part::Indep]);
    assert_eq!(made(&[("linux-any", ""), ("i386 armhf", "")], &[], "arm64"), [Part::Arch]);
    assert_eq!(made(&[("i386 armhf", "")], &[], "arm64"), []);
    assert_eq!(made(&[("any", ""), ("all", "<!nodoc>")], &["nodoc"], "amd64"), [Part::Arch]);
    assert_eq!(made(&[("any", "<stage1>")], &[], "amd64"), []);
}

#[test]
fn formulas_of_profiles() {
    let allows = |formula: &str, active: &[&str]| {
        needs::profile_allows(formula, &active.iter().map(|name| (*name).to_owned()).collect())
    };
    assert!(allows("", &[]) && allows("  ", &["a"]));
    assert!(allows("<!nodoc>", &[]) && !allows("<!nodoc>", &["nodoc"]));
    assert!(allows("<!a b> <c>", &["b"]) && allows("<!a b> <c>", &["a", "c"]) && !allows("<!a b> <c>", &["a", "b"]));
    assert!(allows("<!a><b>", &["b", "a"]), "without a space between them");
}

#[test]
fn a_root_has_what_the_part_needs() {
    let distro = deb_distro();
    let arch = "amd64".parse().expect("an arch");
    let needs = |part, root: Option<&str>| {
        let facts = SourceFacts { rules_requires_root: root.map(str::to_owned), ..facts("1", &[]) };
        let mut component = component(dsc(), &["nocheck"]);
        component.needs = vec![
            Need::Package { name: "help2man".into(), version: None },
            Need::Component { name: "libmd".parse().expect("a name"), version: None },
        ];
        match resolve(
            &component,
            &ListRules::of(&distro),
            &facts,
            (part, &arch),
            &BTreeMap::new(),
            SharedTable::default(),
        ) {
            Action::Resolve(resolve) => (resolve.needs, resolve.conflicts, resolve.profiles),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(needs(Part::Arch, Some("no")).0, ["a", "b (>= 1)", "c", "help2man"]);
    assert_eq!(needs(Part::Indep, Some("no")).0, ["a", "b (>= 1)", "d", "help2man"]);
    assert_eq!(needs(Part::Arch, Some("binary-targets")).0.last().map(String::as_str), Some("fakeroot"));
    assert_eq!(needs(Part::Arch, None).0.last().map(String::as_str), Some("fakeroot"), "where nothing is said");
    assert_eq!(needs(Part::Arch, None).1, ["e"]);
    assert_eq!(needs(Part::Arch, None).2, ["nocheck"]);
}

#[test]
fn a_build_is_told_its_part_profiles_and_variables() {
    let mut component = component(dsc(), &["nocheck", "nodoc", "stage1"]);
    component.env = BTreeMap::from([("V".to_owned(), "1".into()), ("TERM".to_owned(), "xterm".into())]);
    let build = build(&component, &distro(), &facts("1.0-1", &[]), (Part::Indep, false), "M <m@example.org>");
    let env = &script(&build).env;
    let get = |key: &str| env.get(key).map_or("", |value| value.as_ref());
    assert_eq!(get("OPB_PART"), "all");
    assert_eq!(get("DEB_BUILD_PROFILES"), "nocheck nodoc stage1");
    assert_eq!(get("DEB_BUILD_OPTIONS"), "nocheck nodoc");
    assert_eq!((get("V"), get("TERM")), ("1", "xterm"), "the recipe wins");
    assert_eq!((get("SOURCE_DATE_EPOCH"), get("TZ"), get("HOME")), ("1736589600", "UTC", "/nonexistent"));
    assert!(matches!(&build, Action::Build { number: None, outputs, .. } if outputs.len() == 4));
}

fn package_of(component: &Component, version: &str, beside: &FilesBeside, trees: &[(String, Digest)]) -> Action {
    source_package(component, &distro(), &facts(version, &[]), &Laid { beside, trees, stamped: None }, "M")
}

/// A recipe with a patch, and what is in it.
fn patched(source: SourceSpec, patch: &str) -> (Component, FilesBeside) {
    let mut component = component(source, &[]);
    component.patches = vec!["fix.patch".parse().expect("a path")];
    let file = FileBeside { bytes: patch.as_bytes().to_vec(), executable: false };
    (component, FilesBeside::from([("recipes/tool/fix.patch".to_owned(), file)]))
}

#[test]
fn a_changed_source_of_the_distribution_sorts_between_its_own_versions() {
    let of = |version: &str, patch: &str| -> String {
        let (component, beside) = patched(dsc(), patch);
        script(&package_of(&component, version, &beside, &[])).env["OPB_VERSION"].to_string()
    };
    // Of the version as it is, what may come after it from the distribution.
    for (version, next) in [
        ("1.0-1", &["1.0-1+b1", "1.0-1+deb12u1", "1.0-1.1", "1.0-2", "1.0.1-1", "1.1-1"] as &[&str]),
        ("1:1.0-1+deb12u1", &["1:1.0-1+deb12u2", "1:1.0-2"]),
        ("1.0", &["1.0+deb12u1", "1.0+nmu1", "1.0.1", "1.1"]),
        ("1.0-1ubuntu1", &["1.0-1ubuntu1.1", "1.0-1ubuntu2"]),
    ] {
        let changed = of(version, "+1\n");
        let parsed = |text: &str| Version::new(text).expect("a version");
        assert!(parsed(version) < parsed(&changed), "{changed}");
        let (head, tail) = (format!("{version}+0opb"), "~mir1");
        assert!(parsed(&changed) < parsed(&format!("{head}1{tail}")), "its packages are above it: {changed}");
        for next in next {
            assert!(parsed(&changed) < parsed(next) && parsed(&format!("{head}99{tail}")) < parsed(next), "{next}");
        }
    }
    assert_ne!(of("1.0-1", "+1\n"), of("1.0-1", "+2\n"), "no file name for two contents");
    assert_eq!(of("1.0-1", "+1\n"), of("1.0-1", "+1\n"));
    let (mut component, beside) = patched(dsc(), "+1\n");
    component.sources = [("more".parse().expect("a path"), own())].into();
    let with = |tree: &[u8]| {
        let trees = [("source into more".to_owned(), Digest::of(tree))];
        script(&package_of(&component, "1.0-1", &beside, &trees)).env["OPB_VERSION"].to_string()
    };
    assert_ne!(with(b"1"), with(b"2"));
}

#[test]
fn a_source_package_is_made_in_the_steps_that_it_needs() {
    // Words that only one step has, in their order.
    let all = [
        "cp -R --preserve=mode,links /in/source ",
        "dpkg-source --no-check",
        "/in/sources",
        "OPB_PACKAGING",
        "/opb/files/stamps",
        "/in/files",
        "auto-commit",
        "patch --directory",
        "urgency=low",
        "dpkg-source --build",
    ];
    let steps = |component: &Component, beside: &FilesBeside| -> Vec<usize> {
        let action = package_of(component, "1.0-1", beside, &[]);
        let text = &script(&action).text;
        let found: Vec<(usize, usize)> =
            all.iter().enumerate().filter_map(|(turn, word)| Some((turn, text.find(word)?))).collect();
        assert!(found.is_sorted_by_key(|(_, place)| *place), "{found:?}");
        found.into_iter().map(|(turn, _)| turn).collect()
    };
    let none = FilesBeside::new();
    assert_eq!(steps(&component(own(), &[]), &none), [0, 4, 8, 9]);
    let (mut one, beside) = patched(dsc(), "+");
    assert_eq!(steps(&one, &beside), [1, 6, 7, 8, 9]);
    one.source = own();
    assert_eq!(steps(&one, &beside), [0, 4, 6, 7, 8, 9]);
    one.patches.clear();
    one.sources = [("more".parse().expect("a path"), own())].into();
    one.build = BuildSpec::Debian { folder: Some("packaging".parse().expect("a path")) };
    assert_eq!(steps(&one, &none), [0, 2, 3, 4, 8, 9]);
    one.build = BuildSpec::Debian { folder: Some("debian".parse().expect("a path")) };
    let from = "x".parse().expect("a path");
    one.files = vec![LaidFile { to: "debian/x".parse().expect("a path"), from, is_folder: false }];
    assert_eq!(steps(&one, &none), [0, 2, 4, 5, 6, 8, 9]);
}

#[test]
fn small_files_are_part_of_the_script() {
    let (mut component, mut beside) = patched(own(), "+");
    for (to, from) in [("debian/helper", "helper"), ("etc/x", "x")] {
        let (to, from) = (to.parse().expect("a path"), from.parse().expect("a path"));
        component.files.push(LaidFile { to, from, is_folder: false });
    }
    for (name, executable) in [("helper", true), ("x", false), ("unused", false)] {
        beside.insert(format!("recipes/tool/{name}"), FileBeside { bytes: name.as_bytes().to_vec(), executable });
    }
    let package = package_of(&component, "1.0-1", &beside, &[]);
    let files: Vec<(&str, &[u8])> =
        script(&package).files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    assert_eq!(
        files,
        [
            ("file into etc/x", &b"x"[..]),
            ("patch-1", b"+"),
            ("patches", b"patch-1 fix.patch\n"),
            ("program into debian/helper", b"helper"),
            ("stamps", b""),
        ]
    );
}

#[test]
fn only_own_sources_are_packed_by_a_script() {
    let package = |source| package_of(&component(source, &[]), "2:1.0-1", &FilesBeside::new(), &[]);
    assert!(matches!(package(dsc()), Action::SourcePackage { script: None }));
    let packed = package(own());
    let env = &script(&packed).env;
    assert_eq!(env["OPB_VERSION"], "2:1.0-1~mir1");
    assert_eq!(env["OPB_UPSTREAM_VERSION"], "1.0");
    assert!(is_own(&component(own(), &[])));
}
