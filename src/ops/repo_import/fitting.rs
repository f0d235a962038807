//! Whether a package that was built elsewhere fits into a channel: its family, its arch, its area, and what a repository can
//! hold, which is asked by assembling one of it alone.

use std::collections::BTreeMap;

use super::taking::{Fits, Taken};
use super::{ImportError, Importing};
use crate::diag::Failure;
use crate::distro::Family;
use crate::drv::Action;
use crate::family::rpm::{arch_name, debian_arch};
use crate::name::{Arch, AreaName, DistroName};
use crate::ops::channel::{self, ChannelError};
use crate::ops::session::Session;
use crate::repo::yum::lay_out;
use crate::repo::{self, KeepNothing, Settings};

/// The distro that `package` is for: the one that was named, or the only one of the channel that has such packages.
///
/// # Errors
/// [`ImportError::NoDistro`] and [`ImportError::WhichDistro`].
pub(super) fn distro(session: &Session, wanted: &Importing<'_>, package: &Taken) -> Result<DistroName, Failure> {
    if let Some(distro) = wanted.distro {
        return Ok(distro.clone());
    }
    let mut found: Vec<DistroName> = Vec::new();
    for (distro, settings) in parts(session, wanted)? {
        if family(&settings) == package.family() {
            found.push(distro);
        }
    }
    let (file, channel) = (package.given.clone(), wanted.channel.to_string());
    match &found[..] {
        [one] => Ok(one.clone()),
        [] => Err(ImportError::NoDistro { file, channel }.into()),
        several => {
            let distros = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(ImportError::WhichDistro { file, channel, distros }.into())
        }
    }
}

/// Refuses what the channel cannot hold for `distro`.
///
/// # Errors
/// [`ImportError`], and [`ChannelError::NoDistro`].
pub(super) fn check(
    session: &Session,
    wanted: &Importing<'_>,
    distro: &DistroName,
    package: &Taken,
) -> Result<(), Failure> {
    let parts = parts(session, wanted)?;
    let known = || parts.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let settings = parts.get(distro).ok_or_else(|| ChannelError::NoDistro {
        channel: wanted.channel.to_string(),
        distro: distro.to_string(),
        help: if parts.is_empty() {
            "run `opb update` first: nothing that it holds is pinned".to_owned()
        } else {
            format!("name one of those that it holds: {}", known())
        },
    })?;
    let family = family(settings);
    if family != package.family() {
        let (file, distro, family) = (package.given.clone(), distro.to_string(), family.as_str());
        return Err(ImportError::Family { file, distro, family }.into());
    }
    let arches: Vec<&str> = settings.get("arches").map(String::as_str).unwrap_or_default().split_whitespace().collect();
    let of_debian: Vec<&str> = arches.iter().map(|arch| debian_arch(arch)).collect();
    if let Some(arch) = package.arch.as_ref().filter(|arch| !arch.is_all() && !of_debian.contains(&arch.as_str())) {
        return Err(ImportError::Arch {
            file: package.given.clone(),
            arch: arch.to_string(),
            channel: wanted.channel.to_string(),
            distro: distro.to_string(),
            arches: of_debian.join(" or "),
        }
        .into());
    }
    check_area(session, wanted, distro, family)?;
    let refused = |source: repo::RepoError| ImportError::Damaged { file: package.given.clone(), source: source.into() };
    let area = wanted.area.map_or("main", AreaName::as_str);
    match &package.fits {
        Fits::Rpm(unsigned) => {
            let arches: Vec<&str> = of_debian.iter().map(|arch| arch_name(arch)).collect();
            lay_out(&arches, std::slice::from_ref(unsigned)).map_err(refused)?;
        }
        Fits::Deb(binary) => {
            let binary = repo::Binary { area: area.to_owned(), ..(**binary).clone() };
            repo::assemble(&alone(area, &of_debian), &[binary], &[], &KeepNothing).map_err(refused)?;
        }
        Fits::Dsc(source) => {
            let source = repo::SourcePackage { area: area.to_owned(), ..(**source).clone() };
            repo::assemble(&alone(area, &of_debian), &[], &[source], &KeepNothing).map_err(refused)?;
        }
    }
    Ok(())
}

fn check_area(session: &Session, wanted: &Importing<'_>, distro: &DistroName, family: Family) -> Result<(), Failure> {
    let held = &channel::settings(session, wanted.channel)?.areas;
    let area = wanted.area.cloned().unwrap_or_else(AreaName::main);
    let wrong = |help: String| ImportError::Area {
        channel: wanted.channel.to_string(),
        area: area.to_string(),
        distro: distro.to_string(),
        help,
    };
    if family == Family::Rpm && wanted.area.is_some() {
        return Err(wrong("leave `--area` out: repositories of `.rpm` packages have none".to_owned()).into());
    }
    if family == Family::Deb && !held.is_empty() && !held.contains(&area) {
        let known = held.iter().map(AreaName::as_str).collect::<Vec<_>>().join(", ");
        return Err(wrong(format!("name one of those that it has with `--area`: {known}")).into());
    }
    Ok(())
}

/// The channel's distros, each with the settings of its repository.
fn parts(session: &Session, wanted: &Importing<'_>) -> Result<BTreeMap<DistroName, BTreeMap<String, String>>, Failure> {
    let nodes = channel::parts(session, wanted.channel)?;
    let part = |id| {
        let node = session.graph.node(id);
        match node.action() {
            Action::Repo { settings } => Some((DistroName::new(node.place()).ok()?, settings)),
            _ => None,
        }
    };
    Ok(nodes.into_iter().filter_map(part).collect())
}

fn family(settings: &BTreeMap<String, String>) -> Family {
    if settings.get("family").is_some_and(|family| family == "rpm") { Family::Rpm } else { Family::Deb }
}

/// The settings of a repository for one package.
fn alone(area: &str, arches: &[&str]) -> Settings {
    let word = || "import".to_owned();
    Settings {
        origin: word(),
        label: word(),
        suite: word(),
        codename: word(),
        areas: vec![area.to_owned()],
        description: word(),
        arches: arches.iter().filter_map(|arch| Arch::new(*arch).ok()).collect(),
    }
}
