//! What is amended is what would have been woven, and whatever cannot be amended is woven.

use std::collections::BTreeMap;

use super::rpm::tests::fixture::{lock, looked, project};
use super::{Asked, Before, Earlier, LocalSource, Looked, amend, weave};
use crate::digest::Digest;
use crate::graph::Graph;

type Recipes<'a> = &'a [(&'a str, &'a str)];

/// The graph of a project with these recipes, where folders answer with `alter` done to them.
fn woven(recipes: Recipes<'_>, alter: &dyn Fn(&str, &mut LocalSource)) -> (Graph, Before, Looked) {
    let (project, settings) = project(recipes);
    let seen = std::cell::RefCell::new(Looked::new());
    let look_at = |asked: &BTreeMap<String, Asked>| {
        let mut answers = looked(asked);
        for (folder, source) in &mut answers {
            alter(folder, source.as_mut().expect("a source"));
        }
        seen.replace(answers.clone());
        answers
    };
    let graph = weave(&project, &lock(), &settings, &look_at).expect("sound").graph;
    (graph, Before::of(&project), seen.into_inner())
}

fn told(graph: &Graph) -> Vec<String> {
    let all = graph.ids().map(|id| graph.node(id));
    all.map(|node| format!("{node} {} {:?} {:?}", node.id(), node.derivation(), node.origin())).collect()
}

/// Goes from the first recipes to the second and back; `true` where the graph was amended, and what came out is right.
fn is_amended(one: Recipes<'_>, other: Recipes<'_>) -> bool {
    let step = |from: Recipes<'_>, to: Recipes<'_>| {
        let (graph, before, _) = woven(from, &|_, _| ());
        let (expected, _, looked) = woven(to, &|_, _| ());
        let (project, settings) = project(to);
        let earlier = Earlier { graph, before: &before, read: None, moved: BTreeMap::new() };
        let amended = amend(earlier, &project, &settings, &looked, &|| Some(lock()));
        if let Some(amended) = &amended {
            assert_eq!(told(amended), told(&expected), "{from:?} → {to:?}");
        }
        amended.is_some()
    };
    let there = step(one, other);
    assert_eq!(there, step(other, one), "{one:?} ↔ {other:?}");
    there
}

#[test]
fn what_concerns_one_component_alone_is_amended() {
    let grace = |fields: &str| {
        format!(
            "#{{ source: path(\"grace\"), aliases: #{{ \"libgrace-dev\": \"grace-devel\" }}, \
             targets: [\"@mirror-9\", \"@mirage-1\"]{fields} }}"
        )
    };
    let plain = grace("");
    for fields in [
        ", env: #{ V: \"2\" }",
        ", profiles: [\"nocheck\"]",
        ", profiles: [\"pkg.grace.fast\"], env: #{ A: \"1\", B: \"2\" }",
        ", on: [[\"@mirage-1/arm64\", #{ env: #{ V: \"2\" } }]]",
        ", on: [[\"@mirage-1\", #{ profiles: [\"nodoc\"] }]]",
    ] {
        assert!(is_amended(&[("grace", &plain)], &[("grace", &grace(fields))]), "{fields}");
    }
    // The same recipe, written otherwise.
    assert!(is_amended(&[("grace", &plain)], &[("grace", &format!("// A remark.\n{plain}"))]));
    let tool = "#{ source: path(\"tool\"), build: spec(\"rpm/tool.spec\", #{ bcond: [\"+x\"], define: #{ a: \"b\" } }), targets: [\"@mirror-9\"] }";
    let other = tool.replace("+x", "-y").replace("a: ", "b: ");
    assert!(is_amended(&[("tool", tool)], &[("tool", &other)]));
}

#[test]
fn what_concerns_others_is_woven_anew() {
    let logax =
        "#{ source: path(\"logax\"), needs: [pkg(\"help2man\")], modules: #{ \"@mirror-9\": [\"nodejs:18\"] } }";
    for other in [
        // Needs, targets, where packages go, what is left out, what is stamped, what is learned in a root.
        logax.replace("help2man", "txt2man"),
        logax.replace("nodejs:18", "nodejs:20"),
        logax.replacen("#{", "#{ skip: \"broken\",", 1),
        logax.replacen("#{", "#{ targets: [\"@mirage-1\"],", 1),
        logax.replacen("#{", "#{ area: \"extra\",", 1),
        logax.replacen("#{", "#{ stamp: [\"version\"],", 1),
        logax.replacen("#{", "#{ env: #{ V: probe(\"uname\") },", 1),
    ] {
        assert!(!is_amended(&[("logax", logax)], &[("logax", &other)]), "{other}");
    }
    // A spec that asks whether documents are made: other packages and other needs.
    let grace = "#{ source: path(\"grace\"), aliases: #{ \"libgrace-dev\": \"grace-devel\" }, targets: [\"@mirror-9\", \"@mirage-1\"], profiles: [] }";
    assert!(!is_amended(&[("grace", grace)], &[("grace", &grace.replace("[] }", "[\"nodoc\"] }"))]));
}

#[test]
fn profiles_that_a_control_file_asks_for_are_woven_anew() {
    let ask = |folder: &str, source: &mut LocalSource| {
        if folder == "tool" {
            let control = source.texts.get_mut("debian/control").expect("there");
            *control = control.replace("debhelper-compat (= 13)", "debhelper-compat (= 13), libgrace-dev <!nodoc>");
        }
    };
    let tool =
        |profiles: &str| format!("#{{ source: path(\"tool\"), targets: [\"@mirage-1\"], profiles: [{profiles}] }}");
    let (before, after, other) = (tool(""), tool("\"nodoc\""), tool("\"nocheck\""));
    let amended = |to: &str| {
        let (graph, before, _) = woven(&[("tool", &before)], &ask);
        let (expected, _, looked) = woven(&[("tool", to)], &ask);
        let (project, settings) = project(&[("tool", to)]);
        let earlier = Earlier { graph, before: &before, read: None, moved: BTreeMap::new() };
        let amended = amend(earlier, &project, &settings, &looked, &|| Some(lock()))?;
        assert_eq!(told(&amended), told(&expected));
        Some(amended)
    };
    assert!(amended(&after).is_none());
    assert!(amended(&other).is_some());
}

#[test]
fn a_source_with_the_same_packaging_is_amended() {
    let moved = |text: Option<&'static str>| {
        move |folder: &str, source: &mut LocalSource| {
            if folder == "grace" {
                source.tree = Digest::of(b"another");
                if let Some(text) = text {
                    source.texts.get_mut("debian/control").expect("there").push_str(text);
                }
            }
        }
    };
    let amended = |alter: &dyn Fn(&str, &mut LocalSource)| {
        let (graph, before, looked_before) = woven(&[], &|_, _| ());
        let (expected, _, looked) = woven(&[], alter);
        let (project, settings) = project(&[]);
        let grace = looked_before["grace"].as_ref().expect("a source");
        let earlier = Earlier { graph, before: &before, read: None, moved: BTreeMap::from([("grace", grace)]) };
        let amended = amend(earlier, &project, &settings, &looked, &|| Some(lock()))?;
        assert_eq!(told(&amended), told(&expected));
        Some(())
    };
    assert!(amended(&moved(None)).is_some());
    assert!(amended(&moved(Some("\n# A remark.\n"))).is_none(), "nobody looks at what changed in it");
}
