//! Reads a spec line by line: conditions, sections, fields.

use std::collections::BTreeMap;

use super::dependency::Dependency;
use super::expand::{Expander, TooMuch};
use super::fields::{Draft, field, matters, put_numbered};
use super::lines::lines;
use super::macros::{Macros, is_name};
use super::table::Table;
use super::{MAX_SPEC, Spec, SpecError, condition};
use crate::name::PackageName;

/// Conditions within conditions.
const MAX_OPEN: usize = 64;

/// What begins a section.
const SECTIONS: [&str; 34] = [
    "package",
    "description",
    "prep",
    "generate_buildrequires",
    "conf",
    "build",
    "install",
    "check",
    "clean",
    "pre",
    "preun",
    "post",
    "postun",
    "pretrans",
    "posttrans",
    "preuntrans",
    "postuntrans",
    "files",
    "changelog",
    "triggerin",
    "triggerun",
    "triggerpostun",
    "triggerprein",
    "trigger",
    "verifyscript",
    "sepolicy",
    "filetriggerin",
    "filetriggerun",
    "filetriggerpostun",
    "transfiletriggerin",
    "transfiletriggerun",
    "transfiletriggerpostun",
    "sourcelist",
    "patchlist",
];

/// What defines something wherever it stands.
const STATEMENTS: [&str; 6] = ["global", "define", "undefine", "bcond", "bcond_with", "bcond_without"];

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Fields of a package, by its place.
    Fields(usize),
    /// Files of a package, by its place.
    Files(usize),
    Prep,
    Changelog,
    Sources,
    Patches,
    /// Anything that says nothing here.
    Other,
}

/// A condition that is open.
pub(super) struct Open {
    line: usize,
    directive: String,
    /// Whether the lines around it are read.
    outside: bool,
    /// Whether a branch of it has been read.
    done: bool,
    /// Whether its present branch is read.
    reads: bool,
    /// What it depends on, where that cannot be told.
    unsure: Option<String>,
}

pub(super) struct Reader {
    pub expander: Expander,
    pub open: Vec<Open>,
    pub asks: bool,
    pub section: Section,
    pub drafts: Vec<Draft>,
    pub places: BTreeMap<PackageName, usize>,
    pub name: Option<PackageName>,
    pub version: Option<String>,
    pub release: Option<String>,
    pub epoch: Option<u32>,
    pub exclusive_arch: Vec<String>,
    pub exclude_arch: Vec<String>,
    pub build_requires: Vec<Dependency>,
    pub build_conflicts: Vec<Dependency>,
    pub sources: BTreeMap<u32, String>,
    pub patches: BTreeMap<u32, String>,
    pub folder: Option<String>,
    pub date: Option<i64>,
}

/// What a spec says under these macros.
///
/// # Errors
/// [`SpecError`] for what cannot be read, or not be told without running it.
pub fn read(text: &str, macros: Macros) -> Result<Spec, SpecError> {
    noted(text, macros).map(|(spec, _)| spec)
}

