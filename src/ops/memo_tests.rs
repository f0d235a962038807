//! What is taken from the cache, and every change that is noticed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::diag::Failure;
use crate::ops::kept::MOST;
use crate::ops::session::Session;

const DISTRO: &str = r#"#{
    family: "deb", vendor: "mirage", release: "1", codename: "oasis", suffix: "mir1",
    arches: ["amd64"], indep_on: "amd64", suites: [#{ name: "oasis", areas: ["main"] }],
    keyring: "k.gpg", base: #{ variant: "buildd", add: [] },
    lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
    options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
}"#;

const LOCK: &str = "version = 1\n\n[[distro.mirage-1.suite]]\nname = \"oasis\"\n\
    release = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\ndate = \"x\"\n\
    index = { \"main/binary-amd64/Packages.xz\" = \
    \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }\n";

/// A recipe of which there is a warning.
pub(in crate::ops) const WARNED: &str =
    "#{ source: path(\"sources/one\"), on: [[\"@mirage-1/riscv64\", #{ env: #{ V: \"2\" } }]] }\n";

/// A project with two components from local sources, and a cache.
pub(in crate::ops) struct Space(tempfile::TempDir);

impl Space {
    pub(in crate::ops) fn new() -> Self {
        let space = Self(tempfile::tempdir().expect("scratch"));
        space.file("distros/mirage-1.rhai", DISTRO);
        space.file("opb.lock", LOCK);
        space.file("opb.toml", "maintainer = \"A <a@example.org>\"\n");
        space.file("recipes/lib/common.rhai", "fn env() { #{ V: \"1\" } }\n");
        for name in ["one", "two"] {
            let import = "import \"lib/common\" as common;\n";
            let recipe = format!("{import}#{{ source: path(\"sources/{name}\"), env: common::env() }}\n");
            space.file(&format!("recipes/{name}.rhai"), &recipe);
            space.source(name);
        }
        fs::create_dir_all(space.path("sources/one/empty")).expect("made");
        space
    }

    fn source(&self, name: &str) {
        let control = format!("Source: {name}\n\nPackage: {name}\nArchitecture: any\nDescription: x\n");
        self.file(&format!("sources/{name}/debian/control"), &control);
        let changelog = format!(
            "{name} (1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n"
        );
        self.file(&format!("sources/{name}/debian/changelog"), &changelog);
        self.file(&format!("sources/{name}/src/main.c"), "int x;\n");
    }

    pub(in crate::ops) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("project").join(path)
    }

    pub(in crate::ops) fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    pub(in crate::ops) fn project(&self) -> Project {
        Project::open(&self.path(".")).expect("a project")
    }

    fn memo(&self, project: &Project) -> Memo {
        Memo::below(&HostPath::new(self.0.path().join("cache")), project).expect("a cache")
    }

    /// Evaluates once everything is old enough to be believed.
    #[expect(
        clippy::disallowed_methods,
        reason = "files must grow older than the clock's grain, and nothing tells when"
    )]
    pub(in crate::ops) fn session(&self) -> Session {
        std::thread::sleep(Duration::from_millis(40));
        let project = self.project();
        let memo = self.memo(&project);
        Session::remembering(project, Some(memo)).expect("sound")
    }

    /// The ids of all nodes.
    fn evaluate(&self) -> Vec<String> {
        told(&self.session()).0
    }

    /// Which recipes alone would be evaluated; `None` where all would.
    fn alone(&self) -> Option<Vec<String>> {
        let project = self.project();
        let Recalled::Some(partly) = self.memo(&project).recall(&project) else { return Some(vec![]) };
        Some(partly.earlier?.rest?.recipes.into_iter().collect())
    }

    /// Which sources are still known; `None` where everything is.
    fn known(&self) -> Option<Vec<String>> {
        let project = self.project();
        match self.memo(&project).recall(&project) {
            Recalled::All(_) => None,
            Recalled::Some(partly) => Some(partly.known.into_keys().collect()),
        }
    }
}

/// Ids and warnings of all of `session`.
fn told(session: &Session) -> (Vec<String>, Vec<Option<KeptWarning>>) {
    let ids = session.graph.ids().map(|id| format!("{} {}", session.graph.node(id), session.graph.node(id).id()));
    (ids.collect(), session.warnings.iter().map(RecipeWarning::keep).collect())
}

