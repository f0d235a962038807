//! Reads `extra_repositories` of a distro of `.deb` packages.

use std::collections::BTreeSet;

use rhai::{Dynamic, Map};

use super::super::files::Files;
use super::super::mistake::{Complaint, Mistake};
use super::super::places::{Step, index, key};
use super::super::read::{Reader, present};
use super::{arch, area, plain, way};
use crate::address::{Address, redact};
use crate::distro::{ExtraRepository, Suite, Taken};
use crate::name::{Arch, RepositoryName};
use crate::path::TreePath;

const FIELD: &str = "extra_repositories";
const FIELDS: [&str; 8] = ["name", "suite", "areas", "arches", "taken", "everywhere", "key", "address"];

/// The extra repositories of a distro for `all_arches`; none where the field is missing.
pub(super) fn read(reader: &mut Reader, map: &Map, all_arches: &[Arch]) -> Option<Vec<ExtraRepository>> {
    let Some(value) = present(map, FIELD) else { return Some(Vec::new()) };
    let mut names: BTreeSet<RepositoryName> = BTreeSet::new();
    reader.list(value, &way(FIELD), |reader, value, way| {
        let extra = one(reader, value, way, all_arches)?;
        if !names.insert(extra.name.clone()) {
            let complaint =
                Complaint::new(Mistake::Name, format!("the extra repository `{}` is there twice", extra.name));
            reader.refuse(&key(way, "name"), complaint.help("give one of them another `name`"));
        }
        Some(extra)
    })
}

fn one(reader: &mut Reader, value: &Dynamic, way: &[Step], all_arches: &[Arch]) -> Option<ExtraRepository> {
    let map = reader.map(value, way)?;
    reader.only(&map, way, &FIELDS);
    let name = reader
        .required(&map, way, "name", "\"backports\"")
        .and_then(|value| reader.checked(value, &key(way, "name"), name, "choose a word, as in `backports`"));
    let suite = reader.required(&map, way, "suite", "\"bookworm-backports\"").and_then(|value| {
        let help =
            "use the name in the archive, as in `bookworm-backports`; a repository without suites cannot be read";
        reader.checked(value, &key(way, "suite"), suite, help)
    });
    let areas = reader
        .required(&map, way, "areas", "[\"main\"]")
        .and_then(|value| reader.list(value, &key(way, "areas"), area));
    let arches = arches(reader, &map, way, all_arches);
    let taken = taken(reader, &map, way);
    let everywhere =
        present(&map, "everywhere").map_or(Some(false), |value| reader.flag(value, &key(way, "everywhere")));
    let key_file = match present(&map, "key") {
        None => Some(None),
        Some(value) => reader
            .checked(value, &key(way, "key"), str::parse::<TreePath>, "name a file below the project's root")
            .map(Some),
    };
    let address = match present(&map, "address") {
        None => Some(None),
        Some(value) => {
            let help = "write it as apt would, without user and password: those belong into auth.conf(5)";
            reader.checked(value, &key(way, "address"), address, help).map(Some)
        }
    };
    if present(&map, "key").is_some() && present(&map, "address").is_none() {
        let complaint = Complaint::new(Mistake::Field, "`key` stands without `address`");
        let help = "say where the repository is, as in `address: \"https://packages.example.org/debian\"`; what is in the \
                    distribution's own archive is signed by its keyring";
        reader.refuse_key(&key(way, "key"), complaint.help(help));
    }
    let suite = Suite { name: suite?, areas: areas?, security: false };
    Some(ExtraRepository {
        name: name?,
        suite,
        arches: arches?,
        taken: taken?,
        everywhere: everywhere?,
        key: key_file?,
        address: address?,
    })
}

/// Complains about keys that are no public keys, or are not there.
pub(super) fn check_keys(reader: &mut Reader, extras: &[ExtraRepository], files: &dyn Files) {
    for (place, path) in extras.iter().enumerate().filter_map(|(place, extra)| Some((place, extra.key.as_ref()?))) {
        let complaint = match files.content(&path.to_string()) {
            Ok(file) => is_public_key(&file.bytes).err().map(|wrong| {
                let help = "export the public key alone, as in `gpg --export --armor NAME`";
                Complaint::new(Mistake::File, format!("`{path}` {wrong}")).help(help)
            }),
            Err(error) => {
                let help = "put the repository's public key there, armored or binary; the path is relative to the root";
                Some(Complaint::new(Mistake::File, crate::diag::chain(&error)).help(help))
            }
        };
        if let Some(complaint) = complaint {
            reader.refuse(&key(&index(&way(FIELD), place), "key"), complaint);
        }
    }
}

