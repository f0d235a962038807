//! What evaluation must know of a source with a spec: from the specs in it, or from those beside the recipe.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::stamped::Stamped;
use super::arch_name;
use super::upstream::{Upstream, packing};
use crate::component::{BuildSpec, Component, FileBeside, FilesBeside};
use crate::diag::{Cause, Caused};
use crate::distro::Rpm;
use crate::name::Arch;
use crate::package::rpm_version::Evr;
use crate::package::spec::{Macros, Readings, Spec, SpecError, with_version};
use crate::remote::archive::{Archive, ArchiveKind, Packing};

/// A source's spec, read for one arch of one distro under the switches of one recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmSource {
    /// The spec's file: from the source's root, or its name beside the recipe.
    pub file: String,
    /// Its text where it stands beside the recipe, as it is built from; `None` where it is in the source.
    pub beside: Option<Arc<str>>,
    /// What it says but for the release, which mostly differs between distros.
    pub spec: Arc<Spec>,
    /// Its release.
    pub release: String,
    /// The archive that it is built from, where that is one of a source package; `None` where it is made of the source.
    pub upstream: Option<Arc<Upstream>>,
    /// Its version and changes, where its version comes from tags; the version stands in the spec already.
    pub stamped: Option<Arc<Stamped>>,
}

/// Where the spec of a component may stand.
#[derive(Clone, Copy)]
pub struct Places<'t> {
    /// Texts in the source, by path.
    pub texts: &'t BTreeMap<String, String>,
    /// What is in files beside recipes.
    pub beside: &'t FilesBeside,
    /// The upstream archive, for a source package of a distribution of `.deb` packages.
    pub upstream: Option<&'t Arc<Upstream>>,
    /// The version and the changes of a source whose version comes from tags.
    pub stamped: Option<&'t Arc<Stamped>>,
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
    #[error("the source has no {what}, and there is none in `{folder}/`")]
    #[diagnostic(
        code(opb::rpm::no_spec),
        help(
            "add a spec to the source or to `{folder}/`, name it as in `build: spec(\"rpm/tool.spec\")`, or leave these distros \
             out with `targets`"
        )
    )]
    NoSpec {
        /// Such as `` `rpm/tool.spec` ``.
        what: String,
        /// The folder beside the recipe.
        folder: String,
    },
    /// The same where the source cannot have one.
    #[error("there is no {what} in `{folder}/`")]
    #[diagnostic(
        code(opb::rpm::no_spec_beside),
        help("put it there, since a source package of Debian's has none, or leave these distros out with `targets`")
    )]
    NoSpecBeside {
        /// Such as `` `tool.spec` ``.
        what: String,
        /// The folder beside the recipe.
        folder: String,
    },
    /// A spec beside the recipe that is no text.
    #[error("`{file}` is not UTF-8 text")]
    #[diagnostic(code(opb::rpm::not_text), help("save the spec as UTF-8"))]
    NotText {
        /// The file below the project's root.
        file: String,
    },
    /// A source or patch that is nowhere.
    #[error("`{file}` names `{name}`, which is not in `{folder}/`")]
    #[diagnostic(code(opb::rpm::no_file), help("put the file there (1 MiB at most), or take the line out of the spec"))]
    NoFile {
        /// The spec.
        file: String,
        /// Source or patch.
        name: String,
        /// The folder beside the recipe.
        folder: String,
    },
    /// A name for the upstream archive that is none of an archive.
    #[error("`{file}` calls its first source `{name}`, and the source package has `{upstream}`")]
    #[diagnostic(
        code(opb::rpm::archive),
        help("give it the name of a tar archive, as in `Source0: %{{name}}-%{{version}}.tar.xz`")
    )]
    Archive {
        /// The spec.
        file: String,
        /// What it calls it.
        name: String,
        /// The file of the source package.
        upstream: String,
    },
    /// Several specs and nothing that chooses among them.
    #[error("there are several specs: {list}")]
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
    /// A version that is not where one is put in.
    #[error("`{file}` comes to the version `{version}`, and the tags of its source say `{wanted}`")]
    #[diagnostic(
        code(opb::rpm::version),
        help("let the line `Version:` of its main package say the version, and other lines `%{{version}}`")
    )]
    Version {
        /// The spec.
        file: String,
        /// What it says.
        version: String,
        /// What the tags say.
        wanted: String,
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

    /// When it was made, in seconds since 1970: the commit where the version comes from tags; else the newest entry of a changelog,
    /// the spec's or the source package's; `None` where there is none.
    pub fn date(&self) -> Option<i64> {
        let package = self.upstream.as_ref().and_then(|upstream| upstream.package.as_ref());
        let said = self.spec.date.max(package.map(|package| package.date));
        self.stamped.as_ref().map(|stamped| stamped.time).or(said)
    }

    /// File names of further sources and of patches, which stand beside the spec or in the source's root.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.spec.sources.values().skip(1).chain(self.spec.patches.values()).map(|address| base_name(address))
    }
}

