//! Specs are read as rpm reads them: the files in `tests/specs/`, compared with what `rpmspec` says of each, for two
//! distributions and two arches; what cannot be told; and that no text makes the reader panic or slow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use opb::package::spec::{Macros, Spec, SpecError, read};
use proptest::prelude::*;

/// Macros of a distribution.
type Defines = [(&'static str, &'static str)];

const NINE: &Defines = &[("dist", ".el9"), ("rhel", "9"), ("el9", "1")];
const FEDORA: &Defines = &[("dist", ".fc44"), ("fedora", "44")];

/// `# with: -docs +extra` in a spec's first line.
fn switches(text: &str) -> Vec<(String, bool)> {
    let words = text.lines().next().and_then(|line| line.strip_prefix("# with:")).unwrap_or_default();
    words.split_whitespace().map(|word| (word[1..].to_owned(), word.starts_with('+'))).collect()
}

fn macros(arch: &str, defines: &Defines, switches: &[(String, bool)]) -> Macros {
    let mut macros = Macros::new(arch);
    for (name, body) in defines {
        macros.define(name, body);
    }
    for (name, on) in switches {
        macros.condition(name, *on);
    }
    macros
}

/// What rpmspec prints; `None` where the machine has none.
fn rpmspec(path: &Path, arch: &str, defines: &Defines, switches: &[(String, bool)], args: &[&str]) -> Option<String> {
    let mut command = Command::new("rpmspec");
    command.arg("-q").args(args).arg("--target").arg(format!("{arch}-linux"));
    for (name, body) in defines {
        command.arg("--define").arg(format!("{name} {body}"));
    }
    for (name, on) in switches {
        command.arg(if *on { "--with" } else { "--without" }).arg(name);
    }
    let output = command.arg(path).output().ok()?;
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// What is compared, one fact a line, sorted.
fn told(spec: &Spec, arch: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let version = spec.evr.to_string();
    for (name, package) in &spec.packages {
        let on = if package.noarch { "noarch" } else { arch };
        lines.push(format!("package {name} {on} {version}"));
        lines.extend(package.requires.iter().map(|dependency| format!("{name} requires {dependency}")));
        lines.extend(package.provides.iter().map(|dependency| format!("{name} provides {dependency}")));
    }
    lines.extend(spec.build_requires.iter().map(|dependency| format!("build requires {dependency}")));
    lines.extend(spec.build_conflicts.iter().map(|dependency| format!("build conflicts {dependency}")));
    let base = |address: &String| address.rsplit('/').next().unwrap_or_default().to_owned();
    lines.extend(spec.sources.values().map(|source| format!("source {}", base(source))));
    lines.extend(spec.patches.values().map(|patch| format!("patch {}", base(patch))));
    lines.sort();
    lines.dedup();
    lines
}

fn told_by_rpm(path: &Path, arch: &str, defines: &Defines, switches: &[(String, bool)]) -> Option<Vec<String>> {
    let of_package = "[p|%{=NAME}|%{PROVIDENEVRS}\\n][r|%{=NAME}|%{REQUIRENEVRS}\\n]n|%{NAME}|%{ARCH} %{EVR}\\n";
    let packages = rpmspec(path, arch, defines, switches, &["--builtrpms", "--qf", of_package])?;
    let of_source = "[b|%{REQUIRENEVRS}\\n][c|%{CONFLICTNEVRS}\\n][s|%{SOURCE}\\n][a|%{PATCH}\\n]";
    let source = rpmspec(path, arch, defines, switches, &["--srpm", "--qf", of_source])?;
    let mut lines = Vec::new();
    for line in packages.lines().chain(source.lines()) {
        let (kind, rest) = line.split_once('|').expect("a kind");
        let (name, fact) = rest.split_once('|').unwrap_or((rest, ""));
        lines.push(match kind {
            "n" => format!("package {name} {fact}"),
            // What every package provides by itself: its name, and its name on its arch.
            "p" if fact.split(' ').next().is_some_and(|word| word == name || word.starts_with(&format!("{name}("))) => {
                continue;
            }
            "p" => format!("{name} provides {fact}"),
            // What rpm adds for scripts.
            "r" if ["/bin/sh", "/sbin/ldconfig"].contains(&fact) => continue,
            "r" => format!("{name} requires {fact}"),
            "b" => format!("build requires {rest}"),
            "c" => format!("build conflicts {rest}"),
            "s" => format!("source {rest}"),
            _ => format!("patch {rest}"),
        });
    }
    lines.sort();
    lines.dedup();
    Some(lines)
}

fn specs() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs");
    let mut found: Vec<(PathBuf, String)> = fs::read_dir(folder)
        .expect("the folder of specs")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read_to_string(path).expect("text")))
        .collect();
    found.sort();
    found
}

