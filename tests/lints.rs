//! What `opb check` says of whole projects: cases in `tests/lints/*.txt`, each a few files and what is found in them.
//!
//! `OPB_BLESS=1 cargo test --test lints` writes what is found into the cases; read the difference before you keep it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use miette::Diagnostic as _;
use opb::digest::Digest;
use opb::eval::check::{Answer, Question, check};
use opb::eval::lint::Lint;
use opb::eval::weave::{Asked, LocalError, LocalSource};
use opb::eval::{MemoryFiles, RecipeError, Watch};
use opb::lock::Lock;

const MIRAGE: &str = r#"#{
    family: "deb", vendor: "mirage", release: "1", codename: "oasis", suffix: "mir1",
    arches: ["amd64", "arm64"], indep_on: "amd64",
    suites: [#{ name: "oasis", areas: ["main"] }],
    keyring: "mirage-keyring.gpg",
    base: #{ variant: "buildd", add: [] },
    lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
    options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
}
"#;

/// A component that is built everywhere, so that no distro is unused.
const PLAIN: &str = "#{ source: dsc(\"plain\") }\n";

const CHANGELOG: &str =
    "a (1.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 11 Jan 2025 10:00:00 +0000\n";

fn project(parts: &[(String, String)]) -> BTreeMap<String, String> {
    let release =
        |release: &str| MIRAGE.replace("\"1\"", &format!("\"{release}\"")).replace("mir1", &format!("mir{release}"));
    let mut files = BTreeMap::from([
        ("distros/mirage-1.rhai".to_owned(), release("1")),
        ("distros/mirage-2.rhai".to_owned(), release("2")),
        ("recipes/plain.rhai".to_owned(), PLAIN.to_owned()),
    ]);
    for (path, text) in parts {
        if text.trim() == "(none)" {
            files.remove(path);
        } else {
            files.insert(path.clone(), text.clone());
        }
    }
    files
}

fn asked(files: &BTreeMap<String, String>) -> Answer {
    let look = |folder: &str| {
        let control = files.get(&format!("{folder}/debian/control")).ok_or_else(|| LocalError {
            message: format!("there is no folder `{folder}` in the project"),
            help: "write another".to_owned(),
        })?;
        let texts = [("debian/control", control.as_str()), ("debian/changelog", CHANGELOG)];
        let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        Ok(LocalSource { tree: Digest::of(folder.as_bytes()), texts })
    };
    let look_at = |asked: &BTreeMap<String, Asked>| asked.keys().map(|folder| (folder.clone(), look(folder))).collect();
    check(Question {
        files: &MemoryFiles(files.clone()),
        settings: Ok(files.get("opb.toml").cloned()),
        lock: (None, "opb.lock".to_owned(), Ok(files.get("opb.lock").cloned())),
        base: Lock::default(),
        look_at: &look_at,
        today: "2026-06-01",
        watch: &Watch::default(),
    })
}

fn shown(files: &BTreeMap<String, String>, finding: &RecipeError) -> String {
    let word = if finding.is_warning() { "warning" } else { "error" };
    let code = finding.mistake().code();
    let place = match (finding.range(), files.get(finding.file())) {
        (Some(range), Some(text)) => {
            let underlined = &text[range.start.offset..range.end.offset];
            format!("{}:{}:{} ⟦{underlined}⟧", finding.file(), range.start.line, range.start.column)
        }
        _ => finding.file().to_owned(),
    };
    let help = finding.help().map_or_else(|| panic!("no help: {finding}"), |help| help.to_string());
    let mut shown = format!("//~ {word} {code} at {place}\n//~   {finding}\n//~   help: {help}\n");
    for other in finding.related_places() {
        writeln!(shown, "//~   {}:{}: {}", other.file, other.range.start.line, other.message).expect("text");
    }
    shown
}

/// A case as it should be written.
fn written(body: &str) -> String {
    let mut parts: Vec<(String, String)> = Vec::new();
    let mut result = String::new();
    let given: Vec<&str> = body.lines().filter(|line| !line.starts_with("//~")).collect();
    for line in given.join("\n").trim_end().lines() {
        writeln!(result, "{line}").expect("text");
        match (line.strip_prefix("--- "), parts.last_mut()) {
            (Some(path), _) => parts.push((path.to_owned(), String::new())),
            (None, Some((_, text))) => writeln!(text, "{line}").expect("text"),
            (None, None) => panic!("a line before the first file: {line}"),
        }
    }
    let files = project(&parts);
    let answer = asked(&files);
    for finding in &answer.findings {
        result += &shown(&files, finding);
    }
    if answer.silenced > 0 {
        writeln!(result, "//~ {} silenced", answer.silenced).expect("text");
    }
    if answer.findings.is_empty() && answer.silenced == 0 {
        result += "//~ nothing\n";
    }
    result
}

#[test]
fn cases_find_what_they_are_said_to_find() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lints");
    let bless = std::env::var_os("OPB_BLESS").is_some();
    let mut all = String::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of cases") {
        let path = entry.expect("a case").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let mut cases = text.split("\n### ");
        let mut expected = cases.next().expect("a head").to_owned();
        for case in cases {
            let (title, body) = case.split_once('\n').unwrap_or((case, ""));
            let new = format!("\n### {title}\n{}", written(body));
            if !bless {
                assert_eq!(format!("\n### {case}").trim_end(), new.trim_end(), "{}: {title}", path.display());
            }
            expected.push_str(&new);
        }
        all += &expected;
        if bless {
            std::fs::write(&path, expected).expect("writable");
        }
    }
    let without: Vec<&str> = Lint::ALL
        .iter()
        .filter(|lint| !all.contains(&format!("warning {} ", lint.code())))
        .map(|lint| lint.name())
        .collect();
    assert_eq!(without, [""; 0], "lints without a case");
}

#[test]
fn every_lint_has_a_section_of_its_own() {
    let docs = include_str!("../docs/lints.md");
    let sections: Vec<&str> = docs.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let names: Vec<&str> = Lint::ALL.iter().map(|lint| lint.name()).collect();
    assert_eq!(sections, names, "docs/lints.md");
    assert!(names.is_sorted());
    for lint in Lint::ALL {
        assert_eq!(Lint::named(lint.name()), Some(*lint));
        assert!(lint.summary().len() < 90 && !lint.summary().ends_with('.'), "{}", lint.name());
    }
}

#[test]
fn projects_that_come_with_it_have_no_findings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    for folder in ["recipes", "distros"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("a file").path();
            if let Ok(text) = std::fs::read_to_string(&path) {
                files.insert(path.strip_prefix(root).expect("below").display().to_string(), text);
            }
        }
    }
    let found: Vec<String> = asked(&files).findings.iter().map(|finding| shown(&files, finding)).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn much_that_is_wrong_takes_no_longer_than_it_must() {
    let mut parts: Vec<(String, String)> = Vec::new();
    for number in 0..150 {
        let recipe = format!(
            "#{{ source: dsc(\"a{number}\"), env: #{{ PATH: \"x\" }}, needs: [\"c{}\", \"none{number}\"], on: [[\"@mirage-9\", #{{ skip: \"x\" }}]] }}\n",
            number + 1
        );
        parts.push((format!("recipes/c{number}.rhai"), recipe));
    }
    parts.push(("recipes/long.rhai".to_owned(), format!("#{{ a: \"{}\" }}", "x".repeat(15_000))));
    let began = std::time::Instant::now();
    let answer = asked(&project(&parts));
    assert!(answer.findings.len() > 450, "{}", answer.findings.len());
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
