//! `opb shell` up to where a sandbox would be made.

use super::*;

#[test]
fn a_shell_is_for_people_and_for_what_runs_in_a_sandbox() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["shell", "libmd"]), @r"
    exit 2
    --- stderr
    opb::shell::no_terminal

      × a shell needs a terminal, and this is none
      help: say what is to run there, as in `opb shell libmd -- sh -c 'ls'`
    ");
    insta::assert_snapshot!(space.seen(&["shell", "lib*", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::ops::several_selected

      × `lib*` means 2 nodes, and one is wanted
      help: name one of them: build:libmd@mirage-1/amd64, build:libbsd@mirage-1/amd64
    ");
    insta::assert_snapshot!(space.seen(&["shell", "source:libmd", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `source:libmd@mirage-1`
      help: open the sandbox of what reads it, such as `opb shell build:libmd`
    ");
    insta::assert_snapshot!(space.seen(&["shell", "source-package:libmd", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `source-package:libmd@mirage-1`
      help: it passes through as the distribution has it: look at it in the sandbox of its build, `opb shell build:libmd@mirage-1/ARCH`, in `/in/source`
    ");
    insta::assert_snapshot!(space.seen(&["shell", "resolve:libmd", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `resolve:libmd@mirage-1/amd64`
      help: open one of a build or a root, such as `opb shell root:libmd@mirage-1/amd64`
    ");
    insta::assert_snapshot!(space.seen(&["shell", "index:base", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `index:base@mirage-1/amd64`
      help: open the sandbox of a build, a source package, a probe or a root; `opb eval` lists them
    ");
    insta::assert_snapshot!(space.seen(&["shell", "libmd", "ls"]), @r"
    exit 2
    --- stderr
    error: unexpected argument 'ls' found

    Usage: opb shell [OPTIONS] <NODE> [-- <COMMAND>...]

    For more information, try '--help'.
    ");
    // Words of a command are its own.
    insta::assert_snapshot!(space.seen(&["shell", "nothing", "--", "--as-root", "-C", "/"]), @r"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `nothing`
      help: look at `opb eval`, which lists all nodes
    ");
}

#[test]
fn what_it_takes_is_made_first_or_named() {
    let space = Space::two();
    let seen = space.seen(&["shell", "libmd", "--offline", "--", "true"]);
    let from = seen.find("opb::shell").expect(&seen);
    insta::assert_snapshot!(format!("{}\n{}", seen.lines().next().unwrap_or_default(), &seen[from..]), @r"
    exit 3
    opb::shell::not_ready

      × `build:libmd@mirage-1/amd64` needs what could not be made: source-package:libmd@mirage-1 root:libmd@mirage-1/amd64
      help: read the errors above, and run `opb build --only source-package:libmd@mirage-1 root:libmd@mirage-1/amd64`
    ");
}
