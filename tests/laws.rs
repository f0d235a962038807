//! Laws of evaluation: what must never change an id, and ids that must not change by themselves.

use std::collections::BTreeMap;
use std::path::Path;

use opb::digest::Digest;
use opb::eval::weave::{Asked, LocalSource, Looked, weave};
use opb::eval::{Files, FilesError, MemoryFiles, evaluate};
use opb::lock::Lock;
use opb::settings::Settings;
use proptest::prelude::*;

const DISTRO: &str = r#"#{
    family: "deb", vendor: "mirage", release: "1", codename: "oasis", suffix: "mir1",
    arches: ["amd64", "arm64"], indep_on: "amd64",
    suites: [#{ name: "oasis", areas: ["main"] }],
    keyring: "mirage-keyring.gpg",
    base: #{ variant: "buildd", add: [] },
    lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
    options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
}
"#;

const FLAGS: &str = "fn flags(of) { #{ LEVEL: of, RELEASE: target.release } }\n";

/// Fields of a recipe that has some of everything, in some order.
const FIELDS: [&str; 7] = [
    r#"source: path("tool")"#,
    r#"needs: ["libmd", pkg("help2man (>= 1.40)")]"#,
    r#"env: #{ V: "1", A: "2", Z: probe("gcc -dumpversion") } + lib::flags("3")"#,
    r#"profiles: ["nodoc", "nocheck"]"#,
    r#"stamp: ["version.id"]"#,
    r#"patches: ["b.patch", "a.patch"]"#,
    r#"on: [["@mirage-1/arm64", #{ env: #{ B: "1", A: () } }], ["@mirage-*", |target| #{ env: #{ AT: target.name } }]]"#,
];

const CONTROL: &str = "Source: logax\nMaintainer: A <a@example.org>\nBuild-Depends: libbsd-dev\n\nPackage: logax\nArchitecture: any\nDescription: x\n\n\
                       Package: logax-doc\nArchitecture: all\nBuild-Profiles: <!nodoc>\nDescription: x\n";
const CHANGELOG: &str =
    "logax (1.2-3) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 11 Jan 2025 10:00:00 +0000\n";

fn pin(name: &str, needs: &str) -> String {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let tree = Digest::of(name.as_bytes());
    format!(
        "[dsc.mirage-1.{name}]\nsuite = \"oasis\"\ndirectory = \"pool/{name}\"\ntree = \"{tree}\"\n\
         files = {{ \"{name}_1.0-1.dsc\" = {{ size = 1, sha256 = \"{sha256}\" }} }}\n\
         [dsc.mirage-1.{name}.facts]\nsource = \"{name}\"\nversion = \"1.0-1\"\ndistribution = \"unstable\"\ndate = 1736589600\n\
         format = \"3.0 (quilt)\"\nbuild_depends = \"{needs}\"\n\
         [dsc.mirage-1.{name}.facts.binaries.{name}-dev]\narchitecture = \"any\"\n"
    )
}

fn lock() -> String {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let indexes = ["binary-amd64/Packages.xz", "binary-arm64/Packages.xz", "source/Sources.xz"];
    let indexes = indexes.map(|path| format!("\"main/{path}\" = \"{sha256}\"\n")).concat();
    format!(
        "version = 1\n[[distro.mirage-1.suite]]\nname = \"oasis\"\nrelease = \"{sha256}\"\n\
         date = \"Sat, 11 Jan 2025 10:00:00 UTC\"\n[distro.mirage-1.suite.index]\n{indexes}{}{}",
        pin("libmd", "debhelper"),
        pin("libbsd", "debhelper, libmd-dev (>= 1)"),
    )
}

fn files(fields: &[&str]) -> BTreeMap<String, String> {
    let tool = format!("import \"lib/flags\" as lib;\n#{{ {} }}\n", fields.join(", "));
    let files = [
        ("distros/mirage-1.rhai", DISTRO),
        ("recipes/lib/flags.rhai", FLAGS),
        ("recipes/libmd.rhai", "#{ source: dsc(\"libmd\") }\n"),
        ("recipes/libbsd.rhai", "#{ source: dsc(\"libbsd\") }\n"),
        ("recipes/tool.rhai", tool.as_str()),
        ("recipes/tool/a.patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"),
        ("recipes/tool/b.patch", "--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n"),
    ];
    files.map(|(path, text)| (path.to_owned(), text.to_owned())).into()
}

