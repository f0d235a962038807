//! What a picture shows: boxes, what is in them, and arrows between them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{count, plain};
use crate::graph::{Graph, Node, NodeId};
use crate::name::Kind;
use crate::plan::{Plan, State, describe};

/// The most lines of one hint.
const MAX_LINES: usize = 12;

/// What a picture shows.
#[derive(Debug)]
pub(super) struct Sketch {
    pub boxes: Vec<Boxed>,
    /// By the boxes that it leads from and to.
    pub arrows: BTreeMap<(usize, usize), Arrow>,
    /// Whether boxes stand for components.
    pub by_component: bool,
    /// How many nodes all of it is.
    pub nodes: usize,
    /// Nodes of bases and repositories that a picture of components does without: they belong to all of it.
    pub common: usize,
    /// Of each standing how many of the nodes; `None` where states are not known.
    pub states: Option<[usize; 4]>,
}

/// A box: the nodes of one component (or of a base, or a channel).
#[derive(Debug, Default)]
pub(super) struct Boxed {
    pub title: String,
    /// Smaller, beside or below the title.
    pub subtitle: String,
    pub hint: String,
    pub role: Role,
    /// Rows of pills; empty in a picture of components.
    pub rows: Vec<Row>,
    /// Between pills, by their place in the graph's order.
    pub inner: Vec<(NodeId, NodeId)>,
    /// Of each standing how many of its nodes; all 0 where states are not known.
    pub states: [usize; 4],
}

/// What a box is among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Role {
    /// What a distro gives to all components.
    Base,
    /// A component, or whatever else works for one.
    #[default]
    Component,
    /// A repository.
    Repository,
}

/// The nodes of a box for one arch.
#[derive(Debug)]
pub(super) struct Row {
    /// The arch, where the box has several.
    pub label: Option<String>,
    pub pills: Vec<Pill>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Pill {
    pub node: NodeId,
    pub kind: Kind,
    pub hint: String,
    pub state: Option<Standing>,
    /// Behind its inputs in the box.
    pub column: usize,
}

/// What will happen to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Clean,
    Runs,
    Depends,
    Skipped,
}

impl Standing {
    /// All of them, in the order of bars and legends.
    pub const ALL: [Self; 4] = [Self::Clean, Self::Runs, Self::Depends, Self::Skipped];
}

/// An arrow from box to box.
#[derive(Debug, Default)]
pub(super) struct Arrow {
    /// The first lines: which node reads which.
    lines: Vec<String>,
    /// How many lines there would be.
    all: usize,
}

impl Arrow {
    fn add(&mut self, line: impl FnOnce() -> String) {
        self.all += 1;
        if self.lines.len() < MAX_LINES {
            self.lines.push(line());
        }
    }

    /// What it says to who points at it.
    pub fn hint(&self) -> String {
        let mut hint = self.lines.join("\n");
        if self.all > self.lines.len() {
            hint += &format!("\nand {} more", self.all - self.lines.len());
        }
        hint
    }
}

/// How many nodes are of each standing.
pub(super) fn in_words([clean, runs, depends, skipped]: [usize; 4]) -> String {
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{clean} clean, {runs} will run, {depends} depend on others{skipped}")
}

fn role(kind: Kind, component: bool) -> Role {
    match kind {
        Kind::Repo => Role::Repository,
        _ if component => Role::Component,
        _ => Role::Base,
    }
}

fn standing(plan: Option<&Plan>, id: NodeId) -> Option<Standing> {
    plan?.of(id).map(|planned| match planned.state {
        State::Clean => Standing::Clean,
        State::Runs(_) => Standing::Runs,
        State::Depends(_) => Standing::Depends,
        State::Skipped(_) => Standing::Skipped,
    })
}

/// What boxes are told apart by: role, subject, and the distro unless boxes stand for components.
type Key<'a> = (Role, &'a str, Option<&'a str>);

