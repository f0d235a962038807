//! Where keys are kept: which files of the folder of keys belong to a name, and which of them signs.
//!
//! ```text
//! nightly.key   or nightly.agent         the key: its file, or a note that says which key of gpg-agent it is
//! nightly.next.key or nightly.next.agent its successor, while one is on
//! nightly.retired-<id>.key (or .agent)   what it was before; signs nothing
//! nightly.signed.jsonl                   what was signed
//! ```
//!
//! A successor without a key before it is the key: a rotation that was ended by a crash between its two renames is a finished one.
//! Who changes names holds the folder's lock alone, who reads several shares it.

use cap_std::ambient_authority;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{KeyError, KeyInfo};
use crate::diag::Failure;
use crate::name::ChannelName;
use crate::path::HostPath;
use crate::project::config_folder;
use crate::sign::{AgentKey, KeyFile, KeyFolder, PublicKey, SignError};

/// No note is longer, in bytes.
const MAX_NOTE: usize = 64 << 10;

/// The folder of keys, opened.
pub(super) struct Keys {
    pub(super) folder: KeyFolder,
}

/// A note that says which key of gpg-agent stands for a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentNote {
    pub(super) fingerprint: String,
    /// When it was taken, in seconds since 1970; `None` in notes of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) taken: Option<u64>,
    /// When it ended as far as gpg knew when it was asked last, in seconds since 1970; `None`: never, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends: Option<u64>,
}

/// A key of a name.
pub(super) struct Kept {
    /// What its file is called, without the ending: `nightly` or `nightly.next`.
    pub(super) stem: String,
    pub(super) how: How,
}

/// How a key is kept.
pub(super) enum How {
    File(Box<KeyFile>),
    Agent(AgentNote),
}

/// The keys of a name.
pub(super) struct Pair {
    pub(super) main: Kept,
    pub(super) next: Option<Kept>,
}

impl Kept {
    fn ending(&self) -> &'static str {
        match self.how {
            How::File(_) => "key",
            How::Agent(_) => "agent",
        }
    }

    /// The name of its file.
    pub(super) fn file(&self) -> String {
        format!("{}.{}", self.stem, self.ending())
    }

    /// The same key under another stem.
    pub(super) fn file_as(&self, stem: &str) -> String {
        format!("{stem}.{}", self.ending())
    }

    /// What is public of it. Asks gpg for a key of its agent, and nobody for a passphrase.
    pub(super) fn public(&self) -> Result<PublicKey, Failure> {
        Ok(match &self.how {
            How::File(file) => file.public_key(),
            How::Agent(note) => AgentKey::find(&note.fingerprint, None)?.public_key(),
        })
    }

    /// Whether a passphrase protects its file.
    pub(super) fn is_locked(&self) -> bool {
        matches!(&self.how, How::File(file) if matches!(**file, KeyFile::Locked(_)))
    }
}

impl Keys {
    /// The folder; made where there is none.
    pub(super) fn open_or_create() -> Result<Self, Failure> {
        Ok(Self { folder: KeyFolder::open_or_create(path()?.as_path(), ambient_authority())? })
    }

    /// The folder; `None` where there is none.
    pub(super) fn open() -> Result<Option<Self>, Failure> {
        Ok(KeyFolder::open(path()?.as_path(), ambient_authority())?.map(|folder| Self { folder }))
    }

    /// Holds the folder's lock until what comes back is dropped: alone, or together with others who only read.
    pub(super) fn lock(&self, arg: FlockArg) -> Result<Flock<std::fs::File>, Failure> {
        let failed = |source| KeyError::File { doing: "lock", path: self.path("."), source };
        let file = self.folder.dir().open(".").map_err(failed)?.into_std();
        Flock::lock(file, arg).map_err(|(_, errno)| failed(errno.into()).into())
    }

    /// The path of a file of the folder, for messages.
    pub(super) fn path(&self, file: &str) -> HostPath {
        HostPath::new(self.folder.path(file))
    }

    /// The names that have keys, in order.
    pub(super) fn names(&self) -> Result<Vec<ChannelName>, Failure> {
        let failed = |source| KeyError::File { doing: "read", path: self.path("."), source };
        let mut names = std::collections::BTreeSet::new();
        for entry in self.folder.dir().entries().map_err(failed)? {
            let file = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            let stem = file.strip_suffix(".key").or_else(|| file.strip_suffix(".agent"));
            let name = stem.map(|stem| stem.strip_suffix(".next").unwrap_or(stem));
            names.extend(name.and_then(|name| ChannelName::new(name).ok()));
        }
        Ok(names.into_iter().collect())
    }

