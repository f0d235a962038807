//! Records of nightlies: what each came to, and where the next one goes on.
//!
//! A folder `nights/<project>/<set>/` for each set of each project, in which every file is one of these:
//!
//! ```text
//! <number>.json          a nightly (sealed, immutable)    state.json    where the next one goes on (sealed)
//! <number>.report.html   what was told of it; also `.txt` and `.json`
//! ```
//!
//! A record that is damaged counts as absent, and that is said: the next nightly then compares itself with the one before.
//! Only the last 400 stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::keeps::id_of;
use super::{Notice, Store, sealed};
use crate::name::SetName;
use crate::night::{NIGHT_VERSION, Night};
use crate::path::HostPath;

const NIGHTS: &str = "nights";
const STATE: &str = "state.json";

/// How many nightlies of a set stay on record.
const KEPT: usize = 400;

/// What a nightly's report is kept as, by the end of its file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportForm {
    /// A page.
    Html,
    /// For mail.
    Text,
    /// For programs.
    Json,
}

impl ReportForm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Html, Self::Text, Self::Json];

    /// The name of its file in a folder of one's own.
    pub fn file(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Text => "report.txt",
            Self::Json => "report.json",
        }
    }
}

/// Where the next nightly of a set goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NightState {
    /// When it was last looked whether a pin is to move, in seconds since 1970, by the pin's subject.
    pub looked: BTreeMap<String, i64>,
    /// The locks as the last recorded nightly left them, by their files: what has moved since is told by the next one.
    pub locks: BTreeMap<String, String>,
    /// The generation of each channel that the last recorded nightly left.
    pub generations: BTreeMap<String, u64>,
    /// The last run in the store when the last recorded nightly had ended; empty where there was none, `None` where that was not
    /// written down.
    #[serde(default)]
    pub last_run: Option<String>,
    /// The number of the last nightly that has begun.
    pub begun: u64,
}

/// The version of a record, whatever else is in it.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn folder_of(project: &str, set: &SetName) -> String {
    format!("{NIGHTS}/{}/{set}", id_of(project))
}

fn place_of(project: &str, set: &SetName, number: u64) -> String {
    format!("{}/{number}.json", folder_of(project, set))
}

