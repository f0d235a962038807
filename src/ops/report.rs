//! Reports over runs on record.

use super::runs;
use crate::diag::{Cause, Caused, Failure};
use crate::quantity::Age;
use crate::report::cache::{By, Gatherer, Over, Report};
use crate::store::Store;
use crate::store::runs::RunId;

/// A time that cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ReportError {
    /// Neither a date nor an age.
    #[error("`{text}` is neither a date nor an age")]
    #[diagnostic(
        code(opb::report::since),
        help(
            "write a date in UTC (`2025-01-11`, `2025-01-11T10:00:00Z`), or an age in minutes, hours, days or weeks (`30m`, `12h`, `7d`, `2w`)"
        )
    )]
    Since {
        /// What was written.
        text: String,
    },
}

impl Caused for ReportError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The runs that are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One, as [`runs::find`] finds it.
    Run(String),
    /// All that began then, in seconds since 1970, or later.
    Since(i64),
}

/// The time that `text` means, in seconds since 1970: a date, which begins at midnight in UTC, a date with a time, or an
/// age before `now`.
///
/// # Errors
/// [`ReportError`] where it is neither, or no time that a calendar has.
pub fn since(text: &str, now: i64) -> Result<i64, ReportError> {
    let date = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let age = text.parse::<Age>().ok();
    let found = age
        .and_then(|age| now.checked_sub(age.seconds))
        // A date alone would be read from the beginning of an instant too.
        .or_else(|| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second))
        .or_else(|| date().map(|date| date.timestamp().as_second()));
    found.ok_or_else(|| ReportError::Since { text: text.escape_debug().to_string() })
}

/// What the store saved the runs that are meant. Reads one record after another.
///
/// # Errors
/// Where there is no such run, or the store cannot be read.
pub fn cache(store: &Store, which: &Which, by: By) -> Result<Report, Failure> {
    match which {
        Which::Run(name) => {
            let run = runs::read(store, name)?;
            let mut gatherer = Gatherer::new(Over::Run(run.head.id.clone()), by);
            gatherer.add(&run);
            Ok(gatherer.finish())
        }
        Which::Since(since) => {
            let mut ids = store.runs()?;
            ids.retain(|id| id.started() >= *since);
            gather(store, &ids, Gatherer::new(Over::Since(*since), by))
        }
    }
}

/// What the runs `ids`, the oldest first, come to.
fn gather(store: &Store, ids: &[RunId], mut gatherer: Gatherer) -> Result<Report, Failure> {
    for id in ids.iter().rev() {
        match store.run(id)? {
            Some(run) => gatherer.add(&run),
            None if store.has_run(id) => gatherer.damaged(),
            // A run that began meanwhile forgot it.
            None => {}
        }
    }
    Ok(gatherer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;

    const NOW: i64 = 1_736_589_600;

    #[test]
    fn what_is_forgotten_meanwhile_is_not_damaged() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path())).expect("opens");
        let ids = ["20250111-100000", "20250111-100001"].map(|id| id.parse::<RunId>().expect("a name"));
        let runs = folder.path().join("runs");
        let files = HostPath::new(runs.join(format!("{}.jsonl", ids[1])));
        std::fs::create_dir_all(&runs).expect("made");
        std::fs::write(files.as_path(), "no record\n").expect("written");
        let gatherer = || Gatherer::new(Over::Since(NOW), By::Run);
        let damaged = |ids: &[RunId]| gather(&store, ids, gatherer()).expect("reads").damaged;
        assert_eq!([damaged(&ids[..1]), damaged(&ids)], [0, 1]);
    }

    #[test]
    fn dates_and_ages() {
        let since = |text| since(text, NOW).expect(text);
        assert_eq!(
            ["0m", "90m", "2h", "7d", "2w"].map(|text| NOW - since(text)),
            [0, 5_400, 7_200, 604_800, 1_209_600]
        );
        assert_eq!(since("2025-01-11"), NOW - 10 * 60 * 60);
        assert_eq!(since("2025-01-11T10:00:00Z"), NOW);
        assert_eq!(since("2025-01-11T11:00:00+01:00"), NOW);
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "d",
            "7",
            "-7d",
            "+7d",
            "7y",
            "2025-13-01",
            "yesterday",
            "9999999999999999999d",
            "9223372036854775807w",
            "é",
        ] {
            let error = since(text, NOW).expect_err(text);
            assert_eq!(error.to_string(), format!("`{text}` is neither a date nor an age"));
            assert_eq!(error.fault(), Cause::Input);
        }
    }
}
