//! Every file name that a channel ever published, with its content.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};

use cap_std::fs::{Dir, OpenOptions};
use serde::{Deserialize, Serialize};

use super::PublishError;
use crate::digest::Digest;
use crate::path::HostPath;
use crate::tree::Tree;

const FILE: &str = "names.jsonl";

/// Paths of packages with the content that they were published with.
pub struct Names(BTreeMap<String, Digest>);

#[derive(Serialize, Deserialize)]
struct Line {
    path: String,
    content: Digest,
}

impl Names {
    /// Reads them; none where nothing was published. A last line that a crash tore was never acknowledged and is cut off.
    ///
    /// # Errors
    /// Where the file cannot be read, or is damaged elsewhere.
    pub fn load(dir: &Dir, path: &HostPath) -> Result<Self, PublishError> {
        let failed = |source| PublishError::File { doing: "read", path: path.join(FILE), source };
        let file = match dir.open(FILE) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self(BTreeMap::new())),
            Err(source) => return Err(failed(source)),
        };
        let mut names = BTreeMap::new();
        let (mut reader, mut line, mut whole) = (std::io::BufReader::new(file), String::new(), 0u64);
        while reader.read_line(&mut line).map_err(failed)? > 0 {
            if !line.ends_with('\n') {
                let mut options = OpenOptions::new();
                dir.open_with(FILE, options.write(true)).and_then(|file| file.set_len(whole)).map_err(failed)?;
                break;
            }
            let read: Line = serde_json::from_str(&line)
                .map_err(|error| PublishError::Record { path: path.join(FILE), why: error.to_string() })?;
            names.insert(read.path, read.content);
            whole += line.len() as u64;
            line.clear();
        }
        Ok(Self(names))
    }

    /// Names of files directly below `folder`, which ends with a slash, and their content.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, Digest)> {
        let from = self.0.range(folder.to_owned()..);
        from.map_while(move |(path, content)| Some((path.strip_prefix(folder)?, *content)))
    }

    /// Refuses a tree in which a published name has other content.
    ///
    /// # Errors
    /// [`PublishError::OtherBytes`] for the first.
    pub fn check(&self, tree: &Tree) -> Result<(), PublishError> {
        for (path, content, _) in tree.files() {
            let path = path.to_string();
            if self.0.get(&path).is_some_and(|published| *published != content) {
                return Err(PublishError::OtherBytes { path });
            }
        }
        Ok(())
    }

    /// Remembers the packages in `tree`, durably.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn add(&mut self, dir: &Dir, path: &HostPath, tree: &Tree) -> Result<(), PublishError> {
        let failed = |source| PublishError::File { doing: "write", path: path.join(FILE), source };
        let mut lines = String::new();
        for (path, content, _) in tree.files() {
            let path = path.to_string();
            let is_package = path.starts_with("pool/") || (path.starts_with("rpm/") && path.ends_with(".rpm"));
            if is_package && self.0.insert(path.clone(), content).is_none() {
                lines.push_str(&serde_json::to_string(&Line { path, content }).expect("two plain fields"));
                lines.push('\n');
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let mut file = dir.open_with(FILE, options.append(true).create(true)).map_err(failed)?;
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }
}
