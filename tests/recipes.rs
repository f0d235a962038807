//! Recipes and distro files as a packager writes them: cases in `tests/recipes/*.txt`, each with the mistakes that
//! stand at its lines; what people see of the commonest ones; and the laws of evaluation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use opb::component::{Need, SourceSpec};
use opb::diag::{Cause, Caused as _};
use opb::eval::{Files, FilesError, MemoryFiles, Project, RecipeError, RecipeErrors, Work, evaluate};
use proptest::prelude::*;

const DISTROS: [(&str, &str); 3] = [
    ("distros/debian-12.rhai", include_str!("../distros/debian-12.rhai")),
    ("distros/debian-13.rhai", include_str!("../distros/debian-13.rhai")),
    ("distros/ubuntu-24.04.rhai", include_str!("../distros/ubuntu-24.04.rhai")),
];

const RECIPES: [(&str, &str); 4] = [
    ("recipes/hello.rhai", include_str!("../recipes/hello.rhai")),
    ("recipes/libbsd.rhai", include_str!("../recipes/libbsd.rhai")),
    ("recipes/libmd.rhai", include_str!("../recipes/libmd.rhai")),
    ("recipes/signify-openbsd.rhai", include_str!("../recipes/signify-openbsd.rhai")),
];

fn files<'a>(more: impl IntoIterator<Item = (&'a str, &'a str)>) -> MemoryFiles {
    let all = DISTROS.into_iter().chain(more);
    MemoryFiles(all.map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
}

fn one(recipe: &str) -> Result<Project, RecipeErrors> {
    evaluate(&files([("recipes/case.rhai", recipe)]))
}

/// What a person sees, 100 columns wide.
fn seen(error: &dyn Diagnostic) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
    let mut text = String::new();
    handler.render_report(&mut text, error).expect("text");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn seen_of(recipe: &str) -> String {
    seen(&one(recipe).expect_err("a mistake"))
}

