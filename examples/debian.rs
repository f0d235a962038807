//! Pins all source packages of a Debian release in a project, from its indexes alone: the workload of the evaluator's test and
//! benchmark on real data.
//!
//! ```text
//! opb update @debian-12 && opb import --sources @debian-12 '*'
//! cargo run --release --example debian -- PROJECT --distro debian-12
//! ```
//!
//! `opb update` would fetch each source to learn what evaluation must know of it. Here that is made of what `Sources` and
//! `Packages` say; `debian/mod.rs` tells what of it is true and what made up. Nothing of it can be built.

#[path = "debian/mod.rs"]
mod debian;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Pin all imported source packages of a distro from its indexes alone.
#[derive(Debug, Parser)]
#[command(name = "debian")]
struct Arguments {
    /// The project's folder: its distro is pinned, and its recipes were imported.
    project: PathBuf,
    /// The store with the pinned indexes [default: the project's].
    #[arg(long)]
    store: Option<PathBuf>,
    /// The distro.
    #[arg(long, default_value = "debian-12")]
    distro: String,
    /// Take every nth source package alone.
    #[arg(long, default_value_t = 1)]
    every: usize,
}

fn main() -> ExitCode {
    let Arguments { project, store, distro, every } = Arguments::parse();
    match debian::pin(&project, store.as_deref(), &distro, every) {
        Ok(pinned) => {
            println!("{pinned}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("debian: {failure}");
            ExitCode::FAILURE
        }
    }
}
