//! Source RPMs of distros of RPM packages, by their names.

use std::collections::BTreeMap;

use super::fixture::{lock, looked, project};
use super::{node, reads};
use crate::digest::{Digest, Sha256};
use crate::drv::Action;
use crate::eval::weave::weave;
use crate::graph::{Graph, Origin};
use crate::lock::{Lock, PinnedFile, SrpmPin};
use crate::name::DistroName;

const SPEC: &str =
    "Name: hello\nVersion: 1.10\nRelease: 3%{?dist}\nSource0: hello-%{version}.tar.gz\nBuildRequires: gcc\n%files\n";

fn pinned() -> Lock {
    let pin = SrpmPin {
        repository: "base-source".into(),
        path: "h/hello-1.10-3.mr9.src.rpm".into(),
        version: "1.10-3.mr9".into(),
        size: 7,
        sha256: Sha256::of(b"hello"),
        signed_by: "0123456789ABCDEF0123456789ABCDEF01234567".into(),
        tree: Digest::of(b"hello"),
        texts: BTreeMap::from([("hello.spec".to_owned(), SPEC.to_owned())]),
    };
    let distro: DistroName = "mirror-9".parse().expect("a name");
    let pins = BTreeMap::from([("hello".parse().expect("a name"), pin)]);
    Lock { srpm: BTreeMap::from([(distro, pins)]), ..lock() }
}

/// The project with the component `tool` as this recipe has it, alone.
fn woven(recipe: &str, lock: &Lock) -> Result<Graph, String> {
    let none = "#{ source: path(\"x\"), skip: \"no\" }";
    let (project, settings) = project(&[("grace", none), ("logax", none), ("tool", recipe)]);
    weave(&project, lock, &settings, &looked).map(|woven| woven.graph).map_err(|errors| {
        let told = errors.iter().map(|error| format!("{error} / {}", miette::Diagnostic::help(error).expect("help")));
        told.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn its_spec_is_read_from_its_pin() {
    let graph = woven("#{ source: srpm(\"hello\"), targets: [\"@mirror-9\"] }", &pinned()).expect("sound");
    let package = "source-package:tool@mirror-9";
    assert_eq!(reads(&graph, package), ["root: root:base@mirror-9/amd64", "source: source:tool@mirror-9"]);
    let source = node(&graph, "source:tool@mirror-9");
    assert_eq!(source.action(), Action::Source { tree: Digest::of(b"hello") });
    let origin = Origin::Srpm {
        distro: "mirror-9".parse().expect("a name"),
        name: "hello".parse().expect("a name"),
        repository: "base-source".into(),
        path: "h/hello-1.10-3.mr9.src.rpm".into(),
        file: PinnedFile { size: 7, sha256: Sha256::of(b"hello") },
    };
    assert_eq!(source.origin(), &origin);
    let Action::SourcePackage { script: Some(script) } = node(&graph, package).action() else { panic!("no script") };
    let of_address = "#{ source: srpm(\"https://example.org/hello.src.rpm\"), targets: [\"@mirror-9\"] }";
    assert!(woven(of_address, &pinned()).expect_err("not pinned").contains("is not pinned"));
    assert_eq!(script.env["OPB_ARCHIVE"].to_string(), "hello-1.10.tar.gz");
    let Action::Build { script, .. } = node(&graph, "build:tool@mirror-9/amd64").action() else { panic!("no build") };
    assert_eq!(crate::family::numbered_version(&script, 1), "1.10-3.1.mr9", "newer than the distribution's");
    let Action::Resolve(resolve) = node(&graph, "resolve:tool@mirror-9/amd64").action() else { panic!("no list") };
    assert_eq!(resolve.needs, ["@perl:5.32", "gcc"]);
}

#[test]
fn where_it_is_not_pinned_or_the_distro_has_none() {
    insta::assert_snapshot!(woven("#{ source: srpm(\"hallo\"), targets: [\"@mirror-9\"] }", &pinned()).expect_err("not pinned"), @"the source RPM `hallo` of mirror-9 is not pinned / run `opb update tool`, which looks it up and writes `opb.lock`");
    insta::assert_snapshot!(woven("#{ source: srpm(\"hello\"), targets: [\"@mirage-1\"] }", &pinned()).expect_err("of .deb"), @r#"`srpm("hello")` is the source RPM of a distro, and mirage-1 has `.deb` packages / write `if target.family == "rpm" { srpm("hello") } else { … }` with another source for mirage-1, or leave it out with `targets`"#);
    let both = "#{ source: if target.family == \"rpm\" { srpm(\"hello\") } else { path(\"tool\") } }";
    assert!(woven(both, &pinned()).is_ok());
}
