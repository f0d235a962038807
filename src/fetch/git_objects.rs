//! Contents of a git repository's objects by their ids: one `git cat-file --batch` for all of them.

use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::checkout::local;
use super::git::command;
use super::git_error::GitError;
use crate::path::HostPath;

/// The longest line that git answers with, in bytes: an id, a kind, a size.
const MAX_ANSWER: u64 = 256;

/// Where a repository is on this machine.
pub(super) enum Repository {
    /// The one around this folder.
    Around(HostPath),
    /// This bare one, and no other.
    Clone(HostPath),
}

/// The objects of a repository.
pub(super) struct Objects {
    repository: Repository,
    asked: Option<Running>,
}

struct Running {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Objects {
    /// The objects of `repository`. git starts with the first question.
    pub fn new(repository: Repository) -> Self {
        Self { repository, asked: None }
    }

    /// Writes the content of the blob `id` to `to`; gives its length in bytes.
    pub fn copy(&mut self, id: &str, to: &mut dyn Write) -> Result<u64, GitError> {
        let mut running = match self.asked.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let size = running.copy(id, to)?;
        // Only after all went well: a process that answered badly is not asked again.
        self.asked = Some(running);
        Ok(size)
    }

    fn start(&self) -> Result<Running, GitError> {
        let mut command = match &self.repository {
            Repository::Around(folder) => command(folder),
            Repository::Clone(folder) => local(folder),
        };
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(GitError::start)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(requests), Some(answers)) => Ok(Running { child, requests, answers: BufReader::new(answers) }),
            _ => Err(GitError::odd("open pipes")),
        }
    }
}

impl Running {
    fn copy(&mut self, id: &str, to: &mut dyn Write) -> Result<u64, GitError> {
        let failed = |source| GitError::Run { doing: "read a file", source };
        self.requests.write_all(format!("{id}\n").as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        (&mut self.answers).take(MAX_ANSWER).read_line(&mut answer).map_err(failed)?;
        let missing = || GitError::Missing { object: id.to_owned() };
        let facts = answer.trim_end().strip_prefix(id).and_then(|rest| rest.strip_prefix(" blob "));
        let size: u64 = facts.and_then(|size| size.parse().ok()).ok_or_else(missing)?;
        let copied = io::copy(&mut (&mut self.answers).take(size), to).map_err(failed)?;
        let mut end = [0];
        self.answers.read_exact(&mut end).map_err(failed)?;
        if copied == size && end == *b"\n" { Ok(size) } else { Err(missing()) }
    }
}
