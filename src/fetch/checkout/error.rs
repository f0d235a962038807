//! Why a commit of a repository elsewhere cannot be had, and how git's words are read as one of these reasons.

use std::io;

use crate::address::redact;
use crate::diag::{Cause, Caused};
use crate::path::HostPath;
use crate::remote::{NoVersion, RemoteUrl, System};

/// Why a commit of a repository elsewhere cannot be had. No text of it holds credentials.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CheckoutError {
    /// The program is not there.
    #[error("cannot start `{program}`")]
    #[diagnostic(
        code(opb::fetch::no_program),
        help("install {program}: sources in its repositories are fetched with it")
    )]
    NoProgram {
        /// Which.
        program: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The network is to be left alone.
    #[error("`{url}` is not on this machine, and the network is switched off")]
    #[diagnostic(code(opb::fetch::checkout_offline), help("run it without `--offline`"))]
    Offline {
        /// The repository.
        url: String,
    },
    /// No answer, or one that broke off.
    #[error("cannot reach `{url}`: {said}")]
    #[diagnostic(
        code(opb::fetch::checkout_unreachable),
        help("check the network and the proxy; with `--offline` only what the store already has is used")
    )]
    Unreachable {
        /// The repository.
        url: String,
        /// What git said.
        said: String,
    },
    /// The server wants to know who asks, or is not who it should be.
    #[error("`{url}` may not be read: {said}")]
    #[diagnostic(
        code(opb::fetch::checkout_refused),
        help("see to it that `{way} {url}` works without asking anything: by a credential helper, or a key of ssh")
    )]
    Refused {
        /// The repository.
        url: String,
        /// What git said.
        said: String,
        /// A command that should work.
        way: &'static str,
    },
    /// Tags that are to say versions and do not.
    #[error("none of the {count} tags of `{url}` that `{rule}` means says a version")]
    #[diagnostic(
        code(opb::fetch::no_versions),
        help(
            "let the pattern leave them out, or say what stands for what no version has, as in `from_tags(\"v*\", #{{ replace: #{{ \"_\": \".\" }} }})`"
        )
    )]
    NoVersions {
        /// The repository.
        url: String,
        /// Which tags are meant, as a recipe says it.
        rule: String,
        /// How many.
        count: usize,
        /// What is wrong with the first of them.
        #[source]
        source: NoVersion,
    },
    /// Nothing is there.
    #[error("there is no repository at `{url}`: {said}")]
    #[diagnostic(
        code(opb::fetch::checkout_gone),
        help("correct the address in the recipe, or lead it elsewhere with `[sources.rewrite]` of `opb.toml`")
    )]
    Gone {
        /// The repository.
        url: String,
        /// What git said.
        said: String,
    },
    /// No such branch or tag.
    #[error("`{url}` has no {what} `{name}`")]
    #[diagnostic(code(opb::fetch::no_reference), help("{help}"))]
    NoReference {
        /// The repository.
        url: String,
        /// `branch` or `tag`.
        what: &'static str,
        /// Its name, or a pattern.
        name: String,
        /// What to do.
        help: String,
    },
    /// No branch at all.
    #[error("`{url}` has no branch of its own")]
    #[diagnostic(code(opb::fetch::no_branch), help("name a branch, a tag or a commit in the recipe"))]
    NoBranch {
        /// The repository.
        url: String,
    },
    /// A commit that the repository does not give.
    #[error("`{url}` does not have the commit `{commit}`")]
    #[diagnostic(
        code(opb::fetch::no_commit),
        help(
            "look whether it was rewritten there: `opb update --dry-run` shows what moving the pin would rebuild; or take the source from a cache that has it"
        )
    )]
    NoCommit {
        /// The repository.
        url: String,
        /// The commit.
        commit: String,
    },
    /// More than a repository may have.
    #[error("`{url}` has more than {limit} {what}")]
    #[diagnostic(code(opb::fetch::checkout_large), help("take a folder of it, or a release's archive"))]
    TooLarge {
        /// The repository.
        url: String,
        /// The bound.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// Something that no source may hold.
    #[error("`{url}` holds `{path}`, {why}")]
    #[diagnostic(
        code(opb::fetch::checkout_hostile),
        help("look at that repository: such a thing is a mistake or an attack; a `folder` without it can be taken")
    )]
    Hostile {
        /// The repository.
        url: String,
        /// The path in it, without control characters.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An object that git itself does not take.
    #[error("git refuses what `{url}` sends: {said}")]
    #[diagnostic(
        code(opb::fetch::checkout_unsound),
        help(
            "look at that repository: such a thing is a mistake or an attack; where it is known to be harmless, git's own setting `fetch.fsck.<msg-id>` lets it pass"
        )
    )]
    Unsound {
        /// The repository.
        url: String,
        /// What git said.
        said: String,
    },
    /// The folder that a recipe names.
    #[error("the commit `{commit}` of `{url}` has no folder `{folder}`")]
    #[diagnostic(code(opb::fetch::checkout_folder), help("correct `folder` in the recipe"))]
    NoFolder {
        /// The repository.
        url: String,
        /// The commit.
        commit: String,
        /// The folder.
        folder: String,
    },
    /// A submodule that leads nowhere, or where it may not.
    #[error("`{url}` has a submodule at `{path}` {why}")]
    #[diagnostic(
        code(opb::fetch::submodule),
        help("leave `submodules` out, and lay what is needed with `sources` of the recipe")
    )]
    Submodule {
        /// The repository that has it.
        url: String,
        /// The path in it, without control characters.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The clone here is not what it should be.
    #[error("the clone of `{url}` in the store is damaged: {said}")]
    #[diagnostic(code(opb::fetch::clone_damaged), help("check the disk; the folder `{folder}` may be removed"))]
    Damaged {
        /// The repository.
        url: RemoteUrl,
        /// The clone.
        folder: HostPath,
        /// What git said.
        said: String,
    },
    /// The disk is full, as git says it.
    #[error("there is no space left for `{url}`: {said}")]
    #[diagnostic(code(opb::fetch::clone_space), help("free space on the store's disk, and run the same command again"))]
    Full {
        /// The repository.
        url: String,
        /// What git said.
        said: String,
    },
    /// Somebody asked to stop.
    #[error("the fetch was stopped")]
    #[diagnostic(code(opb::fetch::checkout_stopped), help("run the same command again"))]
    Cancelled,
    /// The disk.
    #[error("cannot write `{path}`")]
    #[diagnostic(code(opb::fetch::clone_file), help("check the folder's permissions and the free space of its disk"))]
    File {
        /// File or folder.
        path: HostPath,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl CheckoutError {
    /// The host that did not answer: the same may work in a moment. `None` of all else.
    pub fn away(&self) -> Option<String> {
        let Self::Unreachable { url, .. } = self else { return None };
        let after = url.split_once("://").map_or(url.as_str(), |(_, after)| after);
        Some(after.split('/').next().unwrap_or_default().to_owned())
    }

    /// Whether a full disk is behind it.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::File { source, .. } => matches!(source.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)),
            _ => false,
        }
    }
}

