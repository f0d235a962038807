//! The family of `.deb` packages.
//!
//! `facts` reads what evaluation must know of a source, `needs` finds which components a source needs, and this file
//! writes the derivations: index, package lists, roots, source package, build.
//!
//! Versions. A rebuilt source package of a distribution keeps its version; its binary packages get
//! `<version>+0opbN~<suffix>`, which sorts above the distribution's own and below its security updates. One that a recipe
//! changes gets `<version>+0opb~<suffix>.<digest>` and its binary packages the same versions as before, so that they
//! are told apart by their numbers in whatever order recipes change. A source of the
//! project's own gets `<version>~<suffix>`, so that two releases never share a version, and its binary packages `+opbN`
//! behind that. The number enters as a changelog entry marked `binary-only`, as a binary rebuild of the distribution
//! does, so one source package serves all numbers.

pub mod capability;
pub mod extra;
pub mod facts;
pub mod needs;
pub mod slim;
mod source;
pub mod stand_in;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub use self::source::{source_package, takes_upstream};
pub use super::Part;
use super::probe;
use crate::component::{Component, Need, SourceSpec};
use crate::distro::{Base, Deb, Distro, ExtraRepository, Family, Options};
use crate::drv::{Action, Env, IndexFile, Resolve, Script, SharedTable, SharedText};
use crate::lock::{SourceFacts, SuitePin};
use crate::name::{Arch, OutputName};

/// Raised when what a sandbox promises to scripts changes: user, paths, mounts, host name.
pub const SANDBOX_CONTRACT: u32 = 1;

/// Raised when roots are made differently from the same package list.
pub const LAYER_FORMAT: u32 = 1;

static BUILD: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("build.sh")));

/// The outputs of a build: binary packages, their debug symbols, packages for the installer, and the record of the
/// build (`.buildinfo`, `.changes`), which is never an input of anything.
pub const BUILD_OUTPUTS: [&str; 4] = ["buildinfo", "debug", "packages", "udebs"];

/// The pinned index of `arch` in a distro: every area of every suite. Labels are `<suite>/<area>/binary-<arch>`.
///
/// Empty where the pin does not hold that arch.
pub fn index_files(distro: &Deb, pins: &[SuitePin], arch: &Arch) -> BTreeMap<String, (IndexFile, String, String)> {
    let mut files = BTreeMap::new();
    for (place, suite) in distro.suites.iter().enumerate() {
        let Some(pin) = pins.iter().find(|pin| pin.name == suite.name) else { continue };
        for area in &suite.areas {
            let folder = format!("{area}/binary-{arch}/");
            if let Some((path, sha256)) = pin.index.iter().find(|(path, _)| path.starts_with(&folder)) {
                // The suite's place keeps the order of the distro's file, which decides between equal versions.
                let label = format!("{place:02}/{}/{area}/binary-{arch}", suite.name);
                let file = IndexFile { label: label.clone(), sha256: *sha256 };
                files.insert(label, (file, suite.name.clone(), path.clone()));
            }
        }
    }
    files
}

/// Whether the pin holds the index of `arch`.
pub fn is_pinned(distro: &Deb, pins: &[SuitePin], arch: &Arch) -> bool {
    distro.suites.iter().any(|suite| {
        let of_suite = pins.iter().filter(|pin| pin.name == suite.name);
        of_suite.flat_map(|pin| pin.index.keys()).any(|path| {
            let folder = path.split_once('/').and_then(|(area, rest)| {
                suite.areas.iter().any(|known| known == area).then_some(rest)?.split('/').next()
            });
            folder.is_some_and(|folder| folder.strip_prefix("binary-") == Some(arch.as_str()))
        })
    })
}

/// What of a distro decides which packages a root gets. All that package lists may follow from, so that distros which
/// agree on it share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRules<'a> {
    /// What a base consists of.
    pub base: &'a Base,
    /// How dependencies are chosen.
    pub options: &'a Options,
    /// Extra repositories, which a base never sees.
    pub extra: &'a [ExtraRepository],
}

impl<'a> ListRules<'a> {
    /// Those of a distro.
    pub fn of(distro: &'a Deb) -> Self {
        Self { base: &distro.base, options: &distro.options, extra: &distro.extra_repositories }
    }
}

/// The derivation that fetches `files`.
pub fn index(files: impl Iterator<Item = IndexFile>) -> Action {
    Action::Index { files: files.collect() }
}

/// The package list of a distro's base root.
pub fn resolve_base(distro: &ListRules<'_>, arch: &Arch) -> Action {
    Action::Resolve(Resolve {
        family: Family::Deb.as_str().to_owned(),
        arch: arch.to_string(),
        needs: Vec::new(),
        conflicts: Vec::new(),
        variant: distro.base.variant.clone(),
        add: distro.base.add.clone(),
        profiles: Vec::new(),
        first_alternative: distro.options.first_alternative,
        ours: SharedTable::default(),
        extra: Vec::new(),
        asks: None,
        tests: None,
    })
}

