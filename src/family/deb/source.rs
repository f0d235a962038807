//! The source package of a component: the distribution's own as it is, or one that is made here, in steps.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{SANDBOX_CONTRACT, base_env, is_own, source_version, upstream_version};
use crate::component::{BuildSpec, Component};
use crate::digest::Digest;
use crate::distro::Distro;
use crate::drv::{Action, Script, SharedText, action_digest};
use crate::family::laid::{self, Laid};
use crate::family::stamped::CHANGES;
use crate::lock::SourceFacts;
use crate::remote::archive::{Archive, ArchiveKind, Packing};

const COPY: &str = include_str!("source/copy.sh");
const UNPACK: &str = include_str!("source/unpack.sh");
const PACKAGING: &str = include_str!("source/packaging.sh");
const UPSTREAM: &str = include_str!("source/upstream.sh");
const PRISTINE: &str = include_str!("source/pristine.sh");
const AS_PATCH: &str = include_str!("source/as-patch.sh");
const ENTRY: &str = include_str!("source/entry.sh");
const ENTRY_OF_COMMITS: &str = include_str!("source/entry-of-commits.sh");
const PACK: &str = include_str!("source/pack.sh");

/// That of a source with nothing laid into it.
static PLAIN: LazyLock<SharedText> =
    LazyLock::new(|| SharedText::new([COPY, laid::STAMP, ENTRY, UPSTREAM, PACK].concat()));

/// The source package of a component for a distro.
pub fn source_package(
    component: &Component,
    distro: &Distro,
    facts: &SourceFacts,
    laid: &Laid<'_>,
    maintainer: &str,
) -> Action {
    let is_own = is_own(component);
    if !is_own && component.patches.is_empty() && component.files.is_empty() && component.sources.is_empty() {
        return Action::SourcePackage { script: None };
    }
    let mut env = base_env(facts);
    env.insert("OPB_SOURCE".into(), facts.source.to_string().into());
    env.insert("OPB_UPSTREAM_VERSION".into(), upstream_version(&facts.version).into());
    env.insert("OPB_VERSION".into(), source_version(component, distro, facts).into());
    env.insert("OPB_FORMAT".into(), facts.format.clone().into());
    env.insert("OPB_MAINTAINER".into(), maintainer.to_owned().into());
    env.insert("OPB_DISTRIBUTION".into(), facts.distribution.clone().into());
    if let Some(folder) = packaging(component) {
        env.insert("OPB_PACKAGING".into(), folder.into());
    }
    let mut files = laid::script_files(component, laid.beside);
    if is_own {
        let stamps: String = component.stamp.iter().map(|path| format!("{path}\n")).collect();
        files.insert("stamps".to_owned(), stamps.into_bytes());
    }
    if let Some(stamped) = laid.stamped {
        files.insert(CHANGES.to_owned(), stamped.deb_changes().into_bytes());
    }
    let text = text(component, is_own, laid);
    let (sandbox_contract, env_with_probes) = (SANDBOX_CONTRACT, BTreeMap::new());
    let mut script = Script { sandbox_contract, text, env, env_with_probes, files, network: false };
    if !is_own {
        let version = changed_version(&script, laid.trees, distro, facts);
        script.env.insert("OPB_VERSION".into(), version.into());
    }
    Action::SourcePackage { script: Some(script) }
}

/// Whether the archive of upstream that a component is made of can be the one of its source package, byte for byte: all of it is
/// the source, nothing is added to it, and dpkg-source reads such archives in a source package of that format.
pub fn takes_upstream(component: &Component, archive: &Archive, packing: Packing, format: &str) -> bool {
    let is_read = match format {
        "3.0 (quilt)" => matches!(packing, Packing::TarGz | Packing::TarBz2 | Packing::TarXz),
        "1.0" => packing == Packing::TarGz,
        _ => false,
    };
    is_read
        && archive.kind == ArchiveKind::Archive
        && archive.is_whole()
        && component.sources.is_empty()
        && component.stamp.is_empty()
}

/// The folder of the source whose packaging is taken in place of its `debian/`.
fn packaging(component: &Component) -> Option<String> {
    match &component.build {
        BuildSpec::Debian { folder: Some(folder) } if folder.as_bytes() != b"debian" => Some(folder.to_string()),
        _ => None,
    }
}

/// Only the steps that the component needs: another way to apply patches does not make other packages of what has none.
fn text(component: &Component, is_own: bool, laid: &Laid<'_>) -> SharedText {
    let (is_stamped, is_pristine) = (laid.stamped.is_some(), laid.has_upstream());
    let changes = !component.patches.is_empty() || !component.files.is_empty() || !is_own;
    let [packages, sources] = laid::source_steps(component);
    let upstream = if is_pristine { PRISTINE } else { UPSTREAM };
    let steps = [
        (is_own, COPY),
        (!is_own, UNPACK),
        packages,
        sources,
        (packaging(component).is_some(), PACKAGING),
        (is_own, laid::STAMP),
        // The upstream archive is made before anything is laid in from beside the recipe: that is packaging.
        (is_own && changes, upstream),
        (!component.files.is_empty(), laid::LAY_FILES),
        (changes, AS_PATCH),
        (!component.patches.is_empty(), laid::APPLY_PATCHES),
        (!is_stamped, ENTRY),
        (is_stamped, ENTRY_OF_COMMITS),
        (is_own && !changes, upstream),
        (true, PACK),
    ];
    let text: String = steps.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, step)| step).collect();
    if text == **PLAIN { PLAIN.clone() } else { SharedText::new(text) }
}

/// The version of a changed source package of the distribution: above the one that it was made of, below the
/// distribution's next. What was changed is told apart by a digest of all that makes it, since a published file name
/// never gets other bytes; which of two is newer, only the numbers of builds say.
fn changed_version(script: &Script, trees: &[(String, Digest)], distro: &Distro, facts: &SourceFacts) -> String {
    let action = Action::SourcePackage { script: Some(script.clone()) };
    let mut of: Vec<u8> = action_digest(&action).0.as_bytes().to_vec();
    for (role, tree) in trees {
        of.extend((role.len() as u64).to_le_bytes());
        of.extend(role.as_bytes());
        of.extend(tree.as_bytes());
    }
    let digest = Digest::of(&of).to_string();
    format!("{}+0opb~{}.{}", facts.version, distro.suffix, &digest[..8])
}
