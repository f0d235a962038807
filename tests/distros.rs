//! The project's own distros: every file evaluates, says where its facts come from, and agrees with what the machine knows
//! of releases (`distro-info-data`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use opb::distro::{Distro, Family};
use opb::eval::{MemoryFiles, Project, evaluate};

/// All releases that the project has data of, with their arches.
const RELEASES: [(&str, &str); 13] = [
    ("debian-11", "amd64 arm64 i386"),
    ("debian-12", "amd64 arm64 i386"),
    ("debian-13", "amd64 arm64"),
    ("el-10", "amd64 arm64"),
    ("el-8", "amd64 arm64"),
    ("el-9", "amd64 arm64"),
    ("fedora-44", "amd64 arm64"),
    ("fedora-45", "amd64 arm64"),
    ("mini-1", "amd64"),
    ("opensuse-leap-16.0", "amd64 arm64"),
    ("ubuntu-22.04", "amd64"),
    ("ubuntu-24.04", "amd64"),
    ("ubuntu-26.04", "amd64"),
];

fn texts() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("distros");
    let entries = fs::read_dir(&folder).expect("the folder of distros").map(|entry| entry.expect("an entry").path());
    entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "rhai"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

fn project() -> Project {
    let mut files: BTreeMap<String, String> =
        texts().into_iter().map(|(name, text)| (format!("distros/{name}.rhai"), text)).collect();
    files.insert("recipes/a.rhai".into(), "#{ source: path(\"a\") }\n".into());
    evaluate(&MemoryFiles(files)).expect("the project's own distros")
}

#[test]
fn every_release_evaluates_for_its_arches() {
    let project = project();
    let known: Vec<(String, String)> = project
        .distros
        .values()
        .map(|distro| {
            let arches: Vec<&str> = distro.arches.iter().map(opb::name::Arch::as_str).collect();
            (distro.name.to_string(), arches.join(" "))
        })
        .collect();
    let expected: Vec<(String, String)> =
        RELEASES.iter().map(|(name, arches)| ((*name).to_owned(), (*arches).to_owned())).collect();
    assert_eq!(known, expected);
    assert_eq!(project.work.len(), project.targets().len(), "one component for every target");
}

#[test]
fn every_file_says_where_its_facts_come_from_and_what_was_not_tried() {
    for (name, text) in texts() {
        let head: String =
            text.lines().take_while(|line| line.starts_with("//")).map(|line| line[2..].to_lowercase()).collect();
        let source = ["distro-info-data", "mock-core-configs", "scripts/mini-rpm"];
        assert!(source.iter().any(|source| head.contains(source)), "{name} does not say where its facts come from");
        assert!(head.contains("not tried") || head.contains("could be tried"), "{name} does not say what was tried");
    }
}

#[test]
fn what_versions_carry_differs_between_releases() {
    let project = project();
    let suffixes: std::collections::BTreeSet<&str> =
        project.distros.values().map(|distro| distro.suffix.as_str()).collect();
    assert_eq!(suffixes.len(), project.distros.len());
    for distro in project.distros.values() {
        let Some(rpm) = distro.rpm() else { continue };
        assert_eq!(rpm.macros.get("dist"), Some(&format!(".{}", distro.suffix)), "{}", distro.name);
        let old = rpm.macros.get("rhel").is_some_and(|release| release == "8");
        assert_eq!(rpm.caret, !old, "{}", distro.name);
    }
    assert_eq!(project.distros.values().filter(|distro| distro.family() == Family::Rpm).count(), 7);
}

/// The column of `distro-info-data` that says when support ends, by vendor: long term support where there is one.
const ENDS: [(&str, &str); 2] = [("debian", "eol-lts"), ("ubuntu", "eol")];

#[test]
fn releases_are_those_of_distro_info() {
    let project = project();
    for (vendor, end) in ENDS {
        let path = format!("/usr/share/distro-info/{vendor}.csv");
        let Ok(table) = fs::read_to_string(&path) else {
            eprintln!("skipped for {vendor}: this machine has no {path} (package distro-info-data)");
            continue;
        };
        let mut lines = table.lines();
        let columns: Vec<&str> = lines.next().expect("a head").split(',').collect();
        let rows: Vec<BTreeMap<&str, &str>> =
            lines.map(|line| columns.iter().copied().zip(line.split(',')).collect()).collect();
        for distro in project.distros.values().filter(|distro| distro.vendor == vendor) {
            let same = |row: &&BTreeMap<&str, &str>| row["version"].trim_end_matches(" LTS") == distro.release;
            match rows.iter().find(same) {
                Some(row) => agrees(distro, row, end),
                None => eprintln!("skipped for {}: {path} is older than it", distro.name),
            }
        }
    }
}

fn agrees(distro: &Distro, row: &BTreeMap<&str, &str>, end: &str) {
    assert_eq!(distro.codename(), row["series"], "code name of {}", distro.name);
    assert_eq!(row.get(end), Some(&distro.lifecycle.end.as_str()), "end of {}", distro.name);
}
