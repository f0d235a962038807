//! The keyring package of a channel: a `.deb` with its public keys, in an area of its own; `rpm.rs` has the one for dnf.
//!
//! Who has installed it gets a new key before the former one ends, by an ordinary upgrade. It lies where the channel's `.sources`
//! files look for the keys. Its version is a count of how often its content changed; what was published before is told by the
//! names that were published, so a lost record is no matter.

mod rpm;

use std::collections::BTreeMap;

pub(super) use rpm::add as add_rpm;

use super::names::Names;
use super::{Naming, put};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::name::ChannelName;
use crate::package::deb::{self, NewFile};
use crate::repo::{Binary, Blob, Facts, Fields, KeepNothing, RepoError, Suite, assemble};
use crate::store::Store;
use crate::tree::Tree;

/// The area that it is in, of which there is nothing else.
pub(super) const AREA: &str = "keyring";

/// The time of its files, which says nothing: 1980-01-01, the first that every archive can hold.
const TIME: u64 = 315_532_800;

/// The package, as an index has it.
pub(super) struct Keyring(Binary);

/// Where the keys lie on the machines that use the channel: in the package's place, or where people put them by hand.
pub(super) fn place(channel: &ChannelName, naming: &Naming) -> String {
    let folder = if naming.keyring { "/usr/share/keyrings" } else { "/etc/apt/keyrings" };
    format!("{folder}/opb-{channel}.asc")
}

/// The keyring package of a channel, which is in the store then; `None` where the channel has none. `public` are its keys.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn package(
    store: &Store,
    channel: &ChannelName,
    naming: &Naming,
    public: &str,
    names: &Names<'_>,
) -> Result<Option<Keyring>, Failure> {
    if !naming.keyring {
        return Ok(None);
    }
    let name = format!("opb-{channel}-keyring");
    let folder = format!("pool/{AREA}/o/{name}/");
    let published: BTreeMap<u64, Digest> = names
        .below(&folder)?
        .filter_map(|(file, content)| {
            let version = file.strip_prefix(&format!("{name}_"))?.strip_suffix("_all.deb")?;
            Some((version.parse().ok()?, content))
        })
        .collect();
    let last = published.last_key_value().map_or(1, |(version, _)| *version);
    let mut made = make(channel, naming, public, last)?;
    if published.get(&last).is_some_and(|content| *content != Digest::of(&made.1)) {
        made = make(channel, naming, public, last + 1)?;
    }
    let (control, bytes) = made;
    let version = control.iter().find(|(key, _)| key == "Version").map_or("", |(_, version)| version);
    let file = Blob {
        name: format!("{name}_{version}_all.deb"),
        size: bytes.len() as u64,
        sha256: Sha256::of(&bytes),
        blake3: store.put_bytes(&bytes)?,
    };
    let files = [format!("usr/share/keyrings/opb-{channel}.asc").into_bytes()];
    let facts = Facts::new(&control, &files, &file.name)?;
    let made_by = "opb repo publish".to_owned();
    Ok(Some(Keyring(Binary { facts: facts.into(), area: AREA.to_owned(), file, udeb: false, made_by })))
}

fn make(channel: &ChannelName, naming: &Naming, public: &str, version: u64) -> Result<(Fields, Vec<u8>), RepoError> {
    let label = naming.label.as_deref().unwrap_or(channel.as_str());
    let fields = [
        ("Package", format!("opb-{channel}-keyring")),
        ("Version", version.to_string()),
        ("Architecture", "all".to_owned()),
        ("Multi-Arch", "foreign".to_owned()),
        ("Maintainer", naming.maintainer.clone()),
        ("Section", "misc".to_owned()),
        ("Priority", "optional".to_owned()),
        (
            "Description",
            format!(
                "keys of the package repository {label}\n With this package installed, apt goes on trusting the channel\n \
                 {channel} when its key changes."
            ),
        ),
    ];
    let fields: Fields = fields.map(|(key, value)| (key.to_owned(), value)).to_vec();
    let control: String = fields.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    let file = NewFile { path: format!("usr/share/keyrings/opb-{channel}.asc"), bytes: public.as_bytes().to_vec() };
    let failed = |source| RepoError::Compress { path: format!("opb-{channel}-keyring"), source };
    let bytes = deb::make(&control, &[file], TIME).map_err(failed)?;
    Ok((fields, bytes))
}

/// Adds the package to a suite, whose folder below `dists/` is in `tree`.
///
/// # Errors
/// Where the suite has an area of that name already, with something in it.
pub(super) fn add(store: &Store, keyring: &Keyring, tree: &mut Tree, suite: &mut Suite) -> Result<(), Failure> {
    let mut settings = suite.settings.clone();
    settings.areas = vec![AREA.to_owned()];
    let made = assemble(&settings, std::slice::from_ref(&keyring.0), &[], &KeepNothing)?;
    for bytes in made.contents.values() {
        store.put_bytes(bytes)?;
    }
    let [own, _] = made.suites;
    let debug = format!("dists/{}-debug", settings.codename);
    for (path, entry) in made.tree.iter().filter(|(path, _)| !path.as_bytes().starts_with(debug.as_bytes())) {
        if tree.get(path) != Some(entry) {
            put(tree, path, entry)?;
        }
    }
    suite.settings.areas.push(AREA.to_owned());
    suite.indexes.extend(own.indexes);
    suite.indexes.sort();
    Ok(())
}
