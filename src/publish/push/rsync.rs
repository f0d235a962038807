//! A place that rsync reaches, over ssh or its own protocol.
//!
//! Four runs, so that whoever reads meanwhile always finds what the lists name: packages, then indexes, then the lists and
//! their signatures, then removal. Names of packages and of by-hash indexes never get other bytes, so the first two runs
//! replace nothing that the old lists name, but for indexes under plain names, which no apt since 1.2 asks for.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::PushError;
use crate::path::{HostPath, TreePath};

/// The most of what rsync says that is kept, in bytes.
const MAX_SAID: u64 = 64 << 10;

/// After so many seconds without a byte a run is given up.
const SILENCE: &str = "--timeout=600";

/// The lists that name everything else, and what people look at: last.
const LISTS: [&str; 7] =
    ["InRelease", "Release", "Release.gpg", "repomd.xml", "repomd.xml.asc", "index.html", "channel.json"];

/// Brings the generation in the folder `from`, but for `others`, to `to`.
pub(super) fn push(from: &HostPath, others: &BTreeSet<TreePath>, to: &str) -> Result<(), PushError> {
    // Names that rsync would take for patterns are brought along.
    let is_plain = |path: &&TreePath| !path.as_bytes().iter().any(|byte| b"*?[\\\n".contains(byte));
    let others: String = others.iter().filter(is_plain).map(|path| format!("/{path}\n")).collect();
    let run = |what, options: &[&str]| run(what, options, &others, from, to);
    run(
        "packages",
        &[
            "--include=/pool/",
            "--include=/pool/**",
            "--include=/rpm/",
            "--include=/rpm/*/",
            "--include=/rpm/*/*/",
            "--include=/rpm/*/*/Packages/",
            "--include=/rpm/*/*/Packages/**",
            "--exclude=*",
        ],
    )?;
    let lists = LISTS.map(|list| format!("--exclude={list}"));
    run("indexes", &lists.each_ref().map(String::as_str))?;
    run("signed lists", &["--delay-updates"])?;
    run("what is gone", &["--delete-after", "--delete-excluded"])
}

fn run(what: &'static str, options: &[&str], others: &str, from: &HostPath, to: &str) -> Result<(), PushError> {
    let mut rsync = Command::new("rsync");
    // Modes are set, never taken over from here or from a umask there.
    rsync.args(["--recursive", "--links", "--times", "--perms", "--chmod=D0755,F0644", "--protect-args", SILENCE]);
    rsync.arg("--exclude-from=-").args(options);
    rsync.arg("--").arg(format!("{from}/")).arg(format!("{}/", to.trim_end_matches('/')));
    rsync.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = rsync.spawn().map_err(|source| PushError::NoRsync { source })?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has ended says why.
        let _ = stdin.write_all(others.as_bytes());
    }
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(MAX_SAID).read_to_end(&mut said);
    }
    let status = child.wait().map_err(|source| PushError::NoRsync { source })?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = lines[lines.len().saturating_sub(3)..].join("; ");
    let said = if said.is_empty() { status.to_string() } else { said.escape_debug().to_string() };
    Err(PushError::Rsync { what, to: to.to_owned(), said })
}