/// The same, with what it asked of the macros.
pub(super) fn noted(text: &str, macros: Macros) -> Result<(Spec, Table), SpecError> {
    if text.len() > MAX_SPEC {
        return Err(SpecError::TooLong);
    }
    let mut reader = Reader {
        expander: Expander::new(macros),
        open: Vec::new(),
        asks: false,
        section: Section::Fields(0),
        drafts: vec![Draft::default()],
        places: BTreeMap::new(),
        name: None,
        version: None,
        release: None,
        epoch: None,
        exclusive_arch: Vec::new(),
        exclude_arch: Vec::new(),
        build_requires: Vec::new(),
        build_conflicts: Vec::new(),
        sources: BTreeMap::new(),
        patches: BTreeMap::new(),
        folder: None,
        date: None,
    };
    for line in lines(text) {
        let (number, line) = line.map_err(|line| SpecError::Unclosed { line })?;
        reader.line(number, line)?;
    }
    if let Some(open) = reader.open.pop() {
        return Err(SpecError::Balance { line: open.line, directive: open.directive });
    }
    reader.finish()
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), SpecError> {
        let trimmed = line.trim_start();
        let word = directive(trimmed);
        if self.condition(number, word, trimmed)? {
            return Ok(());
        }
        let sure = self.open.last().is_none_or(|open| open.reads);
        if let Some((line, construct)) = self.unsure() {
            // Neither branch can be believed, so neither may say something that is told here.
            let says = SECTIONS.contains(&word)
                || STATEMENTS.contains(&word)
                || matches!(self.section, Section::Fields(_)) && field(trimmed).is_some_and(|(name, _)| matters(&name));
            return if says { Err(SpecError::Opaque { line, field: "%if".into(), construct }) } else { Ok(()) };
        }
        if !sure || trimmed.starts_with('#') {
            return Ok(());
        }
        let inert = matches!(self.section, Section::Other | Section::Prep | Section::Changelog);
        let own = self.expander.macros.get(word).is_some_and(|found| found.own);
        if inert && !SECTIONS.contains(&word) && !STATEMENTS.contains(&word) && !own {
            let defines = trimmed.starts_with('%')
                && ["%global", "%define", "%package"].iter().any(|part| trimmed.contains(part));
            match self.section {
                Section::Prep if word == "setup" || word == "autosetup" => return self.setup(number, trimmed),
                Section::Changelog => {
                    self.changelog(trimmed);
                    return Ok(());
                }
                _ if !defines => return Ok(()),
                _ => {}
            }
        }
        let gives_release = self.section == Section::Fields(0) && gives_release(trimmed);
        if gives_release {
            self.expander.macros.begin_release(trimmed);
        }
        let text = self.expand(number, trimmed)?;
        if gives_release {
            self.expander.macros.end_release(&text);
        }
        let left = self.expander.left.take();
        // A macro may stand for several lines, sections among them.
        for piece in text.lines() {
            self.piece(number, piece.trim(), left.as_deref())?;
        }
        Ok(())
    }

    fn expand(&mut self, line: usize, text: &str) -> Result<String, SpecError> {
        self.expander.fresh(text).map_err(|TooMuch| SpecError::TooMuch { line })
    }

    /// The innermost condition that cannot be told, where its lines would be read at all.
    fn unsure(&self) -> Option<(usize, String)> {
        let from = self.open.iter().position(|open| open.unsure.is_some())?;
        let inner = self.open[from + 1..].iter().all(|open| open.reads || open.unsure.is_some());
        let open = &self.open[from];
        (open.outside && inner).then(|| (open.line, open.unsure.clone().unwrap_or_default()))
    }

    /// Takes in `%if` and its like; whether the line was one.
    fn condition(&mut self, number: usize, word: &str, line: &str) -> Result<bool, SpecError> {
        let text = line.get(1 + word.len()..).unwrap_or_default();
        let balance = || SpecError::Balance { line: number, directive: format!("%{word}") };
        match word {
            "if" | "ifarch" | "ifnarch" | "ifos" | "ifnos" => {
                // What is inside a branch that cannot be told is looked at without being judged.
                let outside = self.open.last().is_none_or(|open| open.reads || open.unsure.is_some());
                let mut open = Open {
                    line: number,
                    directive: format!("%{word}"),
                    outside,
                    done: false,
                    reads: false,
                    unsure: None,
                };
                if outside && self.unsure().is_none() {
                    self.judge(number, word, text, &mut open)?;
                } else if outside {
                    open.unsure = Some(String::new());
                }
                if self.open.len() >= MAX_OPEN {
                    return Err(SpecError::TooMuch { line: number });
                }
                self.open.push(open);
            }
            "elif" | "elifarch" | "elifos" => {
                let mut open = self.open.pop().ok_or_else(balance)?;
                if !open.outside || open.unsure.is_some() {
                } else if open.done {
                    open.reads = false;
                } else {
                    self.judge(number, &word[2..], text, &mut open)?;
                }
                self.open.push(open);
            }
            "else" => {
                let open = self.open.last_mut().ok_or_else(balance)?;
                if open.outside && open.unsure.is_none() {
                    open.reads = !open.done;
                    open.done = true;
                }
            }
            "endif" => drop(self.open.pop().ok_or_else(balance)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn judge(&mut self, number: usize, word: &str, text: &str, open: &mut Open) -> Result<(), SpecError> {
        let text = text.split_once(" #").map_or(text, |(text, _)| text);
        let expanded = self.expand(number, text)?;
        if let Some(construct) = self.expander.left.take() {
            open.line = number;
            open.unsure = Some(construct);
            open.reads = false;
            return Ok(());
        }
        let listed = |wanted: &str| expanded.split([' ', '\t', ',', '\n']).any(|word| word == wanted);
        open.reads = match word {
            "ifarch" => listed(self.expander.macros.arch()),
            "ifnarch" => !listed(self.expander.macros.arch()),
            "ifos" => listed("linux"),
            "ifnos" => !listed("linux"),
            _ => condition::holds(expanded.trim())
                .map_err(|_| SpecError::Condition { line: number, text: expanded.trim().chars().take(80).collect() })?,
        };
        open.done = open.reads;
        Ok(())
    }

    /// A line after expansion; `left` is what in it could not be expanded.
    fn piece(&mut self, number: usize, line: &str, left: Option<&str>) -> Result<(), SpecError> {
        let word = directive(line);
        if SECTIONS.contains(&word) {
            return self.begin(number, word, &line[1 + word.len()..]);
        }
        match self.section {
            Section::Fields(place) => {
                let Some((name, value)) = field(line).filter(|(name, _)| matters(name)) else { return Ok(()) };
                if let Some(construct) = left {
                    let construct = construct.to_owned();
                    return Err(SpecError::Opaque { line: number, field: name, construct });
                }
                self.field(number, place, &name, value)
            }
            Section::Sources => {
                put_numbered(&mut self.sources, "", line);
                Ok(())
            }
            Section::Patches => {
                put_numbered(&mut self.patches, "", line);
                Ok(())
            }
            Section::Files(place) => {
                if left.is_none()
                    && let Some(path) = told_path(line)
                {
                    self.drafts[place].files.push(path.to_owned());
                }
                Ok(())
            }
            Section::Prep | Section::Changelog | Section::Other => Ok(()),
        }
    }

    fn begin(&mut self, number: usize, word: &str, arguments: &str) -> Result<(), SpecError> {
        self.section = match word {
            "package" => Section::Fields(self.package(number, word, arguments)?),
            "files" => {
                let place = self.package(number, word, arguments)?;
                self.drafts[place].has_files = true;
                Section::Files(place)
            }
            "generate_buildrequires" => {
                self.asks = true;
                Section::Other
            }
            "prep" => Section::Prep,
            "changelog" => Section::Changelog,
            "sourcelist" => Section::Sources,
            "patchlist" => Section::Patches,
            _ => Section::Other,
        };
        Ok(())
    }

    /// `%setup -n folder`: where the first archive unpacks to.
    fn setup(&mut self, line: usize, text: &str) -> Result<(), SpecError> {
        let behind = text.split_once(char::is_whitespace).map_or("", |(_, behind)| behind);
        let expanded = self.expand(line, behind)?;
        let mut words = expanded.split_whitespace();
        while let Some(word) = words.next() {
            let folder = match word.strip_prefix("-n") {
                Some("") => words.next(),
                other => other,
            };
            if let Some(folder) = folder.filter(|_| self.folder.is_none()) {
                if let Some(construct) = self.expander.left.take() {
                    return Err(SpecError::Opaque { line, field: "%setup -n".into(), construct });
                }
                self.folder = Some(folder.to_owned());
            }
        }
        Ok(())
    }
}

/// Whether a line is the field of the release. Most lines are told by how they begin.
fn gives_release(line: &str) -> bool {
    let begins = line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("release"));
    begins && field(line).is_some_and(|(name, _)| name == "release")
}

/// Whether a word behind `%` is part of a spec's form and no macro.
pub(super) fn is_directive(word: &str) -> bool {
    let conditions = ["if", "ifarch", "ifnarch", "ifos", "ifnos", "elif", "elifarch", "elifos", "else", "endif"];
    SECTIONS.contains(&word) || conditions.contains(&word)
}

/// A file of which a package's capabilities follow, in a line of its list of files: a program, or what pkg-config and CMake
/// read.
fn told_path(line: &str) -> Option<&str> {
    let path = line.split_whitespace().next_back().filter(|word| word.starts_with('/'))?;
    let told = path.starts_with("/usr/bin/")
        || path.starts_with("/usr/sbin/")
        || path.ends_with(".pc")
        || path.ends_with("onfig.cmake");
    (told && !path.contains(['*', '?', '[', '{'])).then_some(path)
}

/// The word behind the `%` that a line begins with; empty where there is none.
fn directive(line: &str) -> &str {
    let Some(behind) = line.strip_prefix('%') else { return "" };
    &behind[..behind.bytes().take_while(|byte| is_name(*byte)).count()]
}
