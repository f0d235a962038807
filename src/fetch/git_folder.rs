//! What a folder of a commit holds as a source: the same rules as for a folder on disk ([`super::local_folder`]).

use super::git::{Commit, Committed, CommittedKind};
use super::git_error::GitError;
use super::ignore_rules::{IgnoreRules, MAX_RULES, rules_from};
use super::local_folder::VERSION_CONTROL;

/// Files and links below `folder` of `commit` (empty: all of it) but what `.gitignore` files and version control leave
/// out, sorted, with their paths below `folder`. A file that git tracks although a rule leaves it out is left out, as it
/// is on disk.
///
/// # Errors
/// Where git cannot give the content of a `.gitignore`.
pub fn committed_tree_paths<'a>(commit: &'a Commit, folder: &[u8]) -> Result<Vec<(&'a [u8], &'a Committed)>, GitError> {
    let mut walk = Walk { commit, folder, rules: IgnoreRules::default() };
    let names: Vec<&[u8]> = folder.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    for depth in 0..names.len() {
        let rules = walk.rules_at(&names[..depth].join(&b'/'))?;
        walk.rules.push_above(String::from_utf8_lossy(&names[depth..].join(&b'/')).into_owned(), rules);
    }
    walk.all()
}

struct Walk<'a, 'f> {
    commit: &'a Commit,
    folder: &'f [u8],
    rules: IgnoreRules,
}

impl<'a> Walk<'a, '_> {
    fn rules_at(&self, folder: &[u8]) -> Result<ignore::gitignore::Gitignore, GitError> {
        let path = if folder.is_empty() { b".gitignore".to_vec() } else { [folder, b"/.gitignore"].concat() };
        match self.commit.at(&path).filter(|file| matches!(file.kind, CommittedKind::File { .. })) {
            None => Ok(ignore::gitignore::Gitignore::empty()),
            // Of a longer one the beginning counts, as on disk.
            Some(file) => Ok(rules_from(&self.commit.beginning(file, MAX_RULES)?)),
        }
    }

    fn all(&mut self) -> Result<Vec<(&'a [u8], &'a Committed)>, GitError> {
        let mut found = Vec::new();
        // Folders around the file before, each with how many levels of rules there were outside of it.
        let mut open: Vec<(Vec<u8>, usize)> = Vec::new();
        let mut left_out: Option<Vec<u8>> = None;
        let skip = if self.folder.is_empty() { 0 } else { self.folder.len() + 1 };
        self.enter(b"", &mut open)?;
        for (whole, file) in self.commit.below(self.folder) {
            let path = &whole[skip..];
            if left_out.as_ref().is_some_and(|folder| path.starts_with(folder)) {
                continue;
            }
            while let Some((folder, levels)) = open.last()
                && !(folder.is_empty() || path.starts_with(&[folder, &b"/"[..]].concat()))
            {
                self.rules.truncate(*levels);
                open.pop();
            }
            let mut at = open.last().map_or(0, |(folder, _)| if folder.is_empty() { 0 } else { folder.len() + 1 });
            left_out = None;
            while let Some(length) = path[at..].iter().position(|byte| *byte == b'/') {
                let inner = &path[..at + length];
                if is_version_control(&path[at..at + length]) || self.rules.is_ignored(inner, true) {
                    left_out = Some([inner, b"/"].concat());
                    break;
                }
                self.enter(inner, &mut open)?;
                at += length + 1;
            }
            let is_folder = file.kind == CommittedKind::Submodule;
            if left_out.is_none() && !is_version_control(&path[at..]) && !self.rules.is_ignored(path, is_folder) {
                found.push((path, file));
            }
        }
        Ok(found)
    }

    fn enter(&mut self, inner: &[u8], open: &mut Vec<(Vec<u8>, usize)>) -> Result<(), GitError> {
        let whole = match (self.folder, inner) {
            (folder, b"") => folder.to_vec(),
            (b"", inner) => inner.to_vec(),
            (folder, inner) => [folder, b"/", inner].concat(),
        };
        let rules = self.rules_at(&whole)?;
        let levels = self.rules.push_inside(inner, rules);
        open.push((inner.to_vec(), levels));
        Ok(())
    }
}

fn is_version_control(name: &[u8]) -> bool {
    VERSION_CONTROL.iter().any(|left_out| left_out.as_bytes() == name)
}
