use std::process::Command;

use super::*;
use crate::diag::{Cause, Caused as _};
use crate::eval::weave::{LocalError, LocalSource, LookAt};
use crate::project::ProjectFiles;

const CONTROL: &str = "Source: logax\nMaintainer: A <a@example.org>\nBuild-Depends: debhelper-compat (= 13)\n\n\
                       Package: logax\nArchitecture: any\nDescription: x\n";
const CHANGELOG: &str = "logax (1.2-3) unstable; urgency=medium\n\n  * New.\n\n \
                         -- A Packager <packager@example.org>  Sat, 11 Jan 2025 10:00:00 +0000\n";

/// A git repository with a project in `project/`.
struct Space(tempfile::TempDir);

impl Space {
    /// `None` where this machine has no git.
    fn new() -> Option<Self> {
        let space = Self(tempfile::tempdir().expect("scratch"));
        if Command::new("git").arg("--version").output().is_err() {
            eprintln!("skipped: there is no git on this machine");
            return None;
        }
        space.git(&["init", "-q", "-b", "main"]);
        for (path, text) in [
            ("opb.toml", "maintainer = \"A <a@example.org>\"\n"),
            ("recipes/logax.rhai", "#{ source: path(\"src\") }\n"),
            ("distros/d-1.rhai", "#{}\n"),
            ("src/debian/control", CONTROL),
            ("src/debian/changelog", CHANGELOG),
        ] {
            space.file(path, text);
        }
        Some(space)
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join("project").join(path)
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("scratch");
        std::fs::write(path, text).expect("scratch");
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]);
        command.args(arguments).current_dir(self.0.path()).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
        let output = command.output().expect("git");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn project(&self) -> Project {
        Project::open(&self.path(".")).expect("a project")
    }

    fn error(&self, revision: &str) -> String {
        let error = self.project().at(revision).err().expect("an error");
        format!("{:?}: {error}", error.fault())
    }
}

#[test]
fn a_commit_is_what_the_work_tree_was() {
    let Some(space) = Space::new() else { return };
    for (path, text) in [
        (".gitignore", "*.o\n/src/out/\n"),
        ("src/.gitignore", "!keep.o\nlocal/\n"),
        ("src/a.c", "int a;\n"),
        ("src/a/deep/er/b.c", "int b;\n"),
        ("src/a.o", "tracked in spite of a rule"),
        ("src/keep.o", ""),
        ("src/out/x", "tracked in spite of a rule"),
        ("src/local/x", "tracked in spite of a rule"),
        ("src/local/deep/x", "tracked in spite of a rule"),
        ("src/with local/x y", ""),
        ("src/é", ""),
        ("src/.hg/x", "another version control's"),
        ("src/sub/.gitignore", "/x\n"),
        ("src/sub/x", "tracked in spite of a rule"),
        ("src/sub/in/x", ""),
        ("src/sub.c", ""),
    ] {
        space.file(path, text);
    }
    std::os::unix::fs::symlink("/etc", space.path("src/link")).expect("scratch");
    let script = space.path("src/run");
    std::fs::write(&script, "#!/bin/sh\n").expect("scratch");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("scratch");
    space.git(&["add", "-A", "-f"]);
    let id = space.commit();
    let project = space.project();
    let disk = look(&|asked| project.look_at(asked), "src").expect("a source");
    let (top, sub) = (project.tree(".").expect("a tree"), project.tree("src/sub").expect("a tree"));
    assert!(disk.tree != top.digest() && sub.len() == 3, "{sub:?}");

    // Whatever happens to the work tree afterwards is not seen.
    let names = ProjectFiles(project.root()).list("src").expect("a folder");
    std::fs::remove_dir_all(space.path("src")).expect("scratch");
    space.file("recipes/logax.rhai", "#{}\n");
    space.file("opb.toml", "nonsense\n");
    let then = project.at("HEAD").expect("a commit");
    assert_eq!(then.id(), id);
    let seen = look(&|asked| then.look_at(asked), "src").expect("a source");
    assert_eq!((seen.tree, &seen.texts), (disk.tree, &disk.texts));
    assert!(seen.texts.contains_key("debian/control"));
    assert_eq!(then.tree(".").expect("a tree"), top);
    let content = |path: &str| then.content(path).expect("a file");
    assert_eq!((content("src/run").executable, content("src/a.c").executable), (true, false));
    assert_eq!(content("src/a.c").bytes, b"int a;\n");
    assert_eq!(then.tree("src/sub").expect("a tree"), sub);
    assert_eq!(then.list("src").expect("a folder"), names);
    assert_eq!(then.list("recipes").expect("a folder"), ["logax.rhai"]);
    assert_eq!(then.read("recipes/logax.rhai").expect("a file"), "#{ source: path(\"src\") }\n");
    assert_eq!(then.settings().expect("settings").maintainer, "A <a@example.org>");
    assert_eq!(then.lock().expect("a lock"), Lock::default());
}

