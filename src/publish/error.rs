//! Why a channel is not published.

use crate::diag::{Cause, Caused};
use crate::path::HostPath;

/// Why a channel is not published. What was published before stays.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PublishError {
    /// A file name that people may already have with other bytes.
    #[error("`{path}` was published before with other content")]
    #[diagnostic(
        code(opb::publish::other_bytes),
        help("give the package a new version: change it in the source's changelog, and build again")
    )]
    OtherBytes {
        /// The path below the repository.
        path: String,
    },
    /// A file that is in the way of what is to be published.
    #[error("`{path}` has other content than what is published under its name")]
    #[diagnostic(
        code(opb::publish::other_content),
        help(
            "remove that file, which no list names, then publish again; `opb store verify` tells whether the disk changed it"
        )
    )]
    OtherContent {
        /// The file.
        path: HostPath,
    },
    /// Two distros of one channel have different files of one name.
    #[error("two distros of the channel have different files at `{path}`")]
    #[diagnostic(code(opb::publish::clash), help("give each distro its own suffix, or its own channel"))]
    Clash {
        /// The path below the repository.
        path: String,
    },
    /// A package of which nobody made a signed one.
    #[error("`{path}` was not signed")]
    #[diagnostic(code(opb::publish::not_signed), help("report this; nothing was published"))]
    NotSigned {
        /// Its path in the unsigned tree.
        path: String,
    },
    /// There is nothing to publish.
    #[error("the channel `{channel}` has no pinned distro to publish for")]
    #[diagnostic(
        code(opb::publish::empty),
        help("run `opb update` first, or widen the channel's `targets` in `opb.toml`")
    )]
    Nothing {
        /// The channel.
        channel: String,
    },
    /// A file of the channel could not be used.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(code(opb::publish::file), help("look at the space and the modes on the store's file system"))]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A record that this program writes cannot be read.
    #[error("cannot read `{path}`: {why}")]
    #[diagnostic(
        code(opb::publish::record),
        help("restore the file from a backup; the published repository is not affected")
    )]
    Record {
        /// Which.
        path: HostPath,
        /// Why.
        why: String,
    },
}

impl Caused for PublishError {
    fn fault(&self) -> Cause {
        match self {
            Self::OtherBytes { .. } | Self::Clash { .. } | Self::Nothing { .. } => Cause::Input,
            Self::File { .. } | Self::Record { .. } | Self::OtherContent { .. } => Cause::Environment,
            Self::NotSigned { .. } => Cause::Bug,
        }
    }
}
