//! What evaluation must know of a source with a `debian/` folder, from the texts of that folder.

use std::collections::BTreeMap;

use crate::diag::{Cause, Caused};
use crate::lock::{BinaryFacts, SourceFacts};
use crate::name::{NameError, PackageName};
use crate::package::changelog::{self, ChangelogError};
use crate::package::control::{ControlError, Paragraph};
use crate::package::relation::{RelationError, Relations, Variables};
use crate::package::source;

/// Why a source's facts cannot be told.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum FactsError {
    /// `debian/control`.
    #[error("cannot read `debian/control`")]
    #[diagnostic(code(opb::deb::control), help("mend `debian/control` of the source"))]
    Control(#[from] ControlError),
    /// `debian/changelog`.
    #[error("cannot read `debian/changelog`")]
    #[diagnostic(code(opb::deb::changelog), help("mend `debian/changelog` of the source"))]
    Changelog(#[from] ChangelogError),
    /// A dependency field.
    #[error("cannot read `{field}` in `debian/control`")]
    #[diagnostic(code(opb::deb::relation), help("mend that field of the source"))]
    Relation {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: RelationError,
    },
    /// A package's name.
    #[error("cannot read `debian/control`")]
    #[diagnostic(code(opb::deb::name), help("mend the name in `debian/control` of the source"))]
    Name(#[from] NameError),
}

impl Caused for FactsError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The facts of a source whose `debian/` holds these texts; `format` is `None` where `source/format` is missing.
///
/// # Errors
/// [`FactsError`] for what cannot be read.
pub fn facts(control: &str, changelog: &str, format: Option<&str>) -> Result<SourceFacts, FactsError> {
    let entry = changelog::newest(changelog)?;
    let control = source::source_control(control)?;
    let field = |name: &'static str| relations(&control.source, name);
    let conflicts = [field("Build-Conflicts")?, field("Build-Conflicts-Arch")?, field("Build-Conflicts-Indep")?];
    let mut binaries = BTreeMap::new();
    for paragraph in &control.binaries {
        let text = |name: &str| paragraph.folded(name).trim().to_owned();
        let depends = [relations(paragraph, "Pre-Depends")?, relations(paragraph, "Depends")?];
        let facts = BinaryFacts {
            architecture: text("Architecture"),
            package_type: paragraph.get("Package-Type").or_else(|| paragraph.get("XC-Package-Type")).map(str::to_owned),
            depends: joined(&depends),
            provides: relations(paragraph, "Provides")?,
            profiles: text("Build-Profiles"),
        };
        binaries.insert(PackageName::new(paragraph.required("Package")?)?, facts);
    }
    Ok(SourceFacts {
        source: PackageName::new(entry.source.to_string())?,
        version: entry.version.to_string(),
        distribution: entry.distribution.split_whitespace().next().unwrap_or("unstable").to_owned(),
        date: entry.date,
        format: format.map_or("1.0", str::trim).to_owned(),
        rules_requires_root: control.source.get("Rules-Requires-Root").map(str::to_owned),
        build_depends: field("Build-Depends")?,
        build_depends_arch: field("Build-Depends-Arch")?,
        build_depends_indep: field("Build-Depends-Indep")?,
        build_conflicts: joined(&conflicts),
        binaries,
    })
}

/// A dependency field on one line, checked; empty where it is missing.
fn relations(paragraph: &Paragraph<'_>, field: &'static str) -> Result<String, FactsError> {
    let text = paragraph.folded(field);
    Relations::parse_with(&text, Variables::LeftOut).map_err(|source| FactsError::Relation { field, source })?;
    Ok(text.trim().trim_end_matches(',').to_owned())
}

fn joined(fields: &[String]) -> String {
    let filled: Vec<&str> = fields.iter().map(String::as_str).filter(|field| !field.is_empty()).collect();
    filled.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str =
        "a (1.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n";

    #[test]
    fn the_facts_of_a_small_source() {
        let control = "Source: a\nBuild-Depends: debhelper-compat (= 13),\n libmd-dev,\nRules-Requires-Root: no\n\n\
                       Package: a\nArchitecture: any\nDepends: ${shlibs:Depends}, b (= ${binary:Version})\nDescription: x\n\n\
                       Package: a-udeb\nArchitecture: all\nPackage-Type: udeb\nDescription: x\n";
        let facts = facts(control, CHANGELOG, Some("3.0 (quilt)\n")).expect("fine");
        assert_eq!(facts.build_depends, "debhelper-compat (= 13), libmd-dev");
        assert_eq!((facts.version.as_str(), facts.date), ("1.0-1", 1_795_255_200));
        assert_eq!(facts.format, "3.0 (quilt)");
        let kinds: Vec<_> = facts
            .binaries
            .values()
            .map(|binary| (binary.architecture.as_str(), binary.package_type.as_deref()))
            .collect();
        assert_eq!(kinds, [("any", None), ("all", Some("udeb"))]);
    }

    #[test]
    fn wrong_fields_are_named() {
        let control = "Source: a\nBuild-Depends: b (=> 1)\n\nPackage: a\nArchitecture: any\n";
        let error = facts(control, CHANGELOG, None).expect_err("wrong").to_string();
        assert_eq!(error, "cannot read `Build-Depends` in `debian/control`");
    }
}
