//! What packaging a folder has: looked at when a project or a recipe is begun from it.
//!
//! Of a spec its name and version must be told; what else it says is told as far as that goes without a distro. What
//! evaluation must know of it is another matter.

use std::io::{self, Read as _};

use cap_std::fs::Dir;

use super::local::MAX_TEXT;
use crate::diag::{Cause, Caused};
use crate::family::deb::facts::{FactsError, facts};
use crate::lock::SourceFacts;
use crate::package::spec;

/// Folders in which specs are looked for, the likeliest first. `native()` looks into the first alone.
const SPEC_FOLDERS: [&str; 6] = ["rpm", ".", "packaging", "packaging/rpm", "dist", "SPECS"];

/// The most specs that are read.
const MAX_SPECS: usize = 50;

/// The most macros of a spec that are followed.
const MAX_MACROS: usize = 200;

/// The packaging in a folder. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packaging {
    /// What `debian/` says; `None` where there is no `debian/control`.
    pub debian: Option<SourceFacts>,
    /// Specs, the likeliest first.
    pub specs: Vec<Spec>,
}

/// A spec file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Its path below the folder.
    pub path: String,
    /// Its `Name`.
    pub name: String,
    /// Its `Version`; `None` where it has none that can be told.
    pub version: Option<String>,
    /// What it says where no distro defines a macro; `None` where that cannot be told.
    pub says: Option<spec::Spec>,
}

/// Why packaging cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PackagingError {
    /// There is no such folder.
    #[error("there is no folder `{folder}`")]
    #[diagnostic(code(opb::packaging::no_folder), help("correct the path: it begins where you are"))]
    NoFolder {
        /// The folder.
        folder: String,
    },
    /// A file that is there and cannot be read.
    #[error("cannot read `{path}`")]
    #[diagnostic(code(opb::packaging::read), help("look at the file's mode and content: it must be UTF-8 text"))]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that every `debian/` has.
    #[error("the folder `{folder}` has a `debian/control` and no `debian/changelog`")]
    #[diagnostic(code(opb::packaging::changelog), help("add it: the version is read from there (`dch --create`)"))]
    Changelog {
        /// The folder.
        folder: String,
    },
    /// A `debian/` that cannot be understood.
    #[error("cannot read the packaging in `{folder}`")]
    #[diagnostic(code(opb::packaging::debian), help("mend the file in its `debian/` folder"))]
    Debian {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: Box<FactsError>,
    },
    /// A spec without a name.
    #[error("the spec `{path}` has no `Name` that can be told")]
    #[diagnostic(code(opb::packaging::spec), help("write the name plainly, as in `Name: libgrace`"))]
    Spec {
        /// The file.
        path: String,
    },
}

impl Caused for PackagingError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The packaging in `folder` of `root`; `None` where there is none. `.` is `root` itself.
///
/// # Errors
/// [`PackagingError`] where there is some that cannot be read.
pub fn packaging(root: &Dir, folder: &str) -> Result<Option<Packaging>, PackagingError> {
    if !root.metadata(folder).is_ok_and(|data| data.is_dir()) {
        return Err(PackagingError::NoFolder { folder: folder.to_owned() });
    }
    let place = |path: &str| if folder == "." { path.to_owned() } else { format!("{folder}/{path}") };
    let debian = match text(root, &place("debian/control"))? {
        None => None,
        Some(control) => {
            let changelog = text(root, &place("debian/changelog"))?;
            let changelog = changelog.ok_or_else(|| PackagingError::Changelog { folder: folder.to_owned() })?;
            let format = text(root, &place("debian/source/format"))?;
            let debian = |source| PackagingError::Debian { folder: folder.to_owned(), source: Box::new(source) };
            Some(facts(&control, &changelog, format.as_deref()).map_err(debian)?)
        }
    };
    let mut specs = Vec::new();
    for inside in SPEC_FOLDERS {
        let inside = if inside == "." { folder.to_owned() } else { place(inside) };
        let names = root
            .read_dir(&inside)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        // Names end up in recipes: what is no plain word is passed over.
        let plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._~".contains(&byte));
        let is_spec = |name: &String| name.ends_with(".spec") && !name.starts_with('.') && plain(name);
        let mut names: Vec<String> = names.filter(is_spec).collect();
        names.sort();
        for name in names {
            let path = if inside == "." { name } else { format!("{inside}/{name}") };
            if specs.len() >= MAX_SPECS {
                break;
            }
            let Some(text) = text(root, &path)? else { continue };
            let below =
                if folder == "." { &path } else { path.strip_prefix(folder).unwrap_or(&path).trim_start_matches('/') };
            let name = tag(&text, "name").ok_or_else(|| PackagingError::Spec { path: path.clone() })?;
            let (version, says) = (tag(&text, "version"), spec::read(&text, spec::Macros::new("x86_64")).ok());
            specs.push(Spec { path: below.to_owned(), name, version, says });
        }
    }
    Ok((debian.is_some() || !specs.is_empty()).then_some(Packaging { debian, specs }))
}

