//! The source package of a component for a distro: a spec, its files, and the upstream archive.

use std::sync::LazyLock;

use super::source::changes;
use super::upstream::packing;
use super::{ARGUMENTS, RpmSource, SANDBOX_CONTRACT, arguments, base_env};
use crate::component::{Component, SourceSpec};
use crate::distro::{Distro, Rpm};
use crate::drv::{Action, Script, SharedText};
use crate::family::laid::{self, Laid};
use crate::family::stamped::CHANGES;
use crate::remote::archive::ArchiveKind;

/// The file beside the script with a spec that stands beside the recipe.
const SPEC: &str = "spec";

/// How files beside the script are called that stand beside the recipe; their names follow.
const BESIDE: &str = "beside-";

const COPY: &str = include_str!("source/copy.sh");
const UNPACK: &str = include_str!("source/unpack.sh");
const BEGIN: &str = include_str!("source/begin.sh");
const INSIDE: &str = include_str!("source/inside.sh");
const BESIDE_RECIPE: &str = include_str!("source/beside.sh");
const STAMPED: &str = include_str!("source/stamped.sh");
const OTHERS: &str = include_str!("source/others.sh");
const PACKER: &str = include_str!("source/packer.sh");
const PACK: &str = include_str!("source/pack.sh");
const PRISTINE: &str = include_str!("source/pristine.sh");
const REPACK: &str = include_str!("source/repack.sh");
const ARCHIVE: &str = include_str!("source/archive.sh");
const SOURCE_PACKAGE: &str = include_str!("source/srpm.sh");

/// The source package of a component for a distro.
pub fn source_package(
    component: &Component,
    distro: &Distro,
    rpm: &Rpm,
    source: &RpmSource,
    laid: &Laid<'_>,
    maintainer: &str,
) -> Action {
    let spec = &source.spec;
    let mut env = base_env(distro, rpm, source, maintainer);
    env.insert("OPB_ARCHIVE".into(), source.archive().unwrap_or_default().to_owned().into());
    env.insert("OPB_FOLDER".into(), spec.folder.clone().into());
    if let Some(upstream) = &source.upstream {
        env.insert("OPB_UPSTREAM".into(), upstream.file.clone().into());
    }
    let lines =
        |names: &mut dyn Iterator<Item = String>| names.map(|name| name + "\n").collect::<String>().into_bytes();
    let mut files = laid::script_files(component, laid.beside);
    let other = |name: &str| {
        // A source package may have the file by a name of its own.
        let by = source.upstream.as_ref().and_then(|upstream| upstream.file_for(name, source.archive()));
        by.filter(|by| *by != name).map_or_else(|| name.to_owned(), |by| format!("{name} {by}"))
    };
    files.extend([
        (ARGUMENTS.to_owned(), arguments(component)),
        ("sources".to_owned(), lines(&mut source.others().map(other))),
        ("stamps".to_owned(), lines(&mut component.stamp.iter().map(ToString::to_string))),
    ]);
    if let Some(stamped) = &source.stamped {
        let entry = stamped.rpm_entry(maintainer, &source.evr().to_string(), spec.date);
        files.insert(CHANGES.to_owned(), entry.into_bytes());
    }
    if let Some(text) = &source.beside {
        files.insert(SPEC.to_owned(), text.as_bytes().to_vec());
        for name in source.others() {
            let content = laid.beside.get(&format!("{}/{name}", component.folder));
            files.extend(content.map(|content| (format!("{BESIDE}{name}"), content.bytes.clone())));
        }
    }
    let (sandbox_contract, text, env_with_probes) = (SANDBOX_CONTRACT, text(component, source), Default::default());
    let script = Script { sandbox_contract, text, env, env_with_probes, files, network: false };
    Action::SourcePackage { script: Some(script) }
}

