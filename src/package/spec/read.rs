//! Reads a spec line by line: conditions, sections, fields.

use std::collections::BTreeMap;

use super::dependency::{self, Dependency};
use super::expand::{Expander, TooMuch};
use super::lines::lines;
use super::macros::{Macro, Macros, is_name};
use super::{MAX_SPEC, Package, Spec, SpecError, condition};
use crate::name::PackageName;
use crate::package::rpm_version::Evr;

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
enum Section {
    /// Fields of a package, by its place.
    Fields(usize),
    Prep,
    Changelog,
    Sources,
    Patches,
    /// Anything that says nothing here.
    Other,
}

/// A condition that is open.
struct Open {
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

#[derive(Default)]
struct Draft {
    /// `None` for the main package.
    name: Option<PackageName>,
    noarch: bool,
    requires: Vec<Dependency>,
    provides: Vec<Dependency>,
    has_files: bool,
}

struct Reader {
    expander: Expander,
    open: Vec<Open>,
    section: Section,
    drafts: Vec<Draft>,
    places: BTreeMap<PackageName, usize>,
    name: Option<PackageName>,
    version: Option<String>,
    release: Option<String>,
    epoch: Option<u32>,
    exclusive_arch: Vec<String>,
    exclude_arch: Vec<String>,
    build_requires: Vec<Dependency>,
    build_conflicts: Vec<Dependency>,
    sources: BTreeMap<u32, String>,
    patches: BTreeMap<u32, String>,
    folder: Option<String>,
    date: Option<i64>,
}

/// What a spec says under these macros.
///
/// # Errors
/// [`SpecError`] for what cannot be read, or not be told without running it.
pub fn read(text: &str, macros: Macros) -> Result<Spec, SpecError> {
    if text.len() > MAX_SPEC {
        return Err(SpecError::TooLong);
    }
    let mut reader = Reader {
        expander: Expander::new(macros),
        open: Vec::new(),
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
        let text = self.expand(number, trimmed)?;
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
            Section::Prep | Section::Changelog | Section::Other => Ok(()),
        }
    }

