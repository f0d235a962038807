//! Roots of a small RPM distribution: what is in them, how they come about, and what is refused.

use crate::space::mini::{Mini, mini, spec};

/// What a shell script prints that runs in the base root.
fn in_base(mini: &Mini, script: &str) -> String {
    let ran = mini.space.in_base("root:base@mini-1/amd64", &[], script);
    mini.space.shown(&ran.fine().out)
}

#[test]
fn a_base_has_run_all_scriptlets_and_has_what_its_list_says() {
    let Some(mini) = mini("rpm-base") else { return };
    mini.distro(&[("add: []", "add: [\"ca-certificates\", \"crypto-policies\", \"docbook-style-xsl\"]")]);
    mini.space.opb(&["update", "@mini-1"]).fine();
    assert_eq!(in_base(&mini, "cat /etc/pki/tls/cert.pem /etc/crypto-policies/state"), "a certificate\nDEFAULT");
    let installed = in_base(&mini, "rpm -qa --qf '%{NAME}\\n' | sort");
    let wanted = [
        "ca-certificates",
        "crypto-policies",
        "docbook-style-xsl",
        "mini-base",
        "mini-release",
        "mini-rpm-config",
        "pkgconf-pkg-config",
        "rpm-build",
    ];
    assert_eq!(installed.lines().collect::<Vec<_>>(), wanted, "what it only recommends is not there");
    assert_eq!(
        in_base(&mini, "rpm -V mini-release mini-rpm-config && id -un 1000 && stat -c %a /tmp /var/tmp"),
        "builder\n1777\n1777"
    );
    assert_eq!(in_base(&mini, "ls -A /dev/shm /proc/1 > /dev/null && ls -A /made 2>/dev/null || true"), "");
    // With them where the distro wants that.
    mini.distro(&[("add: []", "add: [\"docbook-style-xsl\"]"), ("weak: false", "weak: true")]);
    assert_eq!(in_base(&mini, "rpm -q --qf '%{NAME}\\n' docbook-style-doc"), "docbook-style-doc");
}

#[test]
fn a_base_is_made_in_two_stages_where_the_database_is_another() {
    let Some(mini) = mini("rpm-two-stage") else { return };
    let Mini { space, .. } = &mini;
    let elsewhere = ("path: \"/var/lib/rpm\"", "path: \"/usr/lib/sysimage/rpm\"");
    let config = ("add: []", "add: [\"mini-rpm-sysimage\"]");
    mini.distro(&[("\"direct\"", "\"two-stage\""), elsewhere, config]);
    space.opb(&["update", "@mini-1"]).fine();
    let list = "ls /usr/lib/sysimage/rpm/rpmdb.sqlite && ls /var/lib/rpm 2>&1 | head -1; rpm -qa | wc -l";
    assert_eq!(
        in_base(&mini, list),
        "/usr/lib/sysimage/rpm/rpmdb.sqlite\nls: cannot access '/var/lib/rpm': No such file or directory\n6"
    );
    mini.component(
        "tool",
        "",
        &spec("tool", "%global debug_package %{nil}\nBuildRequires: autoconf-archive", "%files\n"),
    );
    space.opb(&["build", "build:tool-TAG@mini-1/amd64"]).fine();
    assert_eq!(space.packages("build:tool-TAG@mini-1/amd64"), ["tool-TAG-1.0-1.1.mr1.x86_64.rpm"]);
    // What the file says is checked: a database of the host's kind at the host's place would be read by nobody.
    mini.distro(&[elsewhere]);
    assert_eq!(
        in_base(&mini, "rpm -qa --dbpath /usr/lib/sysimage/rpm | wc -l"),
        "5",
        "the host's rpm is told where it is"
    );
    mini.distro(&[("\"direct\"", "\"two-stage\""), elsewhere]);
    let ran = space.opb(&["run", "root:base@mini-1/amd64", "--", "true"]);
    let told = "error: the distro's file says that rpm's database is /usr/lib/sysimage/rpm/rpmdb.sqlite, which the new root does not have";
    ran.exits(3).says(told).says("error: /var/lib/rpm/rpmdb.sqlite");
}