#[test]
fn specs_say_what_rpmspec_says() {
    let specs = specs();
    assert!(specs.len() >= 12, "only {} specs", specs.len());
    for (path, text) in specs {
        let switches = switches(&text);
        for (arch, defines) in [("x86_64", NINE), ("aarch64", NINE), ("x86_64", FEDORA)] {
            let name = format!("{} on {arch}, {}", path.display(), defines[0].1);
            let spec = read(&text, macros(arch, defines, &switches)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let Some(expected) = told_by_rpm(&path, arch, defines, &switches) else {
                return println!("skipped: no rpmspec here");
            };
            assert_eq!(told(&spec, arch), expected, "{name}");
        }
    }
}

#[test]
fn what_rpmspec_does_not_tell() {
    let spec = |name: &str| {
        let (_, text) = specs().into_iter().find(|(path, _)| path.ends_with(name)).expect(name);
        read(&text, macros("x86_64", NINE, &[])).expect("sound")
    };
    let plain = spec("plain.spec");
    assert_eq!(plain.folder, "plain-1.2-src");
    assert_eq!(plain.date, Some(1_767_268_800), "noon of that day");
    assert_eq!(spec("scripts.spec").date, Some(1_777_638_896), "the time where there is one");
    assert_eq!(spec("bcond.spec").folder, "bcond-1");
    let exclusive = spec("exclusive.spec");
    assert_eq!(exclusive.exclusive_arch, ["x86_64", "aarch64", "ppc64", "ppc64p7", "ppc64le"]);
    assert_eq!(exclusive.exclude_arch, ["s390x"]);
    assert!(spec("noarch.spec").noarch && !plain.noarch);
}

const HEAD: &str = "Name: a\nVersion: 1\nRelease: 1\n";

fn said(text: &str) -> String {
    let error = read(text, macros("x86_64", NINE, &[])).expect_err(text);
    let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
    assert!(!help.is_empty(), "no help: {error}");
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}

#[test]
fn what_cannot_be_told_is_an_error_where_it_matters() {
    for (text, expected) in [
        (
            "Requires: %(cat /etc/x)",
            "line 4: `requires` depends on `%(cat /etc/x)`, which cannot be told without running it",
        ),
        (
            "Requires: %{unknown}-devel",
            "line 4: `requires` depends on `%{unknown}`, which cannot be told without running it",
        ),
        (
            "%global xxx %{lua: print(1)}\nBuildRequires: b-%{xxx}",
            "line 5: `buildrequires` depends on `%{lua: print(1)}`, which cannot be told without running it",
        ),
        (
            "%if %(true)\n%endif\n%if %{unknown}\n%if 1\nRequires: b\n%endif\n%endif",
            "line 6: `%if` depends on `%{unknown}`, which cannot be told without running it",
        ),
        (
            "%if 0\n%elif %(true)\n%package b\n%endif",
            "line 5: `%if` depends on `%(true)`, which cannot be told without running it",
        ),
        (
            "%package -n %{unknown}",
            "line 4: `%package` depends on `%{unknown}`, which cannot be told without running it",
        ),
        ("%prep\n%setup -n %(pwd)", "line 5: `%setup -n` depends on `%(pwd)`, which cannot be told without running it"),
    ] {
        assert_eq!(said(&format!("{HEAD}{text}\n")), expected, "{text}");
    }
}

#[test]
fn mistakes_in_specs() {
    for (text, expected) in [
        ("%if 1", "line 4: `%if` has no counterpart"),
        ("%else", "line 4: `%else` has no counterpart"),
        ("%endif", "line 4: `%endif` has no counterpart"),
        ("%if a b\n%endif", "line 4: `a b` is no condition"),
        ("Requires: a >=", "line 4: cannot read `requires`: `a >= ` is no dependency"),
        ("Epoch: x", "line 4: cannot read `Epoch`: `x:0` is no version: what stands before the colon must be a number"),
        (
            "Version: 1-2",
            "line 4: cannot read `Version`: `1-2-1` is no version: versions and releases have letters, digits and `.`, `_`, `+`, `~`, `^` only",
        ),
        (
            "%package -n .a",
            "line 4: a name in the spec is none: `.a` is not a package name: letters, digits, `+`, `-`, `.`, `_`, starting with a letter or digit",
        ),
        ("Requires: %{?x", "line 4: a macro's bracket is never closed"),
        (
            "%define aaa %{bbb}\n%define bbb %{aaa}\nRequires: %{aaa}",
            "line 6: the macros of the spec come to too much text, or stand in each other too deeply",
        ),
    ] {
        assert_eq!(said(&format!("{HEAD}{text}\n")), expected, "{text}");
    }
    assert_eq!(said("Name: a\nVersion: 1\n"), "the spec has no `Release`");
    assert_eq!(said("Version: 1\n%package b\n"), "the spec has no `Name`");
    assert_eq!(said(&" ".repeat((1 << 20) + 1)), "the spec has more than 1048576 bytes");
}

#[test]
fn doubling_macros_are_stopped() {
    let mut text = String::from("%global aaa xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
    for (from, to) in [("aaa", "bbb"), ("bbb", "ccc"), ("ccc", "ddd"), ("ddd", "eee"), ("eee", "fff"), ("fff", "ggg")] {
        text.push_str(&format!("%define {to} {}\n", format!("%{{{from}}}").repeat(64)));
    }
    text.push_str("%{ggg}\n");
    let start = std::time::Instant::now();
    assert!(matches!(read(&text, Macros::new("x86_64")), Err(SpecError::TooMuch { .. })));
    assert!(start.elapsed().as_secs() < 5);
}

/// Time that this thread has computed, in microseconds: other processes of a busy machine do not count.
fn computed() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says so");
    text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).expect("nanoseconds") / 1_000
}

