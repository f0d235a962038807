//! One generation of a channel, on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use cap_std::fs::{Dir, Permissions};
use serde::{Deserialize, Serialize};

use super::shared::Channel;
use super::{Part, PublishError};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::name::{ChannelName, ComponentName};
use crate::path::HostPath;
use crate::store::collect::{Keeper, Reason};
use crate::store::{ExportMode, Store, Used, fault};
use crate::tree::Tree;

/// The folder of all generations in a channel's.
pub(super) const FOLDER: &str = "generations";

/// What a generation was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// How often it was signed anew since it was published.
    #[serde(default)]
    pub envelope: u32,
    /// Digest of its tree without signatures, and without what it keeps of earlier ones.
    pub content: Digest,
    /// Digest of what its lists and `.sources` and `.repo` files say beside that: origin, label, address and the like.
    pub about: Digest,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// The date of its lists, in seconds since 1970: `Date` in `Release`, `revision` in `repomd.xml`.
    pub date: i64,
    /// When it was made by this machine's clock, in seconds since 1970. It may go back; `date` never does.
    #[serde(default)]
    pub made: i64,
    /// Until when its lists are valid, in seconds since 1970; `None`: they do not say.
    #[serde(default)]
    pub valid_until: Option<i64>,
    /// Where it comes from.
    #[serde(default)]
    pub way: Way,
    /// The object with the lock that it was made from; `None`: it was not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<Digest>,
    /// What it holds, by distro.
    #[serde(default)]
    pub parts: Vec<PartRecord>,
    /// Digests of the trees of earlier ones whose packages it keeps for who has read those. `None`: an older program made it, and
    /// its packages lie in folders of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Vec<Digest>>,
}

/// Where a generation comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Way {
    /// What was built was published.
    #[default]
    Published,
    /// What another channel had was taken over.
    Promoted {
        /// The other channel.
        from: ChannelName,
        /// Its generation.
        generation: u64,
    },
    /// An earlier one was taken up again.
    RolledBack {
        /// Its number.
        to: u64,
    },
    /// The one before with a change of one component, and of what depends on it.
    Hotfix {
        /// The component.
        component: ComponentName,
    },
}

/// A distro's part of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// What it holds.
    pub part: Part,
    /// The generation since which it is as it is.
    pub since: u64,
}

impl Generation {
    /// Its folder below the channel's.
    pub fn place(&self) -> String {
        format!("{FOLDER}/{}", self.name())
    }

    /// The name of its folder.
    pub fn name(&self) -> String {
        match self.envelope {
            0 => self.number.to_string(),
            envelope => format!("{}.{envelope}", self.number),
        }
    }

    /// Digests of the trees whose packages it has.
    pub(super) fn contents(&self) -> impl Iterator<Item = Digest> {
        [self.content].into_iter().chain(self.late.iter().flatten().copied())
    }
}

fn failed<'a>(doing: &'static str, path: &'a HostPath, name: &str) -> impl FnOnce(io::Error) -> PublishError + use<'a> {
    let path = path.join(name);
    move |source| PublishError::File { doing, path, source }
}

/// What is current in `channel`; `None` where nothing was published.
///
/// # Errors
/// Where its record cannot be read.
pub fn current(store: &Store, channel: &ChannelName) -> Result<Option<Generation>, Failure> {
    let (dir, path) = (store.channel_dir(channel)?, store.channel_path(channel));
    Ok(current_in(&dir, &path)?)
}

/// All generations of `channel` that are on the disk, by number; of one that was signed anew, the newest.
///
/// # Errors
/// Where a record cannot be read.
pub fn generations(store: &Store, channel: &ChannelName) -> Result<Vec<Generation>, Failure> {
    let (dir, path) = (store.channel_dir(channel)?, store.channel_path(channel));
    let by_number = all(&dir, &path)?.into_iter().map(|generation| (generation.number, generation));
    Ok(by_number.collect::<BTreeMap<_, _>>().into_values().collect())
}

