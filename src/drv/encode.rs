//! The canonical bytes of a derivation: the only definition of what is hashed.
//!
//! One walk visits the fields of an action in a fixed order. A [`Sink`] receives them: [`Hashing`] collects bytes for
//! BLAKE3 (each field as name and value, each with its length first), [`Text`] writes lines for people and for the record
//! of a realisation. A field added to the walk is thereby both hashed and explained.
//!
//! A derivation's digest is made in two steps: that of its action, then that of the action's digest with the number and
//! the inputs. Thousands of nodes share an action (every root does the same), so it is walked and hashed once for all.

use std::collections::BTreeMap;

use super::{Action, ActionDigest, Derivation, DrvId, Script};
use crate::digest::Digest;

/// Raised when the walk changes; part of every digest.
const VERSION: u32 = 2;

trait Sink {
    /// A field whose name is made of these parts.
    fn field(&mut self, name: &[&str], value: &[u8]);

    /// Fields that many actions share: their digest is `known`, and `walk` visits them.
    fn part(&mut self, name: &str, known: &Digest, walk: impl FnOnce(&mut Self));
}

struct Hashing(Vec<u8>);

impl Hashing {
    fn new(domain: &str) -> Self {
        let mut hashing = Self(Vec::with_capacity(1024));
        hashing.bytes(domain.as_bytes());
        hashing.0.extend(VERSION.to_le_bytes());
        hashing
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u64).to_le_bytes());
        self.0.extend(bytes);
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl Sink for Hashing {
    fn field(&mut self, name: &[&str], value: &[u8]) {
        let length: usize = name.iter().map(|part| part.len()).sum();
        self.0.extend((length as u64).to_le_bytes());
        name.iter().for_each(|part| self.0.extend(part.as_bytes()));
        self.bytes(value);
    }

    fn part(&mut self, name: &str, known: &Digest, _: impl FnOnce(&mut Self)) {
        self.field(&[name], known.as_bytes());
    }
}

struct Text(String);

impl Sink for Text {
    fn field(&mut self, name: &[&str], value: &[u8]) {
        self.0.extend(name.iter().copied().chain([" = "]));
        // One line per field: `escape_debug` also makes control characters harmless.
        let is_plain = |char: char| matches!(char, ' '..='~') && !matches!(char, '\'' | '"' | '\\');
        let shown = String::from_utf8_lossy(value);
        for piece in shown.split_inclusive(|char| !is_plain(char)) {
            let plain = piece.trim_end_matches(|char| !is_plain(char));
            self.0.push_str(plain);
            self.0.extend(piece[plain.len()..].chars().flat_map(char::escape_debug));
        }
        self.0.push('\n');
    }

    fn part(&mut self, _: &str, _: &Digest, walk: impl FnOnce(&mut Self)) {
        walk(self);
    }
}

/// The version of the walk.
pub fn walk_version() -> u32 {
    VERSION
}

/// The walk as text, one `field = value` a line, inputs by content digest in their order (`?` where one is not known,
/// `absent` where it is done without).
pub fn text_of(derivation: &Derivation, contents: &[Option<Digest>]) -> String {
    let mut text = Text(String::new());
    text.field(&["opb derivation"], VERSION.to_string().as_bytes());
    walk(&derivation.action, &mut text);
    if let Action::Build { number, .. } = &derivation.action {
        text.field(&["number"], number.map(|number| number.to_string()).unwrap_or_default().as_bytes());
    }
    count(&mut text, &["inputs"], derivation.inputs.len());
    for (place, input) in derivation.inputs.iter().enumerate() {
        let shown = match contents.get(place).copied().flatten() {
            Some(digest) if digest == absent() => "absent".to_owned(),
            Some(digest) => digest.to_string(),
            None => "?".to_owned(),
        };
        text.field(&["input ", &input.role], shown.as_bytes());
    }
    text.0
}

/// The digest of an action, its number left out.
pub fn action_digest(action: &Action) -> ActionDigest {
    let mut hashing = Hashing::new("opb action");
    walk(action, &mut hashing);
    ActionDigest(hashing.digest())
}

/// The id of a derivation: its inputs stand as role, (derivation id, output name).
pub fn id_of<'a>(action: ActionDigest, inputs: impl Iterator<Item = (&'a str, DrvId, &'a str)>) -> DrvId {
    let mut hashing = Hashing::new("opb derivation");
    hashing.0.extend(action.0.as_bytes());
    for (role, from, output) in inputs {
        hashing.bytes(role.as_bytes());
        hashing.0.extend(from.0.as_bytes());
        hashing.bytes(output.as_bytes());
    }
    DrvId(hashing.digest())
}

