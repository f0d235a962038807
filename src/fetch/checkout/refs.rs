//! What branches and tags a repository has now, and which commit is meant by what a recipe follows.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::error::{CheckoutError, read, shown};
use super::{Clones, process};
use crate::diag::did_you_mean;
use crate::package::version;
use crate::remote::{Follow, RemoteUrl, System, is_commit, is_reference, matches_tag};

/// A commit that is meant, and what else the repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The commit's id.
    pub commit: String,
    /// The branch or tag that it is, such as `refs/heads/main`; `None` where it was named itself.
    pub found: Option<String>,
    /// All branches and tags, by full name, with the commits (or what else is tagged) that they mean.
    pub refs: BTreeMap<String, String>,
}

impl Clones<'_> {
    /// Asks the repository at `url` which commit `follow` means now.
    ///
    /// # Errors
    /// [`CheckoutError`] where it does not answer, or has no such branch or tag.
    pub fn tip(&self, system: System, url: &RemoteUrl, follow: &Follow) -> Result<Tip, CheckoutError> {
        match system {
            System::Git => choose(url, follow, self.trying(url, &mut || self.list(url))?),
            System::Hg => self.hg_tip(url, follow),
        }
    }

    fn list(&self, url: &RemoteUrl) -> Result<Listed, CheckoutError> {
        let mut command = process::remote(url, None);
        process::batch_ssh(self, url, &mut command)?;
        command.args([
            "ls-remote",
            "--symref",
            "--end-of-options",
            url.as_str(),
            "HEAD",
            "refs/heads/*",
            "refs/tags/*",
        ]);
        let ran = process::run(self, &mut command, None)?;
        if !ran.well {
            let other = || CheckoutError::Gone { url: url.to_string(), said: shown(&ran.said) };
            return Err(read(System::Git, url, &ran.said).unwrap_or_else(other));
        }
        Ok(parse(&String::from_utf8_lossy(&ran.answer)))
    }
}

/// What a repository says it has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// The branch that it names as its own.
    pub own: Option<String>,
    /// All branches and tags.
    pub refs: BTreeMap<String, String>,
}

impl Listed {
    fn names<'a>(&'a self, below: &'a str) -> impl Iterator<Item = &'a str> {
        self.refs.keys().filter_map(move |name| name.strip_prefix(below))
    }
}

/// The commit that `follow` means in a repository that has these.
pub(super) fn choose(url: &RemoteUrl, follow: &Follow, listed: Listed) -> Result<Tip, CheckoutError> {
    let found = match follow {
        Follow::Commit(id) => return Ok(Tip { commit: id.clone(), found: None, refs: listed.refs }),
        Follow::Default => listed.own.clone().ok_or_else(|| CheckoutError::NoBranch { url: url.to_string() })?,
        Follow::Branch(name) => format!("refs/heads/{name}"),
        Follow::Tag(pattern) => {
            let tags = listed.names("refs/tags/").filter(|name| matches_tag(pattern, name));
            format!("refs/tags/{}", tags.max_by(|one, other| by_age(one, other)).unwrap_or(pattern))
        }
    };
    match listed.refs.get(&found).cloned() {
        Some(commit) => Ok(Tip { commit, found: Some(found), refs: listed.refs }),
        None => Err(missing(url, follow, &listed)),
    }
}

/// What `git ls-remote --symref` answers. Names that git itself would not take are left out.
fn parse(text: &str) -> Listed {
    let mut listed = Listed::default();
    let mut head = None;
    for line in text.lines() {
        let Some((value, name)) = line.split_once('\t') else { continue };
        if let Some(branch) = value.strip_prefix("ref: ") {
            if name == "HEAD" && branch.starts_with("refs/heads/") && is_reference(branch) {
                listed.own = Some(branch.to_owned());
            }
        } else if !is_commit(value) {
        } else if name == "HEAD" {
            head = Some(value);
        } else if let Some(tag) = name.strip_suffix("^{}") {
            // What the tag leads to; it stands behind the tag itself.
            if let Some(known) = listed.refs.get_mut(tag) {
                value.clone_into(known);
            }
        } else if is_reference(name) && (name.starts_with("refs/heads/") || name.starts_with("refs/tags/")) {
            listed.refs.insert(name.to_owned(), value.to_owned());
        }
    }
    // A plain web server does not say which branch its own is, only its commit.
    if listed.own.is_none()
        && let Some(head) = head
    {
        let is_it = |name: &&String| name.starts_with("refs/heads/") && listed.refs[*name] == head;
        let usual = ["refs/heads/main", "refs/heads/master"].map(str::to_owned);
        let known = usual.iter().filter(|name| listed.refs.contains_key(*name)).find(is_it);
        listed.own = known.or_else(|| listed.refs.keys().find(is_it)).cloned();
    }
    let refs = &listed.refs;
    listed.own = listed.own.filter(|own| refs.contains_key(own));
    listed
}