/// How much computing it takes, the best of three.
fn time(text: &str) -> u64 {
    let once = || {
        let start = computed();
        let _ = read(text, Macros::new("x86_64"));
        computed() - start
    };
    (0..3).map(|_| once()).min().expect("three")
}

#[test]
fn time_grows_with_the_size_alone() {
    let brackets = |count: usize| ["%{!?aaa:".repeat(count), "}".repeat(count)].concat();
    let shapes: [fn(usize) -> String; 5] = [
        |count| format!("{HEAD}{}", "Requires: a >= 1, b\n".repeat(count)),
        |count| format!("{HEAD}{}", "%if 1\n%if 0\n%endif\n%endif\n".repeat(count)),
        |count| format!("{HEAD}{}", ["%if %(x)\n%endif\n".repeat(count), "# x\n".repeat(count)].concat()),
        |count| format!("{HEAD}Requires: {}\n", "(a or ".repeat(count)),
        |count| format!("{HEAD}{}", "%package x%{?y}\n%files x\n".repeat(count)),
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        // The kernel counts in steps of some milliseconds.
        let (small, large) = (time(&shape(4_000)).max(4_000), time(&shape(32_000)));
        assert!(large < small * 8 * 5, "shape {number}: {small} µs, then {large} µs for 8 times as much");
    }
    // What is too deep is refused before it costs much.
    for deep in [brackets(100_000), format!("{HEAD}{}", "%if 1\n".repeat(100_000))] {
        assert!(matches!(read(&deep, Macros::new("x86_64")), Err(SpecError::TooMuch { .. })));
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "%",
        "%%",
        "%{",
        "}",
        "%(",
        ")",
        "%[",
        "]",
        "%{?",
        "%{!?",
        ":",
        "%if ",
        "%else\n",
        "%endif\n",
        "%elif ",
        "%ifarch ",
        "%global ",
        "%define ",
        "%undefine ",
        "%bcond ",
        "%bcond_with ",
        "%package ",
        "%files ",
        "-n ",
        "%description\n",
        "%prep\n",
        "%setup ",
        "%changelog\n",
        "* Thu Jan 01 2026 x\n",
        "Name: ",
        "Version: ",
        "Release: ",
        "Requires: ",
        "BuildRequires: ",
        "Provides: ",
        "Source0: ",
        "BuildArch: noarch\n",
        "Epoch: ",
        "aaa",
        "bbb",
        "1",
        "v\"1\"",
        "\"",
        ">=",
        "(",
        "||",
        "&&",
        "!",
        "?",
        "\n",
        "\\\n",
        " ",
        "#",
        "é",
        "\u{1b}",
        "{",
        "*",
        "**",
        "%1",
        "%*",
        "%#",
        "with ",
        "defined ",
        "expand:",
        "lua:",
        "lower:",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![pieces(), pieces().prop_map(|text| format!("{HEAD}{text}")), "\\PC{0,80}"]) {
        if let Err(error) = read(&text, macros("x86_64", NINE, &[])) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn order_of_definitions_does_not_matter(names in Just(vec!["aaa", "bbb", "ccc", "ddd"]).prop_shuffle()) {
        let one = |names: &[&str]| {
            let mut macros = Macros::new("x86_64");
            names.iter().for_each(|name| macros.define(name, &format!("value-{name}")));
            read(&format!("{HEAD}Requires: %{{aaa}} %{{bbb}} %{{ccc}} %{{ddd}}\n%files\n"), macros)
        };
        prop_assert_eq!(one(&names), one(&["aaa", "bbb", "ccc", "ddd"]));
    }
}

#[test]
fn conditions_change_what_is_told() {
    let text = format!("%bcond_without docs\n{HEAD}%if %{{with docs}}\nBuildRequires: asciidoc\n%endif\n%files\n");
    let needs = |switches: &[(String, bool)]| -> BTreeMap<String, ()> {
        let spec = read(&text, macros("x86_64", NINE, switches)).expect("sound");
        spec.build_requires.iter().map(|need| (need.to_string(), ())).collect()
    };
    assert_eq!(needs(&[]).len(), 1);
    assert_eq!(needs(&[("docs".into(), false)]).len(), 0);
}
