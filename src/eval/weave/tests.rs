//! Which nodes there are, and what reads what.

mod asked;
mod checkouts;
mod extra;
mod laid;
mod may_fail;
mod probes;
mod stage;

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::digest::Sha256;
use crate::eval::{Files, FilesError, MemoryFiles, evaluate};
use crate::graph::Node;
use crate::lock::{BinaryFacts, DscPin, SourceFacts, SuitePin};
use crate::name::{ChannelName, PackageName};
use crate::settings::Channel;

const MIRAGE: &str = r#"#{
    family: "deb", vendor: "mirage", release: "1", codename: "oasis", suffix: "mir1",
    arches: ["amd64", "arm64"], indep_on: "amd64",
    suites: [#{ name: "oasis", areas: ["main"] }],
    keyring: "k.gpg", base: #{ variant: "buildd", add: [] },
    lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
    options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
}"#;

/// A source: its name, `Build-Depends`, and its binary packages with `Architecture` and `Depends`.
pub(super) type Made<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str, &'a str)]);

fn facts((source, build_depends, binaries): Made<'_>) -> SourceFacts {
    let binary = |(name, architecture, depends): &(&str, &str, &str)| {
        let facts = BinaryFacts {
            architecture: (*architecture).to_owned(),
            package_type: name.ends_with("-udeb").then(|| "udeb".to_owned()),
            depends: (*depends).to_owned(),
            provides: String::new(),
            profiles: if name.ends_with("-doc") { "<!nodoc>".to_owned() } else { String::new() },
        };
        (name.parse::<PackageName>().expect("a name"), facts)
    };
    SourceFacts {
        source: source.parse().expect("a name"),
        version: "1.0-1".to_owned(),
        distribution: "unstable".to_owned(),
        date: 0,
        format: "3.0 (quilt)".to_owned(),
        rules_requires_root: Some("no".to_owned()),
        build_depends: build_depends.to_owned(),
        build_depends_arch: String::new(),
        build_depends_indep: String::new(),
        build_conflicts: String::new(),
        binaries: binaries.iter().map(binary).collect(),
    }
}

pub(super) fn lock(arches: &[&str], sources: &[Made<'_>]) -> Lock {
    let distro: DistroName = "mirage-1".parse().expect("a name");
    let index = arches.iter().map(|arch| {
        let path = format!("main/binary-{arch}/Packages.xz");
        (path.clone(), Sha256::of(path.as_bytes()))
    });
    let suite =
        SuitePin { name: "oasis".into(), release: Sha256::of(b""), date: String::new(), index: index.collect() };
    let pins = sources.iter().map(|made| {
        let pin = DscPin {
            suite: "oasis".into(),
            directory: "pool".into(),
            tree: Digest::of(made.0.as_bytes()),
            files: BTreeMap::new(),
            facts: facts(*made),
        };
        (made.0.parse().expect("a name"), pin)
    });
    Lock {
        distro: BTreeMap::from([(distro.clone(), DistroPin { suite: vec![suite], ..DistroPin::default() })]),
        dsc: BTreeMap::from([(distro, pins.collect())]),
        ..Lock::default()
    }
}

pub(super) fn files(recipes: &[(&str, &str)]) -> MemoryFiles {
    let recipes = recipes.iter().map(|(name, text)| (format!("recipes/{name}.rhai"), (*text).to_owned()));
    MemoryFiles(recipes.chain([("distros/mirage-1.rhai".to_owned(), MIRAGE.to_owned())]).collect())
}

fn nowhere(asked: &BTreeMap<String, Asked>) -> Looked {
    let none = |folder: &String| LocalError { message: format!("no {folder}"), help: "none".to_owned() };
    asked.keys().map(|folder| (folder.clone(), Err(none(folder)))).collect()
}

pub(super) fn woven(files: &dyn Files, lock: &Lock) -> Result<Graph, Vec<String>> {
    let project = evaluate(files).expect("sound recipes");
    let told = |errors: RecipeErrors| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    weave(&project, lock, &Settings::default(), &nowhere).map(|woven| woven.graph).map_err(told)
}

/// Recipes that only name their source, for these sources.
fn graph(arches: &[&str], sources: &[Made<'_>]) -> Result<Graph, Vec<String>> {
    let texts: Vec<(&str, String)> =
        sources.iter().map(|made| (made.0, format!("#{{ source: dsc(\"{}\") }}", made.0))).collect();
    let recipes: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    woven(&files(&recipes), &lock(arches, sources))
}

fn node<'a>(graph: &'a Graph, name: &str) -> Node<'a> {
    graph.node(graph.find(&name.parse().expect(name)).expect(name))
}

