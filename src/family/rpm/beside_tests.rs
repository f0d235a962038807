//! Specs beside recipes, and source packages of a distribution of `.deb` packages as sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tests::{amd64, component, distro, rpm};
use super::*;
use crate::component::{FileBeside, FilesBeside, LaidFile, SourceSpec};
use crate::drv::Script;

const SPEC: &str =
    "Name: tool\nVersion: 1.0\nRelease: 1%{?dist}\nSource0: https://example.org/tool-%{version}.tar.xz\n";

fn upstream() -> Arc<Upstream> {
    let files = ["tool_2.1-1.dsc", "tool_2.1.orig-docs.tar.gz", "tool_2.1.orig.tar.xz", "tool_2.1.orig.tar.xz.asc"];
    let files = files.map(str::to_owned).to_vec();
    let package = upstream::OfPackage { version: "2.1".into(), date: 1_700_000_000 };
    Arc::new(Upstream { file: files[2].clone(), package: Some(package), files })
}

pub(super) fn files(beside: &[(&str, &str)]) -> FilesBeside {
    let file = |text: &str| FileBeside { bytes: text.as_bytes().to_vec(), executable: false };
    beside.iter().map(|(name, text)| (format!("recipes/tool/{name}"), file(text))).collect()
}

fn of_dsc() -> Component {
    Component { source: SourceSpec::Dsc { name: "tool".parse().expect("a name") }, ..component() }
}

fn read(component: &Component, beside: &[(&str, &str)]) -> Result<RpmSource, String> {
    read_from(component, &BTreeMap::new(), beside)
}

fn read_from(
    component: &Component,
    texts: &BTreeMap<String, String>,
    beside: &[(&str, &str)],
) -> Result<RpmSource, String> {
    let (beside, upstream) = (files(beside), upstream());
    let is_dsc = matches!(component.source, SourceSpec::Dsc { .. });
    let places = Places { texts, beside: &beside, upstream: is_dsc.then_some(&upstream), stamped: None };
    let read = source(component, (&rpm(), &macros(&rpm(), &amd64())), places, &Specs::default());
    read.map_err(|error| {
        format!("{} / {}", crate::diag::chain(&error), miette::Diagnostic::help(&error).expect("what to do"))
    })
}

fn script(component: &Component, beside: &[(&str, &str)]) -> Script {
    let source = read(component, beside).expect("sound");
    let beside = files(beside);
    let laid = crate::family::laid::Laid { beside: &beside, trees: &[], stamped: None };
    match source_package(component, &distro(), &rpm(), &source, &laid, "M") {
        Action::SourcePackage { script: Some(script) } => script,
        other => panic!("{other:?}"),
    }
}

fn file(script: &Script, name: &str) -> String {
    String::from_utf8(script.files[name].clone()).expect("text")
}

/// Which of the steps a script has, in their order.
pub(super) fn steps(script: &Script) -> Vec<&'static str> {
    let all = [
        ("copy", "cp -R --preserve=mode,links /in/source tree"),
        ("unpack", "tar --extract"),
        ("stamp", "/opb/files/stamps"),
        ("files", "/in/files"),
        ("patch", "patch --directory=tree"),
        ("spec inside", "cp \"tree/$OPB_SPEC\""),
        ("spec beside", "cp /opb/files/spec"),
        ("others", "/opb/files/sources"),
        ("packer", "packer=cat"),
        ("pack", "mv tree"),
        ("pristine", "cp \"/in/source/$OPB_UPSTREAM\""),
        ("repack", "unpacker=cat"),
        ("srpm", "rpmbuild -bs"),
    ];
    let mut found: Vec<(usize, &str)> =
        all.iter().filter_map(|(name, text)| Some((script.text.find(text)?, *name))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn the_archive_of_a_source_package_stays_as_it_is() {
    let more = "Source1: tool-%{version}.tar.xz.asc\nSource2: tool.conf\nSource3: tool_2.1.orig-docs.tar.gz\n%files\n";
    let beside = [("tool.spec", &*format!("{SPEC}{more}")), ("tool.conf", "x=1"), ("notes", "nobody asks")];
    let script = script(&of_dsc(), &beside);
    assert_eq!(steps(&script), ["spec beside", "others", "pristine", "srpm"]);
    assert_eq!(&*script.env["OPB_ARCHIVE"], "tool-2.1.tar.xz", "in the version of the source package");
    assert_eq!((&*script.env["OPB_UPSTREAM"], &*script.env["OPB_SPEC"]), ("tool_2.1.orig.tar.xz", "tool.spec"));
    assert_eq!(&*script.env["SOURCE_DATE_EPOCH"], "1700000000", "of the newest entry of either changelog");
    assert!(file(&script, "spec").starts_with("Name: tool\nVersion: 2.1\nRelease: 1%{?dist}\n"));
    assert_eq!(
        file(&script, "sources"),
        "tool-2.1.tar.xz.asc tool_2.1.orig.tar.xz.asc\ntool.conf\ntool_2.1.orig-docs.tar.gz\n"
    );
    assert_eq!(file(&script, "beside-tool.conf"), "x=1");
    let names: Vec<&str> = script.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["arguments", "beside-tool.conf", "sources", "spec", "stamps"], "and nothing else from beside");
}

