//! Which fields an id sees: all of them.

use proptest::prelude::*;

use super::*;

fn script() -> Script {
    Script {
        sandbox_contract: 1,
        text: SharedText::new("make\n"),
        env: Env::from([("A".into(), "1".into())]),
        env_with_probes: BTreeMap::new(),
        files: BTreeMap::from([("stamps".to_owned(), b"x".to_vec())]),
        network: false,
    }
}

fn resolve() -> Resolve {
    let one = |text: &str| vec![text.to_owned()];
    Resolve {
        family: "deb".to_owned(),
        arch: "amd64".to_owned(),
        needs: one("a"),
        conflicts: one("b"),
        variant: "buildd".to_owned(),
        add: one("c"),
        profiles: one("nodoc"),
        first_alternative: true,
        ours: ours("e"),
        extra: vec![extra("f", "when-needed")],
        asks: None,
        tests: None,
    }
}

fn tests(packages: &[&str], build_depends: &str) -> Box<Tests> {
    let packages = packages.iter().map(|name| (*name).to_owned()).collect();
    Box::new(Tests { packages, build_depends: build_depends.to_owned() })
}

fn extra(name: &str, taken: &str) -> Extra {
    Extra { name: name.to_owned(), taken: taken.to_owned() }
}

fn ours(maker: &str) -> SharedTable {
    SharedTable::new(BTreeMap::from([("d".to_owned(), maker.to_owned())]))
}

fn output(name: &str) -> OutputName {
    OutputName::new(name.to_owned()).expect("plain")
}

fn template(role: &str) -> Template {
    let mut template = Template::default();
    template.push_input(role);
    template
}

fn with_script(change: impl Fn(&mut Script)) -> Action {
    let mut script = script();
    change(&mut script);
    Action::Build { script, number: None, outputs: vec![output("packages")] }
}

fn with_resolve(change: impl Fn(&mut Resolve)) -> Action {
    let mut resolve = resolve();
    change(&mut resolve);
    Action::Resolve(resolve)
}

fn of(action: Action) -> Derivation {
    Derivation { action, inputs: Vec::new() }
}

fn all_actions() -> Vec<Action> {
    let settings = |value: &str| BTreeMap::from([("a".to_owned(), value.to_owned())]);
    let file = |label: &str, content: &[u8]| IndexFile { label: label.to_owned(), sha256: Sha256::of(content) };
    vec![
        Action::Source { tree: Digest::of(b"1") },
        Action::Source { tree: Digest::of(b"2") },
        Action::Index { files: vec![] },
        Action::Index { files: vec![file("a", b"1")] },
        Action::Index { files: vec![file("b", b"1")] },
        Action::Index { files: vec![file("a", b"2")] },
        Action::Index { files: vec![file("a", b"1"), file("b", b"1")] },
        with_resolve(|_| {}),
        with_resolve(|resolve| resolve.arch = "arm64".to_owned()),
        with_resolve(|resolve| resolve.needs.push("b".to_owned())),
        with_resolve(|resolve| resolve.needs[0] = "b".to_owned()),
        with_resolve(|resolve| resolve.conflicts.clear()),
        with_resolve(|resolve| resolve.variant.clear()),
        with_resolve(|resolve| resolve.add.clear()),
        with_resolve(|resolve| resolve.profiles.clear()),
        with_resolve(|resolve| resolve.first_alternative = false),
        with_resolve(|resolve| resolve.ours = SharedTable::default()),
        with_resolve(|resolve| resolve.ours = ours("f")),
        with_resolve(|resolve| resolve.family = "rpm".to_owned()),
        with_resolve(|resolve| resolve.extra.clear()),
        with_resolve(|resolve| resolve.extra.push(extra("g", "first"))),
        with_resolve(|resolve| resolve.extra.insert(0, extra("g", "first"))),
        with_resolve(|resolve| resolve.extra[0].taken = "first".to_owned()),
        with_resolve(|resolve| resolve.asks = Some(Box::new(script()))),
        with_resolve(|resolve| resolve.asks = Some(Box::new(Script { text: SharedText::new("ask\n"), ..script() }))),
        with_resolve(|resolve| resolve.tests = Some(tests(&["a"], "b"))),
        with_resolve(|resolve| resolve.tests = Some(tests(&["a", "b"], "b"))),
        with_resolve(|resolve| resolve.tests = Some(tests(&["a"], ""))),
        Action::Root { layer_format: 1, settings: settings("1") },
        Action::Root { layer_format: 2, settings: settings("1") },
        Action::Root { layer_format: 1, settings: settings("2") },
        Action::SourcePackage { script: None },
        Action::SourcePackage { script: Some(script()) },
        with_script(|_| {}),
        with_script(|script| script.sandbox_contract = 2),
        with_script(|script| script.text = SharedText::new("make \n")),
        with_script(|script| drop(script.env.insert("A".into(), "2".into()))),
        with_script(|script| drop(script.env.insert("B".into(), "".into()))),
        with_script(|script| script.env.clear()),
        with_script(|script| drop(script.env.insert("B".into(), "%{probe 1}".into()))),
        with_script(|script| drop(script.env_with_probes.insert("B".into(), template("probe 1")))),
        with_script(|script| drop(script.env_with_probes.insert("B".into(), template("probe 2")))),
        with_script(|script| drop(script.env_with_probes.insert("C".into(), template("probe 1")))),
        Action::Probe { script: script() },
        Action::Check { check: Check::Lintian, script: script() },
        Action::Check { check: Check::Own, script: script() },
        Action::Check { check: Check::Own, script: Script { text: SharedText::new("look\n"), ..script() } },
        with_script(|script| script.network = true),
        with_script(|script| script.files.clear()),
        with_script(|script| drop(script.files.insert("stamps".to_owned(), b"y".to_vec()))),
        Action::Build { script: script(), number: None, outputs: vec![output("debug"), output("packages")] },
        Action::Repo { settings: settings("1") },
        Action::Repo { settings: settings("2") },
    ]
}

