//! Modules (`modules.yaml`, as libmodulemd's `modulemd-stream-v2` has it): which source RPMs are of which of their streams.
//!
//! dnf is the one that chooses among binary packages of modules. Source RPMs nobody installs, so all that counts of them is which
//! streams are enabled.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser};

use super::{MAX_PACKAGES, RepodataError};
use crate::package::rpm_version::Evr;

/// The deepest nesting; that of modules is seven.
const MAX_DEPTH: usize = 32;

/// So much is shown of a stream's name, in characters.
const MAX_SHOWN: usize = 100;

/// Source RPMs of streams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Modules {
    enabled: BTreeSet<String>,
    /// By `name-epoch:version-release.arch`.
    of: BTreeMap<String, Stream>,
}

/// A stream of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Such as `nodejs:18`.
    pub name: String,
    /// Whether it is enabled.
    pub is_enabled: bool,
}

impl Modules {
    /// None yet, of which these streams are enabled.
    pub fn enabling(streams: impl IntoIterator<Item = String>) -> Self {
        Self { enabled: streams.into_iter().collect(), of: BTreeMap::new() }
    }

    /// The stream that a package is of; `None` where it is of none. Of several the one that is enabled.
    pub fn of(&self, name: &str, evr: &Evr, arch: &str) -> Option<&Stream> {
        let Evr { epoch, version, release } = evr;
        let release = release.as_deref().unwrap_or_default();
        self.of.get(&format!("{name}-{}:{version}-{release}.{arch}", epoch.unwrap_or(0)))
    }

    /// Whether a stream is enabled.
    pub fn enables(&self, stream: &str) -> bool {
        self.enabled.contains(stream)
    }

    /// Adds what a file says. Documents of other kinds, such as defaults, are passed over.
    ///
    /// # Errors
    /// Where `text` is no YAML, or has more than [`MAX_PACKAGES`] source RPMs.
    pub fn read(&mut self, text: &str) -> Result<(), RepodataError> {
        let mut document = Document::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| RepodataError::Yaml {
                line: error.marker().line() as u64,
                why: error.info().to_owned(),
            })?;
            let wrong = |why: &str| RepodataError::Yaml { line: span.start.line() as u64, why: why.to_owned() };
            match event {
                Event::DocumentStart(_) => document = Document::default(),
                Event::DocumentEnd => self.add(std::mem::take(&mut document))?,
                Event::MappingStart(..) | Event::SequenceStart(..) if document.within.len() >= MAX_DEPTH => {
                    return Err(wrong("it is nested too deeply"));
                }
                Event::MappingStart(..) | Event::SequenceStart(..) if document.wants_key() => {
                    return Err(wrong("a key is no plain text"));
                }
                Event::MappingStart(..) => document.within.push(Within::Map { key: None }),
                Event::SequenceStart(..) => document.within.push(Within::List),
                Event::MappingEnd | Event::SequenceEnd => {
                    document.within.pop();
                    document.value_ends();
                }
                Event::Scalar(text, ..) => document.scalar(&text),
                Event::Alias(_) => document.scalar(""),
                Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, document: Document) -> Result<(), RepodataError> {
        let Document { kind, module, stream, source_rpms, .. } = document;
        if kind != "modulemd" {
            return Ok(());
        }
        let name = format!("{module}:{stream}");
        let is_enabled = self.enabled.contains(&name);
        // It is shown to people.
        let stream = Stream { is_enabled, name: name.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect() };
        for package in source_rpms {
            let known = self.of.entry(package).or_insert_with(|| stream.clone());
            if stream.is_enabled {
                *known = stream.clone();
            }
            if self.of.len() > MAX_PACKAGES {
                return Err(RepodataError::Many);
            }
        }
        Ok(())
    }
}

/// What of a document has been seen so far.
#[derive(Default)]
struct Document {
    within: Vec<Within>,
    kind: String,
    module: String,
    stream: String,
    source_rpms: Vec<String>,
}

/// What a value lies in.
enum Within {
    Map { key: Option<String> },
    List,
}