/// The generation that `current` points to; `None` where nothing was published.
pub(super) fn current_in(dir: &Dir, path: &HostPath) -> Result<Option<Generation>, PublishError> {
    let target = match dir.read_link("current") {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("read", path, "current")(source)),
    };
    let name = format!("{}.json", target.display());
    let text = dir.read_to_string(&name).map_err(failed("read", path, &name))?;
    parse(path, &name, &text).map(Some)
}

fn parse(path: &HostPath, name: &str, text: &str) -> Result<Generation, PublishError> {
    let record = serde_json::from_str(text);
    record.map_err(|error| PublishError::Record { path: path.join(name), why: error.to_string() })
}

/// Number and envelope of what has the name `name`, and what stands behind them: nothing, `json`, or what is unfinished.
fn read_name(name: &str) -> Option<((u64, u32), &str)> {
    let (number, rest) = name.split_once('.').unwrap_or((name, ""));
    let number = number.parse().ok()?;
    let (envelope, ending) = rest.split_once('.').unwrap_or((rest, ""));
    match envelope.parse() {
        Ok(envelope) => Some(((number, envelope), ending)),
        Err(_) => Some(((number, 0), rest)),
    }
}

/// Names of all that is in the folder of generations, sorted.
fn entries(dir: &Dir, path: &HostPath) -> Result<Vec<String>, PublishError> {
    let entries = match dir.read_dir(FOLDER) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("read", path, FOLDER)(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed("read", path, FOLDER))?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Removes what a publisher that was killed left behind (everything newer than `current`, everything unfinished), what is
/// signed more newly, and folders without a record. Whether a publisher was killed.
pub(super) fn sweep(channel: Channel<'_>, current: Option<&Generation>) -> Result<bool, PublishError> {
    let Channel { dir, path, .. } = channel;
    let newest = current.map_or((0, 0), |generation| (generation.number, generation.envelope));
    let names = entries(dir, path)?;
    let has_record = |name: &str| names.binary_search(&format!("{name}.json")).is_ok();
    let stays = |name: &str| match read_name(name) {
        Some((number, _)) if number > newest => false,
        Some((number, _)) if number.0 == newest.0 => number == newest,
        Some((_, "")) => has_record(name),
        Some((_, ending)) => ending == "json",
        None => false,
    };
    let going: BTreeSet<String> = names.iter().filter(|name| !stays(name)).cloned().collect();
    if going.is_empty() {
        return Ok(false);
    }
    let folders = names.iter().filter(|name| stays(name)).filter_map(|name| match read_name(name)? {
        (number, "") => Some((number, name.clone())),
        _ => None,
    });
    let staying: BTreeMap<(u64, u32), String> = folders.collect();
    channel.settle(&staying.into_values().rev().collect::<Vec<_>>(), &going)?;
    let was_killed = |name: &String| read_name(name).is_none_or(|(number, _)| number > newest);
    for name in &going {
        remove_entry(dir, path, name)?;
    }
    Ok(going.iter().any(was_killed))
}

fn remove_entry(dir: &Dir, path: &HostPath, name: &str) -> Result<(), PublishError> {
    let place = format!("{FOLDER}/{name}");
    let removed = match dir.symlink_metadata(&place) {
        Ok(about) if about.is_dir() => dir.remove_dir_all(&place),
        Ok(_) => dir.remove_file(&place),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(failed("remove", path, &place))
}

/// Removes a generation: its record first, so that nobody takes half of it for one.
pub(super) fn remove(dir: &Dir, path: &HostPath, generation: &Generation) -> Result<(), PublishError> {
    let name = generation.name();
    remove_entry(dir, path, &format!("{name}.json"))?;
    remove_entry(dir, path, &name)
}

/// Makes the folder of a generation, without its packages. Not durable, and nobody sees it before `current` points to it.
pub(super) fn make(
    channel: Channel<'_>,
    record: &Generation,
    tree: &Tree,
    written: &BTreeMap<String, Vec<u8>>,
) -> Result<(), Failure> {
    let Channel { store, dir, path } = channel;
    let place = record.place();
    dir.create_dir_all(&place).map_err(failed("make", path, &place))?;
    // Whatever the umask: a web server must be able to read it.
    for folder in [".", FOLDER, &place] {
        let mode = Permissions::from_std(std::fs::Permissions::from_mode(0o755));
        dir.set_permissions(folder, mode).map_err(failed("make readable", path, folder))?;
    }
    fault::point("generation-made");
    let folder = dir.open_dir(&place).map_err(failed("open", path, &place))?;
    store.export_tree(tree, &folder, ExportMode::HardLink)?;
    for (name, bytes) in written {
        let write = || -> io::Result<()> {
            folder.write(name, bytes)?;
            folder.set_permissions(name, Permissions::from_std(std::fs::Permissions::from_mode(0o644)))
        };
        write().map_err(failed("write", path, &format!("{place}/{name}")))?;
    }
    Ok(())
}

/// Writes the record of a generation under another name, where nobody reads it. Not durable.
pub(super) fn write_record(channel: Channel<'_>, record: &Generation) -> Result<(), PublishError> {
    let Channel { dir, path, .. } = channel;
    let new = format!("{}.json.new", record.place());
    let text = serde_json::to_vec_pretty(record).expect("plain fields");
    let write = || -> io::Result<()> {
        dir.write(&new, text)?;
        dir.set_permissions(&new, Permissions::from_std(std::fs::Permissions::from_mode(0o644)))
    };
    write().map_err(failed("write", path, &new))
}

/// Gives a record that is durable its name. The name is not durable.
pub(super) fn name_record(channel: Channel<'_>, record: &Generation) -> Result<(), PublishError> {
    let Channel { dir, path, .. } = channel;
    let place = format!("{}.json", record.place());
    dir.rename(format!("{place}.new"), dir, &place).map_err(failed("rename", path, &place))?;
    fault::point("record-named");
    Ok(())
}

/// What published generations keep of the store: the content of each that is on the disk, and what it was made from.
///
/// # Errors
/// Where the record of one cannot be read: what it names is not known then.
pub fn kept(store: &Store) -> Result<Vec<(Reason, Used)>, Failure> {
    let mut kept = Vec::new();
    for channel in store.channels()? {
        let (dir, path) = (store.channel_dir(&channel)?, store.channel_path(&channel));
        let current = current_in(&dir, &path)?.map(|generation| generation.number);
        for generation in all(&dir, &path)? {
            let is_current = if current == Some(generation.number) { " (current)" } else { "" };
            let what = format!("generation {}{is_current}", generation.number);
            let reason = Reason { keeper: Keeper::Generation, of: channel.to_string(), what };
            let parts = generation.parts.iter().map(|part| part.part.tree);
            for tree in parts.chain(generation.contents()) {
                kept.push((reason.clone(), Used::Tree(tree)));
            }
            kept.extend(generation.pins.map(|pins| (reason, Used::Object(pins))));
        }
    }
    Ok(kept)
}

/// The records of all generations on the disk, by number and envelope.
pub(super) fn all(dir: &Dir, path: &HostPath) -> Result<Vec<Generation>, PublishError> {
    let mut all = Vec::new();
    for name in entries(dir, path)? {
        if !matches!(read_name(&name), Some((_, "json"))) {
            continue;
        }
        let place = format!("{FOLDER}/{name}");
        match dir.read_to_string(&place) {
            Ok(text) => all.push(parse(path, &place, &text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("read", path, &place)(source)),
        }
    }
    all.sort_by_key(|generation: &Generation| (generation.number, generation.envelope));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_there() {
        let told = |name: &'static str| read_name(name);
        assert_eq!(told("12"), Some(((12, 0), "")));
        assert_eq!(told("12.json"), Some(((12, 0), "json")));
        assert_eq!(told("12.3"), Some(((12, 3), "")));
        assert_eq!(told("12.3.json"), Some(((12, 3), "json")));
        assert_eq!(told("12.partial"), Some(((12, 0), "partial")));
        assert_eq!(told("12.3.partial"), Some(((12, 3), "partial")));
        assert_eq!(told(".12.json.00ff"), None);
        assert_eq!(told("x"), None);
    }
}
