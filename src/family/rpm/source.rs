//! What evaluation must know of a source with a spec, from the specs in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::arch_name;
use crate::component::{BuildSpec, Component};
use crate::diag::{Cause, Caused};
use crate::distro::Rpm;
use crate::name::Arch;
use crate::package::rpm_version::Evr;
use crate::package::spec::{Macros, Readings, Spec, SpecError};

/// A source's spec, read for one arch of one distro under the switches of one recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmSource {
    /// The spec's file, from the source's root.
    pub file: String,
    /// What it says but for the release, which mostly differs between distros.
    pub spec: Arc<Spec>,
    /// Its release.
    pub release: String,
}

/// Specs, each with what it came to for the distros that it has been read for.
#[derive(Default)]
pub struct Specs(Mutex<BTreeMap<String, Arc<Readings>>>);

impl Specs {
    fn of(&self, text: &str) -> Arc<Readings> {
        let mut specs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = specs.get(text) {
            return known.clone();
        }
        let readings = Arc::new(Readings::of(text.to_owned()));
        specs.insert(text.to_owned(), readings.clone());
        readings
    }
}

/// Why a source with a spec cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum RpmSourceError {
    /// No spec where the recipe says, or where they usually stand.
    #[error("the source has no {what}")]
    #[diagnostic(
        code(opb::rpm::no_spec),
        help(
            "add a spec to the source, name it as in `build: spec(\"rpm/tool.spec\")`, or leave these distros out with `targets`"
        )
    )]
    NoSpec {
        /// Such as `` `rpm/tool.spec` ``.
        what: String,
    },
    /// Several specs and nothing that chooses among them.
    #[error("the source has several specs: {list}")]
    #[diagnostic(code(opb::rpm::specs), help("name one, as in `build: spec(\"{first}\")`"))]
    Several {
        /// All of them.
        list: String,
        /// The first.
        first: String,
    },
    /// The spec cannot be read.
    #[error("cannot read `{file}`")]
    #[diagnostic(code(opb::rpm::spec), help("mend the spec, or leave these distros out with `targets`"))]
    Spec {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: SpecError,
    },
    /// A name that goes into files and commands and is none.
    #[error("`{file}` has the {what} `{name}`, which is no plain file name")]
    #[diagnostic(
        code(opb::rpm::file_name),
        help("use letters, digits and `.`, `_`, `+`, `~`, `^`, `-`, not beginning with `-`")
    )]
    FileName {
        /// The spec.
        file: String,
        /// Source, patch or folder.
        what: &'static str,
        /// What it is called.
        name: String,
    },
    /// A version that the distro's rpm does not understand.
    #[error("`{file}` has the version `{version}`, and the distro's rpm knows no `^` in versions")]
    #[diagnostic(code(opb::rpm::caret), help("write the version without `^` for this distro, as with `+`"))]
    Caret {
        /// The spec.
        file: String,
        /// The version.
        version: String,
    },
}

impl Caused for RpmSourceError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl RpmSource {
    /// Epoch, version and release.
    pub fn evr(&self) -> Evr {
        Evr { release: Some(self.release.clone()), ..self.spec.evr.clone() }
    }

    /// The file name of the upstream archive, which is made of the source; `None` where the spec has no source.
    pub fn archive(&self) -> Option<&str> {
        self.spec.sources.values().next().map(|address| base_name(address))
    }

    /// File names of further sources and of patches, which stand beside the spec or in the source's root.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.spec.sources.values().skip(1).chain(self.spec.patches.values()).map(|address| base_name(address))
    }
}

/// The macros of an arch of a distro.
pub fn macros(distro: &Rpm, arch: &Arch) -> Macros {
    let mut macros = Macros::new(arch_name(arch.as_str()));
    for (name, body) in &distro.macros {
        macros.define(name, body);
    }
    macros.shared()
}

/// The macros that a component's spec is read with, where those of the distro are `macros`.
fn macros_for(component: &Component, macros: &Macros) -> Macros {
    let mut macros = macros.clone();
    for (name, on) in component.conditions() {
        macros.condition(&name, on);
    }
    if let BuildSpec::Spec { define, .. } = &component.build {
        for (name, body) in define {
            macros.define(name, body);
        }
    }
    macros
}

/// The source of a component for an arch of a distro, whose macros are `macros`, from the texts that are in it, by path.
///
/// # Errors
/// Where there is no spec, or more than one, or it cannot be read.
pub fn source(
    component: &Component,
    (distro, macros): (&Rpm, &Macros),
    texts: &BTreeMap<String, String>,
    specs: &Specs,
) -> Result<RpmSource, RpmSourceError> {
    let (file, text) = choose(component, texts)?;
    let read = specs.of(text).read(&macros_for(component, macros));
    let (spec, release) = read.map_err(|source| RpmSourceError::Spec { file: file.clone(), source })?;
    let source = RpmSource { file: file.clone(), spec, release };
    let named = source.archive().into_iter().chain(source.others()).map(|name| ("source or patch", name));
    for (what, name) in named.chain([("folder", source.spec.folder.as_str())]) {
        if !is_file_name(name) {
            let name = name.chars().take(80).collect();
            return Err(RpmSourceError::FileName { file, what, name });
        }
    }
    let version = &source.spec.evr.version;
    if version.contains('^') && !distro.caret {
        return Err(RpmSourceError::Caret { file, version: version.clone() });
    }
    Ok(source)
}

/// The spec that a recipe names; else the only one in `rpm/`, else the only one in the root or in `packaging/`.
fn choose<'t>(
    component: &Component,
    texts: &'t BTreeMap<String, String>,
) -> Result<(String, &'t String), RpmSourceError> {
    if let BuildSpec::Spec { file: Some(file), .. } = &component.build {
        let file = file.to_string();
        let text = texts.get(&file).ok_or_else(|| RpmSourceError::NoSpec { what: format!("`{file}`") })?;
        return Ok((file, text));
    }
    let specs = || texts.iter().filter(|(path, _)| path.ends_with(".spec"));
    let mut found: Vec<(&String, &String)> = specs().filter(|(path, _)| path.starts_with("rpm/")).collect();
    if found.is_empty() {
        found = specs().collect();
    }
    match found.as_slice() {
        [] => Err(RpmSourceError::NoSpec { what: "spec".to_owned() }),
        [(path, text)] => Ok(((*path).clone(), text)),
        several => Err(RpmSourceError::Several {
            list: several.iter().map(|(path, _)| format!("`{path}`")).collect::<Vec<_>>().join(", "),
            first: several[0].0.clone(),
        }),
    }
}

fn base_name(address: &str) -> &str {
    // `…#/name.tar.gz` is how specs name a file that an address does not.
    address.rsplit('/').next().unwrap_or(address)
}

fn is_file_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~^-@".contains(&byte);
    !name.is_empty() && name.len() <= 200 && !name.starts_with(['-', '.']) && name.bytes().all(plain)
}