#[test]
fn each_field_is_seen() {
    let actions = all_actions();
    let count = actions.len();
    let ids: std::collections::BTreeSet<DrvId> = actions.into_iter().map(|action| of(action).id()).collect();
    assert_eq!(ids.len(), count, "two of them have one id");
}

#[test]
fn the_number_is_seen_by_keys_alone() {
    let numbered = |number| of(Action::Build { script: script(), number, outputs: vec![output("packages")] });
    let keys = [None, Some(1), Some(2)].map(|number| numbered(number).action_key(&[]));
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    assert_eq!(numbered(None).id(), numbered(Some(2)).id());
}

/// Words in the order of asking, as a graph keeps them.
#[derive(Default)]
struct Kept {
    words: Vec<String>,
    texts: Vec<SharedText>,
    tables: Vec<SharedTable>,
}

fn kept<T: PartialEq>(list: &mut Vec<T>, item: T) -> u32 {
    let place = list.iter().position(|known| *known == item).unwrap_or(list.len());
    if place == list.len() {
        list.push(item);
    }
    u32::try_from(place).expect("few")
}

impl Interning for Kept {
    fn word(&mut self, word: &str) -> u32 {
        kept(&mut self.words, word.to_owned())
    }

    fn text(&mut self, text: &SharedText) -> u32 {
        kept(&mut self.texts, text.clone())
    }

    fn table(&mut self, table: &SharedTable) -> u32 {
        kept(&mut self.tables, table.clone())
    }
}

impl Words for Kept {
    fn word(&self, number: u32) -> Option<&str> {
        self.words.get(number as usize).map(String::as_str)
    }

    fn text(&self, number: u32) -> Option<&SharedText> {
        self.texts.get(number as usize)
    }

    fn table(&self, number: u32) -> Option<&SharedTable> {
        self.tables.get(number as usize)
    }
}

#[test]
fn a_compact_action_reads_back_and_damage_is_no_panic() {
    for action in all_actions() {
        let (mut words, mut bytes) = (Kept::default(), Vec::new());
        action.compact(&mut bytes, &mut words);
        assert_eq!(Compact(&bytes).action(&words), Ok(action.clone()));
        for end in 0..bytes.len() {
            assert_eq!(Compact(&bytes[..end]).action(&words), Err(DamagedAction), "{action:?} cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let _ = Compact(&damaged).action(&words);
        }
    }
}

#[test]
fn each_part_of_an_input_is_seen() {
    let input = |role: &str, from: &[u8], name: &str| Input {
        role: role.to_owned(),
        from: DrvId(Digest::of(from)),
        output: output(name),
    };
    let with = |inputs: Vec<Input>| Derivation { inputs, ..of(with_script(|_| {})) };
    let all = [
        with(vec![]),
        with(vec![input("root", b"1", "root")]),
        with(vec![input("boot", b"1", "root")]),
        with(vec![input("root", b"2", "root")]),
        with(vec![input("root", b"1", "boot")]),
        with(vec![input("root", b"1", "root"), input("source", b"1", "root")]),
    ];
    let ids: std::collections::BTreeSet<DrvId> = all.iter().map(Derivation::id).collect();
    assert_eq!(ids.len(), all.len());
    // In an action key only the content counts, not who made it.
    let key = |derivation: &Derivation| derivation.action_key(&[Digest::of(b"content")]);
    assert_eq!(key(&all[1]), key(&all[3]));
    assert_ne!(key(&all[1]), key(&all[2]));
}

proptest! {
    /// No value can look like two fields, and no two lists like one another.
    #[test]
    fn values_never_flow_into_each_other(a in prop::collection::vec("[ab =\n]{0,4}", 0..4), b in prop::collection::vec("[ab =\n]{0,4}", 0..4)) {
        let id = |needs: &[String]| of(with_resolve(|resolve| resolve.needs = needs.to_vec())).id();
        prop_assert_eq!(a == b, id(&a) == id(&b));
        let text = |needs: &[String]| text_of(&of(with_resolve(|resolve| resolve.needs = needs.to_vec())), &[]);
        prop_assert_eq!(a == b, text(&a) == text(&b));
    }
}
