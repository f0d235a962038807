//! Where the archive of a suite is: from `[mirrors]` of `opb.toml`, else from the host's own package sources.
//!
//! Of the host's sources only those count that are signed by the distribution itself; an entry for another release of
//! the same distribution will do, because what matters is the pocket: Debian 13's `trixie-security` is where the host's
//! `bookworm-security` is. Whether an archive really is the distribution's, its signature decides, not this module.

use std::collections::BTreeMap;

use crate::address::{Address, AddressError};
use super::apt_config::{HostApt, Stance};
use super::sources::{SignedBy, Source};
use crate::distro::{Distro, Suite};
use crate::path::HostPath;

/// `[mirrors]` of `opb.toml`: archives by distribution (`debian`) or distro (`debian-12`); `-security` appended for the
/// archive of security updates.
pub type Overrides = BTreeMap<String, String>;

/// An archive that may hold a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Its base: `dists/` and `pool/` are below it. May be a list of mirrors (`mirror+…`), see [`super::bases`].
    pub address: Address,
    /// How strict to be about the dates of its Release files: the host's stance, or what the entry says itself.
    pub stance: Stance,
    /// The file of the host's configuration that names it; `None` for `opb.toml`.
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
            Self::None { .. } => crate::diag::Cause::Environment,
            Self::Address { .. } => crate::diag::Cause::Input,
        }
    }
}

