//! Needs by capability, by alias and with versions; areas.

use super::*;
use crate::drv::Action;

const SOURCES: [Made<'_>; 3] = [
    ("libgrace", "", &[("libgrace1", "any", ""), ("libgrace-dev", "any", "libgrace1")]),
    ("help2man", "", &[("help2man", "all", "")]),
    ("logax", "grace-devel (>= 1.0) | x", &[("logax", "any", "")]),
];

fn of(recipes: &[(&str, &str)]) -> Result<Graph, Vec<String>> {
    woven(&files(recipes), &lock(&["amd64"], &SOURCES))
}

fn asked_for(graph: &Graph, name: &str) -> Vec<String> {
    match node(graph, name).action() {
        Action::Resolve(resolve) => resolve.needs.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn capabilities_lead_to_packages_and_those_to_components() {
    let logax = "#{ source: dsc(\"logax\"), needs: [pkgconfig(\"grace\", \">= 1.1\"), tool(\"help2man\"), \
                 perl(\"Text::Template\"), pkg(\"libgrace1:any\")], aliases: #{ \"grace-devel\": \"libgrace-dev\" } }";
    let recipes = [
        ("libgrace", "#{ source: dsc(\"libgrace\") }"),
        ("help2man", "#{ source: dsc(\"help2man\") }"),
        ("logax", logax),
    ];
    let graph = of(&recipes).expect("a graph");
    assert_eq!(
        asked_for(&graph, "resolve:logax@mirage-1/amd64"),
        ["libgrace-dev (>= 1.0) | x", "libgrace-dev (>= 1.1)", "help2man", "libtext-template-perl", "libgrace1:any"]
    );
    assert_eq!(needs(&graph, "resolve:logax@mirage-1/amd64"), ["help2man/all", "libgrace/amd64"]);
}

#[test]
fn an_alias_alone_leads_to_its_component() {
    let libgrace = "#{ source: dsc(\"libgrace\"), aliases: #{ \"grace-devel\": \"libgrace-dev\", \"pkgconfig(g)\": \"libgrace-dev\" } }";
    let graph = of(&[("libgrace", libgrace), ("logax", "#{ source: dsc(\"logax\") }")]).expect("a graph");
    assert_eq!(needs(&graph, "resolve:logax@mirage-1/amd64"), ["libgrace/amd64"]);
    let without = of(&[("libgrace", "#{ source: dsc(\"libgrace\") }"), ("logax", "#{ source: dsc(\"logax\") }")]);
    assert!(needs(&without.expect("a graph"), "resolve:logax@mirage-1/amd64").is_empty());
}

#[test]
fn what_nobody_knows_is_an_error() {
    let one =
        |needs: &str| of(&[("logax", &format!("#{{ source: dsc(\"logax\"), needs: [{needs}] }}"))]).expect_err("wrong");
    assert_eq!(one("pkgconfig(\"grace\")"), ["no package with `pkgconfig(grace)` is known for mirage-1"]);
    assert_eq!(
        one("tool(\"git\"), tool(\"help2man\")"),
        ["no package with `tool(git)` is known for mirage-1", "no package with `tool(help2man)` is known for mirage-1"]
    );
}

#[test]
fn the_distro_knows_packages() {
    let table = "capabilities: #{ \"tool(git)\": \"git-core\" }, keyring";
    let mut files = files(&[("logax", "#{ source: dsc(\"logax\"), needs: [tool(\"git\", \">> 2\")] }")]);
    files.0.insert("distros/mirage-1.rhai".to_owned(), MIRAGE.replace("keyring", table));
    let graph = woven(&files, &lock(&["amd64"], &SOURCES)).expect("a graph");
    assert_eq!(asked_for(&graph, "resolve:logax@mirage-1/amd64"), ["grace-devel (>= 1.0) | x", "git-core (>= 2.~)"]);
}

#[test]
fn two_meanings_of_one_alias_are_an_error() {
    let recipe = |name: &str, package: &str| {
        format!("#{{ source: dsc(\"{name}\"), aliases: #{{ \"grace-devel\": \"{package}\" }} }}")
    };
    let (one, same, other) =
        (recipe("libgrace", "libgrace-dev"), recipe("help2man", "libgrace-dev"), recipe("help2man", "x"));
    assert!(of(&[("libgrace", &one), ("help2man", &same)]).is_ok());
    let errors = of(&[("libgrace", &one), ("help2man", &other)]).expect_err("wrong");
    assert_eq!(errors, ["`libgrace` and `help2man` give `grace-devel` another meaning"]);
}

#[test]
fn versions_that_are_pinned_must_do() {
    let one = |need: &str| {
        let logax = format!("#{{ source: dsc(\"logax\"), needs: [\"{need}\"] }}");
        of(&[("libgrace", "#{ source: dsc(\"libgrace\") }"), ("logax", &logax)])
    };
    assert!(one("libgrace (>= 1.0)").is_ok() && one("libgrace (= 1.0-1)").is_ok());
    let errors = one("libgrace (>= 1.1)").expect_err("wrong");
    assert_eq!(errors, ["`logax` needs `libgrace (>= 1.1)`, but `libgrace` is 1.0-1 on mirage-1"]);
    assert_eq!(one("libgracy (>= 1.1)").expect_err("wrong"), ["there is no component `libgracy`"]);
}

#[test]
fn a_channel_holds_what_it_names() {
    let recipes = [
        ("libgrace", "#{ source: dsc(\"libgrace\") }"),
        ("logax", "#{ source: dsc(\"logax\"), on: [[\"@mirage-*\", #{ area: \"openapp\" }]] }"),
    ];
    let holding = |components: &[&str], areas: &[&str]| {
        let channel = Channel {
            components: components.iter().map(|text| (*text).to_owned()).collect(),
            areas: areas.iter().map(|area| area.parse().expect("a name")).collect(),
            ..Channel::default()
        };
        let settings =
            Settings { channel: [("nightly".parse().expect("a name"), channel)].into(), ..Settings::default() };
        let project = evaluate(&files(&recipes)).expect("sound");
        weave(&project, &lock(&["amd64"], &SOURCES), &settings, &nowhere)
    };
    let held = |components: &[&str], areas: &[&str]| {
        let graph = holding(components, areas).expect("sound").graph;
        let repo = node(&graph, "repo:nightly@mirage-1");
        let Action::Repo { settings } = &repo.action() else { panic!("a repository") };
        let sources = repo.inputs().filter_map(|input| input.role.strip_prefix("source ")).collect::<Vec<_>>();
        (sources.join(" "), settings["areas"].clone(), settings.get("area libgrace").cloned())
    };
    let told = |sources: &str, areas: &str, of_libgrace: Option<&str>| {
        (sources.to_owned(), areas.to_owned(), of_libgrace.map(str::to_owned))
    };
    assert_eq!(held(&[], &[]), told("libgrace logax", "main openapp", None));
    assert_eq!(held(&["lib*"], &[]), told("libgrace", "main", None));
    assert_eq!(held(&["!lib*"], &[]), told("logax", "main openapp", None));
    assert_eq!(held(&["*", "!*", "logax"], &[]), told("logax", "main openapp", None), "the last that matches decides");
    assert_eq!(held(&[], &["main"]), told("libgrace", "main", None));
    assert_eq!(held(&[], &["openapp"]), told("logax", "openapp", None));
    assert_eq!(held(&[], &["openapp", "main"]), told("libgrace logax", "openapp main", Some("main")));
    assert_eq!(held(&[], &["main", "contrib"]), told("libgrace", "main contrib", None), "an area may be empty");
    let errors = holding(&["lgoax"], &[]).expect_err("nobody has it");
    let errors = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(errors, ["`components` of the channel `nightly`: `lgoax` matches no component"]);
}

#[test]
fn areas_are_those_of_components() {
    let settings = |graph: &Graph| match node(graph, "repo:nightly@mirage-1").action() {
        Action::Repo { settings } => settings.clone(),
        other => panic!("{other:?}"),
    };
    let with = |logax: &str| {
        let graph = of(&[("libgrace", "#{ source: dsc(\"libgrace\") }"), ("logax", logax)]).expect("a graph");
        let settings = settings(&graph);
        (settings["areas"].clone(), settings.get("area logax").cloned(), settings.contains_key("area libgrace"))
    };
    assert_eq!(with("#{ source: dsc(\"logax\") }"), ("main".to_owned(), None, false));
    let area = "#{ source: dsc(\"logax\"), on: [[\"@mirage-*\", #{ area: \"openapp\" }]] }";
    assert_eq!(with(area), ("main openapp".to_owned(), Some("openapp".to_owned()), false));
    let arches = "#{ source: dsc(\"logax\"), on: [[\"@*/arm64\", #{ area: \"openapp\" }]] }";
    let errors = woven(&files(&[("logax", arches)]), &lock(&["amd64", "arm64"], &SOURCES)).expect_err("wrong");
    assert_eq!(errors, ["the area of `logax` differs between arches of mirage-1"]);
}
