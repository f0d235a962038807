//! `debian/tests/control`: the tests that a source has for its installed packages (README.package-tests of autopkgtest).

use std::borrow::Cow;
use std::collections::BTreeSet;

use miette::Diagnostic;

use super::control::{ControlError, Paragraph, paragraphs};
use super::relation::arch_matches;
use crate::diag::{Cause, Caused};
use crate::path::TreePath;

mod needs;
#[cfg(test)]
mod tests;

pub use needs::{Place, needs};

/// The most tests of a source.
pub const MOST: usize = 500;

/// Fields of a paragraph. One with any other is of a kind of tests that this program does not know.
const FIELDS: [&str; 8] =
    ["Tests", "Test-Command", "Restrictions", "Features", "Depends", "Tests-Directory", "Classes", "Architecture"];

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Its name: letters, digits, `+`, `-`, `.`, `_`.
    pub name: String,
    /// What runs, for `bash -e`, in the source's folder.
    pub command: String,
    /// Relations that must be met, as they are written: [`needs()`] says what they come to. May be empty.
    pub depends: String,
    /// Its restrictions that matter where it is run.
    pub restrictions: BTreeSet<Restriction>,
    /// Why it is not run here; `None` where it is.
    pub skip: Option<String>,
}

impl Test {
    /// Whether it has a restriction.
    pub fn has(&self, restriction: Restriction) -> bool {
        self.restrictions.contains(&restriction)
    }
}

/// A restriction that says how a test is run, or what its end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Restriction {
    /// It may write to the standard error.
    AllowStderr,
    /// No other test works where it has run.
    BreaksTestbed,
    /// It runs in a source tree that is built.
    BuildNeeded,
    /// It fails now and then for no reason.
    Flaky,
    /// It runs as root.
    NeedsRoot,
    /// It is skipped where what it depends on cannot be installed.
    SkipNotInstallable,
    /// Exit status 77 means that it could not be run.
    Skippable,
    /// It tests little: that it passes proves nothing.
    Superficial,
}

impl Restriction {
    const ALL: [Self; 8] = [
        Self::AllowStderr,
        Self::BreaksTestbed,
        Self::BuildNeeded,
        Self::Flaky,
        Self::NeedsRoot,
        Self::SkipNotInstallable,
        Self::Skippable,
        Self::Superficial,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllowStderr => "allow-stderr",
            Self::BreaksTestbed => "breaks-testbed",
            Self::BuildNeeded => "build-needed",
            Self::Flaky => "flaky",
            Self::NeedsRoot => "needs-root",
            Self::SkipNotInstallable => "skip-not-installable",
            Self::Skippable => "skippable",
            Self::Superficial => "superficial",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// Why a `debian/tests/control` gives no tests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[diagnostic(help("mend `debian/tests/control` of the source"))]
pub enum TestsError {
    /// It is no control file.
    #[error("cannot read `debian/tests/control`")]
    #[diagnostic(code(opb::package::autopkgtest::control))]
    Control(#[from] ControlError),
    /// A name that is none.
    #[error("cannot read `debian/tests/control`: `{0}` is no name of a test")]
    #[diagnostic(code(opb::package::autopkgtest::name))]
    Name(String),
    /// A folder outside the source.
    #[error("cannot read `debian/tests/control`: `{0}` is no folder of the source")]
    #[diagnostic(code(opb::package::autopkgtest::folder))]
    Folder(String),
    /// A paragraph with no test, or with two kinds.
    #[error(
        "cannot read `debian/tests/control`: the paragraph at line {0} has neither `Tests` nor `Test-Command`, or both"
    )]
    #[diagnostic(code(opb::package::autopkgtest::kind))]
    Kind(usize),
    /// Beyond [`MOST`].
    #[error("cannot read `debian/tests/control`: it has more than {MOST} tests")]
    #[diagnostic(code(opb::package::autopkgtest::many))]
    Many,
    /// Beyond what is read of it.
    #[error("cannot read `debian/tests/control`: it is larger than 1 MiB")]
    #[diagnostic(code(opb::package::autopkgtest::large))]
    Large,
}

impl Caused for TestsError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The tests of `control` for `arch` (in Debian's spelling), in its order.
///
/// # Errors
/// [`TestsError`] for what cannot be read.
pub fn tests(control: &str, arch: &str) -> Result<Vec<Test>, TestsError> {
    let control = without_comments(control);
    let (mut tests, mut nameless): (Vec<Test>, usize) = (Vec::new(), 0);
    for paragraph in paragraphs(&control) {
        let paragraph = paragraph?;
        let words = |name: &str| words(&paragraph, name);
        let names = words("Tests");
        let command = paragraph.get("Test-Command").map(|_| paragraph.folded("Test-Command").into_owned());
        let folder = match paragraph.folded("Tests-Directory").trim() {
            "" => "debian/tests".to_owned(),
            folder => plain_folder(folder).ok_or_else(|| TestsError::Folder(shown(folder)))?,
        };
        let commands: Vec<(String, String)> = match (names.is_empty(), command) {
            (false, None) => {
                let script = |name: String| {
                    let path = format!("{folder}/{name}");
                    let command = format!("chmod +x './{path}'\nexec './{path}'");
                    (name, command)
                };
                names.into_iter().map(script).collect()
            }
            (true, Some(command)) => {
                let features = words("Features");
                let named = features.iter().find_map(|feature| feature.strip_prefix("test-name="));
                nameless += usize::from(named.is_none());
                vec![(named.map_or_else(|| format!("command{nameless}"), str::to_owned), command)]
            }
            _ => return Err(TestsError::Kind(paragraph.line)),
        };
        let depends = paragraph.get("Depends").map_or(Cow::Borrowed("@"), |_| paragraph.folded("Depends"));
        let restrictions = words("Restrictions");
        let unknown = paragraph.fields().find(|(name, _)| !FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name)));
        let skip = unknown
            .map(|(name, _)| format!("this program does not know the field `{}`", shown(name)))
            .or_else(|| not_for(&words("Architecture"), arch))
            .or_else(|| restrictions.iter().find_map(|name| unable(name)));
        for (name, command) in commands {
            if !is_plain(&name) {
                return Err(TestsError::Name(shown(&name)));
            }
            if tests.len() >= MOST {
                return Err(TestsError::Many);
            }
            tests.push(Test {
                name,
                command,
                depends: depends.clone().into_owned(),
                restrictions: restrictions.iter().filter_map(|name| Restriction::named(name)).collect(),
                skip: skip.clone(),
            });
        }
    }
    Ok(tests)
}

