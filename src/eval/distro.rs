//! Reads `distros/<vendor>-<release>.rhai`: plain data about one release.

use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::{Dynamic, Map};

use super::mistake::{Complaint, Mistake, RecipeError};
use super::places::{FieldPlaces, Step, key};
use super::read::Reader;
use super::scan::Text;
use crate::distro::{Base, Distro, Expired, Family, Lifecycle, Options, Suite};
use crate::name::{Arch, DistroName, PackageName};

const FIELDS: [&str; 12] = [
    "family",
    "vendor",
    "release",
    "codename",
    "suffix",
    "arches",
    "indep_on",
    "suites",
    "keyring",
    "base",
    "lifecycle",
    "options",
];

/// The distro `name` that `value`, a file's value, describes; or everything that is wrong with it.
pub(super) fn read(text: &Arc<Text>, name: &DistroName, value: &Dynamic) -> Result<Distro, Vec<RecipeError>> {
    let mut reader = Reader::new(FieldPlaces::new(text, None));
    let distro = fields(&mut reader, name, value);
    match distro {
        Some(distro) if reader.errors.is_empty() => Ok(distro),
        _ => Err(reader.errors),
    }
}

fn fields(reader: &mut Reader, name: &DistroName, value: &Dynamic) -> Option<Distro> {
    let map = reader.map(value, &[])?;
    reader.only(&map, &[], &FIELDS);
    let family = choice(reader, &map, &[], "family", &[("deb", Family::Deb)]);
    let vendor = word(reader, &map, &[], "vendor", "debian");
    let release = word(reader, &map, &[], "release", "12");
    let codename = word(reader, &map, &[], "codename", "bookworm");
    let suffix = word(reader, &map, &[], "suffix", "deb12");
    let arches = arches(reader, &map);
    let indep_on =
        reader.required(&map, &[], "indep_on", "\"amd64\"").and_then(|value| arch(reader, value, &way("indep_on")));
    let suites = suites(reader, &map);
    let keyring = word(reader, &map, &[], "keyring", "debian-archive-keyring.gpg");
    let base = base(reader, &map);
    let lifecycle = lifecycle(reader, &map);
    let options = options(reader, &map);
    let distro = Distro {
        name: name.clone(),
        family: family?,
        vendor: vendor?,
        release: release?,
        codename: codename?,
        suffix: suffix?,
        arches: arches?,
        indep_on: indep_on?,
        suites: suites?,
        keyring: keyring?,
        base: base?,
        lifecycle: lifecycle?,
        options: options?,
    };
    let called = format!("{}-{}", distro.vendor, distro.release);
    if called != name.as_str() {
        let complaint =
            Complaint::new(Mistake::Name, format!("vendor and release make `{called}`, but the file is `{name}.rhai`"));
        reader.refuse(
            &way("release"),
            complaint.help(format!("rename the file to `{called}.rhai`, or mend `vendor` or `release`")),
        );
    }
    if !distro.arches.contains(&distro.indep_on) {
        let complaint = Complaint::new(Mistake::Field, format!("`{}` is not one of `arches`", distro.indep_on));
        reader.refuse(&way("indep_on"), complaint.help("name the arch that makes the arch-independent packages"));
    }
    Some(distro)
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
    let wrong = distinct.len() != arches.len() || arches.is_empty() || arches.iter().any(Arch::is_all);
    if wrong && reader.errors.len() == before {
        let complaint = Complaint::new(Mistake::Field, "`arches` must name at least one real arch, and none twice");
        reader.refuse_key(
            &way("arches"),
            complaint.help("write it as in `arches: [\"amd64\", \"arm64\"]`; `all` is made on `indep_on`"),
        );
    }
    Some(arches)
}

