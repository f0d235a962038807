//! The canonical bytes of a derivation: the only definition of what is hashed.
//!
//! One walk visits all fields in a fixed order. A [`Sink`] receives them: [`Hashing`] feeds BLAKE3 (each field as name
//! and value, each with its length first), [`Text`] writes lines for people and for the record of a realisation. A field
//! added to the walk is thereby both hashed and explained.

use std::collections::BTreeMap;

use super::{Action, Derivation, DrvId, Input, Script};
use crate::digest::Digest;
use crate::name::OutputName;

/// Raised when the walk changes; part of every digest.
const VERSION: u64 = 1;

/// How an input is identified.
pub(super) enum InputIs<'a> {
    /// In an id.
    Derivation(DrvId, &'a OutputName),
    /// In an action key.
    Content(Digest),
}

trait Sink {
    fn field(&mut self, name: &str, value: &[u8]);
}

struct Hashing(blake3::Hasher);

impl Sink for Hashing {
    fn field(&mut self, name: &str, value: &[u8]) {
        for bytes in [name.as_bytes(), value] {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
    }
}

struct Text(String);

impl Sink for Text {
    fn field(&mut self, name: &str, value: &[u8]) {
        self.0.push_str(name);
        self.0.push_str(" = ");
        let shown = String::from_utf8_lossy(value);
        // One line per field: `escape_debug` also makes control characters harmless.
        self.0.extend(shown.chars().flat_map(char::escape_debug));
        self.0.push('\n');
    }
}

/// The version of the walk.
pub fn walk_version() -> u64 {
    VERSION
}

/// The walk as text, one `field = value` a line, inputs by content digest in their order (`?` where one is not known).
pub fn text_of(derivation: &Derivation, contents: &[Option<Digest>]) -> String {
    let mut text = Text(String::new());
    walk(derivation, &mut text, &|place, input, sink: &mut Text| {
        let shown = contents.get(place).copied().flatten().map_or_else(|| "?".to_owned(), |digest| digest.to_string());
        sink.field(&format!("input {}", input.role), shown.as_bytes());
    });
    text.0
}

pub(super) fn digest<'a>(derivation: &'a Derivation, is: &dyn Fn(usize, &'a Input) -> InputIs<'a>) -> Digest {
    let mut hashing = Hashing(blake3::Hasher::new());
    walk(derivation, &mut hashing, &|place, input, sink: &mut Hashing| {
        sink.field("input", input.role.as_bytes());
        match is(place, input) {
            InputIs::Derivation(id, output) => {
                sink.field("derivation", id.0.as_bytes());
                sink.field("output", output.as_str().as_bytes());
            }
            InputIs::Content(digest) => sink.field("content", digest.as_bytes()),
        }
    });
    Digest::from_bytes(*hashing.0.finalize().as_bytes())
}

fn walk<'a, S: Sink>(derivation: &'a Derivation, sink: &mut S, put_input: &dyn Fn(usize, &'a Input, &mut S)) {
    sink.field("opb derivation", VERSION.to_string().as_bytes());
    sink.field("kind", derivation.action.kind().as_str().as_bytes());
    match &derivation.action {
        Action::Source { tree } => sink.field("tree", tree.to_string().as_bytes()),
        Action::Index { files } => {
            count(sink, "files", files.len());
            for file in files {
                sink.field(&format!("file {}", file.label), file.sha256.to_string().as_bytes());
            }
        }
        Action::Resolve(resolve) => {
            sink.field("arch", resolve.arch.as_bytes());
            list(sink, "need", &resolve.needs);
            list(sink, "conflict", &resolve.conflicts);
            sink.field("variant", resolve.variant.as_bytes());
            list(sink, "add", &resolve.add);
            list(sink, "profile", &resolve.profiles);
            sink.field("first alternative", resolve.first_alternative.to_string().as_bytes());
            map(sink, "ours", &resolve.ours);
        }
        Action::Root { layer_format, settings } => {
            sink.field("layer format", layer_format.to_string().as_bytes());
            map(sink, "setting", settings);
        }
        Action::SourcePackage { script } => {
            count(sink, "scripts", script.iter().count());
            script.iter().for_each(|script| walk_script(sink, script));
        }
        Action::Build { script, number, outputs } => {
            walk_script(sink, script);
            sink.field("number", number.map(|number| number.to_string()).unwrap_or_default().as_bytes());
            count(sink, "outputs", outputs.len());
            for output in outputs {
                sink.field("output", output.as_str().as_bytes());
            }
        }
        Action::Repo { settings } => map(sink, "setting", settings),
    }
    count(sink, "inputs", derivation.inputs.len());
    for (place, input) in derivation.inputs.iter().enumerate() {
        put_input(place, input, sink);
    }
}

fn walk_script(sink: &mut impl Sink, script: &Script) {
    sink.field("sandbox contract", script.sandbox_contract.to_string().as_bytes());
    sink.field("script", script.text.as_bytes());
    map(sink, "env", &script.env);
    count(sink, "files", script.files.len());
    for (name, content) in &script.files {
        sink.field(&format!("file {name}"), content);
    }
}

fn count(sink: &mut impl Sink, name: &str, number: usize) {
    sink.field(name, number.to_string().as_bytes());
}

fn list(sink: &mut impl Sink, name: &str, values: &[String]) {
    count(sink, &format!("{name}s"), values.len());
    for value in values {
        sink.field(name, value.as_bytes());
    }
}

fn map(sink: &mut impl Sink, name: &str, values: &BTreeMap<String, String>) {
    count(sink, &format!("{name}s"), values.len());
    for (key, value) in values {
        sink.field(&format!("{name} {key}"), value.as_bytes());
    }
}
