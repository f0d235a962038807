//! Files that a list names: each is read whole, under its name and by its digest, held against the list, and unpacked.
//!
//! What has packages in it is kept in memory for a moment, everything else only while it streams through.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::Digest as _;

use super::fault::{Problem, harmless};
use super::packages::Named;
use super::server::{Server, is_plain};
use crate::diag::{Cause, Caused as _};
use crate::digest::Sha256;
use crate::package::compression::Compression;
use crate::package::control;
use crate::package::repodata::{RepodataError, primary};

/// How many are read at once: each takes memory.
const WORKERS: usize = 2;

/// After how many failures of the server the rest is left: each may have taken its whole time.
const MOST_FAILURES: usize = 4;

/// The most bytes of a file that is unpacked.
const MOST_PACKED: u64 = 128 << 20;

/// The most bytes that a file may come to that is unpacked.
const MOST_UNPACKED: u64 = 2 << 30;

/// The most bytes of a text with packages.
const MOST_TEXT: u64 = 384 << 20;

/// A file that a list names.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its path below the address.
    pub path: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// Where it is to be found by its digest as well.
    pub by_hash: Option<String>,
}

/// Forms of one file, compressed and not. Never empty.
#[derive(Debug, Clone, Default)]
pub struct Forms {
    /// Its path without the ending of a compression.
    pub stem: String,
    /// What the compressed forms unpack to: SHA-256 and length; `None` where the list does not say that.
    pub plain: Option<(Sha256, u64)>,
    /// All of them; those to be read first come first.
    pub files: Vec<Listed>,
    /// What is to be read out of it.
    pub content: Content,
}

/// What a file holds, as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Content {
    /// Whatever it is: it only has to be whole.
    #[default]
    Other,
    /// `Packages`.
    Packages,
    /// `Sources`.
    Sources,
    /// `primary.xml` of the YUM repository in this folder, which ends with `/` where it is not empty.
    Primary(String),
}

/// What came of one file in all its forms.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many of its forms are as they are listed.
    pub good: usize,
    /// What is wrong, with its place.
    pub wrong: Vec<(String, Problem)>,
    /// The packages that it names, by path.
    pub named: Vec<(String, Named)>,
}

