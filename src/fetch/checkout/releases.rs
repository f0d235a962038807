//! What a version that comes from tags is made of: the release that a commit has come from, how many commits there are
//! since, and what they say.
//!
//! Of all tags that a commit has come from the one with the newest version counts, not the one with the fewest commits
//! since: what a commit comes from only grows along a branch, so that version never goes down, and where it stays, the
//! number of commits rises.

use std::collections::BTreeMap;

use super::changes::{MOST, line};
use super::clone::{Bare, Want};
use super::error::CheckoutError;
use super::refs::Tip;
use super::{Clones, process};
use crate::package::version;
use crate::remote::{NoVersion, RemoteUrl, System, TagVersions};

/// What a version that comes from tags is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releases {
    /// The tag with the newest version that the commit has come from; `None` where there is none.
    pub tag: Option<String>,
    /// How many commits there are since, or in all.
    pub distance: u64,
    /// What the newest commits since the last release say that they do, the newest first.
    pub changes: Vec<String>,
    /// How many more of them there are.
    pub more: u64,
    /// Tags that the pattern means and that say no version, in the order of names.
    pub odd: Vec<NoVersion>,
}

/// A tag with its version and its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Release {
    version: String,
    tag: String,
    commit: String,
}

/// The newest release among all that a repository has; `None` where it has none. Any release is newer than what comes before
/// one.
///
/// # Errors
/// [`CheckoutError`] where tags are meant and none of them says a version.
pub fn newest_release(url: &RemoteUrl, rule: &TagVersions, tip: &Tip) -> Result<Option<Tip>, CheckoutError> {
    let all = tip.refs.iter().filter_map(|(name, commit)| Some((name.strip_prefix("refs/tags/")?, commit.as_str())));
    let (releases, odd) = releases(rule, all);
    if releases.is_empty() {
        return none_or_odd(url, rule, odd).map(|()| None);
    }
    let age = |release: &Release| !release.version.contains('~');
    let best = releases
        .into_iter()
        .max_by(|one, other| age(one).cmp(&age(other)).then_with(|| version::compare(&one.version, &other.version)));
    let refs = tip.refs.clone();
    Ok(best.map(|best| Tip { commit: best.commit, found: Some(format!("refs/tags/{}", best.tag)), refs }))
}

/// The releases among tags, and the tags that should be some and say no version.
fn releases<'t>(rule: &TagVersions, tags: impl Iterator<Item = (&'t str, &'t str)>) -> (Vec<Release>, Vec<NoVersion>) {
    let (mut releases, mut odd) = (Vec::new(), Vec::new());
    for (tag, commit) in tags.filter(|(tag, _)| rule.means(tag)) {
        match rule.version(tag) {
            Ok(version) => releases.push(Release { version, tag: tag.to_owned(), commit: commit.to_owned() }),
            Err(error) => odd.push(error),
        }
    }
    (releases, odd)
}

fn none_or_odd(url: &RemoteUrl, rule: &TagVersions, odd: Vec<NoVersion>) -> Result<(), CheckoutError> {
    let count = odd.len();
    match odd.into_iter().next() {
        None => Ok(()),
        Some(source) => {
            let (url, rule) = (url.to_string(), rule.to_string());
            Err(CheckoutError::NoVersions { url, rule, count, source })
        }
    }
}

impl Clones<'_> {
    /// What the version of the commit `tip` is made of by `rule`. Changes are those of `folder`, where there is one.
    ///
    /// # Errors
    /// [`CheckoutError`] where its history cannot be had, or of the tags that are meant none says a version.
    pub fn releases(
        &self,
        (system, url): (System, &RemoteUrl),
        tip: &Tip,
        rule: &TagVersions,
        folder: Option<&str>,
    ) -> Result<Releases, CheckoutError> {
        let history = match system {
            System::Git => History { clones: self, clone: self.git_history(url, tip, rule)?, system },
            System::Hg => History { clones: self, clone: self.hg_clone(url, Some(&tip.commit))?, system },
        };
        let merged = history.merged(&tip.commit)?;
        let known = merged.iter().filter_map(|name| Some((name.as_str(), tip.refs.get(&format!("refs/tags/{name}"))?)));
        let (mut all, odd) = releases(rule, known.map(|(name, commit)| (name, commit.as_str())));
        all.sort_by(|one, other| version::compare(&one.version, &other.version).then_with(|| one.tag.cmp(&other.tag)));
        let Some(last) = all.pop() else {
            none_or_odd(url, rule, odd)?;
            let (distance, (changes, more)) = (history.count(&tip.commit, None)?, history.changes(tip, None, folder)?);
            return Ok(Releases { tag: None, distance, changes, more, odd: Vec::new() });
        };
        let distance = history.count(&tip.commit, Some(&last.commit))?;
        // At a release, what there is since the one before it is told; what came before a release is none.
        let before = |other: &&Release| {
            let counts = last.version.contains('~') || !other.version.contains('~');
            counts && other.commit != last.commit
        };
        let since = if distance > 0 { Some(&last) } else { all.iter().rev().find(before) };
        let (changes, more) = history.changes(tip, since.map(|release| release.commit.as_str()), folder)?;
        Ok(Releases { tag: Some(last.tag), distance, changes, more, odd })
    }

    /// The clone of a git repository with all that `tip` has come from, and with the tags that it has now.
    fn git_history(&self, url: &RemoteUrl, tip: &Tip, rule: &TagVersions) -> Result<Bare, CheckoutError> {
        let clone = self.with(url, Want { commit: &tip.commit, found: tip.found.as_deref(), history: true })?;
        let format = "--format=%(refname) %(objectname) %(*objectname)";
        let ran = process::run(self, process::local(&clone.folder).args(["for-each-ref", format, "refs/tags"]), None)?;
        let text = String::from_utf8_lossy(&ran.answer);
        let there: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| {
                let (name, ids) = line.split_once(' ')?;
                Some((name, ids.split_whitespace().last()?))
            })
            .collect();
        let is_new = |(name, commit): (&String, &String)| {
            let tag = name.strip_prefix("refs/tags/");
            tag.is_some_and(|tag| rule.means(tag)) && there.get(name.as_str()) != Some(&commit.as_str())
        };
        if tip.refs.iter().any(is_new) {
            self.fetch_tags(&clone)?;
        }
        Ok(clone)
    }
}

