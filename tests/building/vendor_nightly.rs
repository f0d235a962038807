//! The made-up vendor's project as repositories of git and Mercurial, night by night: a commit builds what needs it, and no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::PoisonError;

use opb::name::Kind;
use opb::night::{CellState, Night};
use opb::ops::session::Session;

use super::space::{Space, space};
use super::vendor::{ONE_AT_A_TIME, put_project};

const GIT: [&str; 5] = ["git", "-c", "user.name=A", "-c", "user.email=a@skerry.example"];
const HG: [&str; 5] = ["hg", "--config", "ui.username=A <a@skerry.example>", "--config", "ui.interactive=no"];

fn run(folder: &Path, program: &[&str], arguments: &[&str]) {
    let mut command = Command::new(program[0]);
    let output = command.args(&program[1..]).args(arguments).current_dir(folder).output().expect("it runs");
    assert!(output.status.success(), "{program:?} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether that source is in a repository of Mercurial: one in seven, and a module that is to have a commit.
fn is_hg(place: usize, name: &str) -> bool {
    place % 7 == 3 || name == MODULE
}

/// A module that nothing needs.
const MODULE: &str = "skerry-mod-dns";

fn commit(folder: &Path, message: &str) {
    if folder.join(".hg").exists() {
        run(folder, &HG, &["commit", "--quiet", "--addremove", "-m", message]);
    } else {
        run(folder, &GIT, &["add", "."]);
        run(folder, &GIT, &["commit", "--quiet", "-m", message]);
    }
}

/// Each source of the project in a repository of its own; how many there are, and how many of Mercurial.
fn to_repositories(space: &Space) -> (usize, usize) {
    let folder = space.folder.join("repositories");
    fs::rename(space.folder.join("sources"), &folder).expect("renamed");
    let names = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a source").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    let mut of_hg = 0;
    for (place, name) in names.iter().enumerate() {
        let system = if is_hg(place, name) { "hg" } else { "git" };
        of_hg += usize::from(system == "hg");
        let own = folder.join(name);
        match system {
            "hg" => run(&own, &HG, &["init"]),
            _ => run(&own, &GIT, &["init", "--quiet", "--initial-branch=main"]),
        }
        commit(&own, "begin");
        let file = format!("recipes/{name}.rhai");
        let recipe = fs::read_to_string(space.folder.join(&file)).expect("a recipe");
        let moved = recipe.replace(&format!("path(\"sources/{name}\")"), &format!("{system}(\"{name}\")"));
        assert_ne!(moved, recipe);
        space.write(&file, &moved);
    }
    let base = format!("base = \"file://{}/\"\n", folder.display());
    let settings = fs::read_to_string(space.folder.join("opb.toml")).expect("settings");
    let settings = settings.replace("[channel.nightly]", "[channel.c-TAG]");
    let more = format!(
        "targets = [\"@DISTRO/*\"]\n\n[sources.git]\n{base}\n[sources.hg]\n{base}\n[set.default]\nsources = \"0\"\nbases = \"never\"\n"
    );
    space.write("opb.toml", &format!("{settings}{more}"));
    (names.len(), of_hg)
}

fn last(space: &Space) -> Night {
    let set = "default".parse().expect("a name");
    let nights = space.open_store().last_nights(&space.folder.display().to_string(), &set, 1).expect("reads");
    nights.into_iter().next().expect("on record")
}

/// The components of which something was built.
fn built(night: &Night) -> BTreeSet<String> {
    let built = night.cells.iter().filter(|cell| cell.state == CellState::Built);
    built.map(|cell| cell.component.clone()).collect()
}

/// The component, and those whose builds read what is made of it, through others or not.
fn reached(space: &Space, component: &str) -> BTreeSet<String> {
    let session = Session::open(&space.folder).unwrap_or_else(|failure| panic!("{:?}", failure.report));
    let graph = &session.graph;
    let name = space.own(&format!("source-package:{component}@DISTRO"));
    let source = graph.find(&name.parse().expect("a name")).expect("a source package");
    let builds = graph.with_consumers(&[source]).into_iter().filter(|id| graph.node(*id).kind() == Kind::Build);
    builds.map(|id| graph.node(id).component_str().expect("a build has one").to_owned()).collect()
}

#[test]
fn each_commit_builds_what_needs_it() {
    if std::env::var_os("OPB_TEST_FULL").is_none() {
        println!("skipped: it takes minutes; OPB_TEST_FULL=1 runs it");
        return;
    }
    let Some(space) = space("vendor-nightly") else { return };
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    put_project(&space);
    let (all, of_hg) = to_repositories(&space);
    assert_eq!((all, of_hg >= 10), (70, true));
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();

    space.opb(&["nightly"]).fine();
    let first = last(&space);
    let components: BTreeSet<&str> = first.cells.iter().map(|cell| cell.component.as_str()).collect();
    assert!(components.len() >= 68, "two are for another distribution alone: {}", components.len());
    assert_eq!(built(&first).len(), components.len(), "all of it is built");
    assert!(first.published[0].is_new && first.held_back.is_empty() && first.failing.is_empty(), "{:?}", first.steps);

    // The base library, the core, the interface and a module: what each commit builds, and nothing else.
    for (component, most) in [("libskerry", 42_usize), ("skerry-core", 33), ("skerry-web", 2), (MODULE, 1)] {
        let folder = space.folder.join("repositories").join(component);
        let changelog = fs::read_to_string(folder.join("debian/changelog")).expect("there");
        let (head, rest) = changelog.split_once("-1)").expect("a version");
        let changed = format!("{head}.1-1){rest}\n{changelog}");
        fs::write(folder.join("debian/changelog"), changed).expect("writes");
        commit(&folder, &format!("a better {component}"));
        space.opb(&["nightly"]).fine();
        let night = last(&space);
        let expected = reached(&space, component);
        assert_eq!(built(&night), expected, "{component}");
        // Two are for another distribution alone.
        assert!((most.saturating_sub(2)..=most).contains(&expected.len()), "{component}: {}", expected.len());
        let [moved] = &night.moves[..] else { panic!("one pin moves: {:?}", night.moves) };
        assert_eq!(moved.needed_by.iter().cloned().collect::<BTreeSet<_>>(), expected);
        assert_eq!(
            moved.commits.iter().map(|commit| &commit.subject).collect::<Vec<_>>(),
            [&format!("a better {component}")]
        );
        assert!(night.published[0].is_new && night.failing.is_empty(), "{:?}", night.steps);
    }
}
