//! Versions that come from tags: source packages made of commits, what stands in their changelogs, and how they sort.

use std::process::Command;

use crate::space::mini::{Mini, mini, spec};
use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// git in the repository that the project's folder is.
fn git(space: &Space, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "tag.gpgSign=false"]).args(arguments);
    command.env("GIT_AUTHOR_DATE", "@1795255200 +0000").env("GIT_COMMITTER_DATE", "@1795255200 +0000");
    let output = command.current_dir(&space.folder).output().expect("git");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A commit of the component `a` that says `message`; the beginning of its id.
fn commit(space: &Space, message: &str) -> String {
    space.write("a/NEWS", message);
    git(space, &["add", "a"]);
    git(space, &["commit", "--quiet", "-m", message]);
    git(space, &["rev-parse", "HEAD"])[..7].to_owned()
}

/// The component `a` from that repository, with its version from tags.
fn recipe(space: &Space, more: &str) {
    let source = format!("git(\"file://{}\", #{{ folder: \"a\" }})", space.folder.display());
    space.recipe("a", &format!("#{{ source: {source}, version: from_tags(\"v*\"), {more} }}\n"));
}

fn build(space: &Space) -> Ran {
    space.opb(&["update", "a-TAG"]).fine();
    space.opb(&["build"]).fine()
}

/// The names of the files of the source package, as they would be without this test's tag.
fn source_files(space: &Space) -> Vec<String> {
    space.files("source-package:a-TAG@DISTRO", "source").into_iter().map(|(name, _)| space.shown(&name)).collect()
}

fn is_less(one: &str, other: &str) -> bool {
    Command::new("dpkg").args(["--compare-versions", one, "lt", other]).status().expect("dpkg").success()
}

