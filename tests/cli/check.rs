//! `opb check`.

use super::*;

/// Mistakes of several kinds, an error among them.
fn wrong() -> Space {
    let space = Space::two();
    space.file("recipes/libmd.rhai", "#{\n    source: dsc(\"libmd\"),\n    env: #{ PATH: \"x\" },\n}\n");
    space.file("recipes/other.rhai", "#{\n    sorce: dsc(\"libmd\"),\n}\n");
    space.file("recipes/lib/old.rhai", "fn a() { 1 }\n");
    space
}

#[test]
fn a_sound_project() {
    let space = Space::two();
    assert_eq!(space.seen(&["check"]), "exit 0\n--- stdout\n3 files checked: nothing to say\n");
    assert_eq!(space.seen(&["check", "-q", "--deny-warnings"]), "exit 0\n");
    assert!(!space.path("store").exists(), "a store for nothing");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    insta::assert_snapshot!(wrong().seen(&["check"]), @r###"
    exit 2
    --- stdout
    opb::lint::unused-file

      ⚠ no recipe imports `recipes/lib/old.rhai`
      help: remove it, or import it: `import "lib/old" as old;`

    opb::lint::env-override

      ⚠ `PATH` in `env`: opb sets it so that builds are the same everywhere
       ╭─[recipes/libmd.rhai:3:13]
     2 │     source: dsc("libmd"),
     3 │     env: #{ PATH: "x" },
       ·             ──┬─
       ·               ╰── here
     4 │ }
       ╰────
      help: leave it: tools of a needed package are in it already; call others by their full path

    opb::eval::field

      × there is no field `sorce`
       ╭─[recipes/other.rhai:2:5]
     1 │ #{
     2 │     sorce: dsc("libmd"),
       ·     ──┬──
       ·       ╰── here
     3 │ }
       ╰────
      help: did you mean `source`?

    4 files checked: 1 error, 2 warnings
    "###);
}

#[test]
fn warnings_alone_are_no_failure_unless_denied() {
    let space = wrong();
    let code = |args: &[&str]| space.command(args).output().expect("runs").status.code();
    assert_eq!(code(&["check"]), Some(2));
    assert_eq!(code(&["check", "libmd"]), Some(0));
    assert_eq!(code(&["check", "libmd", "--deny-warnings"]), Some(2));
    assert_eq!(code(&["check", "libbsd", "--deny-warnings"]), Some(0));
    assert_eq!(code(&["check", "-q", "--format", "json", "libmd", "--deny-warnings"]), Some(2));
}

