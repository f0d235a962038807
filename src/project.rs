//! The project: finds its root folder, and opens everything below it once.
//!
//! This is the only place that looks at the ambient world: the current folder, the environment, the clock, where the
//! user's configuration lies. Everything below is handed opened folders and values. Evaluation sees the project through
//! [`Files`](crate::eval::Files) and [`weave::LookAt`](crate::eval::weave::LookAt), both answered here.

mod asking;
mod begin;
mod editing;
mod exceptions;
mod files;
mod keys;
mod local;
mod locks;
mod packaging;
mod revision;
mod witness;

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::diag::{Cause, Caused, Failure};
use crate::name::{ChannelName, LockName};
use crate::path::HostPath;
use crate::settings::{Settings, SettingsError};

pub use asking::{credentials, program_at, terminal};
pub use begin::{Beginning, begin, host_release, make_file, make_files};
pub use exceptions::{EXCEPTIONS_FILE, ExceptionsError};
pub use files::{ProjectFiles, read_text};
pub use local::{OWN_FOLDERS, host_apt, is_spec};
pub use locks::{LOCK_FILE, LockError, lock_file, lock_text, read_lock};
pub use packaging::{Packaging, PackagingError, Spec, packaging};
pub use revision::Revision;
pub use witness::{NotedFiles, Stamps, is_witness};

/// What makes a folder a project's.
const MARKS: [&str; 2] = [SETTINGS_FILE, "recipes"];

/// The name of the file with a project's settings.
pub const SETTINGS_FILE: &str = "opb.toml";

/// A project's folder, opened.
pub struct Project {
    /// Where it is.
    pub path: HostPath,
    /// What `opb.toml` says.
    pub settings: Settings,
    /// The lock that is meant, and the one whose pins hold where that has none; `None` is `opb.lock`.
    locks: Vec<Option<LockName>>,
    root: Dir,
}

/// Where a project is looked for, and which of its locks is meant.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// A folder that it lies in.
    pub folder: &'a Path,
    /// The channel whose lock is meant; `None`: `opb.lock`.
    pub channel: Option<&'a ChannelName>,
}

impl Place<'_> {
    /// Opens the project.
    ///
    /// # Errors
    /// As [`Project::open`], and [`NoChannel`](crate::settings::NoChannel).
    pub fn open(&self) -> Result<Project, Failure> {
        let project = Project::open(self.folder)?;
        Ok(match self.channel {
            Some(channel) => project.of_channel(channel)?,
            None => project,
        })
    }
}

