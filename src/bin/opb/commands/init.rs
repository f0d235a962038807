//! `opb init`: begins a project.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops::init::init;
use opb::report::plain;

use crate::cli::Global;
use crate::output;

/// Begin a project: in an empty folder, or in a source that has a `debian/` or a spec.
///
/// A source becomes the project's first component, so that `opb update` and `opb build` make packages of it. Nothing that
/// is there is changed.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder; it is made where it is not there.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Build for this release, such as `debian-13`; may be given several times [default: the machine's own].
    #[arg(long = "distro", value_name = "NAME", add = crate::complete::known_distros())]
    distros: Vec<String>,
}

pub fn run(global: &Global, args: &Init) -> Result<ExitCode, Failure> {
    let place = global.directory.join(&args.folder);
    let begun = init(&place, &args.distros)?;
    for file in &begun.made {
        output::data(&format!("made  {}\n", plain(file)));
    }
    for file in &begun.kept {
        output::data(&format!("kept  {} (it was there)\n", plain(file)));
    }
    if begun.made.is_empty() {
        output::data("nothing was missing: this is a project already\n");
    }
    output::notices(global, &begun.notes);
    let here = global.directory.as_os_str() == ".";
    let enter = match (here, args.folder.as_os_str() == ".") {
        (true, true) => String::new(),
        (true, false) => format!("cd {} && ", args.folder.display()),
        (false, _) => format!("cd {} && ", place.display()),
    };
    output::data(&plain(&format!("next: {enter}{}\n", begun.next.join(" && "))));
    Ok(ExitCode::SUCCESS)
}