impl Caused for CheckoutError {
    fn fault(&self) -> Cause {
        match self {
            Self::NoReference { .. }
            | Self::NoVersions { .. }
            | Self::NoBranch { .. }
            | Self::TooLarge { .. }
            | Self::Hostile { .. }
            | Self::Unsound { .. }
            | Self::NoFolder { .. }
            | Self::Submodule { .. } => Cause::Input,
            _ => Cause::Environment,
        }
    }
}

/// What `said`, the messages of git about the repository at `url`, mean; `None` where they are about something else.
pub(super) fn read(system: System, url: &RemoteUrl, said: &str) -> Option<CheckoutError> {
    let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    let (url, line) = (url.to_string(), shown(said));
    if has(&["No space left on device", "Disk quota exceeded"]) {
        return Some(CheckoutError::Full { url, said: line });
    }
    if let Some(line) = said.lines().find(|line| line.starts_with("error: object ")) {
        return Some(CheckoutError::Unsound { url, said: shown(line) });
    }
    if has(&[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "Permission denied",
        "Host key verification failed",
        "returned error: 401",
        "returned error: 403",
        "returned error: 407",
        "dubious ownership",
        "not allowed",
        "ertificate",
        "Access denied",
        "authorization failed",
        "authorization required",
        "access denied",
    ]) {
        let way = if system == System::Git { "git ls-remote" } else { "hg identify" };
        return Some(CheckoutError::Refused { url, said: line, way });
    }
    if has(&[
        "Could not resolve",
        "ould not connect",
        "Failed to connect",
        "unable to connect",
        "Connection refused",
        "Connection reset",
        "Connection closed",
        "timed out",
        "Temporary failure",
        "Name or service not known",
        "No route to host",
        "Network is unreachable",
        "early EOF",
        "unexpected disconnect",
        "RPC failed",
        "Empty reply",
        "transfer closed",
        "SSL_ERROR",
        "TLS connection",
        "Recv failure",
        "Operation too slow",
        "returned error: 408",
        "returned error: 429",
        "returned error: 5",
        "HTTP Error 5",
        "HTTP Error 429",
    ]) {
        return Some(CheckoutError::Unreachable { url, said: line });
    }
    if has(&[
        "not found",
        "does not exist",
        "does not appear to be a git repository",
        "not a git repository",
        "returned error: 404",
        "returned error: 410",
        "HTTP Error 404",
    ]) {
        return Some(CheckoutError::Gone { url, said: line });
    }
    // What ends without a reason was cut off.
    has(&["hung up unexpectedly"]).then_some(CheckoutError::Unreachable { url, said: line })
}

/// The line of git's messages that says most, without credentials and control characters.
pub(super) fn shown(said: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let first =
        lines().find(|line| ["fatal: ", "error: ", "ERROR: ", "abort: "].iter().any(|start| line.starts_with(start)));
    let line = first.or_else(|| lines().next()).unwrap_or("nothing");
    let line =
        ["fatal: ", "abort: ", "error: "].iter().fold(line, |line, start| line.strip_prefix(start).unwrap_or(line));
    redact(&plain(line.as_bytes())).chars().take(300).collect()
}

/// Text for people, of bytes from elsewhere.
pub(super) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1_000)]).into_owned();
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
