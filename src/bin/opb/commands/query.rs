//! `opb query`: answers about the graph.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use opb::diag::Failure;
use opb::graph::NodeId;
use opb::name::Kind;
use opb::ops::query::{self, By, Direction, Groups};
use opb::ops::session::Session;
use opb::report::query::{Answer, Found, as_json, stops, text};

use super::eval::kinds;
use super::open;
use crate::cli::Global;
use crate::output;

/// The most ways that `path --all` tells.
const MOST_WAYS: usize = 1_000;

/// Ask the graph: what needs what, along which way, and how deep it is. Like `eval`, without network and store.
#[derive(Debug, Args)]
pub struct Query {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// What the selected nodes read, directly or not.
    Deps(Reach),
    /// What reads the selected nodes, directly or not.
    Rdeps(Reach),
    /// A shortest way along which FROM reads TO, each node reading the next.
    Path(Path),
    /// Every node on any way along which FROM reads TO.
    Between(Pair),
    /// What both of two selections read, directly or not.
    Common(Pair),
    /// Nodes that nobody (of the selected ones) reads. Chroots are `--kind root`.
    Roots(Selected),
    /// Nodes that read nobody (of the selected ones).
    Leaves(Selected),
    /// The longest chain below the selected nodes, each reading the next: what takes that many steps however many
    /// machines there are.
    Depth(Selected),
}

