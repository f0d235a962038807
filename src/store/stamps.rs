//! Whether the set of realisations is still what it was, without looking at any of them.

use std::io::{self, Write};
use std::os::fd::AsFd as _;

use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;

use super::Store;
use super::realisations::REALISED;
use crate::columns::{Columns, Damaged, put_long_numbers};

/// What the system says of one folder of realisations: device, inode, and when anything in it last changed, in
/// nanoseconds since 1970. `None`: there is none.
pub type FolderStamp = Option<(u64, u64, i64)>;

/// How many folders there are: one for each first byte of a key.
pub const RECORD_FOLDERS: usize = 256;

/// Numbers of a stamp in columns: whether there is a folder, and what the system says of it.
const NUMBERS: usize = 4;

/// Writes the stamps of all folders in columns.
///
/// # Errors
/// Those of `to`.
pub fn put_folder_stamps(to: &mut dyn Write, stamps: &[FolderStamp]) -> io::Result<()> {
    let numbers = |stamp: &FolderStamp| {
        stamp.map_or([0; NUMBERS], |(device, inode, time)| [1, device, inode, time.cast_unsigned()])
    };
    let numbers: Vec<u64> = stamps.iter().flat_map(numbers).collect();
    put_long_numbers(to, numbers.into_iter())
}

/// What was written.
///
/// # Errors
/// [`Damaged`] where these are other bytes.
pub fn read_folder_stamps(from: &mut Columns) -> Result<Vec<FolderStamp>, Damaged> {
    let numbers = from.long_numbers()?;
    let stamp =
        |[is_there, device, inode, time]: [u64; NUMBERS]| (is_there != 0).then(|| (device, inode, time.cast_signed()));
    let (stamps, rest) = numbers.as_chunks();
    if (stamps.len(), rest.len()) == (RECORD_FOLDERS, 0) {
        Ok(stamps.iter().copied().map(stamp).collect())
    } else {
        Err(Damaged)
    }
}

impl Store {
    /// What the system says of a place in the store, by one call and without opening anything; a link is told as one.
    pub(super) fn stat(&self, place: &str) -> Option<libc::stat> {
        fstatat(self.dir.as_fd(), place, AtFlags::AT_SYMLINK_NOFOLLOW).ok()
    }

    /// The stamps of all folders of realisations, by the first byte of the keys in them. The system changes a folder's
    /// stamp with every record that comes or goes.
    pub fn folder_stamps(&self) -> Vec<FolderStamp> {
        let stamp = |first: usize| {
            let found = self.stat(&format!("{REALISED}/{first:02x}"))?;
            let time = found.st_ctime.checked_mul(1_000_000_000)?.checked_add(found.st_ctime_nsec)?;
            Some((found.st_dev, found.st_ino, time))
        };
        (0..RECORD_FOLDERS).map(stamp).collect()
    }
}