#[test]
fn links_lead_where_they_lead_on_disk() {
    let Some(space) = Space::new() else { return };
    space.file("recipes/lib/code.rhai", "1");
    space.file("secret", "2");
    let links = [
        ("../secret", "recipes/a.rhai"),
        ("lib/code.rhai", "recipes/b.rhai"),
        ("../../outside", "recipes/c.rhai"),
        ("/etc/hostname", "recipes/d.rhai"),
        ("e.rhai", "recipes/e.rhai"),
        ("recipes/lib", "more"),
        (".", "here"),
    ];
    for (target, link) in links {
        std::os::unix::fs::symlink(target, space.path(link)).expect("scratch");
    }
    std::fs::write(space.0.path().join("outside"), "3").expect("scratch");
    space.commit();
    let project = space.project();
    let then = project.at("HEAD").expect("a commit");
    let disk = ProjectFiles(project.root());
    for path in ["recipes/a.rhai", "recipes/b.rhai", "more/code.rhai", "here/more/code.rhai", "here/here/secret"] {
        assert_eq!(then.read(path).expect(path), disk.read(path).expect(path));
    }
    for path in ["recipes/c.rhai", "recipes/d.rhai", "recipes/e.rhai", "recipes", "../outside", "recipes/none.rhai"] {
        assert!(matches!(then.read(path), Err(FilesError::Missing { .. })), "{path}");
        assert!(disk.read(path).is_err(), "{path}");
    }
    assert_eq!(then.list("recipes").expect("a folder"), disk.list("recipes").expect("a folder"));
    assert_eq!(then.list("more").expect("a folder"), disk.list("more").expect("a folder"));
}

#[test]
fn files_that_evaluation_refuses() {
    let Some(space) = Space::new() else { return };
    space.file("recipes/large.rhai", &"x".repeat(MAX_FILE + 1));
    space.file("recipes/largest.rhai", &"x".repeat(MAX_FILE));
    std::fs::write(space.path("recipes/bytes.rhai"), b"\xff").expect("scratch");
    space.file("opb.toml", "maintaner = 1\n");
    space.file("opb.lock", "version = 99\n");
    space.commit();
    space.file("opb.toml", "");
    let then = space.project().at("HEAD").expect("a commit");
    assert!(matches!(then.read("recipes/large.rhai"), Err(FilesError::TooLarge { .. })));
    assert!(matches!(then.read("recipes/bytes.rhai"), Err(FilesError::NotText { .. })));
    assert_eq!(then.read("recipes/largest.rhai").expect("a file").len(), MAX_FILE);
    assert!(then.settings().is_err());
    let lock = then.lock().expect_err("a newer one");
    let lock = lock.report;
    assert!(lock.to_string().starts_with("`opb.lock` has version 99, and"), "{lock}");
    let error = |folder: &str| look(&|asked| then.look_at(asked), folder).expect_err("no source").message;
    assert_eq!(error("none"), "there is no folder `none` in the project");
}

/// What a folder answers to the question that `native()` asks.
fn look(look_at: &LookAt<'_>, folder: &str) -> Result<LocalSource, LocalError> {
    let texts = ["debian/control", "debian/changelog", "debian/source/format"].map(str::to_owned).into();
    let asked = BTreeMap::from([(folder.to_owned(), Asked { texts, specs: false })]);
    look_at(&asked).remove(folder).expect("an answer")
}

