//! Files that a unified diff adds: where source packages of the format 1.0 keep their `debian/` folder.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};

/// The most bytes of a diff to read, and of its files to keep.
const MAX: u64 = 256 << 20;

/// The files of `wanted` (paths below the source's top folder) that the diff in `from` adds whole, by path. What cannot
/// be read as text ends the search: the caller finds that a file is missing.
pub fn added_files(from: impl Read, wanted: &[String]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in BufReader::new(from.take(MAX)).lines() {
        let Ok(line) = line else { break };
        if let Some(path) = line.strip_prefix("+++ ") {
            let path = path.split('\t').next().unwrap_or(path);
            let below = path.split_once('/').map_or(path, |(_, below)| below);
            current = wanted.iter().find(|wanted| *wanted == below).cloned();
            if let Some(path) = &current {
                files.insert(path.clone(), String::new());
            }
        } else if line.starts_with("--- ") {
            current = None;
        } else if let (Some(path), Some(text)) = (&current, line.strip_prefix('+'))
            && let Some(file) = files.get_mut(path)
        {
            file.push_str(text);
            file.push('\n');
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_files_are_found() {
        let diff = "--- a-1.orig/debian/control\n+++ a-1/debian/control\n@@ -0,0 +1,2 @@\n+Source: a\n+Section: x\n\
                    --- a-1.orig/x.c\n+++ a-1/x.c\n@@ -1 +1 @@\n-a\n+b\n";
        let files = added_files(diff.as_bytes(), &["debian/control".to_owned()]);
        assert_eq!(files, BTreeMap::from([("debian/control".to_owned(), "Source: a\nSection: x\n".to_owned())]));
    }
}
