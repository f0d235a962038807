//! Both families from one project: which nodes there are, and what reads what.

mod checks;
mod dsc;
pub(in super::super) mod fixture;
mod srpm;

use fixture::{RECIPES, lock, looked, project};

use super::super::weave;
use crate::drv::Action;
use crate::graph::{Graph, Node};

fn woven(changes: &[(&str, &str)]) -> Result<Graph, Vec<String>> {
    let (project, settings) = project(changes);
    weave(&project, &lock(), &settings, &looked).map(|woven| woven.graph).map_err(|errors| {
        errors.iter().map(|error| format!("{error} / {}", miette::Diagnostic::help(error).expect("help"))).collect()
    })
}

fn node<'g>(graph: &'g Graph, name: &str) -> Node<'g> {
    graph.ids().map(|id| graph.node(id)).find(|node| node.to_string() == name).unwrap_or_else(|| panic!("no {name}"))
}

/// What a node reads, as `role: node`.
fn reads(graph: &Graph, name: &str) -> Vec<String> {
    let node = node(graph, name);
    let inputs = std::iter::zip(node.derivation().inputs, node.input_nodes());
    inputs.map(|(input, from)| format!("{}: {}", input.role, graph.node(*from))).collect()
}

#[test]
fn one_project_has_nodes_for_both_families() {
    let graph = woven(&[]).expect("sound");
    let names = |part: &str| -> Vec<String> {
        graph
            .ids()
            .map(|id| graph.node(id).to_string())
            .filter(|name| name.contains(part) && name.starts_with("build:"))
            .collect()
    };
    assert_eq!(names("grace@mirage-1"), ["build:grace@mirage-1/amd64", "build:grace@mirage-1/arm64"]);
    assert_eq!(
        names("grace@mirror-9"),
        ["build:grace@mirror-9/amd64", "build:grace@mirror-9/all", "build:grace@mirror-9/arm64"]
    );
    assert_eq!(names("tool@mirage-1"), ["build:tool@mirage-1/amd64", "build:tool@mirage-1/arm64"]);
    assert_eq!(names("tool@mirror-9"), ["build:tool@mirror-9/all"]);
    // One source for both; one source package for each distro.
    assert_eq!(
        reads(&graph, "source-package:grace@mirror-9"),
        ["root: root:base@mirror-9/amd64", "source: source:grace"]
    );
    assert_eq!(
        reads(&graph, "source-package:grace@mirage-1"),
        ["root: root:base@mirage-1/amd64", "source: source:grace"]
    );
}

#[test]
fn both_families_lay_the_same_into_a_source() {
    let recipe = "#{ source: path(\"grace\"), sources: #{ \"vendored\": path(\"lib\") }, patches: [\"fix.patch\"], \
                  files: #{ \"data/\": \"data/\", \"rpm/grace.spec\": \"own.spec\" } }";
    let spec = "Name: grace\nVersion: 2\nRelease: 1\nBuildRequires: from-the-recipe\n%files\n";
    let beside = [("grace/fix.patch", "x"), ("grace/data/x.y", "1"), ("grace/own.spec", spec)];
    let changes: Vec<(&str, &str)> = [("grace", recipe)].into_iter().chain(beside).chain([RECIPES[2]]).collect();
    let graph = woven(&[&changes[..], &[("logax", "#{ source: path(\"tool\"), skip: \"not here\" }")]].concat());
    let graph = graph.expect("sound");
    for distro in ["mirage-1", "mirror-9"] {
        assert_eq!(
            reads(&graph, &format!("source-package:grace@{distro}")),
            [
                "folder into data: source:grace+data".to_owned(),
                format!("root: root:base@{distro}/amd64"),
                "source: source:grace".to_owned(),
                "source into vendored: source:grace+vendored".to_owned(),
            ]
        );
        let node = node(&graph, &format!("source-package:grace@{distro}"));
        let Action::SourcePackage { script: Some(script) } = node.action() else { panic!("no script") };
        assert_eq!(script.files["patches"], b"patch-1 fix.patch\n");
        assert_eq!(script.files["file into rpm/grace.spec"], spec.as_bytes());
    }
    // The spec that is laid over that of the source is the one that counts.
    let list = node(&graph, "resolve:grace@mirror-9/amd64");
    let Action::Resolve(resolve) = list.action() else { panic!("no list") };
    assert_eq!(resolve.needs, ["@perl:5.32", "from-the-recipe"]);
}

