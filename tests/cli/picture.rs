//! `opb eval --format svg`: the picture, and the one of the demo that the README shows.
//!
//! With `UPDATE_PICTURES=1` the committed picture is written anew; look at it then.

use super::*;

/// The project of the demo, for one target. Its recipes and distro are the real ones; of its pins what evaluation reads
/// is real: names, versions, needs and binary packages.
fn demo() -> Space {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut space = Space { folder: tempfile::tempdir().expect("made"), lock: Lock::default() };
    fs::create_dir_all(space.folder.path().join("home")).expect("made");
    let recipes = fs::read_dir(root.join("recipes")).expect("the demo's recipes").flatten();
    for file in recipes.filter(|file| file.path().is_file()) {
        let text = fs::read_to_string(file.path()).expect("a recipe");
        space.file(&format!("recipes/{}", file.file_name().to_string_lossy()), &text);
    }
    let distro = fs::read_to_string(root.join("distros/debian-12.rhai")).expect("a distro");
    space.file("distros/debian-12.rhai", &distro);
    space.pin("debian-12", "bookworm", &["amd64"]);
    let sources: [(&str, &str, &str, Binaries<'_>); 4] = [
        (
            "hello",
            "2.10-3",
            "debhelper-compat (= 13), help2man, texinfo",
            &[("hello", "any", "${misc:Depends}, ${shlibs:Depends}")],
        ),
        (
            "libmd",
            "1.0.4-2",
            "debhelper-compat (= 13)",
            &[
                ("libmd-dev", "any", "libmd0 (= ${binary:Version}), ${misc:Depends}"),
                ("libmd0", "any", "${shlibs:Depends}, ${misc:Depends}"),
            ],
        ),
        (
            "libbsd",
            "0.11.7-2",
            "debhelper-compat (= 13), debhelper (>= 13.10), libmd-dev (>= 1.0.3-2)",
            &[
                ("libbsd-dev", "any", "libbsd0 (= ${binary:Version}), libmd-dev, ${misc:Depends}"),
                ("libbsd0", "any", "${misc:Pre-Depends}, ${shlibs:Depends}, ${misc:Depends}"),
            ],
        ),
        (
            "signify-openbsd",
            "31-3",
            "debhelper (>= 13), debhelper-compat (= 13), libbsd-dev, pkg-config",
            &[("signify-openbsd", "any", "libbsd0, ${misc:Depends}, ${shlibs:Depends}")],
        ),
    ];
    for (name, version, build_depends, binaries) in sources {
        let file = PinnedFile { size: 1_000, sha256: Sha256::of(name.as_bytes()) };
        let mut facts = facts(name, build_depends, binaries);
        facts.version = version.to_owned();
        let pin = DscPin {
            suite: "bookworm".to_owned(),
            directory: format!("pool/main/{name}"),
            tree: Digest::of(name.as_bytes()),
            files: BTreeMap::from([(format!("{name}_{version}.dsc"), file)]),
            facts,
        };
        let distro = space.lock.dsc.entry("debian-12".parse().expect("a name")).or_default();
        distro.insert(name.parse().expect("a name"), pin);
    }
    space.write_lock();
    space
}

#[test]
fn the_readme_shows_the_demo_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/demo-graph.svg");
    let drawn = demo().stdout(&["eval", "--format", "svg"]);
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        fs::write(&path, &drawn).expect("written");
    }
    let kept = fs::read_to_string(&path).expect("docs/demo-graph.svg");
    assert!(kept == drawn, "docs/demo-graph.svg is not what is drawn: UPDATE_PICTURES=1 writes it, then look at it");
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md");
    assert!(readme.contains("](docs/demo-graph.svg)"));
}

/// Tags of an XML text, each closed by its own; panics where they are not.
fn tags(svg: &str) -> Vec<String> {
    let (mut open, mut found) = (Vec::new(), Vec::new());
    for part in svg.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        assert!(!rest.contains('>'), "{rest}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a name"));
        }
        found.push(tag.to_owned());
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

#[test]
fn every_node_is_in_the_picture_and_says_what_it_is() {
    let space = Space::two();
    let svg = space.stdout(&["eval", "--format", "svg", "--state"]);
    tags(&svg);
    for line in space.stdout(&["eval", "--format", "jsonl"]).lines() {
        let node: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let name = node["name"].as_str().expect("a name");
        assert!(svg.contains(&format!("<g class=\"node\"><title>{name}\n")), "{name}");
    }
    assert!(svg.contains("runs: never built"));
    assert!(svg.contains("resolve:libbsd@mirage-1/amd64 reads build:libmd@mirage-1/amd64"), "arrows have hints");
    assert_eq!(svg, space.stdout(&["eval", "--format", "svg", "--state"]), "the same graph, the same bytes");
    // Nothing that a viewer would fetch or run.
    assert!(!svg.contains("script") && !svg.contains("href") && !svg.contains("@import"));
}

#[test]
fn many_nodes_are_drawn_as_components() {
    let mut space = Space::two();
    let few = space.stdout(&["eval", "--format", "svg", "--detail", "components"]);
    assert!(few.contains("A box is a component with all its targets.") && !few.contains("class=\"node\""), "{few}");
    assert!(few.contains(">1 target, 5 nodes<") && few.contains("Not shown: 4 of bases and repositories"), "{few}");
    for number in 0..60 {
        let name = format!("lib{number}");
        space.file(&format!("recipes/{name}.rhai"), &format!("#{{ source: dsc(\"{name}\") }}\n"));
        let needs = if number % 3 == 0 { String::new() } else { format!(", lib{}-dev", number / 2) };
        space.dsc(&name, &format!("debhelper-compat (= 13){needs}"), &[(&format!("{name}-dev"), "any", "")]);
    }
    let many = space.stdout(&["eval", "--format", "svg"]);
    tags(&many);
    assert!(many.contains("A box is a component") && many.contains(">lib59<"));
    let all = space.stdout(&["eval", "--format", "svg", "--detail", "nodes"]);
    assert!(!all.contains("A box is a component") && all.contains("<title>build:lib59@mirage-1/amd64\n"));
}
