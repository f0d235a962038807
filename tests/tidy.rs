//! Rules of the project that the compiler does not know: who may import whom, how long a file may be, what a module is
//! called, and what may stand in the tree at all.
//!
//! The table of floors stands here and in `ARCHITECTURE.md`; a test compares the two. To add a module, add it to both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by floor. A module imports only from lower floors.
#[rustfmt::skip]
const FLOORS: [(u32, &[&str]); 10] = [
    (0, &["address", "diag", "digest", "name", "path", "quantity", "remote"]),
    (1, &["columns", "component", "cost", "distro", "drv", "exceptions", "imported", "lock", "night", "package", "settings", "tree"]),
    (2, &["event", "family", "graph", "solve"]),
    (3, &["eval", "plan", "repo"]),
    (3, &["fetch", "sandbox", "sign", "store"]),
    (4, &["client", "exec", "project"]),
    (5, &["cache", "publish", "report"]),
    (6, &["ops"]),
    (7, &["daemon"]),
    (8, &["bin"]),
];

/// Modules of floor 3 and below that may touch the world. All others down there compute, and nothing else.
const WORLD: [&str; 4] = ["fetch", "sandbox", "sign", "store"];

/// What a module that only computes never mentions.
const WORLDLY: [&str; 9] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::time::SystemTime",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "cap_std",
];

const MAX_LINES: usize = 400;

/// Longer files, each with its reason. None may pass 600 lines.
const LONGER: [(&str, &str); 2] = [
    ("tests/recipes.rs", "reads, runs and renews case files, and the laws over them share its samples"),
    ("tests/sandbox.rs", "one hostile case after another, each short, in the order of the list of threats"),
];

/// Names that say nothing of what a module is about.
const EMPTY_NAMES: [&str; 8] = ["common", "helpers", "imp", "manager", "misc", "util", "utilities", "utils"];

/// What is never in the tree: hosts of mirrors and registries, and places on one person's machine. Each is cut in two,
/// so that this file does not name them either.
const FOREIGN: [(&str, &str); 12] = [
    ("deb.debian", ".org"),
    ("ftp.debian", ".org"),
    ("security.debian", ".org"),
    ("archive.ubuntu", ".com"),
    ("security.ubuntu", ".com"),
    ("ports.ubuntu", ".com"),
    ("crates", ".io/"),
    ("index.crates", ".io"),
    ("pypi", ".org"),
    ("arti", "factory"),
    ("/work", "/"),
    ("/root/.", "cargo"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `folder` of the project, as paths relative to its root, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() => found.push(path.strip_prefix(root()).expect("below the root").to_owned()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// The module at the top of the crate that a file of `src/` belongs to; `None` for `lib.rs`.
fn module_of(path: &Path) -> Option<String> {
    let first = path.strip_prefix("src").ok()?.iter().next()?.to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (name != "lib").then(|| name.to_owned())
}

fn floor_of(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(_, modules)| modules.contains(&module)).map(|(floor, _)| *floor)
}

/// A text of Rust without its comments, and without what stands in strings. Enough of a scanner to find paths.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest, code.chars().last()) {
            length
        } else if first == '"' {
            string(rest)
        } else {
            character(rest).unwrap_or_default()
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            // Lines stay lines, so that what is found can be counted.
            code.extend(rest[..skipped].chars().filter(|letter| *letter == '\n'));
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of the raw string that `text` begins with.
fn raw_string(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
        return None;
    }
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = text.len() - inside.len();
    Some(inside.find(&end).map_or(text.len(), |length| begin + length + end.len()))
}

/// The length of the string that `text` begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the character that `text` begins with, if it is one and not a lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let length = match inside.strip_prefix('\\') {
        Some(escape) => 1 + escape.char_indices().skip(1).find(|(_, letter)| *letter == '\'')?.0,
        None => inside.chars().next()?.len_utf8(),
    };
    (inside[length..].starts_with('\'')).then_some(length + 2)
}

/// Modules of our own that `code` names by `crate::x` or `crate::{x, y::z}`.
fn imports(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => found.extend(word(rest)),
            Some(group) => found.extend(group_heads(group)),
        }
    }
    found
}

