//! A package's content without its compression: for a `dpkg` that would take long to undo it.

use std::cell::RefCell;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use super::{DATA_LIMITS, DebError, walk};
use crate::package::member::MemberError;

/// How much is written at once, in bytes.
const CHUNK: usize = 256 << 10;

/// Writes the package `from` to `to` with the same content in plain archives (deb(5)). Signatures in it are left out.
///
/// # Errors
/// Where it is no whole package, or cannot be written.
pub fn plain(from: impl Read, to: impl Write + Seek) -> io::Result<()> {
    let to = RefCell::new(BufWriter::with_capacity(CHUNK, to));
    to.borrow_mut().write_all(b"!<arch>\n")?;
    member(&mut *to.borrow_mut(), "debian-binary", &mut &b"2.0\n"[..])?;
    let part = |part: &'static str, tar: &mut dyn Read| {
        let written = member(&mut *to.borrow_mut(), part, &mut tar.take(DATA_LIMITS.bytes));
        written.map_err(|error| DebError::Part { part, source: MemberError::Damaged(error) })
    };
    let (mut control, mut data) =
        (|tar: &mut dyn Read| part("control.tar", tar), |tar: &mut dyn Read| part("data.tar", tar));
    walk(from, &mut control, Some(&mut data)).map_err(io::Error::other)?;
    to.into_inner().flush()
}

/// Writes one member. How long it is stands in front of it, and is known behind it.
fn member(to: &mut BufWriter<impl Write + Seek>, name: &str, content: &mut dyn Read) -> io::Result<()> {
    let header = |size: u64| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644);
    let begin = to.stream_position()?;
    to.write_all(header(0).as_bytes())?;
    let size = io::copy(content, to)?;
    if size % 2 == 1 {
        to.write_all(b"\n")?;
    }
    let end = to.stream_position()?;
    to.seek(SeekFrom::Start(begin))?;
    to.write_all(header(size).as_bytes())?;
    to.seek(SeekFrom::Start(end))?;
    Ok(())
}
