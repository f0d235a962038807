//! The command line. The doc comments of verbs are their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use opb::name::ChannelName;
use opb::project::Place;

use crate::commands::{
    baseline, build, cache, check, completions, definitions, diff, doctor, eval, except, exceptions, fetch, hotfix,
    import, init, key, log, new, nightly, plan, query, repo, report, run, runs, shell, stage, store, timings, update,
    verify, why,
};

/// Builds packages for many distributions from one set of recipes, incrementally, into signed repositories.
#[derive(Debug, Parser)]
#[command(name = "opb", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 a bug in opb, 2 wrong input, 3 the environment (network, disk, a missing \
                        tool), 4 a build failed, 130 stopped."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Work in the project that DIR lies in.
    #[arg(short = 'C', value_name = "DIR", global = true, default_value = ".")]
    pub directory: PathBuf,
    /// Work with the lock that channel NAME is made from [default: opb.lock, the project's own].
    #[arg(long = "channel", id = "of_channel", value_name = "NAME", global = true, add = crate::complete::channels())]
    pub of_channel: Option<ChannelName>,
    /// Run at most N nodes at once [default: the number of cores].
    #[arg(short, long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Keep going when something fails (the default; see --fail-fast).
    #[arg(short, long, global = true, overrides_with = "fail_fast")]
    pub keep_going: bool,
    /// Start nothing new once something has failed.
    #[arg(long, global = true, overrides_with = "keep_going")]
    pub fail_fast: bool,
    /// Use no network: only what the store has.
    #[arg(long, global = true)]
    pub offline: bool,
    /// The store's folder [default: $OPB_STORE, else `store/` of the project].
    #[arg(long, value_name = "DIR", global = true)]
    pub store: Option<PathBuf>,
    /// Say less: failures and results only.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: what starts, and what it is at.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Use colours. NO_COLOR in the environment means `never`.
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: Color,
}

impl Global {
    /// Where the project is, and which of its locks is meant.
    pub fn place(&self) -> Place<'_> {
        Place { folder: &self.directory, channel: self.of_channel.as_ref() }
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Init(init::Init),
    New(new::New),
    Import(import::Import),
    Eval(eval::Eval),
    Query(query::Query),
    Check(check::Check),
    Plan(plan::Plan),
    Build(build::Build),
    Nightly(nightly::Nightly),
    Baseline(baseline::Baseline),
    Fetch(fetch::Fetch),
    Log(log::Log),
    Verify(verify::Verify),
    Why(why::Why),
    Runs(runs::Runs),
    Timings(timings::Timings),
    Report(report::Report),
    Diff(diff::Diff),
    Doctor(doctor::Doctor),
    Update(update::Update),
    Hold(except::Hold),
    Skip(except::Skip),
    ExpectFailure(except::ExpectFailure),
    Exceptions(exceptions::Exceptions),
    Cache(cache::Cache),
    Key(key::Key),
    Repo(repo::Repo),
    Hotfix(hotfix::Hotfix),
    Stage(stage::Stage),
    Store(store::Store),
    Run(run::Run),
    Shell(shell::Shell),
    Definitions(definitions::Definitions),
    Completions(completions::Completions),
}
