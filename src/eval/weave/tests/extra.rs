//! Extra repositories: which indexes there are, who reads them, and what does not change because of them.

use super::*;
use crate::drv::{Action, Extra};
use crate::lock::ExtraPin;

const BACKPORTS: &str = r#"#{ name: "backports", suite: "oasis-backports", areas: ["main", "more"] }"#;

/// Two components, of which `tool` has these further fields, in a distro with these extra repositories.
fn project(extras: &str, fields: &str) -> MemoryFiles {
    let mut files = files(&[
        ("plain", "#{ source: dsc(\"plain\") }"),
        ("tool", &format!("#{{ source: dsc(\"tool\"), {fields} }}")),
    ]);
    let distro = MIRAGE.replace("    keyring", &format!("    extra_repositories: [{extras}],\n    keyring"));
    files.0.insert("distros/mirage-1.rhai".to_owned(), distro);
    files
}

fn pin(suite: &str, paths: &[&str], content: &str) -> ExtraPin {
    let index = paths.iter().map(|path| ((*path).to_owned(), Sha256::of(format!("{path} {content}").as_bytes())));
    ExtraPin { suite: suite.to_owned(), release: Sha256::of(b""), date: String::new(), index: index.collect() }
}

fn of_backports(content: &str) -> ExtraPin {
    let paths = ["amd64", "arm64"].map(|arch| ["main", "more"].map(|area| format!("{area}/binary-{arch}/Packages.gz")));
    pin("oasis-backports", &paths.as_flattened().iter().map(String::as_str).collect::<Vec<_>>(), content)
}

fn locked(extras: &[(&str, ExtraPin)]) -> Lock {
    let plain = ("plain", "debhelper", &[("plain", "any", "")] as &[_]);
    let tool = ("tool", "debhelper", &[("tool", "any", "")] as &[_]);
    let mut lock = lock(&["amd64", "arm64"], &[plain, tool]);
    let of_distro = lock.distro.get_mut("mirage-1").expect("pinned");
    of_distro.extra = extras.iter().map(|(name, pin)| (name.parse().expect("a name"), pin.clone())).collect();
    lock
}

/// The ids of all nodes by name.
fn ids(graph: &Graph) -> BTreeMap<String, String> {
    graph.ids().map(|id| (graph.node(id).to_string(), graph.node(id).id().to_string())).collect()
}

fn indexes(graph: &Graph) -> Vec<String> {
    ids(graph).into_keys().filter(|name| name.starts_with("index:")).collect()
}