fn word(text: &str) -> Option<String> {
    let text = text.trim_start().trim_start_matches("r#");
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    // A module's name begins with a small letter; what does not is an item of the crate's root.
    text[..end].starts_with(|letter: char| letter.is_ascii_lowercase()).then(|| text[..end].to_owned())
}

/// The first names in a group of imports, whose opening brace is behind us.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' if depth == 0 => {
                heads.extend(word(&group[start..at]));
                start = at + 1;
            }
            '}' if depth == 0 => {
                heads.extend(word(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads
}

/// `src/exec/mod.rs` and `src/exec/schedule.rs` with the parts of them that are not tests.
fn modules() -> BTreeMap<PathBuf, String> {
    let own = |path: PathBuf| {
        let code = code_of(&read(&path));
        (path, code)
    };
    rust_files("src").into_iter().map(own).collect()
}

fn report(rule: &str, mut faults: Vec<String>) {
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{rule}:\n  {}\n", faults.join("\n  "));
}

#[test]
fn modules_import_only_from_lower_floors() {
    let mut faults = Vec::new();
    for (path, code) in modules() {
        let Some(module) = module_of(&path) else { continue };
        let place = path.display();
        let Some(floor) = floor_of(&module) else {
            faults.push(format!("{place}: `{module}` has no floor: give it one here and in ARCHITECTURE.md"));
            continue;
        };
        let prefix = if module == "bin" { "opb::" } else { "crate::" };
        for other in imports(&code, prefix).into_iter().filter(|other| *other != module) {
            match floor_of(&other) {
                Some(lower) if lower < floor => {}
                Some(lower) => {
                    faults.push(format!("{place}: `{module}` (floor {floor}) imports `{other}` (floor {lower})"));
                }
                // The program's own `crate::` is not looked at; anything else must be a module.
                None if module == "bin" => {}
                None => faults.push(format!("{place}: `{module}` imports `{other}`, which has no floor")),
            }
        }
    }
    report("a module imports only from strictly lower floors", faults);
}

#[test]
fn the_architecture_has_the_same_floors() {
    let text = read("ARCHITECTURE.md");
    let mut written: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, floor, modules, ..] = cells[..] else { continue };
        let Some(floor) = floor.split_whitespace().next().and_then(|word| word.parse().ok()) else { continue };
        let named = modules.split('`').skip(1).step_by(2).map(|name| match name.strip_prefix("src/bin/") {
            Some(_) => "bin".to_owned(),
            None => name.trim_end_matches('/').to_owned(),
        });
        written.entry(floor).or_default().extend(named);
    }
    let mut here: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (floor, modules) in FLOORS {
        here.entry(floor).or_default().extend(modules.iter().map(|name| (*name).to_owned()));
    }
    assert_eq!(written, here, "the table of floors in ARCHITECTURE.md (left) is not that of this test (right)");
}

#[test]
fn the_pure_part_knows_nothing_of_the_world() {
    let mut faults = Vec::new();
    for (path, code) in modules() {
        let Some(module) = module_of(&path) else { continue };
        if floor_of(&module).is_none_or(|floor| floor > 3) || WORLD.contains(&module.as_str()) {
            continue;
        }
        // A test of a pure module may read a sample file.
        if path.ends_with("tests.rs") {
            continue;
        }
        let code = code.split("#[cfg(test)]").next().unwrap_or(&code);
        let dense: String = code.split_whitespace().collect();
        for word in WORLDLY.iter().filter(|word| dense.contains(*word)) {
            faults.push(format!("{}: mentions `{word}`", path.display()));
        }
        for name in
            std_imports(code).into_iter().filter(|name| ["fs", "env", "net", "process"].contains(&name.as_str()))
        {
            faults.push(format!("{}: imports `std::{name}`", path.display()));
        }
    }
    report("a module of floors 0 to 3 outside of the world wing only computes", faults);
}

fn std_imports(code: &str) -> BTreeSet<String> {
    imports(code, "std::")
}

