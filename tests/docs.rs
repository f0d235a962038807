//! The documentation's examples and links: every recipe on a page evaluates, and every link leads somewhere.
//!
//! A block marked `rhai` is a recipe by itself; one that names a file (`rhai recipes/libmd.rhai`, `diff recipes/libmd/a.patch`)
//! is that file, there for all blocks of its page, as are files below `recipes/` that its text names in back ticks. The
//! distros are the project's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use opb::eval::{MemoryFiles, evaluate};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pages of documentation.
fn pages() -> Vec<PathBuf> {
    let of = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> = of(root().to_owned()).chain(of(root().join("docs"))).collect();
    pages.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.sort();
    pages
}

/// A fenced block of a page.
struct Block {
    /// The line that it begins at, counted from 1.
    line: usize,
    /// What stands behind the fence.
    mark: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(mark) => {
                inside = true;
                found.push(Block { line: number + 1, mark: mark.trim().to_owned(), text: String::new() });
            }
            None if inside => {
                if let Some(block) = found.last_mut() {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
            None => {}
        }
    }
    found
}

/// Files beside recipes that a page says are there; of a folder, one file in it.
fn beside(page: &str) -> Vec<(String, String)> {
    let named = page.lines().filter(|line| line.starts_with("Beside it lie")).flat_map(|line| line.split('`'));
    let paths = named.filter(|word| word.starts_with("recipes/"));
    paths
        .map(|path| if path.ends_with('/') { format!("{path}file") } else { path.to_owned() })
        .map(|path| (path, String::new()))
        .collect()
}

/// Keys of extra repositories that a page says are there.
fn keys(page: &str) -> Vec<(String, String)> {
    let named = page.lines().filter_map(|line| line.strip_prefix("Its key lies in `")?.strip_suffix("`."));
    named.map(|path| (path.to_owned(), "-----BEGIN PGP PUBLIC KEY BLOCK-----\n".to_owned())).collect()
}

fn distros() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root().join("distros")).expect("the project has distros").flatten() {
        files.insert(format!("distros/{}", entry.file_name().to_string_lossy()), read(&entry.path()));
    }
    files
}

fn evaluates(place: &str, files: BTreeMap<String, String>) {
    match evaluate(&MemoryFiles(files)) {
        Ok(project) => assert!(project.warnings.is_empty(), "{place}: {:?}", project.warnings),
        Err(errors) => panic!("{place}: {:?}", miette::Report::new(errors)),
    }
}

#[test]
fn recipes_on_pages_evaluate() {
    let mut seen = 0;
    for page in pages() {
        let blocks = blocks(&read(&page));
        let recipes = || blocks.iter().filter_map(|block| Some((block, block.mark.strip_prefix("rhai")?.trim())));
        let mut shared = distros();
        shared.extend(blocks.iter().filter_map(|block| {
            let (_, file) = block.mark.split_once(' ')?;
            file.starts_with("recipes/").then(|| (file.to_owned(), block.text.clone()))
        }));
        shared.extend(beside(&read(&page)));
        shared.extend(keys(&read(&page)));
        shared.extend(
            recipes().filter(|(_, file)| !file.is_empty()).map(|(block, file)| (file.to_owned(), block.text.clone())),
        );
        if recipes().any(|(_, file)| file.starts_with("recipes/")) {
            evaluates(&page.display().to_string(), shared.clone());
        }
        for (block, _) in recipes().filter(|(_, file)| file.is_empty()) {
            let mut files = shared.clone();
            files.insert("recipes/example.rhai".to_owned(), block.text.clone());
            evaluates(&format!("{}:{}", page.display(), block.line), files);
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} examples: are the pages there?");
}

/// How a heading is named in a link: small letters, digits and `-`.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, part) = link.split_once('#').map_or((link, None), |(file, part)| (file, Some(part)));
            let target = if file.is_empty() { page.clone() } else { page.parent().expect("a folder").join(file) };
            let found = target.exists()
                && part.is_none_or(|part| {
                    let headings = read(&target);
                    headings.lines().any(|line| line.starts_with('#') && anchor(line.trim_start_matches('#')) == part)
                });
            if !found {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n  {}", wrong.join("\n  "));
}
