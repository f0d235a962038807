//! What can go wrong with a cache. None of it ever fails a build: there it is a notice, and the cache is left out.

use crate::diag::{Cause, Caused};
use crate::path::HostPath;

/// An error of a cache.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CacheError {
    /// Nobody answers, or the connection breaks off.
    #[error("the cache `{cache}` cannot be reached: {why}")]
    #[diagnostic(code(opb::cache::unreachable), help("check its address and the network, or try again later"))]
    Unreachable {
        /// The cache.
        cache: String,
        /// What happened.
        why: String,
    },
    /// It took longer than anybody should wait.
    #[error("the cache `{cache}` is too slow: `{path}` does not come")]
    #[diagnostic(code(opb::cache::slow), help("try again later, or use another cache"))]
    Slow {
        /// The cache.
        cache: String,
        /// What was waited for.
        path: String,
    },
    /// It wants to know who asks, or does not let us.
    #[error("the cache `{cache}` refuses to be {deed}: status {status}")]
    #[diagnostic(
        code(opb::cache::refused),
        help("put its token into a file of mode 0600 and name that by `token` in the user's `config.toml`")
    )]
    Refused {
        /// The cache.
        cache: String,
        /// `read` or `written to`.
        deed: &'static str,
        /// Its answer.
        status: u16,
    },
    /// An answer that means nothing here.
    #[error("the cache `{cache}` answers with status {status} for `{path}`")]
    #[diagnostic(code(opb::cache::status), help("look at the server's log"))]
    Status {
        /// The cache.
        cache: String,
        /// What was asked for.
        path: String,
        /// Its answer.
        status: u16,
    },
    /// What is there is something else: a page for people, another program's folder.
    #[error("`{cache}` is no cache: its `opb-cache.json` is {what}")]
    #[diagnostic(
        code(opb::cache::no_cache),
        help("check its address; `opb cache push` makes a cache of an empty folder")
    )]
    NotACache {
        /// The cache.
        cache: String,
        /// What it is.
        what: &'static str,
    },
    /// A cache that a later version of this program made.
    #[error("the cache `{cache}` has format {found}, newer than {known}, the newest that this opb knows", known = super::list::FORMAT)]
    #[diagnostic(code(opb::cache::newer), help("use a newer opb"))]
    Newer {
        /// The cache.
        cache: String,
        /// Its format.
        found: u32,
    },
    /// Bytes that are not what their name says.
    #[error("`{path}` in the cache `{cache}` is damaged: {why}")]
    #[diagnostic(
        code(opb::cache::damaged),
        help("push again with `--check` from where it was made; nothing of that file was used")
    )]
    Damaged {
        /// The cache.
        cache: String,
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something that should be there is not.
    #[error("`{path}` is missing in the cache `{cache}`")]
    #[diagnostic(code(opb::cache::missing), help("push again with `--check` from where it was made"))]
    Missing {
        /// The cache.
        cache: String,
        /// The file.
        path: String,
    },
    /// A file of a cache that is a folder, or of the user's copies.
    #[error("{doing} failed at `{path}`")]
    #[diagnostic(code(opb::cache::file), help("look at its owner and mode, and at the space on its file system"))]
    File {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: HostPath,
        /// Why.
        source: std::io::Error,
    },
    /// Others change the cache so often that no push comes through.
    #[error("the list of the cache `{cache}` was changed by others {times} times while it was written")]
    #[diagnostic(code(opb::cache::contended), help("push again: what was sent is there and is not sent twice"))]
    Contended {
        /// The cache.
        cache: String,
        /// How often.
        times: usize,
    },
    /// The address is none.
    #[error("`{address}` is no address of a cache")]
    #[diagnostic(
        code(opb::cache::address),
        help(
            "write `https://…`, `http://…` or the path of a folder, without a user's name, a password or a `?` in it"
        )
    )]
    Address {
        /// What was given, without what might be secret.
        address: String,
    },
    /// The file with the token cannot be used.
    #[error("the token in `{path}` cannot be used: {why}")]
    #[diagnostic(
        code(opb::cache::token),
        help(
            "it is one line in a file of mode 0600, for an `https://` address; `plain_http = true` sends it to others too"
        )
    )]
    Token {
        /// The file.
        path: HostPath,
        /// Why.
        why: String,
    },
    /// The file with the certificates that vouch for a server cannot be used.
    #[error("the certificates in `{path}` cannot be used: {why}")]
    #[diagnostic(code(opb::cache::authorities), help("it is a file of PEM certificates"))]
    Authorities {
        /// The file.
        path: HostPath,
        /// Why.
        why: String,
    },
    /// What is to be written is there already.
    #[error("`{path}` is there already")]
    #[diagnostic(code(opb::cache::exists), help("write to another file, or remove that one"))]
    Exists {
        /// The file.
        path: HostPath,
    },
    /// A file that was to be read as an export is something else.
    #[error("`{path}` is not what `opb store export` wrote: {why}")]
    #[diagnostic(code(opb::cache::no_export), help("copy it again, or export again"))]
    NotAnExport {
        /// The file.
        path: HostPath,
        /// What is wrong with it.
        why: String,
    },
    /// Whoever signed it is not known here.
    #[error("the results in `{cache}` are signed by `{key}`, which you do not trust")]
    #[diagnostic(code(opb::cache::stranger), help("if you know that key, run `opb cache trust {key}`"))]
    Untrusted {
        /// The cache.
        cache: String,
        /// The key.
        key: String,
    },
    /// The network is not to be used.
    #[error("the cache `{cache}` is not asked: `--offline` was given")]
    #[diagnostic(code(opb::cache::offline), help("leave `--offline` away"))]
    Offline {
        /// The cache.
        cache: String,
    },
}

impl Caused for CacheError {
    fn fault(&self) -> Cause {
        match self {
            Self::Address { .. }
            | Self::NotACache { .. }
            | Self::Token { .. }
            | Self::Authorities { .. }
            | Self::Exists { .. }
            | Self::NotAnExport { .. }
            | Self::Untrusted { .. }
            | Self::Offline { .. } => Cause::Input,
            _ => Cause::Environment,
        }
    }
}

impl CacheError {
    /// Whether the whole cache is of no use now, as opposed to one file of it.
    pub fn is_whole(&self) -> bool {
        !matches!(self, Self::Status { .. }) && !self.is_damage()
    }

    /// Whether a file is not what it should be: putting it again would mend that.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Missing { .. })
    }
}
