//! A project's locks: `opb.lock`, and those that channels have of their own.
//!
//! A channel with `over` has a lock with nothing but what differs from that channel's; together they are a whole one.

use std::io;

use super::{Project, ProjectError};
use crate::diag::{Cause, Caused, Failure};
use crate::lock::{LOCK_VERSION, Lock};
use crate::name::{ChannelName, LockName};
use crate::settings::NoChannel;

/// The name of the lock of a project.
pub const LOCK_FILE: &str = "opb.lock";

/// The file of a lock; `None`: the project's.
pub fn lock_file(name: Option<&LockName>) -> String {
    name.map_or_else(|| LOCK_FILE.to_owned(), |name| format!("opb.{name}.lock"))
}

/// What is wrong with a lock.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LockError {
    /// It cannot be understood.
    #[error("cannot read `{file}`: {message}")]
    #[diagnostic(
        code(opb::project::lock),
        help("take it from version control again, or remove it and let `opb update` make a new one")
    )]
    Text {
        /// Its file.
        file: String,
        /// What the parser said.
        message: String,
        /// The lock's text.
        #[source_code]
        text: miette::NamedSource<String>,
        /// Where.
        #[label("here")]
        place: Option<miette::SourceSpan>,
    },
    /// It was written by a newer version.
    #[error("`{file}` has version {found}, and this opb knows versions up to {LOCK_VERSION}")]
    #[diagnostic(code(opb::project::lock_version), help("use a newer opb"))]
    Version {
        /// Its file.
        file: String,
        /// What it says.
        found: u32,
    },
}

impl Caused for LockError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl Project {
    /// The same project; what is said of its lock is meant of the one that `channel` is made from.
    ///
    /// # Errors
    /// [`NoChannel`].
    pub fn of_channel(mut self, channel: &ChannelName) -> Result<Self, NoChannel> {
        self.locks = self.settings.locks_of(self.settings.channel(channel)?);
        Ok(self)
    }

    /// The name of its lock; `None`: `opb.lock`.
    pub fn lock_name(&self) -> Option<&LockName> {
        self.locks.first().and_then(Option::as_ref)
    }

    /// The file of its lock.
    pub fn lock_file(&self) -> String {
        lock_file(self.lock_name())
    }

    /// The files that its lock is read from.
    pub fn lock_files(&self) -> impl Iterator<Item = String> {
        self.locks.iter().map(|name| lock_file(name.as_ref()))
    }

    /// The lock; an empty one where there is no file.
    ///
    /// # Errors
    /// Where a file cannot be read or understood.
    pub fn lock(&self) -> Result<Lock, Failure> {
        whole(&self.locks, |name| self.read_lock(name))
    }

    /// The pins that hold where its lock has none; `None`: it is a whole one.
    ///
    /// # Errors
    /// As [`Project::lock`].
    pub fn base_lock(&self) -> Result<Option<Lock>, Failure> {
        self.locks.get(1).map(|name| self.read_lock(name.as_ref())).transpose()
    }

    fn read_lock(&self, name: Option<&LockName>) -> Result<Lock, Failure> {
        let file = lock_file(name);
        match self.root.read_to_string(&file) {
            Ok(text) => read_lock(name, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Lock { name: name.cloned(), ..Lock::default() })
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(not_text(name).into()),
            Err(source) => Err(self.file_error("read", &file, source).into()),
        }
    }

    /// Writes the lock: the old one or the new one is there, never a part.
    ///
    /// # Errors
    /// Where it cannot be written, or the one below it cannot be read.
    pub fn write_lock(&self, lock: &Lock) -> Result<(), Failure> {
        let own = self.base_lock()?.map(|base| lock.beyond(&base));
        Ok(self.write(&self.lock_file(), &lock_text(own.as_ref().unwrap_or(lock)))?)
    }

    /// Removes the lock's file; nothing happens where there is none.
    ///
    /// # Errors
    /// Where it cannot be removed, and [`ProjectError`] for the project's own, which stays.
    pub fn remove_lock(&self) -> Result<(), ProjectError> {
        let file = self.lock_file();
        let removed = match self.lock_name() {
            Some(_) => self.root.remove_file(&file),
            None => Err(io::ErrorKind::PermissionDenied.into()),
        };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(self.file_error("remove", &file, source)),
            _ => Ok(()),
        }
    }
}

/// The lock that these are together; `read` reads each.
pub(super) fn whole(
    locks: &[Option<LockName>],
    read: impl Fn(Option<&LockName>) -> Result<Lock, Failure>,
) -> Result<Lock, Failure> {
    let mut lock = Lock::default();
    for name in locks.iter().rev() {
        lock = lock.with(read(name.as_ref())?);
    }
    Ok(lock)
}

/// The lock as it is written.
pub fn lock_text(lock: &Lock) -> String {
    let text = toml::to_string(lock).expect("a lock has only string keys");
    format!("# Written by `opb update`. Keep it under version control: it says what was built from.\n{text}")
}

/// A lock that is no text at all.
pub(super) fn not_text(name: Option<&LockName>) -> LockError {
    let file = lock_file(name);
    let text = miette::NamedSource::new(&file, String::new());
    LockError::Text { file, message: "it is not UTF-8 text".to_owned(), text, place: None }
}

