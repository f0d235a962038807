//! What can go wrong with a node, beside what its parts say themselves.

use crate::diag::{Cause, Caused, Failure};
use crate::digest::{Digest, Sha256};
use crate::quantity::Size;
use crate::sandbox::{End, NoCpu};
use crate::store::MetLimit;
use crate::tree::TreeError;

/// Why a node has no result.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum NodeError {
    /// A script in the sandbox failed.
    #[error("{how}{telling}")]
    #[diagnostic(code(opb::exec::script), help("read the whole log with `opb log {node}`{}", or_look(node)))]
    Script {
        /// The node.
        node: String,
        /// `the script failed with exit code 2` and the like.
        how: String,
        /// The telling lines of the log, each on a line of its own and indented; may be empty.
        telling: String,
        /// The log.
        log: Option<Digest>,
    },
    /// A check found what no baseline has.
    #[error("{how}{telling}")]
    #[diagnostic(
        code(opb::exec::findings),
        help(
            "mend the packages, or let `opb baseline --write {node}` take what was found for known; the whole log: `opb log {node}`"
        )
    )]
    Findings {
        /// The node.
        node: String,
        /// `the check `lintian` has 2 findings that are not known` and the like.
        how: String,
        /// The first of them, each on a line of its own and indented.
        telling: String,
        /// The log.
        log: Digest,
    },
    /// What is published cannot be upgraded to what a check installs.
    #[error("{how}{telling}{}", if *before { "\nnot tried again: nothing that it reads has changed since" } else { "" })]
    #[diagnostic(code(opb::exec::upgrade), help("{}", upgrade_help(node, *findings, *before)))]
    Upgrade {
        /// The check's node.
        node: String,
        /// `the upgrade of what is published failed with exit code 2` and the like.
        how: String,
        /// The telling lines of the log or the findings, each on a line of its own and indented; may be empty.
        telling: String,
        /// The log.
        log: Digest,
        /// Whether what it found is what is wrong.
        findings: bool,
        /// Whether that was another time, and it was not tried now.
        before: bool,
    },
    /// It failed before, and nothing that it follows from has changed since.
    #[error("{message}\nnot tried again: nothing that it follows from has changed since")]
    #[diagnostic(code(opb::exec::failed_before), help("`opb build --retry-failed` tries it again"))]
    FailedBefore {
        /// What was told then.
        message: String,
        /// The log of then.
        log: Option<Digest>,
        /// When that was, in seconds since 1970.
        since: i64,
    },
    /// A guest wanted more of the machine than it may have.
    #[error("{how}")]
    #[diagnostic(code(opb::exec::limit), help("{help}"))]
    Limit {
        /// Which limit, and its value; behind it the telling lines of the log.
        how: String,
        /// How to raise it, and how to read the log.
        help: String,
        /// The build's, where the limit was set for it; else the machine's.
        cause: Cause,
        /// The log.
        log: Digest,
        /// How the guest ended.
        end: End,
        /// The limit itself, where it was set for it.
        limit: Option<MetLimit>,
    },
    /// A script in the sandbox failed because a disk was full.
    #[error("{how}: no space was left on the disk{telling}")]
    #[diagnostic(
        code(opb::exec::space),
        help(
            "free space on the store's disk, or choose a store on another one with `--store`, and build again; the whole log: `opb log {node}`"
        )
    )]
    NoSpace {
        /// The node.
        node: String,
        /// `the script failed with exit code 2` and the like.
        how: String,
        /// The telling lines of the log.
        telling: String,
        /// The log.
        log: Digest,
        /// Whether the store's disk was full when the script spoke of it.
        full: bool,
    },
    /// A node is not even started, for it would fill the disk.
    #[error("it needs about {} on the disk of `{store}`, and {} are free", Size(*need), Size(*free))]
    #[diagnostic(
        code(opb::exec::too_little_space),
        help(
            "free space there: `opb store gc` removes what nobody needs, `--older-than 0` all of it; or choose a store on another disk with `--store`"
        )
    )]
    TooLittleSpace {
        /// What it is likely to take, in bytes.
        need: u64,
        /// What is free, in bytes.
        free: u64,
        /// Where the store is.
        store: String,
    },
    /// What probes say makes a variable of a build too long.
    #[error("`{name}` of `env` is longer than {most} KiB with what its probes say")]
    #[diagnostic(code(opb::exec::variable), help("let the probes say less, or use them less often in it"))]
    Variable {
        /// The variable.
        name: String,
        /// In KiB.
        most: usize,
    },
    /// The run was stopped.
    #[error("stopped")]
    #[diagnostic(code(opb::exec::stopped), help("run `opb build` again: it goes on where this run ended"))]
    Stopped,
    /// A source is not what the lock says.
    #[error("the source of `{name}` is not what `opb.lock` says: {what}")]
    #[diagnostic(
        code(opb::exec::contradiction),
        help("run `opb update {name}` and look at what changes, if you did not expect it")
    )]
    Contradiction {
        /// The component.
        name: String,
        /// What differs.
        what: String,
    },
    /// A step of an arch whose programs do not run here.
    #[error("programs of {arch} do not run on this machine: {why}")]
    #[diagnostic(code(opb::exec::foreign_arch), help("{}", why.help()))]
    Foreign {
        /// The arch.
        arch: String,
        /// Why not.
        why: NoCpu,
    },
    /// A local source changed between evaluation and use.
    #[error("the files in `{folder}` changed while they were being read")]
    #[diagnostic(code(opb::exec::changed), help("run `opb build` again when nothing writes there"))]
    Changed {
        /// The folder below the project's root.
        folder: String,
    },
    /// An imported package whose bytes are on another machine.
    #[error("the imported `{file}` is not in this store")]
    #[diagnostic(
        code(opb::exec::not_imported),
        help("run `opb repo import {channel} {file}` once more with the same file: its SHA-256 is {sha256}{from}")
    )]
    NotImported {
        /// The file.
        file: String,
        /// Its digest.
        sha256: Sha256,
        /// The channel.
        channel: String,
        /// Where it came from, as the help goes on.
        from: String,
    },
    /// A package of a list is neither in the store nor in a pinned index.
    #[error("`{package}` {version} is not in the pinned index, and its file is not in the store")]
    #[diagnostic(code(opb::exec::no_package), help("run `opb build`, which makes the package list anew"))]
    NoPackage {
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// The store lacks packages, and the network is switched off.
    #[error("{} not in the store, and the network is switched off", lacking(package, version, *more))]
    #[diagnostic(
        code(opb::exec::not_fetched),
        help("run `opb fetch` with the network first, or run it without `--offline`")
    )]
    NotFetched {
        /// The first of them.
        package: String,
        /// Its version.
        version: String,
        /// How many more.
        more: usize,
    },
    /// A file is not in the store, and nothing is to be fetched.
    #[error("`{file}` is not in the store")]
    #[diagnostic(code(opb::exec::not_here), help("run `opb fetch`"))]
    NotHere {
        /// Its place below the archive's root or below the suite.
        file: String,
    },
    /// A build made other packages than `debian/control` promises.
    #[error("the build made no package")]
    #[diagnostic(code(opb::exec::no_output), help("read the log with `opb log {node}`{}", or_look(node)))]
    NoOutput {
        /// The node.
        node: String,
        /// The log.
        log: Digest,
    },
    /// Something that was made again came out different while others use the earlier content.
    #[error("`{node}` was made again and came out different; its earlier files are lost")]
    #[diagnostic(
        code(opb::exec::differs),
        help("run `opb build --again {node}`, which makes everything after it anew too")
    )]
    Differs {
        /// The node.
        node: String,
    },
    /// A build left something that never enters the store.
    #[error("`/out/{path}` cannot be stored: {why}")]
    #[diagnostic(
        code(opb::exec::output),
        help("remove it, or change what makes it; the whole log: `opb log {node}`{}", or_look(node))
    )]
    Output {
        /// The node.
        node: String,
        /// Where it stands, escaped.
        path: String,
        /// Why not.
        why: String,
        /// The log.
        log: Digest,
    },
    /// An input that the graph always gives is missing.
    #[error("node without its input `{role}`")]
    #[diagnostic(code(opb::exec::input))]
    NoInput {
        /// The role.
        role: String,
    },
    /// Bytes that this program wrote cannot be read by it.
    #[error("cannot read {what} of the store: {why}")]
    #[diagnostic(code(opb::exec::unreadable), help("delete the realisation with `opb build --again`"))]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// Two things of a recipe that are to lie at the same place.
    #[error("what the recipe lays at `{to}` of the source is in the way of something else that it lays there")]
    #[diagnostic(code(opb::exec::laid), help("give each item of `sources` and `files` a place of its own"))]
    Laid {
        /// The place.
        to: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// A file or folder at work could not be used.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(code(opb::exec::file), help("look at the space and the modes on the store's file system"))]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl NodeError {
    /// The log of what failed, where it has one.
    pub fn log(&self) -> Option<Digest> {
        match self {
            Self::Script { log, .. } | Self::FailedBefore { log, .. } => *log,
            Self::Limit { log, .. }
            | Self::Findings { log, .. }
            | Self::Upgrade { log, .. }
            | Self::NoSpace { log, .. }
            | Self::NoOutput { log, .. }
            | Self::Output { log, .. } => Some(*log),
            _ => None,
        }
    }

    /// Whether it is a full disk of the store, and nothing that the node does wherever it runs.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::Limit { end, .. } => *end == End::HostDisk,
            Self::NoSpace { full, .. } => *full,
            Self::File { source, .. } => matches!(source.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)),
            _ => false,
        }
    }
}