    /// The keys of a name; `None` where there is none.
    pub(super) fn find(&self, name: &ChannelName) -> Result<Option<Pair>, Failure> {
        let (main, next) = (self.kept(name.as_str())?, self.kept(&format!("{name}.next"))?);
        Ok(match (main, next) {
            (Some(main), next) => Some(Pair { main, next }),
            (None, Some(main)) => Some(Pair { main, next: None }),
            (None, None) => None,
        })
    }

    /// The keys of a name.
    ///
    /// # Errors
    /// Also where there is none.
    pub(super) fn pair(&self, name: &ChannelName) -> Result<Pair, Failure> {
        match self.find(name)? {
            Some(pair) => Ok(pair),
            None => Err(SignError::NoKey { path: self.folder.path_of(name.as_str())? }.into()),
        }
    }

    /// Refuses a name that has a key.
    pub(super) fn refuse_taken(&self, name: &ChannelName) -> Result<(), Failure> {
        let path = self.folder.path_of(name.as_str())?;
        let is_there = |file: &str| self.folder.dir().exists(file);
        if is_there(&format!("{name}.key")) {
            return Err(SignError::Exists { path }.into());
        }
        if ["agent", "next.key", "next.agent"].iter().any(|ending| is_there(&format!("{name}.{ending}"))) {
            return Err(KeyError::Exists { name: name.to_string() }.into());
        }
        Ok(())
    }

    /// Writes the note on a key of gpg-agent, in place of the one that is there.
    pub(super) fn write_note(&self, stem: &str, note: &AgentNote) -> Result<(), Failure> {
        let file = format!("{stem}.agent");
        let text = toml::to_string(note).expect("plain fields");
        let failed = |source| KeyError::File { doing: "write", path: self.path(&file), source };
        let dir = self.folder.dir();
        let written = || -> std::io::Result<()> {
            let mut scratch = cap_tempfile::TempFile::new(dir)?;
            std::io::Write::write_all(&mut scratch, text.as_bytes())?;
            scratch.as_file().sync_all()?;
            scratch.replace(&file)?;
            self.folder.sync()
        };
        written().map_err(|source| failed(source).into())
    }

    /// Gives a file another name, which nothing has, for good.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        let dir = self.folder.dir();
        let failed = |source| KeyError::File { doing: "rename", path: self.path(from), source };
        if dir.exists(to) {
            return Err(failed(std::io::Error::from(std::io::ErrorKind::AlreadyExists)).into());
        }
        dir.rename(from, dir, to).and_then(|()| self.folder.sync()).map_err(|source| failed(source).into())
    }

    /// What is public of a key, for a message.
    pub(super) fn info(&self, name: &ChannelName, kept: &Kept, public: &PublicKey) -> Result<KeyInfo, Failure> {
        let place = match &kept.how {
            How::File(_) => self.path(&kept.file()).to_string(),
            How::Agent(_) => "gpg-agent".to_owned(),
        };
        Ok(KeyInfo { name: name.to_string(), fingerprint: public.fingerprint(), kept: place })
    }

    fn kept(&self, stem: &str) -> Result<Option<Kept>, Failure> {
        if let Some(note) = self.note(stem)? {
            return Ok(Some(Kept { stem: stem.to_owned(), how: How::Agent(note) }));
        }
        match self.folder.load_file(stem) {
            Ok(file) => Ok(Some(Kept { stem: stem.to_owned(), how: How::File(Box::new(file)) })),
            Err(SignError::NoKey { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn note(&self, stem: &str) -> Result<Option<AgentNote>, Failure> {
        let file = format!("{stem}.agent");
        let failed = |source| KeyError::File { doing: "read", path: self.path(&file), source };
        let text = match self.folder.dir().read(&file) {
            Ok(text) if text.len() <= MAX_NOTE => text,
            Ok(_) => return Err(failed(std::io::Error::from(std::io::ErrorKind::InvalidData)).into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source).into()),
        };
        let wrong =
            |error: &toml::de::Error| KeyError::Note { path: self.path(&file), message: error.message().to_owned() };
        toml::from_str(&String::from_utf8_lossy(&text)).map(Some).map_err(|error| wrong(&error).into())
    }
}

fn path() -> Result<HostPath, KeyError> {
    Ok(config_folder().ok_or(KeyError::NoFolder)?.join("keys"))
}
