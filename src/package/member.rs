//! Members of a tar archive, read without trusting any length in it.
//!
//! The crate `tar` reads GNU long names and pax headers into memory whatever their size, so the raw entries are taken
//! from it and those two kinds are read here, bounded. Sparse files are refused: no package has them.

use std::io::{self, Read};

use miette::Diagnostic;
use tar::EntryType;

/// The most bytes of a name, link target or pax header.
const MAX_HEADER: u64 = 64 << 10;

/// Keys of pax headers that sparse files have, in each of the forms that GNU tar has written.
const SPARSE: [&[u8]; 3] = [b"GNU.sparse.major", b"GNU.sparse.map", b"GNU.sparse.size"];

/// How much an archive may come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of the archive when it is uncompressed.
    pub bytes: u64,
    /// Members.
    pub members: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MemberError {
    /// It is damaged, or is no archive.
    #[error("it is damaged or cut short")]
    #[diagnostic(code(opb::package::member::damaged))]
    Damaged(#[source] io::Error),
    /// Larger than what is read.
    #[error("it is larger than {limit} {unit}")]
    #[diagnostic(code(opb::package::member::too_large))]
    TooLarge {
        /// The limit.
        limit: u64,
        /// Of what: `bytes uncompressed` or `members`.
        unit: &'static str,
    },
    /// A header that is longer than a path can be, or a kind of member that packages do not have.
    #[error("the member `{name}` is of a kind that is not read")]
    #[diagnostic(code(opb::package::member::kind))]
    Kind {
        /// Its name, as far as it is known.
        name: String,
    },
}

/// A member: its name without `./` at the front and `/` at the end, what it is, and its content.
pub(super) struct Member<'a> {
    pub name: &'a [u8],
    pub is_file: bool,
    pub is_folder: bool,
    pub kind: EntryType,
    /// Where a link leads; empty of what is none.
    pub target: &'a [u8],
    /// Its permission bits.
    pub mode: u32,
    pub content: &'a mut dyn Read,
}

/// Reads the uncompressed archive `from` to its end and gives each member to `each`.
pub(super) fn members<E: From<MemberError>>(
    from: impl Read,
    limits: Limits,
    mut each: impl FnMut(Member<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut bounded = Bounded { from, left: limits.bytes, beyond: false };
    let result = walk(&mut bounded, limits, &mut each);
    // An archive may end in any number of zero blocks; nothing else may follow.
    let result = result.and_then(|()| rest_is_zero(&mut bounded).map_err(|error| MemberError::Damaged(error).into()));
    if bounded.beyond {
        return Err(MemberError::TooLarge { limit: limits.bytes, unit: "bytes uncompressed" }.into());
    }
    result
}

fn walk<E: From<MemberError>>(
    from: impl Read,
    limits: Limits,
    each: &mut impl FnMut(Member<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = tar::Archive::new(from);
    let (mut long_name, mut long_target): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
    let mut count = 0;
    for entry in archive.entries().map_err(MemberError::Damaged)?.raw(true) {
        let mut entry = entry.map_err(MemberError::Damaged)?;
        count += 1;
        if count > limits.members {
            return Err(MemberError::TooLarge { limit: limits.members, unit: "members" }.into());
        }
        let own_name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        let odd = || MemberError::Kind { name: String::from_utf8_lossy(&own_name).chars().take(80).collect() };
        match kind {
            EntryType::GNULongName | EntryType::GNULongLink => {
                let mut name = header(&mut entry, &odd)?;
                name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                *(if kind.is_gnu_longname() { &mut long_name } else { &mut long_target }) = Some(name);
            }
            EntryType::XHeader => {
                let text = header(&mut entry, &odd)?;
                // A size here would contradict the header that the crate goes by.
                if pax_value(&text, b"size").is_some() {
                    return Err(odd().into());
                }
                // Files with holes, of which only what is between them is here.
                if SPARSE.iter().any(|key| pax_value(&text, key).is_some()) {
                    return Err(odd().into());
                }
                long_name = pax_value(&text, b"path").or(long_name);
                long_target = pax_value(&text, b"linkpath").or(long_target);
            }
            EntryType::XGlobalHeader => {
                header(&mut entry, &odd)?;
            }
            EntryType::GNUSparse => return Err(odd().into()),
            _ => {
                let name = long_name.take().unwrap_or(own_name);
                let raw_name_ends = name.ends_with(b"/");
                let mut name = name.as_slice();
                while let Some(rest) = name.strip_prefix(b"./") {
                    name = rest;
                }
                let name = name.strip_suffix(b"/").unwrap_or(name);
                // Before folders had a kind of their own, their names said it.
                let is_old_folder = kind == EntryType::Regular && raw_name_ends;
                let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous) && !is_old_folder;
                let target =
                    long_target.take().or_else(|| entry.header().link_name_bytes().map(std::borrow::Cow::into_owned));
                let (target, mode) = (target.unwrap_or_default(), entry.header().mode().unwrap_or(0));
                let is_folder = kind.is_dir() || is_old_folder;
                each(Member { name, is_file, is_folder, kind, target: &target, mode, content: &mut entry })?;
            }
        }
    }
    Ok(())
}

fn header(entry: &mut impl Read, odd: &dyn Fn() -> MemberError) -> Result<Vec<u8>, MemberError> {
    let mut bytes = Vec::new();
    entry.take(MAX_HEADER + 1).read_to_end(&mut bytes).map_err(MemberError::Damaged)?;
    if bytes.len() as u64 > MAX_HEADER { Err(odd()) } else { Ok(bytes) }
}

/// The value of `key` in a pax header: lines of `length key=value` (POSIX pax, "Extended Header").
fn pax_value(mut text: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    while !text.is_empty() {
        let space = text.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
        let record = text.get(space + 1..length)?.strip_suffix(b"\n")?;
        text = &text[length..];
        let equals = record.iter().position(|byte| *byte == b'=')?;
        if &record[..equals] == key {
            found = Some(record[equals + 1..].to_vec());
        }
    }
    found
}

fn rest_is_zero(from: &mut impl Read) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        if buffer[..length].iter().any(|byte| *byte != 0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes follow the end of the archive"));
        }
    }
}