/// The builds whose packages the root of a build may take.
fn needs(graph: &Graph, resolve: &str) -> Vec<String> {
    let node = node(graph, resolve);
    let packages = node.inputs().map(|input| input.role.strip_prefix("packages of "));
    packages.flatten().map(str::to_owned).collect()
}

fn builds(graph: &Graph) -> Vec<String> {
    let names = graph.ids().map(|id| graph.node(id).to_string());
    names.filter(|name| name.starts_with("build:")).collect()
}

const LIBMD: Made<'_> =
    ("libmd", "debhelper", &[("libmd0", "any", "${shlibs:Depends}"), ("libmd-dev", "any", "libmd0")]);
const LIBBSD: Made<'_> =
    ("libbsd", "libmd-dev (>= 1)", &[("libbsd0", "any", "${shlibs:Depends}"), ("libbsd-dev", "any", "libbsd0")]);

#[test]
fn needs_follow_from_control_files_package_by_package() {
    // tool needs libbsd-dev, that needs libbsd0, and what that needs is only known once it is built: so libmd as well.
    let tool = ("tool", "libbsd-dev | libother-dev, unknown", &[("tool", "any", "")] as &[_]);
    let graph = graph(&["amd64"], &[LIBMD, LIBBSD, tool]).expect("sound");
    assert_eq!(needs(&graph, "resolve:tool@mirage-1/amd64"), ["libbsd/amd64", "libmd/amd64"]);
    assert_eq!(needs(&graph, "resolve:libbsd@mirage-1/amd64"), ["libmd/amd64"]);
    assert_eq!(needs(&graph, "resolve:libmd@mirage-1/amd64"), Vec::<String>::new());
    assert_eq!(
        builds(&graph),
        ["build:libmd@mirage-1/amd64", "build:libbsd@mirage-1/amd64", "build:tool@mirage-1/amd64"]
    );
}

#[test]
fn literal_depends_lead_on_and_other_packages_of_a_component_do_not() {
    let grace = ("grace", "", &[("libgrace-dev", "any", "")] as &[_]);
    let module = ("module", "", &[("libmodule", "any", "")] as &[_]);
    let core = ("core", "", &[("core-dev", "any", "libgrace-dev"), ("core-all", "any", "libmodule")] as &[_]);
    let user = ("user", "core-dev", &[("user", "any", "")] as &[_]);
    let graph = graph(&["amd64"], &[grace, module, core, user]).expect("sound");
    assert_eq!(needs(&graph, "resolve:user@mirage-1/amd64"), ["core/amd64", "grace/amd64"]);
    assert_eq!(needs(&graph, "resolve:core@mirage-1/amd64"), Vec::<String>::new(), "what it makes, not what it needs");
}