    fn begin(&mut self, number: usize, word: &str, arguments: &str) -> Result<(), SpecError> {
        self.section = match word {
            "package" => Section::Fields(self.package(number, word, arguments)?),
            "files" => {
                let place = self.package(number, word, arguments)?;
                self.drafts[place].has_files = true;
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

    /// The package that `-n name`, `part` or nothing means.
    fn package(&mut self, line: usize, word: &str, arguments: &str) -> Result<usize, SpecError> {
        let mut words = arguments.split_whitespace();
        let mut name = None;
        while let Some(word) = words.next() {
            match word {
                "-n" => name = words.next().map(str::to_owned),
                "-f" => drop(words.next()),
                part if !part.starts_with('-') && name.is_none() => {
                    let main = self.name.as_ref().ok_or(SpecError::Missing { field: "Name" })?;
                    name = Some(format!("{main}-{part}"));
                }
                _ => {}
            }
        }
        let Some(name) = name else { return Ok(0) };
        if name.contains('%') {
            return Err(SpecError::Opaque {
                line,
                field: format!("%{word}"),
                construct: name.chars().take(80).collect(),
            });
        }
        let name = PackageName::new(name).map_err(|source| SpecError::Name { line, source })?;
        if Some(&name) == self.name.as_ref() {
            return Ok(0);
        }
        if let Some(place) = self.places.get(&name) {
            return Ok(*place);
        }
        self.places.insert(name.clone(), self.drafts.len());
        self.drafts.push(Draft { name: Some(name), ..Draft::default() });
        Ok(self.drafts.len() - 1)
    }

    fn field(&mut self, line: usize, place: usize, name: &str, value: &str) -> Result<(), SpecError> {
        let main = place == 0;
        let words = || value.split([' ', '\t', ',']).filter(|word| !word.is_empty()).map(str::to_owned);
        let dependencies = || {
            dependency::parse(value).map_err(|source| SpecError::Dependency { line, field: name.to_owned(), source })
        };
        match name {
            "name" if main => {
                let parsed = PackageName::new(value).map_err(|source| SpecError::Name { line, source })?;
                self.define("name", value);
                self.name = Some(parsed);
            }
            "version" if main => self.version = Some(self.part(line, "Version", value)?),
            "release" if main => self.release = Some(self.part(line, "Release", value)?),
            "epoch" if main => {
                let evr = Evr::new(&format!("{value}:0"));
                let evr = evr.map_err(|source| SpecError::Version { line, field: "Epoch", source })?;
                self.epoch = evr.epoch;
                self.define("epoch", value);
            }
            "buildarch" | "buildarchitectures" => {
                if words().any(|word| word == "noarch") {
                    self.drafts[place].noarch = true;
                } else if main {
                    self.exclusive_arch.extend(words());
                }
            }
            "exclusivearch" => self.exclusive_arch.extend(words()),
            "excludearch" => self.exclude_arch.extend(words()),
            "buildrequires" | "buildprereq" => self.build_requires.extend(dependencies()?),
            "buildconflicts" => self.build_conflicts.extend(dependencies()?),
            "requires" | "prereq" => self.drafts[place].requires.extend(dependencies()?),
            "provides" => self.drafts[place].provides.extend(dependencies()?),
            _ => {
                if let Some(number) = name.strip_prefix("source") {
                    put_numbered(&mut self.sources, number, value);
                } else if let Some(number) = name.strip_prefix("patch") {
                    put_numbered(&mut self.patches, number, value);
                }
            }
        }
        Ok(())
    }

    /// A version or a release, which later lines may ask for as a macro.
    fn part(&mut self, line: usize, field: &'static str, value: &str) -> Result<String, SpecError> {
        let evr = Evr::new(&format!("{value}-1"));
        evr.map_err(|source| SpecError::Version { line, field, source })?;
        self.define(&field.to_ascii_lowercase(), value);
        Ok(value.to_owned())
    }

    fn define(&mut self, name: &str, value: &str) {
        let body = Macro { body: value.replace('%', "%%"), options: None, own: true };
        self.expander.macros.put(name, body);
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

    fn changelog(&mut self, line: &str) {
        if self.date.is_none()
            && let Some(entry) = line.strip_prefix('*')
        {
            self.date = date(entry);
        }
    }

    fn finish(self) -> Result<Spec, SpecError> {
        let name = self.name.ok_or(SpecError::Missing { field: "Name" })?;
        let version = self.version.ok_or(SpecError::Missing { field: "Version" })?;
        let release = self.release.ok_or(SpecError::Missing { field: "Release" })?;
        let noarch = self.drafts.first().is_some_and(|main| main.noarch);
        let made = |draft: Draft| {
            let package =
                Package { noarch: noarch || draft.noarch, requires: draft.requires, provides: draft.provides };
            (draft.name.unwrap_or_else(|| name.clone()), package)
        };
        let packages = self.drafts.into_iter().filter(|draft| draft.has_files).map(made).collect();
        Ok(Spec {
            noarch,
            folder: self.folder.unwrap_or_else(|| format!("{name}-{version}")),
            evr: Evr { epoch: self.epoch, version, release: Some(release) },
            exclusive_arch: self.exclusive_arch,
            exclude_arch: self.exclude_arch,
            build_requires: self.build_requires,
            build_conflicts: self.build_conflicts,
            sources: self.sources,
            patches: self.patches,
            date: self.date,
            packages,
            name,
        })
    }
}

/// Whether a word behind `%` is part of a spec's form and no macro.
pub(super) fn is_directive(word: &str) -> bool {
    let conditions = ["if", "ifarch", "ifnarch", "ifos", "ifnos", "elif", "elifarch", "elifos", "else", "endif"];
    SECTIONS.contains(&word) || conditions.contains(&word)
}

/// The word behind the `%` that a line begins with; empty where there is none.
fn directive(line: &str) -> &str {
    let Some(behind) = line.strip_prefix('%') else { return "" };
    &behind[..behind.bytes().take_while(|byte| is_name(*byte)).count()]
}

/// A field's name in small letters, without what stands in brackets, and its value.
fn field(line: &str) -> Option<(String, &str)> {
    let length = line.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (name, rest) = line.split_at(length);
    let mut rest = rest.trim_start();
    if let Some((_, behind)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        rest = behind.trim_start();
    }
    let value = rest.strip_prefix(':')?;
    if length == 0 { None } else { Some((name.to_ascii_lowercase(), value.trim())) }
}

/// Whether a field says something that is told here.
fn matters(name: &str) -> bool {
    let numbered = |name: &str, kind: &str| {
        name.strip_prefix(kind).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let known = [
        "name",
        "version",
        "release",
        "epoch",
        "buildarch",
        "buildarchitectures",
        "exclusivearch",
        "excludearch",
        "buildrequires",
        "buildprereq",
        "buildconflicts",
        "requires",
        "prereq",
        "provides",
    ];
    known.contains(&name) || numbered(name, "source") || numbered(name, "patch")
}

/// Without a number it is the next one.
fn put_numbered(list: &mut BTreeMap<u32, String>, number: &str, value: &str) {
    let next = list.keys().next_back().map_or(0, |last| last.saturating_add(1));
    let number = number.parse().unwrap_or(next);
    if !value.is_empty() {
        list.insert(number, value.to_owned());
    }
}

/// The date of a changelog's entry: `Thu Jan 01 2026 …`, or with a time, `Thu Jan  1 12:30:00 UTC 2026 …`.
fn date(entry: &str) -> Option<i64> {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = entry.split_whitespace().skip(1);
    let month = words.next().and_then(|word| months.iter().position(|month| *month == word))?;
    let day: i8 = words.next()?.parse().ok()?;
    let mut word = words.next()?;
    let mut time = jiff::civil::Time::constant(12, 0, 0, 0);
    if word.contains(':') {
        time = word.parse().ok()?;
        words.next()?;
        word = words.next()?;
    }
    let date = jiff::civil::Date::new(word.parse().ok()?, i8::try_from(month + 1).ok()?, day).ok()?;
    Some(date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}
