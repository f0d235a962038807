//! `debian/tests/control`: the tests that a source has for its installed packages (README.package-tests of autopkgtest).

use miette::Diagnostic;

use super::control::{ControlError, paragraphs};
use super::relation::arch_matches;
use crate::diag::{Cause, Caused};
use crate::path::TreePath;

/// The most tests of a source.
pub const MOST: usize = 500;

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Its name: letters, digits, `+`, `-`, `.`, `_`.
    pub name: String,
    /// What runs, for the shell, in the source's folder.
    pub command: String,
    /// Relations that must be met, with `@` and `@builddeps@` put in; may be empty.
    pub depends: String,
    /// Whether it runs as root.
    pub needs_root: bool,
    /// Whether it may write to the standard error.
    pub allow_stderr: bool,
    /// Whether exit status 77 means that it could not be run.
    pub skippable: bool,
    /// Whether it tests little: that it passes proves nothing.
    pub superficial: bool,
    /// Whether it fails now and then for no reason.
    pub flaky: bool,
    /// Why it is not run here; `None` where it is.
    pub skip: Option<String>,
}

/// What stands for `@` and its like, and for whom tests are read.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Names of the source's packages.
    pub packages: &'a [&'a str],
    /// Its build dependencies.
    pub build_depends: &'a str,
    /// The arch, in Debian's spelling.
    pub arch: &'a str,
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
}

impl Caused for TestsError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The tests of `control`, in its order.
///
/// # Errors
/// [`TestsError`] for what cannot be read.
pub fn tests(control: &str, place: &Place<'_>) -> Result<Vec<Test>, TestsError> {
    let mut tests: Vec<Test> = Vec::new();
    for (turn, paragraph) in paragraphs(control).enumerate() {
        let paragraph = paragraph?;
        let field = |name: &str| paragraph.folded(name).trim().to_owned();
        let words = |name: &str| -> Vec<String> {
            let text = field(name);
            text.split([',', ' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let (names, command) = (words("Tests"), paragraph.get("Test-Command").map(|_| field("Test-Command")));
        let features = words("Features");
        let folder = match field("Tests-Directory").as_str() {
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
                let named = features.iter().find_map(|feature| feature.strip_prefix("test-name="));
                vec![(named.map_or_else(|| format!("command{}", turn + 1), str::to_owned), command)]
            }
            _ => return Err(TestsError::Kind(paragraph.line)),
        };
        let depends = if paragraph.get("Depends").is_some() { field("Depends") } else { "@".to_owned() };
        let (depends, unknown) = put_in(&depends, place);
        let restrictions = words("Restrictions");
        let has = |name: &str| restrictions.iter().any(|restriction| restriction == name);
        let archs = words("Architecture");
        let skip =
            not_for(&archs, place.arch).or(unknown).or_else(|| restrictions.iter().find_map(|name| unable(name)));
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
                depends: depends.clone(),
                needs_root: has("needs-root"),
                allow_stderr: has("allow-stderr"),
                skippable: has("skippable"),
                superficial: has("superficial"),
                flaky: has("flaky"),
                skip: skip.clone(),
            });
        }
    }
    Ok(tests)
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

/// The longest `Depends` with what stands for others put in, in bytes: a program takes no longer argument than twice that.
const MAX_DEPENDS: usize = 64 << 10;