#[test]
fn what_is_independent_of_the_arch_is_made_once_and_tied_to_the_rest() {
    let mixed = ("mixed", "", &[("mixed", "any", ""), ("mixed-data", "all", "")] as &[_]);
    let data = ("data", "mixed-data", &[("data", "all", "")] as &[_]);
    let graph = graph(&["amd64", "arm64"], &[mixed, data]).expect("sound");
    assert_eq!(
        builds(&graph),
        [
            "build:mixed@mirage-1/amd64",
            "build:mixed@mirage-1/all",
            "build:mixed@mirage-1/arm64",
            "build:data@mirage-1/all"
        ]
    );
    let roles =
        |name: &str| -> Vec<String> { node(&graph, name).inputs().map(|input| input.role.to_owned()).collect() };
    assert_eq!(roles("build:mixed@mirage-1/all"), ["number with amd64", "number with arm64", "root", "source"]);
    assert_eq!(roles("build:data@mirage-1/all"), ["root", "source"]);
    // It is made on the arch that the distro names, from that arch's packages and from those for all.
    assert_eq!(needs(&graph, "resolve:data@mirage-1/all"), ["mixed/all", "mixed/amd64"]);
    let all_root = node(&graph, "root:mixed@mirage-1/all");
    let base = graph.node(*all_root.input_nodes().first().expect("a base")).to_string();
    assert_eq!(base, "root:base@mirage-1/amd64");
}

#[test]
fn every_package_of_the_project_is_ours_and_those_of_the_installer_are_not() {
    let udeb = ("tool", "", &[("tool", "any", ""), ("tool-udeb", "any", ""), ("tool-doc", "all", "")] as &[_]);
    let sources = [LIBMD, udeb];
    let recipes = [
        ("libmd", "#{ source: dsc(\"libmd\") }"),
        ("tool", "#{ source: dsc(\"tool\"), profiles: [\"nodoc\"], needs: [pkg(\"help2man (>= 1.40)\")] }"),
    ];
    let graph = woven(&files(&recipes), &lock(&["amd64"], &sources)).expect("sound");
    let crate::drv::Action::Resolve(resolve) = node(&graph, "resolve:tool@mirage-1/amd64").action() else {
        panic!("no resolve")
    };
    let ours: Vec<(&str, &str)> = resolve.ours.iter().map(|(package, of)| (package.as_str(), of.as_str())).collect();
    assert_eq!(ours, [("libmd-dev", "libmd"), ("libmd0", "libmd"), ("tool", "tool")]);
    assert_eq!(resolve.needs, ["help2man (>= 1.40)"]);
    assert_eq!(resolve.profiles, ["nodoc"]);
    assert!(!builds(&graph).contains(&"build:tool@mirage-1/all".to_owned()), "its only package for all is left out");
}

#[test]
fn a_declared_need_brings_what_its_own_packages_may_need() {
    let recipes = [
        ("libmd", "#{ source: dsc(\"libmd\") }"),
        ("libbsd", "#{ source: dsc(\"libbsd\") }"),
        ("hello", "#{ source: dsc(\"hello\"), needs: [\"libbsd\"] }"),
    ];
    let hello = ("hello", "", &[("hello", "any", "")] as &[_]);
    let graph = woven(&files(&recipes), &lock(&["amd64"], &[LIBMD, LIBBSD, hello])).expect("sound");
    assert_eq!(needs(&graph, "resolve:hello@mirage-1/amd64"), ["libbsd/amd64", "libmd/amd64"]);
}

#[test]
fn a_need_for_what_is_made_for_all_arches_is_met_on_each() {
    let data = ("data", "", &[("data", "all", "")] as &[_]);
    let user = ("user", "", &[("user", "any", "")] as &[_]);
    let recipes = [
        ("data", "#{ source: dsc(\"data\"), targets: [\"@mirage-1/amd64\"] }"),
        ("user", "#{ source: dsc(\"user\"), needs: [\"data\"] }"),
    ];
    let graph = woven(&files(&recipes), &lock(&["amd64", "arm64"], &[data, user])).expect("sound");
    assert_eq!(needs(&graph, "resolve:user@mirage-1/arm64"), ["data/all"]);
}

