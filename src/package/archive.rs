//! Small files out of an archive of sources, without unpacking it: `debian/control`, `debian/changelog` and their like
//! out of `x.debian.tar.xz`, or out of a native tarball whose members stand in a leading folder.

use std::collections::BTreeMap;
use std::io::Read;

use miette::Diagnostic;

use super::compression::Compression;
use super::member::{self, Limits, MemberError};
use crate::diag::{Cause, Caused};

/// The most bytes of one file that is given out.
pub const MAX_FILE: u64 = 32 << 20;

/// The most bytes of all files that are given out.
pub const MAX_FILES: u64 = 64 << 20;

/// What an archive may come to uncompressed: 16 GiB in four million members.
const LIMITS: Limits = Limits { bytes: 16 << 30, members: 4_000_000 };

/// Why an archive of sources gives no files.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ArchiveError {
    /// The archive itself.
    #[error("cannot read the archive `{archive}`")]
    #[diagnostic(
        code(opb::package::archive::read),
        help("fetch it again; if its digest is as pinned, the source itself is bad")
    )]
    Read {
        /// Its file name.
        archive: String,
        /// Why.
        #[source]
        source: MemberError,
    },
    /// A wanted file beyond [`MAX_FILE`] or [`MAX_FILES`].
    #[error("cannot read `{member}` of the archive `{archive}`: it is larger than {limit} bytes")]
    #[diagnostic(code(opb::package::archive::too_large), help("check the source: such a file is small"))]
    TooLarge {
        /// The archive's file name.
        archive: String,
        /// The member.
        member: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A wanted file that stands in the archive twice.
    #[error("cannot read `{member}` of the archive `{archive}`: it stands there twice")]
    #[diagnostic(code(opb::package::archive::twice), help("check the source: which of them is meant cannot be known"))]
    Twice {
        /// The archive's file name.
        archive: String,
        /// The member.
        member: String,
    },
}

impl Caused for ArchiveError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// What happened inside the walk; the archive's name is added outside.
enum Inside {
    Member(MemberError),
    TooLarge(String, u64),
    Twice(String),
}

impl From<MemberError> for Inside {
    fn from(error: MemberError) -> Self {
        Self::Member(error)
    }
}

/// The plain files of the archive `from` whose path `wanted` accepts, by path.
///
/// Paths have no `./` in front. `file_name` tells the compression by its ending. Links are never followed or given out.
///
/// # Errors
/// [`ArchiveError`] where the archive is damaged, is too large, or has a wanted file twice.
pub fn files(
    from: impl Read,
    file_name: &str,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let name = || file_name.to_owned();
    let read = |source| ArchiveError::Read { archive: name(), source };
    let tar = Compression::of_name(file_name).reader(from).map_err(|error| read(MemberError::Damaged(error)))?;
    let mut found = BTreeMap::new();
    let mut left = MAX_FILES;
    let walked = member::members(tar, LIMITS, |member| {
        let Ok(path) = std::str::from_utf8(member.name) else { return Ok(()) };
        if !member.is_file || !wanted(path) {
            return Ok(());
        }
        let limit = left.min(MAX_FILE);
        let mut content = Vec::new();
        member.content.take(limit + 1).read_to_end(&mut content).map_err(MemberError::Damaged)?;
        left = left.saturating_sub(content.len() as u64);
        if content.len() as u64 > limit {
            return Err(Inside::TooLarge(path.to_owned(), limit));
        }
        match found.insert(path.to_owned(), content) {
            None => Ok(()),
            Some(_) => Err(Inside::Twice(path.to_owned())),
        }
    });
    match walked {
        Ok(()) => Ok(found),
        Err(Inside::Member(source)) => Err(read(source)),
        Err(Inside::TooLarge(member, limit)) => Err(ArchiveError::TooLarge { archive: name(), member, limit }),
        Err(Inside::Twice(member)) => Err(ArchiveError::Twice { archive: name(), member }),
    }
}

/// Whether `path` is `debian/<file>`, at the top or in one leading folder, as source packages have it.
pub fn is_debian_file(path: &str, file: &str) -> bool {
    path.strip_suffix(file).is_some_and(|folder| {
        folder == "debian/" || folder.strip_suffix("/debian/").is_some_and(|top| !top.contains('/') && !top.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::member::tests::tar_of;
    use super::*;

    fn wanted(path: &str) -> bool {
        is_debian_file(path, "control")
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("fits");
        encoder.finish().expect("fits")
    }

    #[test]
    fn wanted_files_are_found() {
        let tar =
            tar_of(&[("hello-2.10/debian/control", b"native"), ("hello-2.10/a/debian/control", b"no"), ("x", b"y")]);
        let found = files(&gzip(&tar)[..], "hello_2.10.tar.gz", &wanted).expect("good");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("hello-2.10/debian/control".to_owned(), b"native".to_vec())]
        );
        let tar = tar_of(&[("./debian/control", b"quilt")]);
        assert_eq!(files(&tar[..], "x.tar", &wanted).expect("good").len(), 1);
    }

    #[test]
    fn errors_name_the_archive() {
        let error = |bytes: &[u8], name: &str| files(bytes, name, &wanted).expect_err("bad").to_string();
        let twice = tar_of(&[("debian/control", b"1"), ("./debian/control", b"2")]);
        assert_eq!(
            error(&twice, "x.tar"),
            "cannot read `debian/control` of the archive `x.tar`: it stands there twice"
        );
        let large = tar_of(&[("debian/control", &vec![0; MAX_FILE as usize + 1])]);
        assert_eq!(
            error(&gzip(&large), "x.tar.gz"),
            "cannot read `debian/control` of the archive `x.tar.gz`: it is larger than 33554432 bytes"
        );
        let packed = gzip(&twice);
        assert_eq!(error(&packed[..packed.len() / 2], "x.tar.gz"), "cannot read the archive `x.tar.gz`");
        assert_eq!(error(b"nonsense", "x.tar.xz"), "cannot read the archive `x.tar.xz`");
    }

    #[test]
    fn links_are_not_followed() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "debian/control", "/etc/passwd").expect("fits");
        let tar = builder.into_inner().expect("fits");
        assert!(files(&tar[..], "x.tar", &wanted).expect("good").is_empty());
    }
}