/// File names of all sources and patches that a spec names.
pub fn named(spec: &Spec) -> impl Iterator<Item = &str> {
    spec.sources.values().chain(spec.patches.values()).map(|address| base_name(address))
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

/// The source of a component for an arch of a distro, whose macros are `macros`, from what stands at `places`.
///
/// A spec for a source package of a distribution gets the version of that.
///
/// # Errors
/// Where there is no spec, or more than one, or it cannot be read, or something that it names is not there.
pub fn source(
    component: &Component,
    (distro, macros): (&Rpm, &Macros),
    places: Places<'_>,
    specs: &Specs,
) -> Result<RpmSource, RpmSourceError> {
    let Chosen { file, text, is_beside } = choose(component, places)?;
    let stamped = places.stamped.map(|stamped| stamped.version.rpm(distro.caret));
    let package = places.upstream.and_then(|upstream| upstream.package.as_ref());
    let version = package.map(|package| &package.version).or(stamped.as_ref());
    let text = version.map_or(Cow::Borrowed(text), |version| Cow::Owned(with_version(text, version)));
    let shown = if is_beside { format!("{}/{file}", component.folder) } else { file.clone() };
    let read = specs.of(&text).read(&macros_for(component, macros));
    let (spec, release) = read.map_err(|source| RpmSourceError::Spec { file: shown.clone(), source })?;
    let beside = is_beside.then(|| Arc::from(text));
    let source =
        RpmSource { file, beside, spec, release, upstream: places.upstream.cloned(), stamped: places.stamped.cloned() };
    let files = named(&source.spec).map(|name| ("source or patch", name));
    for (what, name) in files.chain([("folder", source.spec.folder.as_str())]) {
        if !is_file_name(name) {
            let name = name.chars().take(80).collect();
            return Err(RpmSourceError::FileName { file: shown, what, name });
        }
    }
    let version = &source.spec.evr.version;
    if let Some(wanted) = stamped.filter(|wanted| wanted != version) {
        return Err(RpmSourceError::Version { file: shown, version: version.clone(), wanted });
    }
    if version.contains('^') && !distro.caret {
        return Err(RpmSourceError::Caret { file: shown, version: version.clone() });
    }
    if let Some(upstream) = source.upstream.as_ref().filter(|upstream| upstream.package.is_some()) {
        check_files(component, (&source, upstream), places.beside, &shown)?;
    }
    Ok(source)
}

/// Whether all that the spec of a source package names is there: with a folder of the project, only its own build can tell.
fn check_files(
    component: &Component,
    (source, upstream): (&RpmSource, &Upstream),
    beside: &FilesBeside,
    shown: &str,
) -> Result<(), RpmSourceError> {
    if let Some(name) = source.archive().filter(|name| packing(name).is_none()) {
        let (file, name, upstream) = (shown.to_owned(), name.to_owned(), upstream.file.clone());
        return Err(RpmSourceError::Archive { file, name, upstream });
    }
    // What the recipe lays into the source may bring it.
    let is_laid = changes(component);
    let is_there = |name: &str| {
        beside.contains_key(&format!("{}/{name}", component.folder))
            || upstream.file_for(name, source.archive()).is_some()
            || is_laid
    };
    match source.others().find(|name| !is_there(name)) {
        None => Ok(()),
        Some(name) => Err(RpmSourceError::NoFile {
            file: shown.to_owned(),
            name: name.to_owned(),
            folder: component.folder.clone(),
        }),
    }
}

/// Whether the archive of upstream that a component is made of can be the one of its source package, byte for byte: all of it is
/// the source, and the recipe does not change it.
pub fn takes_upstream(component: &Component, archive: &Archive, _: Packing) -> bool {
    archive.kind == ArchiveKind::Archive && archive.folder.is_none() && !changes(component)
}

/// Whether the recipe changes the source before its source package is made.
pub(super) fn changes(component: &Component) -> bool {
    let Component { sources, files, patches, stamp, .. } = component;
    !sources.is_empty() || !files.is_empty() || !patches.is_empty() || !stamp.is_empty()
}

/// A spec.
struct Chosen<'t> {
    file: String,
    text: &'t str,
    is_beside: bool,
}