/// Puts other bytes of the same length into a file, and its old date on it.
pub(in crate::ops) fn change_in_secret(path: &Path) {
    let before = fs::metadata(path).expect("there");
    let mut bytes = fs::read(path).expect("read");
    let last = bytes.iter().rposition(|byte| *byte == b'1' || *byte == b'x' || *byte == b'm').expect("a place");
    bytes[last] = if bytes[last] == b'1' { b'2' } else { b'y' };
    fs::write(path, bytes).expect("written");
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(before.modified().expect("a date")).expect("set");
    let after = fs::metadata(path).expect("there");
    assert_eq!((before.len(), before.mtime_nsec(), before.ino()), (after.len(), after.mtime_nsec(), after.ino()));
}

#[test]
fn what_did_not_change_is_not_evaluated_again() {
    let space = Space::new();
    assert_eq!(space.known(), Some(vec![]), "nothing is known yet");
    let first = space.evaluate();
    assert_eq!(space.known(), None);
    assert_eq!(space.evaluate(), first);
    // What is no input of an evaluation may change.
    space.file("README.md", "x");
    space.file("store/x", "x");
    assert_eq!(space.known(), None);
}

#[test]
fn every_file_that_was_read_is_watched() {
    let both = || vec!["sources/one".to_owned(), "sources/two".to_owned()];
    let two = || vec!["sources/two".to_owned()];
    let files = [
        ("recipes/one.rhai", both(), true),
        ("recipes/lib/common.rhai", both(), true),
        ("distros/mirage-1.rhai", both(), true),
        ("opb.lock", both(), false),
        ("opb.toml", both(), true),
        ("sources/one/debian/control", two(), true),
        ("sources/one/src/main.c", two(), true),
    ];
    for (file, known, differs) in files {
        let space = Space::new();
        let first = space.evaluate();
        change_in_secret(&space.path(file));
        assert_eq!(space.known(), Some(known), "{file}");
        if differs {
            let fresh = || Session::remembering(space.project(), None);
            let Ok(session) = fresh() else { continue };
            let all: Vec<String> = space.evaluate();
            assert_eq!(all.len(), session.graph.len());
            let ids = session.graph.ids().map(|id| session.graph.node(id).id().to_string());
            assert!(ids.zip(&all).all(|(id, line)| line.ends_with(&id)), "{file}: the cache came to something else");
            assert_ne!(all, first, "{file}");
        }
    }
}

#[test]
fn what_recipes_lay_into_sources_is_watched() {
    let space = || {
        let space = Space::new();
        let recipe = "#{ source: path(\"sources/one\"), sources: #{ \"lib\": path(\"lib\") }, patches: [\"fix.patch\"], \
                      files: #{ \"data/\": \"data/\", \"x\": \"small\" } }\n";
        space.file("recipes/one.rhai", recipe);
        let beside = ["recipes/one/fix.patch", "recipes/one/small", "recipes/one/data/x", "lib/lib.c"];
        beside.iter().for_each(|path| space.file(path, "x 1\n"));
        (space, beside)
    };
    for turn in 0..4 {
        let (space, beside) = space();
        let first = space.evaluate();
        assert_eq!(space.known(), None);
        space.file("recipes/one/data/../unused", "x");
        assert_eq!(space.evaluate(), first, "what is not named is no input");
        change_in_secret(&space.path(beside[turn]));
        assert!(space.known().is_some(), "{}", beside[turn]);
        let fresh = Session::remembering(space.project(), None).expect("sound");
        let ids = fresh.graph.ids().map(|id| fresh.graph.node(id).id().to_string());
        let all = space.evaluate();
        assert!(
            ids.zip(&all).all(|(id, line)| line.ends_with(&id)),
            "{}: the cache came to something else",
            beside[turn]
        );
        assert_ne!(all, first, "{}", beside[turn]);
    }
    // Whether it may be executed is a part of it.
    let (space, beside) = space();
    let first = space.evaluate();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(space.path(beside[1]), mode).expect("set");
    assert_ne!(space.evaluate(), first);
}

