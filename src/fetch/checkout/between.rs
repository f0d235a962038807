//! The commits between two of a branch, for people: what changed since it was last looked at.

use super::clone::Want;
use super::error::CheckoutError;
use super::{Clones, process};
use crate::remote::{RemoteUrl, System, is_commit};

/// The most characters of the first line of a message.
const MAX_SUBJECT: usize = 200;

/// A commit, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its id, in hexadecimal.
    pub id: String,
    /// The first line of its message, without control characters, cut off where it is long.
    pub subject: String,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
}

/// What a line of an answer looks like, between its fields; no message has one in its first line.
const BETWEEN: char = '\u{1f}';

impl Clones<'_> {
    /// The commits that `after` comes from and `before` does not, newest first, at most `most` of them, and how many there are
    /// altogether. `found`: the branch that `after` was found at.
    ///
    /// # Errors
    /// [`CheckoutError`] where they cannot be had.
    pub fn between(
        &self,
        (system, url): (System, &RemoteUrl),
        (before, after): (&str, &str),
        found: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Told>, u64), CheckoutError> {
        if !is_commit(before) || !is_commit(after) {
            return Err(CheckoutError::NoCommit { url: url.to_string(), commit: before.escape_debug().to_string() });
        }
        if system == System::Hg {
            return self.hg_between(url, (before, after), most);
        }
        let clone = self.with(url, Want { commit: after, found, history: true })?;
        let ask = |arguments: &[&str]| -> Result<String, CheckoutError> {
            let ran = process::run(self, process::local(&clone.folder).args(arguments), None)?;
            let answer = String::from_utf8_lossy(&ran.answer).into_owned();
            if ran.well { Ok(answer) } else { Err(clone.damaged(&ran.said)) }
        };
        let range = format!("{before}..{after}");
        let count = ask(&["rev-list", "--count", "--end-of-options", &range])?;
        let most = format!("--max-count={most}");
        let log = ask(&["log", &most, "--format=%H%x1f%ct%x1f%s", "--end-of-options", &range])?;
        Ok((read(&log), count.trim().parse().unwrap_or(0)))
    }
}

/// The commits of an answer, a line each.
pub(super) fn read(answer: &str) -> Vec<Told> {
    let commit = |line: &str| {
        let mut fields = line.splitn(3, BETWEEN);
        let (id, time, subject) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
        let mut letters = subject.chars().filter(|letter| !letter.is_control());
        let mut subject: String = letters.by_ref().take(MAX_SUBJECT).collect();
        if letters.next().is_some() {
            subject.push('…');
        }
        is_commit(id).then(|| Told { id: id.to_owned(), subject, time })
    };
    answer.lines().filter_map(commit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_commit_is_passed_over_and_nothing_of_a_message_harms() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let answer = format!(
            "{id}\u{1f}17\u{1f}One\u{1b}[31m\u{1f}two\nno commit\n{id}\u{1f}x\u{1f}y\n{id}\u{1f}18\u{1f}{}\n",
            "x".repeat(500)
        );
        let told = read(&answer);
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].id.as_str(), told[0].subject.as_str(), told[0].time), (id, "One[31mtwo", 17));
        assert_eq!((told[1].subject.chars().count(), told[1].subject.ends_with('…')), (MAX_SUBJECT + 1, true));
    }
}
