//! Where the archive of a suite is: from `[mirrors]` of `opb.toml`, else from the host's own package sources; an extra
//! repository may say so itself.
//!
//! Of the host's sources only those count that are signed by the distribution itself; an entry for another release of
//! the same distribution will do, because what matters is the pocket: Debian 13's `trixie-security` is where the host's
//! `bookworm-security` is. Whether an archive really is the distribution's, its signature decides, not this module.

use std::collections::BTreeMap;

use super::apt_config::{HostApt, Stance};
use super::sources::{SignedBy, Source};
use crate::address::{Address, AddressError};
use crate::distro::{ArchiveSuite, Distro, Suite};
use crate::path::HostPath;

/// `[mirrors]` of `opb.toml`: archives by distribution (`debian`) or distro (`debian-12`); `-security` appended for the
/// archive of security updates, and `/NAME` for that of an extra repository or of a repository of `.rpm` packages.
pub type Overrides = BTreeMap<String, String>;

/// An archive that may hold a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Its base: `dists/` and `pool/` are below it. May be a list of mirrors (`mirror+…`), see [`super::bases`].
    pub address: Address,
    /// How strict to be about the dates of its Release files: the host's stance, or what the entry says itself.
    pub stance: Stance,
    /// The file of the host's configuration that names it; `None` for `opb.toml` and the distro's file.
    pub named_in: Option<HostPath>,
}

/// Why no archive is known for a suite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum MirrorError {
    /// Neither the host nor `opb.toml` names one.
    #[error(
        "no archive is known for suite `{suite}` of `{distro}`: no package source of this machine is signed by `{vendor}`{pocket}"
    )]
    #[diagnostic(
        code(opb::fetch::no_mirror),
        help("add the archive's address to `opb.toml`, below `[mirrors]`: {key} = \"…\"")
    )]
    None {
        /// The distro.
        distro: String,
        /// The distribution.
        vendor: String,
        /// The suite.
        suite: String,
        /// What more was asked of the source: empty, or ` and for security updates`.
        pocket: &'static str,
        /// The key to add.
        key: String,
    },
    /// `opb.toml` does not say where a repository of `.rpm` packages is.
    #[error("no place is known for the repository `{repository}` of `{distro}`{old}")]
    #[diagnostic(
        code(opb::fetch::no_repository),
        help(
            "add its address to `opb.toml`, below `[mirrors]`: \"{key}\" = \"…\", with `$basearch` where the arch stands"
        )
    )]
    NoRepository {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// Empty, or ` in the archive of old releases`.
        old: &'static str,
        /// The key to add.
        key: String,
    },
    /// `opb.toml` names something that is no address.
    #[error("cannot use the archive that `opb.toml` names for `{key}`")]
    #[diagnostic(
        code(opb::fetch::mirror_address),
        help("write it as apt would: `https://…`, `http://…`, `file:/…` or `mirror+file:/…`")
    )]
    Address {
        /// The key below `[mirrors]`.
        key: String,
        /// What is wrong.
        #[source]
        source: AddressError,
    },
}

impl crate::diag::Caused for MirrorError {
    fn fault(&self) -> crate::diag::Cause {
        match self {
            Self::None { .. } | Self::NoRepository { .. } => crate::diag::Cause::Environment,
            Self::Address { .. } => crate::diag::Cause::Input,
        }
    }
}

/// The archives that may hold the suite `of`, best first, each address once, never empty.
///
/// An extra repository has keys of its own below `[mirrors]`; without them, one with an address is there, and others are
/// where the distribution's own archive is.
///
/// # Errors
/// [`MirrorError`].
pub fn mirrors(of: ArchiveSuite<'_>, overrides: &Overrides, host: &HostApt) -> Result<Vec<Mirror>, MirrorError> {
    let ArchiveSuite { distro, suite, extra } = of;
    let ending = if suite.security { "-security" } else { "" };
    let address = extra.and_then(|extra| extra.address.as_ref());
    let own = extra.map(|extra| ["/".to_owned(), extra.name.to_string()].concat());
    let endings = own.as_deref().into_iter().chain(address.is_none().then_some(ending));
    for key in endings.flat_map(|ending| [format!("{}{ending}", distro.name), format!("{}{ending}", distro.vendor)]) {
        if let Some(text) = overrides.get(&key) {
            let address = Address::new(text).map_err(|source| MirrorError::Address { key, source })?;
            return Ok(vec![Mirror { address, stance: host.stance, named_in: None }]);
        }
    }
    if let Some(address) = address {
        return Ok(vec![Mirror { address: address.clone(), stance: host.stance, named_in: None }]);
    }
    let mut ranked: Vec<(Rank, Mirror)> = Vec::new();
    for (path, source) in &host.sources {
        let Some(signed) = signed_by_distribution(source, distro, host) else { continue };
        if !source.arches.is_empty()
            && !distro.arches.iter().any(|arch| source.arches.iter().any(|a| a == arch.as_str()))
        {
            continue;
        }
        let Some(closeness) = source.suites.iter().filter_map(|name| closeness(name, suite)).min() else { continue };
        let foreign_release =
            !source.suites.iter().any(|name| Some(release_and_pocket(name).0) == host.codename.as_deref());
        let rank = Rank {
            unsigned: !signed,
            closeness,
            foreign_release: !signed && foreign_release,
            source_only: !source.binary,
        };
        let stance = stance_of(source, host.stance);
        ranked.extend(
            source
                .addresses
                .iter()
                .map(|address| (rank, Mirror { address: address.clone(), stance, named_in: Some(path.clone()) })),
        );
    }
    // Stable: among equals the host's own order stays.
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut found: Vec<Mirror> = Vec::new();
    for (_, mirror) in ranked {
        if !found.iter().any(|other| other.address == mirror.address) {
            found.push(mirror);
        }
    }
    if found.is_empty() {
        return Err(MirrorError::None {
            distro: distro.name.to_string(),
            vendor: distro.vendor.clone(),
            suite: suite.name.clone(),
            pocket: if suite.security { " and for security updates" } else { "" },
            key: format!("{}{ending}", distro.vendor),
        });
    }
    Ok(found)
}