#[test]
fn cycles_and_double_makers_are_errors() {
    let a = ("a", "b", &[("a", "any", "")] as &[_]);
    let b = ("b", "a", &[("b", "any", "")] as &[_]);
    assert_eq!(graph(&["amd64"], &[a, b]).expect_err("a cycle"), ["components need each other on mirage-1: a → b → a"]);
    let other = ("other", "", &[("a", "all", "")] as &[_]);
    let alone = ("a", "", &[("a", "any", "")] as &[_]);
    let errors = graph(&["amd64"], &[alone, other]).expect_err("two makers");
    assert_eq!(errors, ["`other` and `a` both make the package `a` for mirage-1"]);
    let several: Vec<(&str, &str, &str)> = ["a", "b", "c", "d", "e"].map(|name| (name, "any", "")).to_vec();
    let errors = graph(&["amd64"], &[("a", "", &several), ("other", "", &several)]).expect_err("two makers");
    assert_eq!(errors, ["`other` and `a` both make the packages `a`, `b`, `c` and 2 more for mirage-1"]);
}

#[test]
fn a_chain_as_long_as_recipes_may_be_is_followed() {
    let names: Vec<String> = (0..400).map(|n| format!("p{n:03}")).collect();
    let packages: Vec<[(&str, &str, &str); 1]> = names.iter().map(|name| [(name.as_str(), "any", "")]).collect();
    let needed = |n: usize| if n == 0 { "" } else { names[n - 1].as_str() };
    let sources: Vec<Made<'_>> = (0..400).map(|n| (names[n].as_str(), needed(n), &packages[n][..])).collect();
    let graph = graph(&["amd64"], &sources).expect("sound");
    assert_eq!(builds(&graph).len(), 400);
}

#[test]
fn a_local_folder_is_looked_at_once() {
    let files = files(&[("tool", "#{ source: path(\"src\") }"), ("twin", "#{ source: path(\"src\"), skip: \"no\" }")]);
    let project = evaluate(&files).expect("sound");
    let looks = Cell::new(0);
    let look_at = |asked: &BTreeMap<String, Asked>| {
        looks.set(looks.get() + 1);
        assert!(asked["src"].texts.contains("debian/control"));
        assert_eq!(asked.len(), 1);
        let control = "Source: tool\n\nPackage: tool\nArchitecture: any\nDescription: x\n";
        let changelog =
            "tool (1.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n";
        let texts = [("debian/control", control), ("debian/changelog", changelog)];
        let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        Looked::from([("src".to_owned(), Ok(LocalSource { tree: Digest::of(b"src"), texts }))])
    };
    let lock = lock(&["amd64", "arm64"], &[]);
    let graph = weave(&project, &lock, &Settings::default(), &look_at).expect("sound").graph;
    assert_eq!(looks.get(), 1);
    assert_eq!(node(&graph, "source:tool").origin(), &crate::graph::Origin::Folder("src".to_owned()));
    // It is packed in the base root of the arch that makes what is for all.
    let pack = node(&graph, "source-package:tool@mirage-1");
    assert_eq!(graph.node(pack.input_nodes()[0]).to_string(), "root:base@mirage-1/amd64");
}

#[test]
fn distros_without_a_pin_are_left_out_with_a_note() {
    let mut files = files(&[("libmd", "#{ source: dsc(\"libmd\") }")]);
    let second = MIRAGE.replace("\"1\"", "\"2\"");
    files.0.insert("distros/mirage-2.rhai".to_owned(), second);
    let project = evaluate(&files).expect("sound");
    let woven = weave(&project, &lock(&["amd64"], &[LIBMD]), &Settings::default(), &nowhere).expect("sound");
    assert_eq!(woven.notices, ["not pinned, so left out: mirage-2 (`opb update @NAME` pins one)"]);
    assert!(woven.graph.ids().all(|id| woven.graph.node(id).distro() != Some("mirage-2")));
}

