//! One generation of a channel, on disk.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use cap_std::fs::{Dir, Permissions};
use serde::{Deserialize, Serialize};

use super::PublishError;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::path::HostPath;
use crate::store::collect::{Keeper, Reason};
use crate::store::{ExportMode, Store, Used, write_atomically};
use crate::tree::Tree;

const FOLDER: &str = "generations";

/// What a generation was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// Digest of its tree without signatures, and without what it keeps of the one before.
    pub content: Digest,
    /// Digest of what its lists and `.sources` and `.repo` files say beside that: origin, label, address and the like.
    pub about: Digest,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// The date of its lists, in seconds since 1970: `Date` in `Release`, `revision` in `repomd.xml`.
    pub date: i64,
}

fn failed<'a>(doing: &'static str, path: &'a HostPath, name: &str) -> impl FnOnce(io::Error) -> PublishError + use<'a> {
    let path = path.join(name);
    move |source| PublishError::File { doing, path, source }
}

/// The generation that `current` points to; `None` where nothing was published.
pub(super) fn current(dir: &Dir, path: &HostPath) -> Result<Option<Generation>, PublishError> {
    let target = match dir.read_link("current") {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("read", path, "current")(source)),
    };
    let name = format!("{}.json", target.display());
    let text = dir.read_to_string(&name).map_err(failed("read", path, &name))?;
    let record = serde_json::from_str(&text);
    record.map(Some).map_err(|error| PublishError::Record { path: path.join(&name), why: error.to_string() })
}

/// Removes what a publisher that was killed left behind: everything newer than `current`.
pub(super) fn sweep(dir: &Dir, path: &HostPath) -> Result<(), PublishError> {
    let newest = current(dir, path)?.map_or(0, |generation| generation.number);
    let entries = match dir.read_dir(FOLDER) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("read", path, FOLDER)(source)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", path, FOLDER))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.split('.').next().and_then(|number| number.parse::<u64>().ok());
        if number.is_none_or(|number| number > newest) {
            let place = format!("{FOLDER}/{name}");
            let is_folder = entry.file_type().map_err(failed("read", path, &place))?.is_dir();
            let removed = if is_folder { dir.remove_dir_all(&place) } else { dir.remove_file(&place) };
            removed.map_err(failed("remove", path, &place))?;
        }
    }
    Ok(())
}

/// Writes a generation, durably, under its own name; nobody sees it before `current` points to it.
pub(super) fn write(
    store: &Store,
    dir: &Dir,
    path: &HostPath,
    record: &Generation,
    tree: &Tree,
    written: &BTreeMap<String, Vec<u8>>,
) -> Result<(), Failure> {
    let number = record.number;
    let partial = format!("{FOLDER}/{number}.partial");
    dir.create_dir_all(&partial).map_err(failed("make", path, &partial))?;
    // Whatever the umask: a web server must be able to read it.
    for folder in [".", FOLDER, &partial] {
        let mode = Permissions::from_std(std::fs::Permissions::from_mode(0o755));
        dir.set_permissions(folder, mode).map_err(failed("make readable", path, folder))?;
    }
    let folder = dir.open_dir(&partial).map_err(failed("open", path, &partial))?;
    store.export_tree(tree, &folder, ExportMode::HardLink)?;
    for (name, bytes) in written {
        let write = || -> io::Result<()> {
            folder.write(name, bytes)?;
            folder.set_permissions(name, Permissions::from_std(std::fs::Permissions::from_mode(0o644)))
        };
        write().map_err(failed("write", path, &format!("{partial}/{name}")))?;
    }
    let text = serde_json::to_vec_pretty(record).expect("plain fields");
    let generations = dir.open_dir(FOLDER).map_err(failed("open", path, FOLDER))?;
    write_atomically(&generations, &path.join(FOLDER), &format!("{number}.json"), &text)?;
    store.sync_all()?;
    let place = format!("{FOLDER}/{number}");
    dir.rename(&partial, dir, &place).map_err(failed("rename", path, &partial))?;
    store.sync_all()?;
    Ok(())
}

/// What published generations keep of the store: the content of each that is on the disk.
///
/// # Errors
/// Where the record of one cannot be read: what it names is not known then.
pub fn kept(store: &Store) -> Result<Vec<(Reason, Used)>, Failure> {
    let mut kept = Vec::new();
    for channel in store.channels()? {
        let (dir, path) = (store.channel_dir(&channel)?, store.channel_path(&channel));
        let current = current(&dir, &path)?.map(|generation| generation.number);
        for generation in all(&dir, &path)? {
            let is_current = if current == Some(generation.number) { " (current)" } else { "" };
            let what = format!("generation {}{is_current}", generation.number);
            let reason = Reason { keeper: Keeper::Generation, of: channel.to_string(), what };
            kept.push((reason, Used::Tree(generation.content)));
        }
    }
    Ok(kept)
}

/// The records of all generations on the disk, by number.
fn all(dir: &Dir, path: &HostPath) -> Result<Vec<Generation>, PublishError> {
    let entries = match dir.read_dir(FOLDER) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("read", path, FOLDER)(source)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed("read", path, FOLDER))?.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(".json").is_none_or(|number| number.parse::<u64>().is_err()) {
            continue;
        }
        let place = format!("{FOLDER}/{name}");
        let text = match dir.read_to_string(&place) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(failed("read", path, &place)(source)),
        };
        let record = serde_json::from_str(&text);
        all.push(record.map_err(|error| PublishError::Record { path: path.join(&place), why: error.to_string() })?);
    }
    all.sort_by_key(|generation: &Generation| generation.number);
    Ok(all)
}
