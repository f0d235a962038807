//! What the report of a nightly shows: its record, held against those before it, its run, and what ages meanwhile.
//!
//! A report is put together whatever is broken: what cannot be found out is said in it. Of an earlier nightly it shows what that
//! came to, and what ages as it is now.

mod ages;
mod builds;

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Permissions};
use cap_tempfile::TempFile;

use super::report::{Which, cache};
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::name::SetName;
use crate::night::Night;
use crate::path::HostPath;
use crate::project::{Project, now};
use crate::report::cache::{By, Report};
use crate::report::nightly::{Page, PastNight};
use crate::store::Store;
use crate::store::runs::RunId;

/// How many nightlies the pictures show, with this one.
const MOST_NIGHTS: usize = 30;

/// Why there is nothing to report on.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum NightReportError {
    /// Nothing is on record.
    #[error("no nightly is on record here")]
    #[diagnostic(code(opb::night_report::none), help("run `opb nightly`, which leaves a record in the store"))]
    None,
    /// Not of that set.
    #[error("no nightly of the set `{set}` is on record here")]
    #[diagnostic(code(opb::night_report::unknown_set), help("name one of {known}"))]
    UnknownSet {
        /// What was asked for.
        set: String,
        /// Those that are on record.
        known: String,
    },
    /// Several sets have some, and none is named.
    #[error("nightlies of several sets are on record here")]
    #[diagnostic(code(opb::night_report::several_sets), help("name one of {known}"))]
    SeveralSets {
        /// Which.
        known: String,
    },
    /// Not of that number.
    #[error("no nightly {number} of the set `{set}` can be read here")]
    #[diagnostic(
        code(opb::night_report::unknown_number),
        help("leave `--number` out for the last one; on record are those from {first} to {last}")
    )]
    UnknownNumber {
        /// What was asked for.
        number: u64,
        /// The set.
        set: SetName,
        /// The oldest on record.
        first: u64,
        /// The newest.
        last: u64,
    },
    /// The file that it is to be written to.
    #[error("cannot write the report to `{path}`")]
    #[diagnostic(
        code(opb::night_report::file),
        help("look at the folder's owner and mode, and at the space on its file system")
    )]
    File {
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Of all that are on record none can be read.
    #[error("no record of a nightly of the set `{set}` can be read")]
    #[diagnostic(code(opb::night_report::damaged), help("run `opb nightly`: the next one leaves a record again"))]
    Damaged {
        /// The set.
        set: SetName,
    },
}

