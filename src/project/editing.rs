//! Changing `opb.toml` and leaving what people wrote in it as it is.

use toml_edit::{DocumentMut, Item, Table};

use super::{Project, SETTINGS_FILE};
use crate::diag::Failure;
use crate::name::{ChannelName, LockName};
use crate::settings::{Settings, SettingsError};

/// What a channel over another one takes over from it, where that says so. What only one may have (an address, places, names
/// of suites) is not among it.
const TAKEN_OVER: [&str; 5] = ["origin", "label", "targets", "components", "areas"];

/// What stands above the table of a stage.
const ABOVE: &str =
    "\n# What is prepared here goes into the channel below it when it closes: `opb stage NAME` shows how far it is.\n";

impl Project {
    /// Adds the channel `name` to `opb.toml`, over the channel `over`, with the lock `lock`; it is signed with the key `key`.
    ///
    /// # Errors
    /// Where the file cannot be read or written, or would be wrong then.
    pub fn add_stage(
        &self,
        name: &ChannelName,
        lock: &LockName,
        over: &ChannelName,
        key: &ChannelName,
    ) -> Result<(), Failure> {
        self.edit_settings(|document| {
            let channels = document.entry("channel").or_insert_with(|| {
                let mut channels = Table::new();
                channels.set_implicit(true);
                Item::Table(channels)
            });
            let channels = channels.as_table_like_mut()?;
            // Without any, there is one of that name; with another, there is not.
            let below = channels.entry(over.as_str()).or_insert_with(|| Item::Table(Table::new()));
            let below = below.as_table_like()?;
            let mut table = Table::new();
            table.decor_mut().set_prefix(ABOVE.replace("NAME", name.as_str()));
            table.insert("lock", toml_edit::value(lock.as_str()));
            table.insert("over", toml_edit::value(over.as_str()));
            table.insert("key", toml_edit::value(key.as_str()));
            for field in TAKEN_OVER {
                if let Some(value) = below.get(field).and_then(Item::as_value) {
                    table.insert(field, toml_edit::value(value.clone().decorated(" ", "")));
                }
            }
            channels.insert(name.as_str(), Item::Table(table));
            Some(())
        })
    }

    /// Removes a channel from `opb.toml`.
    ///
    /// # Errors
    /// Where the file cannot be read or written, or would be wrong then.
    pub fn remove_channel(&self, name: &ChannelName) -> Result<(), Failure> {
        self.edit_settings(|document| {
            document.get_mut("channel")?.as_table_like_mut()?.remove(name.as_str());
            Some(())
        })
    }

    /// Writes what `edit` makes of `opb.toml`, unless that is wrong. `edit` gives `None` where a table is written in a way that
    /// cannot be added to.
    fn edit_settings(&self, edit: impl FnOnce(&mut DocumentMut) -> Option<()>) -> Result<(), Failure> {
        let text = match self.root.read_to_string(SETTINGS_FILE) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(self.file_error("read", SETTINGS_FILE, source).into()),
        };
        let wrong = |message: String| SettingsError::of(&text, message);
        let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))?;
        edit(&mut document).ok_or_else(|| wrong("`channel` must be a table".to_owned()))?;
        let edited = document.to_string();
        Settings::parse(&edited)?;
        Ok(self.write(SETTINGS_FILE, &edited)?)
    }
}
