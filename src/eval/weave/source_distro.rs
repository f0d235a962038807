//! Whose source packages components are made of on distros of RPM packages, which have none of Debian's.

use std::collections::BTreeMap;

use super::sources::LocalError;
use crate::distro::{Distro, Family};
use crate::lock::Lock;
use crate::name::DistroName;
use crate::settings::Settings;

/// The distro of `.deb` packages whose source packages those distros take that have RPM packages: the one that `opb.toml`
/// names, else the only one that is pinned.
///
/// # Errors
/// Where there is none, or nothing says which.
pub fn source_distro<'a>(
    distros: &'a BTreeMap<DistroName, Distro>,
    lock: &Lock,
    settings: &Settings,
) -> Result<&'a DistroName, LocalError> {
    let debs = || distros.values().filter(|distro| distro.family() == Family::Deb).map(|distro| &distro.name);
    let pinned: Vec<&DistroName> = debs().filter(|name| lock.distro.contains_key(*name)).collect();
    let error = |message: String, help: String| Err(LocalError { message, help });
    match (&settings.source_distro, pinned.as_slice()) {
        (Some(named), pinned) => match pinned.iter().find(|name| **name == named) {
            Some(found) => Ok(found),
            None if debs().any(|name| name == named) => {
                error(format!("`opb.toml` has `source_distro = \"{named}\"`, which is not pinned"), update(named))
            }
            None => {
                let close = crate::diag::did_you_mean(named.as_str(), debs().map(DistroName::as_str));
                let close = close.map_or(String::new(), |close| format!("; did you mean `{close}`?"));
                let message =
                    format!("`opb.toml` has `source_distro = \"{named}\"`, which is no distro of `.deb` packages");
                error(message, format!("name one of the project's, in `distros/`{close}"))
            }
        },
        (None, [only]) => Ok(only),
        (None, []) => {
            let example = debs().next().map_or("debian-12", DistroName::as_str);
            error("no distro is pinned that has source packages of Debian's".to_owned(), update(example))
        }
        (None, [first, ..]) => {
            let names: Vec<String> = pinned.iter().map(|name| format!("`{name}`")).collect();
            error(
                format!("several distros are pinned that have source packages: {}", names.join(", ")),
                format!("say in `opb.toml` whose are taken, as in `source_distro = \"{first}\"`"),
            )
        }
    }
}

/// Whether what is made for `target` takes source packages of `of`.
pub fn takes_sources(
    distros: &BTreeMap<DistroName, Distro>,
    (lock, settings): (&Lock, &Settings),
    of: &DistroName,
    target: &DistroName,
) -> bool {
    let is_rpm = distros.get(target).is_some_and(|distro| distro.family() == Family::Rpm);
    match is_rpm {
        false => of == target,
        true => lock.distro.contains_key(target) && source_distro(distros, lock, settings).is_ok_and(|name| name == of),
    }
}

fn update(name: impl std::fmt::Display) -> String {
    format!("run `opb update @{name}`, which pins it and looks up its source packages")
}