/// Reads all of `wanted`, a few at a time; gives what came of each, in their order.
pub fn read(server: &Server, wanted: &[Forms]) -> Vec<Outcome> {
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found: Mutex<Vec<Outcome>> = Mutex::new(wanted.iter().map(|_| Outcome::default()).collect());
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(forms) = wanted.get(place) else { return };
            let read = if failures.load(Ordering::Relaxed) < MOST_FAILURES {
                one(server, forms)
            } else {
                Outcome { wrong: vec![(forms.stem.clone(), Problem::GivenUp)], ..Outcome::default() }
            };
            let failed = read.wrong.iter().filter(|(_, problem)| problem.fault() == Cause::Environment).count();
            failures.fetch_add(failed, Ordering::Relaxed);
            found.lock().unwrap_or_else(PoisonError::into_inner)[place] = read;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(wanted.len()) {
            scope.spawn(work);
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn one(server: &Server, forms: &Forms) -> Outcome {
    let mut read = Outcome::default();
    let mut is_open = forms.content != Content::Other;
    for file in &forms.files {
        let unpacks = can_unpack(&file.path) && (is_open || file.size <= MOST_PACKED);
        if is_open && file.size > MOST_PACKED {
            read.wrong.push((file.path.clone(), Problem::TooLong { most: MOST_PACKED }));
            continue;
        }
        let bytes = match server.take(&file.path, file.sha256, file.size, unpacks) {
            Ok(bytes) => bytes,
            // Lists name what their files unpack to, which need not be there.
            Err(Problem::Missing) if file.path == forms.stem && forms.files.len() > 1 => continue,
            Err(problem) => {
                read.wrong.push((file.path.clone(), problem));
                continue;
            }
        };
        let mut is_good = true;
        if let Some(by_hash) = &file.by_hash
            && let Err(problem) = server.take(by_hash, file.sha256, file.size, false)
        {
            read.wrong.push((by_hash.clone(), problem));
            is_good = false;
        }
        if unpacks {
            match content(forms, file, &bytes, is_open) {
                Ok(named) => {
                    read.named.extend(named);
                    is_open = false;
                }
                Err(problem) => {
                    read.wrong.push((file.path.clone(), problem));
                    is_good = false;
                }
            }
        }
        read.good += usize::from(is_good);
    }
    read
}

/// Whether a file of this name can be unpacked here, or need not be.
fn can_unpack(path: &str) -> bool {
    !path.ends_with(".bz2")
}

/// Unpacks a file, holds it against what is listed of that, and reads the packages in it where it `is_open` which there are.
fn content(forms: &Forms, file: &Listed, bytes: &[u8], is_open: bool) -> Result<Vec<(String, Named)>, Problem> {
    let unreadable = |error: io::Error| Problem::Unreadable { why: harmless(&error.to_string()) };
    let mut reader = Compression::of_name(&file.path).reader(bytes).map_err(unreadable)?;
    let (mut hasher, mut length, mut text) = (sha2::Sha256::new(), 0_u64, Vec::new());
    let most = if is_open { MOST_TEXT } else { MOST_UNPACKED };
    let mut chunk = vec![0; 128 << 10];
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        length += count as u64;
        if length > most {
            return Err(Problem::Unreadable { why: format!("it unpacks to more than {most} bytes") });
        }
        hasher.update(&chunk[..count]);
        if is_open {
            text.extend_from_slice(&chunk[..count]);
        }
    }
    let sha256 = Sha256::from_bytes(hasher.finalize().into());
    if forms.plain.is_some_and(|plain| plain != (sha256, length)) {
        return Err(Problem::Unpacked { of: forms.stem.clone() });
    }
    if !is_open {
        return Ok(Vec::new());
    }
    let text = String::from_utf8(text).map_err(|_| Problem::Unreadable { why: "it is not UTF-8".to_owned() })?;
    match &forms.content {
        Content::Other => Ok(Vec::new()),
        Content::Packages => packages(&text, &file.path),
        Content::Sources => sources(&text, &file.path),
        Content::Primary(folder) => of_primary(&text, &file.path, folder),
    }
}

/// An error of a reader, in one text.
fn because(error: &dyn std::error::Error) -> Problem {
    Problem::Unreadable { why: harmless(&crate::diag::chain(error)) }
}

fn packages(text: &str, index: &str) -> Result<Vec<(String, Named)>, Problem> {
    let mut found = Vec::new();
    for paragraph in control::paragraphs(text) {
        let paragraph = paragraph.map_err(|error| because(&error))?;
        let name = paragraph.required("Package").map_err(|error| because(&error))?;
        let sha256 = paragraph.get("SHA256").ok_or_else(|| weak(name))?;
        let path = paragraph.required("Filename").map_err(|error| because(&error))?;
        let path = path.strip_prefix("./").unwrap_or(path);
        let sha256 = sha256.to_ascii_lowercase().parse().map_err(|_| entry(name, "SHA256"))?;
        let size = paragraph.get("Size").and_then(|size| size.parse().ok()).ok_or_else(|| entry(name, "Size"))?;
        if !is_plain(path) {
            return Err(entry(name, "Filename"));
        }
        found.push((path.to_owned(), Named { sha256, size, index: index.to_owned() }));
    }
    Ok(found)
}

fn sources(text: &str, index: &str) -> Result<Vec<(String, Named)>, Problem> {
    let mut found = Vec::new();
    for paragraph in control::paragraphs(text) {
        let paragraph = paragraph.map_err(|error| because(&error))?;
        let name = paragraph.required("Package").map_err(|error| because(&error))?;
        let files = paragraph.get("Checksums-Sha256").ok_or_else(|| weak(name))?;
        let folder = paragraph.required("Directory").map_err(|error| because(&error))?;
        let folder = folder.strip_prefix("./").unwrap_or(folder);
        for line in files.lines().filter(|line| !line.trim().is_empty()) {
            let wrong = || entry(name, "Checksums-Sha256");
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [digest, size, file] = words[..] else { return Err(wrong()) };
            let sha256 = digest.to_ascii_lowercase().parse().map_err(|_| wrong())?;
            let size = size.parse().map_err(|_| wrong())?;
            let path = if folder == "." { file.to_owned() } else { format!("{folder}/{file}") };
            if !is_plain(&path) {
                return Err(wrong());
            }
            found.push((path, Named { sha256, size, index: index.to_owned() }));
        }
    }
    Ok(found)
}

fn of_primary(text: &str, index: &str, folder: &str) -> Result<Vec<(String, Named)>, Problem> {
    let slim = primary::slim(text, &std::collections::BTreeMap::new()).map_err(|error| match error {
        RepodataError::Value { what: "package's digest", .. } => Problem::Weak { of: " of a package".to_owned() },
        error => because(&error),
    })?;
    let files = primary::files(&slim).map_err(|error| because(&error))?;
    let named = files.into_iter().map(|file| {
        let path = format!("{folder}{}", file.path);
        (path, Named { sha256: file.sha256, size: file.size, index: index.to_owned() })
    });
    Ok(named.collect())
}

fn weak(name: &str) -> Problem {
    Problem::Weak { of: format!(" of `{}`", shown(name)) }
}

fn entry(name: &str, field: &str) -> Problem {
    Problem::Unreadable { why: format!("`{field}` of `{}` is none", shown(name)) }
}

fn shown(name: &str) -> String {
    harmless(&name.chars().take(80).collect::<String>())
}