/// By its beginning alone: what is in it, those look at who check signatures with it.
fn is_public_key(bytes: &[u8]) -> Result<(), &'static str> {
    let has = |kind: &str| {
        let line = format!("-----BEGIN PGP {kind} KEY BLOCK-----");
        bytes.windows(line.len()).any(|window| window == line.as_bytes())
    };
    // Tags of packets (RFC 9580, section 4.2): 5 is a secret key, 6 a public one.
    let tag = bytes.first().filter(|first| **first & 0x80 != 0).map(|first| match first & 0x40 {
        0 => (first >> 2) & 0x0f,
        _ => first & 0x3f,
    });
    match tag {
        Some(5) => Err("holds a secret key"),
        _ if has("PRIVATE") => Err("holds a secret key"),
        Some(6) => Ok(()),
        None if has("PUBLIC") => Ok(()),
        _ => Err("holds no public key"),
    }
}

fn name(text: &str) -> Result<RepositoryName, String> {
    match RepositoryName::new(text) {
        Ok(name) if name.as_str() == "base" => {
            Err("an extra repository cannot be called `base`: the distribution's own index is called so".to_owned())
        }
        Ok(name) => Ok(name),
        Err(error) => Err(error.to_string()),
    }
}

fn suite(text: &str) -> Result<String, String> {
    if text.ends_with('/') {
        return Err(format!("`{text}` means a repository without suites, a flat one"));
    }
    plain(text)
}

fn address(text: &str) -> Result<Address, String> {
    let address = Address::new(text).map_err(|error| error.to_string())?;
    if redact(text) != text {
        return Err(format!("`{address}` is written with a user or a password"));
    }
    Ok(address)
}

fn arches(reader: &mut Reader, map: &Map, way: &[Step], all: &[Arch]) -> Option<Vec<Arch>> {
    let Some(value) = present(map, "arches") else { return Some(all.to_vec()) };
    let before = reader.errors.len();
    let named = reader.list(value, &key(way, "arches"), |reader, value, way| {
        let arch = arch(reader, value, way)?;
        if !all.contains(&arch) {
            let complaint = Complaint::new(Mistake::Field, format!("`{arch}` is not one of the distro's `arches`"));
            let list: Vec<&str> = all.iter().map(Arch::as_str).collect();
            reader.refuse(way, complaint.help(format!("choose among `{}`", list.join("`, `"))));
        }
        Some(arch)
    })?;
    if named.is_empty() && reader.errors.len() == before {
        let complaint = Complaint::new(Mistake::Field, "`arches` of an extra repository is empty");
        reader.refuse_key(&key(way, "arches"), complaint.help("leave it out for all arches of the distro"));
    }
    Some(all.iter().filter(|arch| named.contains(arch)).cloned().collect())
}

fn taken(reader: &mut Reader, map: &Map, way: &[Step]) -> Option<Taken> {
    let Some(value) = present(map, "taken") else { return Some(Taken::WhenNeeded) };
    let check = |text: &str| Taken::named(text).ok_or_else(|| format!("`taken` cannot be `{text}`"));
    let known = Taken::ALL.map(Taken::as_str).join("`, `");
    reader.checked(value, &key(way, "taken"), check, &format!("choose one of `{known}`"))
}

#[cfg(test)]
mod tests {
    use super::is_public_key;

    #[test]
    fn public_keys_are_told_from_others_by_their_beginning() {
        for good in [&b"\x98\x33\x04"[..], b"\xc6\x33\x04", b"Comment\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n"] {
            assert_eq!(is_public_key(good), Ok(()), "{good:?}");
        }
        let both = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n-----BEGIN PGP PRIVATE KEY BLOCK-----\n";
        for secret in [&b"\x94\x33\x04"[..], b"\xc5\x33\x04", both] {
            assert_eq!(is_public_key(secret), Err("holds a secret key"), "{secret:?}");
        }
        for other in [&b""[..], b"\x88\x33", b"<html>", b"-----BEGIN PGP SIGNED MESSAGE-----"] {
            assert_eq!(is_public_key(other), Err("holds no public key"), "{other:?}");
        }
    }
}
