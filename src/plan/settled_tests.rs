//! What is remembered saves questions and changes no answer.

use std::sync::Arc;

use super::in_memory::InMemory;
use super::*;
use crate::columns::{Columns, Damaged};
use crate::cost::Spared;
use crate::graph::small::{chain, id};

fn read(bytes: Vec<u8>) -> Result<Settled, Damaged> {
    Settled::read(Columns::of(Arc::new(bytes), 0))
}

fn planned(graph: &Graph, knows: &InMemory) -> Plan {
    let wanted: Vec<NodeId> = graph.ids().collect();
    let Ok(plan) = plan(graph, &wanted, &[], knows);
    plan
}

type Told = (NodeId, State, Option<ActionKey>, Option<Outputs>, Option<Cost>);

fn told(plan: &Plan) -> Vec<Told> {
    plan.nodes.iter().map(|one| (one.node, one.state.clone(), one.key, one.outputs.clone(), one.cost)).collect()
}

/// Everything of `chain("1")` realised, its plan, and what is remembered of that, written and read again.
fn remembered() -> (InMemory, Settled) {
    let graph = chain("1");
    let mut knows = InMemory::default();
    knows.run_all(&graph);
    for (place, key) in std::iter::zip(1.., knows.realised.keys()) {
        knows.took.insert(*key, Cost { milliseconds: place * 1_000, cpu_milliseconds: place });
    }
    let mut bytes = Vec::new();
    Settled::of(&graph, &planned(&graph, &knows), &Settled::default()).write(&mut bytes).expect("written");
    (knows, read(bytes).expect("as it was written"))
}

#[test]
fn nothing_is_asked_of_the_store_where_all_is_remembered() {
    let (mut knows, settled) = remembered();
    let graph = chain("1");
    let before = told(&planned(&graph, &knows));
    assert!(before.iter().all(|(.., cost)| cost.is_some_and(|cost| cost.milliseconds > 0)), "{before:?}");
    knows.remembered = settled;
    let asked = knows.batches.get();
    let plan = planned(&graph, &knows);
    assert_eq!((told(&plan), knows.batches.get()), (before, asked));
    assert_eq!(knows.remembered.whole(&graph), Some(spared(&graph, &plan)));
    assert_eq!(knows.remembered.whole(&chain("2")), None, "of another graph it is not known");
    assert!(spared(&graph, &plan).cost.milliseconds > 0);
    assert!(knows.remembered.has_all_of(&graph, &plan));
}

#[test]
fn what_changed_is_asked_for_and_all_that_reads_it() {
    let (mut knows, settled) = remembered();
    let graph = chain("2");
    let before = told(&planned(&graph, &knows));
    knows.remembered = settled;
    let plan = planned(&graph, &knows);
    assert_eq!(told(&plan), before);
    assert_eq!(plan.counts(), (3, 1, 3));
    let again = Settled::of(&graph, &plan, &knows.remembered);
    assert_eq!(again.keys().count(), 3, "what is dirty is not remembered");
    assert_eq!(again.whole(&graph), None, "nor what all of it took");
}

#[test]
fn a_row_in_doubt_puts_all_that_follows_from_it_in_doubt() {
    let (mut knows, mut settled) = remembered();
    let graph = chain("1");
    // Built again elsewhere, `a` came out different: its id, and those of its readers, are what they were.
    let a = id(&graph, "build:a@d/amd64");
    let key = planned(&graph, &knows).of(a).and_then(|planned| planned.key).expect("keyed");
    let outputs = knows.realised.get_mut(&key).expect("realised");
    *outputs = outputs.keys().map(|name| (name.clone(), Digest::of(b"other"))).collect();
    let now = outputs.clone();
    let before = told(&planned(&graph, &knows));
    let row = settled.keys().find(|(_, known)| *known == key).map(|(row, _)| row).expect("remembered");
    let whole = settled.keys().count();
    settled.compare(row, Some((now, Cost::default())));
    assert_eq!(settled.keys().count(), whole - 1);
    assert_eq!(settled.whole(&graph), None);
    knows.remembered = settled;
    let plan = planned(&graph, &knows);
    assert_eq!(told(&plan), before);
    assert!(plan.counts().1 > 0, "the root over `a` has never been made of this");
}

#[test]
fn other_bytes_are_damaged_and_no_panic() {
    let (_, settled) = remembered();
    let mut bytes = Vec::new();
    settled.write(&mut bytes).expect("written");
    for end in 0..bytes.len() {
        assert!(read(bytes[..end].to_vec()).is_err(), "cut at {end}");
    }
    let graph = chain("1");
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x55;
        if let Ok(settled) = read(other) {
            graph.ids().for_each(|id| drop(settled.find(graph.node(id))));
        }
    }
}

#[test]
fn what_a_plan_did_not_look_at_is_kept_only_where_its_inputs_stayed() {
    let (mut knows, settled) = remembered();
    let graph = chain("1");
    // `a` comes to something else, and a plan of it alone sees that.
    let a = id(&graph, "build:a@d/amd64");
    let key = planned(&graph, &knows).of(a).and_then(|planned| planned.key).expect("keyed");
    let outputs = knows.realised.get_mut(&key).expect("realised");
    *outputs = outputs.keys().map(|name| (name.clone(), Digest::of(b"other"))).collect();
    let Ok(of_a) = plan(&graph, &[a], &[], &knows);
    let settled = Settled::of(&graph, &of_a, &settled);
    let before = told(&planned(&graph, &knows));
    knows.remembered = settled;
    assert_eq!(told(&planned(&graph, &knows)), before);
    // Who does not read it is as it was.
    let c = graph.node(id(&graph, "build:c@d/amd64"));
    assert!(knows.remembered.find(c).is_some());
}

#[test]
fn times_are_brought_up_to_date_and_may_be_missing_or_long() {
    let (mut knows, _) = remembered();
    let graph = chain("1");
    let source = id(&graph, "source:a");
    let of_source = |knows: &InMemory| planned(&graph, knows).of(source).map(|planned| (planned.key, planned.cost));
    let Some((Some(key), Some(_))) = of_source(&knows) else { panic!("it is realised") };
    // Its content is known although nothing of it is on record.
    let outputs = knows.realised.remove(&key).expect("realised");
    let mut settled = Settled::of(&graph, &planned(&graph, &knows), &Settled::default());
    knows.remembered = settled.clone();
    assert_eq!(of_source(&knows), Some((Some(key), None)));
    // It was never made, so nothing was saved with it.
    let counts = |whole: Spared| [whole.nodes, whole.unknown];
    assert_eq!(settled.whole(&graph).map(counts), Some([graph.len() - 1, 0]));
    let row = settled.keys().find(|(_, known)| *known == key).map(|(row, _)| row).expect("remembered");
    let long = Cost { milliseconds: u64::MAX, cpu_milliseconds: 7 };
    settled.compare(row, Some((outputs, long)));
    knows.remembered = settled;
    let most = Cost { milliseconds: u64::from(u32::MAX) - 1, cpu_milliseconds: 7 };
    assert_eq!(of_source(&knows), Some((Some(key), Some(most))));
}
