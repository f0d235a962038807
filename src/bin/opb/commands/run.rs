//! `opb run`: a command in a disposable copy of a root.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::event::Event;
use opb::ops::run::Command;
use opb::path::{GuestPath, HostPath};
use opb::sandbox::GuestUser;

use super::{means, open, open_store};
use crate::cli::Global;
use crate::exit;
use crate::output::{self, Events};

/// Run a command in a disposable copy of a root: no network, nothing stays.
#[derive(Debug, Args)]
pub struct Run {
    /// The root, such as `root:base@debian-12/amd64`.
    #[arg(value_name = "ROOT", add = crate::complete::roots())]
    root: String,
    /// As root of the copy, as dpkg wants it, instead of as the user `builder`.
    #[arg(long)]
    as_root: bool,
    /// Show a file or folder of this machine inside, read-only.
    #[arg(long, value_name = "HOST:GUEST", value_parser = bind)]
    bind: Vec<(PathBuf, PathBuf)>,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn bind(text: &str) -> Result<(PathBuf, PathBuf), String> {
    let (host, guest) = text.split_once(':').ok_or("write a path of this machine, `:`, and a path inside")?;
    if !guest.starts_with('/') {
        return Err(format!("`{guest}` is not absolute"));
    }
    // The link that a channel is published by points to what it means now.
    let host = std::fs::canonicalize(host).map_err(|error| format!("cannot use `{host}`: {error}"))?;
    Ok((host, PathBuf::from(guest)))
}

pub fn run(global: &Global, args: &Run) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let id = session.one(&args.root)?;
    let binds = args.bind.iter().map(|(host, guest)| (HostPath::new(host), GuestPath::new(guest)));
    let user = if args.as_root { GuestUser::Root } else { GuestUser::Builder };
    let command = Command { argv: args.command.clone(), binds: binds.collect(), user };
    let events = Events::new(global);
    // What it takes to make the root is worth telling; that there was nothing to do is not.
    let sink = |event: Event| match event {
        Event::RunFinished { counts, .. } if counts.failed + counts.tolerated + counts.ran == 0 => {}
        event => events.show(&event),
    };
    let ended =
        opb::ops::run::run(&session, &store, id, &command, &means(global)?, &sink, &mut |bytes| output::bytes(bytes))?;
    Ok(match ended {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(255)),
        None => ExitCode::from(exit::STOPPED),
    })
}
