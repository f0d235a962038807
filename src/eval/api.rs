//! The functions of recipes. A new one: an entry in `functions.rs`, a line in [`register`], a case in `tests/recipes/`.

use rhai::{Engine, EvalAltResult};

use super::engine::raise;
use super::mistake::{Complaint, Mistake};
use crate::component::{BuildSpec, SourceSpec};
use crate::name::PackageName;
use crate::path::TreePath;

/// What `pkg(…)` gives: a Debian relation, checked.
#[derive(Debug, Clone)]
pub(super) struct Relation(pub String);

type Made<T> = Result<T, Box<EvalAltResult>>;

/// Makes the functions known to `engine`.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<SourceSpec>("source")
        .register_type_with_name::<BuildSpec>("build")
        .register_type_with_name::<Relation>("package")
        .register_fn("dsc", |name: &str| dsc(name).map_err(raise))
        .register_fn("path", |folder: &str| path(folder).map_err(raise))
        .register_fn("native", || BuildSpec::Native)
        .register_fn("pkg", |relation: &str| pkg(relation).map_err(raise))
        .register_fn("sleep", |_: i64| no_clock())
        .register_fn("sleep", |_: f64| no_clock())
        .register_fn("timestamp", no_clock);
}

fn no_clock() -> Made<()> {
    Err(raise(
        Complaint::new(Mistake::Script, "recipes have no clock: their value may only depend on the project's files")
            .help("write the date as a string, or leave it to the build (`SOURCE_DATE_EPOCH`)"),
    ))
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

/// A package of the distro, as in a `Build-Depends` field (Debian Policy, section 7.1), without alternatives.
fn pkg(relation: &str) -> Result<Relation, Complaint> {
    let wrong = |what: String| {
        Complaint::new(Mistake::Field, what)
            .about(relation)
            .help("write one package and, if it matters, its version, as in `pkg(\"help2man (>= 1.40)\")`")
    };
    let (name, version) = match relation.split_once('(') {
        Some((name, rest)) => {
            let inside = rest.trim_end().strip_suffix(')');
            (name.trim(), Some(inside.ok_or_else(|| wrong(format!("`{relation}` has no closing `)`")))?.trim()))
        }
        None => (relation.trim(), None),
    };
    let bare = name.strip_suffix(":any").or_else(|| name.strip_suffix(":native")).unwrap_or(name);
    PackageName::new(bare).map_err(|error| wrong(error.to_string()))?;
    let Some(version) = version else { return Ok(Relation(name.to_owned())) };
    let operator = ["<<", "<=", "=", ">=", ">>"].into_iter().find(|operator| version.starts_with(operator));
    let operator =
        operator.ok_or_else(|| wrong(format!("`{version}` does not begin with `<<`, `<=`, `=`, `>=` or `>>`")))?;
    let number = version[operator.len()..].trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte);
    if !number.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) || !number.bytes().all(is_plain) {
        return Err(wrong(format!("`{number}` is not a version")));
    }
    Ok(Relation(format!("{name} ({operator} {number})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_checked_and_normalized() {
        let shown = |text: &str| pkg(text).map(|relation| relation.0).map_err(|complaint| complaint.message);
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
}
