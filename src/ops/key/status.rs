//! How keys are: until when they sign, for which channels, and what takes their place. And the warnings that come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nix::fcntl::FlockArg;
use serde::Serialize;
use zeroize::Zeroizing;

use super::kept::{AgentNote, How, Kept, Keys};
use super::{date, day, rotate, seconds};
use crate::diag::Failure;
use crate::name::ChannelName;
use crate::project::Project;
use crate::sign::{SignError, Unusable, may_end_by};

/// So long before its end a key is warned of, in seconds: time for a rotation and a holiday.
const WARNED: u64 = 60 * 86_400;

const DAY: u64 = 86_400;

/// How a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Signs for more than 60 days.
    Good,
    /// Ends within 60 days.
    Ending,
    /// Its time is over.
    Ended,
    /// May not sign for another reason.
    Unusable,
}

/// A key or its successor.
#[derive(Debug, Clone, Serialize)]
pub struct KeyState {
    /// Such as `ed25519` or `rsa3072`.
    pub kind: String,
    /// 40 upper-case hexadecimal digits.
    pub fingerprint: String,
    /// A file, or `gpg-agent`.
    pub kept: String,
    /// Whether a passphrase protects the file.
    pub passphrase: bool,
    /// When it was made, as `2026-11-29T12:00:00Z`.
    pub since: String,
    /// When its time is over; `None`: never, or it is unusable.
    pub ends: Option<String>,
    /// Whole days until then, below zero where that is past.
    pub days: Option<i64>,
    /// The same in words, such as `ends in 43 days, on 2027-01-11`.
    pub words: String,
    /// What follows from it.
    pub standing: Standing,
}

/// What there is to know of a key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyStatus {
    /// Its name.
    pub name: String,
    /// The key.
    #[serde(flatten)]
    pub state: KeyState,
    /// The project's channels that it signs, in order; empty outside of a project.
    pub channels: Vec<String>,
    /// What takes its place, while a rotation is on.
    pub successor: Option<Successor>,
}

/// A key that takes another's place.
#[derive(Debug, Clone, Serialize)]
pub struct Successor {
    /// The key.
    #[serde(flatten)]
    pub state: KeyState,
    /// The day from which on the rotation can be finished, as `2026-12-13`.
    pub finish_from: String,
}

impl KeyStatus {
    /// Whether nothing has to be done.
    pub fn is_fine(&self) -> bool {
        self.state.standing == Standing::Good
    }
}

/// How the key `name` is, or all that there are, by name. `start` is where a project is looked for, whose channels they sign.
///
/// # Errors
/// Where there is no such key, one cannot be read, or the project's `opb.toml` cannot.
pub fn status(name: Option<&ChannelName>, start: &Path) -> Result<Vec<KeyStatus>, Failure> {
    let channels = match Project::find(start) {
        Ok(_) => channels(&Project::open(start)?),
        Err(_) => BTreeMap::new(),
    };
    let keys = if name.is_some() { Some(Keys::open_or_create()?) } else { Keys::open()? };
    let Some(keys) = keys else { return Ok(Vec::new()) };
    let _lock = keys.lock(FlockArg::LockExclusive)?;
    let names = match name {
        Some(name) => vec![name.clone()],
        None => keys.names()?,
    };
    let mut all = Vec::new();
    for name in names {
        let pair = keys.pair(&name)?;
        let successor = match &pair.next {
            Some(next) => {
                let finish_from = day(rotate::ready(next, &next.public()?));
                Some(Successor { state: state(&keys, &name, next)?, finish_from })
            }
            None => None,
        };
        let signs = channels.get(&name).into_iter().flatten().map(ToString::to_string).collect();
        all.push(KeyStatus {
            name: name.to_string(),
            state: state(&keys, &name, &pair.main)?,
            channels: signs,
            successor,
        });
    }
    Ok(all)
}

fn state(keys: &Keys, name: &ChannelName, kept: &Kept) -> Result<KeyState, Failure> {
    let (public, now) = (kept.public()?, seconds());
    let (ends, refused) = match public.ends(now) {
        Ok(ends) => (ends, None),
        Err(SignError::Unusable { reason, .. }) => (None, Some(reason)),
        Err(error) => return Err(error.into()),
    };
    // gpg is asked for it here, so what warnings go by is renewed on the way.
    if let How::Agent(note) = &kept.how
        && note.ends != ends
    {
        keys.write_note(&kept.stem, &AgentNote { ends, ..note.clone() })?;
    }
    let info = keys.info(name, kept, &public)?;
    Ok(KeyState {
        kind: public.kind(),
        fingerprint: info.fingerprint,
        kept: info.kept,
        passphrase: kept.is_locked(),
        since: date(public.since()),
        ends: ends.map(date),
        days: ends.map(|ends| days(ends, now)),
        words: words(ends, refused.as_ref(), now),
        standing: standing(ends, refused.as_ref(), now),
    })
}

