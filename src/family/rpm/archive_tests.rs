//! Upstream's own archive, and that of a source RPM, as the source of a source package.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::beside_tests::{files, steps};
use super::tests::{amd64, component, distro, rpm};
use super::*;
use crate::component::SourceSpec;
use crate::digest::{Digest, Sha256};
use crate::drv::Script;
use crate::family::laid::Laid;
use crate::lock::{ArchivePin, PinnedFile};
use crate::remote::archive::{Archive, ArchiveKind, ArchiveUrl, Packing};

/// The script that makes a source package of an archive, packed in that way, where a spec calls it `name`; with its signature as
/// another source.
fn script(kind: ArchiveKind, packing: Packing, name: &str) -> Script {
    let url = ArchiveUrl::new("https://example.org/get").expect("an address");
    let archive = Archive::new(kind, url);
    let component = Component { source: SourceSpec::Archive(archive.clone()), ..component() };
    let file = PinnedFile { size: 1, sha256: Sha256::of(b"x") };
    let pin = ArchivePin {
        signature: Some(file.clone()),
        file,
        packing,
        signed_by: None,
        tree: Digest::of(b""),
        upstream: Digest::of(b""),
        texts: BTreeMap::new(),
        without: BTreeSet::new(),
    };
    let is_taken = takes_upstream(&component, &archive, packing);
    let upstream = is_taken.then(|| Arc::new(Upstream::of_archive(&pin)));
    let spec =
        format!("Name: tool\nVersion: 1.0\nRelease: 1%{{?dist}}\nSource0: {name}\nSource1: {name}.asc\n%files\n");
    let (beside, texts) = match kind {
        ArchiveKind::Archive => (files(&[("tool.spec", &spec)]), BTreeMap::new()),
        ArchiveKind::Srpm => (files(&[]), BTreeMap::from([("tool.spec".to_owned(), spec)])),
    };
    let places = Places { texts: &texts, beside: &beside, upstream: upstream.as_ref(), stamped: None };
    let source = source(&component, (&rpm(), &macros(&rpm(), &amd64())), places, &Specs::default()).expect("sound");
    assert_eq!(source.spec.evr.version, "1.0", "the spec's own");
    let laid = Laid { beside: &beside, trees: &[], stamped: None };
    match source_package(&component, &distro(), &rpm(), &source, &laid, "M") {
        Action::SourcePackage { script: Some(script) } => script,
        other => panic!("{other:?}"),
    }
}

#[test]
fn upstreams_archive_goes_into_a_source_package_under_the_name_of_the_spec() {
    let of = |packing, name: &str| script(ArchiveKind::Archive, packing, name);
    let same = of(Packing::TarXz, "tool-1.0.tar.xz");
    // As the tree that it holds is there too, what the spec names may be in it.
    assert!(same.text.contains("cp \"/in/upstream/$OPB_UPSTREAM\" \"top/SOURCES/$OPB_ARCHIVE\"\n"), "{:?}", same.text);
    assert_eq!(steps(&same), ["copy", "spec beside", "others", "srpm"]);
    assert_eq!(&*same.env["OPB_UPSTREAM"], "upstream.tar.xz");
    assert_eq!(same.files["sources"], b"tool-1.0.tar.xz.asc upstream.tar.xz.asc\n");
    assert!(same.text.contains("\"/in/upstream/${file:-$name}\"") && !same.text.contains("\"/in/source/"));
    let copied = [(Packing::Zip, "tool-1.0.zip"), (Packing::TarGz, "tool-1.0.crate")];
    for (packing, name) in copied {
        assert_eq!(steps(&of(packing, name)), steps(&same), "{name}");
    }
    let other = ["copy", "spec beside", "others", "packer", "repack", "srpm"];
    assert_eq!(steps(&of(Packing::TarXz, "tool-1.0.tar.gz")), other);
    let made = ["copy", "spec beside", "others", "packer", "pack", "srpm"];
    assert_eq!(steps(&of(Packing::Zip, "tool-1.0.tar.gz")), made, "it is made of what is in it");
}

#[test]
fn a_source_rpm_is_packed_as_it_was() {
    let script = script(ArchiveKind::Srpm, Packing::Rpm, "tool-1.0.tar.xz");
    assert_eq!(steps(&script), ["copy", "stamp", "spec inside", "others", "srpm"]);
    assert!(script.text.contains("cp \"tree/$OPB_ARCHIVE\" \"top/SOURCES/$OPB_ARCHIVE\"\n"), "{:?}", script.text);
    assert_eq!(script.files["sources"], b"tool-1.0.tar.xz.asc\n");
}