#[test]
fn edges_follow_from_specs() {
    let graph = woven(&[]).expect("sound");
    assert_eq!(
        reads(&graph, "resolve:logax@mirror-9/arm64"),
        [
            "base: resolve:base@mirror-9/arm64",
            "index: index:base@mirror-9/arm64",
            "packages of grace/all: build:grace@mirror-9/all",
            "packages of grace/arm64: build:grace@mirror-9/arm64",
        ]
    );
    // Another edge than with `.deb`, where the tool needs nothing of the project.
    assert!(
        reads(&graph, "resolve:tool@mirror-9/all")
            .contains(&"packages of grace/amd64: build:grace@mirror-9/amd64".to_owned())
    );
    assert!(!reads(&graph, "resolve:tool@mirage-1/amd64").iter().any(|read| read.contains("grace")));
    assert_eq!(
        reads(&graph, "build:grace@mirror-9/amd64"),
        [
            "number with all: resolve:grace@mirror-9/all",
            "number with arm64: resolve:grace@mirror-9/arm64",
            "root: root:grace@mirror-9/amd64",
            "source: source-package:grace@mirror-9",
        ]
    );
    let repo = reads(&graph, "repo:nightly@mirror-9");
    assert!(repo.contains(&"packages grace/all: build:grace@mirror-9/all".to_owned()), "{repo:?}");
    assert!(!repo.iter().any(|read| read.starts_with("udebs")));
}

#[test]
fn probes_are_of_the_target_and_tie_as_lists_do() {
    let graph =
        woven(&[("grace", "#{ source: path(\"grace\"), env: #{ GCC: probe(\"rpm -E %dist\") } }")]).expect("sound");
    let read = reads(&graph, "build:grace@mirror-9/all");
    let probe = read.iter().find_map(|read| read.strip_prefix("probe 1: ")).expect("a probe");
    assert!(probe.starts_with("probe:rpm-e-dist-") && probe.ends_with("@mirror-9/amd64"), "{probe}");
    assert_eq!(reads(&graph, probe), ["root: root:base@mirror-9/amd64"]);
    let of_arm64 = probe.replace("amd64", "arm64");
    assert!(read.contains(&format!("number with arm64, probe 1: {of_arm64}")), "{read:?}");
    assert!(reads(&graph, "build:grace@mirror-9/arm64").contains(&format!("probe 1: {of_arm64}")));
}

#[test]
fn aliases_and_streams_reach_the_package_list() {
    let graph = woven(&[]).expect("sound");
    let Action::Resolve(resolve) = node(&graph, "resolve:logax@mirror-9/amd64").action() else { panic!("no list") };
    assert_eq!(resolve.needs, ["@perl:5.32", "@nodejs:18", "make", "grace-devel >= 1.0", "help2man"]);
    assert_eq!((resolve.family.as_str(), resolve.arch.as_str()), ("rpm", "x86_64"));
    assert_eq!(resolve.add, ["@buildsys-build", "bash"]);
    for name in
        ["grace-devel", "grace-devel(x86-64)", "libgrace-dev", "pkgconfig(libgrace)", "/usr/bin/grace", "grace-doc"]
    {
        assert_eq!(resolve.ours.get(name).map(String::as_str), Some("grace"), "{name}");
    }
    assert!(!resolve.ours.contains_key("grace-doc(x86-64)"));
}

