//! Reads `distros/<name>.rhai`: plain data about one release.
//!
//! What every release has is read here, what one family alone has in `deb` and `rpm`.

mod deb;
mod extra;
mod rpm;

use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::{Dynamic, Map};

use super::files::Files;
use super::mistake::{Complaint, Mistake, RecipeError};
use super::places::{FieldPlaces, Step, key};
use super::read::{Reader, present};
use super::scan::Text;
use crate::distro::{Distro, Family, Lifecycle, Packaging};
use crate::name::{Arch, DistroName, PackageName};

const FIELDS: [&str; 8] = ["family", "vendor", "release", "platform", "suffix", "arches", "indep_on", "lifecycle"];

/// Every field that a distro of any family may have.
#[cfg(test)]
pub(super) fn all_fields() -> BTreeSet<&'static str> {
    FIELDS.iter().chain(&deb::FIELDS).chain(&rpm::FIELDS).copied().collect()
}

/// The distro `name` that `value`, a file's value, describes; or everything that is wrong with it.
///
/// `files` has the keys of its extra repositories.
pub(super) fn read(
    text: &Arc<Text>,
    name: &DistroName,
    value: &Dynamic,
    files: &dyn Files,
) -> Result<Distro, Vec<RecipeError>> {
    let mut reader = Reader::new(FieldPlaces::new(text, None));
    let distro = fields(&mut reader, name, value);
    // What is wrong itself is left out, so that places are no longer known.
    if let Some(deb) = distro.as_ref().filter(|_| reader.errors.is_empty()).and_then(Distro::deb) {
        extra::check_keys(&mut reader, &deb.extra_repositories, files);
    }
    match distro {
        Some(distro) if reader.errors.is_empty() => Ok(distro),
        _ => Err(reader.errors),
    }
}

fn fields(reader: &mut Reader, name: &DistroName, value: &Dynamic) -> Option<Distro> {
    let map = reader.map(value, &[])?;
    // Which fields there are depends on the family, so without one nothing else can be judged.
    let family = choice(reader, &map, &[], "family", &[("deb", Family::Deb), ("rpm", Family::Rpm)])?;
    let more: &[&str] = match family {
        Family::Deb => &deb::FIELDS,
        Family::Rpm => &rpm::FIELDS,
    };
    reader.only(&map, &[], &[&FIELDS[..], more].concat());
    let vendor = word(reader, &map, &[], "vendor", "debian");
    let release = word(reader, &map, &[], "release", "12");
    let platform = match present(&map, "platform") {
        None => Some(None),
        Some(_) => word(reader, &map, &[], "platform", "el").map(Some),
    };
    let suffix = word(reader, &map, &[], "suffix", "deb12");
    let arches = arches(reader, &map);
    let indep_on =
        reader.required(&map, &[], "indep_on", "\"amd64\"").and_then(|value| arch(reader, value, &way("indep_on")));
    let packaging = match family {
        Family::Deb => deb::read(reader, &map, arches.as_deref().unwrap_or_default()).map(Packaging::Deb),
        Family::Rpm => rpm::read(reader, &map).map(Packaging::Rpm),
    };
    let lifecycle = lifecycle(reader, &map, family);
    let (release, vendor, platform) = (release?, vendor?, platform?);
    let distro = Distro {
        name: name.clone(),
        vendor,
        release,
        suffix: suffix?,
        arches: arches?,
        indep_on: indep_on?,
        lifecycle: lifecycle?,
        packaging: packaging?,
    };
    called(reader, &distro, platform.as_deref());
    if !distro.arches.contains(&distro.indep_on) {
        let complaint = Complaint::new(Mistake::Field, format!("`{}` is not one of `arches`", distro.indep_on));
        reader.refuse(&way("indep_on"), complaint.help("name the arch that makes the arch-independent packages"));
    }
    Some(distro)
}

/// The file is called after what it says: a copied file whose release was forgotten would make another release's packages.
fn called(reader: &mut Reader, distro: &Distro, platform: Option<&str>) {
    let (field, head) = match platform {
        Some(platform) => ("platform", platform),
        None => ("vendor", distro.vendor.as_str()),
    };
    let called = format!("{head}-{}", distro.release);
    if called != distro.name.as_str() {
        let message = format!("{field} and release make `{called}`, but the file is `{}.rhai`", distro.name);
        let help = format!("rename the file to `{called}.rhai`, or mend `{field}` or `release`");
        reader.refuse(&way("release"), Complaint::new(Mistake::Name, message).help(help));
    }
}

