//! Files by address and digest: several at a time through apt's helper, each checked again, each failure with its cause.
//!
//! A wanted file may have several places; the next one is tried where one fails. What cannot be got from any ends the
//! whole download with the error that says most.

#![expect(clippy::disallowed_methods, reason = "apt's helper writes to paths")]

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sha2::Digest as _;

use super::failure::{FetchError, failure_of, is_mismatch, shown};
use super::helper::{self, Before, Ended, Job, Run};
use super::mirror::{self, Mirror};
use crate::address::Address;
use crate::digest::Sha256;
use crate::path::{HostPath, MAX_NAME, TreePath};

/// How many files one run of the helper gets: what keeps the command line well below the kernel's limit.
const BATCH: usize = 100;

/// The most bytes of a file whose size nobody stated: Release files and lists of mirrors.
const MAX_UNSTATED: u64 = 64 << 20;

/// How files are got.
#[derive(Debug, Clone)]
pub struct Access<'a> {
    /// apt's helper.
    pub helper: HostPath,
    /// A configuration file for apt on top of the host's (`APT_CONFIG`); `None`: the host's alone.
    pub apt_config: Option<HostPath>,
    /// Whether the network is to be left alone. Addresses of this machine still work.
    pub offline: bool,
    /// How long a connection may say nothing, in whole seconds; apt's own is 30.
    pub timeout: Duration,
    /// How often apt tries again what might be a passing fault.
    pub retries: u32,
    /// After how long without enough new bytes in all files together the helper is ended.
    pub stall: Duration,
    /// The most bytes of a file whose size nobody stated.
    pub most: u64,
    /// Whether what came of a file with a digest stays where the rest did not, for the next download to go on from.
    pub resumes: bool,
    /// Set by others to end the download soon.
    pub cancel: &'a AtomicBool,
}

impl<'a> Access<'a> {
    /// The host's apt with patience for a slow mirror: 30 s for a silent connection, tried twice more.
    pub fn new(cancel: &'a AtomicBool) -> Self {
        Self {
            helper: HostPath::new("/usr/lib/apt/apt-helper"),
            apt_config: None,
            offline: false,
            timeout: Duration::from_secs(30),
            retries: 2,
            stall: Duration::from_secs(240),
            most: MAX_UNSTATED,
            resumes: false,
            cancel,
        }
    }
}

/// A file to get.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it may be, in the order to try. Not empty.
    pub places: Vec<Address>,
    /// Its name in the folder of downloads: one plain name, not there twice in one download.
    pub name: String,
    /// Its digest; `None` where only a signature will tell.
    pub sha256: Option<Sha256>,
    /// Its length in bytes; `None` where nobody said.
    pub size: Option<u64>,
    /// What was there before; `None` where that is not known, or does not matter.
    pub before: Option<Before>,
}

/// Gets all of `wanted` into the folder `into`, which is made where it is missing. Paths in the order of `wanted`.
///
/// Every file has its stated size and digest when this returns; one without a stated digest is whatever the server sent.
///
/// # Errors
/// [`FetchError`] for the first file that cannot be got from any of its places; others may be in the folder then.
pub fn download(wanted: &[Wanted], into: &HostPath, access: &Access<'_>) -> Result<Vec<HostPath>, FetchError> {
    let mut items = begin(wanted, into, access)?;
    run_all(&mut items, access, Goal::All)?;
    Ok(items.into_iter().map(|item| item.target).collect())
}

/// What came of files that need not all come.
#[derive(Debug)]
pub struct Came {
    /// In the order of what was wanted: a file's path, or why it could not be got; `None` where that is why the download ended.
    pub files: Vec<Option<Result<HostPath, FetchError>>>,
    /// What ended it before each file was tried; `None` where nothing did.
    pub ended: Option<FetchError>,
}

/// As [`download()`], but a file that cannot be got does not end it, nor what else came. What keeps all files away does: the
/// disk, a stop, a host of which not one came.
pub fn download_each(wanted: &[Wanted], into: &HostPath, access: &Access<'_>) -> Came {
    let mut items = match begin(wanted, into, access) {
        Ok(items) => items,
        Err(error) => return Came { files: wanted.iter().map(|_| None).collect(), ended: Some(error) },
    };
    let ended = run_all(&mut items, access, Goal::Each).err();
    let came = |item: Item<'_>| match item.lost {
        Some(error) => Some(Err(error)),
        None => item.done.then_some(Ok(item.target)),
    };
    Came { files: items.into_iter().map(came).collect(), ended }
}

/// What a download is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// All files or none.
    All,
    /// Each that can be had.
    Each,
}

fn begin<'a>(wanted: &'a [Wanted], into: &HostPath, access: &Access<'_>) -> Result<Vec<Item<'a>>, FetchError> {
    std::fs::create_dir_all(into.as_path()).map_err(|source| FetchError::File { path: into.clone(), source })?;
    items_of(wanted, into, access)
}