/// A case's files, without what is expected of them.
fn parse_case(body: &str) -> Vec<(String, String)> {
    let mut parts = vec![("recipes/case.rhai".to_owned(), String::new())];
    for line in body.lines().filter(|line| !line.trim_start().starts_with("//~")) {
        match line.strip_prefix("--- ") {
            Some(path) => parts.push((path.to_owned(), String::new())),
            None => {
                let (_, text) = parts.last_mut().expect("the first file");
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    parts
}

/// Lines to write after a line of a file: the file, the line from 0, and what was found there.
type Found = BTreeMap<(String, usize), String>;

fn note(found: &mut Found, text: &BTreeMap<String, String>, word: &str, error: &RecipeError) {
    let file = text.get(error.file()).map_or("", String::as_str);
    let (line, underlined) = match error.span() {
        Some(span) => {
            let underlined = &file[span.offset()..span.offset() + span.len()];
            (file[..span.offset()].matches('\n').count(), format!("at ⟦{underlined}⟧"))
        }
        None => (0, format!("in {}", error.file())),
    };
    let shown = if file.is_empty() { "recipes/case.rhai" } else { error.file() };
    let lines = found.entry((shown.to_owned(), line)).or_default();
    let help = error.help().map_or(String::new(), |help| help.to_string());
    assert!(!help.is_empty(), "no help: {error}");
    writeln!(lines, "    //~ {word} {underlined}: {error}\n    //~   help: {help}").expect("text");
}

/// A case as it should be written.
fn written(body: &str) -> String {
    let parts = parse_case(body);
    let text: BTreeMap<String, String> =
        parts.iter().map(|(path, text)| (path.clone(), text.replace('␛', "\u{1b}"))).collect();
    let mut found = Found::new();
    match evaluate(&files(text.iter().map(|(path, text)| (path.as_str(), text.as_str())))) {
        Ok(project) => {
            for warning in &project.warnings {
                note(&mut found, &text, "warning", warning.mistake());
            }
        }
        Err(errors) => {
            assert_eq!(errors.fault(), Cause::Input);
            assert!(!seen(&errors).chars().any(|c| c.is_control() && c != '\n'), "harmful: {}", seen(&errors));
            errors.iter().for_each(|error| note(&mut found, &text, "error", error));
        }
    }
    let mut result = String::new();
    for (place, (path, text)) in parts.iter().enumerate() {
        if place > 0 {
            writeln!(result, "--- {path}").expect("text");
        }
        for (number, line) in text.lines().enumerate() {
            writeln!(result, "{line}").expect("text");
            result.push_str(&found.remove(&(path.clone(), number)).unwrap_or_default());
        }
        result.extend((0..text.lines().count() + 2).filter_map(|number| found.remove(&(path.clone(), number))));
    }
    assert!(found.is_empty(), "{found:?}");
    result.replace('\u{1b}', "␛")
}

#[test]
fn cases_say_what_they_are_said_to_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes");
    let bless = std::env::var_os("OPB_BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of cases") {
        let path = entry.expect("a case").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let mut cases = text.split("\n### ");
        let mut expected = cases.next().expect("a head").to_owned();
        for case in cases {
            let (title, body) = case.split_once('\n').unwrap_or((case, ""));
            let new = format!("\n### {title}\n{}", written(body));
            if !bless {
                assert_eq!(format!("\n### {case}").trim_end(), new.trim_end(), "{}: {title}", path.display());
            }
            expected.push_str(new.trim_end());
            expected.push('\n');
            count += 1;
        }
        if bless {
            std::fs::write(&path, expected).expect("writable");
        }
    }
    assert!(count > 100, "only {count} cases");
}

#[test]
fn what_people_see() {
    insta::assert_snapshot!(seen_of("{\n    source: dsc(\"libmd\"),\n}\n"), @r###"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::syntax

      × a map begins with `#{`, not with `{`
       ╭─[recipes/case.rhai:1:1]
     1 │ {
       · ┬
       · ╰── here
     2 │     source: dsc("libmd"),
       ╰────
      help: write `#{` here
    "###);
    insta::assert_snapshot!(seen_of("#{ source: dsc(\"libmd\"), env: #{ D: `${shlibs:Depends}` } }\n"), @r###"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::syntax

      × a `${…}` in back-ticks holds what is not an expression
       ╭─[recipes/case.rhai:1:46]
     1 │ #{ source: dsc("libmd"), env: #{ D: `${shlibs:Depends}` } }
       ·                                              ┬
       ·                                              ╰── here
       ╰────
      help: write `#"…"#` instead: a back-ticked string puts the value of what stands in `${…}` into
            the text
    "###);
    insta::assert_snapshot!(seen_of("#{\n    source: dsc(\"libmd\"),\n    skip: if target.famly == \"rpm\" { \"no\" },\n}\n"), @r###"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::script

      × `target` has no property `famly`
       ╭─[recipes/case.rhai:3:21]
     2 │     source: dsc("libmd"),
     3 │     skip: if target.famly == "rpm" { "no" },
       ·                     ──┬──
       ·                       ╰── here
     4 │ }
       ╰────
      help: did you mean `family`? A target has `arch`, `codename`, `distro`, `family`, `name`,
            `release`, `vendor`
    "###);
    insta::assert_snapshot!(seen_of("#{\n    sorce: dsc(\"libmd\"), // \u{1b}[31m\n    needs: \"a\",\n}\n"), @r###"
      × evaluating the recipes: 2 mistakes

    Error: opb::eval::field

      × there is no field `sorce`
       ╭─[recipes/case.rhai:2:5]
     1 │ #{
     2 │     sorce: dsc("libmd"), // ?[31m
       ·     ──┬──
       ·       ╰── here
     3 │     needs: "a",
       ╰────
      help: did you mean `source`?

    Error: opb::eval::field

      × `needs` must be a list, not a string
       ╭─[recipes/case.rhai:3:12]
     2 │     sorce: dsc("libmd"), // ?[31m
     3 │     needs: "a",
       ·            ─┬─
       ·             ╰── here
     4 │ }
       ╰────
      help: write it as in `["one", "two"]`
    "###);
    insta::assert_snapshot!(seen_of("#{ source: dsc(\"a\"), targets: [\"@debain-12\"] }\n"), @r###"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::pattern

      × `@debain-12` matches no target
       ╭─[recipes/case.rhai:1:32]
     1 │ #{ source: dsc("a"), targets: ["@debain-12"] }
       ·                                ──────┬─────
       ·                                      ╰── here
       ╰────
      help: did you mean `@debian-12`?
    "###);
    insta::assert_snapshot!(seen_of("loop {}\n"), @r###"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::limit

      × the recipe takes too many steps
       ╭─[recipes/case.rhai:1:6]
     1 │ loop {}
       ·      ┬
       ·      ╰── here
       ╰────
      help: end the loop here, or make it shorter: a recipe describes, it does not work
    "###);
}

#[test]
fn a_later_stage_points_at_the_recipe() {
    let project = one("#{\n    source: dsc(\"a\"),\n    needs: [\"b\", \"libmf\"],\n}\n").expect("a project");
    let case = "case".parse().expect("a name");
    let error =
        project.recipe_error(&case, "needs", Some("libmf"), "there is no component `libmf`", "did you mean `libmd`?");
    insta::assert_snapshot!(seen(&error), @r###"
    opb::eval::need

      × there is no component `libmf`
       ╭─[recipes/case.rhai:3:18]
     2 │     source: dsc("a"),
     3 │     needs: ["b", "libmf"],
       ·                  ───┬───
       ·                     ╰── here
     4 │ }
       ╰────
      help: did you mean `libmd`?
    "###);
    let error = project.recipe_error(&case, "source", None, "there is no source package `a`", "run `opb update`");
    insta::assert_snapshot!(seen(&error), @r###"
    opb::eval::need

      × there is no source package `a`
       ╭─[recipes/case.rhai:2:5]
     1 │ #{
     2 │     source: dsc("a"),
       ·     ───┬──
       ·        ╰── here
     3 │     needs: ["b", "libmf"],
       ╰────
      help: run `opb update`
    "###);
}

#[test]
fn missing_folders_are_said() {
    let shown = seen(&evaluate(&MemoryFiles::default()).expect_err("nothing there"));
    insta::assert_snapshot!(shown, @r###"
      × evaluating the recipes: 2 mistakes

    Error: opb::eval::file

      × `distros` is not there
      help: create it, or change to the project's folder with `-C`

    Error: opb::eval::file

      × `recipes` is not there
      help: create it, or change to the project's folder with `-C`
    "###);
}

#[test]
fn the_project_of_this_repository() {
    let project = evaluate(&files(RECIPES)).expect("its own recipes");
    assert!(project.warnings.is_empty());
    let targets: Vec<String> = project.targets().iter().map(ToString::to_string).collect();
    let expected = [
        "debian-12/amd64",
        "debian-12/arm64",
        "debian-12/i386",
        "debian-13/amd64",
        "debian-13/arm64",
        "ubuntu-24.04/amd64",
    ];
    assert_eq!(targets, expected);
    let work: Vec<String> =
        project.work.iter().map(|work| format!("{}@{}", work.component.name, work.target)).collect();
    assert_eq!(work.len(), 4 * expected.len());
    assert!(work.is_sorted());
    let deb = |name: &str| project.distros[name].deb().expect("of the family deb");
    let debian = deb("debian-12");
    assert_eq!(debian.suites[2].name, "bookworm-security");
    assert!(debian.suites[2].security && debian.options.first_alternative && !debian.options.rules_need_no_root);
    assert!(deb("debian-13").options.rules_need_no_root);
}

#[test]
fn overrides_apply_in_order() {
    let recipe = r##"#{
        source: path("."), needs: ["libmd", pkg("help2man(>= 1.40)")],
        targets: ["@debian-*", "!@*/i386"],
        env: #{ V: "1", W: "1", X: () }, profiles: ["nocheck"], stamp: ["a/version"],
        on: [
            ["@debian-13/*",     #{ profiles: ["nodoc"], env: #{ V: "2", W: () } }],
            ["@debian-*/arm64",  #{ skip: "slow", needs: [] }],
            ["@debian-13/arm64", #{ skip: () }],
        ],
    }"##;
    let project = one(recipe).expect("a project");
    let shown: Vec<String> = project
        .work
        .iter()
        .map(|Work { target, component: it }| {
            let env: BTreeMap<&String, String> = it.env.iter().map(|(name, text)| (name, text.to_string())).collect();
            format!("{target} {env:?} {:?} needs {} skip {:?}", it.profiles, it.needs.len(), it.skip)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r###"
    debian-12/amd64 {"V": "1", "W": "1"} {"nocheck"} needs 2 skip None
    debian-12/arm64 {"V": "1", "W": "1"} {"nocheck"} needs 0 skip Some("slow")
    debian-13/amd64 {"V": "2"} {"nodoc"} needs 2 skip None
    debian-13/arm64 {"V": "2"} {"nodoc"} needs 0 skip None
    "###);
    let first = &project.work[0].component;
    assert_eq!(first.needs[1].to_string(), "help2man (>= 1.40)");
    assert!(matches!(first.needs[1], Need::Package { .. }));
    assert_eq!(first.source, SourceSpec::Path { folder: None });
    assert_eq!(first.stamp[0].to_string(), "a/version");
}

#[test]
fn closures_say_what_changes_for_a_target() {
    let recipe = r##"
        let n = 0;
        let flags = #{ LEVEL: "2" };
        #{
            source: path("."), profiles: ["nodoc"], env: #{ A: "a" },
            on: [
                ["@debian-*", |target| { n += 1; flags["N"] = n.to_string(); #{ env: flags, area: target.codename } }],
                [["@*", "!@*/arm64"], |target, it| #{ profiles: it.profiles + [it.area], env: #{ A: it.env.A + "!" } }],
                ["@*/i386", |target| #{ skip: `no ${target.arch}`, env: #{ A: () } }],
            ],
        }"##;
    let shown = |Work { target, component: it }: &Work| {
        let env: BTreeMap<&String, String> = it.env.iter().map(|(name, text)| (name, text.to_string())).collect();
        format!("{target} {} {env:?} {:?} skip {:?}", it.area, it.profiles, it.skip)
    };
    let shown: Vec<String> = one(recipe).expect("a project").work.iter().map(shown).collect();
    // What a closure changed of its surroundings is gone when the next target asks.
    insta::assert_snapshot!(shown.join("\n"), @r###"
    debian-12/amd64 bookworm {"A": "a!", "LEVEL": "2", "N": "1"} {"bookworm", "nodoc"} skip None
    debian-12/arm64 bookworm {"A": "a", "LEVEL": "2", "N": "1"} {"nodoc"} skip None
    debian-12/i386 bookworm {"LEVEL": "2", "N": "1"} {"bookworm", "nodoc"} skip Some("no i386")
    debian-13/amd64 trixie {"A": "a!", "LEVEL": "2", "N": "1"} {"nodoc", "trixie"} skip None
    debian-13/arm64 trixie {"A": "a", "LEVEL": "2", "N": "1"} {"nodoc"} skip None
    ubuntu-24.04/amd64 main {"A": "a!"} {"main", "nodoc"} skip None
    "###);
}

#[test]
fn probes_are_handed_on() {
    let recipe = r##"
        let gcc = probe("gcc -dumpversion");
        #{
            source: path("."),
            env: #{ A: gcc, B: "-DGCC=" + gcc + ";", C: `${target.arch}: \n${gcc} "${1 + 1}"#${""}`, D: `
x${gcc}` },
            on: [["@debian-12", |target, it| #{ env: #{ A: `${it.env.A}!` } }]],
        }"##;
    let project = one(recipe).expect("a project");
    let shown: Vec<String> = project.work[0]
        .component
        .env
        .values()
        .map(|text| text.filled(|probe| format!("<{}>", probe.command)))
        .collect();
    assert_eq!(
        shown,
        [
            "<gcc -dumpversion>!",
            "-DGCC=<gcc -dumpversion>;",
            "amd64: \\n<gcc -dumpversion> \"2\"#",
            "x<gcc -dumpversion>"
        ]
    );
}

#[test]
fn targets_that_agree_share_a_component() {
    let recipe = r##"#{
        source: path("."),
        on: [["@debian-12", #{ profiles: ["nodoc"] }], ["@debian-*", |target| #{ env: #{ V: target.vendor } }]],
    }"##;
    let work = one(recipe).expect("a project").work;
    let same = |one: usize, other: usize| std::sync::Arc::ptr_eq(&work[one].component, &work[other].component);
    // debian-12 on three arches, debian-13 on two, ubuntu-24.04 on one.
    assert!(same(0, 1) && same(1, 2) && same(3, 4));
    assert!(!same(2, 3) && !same(4, 5));
}

#[test]
fn a_recipe_runs_once_for_targets_that_agree() {
    let printed = |recipe: &str| one(recipe).expect("a project").warnings.len();
    // Equal lines are shown once, so each run prints what it read.
    assert_eq!(printed("print(`x`); #{ source: dsc(\"a\") }"), 1);
    assert_eq!(printed("print(target.vendor); #{ source: dsc(\"a\") }"), 2);
    assert_eq!(printed("print(target.vendor + target.release); #{ source: dsc(\"a\") }"), 3);
    assert_eq!(printed("print(`${target}`); #{ source: dsc(\"a\") }"), 6);
}

#[test]
fn nothing_of_one_evaluation_is_left_for_the_next() {
    let recipe = "let n = 1; n += 1; #{ source: dsc(\"a\"), env: #{ N: n.to_string(), T: target.name } }";
    for work in one(recipe).expect("a project").work {
        assert_eq!(work.component.env["N"].plain(), Some("2"));
        assert_eq!(work.component.env["T"].plain(), Some(work.target.to_string().as_str()));
    }
}

#[test]
fn many_recipes_for_many_targets_are_quick() {
    let mut all = MemoryFiles::default();
    let debian = DISTROS[0].1;
    for release in 100..131 {
        let text = debian.replace("release: \"12\"", &format!("release: \"{release}\"")).replace(", \"i386\"", "");
        all.0.insert(format!("distros/debian-{release}.rhai"), text);
    }
    for number in 0..70 {
        let recipe = "let flags = if target.arch == \"arm64\" { \"1\" } else { \"2\" };\n\
                      #{ source: dsc(\"a\"), env: #{ V: flags, R: target.release }, on: [[\"@debian-1*\", #{ profiles: [\"nodoc\"] }]] }";
        all.0.insert(format!("recipes/c{number}.rhai"), recipe.to_owned());
    }
    let start = std::time::Instant::now();
    let project = evaluate(&all).expect("a project");
    let took = start.elapsed();
    assert_eq!(project.work.len(), 70 * 62);
    println!("70 recipes for 62 targets: {took:?}");
    assert!(took.as_secs() < 5, "{took:?} even without optimisation is far too much");
}

/// A recipe's fields, to be written in any order.
const SHUFFLED: [&str; 7] = [
    "source: dsc(\"a\")",
    "build: native()",
    "env: #{ A: \"1\", B: target.release }",
    "profiles: [\"nodoc\", \"nocheck\"]",
    "targets: [\"@*\", \"!@*/i386\"]",
    "needs: [\"b\"]",
    "on: [[\"@debian-13\", #{ env: #{ A: \"2\" } }]]",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_of_fields_and_files_does_not_matter(
        fields in Just(SHUFFLED.to_vec()).prop_shuffle(),
        names in Just(vec!["case", "a", "b", "zz"]).prop_shuffle(),
    ) {
        let recipe = format!("#{{ {} }}", fields.join(", "));
        let plain = format!("#{{ {} }}", SHUFFLED.join(", "));
        let paths: Vec<String> = names.iter().map(|name| format!("recipes/{name}.rhai")).collect();
        let shuffled = evaluate(&Backwards(files(paths.iter().map(|path| (path.as_str(), recipe.as_str()))))).expect("a project");
        let sorted = evaluate(&files(paths.iter().map(|path| (path.as_str(), plain.as_str())))).expect("a project");
        prop_assert_eq!(&shuffled.work, &sorted.work);
        prop_assert_eq!(&shuffled.distros, &sorted.distros);
    }

    #[test]
    fn no_text_makes_it_panic(
        pieces in proptest::collection::vec(prop_oneof![
            Just("#{ source: dsc(\"a\"), "), Just("env: #{ A: "), Just("`${"), Just("}"), Just("\""), Just("[["), Just("]"),
            Just("fn f(x) { "), Just("target."), Just("import \"lib/x\" as x;"), Just("/*"), Just("#\""), Just("'"), Just("||"),
            Just("let a = "), Just("on: "), Just(":"), Just(","), Just("é\u{1b}"), Just("\r\n"), Just("\\"), Just("("), Just(")"),
            Just("if "), Just("loop {"), Just("1"), Just("a"), Just("f"), Just("."), Just("name"), Just(" "),
        ], 0..24),
    ) {
        if let Err(errors) = one(&pieces.concat()) {
            prop_assert!(!seen(&errors).is_empty());
        }
    }

    #[test]
    fn no_characters_make_it_panic(text in "\\PC{0,60}|[ -~\n\t\u{1b}é]{0,80}") {
        if let Err(errors) = one(&text) {
            prop_assert!(!seen(&errors).is_empty());
        }
    }
}

/// The same files, listed from the last to the first.
struct Backwards(MemoryFiles);

impl Files for Backwards {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let mut names = self.0.list(folder)?;
        names.reverse();
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        self.0.read(path)
    }
}
