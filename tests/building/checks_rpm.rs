//! Checks of packages of a small RPM distribution: its rpmlint, which says one thing of each, and packages that are installed,
//! erased and upgraded by its own rpm.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use crate::space::Space;
use crate::space::mini::{Mini, mini, spec};

/// The packages of a spec with one file of its own name in `/usr/share`, and with these scriptlets.
fn with_scriptlets(scriptlets: &str) -> String {
    format!(
        "%install\ninstall -D -m 644 README %{{buildroot}}%{{_datadir}}/%{{name}}/README\n{scriptlets}\n\
         %files\n%{{_datadir}}/%{{name}}\n"
    )
}

/// The component `name` with one package and these scriptlets, in this version.
fn scripted(mini: &Mini, name: &str, version: &str, recipe: &str, scriptlets: &str) {
    let spec = spec(name, "BuildArch: noarch", &with_scriptlets(scriptlets));
    mini.component(name, recipe, &spec.replace("Version: 1.0", &format!("Version: {version}")));
}

#[test]
fn rpmlint_looks_at_packages_and_known_findings_pass() {
    let Some(mini) = mini("checks-rpm") else { return };
    let Mini { space, .. } = &mini;
    mini.settings("\n[checks]\nrpmlint = [\"@mini-1\"]\n");
    scripted(&mini, "tool", "1.0", "", "");
    space.opb(&["update", "@mini-1"]).fine();
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains(&space.own("W: tool-TAG: no-documentation")), "{}", failed.err);
    space.opb(&["baseline", "--write"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(space.times("check:tool-TAG.rpmlint@mini-1/amd64"), 1);
    space.opb(&["build"]).fine().says("nothing to do: ");
}

#[test]
fn packages_are_installed_with_those_of_other_components() {
    let Some(mini) = mini("checks-rpm-own") else { return };
    let Mini { space, .. } = &mini;
    mini.settings("\n[checks]\ninstall = [\"*\"]\n");
    let packages = "%install\nmkdir -p %{buildroot}%{_bindir} %{buildroot}%{_sysconfdir}\n\
                    printf '#!/bin/sh\\necho tool 1.0\\n' > %{buildroot}%{_bindir}/%{name}\necho set > %{buildroot}%{_sysconfdir}/%{name}.conf\n\
                    %post\necho changed >> /etc/%{name}.conf\n%postun\n[ $1 -gt 0 ] || rm -f /etc/%{name}.conf.rpmsave\n\
                    %files\n%attr(755,root,root) %{_bindir}/%{name}\n%config(noreplace) %{_sysconfdir}/%{name}.conf\n";
    let own = "own: #{ script: \"test $(id -u) = 1000\\ntool-TAG | grep -x 'tool 1.0'\\ntest -e /usr/share/lib-TAG/README\\n\
               test -e /usr/share/unicode/tools.txt\", needs: [\"unicode-tools (>= 1)\"] }";
    mini.component(
        "tool",
        &format!("checks: #{{ {own} }}"),
        &spec("tool", "BuildArch: noarch\nRequires: lib-TAG", packages),
    );
    scripted(&mini, "lib", "1.0", "", "%post -p <lua>\nlocal one = 1\n");
    space.opb(&["update", "@mini-1"]).fine();
    let built = space.opb(&["build"]).fine();
    for check in ["tool-TAG.install", "tool-TAG.own", "lib-TAG.install"] {
        assert_eq!(space.times(&format!("check:{check}@mini-1/amd64")), 1, "{}", built.err);
    }
    space.opb(&["build"]).fine().says("nothing to do: ");
    // Another script is another check, and no other build.
    mini.component(
        "tool",
        "checks: #{ own: \"echo 'error: not good'; exit 3\" }",
        &spec("tool", "BuildArch: noarch\nRequires: lib-TAG", packages),
    );
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains("the check `own` failed with exit code 3\n      error: not good"), "{}", failed.err);
    assert_eq!(space.times("build:tool-TAG@mini-1/all"), 1);
}

