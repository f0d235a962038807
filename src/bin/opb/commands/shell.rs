//! `opb shell`: a shell where the script of a node would begin.

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::event::Event;
use opb::ops::shell::{self, Attached, ShellError, Wanted};
use opb::report::shell::{Place, place};

use super::{means, open, open_store};
use crate::cli::Global;
use crate::input::Input;
use crate::output::{self, Events};
use crate::terminal::Terminal;
use crate::{complete, exit};

/// Open a shell in the sandbox of a build, source package, probe or root, also of one that failed, with its tree as it stood.
///
/// All is as for its script: the chroot, the sources, the environment, the user, no network. Where nothing has failed, it is
/// where the script would begin, and what that reads is made first. What is done there goes nowhere.
#[derive(Debug, Args)]
pub struct Shell {
    /// The node, such as `libbsd`, which means its build where it has one.
    #[arg(value_name = "NODE", add = complete::sandboxes())]
    node: String,
    /// Begin as the script would, also where the tree of a failed run is there.
    #[arg(long)]
    fresh: bool,
    /// As root of the sandbox, as dpkg wants it, instead of as the user `builder`.
    #[arg(long)]
    as_root: bool,
    /// Run this instead of a shell; its exit code is passed on. It needs no terminal, and reads the input of `opb`.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub fn run(global: &Global, args: &Shell) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let id = session.one(&args.node)?;
    let terminal = Terminal::of_caller();
    if terminal.is_none() && args.command.is_empty() {
        return Err(ShellError::NoTerminal { node: args.node.clone() }.into());
    }
    let store = open_store(global, &session)?;
    let command = (!args.command.is_empty()).then(|| args.command.clone());
    let wanted = Wanted { command, as_root: args.as_root, fresh: args.fresh };
    let events = Events::new(global);
    // What it takes to make what it reads is worth telling; that there was nothing to do is not.
    let sink = |event: Event| match event {
        Event::RunFinished { counts, .. } if counts.failed + counts.tolerated + counts.ran == 0 => {}
        event => events.show(&event),
    };
    let is_shell = wanted.command.is_none();
    let mut tell = |at: &Place| {
        if is_shell {
            output::told(global, &place(at));
        }
    };
    let input = if terminal.is_none() { Input::of_caller() } else { None };
    let (mut show, mut attach, mut feed);
    let attached = match &terminal {
        Some(terminal) => {
            attach = |outer| terminal.attach(outer);
            Attached::Terminal { kind: terminal.kind(), attach: &mut attach }
        }
        None => {
            show = |bytes: &[u8]| output::bytes(bytes);
            feed = |pipe: OwnedFd| {
                if let Some(input) = &input {
                    input.feed(pipe);
                }
            };
            Attached::Streams { feed: input.is_some().then_some(&mut feed), output: &mut show }
        }
    };
    let ended = shell::open(&session, &store, (id, &wanted), &means(global)?, &sink, &mut tell, attached);
    if let Some(terminal) = terminal {
        terminal.leave(matches!(ended, Ok(Some(_))));
    }
    Ok(match ended? {
        Some(code) => {
            input.map_or(Ok(()), Input::ended)?;
            ExitCode::from(u8::try_from(code).unwrap_or(255))
        }
        None => ExitCode::from(exit::STOPPED),
    })
}
