//! Pins of sources in repositories: which commit a branch or tag means now, and what evaluation must know of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::update::UpdateError;
use crate::diag::Failure;
use crate::eval::weave::Asked;
use crate::exec::{Checkouts, NodeError};
use crate::family::deb::slim;
use crate::fetch::{CheckoutError, History, Tip};
use crate::lock::{CheckoutPin, NearestTag};
use crate::name::ComponentName;
use crate::path::TreePath;
use crate::project::is_spec;
use crate::remote::{Checkout, Follow};
use crate::settings::SourceRule;
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// The most bytes of a text of packaging.
const MAX_TEXT: u64 = 16 << 20;

/// The most bytes of what of it stands in the lock.
const MAX_PINNED: usize = 1 << 20;

/// The most specs that are read of one source.
const MAX_SPECS: usize = 20;

/// How many repositories are asked at once.
const AT_ONCE: usize = 8;

/// The most symbolic links on the way to a text.
const MAX_LINKS: usize = 40;

/// What is always looked for.
const USUAL: [&str; 3] = ["debian/control", "debian/changelog", "debian/source/format"];

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
        pins.retain(|checkout, _| wanted.contains_key(checkout));
        // Whoever follows the same has the same commit, whatever folder it takes.
        let mut groups: BTreeMap<_, Vec<&Checkout>> = BTreeMap::new();
        for checkout in wanted.keys() {
            groups.entry((checkout.system, &checkout.url, &checkout.follow)).or_default().push(checkout);
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
        let asked: Vec<(&Checkout, Checkout)> = unknown.map(|(group, _)| (group[0], self.meant(group[0]))).collect();
        let mut tips = tips(self.checkouts, &asked);
        for (group, known) in groups {
            let state = match (known, tips.remove(group[0])) {
                (Some(pin), _) => Ok(pin),
                (None, Some(tip)) => tip.and_then(|tip| self.now(&group, tip, pins, notices)),
                (None, None) => continue,
            };
            let state = match state {
                Ok(state) => state,
                // What has no release is left out by whoever builds releases alone.
                Err(failure) if self.meant(group[0]) != *group[0] && is_missing(&failure) => {
                    notices.push(format!("`{}` has no tag, so no release of it is pinned", group[0]));
                    group.iter().for_each(|checkout| drop(pins.remove(*checkout)));
                    continue;
                }
                Err(failure) => {
                    failed.push((group[0].to_string(), failure));
                    continue;
                }
            };
            for checkout in group {
                match self.filled(checkout, &state, pins.get(checkout), &wanted[checkout].0) {
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
        Ok(CheckoutPin { commit: tip.commit, found: tip.found, time, nearest, tree, texts, without })
    }

    /// A checkout with what it means here.
    fn meant(&self, checkout: &Checkout) -> Checkout {
        let release = if self.rule == SourceRule::Releases { checkout.at_release() } else { None };
        release.unwrap_or_else(|| checkout.clone())
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
        if let Some(known) = known.filter(|known| known.commit == state.commit) {
            let is_known = |path: &String| {
                USUAL.contains(&path.as_str()) || known.texts.contains_key(path) || known.without.contains(path)
            };
            if asked.texts.iter().all(is_known) {
                let (found, nearest) = (state.found.clone(), state.nearest.clone());
                return Ok(CheckoutPin { found, nearest, ..known.clone() });
            }
        }
        let tree = self.checkouts.tree(checkout, &state.commit, state.found.as_deref())?;
        let (mut texts, mut without) = (BTreeMap::new(), BTreeSet::new());
        let specs = tree.iter().map(|(path, _)| path.to_string()).filter(|path| is_spec(path)).take(MAX_SPECS);
        let usual = USUAL.iter().map(|path| (*path).to_owned());
        let all: BTreeSet<String> = usual.chain(asked.texts.iter().cloned()).chain(specs).collect();
        for path in all {
            match self.text(checkout, &tree, &path)? {
                Some(text) => drop(texts.insert(path, text)),
                None if USUAL.contains(&path.as_str()) => {}
                None => drop(without.insert(path)),
            }
        }
        Ok(CheckoutPin { tree: tree.digest(), texts, without, ..state.clone() })
    }

    /// What evaluation must know of the text at `path`; `None` where there is none.
    fn text(&self, checkout: &Checkout, tree: &Tree, path: &str) -> Result<Option<String>, Failure> {
        let Some((digest, size)) = file_at(tree, path) else { return Ok(None) };
        let unreadable = |why: String| NodeError::Unreadable { what: format!("`{path}` of `{checkout}`"), why };
        if size > MAX_TEXT {
            return Err(unreadable(format!("it has more than {MAX_TEXT} bytes")).into());
        }
        let bytes = self.store.read_object(digest, MAX_TEXT)?;
        // Entries of old times are in other encodings, and only the newest counts.
        let text = if path.ends_with("/changelog") {
            slim::changelog(&String::from_utf8_lossy(&bytes))
        } else {
            let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
            if path.ends_with("/control") { slim::control(&text) } else { text }
        };
        if text.len() > MAX_PINNED {
            return Err(unreadable(format!("more than {MAX_PINNED} bytes of it matter")).into());
        }
        Ok(Some(text))
    }
}

/// Whether a repository has not what was asked for.
fn is_missing(failure: &Failure) -> bool {
    matches!(failure.report.downcast_ref::<CheckoutError>(), Some(CheckoutError::NoReference { .. }))
}

/// The commits that these mean now, by what they are called; beside each what it means. Each repository answers in its own time, so several are asked at once.
fn tips<'c>(
    checkouts: &Checkouts<'_>,
    asked: &[(&'c Checkout, Checkout)],
) -> BTreeMap<&'c Checkout, Result<Tip, Failure>> {
    let (next, tips) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some((checkout, meant)) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tip = checkouts.tip(meant);
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

/// The file that `path` leads to: digest and size. Links lead where they lead in the source.
fn file_at(tree: &Tree, path: &str) -> Option<(crate::digest::Digest, u64)> {
    let mut at: Vec<&[u8]> = Vec::new();
    let mut rest: Vec<&[u8]> = path.as_bytes().rsplit(|byte| *byte == b'/').collect();
    let mut links = 0;
    while let Some(name) = rest.pop() {
        match name {
            b"" | b"." => continue,
            b".." => drop(at.pop()?),
            name => at.push(name),
        }
        if at.is_empty() {
            continue;
        }
        match tree.get(&TreePath::new(&at.join(&b'/')).ok()?)? {
            Entry::Folder => {}
            Entry::File { digest, size, .. } if rest.is_empty() => return Some((*digest, *size)),
            Entry::File { .. } => return None,
            Entry::Link { target } => {
                links += 1;
                if links > MAX_LINKS || target.starts_with(b"/") {
                    return None;
                }
                at.pop();
                rest.extend(target.rsplit(|byte| *byte == b'/'));
            }
        }
    }
    None
}

/// The beginning of a commit's id, for people.
fn short(commit: &str) -> &str {
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
    fn texts_are_found_through_links() {
        let mut tree = Tree::default();
        let file = |text: &[u8]| Entry::File { digest: Digest::of(text), size: 1, executable: false };
        let link = |target: &[u8]| Entry::Link { target: target.to_vec() };
        let entries = [
            ("pkg/control", file(b"control")),
            ("debian", link(b"pkg")),
            ("pkg/changelog", link(b"../CHANGES")),
            ("CHANGES", file(b"changes")),
            ("round", link(b"round")),
            ("out", link(b"../x")),
            ("absolute", link(b"/CHANGES")),
        ];
        for (path, entry) in entries {
            tree.insert_with_folders(path.parse().expect("a path"), entry).expect("fits");
        }
        let found = |path: &str| file_at(&tree, path).map(|(digest, _)| digest);
        assert_eq!(found("debian/control"), Some(Digest::of(b"control")));
        assert_eq!(found("debian/changelog"), Some(Digest::of(b"changes")));
        for none in ["debian", "pkg", "none", "round", "out", "absolute", "CHANGES/x"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn pins_are_shown_with_their_tags() {
        let mut pin = CheckoutPin {
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            found: None,
            time: 0,
            nearest: None,
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
