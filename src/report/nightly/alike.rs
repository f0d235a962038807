//! What is told once although it happened in many places: nodes of one component that fail alike, and packages of one name that
//! changed alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::night::{Failing, Published};

/// Nodes that fail alike.
#[derive(Debug)]
pub(super) struct Alike<'a> {
    /// `build:libmd`.
    pub subject: &'a str,
    /// Where, as `debian-12/amd64`, in the order of the record; empty of nodes that belong to no place.
    pub places: Vec<&'a str>,
    /// The first of them.
    pub first: &'a Failing,
    /// How many nodes did not run because of them.
    pub not_run: u64,
}

/// Failing nodes, those together that differ only in where they are; in the order of the first of each.
pub(super) fn alike<'a>(failing: impl Iterator<Item = &'a Failing>) -> Vec<Alike<'a>> {
    let mut groups: Vec<Alike<'a>> = Vec::new();
    let mut known: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for one in failing {
        let (subject, place) = one.node.split_once('@').unwrap_or((&one.node, ""));
        let at = *known.entry((subject, message(one, place))).or_insert_with(|| {
            groups.push(Alike { subject, places: Vec::new(), first: one, not_run: 0 });
            groups.len() - 1
        });
        groups[at].places.extend(Some(place).filter(|place| !place.is_empty()));
        groups[at].not_run = groups[at].not_run.saturating_add(one.not_run);
    }
    groups
}

/// A message without what tells where it is from.
fn message(failing: &Failing, place: &str) -> String {
    let message = failing.message.replace(&failing.node, "");
    if place.is_empty() { message } else { message.replace(place, "") }
}

/// Packages of one name that came, went or changed in one channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed<'a> {
    /// The package.
    pub name: &'a str,
    /// What their versions before have in common; `None`: they came.
    pub before: Option<String>,
    /// What their versions now have in common; `None`: they went.
    pub after: Option<String>,
    /// How many packages.
    pub packages: usize,
    /// The distros, sorted.
    pub distros: BTreeSet<&'a str>,
}

/// A group in the making, with the versions before and now.
type Group<'a> = (Changed<'a>, [BTreeSet<&'a str>; 2]);

/// What changed in a channel, by name; source packages are left out.
pub(super) fn changed(published: &Published) -> Vec<Changed<'_>> {
    let mut groups: BTreeMap<(&str, bool, bool), Group<'_>> = BTreeMap::new();
    for change in published.changes.iter().filter(|change| change.arch != "source") {
        let key = (change.name.as_str(), change.before.is_some(), change.after.is_some());
        let name = change.name.as_str();
        let new =
            || (Changed { name, before: None, after: None, packages: 0, distros: BTreeSet::new() }, Default::default());
        let (group, [before, after]) = groups.entry(key).or_insert_with(new);
        group.packages += 1;
        group.distros.insert(change.distro.as_str());
        before.extend(change.before.as_deref());
        after.extend(change.after.as_deref());
    }
    let groups = groups.into_values();
    groups.map(|(group, [before, after])| Changed { before: common(&before), after: common(&after), ..group }).collect()
}

/// What versions have in common: the only one, or what all begin with, up to a sign that parts it from what is each distro's
/// own: `1.0-1~…`. `None` where there are none.
pub(super) fn common(versions: &BTreeSet<&str>) -> Option<String> {
    let (first, last) = (versions.first()?, versions.last()?);
    if versions.len() == 1 {
        return Some((*first).to_owned());
    }
    // They are sorted: what the first and the last begin with, all do.
    let same = std::iter::zip(first.char_indices(), last.chars()).find(|((_, one), other)| one != other);
    let same = same.map_or(first.len().min(last.len()), |((at, _), _)| at);
    let parted = first[..same].rfind(['~', '+', '-', '.', ':']).map_or(0, |at| at + 1);
    Some(match parted {
        0 => format!("{} versions", versions.len()),
        parted => format!("{}…", &first[..parted]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_many_distros_in_one() {
        let of = |versions: &[&str]| common(&versions.iter().copied().collect()).unwrap_or_default();
        assert_eq!(of(&["1.0-1~deb12+opb1"]), "1.0-1~deb12+opb1");
        assert_eq!(of(&["1.0-1~deb12+opb1", "1.0-1~deb13+opb1", "1.0-1~ubuntu24.04+opb2"]), "1.0-1~…");
        assert_eq!(of(&["1.0-1", "2.0-1"]), "2 versions");
        assert_eq!(of(&["1.2", "1.2.1"]), "1.…");
        assert_eq!(of(&["é1", "é2"]), "2 versions");
        assert_eq!(common(&BTreeSet::new()), None);
    }
}
