//! The tests of a source for its installed packages: what is read of the source, and the files that a check's script reads.
//!
//! ```text
//! source package ──► Texts ─┬─► Chosen    the roots that tests run in, each a package list (`roots`): a list node's output
//!                           └─► script files: what runs, where, and what does not
//! ```

use std::collections::BTreeMap;

use super::context::Context;
use super::error::NodeError;
use crate::diag::Failure;
use crate::package::autopkgtest::{Restriction, Test, TestsError, tests};
use crate::package::compression::Compression;
use crate::package::{archive, patch};
use crate::tree::Tree;

mod roots;

pub use roots::{Chosen, Here, Placed, choose};

/// Where the tests stand, below `debian/`.
const TESTS: &str = "tests/control";

/// What says of the source which packages it makes, below `debian/`.
const CONTROL: &str = "control";

/// The longest `debian/tests/control`, in bytes.
const MAX_TESTS: usize = 1 << 20;

/// What a source says of its tests.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// `debian/tests/control`; `None` where there is none.
    pub tests: Option<String>,
    /// `debian/control`; empty where there is none.
    pub control: String,
}

impl Texts {
    /// Of the source package in the tree `source`.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(ctx: &Context<'_>, source: &Tree) -> Result<Self, Failure> {
        let mut found = BTreeMap::new();
        for (path, object, _) in source.files() {
            let name = path.to_string();
            let file = || ctx.store.open_object(object);
            if name.ends_with(".diff.gz") {
                let failed = |source| NodeError::File { doing: "read", path: name.clone(), source };
                let reader = Compression::Gzip.reader(file()?).map_err(failed)?;
                let wanted = [TESTS, CONTROL].map(|name| format!("debian/{name}"));
                let files = patch::added_files(reader, &wanted);
                found.extend(files.into_iter().map(|(path, text)| (path.replacen("debian/", "", 1), text)));
            } else if name.contains(".tar.") && !name.contains(".orig") && !name.ends_with(".asc") {
                let is = |path: &str, name: &str| archive::is_debian_file(path, name);
                let files = archive::files(file()?, &name, &|path| is(path, TESTS) || is(path, CONTROL))?;
                for (path, bytes) in files {
                    let which = if is(&path, TESTS) { TESTS } else { CONTROL };
                    found.entry(which.to_owned()).or_insert_with(|| String::from_utf8_lossy(&bytes).into_owned());
                }
            }
        }
        Self::new(|name| Ok(found.remove(name)))
    }

    /// What `file` gives for paths below `debian/`.
    ///
    /// # Errors
    /// That of `file`, and where the tests are too many to be read.
    pub fn new(mut file: impl FnMut(&str) -> Result<Option<String>, Failure>) -> Result<Self, Failure> {
        let tests = file(TESTS)?;
        if tests.as_ref().is_some_and(|text| text.len() > MAX_TESTS) {
            return Err(TestsError::Large.into());
        }
        Ok(Self { tests, control: file(CONTROL)?.unwrap_or_default() })
    }

    /// The tests for `arch`.
    ///
    /// # Errors
    /// Where they cannot be understood.
    pub fn read(&self, arch: &str) -> Result<Vec<Test>, Failure> {
        Ok(self.tests.as_deref().map_or_else(|| Ok(Vec::new()), |control| tests(control, arch))?)
    }
}

/// What stands beside the script of a check: `tests`, with a line for each test that runs; what each runs; and `not-run`, with
/// findings on the others.
///
/// # Errors
/// Where the tests cannot be understood, or are not those of `chosen`.
pub fn files(texts: &Texts, chosen: &Chosen, arch: &str) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    Ok(written(&texts.read(arch)?, chosen)?)
}

fn written(tests: &[Test], chosen: &Chosen) -> Result<BTreeMap<String, Vec<u8>>, NodeError> {
    let (mut files, mut run, mut not_run) = (BTreeMap::new(), String::new(), String::new());
    if tests.is_empty() {
        not_run.push_str("N no-tests there is no test in debian/tests/control\n");
    }
    for (turn, test) in tests.iter().enumerate() {
        let name = &test.name;
        let root = match (&test.skip, chosen.placed.get(&turn)) {
            (Some(why), _) => {
                not_run.push_str(&format!("N test-skipped {name}: {why}\n"));
                continue;
            }
            (None, Some(Placed::Nowhere(why))) if test.has(Restriction::SkipNotInstallable) => {
                not_run.push_str(&format!("N test-skipped {name}: {why}\n"));
                continue;
            }
            (None, Some(Placed::Nowhere(why))) => {
                not_run.push_str(&format!("E test-not-run {name}: {why}\n"));
                continue;
            }
            (None, Some(Placed::Root(root))) => root,
            (None, None) => {
                let (what, why) = ("the list of its tests".to_owned(), format!("it has no `{name}`"));
                return Err(NodeError::Unreadable { what, why });
            }
        };
        let user = if test.has(Restriction::NeedsRoot) { "root" } else { "builder" };
        let flags: String = test.restrictions.iter().map(|one| format!("{},", one.as_str())).collect();
        run.push_str(&format!("{turn:03} {root:03} {user} {name} ,{flags}\n"));
        files.insert(format!("test-{turn:03}.run"), format!("{}\n", test.command).into_bytes());
    }
    files.insert("tests".to_owned(), run.into_bytes());
    files.insert("not-run".to_owned(), not_run.into_bytes());
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_is_run_or_told_of() {
        let control = "Tests: one, two\nRestrictions: needs-root, flaky\n\nTests: three\nRestrictions: needs-internet\n\n\
                       Tests: four\n\nTests: five\nRestrictions: skip-not-installable\n\nTest-Command: a $(b)\n";
        let nowhere = |why: &str| Placed::Nowhere(why.to_owned());
        let placed =
            [(0, Placed::Root(0)), (1, Placed::Root(1)), (3, nowhere("x")), (4, nowhere("y")), (5, Placed::Root(0))];
        let mut chosen = Chosen { roots: Vec::new(), placed: placed.into() };
        let texts = Texts { tests: Some(control.to_owned()), control: String::new() };
        let written = files(&texts, &chosen, "amd64").expect("good");
        let text = |name: &str| String::from_utf8_lossy(&written[name]).into_owned();
        insta::assert_snapshot!(["tests", "not-run", "test-005.run"].map(text).concat(), @r"
        000 000 root one ,flaky,needs-root,
        001 001 root two ,flaky,needs-root,
        005 000 builder command1 ,
        N test-skipped three: it wants the network, which no check has (`needs-internet`)
        E test-not-run four: x
        N test-skipped five: y
        a $(b)
        ");
        assert_eq!(written.len(), 5, "{:?}", written.keys());
        chosen.placed.remove(&3);
        let error = files(&texts, &chosen, "amd64").expect_err("a test is nowhere");
        assert_eq!(error.report.to_string(), "cannot read the list of its tests of the store: it has no `four`");
        let none = files(&Texts::default(), &Chosen::default(), "amd64").expect("good");
        assert_eq!(none["not-run"], b"N no-tests there is no test in debian/tests/control\n");
    }
}