/// What is wrong with a project's folder.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProjectError {
    /// There is none.
    #[error("no project at `{start}` or in a folder above it")]
    #[diagnostic(
        code(opb::project::none),
        help("go to a folder that has `recipes/` or `opb.toml`, or name one with `-C DIR`")
    )]
    None {
        /// Where the search began.
        start: PathBuf,
    },
    /// The search cannot begin.
    #[error("there is no folder `{start}`")]
    #[diagnostic(code(opb::project::no_folder), help("correct the path after `-C`"))]
    NoFolder {
        /// Where it was to begin.
        start: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {deed} `{path}`")]
    #[diagnostic(code(opb::project::file), help("look at its owner and mode, and at the space on its file system"))]
    File {
        /// `read`, `open` or `write`.
        deed: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl Caused for ProjectError {
    fn fault(&self) -> Cause {
        match self {
            Self::File { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

impl Project {
    /// Opens the project that `start` lies in: the nearest folder upwards with `opb.toml` or `recipes/`.
    ///
    /// # Errors
    /// [`ProjectError`] where there is none or `start` is no folder, and [`Failure`] where its `opb.toml` is wrong.
    pub fn open(start: &Path) -> Result<Self, Failure> {
        let mut project = Self::find(start)?;
        match project.root.read_to_string(SETTINGS_FILE) {
            Ok(text) => project.settings = Settings::parse(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(SettingsError::not_text().into()),
            Err(source) => return Err(project.file_error("read", SETTINGS_FILE, source).into()),
        }
        Ok(project)
    }

    /// The same without a look at `opb.toml`: its settings are those of a project that has none.
    ///
    /// # Errors
    /// [`ProjectError`] where there is no project, or `start` is no folder.
    pub fn find(start: &Path) -> Result<Self, ProjectError> {
        let file_error = |deed, path: &Path| {
            let path = path.to_owned();
            move |source| ProjectError::File { deed, path, source }
        };
        let start = std::path::absolute(start).map_err(file_error("open", start))?;
        // Without this, a mistyped folder would quietly mean the project around it.
        if !start.is_dir() {
            return Err(ProjectError::NoFolder { start });
        }
        let found = start.ancestors().find(|folder| MARKS.iter().any(|mark| folder.join(mark).exists()));
        let path = found.ok_or_else(|| ProjectError::None { start: start.clone() })?;
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(file_error("open", path))?;
        Ok(Self { path: HostPath::new(path), settings: Settings::default(), locks: vec![None], root })
    }

    /// The project's root folder.
    pub fn root(&self) -> &Dir {
        &self.root
    }

    /// The store's folder: `chosen`, else the environment's `OPB_STORE`, else `store/` of the project.
    pub fn store_path(&self, chosen: Option<&Path>) -> HostPath {
        chosen_store(chosen).unwrap_or_else(|| self.path.join("store"))
    }

    /// Writes the file at `path` below the root, and the folders above it: the old one or the new one is there, never a part.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> Result<(), ProjectError> {
        let written = || -> io::Result<()> {
            if let Some((folder, _)) = path.rsplit_once('/') {
                self.root.create_dir_all(folder)?;
            }
            let mut file = cap_tempfile::TempFile::new(&self.root)?;
            io::Write::write_all(&mut file, text.as_bytes())?;
            file.as_file().sync_all()?;
            file.replace(path)
        };
        written().map_err(|source| self.file_error("write", path, source))
    }

    fn file_error(&self, deed: &'static str, path: &str, source: io::Error) -> ProjectError {
        ProjectError::File { deed, path: self.path.join(path).as_path().to_owned(), source }
    }
}

/// The store's folder as of the project that `start` lies in; without a project, as if one were begun there.
pub fn store_of(start: &Path, chosen: Option<&Path>) -> HostPath {
    match Project::find(start) {
        Ok(project) => project.store_path(chosen),
        Err(_) => {
            let here = || HostPath::new(std::path::absolute(start).unwrap_or_else(|_| start.to_owned())).join("store");
            chosen_store(chosen).unwrap_or_else(here)
        }
    }
}

/// The store that was asked for, by an argument or by the environment.
#[expect(clippy::disallowed_methods, reason = "the project is where the environment is read")]
fn chosen_store(chosen: Option<&Path>) -> Option<HostPath> {
    // An empty variable is one that is not set, as elsewhere.
    let set = || std::env::var_os("OPB_STORE").map(PathBuf::from);
    let chosen = chosen.map(Path::to_owned).or_else(set).filter(|path| !path.as_os_str().is_empty());
    chosen.map(|path| HostPath::new(std::path::absolute(&path).unwrap_or(path)))
}

/// The user's folder for this program: `$XDG_CONFIG_HOME/opb`, or `~/.config/opb`. Secret keys lie below it.
#[expect(clippy::disallowed_methods, reason = "the project is where the environment is read")]
pub fn config_folder() -> Option<HostPath> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(HostPath::new(base.join("opb")))
}

/// The user's folder for what can be made again: `$XDG_CACHE_HOME/opb`, or `~/.cache/opb`.
#[expect(clippy::disallowed_methods, reason = "the project is where the environment is read")]
pub fn cache_folder() -> Option<HostPath> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(HostPath::new(base.join("opb")))
}

/// What tells this build of the program from others: device, inode, length and time of its file.
pub fn program() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self/exe").ok()?;
    Some(format!("{} {} {} {}.{}", own.dev(), own.ino(), own.len(), own.mtime(), own.mtime_nsec()))
}

/// Nanoseconds since 1970, to be compared with what the system stamps on files.
#[expect(clippy::disallowed_methods, reason = "the project is where the clock is read")]
pub fn now_exact() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Seconds since 1970. Only for records, dates of Release files and what has expired; never part of an identity.
#[expect(clippy::disallowed_methods, reason = "the project is where the clock is read")]
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Milliseconds since 1970. Only for what people and programs watch.
pub fn now_milliseconds() -> i64 {
    now_exact() / 1_000_000
}

/// The day of today in UTC, as `2026-11-25`.
pub fn today() -> String {
    let now = jiff::Timestamp::from_second(now()).unwrap_or_default();
    now.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}
