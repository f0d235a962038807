//! `opb import`: makes recipes for what is there already.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::exec::Archives;
use opb::ops::import::{Imported, folders, sources};
use opb::project::host_apt;
use opb::report::{count, plain};
use opb::store::Store;

use super::means;
use crate::cli::Global;
use crate::output;

/// How many lines about what was left out are shown.
const MOST: usize = 20;

/// Make recipes for many sources at once: folders with a `debian/` or a spec, or source packages of a distro.
///
/// Each recipe is the shortest that builds. What has one already keeps it. Source packages are pinned by `opb update` afterwards.
#[derive(Debug, Args)]
pub struct Import {
    /// Folders of the project: sources with packaging, or folders of such. With --sources, names of source packages, in
    /// which `*` stands for any characters.
    #[arg(value_name = "WHAT", required = true)]
    what: Vec<String>,
    /// Take source packages of this distro, which is pinned.
    #[arg(long, value_name = "@DISTRO")]
    sources: Option<String>,
}

pub fn run(global: &Global, args: &Import) -> Result<ExitCode, Failure> {
    let project = global.place().open()?;
    let imported = match &args.sources {
        None => {
            let places: Vec<PathBuf> = args.what.iter().map(PathBuf::from).collect();
            folders(&project, &global.directory, &places)?
        }
        Some(distro) => {
            let store = Store::open(&project.store_path(global.store.as_deref()))?;
            let means = means(global)?;
            let archives = Archives::new(&store, &project.settings.mirrors, means.offline, means.stop, host_apt);
            sources(&project, &store, &archives, distro, &args.what)?
        }
    };
    let Imported { made, there, left, notes } = &imported;
    for file in made.iter().take(MOST) {
        output::data(&format!("made  {}\n", plain(file)));
    }
    if made.len() > MOST {
        output::data(&format!("made  {} more\n", made.len() - MOST));
    }
    let mut told: Vec<String> = left.iter().take(MOST).map(|(what, why)| format!("left out {what}: {why}")).collect();
    if left.len() > MOST {
        told.push(format!("left out {} more", left.len() - MOST));
    }
    told.extend(notes.iter().take(MOST).cloned());
    output::notices(global, &told);
    let kept = if *there > 0 { format!(", {} had one already", there) } else { String::new() };
    output::data(&format!("{} made{kept}\n", count(made.len(), "recipe")));
    if !made.is_empty() {
        let next = if args.sources.is_some() { "opb update && opb plan" } else { "opb check && opb plan" };
        output::data(&format!("next: {next}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