#[test]
fn what_is_shown_can_be_chosen() {
    let space = wrong();
    let last = |args: &[&str]| space.stdout(args).lines().last().unwrap_or_default().to_owned();
    assert_eq!(last(&["check", "libmd"]), "4 files checked: 1 warning");
    assert_eq!(last(&["check", "recipes/libmd.rhai"]), "4 files checked: 1 warning");
    assert_eq!(last(&["check", "./recipes/lib"]), "4 files checked: 1 warning");
    assert_eq!(last(&["check", "@mirage-1"]), "4 files checked: nothing to say");
    assert_eq!(last(&["check", "libmd", "opb.lock", "recipes/lib/old.rhai"]), "4 files checked: 2 warnings");
    insta::assert_snapshot!(space.seen(&["check", "libmf"]), @r###"
    exit 2
    --- stderr
    opb::check::unknown

      × there is no component and no file `libmf` to check
      help: did you mean `libmd`?
    "###);
    insta::assert_snapshot!(space.seen(&["check", "recipes/nothing-at-all"]), @r###"
    exit 2
    --- stderr
    opb::check::unknown

      × there is no component and no file `recipes/nothing-at-all` to check
      help: name a component, a file or folder of the project, or a distro as `@debian-12`
    "###);
}

#[test]
fn broken_tables_hide_nothing() {
    let space = wrong();
    space.file("opb.toml", "maintainr = 1\n");
    let lock = fs::read_to_string(space.path("opb.lock")).expect("a lock");
    space.file("opb.lock", &format!("{lock}\n[somethin]\n"));
    let shown = space.seen(&["check", "-q"]);
    for part in ["[opb.lock:", "[opb.toml:1:1]", "[recipes/other.rhai:2:5]", "there is no field `somethin`"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("⚠"), "{shown}");
}

#[test]
fn a_file_that_cannot_be_read_is_the_environments_fault() {
    let space = Space::two();
    fs::create_dir(space.path("opb.toml")).expect("made");
    let shown = space.seen(&["check"]);
    assert!(shown.starts_with("exit 3\n") && shown.contains("reading `opb.toml`"), "{shown}");
    fs::remove_dir(space.path("opb.toml")).expect("removed");
    fs::write(space.path("opb.toml"), b"\xff\xfe").expect("written");
    let shown = space.seen(&["check"]);
    assert!(shown.starts_with("exit 2\n") && shown.contains("`opb.toml` is not UTF-8 text"), "{shown}");
}

#[test]
fn narrow_terminals_and_colours() {
    let space = wrong();
    let narrow = space.seen_of(space.command(&["check"]).env("COLUMNS", "40"));
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    // A line that is longer than the terminal is wide is shown around what is wrong in it.
    let needs: Vec<String> = (0..20).map(|n| format!("pkg(\"lib{n}-dev\")")).collect();
    let long = format!(
        "#{{\n    source: dsc(\"libmd\"), needs: [{}], evn: #{{ A: \"1\" }}, area: \"main\",\n}}\n",
        needs.join(", ")
    );
    space.file("recipes/other.rhai", &long);
    let narrow = space.seen_of(space.command(&["check", "other"]).env("COLUMNS", "60"));
    insta::assert_snapshot!(narrow, @r###"
    exit 2
    --- stdout
    opb::eval::field

      × there is no field `evn`
       ╭─[recipes/other.rhai:2:386]
     1 │ #{
     2 │ …"), pkg("lib19-dev")], evn: #{ A: "1" }, area: "main",
       ·                         ─┬─
       ·                          ╰── here
     3 │ }
       ╰────
      help: did you mean `env`?

    4 files checked: 1 error
    "###);
    let whole = space.seen_of(space.command(&["check", "other"]).env("COLUMNS", "1000"));
    assert!(whole.contains(long.lines().nth(1).expect("a line")), "{whole}");
    assert!(space.stdout(&["check", "--color", "always", "libmd"]).contains("\u{1b}[3"));
    assert!(!space.stdout(&["check", "libmd"]).contains('\u{1b}'));
}

#[test]
fn json_is_what_the_schema_says() {
    let space = wrong();
    space.file("recipes/more.rhai", "[ #{ name: \"libmd\", source: dsc(\"libmd\") } ]\n");
    let output = space.command(&["check", "--format", "json"]).output().expect("runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../docs/schema/check.json")).expect("a schema");
    assert_eq!(mismatches(&schema, &schema, &report, "$"), [""; 0]);
    let findings = report["findings"].as_array().expect("findings");
    let of = |file: &str| findings.iter().find(|finding| finding["file"] == file).expect("there");
    let place = &of("recipes/other.rhai")["span"];
    assert_eq!(place["start"], serde_json::json!({ "line": 2, "column": 5, "offset": 7 }));
    assert_eq!(place["end"], serde_json::json!({ "line": 2, "column": 10, "offset": 12 }));
    assert_eq!(of("recipes/lib/old.rhai")["span"], serde_json::Value::Null);
    assert_eq!(of("recipes/lib/old.rhai")["lint"], "unused-file");
    assert_eq!(of("recipes/more.rhai")["related"][0]["file"], "recipes/libmd.rhai");
    let damaged = serde_json::json!({ "version": 2, "errors": -1, "findings": [{ "severity": "grave", "line": 1 }] });
    assert!(mismatches(&schema, &schema, &damaged, "$").len() >= 5, "the schema allows anything");
}

#[test]
fn the_list_of_lints() {
    let list = Space::bare().stdout(&["check", "--list"]);
    assert!(
        list.lines().any(|line| line == "unused-file         a file among the recipes that nothing reads"),
        "{list}"
    );
    assert_eq!(list.lines().count(), opb::eval::lint::Lint::ALL.len());
}

/// Where `value` is not as `schema` says: as much of JSON Schema as the schemas in `docs/` use, and no more.
pub(super) fn mismatches(
    root: &serde_json::Value,
    schema: &serde_json::Value,
    value: &serde_json::Value,
    place: &str,
) -> Vec<String> {
    use serde_json::Value;
    let mut wrong = Vec::new();
    let Some(rules) = schema.as_object() else { return vec![format!("{place}: a schema that is none")] };
    let is_type = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    for (rule, wanted) in rules {
        let holds = match (rule.as_str(), wanted) {
            ("$schema" | "$defs" | "$id" | "title" | "description", _) => true,
            ("$ref", Value::String(name)) => {
                let found = root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
                wrong.extend(mismatches(root, found, value, place));
                true
            }
            ("type", Value::String(name)) => is_type(name),
            ("type", Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is_type),
            ("const", wanted) => value == wanted,
            ("enum", Value::Array(wanted)) => wanted.contains(value),
            ("minimum", wanted) => value.as_f64() >= wanted.as_f64(),
            ("pattern", _) => value.as_str().is_some_and(|text| text.starts_with("opb::")),
            ("required", Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).all(|name| value.get(name).is_some())
            }
            ("additionalProperties", Value::Bool(false)) => {
                let known = rules.get("properties").and_then(Value::as_object);
                value
                    .as_object()
                    .is_none_or(|map| map.keys().all(|key| known.is_some_and(|known| known.contains_key(key))))
            }
            ("properties", Value::Object(properties)) => {
                for (name, schema) in properties {
                    if let Some(value) = value.get(name) {
                        wrong.extend(mismatches(root, schema, value, &format!("{place}.{name}")));
                    }
                }
                true
            }
            ("items", schema) => {
                for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                    wrong.extend(mismatches(root, schema, value, &format!("{place}[{number}]")));
                }
                true
            }
            ("oneOf", Value::Array(schemas)) => {
                schemas.iter().filter(|schema| mismatches(root, schema, value, place).is_empty()).count() == 1
            }
            _ => false,
        };
        if !holds {
            wrong.push(format!("{place}: not {rule} {wanted}"));
        }
    }
    wrong
}