impl Document {
    fn wants_key(&self) -> bool {
        matches!(self.within.last(), Some(Within::Map { key: None }))
    }

    fn value_ends(&mut self) {
        if let Some(Within::Map { key }) = self.within.last_mut() {
            *key = None;
        }
    }

    fn scalar(&mut self, text: &str) {
        if let Some(Within::Map { key: key @ None }) = self.within.last_mut() {
            *key = Some(text.to_owned());
            return;
        }
        let key = |within: &Within| match within {
            Within::Map { key } => key.clone().unwrap_or_default(),
            Within::List => "-".to_owned(),
        };
        // Nothing that counts lies deeper.
        if self.within.len() <= 4 {
            match self.within.iter().map(key).collect::<Vec<_>>().join("/").as_str() {
                "document" => text.clone_into(&mut self.kind),
                "data/name" => text.clone_into(&mut self.module),
                "data/stream" => text.clone_into(&mut self.stream),
                "data/artifacts/rpms/-" if text.ends_with(".src") => self.source_rpms.push(text.to_owned()),
                _ => {}
            }
        }
        self.value_ends();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"---
document: modulemd
version: 2
data:
  name: nodejs
  stream: 18
  dependencies:
  - buildrequires: {platform: [el8]}
    requires: &requires
      platform: [el8]
  components: {rpms: {nodejs: {rationale: "x"}}}
  artifacts:
    rpms:
    - nodejs-1:18.1.0-1.module_mr1.src
    - nodejs-1:18.1.0-1.module_mr1.x86_64
...
---
document: modulemd-defaults
version: 1
data: {module: nodejs, stream: "18", name: nodejs, artifacts: {rpms: [other-0:1-1.src]}}
---
document: modulemd
version: 2
data: {name: nodejs, stream: "20", artifacts: {rpms: [nodejs-1:20-1.src, nodejs-1:18.1.0-1.module_mr1.src]}, requires: *requires}
"#;

    #[test]
    fn source_rpms_are_known_by_their_stream() {
        let read = |enabled: &[&str]| {
            let mut modules = Modules::enabling(enabled.iter().map(|name| (*name).to_owned()));
            modules.read(&TEXT.replace("*requires", "x")).expect("fine");
            modules
        };
        let of = |modules: &Modules, name: &str, evr: &str| {
            let stream = modules.of(name, &Evr::new(evr).expect("a version"), "src");
            stream.map(|stream| format!("{} {}", stream.name, stream.is_enabled))
        };
        let none = read(&[]);
        assert_eq!(of(&none, "nodejs", "1:18.1.0-1.module_mr1").as_deref(), Some("nodejs:18 false"));
        assert_eq!(of(&none, "nodejs", "18.1.0-1.module_mr1"), None, "another epoch");
        assert_eq!(of(&none, "other", "1-1"), None, "defaults say nothing of packages");
        assert!(!none.enables("nodejs:20"));
        let one = read(&["nodejs:20"]);
        assert!(one.enables("nodejs:20"));
        assert_eq!(of(&one, "nodejs", "1:20-1").as_deref(), Some("nodejs:20 true"));
        assert_eq!(
            of(&one, "nodejs", "1:18.1.0-1.module_mr1").as_deref(),
            Some("nodejs:20 true"),
            "one that is enabled"
        );
    }

    #[test]
    fn what_is_no_yaml_is_told_and_nothing_grows_without_end() {
        let told = |text: &str| Modules::default().read(text).unwrap_err().to_string();
        assert!(told("a: [").starts_with("it is no YAML at line "), "{}", told("a: ["));
        assert!(told(&"[".repeat(40)).ends_with("it is nested too deeply"), "{}", told(&"[".repeat(40)));
        assert!(told("? {a: b}\n: c\n").ends_with("a key is no plain text"));
        // What refers to itself again and again stays as small as it is written.
        let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n";
        assert_eq!(Modules::default().read(bomb), Ok(()));
        assert_eq!(Modules::default().read(""), Ok(()));
    }
}
