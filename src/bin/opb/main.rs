//! The program: reads arguments, asks `ops` for one deed, renders what comes out, and decides the exit code.

mod cli;
mod commands;
mod complete;
mod exit;
mod input;
mod output;
mod stream;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// The C library's gives memory back and takes it again on each thread anew, which shows in a short run.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // The sandbox starts this program again, under a name that no person types, before any thread exists.
    let is_guest = std::env::args_os().nth(1).is_some_and(|verb| verb == opb::sandbox::HIDDEN_VERB);
    // Huge pages are cleared whole: in a short run that takes up to a third of it where the host has to bring the memory first,
    // and saves nothing elsewhere. A build would inherit the wish, so it is taken back there: it has them as the host wants it.
    // Where the kernel knows none, there is nothing to be done.
    let _ = nix::sys::prctl::set_thp_disable(!is_guest);
    if is_guest {
        opb::sandbox::guest_main();
    }
    // A reader that goes away (`opb eval | head`) ends the program quietly, as with other tools.
    output::end_quietly_on_closed_pipe();
    if let Some(code) = complete::answer() {
        return code;
    }
    let cli = cli::Cli::parse();
    output::set_up(&cli.global);
    match commands::run(&cli) {
        Ok(code) => code,
        Err(failure) => {
            output::show(&failure);
            exit::code(failure.cause)
        }
    }
}
