//! Archives of upstream as sources: their pins, what is fetched for them, and what is refused. All are on this machine.

use super::*;
use crate::dated::serve_dated;
use crate::serve::serve;

const CONTROL: &str = "Source: tool\nMaintainer: A <a@example.org>\nBuild-Depends: debhelper-compat (= 13)\n\
                       Rules-Requires-Root: no\n\nPackage: tool\nArchitecture: all\nDescription: x\n";

/// A project with a recipe for an archive beside it.
struct Upstream {
    space: Space,
    /// The address of the folder that holds it.
    base: String,
}

impl Upstream {
    fn new(options: &str) -> Self {
        let space = Space::pinned();
        let base = format!("file://{}/files", space.folder.path().display());
        let upstream = Self { space, base };
        upstream.space.file("../files/note", "");
        upstream.pack("tool-1.0.tar.gz", "1");
        upstream.recipe(&format!("{}/tool-1.0.tar.gz", upstream.base), options);
        upstream
    }

    fn recipe(&self, url: &str, options: &str) {
        self.space.file("recipes/tool.rhai", &format!("#{{ source: archive(\"{url}\", #{{ {options} }}) }}\n"));
    }

    /// Makes the archive, which has a file of that text beside its packaging.
    fn pack(&self, name: &str, text: &str) {
        self.space.source("../tool-1.0", CONTROL);
        self.space.file("../tool-1.0/README", text);
        let mut command = Command::new("tar");
        command.args([
            "--auto-compress",
            "--sort=name",
            "--mtime=@1795255200",
            "--owner=0",
            "--group=0",
            "--mode=u+rw,go=r,a+X",
        ]);
        command.arg("--create").arg("--file").arg(self.space.path(&format!("../files/{name}"))).arg("tool-1.0");
        let output = command.current_dir(self.space.folder.path().join("project/..")).output().expect("tar");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What a run shows; digests of what gzip made differ between its versions.
    fn seen(&self, args: &[&str]) -> String {
        let mut words = Vec::new();
        let is_digest = |word: &str| {
            let word = word.trim_end_matches('…');
            [12, 64].contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        for line in self.space.seen(args).lines() {
            let line: Vec<&str> = line.split(' ').map(|word| if is_digest(word) { "DIGEST" } else { word }).collect();
            words.push(line.join(" "));
        }
        words.join("\n") + "\n"
    }

    fn lock(&self) -> Lock {
        toml::from_str(&fs::read_to_string(self.space.path("opb.lock")).expect("there")).expect("a lock")
    }

    fn lose_store(&self) {
        let _ = fs::remove_dir_all(self.space.path("store"));
    }

    /// What `opb build` says of the source alone.
    fn fetched(&self, more: &[&str]) -> String {
        let seen = self.seen(&[&["build", "--again", "--only", "source:tool"], more].concat());
        let has_times =
            |line: &&str| line.starts_with("done ") || line.starts_with("failed ") || line.contains(" ran (");
        seen.lines().filter(|line| !has_times(line)).map(|line| format!("{line}\n")).collect()
    }
}

fn id(space: &Space) -> String {
    space.json(&["eval", "--format", "json", "source:tool"])["nodes"][0]["id"].to_string()
}

#[test]
fn an_archive_is_pinned_and_another_one_is_refused() {
    let upstream = Upstream::new("");
    insta::assert_snapshot!(upstream.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `archive("file://[HERE]/files/tool-1.0.tar.gz")` is not pinned
       ╭─[recipes/tool.rhai:1:4]
     1 │ #{ source: archive("file://[HERE]/files/tool-1.0.tar.gz", #{  }) }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: run `opb update tool`, which looks at it and writes `opb.lock`
    "###);
    insta::assert_snapshot!(upstream.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    pinned  archive("file://[HERE]/files/tool-1.0.tar.gz")  DIGEST
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 2 are clean (`opb plan` shows them)
    --- stderr
    note: nobody vouches for `archive("file://[HERE]/files/tool-1.0.tar.gz")`: its SHA-256 [DIGEST] is the one that was seen just now
    "###);
    let lock = upstream.lock();
    let (_, pin) = lock.archive.first_key_value().expect("pinned");
    assert_eq!(pin.texts.keys().collect::<Vec<_>>(), ["debian/changelog", "debian/control"]);
    insta::assert_snapshot!(upstream.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    nothing moved: all pins are what the archives have now
    "###);
    let before = id(&upstream.space);
    insta::assert_snapshot!(upstream.fetched(&[]), @r###"
    exit 0
    --- stderr
    saved nothing: nothing of it was there before
    "###);

    // What is pinned is known without the archive, and fetched again where the store lost it.
    upstream.lose_store();
    assert_eq!(id(&upstream.space), before);
    assert!(upstream.fetched(&[]).starts_with("exit 0\n"));

    upstream.pack("tool-1.0.tar.gz", "2");
    insta::assert_snapshot!(upstream.seen(&["update", "tool"]), @r###"
    exit 3
    --- stderr
    opb::update::changed_archive

      × `archive("file://[HERE]/files/tool-1.0.tar.gz")` had the SHA-256 DIGEST when it was pinned, and has DIGEST now
      help: ask those who changed it: what is released should stay as it is; `opb update --allow-changed-archives` takes it
    "###);
    assert_eq!(upstream.lock(), lock);
    upstream.lose_store();
    insta::assert_snapshot!(upstream.fetched(&[]), @r###"
    exit 3
    --- stderr
    error   source:tool
      archive("file://[HERE]/files/tool-1.0.tar.gz") is another file than expected: SHA-256 [DIGEST] was, and there is SHA-256 [DIGEST]
      help: ask those who made it: what is released should stay as it is. `opb update --allow-changed-archives` takes another one where the recipe does not say its `sha256`
    saved nothing: nothing of it was there before
    "###);
    insta::assert_snapshot!(upstream.seen(&["update", "tool", "--allow-changed-archives", "--dry-run"]), @r###"
    exit 0
    --- stdout
    moved   archive("file://[HERE]/files/tool-1.0.tar.gz")  DIGEST → DIGEST
    opb.lock stays as it is; with these pins 1 node will run, 7 depend on what comes out, 2 are clean (`opb plan` shows them)
    "###);
    assert_eq!(upstream.lock(), lock);
    insta::assert_snapshot!(upstream.seen(&["update", "tool", "--allow-changed-archives"]), @r###"
    exit 0
    --- stdout
    moved   archive("file://[HERE]/files/tool-1.0.tar.gz")  DIGEST → DIGEST
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 2 are clean (`opb plan` shows them)
    "###);
    assert_ne!(id(&upstream.space), before);

    upstream.space.source("tool", CONTROL);
    upstream.space.file("recipes/tool.rhai", "#{ source: path(\"tool\") }\n");
    insta::assert_snapshot!(upstream.seen(&["check"]), @r###"
    exit 0
    --- stdout
    opb::lint::pin-unused

      ⚠ `archive("file://[HERE]/files/tool-1.0.tar.gz")` is pinned, and no recipe asks for it any more
        ╭─[opb.lock:15:3]
     14 │
     15 │ [[archive]]
        ·   ───┬───
        ·      ╰── here
     16 │ archive = "file://[HERE]/files/tool-1.0.tar.gz"
        ╰────
      help: run `opb update`: it drops pins that nothing uses

    2 files checked: 1 warning
    "###);
    insta::assert_snapshot!(upstream.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    dropped archive("file://[HERE]/files/tool-1.0.tar.gz")  DIGEST
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
}

#[test]
fn what_a_recipe_expects_must_be_there() {
    let upstream = Upstream::new("");
    upstream.space.stdout(&["update", "tool"]);
    let (_, pin) = upstream.lock().archive.pop_first().expect("pinned");
    let url = format!("{}/tool-1.0.tar.gz", upstream.base);
    let expected = format!("sha256: \"{}\"", pin.file.sha256);
    upstream.recipe(&url, &expected);
    insta::assert_snapshot!(upstream.seen(&["eval"]).replace(&pin.file.sha256.to_string()[..8], "BEGIN"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `archive("file://[HERE]/files/tool-1.0.tar.gz", #{ sha256: "BEGIN…" })` is not pinned
       ╭─[recipes/tool.rhai:1:4]
     1 │ #{ source: archive("file://[HERE]/files/tool-1.0.tar.gz", #{ sha256: "[DIGEST]" }) }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: run `opb update tool`, which looks at it and writes `opb.lock`
    "###);
    upstream.space.stdout(&["update", "tool"]);
    // Whoever says the digest has no need to ask again.
    fs::rename(upstream.space.path("../files/tool-1.0.tar.gz"), upstream.space.path("../files/away")).expect("moved");
    assert!(upstream.seen(&["update", "tool"]).contains("nothing moved"));
    upstream.lose_store();
    insta::assert_snapshot!(upstream.fetched(&[]).replace(&pin.file.sha256.to_string()[..8], "BEGIN"), @r###"
    exit 3
    --- stderr
    error   source:tool
      there is no `file://[HERE]/files/tool-1.0.tar.gz`: archive("file://[HERE]/files/tool-1.0.tar.gz", #{ sha256: "BEGIN…" }) cannot be had
      help: correct the address in the recipe, or lead it to where the file is by `[sources.rewrite]` in `opb.toml`
    saved nothing: nothing of it was there before
    "###);
    // Another digest in the recipe is another pin, whatever was there before.
    upstream.pack("tool-1.0.tar.gz", "2");
    let seen = upstream.seen(&["update", "tool"]);
    assert!(seen.contains("nothing moved"), "{seen}");
    let other = Sha256::of(&fs::read(upstream.space.path("../files/tool-1.0.tar.gz")).expect("there"));
    upstream.recipe(&url, &format!("sha256: \"{other}\""));
    let seen = upstream.seen(&["update", "tool"]);
    assert!(seen.starts_with("exit 0\n") && seen.contains("pinned "), "{seen}");
    upstream.recipe(&url, &format!("sha256: \"{}\"", pin.file.sha256));
    let seen = upstream.seen(&["update", "tool"]);
    assert!(seen.starts_with("exit 3\n") && seen.contains("is another file than expected"), "{seen}");
}

#[test]
fn addresses_lead_where_the_project_says() {
    let upstream = Upstream::new("");
    let served = serve(upstream.space.folder.path().join("files"));
    upstream.recipe("tool-1.0.tar.gz", "");
    insta::assert_snapshot!(upstream.seen(&["update", "tool"]), @r###"
    exit 2
    --- stderr
    opb::settings::no_archive_base

      × `tool-1.0.tar.gz` is a short name of an archive, and `opb.toml` does not say where it leads
      help: write `[sources.archive]` with `base = "https://example.org/"` into `opb.toml`, or the whole address into the recipe; a file of the project is `./tool-1.0.tar.gz`
    "###);
    upstream.space.file("opb.toml", &format!("[sources.archive]\nbase = \"{served}/\"\n"));
    assert!(upstream.seen(&["update", "tool"]).starts_with("exit 0\n"));
    let of_server = upstream.lock().archive.pop_first().expect("pinned").1;
    let text = fs::read_to_string(upstream.space.path("opb.lock")).expect("there");
    assert!(text.contains("archive = \"tool-1.0.tar.gz\"\n") && !text.contains(&served), "{text}");
    // Through another address, and from the project itself, it is the same.
    let rewrite = format!("[sources.rewrite]\n\"https://upstream.example/\" = \"{served}/\"\n");
    upstream.space.file("opb.toml", &rewrite);
    upstream.recipe("https://upstream.example/tool-1.0.tar.gz", "");
    assert!(upstream.seen(&["update", "tool"]).starts_with("exit 0\n"));
    assert_eq!(upstream.lock().archive.pop_first().expect("pinned").1, of_server);
    upstream.lose_store();
    let seen = upstream.fetched(&["--offline"]);
    assert!(
        seen.starts_with("exit 3\n") && seen.contains("is not on this machine, and the network is switched off"),
        "{seen}"
    );
    upstream.recipe("./recipes/tool/tool.tar.gz", "");
    upstream.space.file("recipes/tool/note", "");
    fs::copy(upstream.space.path("../files/tool-1.0.tar.gz"), upstream.space.path("recipes/tool/tool.tar.gz"))
        .expect("copied");
    assert!(upstream.seen(&["update", "tool"]).starts_with("exit 0\n"));
    assert_eq!(upstream.lock().archive.pop_first().expect("pinned").1, of_server);
    let seen = upstream.fetched(&["--offline"]);
    assert!(seen.starts_with("exit 0\n"), "{seen}");
    // A file of one's own that changes is told, and taken by an update.
    upstream.pack("tool-1.0.tar.gz", "2");
    fs::copy(upstream.space.path("../files/tool-1.0.tar.gz"), upstream.space.path("recipes/tool/tool.tar.gz"))
        .expect("copied");
    upstream.lose_store();
    let seen = upstream.fetched(&[]);
    assert!(seen.contains("is another file than expected"), "{seen}");
    let seen = upstream.seen(&["update", "tool"]);
    assert!(seen.starts_with("exit 0\n") && seen.contains("moved "), "{seen}");
    upstream.recipe(&format!("{served}/none.tar.gz"), "");
    insta::assert_snapshot!(upstream.seen(&["update", "tool"]).replace(&served, "SERVER"), @r###"
    exit 3
    --- stderr
    opb::upstream::gone

      × there is no `SERVER/none.tar.gz`: archive("SERVER/none.tar.gz") cannot be had
      help: correct the address in the recipe, or lead it to where the file is by `[sources.rewrite]` in `opb.toml`
    "###);
    upstream.space.file("../files/page.tar.gz", "<html>not found</html>");
    upstream.recipe(&format!("{served}/page.tar.gz"), "");
    insta::assert_snapshot!(upstream.seen(&["update", "tool"]).replace(&served, "SERVER"), @r###"
    exit 2
    --- stderr
    opb::upstream::no_archive

      × archive("SERVER/page.tar.gz") is no archive: it is neither tar, compressed or not, nor zip
      help: see what the address really sends: it may be a page about the file
    "###);
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    if !Path::new("/usr/lib/apt/apt-helper").exists() {
        eprintln!("skipped: there is no apt-helper on this machine");
        return;
    }
    let upstream = Upstream::new("");
    let (served, asked) = serve_dated(upstream.space.folder.path().join("files"));
    let asked = || std::mem::take(&mut *asked.lock().expect("no panic"));
    let file = upstream.space.path("../files/tool-1.0.tar.gz");
    let age = |seconds: u64| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        fs::File::options().append(true).open(&file).and_then(|file| file.set_modified(time)).expect("made older");
        fs::metadata(&file).expect("there").len()
    };
    let size = age(1_795_255_200);
    upstream.recipe(&format!("{served}/tool-1.0.tar.gz"), "");
    let update = |more: &[&str]| upstream.seen(&[&["update", "tool"], more].concat());
    assert!(update(&[]).starts_with("exit 0\n"));
    assert_eq!(asked(), [format!("/tool-1.0.tar.gz 200 {size}")]);
    let lock = upstream.lock();
    for _ in 0..2 {
        assert!(update(&[]).contains("nothing moved"));
        assert_eq!(asked(), ["/tool-1.0.tar.gz 416 0"]);
        assert_eq!(upstream.lock(), lock);
    }
    // Whoever says that it may have changed looks at all of it.
    assert!(update(&["--allow-changed-archives"]).contains("nothing moved"));
    assert_eq!(asked(), [format!("/tool-1.0.tar.gz 200 {size}")]);

    // Another file, which comes once.
    upstream.pack("tool-1.0.tar.gz", "2");
    let size = age(1_795_341_600);
    assert!(update(&[]).contains("opb::update::changed_archive"));
    assert_eq!(asked(), [format!("/tool-1.0.tar.gz 200 {size}")]);
    assert!(update(&["--allow-changed-archives"]).contains("moved "));
    asked();
    // One that only goes on behind what was there is fetched as a whole: nobody can tell what was put together.
    let mut bytes = fs::read(&file).expect("there");
    bytes.extend([0; 512]);
    fs::write(&file, &bytes).expect("written");
    age(1_795_341_600);
    assert!(update(&[]).starts_with("exit 2\n"), "there is something behind the archive");
    assert_eq!(asked(), ["/tool-1.0.tar.gz 206 512".to_owned(), format!("/tool-1.0.tar.gz 200 {}", size + 512)]);
    // What is gone from the store is not known any more.
    upstream.lose_store();
    assert!(update(&[]).starts_with("exit 2\n"));
    assert_eq!(asked(), [format!("/tool-1.0.tar.gz 200 {}", size + 512)]);
}
