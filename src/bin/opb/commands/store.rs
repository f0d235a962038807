//! `opb store`: what is in the store, what it keeps, whether it is sound, and its content as one file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use opb::diag::{Cause, Failure};
use opb::name::{ChannelName, PinName};
use opb::ops::cache::{self, Imported};
use opb::ops::{collecting, stored, verifying};
use opb::project::Project;
use opb::quantity::{Age, Size};
use opb::report::{count, size, store as report};
use opb::store::Store as Opened;
use opb::store::collect::Policy;

use super::{absolute, open, open_store};
use crate::cli::Global;
use crate::output;

/// What goes unless something else is said: what nothing has needed for two weeks.
const OLDER_THAN: Age = Age { seconds: 14 * 24 * 60 * 60 };

/// Look into the store, keep results, collect what nobody needs, find and mend damage.
#[derive(Debug, Args)]
pub struct Store {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Show how large the store is, and for what it is kept.
    Info {
        /// How to show it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// List results: node, key, size, duration, date, and what keeps them.
    Ls {
        /// Nodes whose results are listed; all without any.
        #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
        selectors: Vec<String>,
        /// How to show it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Remove what nobody needs any more. May run beside builds.
    ///
    /// Kept are, for every project that uses the store, what its nodes are realised by and the last good result of each;
    /// published generations; pins; what runs use; the ledger. Without options what nothing has needed for two weeks goes,
    /// or what `[store]` in `opb.toml` says.
    Gc {
        /// What nothing has needed for so long goes: `36h`, `14d`, `2w`, `0`.
        #[arg(long, value_name = "AGE")]
        older_than: Option<Age>,
        /// More goes, the longest unneeded first, until the store is that small: `200 GB`.
        #[arg(long, value_name = "SIZE")]
        budget: Option<Size>,
        /// More goes, the longest unneeded first, until so much is free on its disk.
        #[arg(long, value_name = "SIZE")]
        free: Option<Size>,
        /// Remove nothing, and say what would go.
        #[arg(long)]
        dry_run: bool,
        /// In a dry run, list every file with what keeps it or since when nothing does.
        #[arg(long, requires = "dry_run")]
        list: bool,
        /// How to show it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Keep what nodes are realised by now under a name, until that is dropped. Without arguments, list what is kept so.
    Keep {
        /// The name.
        #[arg(value_name = "NAME", requires = "selectors")]
        name: Option<PinName>,
        /// The nodes.
        #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
        selectors: Vec<String>,
        /// Drop what is kept under this name.
        #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "drop_project"])]
        drop: Option<PinName>,
        /// Keep nothing more for the project in this folder, which need not be there any more.
        #[arg(long, value_name = "DIR", conflicts_with = "name")]
        drop_project: Option<String>,
    },
    /// Read and hash everything, and say what is altered, missing or damaged. Exits with 3 where something is.
    Verify {
        /// Mend it: remove what is wrong, fetch what can be fetched, and have the rest made again when it is wanted.
        #[arg(long)]
        repair: bool,
        /// How to show it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Write what is built of the selected nodes and of all that they need to one file, signed: for a machine that no
    /// network reaches, or to be put away. Roots are left out.
    Export {
        /// The file; it must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What to export; everything if left out.
        #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
        selectors: Vec<String>,
        /// The key that signs [default: the only one].
        #[arg(long, value_name = "NAME")]
        key: Option<ChannelName>,
        /// Also the distributions' packages that chroots are made of, so that builds there need no network: `opb fetch`
        /// brings them first.
        #[arg(long)]
        packages: bool,
    },
    /// Take in a file that `opb store export` wrote: what it has of the selected nodes, if a key signed it that you trust.
    /// Nothing that is here is replaced.
    Import {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What to take; everything if left out.
        #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
        selectors: Vec<String>,
    },
    /// Drop the results of nodes that are bad, so that they run again. A build's number stays used up.
    Forget {
        /// The nodes.
        #[arg(value_name = "SELECTOR", required = true, add = crate::complete::selectors())]
        selectors: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// JSON, versioned: one object, or one for each line of a list.
    Json,
}

pub fn run(global: &Global, args: &Store) -> Result<ExitCode, Failure> {
    match &args.deed {
        Deed::Info { format } => {
            let told = stored::info(&opened(global)?.1)?;
            output::data(&match format {
                Format::Table => report::info(&told),
                Format::Json => json(&told),
            });
        }
        Deed::Ls { selectors, format } => {
            let listed = stored::list(&opened(global)?.1, selectors)?;
            output::data(&match format {
                Format::Table => report::listed(&listed),
                Format::Json => listed.iter().map(json).collect(),
            });
        }
        Deed::Gc { older_than, budget, free, dry_run, list, format } => {
            let (project, store) = opened(global)?;
            let policy = policy(&project, (*older_than, *budget, *free));
            let order = collecting::Order { policy, dry_run: *dry_run };
            let told = collecting::collect(&store, order, &mut |file| {
                if *list {
                    output::data(&match format {
                        Format::Table => report::file_line(file),
                        Format::Json => json(file),
                    });
                }
            })?;
            output::data(&match format {
                Format::Table => report::collection(&told),
                Format::Json => json(&told),
            });
        }
        Deed::Keep { name, selectors, drop, drop_project } => {
            keep(global, name.as_ref(), selectors, (drop.as_ref(), drop_project.as_deref()))?;
        }
        Deed::Verify { repair, format } => {
            let (project, store) = opened(global)?;
            let told = match repair {
                true => verifying::repair(&store, &project, global.offline)?,
                false => verifying::verify(&store)?,
            };
            output::data(&match format {
                Format::Table => report::verified(&told),
                Format::Json => json(&told),
            });
            if !told.is_sound() {
                return Ok(crate::exit::code(Cause::Environment));
            }
        }
        Deed::Export { file, selectors, key, packages } => export(global, file, selectors, (key.as_ref(), *packages))?,
        Deed::Import { file, selectors } => import(global, file, selectors)?,
        Deed::Forget { selectors } => {
            let session = open(global)?;
            let store = open_store(global, &session)?;
            let forgotten = stored::forget(&session, &store, &session.select(selectors)?)?;
            output::data(&forgotten.iter().map(|node| format!("forgotten: {node}\n")).collect::<String>());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn keep(
    global: &Global,
    name: Option<&PinName>,
    selectors: &[String],
    (drop, drop_project): (Option<&PinName>, Option<&str>),
) -> Result<(), Failure> {
    if let Some(name) = name {
        let session = open(global)?;
        let store = open_store(global, &session)?;
        let kept = stored::keep(&session, &store, name.clone(), &session.select(selectors)?)?;
        output::data(&format!("kept as {name}: {}\n", count(kept, "result")));
        return Ok(());
    }
    let (_, store) = opened(global)?;
    match (drop, drop_project) {
        (Some(name), _) => {
            stored::drop_pin(&store, name)?;
            output::data(&format!("dropped: {name}\n"));
        }
        (_, Some(project)) => {
            stored::drop_project(&store, project)?;
            output::data(&format!("nothing more is kept for {}\n", opb::report::plain(project)));
        }
        _ => output::data(&report::pins(&stored::pins(&store)?)),
    }
    Ok(())
}

fn export(
    global: &Global,
    file: &Path,
    selectors: &[String],
    (key, packages): (Option<&ChannelName>, bool),
) -> Result<(), Failure> {
    let key = cache::default_key(key)?;
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let path = absolute(file);
    let exported = cache::export(&session, &store, &path, selectors, packages, &key)?;
    let (results, packages_too) = (count(exported.results, "result"), and_packages(exported.downloads));
    output::data(&format!("exported {results}{packages_too} to {path} ({})\n", size(exported.bytes)));
    let mut notices = Vec::new();
    if exported.absent > 0 {
        notices.push(format!("{} not exported: their bytes are not here", count(exported.absent, "result")));
    }
    if packages && exported.downloads == 0 {
        notices.push("no package was exported: run `opb fetch` first".to_owned());
    }
    output::notices(global, &notices);
    Ok(())
}

fn import(global: &Global, file: &Path, selectors: &[String]) -> Result<(), Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let path = absolute(file);
    let Imported { results, mut pulled, downloads } = cache::import(&session, &store, &path, selectors)?;
    let packages = and_packages(downloads);
    if results > 0 && pulled.fetched + pulled.here == 0 {
        pulled.notices.push(format!(
            "none of its {} is of a node of this project as it is now: recipes, sources or lock are others",
            count(results, "result")
        ));
    }
    super::cache::tell_pulled(global, ("imported", &packages, "not in it"), &pulled);
    Ok(())
}

fn and_packages(downloads: usize) -> String {
    if downloads == 0 { String::new() } else { format!(" and {}", count(downloads, "package")) }
}

/// How far to go: as the arguments say, else as the project does, else by age alone.
fn policy(project: &Project, (older_than, budget, free): (Option<Age>, Option<Size>, Option<Size>)) -> Policy {
    let set = project.settings.store;
    let asked = older_than.is_some() || budget.is_some() || free.is_some();
    let (older_than, budget, free) =
        if asked { (older_than, budget, free) } else { (set.older_than.or(Some(OLDER_THAN)), set.budget, set.free) };
    Policy {
        older_than: older_than.map(|age| age.seconds),
        budget: budget.map(|size| size.0),
        free: free.map(|size| size.0),
    }
}

/// The project, not evaluated, and the store.
fn opened(global: &Global) -> Result<(Project, Opened), Failure> {
    let project = global.place().open()?;
    let store = Opened::open(&project.store_path(global.store.as_deref()))?;
    Ok((project, store))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain values") + "\n"
}
