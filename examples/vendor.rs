//! Writes a made-up vendor's project: the fixture of the large tests and the workload of the benchmarks.
//!
//! ```text
//! cargo run --release --example vendor -- DIR --components 70 --targets 62
//! ```
//!
//! The shape is that of a real farm of 2011: four levels of packages, run-time cycles, arch-independent and mixed sources,
//! minimum versions, names that differ between the families. `vendor/mod.rs` says what is written, `vendor/shape.rs` what
//! needs what. The same arguments give the same bytes.

#[path = "vendor/mod.rs"]
mod vendor;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Write a made-up vendor's project: recipes, sources with packaging for both families, distros, and a lock of pins.
#[derive(Debug, Parser)]
#[command(name = "vendor")]
struct Arguments {
    /// The folder of the project: a new one, or an empty one.
    dir: PathBuf,
    /// How many components; the levels keep their proportions.
    #[arg(long, default_value_t = 70)]
    components: usize,
    /// How many targets are pinned: those of the real distros first, then made-up ones.
    #[arg(long, default_value_t = 62)]
    targets: usize,
    /// Another seed gives other texts and versions, and the same shape.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments { dir, components, targets, seed } = &arguments;
    match vendor::write(dir, &vendor::Wish { components: *components, targets: *targets, seed: *seed }) {
        Ok(written) => {
            println!("{}: {written}", dir.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("vendor: {error}");
            ExitCode::FAILURE
        }
    }
}
