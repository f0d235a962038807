//! What a distro of `.rpm` packages has of its own.

use std::collections::{BTreeMap, BTreeSet};

use rhai::Map;

use super::super::mistake::{Complaint, Mistake};
use super::super::places::{Step, key};
use super::super::read::{Reader, present};
use super::{choice, flag, packages, plain, section, way};
use crate::distro::{
    Bootstrap, DbBackend, Expired, Modules, Repodata, Rpm, RpmBase, RpmDb, Signing, SigningDigest, SigningKey,
};

pub(super) const FIELDS: [&str; 10] = [
    "repositories",
    "source_repositories",
    "keys",
    "base",
    "modules",
    "signing",
    "repodata",
    "payload",
    "version",
    "macros",
];

/// Reads the fields of the family.
pub(super) fn read(reader: &mut Reader, map: &Map) -> Option<Rpm> {
    let repositories = names(
        reader,
        map,
        "repositories",
        "[\"baseos\"]",
        plain,
        "use the id in the distribution's own repository files, as in `baseos`",
    );
    let source_repositories = match present(map, "source_repositories") {
        None => Some(Vec::new()),
        Some(_) => names(
            reader,
            map,
            "source_repositories",
            "[\"baseos-source\"]",
            plain,
            "use the id in the distribution's own repository files, as in `baseos-source`",
        ),
    };
    let keys = names(
        reader,
        map,
        "keys",
        "[\"RPM-GPG-KEY-AlmaLinux\"]",
        file_name,
        "use the name in `/etc/pki/rpm-gpg`, as in `RPM-GPG-KEY-AlmaLinux`",
    );
    let base = base(reader, map);
    let modules = modules(reader, map);
    let signing = signing(reader, map);
    let repodata =
        choice(reader, map, &[], "repodata", &[("gz", Repodata::Gz), ("xz", Repodata::Xz), ("zst", Repodata::Zst)]);
    let payload = reader.required(map, &[], "payload", "\"w2.xzdio\"").and_then(|value| {
        reader.checked(
            value,
            &way("payload"),
            payload,
            "write rpm's `%_binary_payload`, as in `w2.xzdio`, `w19.zstdio`",
        )
    });
    let caret = section(reader, map, "version", &["caret"])
        .and_then(|version| flag(reader, &version, &way("version"), "caret", "true"));
    let macros = macros(reader, map);
    let expired_metadata = expired(reader, map);
    Some(Rpm {
        repositories: repositories?,
        source_repositories: source_repositories?,
        keys: keys?,
        base: base?,
        modules: modules?,
        signing: signing?,
        repodata: repodata?,
        payload: payload?,
        caret: caret?,
        expired_metadata: expired_metadata?,
        macros: macros?,
    })
}

/// A list of at least one name, none of them twice.
fn names(
    reader: &mut Reader,
    map: &Map,
    name: &str,
    example: &str,
    check: fn(&str) -> Result<String, String>,
    help: &str,
) -> Option<Vec<String>> {
    let before = reader.errors.len();
    let value = reader.required(map, &[], name, example)?;
    let list = reader.list(value, &way(name), |reader, value, way| reader.checked(value, way, check, help))?;
    let distinct: BTreeSet<&String> = list.iter().collect();
    if (list.is_empty() || distinct.len() != list.len()) && reader.errors.len() == before {
        let complaint = Complaint::new(Mistake::Field, format!("`{name}` must name at least one, and none twice"));
        reader.refuse_key(&way(name), complaint.help(format!("write it as in `{name}: {example}`")));
    }
    Some(list)
}

/// The name of a file that holds a key; capitals are usual there.
fn file_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts && text.len() <= 100 && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is not a plain file name"))
}

/// `w`, a level and a way of compression, as rpm reads it.
fn payload(text: &str) -> Result<String, String> {
    let known = ["gzdio", "bzdio", "xzdio", "lzdio", "zstdio", "ufdio"];
    let parts = text.strip_prefix('w').and_then(|rest| rest.split_once('.'));
    match parts {
        Some((level, way))
            if known.contains(&way)
                && level.len() <= 8
                && level.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'L')) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("`{text}` is not a way to compress a payload")),
    }
}

fn base(reader: &mut Reader, map: &Map) -> Option<RpmBase> {
    let base = section(reader, map, "base", &["groups", "add", "bootstrap", "db", "weak"])?;
    let before = way("base");
    let groups = match present(&base, "groups") {
        None => Some(Vec::new()),
        Some(value) => reader.list(value, &key(&before, "groups"), |reader, value, way| {
            reader.checked(value, way, plain, "use the group's id, as in `buildsys-build`")
        }),
    };
    let add = packages(reader, &base, &before, "add");
    let known = [("two-stage", Bootstrap::TwoStage), ("direct", Bootstrap::Direct)];
    let bootstrap = choice(reader, &base, &before, "bootstrap", &known);
    let db = db(reader, &base, &before);
    let weak = flag(reader, &base, &before, "weak", "false");
    let base = RpmBase { groups: groups?, add: add?, bootstrap: bootstrap?, db: db?, weak: weak? };
    if base.groups.is_empty() && base.add.is_empty() {
        let complaint = Complaint::new(Mistake::Field, "`base` installs nothing");
        reader.refuse_key(&before, complaint.help("name a group or packages, as in `groups: [\"buildsys-build\"]`"));
    }
    Some(base)
}