/// Reads at most `left` bytes and remembers whether there were more.
struct Bounded<R> {
    from: R,
    left: u64,
    beyond: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.beyond {
            return Err(io::Error::other("the limit is reached"));
        }
        let length = self.from.read(buffer)?;
        match self.left.checked_sub(length as u64) {
            Some(left) => {
                self.left = left;
                Ok(length)
            }
            None => {
                self.beyond = true;
                Err(io::Error::other("the limit is reached"))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An archive with these files.
    pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *content).expect("fits");
        }
        builder.into_inner().expect("fits")
    }

    fn names(bytes: &[u8], limits: Limits) -> Result<Vec<String>, MemberError> {
        let mut names = Vec::new();
        members(bytes, limits, |member| {
            names.push(String::from_utf8_lossy(member.name).into_owned());
            Ok::<_, MemberError>(())
        })?;
        Ok(names)
    }

    const LIMITS: Limits = Limits { bytes: 1 << 20, members: 100 };

    #[test]
    fn long_names_are_whole() {
        let long = format!("a/{}", "b/".repeat(100) + "c");
        let bytes = tar_of(&[("x", b"1"), (&long, b"2")]);
        assert_eq!(names(&bytes, LIMITS).expect("good"), ["x", &long]);
    }

    #[test]
    fn limits_hold() {
        let bytes = tar_of(&[("x", &[0; 4_000]), ("y", b"1")]);
        let error = |limits| names(&bytes, limits).expect_err("too large").to_string();
        assert_eq!(error(Limits { bytes: 4_000, ..LIMITS }), "it is larger than 4000 bytes uncompressed");
        assert_eq!(error(Limits { members: 1, ..LIMITS }), "it is larger than 1 members");
        let mut huge_name = tar::Header::new_gnu();
        huge_name.set_entry_type(EntryType::GNULongName);
        huge_name.set_size(70_000);
        huge_name.set_cksum();
        let bytes = [huge_name.as_bytes(), &[b'a'; 71_680][..]].concat();
        assert_eq!(names(&bytes, LIMITS).expect_err("odd").to_string(), "the member `` is of a kind that is not read");
    }

    #[test]
    fn cuts_and_garbage_are_refused() {
        let bytes = tar_of(&[("x", &[7; 600])]);
        for end in [513, 600, 1_100] {
            assert_eq!(
                names(&bytes[..end], LIMITS).expect_err("cut").to_string(),
                "it is damaged or cut short",
                "{end}"
            );
        }
        assert!(names(&[&bytes[..], &[0; 512]].concat(), LIMITS).is_ok());
        assert!(names(&[&bytes[..], b"x"].concat(), LIMITS).is_err());
    }
}
