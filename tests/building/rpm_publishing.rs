//! Channels of an RPM distro, from the spec to what dnf has installed.

use std::fs;

use opb::package::rpm::{About, NewFile, make};

use crate::dnf::{Machine, said};
use crate::space::mini::{Mini, mini, spec};
use crate::space::serve::serve;

/// A component whose package needs nothing, with a file that says what `X` is in the environment of the build.
fn tiny(mini: &Mini, x: &str) {
    let packages = "%install\nmkdir -p %{buildroot}%{_datadir}/%{name}\necho $X > %{buildroot}%{_datadir}/%{name}/said\n\
                    %files\n%{_datadir}/%{name}\n";
    let spec = spec("tiny", "BuildArch: noarch\nAutoReqProv: no", packages);
    mini.component("tiny", &format!("env: #{{ X: \"{x}\" }},"), &spec);
}

#[test]
fn what_is_published_is_installed_by_dnf() {
    let Some(mini) = mini("rpm-publish") else { return };
    let Mini { space, .. } = &mini;
    mini.settings(&format!("url = \"{}\"\n", serve(space.current())));
    tiny(&mini, "one");
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["key", "init", "--kind", "rsa", "--name", "c-TAG"]).fine();
    let unbuilt = space.opb(&["repo", "publish", "c-TAG"]).exits(2);
    unbuilt.says(&space.own("`repo:c-TAG@mini-1` is not built"));
    space.opb(&["build"]).fine();
    let first = space.opb(&["repo", "publish", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&first.out), @r#"published generation 1 of c-TAG: 2 packages, in STORE/channels/c-TAG/current"#);
    insta::assert_snapshot!(space.shown(&space.opb(&["repo", "publish", "c-TAG"]).fine().out), @r#"nothing to publish: generation 1 of c-TAG has all of it already: 2 packages, in STORE/channels/c-TAG/current"#);

    let machine = Machine::new();
    machine.add(&space.current().join(space.own("opb-c-TAG-mini-1.repo")));
    let output = machine.dnf(&["install", &space.own("tiny-TAG")]);
    assert!(output.status.success(), "{}", said(&output));
    let installed = machine.path("root").join(space.own("usr/share/tiny-TAG/said"));
    assert_eq!(fs::read_to_string(&installed).expect("installed"), "one\n");

    // Another build has another number in its release, and is newer.
    tiny(&mini, "two");
    space.opb(&["build"]).fine();
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    let output = machine.dnf(&["upgrade"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(fs::read_to_string(&installed).expect("installed"), "two\n");

    // What was built elsewhere, and the keys for later.
    let about = About {
        name: &space.own("acme-TAG"),
        version: "3",
        release: "1",
        summary: "theirs",
        description: "theirs",
        license: "MIT",
        packager: "A <a@b.c>",
    };
    let said = NewFile { path: "/usr/share/acme/said".to_owned(), bytes: b"theirs\n".to_vec(), is_config: false };
    fs::write(space.folder.join("acme.rpm"), make(&about, &[said], 1_700_000_000).expect("made")).expect("written");
    let file = space.folder.join("acme.rpm").display().to_string();
    space.opb(&["repo", "import", "c-TAG", &file]).fine();
    space.opb(&["build"]).fine();
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    let output = machine.dnf(&["install", &space.own("acme-TAG"), &space.own("opb-c-TAG-keyring")]);
    assert!(output.status.success(), "{}", crate::dnf::said(&output));
    assert_eq!(fs::read_to_string(machine.path("root/usr/share/acme/said")).expect("installed"), "theirs\n");
    let keys = machine.path("root/etc/pki/rpm-gpg").join(space.own("RPM-GPG-KEY-opb-c-TAG"));
    let public = space.current().join(space.own("opb-c-TAG.asc"));
    assert_eq!(fs::read(keys).expect("installed"), fs::read(public).expect("published"));
}

#[test]
fn a_key_that_the_distro_does_not_check_signs_nothing() {
    let Some(mini) = mini("rpm-kind") else { return };
    let Mini { space, .. } = &mini;
    tiny(&mini, "one");
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    space.opb(&["build"]).fine();
    let refused = space.opb(&["repo", "publish", "c-TAG"]);
    assert!(refused.code != Some(0) && !space.current().exists(), "{}", refused.out);
    let told: Vec<&str> = refused.err.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert!(told.iter().any(|line| line.contains("ed25519") && line.contains("rsa")), "{told:#?}");
}
