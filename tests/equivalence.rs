//! Two builds of a package that differ in the number alone are told from those that differ in anything else: as rpmbuild makes
//! them.

use std::fs;
use std::path::Path;
use std::process::Command;

use opb::package::equivalent::{Essence, essence, name_without_version};

/// A package with something of everything that gets installed. `@…@` are places that a test writes into.
const SPEC: &str = "\
Name: tool
Epoch: 1
Version: 1.0
Release: @release@
Summary: A tool
License: MIT
Requires: sh@requires@
Provides: tool(api) = %{version}-%{release}
%description
A tool.
%package data
Summary: Its data
BuildArch: noarch
Requires: tool = 1:%{version}-%{release}
%description data
Its data.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc %{buildroot}/usr/share/tool-%{version}-%{release}
echo '@content@' > %{buildroot}/usr/bin/tool
ln -s @link@ %{buildroot}/usr/bin/tool1
echo x > %{buildroot}/etc/tool.conf
echo data > %{buildroot}/usr/share/tool-%{version}-%{release}/data
%post
echo @script@
%triggerin -- other
echo @trigger@
%files
%attr(@mode@, @owner@, root) /usr/bin/tool
/usr/bin/tool1
%config@config@ /etc/tool.conf
%files data
/usr/share/tool-%{version}-%{release}
%changelog
@entry@* Thu Jan 01 2026 A <a@example.org> - 1.0-1
- First.
";

const PLAIN: [(&str, &str); 10] = [
    ("requires", ""),
    ("content", "content"),
    ("link", "tool"),
    ("script", "done"),
    ("trigger", "other"),
    ("mode", "0755"),
    ("owner", "root"),
    ("config", ""),
    ("payload", "w3.gzdio"),
    ("time", "1700000000"),
];

/// The packages of a build with that number, each by its name without the version; `change` is what it has another way.
fn build(number: u32, change: Option<(&str, &str)>) -> Vec<(String, Essence)> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (release, version) = (format!("1.{number}.x1"), format!("1:1.0-1.{number}.x1"));
    let value = |name: &str| match change {
        Some((changed, value)) if changed == name => value,
        _ => PLAIN.iter().find(|(known, _)| *known == name).expect("is known").1,
    };
    let mut text = SPEC.replace("@release@", &release);
    let entry = format!("* Fri Jan 02 2026 opb <opb@example.org> - 1.0-{release}\n- Rebuilt by opb.\n\n");
    text = text.replace("@entry@", &entry);
    for (name, _) in PLAIN {
        text = text.replace(&format!("@{name}@"), value(name));
    }
    let spec = folder.path().join("tool.spec");
    fs::write(&spec, text).expect("written");
    let mut command = Command::new("rpmbuild");
    command.args(["-bb", "--quiet", "--nodeps", "--define", &format!("_topdir {}", folder.path().display())]);
    command.args(["--define", &format!("_binary_payload {}", value("payload"))]);
    command.args([
        "--define",
        "use_source_date_epoch_as_buildtime 1",
        "--define",
        "source_date_epoch_from_changelog 0",
    ]);
    command.env("SOURCE_DATE_EPOCH", value("time")).arg(&spec);
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut packages = Vec::new();
    for arch in fs::read_dir(folder.path().join("RPMS")).expect("read").flatten() {
        for file in fs::read_dir(arch.path()).expect("read").flatten() {
            packages.push(read(&file.path(), &version));
        }
    }
    packages.sort_by(|one, other| one.0.cmp(&other.0));
    packages
}

fn read(file: &Path, version: &str) -> (String, Essence) {
    let name = file.file_name().and_then(|name| name.to_str()).expect("plain");
    let bytes = fs::read(file).expect("read");
    (name_without_version(name, version), essence(&bytes[..], version).expect("is a package"))
}

#[test]
fn rebuilds_of_an_rpm_are_equal_but_for_what_gets_installed() {
    if Command::new("rpmbuild").arg("--version").output().is_err() {
        return eprintln!("skipped: `rpmbuild` is not installed");
    }
    let first = build(1, None);
    assert_eq!(first.len(), 2);
    assert!(first.iter().all(|(name, _)| name.contains("-@.")), "the names have the version in them");
    assert!(first == build(2, None), "the number alone made a difference");
    assert!(first == build(12, Some(("time", "1710000000"))), "the time of the build made a difference");
    for change in [
        ("requires", " >= 3"),
        ("content", "CONTENT"),
        ("link", "data"),
        ("script", "undone"),
        ("trigger", "another"),
        ("mode", "0750"),
        ("owner", "bin"),
        ("config", "(noreplace)"),
        ("payload", "w9.gzdio"),
    ] {
        let other = build(2, Some(change));
        assert!(first[0] != other[0] || first[1] != other[1], "`{}` made no difference", change.0);
    }
}
