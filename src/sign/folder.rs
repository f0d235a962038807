//! The folder of key files, which only their owner can read.
//!
//! What protects a key without a passphrase is the mode of its file (0600) and folder (0700); both are checked before it is read.
//! A key has a plain name, `nightly`; its successor while there is one, `nightly.next`. Knows nothing of what keys sign.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _};
use zeroize::Zeroizing;

use super::{KeyFile, SecretKey, SignError, file};
use crate::name::ChannelName;

/// No key is longer, in bytes; a longer file is none.
pub const MAX_KEY_FILE: u64 = 1 << 20;

/// The folder of key files, which nobody else may read.
pub struct KeyFolder {
    folder: Dir,
    path: PathBuf,
}

impl KeyFolder {
    /// Opens the folder at `path`; where there is none, makes it, with the mode 0700.
    ///
    /// # Errors
    /// [`SignError::File`]; [`SignError::Open`] for a folder that others can look into.
    pub fn open_or_create(path: &Path, authority: AmbientAuthority) -> Result<Self, SignError> {
        if let Some(found) = Self::open(path, authority)? {
            return Ok(found);
        }
        let failed = |source| SignError::File { deed: "making a folder for", path: path.to_owned(), source };
        Dir::create_ambient_dir_all(path, authority).map_err(failed)?;
        let folder = Dir::open_ambient_dir(path, authority).map_err(failed)?;
        folder.set_permissions(".", Permissions::from_mode(0o700)).map_err(failed)?;
        Self::checked(folder, path)
    }

    /// Opens the folder at `path`; `None` where there is none.
    ///
    /// # Errors
    /// [`SignError::File`]; [`SignError::Open`] for a folder that others can look into.
    pub fn open(path: &Path, authority: AmbientAuthority) -> Result<Option<Self>, SignError> {
        match Dir::open_ambient_dir(path, authority) {
            Ok(folder) => Self::checked(folder, path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SignError::File { deed: "opening the folder of", path: path.to_owned(), source }),
        }
    }

    fn checked(folder: Dir, path: &Path) -> Result<Self, SignError> {
        let failed = |source| SignError::File { deed: "opening the folder of", path: path.to_owned(), source };
        let mode = folder.dir_metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SignError::Open { path: path.to_owned(), mode });
        }
        Ok(Self { folder, path: path.to_owned() })
    }

    /// Where the key `name` is or would be.
    ///
    /// # Errors
    /// [`SignError::Name`] for a name that is no plain one.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, SignError> {
        Ok(self.path.join(file_name(name)?))
    }

    /// Reads the key `name`, which has no passphrase.
    ///
    /// # Errors
    /// As [`KeyFolder::load_file`]; [`SignError::Locked`].
    pub fn load(&self, name: &str) -> Result<SecretKey, SignError> {
        match self.load_file(name)? {
            KeyFile::Open(key) => Ok(key),
            KeyFile::Locked(_) => Err(SignError::Locked { path: self.path_of(name)? }),
        }
    }

    /// Reads the key `name`, with a passphrase or without.
    ///
    /// # Errors
    /// [`SignError`]: no such key, one that others can read, or no key at all.
    pub fn load_file(&self, name: &str) -> Result<KeyFile, SignError> {
        let path = self.path_of(name)?;
        let bytes = Zeroizing::new(self.read(&file_name(name)?)?);
        KeyFile::parse(&bytes).map_err(|_| SignError::Format { path })
    }

    /// The folder itself, for what else lies there.
    pub fn dir(&self) -> &Dir {
        &self.folder
    }

    /// The path of a file of the folder, for messages.
    pub fn path(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// The bytes of a secret file of another kind, such as a cache's key; `file` is one plain name.
    ///
    /// # Errors
    /// [`SignError`]: no such file, or one that others can read.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, SignError> {
        let path = self.path.join(file);
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => SignError::NoKey { path: path.clone() },
            _ => SignError::File { deed: "reading", path: path.clone(), source },
        };
        let file = self.folder.open(file).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SignError::Open { path, mode });
        }
        if !metadata.is_file() {
            return Err(SignError::Format { path });
        }
        let mut text = Vec::new();
        file.take(MAX_KEY_FILE).read_to_end(&mut text).map_err(failed)?;
        Ok(text)
    }

    /// Writes `key` under `name`, never over another, readable by its owner only from the first moment.
    ///
    /// # Errors
    /// [`SignError::Exists`], [`SignError::File`], [`SignError::Name`].
    pub fn save(&self, name: &str, key: &SecretKey) -> Result<PathBuf, SignError> {
        self.write(&file_name(name)?, &file::armored(&key.secret, &key.public)?)
    }

    /// Writes `key` under `name` with what protects it, as [`KeyFolder::save`] does.
    ///
    /// # Errors
    /// As [`KeyFolder::save`].
    pub fn save_file(&self, name: &str, key: &KeyFile) -> Result<PathBuf, SignError> {
        self.write(&file_name(name)?, &key.to_armored()?)
    }

    /// Writes a secret file of another kind, as [`KeyFolder::save`] does; `file` is one plain name.
    ///
    /// # Errors
    /// [`SignError::Exists`], [`SignError::File`].
    pub fn write(&self, file: &str, bytes: &[u8]) -> Result<PathBuf, SignError> {
        let path = self.path.join(file);
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AlreadyExists => SignError::Exists { path: path.clone() },
            _ => SignError::File { deed: "writing", path: path.clone(), source },
        };
        // Under another name first: a crash leaves a whole file or none, and a link never takes the place of another.
        let scratch = format!(".{file}.{:016x}", rand::random::<u64>());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut written = self.folder.open_with(&scratch, &options).map_err(failed)?;
        let linked = written
            .write_all(bytes)
            .and_then(|()| written.sync_all())
            .and_then(|()| self.folder.hard_link(&scratch, &self.folder, file));
        let removed = self.folder.remove_file(&scratch);
        linked.and(removed).map_err(failed)?;
        // The name must outlast a power cut as well: what this key signs may be published a second later.
        self.sync().map_err(failed)?;
        Ok(path)
    }

    /// Makes names durable that were given, changed or taken away.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> std::io::Result<()> {
        self.folder.open(".").and_then(|folder| folder.sync_all())
    }
}

impl fmt::Debug for KeyFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFolder({})", self.path.display())
    }
}

fn file_name(name: &str) -> Result<String, SignError> {
    match ChannelName::new(name.strip_suffix(".next").unwrap_or(name)) {
        Ok(_) => Ok(format!("{name}.key")),
        Err(_) => Err(SignError::Name { name: name.escape_debug().to_string() }),
    }
}
