//! `opb new`: makes recipes and distros' files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use opb::diag::Failure;
use opb::ops::new::{self, From, Made, distro};
use opb::project::Project;
use opb::report::plain;

use crate::cli::Global;
use crate::output;

/// Make a recipe or a distro's file. Nothing that is there is changed.
#[derive(Debug, Args)]
pub struct New {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the recipe of a component, from packaging that is there.
    Component(Component),
    /// Make a distro's file: of a release that opb knows, or a copy of another one.
    Distro(Distro),
}

#[derive(Debug, Args)]
struct Component {
    /// Its name: that of the file, and in selectors.
    #[arg(value_name = "NAME")]
    name: String,
    /// The source is this folder of the project, which has a `debian/` or a spec [default: that of the component's name].
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["dsc", "srpm"])]
    from: Option<PathBuf>,
    /// The source is this source package of the distro.
    #[arg(long, value_name = "NAME", conflicts_with = "srpm")]
    dsc: Option<String>,
    /// The source is this source RPM of the distro.
    #[arg(long, value_name = "NAME")]
    srpm: Option<String>,
}

#[derive(Debug, Args)]
struct Distro {
    /// Its name, such as `debian-13`.
    #[arg(value_name = "NAME", add = crate::complete::known_distros())]
    name: String,
    /// Copy this one.
    #[arg(long, value_name = "DISTRO", add = crate::complete::known_distros())]
    like: Option<String>,
    /// The code name of the copy; without it, it is to be filled in.
    #[arg(long, value_name = "WORD", requires = "like")]
    codename: Option<String>,
    /// The last day of the copy's support, as `2030-06-30`; without it, it is to be filled in.
    #[arg(long, value_name = "DAY", requires = "like")]
    end: Option<String>,
}

pub fn run(global: &Global, args: &New) -> Result<ExitCode, Failure> {
    let project = Project::find(&global.directory)?;
    match &args.what {
        What::Component(args) => {
            let from = match (&args.from, &args.dsc, &args.srpm) {
                (Some(folder), ..) => From::Folder(folder.clone()),
                (_, Some(source), _) => From::Dsc(source.clone()),
                (.., Some(source)) => From::Srpm(source.clone()),
                _ => From::Unsaid,
            };
            let made = new::component(&project, &global.directory, &args.name, &from)?;
            let next = match from {
                From::Dsc(_) | From::Srpm(_) => format!("opb update {0} && opb build {0}", args.name),
                _ => format!("opb build {}", args.name),
            };
            show(global, &made, &next);
        }
        What::Distro(args) => {
            let copy = distro::Copy { like: args.like.clone(), codename: args.codename.clone(), end: args.end.clone() };
            let made = distro::distro(&project, &args.name, &copy)?;
            show(global, &made, &format!("opb update @{}", args.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(global: &Global, made: &Made, next: &str) {
    output::data(&format!("made  {}\n", plain(&made.file)));
    output::notices(global, &made.notes);
    output::data(&format!("next: {next}\n"));
}