impl Store {
    /// Keeps a nightly of the project in the folder `project`, durably, and removes the oldest ones beyond 400.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_night(&self, project: &str, set: &SetName, night: &Night) -> Result<(), StoreError> {
        self.put_durably(&place_of(project, set, night.number), &sealed::encode(night), 0o644)?;
        let numbers = self.nights(project, set)?;
        for number in &numbers[..numbers.len().saturating_sub(KEPT)] {
            // What was told of it first: a record that stays is tried again by the next nightly.
            for form in ReportForm::ALL {
                self.remove_durably(&self.report_place(project, set, *number, form))?;
            }
            self.remove_durably(&place_of(project, set, *number))?;
        }
        Ok(())
    }

    /// The numbers of the nightlies of a set that are on record, the oldest first. Damaged records count here.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn nights(&self, project: &str, set: &SetName) -> Result<Vec<u64>, StoreError> {
        let names = self.names_in(&folder_of(project, set))?;
        let number = |name: &String| {
            let number = name.strip_suffix(".json")?;
            // One text for each number.
            number.parse().ok().filter(|parsed: &u64| parsed.to_string() == number)
        };
        let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The sets of a project that have nightlies on record, sorted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn sets_with_nights(&self, project: &str) -> Result<Vec<SetName>, StoreError> {
        let names = self.names_in(&format!("{NIGHTS}/{}", id_of(project)))?;
        Ok(names.into_iter().filter_map(|name| SetName::new(name).ok()).collect())
    }

    /// A nightly; `None` where there is no such record, or it is damaged or of a later version, which is a [`Notice`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn night(&self, project: &str, set: &SetName, number: u64) -> Result<Option<Night>, StoreError> {
        let place = place_of(project, set, number);
        let Some(bytes) = self.read_whole(&place)? else { return Ok(None) };
        let night = sealed::decode::<Night>(&bytes);
        if let Some(night) = night.filter(|night| night.version <= NIGHT_VERSION && night.number == number) {
            return Ok(Some(night));
        }
        let version = sealed::decode::<Versioned>(&bytes).map(|head| head.version);
        self.notice(Notice::Night {
            path: self.path.join(&place),
            newer: version.is_some_and(|version| version > NIGHT_VERSION),
        });
        Ok(None)
    }

    /// The last `most` nightlies of a set that can be read, the latest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_nights(&self, project: &str, set: &SetName, most: usize) -> Result<Vec<Night>, StoreError> {
        let mut nights = Vec::new();
        for number in self.nights(project, set)?.into_iter().rev() {
            if nights.len() >= most {
                break;
            }
            nights.extend(self.night(project, set, number)?);
        }
        Ok(nights)
    }

    /// Keeps where the next nightly goes on, durably.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_night_state(&self, project: &str, set: &SetName, state: &NightState) -> Result<(), StoreError> {
        self.put_durably(&format!("{}/{STATE}", folder_of(project, set)), &sealed::encode(state), 0o644)
    }

    /// Where the next nightly goes on; what a first one begins with where that is lost or damaged, which is a [`Notice`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn night_state(&self, project: &str, set: &SetName) -> Result<NightState, StoreError> {
        let place = format!("{}/{STATE}", folder_of(project, set));
        let Some(bytes) = self.read_whole(&place)? else { return Ok(NightState::default()) };
        let state = sealed::decode(&bytes);
        if state.is_none() {
            self.notice(Notice::Night { path: self.path.join(&place), newer: false });
        }
        Ok(state.unwrap_or_default())
    }

    /// Keeps what is told of a nightly, beside its record and as long as that; gives where it is.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_night_report(
        &self,
        project: &str,
        set: &SetName,
        (number, form): (u64, ReportForm),
        text: &str,
    ) -> Result<HostPath, StoreError> {
        let place = self.report_place(project, set, number, form);
        self.put_durably(&place, text.as_bytes(), 0o644)?;
        Ok(self.path.join(&place))
    }

    #[expect(clippy::unused_self, reason = "it is a place of a store")]
    fn report_place(&self, project: &str, set: &SetName, number: u64, form: ReportForm) -> String {
        format!("{}/{number}.{}", folder_of(project, set), form.file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, Store) {
        let scratch = tempfile::tempdir().expect("scratch");
        let store = Store::open(&HostPath::new(scratch.path())).expect("opened");
        (scratch, store)
    }

    fn set(name: &str) -> SetName {
        name.parse().expect("a name")
    }

    fn night(number: u64) -> Night {
        Night::begun("all", number, 1_700_000_000, Vec::new())
    }

    #[test]
    fn nightlies_are_kept_by_project_and_set_and_the_latest_come_first() {
        let (_scratch, store) = opened();
        assert_eq!(store.nights("p", &set("all")).expect("read"), [] as [u64; 0]);
        assert_eq!(store.night("p", &set("all"), 1).expect("read"), None);
        for number in [1, 2, 10] {
            store.keep_night("p", &set("all"), &night(number)).expect("kept");
        }
        store.keep_night("p", &set("few"), &night(7)).expect("kept");
        store.keep_night("q", &set("all"), &night(5)).expect("kept");
        assert_eq!(store.nights("p", &set("all")).expect("read"), [1, 2, 10]);
        assert_eq!(store.nights("q", &set("all")).expect("read"), [5]);
        assert_eq!(store.sets_with_nights("p").expect("read"), [set("all"), set("few")]);
        assert_eq!(store.night("p", &set("all"), 2).expect("read"), Some(night(2)));
        assert_eq!(store.last_nights("p", &set("all"), 2).expect("read"), [night(10), night(2)]);
        assert_eq!(store.take_notices(), []);
    }

    #[test]
    fn the_oldest_go_with_what_was_told_of_them() {
        let (scratch, store) = opened();
        let all = set("all");
        store.keep_night_report("p", &all, (1, ReportForm::Text), "text").expect("kept");
        let most = u64::try_from(KEPT).expect("small");
        for number in 1..=most {
            let place = place_of("p", &all, number);
            store.put_lightly(&place, &sealed::encode(&night(number))).expect("written");
        }
        store.keep_night("p", &all, &night(most + 1)).expect("kept");
        let kept = store.nights("p", &all).expect("read");
        assert_eq!((kept.len(), kept[0]), (KEPT, 2));
        let told = store.report_place("p", &all, 1, ReportForm::Text);
        assert!(!scratch.path().join(told).exists(), "the report of the first went with it");
    }

    #[test]
    fn a_damaged_record_and_a_newer_one_count_as_absent_and_are_told() {
        let (scratch, store) = opened();
        let all = set("all");
        for number in [1, 2] {
            store.keep_night("p", &all, &night(number)).expect("kept");
        }
        store.keep_night("p", &all, &Night { version: NIGHT_VERSION + 1, ..night(3) }).expect("kept");
        store.keep_night("p", &all, &Night { number: 9, ..night(4) }).expect("kept");
        let place = |number| scratch.path().join(place_of("p", &all, number));
        let bytes = std::fs::read(place(2)).expect("there");
        std::fs::write(place(2), &bytes[..bytes.len() / 2]).expect("torn");
        std::fs::copy(place(9), place(4)).expect("another's record");
        std::fs::remove_file(place(9)).expect("removed");
        assert_eq!(store.last_nights("p", &all, 5).expect("read"), [night(1)]);
        let notice = |number, newer| Notice::Night { path: HostPath::new(place(number)), newer };
        assert_eq!(store.take_notices(), [notice(4, false), notice(3, true), notice(2, false)]);
    }

    #[test]
    fn where_the_next_goes_on_is_replaced_and_begins_anew_where_it_is_damaged() {
        let (scratch, store) = opened();
        let all = set("all");
        assert_eq!(store.night_state("p", &all).expect("read"), NightState::default());
        let state = NightState { looked: [("a".to_owned(), 7)].into(), begun: 3, ..NightState::default() };
        store.keep_night_state("p", &all, &NightState::default()).expect("kept");
        store.keep_night_state("p", &all, &state).expect("kept");
        assert_eq!(store.night_state("p", &all).expect("read"), state);
        assert_eq!(store.nights("p", &all).expect("read"), [] as [u64; 0], "it is no nightly");
        let file = scratch.path().join(folder_of("p", &all)).join(STATE);
        std::fs::write(&file, "{").expect("torn");
        assert_eq!(store.night_state("p", &all).expect("read"), NightState::default());
        assert_eq!(store.take_notices(), [Notice::Night { path: HostPath::new(&file), newer: false }]);
    }
}
