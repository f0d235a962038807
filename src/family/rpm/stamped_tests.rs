//! Versions that come from tags, in specs.

use super::tests::{amd64, component, distro, rpm};
use super::*;
use crate::component::FilesBeside;
use crate::drv::Action;
use crate::family::laid::Laid;
use crate::family::stamped::Stamped;
use crate::lock::{CheckoutPin, ReleasePin};
use crate::remote::{Checkout, Follow, RemoteUrl, System, TagVersions};

fn stamped(tag: &str, distance: u64) -> std::sync::Arc<Stamped> {
    let checkout = Checkout {
        system: System::Git,
        url: RemoteUrl::new(System::Git, "tool").expect("a name"),
        follow: Follow::Default,
        submodules: false,
        folder: None,
        versions: Some(TagVersions::new("v*", BTreeMap::new()).expect("a rule")),
    };
    let changes = vec!["Say 100%".to_owned()];
    let pin = CheckoutPin {
        commit: "abcdef0123456789abcdef0123456789abcdef01".to_owned(),
        found: None,
        time: 1_700_000_000,
        nearest: None,
        release: Some(ReleasePin { tag: Some(tag.to_owned()), distance, changes, more: 0 }),
        tree: crate::digest::Digest::of(b"tree"),
        texts: BTreeMap::new(),
        without: BTreeSet::new(),
    };
    std::sync::Arc::new(Stamped::of(&checkout, &pin).expect("its version comes from tags"))
}

/// The spec read with the version of a commit.
fn read(head: &str, caret: bool, stamped: &std::sync::Arc<Stamped>) -> Result<RpmSource, RpmSourceError> {
    let spec = format!(
        "Name: tool\n{head}\nRelease: 1%{{?dist}}\nSource0: tool-%{{version}}.tar.gz\n%prep\n%autosetup\n%files\n"
    );
    let texts = BTreeMap::from([("rpm/tool.spec".to_owned(), spec)]);
    let places = Places { texts: &texts, beside: &FilesBeside::new(), upstream: None, stamped: Some(stamped) };
    let of = Rpm { caret, ..rpm() };
    source(&component(), (&of, &macros(&of, &amd64())), places, &Specs::default())
}

#[test]
fn a_spec_gets_the_version_of_its_commit() {
    let evr = |tag: &str, distance: u64, caret: bool| {
        let source = read("Epoch: 2\nVersion: 0.5", caret, &stamped(tag, distance)).expect("sound");
        assert_eq!(source.date(), Some(1_700_000_000));
        format!("{} {} {}", source.evr(), source.archive().expect("an archive"), source.spec.folder)
    };
    assert_eq!(evr("v1.2", 0, true), "2:1.2-1.mr9 tool-1.2.tar.gz tool-1.2");
    assert_eq!(evr("v1.2", 5, true), "2:1.2^5.gitabcdef0-1.mr9 tool-1.2^5.gitabcdef0.tar.gz tool-1.2^5.gitabcdef0");
    assert_eq!(evr("v1.2", 5, false), "2:1.2+git5.abcdef0-1.mr9 tool-1.2+git5.abcdef0.tar.gz tool-1.2+git5.abcdef0");
    assert_eq!(evr("v1.3-rc1", 0, false), "2:1.3~rc1-1.mr9 tool-1.3~rc1.tar.gz tool-1.3~rc1");
}

#[test]
fn its_source_package_is_told_version_and_changes() {
    let source = read("Version: 0.5", false, &stamped("v1.2", 5)).expect("sound");
    let (beside, distro) = (FilesBeside::new(), distro());
    let laid = Laid { beside: &beside, trees: &[], stamped: None };
    let action = source_package(&component(), &distro, &rpm(), &source, &laid, "M <m@example.org>");
    let Action::SourcePackage { script: Some(script) } = action else { panic!("it is made here") };
    assert_eq!(script.env["OPB_UPSTREAM_VERSION"].to_string(), "1.2+git5.abcdef0");
    assert_eq!(script.env["SOURCE_DATE_EPOCH"].to_string(), "1700000000");
    assert_eq!(
        String::from_utf8(script.files["changes"].clone()).expect("text"),
        "* Tue Nov 14 2023 M <m@example.org> - 1.2+git5.abcdef0-1.mr9\n- Say 100%%\n\n"
    );
}

#[test]
fn a_spec_that_says_its_version_elsewhere_is_refused() {
    let error = read("%define x y\nversion%{?z}: 0.5\nVersion: 0.5\n%define version 0.4", false, &stamped("v1.2", 0));
    assert_eq!(error.map(|source| source.evr().to_string()).map_err(|_| ()), Ok("1.2-1.mr9".to_owned()));
    let error = read("%{!?a:Version: 0.5}", false, &stamped("v1.2", 0)).expect_err("no line of its own");
    assert_eq!(error.to_string(), "`rpm/tool.spec` comes to the version `0.5`, and the tags of its source say `1.2`");
}
