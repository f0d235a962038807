//! Versions, parts, needs and what a build is told.

use super::*;
use crate::component::{FileBeside, FilesBeside, LaidFile, SourceSpec};
use crate::distro::tests::rpm_distro;
use crate::family::laid::Laid;
use crate::family::numbered_version;
use crate::package::rpm_version::Evr;

pub(super) fn rpm() -> Rpm {
    distro().rpm().expect("of the family").clone()
}

pub(super) fn distro() -> Distro {
    rpm_distro("mirror-9", "mirror", "9")
}

pub(super) fn amd64() -> Arch {
    "amd64".parse().expect("an arch")
}

pub(super) fn component() -> Component {
    Component::new("tool".parse().expect("a name"), "recipes/tool.rhai", SourceSpec::Path { folder: None })
}

fn read(spec: &str) -> Result<RpmSource, RpmSourceError> {
    read_of(&component(), BTreeMap::from([("rpm/tool.spec".to_owned(), spec.to_owned())]))
}

fn read_of(component: &Component, texts: BTreeMap<String, String>) -> Result<RpmSource, RpmSourceError> {
    let places = Places { texts: &texts, beside: &FilesBeside::new(), upstream: None, stamped: None };
    source(component, (&rpm(), &macros(&rpm(), &amd64())), places, &Specs::default())
}

pub(super) fn spec(more: &str) -> RpmSource {
    read(&format!("Name: tool\nVersion: 1.0\n{more}")).expect("sound")
}

