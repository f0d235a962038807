//! Bringing what is current of a channel to other places: another folder, or a machine that rsync reaches.
//!
//! A channel's own folder is switched by one rename. A folder elsewhere is too, once it has the new generation; rsync has no such
//! switch, so packages come first, then indexes, then the few files that name them, and what nobody names any more goes last.
//! A place that was reached is noted in `pushed.json` with what it got; one that was not, or not wholly, is done again
//! by the next publication, from the beginning: each step leaves the place with the old state or the new one.

mod folder;
mod rsync;

use std::collections::BTreeMap;

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::shared::Channel;
use super::{PublishError, collected, generation};
use crate::diag::{Cause, Caused, Failure};
use crate::name::ChannelName;
use crate::path::HostPath;
use crate::store::{Store, write_atomically};

/// What was brought where.
const NOTE: &str = "pushed.json";

/// A place that a channel is published to besides its own folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A folder of this machine, by an absolute path.
    Folder(HostPath),
    /// What rsync takes: `host:/path`, `user@host:/path` or `rsync://host/module/path`.
    Rsync(String),
}

/// What became of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The place, as it is written.
    pub to: String,
    /// Whether something was brought; if not, it had all of it.
    pub new: bool,
}

/// Why a place does not get what is current. The channel itself is published.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PushError {
    /// A text that is no place.
    #[error("`{to}` is no place to publish to")]
    #[diagnostic(
        code(opb::push::form),
        help("write an absolute path (`/srv/www/deb`), `user@host:/path`, or `rsync://host/module/path`")
    )]
    Form {
        /// As it is written.
        to: String,
    },
    /// A folder that cannot be written.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(
        code(opb::push::file),
        help("make the folder, see that it is writable and has room, then run `opb repo publish` again")
    )]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: HostPath,
        /// Why.
        source: std::io::Error,
    },
    /// rsync does not start.
    #[error("cannot run `rsync`")]
    #[diagnostic(code(opb::push::no_rsync), help("install rsync, then run `opb repo publish` again"))]
    NoRsync {
        /// Why.
        source: std::io::Error,
    },
    /// rsync fails.
    #[error("`rsync` did not bring {what} to `{to}`: {said}")]
    #[diagnostic(
        code(opb::push::rsync),
        help(
            "see that `rsync` and `ssh` reach it without a question, then run `opb repo publish` again; until then it serves what it had"
        )
    )]
    Rsync {
        /// What was being brought.
        what: &'static str,
        /// Where to.
        to: String,
        /// The end of what it said, on one line.
        said: String,
    },
}

impl Caused for PushError {
    fn fault(&self) -> Cause {
        match self {
            Self::Form { .. } => Cause::Input,
            _ => Cause::Environment,
        }
    }
}

/// What places have, by their text.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Note(BTreeMap<String, State>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    generation: u64,
    envelope: u32,
}

impl Destination {
    /// Reads one.
    ///
    /// # Errors
    /// [`PushError::Form`].
    pub fn parse(text: &str) -> Result<Self, PushError> {
        let wrong = || PushError::Form { to: text.escape_debug().to_string() };
        if text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err(wrong());
        }
        if text.starts_with('/') {
            return Ok(Self::Folder(HostPath::new(text)));
        }
        let is_host = |host: &str| {
            host.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@.-_:".contains(&byte))
        };
        let (host, path) = match text.strip_prefix("rsync://") {
            Some(rest) => rest.split_once('/').ok_or_else(wrong)?,
            None => text.split_once(":/").ok_or_else(wrong)?,
        };
        let steps_up = path.split('/').any(|part| part == "..");
        if is_host(host) && !path.is_empty() && !steps_up { Ok(Self::Rsync(text.to_owned())) } else { Err(wrong()) }
    }
}

/// Brings what is current of `channel` to `to`, written as [`Destination::parse`] reads it, unless it is there already. `open`
/// opens a folder of this machine by its path.
///
/// # Errors
/// [`PushError`]; the place then has what it had, or some of the new files beside it.
pub fn push(
    store: &Store,
    channel: &ChannelName,
    to: &str,
    open: impl Fn(&HostPath) -> std::io::Result<Dir>,
) -> Result<Pushed, Failure> {
    let destination = Destination::parse(to)?;
    let (dir, path) = (store.channel_dir(channel)?, store.channel_path(channel));
    let _lock = super::lock(&dir, &path)?;
    let Some(current) = generation::current_in(&dir, &path)? else {
        return Ok(Pushed { to: to.to_owned(), new: false });
    };
    let mut note = read_note(&dir, &path)?;
    let state = State { generation: current.number, envelope: current.envelope };
    if note.0.get(to) == Some(&state) {
        return Ok(Pushed { to: to.to_owned(), new: false });
    }
    let from = dir.open_dir(current.place()).map_err(|source| PublishError::File {
        doing: "open",
        path: path.join(current.place()),
        source,
    })?;
    // What lies there for other generations stays here.
    let others = collected::others(Channel { store, dir: &dir, path: &path }, &current)?;
    match &destination {
        Destination::Folder(place) => {
            let into = open(place).map_err(|source| PushError::File { doing: "open", path: place.clone(), source })?;
            folder::push(&from, &others, &into, place, &current)?;
        }
        Destination::Rsync(place) => rsync::push(&path.join(current.place()), &others, place)?,
    }
    note.0.insert(to.to_owned(), state);
    let text = serde_json::to_vec_pretty(&note).expect("plain fields");
    write_atomically(&dir, &path, NOTE, &text)?;
    Ok(Pushed { to: to.to_owned(), new: true })
}

fn read_note(dir: &Dir, path: &HostPath) -> Result<Note, PublishError> {
    match dir.read_to_string(NOTE) {
        // One that is damaged only makes places be brought up to date once more.
        Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Note::default()),
        Err(source) => Err(PublishError::File { doing: "read", path: path.join(NOTE), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_a_form() {
        let rsync = |text: &str| Destination::parse(text).ok();
        assert_eq!(rsync("/srv/www/deb"), Some(Destination::Folder(HostPath::new("/srv/www/deb"))));
        for fine in ["deploy@www.example.org:/srv/deb", "www:/srv", "rsync://www.example.org:873/deb"] {
            assert_eq!(rsync(fine), Some(Destination::Rsync(fine.to_owned())));
        }
        for wrong in [
            "",
            "srv/www",
            "--delete:/srv",
            "-e sh:/srv",
            "www:srv",
            "www:/srv\nx",
            "www:/",
            "www:/a/../b",
            "rsync://",
            "rsync://x",
            "a b:/c",
            "[::1]:/srv",
        ] {
            let error = Destination::parse(wrong).expect_err(wrong);
            assert_eq!(error.fault(), Cause::Input);
        }
        insta::assert_snapshot!(Destination::parse("--rsh=x:/srv").expect_err("is none"), @"`--rsh=x:/srv` is no place to publish to");
    }
}
