//! Pins of sources in repositories: which commit a branch or tag means now, and what evaluation must know of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::update::UpdateError;
use super::releases::carry;
use super::texts::{are_known, texts};
use crate::diag::Failure;
use crate::eval::weave::Asked;
use crate::exec::Checkouts;
use crate::fetch::{CheckoutError, History, Tip, newest_release};
use crate::lock::{CheckoutPin, NearestTag};
use crate::name::ComponentName;
use crate::remote::{Checkout, Follow};
use crate::settings::SourceRule;
use crate::store::Store;
use crate::tree::Tree;

/// How many repositories are asked at once.
const AT_ONCE: usize = 8;

/// What recipes take of repositories, each with what they ask it for and the components that do.
pub(in crate::ops) type Wanted = BTreeMap<Checkout, (Asked, Vec<ComponentName>)>;

/// Makes pins of checkouts.
pub(in crate::ops) struct Pinning<'a> {
    pub checkouts: &'a Checkouts<'a>,
    pub store: &'a Store,
    /// Whether what these components take is looked up again.
    pub again: &'a dyn Fn(&[ComponentName]) -> bool,
    /// Whether a tag may mean another commit than it did.
    pub moved_tags: bool,
    /// Whether a branch may have been rewritten; if not, its pin stays.
    pub rewritten: bool,
    /// Which commit is meant where a recipe names none.
    pub rule: SourceRule,
    /// The pins of before that are the lock's own: one that follows another lock has no history of its own.
    pub own: &'a BTreeMap<Checkout, CheckoutPin>,
    /// Whether versions that come from tags may go down.
    pub lower_versions: bool,
}

