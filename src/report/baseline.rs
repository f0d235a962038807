//! What checks found, held against what is known, as text.

use std::fmt::Write as _;

use super::{count, plain};
use crate::name::{Check, ComponentName, NodeName};
use crate::package::finding::Finding;

/// How many findings of a check are listed.
const MOST: usize = 50;

/// A check of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineTold {
    /// The component.
    pub name: ComponentName,
    /// The check.
    pub check: Check,
    /// Where its known findings stand, below the project's root.
    pub path: String,
    /// Findings that are not known, sorted.
    pub new: Vec<Finding>,
    /// Known ones that are not there any more, sorted.
    pub gone: Vec<Finding>,
    /// Whether any of its nodes has run to its end.
    pub has_run: bool,
    /// Its nodes that have not run to their end, so that what they would find is not known.
    pub not_run: Vec<NodeName>,
    /// Whether the file has been written.
    pub written: bool,
}

/// All of them as text.
pub fn text(all: &[BaselineTold]) -> String {
    let mut text = String::new();
    for BaselineTold { name, check, path, new, gone, has_run, not_run, written } in all {
        let state = match (new.len(), gone.len()) {
            (0, 0) if !has_run => "not run yet".to_owned(),
            (0, 0) => "nothing new".to_owned(),
            (new, 0) => format!("{new} new"),
            (0, gone) => format!("{gone} gone"),
            (new, gone) => format!("{new} new, {gone} gone"),
        };
        let _ = writeln!(
            text,
            "{name}.{check}: {state}{}",
            if *written { format!("; `{path}` is written") } else { String::new() }
        );
        for (sign, findings) in [('+', new), ('-', gone)] {
            for finding in findings.iter().take(MOST) {
                let _ = writeln!(text, "  {sign} {}", plain(&finding.to_string()));
            }
            if findings.len() > MOST {
                let _ = writeln!(text, "  {sign} and {} more", findings.len() - MOST);
            }
        }
        if let Some(first) = not_run.first() {
            let others =
                if not_run.len() > 1 { format!(" and {}", count(not_run.len() - 1, "other")) } else { String::new() };
            let _ = writeln!(text, "  {first}{others} has not run: `opb build {name}` runs it");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_and_gone_is_told() {
        let finding = |line: &str| Finding::parse(line).expect("a finding");
        let one = BaselineTold {
            name: "libbsd".parse().expect("a name"),
            check: Check::Lintian,
            path: "recipes/libbsd/libbsd.lintian.baseline".to_owned(),
            new: vec![finding("E: libbsd0: new-one usr/lib")],
            gone: vec![finding("W: libbsd0: old-one")],
            has_run: true,
            not_run: vec!["check:libbsd.lintian@debian-12/arm64".parse().expect("a name")],
            written: true,
        };
        let none =
            BaselineTold { new: Vec::new(), gone: Vec::new(), not_run: Vec::new(), written: false, ..one.clone() };
        insta::assert_snapshot!(text(&[one, none]), @r"
        libbsd.lintian: 1 new, 1 gone; `recipes/libbsd/libbsd.lintian.baseline` is written
          + E: libbsd0: new-one usr/lib
          - W: libbsd0: old-one
          check:libbsd.lintian@debian-12/arm64 has not run: `opb build libbsd` runs it
        libbsd.lintian: nothing new
        ");
    }
}
