//! Which generations of a channel stay, and removing the others.
//!
//! What one that is removed had of packages that others name stays with those.

use std::collections::BTreeSet;

use super::shared::Channel;
use super::{Generation, collected, generation};
use crate::diag::Failure;
use crate::name::ChannelName;
use crate::store::Store;

/// How many generations stay: at least so many, all that are young enough, and all that late clients may still read of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// At least so many, the current one among them; at least 1.
    pub count: usize,
    /// All that were made in the last so many seconds.
    pub age: u64,
    /// All that were replaced in the last so many seconds.
    pub grace: u64,
}

/// What was removed, and what stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Numbers of generations that are gone, or would be, sorted.
    pub removed: Vec<u64>,
    /// How many stay.
    pub kept: usize,
}

/// Removes the generations of `channel` that need not stay; with `dry`, says which these are. `now` is in seconds since 1970.
///
/// # Errors
/// Where one cannot be read or removed. The current one is never touched.
pub fn prune(
    store: &Store,
    channel: &ChannelName,
    retention: Retention,
    now: i64,
    dry: bool,
) -> Result<Pruned, Failure> {
    let (dir, path) = (store.channel_dir(channel)?, store.channel_path(channel));
    let _lock = super::lock(&dir, &path)?;
    let Some(current) = generation::current_in(&dir, &path)? else { return Ok(Pruned::default()) };
    let place = Channel { store, dir: &dir, path: &path };
    if !dry {
        generation::sweep(place, Some(&current))?;
    }
    let all = generation::all(&dir, &path)?;
    let numbers: BTreeSet<u64> = all.iter().map(|generation| generation.number).collect();
    let removed = removable(&all, current.number, retention, now);
    if !dry {
        let (going, staying): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|generation| removed.contains(&generation.number));
        let names = staying.iter().rev().map(Generation::name).collect::<Vec<_>>();
        place.settle(&names, &going.iter().map(Generation::name).collect())?;
        for generation in &going {
            generation::remove(&dir, &path, generation)?;
        }
        collected::collect(place, &staying)?;
    }
    Ok(Pruned { kept: numbers.len() - removed.len(), removed })
}

/// Numbers of those that may go. `all` is sorted.
fn removable(all: &[Generation], current: u64, retention: Retention, now: i64) -> Vec<u64> {
    let within = |time: i64, seconds: u64| now.saturating_sub(time) < i64::try_from(seconds).unwrap_or(i64::MAX);
    let mut numbers: Vec<u64> = all.iter().map(|generation| generation.number).collect();
    numbers.dedup();
    let first_kept = numbers.len().saturating_sub(retention.count.max(1));
    let stays = |at: usize, number: u64| {
        let of = |number: u64| all.iter().find(|generation| generation.number == number);
        let made = of(number).is_none_or(|generation| within(generation.made, retention.age));
        let next = numbers.get(at + 1).and_then(|next| of(*next));
        let replaced = next.is_none_or(|next| within(next.made, retention.grace));
        number >= current || at >= first_kept || made || replaced
    };
    let gone = numbers.iter().enumerate().filter(|(at, number)| !stays(*at, **number));
    gone.map(|(_, number)| *number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::publish::Way;

    const DAY: i64 = 86_400;

    fn made(number: u64, day: i64) -> Generation {
        let digest = Digest::of(b"");
        Generation {
            number,
            envelope: 0,
            content: digest,
            about: digest,
            key: String::new(),
            date: day * DAY,
            made: day * DAY,
            valid_until: None,
            way: Way::Published,
            pins: None,
            parts: Vec::new(),
            late: None,
        }
    }

    #[test]
    fn what_is_old_and_many_goes() {
        let all: Vec<Generation> = (1..=10).map(|number| made(number, i64::try_from(number).expect("small"))).collect();
        let gone = |count: usize, age: u64, grace: u64, day: i64| {
            let day_seconds = 86_400;
            let retention = Retention { count, age: age * day_seconds, grace: grace * day_seconds };
            removable(&all, 10, retention, day * DAY)
        };
        assert_eq!(gone(3, 0, 0, 20), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(gone(0, 0, 0, 20), [1, 2, 3, 4, 5, 6, 7, 8, 9], "the current one stays");
        // Made on day 6 or later: younger than 5 days on day 10.
        assert_eq!(gone(1, 5, 0, 10), [1, 2, 3, 4, 5]);
        // Generation 5 was replaced on day 6, less than 5 days before day 10.
        assert_eq!(gone(1, 0, 5, 10), [1, 2, 3, 4]);
        assert_eq!(gone(99, 0, 0, 1_000), [0_u64; 0]);
        // One that is newer than the current one is nobody's business here.
        let retention = Retention { count: 1, age: 0, grace: 0 };
        assert_eq!(removable(&all, 4, retention, 100 * DAY), [1, 2, 3]);
    }
}
