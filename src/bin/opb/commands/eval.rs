//! `opb eval`: shows the graph.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::ops::plan::{Wish, plan};
use opb::report::graph;

use super::{knowledge, open, open_store};
use crate::cli::Global;
use crate::output;

/// Show the graph: every step from sources to repositories, evaluated without network and without the store.
#[derive(Debug, Args)]
pub struct Eval {
    /// Show only these nodes, such as `libbsd`, `@debian-12/amd64`, `build:lib*@debian-12/*`.
    #[arg(value_name = "SELECTOR")]
    selectors: Vec<String>,
    /// How to show it. JSON is versioned and described in the manual.
    #[arg(long, default_value = "tree")]
    format: Format,
    /// Look into the store and add each node's state: clean, runs, depends.
    #[arg(long)]
    state: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// What reads what, for people.
    Tree,
    /// One JSON object.
    Json,
    /// One JSON object a node.
    Jsonl,
    /// For Graphviz.
    Dot,
}

pub fn run(global: &Global, args: &Eval) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let nodes = session.select(&args.selectors)?;
    let mut planned = None;
    if args.state {
        let store = open_store(global, &session)?;
        let wish = Wish { wanted: nodes.clone(), again: Vec::new() };
        planned = Some(plan(&session.graph, &wish, &knowledge(&store)?)?);
    }
    let shown = match args.format {
        Format::Tree => graph::tree(&session.graph, &nodes, planned.as_ref()),
        Format::Json => graph::json(&session.graph, &nodes, planned.as_ref()),
        Format::Jsonl => graph::json_lines(&session.graph, &nodes, planned.as_ref()),
        Format::Dot => graph::dot(&session.graph, &nodes, planned.as_ref()),
    };
    output::data(&shown);
    Ok(ExitCode::SUCCESS)
}
