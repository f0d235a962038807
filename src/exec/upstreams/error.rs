//! Why an archive of upstream cannot be had, or is none that may be built from.

use std::io;

use crate::address::Address;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Sha256;
use crate::fetch::FetchError;
use crate::package::unpack::UnpackError;
use crate::remote::archive::ArchiveUrlError;
use crate::sign::rpm::RpmSignatureError;
use crate::tree::TreeError;

/// Why an archive of upstream cannot be had. `what` is the archive as a recipe calls it, or its signature.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum UpstreamError {
    /// Nothing is there.
    #[error("there is no `{address}`: {what} cannot be had")]
    #[diagnostic(
        code(opb::upstream::gone),
        help(
            "correct the address in the recipe, or lead it to where the file is by `[sources.rewrite]` in `opb.toml`"
        )
    )]
    Gone {
        /// What.
        what: String,
        /// Where it should be.
        address: Address,
    },
    /// The same of a file of the project.
    #[error("there is no file `{path}` in the project: {what} cannot be had")]
    #[diagnostic(code(opb::upstream::no_file), help("put the file there: its path counts from the project's root"))]
    NoFile {
        /// What.
        what: String,
        /// The path below the project's root.
        path: String,
    },
    /// Another file.
    #[error("{what} is another file than expected: SHA-256 {expected} was, and there is {got}")]
    #[diagnostic(
        code(opb::upstream::other),
        help(
            "ask those who made it: what is released should stay as it is. `opb update --allow-changed-archives` takes another one where the recipe does not say its `sha256`"
        )
    )]
    Other {
        /// What.
        what: String,
        /// The one that is pinned, or that the recipe names.
        expected: Sha256,
        /// What is there.
        got: String,
    },
    /// An address that apt does not take.
    #[error("`{url}`, where {what} should be, is no address that apt takes")]
    #[diagnostic(code(opb::upstream::address), help("correct the address in the recipe, or `[sources]` in `opb.toml`"))]
    Unusable {
        /// What.
        what: String,
        /// The address.
        url: String,
    },
    /// The address of a signature that is made of its archive's.
    #[error("{what} has no address")]
    #[diagnostic(
        code(opb::upstream::signature_address),
        help("name it, as in `signature: \"https://example.org/x.asc\"`")
    )]
    Address {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: ArchiveUrlError,
    },
    /// More than is fetched.
    #[error("{what} has more than {limit} bytes")]
    #[diagnostic(code(opb::upstream::too_large), help("check the address: such a file is smaller"))]
    TooLarge {
        /// What.
        what: String,
        /// So many.
        limit: u64,
    },
    /// It cannot be read where it lies.
    #[error("cannot read {what}")]
    #[diagnostic(
        code(opb::upstream::read),
        help("see that it is a file that can be read; a link must not lead out of the project")
    )]
    Read {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its first bytes are those of no archive.
    #[error("{what} is no archive: it is neither tar, compressed or not, nor zip")]
    #[diagnostic(
        code(opb::upstream::no_archive),
        help("see what the address really sends: it may be a page about the file")
    )]
    NoArchive {
        /// What.
        what: String,
    },
    /// An RPM package where an archive was expected.
    #[error("{what} is an RPM package")]
    #[diagnostic(code(opb::upstream::is_rpm), help("write `srpm(\"{url}\")`"))]
    IsRpm {
        /// What.
        what: String,
        /// Its address.
        url: String,
    },
    /// Something else where one was expected.
    #[error("{what} is no RPM package")]
    #[diagnostic(
        code(opb::upstream::no_srpm),
        help("see what the address really sends: it may be a page about the file")
    )]
    NoSrpm {
        /// What.
        what: String,
    },
    /// It holds what no source may hold.
    #[error("cannot unpack {what}")]
    #[diagnostic(code(opb::upstream::unpack), help("tell those who made it; the file in the store is as it was sent"))]
    Unpack {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// Its entries come to no tree.
    #[error("cannot unpack {what}")]
    #[diagnostic(code(opb::upstream::tree), help("tell those who made it; the file in the store is as it was sent"))]
    Tree {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// Something in it that leads nowhere or out.
    #[error("{what} holds `{path}`, {why}")]
    #[diagnostic(code(opb::upstream::entry), help("tell those who made it; the file in the store is as it was sent"))]
    Entry {
        /// What.
        what: String,
        /// Where.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// What is to be left out, or taken, is not there.
    #[error("{what} {why}")]
    #[diagnostic(code(opb::upstream::layout), help("correct `{option}` in the recipe: it holds {holds}"))]
    Layout {
        /// What.
        what: String,
        /// What is wrong.
        why: String,
        /// The option that says so.
        option: &'static str,
        /// What lies at the top, some of it.
        holds: String,
    },
    /// A key file that is none.
    #[error("cannot read the key `{path}`")]
    #[diagnostic(code(opb::upstream::key), help("put the public key of whoever signs it there, armored or binary"))]
    Key {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No signature, or one that does not count.
    #[error("{what} is not to be trusted")]
    #[diagnostic(
        code(opb::upstream::signature),
        help(
            "see that `keys` has the key that its makers sign with now; if it has, ask them what happened to the file"
        )
    )]
    Signature {
        /// What.
        what: String,
        /// What is wrong with its signature.
        #[source]
        source: RpmSignatureError,
    },
    /// No signature beside it.
    #[error("{what} has no signature")]
    #[diagnostic(
        code(opb::upstream::unsigned),
        help("name its address, as in `signature: \"https://example.org/x.asc\"`")
    )]
    Unsigned {
        /// What.
        what: String,
    },
}

impl Caused for UpstreamError {
    fn fault(&self) -> Cause {
        match self {
            Self::Gone { .. } | Self::Other { .. } | Self::Signature { .. } | Self::Read { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// What the failure of a download means for `what`, of which this digest was expected.
pub(super) fn of_fetch(what: &str, error: FetchError, expected: Option<Sha256>) -> Failure {
    let what = what.to_owned();
    match (error, expected) {
        (FetchError::TooLarge { limit, .. }, _) => UpstreamError::TooLarge { what, limit }.into(),
        (FetchError::Gone { address }, _) => UpstreamError::Gone { what, address }.into(),
        (FetchError::Mismatch { got, .. }, Some(expected)) => UpstreamError::Other { what, expected, got }.into(),
        (error, _) => error.into(),
    }
}