/// The lock that `text` is.
///
/// # Errors
/// Where it cannot be understood.
pub fn read_lock(name: Option<&LockName>, text: &str) -> Result<Lock, Failure> {
    let file = lock_file(name);
    let read = crate::lock::parse(text);
    let version = match &read {
        Ok(lock) => Some(i64::from(lock.version)),
        // What it has besides may be a newer one's.
        Err(_) => toml::from_str::<toml::Table>(text).ok().and_then(|table| table.get("version")?.as_integer()),
    };
    if let Some(found) = version.filter(|found| *found > i64::from(LOCK_VERSION)) {
        return Err(LockError::Version { file, found: u32::try_from(found).unwrap_or(u32::MAX) }.into());
    }
    let lock = read.map_err(|error| LockError::Text {
        message: error.message().to_owned(),
        place: error.span().map(Into::into),
        text: miette::NamedSource::new(&file, text.to_owned()),
        file,
    })?;
    Ok(Lock { name: name.cloned(), ..lock })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::lock::DistroPin;
    use crate::name::DistroName;
    use crate::project::Place;

    const SETTINGS: &str = "[channel.a]\n[channel.b]\nlock = \"b\"\n[channel.c]\nlock = \"c\"\nover = \"a\"\n";

    fn pinned(distros: &[&str]) -> Lock {
        let pins = distros.iter().map(|name| (name.parse().expect("a name"), DistroPin::default()));
        Lock { distro: pins.collect(), ..Lock::default() }
    }

    fn distros(lock: &Lock) -> Vec<&str> {
        lock.distro.keys().map(DistroName::as_str).collect()
    }

    #[test]
    fn a_channel_has_the_lock_that_it_names_over_that_of_another() {
        let folder = tempfile::tempdir().expect("scratch");
        std::fs::write(folder.path().join("opb.toml"), SETTINGS).expect("written");
        let open = |channel: &str| {
            let channel = ChannelName::new(channel).expect("a name");
            Place { folder: folder.path(), channel: Some(&channel) }.open()
        };
        let [a, b, c] = ["a", "b", "c"].map(|channel| open(channel).expect("a channel"));
        a.write_lock(&pinned(&["d-1", "d-2"])).expect("written");
        b.write_lock(&pinned(&["d-1"])).expect("written");
        assert_eq!(distros(&a.lock().expect("read")), ["d-1", "d-2"]);
        assert_eq!(distros(&b.lock().expect("read")), ["d-1"]);
        assert_eq!(b.lock().expect("read").name, b.lock_name().cloned());
        assert_eq!(distros(&c.lock().expect("read")), ["d-1", "d-2"], "what holds where it has no pin");
        assert_eq!([a.lock_file(), b.lock_file(), c.lock_file()], ["opb.lock", "opb.b.lock", "opb.c.lock"]);
        assert_eq!(c.lock_files().collect::<Vec<_>>(), ["opb.c.lock", "opb.lock"]);

        // Only what differs stands in it, and the rest goes on following the other.
        c.write_lock(&pinned(&["d-1", "d-2", "d-3"])).expect("written");
        let text = std::fs::read_to_string(folder.path().join("opb.c.lock")).expect("there");
        assert!(text.contains("d-3") && !text.contains("d-1"), "{text}");
        a.write_lock(&pinned(&["d-4"])).expect("written");
        assert_eq!(distros(&c.lock().expect("read")), ["d-3", "d-4"]);

        c.remove_lock().expect("removed");
        c.remove_lock().expect("nothing is left to remove");
        assert_eq!(distros(&c.lock().expect("read")), ["d-4"]);
        let kept = a.remove_lock().expect_err("the project's own").to_string();
        assert!(kept.starts_with("cannot remove `") && kept.ends_with("/opb.lock`"), "{kept}");
        let error = open("d").err().expect("there is none").report;
        assert_eq!(error.to_string(), "there is no channel `d`");
        let help = error.help().expect("says what to do").to_string();
        assert_eq!(help, "name one of `a`, `b`, `c`, or add `[channel.d]` to `opb.toml`");
        std::fs::write(folder.path().join("opb.b.lock"), "version = 99\n").expect("written");
        let error = b.lock().expect_err("newer").report.to_string();
        assert_eq!(error, format!("`opb.b.lock` has version 99, and this opb knows versions up to {LOCK_VERSION}"));
    }

    #[test]
    fn pins_are_taken_over_by_distro() {
        let taken = pinned(&["d-1"]).taking(&pinned(&["d-1", "d-2", "d-3"]), |name| name.as_str() == "d-2");
        assert_eq!(distros(&taken), ["d-1", "d-2"]);
        let all = pinned(&["d-0"]).taking(&pinned(&["d-1"]), |_| true);
        assert_eq!(distros(&all), ["d-0", "d-1"]);
        assert_eq!(
            all.beyond(&pinned(&["d-0"])).distro,
            BTreeMap::from([("d-1".parse().expect("a name"), DistroPin::default())])
        );
    }
}
