//! `opb completions`: what makes a shell complete arguments of this program.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;

use crate::cli::Global;
use crate::{complete, output};

/// Print what makes a shell complete arguments: verbs, options, and components, targets and nodes of the project.
///
/// Let the shell read it when it starts, as in `source <(opb completions bash)`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub fn run(_global: &Global, args: &Completions) -> Result<ExitCode, Failure> {
    let script = match args.shell {
        Shell::Bash => complete::BASH.to_owned(),
        Shell::Zsh => complete::script("zsh"),
        Shell::Fish => complete::script("fish"),
    };
    output::data(&script);
    Ok(ExitCode::SUCCESS)
}
