//! The functions of recipes. A new one: an entry in `functions.rs`, a line in [`register`], a case in `tests/recipes/`.

use std::collections::BTreeMap;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext};

use super::archives::{archive, srpm};
use super::checkouts::checkout;
use super::engine::{MAX_LIST, TargetView, raise};

use super::functions::function;
use super::handle::probe;
use super::mistake::{Complaint, Mistake};
use super::read::describe;
use super::versions::from_tags;
use crate::component::{Bound, BuildSpec, Capability, CapabilityKind, Need, SourceSpec};
use crate::diag::did_you_mean;
use crate::name::PackageName;
use crate::path::TreePath;
use crate::remote::archive::ArchiveKind;
use crate::remote::{System, TagVersions};

/// A need that is a package or a capability, checked.
#[derive(Debug, Clone)]
pub(super) struct Packaged(pub Need);

type Made<T> = Result<T, Box<EvalAltResult>>;

/// Makes the functions known to `engine`.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<SourceSpec>("source")
        .register_type_with_name::<BuildSpec>("build")
        .register_type_with_name::<Packaged>("package")
        .register_type_with_name::<TagVersions>("version")
        .register_fn("dsc", |name: &str| dsc(name).map_err(raise))
        .register_fn("path", |folder: &str| path(folder).map_err(raise))
        .register_fn("git", |url: &str| checkout(System::Git, url, &Map::new()).map_err(raise))
        .register_fn("git", |url: &str, options: Map| checkout(System::Git, url, &options).map_err(raise))
        .register_fn("hg", |url: &str| checkout(System::Hg, url, &Map::new()).map_err(raise))
        .register_fn("hg", |url: &str, options: Map| checkout(System::Hg, url, &options).map_err(raise))
        .register_fn("archive", |url: &str| archive(ArchiveKind::Archive, url, &Map::new()).map_err(raise))
        .register_fn("archive", |url: &str, options: Map| archive(ArchiveKind::Archive, url, &options).map_err(raise))
        .register_fn("srpm", |what: &str| srpm(what, &Map::new()).map_err(raise))
        .register_fn("srpm", |what: &str, options: Map| srpm(what, &options).map_err(raise))
        .register_fn("from_tags", |pattern: &str| from_tags(pattern, &Map::new()).map_err(raise))
        .register_fn("from_tags", |pattern: &str, options: Map| from_tags(pattern, &options).map_err(raise))
        .register_fn("native", || BuildSpec::Native)
        .register_fn("debian", || BuildSpec::Debian { folder: None })
        .register_fn("debian", |folder: &str| debian(folder).map_err(raise))
        .register_fn("spec", || spec(None, Map::new()).map_err(raise))
        .register_fn("spec", |file: &str| spec(Some(file), Map::new()).map_err(raise))
        .register_fn("spec", |switches: Map| spec(None, switches).map_err(raise))
        .register_fn("spec", |file: &str, switches: Map| spec(Some(file), switches).map_err(raise))
        .register_fn("pkg", |relation: &str| pkg(relation).map_err(raise))
        .register_fn("probe", |command: &str| probe(command).map_err(raise))
        .register_fn("probe", |_: TargetView, command: &str| probe(command).map_err(raise))
        .register_fn("numbers", |first: i64, last: i64| numbers(first, last).map_err(raise))
        .register_fn("table", table)
        .register_fn("sleep", |_: i64| no_clock())
        .register_fn("sleep", |_: f64| no_clock())
        .register_fn("timestamp", no_clock);
    let one = |kind| move |name: &str| capability(kind, name, None).map_err(raise);
    let both = |kind| move |name: &str, version: &str| capability(kind, name, Some(version)).map_err(raise);
    engine
        .register_fn("pkgconfig", one(CapabilityKind::PkgConfig))
        .register_fn("pkgconfig", both(CapabilityKind::PkgConfig))
        .register_fn("tool", one(CapabilityKind::Tool))
        .register_fn("tool", both(CapabilityKind::Tool))
        .register_fn("cmake", one(CapabilityKind::Cmake))
        .register_fn("cmake", both(CapabilityKind::Cmake))
        .register_fn("python", one(CapabilityKind::Python))
        .register_fn("python", both(CapabilityKind::Python))
        .register_fn("perl", one(CapabilityKind::Perl))
        .register_fn("perl", both(CapabilityKind::Perl));
}

fn no_clock() -> Made<()> {
    Err(raise(
        Complaint::new(Mistake::Script, "recipes have no clock: their value may only depend on the project's files")
            .help("write the date as a string, or leave it to the build (`SOURCE_DATE_EPOCH`)"),
    ))
}

/// The whole numbers from one to another, both included. Made at once: a list that grows is counted at every step.
fn numbers(first: i64, last: i64) -> Result<Array, Complaint> {
    let count = last.checked_sub(first).and_then(|count| usize::try_from(count.max(-1) + 1).ok());
    match count {
        Some(count) if count <= MAX_LIST => Ok((first..=last).map(Dynamic::from).collect()),
        _ => Err(Complaint::new(Mistake::Limit, "size of list over the limit of a recipe")
            .help("make the value smaller, or put it into a file of the source")),
    }
}