fn text(root: &Dir, path: &str) -> Result<Option<String>, PackagingError> {
    let read = root.open(path).and_then(|file| {
        let mut text = String::new();
        file.take(MAX_TEXT).read_to_string(&mut text).map(|_| text)
    });
    match read {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(PackagingError::Read { path: path.to_owned(), source }),
    }
}

/// The first value of a tag such as `Name`, with the macros that the spec itself defines before it put in; `None` where it
/// has none, or one that is not made of a name's characters.
fn tag(spec: &str, wanted: &str) -> Option<String> {
    let mut macros: Vec<(&str, String)> = Vec::new();
    for line in spec.lines().map(str::trim) {
        let mut words = line.splitn(3, char::is_whitespace);
        if let (Some("%global" | "%define"), Some(name), Some(value)) = (words.next(), words.next(), words.next()) {
            if macros.len() < MAX_MACROS {
                macros.push((name, put_in(value.trim(), &macros)));
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if !name.trim().eq_ignore_ascii_case(wanted) {
            continue;
        }
        let value = put_in(value.trim(), &macros);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~^".contains(&byte);
        let begins = value.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        return (begins && value.len() <= 100 && value.bytes().all(plain)).then_some(value);
    }
    None
}

/// `value` with `%{name}`, `%{?name}` and `%name` of `macros` put in; others stay as they are.
fn put_in(value: &str, macros: &[(&str, String)]) -> String {
    // Longest first, so that `%name` is not taken for `%n`. A value is bounded, or each macro could double the last.
    let mut known: Vec<&(&str, String)> = macros.iter().collect();
    known.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut text: String = value.chars().take(200).collect();
    for (name, value) in known {
        for form in [format!("%{{{name}}}"), format!("%{{?{name}}}"), format!("%{name}")] {
            text = text.replace(&form, value).chars().take(200).collect();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_specs() {
        let name = |text: &str| tag(text, "name");
        assert_eq!(name("# x\nName:   libgrace\nVersion: 1"), Some("libgrace".to_owned()));
        assert_eq!(name("%global base grace\n%define full lib%{base}\nname: %{full}2\n"), Some("libgrace2".to_owned()));
        assert_eq!(name("Name: %{unknown}\n"), None);
        assert_eq!(name("Name: a b\n"), None);
        assert_eq!(name("Name: --eval\n"), None);
        assert_eq!(name("Summary: no name\n"), None);
        assert_eq!(tag("Version: 1.2~rc1\n", "version"), Some("1.2~rc1".to_owned()));
    }

    #[test]
    fn macros_that_grow_are_bounded() {
        let mut spec = "%global m0 xxxxxxxxxx\n".to_owned();
        for n in 1..100 {
            spec.push_str(&format!("%global m{n} %{{m{}}}%{{m{}}}\n", n - 1, n - 1));
        }
        spec.push_str("Name: %{m99}\n");
        assert_eq!(tag(&spec, "name"), None);
    }
}
