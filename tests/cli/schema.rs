//! JSON that is printed, held against the schemas in `docs/schema`.

use serde_json::Value;

use super::*;

pub(super) use super::conforming::conforms;

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