#[test]
fn what_scriptlets_do_wrong_is_found() {
    let Some(mini) = mini("checks-rpm-install") else { return };
    let Mini { space, .. } = &mini;
    mini.settings("\n[checks]\ninstall = [\"*\"]\n");
    scripted(&mini, "tool", "1.0", "", "%post\nmkdir -p /var/lib/%{name}\nexit 1");
    scripted(&mini, "lua", "1.0", "", "%postun -p <lua>\nerror('no luck')");
    let does = "%post\necho x >> /usr/share/%{name}/README\nrm /usr/share/pki/anchors/made-up.pem";
    scripted(&mini, "bad", "1.0", "checks: #{ install: #{ needs: [\"ca-certificates\"] } }", does);
    space.opb(&["update", "@mini-1"]).fine();
    let failed = space.opb(&["build"]).exits(4);
    let shown = space.shown(&failed.err);
    for lines in [
        "the check `install` has 2 findings that are not known\n      W: tool-TAG: left-after-erase /var/lib/tool-TAG\n\
         \x20     E: tool-TAG: scriptlet-failed %post of tool-TAG: exit status 1",
        "the check `install` has a finding that is not known\n      E: lua-TAG: scriptlet-failed %postun in Lua",
        "E: bad-TAG: gone-after-erase /usr/share/pki/anchors/made-up.pem",
        "E: bad-TAG: not-whole-after-install /usr/share/bad-TAG/README (S.5......)",
        "E: bad-TAG: not-whole-after-install /usr/share/pki/anchors/made-up.pem (missing)",
    ] {
        assert!(shown.contains(lines), "{lines}: {shown}");
    }
    // What is known passes, whatever the version is.
    space.opb(&["baseline", "--write"]).fine();
    scripted(&mini, "tool", "1.1", "", "%post\nmkdir -p /var/lib/%{name}\nexit 1");
    space.opb(&["build"]).fine();
    // What rpm itself gives up for.
    scripted(&mini, "tool", "1.2", "", "%pre\necho error: no luck\nexit 1");
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains("the check `install` failed with exit code 1\n"), "{}", failed.err);
    assert!(failed.err.contains("error: no luck"), "{}", failed.err);
}

#[test]
fn packages_that_conflict_are_picked() {
    let Some(mini) = mini("checks-rpm-conflict") else { return };
    let Mini { space, .. } = &mini;
    let more = "BuildArch: noarch\n%package full\nSummary: More\nConflicts: %{name}\n%description full\nMore.\n";
    let packages = "%install\ninstall -D -m 644 README %{buildroot}%{_datadir}/%{name}/README\n\
                    install -D -m 644 README %{buildroot}%{_datadir}/%{name}-full/README\n\
                    %files\n%{_datadir}/%{name}\n%files full\n%{_datadir}/%{name}-full\n";
    let text = spec("tool", more, packages);
    mini.component("tool", "checks: #{ install: true }", &text);
    space.opb(&["update", "@mini-1"]).fine();
    let failed = space.opb(&["build"]).exits(2);
    let shown = space.shown(&failed.err);
    assert!(
        shown.contains("tool-TAG-full-1.0-1.1.mr1.noarch conflicts with tool-TAG provided by tool-TAG-1.0"),
        "{shown}"
    );
    assert!(failed.err.contains("`packages`"), "{}", failed.err);
    mini.component("tool", "checks: #{ install: #{ packages: [\"tool-TAG-full\"] } }", &text);
    space.opb(&["build"]).fine();
    assert_eq!(space.times("check:tool-TAG.install@mini-1/amd64"), 1);
}

/// The files in which what came of the project's upgrades is remembered, each with its inode: one that is written anew has another.
fn remembered(space: &Space) -> BTreeMap<String, u64> {
    let shards = std::fs::read_dir(space.store.join("upgrades")).expect("there").flatten();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.path()).expect("a folder").flatten());
    // Other projects have the store too.
    let own = files.filter(|file| std::fs::read_to_string(file.path()).is_ok_and(|text| text.contains(&space.tag)));
    own.map(|file| (file.path().display().to_string(), file.metadata().expect("there").ino())).collect()
}

