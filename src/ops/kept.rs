//! Files in the user's cache folder: what can be lost, and only ever saves time.
//!
//! A digest over the rest comes first, so that a torn or altered file is not believed; no write is durable. Of each kind
//! there are at most [`MOST`] files, one for each project: the oldest go.

use std::io::Write as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::columns::{Columns, put_bytes};
use crate::digest::Digest;
use crate::path::HostPath;
use crate::project;

/// The most files that are kept of a kind.
pub(super) const MOST: usize = 64;

/// A file that is kept as long as this very build of the program is used.
pub struct Kept {
    pub(super) dir: Dir,
    pub(super) name: String,
    pub(super) format: &'static str,
    pub(super) program: String,
}

/// What a file holds.
pub struct Content(Vec<u8>, usize);

impl Content {
    /// What was written.
    pub fn columns(&self) -> Columns<'_> {
        Columns(&self.0[self.1..])
    }
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

    /// What it holds; `None` where it is not there, not whole, or written by another build of the program.
    pub fn read(&self) -> Option<Content> {
        let bytes = self.dir.read(&self.name).ok()?;
        let (digest, rest) = bytes.split_first_chunk::<32>()?;
        if Digest::of(rest).as_bytes() != digest {
            return None;
        }
        let mut from = Columns(rest);
        let is_ours = from.bytes().ok()? == self.format.as_bytes() && from.bytes().ok()? == self.program.as_bytes();
        let start = bytes.len() - from.0.len();
        is_ours.then_some(Content(bytes, start))
    }

    /// Replaces it whole by what `write` appends.
    pub fn write(&self, write: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<()> {
        self.make_room()?;
        let mut bytes = vec![0; 32];
        put_bytes(&mut bytes, self.format.as_bytes());
        put_bytes(&mut bytes, self.program.as_bytes());
        write(&mut bytes);
        let digest = Digest::of(&bytes[32..]);
        bytes[..32].copy_from_slice(digest.as_bytes());
        let mut options = cap_std::fs::OpenOptions::new();
        cap_std::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
        let name = format!("{}.{}", self.name, std::process::id());
        let _ = self.dir.remove_file(&name);
        let written = self.dir.open_with(&name, &options).and_then(|mut file| file.write_all(&bytes));
        let renamed = written.and_then(|()| self.dir.rename(&name, &self.dir, &self.name));
        renamed.inspect_err(|_| drop(self.dir.remove_file(&name)))
    }

    /// Removes the oldest files where there are too many: what projects that are gone have left.
    fn make_room(&self) -> std::io::Result<()> {
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
