//! The family of `.rpm` packages.
//!
//! `source` reads what evaluation must know of a source with a spec, `needs` finds which components it needs, and this file
//! writes the derivations: index, package lists, roots, source package, build. They are complete and pure; running them is
//! another matter.
//!
//! Versions. The number of a rebuild enters the release, before what the distro adds to it: `Release: 1%{?dist}` of a spec
//! comes out as `1.1.el9`, then `1.2.el9`. One source package serves all numbers.

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod beside_tests;
pub mod needs;
mod resolve;
pub mod source;
mod source_package;
#[cfg(test)]
mod stamped_tests;
#[cfg(test)]
mod tests;
pub mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub use resolve::{check_need, is_renamed, resolve, resolve_base, resolve_check, resolve_tool};
pub use source::{Places, RpmSource, RpmSourceError, Specs, macros, named, source, takes_upstream};
pub use source_package::source_package;
pub use upstream::Upstream;

use super::{Part, probe};
use crate::component::{BuildSpec, Component, Need};
use crate::distro::{Bootstrap, DbBackend, Distro, Rpm};
use crate::drv::{Action, Env, IndexFile, Script, SharedText};
use crate::lock::RepositoryPin;
use crate::name::{Arch, OutputName};
use crate::package::spec::Spec;

/// Raised when what a sandbox promises to scripts changes: user, paths, mounts, host name.
pub const SANDBOX_CONTRACT: u32 = 1;

/// Raised when roots are made differently from the same package list.
pub const LAYER_FORMAT: u32 = 1;

/// When a source without a changelog is said to have been made: 1980-01-01, the first day that all formats can hold.
const NO_DATE: i64 = 315_532_800;

static BUILD: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("build.sh")));

/// The outputs of a build: packages, and their debug symbols with the sources of those.
pub const BUILD_OUTPUTS: [&str; 2] = ["debug", "packages"];

/// An arch in rpm's spelling: `x86_64` for `amd64`.
pub fn arch_name(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "i386" => "i686",
        "armhf" => "armv7hl",
        "ppc64el" => "ppc64le",
        "all" => "noarch",
        other => other,
    }
}

/// An arch in Debian's spelling, from rpm's: `amd64` for `x86_64`.
pub fn debian_arch(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i486" | "i586" | "i686" => "i386",
        "armv7hl" => "armhf",
        "ppc64le" => "ppc64el",
        "noarch" => "all",
        other => other,
    }
}

/// The kinds of metadata files that a pin names.
pub const INDEX_KINDS: [&str; 4] = ["primary", "filelists", "group", "modules"];

/// The same of a source repository.
pub const SOURCE_KINDS: [&str; 2] = ["primary", "modules"];

/// The kind of the metadata file at `path`, as distributions name those files; what has no other name of its own is groups.
pub fn kind_of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_kind = |kind: &&&str| name.split(['-', '.']).any(|part| part == **kind);
    INDEX_KINDS.iter().find(is_kind).copied().unwrap_or("group")
}

/// The pinned index of `arch` in a distro: every repository. Labels are `<place>/<repository>/<arch>/<kind>`.
///
/// Empty where the pin does not hold that arch.
pub fn index_files(distro: &Rpm, pins: &[RepositoryPin], arch: &Arch) -> BTreeMap<String, (IndexFile, String, String)> {
    let mut files = BTreeMap::new();
    for (place, repository) in distro.repositories.iter().enumerate() {
        let pin = pins.iter().find(|pin| pin.name == *repository && pin.arch == *arch);
        for (path, sha256) in pin.into_iter().flat_map(|pin| &pin.index) {
            // The repository's place keeps the order of the distro's file, which decides between equal versions.
            let label = format!("{place:02}/{repository}/{arch}/{}", kind_of(path));
            let file = IndexFile { label: label.clone(), sha256: *sha256 };
            files.insert(label, (file, repository.clone(), path.clone()));
        }
    }
    files
}

/// Whether the pin holds the index of `arch`.
pub fn is_pinned(distro: &Rpm, pins: &[RepositoryPin], arch: &Arch) -> bool {
    pins.iter().any(|pin| pin.arch == *arch && distro.repositories.contains(&pin.name) && !pin.index.is_empty())
}

/// What a recipe asks for besides components: the capability, and its limit with a blank before it.
fn recipe_need(need: &Need) -> Option<(String, String)> {
    let (name, version) = match need {
        Need::Component { .. } => return None,
        Need::Package { name, version } => (name.split(':').next().unwrap_or_default().to_owned(), version),
        Need::Capability { capability, version } => (capability.rpm(), version),
    };
    Some((name, version.as_ref().map_or(String::new(), |bound| format!(" {}", bound.rpm()))))
}