/// `Depends` with what `@` and its like stand for put in; and why it cannot be met, where that is known.
fn put_in(depends: &str, place: &Place<'_>) -> (String, Option<String>) {
    let (mut all, mut unknown, mut length) = (Vec::new(), None, 0);
    for relation in depends.split(',').map(str::trim).filter(|relation| !relation.is_empty()) {
        length += match relation {
            "@" => place.packages.iter().map(|name| name.len() + 2).sum(),
            "@builddeps@" => place.build_depends.len() + 2,
            other => other.len() + 2,
        };
        if length > MAX_DEPENDS {
            return (String::new(), Some("what it depends on is longer than 64 KiB".to_owned()));
        }
        match relation {
            "@" => all.extend(place.packages.iter().map(|name| (*name).to_owned())),
            "@builddeps@" if place.build_depends.is_empty() => {}
            "@builddeps@" => all.push(place.build_depends.to_owned()),
            other if other.contains('@') => {
                unknown = Some(format!("this program does not know what `{}` stands for", shown(other)));
            }
            other => all.push(other.to_owned()),
        }
    }
    (all.join(", "), unknown)
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
        "needs-root"
        | "allow-stderr"
        | "skippable"
        | "superficial"
        | "flaky"
        | "rw-build-tree"
        | "hint-testsuite-triggers"
        | "skip-foreign-architecture" => return None,
        "isolation-container" | "isolation-machine" => "it wants a container or a machine of its own",
        "needs-internet" => "it wants the network, which no check has",
        "needs-reboot" => "it wants to start the machine anew",
        "breaks-testbed" => "it breaks the root that other tests work in",
        "build-needed" => "it wants a built source tree",
        "needs-recommends" => "it wants what its packages recommend",
        "needs-sudo" => "it wants to become root by itself",
        "skip-not-installable" => return None,
        other => return Some(format!("this program does not know the restriction `{}`", shown(other))),
    };
    Some(format!("{why} (`{restriction}`)"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'_> =
        Place { packages: &["libbsd0", "libbsd-dev"], build_depends: "debhelper (>= 13), libmd-dev", arch: "amd64" };

    /// One line for each test: name, what it needs, how it runs.
    fn read(control: &str) -> String {
        match tests(control, &PLACE) {
            Err(error) => error.to_string(),
            Ok(tests) => {
                let line = |test: &Test| {
                    let flags = [
                        (test.needs_root, "root"),
                        (test.allow_stderr, "stderr"),
                        (test.skippable, "skippable"),
                        (test.superficial, "superficial"),
                        (test.flaky, "flaky"),
                    ];
                    let flags: Vec<&str> = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
                    let skip = test.skip.as_ref().map_or(String::new(), |why| format!(" skipped: {why}"));
                    format!("{} [{}] {}{skip}", test.name, test.depends, flags.join(" "))
                };
                tests.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn what_stands_for_much_is_not_put_in_without_end() {
        let depends = vec!["@"; 10_000].join(",");
        let (all, why) = put_in(&depends, &PLACE);
        assert_eq!((all.as_str(), why.as_deref()), ("", Some("what it depends on is longer than 64 KiB")));
        assert_eq!(put_in("@, a", &PLACE), ("libbsd0, libbsd-dev, a".to_owned(), None));
    }

    #[test]
    fn the_format_is_read() {
        insta::assert_snapshot!(read("Tests: one, two\nDepends: @, python3 (>= 3.9)\nRestrictions: needs-root allow-stderr\n\n\
            Test-Command: tool --version\n\n\
            Test-Command: tool | cat\nDepends:\nFeatures: test-name=piped\nRestrictions: superficial, flaky, skippable\n\n\
            Tests: built\nDepends: @builddeps@\n"), @r"
        one [libbsd0, libbsd-dev, python3 (>= 3.9)] root stderr
        two [libbsd0, libbsd-dev, python3 (>= 3.9)] root stderr
        command2 [libbsd0, libbsd-dev] 
        piped [] skippable superficial flaky
        built [debhelper (>= 13), libmd-dev] 
        ");
    }

    #[test]
    fn what_cannot_be_run_is_skipped_with_its_reason() {
        insta::assert_snapshot!(read("Tests: a\nRestrictions: isolation-machine\n\nTests: b\nRestrictions: odd-one\n\n\
            Tests: c\nArchitecture: arm64\n\nTests: d\nArchitecture: !amd64\n\nTests: e\nArchitecture: linux-any\n\n\
            Tests: f\nDepends: @recommends@\n"), @r"
        a [libbsd0, libbsd-dev]  skipped: it wants a container or a machine of its own (`isolation-machine`)
        b [libbsd0, libbsd-dev]  skipped: this program does not know the restriction `odd-one`
        c [libbsd0, libbsd-dev]  skipped: it is not for amd64
        d [libbsd0, libbsd-dev]  skipped: it is not for amd64
        e [libbsd0, libbsd-dev] 
        f []  skipped: this program does not know what `@recommends@` stands for
        ");
    }

    #[test]
    fn hostile_files_are_refused() {
        let start = "cannot read `debian/tests/control`";
        for (control, expected) in [
            ("Tests: ../x\n", ": `../x` is no name of a test"),
            ("Tests: $(id)\n", ": `$(id)` is no name of a test"),
            ("Tests: a'b\n", ": `a\\'b` is no name of a test"),
            ("Test-Command: x\nFeatures: test-name=a/b\n", ": `a/b` is no name of a test"),
            ("Tests: a\nTests-Directory: ../..\n", ": `../..` is no folder of the source"),
            ("Tests: a\nTests-Directory: /etc\n", ": `/etc` is no folder of the source"),
            ("Depends: @\n", ": the paragraph at line 1 has neither `Tests` nor `Test-Command`, or both"),
            (
                "Tests: a\nTest-Command: b\n",
                ": the paragraph at line 1 has neither `Tests` nor `Test-Command`, or both",
            ),
            ("nonsense\n", ""),
        ] {
            assert_eq!(read(control), format!("{start}{expected}"), "{control}");
        }
        let many = format!("Tests: {}\n", (0..=MOST).map(|turn| format!("t{turn}")).collect::<Vec<_>>().join(" "));
        assert_eq!(read(&many), format!("{start}: it has more than {MOST} tests"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "((Tests|Test-Command|Depends|Restrictions|Architecture): ?)?[a-z@, !\n./é\u{1b}]{0,40}") {
            let _ = tests(&text, &PLACE);
        }
    }
}
