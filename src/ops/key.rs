//! Signing keys: making one, and finding the one that signs a channel.

use cap_std::ambient_authority;
use serde::{Deserialize, Serialize};

use crate::diag::{Cause, Caused, Failure};
use crate::name::ChannelName;
use crate::path::HostPath;
use crate::project::{config_folder, now};
use crate::sign::{AgentKey, KeyFolder, SecretKey, Signer};

/// How long a new key is good for, in seconds: three years.
const LASTS: u64 = 3 * 365 * 86_400;

/// What is wrong with where keys are kept.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KeyError {
    /// There is no home.
    #[error("there is no folder for keys: neither XDG_CONFIG_HOME nor HOME is set to an absolute path")]
    #[diagnostic(code(opb::key::no_home), help("set one of them"))]
    NoFolder,
    /// The note that names a key of the agent.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(code(opb::key::file), help("look at its owner and mode"))]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The note that names a key of the agent says something else.
    #[error("cannot understand `{path}`: {message}")]
    #[diagnostic(
        code(opb::key::note),
        help("write `fingerprint = \"…\"` into it, or remove it and run `opb key init --agent FINGERPRINT` again")
    )]
    Note {
        /// Which.
        path: HostPath,
        /// What the parser said.
        message: String,
    },
    /// There is a key of that name already.
    #[error("there is a key `{name}` already")]
    #[diagnostic(code(opb::key::exists), help("use it, or choose another name with `--name`"))]
    Exists {
        /// Its name.
        name: String,
    },
}

impl Caused for KeyError {
    fn fault(&self) -> Cause {
        match self {
            Self::Exists { .. } => Cause::Input,
            _ => Cause::Environment,
        }
    }
}

/// What is public of a key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyInfo {
    /// Its name: that of the channel it signs, unless `opb.toml` says otherwise.
    pub name: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Where it is kept: a file, or `gpg-agent`.
    pub kept: String,
    /// The public key as text.
    #[serde(skip)]
    pub public: String,
}

/// A note in the folder of keys that says which key of gpg-agent stands for a name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentNote {
    fingerprint: String,
}

/// Kinds of keys that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKey {
    /// Small and quick; every apt checks it, rpm from 4.15 on.
    Ed25519,
    /// 3072 bits: every apt and rpm checks it. Takes some seconds to make.
    Rsa,
}

/// Makes a key without asking anything; refuses to replace one.
///
/// # Errors
/// Where there is one of that name, or it cannot be written.
pub fn init(name: &ChannelName, user_id: &str, kind: NewKey) -> Result<KeyInfo, Failure> {
    let folder = folder()?;
    if note_path(&folder, name).as_path().exists() {
        return Err(KeyError::Exists { name: name.to_string() }.into());
    }
    let keys = KeyFolder::open_or_create(folder.as_path(), ambient_authority())?;
    let (now, lasts, rng) = (seconds(), Some(LASTS), rand::rngs::OsRng);
    let key = match kind {
        NewKey::Ed25519 => SecretKey::generate(user_id, now, lasts, rng)?,
        NewKey::Rsa => SecretKey::generate_rsa(user_id, now, lasts, rng)?,
    };
    let path = keys.save(name.as_str(), &key)?;
    info(name, &Signer::File(key), path.display().to_string())
}

/// Uses a key that gpg-agent holds.
///
/// # Errors
/// Where gpg has no such key, or there is one of that name already.
pub fn use_agent(name: &ChannelName, fingerprint: &str) -> Result<KeyInfo, Failure> {
    let folder = folder()?;
    let keys = KeyFolder::open_or_create(folder.as_path(), ambient_authority())?;
    let signer = Signer::Agent(AgentKey::find(fingerprint, None)?);
    signer.check(seconds())?;
    if keys.path_of(name.as_str())?.exists() {
        return Err(KeyError::Exists { name: name.to_string() }.into());
    }
    let path = note_path(&folder, name);
    let note = toml::to_string(&AgentNote { fingerprint: signer.fingerprint() }).expect("one plain field");
    let failed = |source| KeyError::File { doing: "write", path: path.clone(), source };
    let dir = cap_std::fs::Dir::open_ambient_dir(folder.as_path(), ambient_authority()).map_err(failed)?;
    dir.write(format!("{name}.agent"), note).map_err(failed)?;
    info(name, &signer, "gpg-agent".to_owned())
}

/// The keys that there are, by name.
///
/// # Errors
/// Where one cannot be read.
pub fn list() -> Result<Vec<KeyInfo>, Failure> {
    let folder = folder()?;
    let failed = |source| KeyError::File { doing: "read", path: folder.clone(), source };
    let dir = match cap_std::fs::Dir::open_ambient_dir(folder.as_path(), ambient_authority()) {
        Ok(dir) => dir,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source).into()),
    };
    let mut names = std::collections::BTreeSet::new();
    for entry in dir.entries().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let stem = name.strip_suffix(".key").or_else(|| name.strip_suffix(".agent"));
        names.extend(stem.and_then(|stem| ChannelName::new(stem).ok()));
    }
    names
        .iter()
        .map(|name| {
            let signer = signer(name)?;
            let kept = match &signer {
                Signer::File(_) => folder.join(format!("{name}.key")).to_string(),
                Signer::Agent(_) => "gpg-agent".to_owned(),
            };
            info(name, &signer, kept)
        })
        .collect()
}

/// The key of that name, ready to sign.
///
/// # Errors
/// Where there is none, or it may not sign now.
pub fn signer(name: &ChannelName) -> Result<Signer, Failure> {
    let folder = folder()?;
    let path = note_path(&folder, name);
    let keys = cap_std::fs::Dir::open_ambient_dir(folder.as_path(), ambient_authority());
    let signer = match keys.and_then(|keys| keys.read_to_string(format!("{name}.agent"))) {
        Ok(text) => {
            let failed =
                |error: toml::de::Error| KeyError::Note { path: path.clone(), message: error.message().to_owned() };
            let note: AgentNote = toml::from_str(&text).map_err(failed)?;
            Signer::Agent(AgentKey::find(&note.fingerprint, None)?)
        }
        Err(_) => {
            let keys = KeyFolder::open_or_create(folder.as_path(), ambient_authority())?;
            Signer::File(keys.load(name.as_str())?)
        }
    };
    signer.check(seconds())?;
    Ok(signer)
}

fn info(name: &ChannelName, signer: &Signer, kept: String) -> Result<KeyInfo, Failure> {
    let public = signer.public_key_armored()?;
    Ok(KeyInfo { name: name.to_string(), fingerprint: signer.fingerprint(), kept, public })
}

fn folder() -> Result<HostPath, KeyError> {
    Ok(config_folder().ok_or(KeyError::NoFolder)?.join("keys"))
}

fn note_path(folder: &HostPath, name: &ChannelName) -> HostPath {
    folder.join(format!("{name}.agent"))
}

fn seconds() -> u64 {
    u64::try_from(now()).unwrap_or(0)
}
