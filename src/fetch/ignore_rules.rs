//! The rules of `.gitignore` files that hold at one place of a source folder (gitignore(5)).

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use cap_std::fs::Dir;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The most bytes of one `.gitignore` that are read.
pub(super) const MAX_RULES: u64 = 1 << 20;

/// Rules of several files, the outermost first.
#[derive(Default)]
pub(super) struct IgnoreRules {
    /// Each with the way from its own folder to the source folder (for rules above it) or, as `/…`, from the source
    /// folder to its own.
    levels: Vec<(String, Gitignore)>,
}

impl IgnoreRules {
    /// Adds the rules of the folder at `at` below the source folder; returns how many levels there were before.
    pub fn push_inside(&mut self, at: &[u8], rules: Gitignore) -> usize {
        let levels = self.levels.len();
        self.levels.push((format!("/{}", String::from_utf8_lossy(at)), rules));
        levels
    }

    /// Whether the rules leave `path` out: the innermost file that says anything decides. Folders above `path` are not
    /// left out, or nobody would ask.
    pub fn is_ignored(&self, path: &[u8], is_folder: bool) -> bool {
        for (way, rules) in self.levels.iter().rev().filter(|(_, rules)| !rules.is_empty()) {
            let matched = match way.strip_prefix('/') {
                // The way is as long as the bytes it was made of only where they are UTF-8; count names instead.
                Some(own) => {
                    let depth = if own.is_empty() { 0 } else { own.split('/').count() };
                    let rest = path.splitn(depth + 1, |byte| *byte == b'/').nth(depth).unwrap_or(path);
                    rules.matched(Path::new(std::ffi::OsStr::from_bytes(rest)), is_folder)
                }
                None => {
                    let whole = [way.as_bytes(), b"/", path].concat();
                    rules.matched(Path::new(std::ffi::OsStr::from_bytes(&whole)), is_folder)
                }
            };
            match matched {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }

    /// Adds the rules of a folder above the source folder; `way` leads from there to the source folder.
    pub fn push_above(&mut self, way: String, rules: Gitignore) {
        self.levels.push((way, rules));
    }

    /// Forgets all but the first `levels`.
    pub fn truncate(&mut self, levels: usize) {
        self.levels.truncate(levels);
    }
}

/// The rules of the `.gitignore` in `dir`, of which a link of that name has none, as with git; `None` where there is nothing
/// of that name.
///
/// A file that is there but cannot be read is an error: without its rules, rubbish would become source.
pub(super) fn rules_of(dir: &Dir) -> std::io::Result<Option<Gitignore>> {
    match dir.symlink_metadata(".gitignore") {
        Ok(data) if data.is_file() => {}
        Ok(_) => return Ok(Some(Gitignore::empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    dir.open(".gitignore")?.take(MAX_RULES).read_to_end(&mut bytes)?;
    Ok(Some(rules_from(&bytes)))
}

/// The rules of a `.gitignore` with that content.
pub(super) fn rules_from(bytes: &[u8]) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    let text = String::from_utf8_lossy(bytes);
    for line in text.trim_start_matches('\u{feff}').lines() {
        // git takes no offence at a line that it does not understand.
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