#[test]
fn new_files_and_lost_ones_are_noticed() {
    type Deed<'a> = (&'a str, &'a dyn Fn(&Space));
    let deeds: [Deed<'_>; 8] = [
        ("a recipe", &|space| space.file("recipes/three.rhai", "#{ source: path(\"sources/two\") }\n")),
        ("a recipe in a folder", &|space| space.file("recipes/three/recipe.rhai", "#{}\n")),
        ("a distro", &|space| space.file("distros/mirage-2.rhai", DISTRO)),
        ("a source file", &|space| space.file("sources/one/src/more.c", "x\n")),
        ("a file in an empty folder", &|space| space.file("sources/one/empty/file", "x\n")),
        ("rules above a source", &|space| space.file("sources/.gitignore", "*.c\n")),
        ("a lost source file", &|space| fs::remove_file(space.path("sources/one/src/main.c")).expect("removed")),
        ("a lost lock", &|space| fs::remove_file(space.path("opb.lock")).expect("removed")),
    ];
    for (what, deed) in deeds {
        let space = Space::new();
        space.evaluate();
        assert_eq!(space.known(), None);
        deed(&space);
        assert!(space.known().is_some(), "{what}");
    }
}

#[test]
fn a_file_as_young_as_the_clocks_grain_is_no_witness() {
    let space = Space::new();
    space.evaluate();
    // From here on, for a while, everything that is touched may change once more under the same stamp.
    let future = SystemTime::now() + Duration::from_secs(3600);
    let project = space.project();
    let memo = space.memo(&project);
    space.file("recipes/one.rhai", "#{ source: path(\"sources/one\") }\n");
    assert!(project.stamps(["recipes/one.rhai".to_owned()].into(), project::now_exact()).is_none());
    let later = future.duration_since(SystemTime::UNIX_EPOCH).expect("later").as_nanos();
    assert!(project.stamps(["recipes/one.rhai".to_owned()].into(), i64::try_from(later).expect("small")).is_some());
    Session::remembering(project, Some(memo)).expect("sound");
    assert!(space.known().is_some(), "it was not kept");
    space.evaluate();
    assert_eq!(space.known(), None, "once it is old enough, it is");
}

#[test]
fn a_damaged_cache_or_one_of_another_program_is_not_believed() {
    let space = Space::new();
    space.evaluate();
    let project = space.project();
    let memo = space.memo(&project);
    let bytes = memo.0.dir.read(&memo.0.name).expect("kept");
    for at in (0..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        memo.0.dir.write(&memo.0.name, &damaged).expect("written");
        assert_eq!(space.known(), Some(vec![]), "a bit at {at}");
    }
    for end in (0..bytes.len()).step_by(89) {
        memo.0.dir.write(&memo.0.name, &bytes[..end]).expect("written");
        assert_eq!(space.known(), Some(vec![]), "cut at {end}");
    }
    memo.0.dir.write(&memo.0.name, &bytes).expect("written");
    assert_eq!(space.known(), None);
    let other = Memo(Kept { program: "another".to_owned(), ..memo.0 });
    assert!(matches!(other.recall(&project), Recalled::Some(partly) if partly.known.is_empty()));
}

#[test]
fn caches_of_projects_that_are_gone_go() {
    let space = Space::new();
    space.evaluate();
    let project = space.project();
    let memo = space.memo(&project);
    for number in 0..MOST + 10 {
        memo.0.dir.write(format!("other{number}"), "x").expect("written");
    }
    space.file("recipes/one.rhai", "#{ source: path(\"sources/one\") }\n");
    space.evaluate();
    assert!(memo.0.dir.entries().expect("listed").count() <= MOST + 1);
    assert_eq!(space.known(), None);
}

