//! `opb doctor`. What it finds is this machine's: what is asserted holds on every one.

use super::schema::conforms;
use super::*;

/// Its answer as JSON, and its exit code.
fn asked(command: &mut Command) -> (serde_json::Value, i32) {
    let output = command.output().expect("starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    (value, output.status.code().expect("exits"))
}

/// The check of a name.
fn check<'a>(answer: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let checks = answer["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no `{name}`: {answer:#}"))
}

#[test]
fn every_check_is_told_and_the_exit_code_is_the_upshot() {
    // Neither a project nor a store is needed.
    let space = Space::bare();
    let before = fs::read_dir(space.path(".")).expect("there").count();
    let (answer, code) = asked(&mut space.command(&["doctor", "--format", "json"]));
    conforms("doctor", &answer);
    assert_eq!(code, if answer["ready"] == true { 0 } else { 3 }, "{answer:#}");
    let names = [
        "kernel",
        "namespaces",
        "ids",
        "seccomp",
        "landlock",
        "memory-limit",
        "process-limit",
        "cpu-weight",
        "memory",
        "disk",
        "sandbox",
        "emulation",
        "apt",
        "dnf",
        "keyrings",
        "verifier",
        "clock",
    ];
    let text = space.command(&["doctor"]).output().expect("starts");
    let text = String::from_utf8_lossy(&text.stdout);
    for name in names {
        let check = check(&answer, name);
        assert_eq!(check["state"] == "ok", check["help"].is_null(), "what is not well has a help: {check}");
        let state = check["state"].as_str().expect("a word");
        let is_told = |line: &str| line.split_whitespace().take(2).eq([state, name]);
        assert!(text.lines().any(is_told), "`{name}` is {state}: {text}");
    }
    assert_eq!(text.contains("\nbuilds can run here"), answer["ready"] == true, "{text}");
    assert_eq!(fs::read_dir(space.path(".")).expect("there").count(), before, "nothing is left behind");
}

#[test]
fn an_ordinary_user_without_ranges_is_told_to_get_some() {
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/bin/setpriv").is_file() {
        println!("skipped: only root can be somebody else, with setpriv");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("set");
    let program = folder.path().join("opb");
    fs::copy(env!("CARGO_BIN_EXE_opb"), &program).expect("copied");
    let user = |args: &[&str]| {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid=23999", "--regid=23999", "--clear-groups", "--inh-caps=-all"]).arg(&program);
        command.arg("-C").arg(folder.path()).args(args).env_clear().env("PATH", "/usr/bin:/bin");
        command
    };
    let (answer, code) = asked(&mut user(&["doctor", "--format", "json"]));
    conforms("doctor", &answer);
    assert_eq!((code, &answer["ready"]), (3, &false.into()), "{answer:#}");
    let ids = check(&answer, "ids");
    assert_eq!(ids["state"], "missing");
    let help = ids["help"].as_str().expect("a help");
    assert!(help.contains("usermod --add-subuids") || help.contains("`uidmap`"), "{help}");
    assert_eq!(check(&answer, "sandbox")["help"], "mend `ids` first");
    // A disk that is not this user's.
    let (answer, code) = asked(&mut user(&["--store", "/usr/opb-store", "doctor", "--format", "json"]));
    assert_eq!((code, &check(&answer, "disk")["state"]), (3, &"missing".into()), "{answer:#}");
    let help = check(&answer, "disk")["help"].as_str().expect("a help");
    assert_eq!(help, "make `/usr` yours, or choose another store with `--store`");
}

#[test]
fn programs_are_looked_for_that_recipes_need() {
    let space = Space::pinned();
    let names = |space: &Space| -> Vec<String> {
        let (answer, _) = asked(&mut space.command(&["doctor", "--format", "json"]));
        let checks = answer["checks"].as_array().expect("a list");
        let names = checks.iter().map(|check| check["name"].as_str().expect("a word").to_owned());
        names.filter(|name| ["git", "hg"].contains(&name.as_str())).collect()
    };
    assert_eq!(names(&space), [""; 0]);
    space.file("recipes/a.rhai", "#{ source: git(\"https://example.org/a\") }\n");
    assert_eq!(names(&space), ["git"]);
    space.file("recipes/b.rhai", "#{ source: hg(\"https://example.org/b\") }\n");
    assert_eq!(names(&space), ["git", "hg"]);
    space.file("recipes/b.rhai", "not a recipe");
    assert_eq!(names(&space), [""; 0], "what is not sound, `opb check` tells");
}
