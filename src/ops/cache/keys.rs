//! Keys of caches: making one, showing it, and trusting another's.

use std::io::Write as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::which::{CONFIG, settings_place, settings_text, user_settings};
use crate::cache::{CacheKey, PublicKey, PublicKeyError};
use crate::diag::{Cause, Caused, Failure};
use crate::name::ChannelName;
use crate::path::HostPath;
use crate::project::config_folder;
use crate::settings::UserSettings;
use crate::sign::{KeyFolder, SignError};

/// The ending of a secret key's file.
const ENDING: &str = ".cache-key";

/// What is wrong with a cache's key.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CacheKeyError {
    /// There is no home.
    #[error("there is no folder for keys: neither XDG_CONFIG_HOME nor HOME is set to an absolute path")]
    #[diagnostic(code(opb::cache::no_home), help("set one of them"))]
    NoFolder,
    /// A text that is no key.
    #[error(transparent)]
    #[diagnostic(code(opb::cache::key), help("copy it whole: `opb cache key show` prints it where it was made"))]
    Text(#[from] PublicKeyError),
    /// There is no such key.
    #[error("there is no key `{name}` to sign results with")]
    #[diagnostic(code(opb::cache::no_key), help("make one with `opb cache key new {name}`"))]
    NoKey {
        /// Its name.
        name: String,
    },
    /// It is not said which of several.
    #[error("there are several keys to sign results with")]
    #[diagnostic(code(opb::cache::which_key), help("name one with `--key`: {names}"))]
    Which {
        /// All of them.
        names: String,
    },
    /// The file of a key says something else.
    #[error("`{path}` does not hold a cache's key")]
    #[diagnostic(code(opb::cache::key_file), help("restore it from a backup, or move it away and make a new one"))]
    Format {
        /// The file.
        path: String,
    },
    /// The user's settings cannot be written.
    #[error("cannot write `{path}`")]
    #[diagnostic(code(opb::cache::settings), help("look at its owner and mode"))]
    Write {
        /// The file.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Caused for CacheKeyError {
    fn fault(&self) -> Cause {
        match self {
            Self::NoFolder | Self::Write { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// Makes a key, and trusts it.
///
/// # Errors
/// Where there is one of that name, or it cannot be written.
pub fn new_key(name: &ChannelName) -> Result<PublicKey, Failure> {
    let key = CacheKey::generate(name.clone());
    folder()?.write(&format!("{name}{ENDING}"), &key.to_text())?;
    trust(&key.public().to_string())?;
    Ok(key.public())
}

/// The key of that name; without a name, the only one.
///
/// # Errors
/// Where there is none, or it is not the only one.
pub fn default_key(name: Option<&ChannelName>) -> Result<CacheKey, Failure> {
    let name = match name {
        Some(name) => name.clone(),
        None => match &key_names()?[..] {
            [one] => one.clone(),
            [] => return Err(CacheKeyError::NoKey { name: "NAME".to_owned() }.into()),
            several => {
                let names = several.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                return Err(CacheKeyError::Which { names }.into());
            }
        },
    };
    let file = format!("{name}{ENDING}");
    let text = folder()?.read(&file).map_err(|error| match error {
        SignError::NoKey { .. } => Failure::from(CacheKeyError::NoKey { name: name.to_string() }),
        error => error.into(),
    })?;
    Ok(CacheKey::parse(name, &text).ok_or(CacheKeyError::Format { path: file })?)
}

/// The public part of a key; without a name, of the only one.
///
/// # Errors
/// As [`default_key`].
pub fn public_key(name: Option<&ChannelName>) -> Result<PublicKey, Failure> {
    Ok(default_key(name)?.public())
}

/// The names of all keys, sorted.
///
/// # Errors
/// Where their folder cannot be read.
pub fn key_names() -> Result<Vec<ChannelName>, Failure> {
    let path = config_folder().ok_or(CacheKeyError::NoFolder)?.join("keys");
    let entries = Dir::open_ambient_dir(path.as_path(), ambient_authority()).and_then(|dir| dir.entries());
    let Ok(entries) = entries else { return Ok(Vec::new()) };
    let name = |name: String| ChannelName::new(name.strip_suffix(ENDING)?).ok();
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok().and_then(name));
    let mut names: Vec<ChannelName> = names.collect();
    names.sort();
    Ok(names)
}

/// Adds a key to those whose results count; `false` where it is among them.
///
/// # Errors
/// Where it is none, or the user's settings cannot be written.
pub fn trust(key: &str) -> Result<bool, Failure> {
    let key = key.parse::<PublicKey>().map_err(CacheKeyError::from)?;
    let folder = config_folder().ok_or(CacheKeyError::NoFolder)?;
    let known = user_settings(&folder)?;
    if known.trust.iter().filter_map(|known| known.key.parse::<PublicKey>().ok()).any(|known| known.bytes == key.bytes)
    {
        return Ok(false);
    }
    let failed = |source| CacheKeyError::Write { path: folder.join(CONFIG), source };
    let before = settings_text(&folder).map_err(failed)?;
    // Appended, so that what people wrote stays as it is; and read before it is written, so that it can be read after.
    let newline = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let after = format!("{before}{newline}\n[[trust]]\nkey = \"{key}\"\n");
    UserSettings::parse(&after, &folder.join(CONFIG))?;
    replace(&folder, &after).map_err(failed)?;
    Ok(true)
}

fn replace(folder: &HostPath, text: &str) -> std::io::Result<()> {
    Dir::create_ambient_dir_all(folder.as_path(), ambient_authority())?;
    let (dir, name) = settings_place(folder)?;
    let mut file = cap_tempfile::TempFile::new(&dir)?;
    file.write_all(text.as_bytes())?;
    if let Ok(was) = dir.metadata(&name) {
        file.as_file().set_permissions(was.permissions())?;
    }
    file.as_file().sync_all()?;
    file.replace(name)
}

fn folder() -> Result<KeyFolder, Failure> {
    let path = config_folder().ok_or(CacheKeyError::NoFolder)?.join("keys");
    Ok(KeyFolder::open_or_create(path.as_path(), ambient_authority())?)
}
