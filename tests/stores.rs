//! What a store promises, by its public functions only: what was put comes back, damage is noticed, hostile folders are
//! refused, processes do not meet.

#[path = "stores/collecting.rs"]
mod collecting;
#[path = "stores/fetched.rs"]
mod fetched;
#[path = "stores/folders.rs"]
mod folders;
#[path = "stores/full_disk.rs"]
mod full_disk;
#[path = "stores/ledger.rs"]
mod ledger;
#[path = "stores/objects.rs"]
mod objects;
#[path = "stores/opening.rs"]
mod opening;
#[path = "stores/places.rs"]
mod places;
#[path = "stores/processes.rs"]
mod processes;
#[path = "stores/records.rs"]
mod records;
#[path = "stores/signed.rs"]
mod signed;
#[path = "stores/verifying.rs"]
mod verifying;

use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use miette::Diagnostic as _;
use opb::diag::{Cause, Caused as _};
use opb::digest::{Digest, Sha256};
use opb::drv::{ActionKey, Fingerprint, Outputs};
use opb::name::{Arch, OutputName};
use opb::path::HostPath;
use opb::store::{
    Attempt, CommittedRoot, ExportMode, ImportRules, Ledger, Notice, Realisation, Recorded, Refusal, Released, Store,
    StoreError, TryLock, switch_link, write_atomically,
};
use opb::tree::{Entry, Tree};

struct Space {
    folder: tempfile::TempDir,
}

impl Space {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("made") }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn host(&self) -> HostPath {
        HostPath::new(self.path("store"))
    }

    fn open(&self) -> Store {
        Store::open(&self.host()).expect("opens")
    }

    /// A folder beside the store, opened.
    fn folder(&self, name: &str) -> Dir {
        fs::create_dir_all(self.path(name)).expect("made");
        open_dir(&self.path(name))
    }
}

fn open_dir(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).expect("opens")
}

fn key(text: &str) -> ActionKey {
    ActionKey(Digest::of(text.as_bytes()))
}

fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint(Digest::of(text.as_bytes()))
}

fn arch(name: &str) -> Arch {
    Arch::new(name).expect("a name")
}

fn realisation(name: &str, started: i64) -> Realisation {
    let output = OutputName::new("packages").expect("a name");
    Realisation {
        key: key(name),
        node: "build:hello@debian-12/amd64".to_owned(),
        fingerprint: Some(fingerprint(name)),
        number: Some(2),
        outputs: Outputs::from([(output, Digest::of(format!("output of {name}").as_bytes()))]),
        derivation: "kind = build\nscript = \\n\\u{1b}\n".to_owned(),
        log: None,
        started,
        milliseconds: 11_000,
        cpu_milliseconds: 9_000,
        peak_memory: 1 << 28,
        disk: 0,
        backend: "namespaces".to_owned(),
        host: "builder".to_owned(),
        kept: None,
    }
}

fn record_file(store: &Store, key: ActionKey) -> std::path::PathBuf {
    let hex = key.to_string();
    store.path().as_path().join(format!("realised/{}/{}.json", &hex[..2], &hex[2..]))
}

/// An error as the person sees it: message, causes, help.
fn shown(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    format!("{text} | {}", error.help().map(|help| help.to_string()).unwrap_or_default())
}

fn ledger(store: &Store) -> Ledger<'_> {
    store.ledger(&"debian-12".parse().expect("a name"), &"libmd".parse().expect("a name"))
}

/// Says where a child works; without it the child's test does nothing.
const FOLDER: &str = "OPB_STORES_TEST_FOLDER";

fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("known"));
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]).env(FOLDER, folder);
    command
}