#[test]
fn a_mistake_in_a_recipe_that_changed_is_told_as_ever() {
    let space = Space::new();
    let first = space.evaluate();
    let sound = fs::read_to_string(space.path("recipes/one.rhai")).expect("read");
    for wrong in
        ["#{ source: path(\"sources/one\"), sorce: 1 }\n", "#{", "#{ name: \"two\", source: path(\"sources/one\") }\n"]
    {
        space.file("recipes/one.rhai", wrong);
        assert_eq!(space.alone(), Some(vec!["recipes/one.rhai".to_owned()]), "{wrong}");
        let project = space.project();
        let memo = space.memo(&project);
        let error = |session: Result<Session, _>| format!("{:?}", session.err().map(|failure: Failure| failure.report));
        let told = error(Session::remembering(project, Some(memo)));
        assert_eq!(told, error(Session::remembering(space.project(), None)), "{wrong}");
        assert!(told.contains("recipes/one.rhai"), "{told}");
        space.file("recipes/one.rhai", &sound);
        assert_eq!(space.evaluate(), first, "{wrong}");
    }
}

#[test]
fn recipes_that_changed_are_evaluated_alone() {
    const PLAIN: &str = "#{ source: path(\"sources/one\"), env: #{ V: \"3\" } }\n";
    type Deed<'a> = (&'a str, &'a dyn Fn(&Space), Option<&'a [&'a str]>);
    let renamed = |space: &Space| {
        space.file("recipes/one.new", PLAIN);
        fs::rename(space.path("recipes/one.new"), space.path("recipes/one.rhai")).expect("renamed");
    };
    let one: Option<&[&str]> = Some(&["recipes/one.rhai"]);
    let deeds: [Deed<'_>; 13] = [
        ("a source alone", &|space| space.file("sources/one/src/main.c", "int y;\n"), Some(&[])),
        (
            "a source, and the list of recipes",
            &|space| {
                space.file("sources/one/src/main.c", "int y;\n");
                space.file("recipes/one.new", PLAIN);
                fs::remove_file(space.path("recipes/one.new")).expect("removed");
            },
            None,
        ),
        (
            "a source and a recipe",
            &|space| {
                space.file("sources/two/src/main.c", "int y;\n");
                space.file("recipes/one.rhai", PLAIN);
            },
            one,
        ),
        ("another text", &|space| space.file("recipes/one.rhai", PLAIN), one),
        ("a file renamed over it", &renamed, one),
        ("a warning that comes", &|space| space.file("recipes/one.rhai", WARNED), one),
        ("a warning that goes", &|space| space.file("recipes/warned.rhai", "[]\n"), Some(&["recipes/warned.rhai"])),
        ("in a folder", &|space| space.file("recipes/deep/recipe.rhai", "[]\n"), Some(&["recipes/deep/recipe.rhai"])),
        ("others", &|space| space.file("recipes/one.rhai", &PLAIN.replace("env: #{ V: \"3\" }", "skip: \"x\"")), one),
        (
            "two of them",
            &|space| ["one", "two"].iter().for_each(|name| space.file(&format!("recipes/{name}.rhai"), "[]\n")),
            Some(&["recipes/one.rhai", "recipes/two.rhai"]),
        ),
        ("one more", &|space| space.file("recipes/more.rhai", "[]\n"), None),
        ("one less", &|space| fs::remove_file(space.path("recipes/two.rhai")).expect("removed"), None),
        ("shared code", &|space| space.file("recipes/lib/common.rhai", "fn env() { #{ V: \"4\" } }\n"), None),
    ];
    for (what, deed, expected) in deeds {
        let space = Space::new();
        ["deep", "warned"].iter().for_each(|name| space.source(name));
        space.file("recipes/warned.rhai", &WARNED.replace("sources/one", "sources/warned"));
        space.file("recipes/deep/recipe.rhai", "#{ source: path(\"sources/deep\"), env: #{ V: \"2\" } }\n");
        space.session();
        assert_eq!(space.known(), None, "{what}");
        let check = |now: &str| {
            let fresh = Session::remembering(space.project(), None).expect("sound");
            assert_eq!(told(&space.session()), told(&fresh), "{what}{now}");
            assert_eq!(space.known(), None, "{what}{now}");
        };
        deed(&space);
        let expected = expected.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
        assert_eq!(space.alone(), expected, "{what}");
        check("");
        // What stayed is watched as before.
        for then in ["recipes/two.rhai", "recipes/lib/common.rhai", "recipes/one.rhai", "sources/one/debian/control"] {
            let Ok(text) = fs::read_to_string(space.path(then)) else { continue };
            space.file(then, &text.replace("V: ", "W: ").replace("Description: x", "Description: y"));
            check(then);
        }
    }
}
