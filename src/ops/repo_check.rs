//! `opb repo check`: a published repository as its clients see it, and what was seen of it before. Needs no project.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_tempfile::TempFile;

use crate::client::{Answer, Limits, Memory, MemoryError, Packages, Request, check as look};
use crate::diag::{Cause, Caused, Failure};
use crate::path::HostPath;
use crate::project::now;
use crate::sign::Keyring;

/// The most bytes of a file of keys.
const MOST_KEYS: u64 = 16 << 20;

/// The most bytes of what was seen before.
const MOST_STATE: u64 = 256 << 20;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// An address, or an absolute folder.
    pub address: String,
    /// Suites of APT.
    pub suites: Vec<String>,
    /// Folders of YUM repositories below the address.
    pub yum: Vec<String>,
    /// Files with the keys that count; without any, the key that is published there.
    pub keys: Vec<HostPath>,
    /// How packages are looked at.
    pub packages: Packages,
    /// The most seconds that a list may be old.
    pub max_age: Option<i64>,
    /// Where to keep what was seen. It need not be there yet.
    pub state: Option<HostPath>,
    /// How long all of it may take.
    pub timeout: Duration,
    /// Whether the network is left alone.
    pub offline: bool,
}

/// Why nothing was looked at.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RepoCheckError {
    /// A file of keys.
    #[error("cannot read public keys from `{path}`")]
    #[diagnostic(
        code(opb::repo_check::key),
        help("name a file with the public key that clients have, as `opb key export` writes it")
    )]
    Key {
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was seen before cannot be read or kept.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(code(opb::repo_check::state), help("name a file in a folder that you may write with `--state`"))]
    State {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was seen before is none.
    #[error("cannot understand `{path}`")]
    #[diagnostic(
        code(opb::repo_check::not_state),
        help("name another file, or remove this one: what was seen before is then not known any more")
    )]
    NotState {
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: MemoryError,
    },
    /// A server, without network.
    #[error("cannot look at `{address}` without network")]
    #[diagnostic(code(opb::repo_check::offline), help("leave out `--offline`, or name the folder that is served"))]
    Offline {
        /// The address, as it can be shown.
        address: String,
    },
}

impl Caused for RepoCheckError {
    fn fault(&self) -> Cause {
        match self {
            Self::State { .. } => Cause::Environment,
            Self::Key { .. } | Self::NotState { .. } | Self::Offline { .. } => Cause::Input,
        }
    }
}

/// Looks at what is asked for, and keeps what was seen, if that is wanted.
///
/// # Errors
/// [`RepoCheckError`], [`crate::client::ClientError`]. What is wrong with the repository is in the answer.
pub fn check(asked: &Asked) -> Result<Answer, Failure> {
    if asked.offline && asked.address.starts_with("http") {
        let address = crate::address::redact(&asked.address).escape_debug().to_string();
        return Err(RepoCheckError::Offline { address }.into());
    }
    let keys = asked.keys.iter().map(keys).collect::<Result<Vec<_>, _>>()?;
    let place = asked.state.as_ref().map(Place::of).transpose()?;
    let mut memory = place.as_ref().map(Place::read).transpose()?.unwrap_or_default();
    let request = Request {
        address: asked.address.clone(),
        suites: asked.suites.clone(),
        yum: asked.yum.clone(),
        keys: (!keys.is_empty()).then(|| Keyring::join(keys)),
        packages: asked.packages,
        max_age: asked.max_age,
        now: now(),
        limits: Limits { whole: asked.timeout, ..Limits::default() },
    };
    let answer = look(&request, &mut memory)?;
    if let Some(place) = place {
        place.write(&memory)?;
    }
    Ok(answer)
}

fn keys(path: &HostPath) -> Result<Keyring, RepoCheckError> {
    let failed = |source| RepoCheckError::Key { path: path.clone(), source };
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path.as_path()).and_then(|file| file.take(MOST_KEYS).read_to_end(&mut bytes));
    read.and_then(|_| Keyring::of(bytes)).map_err(failed)
}

/// The file with what was seen, in its folder.
struct Place<'a> {
    dir: Dir,
    name: &'a std::path::Path,
    path: &'a HostPath,
}

impl<'a> Place<'a> {
    fn of(path: &'a HostPath) -> Result<Self, RepoCheckError> {
        let failed = |source| RepoCheckError::State { doing: "open the folder of", path: path.clone(), source };
        let whole = path.as_path();
        let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        };
        let dir = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
        Ok(Self { dir, name: std::path::Path::new(name), path })
    }

    /// What was seen; nothing where the file is not there yet.
    fn read(&self) -> Result<Memory, RepoCheckError> {
        let failed = |source| RepoCheckError::State { doing: "read", path: self.path.clone(), source };
        let file = match self.dir.open(self.name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::default()),
            Err(source) => return Err(failed(source)),
        };
        let mut text = String::new();
        file.take(MOST_STATE).read_to_string(&mut text).map_err(failed)?;
        Memory::parse(&text).map_err(|source| RepoCheckError::NotState { path: self.path.clone(), source })
    }

    /// In one step: who looks meanwhile sees what was there, or what is there now.
    fn write(&self, memory: &Memory) -> Result<(), RepoCheckError> {
        let write = || -> io::Result<()> {
            let mut file = TempFile::new(&self.dir)?;
            file.write_all(memory.text().as_bytes())?;
            file.as_file().sync_all()?;
            file.replace(self.name)
        };
        write().map_err(|source| RepoCheckError::State { doing: "write", path: self.path.clone(), source })
    }
}