/// The digest of a derivation in which the inputs stand as role and content: an action key, or without `number` the
/// fingerprint of a build.
pub(super) fn keyed(
    action: ActionDigest,
    number: Option<u32>,
    inputs: impl Iterator<Item = (impl AsRef<str>, Digest)>,
) -> Digest {
    let mut hashing = Hashing::new("opb key");
    hashing.0.extend(action.0.as_bytes());
    // Numbers begin with 1.
    hashing.0.extend(number.unwrap_or(0).to_le_bytes());
    for (role, content) in inputs {
        hashing.bytes(role.as_ref().as_bytes());
        hashing.0.extend(content.as_bytes());
    }
    hashing.digest()
}

/// What stands in the place of a content that could not be made, and that is done without: the content of no tree.
pub fn absent() -> Digest {
    Hashing::new("opb absent").digest()
}

/// The digest of a text that many actions share.
pub(super) fn text_digest(text: &str) -> Digest {
    let mut hashing = Hashing::new("opb text");
    hashing.bytes(text.as_bytes());
    hashing.digest()
}

/// The digest of a table that many actions share.
pub(super) fn table_digest(table: &BTreeMap<String, String>) -> Digest {
    let mut hashing = Hashing::new("opb table");
    map(&mut hashing, "entry", table.iter());
    hashing.digest()
}

fn walk<S: Sink>(action: &Action, sink: &mut S) {
    sink.field(&["kind"], action.kind().as_str().as_bytes());
    match action {
        Action::Source { tree } => sink.field(&["tree"], tree.to_string().as_bytes()),
        Action::Index { files } => {
            count(sink, &["files"], files.len());
            for file in files {
                sink.field(&["file ", &file.label], file.sha256.to_string().as_bytes());
            }
        }
        Action::Resolve(resolve) => {
            sink.field(&["family"], resolve.family.as_bytes());
            sink.field(&["arch"], resolve.arch.as_bytes());
            list(sink, "need", &resolve.needs);
            list(sink, "conflict", &resolve.conflicts);
            sink.field(&["variant"], resolve.variant.as_bytes());
            list(sink, "add", &resolve.add);
            list(sink, "profile", &resolve.profiles);
            sink.field(&["first alternative"], resolve.first_alternative.to_string().as_bytes());
            let ours = &resolve.ours;
            sink.part("ours", &ours.digest(), |sink| map(sink, "ours", ours.iter()));
            // Nothing follows: a list that sees no extra repository is what it was before there were any.
            if !resolve.extra.is_empty() {
                let extra = resolve.extra.iter().map(|extra| (&extra.name, &extra.taken));
                map(sink, "extra repository", extra);
            }
            // No other field begins as a script's do.
            resolve.asks.iter().for_each(|script| walk_script(sink, script));
            // As with extra repositories: no other field begins so.
            if let Some(tests) = &resolve.tests {
                list(sink, "tested package", &tests.packages);
                sink.field(&["build dependencies"], tests.build_depends.as_bytes());
            }
        }
        Action::Root { layer_format, settings } => {
            sink.field(&["layer format"], layer_format.to_string().as_bytes());
            map(sink, "setting", settings.iter());
        }
        Action::Probe { script } => walk_script(sink, script),
        Action::SourcePackage { script } => {
            count(sink, &["scripts"], script.iter().count());
            script.iter().for_each(|script| walk_script(sink, script));
        }
        Action::Build { script, number: _, outputs } => {
            walk_script(sink, script);
            count(sink, &["outputs"], outputs.len());
            for output in outputs {
                sink.field(&["output"], output.as_str().as_bytes());
            }
        }
        Action::Check { check, script } => {
            sink.field(&["check"], check.as_str().as_bytes());
            walk_script(sink, script);
        }
        Action::Repo { settings } => map(sink, "setting", settings.iter()),
    }
}

fn walk_script<S: Sink>(sink: &mut S, script: &Script) {
    sink.field(&["sandbox contract"], script.sandbox_contract.to_string().as_bytes());
    sink.part("script", &script.text.digest(), |sink| sink.field(&["script"], script.text.as_bytes()));
    map(sink, "env", script.env.iter());
    count(sink, &["files"], script.files.len());
    for (name, content) in &script.files {
        sink.field(&["file ", name], content);
    }
    // No other field begins so: a script without probes is what it was before there were any.
    if !script.env_with_probes.is_empty() {
        map(sink, "env with probe", script.env_with_probes.iter());
    }
    if script.network {
        sink.field(&["network"], b"of the host");
    }
}

fn count(sink: &mut impl Sink, name: &[&str], number: usize) {
    sink.field(name, number.to_string().as_bytes());
}

fn list(sink: &mut impl Sink, name: &str, values: &[String]) {
    count(sink, &[name, "s"], values.len());
    for value in values {
        sink.field(&[name], value.as_bytes());
    }
}

fn map<K: AsRef<str>, V: AsRef<str>>(sink: &mut impl Sink, name: &str, values: impl ExactSizeIterator<Item = (K, V)>) {
    count(sink, &[name, "s"], values.len());
    for (key, value) in values {
        sink.field(&[name, " ", key.as_ref()], value.as_ref().as_bytes());
    }
}
