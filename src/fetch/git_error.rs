//! Why a commit of a git repository cannot be read.

use std::io;
use std::path::PathBuf;

use crate::diag::{Cause, Caused};

/// Why a commit of a git repository cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum GitError {
    /// git cannot be started.
    #[error("cannot start `git`")]
    #[diagnostic(code(opb::fetch::no_git), help("install git: earlier states of a project are read with it"))]
    Start {
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The project is under no version control that is read here.
    #[error("`{folder}` lies in no git repository, so it has no earlier states")]
    #[diagnostic(code(opb::fetch::no_repository), help("keep the project in git: `git init`, `git add`, `git commit`"))]
    NoRepository {
        /// The project's folder.
        folder: PathBuf,
    },
    /// git does not want to read it.
    #[error("git refuses to read the repository of `{folder}`: {said}")]
    #[diagnostic(code(opb::fetch::refused), help("run `git status` there, which says more"))]
    Refused {
        /// The project's folder.
        folder: PathBuf,
        /// The first line of what git said.
        said: String,
    },
    /// No such commit.
    #[error("`{revision}` is no commit of this repository")]
    #[diagnostic(code(opb::fetch::unknown_revision), help("{help}"))]
    Unknown {
        /// What was asked for.
        revision: String,
        /// What to do.
        help: String,
    },
    /// No such commit, in a clone that has not all of them.
    #[error("`{revision}` is no commit of this clone, which is shallow")]
    #[diagnostic(
        code(opb::fetch::shallow),
        help("run `git fetch --unshallow`; on a CI server, let it fetch the whole history")
    )]
    Shallow {
        /// What was asked for.
        revision: String,
    },
    /// The commit is older than the project.
    #[error("at `{revision}` there was no folder `{folder}`")]
    #[diagnostic(
        code(opb::fetch::no_folder_then),
        help("name a later commit: the project lay elsewhere, or not yet here")
    )]
    NoFolder {
        /// What was asked for.
        revision: String,
        /// The project's folder, from the top of the repository; empty for the top itself.
        folder: String,
    },
    /// More than a project has.
    #[error("the project's folder has more than {limit} files at that commit")]
    #[diagnostic(code(opb::fetch::many_committed), help("keep the project in a folder of its own in the repository"))]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// A content that the repository names but does not have.
    #[error("git has not the content of its object `{object}`")]
    #[diagnostic(
        code(opb::fetch::missing_object),
        help("run `git fsck`; a partial clone has it after `git fetch --refetch`")
    )]
    Missing {
        /// The object's id.
        object: String,
    },
    /// git ended with an error.
    #[error("git cannot {doing}: {said}")]
    #[diagnostic(code(opb::fetch::git_failed), help("run `git fsck` in the project's folder"))]
    Failed {
        /// What it was to do.
        doing: &'static str,
        /// The first line of what it said.
        said: String,
    },
    /// git cannot be talked to.
    #[error("cannot {doing} with git")]
    #[diagnostic(code(opb::fetch::git_pipe), help("try again; if it stays, run `git fsck` in the project's folder"))]
    Run {
        /// What it was to do.
        doing: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl GitError {
    pub(super) fn start(source: io::Error) -> Self {
        Self::Start { source }
    }

    /// An answer that git never gives.
    pub(super) fn odd(doing: &'static str) -> Self {
        Self::Failed { doing, said: "its answer is not understood".to_owned() }
    }
}

impl Caused for GitError {
    fn fault(&self) -> Cause {
        match self {
            Self::Unknown { .. }
            | Self::NoRepository { .. }
            | Self::NoFolder { .. }
            | Self::TooMany { .. }
            | Self::Shallow { .. } => Cause::Input,
            _ => Cause::Environment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that no healthy git brings about. The others are in the tests of `project`.
    #[test]
    fn what_is_said_of_a_git_that_fails() {
        assert_eq!(GitError::odd("list files").to_string(), "git cannot list files: its answer is not understood");
        let run = GitError::Run { doing: "list files", source: io::ErrorKind::BrokenPipe.into() };
        assert_eq!((run.to_string().as_str(), run.fault()), ("cannot list files with git", Cause::Environment));
        let many = GitError::TooMany { limit: 3 };
        assert_eq!(many.to_string(), "the project's folder has more than 3 files at that commit");
        assert_eq!(many.fault(), Cause::Input);
    }
}
