//! Checks as nodes: what they read, who reads them, and what says that there are any.

use super::*;
use crate::drv::Action;
use crate::settings::ChecksTable;

/// The graph with these recipes and `[checks]`.
fn of(
    recipes: &[(&str, &str)],
    arches: &[&str],
    sources: &[Made<'_>],
    checks: ChecksTable,
) -> Result<Graph, Vec<String>> {
    with_files(&files(recipes), arches, sources, checks)
}

fn with_files(
    files: &MemoryFiles,
    arches: &[&str],
    sources: &[Made<'_>],
    checks: ChecksTable,
) -> Result<Graph, Vec<String>> {
    let project = evaluate(files).expect("sound recipes");
    let told = |errors: RecipeErrors| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    let settings = Settings { checks, ..Settings::default() };
    weave(&project, &lock(arches, sources), &settings, &nowhere).map(|woven| woven.graph).map_err(told)
}

fn checks(graph: &Graph) -> Vec<String> {
    let names = graph.ids().map(|id| graph.node(id).to_string());
    names.filter(|name| name.starts_with("check:")).collect()
}

fn reads(graph: &Graph, name: &str) -> Vec<String> {
    node(graph, name).inputs().map(|input| format!("{}: {}", input.role, graph.node(input.node))).collect()
}

const PLAIN: [(&str, &str); 2] = [("libmd", "#{ source: dsc(\"libmd\") }"), ("libbsd", "#{ source: dsc(\"libbsd\") }")];

fn lint(selectors: &[&str]) -> ChecksTable {
    ChecksTable { lintian: selectors.iter().map(|text| (*text).to_owned()).collect(), ..ChecksTable::default() }
}

#[test]
fn without_a_word_of_them_there_are_none() {
    let graph = of(&PLAIN, &["amd64"], &[LIBMD, LIBBSD], ChecksTable::default()).expect("sound");
    assert_eq!(checks(&graph), Vec::<String>::new());
}

#[test]
fn one_root_with_the_program_serves_all_components_of_a_target() {
    let graph = of(&PLAIN, &["amd64", "arm64"], &[LIBMD, LIBBSD], lint(&["*"])).expect("sound");
    assert_eq!(checks(&graph).len(), 4);
    assert_eq!(
        reads(&graph, "check:libbsd.lintian@mirage-1/arm64"),
        ["packages libbsd/arm64: build:libbsd@mirage-1/arm64", "root: root:base.lintian@mirage-1/arm64"]
    );
    assert_eq!(reads(&graph, "root:base.lintian@mirage-1/arm64")[1], "list: resolve:base.lintian@mirage-1/arm64");
    let Action::Resolve(resolve) = node(&graph, "resolve:base.lintian@mirage-1/arm64").action() else {
        panic!("a list")
    };
    assert_eq!((resolve.needs, resolve.ours.len()), (vec!["lintian".to_owned()], 0));
    let check = node(&graph, "check:libbsd.lintian@mirage-1/arm64");
    assert_eq!(check.component_str(), Some("libbsd"));
    assert_eq!(node(&graph, "root:base.lintian@mirage-1/arm64").component_str(), None);
    assert!(graph.consumers(check.node_id()).is_empty(), "nobody reads it");
}

#[test]
fn what_is_installed_is_chosen_with_what_it_needs_to_run() {
    let tool = ("tool", "libother-dev", &[("tool", "any", "libbsd0, ${misc:Depends}")] as &[_]);
    let recipes = [
        PLAIN[0],
        PLAIN[1],
        (
            "tool",
            "#{ source: dsc(\"tool\"), checks: #{ install: true, own: #{ script: \"tool\", needs: [\"python3 (>= 3.9)\"] } } }",
        ),
    ];
    let graph = of(&recipes, &["amd64"], &[LIBMD, LIBBSD, tool], ChecksTable::default()).expect("sound");
    assert_eq!(checks(&graph), ["check:tool.install@mirage-1/amd64", "check:tool.own@mirage-1/amd64"]);
    assert_eq!(needs(&graph, "resolve:tool.install@mirage-1/amd64"), ["libbsd/amd64", "libmd/amd64", "tool/amd64"]);
    assert_eq!(
        reads(&graph, "check:tool.install@mirage-1/amd64"),
        ["list: resolve:tool.install@mirage-1/amd64", "root: root:base@mirage-1/amd64"]
    );
    let list = |name: &str| match node(&graph, name).action() {
        Action::Resolve(resolve) => resolve.needs,
        other => panic!("{other:?}"),
    };
    assert_eq!(list("resolve:tool.install@mirage-1/amd64"), ["tool"]);
    assert_eq!(list("resolve:tool.own@mirage-1/amd64"), ["tool", "python3 (>= 3.9)"]);
}

#[test]
fn what_tests_of_a_source_need_is_read_of_the_source() {
    let checks = "autopkgtest: #{ needs: [\"perl\"] }, install: true";
    let recipe = format!("#{{ source: dsc(\"libbsd\"), checks: #{{ {checks} }} }}");
    let recipes = [PLAIN[0], ("libbsd", recipe.as_str())];
    let graph = of(&recipes, &["amd64"], &[LIBMD, LIBBSD], ChecksTable::default()).expect("sound");
    let list = |check: &str| match node(&graph, &format!("resolve:libbsd.{check}@mirage-1/amd64")).action() {
        Action::Resolve(resolve) => resolve,
        other => panic!("{other:?}"),
    };
    let of_tests = list("autopkgtest");
    assert_eq!(of_tests.needs, ["dpkg-dev", "perl"]);
    let tests = of_tests.tests.expect("it is of tests");
    assert_eq!((tests.packages, tests.build_depends), (list("install").needs, "libmd-dev (>= 1)".to_owned()));
    assert_eq!(list("install").tests, None);
    let source = "source: source-package:libbsd@mirage-1".to_owned();
    for (name, reads_it) in [
        ("check:libbsd.autopkgtest", true),
        ("resolve:libbsd.autopkgtest", true),
        ("check:libbsd.install", false),
        ("resolve:libbsd.install", false),
    ] {
        assert_eq!(reads(&graph, &format!("{name}@mirage-1/amd64")).contains(&source), reads_it, "{name}");
    }
    assert_eq!(needs(&graph, "resolve:libbsd.autopkgtest@mirage-1/amd64"), ["libbsd/amd64", "libmd/amd64"]);
}

#[test]
fn recipes_win_over_the_settings_and_lines_of_on_over_both() {
    let recipes = [
        ("libmd", "#{ source: dsc(\"libmd\"), checks: #{ lintian: false } }"),
        (
            "libbsd",
            "#{ source: dsc(\"libbsd\"), on: [[\"@mirage-1/arm64\", #{ checks: #{ lintian: false, install: true } }]] }",
        ),
    ];
    let graph = of(&recipes, &["amd64", "arm64"], &[LIBMD, LIBBSD], lint(&["lib*@mirage-1"])).expect("sound");
    assert_eq!(checks(&graph), ["check:libbsd.lintian@mirage-1/amd64", "check:libbsd.install@mirage-1/arm64"]);
}

#[test]
fn what_is_independent_of_the_arch_is_looked_at_once() {
    let data = ("data", "", &[("data", "all", "")] as &[_]);
    let mixed = ("mixed", "", &[("mixed", "any", "mixed-data"), ("mixed-data", "all", "")] as &[_]);
    let recipes = [("data", "#{ source: dsc(\"data\") }"), ("mixed", "#{ source: dsc(\"mixed\") }")];
    let settings = ChecksTable { install: vec!["*".to_owned()], ..lint(&["*"]) };
    let graph = of(&recipes, &["amd64", "arm64"], &[data, mixed], settings).expect("sound");
    let found = checks(&graph);
    assert!(found.contains(&"check:data.lintian@mirage-1/amd64".to_owned()), "{found:?}");
    assert!(!found.iter().any(|name| name.starts_with("check:data") && name.ends_with("arm64")), "{found:?}");
    let packages = |arch: &str| -> Vec<String> {
        let all = reads(&graph, &format!("check:mixed.lintian@mirage-1/{arch}"));
        all.into_iter().filter(|role| role.starts_with("packages")).collect()
    };
    assert_eq!((packages("amd64").len(), packages("arm64").len()), (2, 1));
    // To be installed, they are all there.
    assert_eq!(needs(&graph, "resolve:mixed.install@mirage-1/arm64"), ["mixed/all", "mixed/arm64"]);
}

#[test]
fn a_repository_reads_checks_only_where_they_gate() {
    let gate = |gate| {
        let graph = of(&PLAIN, &["amd64"], &[LIBMD, LIBBSD], ChecksTable { gate, ..lint(&["libbsd"]) }).expect("sound");
        let roles = reads(&graph, "repo:nightly@mirage-1");
        let of_checks: Vec<String> = roles.into_iter().filter(|role| role.starts_with("verdict")).collect();
        (of_checks, node(&graph, "build:libbsd@mirage-1/amd64").id())
    };
    let ((none, before), (one, after)) = (gate(false), gate(true));
    assert_eq!(none, Vec::<String>::new());
    assert_eq!(one, ["verdict of libbsd.lintian/amd64: check:libbsd.lintian@mirage-1/amd64"]);
    assert_eq!(before, after, "no build depends on it");
}

#[test]
fn a_baseline_is_part_of_its_check_alone() {
    let with = |text: &str| {
        let mut all = files(&PLAIN);
        all.0.insert("recipes/libbsd/libbsd.lintian.baseline".to_owned(), text.to_owned());
        let graph = with_files(&all, &["amd64"], &[LIBMD, LIBBSD], lint(&["*"])).expect("sound");
        let id = |name: &str| node(&graph, name).id();
        (
            id("check:libbsd.lintian@mirage-1/amd64"),
            id("check:libmd.lintian@mirage-1/amd64"),
            id("build:libbsd@mirage-1/amd64"),
        )
    };
    let (one, other) = (with("E: libbsd0: a-tag\n"), with("E: libbsd0: another-tag\n"));
    assert_ne!(one.0, other.0);
    assert_eq!((one.1, one.2), (other.1, other.2));
}

#[test]
fn mistakes_are_told() {
    let settings = ChecksTable { install: vec!["a b".to_owned()], ..lint(&["libsbd"]) };
    let errors = of(&PLAIN, &["amd64"], &[LIBMD, LIBBSD], settings).expect_err("mistakes");
    assert_eq!(
        errors,
        [
            "`install` of `checks` in `opb.toml`: `a b` has characters that no node name has",
            "`lintian` of `checks` in `opb.toml`: `libsbd` selects no build"
        ]
    );
    let recipes =
        [PLAIN[0], ("libbsd", "#{ source: dsc(\"libbsd\"), checks: #{ install: #{ packages: [\"libbsd\"] } } }")];
    let errors = of(&recipes, &["amd64"], &[LIBMD, LIBBSD], ChecksTable::default()).expect_err("a mistake");
    assert_eq!(errors, ["`libbsd` makes no package `libbsd`"]);
}

#[test]
fn a_known_failure_is_that_of_the_check_too() {
    let recipes = [PLAIN[0], ("libbsd", "#{ source: dsc(\"libbsd\"), may_fail: \"x\", checks: #{ install: true } }")];
    let graph = of(&recipes, &["amd64"], &[LIBMD, LIBBSD], ChecksTable::default()).expect("sound");
    assert!(node(&graph, "check:libbsd.install@mirage-1/amd64").may_fail().is_some());
}