impl Caused for NodeError {
    fn fault(&self) -> Cause {
        match self {
            Self::Script { .. }
            | Self::Findings { .. }
            | Self::Upgrade { .. }
            | Self::NoOutput { .. }
            | Self::Output { .. }
            | Self::FailedBefore { .. } => Cause::Build,
            Self::Contradiction { .. } | Self::Variable { .. } => Cause::Input,
            Self::NoInput { .. } => Cause::Bug,
            Self::Limit { cause, .. } => *cause,
            _ => Cause::Environment,
        }
    }
}

/// What leads to the tree that a failed node has left; nothing where none is left.
fn or_look(node: &str) -> String {
    if node.starts_with("root:") { String::new() } else { format!(", or look around with `opb shell {node}`") }
}

/// What to do where published packages cannot be upgraded.
fn upgrade_help(node: &str, findings: bool, before: bool) -> String {
    let what = if findings {
        let subject = node.split([':', '@']).nth(1).unwrap_or_default();
        format!("mend the packages, or write these lines into `{subject}.baseline` beside the recipe")
    } else {
        "mend the scripts and relations of the new packages, or set `upgrade = false` in `[checks]` of `opb.toml`"
            .to_owned()
    };
    let again = if before { "; `--retry-failed` tries it again" } else { "" };
    format!("{what}; the whole log: `opb log --upgrade {node}`{again}")
}

/// The subject of a sentence about packages that are not there.
fn lacking(package: &str, version: &str, more: usize) -> String {
    match more {
        0 => format!("`{package}` {version} is"),
        1 => format!("`{package}` {version} and another package are"),
        _ => format!("`{package}` {version} and {more} other packages are"),
    }
}

/// A failure as plain text: the error, what it came from, and what to do.
pub fn told(failure: &Failure) -> String {
    let mut text = failure.report.to_string();
    for source in failure.report.chain().skip(1) {
        text.push_str(": ");
        text.push_str(&source.to_string());
    }
    if let Some(help) = failure.report.help() {
        text.push_str(&format!("\nhelp: {help}"));
    }
    text
}