/// Gets all that can be got.
fn run_all(items: &mut [Item<'_>], access: &Access<'_>, goal: Goal) -> Result<(), FetchError> {
    while let Some(batch) = next_batch(items) {
        let jobs: Vec<Job> = batch.iter().map(|index| items[*index].job()).collect();
        let run = match helper::run(access, &jobs) {
            Ok(run) => run,
            Err(error) => {
                // What is whole when it ends has come all the same.
                for index in batch {
                    let item = &mut items[index];
                    item.done = item.wanted.sha256.is_some() && matches!(check(item), Ok(Checked::Good));
                }
                return Err(error);
            }
        };
        settle(items, &batch, &run, access)?;
        let mut failures: Vec<(usize, FetchError)> = Vec::new();
        for (index, item) in items.iter_mut().enumerate() {
            if !item.done && item.place == item.places.len() {
                failures.push((index, weightiest(std::mem::take(&mut item.failures))));
            }
        }
        if goal == Goal::Each {
            // First what the archive answered: that it did says something of the others.
            failures.sort_by_key(|(_, failure)| !is_answer(failure));
        }
        for (index, failure) in failures {
            let is_of_one = match &failure {
                FetchError::Unreachable { .. } | FetchError::Apt { .. } => items.iter().any(|item| item.done),
                failure => is_answer(failure),
            };
            if goal == Goal::All || !is_of_one {
                return Err(failure);
            }
            (items[index].lost, items[index].done) = (Some(failure), true);
        }
    }
    Ok(())
}

/// Whether an archive says so of one file.
fn is_answer(failure: &FetchError) -> bool {
    use FetchError::{Gone, Mismatch, Refused, TooLarge};
    matches!(failure, Gone { .. } | Refused { .. } | Mismatch { .. } | TooLarge { .. })
}

/// The bases that `mirrors` stand for: lists of mirrors replaced by their lines, the rest as it is.
///
/// apt's helper cannot follow such lists, only apt itself. With the network switched off, lists behind it stay as they
/// are. `scratch` is a folder for such a list while it is read.
///
/// # Errors
/// [`FetchError`] where a list cannot be got.
pub fn bases(mirrors: &[Mirror], scratch: &HostPath, access: &Access<'_>) -> Result<Vec<Mirror>, FetchError> {
    let mut found = Vec::new();
    for mirror in mirrors {
        let list = mirror.address.secret().strip_prefix("mirror+").and_then(|list| Address::new(list).ok());
        let Some(list) = list.filter(|list| !access.offline || list.local_path().is_some()) else {
            found.push(mirror.clone());
            continue;
        };
        let local = list.local_path().is_some();
        let name = "mirrors".to_owned();
        let paths = download(
            &[Wanted { places: vec![list.clone()], name, sha256: None, size: None, before: None }],
            scratch,
            access,
        )?;
        let read = paths.iter().map(|path| {
            std::fs::read(path.as_path()).map_err(|source| FetchError::File { path: path.clone(), source })
        });
        for bytes in read.collect::<Result<Vec<_>, _>>()? {
            let lines = mirror::parse_mirror_list(&String::from_utf8_lossy(&bytes));
            // A server must not name files of this machine.
            let lines = lines.into_iter().filter(|address| local || address.local_path().is_none());
            found.extend(lines.map(|address| Mirror { address, ..mirror.clone() }));
        }
        if found.is_empty() {
            return Err(FetchError::Apt { address: list, detail: "the list of mirrors has no usable line".to_owned() });
        }
    }
    Ok(found)
}

/// A wanted file and how far it is.
struct Item<'a> {
    wanted: &'a Wanted,
    target: HostPath,
    places: Vec<&'a Address>,
    /// The place to try next.
    place: usize,
    failures: Vec<FetchError>,
    /// Why it cannot be got from any of its places.
    lost: Option<FetchError>,
    /// Whether it must be tried by itself, because nobody can tell which message is about it.
    alone: bool,
    done: bool,
    /// The most bytes that it may have where nobody stated its size.
    most: u64,
}

impl Item<'_> {
    fn address(&self) -> Address {
        self.places[self.place.min(self.places.len() - 1)].clone()
    }

    fn limit(&self) -> u64 {
        self.wanted.size.unwrap_or(self.most)
    }

    fn job(&self) -> Job {
        let (sha256, before) = (self.wanted.sha256, self.wanted.before.clone());
        Job { address: self.address(), target: self.target.clone(), sha256, limit: self.limit(), before }
    }
}

fn items_of<'a>(wanted: &'a [Wanted], into: &HostPath, access: &Access<'_>) -> Result<Vec<Item<'a>>, FetchError> {
    let mut names = BTreeSet::new();
    let mut items = Vec::new();
    for file in wanted {
        let wrong = |why| FetchError::Name { name: file.name.chars().take(MAX_NAME).collect(), why };
        if file.name.contains('/') || file.name.chars().any(char::is_control) || file.name.parse::<TreePath>().is_err()
        {
            return Err(wrong("it is no plain file name"));
        }
        if !names.insert(&file.name) {
            return Err(wrong("two files have this name"));
        }
        let first = file.places.first().ok_or_else(|| wrong("no address is known for it"))?;
        let open = |place: &&Address| !access.offline || place.local_path().is_some();
        let places: Vec<&Address> = file.places.iter().filter(open).collect();
        if places.is_empty() {
            return Err(FetchError::Offline { address: first.clone() });
        }
        let target = into.join(&file.name);
        items.push(Item {
            wanted: file,
            target,
            places,
            place: 0,
            failures: Vec::new(),
            lost: None,
            alone: false,
            done: false,
            most: access.most,
        });
    }
    Ok(items)
}

