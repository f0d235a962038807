//! Whether JSON is as a schema in `docs/schema` says.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Asserts that `value` is as `docs/schema/NAME.json` says, and has nothing that is not in there.
#[track_caller]
pub fn conforms(name: &str, value: &Value) {
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
