//! What is laid into sources: its nodes, what makes others of them, and packaging that comes that way.

use super::*;
use crate::component::FileBeside;
use crate::drv::Action;
use crate::graph::Origin;

/// Folders that answer with the texts that are given here, as far as they were asked for them.
type Folders<'a> = &'a [(&'a str, &'a [(&'a str, &'a str)])];

const CONTROL: &str = "Source: tool\nBuild-Depends: libmd-dev\n\nPackage: tool\nArchitecture: any\nDescription: x\n";
const CHANGELOG: &str =
    "tool (2.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n";
const LIBMD_TOO: (&str, &str) = ("libmd", "#{ source: dsc(\"libmd\") }");

fn woven_with(recipe: &str, beside: &[(&str, &str)], folders: Folders<'_>) -> Result<Graph, Vec<String>> {
    let mut files = files(&[LIBMD_TOO, ("tool", recipe)]);
    files.0.extend(beside.iter().map(|(path, text)| (format!("recipes/tool/{path}"), (*text).to_owned())));
    let project = evaluate(&files).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let look_at = |asked: &BTreeMap<String, Asked>| -> Looked {
        let mut looked = nowhere(asked);
        for (folder, texts) in folders {
            let Some(asked) = asked.get(*folder) else { continue };
            let there = texts.iter().filter(|(path, _)| asked.texts.contains(*path));
            let there = there.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
            let tree = Digest::of(format!("{folder}{texts:?}").as_bytes());
            looked.insert((*folder).to_owned(), Ok(LocalSource { tree, texts: there }));
        }
        looked
    };
    let told = |errors: RecipeErrors| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    let lock = lock(&["amd64"], &[LIBMD, ("other", "", &[("other", "any", "")])]);
    weave(&project, &lock, &Settings::default(), &look_at).map(|woven| woven.graph).map_err(told)
}

const SOURCE: (&str, &[(&str, &str)]) = ("tool", &[("debian/control", CONTROL), ("debian/changelog", CHANGELOG)]);

fn id(graph: &Graph, name: &str) -> String {
    node(graph, name).id().to_string()
}

/// What a node reads: role, and the node that gives it.
fn reads(graph: &Graph, name: &str) -> Vec<String> {
    let node = node(graph, name);
    let inputs = node.inputs().zip(node.input_nodes());
    inputs.map(|(input, of)| format!("{} = {}", input.role, graph.node(*of))).collect()
}

const PACKAGE: &str = "source-package:tool@mirage-1";

#[test]
fn folders_and_further_sources_are_nodes_of_their_own() {
    let recipe = r#"#{ source: path("tool"), sources: #{ "vendored/lib": path("lib"), "vendored-lib": path("other") },
                       files: #{ "data/": "big/", "x": "small" }, patches: ["fix.patch"] }"#;
    let beside = [("big/x", "1"), ("small", "2"), ("fix.patch", "3")];
    let folders: Folders<'_> = &[SOURCE, ("lib", &[]), ("other", &[]), ("recipes/tool/big", &[])];
    let graph = woven_with(recipe, &beside, folders).expect("sound");
    assert_eq!(
        reads(&graph, PACKAGE),
        [
            "folder into data = source:tool+data",
            "root = root:base@mirage-1/amd64",
            "source = source:tool",
            "source into vendored-lib = source:tool+vendored-lib-2",
            "source into vendored/lib = source:tool+vendored-lib",
        ]
    );
    let origin = |name: &str| node(&graph, name).origin().clone();
    assert_eq!(origin("source:tool+vendored-lib-2"), Origin::Folder("other".to_owned()));
    assert_eq!(origin("source:tool+data"), Origin::Folder("recipes/tool/big".to_owned()));
}

#[test]
fn source_packages_are_laid_too_where_they_are_pinned() {
    let recipe = r#"#{ source: path("tool"), sources: #{ "md": dsc("libmd"), "more/lib": path("lib") } }"#;
    let folders: Folders<'_> = &[SOURCE, ("lib", &[])];
    let graph = woven_with(recipe, &[], folders).expect("sound");
    let inputs = [
        "package into md = source:tool+md@mirage-1",
        "root = root:base@mirage-1/amd64",
        "source = source:tool",
        "source into more/lib = source:tool+more-lib",
    ];
    assert_eq!(reads(&graph, PACKAGE), inputs);
    let [laid, own] = ["source:tool+md@mirage-1", "source:libmd@mirage-1"].map(|name| node(&graph, name));
    assert_eq!((laid.action(), laid.origin()), (own.action(), own.origin()));
    let Action::SourcePackage { script: Some(script) } = node(&graph, PACKAGE).action() else { panic!("no script") };
    assert_eq!(script.files["packages"], b"md\n");
    let steps = ["/in/packages", "/in/sources", "urgency=low"].map(|step| script.text.find(step));
    assert!(steps[0].is_some() && steps.is_sorted(), "{steps:?}");
    let unpinned = woven_with(&recipe.replace("dsc(\"libmd\")", "dsc(\"libbsd\")"), &[], folders);
    assert_eq!(unpinned.expect_err("no pin"), ["the source package `libbsd` of mirage-1 is not pinned"]);
}