#[test]
fn a_build_of_a_spec_that_asks_by_other_names_does_not_look_for_those() {
    let graph = woven(&[]).expect("sound");
    let is_renamed = |name: &str| match node(&graph, name).action() {
        Action::Build { script, .. } => script.files.contains_key("renamed"),
        other => panic!("{other:?}"),
    };
    assert!(is_renamed("build:logax@mirror-9/amd64"), "libgrace-dev is grace-devel");
    assert!(!is_renamed("build:grace@mirror-9/amd64"));
}

#[test]
fn switches_change_needs() {
    let needs = |graph: &Graph| match node(graph, "resolve:grace@mirror-9/amd64").action() {
        Action::Resolve(resolve) => resolve.needs,
        other => panic!("{other:?}"),
    };
    assert_eq!(needs(&woven(&[]).expect("sound")), ["@perl:5.32", "gcc", "asciidoc"]);
    let without =
        "#{ source: path(\"grace\"), profiles: [\"nodoc\"], aliases: #{ \"libgrace-dev\": \"grace-devel\" } }";
    let graph = woven(&[("grace", without)]).expect("sound");
    assert_eq!(needs(&graph), ["@perl:5.32", "gcc"]);
    let Action::Build { script, .. } = node(&graph, "build:grace@mirror-9/arm64").action() else { panic!("no build") };
    let arguments = String::from_utf8(script.files["arguments"].clone()).expect("text");
    assert_eq!(arguments, "--without\ndoc\n--without\ndocs\n");
}

/// asciidoc, which grace's texts are made with, is built with grace.
const CIRCLE: [(&str, &str); 2] = [
    ("tool", "#{ source: path(\"tool\"), aliases: #{ \"asciidoc\": \"tool\" }, targets: [\"@mirror-9\"] }"),
    ("logax", "#{ source: path(\"logax\"), needs: [\"tool\"], targets: [\"@mirror-9\"] }"),
];

const STAGED: &str = "#{ source: path(\"grace\"), aliases: #{ \"libgrace-dev\": \"grace-devel\" }, stage: #{ profiles: [\"nodoc\"] }, \
                      targets: [\"@mirror-9\"] }";