fn suites(reader: &mut Reader, map: &Map) -> Option<Vec<Suite>> {
    let before = reader.errors.len();
    let value = reader.required(map, &[], "suites", "[ #{ name: \"bookworm\", areas: [\"main\"] } ]")?;
    let suites = reader.list(value, &way("suites"), |reader, value, way| {
        let map = reader.map(value, way)?;
        reader.only(&map, way, &["name", "areas", "security"]);
        let plain_word = |reader: &mut Reader, value: &Dynamic, way: &[Step]| {
            reader.checked(value, way, plain, "use the name in the archive, as in `bookworm-updates`")
        };
        let name = reader
            .required(&map, way, "name", "\"bookworm\"")
            .and_then(|value| plain_word(reader, value, &key(way, "name")));
        let areas = reader
            .required(&map, way, "areas", "[\"main\"]")
            .and_then(|value| reader.list(value, &key(way, "areas"), plain_word));
        let security = super::read::present(&map, "security")
            .map_or(Some(false), |value| reader.flag(value, &key(way, "security")));
        Some(Suite { name: name?, areas: areas?, security: security? })
    })?;
    let names: BTreeSet<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    if (suites.is_empty() || names.len() != suites.len()) && reader.errors.len() == before {
        let complaint = Complaint::new(Mistake::Field, "`suites` must name at least one suite, and none twice");
        reader.refuse_key(&way("suites"), complaint.help("list the release's suite first"));
    }
    Some(suites)
}

fn base(reader: &mut Reader, map: &Map) -> Option<Base> {
    let base = section(reader, map, "base", &["variant", "add"])?;
    let before = way("base");
    let variant = choice(reader, &base, &before, "variant", &[("buildd", "buildd")])?.to_owned();
    let add = match super::read::present(&base, "add") {
        None => Vec::new(),
        Some(value) => reader.list(value, &key(&before, "add"), |reader, value, way| {
            reader
                .checked(value, way, str::parse::<PackageName>, "name a package of the distro")
                .map(|name| name.to_string())
        })?,
    };
    Some(Base { variant, add })
}

fn lifecycle(reader: &mut Reader, map: &Map) -> Option<Lifecycle> {
    let lifecycle = section(reader, map, "lifecycle", &["end", "archived", "expired_release_files"])?;
    let before = way("lifecycle");
    let date = |text: &str| match text.parse::<jiff::civil::Date>() {
        Ok(date) if date.to_string() == text => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is not a date")),
    };
    let end = reader.required(&lifecycle, &before, "end", "\"2028-06-30\"").and_then(|value| {
        reader.checked(value, &key(&before, "end"), date, "write year, month and day, as in `2028-06-30`")
    });
    let archived = reader
        .required(&lifecycle, &before, "archived", "false")
        .and_then(|value| reader.flag(value, &key(&before, "archived")));
    let known = [("refuse", Expired::Refuse), ("accept", Expired::Accept)];
    let expired = choice(reader, &lifecycle, &before, "expired_release_files", &known);
    Some(Lifecycle { end: end?, archived: archived?, expired_release_files: expired? })
}

fn options(reader: &mut Reader, map: &Map) -> Option<Options> {
    let options = section(reader, map, "options", &["alternatives", "recommends", "rules_need_no_root"])?;
    let before = way("options");
    let first_alternative = choice(reader, &options, &before, "alternatives", &[("first", true)]);
    let recommends = reader
        .required(&options, &before, "recommends", "false")
        .and_then(|value| reader.flag(value, &key(&before, "recommends")));
    if recommends == Some(true) {
        let complaint = Complaint::new(Mistake::Field, "`recommends` cannot be `true`");
        reader.refuse(
            &key(&before, "recommends"),
            complaint.help("write `false`: roots for builds have no recommended packages"),
        );
    }
    let rules_need_no_root = reader
        .required(&options, &before, "rules_need_no_root", "false")
        .and_then(|value| reader.flag(value, &key(&before, "rules_need_no_root")));
    Some(Options { first_alternative: first_alternative?, rules_need_no_root: rules_need_no_root? })
}

fn section(reader: &mut Reader, map: &Map, name: &str, known: &[&str]) -> Option<Map> {
    let value = reader.required(map, &[], name, "#{ … }")?;
    let section = reader.map(value, &way(name))?;
    reader.only(&section, &way(name), known);
    Some(section)
}