/// What makes an entry worse than another, the weightiest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    unsigned: bool,
    closeness: u8,
    foreign_release: bool,
    source_only: bool,
}

/// Whether an entry is the distribution's own: `Some(true)` by its keyring, `Some(false)` where the entry does not say but
/// the host is of that distribution, `None` for third parties.
fn signed_by_distribution(source: &Source, distro: &Distro, host: &HostApt) -> Option<bool> {
    match &source.signed_by {
        SignedBy::Keyrings(paths) => paths.iter().any(|path| is_keyring_of(path, distro)).then_some(true),
        SignedBy::Inline => None,
        // `Trusted: yes` without a key is how people name archives that nobody signs.
        SignedBy::Any if source.trusted == Some(true) => None,
        SignedBy::Any => (host.vendor.as_deref() == Some(distro.vendor.as_str())).then_some(false),
    }
}

fn is_keyring_of(path: &str, distro: &Distro) -> bool {
    if !path.starts_with('/') {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let fragment = |kind: &str| name.strip_prefix(distro.vendor.as_str()).is_some_and(|rest| rest.starts_with(kind));
    distro.deb().is_some_and(|deb| name == deb.keyring) || fragment("-archive-") || fragment("-keyring-")
}

/// How well a host's suite tells where `wanted` is: 0 the same suite, 1 the same pocket of another release, 2 the main
/// pocket, which the smaller ones share an archive with (but security updates need not).
fn closeness(host_suite: &str, wanted: &Suite) -> Option<u8> {
    if host_suite.ends_with('/') || host_suite.contains('$') {
        return None;
    }
    if host_suite == wanted.name {
        return Some(0);
    }
    let pocket = release_and_pocket(host_suite).1;
    let wanted_pocket = if wanted.security { "-security" } else { release_and_pocket(&wanted.name).1 };
    if pocket == wanted_pocket {
        Some(1)
    } else if pocket.is_empty() && !wanted.security {
        Some(2)
    } else {
        None
    }
}

/// A suite's release and pocket: `bookworm-updates` is `bookworm` and `-updates`. Debian's older spelling
/// `buster/updates` is the pocket `-security`.
fn release_and_pocket(suite: &str) -> (&str, &str) {
    match suite.find(['-', '/']) {
        Some(at) if &suite[at..] == "/updates" => (&suite[..at], "-security"),
        Some(at) => suite.split_at(at),
        None => (suite, ""),
    }
}

fn stance_of(source: &Source, host: Stance) -> Stance {
    let check_date = source.check_date.unwrap_or(host.check_date);
    Stance { check_valid_until: check_date && source.check_valid_until.unwrap_or(host.check_valid_until), check_date }
}

/// The mirrors of a list as apt-transport-mirror(1) describes it, by priority. Lines that are no address are left out.
pub(super) fn parse_mirror_list(text: &str) -> Vec<Address> {
    let mut found: Vec<(u64, Address)> = Vec::new();
    for line in text.lines().take(10_000).filter(|line| !line.trim_start().starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(address) = words.next().and_then(|word| Address::new(word).ok()) else { continue };
        // A list in a list: apt does not follow it either.
        if !address.scheme().starts_with("mirror") {
            let priority = words.filter_map(|word| word.strip_prefix("priority:")?.parse().ok()).next();
            found.push((priority.unwrap_or(u64::MAX), address));
        }
    }
    found.sort_by_key(|(priority, _)| *priority);
    found.into_iter().map(|(_, address)| address).collect()
}

#[cfg(test)]
mod tests;
