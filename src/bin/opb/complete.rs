//! What a shell is told when somebody presses the tab key: verbs and options, and words of the project.
//!
//! The shell starts this program with `OPB_COMPLETE` set and the words typed so far. Nothing is ever said of errors: who
//! presses tab has not asked for anything yet.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory as _;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use opb::distro::known::KNOWN;
use opb::ops::complete::{Words, words};

use crate::cli::Cli;

/// The variable by which shells ask.
const ASKED: &str = "OPB_COMPLETE";

/// How long somebody waits for a tab key.
const LIMIT: Duration = Duration::from_millis(700);

/// What bash is to read: its own breaking of words is put right there.
pub const BASH: &str = include_str!("complete.bash");

/// What another shell is to read.
pub fn script(shell: &str) -> String {
    let shells = Shells::builtins();
    let mut script = Vec::new();
    if let Some(shell) = shells.completer(shell) {
        // Writing to memory does not fail.
        let _ = shell.write_registration(ASKED, "opb", "opb", "opb", &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}

/// Answers a shell; `None` where none asks.
pub fn answer() -> Option<ExitCode> {
    let asked = std::env::var_os(ASKED).is_some_and(|value| !value.is_empty());
    if !asked {
        return None;
    }
    let here = std::env::current_dir().ok();
    let answered =
        CompleteEnv::with_factory(Cli::command).var(ASKED).try_complete(std::env::args_os(), here.as_deref());
    Some(if answered.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Completes selectors.
pub fn selectors() -> ArgValueCompleter {
    of_project(Words::selectors)
}

/// Completes names of roots.
pub fn roots() -> ArgValueCompleter {
    of_project(Words::roots)
}

/// Completes what has a sandbox.
pub fn sandboxes() -> ArgValueCompleter {
    of_project(Words::sandboxes)
}

/// Completes what `opb update` takes.
pub fn pins() -> ArgValueCompleter {
    of_project(Words::pins)
}

/// Completes selectors of exceptions.
pub fn exceptions() -> ArgValueCompleter {
    of_project(|words, typed| words.exceptions.iter().filter(|one| one.starts_with(typed)).cloned().collect())
}

/// Completes channels.
pub fn channels() -> ArgValueCompleter {
    of_project(|words, typed| words.channels.iter().filter(|name| name.starts_with(typed)).cloned().collect())
}

/// Completes distros that come with the program.
pub fn known_distros() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let names = KNOWN.iter().map(|(name, _)| (*name).to_owned());
        let typed = typed.to_str().unwrap_or_default().to_owned();
        candidates(names.filter(move |name| name.starts_with(&typed)))
    })
}

fn of_project(find: fn(&Words, &str) -> Vec<String>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| match typed.to_str() {
        Some(typed) => candidates(find(&words(&directory(), LIMIT), typed)),
        None => Vec::new(),
    })
}

fn candidates(words: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    words.into_iter().map(CompletionCandidate::new).collect()
}

/// What `-C` names among the words typed so far; where it is not there, where we are.
fn directory() -> PathBuf {
    let typed: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(2).collect();
    let mut found = PathBuf::from(".");
    for (place, word) in typed.iter().enumerate() {
        match word.to_str() {
            Some("-C") => found = typed.get(place + 1).map_or(found, PathBuf::from),
            Some(word) if word.starts_with("-C") => found = PathBuf::from(&word[2..]),
            Some("--") => break,
            _ => {}
        }
    }
    found
}
