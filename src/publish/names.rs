//! Every file name that a channel ever published, with its content.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::OnceLock;

use cap_std::fs::{Dir, OpenOptions};
use serde::{Deserialize, Serialize};

use super::PublishError;
use super::laid::is_package_of_rpm;
use crate::digest::Digest;
use crate::path::{HostPath, TreePath};

const FILE: &str = "names.jsonl";

/// Paths of packages with the content that they were published with, read when somebody asks.
pub struct Names<'a> {
    dir: &'a Dir,
    path: &'a HostPath,
    read: OnceLock<BTreeMap<String, Digest>>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    path: Cow<'a, str>,
    content: Digest,
}

impl<'a> Names<'a> {
    /// Those of the channel whose folder is `dir`, at `path`.
    pub fn new(dir: &'a Dir, path: &'a HostPath) -> Self {
        Self { dir, path, read: OnceLock::new() }
    }

    /// Reads them before somebody asks. What is wrong is told to who asks.
    pub fn prefetch(&self) {
        let _ = self.read();
    }

    /// Reads them; none where nothing was published. A last line that a crash tore was never acknowledged and is cut off.
    fn read(&self) -> Result<&BTreeMap<String, Digest>, PublishError> {
        let Self { dir, path, read } = self;
        if let Some(names) = read.get() {
            return Ok(names);
        }
        let failed = |source| PublishError::File { doing: "read", path: path.join(FILE), source };
        let text = match dir.read(FILE) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(failed(source)),
        };
        let mut names = Vec::new();
        let mut whole = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                let mut options = OpenOptions::new();
                let cut = dir.open_with(FILE, options.write(true)).and_then(|file| file.set_len(whole));
                cut.map_err(failed)?;
                break;
            }
            let Line { path: name, content } = serde_json::from_slice(line)
                .map_err(|error| PublishError::Record { path: path.join(FILE), why: error.to_string() })?;
            names.push((name.into_owned(), content));
            whole += line.len() as u64;
        }
        Ok(read.get_or_init(|| names.into_iter().collect()))
    }

    /// Names of files directly below `folder`, which ends with a slash, and their content.
    ///
    /// # Errors
    /// Where the file of names cannot be read, or is damaged elsewhere than at its end.
    pub fn below<'b>(&'b self, folder: &'b str) -> Result<impl Iterator<Item = (&'b str, Digest)>, PublishError> {
        let from = self.read()?.range(folder.to_owned()..);
        Ok(from.map_while(move |(path, content)| Some((path.strip_prefix(folder)?, *content))))
    }

    /// Refuses files of which one has a published name and other content.
    ///
    /// # Errors
    /// [`PublishError::OtherBytes`] for the first; as [`Names::below`].
    pub fn check(&self, files: &[(&TreePath, Digest, u64)]) -> Result<(), PublishError> {
        for (path, content) in packages(files) {
            if self.read()?.get(&path).is_some_and(|published| *published != content) {
                return Err(PublishError::OtherBytes { path });
            }
        }
        Ok(())
    }

    /// Remembers the packages among these files. Not durable.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn add(&mut self, files: &[(&TreePath, Digest, u64)]) -> Result<(), PublishError> {
        self.read()?;
        let Some(names) = self.read.get_mut() else { return Ok(()) };
        let mut lines = String::new();
        for (path, content) in packages(files) {
            if names.insert(path.clone(), content).is_none() {
                let line = Line { path: path.into(), content };
                lines.push_str(&serde_json::to_string(&line).expect("two plain fields"));
                lines.push('\n');
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let failed = |source| PublishError::File { doing: "write", path: self.path.join(FILE), source };
        let mut file = self.dir.open_with(FILE, OpenOptions::new().append(true).create(true)).map_err(failed)?;
        file.write_all(lines.as_bytes()).map_err(failed)
    }
}

/// The packages among files.
fn packages(files: &[(&TreePath, Digest, u64)]) -> impl Iterator<Item = (String, Digest)> {
    let is_package = |path: &TreePath| path.as_bytes().starts_with(b"pool/") || is_package_of_rpm(path);
    files.iter().filter(move |(path, ..)| is_package(path)).map(|(path, content, _)| (path.to_string(), *content))
}