fn db(reader: &mut Reader, base: &Map, before: &[Step]) -> Option<RpmDb> {
    let way = key(before, "db");
    let value = reader.required(base, before, "db", "#{ backend: \"sqlite\", path: \"/var/lib/rpm\" }")?;
    let map = reader.map(value, &way)?;
    reader.only(&map, &way, &["backend", "path"]);
    let known = [("sqlite", DbBackend::Sqlite), ("bdb", DbBackend::Bdb), ("ndb", DbBackend::Ndb)];
    let backend = choice(reader, &map, &way, "backend", &known);
    let known = [("/var/lib/rpm", "/var/lib/rpm"), ("/usr/lib/sysimage/rpm", "/usr/lib/sysimage/rpm")];
    let path = choice(reader, &map, &way, "path", &known);
    Some(RpmDb { backend: backend?, path: path?.to_owned() })
}

fn modules(reader: &mut Reader, map: &Map) -> Option<Modules> {
    if present(map, "modules").is_none() {
        return Some(Modules { enable: Vec::new(), hotfixes: false });
    }
    let modules = section(reader, map, "modules", &["enable", "hotfixes"])?;
    let before = way("modules");
    let enable = match present(&modules, "enable") {
        None => Some(Vec::new()),
        Some(value) => reader.list(value, &key(&before, "enable"), |reader, value, way| {
            reader.checked(value, way, stream, "write a module and its stream, as in `nodejs:18`")
        }),
    };
    let hotfixes = flag(reader, &modules, &before, "hotfixes", "true");
    Some(Modules { enable: enable?, hotfixes: hotfixes? })
}

/// A module with its stream, such as `nodejs:18`.
fn stream(text: &str) -> Result<String, String> {
    let is_plain = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && part.len() <= 100
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
    };
    match text.split_once(':') {
        Some((module, stream)) if is_plain(module) && is_plain(stream) => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is not a stream of a module")),
    }
}

/// Refused where nothing is said: only a release that nobody renews any more has reason to say otherwise.
fn expired(reader: &mut Reader, map: &Map) -> Option<Expired> {
    let lifecycle =
        reader.required(map, &[], "lifecycle", "#{ … }").and_then(|value| reader.map(value, &way("lifecycle")))?;
    if present(&lifecycle, "expired_metadata").is_none() {
        return Some(Expired::Refuse);
    }
    let known = [("refuse", Expired::Refuse), ("accept", Expired::Accept)];
    choice(reader, &lifecycle, &way("lifecycle"), "expired_metadata", &known)
}

fn signing(reader: &mut Reader, map: &Map) -> Option<Signing> {
    let signing = section(reader, map, "signing", &["key", "digest"])?;
    let before = way("signing");
    let key = choice(reader, &signing, &before, "key", &[("rsa", SigningKey::Rsa), ("ed25519", SigningKey::Ed25519)]);
    let known = [("sha256", SigningDigest::Sha256), ("sha512", SigningDigest::Sha512)];
    let digest = choice(reader, &signing, &before, "digest", &known);
    Some(Signing { key: key?, digest: digest? })
}

fn macros(reader: &mut Reader, map: &Map) -> Option<BTreeMap<String, String>> {
    let Some(value) = present(map, "macros") else { return Some(BTreeMap::new()) };
    let given = reader.map(value, &way("macros"))?;
    let mut macros = BTreeMap::new();
    for (name, value) in &given {
        let way = key(&way("macros"), name);
        let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if !starts || name.len() < 3 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            let complaint = Complaint::new(Mistake::Name, format!("`{name}` is not a name of a macro"));
            reader
                .refuse_key(&way, complaint.help("use letters, digits and `_`, three of them at least, as in `rhel`"));
            continue;
        }
        if let Some(text) = reader.checked(value, &way, macro_value, "write one line without `%`, as in `.el8`") {
            macros.insert(name.to_string(), text);
        }
    }
    Some(macros)
}

fn macro_value(text: &str) -> Result<String, String> {
    if text.len() <= 100 && text.chars().all(|c| (' '..='~').contains(&c) && c != '%') {
        return Ok(text.to_owned());
    }
    Err(format!("`{}` is not a value of a macro", text.chars().take(100).collect::<String>()))
}