/// A map with `keys`, each with what `value` says of it.
fn table(context: NativeCallContext<'_>, keys: Array, value: FnPtr) -> Made<Map> {
    let mut table = Map::new();
    for key in keys {
        let name = key.clone().into_immutable_string().map_err(|_| {
            raise(
                Complaint::new(Mistake::Script, format!("a key of a table must be a string, not {}", describe(&key)))
                    .help("write it as in `table([\"amd64\", \"arm64\"], |arch| `for ${arch}`)`"),
            )
        })?;
        table.insert(name.as_str().into(), value.call_within_context::<Dynamic>(&context, (key,))?);
    }
    Ok(table)
}

/// A source package of the distro.
fn dsc(name: &str) -> Result<SourceSpec, Complaint> {
    let name = PackageName::new(name).map_err(|error| {
        Complaint::new(Mistake::Name, error.to_string())
            .about(name)
            .help("give the source package's name alone, as in `dsc(\"libmd\")`; its version comes from `opb.lock`")
    })?;
    Ok(SourceSpec::Dsc { name })
}

/// A folder of the project.
fn path(folder: &str) -> Result<SourceSpec, Complaint> {
    if folder == "." {
        return Ok(SourceSpec::Path { folder: None });
    }
    let valid = folder.parse::<TreePath>().is_ok() && !folder.contains('\\') && !folder.contains(char::is_control);
    if !valid {
        return Err(Complaint::new(Mistake::Field, format!("`{folder}` is not a folder below the project's root"))
            .about(folder)
            .help("write it relative to the root, without `.` and `..`, as in `path(\"src/tool\")`; the root is `path(\".\")`"));
    }
    Ok(SourceSpec::Path { folder: Some(folder.to_owned()) })
}

/// A place in the source.
fn in_source(path: &str) -> Option<TreePath> {
    let harmful = path.contains('\\') || path.chars().any(crate::diag::is_harmful);
    if harmful { None } else { path.parse().ok() }
}

/// Debian packaging in a folder of the source.
fn debian(folder: &str) -> Result<BuildSpec, Complaint> {
    let place = in_source(folder.strip_suffix('/').unwrap_or(folder)).ok_or_else(|| {
        Complaint::new(Mistake::Field, format!("`{folder}` is not a folder of the source"))
            .about(folder)
            .help("write it relative to the source's root, as in `debian(\"packaging/debian\")`")
    })?;
    Ok(BuildSpec::Debian { folder: Some(place) })
}

/// A spec in the source, with its switches.
fn spec(file: Option<&str>, switches: Map) -> Result<BuildSpec, Complaint> {
    let place = |file: &str| match in_source(file) {
        Some(place) if file.ends_with(".spec") => Ok(place),
        _ => Err(Complaint::new(Mistake::Field, format!("`{file}` is not a spec file of the source"))
            .about(file)
            .help("write it relative to the source's root, as in `spec(\"rpm/tool.spec\")`")),
    };
    let file = file.map(place).transpose()?;
    if let Some(unknown) = switches.keys().find(|key| !["bcond", "define"].contains(&key.as_str())) {
        let complaint =
            Complaint::new(Mistake::Field, format!("`spec` has no switch `{unknown}`")).about(unknown.as_str());
        return Err(complaint.help(match did_you_mean(unknown, ["bcond", "define"]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "choose `bcond` or `define`".to_owned(),
        }));
    }
    let bcond = switches.get("bcond").map_or_else(|| Ok(BTreeMap::new()), bcond)?;
    let define = switches.get("define").map_or_else(|| Ok(BTreeMap::new()), define)?;
    Ok(BuildSpec::Spec { file, bcond, define })
}

/// A name of a condition or macro of a spec.
fn is_macro(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.len() <= 100
        && name.bytes().all(plain)
}

fn bcond(value: &Dynamic) -> Result<BTreeMap<String, bool>, Complaint> {
    let help = "write a list of conditions to turn on and off, as in `bcond: [\"+tests\", \"-docs\"]`";
    let list = value.read_lock::<Array>().ok_or_else(|| {
        Complaint::new(Mistake::Field, format!("`bcond` must be a list, not {}", describe(value))).help(help)
    })?;
    let mut conditions = BTreeMap::new();
    for item in list.iter() {
        let text = item.clone().into_immutable_string().map_err(|_| {
            Complaint::new(Mistake::Field, format!("each item of `bcond` must be a string, not {}", describe(item)))
                .help(help)
        })?;
        let wrong = |message: String| Complaint::new(Mistake::Field, message).about(text.as_str()).help(help);
        let read = text
            .strip_prefix('+')
            .map(|name| (name, true))
            .or_else(|| text.strip_prefix('-').map(|name| (name, false)));
        let Some((name, on)) = read.filter(|(name, _)| is_macro(&name.replace('-', "_"))) else {
            return Err(wrong(format!("`{text}` turns no condition on or off")));
        };
        if conditions.insert(name.to_owned(), on).is_some() {
            return Err(wrong(format!("the condition `{name}` is given twice")));
        }
    }
    Ok(conditions)
}

