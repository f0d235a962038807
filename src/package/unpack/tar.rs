//! Entries of a tar archive.

use std::io::{self, Read};

use tar::EntryType;

use super::super::member::{self, Limits, Member, MemberError};
use super::{Bounds, Item, MAX_TARGET, UnpackError, cut, path_of, shown};
use crate::path::TreePath;

/// What a tar archive ends with, at least: a block of zeros.
const END: u64 = 512;

pub(super) fn unpack<E: From<UnpackError>>(
    from: impl Read,
    bounds: Bounds,
    each: &mut impl FnMut(TreePath, Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = Ending { from, zeros: 0 };
    let limits = Limits { bytes: bounds.bytes, members: bounds.entries };
    let walked = member::members(&mut from, limits, |member| entry(member, each).map_err(Inside::Each));
    match walked {
        // Cut off between two members, nothing else would tell.
        Ok(()) if from.zeros < END => Err(cut("the end is missing").into()),
        Ok(()) => Ok(()),
        Err(Inside::Member(error)) => Err(UnpackError::Member(error).into()),
        Err(Inside::Each(error)) => Err(error),
    }
}

enum Inside<E> {
    Member(MemberError),
    Each(E),
}

impl<E> From<MemberError> for Inside<E> {
    fn from(error: MemberError) -> Self {
        Self::Member(error)
    }
}

fn entry<E: From<UnpackError>>(
    member: Member<'_>,
    each: &mut impl FnMut(TreePath, Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    // The folder that is packed itself.
    if member.is_folder && (member.name.is_empty() || member.name == b".") {
        return Ok(());
    }
    let path = path_of(member.name)?;
    let refused = |why| UnpackError::Refused { name: shown(member.name), why };
    let item = match member.kind {
        _ if member.is_folder => Item::Folder,
        EntryType::Symlink if member.target.len() as u64 > MAX_TARGET => {
            return Err(refused("a link with an overlong target").into());
        }
        EntryType::Symlink => Item::Link { target: member.target },
        EntryType::Link => {
            let of = path_of(member.target).map_err(|_| refused("a hard link that leads out of the source"))?;
            Item::Same(of)
        }
        EntryType::Char | EntryType::Block => return Err(refused("a device").into()),
        EntryType::Fifo => return Err(refused("a pipe").into()),
        _ if member.is_file => Item::File { executable: member.mode & 0o100 != 0, content: member.content },
        _ => return Err(refused("which is of a kind that no source has").into()),
    };
    each(path, item)
}

/// Counts the zeros that were read last.
struct Ending<R> {
    from: R,
    zeros: u64,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        match buffer[..length].iter().rposition(|byte| *byte != 0) {
            Some(last) => self.zeros = (length - last - 1) as u64,
            None => self.zeros += length as u64,
        }
        Ok(length)
    }
}
