//! rpmlint on packages of a small RPM distribution, whose rpmlint says one thing of each.

use crate::space::mini::{Mini, mini, spec};

#[test]
fn rpmlint_looks_at_packages_and_known_findings_pass() {
    let Some(mini) = mini("checks-rpm") else { return };
    let Mini { space, .. } = &mini;
    mini.settings("\n[checks]\nrpmlint = [\"@mini-1\"]\n");
    let packages =
        "%install\ninstall -D -m 644 README %{buildroot}%{_datadir}/%{name}/README\n%files\n%{_datadir}/%{name}\n";
    mini.component("tool", "", &spec("tool", "BuildArch: noarch", packages));
    space.opb(&["update", "@mini-1"]).fine();
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains(&space.own("W: tool-TAG: no-documentation")), "{}", failed.err);
    space.opb(&["baseline", "--write"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(space.times("check:tool-TAG.rpmlint@mini-1/amd64"), 1);
    space.opb(&["build"]).fine().says("nothing to do: ");
}