impl Caused for NightReportError {
    fn fault(&self) -> Cause {
        match self {
            Self::Damaged { .. } | Self::File { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// The nightly that is meant, and those of its set before it, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The nightly.
    pub night: Night,
    /// As many as a report shows.
    pub before: Vec<Night>,
    /// The numbers of those among them whose records cannot be read.
    pub unread: Vec<u64>,
}

/// The nightly `number` of the set, or its last one; without a set, of the only one that has any, or of `default`.
///
/// # Errors
/// [`NightReportError`] where there is none, and where the store cannot be read.
pub fn find(project: &Project, store: &Store, set: Option<&str>, number: Option<u64>) -> Result<Found, Failure> {
    let of = project.path.to_string();
    let sets = store.sets_with_nights(&of)?;
    let known = || sets.iter().map(|set| format!("`{set}`")).collect::<Vec<_>>().join(", ");
    let set = match (set, &sets[..]) {
        (_, []) => return Err(NightReportError::None.into()),
        (None, [only]) => only.clone(),
        (None, several) => match several.iter().find(|set| set.as_str() == "default") {
            Some(usual) => usual.clone(),
            None => return Err(NightReportError::SeveralSets { known: known() }.into()),
        },
        (Some(set), _) => {
            let found = sets.iter().find(|known| known.as_str() == set).cloned();
            let unknown = || NightReportError::UnknownSet { set: set.escape_debug().to_string(), known: known() };
            found.ok_or_else(unknown)?
        }
    };
    let numbers = store.nights(&of, &set)?;
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return Err(NightReportError::None.into());
    };
    let (mut nights, mut unread) = (Vec::new(), Vec::new());
    let until = number.unwrap_or(*last);
    for number in numbers.iter().rev().filter(|number| **number <= until) {
        if nights.len() >= MOST_NIGHTS {
            break;
        }
        match store.night(&of, &set, *number)? {
            Some(night) => nights.push(night),
            None => unread.push(*number),
        }
    }
    let mut nights = nights.into_iter();
    match (nights.next(), number) {
        (Some(night), wanted) if wanted.is_none_or(|wanted| wanted == night.number) => {
            Ok(Found { night, before: nights.collect(), unread })
        }
        (_, Some(number)) => Err(NightReportError::UnknownNumber { number, set, first: *first, last: *last }.into()),
        (_, None) => Err(NightReportError::Damaged { set }.into()),
    }
}

/// The report of a nightly. `session` is the project, evaluated, where it can be. `before` are those before it, the latest first.
pub fn page(project: &Project, session: Result<&Session, &Failure>, store: &Store, found: Found) -> Page {
    let Found { night, before, unread } = found;
    let unread = unread.iter().map(|number| format!("what nightly {number} came to: its record cannot be read"));
    let mut unknown: Vec<String> = unread.collect();
    let run = match night.run.as_deref().map(str::parse::<RunId>) {
        Some(Ok(id)) => store.run(&id).unwrap_or_else(|error| {
            unknown.push(format!("what its run came to: {error}"));
            None
        }),
        _ => None,
    };
    let report = |night: &Night| cache(store, &Which::Run(night.run.clone()?), By::Run).ok();
    let nights: Vec<PastNight> = before
        .iter()
        .take(MOST_NIGHTS - 1)
        .rev()
        .chain([&night])
        .map(|night| past(night, report(night).as_ref()))
        .collect();
    let slowest = run.as_ref().map(builds::slowest).unwrap_or_default();
    let growing = run.as_ref().map(|run| builds::growing(store, run));
    let growing = growing.transpose().unwrap_or_else(|error| {
        unknown.push(format!("which builds grow: {error}"));
        None
    });
    let mut page = Page {
        project: project.path.as_path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        made: now(),
        run: report(&night),
        night,
        nights,
        slowest,
        growing: growing.unwrap_or_default(),
        exceptions: Vec::new(),
        keys: Vec::new(),
        pins: Vec::new(),
        ending: Vec::new(),
        unknown,
    };
    ages::look(&mut page, project, session);
    page
}

/// Writes a report to a file, which may be there: the old one or the new one is, never a part.
///
/// # Errors
/// [`NightReportError::File`].
pub fn write(path: &HostPath, text: &str) -> Result<(), NightReportError> {
    let written = || -> io::Result<()> {
        let path = path.as_path();
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidFilename.into());
        };
        let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
        let mut file = TempFile::new(&folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(Permissions::from_std(std::fs::Permissions::from_mode(0o644)))?;
        file.replace(name)
    };
    written().map_err(|source| NightReportError::File { path: path.clone(), source })
}

/// A nightly, as far as it is compared with others.
fn past(night: &Night, report: Option<&Report>) -> PastNight {
    let new = night.failing.iter().filter(|failing| failing.new).count();
    let took = |report: &Report| (report.total.spent.milliseconds, report.total.saved.total().cost.milliseconds);
    // Where there was nothing to do, nothing was spent, and nobody counted what was saved.
    let spent_and_saved = report.map(took);
    PastNight {
        number: night.number,
        started: night.started,
        milliseconds: night.milliseconds,
        new,
        still: night.failing.len() - new,
        not_started: night.not_started.iter().map(|one| one.channels.len()).sum(),
        spent_and_saved,
    }
}
