//! A suite of an APT repository: `InRelease`, `Release` with `Release.gpg`, and all that these name.

use jiff::Timestamp;

use super::fault::{Problem, harmless};
use super::indexes::{self, Content, Forms, Listed};
use super::memory::{self, Remembered};
use super::packages::{self, Seen};
use super::{ClientError, Kind, Looked, View};
use crate::diag::{Cause, Caused as _};
use crate::digest::Sha256;
use crate::fetch::{Release, parse_release};
use crate::sign::{VerifyError, verify_inrelease};

/// The most bytes of a list. Debian's are about 150 KB.
const MOST_LIST: u64 = 16 << 20;

/// The most bytes of a detached signature.
const MOST_SIGNATURE: u64 = 1 << 20;

/// How many indexes that do not come are told by name: they say the same of the server.
const MOST_FAILURES_TOLD: usize = 5;

/// How far in the future a date may be, in seconds: apt's own `Acquire::Max-FutureTime`.
pub const CLOCK_SKEW: i64 = 10;

/// Looks at one suite. With what is wrong comes what is to be remembered; `None` where nothing could be believed.
///
/// # Errors
/// Where this machine cannot check signatures.
pub fn look(view: &View<'_>, suite: &str, seen: &mut Seen) -> Result<(Looked, Option<Remembered>), ClientError> {
    let mut looked = Looked::new(Kind::Apt, suite);
    seen.begin();
    let base = format!("dists/{suite}");
    let Some((place, text)) = believed(view, &base, &mut looked)? else { return Ok((looked, None)) };
    looked.key_ends = view.ends(&looked.signers);
    let Some(release) = read(&text, suite, &place, &mut looked) else { return Ok((looked, None)) };
    let date = release.date.1.as_second();
    looked.date = Some(date);
    looked.valid_until = release.valid_until.as_ref().map(|(_, until)| until.as_second());
    dates(view, &place, &mut looked);
    let before = view.before.repositories.get(&memory::key(&view.address, Kind::Apt, suite));
    let now = Remembered {
        date: Some(date),
        list: Sha256::of(text.as_bytes()),
        signers: looked.signers.clone(),
        packages: Default::default(),
    };
    let given = view.request.keys.is_some();
    let mut now = memory::compare(&mut looked, &place, now, before, &shown_date, given);
    let wanted = forms(&release, &base);
    name(&mut looked, seen, indexes::read(&view.server, &wanted));
    now.packages = packages::look(view, &mut looked, seen, &now.packages);
    Ok((looked, Some(now)))
}

/// The list's path and text, where a signature vouches for it. Both forms have to be right where they are there, and to say the
/// same.
fn believed(view: &View<'_>, base: &str, looked: &mut Looked) -> Result<Option<(String, String)>, ClientError> {
    let [clear, plain, detached] = ["InRelease", "Release", "Release.gpg"].map(|name| format!("{base}/{name}"));
    let mut get = |path: &str, most: u64| match view.server.get(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Problem::Missing) => Ok(None),
        Err(problem) => {
            looked.fault(path, problem);
            Err(())
        }
    };
    let Ok(clear_bytes) = get(&clear, MOST_LIST) else { return Ok(None) };
    let Ok(plain_bytes) = get(&plain, MOST_LIST) else { return Ok(None) };
    let Ok(signature) = get(&detached, MOST_SIGNATURE) else { return Ok(None) };
    let now = u64::try_from(view.request.now).unwrap_or(0);
    let mut found: Option<(String, String)> = None;
    match &clear_bytes {
        Some(bytes) => match verify_inrelease(bytes, view.keys, now) {
            Ok(verified) => {
                looked.signers = verified.signers;
                found = Some((clear, verified.text));
            }
            Err(error @ (VerifyError::NoTool | VerifyError::Run { .. } | VerifyError::Keyring { .. })) => {
                return Err(error.into());
            }
            Err(VerifyError::NotSigned) => looked.fault(clear, Problem::NotSigned),
            Err(error) => {
                let why = error.to_string();
                let why = harmless(why.strip_prefix("checking a signature: ").unwrap_or(&why));
                looked.fault(clear, Problem::Signature { why });
            }
        },
        None if plain_bytes.is_none() => {
            looked.fault(clear, Problem::Missing);
            return Ok(None);
        }
        None => {}
    }
    let Some(text) = plain_bytes else {
        if signature.is_some() {
            looked.fault(plain, Problem::Missing);
        }
        return Ok(found);
    };
    match signature {
        Some(signature) => match view.detached.verify_detached(&text, &signature) {
            Ok(signer) => {
                if found.is_none() {
                    looked.signers = vec![signer];
                }
                let text = String::from_utf8_lossy(&text).into_owned();
                match &found {
                    Some((_, clear)) if !same(clear, &text) => looked.fault(plain, Problem::Differs),
                    Some(_) => {}
                    // One that is damaged beside one that is not: clients that read this one go on.
                    None if clear_bytes.is_none() => found = Some((plain, text)),
                    None => {}
                }
            }
            Err(error) => {
                looked.fault(detached, Problem::Signature { why: harmless(&error.to_string()) });
            }
        },
        None => match &found {
            Some((_, clear)) if !same(clear, &String::from_utf8_lossy(&text)) => looked.fault(plain, Problem::Differs),
            Some(_) => {}
            None if clear_bytes.is_none() => looked.fault(plain, Problem::NotSigned),
            None => {}
        },
    }
    Ok(found)
}