/// A chroot, or a layer of one: the input `list` says of what, and `base`, where there is one, on what it is stacked.
pub fn root(distro: &Rpm) -> Action {
    let bootstrap = match distro.base.bootstrap {
        Bootstrap::Direct => "direct",
        Bootstrap::TwoStage => "two-stage",
    };
    let backend = match distro.base.db.backend {
        DbBackend::Bdb => "bdb",
        DbBackend::Ndb => "ndb",
        DbBackend::Sqlite => "sqlite",
    };
    let hotfixes = if distro.modules.hotfixes { "yes" } else { "no" };
    let settings = [
        ("family", "rpm"),
        ("builder", "1000:1000"),
        ("bootstrap", bootstrap),
        ("database", backend),
        ("database path", &distro.base.db.path),
        ("module hotfixes", hotfixes),
    ];
    Action::Root {
        layer_format: LAYER_FORMAT,
        settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

/// The build of a component's packages: those of one arch, or those that are independent of it. `is_renamed` says whether its spec
/// asks for some package by another name than the project's package has ([`is_renamed`]).
pub fn build(
    component: &Component,
    (distro, rpm): (&Distro, &Rpm),
    (source, is_renamed): (&RpmSource, bool),
    (part, arch): (Part, &Arch),
    maintainer: &str,
) -> Action {
    let mut env = base_env(distro, rpm, source, maintainer);
    let (head, tail) = release_parts(&source.release, distro, rpm);
    let epoch = source.spec.evr.epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
    env.insert("OPB_RELEASE_HEAD".into(), head.clone().into());
    env.insert("OPB_VERSION_HEAD".into(), format!("{epoch}{}-{head}", source.spec.evr.version).into());
    env.insert("OPB_VERSION_TAIL".into(), tail.into());
    env.insert("OPB_PART".into(), if part == Part::Arch { "any" } else { "all" }.into());
    env.insert("OPB_TARGET".into(), arch_name(arch.as_str()).to_owned().into());
    env.insert("OPB_PAYLOAD".into(), rpm.payload.clone().into());
    let env_with_probes = probe::environment(component, &mut env);
    let mut files = BTreeMap::from([(ARGUMENTS.to_owned(), arguments(component))]);
    if is_renamed {
        files.insert(RENAMED.to_owned(), Vec::new());
    }
    let (sandbox_contract, text) = (SANDBOX_CONTRACT, BUILD.clone());
    let network = component.network.is_some();
    let script = Script { sandbox_contract, text, env, env_with_probes, files, network };
    let outputs = BUILD_OUTPUTS.map(|name| OutputName::new(name).expect("a plain name")).to_vec();
    Action::Build { script, number: None, outputs }
}

/// What stands before and behind the number in the release: `1.` and `.el9`.
fn release_parts(release: &str, distro: &Distro, rpm: &Rpm) -> (String, String) {
    let dist = rpm.macros.get("dist").cloned().unwrap_or_else(|| format!(".{}", distro.suffix));
    // A spec without `%{?dist}` gets it, so that packages for two distros never share a file name.
    (format!("{}.", release.strip_suffix(dist.as_str()).unwrap_or(release)), dist)
}

/// Which parts a source has on `arch`: packages of that arch, arch-independent ones, or both; none where the spec leaves
/// the arch out.
pub fn parts(spec: &Spec, arch: &Arch) -> BTreeSet<Part> {
    let name = arch_name(arch.as_str());
    let listed = |list: &[String]| list.iter().any(|known| known == name || known == "noarch" && spec.noarch);
    if !spec.exclusive_arch.is_empty() && !listed(&spec.exclusive_arch) || listed(&spec.exclude_arch) {
        return BTreeSet::new();
    }
    spec.packages.values().map(|package| if package.noarch { Part::Indep } else { Part::Arch }).collect()
}

/// The file beside a build's script that is there where its spec asks for packages by other names than they have. rpmbuild knows
/// no aliases, so it cannot look whether all is installed; the choice of packages has looked.
pub const RENAMED: &str = "renamed";

/// The file beside a script with what [`arguments`] gives.
pub const ARGUMENTS: &str = "arguments";

/// Arguments of rpmbuild, one a line: switches and macros of the recipe.
pub fn arguments(component: &Component) -> Vec<u8> {
    let mut lines = String::new();
    for (name, on) in component.conditions() {
        lines.push_str(if on { "--with\n" } else { "--without\n" });
        lines.push_str(&name);
        lines.push('\n');
    }
    if let BuildSpec::Spec { define, .. } = &component.build {
        for (name, value) in define {
            // An empty macro is written so: rpm takes no definition without a body.
            let value = if value.is_empty() { "%{nil}".to_owned() } else { value.replace('\n', " ") };
            lines.push_str(&format!("--define\n{name} {value}\n"));
        }
    }
    lines.into_bytes()
}

fn base_env(distro: &Distro, rpm: &Rpm, source: &RpmSource, maintainer: &str) -> Env {
    let mut env = super::base_env(source.date().unwrap_or(NO_DATE));
    let dist = rpm.macros.get("dist").cloned().unwrap_or_else(|| format!(".{}", distro.suffix));
    env.insert("OPB_SPEC".into(), source.file.clone().into());
    env.insert("OPB_SOURCE".into(), source.spec.name.to_string().into());
    env.insert("OPB_UPSTREAM_VERSION".into(), source.spec.evr.version.clone().into());
    env.insert("OPB_DIST".into(), dist.into());
    env.insert("OPB_MAINTAINER".into(), maintainer.to_owned().into());
    env
}
