//! Readings against a spec that is read for each alone.

use std::fs;
use std::path::Path;

use super::*;
use crate::package::spec::read;

fn macros(arch: &str, defines: &[(&str, &str)], switch: Option<bool>) -> Macros {
    let mut macros = Macros::new(arch);
    defines.iter().for_each(|(name, body)| macros.define(name, body));
    switch.into_iter().for_each(|on| macros.condition("y", on));
    macros
}

/// Specs in which the release, or what is said of macros, is of all kinds; each has a name and files.
const OF_ALL_KINDS: [&str; 17] = [
    "Version: 1\nReleases: %{?dist}\nRelease: 1%{?dist}\n",
    "Version: 1\nRelease(x) : 1%{?dist}\nrelease: 2\n",
    "Version: 1\nRelease 7: %{?dist}\nRelease: 1%{?dist}%{?rhel}\n",
    "Version: 1\nRelease: 1%{?dist}\n",
    "Version: 1\nRelease: 1%{?dist}\nRequires: other = %{version}-%{release}\n",
    "Version: 1\nRELEASE: 1%{?dist}\nRelease: 2%{?rhel}\n",
    "Version: 1\n%global rel 3%{?dist}\nRelease: %{rel}\n",
    "Version: 1\nRelease: %{autorelease}\nProvides: x(%{dist})\n",
    "Version: 1\n%if 0%{?rhel} >= 9\nRelease: 1%{?dist}\n%else\nRelease: 2%{?dist}\n%endif\n",
    "Version: 1%{?rhel}\nRelease: 1\n",
    "Version: 1\nRelease: 1%{?both}\n",
    "Version: 1\n%{?both}\nRelease: 1%{?dist}\n",
    "Version: 1\nRelease: 1%{!?fedora:.x}%{?dist}\nBuildRequires: gcc%{?fedora:-c++}\n",
    "Version: 1\nRelease: 1%{?dist}\nExclusiveArch: %{ix86} x86_64\n%ifarch aarch64\nRequires: %{_libdir}/x\n%endif\n",
    "Version: 1\n%undefine dist\nRelease: 1%{?dist}\n%define dist .own\nProvides: y = %{dist}\n",
    "Version: 1\nRelease: 1%{?dist}\n%{?with_x:Requires: x}\n%bcond_with y\n%if %{with y}\nRequires: y\n%endif\n",
    "Version: 1\nRelease: 1^%{?dist}-\n",
];

#[test]
fn a_spec_read_for_many_says_what_it_says_to_each() {
    let texts = OF_ALL_KINDS.iter().map(|text| format!("Name: kinds\n{text}%files\n/usr/bin/%{{name}}\n"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs");
    let files = fs::read_dir(folder).expect("the folder of specs").map(|entry| entry.expect("an entry").path());
    let files: Vec<String> = files.map(|path| fs::read_to_string(path).expect("text")).collect();
    assert!(files.len() >= 12, "only {} specs", files.len());
    for text in files.into_iter().chain(texts) {
        let distros: [&[(&str, &str)]; 6] = [
            &[("dist", ".el9"), ("rhel", "9")],
            &[("dist", ".fc44"), ("fedora", "44")],
            &[("dist", ".b"), ("both", "2\nRequires: both")],
            &[("dist", "-odd"), ("rhel", "%{rhel}")],
            &[("dist", ".other"), ("rhel", "9")],
            &[],
        ];
        let mut tables = Vec::new();
        for arch in ["x86_64", "aarch64", "i686"] {
            for defines in distros {
                tables.extend([macros(arch, defines, None), macros(arch, defines, Some(true))]);
            }
        }
        // Whoever comes first, the others are told right.
        for first in 0..tables.len() {
            let readings = Readings::of(text.clone());
            for table in tables[first..].iter().chain(&tables[..first]) {
                let alone = read(&text, table.clone());
                let shared = readings.read(table).map(|(spec, release)| {
                    let mut spec = Spec::clone(&spec);
                    assert_eq!(spec.evr.release.replace(release), None);
                    spec
                });
                assert_eq!(shared, alone, "{text}");
            }
        }
    }
}

/// How often a spec is read for these distros and arches.
fn times(more: &str) -> usize {
    let text = format!("Name: tool\nVersion: 1\nRelease: 1%{{?dist}}\n{more}%files\n/usr/bin/tool\n");
    let readings = Readings::of(text);
    for rhel in 0..3 * MOST {
        for arch in ["x86_64", "aarch64"] {
            let mut macros = Macros::new(arch);
            macros.define("dist", &format!(".el{rhel}"));
            macros.define("rhel", &rhel.to_string());
            let (_, release) = readings.read(&macros).expect("sound");
            assert_eq!(release, format!("1.el{rhel}"));
        }
    }
    readings.known.into_inner().expect("whole").len()
}

#[test]
fn a_spec_is_read_once_for_all_that_agree() {
    assert_eq!(times(""), 1);
    assert_eq!(times("BuildRequires: gcc\nRequires: %{_bindir}/x\n"), 1);
    assert_eq!(times("Requires: x%{?_isa}\n"), 2);
    assert_eq!(times("%ifarch x86_64\nRequires: x\n%endif\n"), 2);
    assert_eq!(times("%if 0%{?rhel} > 8\nRequires: x\n%endif\n"), MOST, "no more are kept");
}