#[test]
fn a_component_that_is_called_as_a_node_would_be_has_the_name() {
    let both = r#"[#{ name: "tool", source: path("tool"), sources: #{ "md": dsc("libmd"), "lib": path("lib") } },
                   #{ name: "tool+md", source: dsc("other") }]"#;
    let graph = woven_with(both, &[], &[SOURCE, ("lib", &[])]).expect("sound");
    assert_eq!(reads(&graph, PACKAGE)[0], "package into md = source:tool+md-2@mirage-1");
    assert_eq!(reads(&graph, "source-package:tool+md@mirage-1"), ["source = source:tool+md@mirage-1"]);
}

#[test]
fn only_what_is_used_makes_another_source_package() {
    let recipe = r#"#{ source: dsc("other"), patches: ["fix.patch"], files: #{ "x": "small" } }"#;
    let of = |beside: &[(&str, &str)]| {
        let graph = woven_with(recipe, beside, &[]).expect("sound");
        (id(&graph, PACKAGE), id(&graph, "source-package:libmd@mirage-1"))
    };
    let first = of(&[("fix.patch", "1"), ("small", "2"), ("unused", "3")]);
    assert_eq!(first, of(&[("fix.patch", "1"), ("small", "2"), ("unused", "4")]));
    for changed in [[("fix.patch", "2"), ("small", "2")], [("fix.patch", "1"), ("small", "3")]] {
        let changed = of(&changed);
        assert_ne!(first.0, changed.0);
        assert_eq!(first.1, changed.1, "nobody else's");
    }
}

#[test]
fn packaging_may_lie_elsewhere() {
    let needs_libmd = |recipe: &str, beside: &[(&str, &str)], folders: Folders<'_>| {
        let graph = woven_with(recipe, beside, folders).expect(recipe);
        assert_eq!(needs(&graph, "resolve:tool@mirage-1/amd64"), ["libmd/amd64"], "{recipe}");
    };
    let texts: &[(&str, &str)] = &[("control", CONTROL), ("changelog", CHANGELOG)];
    let none = CONTROL.replace("libmd-dev", "x");
    let other: &[(&str, &str)] = &[
        ("debian/control", &none),
        ("debian/changelog", CHANGELOG),
        ("dist/control", CONTROL),
        ("dist/changelog", CHANGELOG),
    ];
    needs_libmd(r#"#{ source: path("tool"), build: debian("dist") }"#, &[], &[("tool", other)]);
    let recipe = r#"#{ source: path("tool"), sources: #{ "debian": path("packaging") } }"#;
    needs_libmd(recipe, &[], &[("tool", &[]), ("packaging", texts)]);
    let recipe = r#"#{ source: path("tool"), files: #{ "debian/": "debian/" } }"#;
    needs_libmd(recipe, &[("debian/control", CONTROL)], &[("tool", &[]), ("recipes/tool/debian", texts)]);
    let recipe = r#"#{ source: path("tool"), build: debian("dist"), files: #{ "debian/control": "control" } }"#;
    let dist: &[(&str, &str)] = &[("dist/control", &none), ("dist/changelog", CHANGELOG)];
    needs_libmd(recipe, &[("control", CONTROL)], &[("tool", dist)]);
}

#[test]
fn what_cannot_be_laid_is_told_at_its_field() {
    let wrong = |recipe: &str| woven_with(recipe, &[("data/x", "1")], &[SOURCE]).expect_err(recipe);
    assert_eq!(wrong(r#"#{ source: path("tool"), sources: #{ "lib": path("gone") } }"#), ["no gone"]);
    assert_eq!(wrong(r#"#{ source: path("tool"), files: #{ "data/": "data/" } }"#), ["no recipes/tool/data"]);
    assert_eq!(
        wrong(r#"#{ source: dsc("libmd"), build: debian("dist") }"#),
        ["the packaging of the source package `libmd` is its `debian/`, not `dist`"]
    );
    assert_eq!(
        wrong(r#"#{ source: path("tool"), build: debian("dist") }"#),
        ["the folder `tool` has no `dist/control`"]
    );
}

/// Files of a project, one of them no text and to be executed.
struct WithProgram(MemoryFiles, &'static str, Vec<u8>);

impl Files for WithProgram {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        self.0.list(folder)
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        self.0.read(path)
    }

    fn content(&self, path: &str) -> Result<FileBeside, FilesError> {
        if path == self.1 {
            return Ok(FileBeside { bytes: self.2.clone(), executable: true });
        }
        self.0.content(path)
    }
}

#[test]
fn a_file_that_is_laid_need_not_be_text() {
    let recipe = r#"#{ source: dsc("libmd"), files: #{ "x": "small" } }"#;
    let project = |bytes: &[u8]| {
        let mut files = files(&[("tool", recipe)]);
        files.0.insert("recipes/tool/small".to_owned(), String::new());
        evaluate(&WithProgram(files, "recipes/tool/small", bytes.to_vec()))
    };
    let sound = project(&[0xff, 0]).expect("sound");
    assert_eq!(sound.beside["recipes/tool/small"], FileBeside { bytes: vec![0xff, 0], executable: true });
}