#[test]
fn what_cannot_be_upgraded_to_is_held_back_and_not_tried_twice() {
    let Some(mini) = mini("checks-rpm-upgrade") else { return };
    let Mini { space, .. } = &mini;
    let settings = |upgrade| mini.settings(&format!("\n[checks]\ninstall = [\"*\"]\nupgrade = {upgrade}\n"));
    settings(true);
    space.opb(&["key", "init", "--kind", "rsa", "--name", "c-TAG"]).fine();
    let publish = |more: &[&str]| {
        space.opb(&["build", "-q"]).fine();
        space.opb(&[&["repo", "publish", "c-TAG"], more].concat())
    };
    let up = |version: &str, scriptlets: &str| scripted(&mini, "up", version, "", scriptlets);
    // A name that only the package itself tells from its version.
    scripted(&mini, "lib-2.0-x", "1.0", "", "");
    up("1.0", "");
    space.opb(&["update", "@mini-1"]).fine();
    let first = publish(&[]).fine();
    assert!(first.out.contains("published generation 1"), "{}", first.out);

    scripted(&mini, "lib-2.0-x", "1.1", "", "");
    up("1.1", "%pre\nif [ $1 -gt 1 ]; then echo error: not from there; exit 1; fi");
    let held = publish(&[]).exits(4);
    let shown = space.shown(&held.err);
    assert!(
        shown.contains(
            "mini-1 is held back: what is published cannot be upgraded to 1 component; its last good state stays"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("check:up-TAG.install@mini-1/ARCH: the upgrade of what is published failed with exit code"),
        "{shown}"
    );
    assert!(shown.contains("error: not from there") && !shown.contains("not tried again"), "{shown}");
    assert!(
        shown.contains("help: mend the scripts and relations of the new packages, or set `upgrade = false`"),
        "{shown}"
    );
    let log = space.opb(&["log", "--upgrade", "check:up-TAG.install@mini-1/amd64"]).fine();
    assert!(log.out.contains("== upgrading") && log.out.contains("error: not from there"), "{}", log.out);

    // The one that is fine and the one that is not are known now.
    let before = remembered(space);
    assert_eq!(before.len(), 2, "{before:?}");
    let again = publish(&[]).exits(4);
    let shown = space.shown(&again.err);
    assert!(shown.contains("not tried again: nothing that it reads has changed since"), "{shown}");
    assert_eq!(remembered(space), before, "nothing was tried");
    let again = publish(&["--retry-failed"]).exits(4);
    assert!(!again.err.contains("not tried again"), "{}", again.err);
    let after = remembered(space);
    assert_eq!(after.iter().filter(|(name, inode)| before[*name] == **inode).count(), 1, "only what failed");

    up("1.2", "%pre\nif [ $1 -gt 1 ]; then mkdir -p /var/lib/%{name}; fi\n%post\n[ $1 -eq 1 ]");
    let found = publish(&[]).exits(4);
    let shown = space.shown(&found.err);
    assert!(shown.contains("the upgrade of what is published has 2 findings that are not known"), "{shown}");
    assert!(shown.contains("E: up-TAG: scriptlet-failed-in-upgrade %post of up-TAG: exit status 1"), "{shown}");
    assert!(shown.contains("W: up-TAG: left-after-upgrade /var/lib/up-TAG"), "{shown}");
    assert!(shown.contains("write these lines into `up-TAG.install.baseline` beside the recipe"), "{shown}");
    let known = "E: up-TAG: scriptlet-failed-in-upgrade %post of up-TAG: exit status 1\n\
                 W: up-TAG: left-after-upgrade /var/lib/up-TAG\n";
    space.write("recipes/up-TAG/up-TAG.install.baseline", known);
    assert!(publish(&[]).fine().out.contains("published generation 2"));

    // What is published cannot be got rid of: whoever has it is told before anybody gets the next one.
    up("1.3", "%preun\n[ $1 -eq 0 ]");
    assert!(publish(&[]).fine().out.contains("published generation 3"));
    up("1.4", "");
    let stuck = publish(&[]).exits(4);
    let shown = space.shown(&stuck.err);
    assert!(shown.contains("%preun(up-TAG-1.3-1.1.mr1.noarch) scriptlet failed, exit status 1"), "{shown}");
    settings(false);
    assert!(publish(&[]).fine().out.contains("published generation 4"));
}
