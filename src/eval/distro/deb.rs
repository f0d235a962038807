//! What a distro of `.deb` packages has of its own.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{Dynamic, Map};

use super::super::mistake::{Complaint, Mistake};
use super::super::places::{Step, key};
use super::super::read::{Reader, present};
use super::{choice, extra, flag, packages, plain, section, way, word};
use crate::component::Capability;
use crate::distro::{Base, Deb, Expired, Options, Suite};
use crate::name::{Arch, PackageName};

pub(super) const FIELDS: [&str; 7] =
    ["codename", "suites", "extra_repositories", "keyring", "base", "options", "capabilities"];

/// Reads the fields of the family, of a distro for `arches`.
pub(super) fn read(reader: &mut Reader, map: &Map, arches: &[Arch]) -> Option<Deb> {
    let codename = word(reader, map, &[], "codename", "bookworm");
    let suites = suites(reader, map);
    let extra_repositories = extra::read(reader, map, arches);
    let keyring = word(reader, map, &[], "keyring", "debian-archive-keyring.gpg");
    let base = base(reader, map);
    let expired_release_files = expired(reader, map);
    let options = options(reader, map);
    let capabilities = capabilities(reader, map);
    Some(Deb {
        codename: codename?,
        suites: suites?,
        extra_repositories: extra_repositories?,
        keyring: keyring?,
        base: base?,
        expired_release_files: expired_release_files?,
        options: options?,
        capabilities: capabilities?,
    })
}

/// Packages by what they have.
fn capabilities(reader: &mut Reader, map: &Map) -> Option<BTreeMap<String, PackageName>> {
    let Some(value) = present(map, "capabilities") else { return Some(BTreeMap::new()) };
    let before = way("capabilities");
    let given = reader.map(value, &before)?;
    let mut capabilities = BTreeMap::new();
    for (capability, value) in &given {
        let way = key(&before, capability);
        if Capability::parse(capability).is_none() {
            let complaint = Complaint::new(Mistake::Name, format!("`{capability}` is not a capability"));
            reader.refuse_key(
                &way,
                complaint
                    .help("write it as in `\"pkgconfig(zlib)\": \"zlib1g-dev\"` or `\"tool(help2man)\": \"help2man\"`"),
            );
            continue;
        }
        let package =
            reader.checked(value, &way, str::parse::<PackageName>, "name the package of the distro that has it");
        capabilities.extend(package.map(|package| (capability.to_string(), package)));
    }
    Some(capabilities)
}

fn suites(reader: &mut Reader, map: &Map) -> Option<Vec<Suite>> {
    let before = reader.errors.len();
    let value = reader.required(map, &[], "suites", "[ #{ name: \"bookworm\", areas: [\"main\"] } ]")?;
    let suites = reader.list(value, &way("suites"), |reader, value, way| {
        let map = reader.map(value, way)?;
        reader.only(&map, way, &["name", "areas", "security"]);
        let plain_word = |reader: &mut Reader, value: &Dynamic, way: &[Step]| {
            reader.checked(value, way, plain, "use the name in the archive, as in `bookworm-updates`")
        };
        let name = reader
            .required(&map, way, "name", "\"bookworm\"")
            .and_then(|value| plain_word(reader, value, &key(way, "name")));
        let areas = reader
            .required(&map, way, "areas", "[\"main\"]")
            .and_then(|value| reader.list(value, &key(way, "areas"), plain_word));
        let security = present(&map, "security").map_or(Some(false), |value| reader.flag(value, &key(way, "security")));
        Some(Suite { name: name?, areas: areas?, security: security? })
    })?;
    let names: BTreeSet<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    if (suites.is_empty() || names.len() != suites.len()) && reader.errors.len() == before {
        let complaint = Complaint::new(Mistake::Field, "`suites` must name at least one suite, and none twice");
        reader.refuse_key(&way("suites"), complaint.help("list the release's suite first"));
    }
    Some(suites)
}

fn base(reader: &mut Reader, map: &Map) -> Option<Base> {
    let base = section(reader, map, "base", &["variant", "add"])?;
    let before = way("base");
    let variant = choice(reader, &base, &before, "variant", &[("buildd", "buildd")])?.to_owned();
    let add = packages(reader, &base, &before, "add")?;
    Some(Base { variant, add })
}

fn expired(reader: &mut Reader, map: &Map) -> Option<Expired> {
    // Without `lifecycle` that is complained of where the rest of it is read.
    let lifecycle = present(map, "lifecycle")?.read_lock::<Map>().map(|lifecycle| lifecycle.clone())?;
    let known = [("refuse", Expired::Refuse), ("accept", Expired::Accept)];
    choice(reader, &lifecycle, &way("lifecycle"), "expired_release_files", &known)
}

fn options(reader: &mut Reader, map: &Map) -> Option<Options> {
    let options = section(reader, map, "options", &["alternatives", "recommends", "rules_need_no_root"])?;
    let before = way("options");
    let first_alternative = choice(reader, &options, &before, "alternatives", &[("first", true)]);
    let recommends = flag(reader, &options, &before, "recommends", "false");
    if recommends == Some(true) {
        let complaint = Complaint::new(Mistake::Field, "`recommends` cannot be `true`");
        reader.refuse(
            &key(&before, "recommends"),
            complaint.help("write `false`: roots for builds have no recommended packages"),
        );
    }
    let rules_need_no_root = flag(reader, &options, &before, "rules_need_no_root", "false");
    Some(Options { first_alternative: first_alternative?, rules_need_no_root: rules_need_no_root? })
}
