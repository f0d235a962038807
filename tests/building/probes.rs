//! Probes: what a base root says becomes part of a build, and what is no value becomes none.

use super::sources::extracted;
use crate::space::sources::Tiny;
use crate::space::{Space, space};

/// a has in its package what `X` is, which is Rhai; c needs nobody.
fn asks(space: &Space, x: &str) {
    Tiny::PLAIN.with_recipe(space, &format!("env: #{{ X: {x} }}"));
    Tiny { name: "c", ..Tiny::PLAIN }.with_recipe(space, "");
}

/// What the package of `a` holds.
fn held(space: &Space) -> String {
    let script = "dpkg-deb --fsys-tarfile /packages/*.deb | tar -xO ./usr/share/a-TAG/x";
    extracted(space, "build:a-TAG@DISTRO/all", "packages", script)
}

/// The only probe of the project.
fn probe(space: &Space) -> String {
    let lines = space.opb(&["eval", "--kind", "probe", "--format", "jsonl"]).fine().out;
    let node: serde_json::Value = serde_json::from_str(lines.trim()).expect("one line");
    node["name"].as_str().expect("a name").to_owned()
}

#[test]
fn what_a_probe_says_is_in_the_build() {
    let Some(space) = space("probe") else { return };
    asks(&space, r##""<" + probe("dpkg --print-architecture; : TAG") + "> %{probe 1}""##);
    let first = space.opb(&["build", "-j1"]).fine();
    assert!(first.nodes("done").iter().any(|node| node.starts_with("probe:dpkg-print-architecture-")), "{}", first.err);
    assert_eq!(held(&space), format!("<{}> %{{probe 1}}\n", space.shared.arch));

    // Another command that says the same: it runs, and nothing that uses it.
    let before = space.times("build:a-TAG@DISTRO/all");
    asks(&space, r##""<" + probe("echo $(dpkg --print-architecture); : TAG") + "> %{probe 1}""##);
    let same = space.opb(&["build"]).fine();
    assert_eq!(same.nodes("done").len() + same.nodes("same").len(), 1, "{}", same.err);
    assert!(same.err.contains("1 node ran (0 package builds), "), "{}", same.err);
    assert_eq!(space.times("build:a-TAG@DISTRO/all"), before);

    // One that says another thing.
    asks(&space, r##""<" + probe("echo other; : TAG") + "> %{probe 1}""##);
    space.opb(&["build"]).fine();
    assert_eq!(held(&space), "<other> %{probe 1}\n");
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb2_all.deb"]);
    let why = space.shown(&space.opb(&["why", "a-TAG"]).fine().out);
    assert!(why.contains("because probe 1 changed"), "{why}");
}

#[test]
fn a_failing_probe_takes_only_its_dependants_with_it() {
    let Some(space) = space("probe-fails") else { return };
    asks(&space, r#"probe("echo 'error: nothing of TAG here' >&2; exit 7")"#);
    let failed = space.opb(&["build", "-j1"]).exits(4);
    let from = failed.err.find("error   probe:").expect("says what failed");
    let part = |(at, line): &(usize, &str)| *at == 0 || line.starts_with(' ');
    let told: Vec<&str> = failed.err[from..].lines().enumerate().take_while(part).map(|(_, line)| line).collect();
    let told = space.shown(&told[1..].join("\n"));
    let (told, help) = told.split_once("\n  help: ").expect("says what to do");
    insta::assert_snapshot!(told, @"
      the probe `echo 'error: nothing of TAG here' >&2; exit 7` failed with exit code 7
          error: nothing of TAG here
    ");
    let node = probe(&space);
    let expected = format!(
        "read the whole log with `opb log {node}`, or look around with `opb shell {node}`\n  not run because of it: 2 nodes (1 package build)"
    );
    assert_eq!(help, space.shown(&expected));
    let last = failed.err.lines().nth_back(1).expect("two last lines");
    assert!(last.contains("1 failed") && last.contains("not run"), "{last}");
    assert_eq!([space.times("build:a-TAG@DISTRO/all"), space.times("build:c-TAG@DISTRO/all")], [0, 1]);
    assert!(space.opb(&["log", &node]).fine().out.contains("error: nothing of"));
}

#[test]
fn hostile_probes_are_bounded_refused_or_harmless() {
    let Some(space) = space("probe-hostile") else { return };
    // Each with what is said about it; of those that are fine, what comes out.
    let refused = [
        ("true # TAG", "said nothing"),
        ("echo one; echo two TAG", "said more than one line"),
        ("printf 'TAG\\033[31mred'", "said a control character, `\\u{1b}`"),
        ("printf 'TAG\\0'", "said a control character, `\\u{0}`"),
        ("printf 'TAG\\377'", "said something that is no UTF-8"),
        ("head -c 5000 /dev/zero | tr '\\0' x; : TAG", "said more than 4096 bytes"),
        (": TAG; head -c 1000000000 /dev/zero", "failed with exit code"),
        ("rm -rf /out/value; ln -s /etc /out/value; echo TAG", "has left no plain file with what it said"),
        (
            "rm /out/value/value; ln -s /etc/passwd /out/value/value; echo TAG",
            "has left no plain file with what it said",
        ),
        ("rm /out/value/value; mkfifo /out/value/value; echo TAG", "has left no plain file with what it said"),
        ("kill -9 $$; echo TAG", "was ended by signal 9"),
        ("head -c 3000000 /dev/zero >&2; echo TAG", "wrote more than 1 MiB of log and was ended"),
        (
            "perl -e 'use IO::Socket::INET; IO::Socket::INET->new(PeerAddr => q(192.0.2.1:80)) or die qq(error: $!)'; : TAG",
            "Network is unreachable",
        ),
    ];
    for (command, said) in refused {
        asks(&space, &format!("probe({})", serde_json::to_string(command).expect("a string")));
        let failed = space.opb(&["build", "--only", &probe(&space)]);
        assert!(failed.code == Some(4) && failed.err.contains(said), "`{command}`: {:?}\n{}", failed.code, failed.err);
        assert!(!failed.err.contains('\u{1b}'), "{}", failed.err);
    }
    let fine = [
        ("(sleep 3000; echo late) & echo -n 'TAG $(id) `id` %{probe 1}'", "TAG $(id) `id` %{probe 1}"),
        ("echo more > /out/value/more; touch /usr/mine 2>/dev/null || echo TAG", "TAG"),
        ("read line; echo \"TAG:$line:$(id -u):${SECRET_OF_HOST-none}\"", "TAG::1000:none"),
    ];
    for (command, said) in fine {
        asks(&space, &format!("probe({})", serde_json::to_string(command).expect("a string")));
        let mut command = space.command(&["build", "-q"]);
        let ran: crate::space::Ran = command.env("SECRET_OF_HOST", "yes").output().expect("runs").into();
        ran.fine();
        assert_eq!(held(&space), space.own(&format!("{said}\n")));
    }
}