#[test]
fn many_distros_without_a_pin_are_counted() {
    let mut files = files(&[("libmd", "#{ source: dsc(\"libmd\") }")]);
    for release in ["2", "3", "4", "5"] {
        let other = MIRAGE.replace("\"1\"", &format!("\"{release}\""));
        files.0.insert(format!("distros/mirage-{release}.rhai"), other);
    }
    let project = evaluate(&files).expect("sound");
    let woven = weave(&project, &lock(&["amd64"], &[LIBMD]), &Settings::default(), &nowhere).expect("sound");
    assert_eq!(woven.notices, ["not pinned, so left out: 4 of 5 distros (`opb update @NAME` pins one)"]);
}

#[test]
fn channels_read_what_they_hold() {
    let project = evaluate(&files(&[("libmd", "#{ source: dsc(\"libmd\") }")])).expect("sound");
    let channel = |targets: &[&str]| Channel {
        targets: targets.iter().map(|text| (*text).to_owned()).collect(),
        ..Channel::default()
    };
    let names = ["all", "none-of-arm", "no-arm"].map(|name| ChannelName::new(name).expect("a name"));
    let [all, amd, not_arm] = names;
    let settings = Settings {
        channel: BTreeMap::from([
            (all, channel(&[])),
            (amd, channel(&["@mirage-*/amd64"])),
            (not_arm, channel(&["!@mirage-1/arm64"])),
        ]),
        ..Settings::default()
    };
    let lock = lock(&["amd64", "arm64"], &[LIBMD]);
    let graph = weave(&project, &lock, &settings, &nowhere).expect("sound").graph;
    let roles = |name: &str| -> Vec<&str> { node(&graph, name).inputs().map(|input| input.role).collect() };
    let of_amd = ["debug libmd/amd64", "packages libmd/amd64", "source libmd", "udebs libmd/amd64"];
    assert_eq!(roles("repo:all@mirage-1").len(), 7);
    assert_eq!(roles("repo:none-of-arm@mirage-1"), of_amd);
    assert_eq!(roles("repo:no-arm@mirage-1"), of_amd);
}

/// Files that are listed in another order each time.
struct Shuffled(MemoryFiles, Cell<usize>);

impl Files for Shuffled {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let mut names = self.0.list(folder)?;
        self.1.set(self.1.get() + 1);
        let by = self.1.get() % names.len().max(1);
        names.rotate_left(by);
        if self.1.get().is_multiple_of(2) {
            names.reverse();
        }
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        self.0.read(path)
    }
}

fn ids(graph: &Graph) -> Vec<(String, String)> {
    graph.ids().map(|id| (graph.node(id).to_string(), graph.node(id).id().to_string())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_order_of_anything_shows_in_the_graph(turn in 0usize..100, order in Just(vec!["env", "needs", "profiles", "source"]).prop_shuffle()) {
        let field = |name: &&str| match *name {
            "env" if turn % 2 == 0 => "env: #{ A: \"1\", B: \"2\" }",
            "env" => "env: #{ B: \"2\", A: \"1\" }",
            "needs" => "needs: [\"libmd\"]",
            "profiles" if turn % 3 == 0 => "profiles: [\"nocheck\", \"nodoc\"]",
            "profiles" => "profiles: [\"nodoc\", \"nocheck\"]",
            _ => "source: dsc(\"libbsd\")",
        };
        let fields: Vec<&str> = order.iter().map(field).collect();
        let recipe = format!("// {turn}\n#{{ {} }}", fields.join(",\n /* {turn} */ "));
        let files = |recipe: &str| files(&[("libmd", "#{ source: dsc(\"libmd\") }"), ("libbsd", recipe)]);
        let plain = "#{ source: dsc(\"libbsd\"), env: #{ A: \"1\", B: \"2\" }, needs: [\"libmd\"], profiles: [\"nocheck\", \"nodoc\"] }";
        let lock = lock(&["amd64", "arm64"], &[LIBMD, LIBBSD]);
        let expected = woven(&files(plain), &lock).expect("sound");
        let shuffled = woven(&Shuffled(files(&recipe), Cell::new(turn)), &lock).expect("sound");
        prop_assert_eq!(ids(&expected), ids(&shuffled));
    }
}