/// The id of each node, by its name.
fn ids(files: &dyn Files) -> BTreeMap<String, String> {
    let project = evaluate(files).unwrap_or_else(|errors| panic!("{:?}", errors.iter().collect::<Vec<_>>()));
    let lock: Lock = toml::from_str(&lock()).expect("a lock");
    let look_at = |asked: &BTreeMap<String, Asked>| -> Looked {
        let texts = [("debian/control", CONTROL), ("debian/changelog", CHANGELOG)];
        let texts: BTreeMap<String, String> = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        let source = LocalSource { tree: Digest::of(b"tool"), texts };
        asked.keys().map(|folder| (folder.clone(), Ok(source.clone()))).collect()
    };
    let woven = weave(&project, &lock, &Settings::default(), &look_at)
        .unwrap_or_else(|errors| panic!("{:?}", errors.iter().collect::<Vec<_>>()));
    let of = |id| (woven.graph.node(id).name().to_string(), woven.graph.node(id).id().to_string());
    woven.graph.ids().map(of).collect()
}

/// Lists folders in an order of its own.
struct Shuffled(MemoryFiles, u64);

impl Files for Shuffled {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let mut names = self.0.list(folder)?;
        names.sort_by_key(|name| Digest::of(format!("{}{name}", self.1).as_bytes()).to_string());
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        self.0.read(path)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn neither_the_order_of_fields_and_files_nor_the_number_of_threads_changes_an_id(
        fields in Just(FIELDS.to_vec()).prop_shuffle(),
        order in any::<u64>(),
        threads in 1usize..5,
    ) {
        let plain = ids(&MemoryFiles(files(&FIELDS)));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let shuffled = pool.install(|| ids(&Shuffled(MemoryFiles(files(&fields)), order)));
        prop_assert_eq!(plain, shuffled);
    }

    #[test]
    fn the_order_of_keys_of_a_map_changes_no_id(keys in Just(vec!["B", "A", "_Z", "a1", "Y"]).prop_shuffle()) {
        let with = |keys: &[&str]| {
            let env: Vec<String> = keys.iter().map(|key| format!("{key}: \"of {key}\"")).collect();
            let env = format!("env: #{{ {} }}", env.join(", "));
            ids(&MemoryFiles(files(&[FIELDS[0], &env])))
        };
        prop_assert_eq!(with(&["B", "A", "_Z", "a1", "Y"]), with(&keys));
    }
}

#[test]
fn what_is_said_changes_ids_and_how_it_is_written_does_not() {
    let plain = ids(&MemoryFiles(files(&FIELDS)));
    let with = |path: &str, text: &str| {
        let mut files = files(&FIELDS);
        files.insert(path.to_owned(), text.to_owned());
        ids(&MemoryFiles(files))
    };
    assert_eq!(
        plain,
        with("recipes/libmd.rhai", "// A comment.\n\n#{\n    build: native(), source: dsc(`libmd`),\n}\n")
    );
    assert_eq!(plain, with("recipes/lib/other.rhai", "fn unused() { 1 }\n"));
    assert_eq!(plain, with("README.md", "Hello.\n"));
    let changed = with("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), env: #{ V: \"1\" } }\n");
    let differ: Vec<&String> =
        plain.iter().filter(|(name, id)| changed.get(*name) != Some(id)).map(|(name, _)| name).collect();
    assert!(differ.iter().any(|name| name.starts_with("build:libmd@")), "{differ:?}");
    assert!(differ.iter().any(|name| name.starts_with("build:libbsd@")), "what needs it: {differ:?}");
    assert!(!differ.iter().any(|name| name.starts_with("root:base@") || name.starts_with("source:")), "{differ:?}");
}

#[test]
fn ids_are_what_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/laws/ids.txt");
    let now: String = ids(&MemoryFiles(files(&FIELDS))).iter().map(|(name, id)| format!("{id} {name}\n")).collect();
    if std::env::var_os("OPB_BLESS").is_some() {
        std::fs::write(&path, &now).expect("writable");
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<&str> = now.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
    assert!(
        now == before,
        "ids of the fixed project have changed, and so have those of every project: all that was ever built counts as never \
         built.\n\nIf that was not meant, find what is hashed in another way: `src/drv/encode.rs`, the scripts and environments \
         in `src/family/`, or what evaluation makes of recipes.\nIf it was meant, say so in the commit (with what users will \
         see), and write the new ids: OPB_BLESS=1 cargo test --test laws ids_are_what_they_were\n\nnew or changed:\n{}",
        changed.join("\n")
    );
}
