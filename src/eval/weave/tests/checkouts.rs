//! Commits of repositories: what their pins say is woven as what a folder answers.

use super::*;
use crate::graph::Origin;
use crate::lock::CheckoutPin;
use crate::remote::{Checkout, Follow, RemoteUrl, System};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const CONTROL: &str = "Source: tool\nBuild-Depends: libmd-dev\n\nPackage: tool\nArchitecture: any\n";
const CHANGELOG: &str =
    "tool (2.0-1) unstable; urgency=low\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n";
const LIBMD_TOO: (&str, &str) = ("libmd", "#{ source: dsc(\"libmd\") }");

fn texts() -> BTreeMap<String, String> {
    [("debian/control", CONTROL), ("debian/changelog", CHANGELOG)].map(|(path, text)| (path.into(), text.into())).into()
}

fn checkout(folder: Option<&str>) -> Checkout {
    let url = RemoteUrl::new(System::Git, "tool").expect("a name");
    let folder = folder.map(str::to_owned);
    Checkout { system: System::Git, url, follow: Follow::Default, submodules: false, folder, versions: None }
}

/// What a recipe comes to with these checkouts pinned; a folder `tool` is there too.
fn woven_with(recipe: &str, pins: &[Checkout]) -> Result<Graph, Vec<String>> {
    let project = evaluate(&files(&[LIBMD_TOO, ("tool", recipe)])).expect("sound");
    let tree = Digest::of(b"tree");
    let look_at = |asked: &BTreeMap<String, Asked>| -> Looked {
        let known = |folder: &String| folder == "tool" || folder == "lib";
        assert!(asked.keys().all(known), "nothing else is a folder: {asked:?}");
        asked.keys().map(|folder| (folder.clone(), Ok(LocalSource { tree, texts: texts() }))).collect()
    };
    let pin = CheckoutPin {
        commit: COMMIT.to_owned(),
        found: Some("refs/heads/main".to_owned()),
        time: 0,
        nearest: None,
        release: None,
        tree,
        texts: texts(),
        without: BTreeSet::new(),
    };
    let mut lock = lock(&["amd64"], &[LIBMD]);
    lock.checkout = pins.iter().map(|checkout| (checkout.clone(), pin.clone())).collect();
    let told = |errors: RecipeErrors| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    weave(&project, &lock, &Settings::default(), &look_at).map(|woven| woven.graph).map_err(told)
}

fn ids(graph: &Graph) -> Vec<String> {
    graph.ids().map(|id| format!("{} {}", graph.node(id), graph.node(id).id())).collect()
}

#[test]
fn a_checkout_is_woven_as_a_folder_with_the_same_files_is() {
    let of_git = woven_with("#{ source: git(\"tool\") }", &[checkout(None)]).expect("pinned");
    let of_path = woven_with("#{ source: path(\"tool\") }", &[]).expect("there");
    assert_eq!(ids(&of_git), ids(&of_path));
    let (commit, found) = (COMMIT.to_owned(), Some("refs/heads/main".to_owned()));
    let origin = Origin::Checkout { of: Box::new(checkout(None)), commit, found };
    assert_eq!(node(&of_git, "source:tool").origin(), &origin);

    let laid = |source: &str| format!("#{{ source: path(\"tool\"), sources: #{{ \"lib\": {source} }} }}");
    let of_git = woven_with(&laid("git(\"tool\", #{ folder: \"x\" })"), &[checkout(Some("x"))]).expect("pinned");
    assert_eq!(ids(&of_git), ids(&woven_with(&laid("path(\"lib\")"), &[]).expect("there")));
}

#[test]
fn what_a_pin_lacks_is_told() {
    let told = |recipe: &str| woven_with(recipe, &[checkout(None)]).expect_err("not there");
    assert_eq!(
        told("#{ source: git(\"tool\", #{ branch: \"main\" }) }"),
        ["`git(\"tool\", #{ branch: \"main\" })` is not pinned"]
    );
    assert_eq!(
        told("#{ source: path(\"tool\"), sources: #{ \"x\": git(\"other\") } }"),
        ["`git(\"other\")` is not pinned"]
    );
    assert_eq!(
        told("#{ source: git(\"tool\"), build: debian(\"packaging\") }"),
        ["`git(\"tool\")` has no `packaging/control`"]
    );
}
