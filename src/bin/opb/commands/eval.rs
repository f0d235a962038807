//! `opb eval`: shows the graph.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::name::Kind;
use opb::ops::eval::{Filter, StateKind, filtered};
use opb::ops::plan::{Wish, plan};
use opb::report::graph::{self, Shown};
use opb::report::picture::{self, Picture};

use super::{open, open_store};
use crate::cli::Global;
use crate::output;

/// Show the graph: every step from sources to repositories, evaluated without network and without the store.
#[derive(Debug, Args)]
pub struct Eval {
    /// Show only these nodes, such as `libbsd`, `@debian-12/amd64`, `build:lib*@debian-12/*`.
    #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
    selectors: Vec<String>,
    /// How to show it. JSON is versioned; docs/schema has its schemas.
    #[arg(long, default_value = "tree")]
    format: Format,
    /// Look into the store and add each node's state: clean, runs, depends.
    #[arg(long)]
    state: bool,
    /// Show only nodes of these kinds, such as `build,root`.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    kind: Vec<Kind>,
    /// Show only nodes in these states. Means `--state` too.
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    only: Vec<Wanted>,
    /// Show only nodes whose derivation differs from what it was at a revision of the project's git repository.
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    changed_since: Option<String>,
    /// What a picture (`svg`) shows [default: nodes, or components where there are more than 300 nodes].
    #[arg(long, value_name = "DETAIL")]
    detail: Option<Detail>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// What reads what, for people.
    Tree,
    /// A line a node, for people.
    Table,
    /// One JSON object.
    Json,
    /// One JSON object a node, written as it is found.
    Jsonl,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// Realised.
    Clean,
    /// Will run.
    Runs,
    /// Depends on what comes out of others.
    Depends,
    /// Does not run, as an exception says.
    Skipped,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Detail {
    /// Every node.
    Nodes,
    /// A box for each component, over all its targets.
    Components,
}

/// Kinds of nodes as they stand in node names.
pub fn kinds() -> impl clap::builder::TypedValueParser<Value = Kind> {
    let words = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str));
    words.map(|word| Kind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Kind::Build))
}

pub fn run(global: &Global, args: &Eval) -> Result<ExitCode, Failure> {
    // The program ends with it: nobody needs its memory back.
    let session = open(global)?;
    let filter = Filter {
        selectors: args.selectors.clone(),
        kinds: args.kind.clone(),
        changed_since: args.changed_since.clone(),
    };
    let mut found = filtered(&session, &filter)?;
    let mut planned = None;
    if args.state || !args.only.is_empty() {
        let store = open_store(global, &session)?;
        let wish = Wish { wanted: found.nodes.clone(), ..Wish::default() };
        planned = Some(plan(&session, &wish, &store, None)?);
    }
    if let (false, Some(plan)) = (args.only.is_empty(), &planned) {
        let wanted: Vec<StateKind> = args.only.iter().map(|wanted| wanted.kind()).collect();
        let is_wanted = |id| plan.of(id).is_some_and(|planned| wanted.iter().any(|kind| kind.is(&planned.state)));
        found.nodes.retain(|id| is_wanted(*id));
    }
    output::notices(global, &found.notices);
    let shown = Shown { graph: &session.graph, nodes: &found.nodes, plan: planned.as_ref() };
    match args.format {
        Format::Tree => output::stream(|to| graph::tree(to, shown))?,
        Format::Table => output::stream(|to| graph::table(to, shown))?,
        Format::Json => output::stream(|to| graph::json(to, shown))?,
        Format::Jsonl => output::stream(|to| graph::json_lines(to, shown))?,
        Format::Dot => output::stream(|to| graph::dot(to, shown))?,
        Format::Svg => {
            let detail = match args.detail {
                None => picture::Detail::suiting(found.nodes.len()),
                Some(Detail::Nodes) => picture::Detail::Nodes,
                Some(Detail::Components) => picture::Detail::Components,
            };
            let picture = Picture::new(shown, detail)?;
            output::stream(|to| picture.write(to))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Wanted {
    fn kind(self) -> StateKind {
        match self {
            Self::Clean => StateKind::Clean,
            Self::Runs => StateKind::Runs,
            Self::Depends => StateKind::Depends,
            Self::Skipped => StateKind::Skipped,
        }
    }
}