/// The words of a field, which white space and commas divide.
fn words(paragraph: &Paragraph<'_>, field: &str) -> Vec<String> {
    let field = paragraph.folded(field);
    field.split([',', ' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The text without what stands behind a `#`, wherever that is: so autopkgtest reads it. Lines keep their numbers.
fn without_comments(control: &str) -> String {
    let line = |line: &str| match line.split_once('#') {
        None => line.to_owned(),
        Some((before, _)) if before.trim().is_empty() => "#".to_owned(),
        Some((before, _)) => before.to_owned(),
    };
    control.lines().map(|text| line(text) + "\n").collect()
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    !name.is_empty() && name.len() <= 100 && name.bytes().all(plain) && !name.starts_with(['.', '-'])
}

fn plain_folder(folder: &str) -> Option<String> {
    let folder = folder.trim_end_matches('/');
    let is_path = TreePath::new(folder.as_bytes()).is_ok();
    (is_path && folder.split('/').all(is_plain)).then(|| folder.to_owned())
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// Why a test with that field `Architecture` is not for `arch`.
fn not_for(words: &[String], arch: &str) -> Option<String> {
    let excludes = |word: &String| word.strip_prefix('!').is_some_and(|word| arch_matches(word, arch));
    let includes = |word: &String| !word.starts_with('!') && arch_matches(word, arch);
    let names_any = words.iter().any(|word| !word.starts_with('!'));
    let is_out = words.iter().any(excludes) || names_any && !words.iter().any(includes);
    is_out.then(|| format!("it is not for {arch}"))
}

/// Why a test with that restriction cannot be run here; `None` where it can.
fn unable(restriction: &str) -> Option<String> {
    let why = match restriction {
        // Each test has a copy of the source of its own, and no root is of another arch than what is installed there.
        "rw-build-tree" | "skip-foreign-architecture" => return None,
        known if Restriction::named(known).is_some() => return None,
        "hint-testsuite-triggers" => "it is no test, and only says what others depend on",
        "isolation-container" | "isolation-machine" => "it wants a container or a machine of its own",
        "needs-internet" => "it wants the network, which no check has",
        "needs-reboot" => "it wants to start the machine anew",
        "needs-recommends" => "it wants what its packages recommend; `@recommends@` in its `Depends` names that",
        "needs-sudo" => "it wants to become root by itself",
        other => return Some(format!("this program does not know the restriction `{}`", shown(other))),
    };
    Some(format!("{why} (`{restriction}`)"))
}