/// The history of a repository, in its clone.
struct History<'a, 'c> {
    clones: &'a Clones<'c>,
    clone: Bare,
    system: System,
}

impl History<'_, '_> {
    fn ask(&self, arguments: &[&str]) -> Result<String, CheckoutError> {
        let ran = match self.system {
            System::Git => process::run(self.clones, process::local(&self.clone.folder).args(arguments), None)?,
            System::Hg => self.clones.hg_in(&self.clone, arguments)?,
        };
        if ran.well {
            Ok(String::from_utf8_lossy(&ran.answer).into_owned())
        } else {
            Err(self.clone.damaged(&ran.said))
        }
    }

    /// The tags that `commit` has come from, itself among them.
    fn merged(&self, commit: &str) -> Result<Vec<String>, CheckoutError> {
        let text = match self.system {
            System::Git => {
                let merged = format!("--merged={commit}");
                self.ask(&["for-each-ref", &merged, "--format=%(refname:strip=2)", "refs/tags"])?
            }
            System::Hg => {
                let which = format!("ancestors({commit}) and tag()");
                self.ask(&["log", "--rev", &which, "--template", "{join(tags, \"\\n\")}\\n"])?
            }
        };
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// How many commits there are from `since` to `commit`.
    fn count(&self, commit: &str, since: Option<&str>) -> Result<u64, CheckoutError> {
        match self.system {
            System::Git => self.counted(&["rev-list", "--count", &range(commit, since)]),
            System::Hg => {
                let text = self.ask(&["log", "--rev", &of_hg(commit, since), "--template", "x"])?;
                Ok(text.len() as u64)
            }
        }
    }

    fn counted(&self, arguments: &[&str]) -> Result<u64, CheckoutError> {
        let text = self.ask(arguments)?;
        text.trim().parse().map_err(|_| self.clone.damaged(&text))
    }

    /// What the newest commits from `since` say, and how many more there are. Merges are left out.
    fn changes(
        &self,
        tip: &Tip,
        since: Option<&str>,
        folder: Option<&str>,
    ) -> Result<(Vec<String>, u64), CheckoutError> {
        let most = MOST.to_string();
        let (texts, count): (Vec<(String, String)>, u64) = match self.system {
            System::Git => {
                let (limit, range) = (format!("--max-count={most}"), range(&tip.commit, since));
                let place = folder.map(|folder| format!(":(top,literal){folder}"));
                let mut log = vec!["log", "--no-merges", "--no-show-signature", "--no-color", "--encoding=UTF-8", "-z"];
                log.extend([limit.as_str(), "--format=%s%x00%b", &range, "--"]);
                log.extend(place.as_deref());
                let text = self.ask(&log)?;
                let mut parts = text.split('\0');
                let mut texts = Vec::new();
                while let (Some(subject), Some(body)) = (parts.next(), parts.next()) {
                    texts.push((subject.to_owned(), body.to_owned()));
                }
                let mut count = vec!["rev-list", "--count", "--no-merges", &range, "--"];
                count.extend(place.as_deref());
                (texts, self.counted(&count)?)
            }
            System::Hg => {
                // What only says which commit a tag is, is a commit too.
                let which =
                    format!("reverse({}) and not merge() and not desc('re:^Added tag ')", of_hg(&tip.commit, since));
                let place = folder.map(|folder| format!("path:{folder}"));
                let mut log = vec!["log", "--limit", &most, "--rev", &which, "--template", "{desc|json}\\n", "--"];
                log.extend(place.as_deref());
                let text = self.ask(&log)?;
                let texts = text.lines().filter_map(|line| serde_json::from_str::<String>(line).ok());
                let split = |text: String| {
                    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
                    (first.to_owned(), rest.to_owned())
                };
                let texts = texts.map(split).collect();
                let mut count = vec!["log", "--rev", &which, "--template", "x", "--"];
                count.extend(place.as_deref());
                (texts, self.ask(&count)?.len() as u64)
            }
        };
        let more = count.saturating_sub(texts.len() as u64);
        let lines = texts.iter().map(|(subject, text)| line(subject, text)).filter(|line| !line.is_empty());
        Ok((lines.collect(), more))
    }
}

fn range(commit: &str, since: Option<&str>) -> String {
    since.map_or_else(|| commit.to_owned(), |since| format!("{since}..{commit}"))
}

fn of_hg(commit: &str, since: Option<&str>) -> String {
    since.map_or_else(|| format!("ancestors({commit})"), |since| format!("only({commit}, {since})"))
}
