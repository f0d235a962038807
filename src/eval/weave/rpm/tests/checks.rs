//! Checks of RPM packages: which nodes there are, what they read, and what recipes cannot have.

use super::{node, reads, woven};
use crate::drv::Action;
use crate::graph::Graph;

const LOGAX: &str = "#{ source: path(\"logax\"), targets: [\"@mirror-9\"], modules: #{ \"@mirror-9\": [\"nodejs:18\"] }, \
                     checks: #{ install: true, own: #{ script: \"logax\", needs: [NEEDS] } } }";

fn asked(graph: &Graph, name: &str) -> Vec<String> {
    match node(graph, name).action() {
        Action::Resolve(resolve) => resolve.needs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_installed_is_chosen_with_what_it_needs_to_run() {
    let recipe = LOGAX.replace("NEEDS", "\"python3 (>= 3.9)\", \"libgrace-dev\", \"(tool or none)\"");
    let graph = woven(&[("logax", &recipe)]).expect("sound");
    for arch in ["amd64", "arm64"] {
        assert_eq!(
            reads(&graph, &format!("check:logax.install@mirror-9/{arch}")),
            [format!("list: resolve:logax.install@mirror-9/{arch}"), format!("root: root:base@mirror-9/{arch}")]
        );
    }
    // What it was built with may be needed when it runs; so is what its own package names.
    assert_eq!(
        reads(&graph, "resolve:logax.install@mirror-9/arm64"),
        [
            "base: resolve:base@mirror-9/arm64",
            "index: index:base@mirror-9/arm64",
            "packages of grace/all: build:grace@mirror-9/all",
            "packages of grace/arm64: build:grace@mirror-9/arm64",
            "packages of logax/arm64: build:logax@mirror-9/arm64",
        ]
    );
    let own = reads(&graph, "resolve:logax.own@mirror-9/arm64");
    assert!(own.contains(&"packages of tool/all: build:tool@mirror-9/all".to_owned()), "{own:?}");
    assert_eq!(asked(&graph, "resolve:logax.install@mirror-9/amd64"), ["@perl:5.32", "@nodejs:18", "logax"]);
    assert_eq!(
        asked(&graph, "resolve:logax.own@mirror-9/amd64"),
        ["@perl:5.32", "@nodejs:18", "logax", "python3 >= 3.9", "grace-devel", "(tool or none)"]
    );
    let Action::Check { script, .. } = node(&graph, "check:logax.own@mirror-9/amd64").action() else { panic!("none") };
    assert!(String::from_utf8_lossy(&script.files["setup"]).contains("/in/rpms"));
}

#[test]
fn packages_of_every_arch_are_installed_where_the_component_has_others() {
    let checked = |name: &str| {
        (
            name.to_owned(),
            format!("#{{ source: path(\"{name}\"), targets: [\"@mirror-9\"], checks: #{{ install: true }} }}"),
        )
    };
    let (tool, grace) = (checked("tool"), checked("grace"));
    let skipped = ("logax", "#{ source: path(\"logax\"), skip: \"not here\" }");
    let aliases = grace.1.replace("targets", "aliases: #{ \"libgrace-dev\": \"grace-devel\" }, targets");
    let graph = woven(&[(&tool.0, &tool.1), (&grace.0, &aliases), skipped]).expect("sound");
    let checks: Vec<String> =
        graph.ids().map(|id| graph.node(id).to_string()).filter(|name| name.starts_with("check:")).collect();
    assert_eq!(
        checks,
        [
            "check:grace.install@mirror-9/amd64",
            "check:tool.install@mirror-9/amd64",
            "check:grace.install@mirror-9/arm64"
        ],
        "what is independent of the arch is looked at once"
    );
    assert_eq!(
        asked(&graph, "resolve:grace.install@mirror-9/arm64"),
        ["@perl:5.32", "grace", "grace-devel", "grace-doc"]
    );
    assert!(
        reads(&graph, "resolve:grace.install@mirror-9/arm64")
            .contains(&"packages of grace/all: build:grace@mirror-9/all".to_owned())
    );
}

#[test]
fn what_cannot_be_is_said_at_the_recipe() {
    let said = |checks: &str| {
        let recipe = format!("#{{ source: path(\"tool\"), checks: #{{ {checks} }} }}");
        woven(&[("tool", &recipe)]).expect_err("a mistake")
    };
    assert_eq!(
        said("rpmlint: #{ packages: [\"tol\"] }"),
        ["`tool` makes no package `tol` for mirror-9 / did you mean `tool`?"],
        "what looks at `.rpm` packages is for these alone"
    );
    assert_eq!(
        said("install: #{ packages: [\"other\"] }"),
        [
            "`tool` makes no package `other` / name a package of its `debian/control`",
            "`tool` makes no package `other` for mirror-9 / name a package of its spec; where names differ between distros, say \
             so in lines of `on`",
        ]
    );
    assert_eq!(
        said("own: #{ script: \"x\", needs: [\"python3 >= 3.9\"] }"),
        [
            "`python3 >= 3.9` is no need of one package for mirage-1 / write it as `python3 (>= 3.9)`; where needs differ between \
             distros, say so in lines of `on`"
        ]
    );
    assert_eq!(
        said("own: #{ script: \"x\", needs: [\"a | b\"] }"),
        [
            "`a | b` is no need of one package for mirror-9 / write it as in a spec, as in `python3 >= 3.9` or `(a or b)`; where \
             needs differ between distros, say so in lines of `on`"
        ]
    );
    let on = "on: [[\"@mirror-9\", #{ checks: #{ own: #{ script: \"x\", needs: [\"(a or b)\"] } } }]]";
    let recipe =
        format!("#{{ source: path(\"tool\"), checks: #{{ own: #{{ script: \"x\", needs: [\"a | b\"] }} }}, {on} }}");
    woven(&[("tool", &recipe)]).expect("each distro has its own");
}