impl Pinning<'_> {
    /// Brings the pins to what is wanted; says what could not be had, and what people should know.
    pub fn pin(
        &self,
        pins: &mut BTreeMap<Checkout, CheckoutPin>,
        wanted: &Wanted,
        failed: &mut Vec<(String, Failure)>,
        notices: &mut Vec<String>,
    ) {
        carry(pins, wanted);
        pins.retain(|checkout, _| wanted.contains_key(checkout));
        // Whoever follows the same has the same commit, whatever folder it takes.
        let mut groups: BTreeMap<_, Vec<&Checkout>> = BTreeMap::new();
        for checkout in wanted.keys() {
            let meant = self.meant(checkout);
            // Which of its tags is the newest release, only the recipe says.
            let versions = checkout.versions.as_ref().filter(|_| meant != *checkout);
            groups.entry((checkout.system, &checkout.url, meant.follow, versions)).or_default().push(checkout);
        }
        let stays = |group: &Vec<&Checkout>| {
            let moves = group.iter().any(|checkout| (self.again)(&wanted[*checkout].1));
            let mut pinned = group.iter().filter_map(|checkout| pins.get(*checkout));
            if moves { None } else { pinned.next().cloned() }
        };
        let groups: Vec<(Vec<&Checkout>, Option<CheckoutPin>)> = groups
            .into_values()
            .map(|group| {
                let known = stays(&group);
                (group, known)
            })
            .collect();
        let unknown = groups.iter().filter(|(_, known)| known.is_none());
        let asked: Vec<&Checkout> = unknown.map(|(group, _)| group[0]).collect();
        let mut tips = tips(self.checkouts, &asked, self.rule);
        for (group, known) in groups {
            let mut asked = None;
            let state = match (known, tips.remove(group[0])) {
                (Some(pin), _) => Ok(pin),
                (None, Some(tip)) => tip.and_then(|tip| {
                    asked = Some(tip.clone());
                    self.now(&group, tip, pins, notices)
                }),
                (None, None) => continue,
            };
            let state = match state {
                Ok(state) => state,
                // What has no release is left out by whoever builds releases alone.
                Err(failure) if self.meant(group[0]) != *group[0] && is_missing(&failure) => {
                    let meant =
                        group[0].versions.as_ref().map(|versions| format!(" that `{}` means", versions.pattern()));
                    let meant = meant.unwrap_or_default();
                    notices.push(format!("`{}` has no tag{meant}, so no release of it is pinned", group[0]));
                    group.iter().for_each(|checkout| drop(pins.remove(*checkout)));
                    continue;
                }
                Err(failure) => {
                    failed.push((group[0].to_string(), failure));
                    continue;
                }
            };
            for checkout in group {
                let known = pins.get(checkout);
                let made = self.filled(checkout, &state, known, &wanted[checkout].0).and_then(|pin| {
                    let release = self.release(checkout, (&pin, known), asked.as_ref(), notices)?;
                    let pin = CheckoutPin { release, ..pin };
                    self.goes_up(checkout, &pin, &|other| !wanted.contains_key(other))?;
                    Ok(pin)
                });
                match made {
                    Ok(pin) => drop(pins.insert(checkout.clone(), pin)),
                    Err(failure) => failed.push((checkout.to_string(), failure)),
                }
            }
        }
    }

    /// What a group of checkouts means now: a pin without what it says of files.
    fn now(
        &self,
        group: &[&Checkout],
        tip: Tip,
        pins: &BTreeMap<Checkout, CheckoutPin>,
        notices: &mut Vec<String>,
    ) -> Result<CheckoutPin, Failure> {
        let first = &self.meant(group[0]);
        let before = group.iter().find_map(|checkout| pins.get(*checkout));
        if let Some(before) = before {
            self.tag_stays(first, &tip, before)?;
            if before.commit == tip.commit && before.found == tip.found {
                return Ok(before.clone());
            }
        }
        let earlier = before.map(|before| before.commit.as_str()).filter(|id| *id != tip.commit);
        let History { time, nearest, descends } = self.checkouts.history(first, &tip, earlier)?;
        if let (Some(false), Some(earlier)) = (descends, earlier)
            && before.is_some_and(|before| before.found == tip.found)
        {
            if !self.rewritten {
                let before = short(earlier).to_owned();
                return Err(UpdateError::Rewritten { checkout: group[0].to_string(), before }.into());
            }
            let branch = tip.found.as_deref().map_or("HEAD", |found| found.trim_start_matches("refs/heads/"));
            notices.push(format!(
                "the branch `{branch}` of `{}` was rewritten: the commit {} that was pinned is not part of it any more",
                first.url,
                short(earlier)
            ));
        }
        let nearest = nearest.map(|(name, distance)| NearestTag { name, distance });
        let (texts, without) = (BTreeMap::new(), BTreeSet::new());
        let tree = Tree::default().digest();
        let (commit, found, release) = (tip.commit, tip.found, None);
        Ok(CheckoutPin { commit, found, time, nearest, release, tree, texts, without })
    }

    fn meant(&self, checkout: &Checkout) -> Checkout {
        meant(checkout, self.rule)
    }

    /// A tag that was pinned means what it meant, or people have said that it may not.
    fn tag_stays(&self, checkout: &Checkout, tip: &Tip, before: &CheckoutPin) -> Result<(), UpdateError> {
        let Follow::Tag(_) = &checkout.follow else { return Ok(()) };
        // A pin may have been taken over from where the tip of a branch is followed.
        let Some(found) = before.found.as_deref().filter(|found| found.starts_with("refs/tags/")) else {
            return Ok(());
        };
        match tip.refs.get(found) {
            Some(now) if *now != before.commit && !self.moved_tags => Err(UpdateError::MovedTag {
                checkout: checkout.to_string(),
                tag: found.trim_start_matches("refs/tags/").to_owned(),
                before: short(&before.commit).to_owned(),
                now: short(now).to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The pin of a checkout at the commit of `state`. What is known of it already is not read again.
    fn filled(
        &self,
        checkout: &Checkout,
        state: &CheckoutPin,
        known: Option<&CheckoutPin>,
        asked: &Asked,
    ) -> Result<CheckoutPin, Failure> {
        if let Some(known) = known.filter(|known| known.commit == state.commit)
            && are_known(asked, &known.texts, &known.without)
        {
            let (found, nearest) = (state.found.clone(), state.nearest.clone());
            return Ok(CheckoutPin { found, nearest, ..known.clone() });
        }
        let tree = self.checkouts.tree(checkout, &state.commit, state.found.as_deref())?;
        let (texts, without) = texts(self.store, checkout, &tree, asked)?;
        Ok(CheckoutPin { tree: tree.digest(), texts, without, ..state.clone() })
    }
}

/// Whether a repository has not what was asked for.
fn is_missing(failure: &Failure) -> bool {
    matches!(failure.report.downcast_ref::<CheckoutError>(), Some(CheckoutError::NoReference { .. }))
}

/// A checkout with what it means by `rule`.
fn meant(checkout: &Checkout, rule: SourceRule) -> Checkout {
    let release = if rule == SourceRule::Releases { checkout.at_release() } else { None };
    release.unwrap_or_else(|| checkout.clone())
}

/// The commits that these mean now. Each repository answers in its own time, so several are asked at once.
fn tips<'c>(
    checkouts: &Checkouts<'_>,
    asked: &[&'c Checkout],
    rule: SourceRule,
) -> BTreeMap<&'c Checkout, Result<Tip, Failure>> {
    let (next, tips) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(checkout) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tip = tip(checkouts, checkout, rule);
            tips.lock().unwrap_or_else(PoisonError::into_inner).insert(*checkout, tip);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(asked.len()) {
            scope.spawn(work);
        }
        work();
    });
    tips.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The commit that a checkout means: of releases whose versions come from tags, the one with the newest version.
fn tip(checkouts: &Checkouts<'_>, checkout: &Checkout, rule: SourceRule) -> Result<Tip, Failure> {
    let meant = meant(checkout, rule);
    let tip = checkouts.tip(&meant)?;
    let Some(versions) = checkout.versions.as_ref().filter(|_| meant != *checkout) else { return Ok(tip) };
    Ok(newest_release(&checkout.url, versions, &tip)?.unwrap_or(tip))
}

/// The beginning of a commit's id, for people.
pub(super) fn short(commit: &str) -> &str {
    &commit[..commit.len().min(12)]
}

/// A pin for people: its commit, and the tag that it has come from.
pub(in crate::ops) fn shown(pin: &CheckoutPin) -> String {
    let commit = short(&pin.commit);
    match &pin.nearest {
        None => commit.to_owned(),
        Some(NearestTag { name, distance: 0 }) => format!("{commit} ({name})"),
        Some(NearestTag { name, distance: 1 }) => format!("{commit} ({name} and 1 commit)"),
        Some(NearestTag { name, distance }) => format!("{commit} ({name} and {distance} commits)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn pins_are_shown_with_their_tags() {
        let mut pin = CheckoutPin {
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            found: None,
            time: 0,
            nearest: None,
            release: None,
            tree: Digest::of(b""),
            texts: BTreeMap::new(),
            without: BTreeSet::new(),
        };
        assert_eq!(shown(&pin), "0123456789ab");
        let mut with = |distance| {
            pin.nearest = Some(NearestTag { name: "v1".to_owned(), distance });
            shown(&pin)
        };
        assert_eq!(
            [with(0), with(1), with(2)],
            ["0123456789ab (v1)", "0123456789ab (v1 and 1 commit)", "0123456789ab (v1 and 2 commits)"]
        );
    }
}
