//! Wrong arguments, colours, closed pipes.

use super::help::help;
use super::*;

#[test]
fn wrong_arguments_exit_with_2() {
    insta::assert_snapshot!(help(&["evil"]), @r###"
    exit 2
    --- stderr
    error: unrecognized subcommand 'evil'

      tip: a similar subcommand exists: 'eval'

    Usage: opb [OPTIONS] <COMMAND>

    For more information, try '--help'.
    "###);
    // The list is held by the test of the whole help.
    let commands = |text: &str| {
        let list = text.split_once("Commands:\n").and_then(|(_, rest)| rest.split_once("\n\n"));
        list.expect("a list of commands").0.to_owned()
    };
    let shown = help(&[]);
    assert_eq!(commands(&shown), commands(&help(&["--help"])));
    insta::assert_snapshot!(shown.replace(&commands(&shown), "[COMMANDS]"), @"
    exit 2
    --- stderr
    Builds packages for many distributions from one set of recipes, incrementally, into signed
    repositories

    Usage: opb [OPTIONS] <COMMAND>

    Commands:
    [COMMANDS]

    Options:
      -C <DIR>              Work in the project that DIR lies in [default: .]
          --channel <NAME>  Work with the lock that channel NAME is made from [default: opb.lock, the
                            project's own]
      -j, --jobs <N>        Run at most N nodes at once [default: the number of cores]
      -k, --keep-going      Keep going when something fails (the default; see --fail-fast)
          --fail-fast       Start nothing new once something has failed
          --offline         Use no network: only what the store has
          --store <DIR>     The store's folder [default: $OPB_STORE, else `store/` of the project]
      -q, --quiet           Say less: failures and results only
      -v, --verbose         Say more: what starts, and what it is at
          --color <WHEN>    Use colours. NO_COLOR in the environment means `never` [default: auto]
                            [possible values: auto, always, never]
      -h, --help            Print help (see more with '--help')
      -V, --version         Print version

    Exit codes: 0 done, 1 a bug in opb, 2 wrong input, 3 the environment (network, disk, a missing
    tool), 4 a build failed, 130 stopped.
    ");
    insta::assert_snapshot!(help(&["eval", "--format", "xml"]), @r###"
    exit 2
    --- stderr
    error: invalid value 'xml' for '--format <FORMAT>'
      [possible values: tree, table, json, jsonl, dot, svg]

    For more information, try '--help'.
    "###);
    insta::assert_snapshot!(help(&["eval", "-q", "-v"]), @r###"
    exit 2
    --- stderr
    error: the argument '--quiet' cannot be used with '--verbose'

    Usage: opb eval --quiet [SELECTOR]...

    For more information, try '--help'.
    "###);
    insta::assert_snapshot!(help(&["plan", "-j", "0"]), @r###"
    exit 2
    --- stderr
    error: invalid value '0' for '--jobs <N>': 0 is not in 1..=1024

    For more information, try '--help'.
    "###);
    insta::assert_snapshot!(help(&["log"]), @r###"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      <NODE>

    Usage: opb log <NODE>

    For more information, try '--help'.
    "###);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let space = Space::two();
    let raw = |args: &[&str], no_color: &str| {
        let output = space.command(args).env("NO_COLOR", no_color).output().expect("runs");
        String::from_utf8(output.stderr).expect("text").contains('\u{1b}')
    };
    assert!(!raw(&["eval", "nothing"], ""), "a pipe is no terminal");
    assert!(raw(&["eval", "nothing", "--color", "always"], ""));
    assert!(!raw(&["eval", "nothing", "--color", "never"], ""));
    assert!(!raw(&["eval", "nothing", "--color", "auto"], "1"));
    assert!(raw(&["eval", "nothing", "--color", "always"], "1"), "the argument is nearer than the environment");
}

#[test]
fn what_files_hold_harms_no_terminal() {
    let space = Space::two();
    space.file("opb.lock", "version = 1\n\"\u{1b}]0;evil\u{7}\u{1b}[2J\" = \u{1b}[31m\n");
    let raw = |color: &str| {
        let output = space.command(&["eval", "--color", color]).output().expect("runs");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(!raw("never").chars().any(|c| c.is_control() && c != '\n'), "{:?}", raw("never"));
    let colored = raw("always");
    assert!(colored.contains("\u{1b}["), "no colours: {colored:?}");
    assert!(
        !colored.contains("\u{1b}]") && !colored.contains("\u{1b}[2J") && !colored.contains('\u{7}'),
        "{colored:?}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    use std::io::Read as _;
    let space = Space::two();
    let mut child = space.command(&["eval", "--format", "json"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("read");
    child.wait().expect("ends");
    assert_eq!(said, "");
}
