//! Probes as nodes: who shares them, and what depends on them.

use super::*;
use crate::drv::Action;
use crate::graph::NodeId;

const TOOL: Made<'_> = ("tool", "", &[("tool", "any", "")]);
const OTHER: Made<'_> = ("other", "", &[("other", "any", "")]);

fn probes(graph: &Graph) -> Vec<String> {
    let names = graph.ids().map(|id| graph.node(id).to_string());
    names.filter(|name| name.starts_with("probe:")).collect()
}

fn of(arches: &[&str], sources: &[Made<'_>], envs: &[&str]) -> Graph {
    let both = std::iter::zip(sources, envs);
    let texts: Vec<(&str, String)> =
        both.map(|((name, ..), env)| (*name, format!("#{{ source: dsc(\"{name}\"), env: #{{ {env} }} }}"))).collect();
    let recipes: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    woven(&files(&recipes), &lock(arches, sources)).expect("sound")
}

fn reads(graph: &Graph, name: &str) -> Vec<(String, String)> {
    let inputs = node(graph, name).inputs();
    inputs.map(|input| (input.role.to_owned(), graph.node(input.node).to_string())).collect()
}

#[test]
fn equal_commands_of_a_target_are_one_node_and_unused_ones_none() {
    let gcc = r#"GCC: probe("gcc -dumpversion"), MORE: "x" + probe(target, "gcc -dumpversion")"#;
    let graph = of(&["amd64", "arm64"], &[TOOL, OTHER], &[gcc, r#"A: probe("uname"), G: probe("gcc -dumpversion")"#]);
    let gcc = |arch: &str| format!("probe:gcc-dumpversion-06fbe196@mirage-1/{arch}");
    let uname = |arch: &str| format!("probe:uname-996560ba@mirage-1/{arch}");
    let found = probes(&graph);
    assert_eq!(found.len(), 4, "{found:?}");
    for probe in [gcc("amd64"), gcc("arm64"), uname("amd64"), uname("arm64")] {
        assert!(found.contains(&probe), "{probe} in {found:?}");
    }
    assert_eq!(reads(&graph, &gcc("arm64")), [("root".to_owned(), "root:base@mirage-1/arm64".to_owned())]);
    let role = |role: &str, node: String| (role.to_owned(), node);
    assert_eq!(reads(&graph, "build:tool@mirage-1/arm64")[0], role("probe 1", gcc("arm64")));
    let two = [role("probe 1", uname("amd64")), role("probe 2", gcc("amd64"))];
    assert_eq!(reads(&graph, "build:other@mirage-1/amd64")[..2], two);
    let unused = "let gcc = probe(\"gcc -dumpversion\"); #{ source: dsc(\"tool\") }";
    let graph = woven(&files(&[("tool", unused)]), &lock(&["amd64"], &[TOOL])).expect("sound");
    assert_eq!(probes(&graph), Vec::<String>::new());
}

#[test]
fn a_build_knows_what_probes_say_and_not_what_they_ask() {
    let build = |env: &str| {
        let graph = of(&["amd64"], &[TOOL], &[env]);
        let build = node(&graph, "build:tool@mirage-1/amd64");
        let contents: Vec<Digest> = (0..build.inputs().count()).map(|place| Digest::of(&[place as u8])).collect();
        (build.id(), build.action_key(None, &contents))
    };
    let one = build(r#"GCC: probe("gcc -dumpversion")"#);
    let other = build(r#"GCC: probe("gcc --version")"#);
    assert_ne!(one.0, other.0, "another command is another derivation");
    assert_eq!(one.1, other.1, "that says the same");
    assert_ne!(one.1, build(r#"GCC: probe("gcc -dumpversion") + "!""#).1);
    assert_ne!(one.1, build(r#"CC: probe("gcc -dumpversion")"#).1);
    assert_ne!(build(r#"A: probe("a"), B: probe("a")"#).0, build(r#"A: probe("a"), B: probe("b")"#).0);
    assert_ne!(build(r#"A: probe("a") + probe("b")"#).1, build(r#"A: probe("a") + probe("a")"#).1);
}

#[test]
fn no_text_is_taken_for_a_probe() {
    let texts = [r#""%{probe 1}""#, r#""probe(\"a\")""#, r#""%%{probe 1}""#, r#"probe("a")"#, r#"probe("a") + "%""#];
    let graphs = texts.map(|text| of(&["amd64"], &[TOOL], &[&format!("X: {text}")]));
    let ids: BTreeSet<_> = graphs.iter().map(|graph| node(graph, "build:tool@mirage-1/amd64").id()).collect();
    assert_eq!(ids.len(), texts.len());
    let shown = graphs.map(|graph| {
        let Action::Build { script, .. } = node(&graph, "build:tool@mirage-1/amd64").action() else {
            panic!("a build")
        };
        let plain = script.env.get("X").map(ToString::to_string);
        plain.or_else(|| script.env_with_probes.get("X").map(|template| template.as_ref().to_owned()))
    });
    let shown: Vec<&str> = shown.iter().flatten().map(String::as_str).collect();
    assert_eq!(shown, ["%{probe 1}", "probe(\"a\")", "%%{probe 1}", "%{probe 1}", "%{probe 1}%%"]);
}

#[test]
fn builds_that_share_a_number_share_what_their_probes_say() {
    let mixed = ("mixed", "", &[("mixed", "any", ""), ("mixed-data", "all", "")] as &[_]);
    let graph = of(&["amd64", "arm64"], &[mixed], &[r#"A: probe("a")"#]);
    let roles = |name: &str| -> Vec<String> { reads(&graph, name).into_iter().map(|(role, _)| role).collect() };
    let of_amd64 = ["number with all", "number with arm64", "number with arm64, probe 1", "probe 1", "root", "source"];
    assert_eq!(roles("build:mixed@mirage-1/amd64"), of_amd64);
    assert_eq!(
        roles("build:mixed@mirage-1/all")[1..],
        ["number with arm64", "number with arm64, probe 1", "probe 1", "root", "source"]
    );
    assert!(roles("build:mixed@mirage-1/arm64").contains(&"number with amd64, probe 1".to_owned()));
}

#[test]
fn commands_whose_digests_begin_alike_are_two_nodes() {
    let mut graph = crate::graph::Builder::default();
    let root = crate::graph::small::add(&mut graph, "root:base@d/amd64", "", &[]);
    let place = graph.word("d/amd64");
    let probe = |command: &str| crate::component::Probe { command: command.to_owned() };
    let mut add = |command: &str| -> NodeId { super::super::probes::node(&mut graph, &probe(command), place, root) };
    // Found by trying: both digests begin with the same eight digits.
    let (one, other) = ("a.....----..-.-.----", "a.----.-..----..----");
    let ids = [add(one), add(other), add(one)];
    assert!(ids[0] != ids[1] && ids[0] == ids[2]);
    let short = Digest::of(one.as_bytes()).to_string()[..8].to_owned();
    assert_eq!(short, Digest::of(other.as_bytes()).to_string()[..8]);
}
