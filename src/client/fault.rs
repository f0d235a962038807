//! What can be wrong with a published repository, and what whoever publishes it can do.

use crate::diag::{Cause, Caused};

/// What others wrote, without control characters.
pub fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut harmless, letter| {
        match letter.is_control() {
            true => harmless.extend(letter.escape_default()),
            false => harmless.push(letter),
        }
        harmless
    })
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: a path below the address, or how many packages are meant.
    pub place: String,
    /// What.
    pub problem: Problem,
}

/// What is wrong with a file. Its message goes on behind the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum Problem {
    /// It is not there.
    #[error("it is not there")]
    #[diagnostic(
        code(opb::client::missing),
        help(
            "publish again; where files are copied to the server, copy lists last, and remove what they named only later"
        )
    )]
    Missing,
    /// The server answers with something else than the file.
    #[error("the server answers with status {status}")]
    #[diagnostic(code(opb::client::status), help("look into the server's log, and at the modes of its files"))]
    Status {
        /// The status of HTTP.
        status: u16,
    },
    /// It takes too long.
    #[error("it does not come in time")]
    #[diagnostic(code(opb::client::slow), help("see what holds up the server or the network"))]
    Slow,
    /// The connection is not made or breaks, or the disk cannot be read.
    #[error("it cannot be fetched: {why}")]
    #[diagnostic(
        code(opb::client::broken),
        help("see that the server runs, and that its name, its port and its certificate are right")
    )]
    Broken {
        /// Why.
        why: String,
    },
    /// A redirection that gives up encryption.
    #[error("the server leads from https to plain http")]
    #[diagnostic(code(opb::client::downgrade), help("let the server redirect to https, or not at all"))]
    Downgrade,
    /// Redirections without end.
    #[error("the server leads from one address to the next, and never to the file")]
    #[diagnostic(code(opb::client::redirects), help("correct the redirections of the server"))]
    Redirects,
    /// The size of something cannot be asked for.
    #[error("the server does not say how long it is")]
    #[diagnostic(
        code(opb::client::no_length),
        help("let the server answer HEAD with a length, or look with `--packages all`")
    )]
    NoLength,
    /// Larger than any such file.
    #[error("it has more than {most} bytes, as no such file has")]
    #[diagnostic(code(opb::client::too_long), help("see what the server really sends"))]
    TooLong {
        /// In bytes.
        most: u64,
    },
    /// Another size than is listed.
    #[error("it has {found} bytes, and {expected} are listed")]
    #[diagnostic(
        code(opb::client::size),
        help("publish again; where a proxy stands before the server, let it keep no answers that have changed")
    )]
    Size {
        /// In bytes.
        found: u64,
        /// In bytes.
        expected: u64,
    },
    /// It goes on behind its end.
    #[error("it goes on behind the {expected} bytes that are listed")]
    #[diagnostic(
        code(opb::client::longer),
        help("publish again; where a proxy stands before the server, let it keep no answers that have changed")
    )]
    Longer {
        /// In bytes.
        expected: u64,
    },
    /// Other bytes than are listed.
    #[error("its SHA-256 is {found}, and {expected} is listed")]
    #[diagnostic(
        code(opb::client::digest),
        help("publish again; where a proxy stands before the server, let it keep no answers that have changed")
    )]
    Digest {
        /// In hexadecimal digits.
        found: String,
        /// Likewise.
        expected: String,
    },
    /// What comes out of a compressed file is not what is listed.
    #[error("it unpacks to something else than is listed as `{of}`")]
    #[diagnostic(code(opb::client::unpacked), help("publish again: both have to be made of the same text"))]
    Unpacked {
        /// The path of the uncompressed file.
        of: String,
    },
    /// Not what such a file has to be.
    #[error("it cannot be read: {why}")]
    #[diagnostic(code(opb::client::unreadable), help("publish again, and see that the server sends the file itself"))]
    Unreadable {
        /// Why.
        why: String,
    },
    /// No signature.
    #[error("it is not signed")]
    #[diagnostic(code(opb::client::not_signed), help("sign it: clients refuse it as it is"))]
    NotSigned,
    /// A signature that does not count.
    #[error("its signature does not count: {why}")]
    #[diagnostic(
        code(opb::client::signature),
        help(
            "publish again with the key that clients have; if that is another one than was used here, give it with `--key`"
        )
    )]
    Signature {
        /// Why.
        why: String,
    },
    /// Two lists of one suite.
    #[error("it does not say the same as `InRelease`")]
    #[diagnostic(
        code(opb::client::differs),
        help("publish both together: some clients read the one and some the other")
    )]
    Differs,
    /// Nothing but digests that can be forged.
    #[error("it has no SHA-256{of}, so whoever can make two files with one MD5 or SHA-1 can exchange them")]
    #[diagnostic(code(opb::client::weak), help("let what writes it add SHA-256"))]
    Weak {
        /// Of what, with a space before it; empty for all of it.
        of: String,
    },
    /// From the future.
    #[error("its date is {date}, which is in the future")]
    #[diagnostic(code(opb::client::future), help("set the clock of the machine that publishes, or of this one"))]
    Future {
        /// The date.
        date: String,
    },
    /// Older than it may be.
    #[error("its date is {date}, and it may be at most {most} old")]
    #[diagnostic(code(opb::client::old), help("see why nothing was published since, or allow more with `--max-age`"))]
    Old {
        /// The date.
        date: String,
        /// In words.
        most: String,
    },
    /// Past its time.
    #[error("it was valid until {until}")]
    #[diagnostic(code(opb::client::expired), help("publish again: clients refuse it as it is"))]
    Expired {
        /// The date.
        until: String,
    },
    /// Older than what was there.
    #[error("its date is {date}, and {before} was seen here already")]
    #[diagnostic(
        code(opb::client::rolled_back),
        help("publish again, so that it has a newer date; if nobody put back an old state, somebody replays one")
    )]
    RolledBack {
        /// The date.
        date: String,
        /// The newest that was seen.
        before: String,
    },
    /// Another content with the date that was there.
    #[error("it had another content when it was seen here with the same date, {date}")]
    #[diagnostic(
        code(opb::client::rewritten),
        help("publish again, so that it has a newer date; clients keep what they have where it is the same")
    )]
    Rewritten {
        /// The date.
        date: String,
    },
    /// Signed by nobody who signed it before.
    #[error("it is signed by {now}, and by {before} when it was seen here last")]
    #[diagnostic(
        code(opb::client::other_key),
        help(
            "if the key was exchanged, give the new one with `--key`, or remove the file of `--state`; else find out who signs"
        )
    )]
    OtherKey {
        /// Fingerprints.
        now: String,
        /// Likewise.
        before: String,
    },
    /// One name for two files.
    #[error("`{other}` lists it with another digest or size")]
    #[diagnostic(code(opb::client::clash), help("give one of the packages another version, and publish again"))]
    Clash {
        /// The other index.
        other: String,
    },
    /// No more time.
    #[error("there was no time left to look at it")]
    #[diagnostic(code(opb::client::time), help("allow more with `--timeout`, or look at less with `--packages none`"))]
    Time,
    /// The server fails too often.
    #[error("it was not looked at, since the server failed too often")]
    #[diagnostic(code(opb::client::given_up), help("mend what is told above, and look again"))]
    GivenUp,
}