/// Only the steps that the component needs, as for `.deb`.
fn text(component: &Component, source: &RpmSource) -> SharedText {
    /// What most have: a folder with a spec in it, and nothing laid into it.
    static USUAL: LazyLock<SharedText> =
        LazyLock::new(|| SharedText::new([COPY, laid::STAMP, INSIDE, OTHERS, PACKER, PACK, SOURCE_PACKAGE].concat()));
    let Component { sources, files, patches, .. } = component;
    let is_srpm = match &component.source {
        SourceSpec::Srpm { .. } => true,
        SourceSpec::Archive(archive) => archive.kind == ArchiveKind::Srpm,
        _ => false,
    };
    let has_archive = source.archive().is_some();
    let is_laid = !sources.is_empty() || !files.is_empty() || !patches.is_empty();
    let is_plain = source.upstream.is_none() && source.beside.is_none() && source.stamped.is_none();
    if is_plain && has_archive && !is_laid && !is_srpm {
        return USUAL.clone();
    }
    let [packages, further] = laid::source_steps(component);
    let name = source.archive().and_then(packing);
    let same = |file: &str| name == packing(file);
    let spec = if source.beside.is_some() { BESIDE_RECIPE } else { INSIDE };
    // An archive stays as its author made it, unless the recipe changes what is in it.
    let pristine = source.upstream.as_ref().filter(|_| !changes(component));
    // Upstream's own archive is beside the tree that it holds.
    let is_own = source.upstream.as_ref().is_some_and(|upstream| upstream.package.is_none());
    let begin = match (&source.upstream, pristine) {
        _ if is_own => COPY,
        (_, Some(_)) => BEGIN,
        (Some(_), None) => UNPACK,
        (None, None) => COPY,
    };
    // What nobody can pack is called as its author called it.
    let is_same = pristine.is_some_and(|upstream| same(&upstream.file) || is_own && name.is_none());
    let is_zip = is_own && pristine.is_some_and(|upstream| packing(&upstream.file).is_none());
    let is_made = has_archive && !is_srpm && (pristine.is_none() || is_zip && !is_same);
    let is_other = pristine.is_some() && has_archive && !is_same && !is_made;
    let steps = [
        (true, begin),
        packages,
        further,
        (pristine.is_none(), laid::STAMP),
        (!files.is_empty(), laid::LAY_FILES),
        (!patches.is_empty(), laid::APPLY_PATCHES),
        (true, spec),
        (source.stamped.is_some(), STAMPED),
        (true, OTHERS),
        (is_made || is_other, PACKER),
        (is_made, PACK),
        (is_same, PRISTINE),
        (is_other, REPACK),
        (is_srpm && has_archive, ARCHIVE),
        (true, SOURCE_PACKAGE),
    ];
    let text: String = steps.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, step)| step).collect();
    // The same steps, with the archive where it is.
    SharedText::new(if is_own { text.replace("\"/in/source/", "\"/in/upstream/") } else { text })
}

#[cfg(test)]
mod tests {
    use crate::package::spec::with_version;

    /// What the script makes of a spec, in this machine's shell.
    fn stamped(spec: &str) -> String {
        let folder = tempfile::tempdir().expect("scratch");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("top/SPECS")).expect("scratch");
        std::fs::write(path("top/SPECS/a.spec"), spec).expect("scratch");
        std::fs::write(path("changes"), "* entry\n- change \\n %%{x}\n\n").expect("scratch");
        let script = super::STAMPED.replace("/opb/files/changes", "changes");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-euc", &script]).env("OPB_UPSTREAM_VERSION", "9.1^2.gitabc").current_dir(folder.path());
        assert!(shell.status().expect("sh").success());
        std::fs::read_to_string(path("top/SPECS/a.spec")).expect("there")
    }

    #[test]
    fn a_spec_is_built_with_the_version_that_evaluation_has_read() {
        let specs = [
            "Name: a\n%if 0\nversion :\t1.0\n%else\nVersion:        2.0%{?x}\n%endif\n%package b\nVersion: 3\n%changelog\n- Version: 4",
            "Name: a\nVersion:1\n%description\n\\a\\n -n -e %s\nVersion: 5\n  %changelog\n",
            "# Version: 0\n%define x Version: 1\nVERSION : 1\nUrl: http://a/version: 2\n%prep\n%changelog\n* a\n%changelog",
            "Version:\nName: a\n%files\n",
            "%descriptions: x\nVersion: 3",
        ];
        for spec in specs {
            let whole = if spec.ends_with('\n') { spec.to_owned() } else { format!("{spec}\n") };
            let version = with_version(&whole, "9.1^2.gitabc");
            let entry = "* entry\n- change \\n %%{x}\n\n";
            let wanted = match version.find("%changelog\n") {
                Some(at) => format!("{}{entry}{}", &version[..at + 11], &version[at + 11..]),
                None => format!("{version}\n%changelog\n{entry}"),
            };
            assert_eq!(stamped(spec), wanted, "{spec}");
        }
    }
}
