//! Small graphs, for tests of what works on graphs.

use std::collections::BTreeMap;

use super::{Builder, Graph, Needed, NodeId, Origin};
use crate::digest::{Digest, Sha256};
use crate::drv::{Action, Env, IndexFile, Script, SharedText};
use crate::name::{Kind, NodeName, OutputName};

/// The one output of nodes of that kind here.
pub(crate) fn output_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Source | Kind::Repo => "tree",
        Kind::Index | Kind::Build => "packages",
        Kind::Resolve => "list",
        Kind::Root => "root",
        Kind::Probe => "value",
        Kind::SourcePackage => "source",
        Kind::Check => "verdict",
    }
}

/// Adds the node `name`, which reads `inputs`; `detail` is part of what it does.
pub(crate) fn add(graph: &mut Builder, name: &str, detail: &str, inputs: &[NodeId]) -> NodeId {
    let name: NodeName = name.parse().expect(name);
    let script = || Script {
        sandbox_contract: 1,
        text: SharedText::new("make\n"),
        env: Env::from([("NAME".into(), name.subject.clone().into()), ("V".into(), detail.to_owned().into())]),
        env_with_probes: BTreeMap::new(),
        files: BTreeMap::new(),
        network: false,
    };
    let settings = BTreeMap::from([("detail".to_owned(), detail.to_owned())]);
    let action = match name.kind {
        Kind::Source => Action::Source { tree: Digest::of(format!("{name} {detail}").as_bytes()) },
        Kind::Index => {
            let label = name.to_string();
            Action::Index { files: vec![IndexFile { label, sha256: Sha256::of(detail.as_bytes()) }] }
        }
        Kind::Probe => Action::Probe { script: script() },
        Kind::Check => Action::Check { check: crate::name::Check::Own, script: script() },
        Kind::SourcePackage => Action::SourcePackage { script: Some(script()) },
        Kind::Build => {
            let outputs = vec![OutputName::new("packages").expect("plain")];
            Action::Build { script: script(), number: None, outputs }
        }
        Kind::Root => Action::Root { layer_format: 1, settings },
        Kind::Resolve | Kind::Repo => Action::Repo { settings },
    };
    let names: Vec<NodeName> = inputs.iter().map(|id| graph.name(*id)).collect();
    let mut needs: Vec<Needed> = std::iter::zip(inputs, &names)
        .map(|(id, input)| graph.need(&input.to_string(), *id, output_of(input.kind)))
        .collect();
    graph.add_named(&name, &action, &mut needs, Origin::Made)
}

/// Two sources and their builds `a` and `b`, where `b` reads what `a` makes, and `c`, which needs nobody. `v` is a
/// variable of the build `a`.
pub(crate) fn chain(v: &str) -> Graph {
    let mut graph = Builder::default();
    let source_a = add(&mut graph, "source:a", "", &[]);
    let source_b = add(&mut graph, "source:b", "", &[]);
    let a = add(&mut graph, "build:a@d/amd64", v, &[source_a]);
    let root = add(&mut graph, "root:b@d/amd64", "", &[a]);
    let b = add(&mut graph, "build:b@d/amd64", "", &[source_b, root]);
    let c = add(&mut graph, "build:c@d/amd64", "", &[]);
    add(&mut graph, "repo:nightly@d", "", &[a, b, c]);
    graph.finish()
}

/// The node of that name.
pub(crate) fn id(graph: &Graph, name: &str) -> NodeId {
    graph.find(&name.parse().expect(name)).expect(name)
}
