//! Texts of Debian packaging, less what evaluation does not look at: what stands in `opb.lock` is to be read by people, and
//! to change where something changes that matters.

use super::facts::facts;

/// The fields of `debian/control` that evaluation reads.
const FIELDS: [&str; 16] = [
    "source",
    "package",
    "architecture",
    "package-type",
    "xc-package-type",
    "build-profiles",
    "rules-requires-root",
    "build-depends",
    "build-depends-arch",
    "build-depends-indep",
    "build-conflicts",
    "build-conflicts-arch",
    "build-conflicts-indep",
    "pre-depends",
    "depends",
    "provides",
];

/// The text of a `control` file with the fields that evaluation reads. What is no such file stays as it is.
pub fn control(text: &str) -> String {
    let (mut slim, mut is_kept, mut is_between) = (String::new(), false, true);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            (is_kept, is_between) = (false, true);
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            let Some((name, _)) = line.split_once(':') else { return text.to_owned() };
            is_kept = FIELDS.contains(&name.trim().to_ascii_lowercase().as_str());
        }
        if is_kept {
            if is_between && !slim.is_empty() {
                slim.push('\n');
            }
            is_between = false;
            slim.push_str(line.trim_end());
            slim.push('\n');
        }
    }
    if same(text, &slim, CHANGELOG, CHANGELOG) { slim } else { text.to_owned() }
}

/// The newest entry of a `changelog`, less what it tells. What is none stays as it is.
pub fn changelog(text: &str) -> String {
    let heading = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let end = text.lines().find(|line| line.starts_with(" -- ")).unwrap_or_default();
    let slim = format!("{}\n\n{}\n", heading.trim_end(), end.trim_end());
    if same(CONTROL, CONTROL, text, &slim) { slim } else { text.to_owned() }
}

/// A source of which only the other text matters.
const CONTROL: &str = "Source: a\n\nPackage: a\nArchitecture: all\n";

/// Likewise.
const CHANGELOG: &str = "a (1) a; urgency=low\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n";

/// Whether evaluation reads the same of both.
fn same(control: &str, slim_control: &str, changelog: &str, slim_changelog: &str) -> bool {
    match (facts(control, changelog, None), facts(slim_control, slim_changelog, None)) {
        (Ok(whole), Ok(slim)) => whole == slim,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_file_keeps_what_is_read() {
        let text = "# about\nSource: a\nSection: x\nMaintainer: A <a@example.org>\nBuild-Depends: debhelper-compat (= 13),\n \
                    libmd-dev,\n# more\n zlib1g-dev\nVcs-Git: https://example.org/a\n\nPackage: a\nArchitecture: any\nDepends: \
                    ${shlibs:Depends}\nDescription: x\n long\n .\n Depends: no\n\n\nPackage: b\nArchitecture: all\nDescription: y\n";
        let slim = control(text);
        assert_eq!(
            slim,
            "Source: a\nBuild-Depends: debhelper-compat (= 13),\n libmd-dev,\n zlib1g-dev\n\nPackage: a\nArchitecture: any\n\
             Depends: ${shlibs:Depends}\n\nPackage: b\nArchitecture: all\n"
        );
        assert_eq!(control(&slim), slim);
        for odd in ["", "no field\n", "Source: a\n\nPackage: $\nArchitecture: all\nDescription: x\n"] {
            assert_eq!(control(odd), odd);
        }
    }

    #[test]
    fn a_changelog_keeps_its_newest_entry() {
        let text = "\na (1.0-1) unstable; urgency=low\n\n  * Long.\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n\n\
                    a (0.9-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 21 Nov 2025 10:00:00 +0000\n";
        let slim = changelog(text);
        assert_eq!(slim, "a (1.0-1) unstable; urgency=low\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n");
        assert_eq!(changelog(&slim), slim);
        assert_eq!(changelog("nonsense\n"), "nonsense\n");
    }
}
