//! Over HTTP: `opb cache serve`, pushes with a token, pulls, and `--offline`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use super::*;

/// A server that ends with the test.
struct Served {
    child: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(space: &Space, args: &[&str]) -> Served {
    let mut command = program();
    command.args(["cache", "serve", "--listen", "127.0.0.1:0"]).args(args).arg(space.folder.join("served"));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("says where");
    let url = line.trim().rsplit(' ').next().expect("an address").to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{line}");
    Served { child, url }
}

#[test]
fn results_go_over_http() {
    let Some(space) = space("served") else { return };
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-q"]).fine();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let token = space.folder.join("token");
    write(&token, "not for everybody\n");
    let file = token.display().to_string();
    let refused: Ran = program().args(["cache", "serve", "--accept-pushes", &file, "."]).output().expect("runs").into();
    refused.exits(2).says("others can read it");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let served = serve(&space, &["--accept-pushes", &file]);

    // Without network nothing is pushed over one, and a slip makes no folder.
    space.opb(&["cache", "push", &served.url, "--offline"]).exits(2).says("is not asked: `--offline` was given");
    space.opb(&["cache", "push", "offise"]).exits(2).says("no cache is called `offise`");
    assert!(!space.folder.join("offise").exists());
    // Without the token nothing is taken; with it, everything, and nothing twice.
    space.opb(&["cache", "push", &served.url]).exits(3).says("refuses to be written to: status 401");
    let config = std::fs::read_to_string(space.folder.join("config/opb/config.toml")).expect("there");
    let cache = format!("[[cache]]\nurl = \"{}\"\nname = \"office\"\ntoken = \"{file}\"\n", served.url);
    space.write("config/opb/config.toml", &(cache + config.as_str()));
    let pushed = space.opb(&["cache", "push", "office"]).fine();
    assert!(!pushed.out.starts_with("pushed 0 "), "{}", pushed.out);
    let again = space.opb(&["cache", "push"]).fine();
    assert!(again.out.starts_with("pushed 0 results in 0 files"), "{}", again.out);

    let other = Machine::new(&space, "other");
    other.uses(&served.url, &space);
    // Without network it is not asked, and the next run does not hold that against it.
    let offline = other.opb(&["plan", "--offline"]).fine();
    assert!(offline.out.contains("will run"), "{}", offline.out);
    other.opb(&["cache", "pull", "offise"]).exits(2).says("there are `office`");
    other.opb(&["cache", "pull", "--offline"]).exits(2).says("is not asked: `--offline` was given");
    let pulled = other.opb(&["cache", "pull", "office", "a-TAG"]).fine();
    assert!(pulled.out.starts_with("pulled ") && pulled.out.ends_with(" 0 are in no cache\n"), "{}", pulled.out);
    let again = other.opb(&["cache", "pull", "office", "a-TAG"]).fine();
    assert!(again.out.starts_with("pulled 0 results (0 bytes); "), "{}", again.out);
    let log = other.opb(&["log", "build:a-TAG"]).fine().out;
    assert!(!log.is_empty(), "the log came too");
    // Where it did not, it is fetched when it is read.
    std::fs::remove_dir_all(other.store().join("log")).expect("there");
    assert_eq!(other.opb(&["log", "build:a-TAG"]).fine().out, log);
    other.opb(&["cache", "pull", &format!("{}/nowhere", served.url), "a-TAG"]).fine();
    // Neither roots nor failed tries are pushed.
    let names = std::fs::read_dir(space.folder.join("served")).expect("reads").flatten();
    let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["logs", "objects", "opb-cache.json", "opb-cache.lock", "segments", "trees"]);
    assert_eq!(std::fs::read_dir(other.store().join("roots")).expect("there").count(), 0);
    let built = other.opb(&["build"]).fine();
    assert!(built.err.contains("0 nodes ran (0 package builds), "), "{}", built.err);
    assert!(built.nodes("fetched").contains(&space.own("repo:c-TAG@DISTRO").as_str()), "{}", built.err);
    // A root that is entered is made of what caches have, too.
    let third = Machine::new(&space, "third");
    third.uses(&served.url, &space);
    let entered = third.opb(&["run", "root:base@DISTRO", "--", "true"]).fine();
    assert!(entered.err.contains("cache   office: "), "{}", entered.err);
}

#[test]
fn only_a_cache_is_served() {
    let Some(space) = space("only") else { return };
    for file in ["opb-cache.json", "secret", "objects/ab/secret.zst", "segments/secret"] {
        write(&space.folder.join("served").join(file), "{\"format\":1,\"segments\":[]}");
    }
    let served = serve(&space, &[]);
    let ask = |method: &str, path: &str, more: &[&str]| -> String {
        let mut command = Command::new("curl");
        command.args(["--noproxy", "*", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", "-X", method]);
        let output = command.args(more).arg(format!("{}{path}", served.url)).output().expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: there is no curl");
        return;
    }
    assert_eq!(ask("GET", "/opb-cache.json", &[]), "200");
    for path in
        ["/secret", "/objects/ab/secret.zst", "/segments/secret", "/", "/objects/", "/../token", "/objects/../secret"]
    {
        assert_eq!(ask("GET", path, &[]), "404", "{path}");
    }
    let object = format!("/objects/ab/{}.zst", "c".repeat(62));
    assert_eq!(ask("GET", &object, &[]), "404");
    assert_eq!(ask("PUT", &object, &["-d", "x"]), "401", "no pushes are taken");
    assert_eq!(ask("PUT", "/opb-cache.json", &["-d", "{\"format\":1,\"segments\":[]}"]), "401");
    assert_eq!(ask("DELETE", "/opb-cache.json", &[]), "405");
    drop(served);

    let token = space.folder.join("token");
    write(&token, "yes\n");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let served = serve(&space, &["--accept-pushes", &token.display().to_string()]);
    let ask = |path: &str, more: &[&str]| -> String {
        let mut command = Command::new("curl");
        command.args(["--noproxy", "*", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT"]);
        command.args(["-H", "Authorization: Bearer yes"]).args(more);
        let output = command.arg(format!("{}{path}", served.url)).output().expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(ask(&object, &["-d", "x"]), "422", "it is not what its name says");
    assert_eq!(ask("/secret", &["-d", "x"]), "404");
    let list = ["-d", "{\"format\":1,\"segments\":[]}"];
    assert_eq!(ask("/opb-cache.json", &list), "428", "without a condition, another's list would be lost");
    assert_eq!(ask("/opb-cache.json", &[&list[..], &["-H", "If-Match: \"x\""]].concat()), "412");
    assert_eq!(ask("/opb-cache.json", &["-d", "<html>", "-H", "If-Match: \"x\""]), "422");
}
