//! JSON that is printed, held against the schemas in `docs/schema`.

use serde_json::Value;

use super::*;

/// Asserts that `value` is as `docs/schema/NAME.json` says, and has nothing that is not in there.
#[track_caller]
pub(super) fn conforms(name: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut schema: Value = serde_json::from_str(&text).expect("JSON");
    close(&mut schema);
    let (mut compiler, mut schemas) = (boon::Compiler::new(), boon::Schemas::new());
    compiler.add_resource("opb.json", schema).expect("a schema");
    let index = compiler.compile("opb.json", &mut schemas).unwrap_or_else(|error| panic!("{name}: {error}"));
    if let Err(error) = schemas.validate(value, index) {
        panic!("not as docs/schema/{name}.json says: {error:#}\n{value:#}");
    }
}

/// Schemas let programs expect new properties; what is printed today must all be in them.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            // Not a property that is called so.
            if fields.get("properties").is_some_and(Value::is_object) && fields.contains_key("type") {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn what_a_schema_does_not_say_is_noticed() {
    let line = r#"{"version":1,"name":"source:x","kind":"source","subject":"x","distro":null,"arch":null,
        "component":"x","id":"ID","inputs":[{"role":"a","node":"b","output":"c"}]}"#;
    let good: Value = serde_json::from_str(&line.replace("ID", &"0".repeat(64))).expect("JSON");
    conforms("eval-line", &good);
    let fails = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        std::panic::catch_unwind(|| conforms("eval-line", &bad)).is_err()
    };
    assert!(fails(&|value| value["more"] = 1.into()));
    assert!(fails(&|value| value["inputs"][0]["more"] = 1.into()));
    assert!(fails(&|value| value["version"] = 2.into()));
    assert!(fails(&|value| drop(value.as_object_mut().expect("an object").remove("id"))));
}

#[test]
fn lines_and_nodes_say_the_same() {
    let read = |name: &str| -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(name);
        serde_json::from_str(&fs::read_to_string(path).expect("there")).expect("JSON")
    };
    let mut line = read("eval-line.json")["properties"].clone();
    line.as_object_mut().expect("an object").remove("version").expect("a version");
    assert_eq!(read("eval.json")["properties"]["nodes"]["items"]["properties"], line);
}
