//! What the `Depends` of a test comes to, once what stands for other relations is put in.

use std::collections::BTreeSet;

use super::{Restriction, Test, shown};
use crate::package::control::paragraphs;
use crate::package::relation::{Relations, Variables};

/// The longest `Depends` with what stands for others put in, in bytes.
const MAX_DEPENDS: usize = 64 << 10;

/// What stands for `@` and its like.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Names of the source's packages: `@`.
    pub packages: &'a [String],
    /// Its build dependencies: `@builddeps@`, with `build-essential`.
    pub build_depends: &'a str,
    /// Its `debian/control`, whose `Recommends` are `@recommends@`.
    pub control: &'a str,
    /// The arch, in Debian's spelling.
    pub arch: &'a str,
}

/// The relations that must be met where `test` runs, each one of a field; or why that is not known.
///
/// # Errors
/// The reason, as a fragment.
pub fn needs(test: &Test, place: &Place<'_>) -> Result<Vec<String>, String> {
    let mut all = Needs::default();
    for relation in test.depends.split(',').map(str::trim).filter(|relation| !relation.is_empty()) {
        match relation {
            "@builddeps@" => build_depends(&mut all, place)?,
            "@recommends@" => recommends(place).into_iter().try_for_each(|relation| all.push(relation))?,
            other if other.contains('@') => {
                for package in place.packages {
                    all.push(of_package(other, package).ok_or_else(|| unknown(other))?)?;
                }
            }
            other => all.push(other.to_owned())?,
        }
    }
    if test.has(Restriction::BuildNeeded) {
        build_depends(&mut all, place)?;
    }
    Ok(all.relations)
}

#[derive(Default)]
struct Needs {
    relations: Vec<String>,
    seen: BTreeSet<String>,
    length: usize,
}

impl Needs {
    fn push(&mut self, relation: String) -> Result<(), String> {
        if self.seen.contains(&relation) {
            return Ok(());
        }
        self.length += relation.len();
        if self.length > MAX_DEPENDS {
            return Err("what it depends on is longer than 64 KiB".to_owned());
        }
        self.seen.insert(relation.clone());
        self.relations.push(relation);
        Ok(())
    }
}

fn unknown(relation: &str) -> String {
    format!("this program does not know what `{}` stands for", shown(relation))
}

fn build_depends(all: &mut Needs, place: &Place<'_>) -> Result<(), String> {
    let relations = place.build_depends.split(',').map(str::trim).filter(|relation| !relation.is_empty());
    relations.chain(["build-essential"]).try_for_each(|relation| all.push(relation.to_owned()))
}

/// What packages of the source recommend, as far as no variable stands there: none of them is known before a build.
fn recommends(place: &Place<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in paragraphs(place.control).map_while(Result::ok) {
        let field = paragraph.folded("Recommends");
        let relations = Relations::parse_with(&field, Variables::LeftOut).unwrap_or_default();
        let relations = relations.reduce(place.arch, &BTreeSet::new());
        found.extend(relations.0.iter().map(ToString::to_string));
    }
    found
}

/// `relation` with `package` for each `@`; `None` where one is part of a longer word.
fn of_package(relation: &str, package: &str) -> Option<String> {
    let one = |alternative: &str| match alternative.trim().strip_prefix('@') {
        None => (!alternative.contains('@')).then(|| alternative.trim().to_owned()),
        Some(rest) if rest.contains('@') || rest.starts_with(|next: char| next.is_alphanumeric()) => None,
        Some(rest) => Some(format!("{package}{rest}")),
    };
    relation.split('|').map(one).collect::<Option<Vec<String>>>().map(|all| all.join(" | "))
}
