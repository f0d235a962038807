//! Plans of a large graph: 70 components for 62 targets, 4,340 builds with their roots, package lists and sources. What
//! is known is in memory, so that the time is ours, not the disk's.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use opb::cost::Cost;
use opb::digest::{Digest, Sha256};
use opb::drv::{Action, ActionKey, Fingerprint, IndexFile, Outputs, Script, SharedText};
use opb::graph::{Builder, Graph, Node, NodeId, Origin};
use opb::name::{Kind, NodeName, OutputName};
use opb::plan::{Earlier, Knowledge, Standing, Walked, contents, plan, standing};

const COMPONENTS: usize = 70;
const TARGETS: usize = 62;

#[derive(Default)]
struct InMemory {
    realised: BTreeMap<ActionKey, Outputs>,
    numbers: BTreeMap<Fingerprint, u32>,
    /// Each node's last realisation.
    earlier: BTreeMap<String, Walked>,
}

impl Knowledge for InMemory {
    type Error = Infallible;

    fn realised(&self, keys: &[ActionKey]) -> Result<Vec<Option<(Outputs, Cost)>>, Infallible> {
        Ok(keys.iter().map(|key| Some((self.realised.get(key)?.clone(), Cost::default()))).collect())
    }

    fn number(&self, _: Node<'_>, fingerprint: Fingerprint) -> Result<Option<u32>, Infallible> {
        Ok(self.numbers.get(&fingerprint).copied())
    }

    fn present(&self, _: Node<'_>, _: ActionKey, _: &Outputs) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn earlier(&self, node: Node<'_>) -> Result<Vec<Walked>, Infallible> {
        Ok(self.earlier.get(&node.to_string()).cloned().into_iter().collect())
    }
}

fn name(kind: Kind, subject: &str, place: &str) -> NodeName {
    NodeName { kind, subject: subject.to_owned(), place: place.to_owned() }
}

fn script(value: &str) -> Script {
    let env = (0..20).map(|n| (format!("VARIABLE_{n}").into(), value.to_owned().into())).collect();
    Script {
        sandbox_contract: 1,
        text: SharedText::new("dpkg-buildpackage\n".repeat(100)),
        env,
        env_with_probes: BTreeMap::new(),
        files: BTreeMap::new(),
        network: false,
    }
}

fn settings(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("value".to_owned(), value.to_owned())])
}

/// Each component needs the one before it; `changed` is a variable of the builds of the component in the middle.
fn graph(changed: &str) -> Graph {
    let mut graph = Builder::default();
    for target in 0..TARGETS {
        let place = format!("mirage-{target}/amd64");
        let file = IndexFile { label: place.clone(), sha256: Sha256::of(place.as_bytes()) };
        let action = Action::Index { files: vec![file] };
        let index = graph.add_named(&name(Kind::Index, "base", &place), &action, &mut [], Origin::Made);
        let mut before: Option<NodeId> = None;
        for component in 0..COMPONENTS {
            let subject = format!("component-{component}");
            let source = name(Kind::Source, &subject, &format!("mirage-{target}"));
            let tree = Digest::of(source.to_string().as_bytes());
            let source = graph.add_named(&source, &Action::Source { tree }, &mut [], Origin::Made);
            let mut needs = vec![graph.need("index", index, "packages")];
            needs.extend(before.map(|before| graph.need("packages", before, "packages")));
            let action = Action::Repo { settings: settings(&subject) };
            let list = graph.add_named(&name(Kind::Resolve, &subject, &place), &action, &mut needs, Origin::Made);
            let action = Action::Root { layer_format: 1, settings: settings("") };
            let mut needs = vec![graph.need("list", list, "packages")];
            let root = graph.add_named(&name(Kind::Root, &subject, &place), &action, &mut needs, Origin::Made);
            let script = script(if component == COMPONENTS / 2 { changed } else { "" });
            let outputs = vec![OutputName::new("packages").expect("a name")];
            let mut needs = vec![graph.need("root", root, "root"), graph.need("source", source, "tree")];
            let action = Action::Build { script, number: None, outputs };
            before = Some(graph.add_named(&name(Kind::Build, &subject, &place), &action, &mut needs, Origin::Made));
        }
    }
    graph.finish()
}

/// All of `graph`, run.
fn run(graph: &Graph) -> InMemory {
    let mut knows = InMemory::default();
    let mut all: BTreeMap<NodeId, Outputs> = BTreeMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        let contents = contents(node, |input| all.get(&input)).expect("inputs come first");
        let Ok(found) = standing(node, &contents, &knows);
        let key = match found {
            Standing::Keyed(key) => key,
            Standing::Unnumbered(fingerprint) => {
                knows.numbers.insert(fingerprint, 1);
                node.action_key(Some(1), &contents)
            }
        };
        let outputs = node.known_outputs(key).unwrap_or_else(|| {
            let digest = Digest::of(node.to_string().as_bytes());
            Outputs::from([(OutputName::new("packages").expect("a name"), digest)])
        });
        knows.realised.insert(key, outputs.clone());
        let known: Vec<Option<Digest>> = contents.into_iter().map(Some).collect();
        let (earlier, walk) = (Earlier { key, started: 1 }, opb::drv::text_of(&node.derivation(), &known));
        knows.earlier.insert(node.to_string(), Walked { earlier, walk });
        all.insert(id, outputs);
    }
    knows
}

fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    let (clean, changed) = (graph("1"), graph("2"));
    let builds = clean.ids().filter(|id| clean.node(*id).kind() == Kind::Build).count();
    assert_eq!(builds, 4_340);
    let knows = run(&clean);
    let counts = |graph: &Graph| {
        let Ok(plan) = plan(graph, &graph.ids().collect::<Vec<_>>(), &[], black_box(&knows));
        plan.counts()
    };
    // A change is noticed: the builds of one component run, and what stands behind them depends on what comes out.
    assert_eq!(counts(&clean), (clean.len(), 0, 0));
    let behind = (COMPONENTS - COMPONENTS / 2 - 1) * 3 * TARGETS;
    assert_eq!(counts(&changed), (clean.len() - behind - TARGETS, TARGETS, behind));
    group.bench_function("4340 builds, all clean", |bencher| bencher.iter(|| counts(&clean)));
    group.bench_function("4340 builds, one component changed", |bencher| bencher.iter(|| counts(&changed)));
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