/// The distro of each subject that has only one: a source that all distros could share stands with it.
fn only_distros<'a>(nodes: impl Iterator<Item = Node<'a>>) -> BTreeMap<&'a str, Option<&'a str>> {
    let mut found: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (subject, distro) in nodes.filter_map(|node| Some((node.subject(), node.distro()?))) {
        found.entry(subject).and_modify(|one| *one = one.filter(|one| *one == distro)).or_insert(Some(distro));
    }
    found
}

impl Sketch {
    /// A box for each component of a distro, its nodes inside.
    pub fn of_nodes(graph: &Graph, nodes: &[NodeId], plan: Option<&Plan>) -> Self {
        let (mut sketch, members) = Self::boxed(graph, nodes, plan, false);
        for (place, members) in members.into_iter().enumerate() {
            let own = &mut sketch.boxes[place];
            own.fill(graph, &members, plan);
        }
        sketch
    }

    /// A box for each component, over all targets.
    pub fn of_components(graph: &Graph, nodes: &[NodeId], plan: Option<&Plan>) -> Self {
        let (mut sketch, members) = Self::boxed(graph, nodes, plan, true);
        for (place, members) in members.into_iter().enumerate() {
            let places: BTreeSet<&str> = members.iter().map(|id| graph.node(*id).place()).collect();
            let targets = places.iter().filter(|place| place.contains('/')).count();
            let distros: BTreeSet<&str> = members.iter().filter_map(|id| graph.node(*id).distro()).collect();
            let own = &mut sketch.boxes[place];
            own.subtitle = match (targets, distros.len()) {
                (0, distros) => format!("{}, {}", count(distros, "distro"), count(members.len(), "node")),
                (targets, _) => format!("{}, {}", count(targets, "target"), count(members.len(), "node")),
            };
            own.hint = format!("{}\n{}", own.title, own.subtitle);
            if own.states.iter().sum::<usize>() > 0 {
                own.hint += &format!("\n{}", in_words(own.states));
            }
        }
        sketch
    }

    /// The boxes, arrows between them, and the nodes of each box.
    fn boxed(graph: &Graph, nodes: &[NodeId], plan: Option<&Plan>, by_component: bool) -> (Self, Vec<Vec<NodeId>>) {
        let is_common = |id: &NodeId| {
            let node = graph.node(*id);
            role(node.kind(), node.component_str().is_some()) != Role::Component
        };
        let mut shown = nodes.to_vec();
        if by_component && !nodes.iter().all(is_common) {
            shown.retain(|id| !is_common(id));
        }
        let only = only_distros(shown.iter().map(|id| graph.node(*id)));
        // By name, so that the picture does not change with the order in which the graph was made.
        let mut by_key: BTreeMap<Key<'_>, Vec<NodeId>> = BTreeMap::new();
        for id in &shown {
            let node = graph.node(*id);
            let subject = node.subject();
            let distro = || node.distro().or_else(|| only.get(subject).copied().flatten());
            let role = role(node.kind(), node.component_str().is_some());
            by_key.entry((role, subject, if by_component { None } else { distro() })).or_default().push(*id);
        }
        let (mut boxes, mut members) = (Vec::new(), Vec::new());
        let mut of: Vec<Option<usize>> = vec![None; graph.len()];
        for ((role, title, _), nodes) in by_key {
            let mut own = Boxed { title: title.to_owned(), role, ..Boxed::default() };
            for id in &nodes {
                of[id.index()] = Some(boxes.len());
                if let Some(standing) = standing(plan, *id) {
                    own.states[standing as usize] += 1;
                }
            }
            boxes.push(own);
            members.push(nodes);
        }
        let mut arrows: BTreeMap<(usize, usize), Arrow> = BTreeMap::new();
        for id in &shown {
            let node = graph.node(*id);
            let unique: BTreeSet<NodeId> = node.input_nodes().iter().copied().collect();
            for input in unique {
                if let (Some(from), Some(to)) = (of[input.index()], of[id.index()])
                    && from != to
                {
                    let line = || format!("{node} reads {}", graph.node(input));
                    arrows.entry((from, to)).or_default().add(line);
                }
            }
        }
        let states = plan.map(|_| {
            let of = |wanted| nodes.iter().filter(|id| standing(plan, **id) == Some(wanted)).count();
            Standing::ALL.map(of)
        });
        let common = nodes.len() - shown.len();
        (Self { boxes, arrows, by_component, nodes: nodes.len(), common, states }, members)
    }
}

