//! Folders of channels, and the two atomic steps that publishing takes. What stands in them is the publisher's business.

use std::io::{self as std_io, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use cap_std::fs::{Dir, OpenOptions};

use super::durable::sync_dir;
use super::error::{StoreError, io};
use super::{Store, fault};
use crate::name::ChannelName;
use crate::path::HostPath;

impl Store {
    /// The folder of a channel; made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn channel_dir(&self, channel: &ChannelName) -> Result<Dir, StoreError> {
        let place = format!("channels/{channel}");
        self.make_folder(&place)?;
        self.dir.open_dir(&place).map_err(io("opening a channel", &self.path.join(&place)))
    }

    /// All channels that have a folder, sorted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn channels(&self) -> Result<Vec<ChannelName>, StoreError> {
        Ok(self.names_in("channels")?.into_iter().filter_map(|name| ChannelName::new(name).ok()).collect())
    }

    /// Where that folder is.
    pub fn channel_path(&self, channel: &ChannelName) -> HostPath {
        self.path.join("channels").join(channel.as_str())
    }
}

/// Writes the file `name` in `dir`, mode 0644, durably: readers see the old content or the new one. `path` is where
/// `dir` is, for messages.
///
/// # Errors
/// Where it cannot be written.
pub fn write_atomically(dir: &Dir, path: &HostPath, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = temporary_name(name);
    let write = || -> std_io::Result<()> {
        let mut file = dir.open_with(&temporary, OpenOptions::new().write(true).create_new(true))?.into_std();
        file.write_all(bytes)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fault::point("file-written");
        dir.rename(&temporary, dir, name)?;
        fault::point("file-renamed");
        sync_dir(dir, ".")
    };
    let written = write();
    if written.is_err() {
        let _ = dir.remove_file(&temporary);
    }
    written.map_err(io("writing a file of a channel", &path.join(name)))
}

/// Lets the symbolic link `name` in `dir` point to `target`, durably: readers see the old target or the new one. What the
/// target holds is made durable before, by [`Store::sync_all`]. `path` is where `dir` is, for messages.
///
/// # Errors
/// Where it cannot be made.
pub fn switch_link(dir: &Dir, path: &HostPath, name: &str, target: &str) -> Result<(), StoreError> {
    let temporary = temporary_name(name);
    let switch = || -> std_io::Result<()> {
        dir.symlink_contents(target, &temporary)?;
        fault::point("link-made");
        sync_dir(dir, ".")?;
        dir.rename(&temporary, dir, name)?;
        fault::point("link-switched");
        sync_dir(dir, ".")
    };
    let switched = switch();
    if switched.is_err() {
        let _ = dir.remove_file(&temporary);
    }
    switched.map_err(io("switching a channel", &path.join(name)))
}

/// A name that no other process has: what a crash leaves behind is never in the way.
fn temporary_name(name: &str) -> String {
    format!(".{name}.{:016x}", rand::random::<u64>())
}
