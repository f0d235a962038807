//! Versions that come from tags, in source packages and builds.

use super::*;
use crate::drv::Action;
use crate::lock::{CheckoutPin, ReleasePin};
use crate::remote::{Checkout, Follow, RemoteUrl, System, TagVersions};

const CONTROL: &str = "Source: tool\n\nPackage: tool\nArchitecture: any\n";

/// What the recipe comes to where the newest entry of its changelog has this version and distribution.
fn woven(version: &str, distribution: &str, release: ReleasePin) -> Result<Graph, Vec<String>> {
    let recipe = "#{ source: git(\"tool\"), version: from_tags(\"v*\"), stamp: [\"version.id\"] }";
    let project = evaluate(&files(&[("tool", recipe)])).expect("sound");
    let checkout = Checkout {
        system: System::Git,
        url: RemoteUrl::new(System::Git, "tool").expect("a name"),
        follow: Follow::Default,
        submodules: false,
        folder: None,
        versions: Some(TagVersions::new("v*", BTreeMap::new()).expect("a rule")),
    };
    let changelog = format!(
        "tool ({version}) {distribution}; urgency=low\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n"
    );
    let texts = [("debian/control", CONTROL.to_owned()), ("debian/changelog", changelog)];
    let pin = CheckoutPin {
        commit: "abcdef0123456789abcdef0123456789abcdef01".to_owned(),
        found: Some("refs/heads/main".to_owned()),
        time: 1_700_000_000,
        nearest: None,
        release: Some(release),
        tree: Digest::of(b"tree"),
        texts: texts.map(|(path, text)| (path.to_owned(), text)).into(),
        without: BTreeSet::new(),
    };
    let mut lock = lock(&["amd64"], &[]);
    lock.checkout.insert(checkout, pin);
    let told = |errors: RecipeErrors| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    let look_at = |_: &BTreeMap<String, Asked>| Looked::new();
    weave(&project, &lock, &Settings::default(), &look_at).map(|woven| woven.graph).map_err(told)
}

fn release(tag: &str, distance: u64, changes: &[&str]) -> ReleasePin {
    let tag = Some(tag.to_owned()).filter(|tag| !tag.is_empty());
    ReleasePin { tag, distance, changes: changes.iter().map(|change| (*change).to_owned()).collect(), more: 0 }
}

/// What the source package is told, and the version of the build.
fn told(graph: &Graph) -> (String, String, String, String, String) {
    let Action::SourcePackage { script: Some(script) } = node(graph, "source-package:tool@mirage-1").action() else {
        panic!("it is made here")
    };
    let Action::Build { script: build, .. } = node(graph, "build:tool@mirage-1/amd64").action() else {
        panic!("a build")
    };
    let get = |name: &str| script.env[name].to_string();
    assert_eq!(get("SOURCE_DATE_EPOCH"), "1700000000");
    assert_eq!(build.env["SOURCE_DATE_EPOCH"].to_string(), "1700000000");
    let changes = String::from_utf8(script.files["changes"].clone()).expect("text");
    let head = build.env["OPB_VERSION_HEAD"].to_string();
    (get("OPB_VERSION"), get("OPB_UPSTREAM_VERSION"), get("OPB_DISTRIBUTION"), changes, head)
}

#[test]
fn a_source_package_has_version_time_and_changes_of_its_commit() {
    let of = |version: &str, distribution: &str, release: ReleasePin| {
        let (version, upstream, distribution, changes, head) =
            told(&woven(version, distribution, release).expect("pinned"));
        assert_eq!(head, format!("{version}+opb"));
        format!("{version} {upstream} {distribution} {changes}")
    };
    let nightly = release("v1.2", 5, &["Mend it (Closes: #12)"]);
    assert_eq!(
        of("2:0.5-3", "unstable", nightly.clone()),
        "2:1.2+git5.abcdef0-3~mir1 1.2+git5.abcdef0 unstable   * Mend it (Closes: #12)\n"
    );
    assert_eq!(
        of("0.5", "UNRELEASED", nightly),
        "1.2+git5.abcdef0~mir1 1.2+git5.abcdef0 unstable   * Mend it (Closes: #12)\n"
    );
    assert_eq!(of("0.5-1", "sid", release("v1.2", 0, &[])), "1.2-1~mir1 1.2 sid   * Built by opb.\n");
    assert_eq!(of("0.5", "sid", release("v1.2-rc1", 0, &[])), "1.2~~rc1~mir1 1.2~~rc1 sid   * Built by opb.\n");
    assert_eq!(
        of("0.5-1", "sid", release("", 7, &[])),
        "0.0.0+git7.abcdef0-1~mir1 0.0.0+git7.abcdef0 sid   * Built by opb.\n"
    );
}

#[test]
fn a_version_that_comes_out_too_long_is_refused() {
    let long = format!("0.5-{}", "1".repeat(290));
    let error = woven(&long, "sid", release("v1.2", 5, &[])).map(|_| ()).expect_err("too long");
    let [error] = &error[..] else { panic!("{error:?}") };
    assert!(error.ends_with("is no version: it is longer than 300 bytes"), "{error}");
}