fn define(value: &Dynamic) -> Result<BTreeMap<String, String>, Complaint> {
    let help = "write a map of macros, as in `define: #{ _lto_cflags: \"\" }`";
    let map = value.read_lock::<Map>().ok_or_else(|| {
        Complaint::new(Mistake::Field, format!("`define` must be a map, not {}", describe(value))).help(help)
    })?;
    let mut macros = BTreeMap::new();
    for (name, value) in map.iter() {
        let wrong = |message: String| Complaint::new(Mistake::Field, message).about(name.as_str()).help(help);
        if !is_macro(name) {
            return Err(wrong(format!("`{name}` is not a name of a macro")));
        }
        let text = value
            .clone()
            .into_immutable_string()
            .map_err(|_| wrong(format!("the macro `{name}` must be a string, not {}", describe(value))))?;
        if text.chars().any(char::is_control) {
            return Err(wrong(format!("the macro `{name}` must be one line of plain text")));
        }
        macros.insert(name.to_string(), text.to_string());
    }
    Ok(macros)
}

/// A name, and the version behind it in brackets.
pub(super) fn name_and_bound(text: &str) -> Result<(&str, Option<Bound>), String> {
    let Some((name, rest)) = text.split_once('(') else { return Ok((text.trim(), None)) };
    let inside = rest.trim_end().strip_suffix(')').ok_or_else(|| format!("`{text}` has no closing `)`"))?;
    Ok((name.trim(), Some(Bound::parse(inside).map_err(|error| error.to_string())?)))
}

/// A package of the distro, as in a `Build-Depends` field (Debian Policy, section 7.1), without alternatives.
fn pkg(relation: &str) -> Result<Packaged, Complaint> {
    let wrong = |what: String| {
        Complaint::new(Mistake::Field, what)
            .about(relation)
            .help("write one package and, if it matters, its version, as in `pkg(\"help2man (>= 1.40)\")`")
    };
    let (name, version) = name_and_bound(relation).map_err(wrong)?;
    let bare = name.strip_suffix(":any").or_else(|| name.strip_suffix(":native")).unwrap_or(name);
    PackageName::new(bare).map_err(|error| wrong(error.to_string()))?;
    Ok(Packaged(Need::Package { name: name.to_owned(), version }))
}

/// Whatever provides something, by its kind and name.
fn capability(kind: CapabilityKind, name: &str, version: Option<&str>) -> Result<Packaged, Complaint> {
    let call = function(kind.as_str()).map_or("", |function| function.example);
    if !Capability::is_name(name) {
        return Err(Complaint::new(Mistake::Field, format!("`{name}` is not a name that `{}` knows", kind.as_str()))
            .about(name)
            .help(format!("write the name alone, the version behind it, as in `{call}`")));
    }
    let version = version.map(|version| {
        Bound::parse(version).map_err(|error| {
            Complaint::new(Mistake::Field, error.to_string())
                .about(version)
                .help(format!("write it as in `{}(\"{name}\", \">= 1.1\")`", kind.as_str()))
        })
    });
    let capability = Capability { kind, name: name.to_owned() };
    Ok(Packaged(Need::Capability { capability, version: version.transpose()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_checked_and_normalized() {
        let shown =
            |text: &str| pkg(text).map(|packaged| packaged.0.to_string()).map_err(|complaint| complaint.message);
        assert_eq!(shown("help2man"), Ok("help2man".to_owned()));
        assert_eq!(shown(" python3:any(>=3.11~) "), Ok("python3:any (>= 3.11~)".to_owned()));
        assert_eq!(shown("a (> 1)"), Err("`> 1` does not begin with `<<`, `<=`, `=`, `>=` or `>>`".to_owned()));
        assert_eq!(shown("a (>= 1"), Err("`a (>= 1` has no closing `)`".to_owned()));
        assert_eq!(shown("a (= $(id))"), Err("`$(id)` is not a version".to_owned()));
        for hostile in ["", "-y", "--force", "a | b", "a, b", "a b", "a\nb", "a [amd64]", "a <nocheck>", "(>= 1)"] {
            assert!(pkg(hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn folders_stay_below_the_root() {
        assert_eq!(path("."), Ok(SourceSpec::Path { folder: None }));
        assert_eq!(path("a/b"), Ok(SourceSpec::Path { folder: Some("a/b".to_owned()) }));
        for hostile in ["", "/", "/etc", "..", "../x", "a/../b", "./a", "a/", "a\\b", "a\0b", "a\u{1b}[2Jb"] {
            assert!(path(hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn packaging_stays_in_the_source() {
        assert!(debian("packaging/debian/").is_ok() && spec(Some("rpm/a.spec"), Map::new()).is_ok());
        for hostile in ["", "/", "/etc", "..", "../debian", "a/../b", "a\0b", "a\u{1b}[2Jb", "a\\b"] {
            assert!(debian(hostile).is_err(), "{hostile:?}");
            assert!(spec(Some(&format!("{hostile}/../a.spec")), Map::new()).is_err(), "{hostile:?}");
        }
    }
}
