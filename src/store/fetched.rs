//! Downloaded files that a project keeps before anything that is built names them.
//!
//! ```text
//! keep/fetched/<id>.json   a project, and the SHA-256 of its files
//! ```
//!
//! Package lists keep the packages that they name. What was fetched for lists that are not made yet is kept by this alone.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::keeps::id_of;
use super::verify::Part;
use super::{Store, sealed};
use crate::digest::Sha256;

const FETCHED: &str = "keep/fetched";

/// Files that were fetched for a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFiles {
    /// The project's folder.
    pub project: String,
    /// The files, sorted; they need not be here.
    pub files: Vec<Sha256>,
}

fn place_of(project: &str) -> String {
    format!("{FETCHED}/{}.json", id_of(project))
}

impl Store {
    /// Keeps these files for their project, in place of those of before. An empty list keeps nothing.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_fetched(&self, files: &FetchedFiles) -> Result<(), StoreError> {
        let place = place_of(&files.project);
        if files.files.is_empty() {
            return self.remove_durably(&place).map(drop);
        }
        if self.read_fetched(&place).ok().flatten().is_some_and(|before| before.files == files.files) {
            return Ok(());
        }
        self.make_folder(FETCHED)?;
        self.put_durably(&place, &sealed::encode(files), 0o644)
    }

    /// Keeps these files for their project, beside those of before. A damaged list of those is replaced.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_fetched_too(&self, mut files: FetchedFiles) -> Result<(), StoreError> {
        let before = self.read_fetched(&place_of(&files.project)).ok().flatten();
        files.files.extend(before.into_iter().flat_map(|before| before.files));
        files.files.sort_unstable();
        files.files.dedup();
        self.keep_fetched(&files)
    }

    /// The files that were fetched for the project in the folder `project`; `None` where there are none.
    ///
    /// # Errors
    /// [`StoreError::Keep`] where the list is damaged.
    pub fn fetched_of(&self, project: &str) -> Result<Option<FetchedFiles>, StoreError> {
        self.read_fetched(&place_of(project))
    }

    /// Keeps nothing more that was fetched for a project; `false` where nothing was.
    pub(super) fn drop_fetched(&self, project: &str) -> Result<bool, StoreError> {
        self.remove_durably(&place_of(project))
    }

    /// What was fetched for each project.
    pub(super) fn all_fetched(&self) -> Result<Vec<FetchedFiles>, StoreError> {
        let mut all = Vec::new();
        for place in self.fetched_places()? {
            all.extend(self.read_fetched(&place)?);
        }
        Ok(all)
    }

    /// The lists that are damaged, each with its place.
    pub(super) fn damaged_fetched(&self) -> Result<Vec<(Part, String)>, StoreError> {
        let is_damaged = |place: &String| matches!(self.read_fetched(place), Err(StoreError::Keep { .. }));
        Ok(self.fetched_places()?.into_iter().filter(is_damaged).map(|place| (Part::FetchedFiles, place)).collect())
    }

    fn fetched_places(&self) -> Result<Vec<String>, StoreError> {
        let names = self.names_in(FETCHED)?.into_iter().filter(|name| name.ends_with(".json"));
        Ok(names.map(|name| format!("{FETCHED}/{name}")).collect())
    }

    fn read_fetched(&self, place: &str) -> Result<Option<FetchedFiles>, StoreError> {
        let Some(bytes) = self.read_whole(place)? else { return Ok(None) };
        sealed::decode(&bytes).ok_or_else(|| StoreError::Keep { path: self.path.join(place) }).map(Some)
    }
}