/// The archives that may hold `suite`, best first, each address once, never empty.
///
/// # Errors
/// [`MirrorError`].
pub fn mirrors(
    distro: &Distro,
    suite: &Suite,
    overrides: &Overrides,
    host: &HostApt,
) -> Result<Vec<Mirror>, MirrorError> {
    let ending = if suite.security { "-security" } else { "" };
    for key in [format!("{}{ending}", distro.name), format!("{}{ending}", distro.vendor)] {
        if let Some(text) = overrides.get(&key) {
            let address = Address::new(text).map_err(|source| MirrorError::Address { key, source })?;
            return Ok(vec![Mirror { address, stance: host.stance, named_in: None }]);
        }
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
mod tests {
    use super::super::sources::{parse_deb822, parse_list};
    use super::*;
    use crate::distro::{Base, Deb, Expired, Lifecycle, Options, Packaging};

    fn distro(name: &str, vendor: &str, codename: &str) -> Distro {
        Distro {
            name: name.parse().expect("name"),
            vendor: vendor.into(),
            release: String::new(),
            suffix: String::new(),
            arches: vec!["amd64".parse().expect("arch")],
            indep_on: "amd64".parse().expect("arch"),
            lifecycle: Lifecycle { end: String::new(), archived: false },
            packaging: Packaging::Deb(Deb {
                codename: codename.into(),
                suites: Vec::new(),
                keyring: format!("{vendor}-archive-keyring.gpg"),
                base: Base { variant: "buildd".into(), add: Vec::new() },
                expired_release_files: Expired::Refuse,
                options: Options { first_alternative: true, rules_need_no_root: false },
                capabilities: BTreeMap::new(),
            }),
        }
    }

    fn suite(name: &str, security: bool) -> Suite {
        Suite { name: name.into(), areas: vec!["main".into()], security }
    }

    fn host(vendor: &str, codename: &str, sources: Vec<Source>) -> HostApt {
        let path = HostPath::new("/etc/apt/sources.list");
        HostApt {
            sources: sources.into_iter().map(|source| (path.clone(), source)).collect(),
            stance: Stance::STRICT,
            vendor: Some(vendor.into()),
            codename: Some(codename.into()),
        }
    }

    fn found(distro: &Distro, suite: &Suite, host: &HostApt) -> Vec<String> {
        let found = mirrors(distro, suite, &Overrides::new(), host);
        found.map_or_else(|_| Vec::new(), |found| found.iter().map(|mirror| mirror.address.to_string()).collect())
    }

    fn debian_host() -> HostApt {
        let text = "Types: deb\nURIs: http://m.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
             Types: deb\nURIs: http://m.example/debian-security\nSuites: bookworm-security\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\nCheck-Valid-Until: no\n\n\
             Types: deb\nURIs: https://third.example/node\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/node.gpg\n\n\
             Types: deb\nURIs: https://inline.example/x\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP\n";
        host("debian", "bookworm", parse_deb822(text).expect("good"))
    }

    #[test]
    fn another_release_is_where_the_hosts_is() {
        let (twelve, thirteen) = (distro("debian-12", "debian", "bookworm"), distro("debian-13", "debian", "trixie"));
        for (distro, codename) in [(twelve, "bookworm"), (thirteen, "trixie")] {
            let name = |pocket: &str| format!("{codename}{pocket}");
            assert_eq!(found(&distro, &suite(&name(""), false), &debian_host()), ["http://m.example/debian"]);
            assert_eq!(found(&distro, &suite(&name("-updates"), false), &debian_host()), ["http://m.example/debian"]);
            assert_eq!(found(&distro, &suite(&name("-backports"), false), &debian_host()), ["http://m.example/debian"]);
            assert_eq!(
                found(&distro, &suite(&name("-security"), true), &debian_host()),
                ["http://m.example/debian-security"]
            );
        }
    }

    #[test]
    fn ubuntu_on_ubuntu() {
        let text = "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://u.example/ubuntu jammy main universe\n\
             deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://u.example/ubuntu jammy-updates main\n\
             deb [arch=arm64 signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://ports.example/ jammy main\n\
             deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://s.example/ubuntu jammy-security main\n";
        let host = host("ubuntu", "jammy", parse_list(text).expect("good"));
        let noble = distro("ubuntu-24.04", "ubuntu", "noble");
        assert_eq!(found(&noble, &suite("noble", false), &host), ["http://u.example/ubuntu"]);
        assert_eq!(found(&noble, &suite("noble-updates", false), &host), ["http://u.example/ubuntu"]);
        assert_eq!(found(&noble, &suite("noble-security", true), &host), ["http://s.example/ubuntu"]);
        assert!(found(&distro("debian-12", "debian", "bookworm"), &suite("bookworm", false), &host).is_empty());
    }

    #[test]
    fn third_parties_are_never_taken() {
        let text = "deb [signed-by=/k/node.gpg] https://a.example/ bookworm main\n\
             deb [trusted=yes] https://b.example/ bookworm main\n\
             deb [signed-by=0123456789ABCDEF0123456789ABCDEF01234567] https://c.example/ bookworm main\n\
             deb [signed-by=/usr/share/keyrings/debian-ports-keyring.gpg] https://d.example/ bookworm main\n\
             deb https://e.example/ ./\n";
        let host = host("debian", "bookworm", parse_list(text).expect("good"));
        let debian = distro("debian-12", "debian", "bookworm");
        assert!(found(&debian, &suite("bookworm", false), &host).is_empty());
    }

    #[test]
    fn an_old_host_says_no_key() {
        let text = "deb https://third.example/x stable main\ndeb http://m.example/debian bookworm main\n\
             deb http://m.example/sec bookworm/updates main\ndeb [signed-by=/k/debian-archive-bookworm-stable.gpg] http://n.example/d sid main\n";
        let debian_host = host("debian", "bookworm", parse_list(text).expect("good"));
        let debian = distro("debian-12", "debian", "bookworm");
        // Signed by the distribution first; then what names the host's own release; the signature decides about the rest.
        let wanted = ["http://n.example/d", "http://m.example/debian", "https://third.example/x"];
        assert_eq!(found(&debian, &suite("bookworm", false), &debian_host), wanted);
        assert_eq!(found(&debian, &suite("bookworm-security", true), &debian_host), ["http://m.example/sec"]);
        let other = host("mint", "x", parse_list(text).expect("good"));
        assert_eq!(found(&debian, &suite("bookworm", false), &other), ["http://n.example/d"]);
    }

    #[test]
    fn opb_toml_comes_first() {
        let debian = distro("debian-13", "debian", "trixie");
        let of = |entries: &[(&str, &str)]| {
            entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Overrides>()
        };
        let take = |overrides: &Overrides, suite: &Suite| {
            mirrors(&debian, suite, overrides, &debian_host()).map(|found| found[0].address.to_string())
        };
        let overrides = of(&[("debian", "http://o.example/d"), ("debian-13", "http://p.example/d")]);
        assert_eq!(take(&overrides, &suite("trixie", false)).as_deref(), Ok("http://p.example/d"));
        assert_eq!(
            take(&overrides, &suite("trixie-security", true)).as_deref(),
            Ok("http://m.example/debian-security")
        );
        let overrides = of(&[("debian-security", "http://s.example/d")]);
        assert_eq!(take(&overrides, &suite("trixie-security", true)).as_deref(), Ok("http://s.example/d"));
        let error = take(&of(&[("debian", "gopher://u:p@x/")]), &suite("trixie", false)).unwrap_err();
        assert_eq!(error.to_string(), "cannot use the archive that `opb.toml` names for `debian`");
    }

    #[test]
    fn what_an_entry_says_itself_counts() {
        let debian = distro("debian-13", "debian", "trixie");
        let found =
            mirrors(&debian, &suite("trixie-security", true), &Overrides::new(), &debian_host()).expect("known");
        assert_eq!(found[0].stance, Stance { check_valid_until: false, check_date: true });
    }

    #[test]
    fn the_error_says_what_to_add() {
        use miette::Diagnostic as _;
        let ubuntu = distro("ubuntu-24.04", "ubuntu", "noble");
        let error = mirrors(&ubuntu, &suite("noble-security", true), &Overrides::new(), &debian_host()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no archive is known for suite `noble-security` of `ubuntu-24.04`: no package source of this machine is signed by `ubuntu` and for security updates"
        );
        let help = error.help().expect("help").to_string();
        assert_eq!(help, "add the archive's address to `opb.toml`, below `[mirrors]`: ubuntu-security = \"…\"");
    }

    #[test]
    fn lists_of_mirrors() {
        let text = "# c\nhttp://b.example/d\tpriority:2\nhttp://a.example/d\tpriority:1 type:deb\nmirror+file:/x\n\nfile:/srv/d\njunk\n";
        let shown: Vec<String> = parse_mirror_list(text).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["http://a.example/d", "http://b.example/d", "file:/srv/d"]);
    }
}
