//! What is remembered saves questions and changes no answer.

use std::sync::Arc;

use super::in_memory::InMemory;
use super::*;
use crate::columns::{Columns, Damaged};
use crate::graph::small::{chain, id};

fn read(bytes: Vec<u8>) -> Result<Settled, Damaged> {
    Settled::read(Columns::of(Arc::new(bytes), 0))
}

fn planned(graph: &Graph, knows: &InMemory) -> Plan {
    let wanted: Vec<NodeId> = graph.ids().collect();
    let Ok(plan) = plan(graph, &wanted, &[], knows);
    plan
}

fn told(plan: &Plan) -> Vec<(NodeId, State, Option<ActionKey>, Option<Outputs>)> {
    plan.nodes.iter().map(|one| (one.node, one.state.clone(), one.key, one.outputs.clone())).collect()
}

/// Everything of `chain("1")` realised, its plan, and what is remembered of that, written and read again.
fn remembered() -> (InMemory, Settled) {
    let graph = chain("1");
    let mut knows = InMemory::default();
    knows.run_all(&graph);
    let mut bytes = Vec::new();
    Settled::of(&graph, &planned(&graph, &knows), &Settled::default()).write(&mut bytes).expect("written");
    (knows, read(bytes).expect("as it was written"))
}

#[test]
fn nothing_is_asked_of_the_store_where_all_is_remembered() {
    let (mut knows, settled) = remembered();
    let graph = chain("1");
    let before = told(&planned(&graph, &knows));
    knows.remembered = settled;
    let asked = knows.batches.get();
    let plan = planned(&graph, &knows);
    assert_eq!((told(&plan), knows.batches.get()), (before, asked));
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
    assert!(!settled.came_to(row, &now));
    settled.doubt(row);
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
