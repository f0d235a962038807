//! Binary packages: the control paragraph of a `.deb` and the list of what it installs, as deb(5) defines the format.
//!
//! Nothing is unpacked and no length in the file is trusted. A package that is cut short, has its members in another
//! order or bytes after its end is refused, although `dpkg` would take some of these: we only meet packages that a
//! distribution's archive or a build of ours made.

use std::io::{self, Read};

use miette::Diagnostic;

use super::compression::Compression;
use super::control::{self, ControlError, Paragraph};
use super::member::{self, Limits, MemberError};
use crate::diag::{Cause, Caused};

mod make;
mod plain;

pub use make::{NewFile, make};
pub use plain::plain;

/// What the control member may come to uncompressed: 16 MiB in 1,000 files.
const CONTROL_LIMITS: Limits = Limits { bytes: 16 << 20, members: 1_000 };

/// What the data member may come to uncompressed: 64 GiB in two million files.
const DATA_LIMITS: Limits = Limits { bytes: 64 << 30, members: 2_000_000 };

/// The most bytes of all names together that [`contents`] gives.
const MAX_NAMES: usize = 256 << 20;

/// Why some bytes are no binary package.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[diagnostic(help("fetch or build the package again; `dpkg-deb --info` says what it holds"))]
pub enum DebError {
    /// It does not start as an archive of `ar` does.
    #[error("cannot read a package: it does not start as a `.deb` does")]
    #[diagnostic(code(opb::package::deb::head))]
    Head,
    /// The reader failed, or the bytes end early.
    #[error("cannot read a package: it is cut short")]
    #[diagnostic(code(opb::package::deb::cut))]
    Cut(#[source] io::Error),
    /// A member's header is none.
    #[error("cannot read a package: the header of its member {number} is damaged")]
    #[diagnostic(code(opb::package::deb::member_header))]
    MemberHeader {
        /// Which, from 1.
        number: usize,
    },
    /// Another member than deb(5) wants.
    #[error("cannot read a package: it has `{found}` where `{expected}` should stand")]
    #[diagnostic(code(opb::package::deb::order))]
    Order {
        /// `debian-binary`, `control.tar`, `data.tar` or `nothing`.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A format that is not 2.
    #[error("cannot read a package: its format is `{0}`, not 2.0")]
    #[diagnostic(code(opb::package::deb::format))]
    Format(String),
    /// The archive inside.
    #[error("cannot read `{part}` of a package")]
    #[diagnostic(code(opb::package::deb::part))]
    Part {
        /// `control.tar` or `data.tar`.
        part: &'static str,
        /// Why.
        #[source]
        source: MemberError,
    },
    /// No control file, or several.
    #[error("cannot read a package: it has {0} control files")]
    #[diagnostic(code(opb::package::deb::control_files))]
    ControlFiles(usize),
    /// The control file.
    #[error("cannot read the control file of a package")]
    #[diagnostic(code(opb::package::deb::control))]
    Control(#[from] ControlError),
    /// Names beyond what is kept.
    #[error("cannot list a package: the names of its files come to more than {MAX_NAMES} bytes")]
    #[diagnostic(code(opb::package::deb::names))]
    Names,
}

impl Caused for DebError {
    fn fault(&self) -> Cause {
        match self {
            Self::Cut(_) => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deb {
    control: String,
}

impl Deb {
    /// The text of its control file: exactly one paragraph.
    pub fn control(&self) -> &str {
        &self.control
    }

    /// Its control paragraph.
    pub fn paragraph(&self) -> Paragraph<'_> {
        control::paragraph(&self.control).expect("`read` has parsed it")
    }
}

/// Reads a package to its end and keeps its control file. The data is not uncompressed.
///
/// # Errors
/// [`DebError`] for whatever is not a whole package.
pub fn read(from: impl Read) -> Result<Deb, DebError> {
    let mut deb = None;
    walk(
        from,
        &mut |tar| {
            deb = Some(read_control(tar)?);
            Ok(())
        },
        None,
    )?;
    deb.ok_or(DebError::ControlFiles(0))
}

/// Reads a package up to its control file and keeps that. What follows is not looked at: for packages that are known to be
/// whole.
///
/// # Errors
/// [`DebError`] for whatever is not the beginning of a package.
pub fn read_front(mut from: impl Read) -> Result<Deb, DebError> {
    check_magic(&mut from)?;
    let mut number = 0;
    let mut expected = "debian-binary";
    while let Some(header) = member_header(&mut from, number + 1)? {
        number += 1;
        let mut content = (&mut from).take(header.size);
        if number == 1 || !header.name.starts_with('_') {
            match (expected, header.name.strip_prefix(expected)) {
                ("debian-binary", Some("")) => check_format(&mut content)?,
                ("control.tar", Some("" | ".gz" | ".xz" | ".zst" | ".lzma")) => {
                    return read_control(&mut uncompressed("control.tar", &header.name, &mut content)?);
                }
                _ => return Err(DebError::Order { expected, found: header.name }),
            }
            expected = "control.tar";
        }
        finish_member(&mut content, header.size)?;
    }
    Err(DebError::Order { expected, found: "nothing".to_owned() })
}

/// What a package installs but for folders, such as `usr/bin/signify-openbsd`. Sorted; no `./` in front.
///
/// # Errors
/// [`DebError`] for whatever is not a whole package.
pub fn contents(from: impl Read) -> Result<Vec<Vec<u8>>, DebError> {
    let mut names = Vec::new();
    walk(
        from,
        &mut |_| Ok(()),
        Some(&mut |tar| {
            names = read_names(tar)?;
            Ok(())
        }),
    )?;
    Ok(names)
}

/// What [`read`] and [`contents`] give, in one pass.
///
/// # Errors
/// [`DebError`] for whatever is not a whole package.
pub fn read_with_contents(from: impl Read) -> Result<(Deb, Vec<Vec<u8>>), DebError> {
    let (mut deb, mut names) = (None, Vec::new());
    walk(
        from,
        &mut |tar| {
            deb = Some(read_control(tar)?);
            Ok(())
        },
        Some(&mut |tar| {
            names = read_names(tar)?;
            Ok(())
        }),
    )?;
    Ok((deb.ok_or(DebError::ControlFiles(0))?, names))
}

fn read_names(tar: &mut dyn Read) -> Result<Vec<Vec<u8>>, DebError> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut length = 0;
    member::members(tar, DATA_LIMITS, |member| {
        if !member.is_folder && !member.name.is_empty() {
            length += member.name.len();
            if length > MAX_NAMES {
                return Err(InData::Names);
            }
            names.push(member.name.to_vec());
        }
        Ok(())
    })
    .map_err(|error| match error {
        InData::Member(source) => DebError::Part { part: "data.tar", source },
        InData::Names => DebError::Names,
    })?;
    names.sort();
    names.dedup();
    Ok(names)
}

enum InData {
    Member(MemberError),
    Names,
}

impl From<MemberError> for InData {
    fn from(error: MemberError) -> Self {
        Self::Member(error)
    }
}

type OnTar<'a> = &'a mut dyn FnMut(&mut dyn Read) -> Result<(), DebError>;

/// Goes through the outer archive and gives the two inner ones, uncompressed, to who wants them.
fn walk<'a>(mut from: impl Read, on_control: OnTar<'a>, on_data: Option<OnTar<'a>>) -> Result<(), DebError> {
    check_magic(&mut from)?;
    let mut parts = [("debian-binary", None), ("control.tar", Some(on_control)), ("data.tar", on_data)].into_iter();
    let mut next = parts.next();
    let mut number = 0;
    while let Some(header) = member_header(&mut from, number + 1)? {
        number += 1;
        let mut content = (&mut from).take(header.size);
        // deb(5): members whose name starts with `_` may stand anywhere after the first and are passed over.
        if number == 1 || !header.name.starts_with('_') {
            let (expected, on_tar) = next.take().unwrap_or(("nothing", None));
            let ending = header.name.strip_prefix(expected);
            match (expected, ending) {
                ("debian-binary", Some("")) => check_format(&mut content)?,
                ("control.tar" | "data.tar", Some("" | ".gz" | ".xz" | ".zst" | ".lzma")) => {
                    if let Some(on_tar) = on_tar {
                        on_tar(&mut uncompressed(expected, &header.name, &mut content)?)?;
                    }
                }
                _ => return Err(DebError::Order { expected, found: header.name }),
            }
            next = parts.next();
        }
        finish_member(&mut content, header.size)?;
    }
    match next {
        None => Ok(()),
        Some((expected, _)) => Err(DebError::Order { expected, found: "nothing".to_owned() }),
    }
}

fn check_magic(from: &mut impl Read) -> Result<(), DebError> {
    let mut magic = [0; 8];
    if from.read_exact(&mut magic).is_err() || &magic != b"!<arch>\n" { Err(DebError::Head) } else { Ok(()) }
}

/// The tar archive of a member; its name says how it is compressed.
fn uncompressed<'a>(part: &'static str, name: &str, content: impl Read + 'a) -> Result<Box<dyn Read + 'a>, DebError> {
    let broken = |error| DebError::Part { part, source: MemberError::Damaged(error) };
    Compression::of_name(name).reader(content).map_err(broken)
}

struct MemberHeader {
    name: String,
    size: u64,
}

/// The next header of the outer archive (60 bytes, ar(5)); `None` at its end.
fn member_header(from: &mut impl Read, number: usize) -> Result<Option<MemberHeader>, DebError> {
    let mut header = Vec::with_capacity(60);
    from.take(60).read_to_end(&mut header).map_err(DebError::Cut)?;
    if header.is_empty() {
        return Ok(None);
    }
    let damaged = DebError::MemberHeader { number };
    if header.len() < 60 {
        return Err(DebError::Cut(io::ErrorKind::UnexpectedEof.into()));
    }
    let Some(text) = std::str::from_utf8(&header).ok().filter(|text| text.is_ascii() && text.ends_with("`\n")) else {
        return Err(damaged);
    };
    let (name, size) = (text[..16].trim_end(), text[48..58].trim_end());
    let name = name.strip_suffix('/').unwrap_or(name);
    let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    match size.parse() {
        Ok(size) if digits && !name.is_empty() => Ok(Some(MemberHeader { name: name.to_owned(), size })),
        _ => Err(damaged),
    }
}

/// Reads what is left of a member of `size` bytes, and the byte that fills it up to an even place.
fn finish_member(content: &mut io::Take<&mut impl Read>, size: u64) -> Result<(), DebError> {
    io::copy(content, &mut io::sink()).map_err(DebError::Cut)?;
    if content.limit() > 0 {
        return Err(DebError::Cut(io::ErrorKind::UnexpectedEof.into()));
    }
    if size % 2 == 1 {
        // Some writers leave it out at the very end.
        content.get_mut().take(1).read_to_end(&mut Vec::new()).map_err(DebError::Cut)?;
    }
    Ok(())
}

fn check_format(content: &mut impl Read) -> Result<(), DebError> {
    let mut format = Vec::new();
    content.take(100).read_to_end(&mut format).map_err(DebError::Cut)?;
    let format = String::from_utf8_lossy(&format);
    let format = format.lines().next().unwrap_or_default();
    if format.starts_with("2.") { Ok(()) } else { Err(DebError::Format(format.chars().take(20).collect())) }
}

fn read_control(tar: &mut dyn Read) -> Result<Deb, DebError> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let walked = member::members(tar, CONTROL_LIMITS, |member| {
        if member.is_file && member.name == b"control" {
            let mut content = Vec::new();
            // Bounded by the limits of the whole member.
            member.content.read_to_end(&mut content).map_err(MemberError::Damaged)?;
            found.push(content);
        }
        Ok::<_, MemberError>(())
    });
    walked.map_err(|source| DebError::Part { part: "control.tar", source })?;
    let [content] = &found[..] else { return Err(DebError::ControlFiles(found.len())) };
    let text = control::text(content)?;
    let paragraph = control::paragraph(text)?;
    for field in ["Package", "Version", "Architecture"] {
        paragraph.required(field)?;
    }
    Ok(Deb { control: text.to_owned() })
}

#[cfg(test)]
mod tests;