impl Problem {
    /// Whether it may be otherwise a moment later: as the repository was switched meanwhile, or a server stumbled.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Missing
            | Self::Status { .. }
            | Self::Slow
            | Self::Broken { .. }
            | Self::Size { .. }
            | Self::Longer { .. }
            | Self::Digest { .. }
            | Self::Unpacked { .. }
            | Self::Unreadable { .. }
            | Self::NotSigned
            | Self::Signature { .. }
            | Self::Differs
            | Self::Clash { .. } => true,
            Self::Downgrade
            | Self::Redirects
            | Self::NoLength
            | Self::TooLong { .. }
            | Self::Weak { .. }
            | Self::Future { .. }
            | Self::Old { .. }
            | Self::Expired { .. }
            | Self::RolledBack { .. }
            | Self::Rewritten { .. }
            | Self::OtherKey { .. }
            | Self::Time
            | Self::GivenUp => false,
        }
    }
}

impl Caused for Problem {
    /// The environment's where clients elsewhere may see no fault at all, else that of what was published.
    fn fault(&self) -> Cause {
        match self {
            Self::Slow | Self::Broken { .. } | Self::Time | Self::GivenUp => Cause::Environment,
            Self::Status { status: 401 | 407 | 408 | 429 | 500.. } => Cause::Environment,
            _ => Cause::Build,
        }
    }
}
