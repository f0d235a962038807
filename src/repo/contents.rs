//! `Contents`: which package a file comes from (the Debian wiki's RepositoryFormat, "Contents indices").
//!
//! A line has a file's path, white space, and the packages that have it, each with its section, with commas between them.
//! Files of packages without an arch stand in each arch's index, as their stanzas do.

use super::Binary;
use super::cut::Shape;
use super::index::Entries;

/// Lines of a piece.
const SHAPE: Shape = Shape { least: 1_024, usual: 512, most: 4_096 };

/// The longest path that is told. No file system of the host's has longer ones.
const MAX_PATH: usize = 4_096;

/// The area whose name is left out.
const MAIN: &str = "main";

/// The index at `path` of the files of `packages`.
pub(super) fn entries<'a>(path: &'a str, packages: &[&'a Binary]) -> Entries<'a> {
    let count = packages.iter().map(|package| package.facts.count_files()).sum();
    let mut files: Vec<(&'a [u8], &'a Binary)> = Vec::with_capacity(count);
    for package in packages {
        files.extend(package.facts.files().filter(|name| can_be_told(name)).map(|name| (name, *package)));
    }
    // Versions and arches of one package are told once.
    files.sort_unstable_by(|(one, of), (other, than)| one.cmp(other).then_with(|| place(of).cmp(&place(than))));
    files.dedup_by(|(one, of), (other, than)| one == other && place(of) == place(than));
    let mut lines: Vec<std::ops::Range<usize>> = Vec::with_capacity(files.len());
    for (number, (name, _)) in files.iter().enumerate() {
        match lines.last_mut() {
            Some(line) if files[line.start].0 == *name => line.end = number + 1,
            _ => lines.push(number..number + 1),
        }
    }
    let names = lines.iter().map(|line| files[line.start].0).collect();
    let write = Box::new(move |number: usize, to: &mut Vec<u8>| {
        let line = &files[lines[number].clone()];
        to.extend_from_slice(line[0].0);
        for (at, (_, package)) in line.iter().enumerate() {
            to.push(if at == 0 { b' ' } else { b',' });
            let (section, name) = place(package);
            if package.area != MAIN && !section.starts_with(&format!("{}/", package.area)) {
                to.extend_from_slice(package.area.as_bytes());
                to.push(b'/');
            }
            to.extend_from_slice(section.as_bytes());
            if !section.is_empty() {
                to.push(b'/');
            }
            to.extend_from_slice(name.as_bytes());
        }
        to.push(b'\n');
    });
    Entries { path, names, shape: SHAPE, write }
}

fn place(package: &Binary) -> (&str, &str) {
    let facts = &package.facts;
    // A section is a word of the package's own; what would end its place in the line is left out.
    let is_odd = |letter: char| letter.is_whitespace() || letter == ',';
    let section = facts.section();
    (if section.contains(is_odd) { "" } else { section }, facts.name())
}

/// Whether a path fits on a line, and leaves no doubt where it ends.
fn can_be_told(path: &[u8]) -> bool {
    path.len() <= MAX_PATH && !path.iter().any(u8::is_ascii_control)
}
