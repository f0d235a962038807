//! When a commit was made, and which tag it has come from.

use super::clone::Want;
use super::error::CheckoutError;
use super::refs::Tip;
use super::{Clones, process};
use crate::remote::{Follow, RemoteUrl, System, is_commit, is_reference};

/// What is known of a commit beside its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// The newest tag that it has come from, and how many commits there are since; `None` where there is none.
    pub nearest: Option<(String, u64)>,
    /// Whether it has come from the commit that was asked about; `None` where nobody asked.
    pub descends: Option<bool>,
}

impl Clones<'_> {
    /// The history of what `follow` means now: fetched, as far as it is needed for that. `before`: the commit that it meant
    /// the last time.
    ///
    /// # Errors
    /// [`CheckoutError`] where it cannot be had.
    pub fn history(
        &self,
        (system, url): (System, &RemoteUrl),
        follow: &Follow,
        tip: &Tip,
        before: Option<&str>,
    ) -> Result<History, CheckoutError> {
        if system == System::Hg {
            return self.hg_history(url, tip, before);
        }
        let tag = tip.found.as_deref().and_then(|found| found.strip_prefix("refs/tags/"));
        let whole = tag.is_none();
        let want = Want { commit: &tip.commit, found: tip.found.as_deref(), history: whole };
        let clone = self.with(url, want)?;
        let ask = |arguments: &[&str]| process::run(self, process::local(&clone.folder).args(arguments), None);
        let made = ask(&["log", "-1", "--format=%ct", "--end-of-options", &format!("{}^{{commit}}", tip.commit)])?;
        let text = String::from_utf8_lossy(&made.answer);
        let time: i64 = text.trim().parse().map_err(|_| clone.damaged(&made.said))?;
        // No clock of today's machines goes beyond, and no calendar beyond what it can show.
        let time = time.clamp(0, 253_402_300_799);
        let nearest = match tag {
            Some(tag) => Some((tag.to_owned(), 0)),
            None => {
                let described = ask(&["describe", "--tags", "--long", "--abbrev=40", "--end-of-options", &tip.commit])?;
                parse(&String::from_utf8_lossy(&described.answer)).filter(|_| described.well)
            }
        };
        let descends = match before.filter(|id| is_commit(id) && matches!(follow, Follow::Branch(_) | Follow::Default))
        {
            None => None,
            Some(before) => Some(ask(&["merge-base", "--is-ancestor", before, &tip.commit])?.well),
        };
        Ok(History { time, nearest, descends })
    }
}

/// What `git describe --long` answers: tag, distance, `g` and the commit.
fn parse(answer: &str) -> Option<(String, u64)> {
    let (rest, _) = answer.trim().rsplit_once("-g")?;
    let (tag, distance) = rest.rsplit_once('-')?;
    Some((tag.to_owned(), distance.parse().ok()?)).filter(|(tag, _)| is_reference(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_describe() {
        assert_eq!(parse("v1.2-14-g0123\n"), Some(("v1.2".to_owned(), 14)));
        assert_eq!(parse("a-1-g2-0-gabc"), Some(("a-1-g2".to_owned(), 0)));
        assert_eq!(parse(""), None);
        assert_eq!(parse("v1.2-x-g0123"), None);
    }
}