/// Whether two texts are the same but for white space at the ends of lines, which a clear signature leaves out.
fn same(one: &str, other: &str) -> bool {
    let lines = |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines(one) == lines(other)
}

fn read(text: &str, suite: &str, place: &str, looked: &mut Looked) -> Option<Release> {
    let has = |field: &str| {
        text.lines().any(|line| line.get(..field.len()).is_some_and(|start| start.eq_ignore_ascii_case(field)))
    };
    if !has("SHA256:") && (has("MD5Sum:") || has("SHA1:")) {
        looked.fault(place, Problem::Weak { of: String::new() });
        return None;
    }
    match parse_release(text, suite) {
        Ok(release) => Some(release),
        Err(error) => {
            looked.fault(place, Problem::Unreadable { why: harmless(&error.to_string()) });
            None
        }
    }
}

/// Whether its dates are right at this time.
fn dates(view: &View<'_>, place: &str, looked: &mut Looked) {
    date_of(view, place, looked);
    if let Some(until) = looked.valid_until.filter(|until| *until < view.request.now) {
        looked.fault(place, Problem::Expired { until: shown_date(until) });
    }
}

/// Whether the date of a list is neither in the future nor too old.
pub fn date_of(view: &View<'_>, place: &str, looked: &mut Looked) {
    let (now, Some(date)) = (view.request.now, looked.date) else { return };
    if date > now.saturating_add(CLOCK_SKEW) {
        looked.fault(place, Problem::Future { date: shown_date(date) });
    }
    if let Some(most) = view.request.max_age.filter(|most| now.saturating_sub(date) > *most) {
        looked.fault(place, Problem::Old { date: shown_date(date), most: age(most) });
    }
}

/// Such as `2026-11-21 10:00:00 UTC`.
pub fn shown_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Such as `7 days`.
fn age(seconds: i64) -> String {
    let (number, word) = match seconds {
        ..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// What a list names, the forms of one file together.
fn forms(release: &Release, base: &str) -> Vec<Forms> {
    let mut all: std::collections::BTreeMap<String, Forms> = std::collections::BTreeMap::new();
    for (path, (sha256, size)) in &release.files {
        let stem = [".xz", ".gz", ".zst", ".lzma", ".bz2"].iter().find_map(|ending| path.strip_suffix(ending));
        let stem = stem.unwrap_or(path);
        let (folder, file) = stem.rsplit_once('/').unwrap_or(("", stem));
        let content = match file {
            "Packages" => Content::Packages,
            "Sources" => Content::Sources,
            _ => Content::Other,
        };
        let slash = if folder.is_empty() { "" } else { "/" };
        let by_hash = release.acquire_by_hash.then(|| format!("{base}/{folder}{slash}by-hash/SHA256/{sha256}"));
        let forms = all.entry(stem.to_owned()).or_default();
        forms.stem = format!("{base}/{stem}");
        forms.content = content;
        if stem == path {
            forms.plain = Some((*sha256, *size));
        }
        forms.files.push(Listed { path: format!("{base}/{path}"), sha256: *sha256, size: *size, by_hash });
    }
    // The smallest form that can be unpacked is read for what is in it; the plain one comes last.
    for forms in all.values_mut() {
        let stem = forms.stem.clone();
        forms.files.sort_by_key(|file| (file.path.ends_with(".bz2"), file.path == stem, file.size));
    }
    all.into_values().collect()
}

/// Counts what came of indexes, tells what is wrong with them, and notes the packages that they name.
pub fn name(looked: &mut Looked, seen: &mut Seen, read: Vec<indexes::Outcome>) {
    let mut failures = 0_usize;
    for outcome in read {
        looked.indexes += outcome.good;
        for (place, problem) in outcome.wrong {
            failures += usize::from(problem.fault() == Cause::Environment);
            if problem.fault() == Cause::Environment && failures > MOST_FAILURES_TOLD {
                looked.more_faults += 1;
            } else {
                looked.fault(place, problem);
            }
        }
        for (path, named) in outcome.named {
            if let Err(problem) = seen.name(path.clone(), named) {
                looked.fault(path, problem);
            }
        }
    }
}