#[derive(Debug, Args)]
struct Reach {
    /// From where: a node, or a selector, which may mean several.
    #[arg(value_name = "NODE", required = true, add = crate::complete::selectors())]
    selectors: Vec<String>,
    /// Go at most N steps.
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Go one step: the same as `--depth 1`.
    #[arg(long, conflicts_with = "depth")]
    direct: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct Path {
    #[command(flatten)]
    pair: Pair,
    /// Tell all ways that are as short.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Pair {
    /// From where: a node, or a selector, which may mean several.
    #[arg(value_name = "FROM")]
    from: String,
    /// To where: the same.
    #[arg(value_name = "TO")]
    to: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct Selected {
    /// Look at these nodes; all if left out.
    #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
    selectors: Vec<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Name nodes, or components or targets; steps then count from one to another.
    #[arg(long, value_name = "WHAT", default_value = "node")]
    by: Naming,
    /// Tell only nodes of these kinds, such as `build,root`.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    kind: Vec<Kind>,
    /// How to tell it. JSON is versioned; docs/schema has its schema.
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Naming {
    /// `build:libbsd@debian-12/amd64`.
    Node,
    /// `libbsd`.
    Component,
    /// `debian-12/amd64`.
    Target,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A name a line.
    Text,
    /// One JSON object.
    Json,
}

/// All ways cannot be told by component or target.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("all ways are told by node only")]
#[diagnostic(code(opb::query::all_by), help("leave out `--all` or `--by`"))]
struct AllBy;

impl opb::diag::Caused for AllBy {
    fn fault(&self) -> opb::diag::Cause {
        opb::diag::Cause::Input
    }
}

pub fn run(global: &Global, args: &Query) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    match &args.question {
        Question::Deps(args) => reach(&session, "deps", args, Direction::Inputs)?,
        Question::Rdeps(args) => reach(&session, "rdeps", args, Direction::Consumers)?,
        Question::Path(args) => path(global, &session, args)?,
        Question::Between(args) => {
            let (from, to) = args.ends(&session)?;
            args.how.tell_nodes(&session, "between", query::between(&session.graph, &from, &to))?;
        }
        Question::Common(args) => {
            let (from, to) = args.ends(&session)?;
            let of_all = Groups::new(&session.graph, By::Node);
            let below =
                |nodes: &[NodeId]| query::reach(&session.graph, &of_all, nodes, Direction::Inputs, None, &|_| true);
            let other = below(&to);
            let both = |found: &query::Reached| other.binary_search_by_key(&found.node, |other| other.node).is_ok();
            let nodes = below(&from).into_iter().filter(both).map(|found| found.node).collect();
            args.how.tell_nodes(&session, "common", nodes)?;
        }
        Question::Roots(args) => {
            let nodes = session.select(&args.selectors)?;
            args.how.tell_nodes(&session, "roots", query::ends(&session.graph, &nodes, true))?;
        }
        Question::Leaves(args) => {
            let nodes = session.select(&args.selectors)?;
            args.how.tell_nodes(&session, "leaves", query::ends(&session.graph, &nodes, false))?;
        }
        Question::Depth(args) => {
            let nodes = session.select(&args.selectors)?;
            let groups = Groups::new(&session.graph, args.how.by());
            let chain = query::longest(&session.graph, &groups, &nodes);
            args.how.tell("depth", Found::Chain(args.how.stops(&session, &chain.nodes)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn reach(session: &Session, query: &'static str, args: &Reach, direction: Direction) -> Result<(), Failure> {
    let nodes = session.select(&args.selectors)?;
    let groups = Groups::new(&session.graph, args.how.by());
    let limit = if args.direct { Some(1) } else { args.depth };
    let is_kind = |id| args.how.is_kind(session, id);
    let found = query::reach(&session.graph, &groups, &nodes, direction, limit, &is_kind);
    let name = |found: query::Reached| (args.how.by().name(session.graph.node(found.node)), Some(found.distance));
    args.how.tell(query, Found::Names(Box::new(found.into_iter().map(name))))
}

fn path(global: &Global, session: &Session, args: &Path) -> Result<(), Failure> {
    let how = &args.pair.how;
    if args.all && how.by() != By::Node {
        return Err(AllBy.into());
    }
    let (from, to) = args.pair.ends(session)?;
    let groups = Groups::new(&session.graph, how.by());
    let found = query::ways(&session.graph, &groups, &from, &to, if args.all { MOST_WAYS } else { 1 });
    if found.ways.is_empty() {
        let Pair { from: one, to: other, .. } = &args.pair;
        let back = query::ways(&session.graph, &groups, &to, &from, 1);
        let turned = if back.ways.is_empty() { "" } else { "; it is the other way round" };
        output::notices(global, &[format!("`{one}` does not read `{other}`, directly or not{turned}")]);
    }
    let ways = found.ways.iter().map(|way| how.stops(session, way)).collect();
    how.tell("path", Found::Ways { ways, count: found.count })
}

impl Pair {
    fn ends(&self, session: &Session) -> Result<(Vec<NodeId>, Vec<NodeId>), Failure> {
        let of = |text: &String| session.select(std::slice::from_ref(text));
        Ok((of(&self.from)?, of(&self.to)?))
    }
}

impl How {
    fn by(&self) -> By {
        match self.by {
            Naming::Node => By::Node,
            Naming::Component => By::Component,
            Naming::Target => By::Target,
        }
    }

    fn is_kind(&self, session: &Session, id: NodeId) -> bool {
        self.kind.is_empty() || self.kind.contains(&session.graph.node(id).kind())
    }

    fn stops(&self, session: &Session, way: &[NodeId]) -> Vec<opb::report::query::Stop> {
        let by = self.by();
        stops(&session.graph, way, &|id| by.name(session.graph.node(id)), by == By::Node)
    }

    /// Names of `nodes`, each once.
    fn tell_nodes(&self, session: &Session, query: &'static str, mut nodes: Vec<NodeId>) -> Result<(), Failure> {
        nodes.retain(|id| self.is_kind(session, *id));
        let groups = Groups::new(&session.graph, self.by());
        let name = |id: NodeId| (self.by().name(session.graph.node(id)), None);
        self.tell(query, Found::Names(Box::new(groups.firsts(&nodes).into_iter().map(name))))
    }

    fn tell(&self, query: &'static str, found: Found<'_>) -> Result<(), Failure> {
        let by = match self.by {
            Naming::Node => "node",
            Naming::Component => "component",
            Naming::Target => "target",
        };
        let answer = Answer { query, by, found };
        output::stream(|to| match self.format {
            Format::Text => text(to, answer),
            Format::Json => as_json(to, answer),
        })
    }
}
