//! `opb repo import`: packages that were built elsewhere.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::imported::{IMPORTS_FILE, Imported};
use opb::name::{AreaName, ChannelName, DistroName};
use opb::ops::repo_import::{self, Came, Importing};
use opb::project::Place;
use opb::report::repo_import::{json, table};
use opb::store::Store;

use super::super::{open, open_store};
use super::Format;
use crate::cli::Global;
use crate::output;

/// Let packages that were built elsewhere enter a channel: `.deb`, `.rpm`, `.dsc` with its files beside it, `.src.rpm`.
///
/// What enters stands in `opb.imports.toml`, by digest; the next build and publication take it over. Imported once more,
/// a package that is listed is only put into the store again.
#[derive(Debug, Args)]
pub struct Import {
    /// The channel; with `--list` it may be left out.
    #[arg(required_unless_present = "list", add = crate::complete::channels())]
    channel: Option<ChannelName>,
    /// Files of packages; with `--remove` names of packages, as `NAME` or `NAME=VERSION`.
    #[arg(value_name = "FILE", required_unless_present = "list", conflicts_with = "list")]
    files: Vec<PathBuf>,
    /// The distro that they are for; may be left out where only one of the channel has such packages.
    #[arg(long, value_name = "DISTRO", conflicts_with = "list")]
    distro: Option<DistroName>,
    /// The area that they go to; `main` if left out.
    #[arg(long, value_name = "AREA", conflicts_with_all = ["list", "remove"])]
    area: Option<AreaName>,
    /// Take only what a key in this file has signed: an `.rpm` or a `.dsc`, as a `.deb` bears no signature.
    #[arg(long, value_name = "KEYRING", conflicts_with_all = ["list", "remove"])]
    verify: Option<PathBuf>,
    /// Where they come from, to be remembered: an address, a name.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["list", "remove"])]
    from: Option<String>,
    /// Why they are needed, to be remembered.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["list", "remove"])]
    reason: Option<String>,
    /// Show what is imported.
    #[arg(long, conflicts_with = "remove")]
    list: bool,
    /// Let packages go again.
    #[arg(long)]
    remove: bool,
    /// How to show the list.
    #[arg(long, default_value = "table", requires = "list")]
    format: Format,
}

pub fn run(global: &Global, args: &Import) -> Result<ExitCode, Failure> {
    match &args.channel {
        Some(channel) if args.remove => remove(global, args, channel),
        Some(channel) if !args.list => import(global, args, channel),
        _ => list(global, args),
    }
}

fn import(global: &Global, args: &Import, channel: &ChannelName) -> Result<ExitCode, Failure> {
    let project = Place { folder: &global.directory, channel: Some(channel) }.open()?;
    let store = Store::open(&project.store_path(global.store.as_deref()))?;
    let wanted = Importing {
        channel,
        files: &args.files,
        distro: args.distro.as_ref(),
        area: args.area.as_ref(),
        from: args.from.as_deref(),
        reason: args.reason.as_deref(),
        verify: args.verify.as_deref(),
    };
    let came = repo_import::add(project, &store, &wanted)?;
    for (one, came) in &came {
        let how = if *came == Came::New { "imported" } else { "is here" };
        output::data(&format!("{how}  {}\n", line(one)));
        if let Some(key) = &one.verified {
            output::data(&format!("          signed by {}\n", opb::report::plain(key)));
        }
    }
    let told = if came.iter().any(|(_, came)| *came == Came::New) {
        format!("{IMPORTS_FILE} is written; `opb build` and `opb repo publish {channel}` take it over\n")
    } else {
        format!("{IMPORTS_FILE} stays as it is\n")
    };
    output::data(&told);
    Ok(ExitCode::SUCCESS)
}

fn remove(global: &Global, args: &Import, channel: &ChannelName) -> Result<ExitCode, Failure> {
    let names: Vec<String> = args.files.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let gone = repo_import::remove(&global.place().open()?, channel, &names, args.distro.as_ref())?;
    for one in &gone {
        output::data(&format!("let go  {}\n", line(one)));
    }
    output::data(&format!("{IMPORTS_FILE} is written; `opb build` and `opb repo publish {channel}` take it over\n"));
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Imported) -> String {
    let Imported { name, version, channel, distro, .. } = one;
    format!("{name} {} {} into {channel} for {distro}", opb::report::plain(version), one.shown_arch())
}

fn list(global: &Global, args: &Import) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let listed = repo_import::list(&session, &store, args.channel.as_ref())?;
    match args.format {
        Format::Json => output::data(&json(&listed)),
        Format::Table if listed.is_empty() => output::notices(global, &["nothing is imported".to_owned()]),
        Format::Table => output::data(&table(&listed)),
    }
    Ok(ExitCode::SUCCESS)
}