fn way(name: &str) -> Vec<Step> {
    key(&[], name)
}

/// A word that ends up in file names, versions and package manager settings, so it must be one.
fn plain(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-+/_".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts && text.len() <= 100 && text.bytes().all(is_plain) && !text.contains("..") {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is not a plain word"))
}

/// An area of a suite.
fn area(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<String> {
    reader.checked(value, way, plain, "use the name in the archive, as in `main`")
}

fn word(reader: &mut Reader, map: &Map, before: &[Step], name: &str, example: &str) -> Option<String> {
    let value = reader.required(map, before, name, &format!("\"{example}\""))?;
    let check = |text: &str| {
        plain(text)
            .and_then(|text| if text.contains('/') { Err(format!("`{text}` is not a plain word")) } else { Ok(text) })
    };
    reader.checked(value, &key(before, name), check, "use lower-case letters, digits, `.`, `-`")
}

/// A field that has one of a few values.
fn choice<T: Copy>(reader: &mut Reader, map: &Map, before: &[Step], name: &str, known: &[(&str, T)]) -> Option<T> {
    let value = reader.required(map, before, name, &format!("\"{}\"", known.first().map_or("", |(word, _)| word)))?;
    let text = reader.text(value, &key(before, name))?;
    let found = known.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let list: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let complaint = Complaint::new(Mistake::Field, format!("`{name}` cannot be `{text}`"));
        reader.refuse(
            &key(before, name),
            complaint.help(match list.as_slice() {
                [only] => format!("write `{only}`: nothing else is supported yet"),
                _ => format!("choose one of `{}`", list.join("`, `")),
            }),
        );
    }
    found.map(|(_, value)| *value)
}

fn arch(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Arch> {
    reader.checked(value, way, str::parse::<Arch>, "use Debian's names, as in `amd64`, `arm64`")
}

fn arches(reader: &mut Reader, map: &Map) -> Option<Vec<Arch>> {
    let before = reader.errors.len();
    let value = reader.required(map, &[], "arches", "[\"amd64\"]")?;
    let arches = reader.list(value, &way("arches"), arch)?;
    let distinct: BTreeSet<&Arch> = arches.iter().collect();
    let wrong = distinct.len() != arches.len()
        || arches.is_empty()
        || arches.iter().any(|arch| arch.is_all() || *arch == Arch::source());
    if wrong && reader.errors.len() == before {
        let complaint = Complaint::new(Mistake::Field, "`arches` must name at least one real arch, and none twice");
        reader.refuse_key(
            &way("arches"),
            complaint.help("write it as in `arches: [\"amd64\", \"arm64\"]`; `all` is made on `indep_on`"),
        );
    }
    Some(arches)
}

fn lifecycle(reader: &mut Reader, map: &Map, family: Family) -> Option<Lifecycle> {
    let more: &[&str] = if family == Family::Deb { &["expired_release_files"] } else { &["expired_metadata"] };
    let lifecycle = section(reader, map, "lifecycle", &[&["end", "archived"], more].concat())?;
    let before = way("lifecycle");
    let end = reader.required(&lifecycle, &before, "end", "\"2028-06-30\"").and_then(|value| {
        reader.checked(value, &key(&before, "end"), super::read::date, "write year, month and day, as in `2028-06-30`")
    });
    let archived = flag(reader, &lifecycle, &before, "archived", "false");
    Some(Lifecycle { end: end?, archived: archived? })
}

fn flag(reader: &mut Reader, map: &Map, before: &[Step], name: &str, example: &str) -> Option<bool> {
    reader.required(map, before, name, example).and_then(|value| reader.flag(value, &key(before, name)))
}

/// Names of packages at `name`, none where the field is missing.
fn packages(reader: &mut Reader, map: &Map, before: &[Step], name: &str) -> Option<Vec<String>> {
    let Some(value) = present(map, name) else { return Some(Vec::new()) };
    reader.list(value, &key(before, name), |reader, value, way| {
        reader
            .checked(value, way, str::parse::<PackageName>, "name a package of the distro")
            .map(|name| name.to_string())
    })
}

fn section(reader: &mut Reader, map: &Map, name: &str, known: &[&str]) -> Option<Map> {
    let value = reader.required(map, &[], name, "#{ … }")?;
    let section = reader.map(value, &way(name))?;
    reader.only(&section, &way(name), known);
    Some(section)
}
