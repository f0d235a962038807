//! A YUM repository: `repomd.xml` with its signature, and all that it names.

use super::apt::{date_of, name, shown_date};
use super::fault::{Problem, harmless};
use super::indexes::{self, Content, Forms, Listed};
use super::memory::{self, Remembered};
use super::packages::{self, Seen};
use super::{ClientError, Kind, Looked, View};
use crate::digest::Sha256;
use crate::package::repodata::repomd::{self, MAX_REPOMD, Repomd};

/// The most bytes of a detached signature.
const MOST_SIGNATURE: u64 = 1 << 20;

/// From here on a revision is a time, in seconds since 1970: nobody has published so often.
const FIRST_TIME: i64 = 500_000_000;

/// Looks at the repository in `folder`. With what is wrong comes what is to be remembered; `None` where nothing could be
/// believed.
///
/// # Errors
/// None; as of suites.
#[expect(clippy::unnecessary_wraps, reason = "as of suites")]
pub fn look(view: &View<'_>, folder: &str, seen: &mut Seen) -> Result<(Looked, Option<Remembered>), ClientError> {
    let mut looked = Looked::new(Kind::Yum, folder);
    seen.begin();
    let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let place = format!("{below}repodata/repomd.xml");
    let Some(text) = believed(view, &place, &mut looked) else { return Ok((looked, None)) };
    looked.key_ends = view.ends(&looked.signers);
    let repomd = match repomd::read(&text) {
        Ok(repomd) => repomd,
        Err(error) => {
            looked.fault(place, Problem::Unreadable { why: harmless(&error.to_string()) });
            return Ok((looked, None));
        }
    };
    let revision = repomd.revision.parse::<i64>().ok();
    looked.date = revision.filter(|revision| *revision >= FIRST_TIME);
    date_of(view, &place, &mut looked);
    let before = view.before.repositories.get(&memory::key(&view.address, Kind::Yum, folder));
    let now = Remembered {
        date: revision,
        list: Sha256::of(text.as_bytes()),
        signers: looked.signers.clone(),
        packages: Default::default(),
    };
    let shown = |date: i64| if date >= FIRST_TIME { shown_date(date) } else { format!("revision {date}") };
    let given = view.request.keys.is_some();
    let mut now = memory::compare(&mut looked, &place, now, before, &shown, given);
    let wanted = forms(view, &repomd, &below, &mut looked);
    name(&mut looked, seen, indexes::read(&view.server, &wanted));
    now.packages = packages::look(view, &mut looked, seen, &now.packages);
    Ok((looked, Some(now)))
}

/// The text of `repomd.xml`, where a signature vouches for it.
fn believed(view: &View<'_>, place: &str, looked: &mut Looked) -> Option<String> {
    let bytes = match view.server.get(place, MAX_REPOMD) {
        Ok(bytes) => bytes,
        Err(problem) => {
            looked.fault(place, problem);
            return None;
        }
    };
    let beside = format!("{place}.asc");
    let signature = match view.server.get(&beside, MOST_SIGNATURE) {
        Ok(signature) => signature,
        Err(Problem::Missing) => {
            looked.fault(place, Problem::NotSigned);
            return None;
        }
        Err(problem) => {
            looked.fault(beside, problem);
            return None;
        }
    };
    match view.detached.verify_detached(&bytes, &signature) {
        Ok(signer) => looked.signers = vec![signer],
        Err(error) => {
            looked.fault(beside, Problem::Signature { why: harmless(&error.to_string()) });
            return None;
        }
    }
    let text = String::from_utf8(bytes).ok();
    if text.is_none() {
        looked.fault(place, Problem::Unreadable { why: "it is not UTF-8".to_owned() });
    }
    text
}

/// What `repomd.xml` names, each file by itself.
fn forms(view: &View<'_>, repomd: &Repomd, below: &str, looked: &mut Looked) -> Vec<Forms> {
    let primary = repomd.of_kind("primary").map(|file| file.path.clone());
    let mut all = Vec::new();
    for file in &repomd.files {
        let path = format!("{below}{}", file.path);
        let Some(sha256) = file.sha256 else {
            let place = format!("{below}repodata/repomd.xml");
            looked.fault(place, Problem::Weak { of: format!(" of `{}`", harmless(&file.kind)) });
            continue;
        };
        let size = match file.size.map_or_else(|| view.server.length(&path), Ok) {
            Ok(size) => size,
            Err(problem) => {
                looked.fault(path, problem);
                continue;
            }
        };
        let is_primary = primary.as_ref() == Some(&file.path);
        let content = if is_primary { Content::Primary(below.to_owned()) } else { Content::Other };
        let files = vec![Listed { path: path.clone(), sha256, size, by_hash: None }];
        all.push(Forms { stem: path, plain: None, files, content });
    }
    all
}