impl Boxed {
    fn fill(&mut self, graph: &Graph, members: &[NodeId], plan: Option<&Plan>) {
        let inside: BTreeSet<NodeId> = members.iter().copied().collect();
        let arches: BTreeSet<&str> = members.iter().filter_map(|id| graph.node(*id).arch()).collect();
        let distro = members.iter().find_map(|id| graph.node(*id).distro());
        self.subtitle = match (distro, arches.first()) {
            (None, _) => "all distros".to_owned(),
            (Some(distro), Some(arch)) if arches.len() == 1 => format!("{distro}/{arch}"),
            (Some(distro), _) => distro.to_owned(),
        };
        self.hint = format!("{}\n{}\n{}", self.title, self.subtitle, count(members.len(), "node"));
        let mut columns: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut rows: BTreeMap<Option<&str>, Vec<Pill>> = BTreeMap::new();
        // Inputs stand before what reads them.
        for id in members {
            let node = graph.node(*id);
            let inner: BTreeSet<NodeId> =
                node.input_nodes().iter().copied().filter(|input| inside.contains(input)).collect();
            let column = inner.iter().filter_map(|input| columns.get(input)).map(|column| column + 1).max();
            columns.insert(*id, column.unwrap_or(0));
            let pill = Pill {
                node: *id,
                kind: node.kind(),
                hint: hint(graph, *id, plan),
                state: standing(plan, *id),
                column: column.unwrap_or(0),
            };
            rows.entry(node.arch()).or_default().push(pill);
            self.inner.extend(inner.into_iter().map(|input| (input, *id)));
        }
        let several = arches.len() > 1;
        let row = |(arch, pills): (Option<&str>, Vec<Pill>)| Row {
            label: arch.filter(|_| several).map(str::to_owned),
            pills,
        };
        self.rows = rows.into_iter().map(row).collect();
    }
}

/// What a node says to who points at it.
fn hint(graph: &Graph, id: NodeId, plan: Option<&Plan>) -> String {
    let node = graph.node(id);
    let mut lines = vec![node.to_string()];
    match plan.and_then(|plan| plan.of(id)).map(|planned| &planned.state) {
        None => {}
        Some(State::Clean) => lines.push("clean".to_owned()),
        // Reasons hold texts of recipes and sources.
        Some(State::Runs(reason)) => lines.push(format!("runs: {}", plain(&describe(reason, graph)))),
        Some(State::Depends(on)) => lines.push(format!("depends on {}", names(graph, on.iter().copied()))),
        Some(State::Skipped(on)) if on.is_empty() => lines.push("skipped".to_owned()),
        Some(State::Skipped(on)) => lines.push(format!("skipped with {}", names(graph, on.iter().copied()))),
    }
    let inputs: BTreeSet<NodeId> = node.input_nodes().iter().copied().collect();
    if !inputs.is_empty() {
        lines.push(format!("reads {}", names(graph, inputs.into_iter())));
    }
    lines.join("\n")
}

/// Names, by kind; the first of them where there are many.
fn names(graph: &Graph, ids: impl Iterator<Item = NodeId>) -> String {
    let mut nodes: Vec<Node<'_>> = ids.map(|id| graph.node(id)).collect();
    nodes.sort_by_key(|node| (node.kind(), node.subject(), node.place()));
    let mut shown: Vec<String> = nodes.iter().take(MAX_LINES).map(Node::to_string).collect();
    if nodes.len() > MAX_LINES {
        shown.push(format!("{} more", nodes.len() - MAX_LINES));
    }
    shown.join(", ")
}