/// The spec that a recipe names; else the only one in `rpm/`, else the only one in the root or in `packaging/`. Where the
/// source has none, those beside the recipe count in the same way, and of several the one that is called as the component.
fn choose<'t>(component: &Component, places: Places<'t>) -> Result<Chosen<'t>, RpmSourceError> {
    let named = match &component.build {
        BuildSpec::Spec { file, .. } => file.as_ref().map(ToString::to_string),
        _ => None,
    };
    let specs = places.texts.iter().filter(|(path, _)| path.ends_with(".spec"));
    let mut found: Vec<(&String, &String)> = match &named {
        Some(file) => places.texts.get_key_value(file).into_iter().collect(),
        None => specs.clone().filter(|(path, _)| path.starts_with("rpm/")).collect(),
    };
    if found.is_empty() && named.is_none() {
        found = specs.collect();
    }
    match found.as_slice() {
        [] => beside(component, named, places),
        [(path, text)] => Ok(Chosen { file: (*path).clone(), text, is_beside: false }),
        several => Err(RpmSourceError::Several {
            list: several.iter().map(|(path, _)| format!("`{path}`")).collect::<Vec<_>>().join(", "),
            first: several[0].0.clone(),
        }),
    }
}

fn beside<'t>(component: &Component, named: Option<String>, places: Places<'t>) -> Result<Chosen<'t>, RpmSourceError> {
    let folder = format!("{}/", component.folder);
    let files = places.beside.range(folder.clone()..).take_while(|(path, _)| path.starts_with(&folder));
    let mut specs: Vec<(&str, &FileBeside)> = files.map(|(path, file)| (&path[folder.len()..], file)).collect();
    specs.retain(|(name, _)| match &named {
        Some(named) => name == named,
        None => name.ends_with(".spec") && !name.contains('/'),
    });
    let own = format!("{}.spec", component.name);
    if specs.len() > 1 && specs.iter().any(|(name, _)| *name == own) {
        specs.retain(|(name, _)| *name == own);
    }
    match specs.as_slice() {
        [] => {
            let what = named.map_or_else(|| "spec".to_owned(), |named| format!("`{named}`"));
            let folder = component.folder.clone();
            Err(match places.upstream {
                Some(_) => RpmSourceError::NoSpecBeside { what, folder },
                None => RpmSourceError::NoSpec { what, folder },
            })
        }
        [(name, file)] => {
            let not_text = |_| RpmSourceError::NotText { file: format!("{folder}{name}") };
            let text = std::str::from_utf8(&file.bytes).map_err(not_text)?;
            Ok(Chosen { file: (*name).to_owned(), text, is_beside: true })
        }
        several => Err(RpmSourceError::Several {
            list: several.iter().map(|(name, _)| format!("`{folder}{name}`")).collect::<Vec<_>>().join(", "),
            first: several[0].0.to_owned(),
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