#[test]
fn a_stage_breaks_a_circle() {
    let said = woven(&[CIRCLE[0]]).expect_err("a circle");
    assert_eq!(
        said,
        [
            "components need each other on mirror-9: grace → tool → grace / break the circle: give one of them a `stage` with a \
             build profile that turns off a condition of its spec, and with that the need, as in `stage: #{ profiles: \
             [\"nodoc\"] }`; or leave one out with `targets`"
        ]
    );
    let graph = woven(&[&CIRCLE[..], &[("grace", STAGED)]].concat()).expect("a graph");
    let builds = |name: &str| -> Vec<String> {
        let read = reads(&graph, name).into_iter();
        read.filter_map(|read| Some(read.strip_prefix("packages of ")?.split_once(": ")?.1.to_owned())).collect()
    };
    assert_eq!(builds("resolve:grace+stage@mirror-9/amd64"), [""; 0]);
    let of_stage = ["build:grace+stage@mirror-9/all", "build:grace+stage@mirror-9/amd64"];
    assert_eq!(builds("resolve:tool@mirror-9/all"), of_stage);
    assert_eq!(
        builds("resolve:grace@mirror-9/amd64"),
        [of_stage[0], of_stage[1], "build:tool@mirror-9/all"],
        "the whole is built with what its stage made possible"
    );
    assert_eq!(
        builds("resolve:logax@mirror-9/arm64"),
        ["build:grace@mirror-9/all", "build:grace@mirror-9/arm64", "build:tool@mirror-9/all"]
    );
    // The stage's spec is read, and built, under its profiles; source package and repository are the component's.
    let needs = |name: &str| match node(&graph, name).action() {
        Action::Resolve(resolve) => resolve.needs,
        other => panic!("{other:?}"),
    };
    assert_eq!(needs("resolve:grace+stage@mirror-9/arm64"), ["@perl:5.32", "gcc"]);
    assert_eq!(needs("resolve:grace@mirror-9/arm64"), ["@perl:5.32", "gcc", "tool"]);
    let arguments = |name: &str| match node(&graph, name).action() {
        Action::Build { script, .. } | Action::SourcePackage { script: Some(script) } => {
            String::from_utf8(script.files["arguments"].clone()).expect("text")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(arguments("build:grace+stage@mirror-9/arm64"), "--without\ndoc\n--without\ndocs\n");
    assert_eq!(arguments("build:grace@mirror-9/arm64"), "");
    assert_eq!(arguments("source-package:grace@mirror-9"), "");
    assert!(
        reads(&graph, "build:grace+stage@mirror-9/amd64").contains(&"source: source-package:grace@mirror-9".to_owned())
    );
    assert!(!reads(&graph, "repo:nightly@mirror-9").iter().any(|read| read.contains("+stage")));
}

#[test]
fn a_stage_is_there_only_where_it_breaks_a_circle() {
    let graph = woven(&[("grace", STAGED)]).expect("a graph");
    assert!(!graph.ids().any(|id| graph.node(id).to_string().contains("+stage")));
    // With a condition that the spec does not have, the stage needs the same.
    let useless = STAGED.replace("nodoc", "stage1");
    let errors = woven(&[CIRCLE[0], ("grace", &useless)]).expect_err("a circle");
    assert!(errors[0].starts_with("components need each other on mirror-9: "), "{errors:?}");
    let spec = "Name: grace\n%bcond_without docs\n%if %{with docs}\nVersion: 1\n%else\nVersion: 1^2\n%endif\n\
                Release: 1\n%files\n";
    let laid = STAGED.replace("stage:", "files: #{ \"rpm/grace.spec\": \"own.spec\" }, stage:");
    let logax = ("logax", "#{ source: path(\"tool\"), skip: \"not here\" }");
    let errors = woven(&[("grace", &laid), ("grace/own.spec", spec), logax]).expect_err("a mistake");
    assert!(
        errors[0].starts_with("as a stage, `grace` for mirror-9/amd64: `rpm/grace.spec` has the version"),
        "{errors:?}"
    );
}

#[test]
fn mistakes_are_said_at_the_recipe() {
    let said = |recipe: (&str, &str)| woven(&[recipe]).expect_err("a mistake");
    assert_eq!(
        said(("logax", "#{ source: path(\"logax\"), build: spec(\"rpm/logx.spec\") }")),
        [
            "`logax` for mirror-9/amd64: the source has no `rpm/logx.spec`, and there is none in `recipes/logax/` / add a spec to \
         the source or to `recipes/logax/`, name it as in `build: spec(\"rpm/tool.spec\")`, or leave these distros out with \
         `targets`"
        ]
    );
    assert_eq!(
        said(("logax", "#{ source: path(\"logax\"), needs: [\"tol\"], targets: [\"@mirror-9\"] }")),
        [
            "there is no component `tol` / name a recipe; a package of the distribution is written `pkg(\"tol\")`; did you mean `tool`?"
        ]
    );
    assert_eq!(
        said(("other", "#{ source: path(\"tool\"), targets: [\"@mirror-9\"] }")),
        [
            "`tool` and `other` both make the package `tool` for mirror-9 / leave one of them out of mirror-9 with `targets` or `skip`"
        ]
    );
    let circle = "#{ source: path(\"grace\"), needs: [\"tool\"], targets: [\"@mirror-9\"] }";
    let found = said(("grace", circle));
    assert!(
        found.len() == 1 && found[0].starts_with("components need each other on mirror-9: grace → tool → grace"),
        "{found:?}"
    );
    let version = "#{ source: path(\"logax\"), needs: [\"grace (>= 2)\"], targets: [\"@mirror-9\"] }";
    let found = said(("logax", version));
    assert!(found[0].contains("but `grace` is 1.2-3.mr9 on mirror-9"), "{found:?}");
}
