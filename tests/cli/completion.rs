//! Completion in bash, by the function that bash calls when somebody presses the tab key.

use std::time::{Duration, Instant};

use super::*;

/// What bash takes apart into words of their own, besides spaces.
const BREAKS: &str = ":@=";

/// What bash has of a line that is being typed.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in line.split(' ') {
        let mut rest = part;
        while let Some(at) = rest.find(|c| BREAKS.contains(c)) {
            words.extend((at > 0).then(|| rest[..at].to_owned()));
            words.push(rest[at..=at].to_owned());
            rest = &rest[at + 1..];
        }
        // Behind a mark there is nothing yet, but a space begins an empty word.
        if !rest.is_empty() || part.is_empty() {
            words.push(rest.to_owned());
        }
    }
    words
}

/// What the tab key offers at the end of `line`, without options; standard error must stay empty.
fn offered(space: &Space, line: &str) -> Vec<String> {
    let script = "source <(opb completions bash); COMP_LINE=$1; COMP_POINT=${#1}; shift; COMP_WORDS=(\"$@\"); \
                  COMP_CWORD=$(($# - 1)); COMP_WORDBREAKS=$' \\t\\n\"\\'@><=;|&(:'; \
                  _opb opb \"${COMP_WORDS[COMP_CWORD]}\" \"\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let program = Path::new(env!("CARGO_BIN_EXE_opb")).parent().expect("a folder").display().to_string();
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-c", script, "bash", line]).args(words(line)).env_clear();
    let path = std::env::var("PATH").unwrap_or_default();
    bash.env("PATH", format!("{program}:{path}")).env("HOME", space.folder.path().join("home"));
    let output = bash.current_dir(space.path(".")).output().expect("bash runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "", "`{line}` says something");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|word| !word.is_empty() && !word.starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn words_of_the_project_are_offered() {
    let space = Space::two();
    assert_eq!(offered(&space, "opb bui"), ["build"]);
    assert_eq!(offered(&space, "opb build lib"), ["libbsd", "libmd"]);
    let all = offered(&space, "opb plan ");
    assert!(
        ["libbsd", "libmd", "@mirage-1", "build:", "root:"].iter().all(|word| all.iter().any(|one| one == word)),
        "{all:?}"
    );
    // bash puts in what follows the mark, so only that is offered.
    assert_eq!(offered(&space, "opb eval @"), ["mirage-1", "mirage-1/amd64"]);
    assert_eq!(offered(&space, "opb why build:lib"), ["libbsd", "libmd"]);
    assert_eq!(offered(&space, "opb log build:"), ["libbsd", "libmd"]);
    assert_eq!(offered(&space, "opb log build:libmd@mir"), ["mirage-1", "mirage-1/amd64"]);
    assert_eq!(offered(&space, "opb build libmd@mirage-1/"), ["mirage-1/amd64"]);
    assert_eq!(offered(&space, "opb update lib"), ["libbsd", "libmd"]);
    assert_eq!(offered(&space, "opb update @m"), ["mirage-1"]);
    assert_eq!(offered(&space, "opb run root:b"), ["base@mirage-1/amd64"]);
    assert_eq!(offered(&space, "opb shell s"), ["source-package:"]);
    assert_eq!(offered(&space, "opb shell root:b"), ["base"]);
    assert_eq!(offered(&space, "opb repo publish n"), ["nightly"]);
    assert_eq!(offered(&space, "opb new distro debian-1"), ["debian-11", "debian-12", "debian-13"]);
    assert_eq!(offered(&space, "opb build nothing"), [""; 0]);
}

#[test]
fn options_are_offered_too() {
    let space = Space::two();
    let mut command = space.command(&["--", "opb", "build", "--ag"]);
    command.env("OPB_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2");
    assert_eq!(space.seen_of(&mut command), "exit 0\n--- stdout\n--again\n");
}

#[test]
fn the_project_that_is_named_counts() {
    let space = Space::two();
    space.file("other/opb.toml", "");
    space.file("other/recipes/elsewhere.rhai", "#{ source: dsc(\"elsewhere\") }\n");
    space.file("other/distros/mirage-1.rhai", MIRAGE);
    assert_eq!(offered(&space, "opb -C other build e"), ["elsewhere"]);
    assert_eq!(offered(&space, "opb build -C nowhere l"), [""; 0]);
}

#[test]
fn a_broken_project_is_no_reason_to_say_so() {
    let space = Space::two();
    space.file("recipes/libbsd.rhai", "#{ source: ");
    space.file("recipes/folder/recipe.rhai", "");
    assert_eq!(offered(&space, "opb build lib"), ["libbsd", "libmd"]);
    assert_eq!(offered(&space, "opb build f"), ["folder"]);
    assert_eq!(offered(&space, "opb build @"), ["mirage-1"]);
    space.file("opb.toml", "wrong = ");
    assert_eq!(offered(&space, "opb build lib"), ["libbsd", "libmd"]);
}

#[test]
fn nobody_waits_for_a_project_that_takes_its_time() {
    let space = Space::two();
    // Whoever opens this waits for somebody who writes.
    space.file("recipes/slow.rhai", "#{ source: path(\"slow\") }\n");
    fs::create_dir_all(space.path("slow/debian")).expect("made");
    nix::unistd::mkfifo(&space.path("slow/debian/control"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    let begun = Instant::now();
    assert_eq!(offered(&space, "opb build s"), ["slow", "source-package:", "source:"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn scripts_for_other_shells() {
    let space = Space::bare();
    for shell in ["zsh", "fish"] {
        let script = space.stdout(&["completions", shell]);
        assert!(script.contains("OPB_COMPLETE") && script.contains("opb"), "{shell}: {script}");
    }
    insta::assert_snapshot!(space.seen(&["completions", "tcsh"]), @r###"
    exit 2
    --- stderr
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, zsh, fish]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    "###);
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["completions", "--help"]), @r###"
    exit 0
    --- stdout
    Print what makes a shell complete arguments: verbs, options, and components, targets and nodes of
    the project.

    Let the shell read it when it starts, as in `source <(opb completions bash)`.

    Usage: opb completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>
              The shell

              [possible values: bash, zsh, fish]

    Options:
    "###);
}