fn version(more: &str, number: u32) -> String {
    let source = spec(more);
    match build(&component(), (&distro(), &rpm()), (&source, false), (Part::Arch, &amd64()), "M <m@example.org>") {
        Action::Build { script, .. } => numbered_version(&script, number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_number_enters_the_release() {
    assert_eq!(version("Release: 1%{?dist}\n%files\n", 1), "1.0-1.1.mr9");
    assert_eq!(version("Release: 1%{?dist}\n%files\n", 2), "1.0-1.2.mr9");
    assert_eq!(version("Epoch: 2\nRelease: 0.1.rc1%{?dist}\n%files\n", 3), "2:1.0-0.1.rc1.3.mr9");
    assert_eq!(version("Release: 4\n%files\n", 1), "1.0-4.1.mr9", "a spec without `dist` gets it");
    assert_eq!(version("Release: %autorelease\n%files\n", 1), "1.0-1.1.mr9");
    let evr = |number| Evr::new(&version("Release: 1%{?dist}\n%files\n", number)).expect("sound");
    assert!(evr(1).order(&evr(2)).is_lt() && evr(2).order(&evr(10)).is_lt());
    assert!(Evr::new("1.0-1.mr9").expect("sound").order(&evr(1)).is_lt(), "newer than the spec's own");
    assert!(evr(99).order(&Evr::new("1.0-2.mr9").expect("sound")).is_lt(), "older than its next");
}

#[test]
fn parts_follow_from_packages_and_arches() {
    let parts = |more: &str| -> Vec<Part> { parts(&spec(more).spec, &amd64()).into_iter().collect() };
    assert_eq!(parts("Release: 1\n%files\n"), [Part::Arch]);
    assert_eq!(parts("Release: 1\nBuildArch: noarch\n%files\n"), [Part::Indep]);
    assert_eq!(parts("Release: 1\n%package doc\nBuildArch: noarch\n%files\n%files doc\n"), [Part::Arch, Part::Indep]);
    assert_eq!(parts("Release: 1\nExclusiveArch: s390x\n%files\n"), []);
    assert_eq!(parts("Release: 1\nExclusiveArch: s390x noarch\nBuildArch: noarch\n%files\n"), [Part::Indep]);
    assert_eq!(parts("Release: 1\nExcludeArch: x86_64\n%files\n"), []);
    assert_eq!(parts("Release: 1\n"), [], "without a list of files nothing is made");
}

#[test]
fn scripts_are_told_everything_by_environment_and_files() {
    let mut component = component();
    component.build = BuildSpec::Spec {
        file: None,
        bcond: BTreeMap::from([("tests".to_owned(), false)]),
        define: BTreeMap::from([("_lto_cflags".to_owned(), String::new()), ("vendor".to_owned(), "A B".to_owned())]),
    };
    component.stamp = vec!["version.id".parse().expect("a path")];
    let source = spec(
        "Release: 1%{?dist}\nSource0: https://example.org/tool.tar.gz\nSource1: a.conf\nPatch0: b.patch\n%files\n",
    );
    component.patches = vec!["fix.patch".parse().expect("a path")];
    component.files =
        vec![LaidFile { to: "a.conf".parse().expect("a path"), from: "b".parse().expect("a path"), is_folder: false }];
    let file = |text: &str| FileBeside { bytes: text.as_bytes().to_vec(), executable: false };
    let beside = [("fix.patch", file("+")), ("b", file("1"))];
    let beside = beside.map(|(name, file)| (format!("recipes/tool/{name}"), file)).into();
    let laid = Laid { beside: &beside, trees: &[], stamped: None };
    let Action::SourcePackage { script: Some(script) } =
        source_package(&component, &distro(), &rpm(), &source, &laid, "M")
    else {
        panic!("no script")
    };
    let file = |script: &Script, name: &str| String::from_utf8(script.files[name].clone()).expect("text");
    assert_eq!(file(&script, "sources"), "a.conf\nb.patch\n");
    assert_eq!((&*file(&script, "patches"), &*file(&script, "patch-1")), ("patch-1 fix.patch\n", "+"));
    assert_eq!(file(&script, "file into a.conf"), "1");
    let steps = ["cp -R", "/opb/files/stamps", "/in/files", "patch --directory=tree", "top/SOURCES"];
    let places = steps.map(|step| script.text.find(step));
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    assert!(!script.text.contains("/in/sources"), "no step that it does not need");
    assert_eq!(file(&script, "stamps"), "version.id\n");
    assert_eq!(file(&script, "arguments"), "--without\ntests\n--define\n_lto_cflags %{nil}\n--define\nvendor A B\n");
    assert_eq!((&*script.env["OPB_ARCHIVE"], &*script.env["OPB_FOLDER"]), ("tool.tar.gz", "tool-1.0"));
    assert_eq!(&*script.env["SOURCE_DATE_EPOCH"], "315532800", "a spec without a changelog");
    let Action::Build { script, outputs, number } =
        build(&component, (&distro(), &rpm()), (&source, false), (Part::Indep, &amd64()), "M")
    else {
        panic!("no build")
    };
    assert_eq!((&*script.env["OPB_PART"], &*script.env["OPB_TARGET"]), ("all", "x86_64"));
    assert_eq!(&*script.env["OPB_PAYLOAD"], "w19.zstdio");
    assert!(number.is_none() && outputs.len() == 2);
}

#[test]
fn which_spec_is_meant() {
    let said = |component: &Component, paths: &[&str]| {
        let text = "Name: tool\nVersion: 1\nRelease: 1\n%files\n";
        let texts = paths.iter().map(|path| ((*path).to_owned(), text.to_owned())).collect();
        read_of(component, texts).map(|source| source.file).map_err(|error| error.to_string())
    };
    assert_eq!(said(&component(), &["tool.spec", "rpm/tool.spec"]).as_deref(), Ok("rpm/tool.spec"));
    assert_eq!(said(&component(), &["packaging/tool.spec"]).as_deref(), Ok("packaging/tool.spec"));
    assert_eq!(said(&component(), &[]), Err("the source has no spec, and there is none in `recipes/tool/`".to_owned()));
    let several = said(&component(), &["rpm/a.spec", "rpm/b.spec"]);
    assert_eq!(several, Err("there are several specs: `rpm/a.spec`, `rpm/b.spec`".to_owned()));
    let mut named = component();
    let file = Some("b.spec".parse().expect("a path"));
    named.build = BuildSpec::Spec { file, bcond: BTreeMap::new(), define: BTreeMap::new() };
    assert_eq!(said(&named, &["b.spec", "rpm/a.spec"]).as_deref(), Ok("b.spec"));
}

#[test]
fn what_a_spec_may_not_say() {
    let said = |more: &str| {
        let error = read(&format!("Name: tool\nRelease: 1\n{more}%files\n")).expect_err(more);
        assert!(miette::Diagnostic::help(&error).is_some());
        crate::diag::chain(&error)
    };
    assert_eq!(
        said("Version: 1^2\n"),
        "`rpm/tool.spec` has the version `1^2`, and the distro's rpm knows no `^` in versions"
    );
    assert_eq!(
        said("Version: 1\nSource0: a b.tar.gz\n"),
        "`rpm/tool.spec` has the source or patch `a b.tar.gz`, which is no plain file name"
    );
    assert_eq!(
        said("Version: 1\nSource0: t.tar\n%prep\n%setup -n ../x\n"),
        "`rpm/tool.spec` has the folder `../x`, which is no plain file name"
    );
    assert_eq!(
        said("Version: -1\n"),
        "cannot read `rpm/tool.spec`: line 3: cannot read `Version`: `-1-1` is no version: versions and releases have letters, digits and `.`, `_`, `+`, `~`, `^` only"
    );
}

#[test]
fn a_version_is_one_of_those_asked_for() {
    let meets = |version: &str, bound: &str| {
        let bound = crate::component::Bound::parse(bound).expect("a bound");
        needs::meets(&Evr::new(version).expect("a version"), &bound)
    };
    assert!(meets("1.2-3.mr9", ">= 1.2") && meets("1.2-3.mr9", "= 1.2") && meets("2:1.2-3", "<< 1.3"));
    assert!(!meets("1.2~rc1-1", ">= 1.2") && !meets("1.2-3", ">> 1.2") && !meets("1:1.2-3", ">= 2:1.0"));
}

#[test]
fn indexes_are_those_that_are_pinned() {
    let pin = |name: &str, arch: &str| RepositoryPin {
        name: name.into(),
        arch: arch.parse().expect("an arch"),
        repomd: crate::digest::Sha256::of(b"repomd"),
        revision: "1".into(),
        signed: false,
        index: BTreeMap::from([("repodata/12-primary.xml.gz".to_owned(), crate::digest::Sha256::of(b"primary"))]),
    };
    let pins = [pin("base", "amd64"), pin("other", "arm64")];
    let files = index_files(&rpm(), &pins, &amd64());
    let labels: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(labels, ["00/base/amd64/primary"]);
    let arm64 = "arm64".parse().expect("an arch");
    assert!(is_pinned(&rpm(), &pins, &amd64()) && !is_pinned(&rpm(), &pins, &arm64));
}

#[test]
fn questions_say_all_that_a_choice_follows_from() {
    let distro = distro();
    let rpm = distro.rpm().expect("of the family");
    let Action::Resolve(base) = resolve_base((&distro, rpm), &amd64()) else { panic!("no question") };
    assert_eq!((base.variant.as_str(), base.arch.as_str()), ("strong hotfixes mr9", "x86_64"));
    assert_eq!((base.add.as_slice(), base.needs.len()), (&["@buildsys-build".to_owned()][..], 0));
    let of = |more: &str| {
        let aliases = BTreeMap::from([("grace-devel".to_owned(), "libgrace-devel".to_owned())]);
        let source = spec(more);
        match resolve(&component(), (&distro, rpm), (&source, &amd64()), &aliases, Default::default(), "M") {
            Action::Resolve(question) => question,
            other => panic!("{other:?}"),
        }
    };
    let plain = of("Release: 1\nBuildRequires: grace-devel >= 1, (a or b)\nBuildConflicts: vim\n%files\n");
    assert_eq!(plain.needs, ["libgrace-devel >= 1", "(a or b)"]);
    let joined =
        of("Release: 1\nBuildRequires: ((grace-devel >= 2 or pkgconfig(grace-devel)) and grace-devel)\n%files\n");
    assert_eq!(joined.needs, ["((libgrace-devel >= 2 or pkgconfig(grace-devel)) and libgrace-devel)"]);
    assert_eq!((plain.conflicts.as_slice(), plain.asks.is_none()), (&["vim".to_owned()][..], true));
    let asking = of("Release: 1\n%files\n%generate_buildrequires\necho gcc\n").asks.expect("it asks");
    assert!(asking.text.contains("rpmbuild -br") && asking.files.contains_key("arguments"));
    assert_eq!((&*asking.env["OPB_TARGET"], &*asking.env["OPB_DIST"]), ("x86_64", ".mr9"));
}

#[test]
fn metadata_is_known_by_its_names() {
    let kinds = [
        ("repodata/0a-primary.xml.gz", "primary"),
        ("repodata/primary.xml.zst", "primary"),
        ("repodata/0a-filelists.xml.gz", "filelists"),
        ("repodata/0a-modules.yaml.gz", "modules"),
        ("repodata/0a-comps-Everything.x86_64.xml.gz", "group"),
        ("repodata/0a-comps.xml", "group"),
    ];
    for (path, kind) in kinds {
        assert_eq!(kind_of(path), kind, "{path}");
    }
}
