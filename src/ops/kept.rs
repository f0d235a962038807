//! Files in the user's cache folder: what can be lost, and only ever saves time.
//!
//! A digest over the rest comes first, so that a torn or altered file is not believed; no write is durable. Of each kind
//! there are at most [`MOST`] files, one for each project: the oldest go.

use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::keeping;
use crate::columns::{Bytes, Columns, put_bytes};
use crate::digest::Digest;
use crate::path::HostPath;
use crate::project::{self, Project};
use crate::store::Store;

/// The most files that are kept of a kind.
pub(super) const MOST: usize = 64;

/// A file that is kept as long as this very build of the program is used.
pub struct Kept {
    pub(super) dir: Dir,
    pub(super) name: String,
    pub(super) format: &'static str,
    pub(super) program: String,
}

impl Kept {
    /// The file of the kind `format` for `what` in `folder`, which is made where it is not there. `None` where there is no
    /// place for it.
    pub fn below(folder: &HostPath, format: &'static str, what: &[u8]) -> Option<Self> {
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700).create(folder.as_path()).ok()?;
        let dir = Dir::open_ambient_dir(folder.as_path(), ambient_authority()).ok()?;
        Some(Self { dir, name: Digest::of(what).to_string(), format, program: project::program()? })
    }

    /// The file of the kind `format` for a project with a store, in a folder of the cache.
    pub fn of_project(folder: &str, format: &'static str, project: &Project, store: &Store) -> Option<Self> {
        let (project, store) = (keeping::project_of(project), store.path().as_path().as_os_str().as_encoded_bytes());
        Self::below(&project::cache_folder()?.join(folder), format, &[project.as_bytes(), store].join(&0))
    }

    /// What it holds; `None` where it is not there, not whole, or written by another build of the program.
    pub fn read(&self) -> Option<Columns> {
        let file = self.dir.open(&self.name).ok()?.into_std();
        // SAFETY: the file lies in a folder of the user's own, and is only ever replaced by another one, never written
        // to: `write` makes a new file and renames it.
        let map = unsafe { memmap2::Mmap::map(&file) }.ok()?;
        let (digest, rest) = map.split_first_chunk::<32>()?;
        if Digest::of(rest).as_bytes() != digest {
            return None;
        }
        let mut from = Columns::of(Arc::new(map), 32);
        let is = |column: Bytes, text: &str| *column == *text.as_bytes();
        let is_ours = is(from.shared().ok()?, self.format) && is(from.shared().ok()?, &self.program);
        is_ours.then_some(from)
    }

    /// Replaces it whole by what `write` writes.
    ///
    /// # Errors
    /// Where it cannot be written; what was there stays.
    pub fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        self.make_room()?;
        let mut options = cap_std::fs::OpenOptions::new();
        cap_std::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
        let name = format!("{}.{}", self.name, std::process::id());
        let _ = self.dir.remove_file(&name);
        let written = self.dir.open_with(&name, &options).and_then(|mut file| {
            // The digest's place.
            file.write_all(&[0; 32])?;
            let mut sealing = Sealing { file: &mut file, hasher: blake3::Hasher::new() };
            // Numbers come one by one, and many at once are hashed much faster.
            let mut pieces = BufWriter::with_capacity(BUFFER, &mut sealing);
            put_bytes(&mut pieces, self.format.as_bytes())?;
            put_bytes(&mut pieces, self.program.as_bytes())?;
            write(&mut pieces)?;
            pieces.flush()?;
            drop(pieces);
            let digest = sealing.hasher.finalize();
            file.seek(SeekFrom::Start(0))?;
            file.write_all(digest.as_bytes())
        });
        let renamed = written.and_then(|()| self.dir.rename(&name, &self.dir, &self.name));
        renamed.inspect_err(|_| drop(self.dir.remove_file(&name)))
    }

    /// Removes the oldest files where there are too many: what projects that are gone have left.
    fn make_room(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in self.dir.entries()? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?.into_std(), entry.file_name()));
        }
        files.sort();
        let many = files.len().saturating_sub(MOST);
        files.into_iter().take(many).try_for_each(|(_, name)| self.dir.remove_file(name))
    }
}

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

/// Writes, and hashes what it writes: a large graph never stands in memory a second time.
struct Sealing<'f> {
    file: &'f mut cap_std::fs::File,
    hasher: blake3::Hasher,
}

impl Write for Sealing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
