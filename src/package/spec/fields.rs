//! Fields of a spec, the packages that they belong to, and what all of it comes to.

use std::collections::BTreeMap;

use super::dependency::{self, Dependency};
use super::macros::Macro;
use super::read::Reader;
use super::table::Table;
use super::{Package, Spec, SpecError};
use crate::name::PackageName;
use crate::package::rpm_version::Evr;

#[derive(Default)]
pub(super) struct Draft {
    /// `None` for the main package.
    pub name: Option<PackageName>,
    pub noarch: bool,
    pub requires: Vec<Dependency>,
    pub provides: Vec<Dependency>,
    pub files: Vec<String>,
    pub has_files: bool,
}

impl Reader {
    /// The package that `-n name`, `part` or nothing means.
    pub(super) fn package(&mut self, line: usize, word: &str, arguments: &str) -> Result<usize, SpecError> {
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

    pub(super) fn field(&mut self, line: usize, place: usize, name: &str, value: &str) -> Result<(), SpecError> {
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
            "release" if main => {
                self.release = Some(self.part(line, "Release", value)?);
                self.expander.macros.release();
            }
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
    pub(super) fn part(&mut self, line: usize, field: &'static str, value: &str) -> Result<String, SpecError> {
        let evr = Evr::new(&format!("{value}-1"));
        evr.map_err(|source| SpecError::Version { line, field, source })?;
        self.define(&field.to_ascii_lowercase(), value);
        Ok(value.to_owned())
    }

    pub(super) fn define(&mut self, name: &str, value: &str) {
        let body = Macro { body: value.replace('%', "%%"), options: None, own: true };
        self.expander.macros.put(name, body);
    }

    pub(super) fn changelog(&mut self, line: &str) {
        if self.date.is_none()
            && let Some(entry) = line.strip_prefix('*')
        {
            self.date = date(entry);
        }
    }

    pub(super) fn finish(self) -> Result<(Spec, Table), SpecError> {
        let name = self.name.ok_or(SpecError::Missing { field: "Name" })?;
        let version = self.version.ok_or(SpecError::Missing { field: "Version" })?;
        let release = self.release.ok_or(SpecError::Missing { field: "Release" })?;
        let noarch = self.drafts.first().is_some_and(|main| main.noarch);
        let made = |draft: Draft| {
            let package = Package {
                noarch: noarch || draft.noarch,
                requires: draft.requires,
                provides: draft.provides,
                files: draft.files,
            };
            (draft.name.unwrap_or_else(|| name.clone()), package)
        };
        let packages = self.drafts.into_iter().filter(|draft| draft.has_files).map(made).collect();
        let spec = Spec {
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
            asks: self.asks,
            packages,
            name,
        };
        Ok((spec, self.expander.macros))
    }
}

/// A field's name in small letters, without what stands in brackets, and its value.
pub(super) fn field(line: &str) -> Option<(String, &str)> {
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
pub(super) fn matters(name: &str) -> bool {
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
pub(super) fn put_numbered(list: &mut BTreeMap<u32, String>, number: &str, value: &str) {
    let next = list.keys().next_back().map_or(0, |last| last.saturating_add(1));
    let number = number.parse().unwrap_or(next);
    if !value.is_empty() {
        list.insert(number, value.to_owned());
    }
}

/// The date of a changelog's entry: `Thu Jan 01 2026 …`, or with a time, `Thu Jan  1 12:30:00 UTC 2026 …`.
pub(super) fn date(entry: &str) -> Option<i64> {
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