#[test]
fn files_are_short() {
    let excused: BTreeMap<&str, &str> = LONGER.into_iter().collect();
    let mut faults = Vec::new();
    for path in ["src", "tests", "benches", "examples"].into_iter().flat_map(rust_files) {
        let lines = read(&path).lines().count();
        let name = path.display().to_string();
        match excused.get(name.as_str()) {
            None if lines > MAX_LINES => faults.push(format!("{name}: {lines} lines")),
            Some(_) if lines > 600 => faults.push(format!("{name}: {lines} lines, in spite of its reason")),
            Some(_) if lines <= MAX_LINES => faults.push(format!("{name}: needs no excuse any more")),
            _ => {}
        }
    }
    faults.extend(excused.keys().filter(|name| !root().join(name).exists()).map(|name| format!("{name}: is gone")));
    report(&format!("a file has at most {MAX_LINES} lines"), faults);
}

#[test]
fn modules_are_named_after_their_subject() {
    let empty = |path: &Path| {
        let parts = path.iter().filter_map(|part| part.to_str());
        parts.map(|part| part.trim_end_matches(".rs")).any(|part| EMPTY_NAMES.contains(&part))
    };
    let faults = ["src", "tests", "examples"].into_iter().flat_map(rust_files).filter(|path| empty(path));
    report("a module is named after its subject", faults.map(|path| path.display().to_string()).collect());
}

#[test]
fn every_file_says_what_it_is() {
    let silent = |path: &PathBuf| {
        let text = read(path);
        let head = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        // Tests of a module in a file of their own belong to its head.
        !head.starts_with("//!") && !path.to_string_lossy().ends_with("tests.rs")
    };
    let faults = ["src", "tests", "benches", "examples"].into_iter().flat_map(rust_files).filter(silent);
    report("a file begins with `//!` and what it is", faults.map(|path| path.display().to_string()).collect());
}

#[test]
fn no_foreign_hosts_or_places() {
    let top = fs::read_dir(root()).expect("the project's root").flatten().map(|entry| entry.path());
    let top = top.filter(|path| path.is_file()).map(|path| path.strip_prefix(root()).expect("below").to_owned());
    // Locks hold addresses of a registry and digests; they are written by tools.
    let top = top.filter(|path| !["Cargo.lock", "opb.lock", ".git"].iter().any(|name| path.ends_with(name)));
    let folders = [".ci", "benches", "distros", "docs", "examples", "fuzz", "recipes", "scripts", "src", "tests"];
    let mut faults = Vec::new();
    for path in top.chain(folders.into_iter().flat_map(files)) {
        let Ok(text) = String::from_utf8(fs::read(root().join(&path)).expect("readable")) else { continue };
        for word in FOREIGN.map(|(first, second)| format!("{first}{second}")) {
            if let Some(line) = text.lines().position(|line| names(line, &word)) {
                faults.push(format!("{}:{}: names `{word}`", path.display(), line + 1));
            }
        }
    }
    report("no host of a mirror or registry and no place of one machine is named", faults);
}

/// Whether `line` has `word`; one that begins with `/` only as the beginning of a path.
fn names(line: &str, word: &str) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || "._-~>}".contains(letter);
    let begins = |at: usize| !word.starts_with('/') || !line[..at].ends_with(goes_on);
    line.match_indices(word).any(|(at, _)| begins(at))
}

#[test]
fn the_scanner_finds_paths_and_nothing_else() {
    let found = |text: &str| imports(&code_of(text), "crate::").into_iter().collect::<Vec<_>>();
    assert_eq!(found("use crate::name::Arch;\nuse crate::{diag::{Cause, Caused}, drv};"), ["diag", "drv", "name"]);
    assert_eq!(found("fn f(x: crate::lock::Lock) { pub(crate) crate::Item }"), ["lock"]);
    assert_eq!(found("// crate::a\n/* crate::b */ \"crate::c\" r#\"crate::d\"#"), [""; 0]);
    assert_eq!(
        found("let quote = '\"'; crate::plan::go(); let tick = '\\''; crate::graph::go::<'a>();"),
        ["graph", "plan"]
    );
    assert_eq!(found("my_crate::a $crate::b"), [""; 0]);
    let std = std_imports("use std::{io, fs::File}; let x: std::env::Args;");
    assert_eq!(std.into_iter().collect::<Vec<_>>(), ["env", "fs", "io"]);
}
