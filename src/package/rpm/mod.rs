//! Files of RPM packages: what stands before the payload, as rpm's `docs/manual/format_v4.md` defines it.
//!
//! ```text
//! lead (96 bytes) | signature header, filled up to 8 bytes | main header | payload
//! ```
//!
//! No number in the file is trusted: memory is taken for bytes that came, each entry's data is looked for, and lists that
//! belong together have one length. The payload is not read, and no digest or signature is checked here.

mod dependency;
mod files;
mod header;
mod make;
mod signature;
pub mod tag;

use std::io::{self, Read};

pub use dependency::{Dependencies, Dependency, Kind};
pub use files::{FILE_GHOST, File, FileKind, Files};
pub use header::{Header, HeaderFault, Ints, Strings};
use header::{INTRO, Intro};
pub use make::{About, NewFile, make};
use miette::Diagnostic;
pub use signature::Front;
#[cfg(test)]
pub(in crate::package) use signature::altered;

use crate::diag::{Cause, Caused};

/// Length of the lead.
pub const LEAD: usize = 96;

/// What a package begins with.
pub const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// Why some bytes are no RPM package.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[diagnostic(help("fetch or build the package again; `rpm -qp` says what it holds"))]
pub enum RpmError {
    /// It does not start as a package does.
    #[error("cannot read a package: it does not start as an `.rpm` does")]
    #[diagnostic(code(opb::package::rpm::lead))]
    Lead,
    /// The reader failed, or the bytes end early.
    #[error("cannot read a package: it is cut short")]
    #[diagnostic(code(opb::package::rpm::cut))]
    Cut(#[source] io::Error),
    /// One of the two headers.
    #[error("cannot read the {part} of a package: {fault}")]
    #[diagnostic(code(opb::package::rpm::header))]
    Header {
        /// `signature header` or `main header`.
        part: &'static str,
        /// Why.
        fault: HeaderFault,
    },
    /// A package without name, version, release or arch, or with one that is no plain text.
    #[error("cannot read a package: it has no {0} that is plain text")]
    #[diagnostic(code(opb::package::rpm::lacks))]
    Lacks(&'static str),
    /// Lists that should have one length.
    #[error("cannot read a package: its lists of {0} do not belong together")]
    #[diagnostic(code(opb::package::rpm::disagree))]
    Disagree(&'static str),
    /// File names as they were written before 2000.
    #[error("cannot read a package: it lists its files as rpm did before version 4")]
    #[diagnostic(code(opb::package::rpm::old))]
    Old,
}

impl Caused for RpmError {
    fn fault(&self) -> Cause {
        match self {
            Self::Cut(_) => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// What a package says of itself, read up to its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Digests and signatures.
    pub signature: Header,
    /// All else. It has name, version, release and arch, and lists that belong together.
    pub header: Header,
    start: u64,
}

impl Package {
    /// Reads a package and stops where its payload begins. Three reads, so a buffer before a file gains nothing.
    ///
    /// # Errors
    /// [`RpmError`] for whatever is not the beginning of a package.
    pub fn read(mut from: impl Read) -> Result<Self, RpmError> {
        let mut head = [0; LEAD + INTRO];
        from.read_exact(&mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => RpmError::Lead,
            _ => RpmError::Cut(error),
        })?;
        let (lead, intro) = head.split_first_chunk::<LEAD>().expect("it is longer");
        // The magic, a format of 3 or 4 (they do not differ here), and signatures in a header.
        if lead[..4] != MAGIC || !matches!(lead[4], 3 | 4) || lead[78..80] != [0, 5] {
            return Err(RpmError::Lead);
        }
        let in_signature = |fault| RpmError::Header { part: "signature header", fault };
        let in_main = |fault| RpmError::Header { part: "main header", fault };
        let intro = Intro::new(*intro.first_chunk().expect("all of it")).map_err(in_signature)?;
        let bytes = intro.read(&mut from).map_err(RpmError::Cut)?;
        let signature = Header::new(bytes, tag::HEADER_SIGNATURES).map_err(in_signature)?;

        let filler = signature.bytes().len().next_multiple_of(8) - signature.bytes().len();
        let mut intro = [0; 7 + INTRO];
        from.read_exact(&mut intro[..filler + INTRO]).map_err(RpmError::Cut)?;
        let intro = *intro[filler..].first_chunk().expect("it has room for the filler before it");
        let bytes = Intro::new(intro).map_err(in_main)?.read(&mut from).map_err(RpmError::Cut)?;
        let header = Header::new(bytes, tag::HEADER_IMMUTABLE).map_err(in_main)?;

        let start = (LEAD + signature.bytes().len() + filler) as u64;
        let package = Self { signature, header, start };
        package.check()?;
        Ok(package)
    }

    fn check(&self) -> Result<(), RpmError> {
        let plain = [(tag::NAME, "name"), (tag::VERSION, "version"), (tag::RELEASE, "release"), (tag::ARCH, "arch")];
        for (tag, name) in plain {
            let text = self.header.text(tag).filter(|text| !text.is_empty() && !text.contains(char::is_control));
            text.ok_or(RpmError::Lacks(name))?;
        }
        if self.header.has(tag::OLD_FILE_NAMES) && !self.header.has(tag::BASE_NAMES) {
            return Err(RpmError::Old);
        }
        dependency::check(&self.header)?;
        files::check(&self.header)?;
        let texts = [tag::CHANGELOG_NAME, tag::CHANGELOG_TEXT];
        together(&self.header, &texts, &[tag::CHANGELOG_TIME], "changelog entries")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.checked(tag::NAME)
    }

    /// Its epoch; 0 where it has none.
    pub fn epoch(&self) -> u64 {
        self.header.int(tag::EPOCH).unwrap_or(0)
    }

    /// Its version.
    pub fn version(&self) -> &str {
        self.checked(tag::VERSION)
    }

    /// Its release.
    pub fn release(&self) -> &str {
        self.checked(tag::RELEASE)
    }

    /// Its arch: `src` for a source package, which has in its header the one of the machine that made it.
    pub fn arch(&self) -> &str {
        if self.is_source() { "src" } else { self.checked(tag::ARCH) }
    }

    /// Whether it is a source package.
    pub fn is_source(&self) -> bool {
        self.header.has(tag::SOURCE_PACKAGE) || !self.header.has(tag::SOURCE_RPM)
    }

    /// Where the main header starts in the file and where it ends, which is where the payload begins: what YUM metadata
    /// calls `header-range`.
    pub fn header_range(&self) -> (u64, u64) {
        (self.start, self.start + self.header.bytes().len() as u64)
    }

    /// The dependencies of one kind, in the package's order.
    pub fn dependencies(&self, kind: Kind) -> Dependencies<'_> {
        Dependencies::of(&self.header, kind)
    }

    /// The files, in the package's order.
    pub fn files(&self) -> Files<'_> {
        Files::of(&self.header)
    }

    /// The changelog: time in seconds since 1970, author with version, text. In the package's order: newest first.
    pub fn changelog(&self) -> impl Iterator<Item = (u64, &[u8], &[u8])> {
        let (times, names) = (self.header.ints(tag::CHANGELOG_TIME), self.header.strings(tag::CHANGELOG_NAME));
        times.zip(names).zip(self.header.strings(tag::CHANGELOG_TEXT)).map(|((time, name), text)| (time, name, text))
    }

    fn checked(&self, tag: u32) -> &str {
        self.header.text(tag).expect("`read` has looked for it")
    }
}

/// Checks that all of these tags are missing, or that all have as many texts or numbers.
fn together(header: &Header, texts: &[u32], numbers: &[u32], what: &'static str) -> Result<(), RpmError> {
    let count = header.count(texts[0]);
    let same = texts.iter().all(|tag| header.count(*tag) == count && header.strings(*tag).size_hint().0 == count)
        && numbers.iter().all(|tag| header.count(*tag) == count && header.ints(*tag).size_hint().0 == count);
    if same { Ok(()) } else { Err(RpmError::Disagree(what)) }
}

#[cfg(test)]
mod tests;
