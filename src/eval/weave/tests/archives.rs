//! Archives of upstream: what their pins say is woven as what a folder answers, and the file itself is passed on where nothing is
//! added to it.

use super::*;
use crate::drv::Action;
use crate::graph::Origin;
use crate::lock::{ArchivePin, PinnedFile};
use crate::remote::archive::{Archive, ArchiveKind, ArchiveUrl, Packing};

const CONTROL: &str = "Source: tool\n\nPackage: tool\nArchitecture: any\n";
const CHANGELOG: &str =
    "tool (2.0-1) unstable; urgency=low\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n";

fn archive(folder: Option<&str>) -> Archive {
    let url = ArchiveUrl::new("https://example.org/tool-2.0.tar.xz").expect("an address");
    Archive { folder: folder.map(str::to_owned), ..Archive::new(ArchiveKind::Archive, url) }
}

fn pin(packing: Packing, texts: &[(&str, &str)]) -> ArchivePin {
    ArchivePin {
        file: PinnedFile { size: 1, sha256: Sha256::of(b"archive") },
        packing,
        signature: None,
        signed_by: None,
        tree: Digest::of(b"tree"),
        upstream: Digest::of(b"upstream"),
        texts: texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
        without: BTreeSet::new(),
    }
}

fn woven_with(recipe: &str, archive: Archive, packing: Packing) -> Result<Graph, Vec<String>> {
    let project = evaluate(&files(&[("tool", recipe)])).expect("sound");
    let mut lock = lock(&["amd64"], &[]);
    let texts = [("debian/control", CONTROL), ("debian/changelog", CHANGELOG)];
    let mut pin = pin(packing, &texts);
    // A comment in the recipe says another format than the usual one.
    for format in ["1.0", "3.0 (native)", "3.0 (quilt)"] {
        if recipe.contains(&format!("// {format}")) || format == "3.0 (quilt)" && !pin.texts.contains_key(FORMAT) {
            pin.texts.insert(FORMAT.to_owned(), format!("{format}\n"));
        }
    }
    lock.archive = BTreeMap::from([(archive, pin)]);
    let told = |errors: RecipeErrors| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    weave(&project, &lock, &Settings::default(), &nowhere).map(|woven| woven.graph).map_err(told)
}

/// The roles of what the source package is made of, but for its root.
fn roles(graph: &Graph) -> Vec<String> {
    let inputs = node(graph, "source-package:tool@mirage-1").inputs();
    inputs.map(|input| input.role.to_owned()).filter(|role| role != "root").collect()
}

const FORMAT: &str = "debian/source/format";

const CALL: &str = "archive(\"https://example.org/tool-2.0.tar.xz\")";

#[test]
fn the_archive_itself_goes_into_the_source_package() {
    let recipe = format!("#{{ source: {CALL} }}");
    let graph = woven_with(&recipe, archive(None), Packing::TarXz).expect("pinned");
    assert_eq!(roles(&graph), ["source", "upstream"]);
    let origin = |as_it_is| Origin::Archive {
        of: Box::new(archive(None)),
        file: PinnedFile { size: 1, sha256: Sha256::of(b"archive") },
        packing: Packing::TarXz,
        signature: None,
        as_it_is,
    };
    assert_eq!(node(&graph, "source:tool").origin(), &origin(false));
    assert_eq!(node(&graph, "source:tool+upstream").origin(), &origin(true));
    let of_package = node(&graph, "source-package:tool@mirage-1");
    let Action::SourcePackage { script: Some(script) } = of_package.action() else { panic!("it is made") };
    assert!(script.text.contains("/in/upstream/") && !script.text.contains("--create"));
}

#[test]
fn what_is_no_longer_upstreams_is_packed_anew() {
    let packed = |more: &str, archive: Archive, packing| {
        let call = archive.to_string();
        roles(&woven_with(&format!("#{{ source: {call}, {more} }}"), archive, packing).expect("pinned"))
    };
    for packing in [Packing::Zip, Packing::Tar, Packing::TarZst] {
        assert_eq!(packed("", archive(None), packing), ["source"], "dpkg-source does not read {packing:?}");
    }
    for packing in [Packing::TarGz, Packing::TarBz2] {
        assert_eq!(packed("", archive(None), packing), ["source", "upstream"]);
    }
    assert_eq!(packed("// 1.0\n", archive(None), Packing::TarGz), ["source", "upstream"]);
    assert_eq!(packed("// 1.0\n", archive(None), Packing::TarXz), ["source"], "of old, only gzip is read");
    assert_eq!(packed("// 3.0 (native)\n", archive(None), Packing::TarGz), ["source"]);
    assert_eq!(packed("stamp: [\"version\"]", archive(None), Packing::TarGz), ["source"]);
    assert_eq!(packed("", archive(Some("src")), Packing::TarGz), ["source"]);
    let both = format!("sources: #{{ docs: {CALL} }}");
    assert_eq!(packed(&both, archive(None), Packing::TarGz), ["source", "source into docs"]);
}

#[test]
fn what_a_pin_lacks_is_told() {
    let told = |recipe: &str| woven_with(recipe, archive(None), Packing::TarXz).expect_err("not there");
    assert_eq!(
        told("#{ source: archive(\"https://example.org/tool-2.1.tar.xz\") }"),
        ["`archive(\"https://example.org/tool-2.1.tar.xz\")` is not pinned"]
    );
    assert_eq!(
        told(&format!("#{{ source: {CALL}, build: debian(\"packaging\") }}")),
        [format!("`{CALL}` has no `packaging/control`")]
    );
}