/// The nodes that are in one of two graphs alone, or are others in them.
fn changed(one: &Graph, other: &Graph) -> Vec<String> {
    let (one, other) = (ids(one), ids(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

#[test]
fn what_is_named_has_an_index_and_changes_its_user_alone() {
    let plain = woven(&project("", ""), &locked(&[])).expect("sound");
    let pins = locked(&[("backports", of_backports("1"))]);
    // What nobody names has no node.
    let unused = woven(&project(BACKPORTS, ""), &pins).expect("sound");
    assert_eq!(ids(&unused), ids(&plain));

    let fields = r#"on: [["@mirage-1/amd64", #{ extra_repositories: ["backports"] }]]"#;
    let graph = woven(&project(BACKPORTS, fields), &pins).expect("sound");
    let bases = ["index:base@mirage-1/amd64", "index:base@mirage-1/arm64"];
    assert_eq!(indexes(&graph), [["index:backports@mirage-1/amd64"].as_slice(), &bases].concat());
    let list = node(&graph, "resolve:tool@mirage-1/amd64");
    let roles: Vec<&str> = list.inputs().map(|input| input.role).collect();
    assert_eq!(roles, ["base", "index", "index of backports"]);
    let Action::Resolve(resolve) = list.action() else { panic!("no list") };
    assert_eq!(resolve.extra, [Extra { name: "backports".to_owned(), taken: "when-needed".to_owned() }]);
    let Action::Index { files } = node(&graph, "index:backports@mirage-1/amd64").action() else { panic!("no index") };
    let labels: Vec<&str> = files.iter().map(|file| file.label.as_str()).collect();
    assert_eq!(labels, ["oasis-backports/main/binary-amd64", "oasis-backports/more/binary-amd64"]);
    assert_eq!(
        changed(&plain, &graph),
        [
            "build:tool@mirage-1/amd64",
            "index:backports@mirage-1/amd64",
            "repo:nightly@mirage-1",
            "resolve:tool@mirage-1/amd64",
            "root:tool@mirage-1/amd64"
        ]
    );

    // So does an index that moves.
    let moved = woven(&project(BACKPORTS, fields), &locked(&[("backports", of_backports("2"))])).expect("sound");
    assert_eq!(changed(&graph, &moved), changed(&plain, &graph));
}

#[test]
fn all_builds_see_what_is_everywhere_and_no_base_does() {
    let vendor =
        r#"#{ name: "vendor", suite: "stable", areas: ["main"], arches: ["arm64"], taken: "first", everywhere: true }"#;
    let both = format!("{vendor}, {BACKPORTS}");
    let pins =
        locked(&[("backports", of_backports("1")), ("vendor", pin("stable", &["main/binary-arm64/Packages.xz"], "1"))]);
    let graph = woven(&project(&both, r#"extra_repositories: ["backports", "vendor"]"#), &pins).expect("sound");
    let seen = |name: &str| -> Vec<String> {
        let Action::Resolve(resolve) = node(&graph, name).action() else { panic!("no list") };
        let roles = node(&graph, name).inputs().filter_map(|input| input.role.strip_prefix("index of "));
        let told: BTreeSet<&str> = resolve.extra.iter().map(|extra| extra.name.as_str()).collect();
        assert_eq!(roles.collect::<BTreeSet<&str>>(), told);
        resolve.extra.iter().map(|extra| format!("{} {}", extra.name, extra.taken)).collect()
    };
    // In the order of the distro's file.
    assert_eq!(seen("resolve:tool@mirage-1/arm64"), ["vendor first", "backports when-needed"]);
    assert_eq!(seen("resolve:tool@mirage-1/amd64"), ["backports when-needed"]);
    assert_eq!(seen("resolve:plain@mirage-1/arm64"), ["vendor first"]);
    for name in ["resolve:plain@mirage-1/amd64", "resolve:base@mirage-1/amd64", "resolve:base@mirage-1/arm64"] {
        assert_eq!(seen(name), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn neither_address_nor_key_is_part_of_an_identity() {
    let pins = locked(&[("backports", of_backports("1"))]);
    let with = |more: &str| {
        let extras = BACKPORTS.replace(" }", &format!(", {more} }}"));
        let mut files = project(&extras, r#"extra_repositories: ["backports"]"#);
        let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n".to_owned();
        files.0.insert("keys/a.asc".to_owned(), key.clone());
        files.0.insert("keys/b.asc".to_owned(), key + "other\n");
        woven(&files, &pins).expect("sound")
    };
    let plain = with("everywhere: false");
    for more in [
        r#"address: "https://example.org/debian""#,
        r#"address: "https://other.example.org/debian", key: "keys/a.asc""#,
        r#"address: "file:/srv/archive", key: "keys/b.asc""#,
    ] {
        assert_eq!(changed(&plain, &with(more)), Vec::<String>::new(), "{more}");
    }
    // When its packages are taken is.
    assert!(!changed(&plain, &with(r#"taken: "first""#)).is_empty());
}

#[test]
fn what_is_seen_and_not_pinned_is_an_error() {
    let errors = |extras: &str, fields: &str, pins: &[(&str, ExtraPin)]| {
        woven(&project(extras, fields), &locked(pins)).map(drop).expect_err("not pinned")
    };
    let named = r#"extra_repositories: ["backports"]"#;
    let told = ["the extra repository `backports` of mirage-1 is not pinned"];
    assert_eq!(errors(BACKPORTS, named, &[]), told);
    // Pinned for another suite, without an area, and for another arch.
    let places = ["main/binary-amd64/Packages.xz", "main/binary-arm64/Packages.xz"];
    for pin in [
        ExtraPin { suite: "other".to_owned(), ..of_backports("1") },
        pin("oasis-backports", &places, "1"),
        pin("oasis-backports", &["main/binary-amd64/Packages.xz", "more/binary-amd64/Packages.xz"], "1"),
    ] {
        assert_eq!(errors(BACKPORTS, named, &[("backports", pin)]), told);
    }
    // Once, where nobody names it.
    let everywhere = BACKPORTS.replace(" }", ", everywhere: true }");
    assert_eq!(errors(&everywhere, "", &[]), told);
}
