//! What is published at an address, where nobody says it: from the channel's own `channel.json`, from the folder, or by asking.
//!
//! Nothing here is trusted. It only says where to look; what counts there are signatures.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::fault::{Problem, harmless};
use super::server::{Server, is_plain};
use super::{ClientError, MOST_REPOSITORIES, Request};
use crate::diag::Caused as _;
use crate::package::repodata::repomd::{self, MAX_REPOMD};
use crate::sign::Keyring;

/// The hint that a channel has at its root.
const HINT: &str = "channel.json";

/// What the hint says it is.
const FORM: &str = "opb channel 1";

/// The most bytes of a hint, and of a key.
const MOST: u64 = 1 << 20;

/// Where to look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Suites.
    pub apt: Vec<String>,
    /// Folders of YUM repositories; the empty one is the address itself.
    pub yum: Vec<String>,
    /// Where the public key is.
    pub key: Option<String>,
}

/// A channel's word on what it has. More may stand there.
#[derive(Deserialize)]
struct Hint {
    form: String,
    #[serde(default)]
    apt: Vec<Suite>,
    #[serde(default)]
    yum: Vec<Folder>,
    key: Option<String>,
}

#[derive(Deserialize)]
struct Suite {
    suite: String,
}

#[derive(Deserialize)]
struct Folder {
    path: String,
}

/// The root and the suites that are meant: an address of one suite, as a browser shows it, is that of its root.
pub fn split(address: &str, suites: &[String]) -> (String, Vec<String>) {
    let trimmed = address.trim_end_matches('/');
    let address = if trimmed.is_empty() { address } else { trimmed };
    match address.split_once("/dists/") {
        Some((root, suite)) if suites.is_empty() && !suite.is_empty() => (root.to_owned(), vec![suite.to_owned()]),
        _ => (address.to_owned(), suites.to_vec()),
    }
}

/// What to look at: what `request` names, else what is found.
///
/// # Errors
/// [`ClientError`] where nothing is found, or what is named can be none.
pub fn look(server: &Server, request: &Request) -> Result<Found, ClientError> {
    let named = !request.suites.is_empty() || !request.yum.is_empty();
    for name in request.suites.iter().chain(&request.yum).filter(|name| !name.is_empty() && *name != ".") {
        if !is_plain(name) {
            return Err(ClientError::Name { name: harmless(name) });
        }
    }
    let mut found = Found { apt: request.suites.clone(), yum: request.yum.clone(), key: None };
    if named && request.keys.is_some() {
        return Ok(plain(found));
    }
    if let Some(hinted) = hint(server)? {
        found.key = hinted.key;
        if !named {
            (found.apt, found.yum) = (hinted.apt, hinted.yum);
        }
    } else if let Some(dir) = server.dir() {
        let seen = seen(dir);
        found.key = seen.key;
        if !named {
            (found.apt, found.yum) = (seen.apt, seen.yum);
        }
    } else if !named {
        match server.get("repodata/repomd.xml", MAX_REPOMD) {
            // Some servers answer everything with a page.
            Ok(bytes) if repomd::read(&String::from_utf8_lossy(&bytes)).is_ok() => found.yum.push(String::new()),
            Ok(_) | Err(Problem::Missing | Problem::TooLong { .. } | Problem::Status { status: 400 | 403 }) => {}
            Err(problem) => return Err(unreachable(server, "repodata/repomd.xml", problem)),
        }
    }
    if found.apt.len() + found.yum.len() > MOST_REPOSITORIES {
        return Err(ClientError::Many { address: server.shown().to_owned() });
    }
    match found.apt.is_empty() && found.yum.is_empty() {
        true => Err(ClientError::Nothing { address: server.shown().to_owned() }),
        false => Ok(plain(found)),
    }
}

/// Each once, in the order of their names, so that one that is named twice is not looked at twice.
fn plain(mut found: Found) -> Found {
    let folder = |path: String| if path == "." { String::new() } else { path };
    found.apt = found.apt.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    found.yum = found.yum.into_iter().map(folder).collect::<BTreeSet<_>>().into_iter().collect();
    found
}

/// The hint; `None` where there is none, or something else in its place.
fn hint(server: &Server) -> Result<Option<Found>, ClientError> {
    match server.get(HINT, MOST) {
        Ok(bytes) => Ok(read(&bytes)),
        // Servers that answer everything with a page, and those that hide what they do not know.
        Err(Problem::Missing | Problem::TooLong { .. } | Problem::Status { status: 400 | 403 }) => Ok(None),
        Err(problem) => Err(unreachable(server, HINT, problem)),
    }
}

fn read(bytes: &[u8]) -> Option<Found> {
    let hint: Hint = serde_json::from_slice(bytes).ok()?;
    if hint.form != FORM {
        return None;
    }
    let found = Found {
        apt: hint.apt.into_iter().map(|suite| suite.suite).collect(),
        yum: hint.yum.into_iter().map(|folder| folder.path).collect(),
        key: hint.key,
    };
    found.apt.iter().chain(&found.yum).chain(&found.key).all(|path| is_plain(path)).then_some(found)
}

/// What a folder holds, as channels lay it out.
fn seen(dir: &cap_std::fs::Dir) -> Found {
    let names = |path: &str| -> Vec<String> {
        let entries = dir.read_dir(path).into_iter().flatten().flatten().take(MOST_REPOSITORIES + 1);
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| is_plain(name)).collect()
    };
    let mut found = Found::default();
    for suite in names("dists") {
        // A suite may have several names, all but one of which are links.
        let is_link = dir.symlink_metadata(format!("dists/{suite}")).is_ok_and(|metadata| metadata.is_symlink());
        let lists = ["InRelease", "Release"].map(|list| dir.exists(format!("dists/{suite}/{list}")));
        if !is_link && lists.contains(&true) {
            found.apt.push(suite);
        }
    }
    let is_yum = |folder: &str| dir.exists(format!("{folder}repodata/repomd.xml"));
    if is_yum("") {
        found.yum.push(String::new());
    }
    for distro in names("rpm") {
        let arches = names(&format!("rpm/{distro}")).into_iter().map(|arch| format!("rpm/{distro}/{arch}"));
        found.yum.extend(arches.filter(|folder| is_yum(&format!("{folder}/"))));
    }
    let mut keys = names(".").into_iter().filter(|name| name.starts_with("opb-") && name.ends_with(".asc"));
    found.key = keys.next().filter(|_| keys.next().is_none());
    found
}

/// The key that is published beside the repositories.
///
/// # Errors
/// [`ClientError::NoKey`], [`ClientError::Key`].
pub fn key(server: &Server, found: &Found) -> Result<Keyring, ClientError> {
    let address = || server.shown().to_owned();
    let Some(place) = &found.key else { return Err(ClientError::NoKey { address: address() }) };
    let wrong = |why: String| ClientError::Key { address: address(), place: place.clone(), why };
    let bytes = match server.get(place, MOST) {
        Ok(bytes) => bytes,
        Err(problem) if problem.fault() == crate::diag::Cause::Environment => {
            return Err(unreachable(server, place, problem));
        }
        Err(problem) => return Err(wrong(problem.to_string())),
    };
    Keyring::of(bytes).map_err(|error| wrong(error.to_string()))
}

fn unreachable(server: &Server, place: &str, problem: Problem) -> ClientError {
    let help = miette::Diagnostic::help(&problem).map(|help| help.to_string()).unwrap_or_default();
    ClientError::Unreachable {
        address: server.shown().to_owned(),
        place: place.to_owned(),
        problem: problem.into(),
        help,
    }
}