/// The items to try together next; `None` when all are done.
fn next_batch(items: &[Item<'_>]) -> Option<Vec<usize>> {
    // Without a digest, a half-written file of a run that was ended early could not be told from a whole one.
    let single = |item: &Item<'_>| item.alone || item.wanted.sha256.is_none();
    let first = items.iter().position(|item| !item.done)?;
    if single(&items[first]) {
        return Some(vec![first]);
    }
    let together = (first..items.len()).filter(|index| !items[*index].done && !single(&items[*index]));
    Some(together.take(BATCH).collect())
}

/// Takes in what a run brought: each item of the batch is done, goes on to its next place, or waits for another run.
/// At least one of them makes a step, so that the download ends.
fn settle(items: &mut [Item<'_>], batch: &[usize], run: &Run, access: &Access<'_>) -> Result<(), FetchError> {
    let mut stalled_host: Option<String> = None;
    for (position, index) in batch.iter().enumerate() {
        let item = &mut items[*index];
        let address = item.address();
        let message = match run.failures.iter().find(|(said, _)| helper::is_about(said, &address)) {
            Some((_, reason)) => Some(reason.as_str()),
            // After a redirection apt names the other address.
            None if batch.len() == 1 => run.failures.first().map(|(_, reason)| reason.as_str()),
            None => None,
        };
        let failure = match (message, check(item)?) {
            (None, Checked::Good) if item.wanted.sha256.is_some() || run.ended == Ended::Well => {
                item.done = true;
                continue;
            }
            (_, Checked::Other { expected, got }) if message.is_some_and(is_mismatch) || run.ended == Ended::Well => {
                FetchError::Mismatch { address, expected, got }
            }
            (None, Checked::TooLarge) if run.ended == Ended::Well => {
                FetchError::TooLarge { address, limit: item.limit() }
            }
            (Some(reason), _) => failure_of(address, &item.target, item.wanted.sha256, reason),
            (None, _) if run.ended == Ended::TooLong(position) => FetchError::TooLarge { address, limit: item.limit() },
            (None, _) if run.ended == Ended::Stalled => {
                let host = address.host().to_owned();
                if stalled_host.get_or_insert_with(|| host.clone()) != &host {
                    continue;
                }
                let detail = format!("nothing came for {} s", access.stall.as_secs());
                FetchError::Unreachable { host, detail }
            }
            (None, _) if matches!(run.ended, Ended::TooLong(_)) => continue,
            (None, _) if batch.len() > 1 => {
                item.alone = true;
                continue;
            }
            (None, _) => FetchError::Apt { address, detail: shown(&run.messages) },
        };
        let goes_on = access.resumes && failure.away().is_some();
        if !goes_on || item.place + 1 < item.places.len() {
            helper::remove(&item.target)?;
        }
        item.failures.push(failure);
        item.place += 1;
        item.alone = false;
    }
    Ok(())
}

/// The failure to tell of several places: one that may pass, else that of the first place, which is the best one.
fn weightiest(mut failures: Vec<FetchError>) -> FetchError {
    let passing = |failure: &FetchError| matches!(failure, FetchError::Unreachable { .. } | FetchError::Write { .. });
    let at = failures.iter().position(passing).unwrap_or(0);
    failures.swap_remove(at)
}

/// What a run left at an item's target.
enum Checked {
    Missing,
    Good,
    /// More than any such file has; nobody stated its size.
    TooLarge,
    Other {
        expected: String,
        got: String,
    },
}

fn check(item: &Item<'_>) -> Result<Checked, FetchError> {
    let wrong = |source| FetchError::File { path: item.target.clone(), source };
    match std::fs::symlink_metadata(item.target.as_path()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Checked::Missing),
        Err(error) => return Err(wrong(error)),
        // A link to elsewhere is not what was asked for, whatever it leads to.
        Ok(data) if !data.is_file() => return Ok(Checked::Missing),
        Ok(data) => match item.wanted.size {
            Some(size) if size != data.len() => {
                let [expected, got] = [size, data.len()].map(|bytes| format!("{bytes} bytes"));
                return Ok(Checked::Other { expected, got });
            }
            None if data.len() > item.most => return Ok(Checked::TooLarge),
            _ => {}
        },
    }
    let Some(expected) = item.wanted.sha256 else { return Ok(Checked::Good) };
    let mut file = std::fs::File::open(item.target.as_path()).map_err(wrong)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer).map_err(wrong)? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    let got = Sha256::from_bytes(hasher.finalize().into());
    if got == expected {
        return Ok(Checked::Good);
    }
    Ok(Checked::Other { expected: format!("SHA-256 {expected}"), got: format!("SHA-256 {got}") })
}
