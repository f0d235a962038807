//! Packages that were built elsewhere, as `opb.imports.toml` lists them: read here, since a channel's graph follows from them.

use std::collections::BTreeSet;

use super::files::{Files, FilesError};
use super::mistake::{Complaint, Mistake, RecipeError};
use super::tables;
use crate::imported::{IMPORTS_FILE, IMPORTS_VERSION, Imported, ImportedKind, Imports};
use crate::path::TreePath;

const HELP: &str = "take it from version control again, or import the package anew with `opb repo import`";

/// What the project imports: nothing where there is no such file.
pub(super) fn read(files: &dyn Files, errors: &mut Vec<RecipeError>) -> Imports {
    let raw = match files.read(IMPORTS_FILE) {
        Ok(raw) => raw,
        Err(FilesError::Missing { .. }) => return Imports::default(),
        Err(error) => {
            errors.push(RecipeError::of_files(IMPORTS_FILE, &error));
            return Imports::default();
        }
    };
    let read = tables::read::<Imports>(IMPORTS_FILE, raw, HELP);
    let text = &read.table.text;
    let found = read.value.version;
    if found > IMPORTS_VERSION {
        let message = format!("the list has version {found}, and this opb knows versions up to {IMPORTS_VERSION}");
        let complaint = Complaint::new(Mistake::Table, message).help("use a newer opb");
        errors.push(RecipeError::new(text, read.table.of_key(&["version"]), complaint));
        return Imports::default();
    }
    if !read.errors.is_empty() {
        errors.extend(read.errors);
        return Imports::default();
    }
    let mut known = BTreeSet::new();
    let wrong = read.value.package.iter().filter_map(|one| {
        let place = (&one.channel, &one.distro, one.kind, &one.name, &one.version, &one.arch);
        let problem =
            if known.insert(place) { problem(one) } else { Some("is listed twice for one channel and distro") };
        Some((one, problem?))
    });
    let wrong = wrong.map(|(one, problem)| {
        let message = format!("the imported package `{}` {problem}", one.name);
        RecipeError::placeless(IMPORTS_FILE, Complaint::new(Mistake::Table, message).help(HELP))
    });
    let before = errors.len();
    errors.extend(wrong);
    if errors.len() > before { Imports::default() } else { read.value }
}

/// What the form alone does not say.
fn problem(one: &Imported) -> Option<&'static str> {
    let is_plain = |file: &String| !file.contains('/') && TreePath::new(file.as_bytes()).is_ok();
    match (one.kind, &one.arch, one.files.len()) {
        _ if !one.files.keys().all(is_plain) => Some("has a file whose name is none"),
        (.., 0) => Some("has no files"),
        (ImportedKind::Source, Some(_), _) => Some("is a source package, which has no arch"),
        (ImportedKind::Source, None, _) => None,
        (_, None, _) => Some("has no arch"),
        (_, Some(_), 1) => None,
        _ => Some("has several files, as only source packages may"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::MemoryFiles;

    fn told(text: &str) -> String {
        let files = MemoryFiles([(IMPORTS_FILE.to_owned(), text.to_owned())].into());
        let mut errors = Vec::new();
        read(&files, &mut errors);
        let line = |error: &RecipeError| {
            let help = miette::Diagnostic::help(error).map(|help| help.to_string()).unwrap_or_default();
            format!("{}: {error}\n  help: {help}", error.file())
        };
        errors.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told() {
        let package = |rest: &str| {
            format!(
                "version = 1\n[[package]]\nchannel = \"nightly\"\ndistro = \"debian-12\"\nname = \"acme\"\nversion = \"1\"\n\
                 day = \"2026-11-29\"\n{rest}"
            )
        };
        let file = |name: &str| {
            let digest = "0".repeat(64);
            format!("[package.files.\"{name}\"]\nsize = 1\nsha256 = \"{digest}\"\nblake3 = \"{digest}\"\n")
        };
        let good = package(&format!("kind = \"udeb\"\narch = \"all\"\n{}", file("a.udeb")));
        let (one, two) = (file("a.deb"), format!("{}{}", file("a.deb"), file("b.deb")));
        let all = [
            told("version = 2\n"),
            told("version = 1\n[[package]]\nchanel = \"a\"\n"),
            told(&package("kind = \"package\"\narch = \"all\"\n[package.files]\n")),
            told(&package(&format!("kind = \"package\"\n{one}"))),
            told(&package(&format!("kind = \"debug\"\narch = \"all\"\n{two}"))),
            told(&package(&format!("kind = \"source\"\narch = \"all\"\n{one}"))),
            told(&package(&format!("kind = \"package\"\narch = \"all\"\n{}", file("../a.deb")))),
            told(&format!("{good}{}", good.trim_start_matches("version = 1\n"))),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        opb.imports.toml: the list has version 2, and this opb knows versions up to 1
          help: use a newer opb
        opb.imports.toml: there is no field `chanel`
          help: did you mean `channel`?
        opb.imports.toml: the imported package `acme` has no files
          help: take it from version control again, or import the package anew with `opb repo import`
        opb.imports.toml: the imported package `acme` has no arch
          help: take it from version control again, or import the package anew with `opb repo import`
        opb.imports.toml: the imported package `acme` has several files, as only source packages may
          help: take it from version control again, or import the package anew with `opb repo import`
        opb.imports.toml: the imported package `acme` is a source package, which has no arch
          help: take it from version control again, or import the package anew with `opb repo import`
        opb.imports.toml: the imported package `acme` has a file whose name is none
          help: take it from version control again, or import the package anew with `opb repo import`
        opb.imports.toml: the imported package `acme` is listed twice for one channel and distro
          help: take it from version control again, or import the package anew with `opb repo import`
        "#);
        assert_eq!(told(&package(&format!("kind = \"source\"\n{two}"))), "");
        assert_eq!(told(&package(&format!("kind = \"udeb\"\narch = \"all\"\n{one}"))), "");
    }
}