fn missing(url: &RemoteUrl, follow: &Follow, listed: &Listed) -> CheckoutError {
    let (what, name) = follow.option().unwrap_or(("branch", "HEAD"));
    let (what, below) = if what == "tag" { ("tag", "refs/tags/") } else { ("branch", "refs/heads/") };
    let help = match did_you_mean(name, listed.names(below)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let (last, many) =
                (listed.names(below).max_by(|one, other| by_age(one, other)), listed.names(below).count());
            match last {
                Some(last) if many == 1 => format!("choose the one that it has, `{last}`"),
                Some(last) => format!("choose one of the {many} that it has, such as `{last}`"),
                None => format!("look at the repository: it has no {what} at all"),
            }
        }
    };
    CheckoutError::NoReference { url: url.to_string(), what, name: name.to_owned(), help }
}

/// Whether a tag's name says that it comes before a release: `v1.0-rc1`, `2.0beta3`.
fn is_before_release(name: &str) -> bool {
    before_release(name).is_some()
}

/// Where in a tag's name the words begin that say so.
fn before_release(name: &str) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    let words = ["alpha", "beta", "rc", "pre", "dev"];
    let begins = |at: usize, word: &str| {
        let before = lower[..at].trim_end_matches(['-', '.', '_', '~']);
        let after = &lower[at + word.len()..];
        let follows_number = before.ends_with(|c: char| c.is_ascii_digit());
        follows_number && after.trim_start_matches(['-', '.', '_']).chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    words.iter().find_map(|word| lower.match_indices(word).find(|(at, _)| begins(*at, word)).map(|(at, _)| at))
}

/// Which of two tags is the newer version. Any release is newer than what comes before one.
fn by_age(one: &str, other: &str) -> Ordering {
    let releases = (!is_before_release(one)).cmp(&!is_before_release(other));
    let numbers = |name: &str| {
        let at = before_release(name).unwrap_or(name.len());
        let first = name.find(|c: char| c.is_ascii_digit()).unwrap_or(0).min(at);
        let rest = if at < name.len() { format!("~{}", &name[at..]) } else { String::new() };
        format!("{}{rest}", name[first..at].trim_end_matches(['-', '.', '_', '~'])).replace('_', ".")
    };
    releases.then_with(|| version::compare(&numbers(one), &numbers(other))).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn an_answer_of_git() {
        let listed = parse(&format!(
            "ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/tags/v1\n{A}\trefs/tags/v1^{{}}\n\
             {A}\trefs/pull/1\n{A}\trefs/heads/--x y\nnonsense\n{A} refs/heads/z\n"
        ));
        assert_eq!(listed.own.as_deref(), Some("refs/heads/main"));
        let names: Vec<(&str, &str)> = listed.refs.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        assert_eq!(names, [("refs/heads/main", A), ("refs/tags/v1", A)]);
    }

    #[test]
    fn an_answer_that_does_not_say_which_branch_is_its_own() {
        let own = |text: String| parse(&text).own;
        let three = format!("{A}\trefs/heads/a\n{A}\trefs/heads/master\n{B}\trefs/heads/main\n");
        assert_eq!(own(format!("{A}\tHEAD\n{three}")).as_deref(), Some("refs/heads/master"));
        assert_eq!(own(three), None);
        assert_eq!(own(format!("ref: refs/heads/none\tHEAD\n{A}\trefs/heads/a\n")), None);
    }

    #[test]
    fn the_newest_tag() {
        let newest = |names: &[&'static str]| names.iter().copied().max_by(|one, other| by_age(one, other));
        assert_eq!(newest(&["v1.9", "v1.10", "v1.2"]), Some("v1.10"));
        assert_eq!(newest(&["v1.0-rc1", "v1.0", "v1.1-beta.2", "v0.9"]), Some("v1.0"));
        assert_eq!(newest(&["v1.0-rc1", "v1.0-rc10", "v1.0-alpha"]), Some("v1.0-rc10"));
        assert_eq!(newest(&["release-1_2_3", "release-1_10_0"]), Some("release-1_10_0"));
        assert_eq!(newest(&["1.0.post1", "1.0"]), Some("1.0.post1"));
        assert!(!is_before_release("march") && !is_before_release("1.0-dpre") && is_before_release("1.0rc2"));
    }
}