#[test]
fn revisions_that_are_none() {
    let Some(space) = Space::new() else { return };
    space.file("opb.toml", "");
    assert_eq!(space.error("HEAD"), "Input: `HEAD` is no commit of this repository");
    let first = space.commit();
    space.git(&["tag", "v1.0"]);
    for hostile in
        ["", "--help", "-h", "--output=x", "HEAD:project", "HEAD; true", "$(true)", "HEAD\nHEAD", ":/nothing"]
    {
        assert_eq!(space.error(hostile), format!("Input: `{hostile}` is no commit of this repository"));
    }
    let unknown = space.project().at("v1.1").err().expect("an error");
    let help = miette::Diagnostic::help(&unknown).expect("help").to_string();
    assert_eq!(help, "did you mean `v1.0`?");
    for good in ["HEAD", "main", "v1.0", &first[..10], "HEAD~0", "@"] {
        assert_eq!(space.project().at(good).expect(good).id(), first);
    }
    // The project moves, and is not where it was.
    space.git(&["mv", "project", "moved"]);
    space.commit();
    let moved = Project::open(&space.0.path().join("moved")).expect("a project");
    let error = moved.at("v1.0").err().expect("an error");
    assert_eq!(error.to_string(), "at `v1.0` there was no folder `moved`");
    assert_eq!(error.fault(), Cause::Input);
}

#[test]
fn clones_without_all_commits_or_files() {
    let Some(space) = Space::new() else { return };
    let first = space.commit();
    space.file("opb.toml", "");
    space.commit();
    let clone = tempfile::tempdir().expect("scratch");
    let from = format!("file://{}", space.0.path().display());
    space.git(&["clone", "-q", "--depth=1", &from, &clone.path().display().to_string()]);
    let project = Project::open(&clone.path().join("project")).expect("a project");
    let error = project.at(&first).err().expect("an error");
    assert_eq!(error.to_string(), format!("`{first}` is no commit of this clone, which is shallow"));
    assert!(project.at("HEAD").is_ok());

    // A submodule's files are another repository's.
    let inner = tempfile::tempdir().expect("scratch");
    space.git(&["init", "-q", &inner.path().display().to_string()]);
    space.git(&["-C", &inner.path().display().to_string(), "commit", "-q", "--allow-empty", "-m", "x"]);
    space.git(&["submodule", "add", "-q", &inner.path().display().to_string(), "project/src/inner"]);
    space.commit();
    let then = space.project().at("HEAD").expect("a commit");
    let error = look(&|asked| then.look_at(asked), "src").expect_err("an error");
    assert_eq!(
        error.message,
        "cannot read the folder `src`: cannot read `inner`: it is a submodule, whose files this repository does not have"
    );
}

#[test]
fn a_project_without_a_repository() {
    let folder = tempfile::tempdir().expect("scratch");
    std::fs::create_dir(folder.path().join("recipes")).expect("scratch");
    let project = Project::open(folder.path()).expect("a project");
    let error = project.at("HEAD").err().expect("an error");
    if matches!(error, GitError::Start { .. }) {
        eprintln!("skipped: there is no git on this machine");
        return;
    }
    let folder = project.path.as_path().display();
    assert_eq!(error.to_string(), format!("`{folder}` lies in no git repository, so it has no earlier states"));
    assert_eq!(error.fault(), Cause::Input);
}

#[test]
fn a_damaged_repository() {
    let Some(space) = Space::new() else { return };
    space.commit();
    let blob = space.git(&["rev-parse", "HEAD:project/recipes/logax.rhai"]);
    let then = space.project().at("HEAD").expect("a commit");
    std::fs::remove_file(space.0.path().join(".git/objects").join(&blob[..2]).join(&blob[2..]))
        .expect("a loose object");
    let Err(FilesError::Read { source, .. }) = then.read("recipes/logax.rhai") else { panic!("it is gone") };
    assert_eq!(source.to_string(), format!("git has not the content of its object `{blob}`"));
    assert!(then.read("distros/d-1.rhai").is_ok(), "others can still be read");

    std::fs::write(space.0.path().join(".git/config"), "[core\n").expect("scratch");
    let error = space.project().at("HEAD").err().expect("an error");
    let folder = space.path("").join("").display().to_string();
    let expected =
        format!("git refuses to read the repository of `{}`: bad config line 1", folder.trim_end_matches('/'));
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(error.fault(), Cause::Environment);
}

#[test]
fn names_of_any_bytes() {
    use std::os::unix::ffi::OsStrExt as _;
    let Some(space) = Space::new() else { return };
    for name in [&b"a\nb"[..], b"a\tb", b"\xff", b"--option", b"\"quoted\"", b"*"] {
        std::fs::write(space.path("src").join(std::ffi::OsStr::from_bytes(name)), name).expect("scratch");
    }
    space.commit();
    let project = space.project();
    let then = project.at("HEAD").expect("a commit").tree("src").expect("a tree");
    assert_eq!(then, project.tree("src").expect("a tree"));
    assert_eq!(then.len(), 9);
}