#[test]
fn nightlies_and_releases_are_built_from_commits() {
    let Some(space) = space("versions") else { return };
    Tiny { version: "1:0.5-3", fill: "cat version.id > $d/x", ..Tiny::PLAIN }.put(&space);
    git(&space, &["init", "--quiet", "--initial-branch=main"]);
    commit(&space, "Begin");
    git(&space, &["tag", "v1.0"]);
    commit(&space, "Mend it\n\nLong words.\nCloses: #12, #13\nLP: #7");
    let last = commit(&space, "Say 100% of \"$(id)\" `id`, (fixes #8)");
    recipe(&space, "stamp: [\"version.id\"]");
    build(&space);
    let nightly = format!("1.0+git2.{last}-3~SUFFIX");
    let node = "build:a-TAG@DISTRO/all";
    assert_eq!(space.packages(node), [format!("a-TAG_{nightly}+opb1_all.deb")]);
    let upstream = format!("1.0+git2.{last}");
    assert_eq!(
        source_files(&space),
        [
            format!("a-TAG_{nightly}.debian.tar.xz"),
            format!("a-TAG_{nightly}.dsc"),
            format!("a-TAG_{upstream}.orig.tar.gz")
        ]
    );
    let extracted = super::sources::extracted;
    let told = extracted(
        &space,
        "source-package:a-TAG@DISTRO",
        "source",
        "cd /tmp && dpkg-source -x /packages/*.dsc tree > /dev/null 2>&1 && dpkg-parsechangelog --all -l tree/debian/changelog && cat tree/version.id",
    );
    let told = space.shown(&told).replace(&last, "COMMIT");
    insta::assert_snapshot!(told, @r###"
    Source: a-TAG
    Version: 1:1.0+git2.COMMIT-3~SUFFIX
    Distribution: unstable
    Urgency: low
    Maintainer: opb <opb@localhost>
    Timestamp: 1795255200
    Date: Sat, 21 Nov 2026 10:00:00 +0000
    Closes: 12 13
    Changes:
     a-TAG (1:1.0+git2.COMMIT-3~SUFFIX) unstable; urgency=low
     .
       * Say 100% of "$(id)" `id`, (fixes #8)
       * Mend it (Closes: #12, #13) (LP: #7)
     .
     a-TAG (1:0.5-3) unstable; urgency=low
     .
       * First.
    1.0+git2.COMMIT
    "###);
    let script = "dpkg-deb --fsys-tarfile /packages/*.deb | tar -xO ./usr/share/a-TAG/x";
    assert_eq!(extracted(&space, node, "packages", script), format!("{upstream}\n"));

    // What changes the packaging alone leaves the upstream archive as it is.
    let archive = |files: Vec<(String, String)>| files.into_iter().find(|(name, _)| name.ends_with(".orig.tar.gz"));
    let first = archive(space.files("source-package:a-TAG@DISTRO", "source")).expect("an archive");
    space.write("recipes/a-TAG/more", "x\n");
    recipe(&space, "stamp: [\"version.id\"], files: #{ \"debian/more\": \"more\" }");
    build(&space);
    assert_eq!(archive(space.files("source-package:a-TAG@DISTRO", "source")), Some(first));
    assert_eq!(space.packages(node), [format!("a-TAG_{nightly}+opb1_all.deb")], "they come out as before");

    // The next release has no more than its tag, and stands above; so does what follows.
    git(&space, &["tag", "v1.1"]);
    build(&space);
    assert_eq!(space.packages(node), ["a-TAG_1.1-3~SUFFIX+opb1_all.deb"]);
    let next = commit(&space, "Go on");
    build(&space);
    assert_eq!(space.packages(node), [format!("a-TAG_1.1+git1.{next}-3~SUFFIX+opb1_all.deb")]);
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    let all = [
        "1:1.0-3~deb12+opb1".to_owned(),
        format!("1:{}+opb1", nightly.replace("SUFFIX", "deb12")),
        format!("1:{}+opb2", nightly.replace("SUFFIX", "deb12")),
        "1:1.1-3~deb12+opb1".to_owned(),
        format!("1:1.1+git1.{next}-3~deb12+opb1"),
    ];
    assert!(all.windows(2).all(|pair| is_less(&pair[0], &pair[1])), "{all:?}");

    // What would go down is not published, unless somebody wants it, or its epoch is raised.
    git(&space, &["tag", "-d", "v1.1"]);
    space.opb(&["update", "a-TAG"]).exits(3).says("would go down from 1:1.1+git1.");
    space.opb(&["update", "a-TAG", "--allow-lower-versions"]).fine();
    space.opb(&["build"]).fine();
    let held = space.opb(&["repo", "publish", "c-TAG"]).exits(4);
    let low = git(&space, &["rev-parse", "HEAD"])[..7].to_owned();
    insta::assert_snapshot!(space.shown(&format!("{}{}", held.out, held.err)).replace(&low, "COMMIT"), @r###"
    nothing to publish: generation 1 of c-TAG has all of it already: 1 package, in STORE/channels/c-TAG/current
    DISTRO is held back: 1 package would go down to a lower version; its last good state stays
      a-TAG  all  1.1+git1.COMMIT-3~SUFFIX+opb1 → 1.0+git3.COMMIT-3~SUFFIX+opb1
    machines keep what they have: raise the epoch of the source, or publish with `--allow-lower-versions`
    "###);
    let changelog = std::fs::read_to_string(space.folder.join("a/debian/changelog")).expect("there");
    space.write("a/debian/changelog", &changelog.replace("(1:0.5-3)", "(2:0.5-3)"));
    commit(&space, "Raise the epoch");
    build(&space);
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    space.write("a/debian/changelog", &changelog);
    commit(&space, "Take it back");
    space.opb(&["update", "a-TAG", "--allow-lower-versions"]).fine();
    space.opb(&["build"]).fine();
    // The name of its file rises, as no epoch is in it.
    space.opb(&["repo", "publish", "c-TAG"]).exits(4).says("would go down to a lower version");
    space.opb(&["repo", "publish", "c-TAG", "--allow-lower-versions"]).fine();
}

#[test]
fn a_native_source_has_no_revision() {
    let Some(space) = space("versions-native") else { return };
    Tiny { version: "0.5", format: "3.0 (native)", ..Tiny::PLAIN }.put(&space);
    git(&space, &["init", "--quiet", "--initial-branch=main"]);
    let first = commit(&space, "Begin");
    recipe(&space, "");
    build(&space);
    let node = "build:a-TAG@DISTRO/all";
    assert_eq!(space.packages(node), [format!("a-TAG_0.0.0+git1.{first}~SUFFIX+opb1_all.deb")]);
    git(&space, &["tag", "v1.0-rc1"]);
    build(&space);
    assert_eq!(space.packages(node), ["a-TAG_1.0~~rc1~SUFFIX+opb1_all.deb"]);
    git(&space, &["tag", "v1.0"]);
    build(&space);
    assert_eq!(space.packages(node), ["a-TAG_1.0~SUFFIX+opb1_all.deb"]);
    assert_eq!(source_files(&space), ["a-TAG_1.0~SUFFIX.dsc", "a-TAG_1.0~SUFFIX.tar.xz"]);
    assert!(is_less("1.0~~rc1~deb12+opb1", "1.0~deb12+opb1"));
}

#[test]
fn user_host_and_date_of_a_commit_come_out_alike() {
    let Some(space) = space("versions-embedded") else { return };
    let fill = "printf 'const char *const date = __DATE__ \" \" __TIME__;\\n' > date.c\ngcc -c -o $d/date.o date.c\n\
                { whoami; hostname; id -un; date -u -d \"@$SOURCE_DATE_EPOCH\"; echo \"$USER $HOME $TZ\"; pwd; } > $d/x";
    Tiny { fill, packages: &[("a", "any")], ..Tiny::PLAIN }.put(&space);
    git(&space, &["init", "--quiet", "--initial-branch=main"]);
    commit(&space, "Begin");
    recipe(&space, "");
    build(&space);
    let node = "build:a-TAG@DISTRO/ARCH";
    let first = space.files(node, "packages");
    let script = "dpkg-deb --fsys-tarfile /packages/a-TAG_*.deb > /tmp/t; tar -xOf /tmp/t ./usr/share/a-TAG/x; \
                  tar -xOf /tmp/t ./usr/share/a-TAG/date.o | strings | grep 2026";
    let held = super::sources::extracted(&space, node, "packages", script);
    insta::assert_snapshot!(space.shown(&held), @r###"
    builder
    opb
    builder
    Sat Nov 21 10:00:00 UTC 2026
    builder /nonexistent UTC
    /build/tree
    Nov 21 2026 10:00:00
    "###);
    let again = space.opb(&["build", "--again", "--only", node]).fine();
    assert_eq!((again.nodes("same"), space.files(node, "packages")), (vec![&*space.own(node)], first));

    // What asks the clock itself comes out otherwise, and that is seen when it is built again.
    Tiny { fill: "date +%s%N > $d/x", packages: &[("a", "any")], ..Tiny::PLAIN }.put(&space);
    commit(&space, "Ask the clock");
    build(&space);
    let again = space.opb(&["build", "--again", "--only", node]).fine();
    assert_eq!((again.nodes("same"), again.nodes("done")), (vec![], vec![&*space.own(node)]));
}

/// Runs in a fresh base root as its root: installs `a-TAG` from the repository in `/repo`, and tells its version.
const INSTALL: &str = "rpm --import /repo/opb-c-TAG.asc
rpm --install --quiet /mini/x86_64/dnf-*.rpm 2>/dev/null
mkdir -p /etc/yum.repos.d
sed -e 's|^baseurl=.*/rpm/|baseurl=file:///repo/rpm/|' -e 's|^gpgkey=.*|gpgkey=file:///repo/opb-c-TAG.asc|' \\
    /repo/opb-c-TAG-mini-1.repo > /etc/yum.repos.d/opb.repo
dnf --assumeyes --quiet install a-TAG > /tmp/told 2>&1 || cat /tmp/told
rpm --query --queryformat '%{EPOCH}:%{VERSION}-%{RELEASE}' a-TAG";

#[test]
fn specs_get_version_and_changes() {
    let Some(mini) = mini("versions-rpm") else { return };
    let Mini { space, .. } = &mini;
    let packages = "%install\ninstall -D -m 644 NEWS %{buildroot}%{_datadir}/%{name}/NEWS\n\
                    install -m 644 version.id %{buildroot}%{_datadir}/%{name}/\n%files\n%{_datadir}/%{name}\n";
    space.write("a/rpm/a-TAG.spec", &spec("a", "Epoch: 2\nBuildArch: noarch", packages));
    git(space, &["init", "--quiet", "--initial-branch=main"]);
    commit(space, "Begin");
    git(space, &["tag", "v1.0"]);
    let last = commit(space, "Say 100% of %{lua:print(1)} %(id)\n\nFixes #8");
    let source = format!("git(\"file://{}\", #{{ folder: \"a\" }})", space.folder.display());
    let versioned = |more: &str| {
        space.recipe(
            "a",
            &format!("#{{ source: {source}, version: from_tags(\"v*\"), stamp: [\"version.id\"], {more} }}\n"),
        );
    };
    versioned("");
    space.opb(&["update", "@mini-1", "a-TAG"]).fine();
    space.opb(&["build"]).fine();
    let node = "build:a-TAG@mini-1/all";
    let names = || space.packages(node);
    assert_eq!(names(), [format!("a-TAG-1.0^1.git{last}-1.1.mr1.noarch.rpm")]);
    let format =
        "%{EPOCH}:%{VERSION}-%{RELEASE} %{BUILDTIME}\\n[%{CHANGELOGTIME:day} %{CHANGELOGNAME}: %{CHANGELOGTEXT}\\n]";
    let told = super::rpm::told(space, node, "packages", format).concat().replace(&last, "COMMIT");
    insta::assert_snapshot!(told, @r###"
    2:1.0^1.gitCOMMIT-1.1.mr1 1795255200
    Sat Nov 21 2026 opb <opb@localhost> - 1.0^1.gitCOMMIT-1.1.mr1: - Rebuilt by opb.
    Sat Nov 21 2026 opb <opb@localhost> - 2:1.0^1.gitCOMMIT-1.mr1: - Say 100% of %{lua:print(1)} %(id) (#8)
    Mon Nov 02 2026 A test <test@example.org> - 1.0-1: - First.
    "###);
    // dnf takes it as the newest, and after it the next release.
    space.opb(&["key", "init", "--name", "c-TAG", "--kind", "rsa"]).fine();
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    let (code, told) = super::rpm_published::in_base(&mini, &space.current(), INSTALL);
    assert_eq!((code, told), (Some(0), format!("2:1.0^1.git{last}-1.1.mr1")));
    // Where the distribution's rpm knows no caret.
    mini.distro(&[("caret: true", "caret: false")]);
    space.opb(&["build"]).fine();
    assert_eq!(names(), [format!("a-TAG-1.0+git1.{last}-1.1.mr1.noarch.rpm")]);
    git(space, &["tag", "v1.1"]);
    space.opb(&["update", "a-TAG"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(names(), ["a-TAG-1.1-1.1.mr1.noarch.rpm"]);
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    let (code, told) = super::rpm_published::in_base(&mini, &space.current(), INSTALL);
    assert_eq!((code, told.as_str()), (Some(0), "2:1.1-1.1.mr1"));
    // A spec beside the recipe says no version of its own either.
    let text = spec("a", "BuildArch: noarch", packages).split("%changelog").next().expect("a head").to_owned();
    space.write("recipes/a-TAG/a-TAG.spec", &text);
    versioned("build: spec(\"a-TAG.spec\")");
    space.opb(&["update", "a-TAG"]).fine();
    let next = commit(space, "Go on");
    space.opb(&["update", "a-TAG"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(names(), [format!("a-TAG-1.1+git1.{next}-1.1.mr1.noarch.rpm")]);
}
