//! Packages that were built elsewhere and enter channels, as text and as JSON.
//!
//! JSON: `version` (1) and what `docs/schema/repo-imports.json` says.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Side, columns, plain};
use crate::imported::{Imported, ImportedFile};
use crate::name::AreaName;

/// The version of the JSON form.
pub const IMPORTS_VERSION: u32 = 1;

/// The packages as a table, each with whether its bytes are in the store.
pub fn table(packages: &[(Imported, bool)]) -> String {
    let rows: Vec<[String; 4]> = packages
        .iter()
        .map(|(one, is_here)| {
            let package = format!("{} {} {}", one.name, plain(&one.version), one.shown_arch());
            let into = format!("{} for {}", one.channel, one.distro);
            [package, into, plain(&one.day), about(one, *is_here)]
        })
        .collect();
    columns(&rows, [Side::Left, Side::Left, Side::Left, Side::Left])
}

fn about(one: &Imported, is_here: bool) -> String {
    let mut parts = Vec::new();
    if !is_here {
        parts.push("not in this store: import it once more".to_owned());
    }
    parts.extend(one.from.as_ref().map(|from| format!("from {}", plain(from))));
    parts.extend(one.reason.as_deref().map(plain));
    parts.extend(one.verified.as_ref().map(|key| format!("signed by {}", plain(key))));
    parts.join("; ")
}

#[derive(Serialize)]
struct JsonList<'a> {
    version: u32,
    packages: Vec<JsonPackage<'a>>,
}

#[derive(Serialize)]
struct JsonPackage<'a> {
    channel: &'a str,
    distro: &'a str,
    name: &'a str,
    version: &'a str,
    arch: &'a str,
    kind: &'static str,
    area: Option<&'a str>,
    day: &'a str,
    from: Option<&'a str>,
    reason: Option<&'a str>,
    verified: Option<&'a str>,
    files: &'a BTreeMap<String, ImportedFile>,
    here: bool,
}

/// The packages as JSON.
pub fn json(packages: &[(Imported, bool)]) -> String {
    let list = JsonList { version: IMPORTS_VERSION, packages: packages.iter().map(package).collect() };
    serde_json::to_string_pretty(&list).expect("plain structs") + "\n"
}

fn package((one, is_here): &(Imported, bool)) -> JsonPackage<'_> {
    JsonPackage {
        channel: one.channel.as_str(),
        distro: one.distro.as_str(),
        name: one.name.as_str(),
        version: &one.version,
        arch: one.shown_arch(),
        kind: one.kind.word(),
        area: one.area.as_ref().map(AreaName::as_str),
        day: &one.day,
        from: one.from.as_deref(),
        reason: one.reason.as_deref(),
        verified: one.verified.as_deref(),
        files: &one.files,
        here: *is_here,
    }
}