/// The package list of the root that a component is built in.
///
/// `asked` names the package that is meant where something is asked for by another name; `ours` names every binary package that the project makes for the distro, with its component.
pub fn resolve(
    component: &Component,
    distro: &ListRules<'_>,
    facts: &SourceFacts,
    (part, arch): (Part, &Arch),
    asked: &BTreeMap<String, String>,
    ours: SharedTable,
) -> Action {
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|need| !need.is_empty()).map(str::to_owned).collect()
    };
    let mut needs = split(&facts.build_depends);
    needs.extend(split(match part {
        Part::Arch => &facts.build_depends_arch,
        Part::Indep => &facts.build_depends_indep,
    }));
    for need in &component.needs {
        match need {
            Need::Component { .. } => {}
            Need::Package { .. } => needs.push(need.to_string()),
            Need::Capability { capability, version } => {
                // What has no package was an error before this.
                let package = asked.get(&capability.to_string());
                needs.extend(
                    package.map(|package| capability::relations(package, version.as_ref())).into_iter().flatten(),
                );
            }
        }
    }
    needs.iter_mut().for_each(|need| *need = capability::renamed(need, asked));
    if needs_fakeroot(facts, distro) {
        needs.push("fakeroot".to_owned());
    }
    Action::Resolve(Resolve {
        family: Family::Deb.as_str().to_owned(),
        arch: arch.to_string(),
        needs,
        conflicts: split(&facts.build_conflicts),
        variant: distro.base.variant.clone(),
        add: distro.base.add.clone(),
        profiles: component.profiles.iter().cloned().collect(),
        first_alternative: distro.options.first_alternative,
        ours,
        extra: extra::told(distro.extra, component, arch),
        asks: None,
        tests: None,
    })
}

/// A chroot, or a layer of one: the input `list` says of what, and `base`, where there is one, on what it is stacked.
pub fn root() -> Action {
    let settings = [("builder", "1000:1000"), ("policy-rc.d", "101"), ("recommends", "no")];
    Action::Root {
        layer_format: LAYER_FORMAT,
        settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

/// The build of a component's packages.
///
/// `tied`: the source makes both packages of an arch and arch-independent ones.
pub fn build(
    component: &Component,
    distro: &Distro,
    facts: &SourceFacts,
    (part, tied): (Part, bool),
    maintainer: &str,
) -> Action {
    let mut env = base_env(facts);
    let (head, tail) = match component.source {
        SourceSpec::Dsc { .. } => (format!("{}+0opb", facts.version), format!("~{}", distro.suffix)),
        SourceSpec::Srpm { .. } | SourceSpec::Path { .. } | SourceSpec::Checkout(_) | SourceSpec::Archive(_) => {
            (format!("{}+opb", source_version(component, distro, facts)), String::new())
        }
    };
    env.insert("OPB_SOURCE".into(), facts.source.to_string().into());
    // As a binary rebuild of the distribution does it: the packages name the source package's own version. Where packages
    // of an arch depend on arch-independent ones `(= ${source:Version})`, that must be the version those have here.
    env.insert("OPB_ENTRY".into(), if tied { "" } else { ", binary-only=yes" }.into());
    env.insert("OPB_VERSION_HEAD".into(), head.into());
    env.insert("OPB_VERSION_TAIL".into(), tail.into());
    env.insert("OPB_PART".into(), if part == Part::Arch { "any" } else { "all" }.into());
    env.insert("OPB_MAINTAINER".into(), maintainer.to_owned().into());
    env.insert("OPB_DISTRIBUTION".into(), facts.distribution.clone().into());
    if !component.profiles.is_empty() {
        let profiles: Vec<&str> = component.profiles.iter().map(String::as_str).collect();
        env.insert("DEB_BUILD_PROFILES".into(), profiles.join(" ").into());
        // Policy 4.9.1: `nocheck` and `nodoc` as profiles want the option of the same name beside them.
        let options: Vec<&str> = profiles.into_iter().filter(|name| ["nocheck", "nodoc"].contains(name)).collect();
        env.insert("DEB_BUILD_OPTIONS".into(), options.join(" ").into());
    }
    let env_with_probes = probe::environment(component, &mut env);
    let (sandbox_contract, text, files) = (SANDBOX_CONTRACT, BUILD.clone(), BTreeMap::new());
    let network = component.network.is_some();
    let script = Script { sandbox_contract, text, env, env_with_probes, files, network };
    let outputs = BUILD_OUTPUTS.map(|name| OutputName::new(name).expect("a plain name")).to_vec();
    Action::Build { script, number: None, outputs }
}

/// Whether the source is the project's own, not a source package of a distribution.
pub fn is_own(component: &Component) -> bool {
    !matches!(component.source, SourceSpec::Dsc { .. })
}

/// Which parts a source has on `arch`: packages of that arch, arch-independent ones, or both.
pub fn parts(facts: &SourceFacts, profiles: &BTreeSet<String>, arch: &Arch) -> BTreeSet<Part> {
    let mut parts = BTreeSet::new();
    for binary in facts.binaries.values() {
        if !needs::profile_allows(&binary.profiles, profiles) {
            continue;
        }
        for word in binary.architecture.split_whitespace() {
            if word == "all" {
                parts.insert(Part::Indep);
            } else if needs::arch_matches(word, arch) {
                parts.insert(Part::Arch);
            }
        }
    }
    parts
}

fn needs_fakeroot(facts: &SourceFacts, distro: &ListRules<'_>) -> bool {
    match facts.rules_requires_root.as_deref() {
        Some(value) => value != "no",
        None => !distro.options.rules_need_no_root,
    }
}

fn source_version(component: &Component, distro: &Distro, facts: &SourceFacts) -> String {
    if is_own(component) { format!("{}~{}", facts.version, distro.suffix) } else { facts.version.clone() }
}

fn upstream_version(version: &str) -> String {
    let without_epoch = version.split_once(':').map_or(version, |(_, rest)| rest);
    without_epoch.rsplit_once('-').map_or(without_epoch, |(upstream, _)| upstream).to_owned()
}

fn base_env(facts: &SourceFacts) -> Env {
    let mut env = super::base_env(facts.date);
    env.insert("DEBIAN_FRONTEND".into(), "noninteractive".into());
    env
}
