//! Help of the program and of each verb.

use super::*;

pub(super) fn help(args: &[&str]) -> String {
    Space::bare().seen(args)
}

#[test]
#[expect(clippy::too_many_lines, reason = "the whole help, as people see it")]
fn the_program() {
    insta::assert_snapshot!(help(&["--help"]), @"
    exit 0
    --- stdout
    Builds packages for many distributions from one set of recipes, incrementally, into signed
    repositories

    Usage: opb [OPTIONS] <COMMAND>

    Commands:
      init            Begin a project: in an empty folder, or in a source that has a `debian/` or a spec
      new             Make a recipe or a distro's file. Nothing that is there is changed
      import          Make recipes for many sources at once: folders with a `debian/` or a spec, or
                      source packages of a distro
      eval            Show the graph: every step from sources to repositories, evaluated without network
                      and without the store
      query           Ask the graph: what needs what, along which way, and how deep it is. Like `eval`,
                      without network and store
      check           Check all recipes, distro files, opb.toml, opb.lock and opb.exceptions.toml: every
                      mistake and every lint in one run, at its place
      plan            Show what `opb build` would run, and why
      build           Run what is dirty: fetch, make chroots, build packages, assemble repositories
      nightly         Do what is done every night: move pins, build what follows, publish what is whole,
                      prune, and report
      baseline        Show what checks found that is not known yet, and what is known and gone
      fetch           Fetch what a build would read from the network, and build nothing
      log             Show the newest log of a node: of the failed attempt, if it failed since it was
                      last realised
      verify          Build again what is built, and show where it comes out otherwise
      why             Tell why a node ran last, and why it would run now; without a node, where all that
                      would run begins
      runs            List the runs on record, the last first, or show one of them: why nodes ran, and
                      what they came to
      timings         Show who ran when in a run on record, what each node waited for, and the critical
                      path
      report          Report on what is on record: what the store saved in runs and why nodes ran
                      nevertheless, and what nightlies came to
      diff            Show what differs between two states of the project, or between two runs: root
                      changes first, then what follows
      doctor          Say what this host can and cannot do for builds, and how to mend it: kernel, user
                      namespaces, cgroups, disk, tools
      update          Move pins: each distro's package index, each distribution source, commit of a
                      repository and archive, recorded in `opb.lock`, or in the lock of --channel
      hold            Leave pins where they are until a day: `opb update` passes over them and says so
      skip            Do without builds until a day: they are not tried, and repositories are assembled
                      without them
      expect-failure  Take the failure of builds for none until a day: they are tried, and repositories
                      are assembled without those that fail
      exceptions      List what is held, skipped or expected to fail: what it means now, why, and for
                      how long. Or take it back
      cache           Share results between machines: push them to a cache, pull them from one, serve
                      one, say whose results count
      key             Make and show signing keys. They lie outside of project and store, readable by
                      their owner alone
      repo            Publish channels: signed repositories, of which each state is a generation that
                      never changes
      hotfix          Change one component of what a channel has published: build it and what depends on
                      it, with the pins of that generation else, and publish that alone
      stage           Prepare a transition in a lock and a channel of its own: begin a stage, or show
                      how far it is
      store           Look into the store, keep results, collect what nobody needs, find and mend damage
      run             Run a command in a disposable copy of a root: no network, nothing stays
      shell           Open a shell in the sandbox of a build, source package, probe or root, also of one
                      that failed, with its tree as it stood
      definitions     Write down for editors what recipes can say: functions and fields, with docs and
                      examples
      completions     Print what makes a shell complete arguments: verbs, options, and components,
                      targets and nodes of the project
      help            Print this message or the help of the given subcommand(s)

    Options:
      -C <DIR>
              Work in the project that DIR lies in

              [default: .]

          --channel <NAME>
              Work with the lock that channel NAME is made from [default: opb.lock, the project's own]

      -j, --jobs <N>
              Run at most N nodes at once [default: the number of cores]

      -k, --keep-going
              Keep going when something fails (the default; see --fail-fast)

          --fail-fast
              Start nothing new once something has failed

          --offline
              Use no network: only what the store has

          --store <DIR>
              The store's folder [default: $OPB_STORE, else `store/` of the project]

      -q, --quiet
              Say less: failures and results only

      -v, --verbose
              Say more: what starts, and what it is at

          --color <WHEN>
              Use colours. NO_COLOR in the environment means `never`

              Possible values:
              - auto:   On a terminal
              - always: Always
              - never:  Never

              [default: auto]

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Exit codes: 0 done, 1 a bug in opb, 2 wrong input, 3 the environment (network, disk, a missing
    tool), 4 a build failed, 130 stopped.
    ");
    assert_eq!(help(&["help"]), help(&["--help"]));
    assert_eq!(help(&["--version"]), format!("exit 0\n--- stdout\nopb {}\n", env!("CARGO_PKG_VERSION")));
}

/// The help of a verb less the options that all have.
pub(super) fn verb(args: &[&str]) -> String {
    let common = [
        "-C <",
        "--channel <",
        "-j, ",
        "-k, ",
        "--fail-fast",
        "--offline",
        "--store",
        "-q, ",
        "-v, ",
        "--color",
        "-h, ",
        "-V, ",
    ];
    let mut kept = Vec::new();
    let mut skipping = false;
    for line in help(args).lines() {
        let text = line.trim_start();
        if text.starts_with('-') && line.len() - text.len() <= 6 {
            skipping = common.iter().any(|start| text.starts_with(start));
        } else if !line.starts_with(' ') && !line.is_empty() {
            skipping = false;
        }
        if !skipping {
            kept.push(line.to_owned());
        }
    }
    kept.join("\n")
}

#[test]
fn each_verb() {
    insta::assert_snapshot!(verb(&["eval", "--help"]), @r"
    exit 0
    --- stdout
    Show the graph: every step from sources to repositories, evaluated without network and without the
    store

    Usage: opb eval [OPTIONS] [SELECTOR]...

    Arguments:
      [SELECTOR]...
              Show only these nodes, such as `libbsd`, `@debian-12/amd64`, `build:lib*@debian-12/*`

    Options:
          --format <FORMAT>
              How to show it. JSON is versioned; docs/schema has its schemas

              Possible values:
              - tree:  What reads what, for people
              - table: A line a node, for people
              - json:  One JSON object
              - jsonl: One JSON object a node, written as it is found
              - dot:   For Graphviz
              - svg:   A picture

              [default: tree]

          --state
              Look into the store and add each node's state: clean, runs, depends

          --kind <KIND>
              Show only nodes of these kinds, such as `build,root`

              [possible values: source, index, resolve, root, probe, source-package, build, check, repo]

          --only <STATE>
              Show only nodes in these states. Means `--state` too

              Possible values:
              - clean:   Realised
              - runs:    Will run
              - depends: Depends on what comes out of others
              - skipped: Does not run, as an exception says

          --changed-since <REVISION>
              Show only nodes whose derivation differs from what it was at a revision of the project's
              git repository

          --detail <DETAIL>
              What a picture (`svg`) shows [default: nodes, or components where there are more than 300
              nodes]

              Possible values:
              - nodes:      Every node
              - components: A box for each component, over all its targets
    ");
    insta::assert_snapshot!(verb(&["build", "--help"]), @r"
    exit 0
    --- stdout
    Run what is dirty: fetch, make chroots, build packages, assemble repositories.

    Without selectors everything is built and every repository assembled. With them, the selected nodes
    are, what they need, and what depends on them.

    Usage: opb build [OPTIONS] [SELECTOR]...

    Arguments:
      [SELECTOR]...
              What to build; everything if left out

    Options:
          --again
              Run what was selected although it is realised

          --only
              Leave out what depends on the selected nodes

          --retry-failed
              Try again what failed before although nothing that it follows from has changed since

          --format <FORMAT>
              How to tell what happens. JSON is versioned and has a schema

              Possible values:
              - text:  For people, on the standard error
              - jsonl: A JSON object for each event, on the standard output, while the run goes on

              [default: text]

          --cores <N>
              Let each node use N cores [default: all of them]

          --fetches <N>
              Fetch at most N things at once, beside the nodes of --jobs [default: 4]

          --keep-last-good
              Assemble repositories with the last good packages of what fails, as `opb nightly` does

          --dry-run
              Run nothing: show what would run and why, how long it would take, and how much of the disk
    ");
    insta::assert_snapshot!(verb(&["log", "--help"]), @r###"
    exit 0
    --- stdout
    Show the newest log of a node: of the failed attempt, if it failed since it was last realised

    Usage: opb log [OPTIONS] <NODE>

    Arguments:
      <NODE>
              The node, such as `libbsd`, which means its build where it has one

    Options:
      -f, --follow
              Show the log of a node that runs, and what comes to it until it ends; the exit code says
              how. Where it does not run, that is said, and its newest log shown

          --raw
              Leave control characters as they are. They are made harmless otherwise

          --times
              Put before each line when it came, in seconds since the node's script began

          --upgrade
              Show the log of the upgrade that a check `install` was last tried with when its channel
              was published
    "###);
    insta::assert_snapshot!(verb(&["update", "--help"]), @r#"
    exit 0
    --- stdout
    Move pins: each distro's package index, each distribution source, commit of a repository and
    archive, recorded in `opb.lock`, or in the lock of --channel.

    The first time, the release of the machine itself is pinned; name others as `@debian-13`, or
    `@debian-13/arm64`. What `opb hold` holds stays where it is.

    Usage: opb update [OPTIONS] [WHAT]...

    Arguments:
      [WHAT]...
              Components, or distros as `@debian-12`; everything that is pinned if left out

    Options:
          --dry-run
              Show what would move and what that would run, and leave the lock as it is

          --allow-moved-tags
              Take tags that mean other commits than they did when they were pinned

          --allow-lower-versions
              Take sources whose versions come from tags although these are lower than what is pinned

          --allow-changed-archives
              Take archives that are other files than they were when they were pinned
    "#);
    insta::assert_snapshot!(verb(&["run", "--help"]), @r###"
    exit 0
    --- stdout
    Run a command in a disposable copy of a root: no network, nothing stays

    Usage: opb run [OPTIONS] <ROOT> -- <COMMAND>...

    Arguments:
      <ROOT>
              The root, such as `root:base@debian-12/amd64`

      <COMMAND>...
              The command and its arguments

    Options:
          --as-root
              As root of the copy, as dpkg wants it, instead of as the user `builder`

          --bind <HOST:GUEST>
              Show a file or folder of this machine inside, read-only
    "###);
    insta::assert_snapshot!(verb(&["shell", "--help"]), @r###"
    exit 0
    --- stdout
    Open a shell in the sandbox of a build, source package, probe or root, also of one that failed, with
    its tree as it stood.

    All is as for its script: the chroot, the sources, the environment, the user, no network. Where
    nothing has failed, it is where the script would begin, and what that reads is made first. What is
    done there goes nowhere.

    Usage: opb shell [OPTIONS] <NODE> [-- <COMMAND>...]

    Arguments:
      <NODE>
              The node, such as `libbsd`, which means its build where it has one

      [COMMAND]...
              Run this instead of a shell; its exit code is passed on. It needs no terminal, and reads
              the input of `opb`

    Options:
          --fresh
              Begin as the script would, also where the tree of a failed run is there

          --as-root
              As root of the sandbox, as dpkg wants it, instead of as the user `builder`
    "###);
}

#[test]
fn every_verb_of_the_manual_is_one_of_the_program_and_the_other_way_round() {
    let manual = include_str!("../../docs/manual.md");
    let help = help(&["--help"]);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let expected = "init new import eval query check plan build nightly baseline fetch log verify why runs timings report diff doctor update hold skip expect-failure exceptions cache key repo hotfix stage store run shell definitions completions";
    assert_eq!(verbs.join(" "), expected);
    for verb in verbs {
        assert!(manual.contains(&format!("`opb {verb} ")), "the manual does not know `opb {verb}`");
    }
}