#[test]
fn an_archive_is_packed_as_the_spec_calls_it() {
    let spec = SPEC.replace("tar.xz", "tar.gz") + "%files\n";
    let script = script(&of_dsc(), &[("tool.spec", &spec)]);
    assert_eq!(steps(&script), ["spec beside", "others", "packer", "repack", "srpm"]);
    let spec = SPEC.replace("tar.xz", "zip") + "%files\n";
    assert_eq!(
        read(&of_dsc(), &[("tool.spec", &spec)]).expect_err("no archive"),
        "`recipes/tool/tool.spec` calls its first source `tool-2.1.zip`, and the source package has `tool_2.1.orig.tar.xz` / \
         give it the name of a tar archive, as in `Source0: %{name}-%{version}.tar.xz`"
    );
}

#[test]
fn a_source_package_that_the_recipe_changes_is_packed_anew() {
    let path = |text: &str| text.parse().expect("a path");
    let spec = format!("{SPEC}%files\n");
    let beside = [("tool.spec", &*spec), ("fix.patch", "+")];
    let patched = Component { patches: vec![path("fix.patch")], ..of_dsc() };
    assert_eq!(
        steps(&script(&patched, &beside)),
        ["unpack", "stamp", "patch", "spec beside", "others", "packer", "pack", "srpm"]
    );
    let stamped = Component { stamp: vec![path("version.id")], ..of_dsc() };
    assert_eq!(
        steps(&script(&stamped, &beside)),
        ["unpack", "stamp", "spec beside", "others", "packer", "pack", "srpm"]
    );
}

#[test]
fn a_folder_may_have_its_spec_beside_the_recipe() {
    let beside = [("tool.spec", &*format!("{SPEC}Patch0: in-the-folder.patch\n%files\n"))];
    let of_folder = script(&component(), &beside);
    assert_eq!(steps(&of_folder), ["copy", "stamp", "spec beside", "others", "packer", "pack", "srpm"]);
    assert_eq!(&*of_folder.env["OPB_ARCHIVE"], "tool-1.0.tar.xz", "its version is its own");
    assert!(!of_folder.env.contains_key("OPB_UPSTREAM"));
    // That of the source comes first.
    let texts = BTreeMap::from([("rpm/tool.spec".to_owned(), SPEC.replace("1.0", "3") + "%files\n")]);
    let read = read_from(&component(), &texts, &beside).expect("sound");
    assert_eq!((read.file.as_str(), read.spec.evr.version.as_str(), read.beside), ("rpm/tool.spec", "3", None));
    // One that the recipe lays into the source is there too.
    let laid = LaidFile { to: "x".parse().expect("a path"), from: "x".parse().expect("a path"), is_folder: false };
    let with_files = Component { files: vec![laid], ..component() };
    assert!(steps(&script(&with_files, &beside)).contains(&"files"));
}

#[test]
fn which_spec_beside_the_recipe_is_meant() {
    let spec = format!("{SPEC}%files\n");
    let file = |component: &Component, names: &[&str]| {
        let beside: Vec<(&str, &str)> = names.iter().map(|name| (*name, &*spec)).collect();
        read(component, &beside).map(|source| source.file)
    };
    assert_eq!(file(&of_dsc(), &["other.spec"]).as_deref(), Ok("other.spec"));
    assert_eq!(file(&of_dsc(), &["other.spec", "tool.spec"]).as_deref(), Ok("tool.spec"), "called as the component");
    assert_eq!(
        file(&of_dsc(), &["a.spec", "b.spec"]).expect_err("several"),
        "there are several specs: `recipes/tool/a.spec`, `recipes/tool/b.spec` / name one, as in `build: spec(\"a.spec\")`"
    );
    assert_eq!(
        file(&of_dsc(), &["data/tool.spec"]).expect_err("none"),
        "there is no spec in `recipes/tool/` / put it there, since a source package of Debian's has none, or leave these \
         distros out with `targets`"
    );
    let mut named = of_dsc();
    let file_of = Some("b.spec".parse().expect("a path"));
    named.build = BuildSpec::Spec { file: file_of, bcond: BTreeMap::new(), define: BTreeMap::new() };
    assert_eq!(file(&named, &["a.spec", "b.spec"]).as_deref(), Ok("b.spec"));
    assert!(file(&named, &["a.spec"]).expect_err("none").starts_with("there is no `b.spec` in `recipes/tool/` / "));
}

#[test]
fn what_a_spec_beside_the_recipe_names_must_be_there() {
    let said = |text: &str| read(&of_dsc(), &[("tool.spec", text)]).expect_err("a mistake");
    assert_eq!(
        said(&format!("{SPEC}Patch0: fix.patch\n%files\n")),
        "`recipes/tool/tool.spec` names `fix.patch`, which is not in `recipes/tool/` / put the file there (1 MiB at most), or \
         take the line out of the spec"
    );
    assert!(
        said("Name: tool\nVersion: 1\nRelease: 1\n%if\n").starts_with("cannot read `recipes/tool/tool.spec`: line 4: ")
    );
    let beside =
        FilesBeside::from([("recipes/tool/tool.spec".to_owned(), FileBeside { bytes: vec![0xff], executable: false })]);
    let (texts, upstream) = (BTreeMap::new(), upstream());
    let places = Places { texts: &texts, beside: &beside, upstream: Some(&upstream), stamped: None };
    let read = source(&of_dsc(), (&rpm(), &macros(&rpm(), &amd64())), places, &Specs::default());
    assert_eq!(read.expect_err("no text").to_string(), "`recipes/tool/tool.spec` is not UTF-8 text");
}
