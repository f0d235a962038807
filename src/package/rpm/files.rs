//! Files of a package as its header lists them: names apart from their folders.

use super::header::{Ints, Strings};
use super::{Header, RpmError, tag, together};

/// Bit of a file's flags: it belongs to the package and is not in it.
pub const FILE_GHOST: u32 = 1 << 6;

/// What a file is to YUM metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A folder.
    Folder,
    /// Something that belongs to the package and is not in it.
    Ghost,
    /// Anything else.
    File,
}

/// One file. Names are as the package has them, in any encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its folder with `/` at its end; empty in a source package.
    pub folder: &'a [u8],
    /// Its name there.
    pub name: &'a [u8],
    /// Type and permissions, as in stat(2).
    pub mode: u32,
    /// rpm's own flags, such as [`FILE_GHOST`].
    pub flags: u32,
}

impl File<'_> {
    /// What it is.
    pub fn kind(&self) -> FileKind {
        if self.mode & 0o170_000 == 0o040_000 {
            FileKind::Folder
        } else if self.flags & FILE_GHOST != 0 {
            FileKind::Ghost
        } else {
            FileKind::File
        }
    }
}

/// The files of a package.
#[derive(Debug, Clone)]
pub struct Files<'a> {
    folders: Vec<&'a [u8]>,
    names: Strings<'a>,
    places: Ints<'a>,
    modes: Ints<'a>,
    flags: Ints<'a>,
}

impl<'a> Files<'a> {
    pub(super) fn of(header: &'a Header) -> Self {
        Self {
            folders: header.strings(tag::DIR_NAMES).collect(),
            names: header.strings(tag::BASE_NAMES),
            places: header.ints(tag::DIR_INDEXES),
            modes: header.ints(tag::FILE_MODES),
            flags: header.ints(tag::FILE_FLAGS),
        }
    }
}

impl<'a> Iterator for Files<'a> {
    type Item = File<'a>;

    fn next(&mut self) -> Option<File<'a>> {
        let folder = usize::try_from(self.places.next()?).ok().and_then(|place| self.folders.get(place))?;
        let number = |number: u64| u32::try_from(number).unwrap_or(0);
        let (mode, flags) = (number(self.modes.next()?), number(self.flags.next()?));
        Some(File { folder, name: self.names.next()?, mode, flags })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.names.size_hint()
    }
}

pub(super) fn check(header: &Header) -> Result<(), RpmError> {
    together(header, &[tag::BASE_NAMES], &[tag::DIR_INDEXES, tag::FILE_MODES, tag::FILE_FLAGS], "files")?;
    let folders = header.count(tag::DIR_NAMES) as u64;
    if header.ints(tag::DIR_INDEXES).all(|place| place < folders) { Ok(()) } else { Err(RpmError::Disagree("files")) }
}
