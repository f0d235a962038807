//! All packages of one target, sorted for look-up: made once, shared by all questions about that target.

use std::collections::BTreeMap;

use super::SolveError;
use crate::package::index::IndexEntry;
use crate::package::list::Listed;
use crate::package::relation::{Operator, Relations};
use crate::package::version::Version;

/// All packages that the suites of a target have.
#[derive(Debug)]
pub struct Universe {
    arch: String,
    /// Sorted by name; of one name the newest first, then by suite.
    entries: Vec<IndexEntry>,
    /// Of each virtual name the newest packages that provide it, as places in `entries`.
    providers: BTreeMap<String, Vec<(usize, Option<Version>)>>,
}

impl Universe {
    /// The packages for `arch` (and `all`) of these suites, in the order in which suites are asked: where two have one
    /// version, the first one's file is taken; otherwise the newest version wins.
    ///
    /// # Errors
    /// [`SolveError::Relation`] for a `Provides` that cannot be read.
    pub fn new(arch: &str, suites: Vec<Vec<IndexEntry>>) -> Result<Self, SolveError> {
        let mut placed: Vec<(usize, IndexEntry)> = Vec::with_capacity(suites.iter().map(Vec::len).sum());
        for (suite, entries) in suites.into_iter().enumerate() {
            let fitting = entries.into_iter().filter(|entry| entry.arch == arch || entry.arch == "all");
            placed.extend(fitting.map(|entry| (suite, entry)));
        }
        placed.sort_by(|(left_suite, left), (right_suite, right)| {
            left.package
                .cmp(&right.package)
                .then_with(|| right.version.cmp(&left.version))
                .then_with(|| left_suite.cmp(right_suite))
                // One suite never has a version twice; if it does, its order must not decide.
                .then_with(|| (&left.arch, left.sha256).cmp(&(&right.arch, right.sha256)))
        });
        let entries: Vec<IndexEntry> = placed.into_iter().map(|(_, entry)| entry).collect();
        let mut providers: BTreeMap<String, Vec<(usize, Option<Version>)>> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            let newest = place == 0 || entries[place - 1].package != entry.package;
            if newest && !entry.provides.is_empty() {
                for (name, version) in provided(entry)? {
                    providers.entry(name).or_default().push((place, version));
                }
            }
        }
        Ok(Self { arch: arch.to_owned(), entries, providers })
    }

    /// The arch of the target.
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// How many packages, all versions counted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All versions of `name`, the newest first.
    pub fn versions(&self, name: &str) -> &[IndexEntry] {
        let start = self.entries.partition_point(|entry| entry.package.as_str() < name);
        let rest = &self.entries[start..];
        &rest[..rest.partition_point(|entry| entry.package == name)]
    }

    /// Exactly the package that was listed.
    pub fn find(&self, listed: &Listed) -> Option<&IndexEntry> {
        self.versions(listed.name.as_str()).iter().find(|entry| {
            entry.sha256 == listed.sha256 && entry.size == listed.size && entry.arch == listed.arch.as_str()
        })
    }

    /// The newest packages that are essential.
    pub(super) fn essential(&self) -> impl Iterator<Item = &IndexEntry> {
        let newest = |place: usize| place == 0 || self.entries[place - 1].package != self.entries[place].package;
        let all = self.entries.iter().enumerate();
        all.filter(move |(place, entry)| entry.essential && newest(*place)).map(|(_, entry)| entry)
    }

    /// Packages of which there is a newer one.
    pub(super) fn outdated(&self) -> impl Iterator<Item = &IndexEntry> {
        let pairs = self.entries.windows(2).filter(|pair| pair[0].package == pair[1].package);
        pairs.map(|pair| &pair[1])
    }

    /// The newest packages that provide `name`, with the version they provide it in.
    pub(super) fn providers(&self, name: &str) -> impl Iterator<Item = (&IndexEntry, Option<&Version>)> {
        let found = self.providers.get(name).map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|(place, version)| (&self.entries[*place], version.as_ref()))
    }
}

/// What `entry` provides: names, with versions where it states them (Debian Policy, section 7.5).
pub(super) fn provided(entry: &IndexEntry) -> Result<Vec<(String, Option<Version>)>, SolveError> {
    let wrong = |source| SolveError::Relation { package: entry.package.clone(), source };
    let all = Relations::parse(&entry.provides).map_err(wrong)?;
    let each = all.0.into_iter().flat_map(|alternatives| alternatives.0);
    Ok(each
        .map(|relation| {
            let exact = relation.version.filter(|(operator, _)| *operator == Operator::Equal);
            (relation.name, exact.map(|(_, version)| version))
        })
        .collect())
}