fn standing(ends: Option<u64>, refused: Option<&Unusable>, now: u64) -> Standing {
    match (refused, ends) {
        (Some(_), _) => Standing::Unusable,
        (None, Some(ends)) if ends <= now => Standing::Ended,
        (None, Some(ends)) if ends - now <= WARNED => Standing::Ending,
        _ => Standing::Good,
    }
}

/// Whole days from `now` to `ends`, below zero where that is past.
fn days(ends: u64, now: u64) -> i64 {
    let whole = i64::try_from(ends.abs_diff(now) / DAY).unwrap_or(i64::MAX);
    if ends < now { -whole } else { whole }
}

/// What a key's end means to somebody who reads it today.
fn words(ends: Option<u64>, refused: Option<&Unusable>, now: u64) -> String {
    match (refused, ends) {
        (Some(reason), _) => format!("may not sign: it {reason}"),
        (None, None) => "does not end".to_owned(),
        (None, Some(ends)) => format!("{}, on {}", left(ends, now), day(ends)),
    }
}

/// `ends in 43 days`, `ended 3 days ago`.
fn left(ends: u64, now: u64) -> String {
    let count = |days: u64| if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let whole = ends.abs_diff(now) / DAY;
    match (ends <= now, whole) {
        (true, 0) => "ended within the last day".to_owned(),
        (true, days) => format!("ended {} ago", count(days)),
        (false, 0) => "ends within a day".to_owned(),
        (false, days) => format!("ends in {}", count(days)),
    }
}

/// The channels of a project by the name of the key that signs them.
fn channels(project: &Project) -> BTreeMap<ChannelName, BTreeSet<ChannelName>> {
    let mut channels: BTreeMap<ChannelName, BTreeSet<ChannelName>> = BTreeMap::new();
    for (channel, settings) in &project.settings.channel {
        let key = settings.key.as_ref().unwrap_or(channel);
        channels.entry(key.clone()).or_default().insert(channel.clone());
    }
    channels
}

/// What is to be said of the keys that sign a project's channels: which ends within 60 days or has ended, and what to run.
///
/// Reads their files and asks nobody, neither gpg nor for a passphrase: of a key of gpg-agent it goes by what was known when it was
/// taken, or shown by `opb key status`. What cannot be read is said by whoever needs it, not here.
pub fn warnings(project: &Project) -> Vec<String> {
    let Ok(Some(keys)) = Keys::open() else { return Vec::new() };
    channels(project).keys().filter_map(|name| warning(&keys, name)).collect()
}

fn warning(keys: &Keys, name: &ChannelName) -> Option<String> {
    let now = seconds();
    // Nearly always that is all: to read the key takes longer than a build with nothing to do.
    let glanced = keys.folder.read(&format!("{name}.key")).map(Zeroizing::new);
    if glanced.is_ok_and(|file| !may_end_by(&file, now.saturating_add(WARNED))) {
        return None;
    }
    let pair = keys.find(name).ok()??;
    let ends = end(&pair.main, now)?;
    if ends > now.saturating_add(WARNED) {
        return None;
    }
    let run = match &pair.next {
        None => format!("run `opb key rotate {name}`"),
        Some(next) => {
            let ready = match &next.how {
                How::File(file) => rotate::ready(next, &file.public_key()),
                How::Agent(note) => note.taken.map_or(now, |taken| taken.saturating_add(rotate::OVERLAP)),
            };
            // While both sign and the old one lasts, there is nothing to do but to wait.
            if now < ready && ready < ends {
                return None;
            }
            format!("run `opb key rotate {name} --finish`")
        }
    };
    Some(format!("the key `{name}` {}: {run}", left(ends, now)))
}

fn end(kept: &Kept, now: u64) -> Option<u64> {
    match &kept.how {
        How::File(file) => file.public_key().ends(now).ok()?,
        How::Agent(note) => note.ends,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_in_words() {
        let now = 1_795_957_200;
        let shown = |ends: Option<u64>| (words(ends, None, now), standing(ends, None, now));
        let said = |text: &str, standing| (text.to_owned(), standing);
        assert_eq!(shown(None), said("does not end", Standing::Good));
        assert_eq!(shown(Some(now + 61 * DAY)), said("ends in 61 days, on 2027-01-29", Standing::Good));
        assert_eq!(shown(Some(now + 60 * DAY)), said("ends in 60 days, on 2027-01-28", Standing::Ending));
        assert_eq!(shown(Some(now + DAY)), said("ends in 1 day, on 2026-11-30", Standing::Ending));
        assert_eq!(shown(Some(now + 1)), said("ends within a day, on 2026-11-29", Standing::Ending));
        assert_eq!(shown(Some(now)), said("ended within the last day, on 2026-11-29", Standing::Ended));
        assert_eq!(shown(Some(now - 3 * DAY)), said("ended 3 days ago, on 2026-11-26", Standing::Ended));
        let revoked = Some(&Unusable::Revoked);
        assert_eq!(words(Some(now + 1), revoked, now), "may not sign: it is revoked");
        assert_eq!(standing(Some(now + 1), revoked, now), Standing::Unusable);
        assert_eq!((days(now + 3 * DAY - 1, now), days(now - 3 * DAY - 1, now)), (2, -3));
    }
}
