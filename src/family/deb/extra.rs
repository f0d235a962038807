//! Extra repositories: which a build sees, and the derivations of their indexes.

use std::collections::BTreeMap;

use crate::component::Component;
use crate::distro::ExtraRepository;
use crate::drv::{Extra, IndexFile};
use crate::lock::ExtraPin;
use crate::name::Arch;

/// Those of `extras` that builds of `component` on `arch` see, in their order.
pub fn seen<'a>(
    extras: &'a [ExtraRepository],
    component: &Component,
    arch: &Arch,
) -> impl Iterator<Item = &'a ExtraRepository> {
    extras.iter().filter(move |extra| {
        (extra.everywhere || component.extra_repositories.contains(&extra.name)) && extra.arches.contains(arch)
    })
}

/// The pinned index of `extra` for `arch`, as [`super::index_files`] has that of a distro: every area of its suite. Labels
/// are `<suite>/<area>/binary-<arch>`.
///
/// `None` where the pin does not hold all of it: it is missing, or was made of another suite, other areas or arches.
pub fn index_files(
    extra: &ExtraRepository,
    pin: Option<&ExtraPin>,
    arch: &Arch,
) -> Option<BTreeMap<String, (IndexFile, String, String)>> {
    let suite = &extra.suite.name;
    let pin = pin.filter(|pin| pin.suite == *suite)?;
    let of_area = |area: &String| {
        let folder = format!("{area}/binary-{arch}/");
        let (path, sha256) = pin.index.iter().find(|(path, _)| path.starts_with(&folder))?;
        let label = format!("{suite}/{area}/binary-{arch}");
        Some((label.clone(), (IndexFile { label, sha256: *sha256 }, suite.clone(), path.clone())))
    };
    extra.suite.areas.iter().map(of_area).collect()
}

/// What a `resolve` is told of those that it sees.
pub fn told(extras: &[ExtraRepository], component: &Component, arch: &Arch) -> Vec<Extra> {
    let told = |extra: &ExtraRepository| Extra { name: extra.name.to_string(), taken: extra.taken.as_str().to_owned() };
    seen(extras, component, arch).map(told).collect()
}