#[test]
fn a_spec_is_asked_until_it_says_nothing_new() {
    let Some(mini) = mini("rpm-asks") else { return };
    let Mini { space, .. } = &mini;
    space.opb(&["update", "@mini-1"]).fine();
    let asking = |name: &str, script: &str| {
        let packages = format!("%generate_buildrequires\n{script}\n%files\n");
        mini.component(name, "", &spec(name, "%global debug_package %{nil}", &packages));
        space.opb(&["build", &format!("build:{name}-TAG@mini-1/amd64")])
    };
    let steps = "echo autoconf-archive\nif rpm -q autoconf-archive; then echo unicode-tools; fi >&2\n\
                 rpm -q autoconf-archive >&2 && echo 'unicode-tools >= 1' || true";
    asking("steps", steps).fine();
    let list = space.text("resolve:steps-TAG@mini-1/amd64", "list");
    let beyond: Vec<&str> = list.lines().filter(|line| line.ends_with(" component")).collect();
    let names: Vec<&str> = beyond.iter().map(|line| line.split(' ').next().expect("a name")).collect();
    assert_eq!(names, ["autoconf-archive", "unicode-tools", "unicode-ucd"]);
    asking("never", "echo nowhere").exits(2).says("nothing provides nowhere needed by the build");
    asking("worse", "false").exits(4).says("error: Bad exit status from").says("(%generate_buildrequires)");
}

#[test]
fn what_is_not_signed_as_it_must_be_is_not_taken() {
    let Some(mini) = mini("rpm-signatures") else { return };
    let Mini { space, server } = &mini;
    let before = || std::fs::read_to_string(space.folder.join("opb.lock")).ok();
    // Metadata.
    let repomd = server.read("base/repodata/repomd.xml");
    let mut changed = repomd.clone();
    let place = changed.len() / 2;
    changed[place] ^= 1;
    server.serve("base/repodata/repomd.xml", Some(changed));
    let ran = space.opb(&["update", "@mini-1"]).exits(3);
    ran.says("the metadata of the repository `base` of mini-1 is not to be trusted").says("does not fit the text");
    assert_eq!(before(), None);
    server.mend();
    server.serve("base/repodata/repomd.xml", None);
    let none = "there is no repository `base` of mini-1 at its mirror: it has no `repodata/repomd.xml`";
    space.opb(&["update", "@mini-1"]).exits(3).says(none);
    server.mend();
    space.opb(&["update", "@mini-1"]).fine();
    let pinned = before();
    // A mirror that leaves out the signature, which what is pinned had.
    server.serve("base/repodata/repomd.xml.asc", None);
    let ran = space.opb(&["update", "@mini-1"]).exits(3);
    ran.says("of the repository `base` of mini-1 is not signed any more, and what `opb.lock` pins was");
    assert_eq!(before(), pinned);
    // One that has gone back, and one whose files are called otherwise, of a distribution that signs packages alone.
    let pinned = before().map(|lock| lock.replace("signed = true\n", ""));
    space.write("opb.lock", pinned.as_deref().expect("a lock"));
    let text = String::from_utf8(repomd).expect("text");
    let revision = text.split("<revision>").nth(1).and_then(|rest| rest.split('<').next()).expect("a revision");
    server.serve("base/repodata/repomd.xml", Some(text.replace(revision, "1000").into_bytes()));
    let ran = space.opb(&["update", "@mini-1"]).exits(3);
    ran.says("the repository `base` of mini-1 is older than what `opb.lock` pins: revision 1000, and ");
    server.serve("base/repodata/repomd.xml", Some(text.replace("-primary.xml", "-listing.xml").into_bytes()));
    let ran = space.opb(&["update", "@mini-1"]).exits(3);
    ran.says("of the repository `base` of mini-1 is of the kind `primary`, and its name does not say so");
    assert_eq!(before(), pinned);
    server.mend();
    // Another key.
    let other = std::fs::read_to_string(space.folder.join("distros/keyrings/RPM-GPG-KEY-mini")).expect("there");
    space.write("distros/keyrings/RPM-GPG-KEY-mini", OTHER_KEY);
    space.opb(&["update", "@mini-1"]).exits(3).says("which is none of the keys that it may be signed by");
    // Packages, also where they are in the store already.
    let ran = space.opb(&["build", "--only", "root:base@mini-1/amd64", "--again"]);
    let ran = ran.exits(3).says("the package `mini-base ").says("of mini-1 is not to be trusted");
    ran.says("which is none of the keys that it may be signed by");
    space.write("distros/keyrings/RPM-GPG-KEY-mini", &other);
    space.opb(&["build", "--only", "root:base@mini-1/amd64", "--again"]).fine();
}

/// A public key, of nobody.
const OTHER_KEY: &str = include_str!("../nobody.asc");
