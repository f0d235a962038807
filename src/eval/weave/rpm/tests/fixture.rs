//! A project for both families: three components with `debian/` and specs, a distro of each.

use std::collections::BTreeMap;

use super::super::super::{Asked, LocalSource, Looked};
use crate::digest::{Digest, Sha256};
use crate::eval::{MemoryFiles, Project, evaluate};
use crate::lock::{DistroPin, Lock, RepositoryPin, SuitePin};
use crate::settings::{Channel, Settings};

const DEB: &str = r#"#{
    family: "deb", vendor: "mirage", release: "1", codename: "oasis", suffix: "mir1",
    arches: ["amd64", "arm64"], indep_on: "amd64",
    suites: [#{ name: "oasis", areas: ["main"] }],
    keyring: "k.gpg", base: #{ variant: "buildd", add: [] },
    lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
    options: #{ alternatives: "first", recommends: false, rules_need_no_root: true },
}"#;

const RPM: &str = r#"#{
    family: "rpm", vendor: "mirror", release: "9", suffix: "mr9", arches: ["amd64", "arm64"], indep_on: "amd64",
    repositories: ["base", "more"], keys: ["RPM-GPG-KEY-mirror"],
    base: #{ groups: ["buildsys-build"], add: ["bash"], bootstrap: "two-stage", db: #{ backend: "sqlite", path: "/var/lib/rpm" },
             weak: false },
    modules: #{ enable: ["perl:5.32"], hotfixes: true }, signing: #{ key: "rsa", digest: "sha256" }, repodata: "gz",
    payload: "w19.zstdio", version: #{ caret: false }, macros: #{ dist: ".mr9", rhel: "9" },
    lifecycle: #{ end: "2032-05-31", archived: false },
}"#;

fn control(source: &str, needs: &str, binaries: &str) -> String {
    let binaries: String = binaries
        .split_whitespace()
        .map(|name| format!("\nPackage: {name}\nArchitecture: any\nDepends: ${{shlibs:Depends}}\nDescription: x\n"))
        .collect();
    format!("Source: {source}\nBuild-Depends: debhelper-compat (= 13){needs}\nRules-Requires-Root: no\n{binaries}")
}

fn changelog(source: &str) -> String {
    format!(
        "{source} (1.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n"
    )
}

/// `libgrace`: a library, its headers, and texts for all arches. `logax` needs its headers, by another name.
fn sources() -> BTreeMap<String, BTreeMap<String, String>> {
    let grace = "Name: grace\nVersion: 1.2\nRelease: 3%{?dist}\nSource0: https://example.org/grace-%{version}.tar.gz\n\
                 Source1: grace.conf\nBuildRequires: gcc\n\
                 %bcond_without docs\n%if %{with docs}\nBuildRequires: asciidoc\n%endif\n\
                 %package devel\nRequires: grace%{?_isa} = %{version}-%{release}\n\
                 %package doc\nBuildArch: noarch\n\
                 %files\n/usr/bin/grace\n%files devel\n%{_libdir}/pkgconfig/libgrace.pc\n%files doc\n\
                 %changelog\n* Thu Jan 01 2026 A <a@example.org> - 1.2-3\n- x\n";
    let logax =
        "Name: logax\nVersion: 2\nRelease: 1\nBuildRequires: make, libgrace-dev >= 1.0\nRequires: grace-doc\n%files\n";
    let tool =
        "Name: tool\nVersion: 1\nRelease: 1%{?dist}\nBuildArch: noarch\nBuildRequires: pkgconfig(libgrace)\n%files\n";
    let of = |source: &str, needs: &str, binaries: &str, spec: &str| {
        BTreeMap::from([
            ("debian/control".to_owned(), control(source, needs, binaries)),
            ("debian/changelog".to_owned(), changelog(source)),
            (format!("rpm/{source}.spec"), spec.to_owned()),
        ])
    };
    BTreeMap::from([
        ("grace".to_owned(), of("grace", "", "libgrace1 libgrace-dev", grace)),
        ("logax".to_owned(), of("logax", ", libgrace-dev", "logax", logax)),
        ("tool".to_owned(), of("tool", "", "tool", tool)),
    ])
}

pub(in crate::eval::weave) const RECIPES: [(&str, &str); 3] = [
    (
        "grace",
        "#{ source: path(\"grace\"), aliases: #{ \"libgrace-dev\": \"grace-devel\" }, targets: [\"@mirror-9\", \"@mirage-1\"] }",
    ),
    ("logax", "#{ source: path(\"logax\"), needs: [pkg(\"help2man\")], modules: #{ \"@mirror-9\": [\"nodejs:18\"] } }"),
    ("tool", "#{ source: path(\"tool\") }"),
];

pub(in crate::eval::weave) fn lock() -> Lock {
    let sha256 = |text: String| Sha256::of(text.as_bytes());
    let suite = SuitePin {
        name: "oasis".into(),
        release: sha256("release".into()),
        date: String::new(),
        index: ["amd64", "arm64"]
            .map(|arch| format!("main/binary-{arch}/Packages.xz"))
            .map(|path| (path.clone(), sha256(path)))
            .into(),
    };
    let repository = |name: &str, arch: &str| RepositoryPin {
        name: name.into(),
        arch: arch.parse().expect("an arch"),
        repomd: sha256(format!("{name}/{arch}")),
        revision: "1700000000".into(),
        signed: false,
        index: BTreeMap::from([("repodata/0a1b-primary.xml.gz".to_owned(), sha256(format!("{name}-{arch}-primary")))]),
    };
    let repositories =
        ["amd64", "arm64"].into_iter().flat_map(|arch| ["base", "more"].map(|name| repository(name, arch))).collect();
    let name = |name: &str| name.parse().expect("a name");
    Lock {
        distro: BTreeMap::from([
            (name("mirage-1"), DistroPin { suite: vec![suite], ..DistroPin::default() }),
            (name("mirror-9"), DistroPin { repository: repositories, ..DistroPin::default() }),
        ]),
        ..Lock::default()
    }
}

pub(in crate::eval::weave) fn looked(asked: &BTreeMap<String, Asked>) -> Looked {
    let all = sources();
    asked
        .iter()
        .map(|(folder, asked)| {
            let mut texts = all.get(folder).cloned().unwrap_or_default();
            texts.retain(|path, _| asked.texts.contains(path) || asked.specs && path.ends_with(".spec"));
            (folder.clone(), Ok(LocalSource { tree: Digest::of(folder.as_bytes()), texts }))
        })
        .collect()
}

/// The project with these recipes in place of its own, and its settings.
pub(in crate::eval::weave) fn project(changes: &[(&str, &str)]) -> (Project, Settings) {
    let mut files = BTreeMap::from([
        ("distros/mirage-1.rhai".to_owned(), DEB.to_owned()),
        ("distros/mirror-9.rhai".to_owned(), RPM.to_owned()),
    ]);
    let path = |name: &str| if name.contains('.') { format!("recipes/{name}") } else { format!("recipes/{name}.rhai") };
    files.extend(RECIPES.iter().chain(changes).map(|(name, text)| (path(name), (*text).to_owned())));
    let project = evaluate(&MemoryFiles(files)).expect("sound recipes");
    let mut settings = Settings::default();
    settings.channel.insert("nightly".parse().expect("a name"), Channel::default());
    (project, settings)
}
