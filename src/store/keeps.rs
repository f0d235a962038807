//! What a collection must keep: for each project the keys of its nodes, and what people have pinned.
//!
//! ```text
//! keep/projects/<id>.list  the nodes of a project, each with the key that it last was realised by: a line of JSON about
//!                          them with the BLAKE3 of what follows, then columns (has a key, keys, names)
//! keep/projects/<id>.left  when keys left that list: rows of 32 bytes of key and 8 bytes of seconds since 1970
//! keep/pins/<name>.json    what is kept by name
//! keep/fetched/            what was fetched for a project: see `fetched`
//! keep/clones/             which clones its pins lead to: see `clones`
//! ```
//!
//! `<id>` is made of the project's path. A list is replaced whole. One that is damaged is an error, not an absent one: else
//! all that the project has built would be collected.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::{StoreError, io};
use super::listed::Listed;
use super::verify::Part;
use super::{Store, sealed};
use crate::columns;
use crate::digest::Digest;
use crate::drv::ActionKey;
use crate::name::PinName;

const PROJECTS: &str = "keep/projects";
const PINS: &str = "keep/pins";
const FORMAT: &str = "opb project list 1";

/// The bytes of a row about a key that left.
const ROW: usize = 40;

/// The nodes of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectList {
    /// The project's folder.
    pub project: String,
    /// When the list was last changed, in seconds since 1970.
    pub updated: i64,
    /// Each node's name, and the key that it is or last was realised by.
    pub nodes: Vec<(String, Option<ActionKey>)>,
}

/// Results that are kept until somebody drops them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Its name.
    pub name: PinName,
    /// The project whose nodes these are.
    pub project: String,
    /// When it was made, in seconds since 1970.
    pub made: i64,
    /// Each node's name and key.
    pub nodes: Vec<(String, ActionKey)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    format: String,
    pub project: String,
    pub updated: i64,
    pub nodes: usize,
    blake3: Digest,
}

impl Head {
    /// Whether it is about `body`.
    pub fn is_of(&self, body: &[u8]) -> bool {
        self.format == FORMAT && self.blake3 == Digest::of(body)
    }
}

pub(super) fn id_of(project: &str) -> String {
    Digest::of(project.as_bytes()).to_string()[..32].to_owned()
}

fn place_of(project: &str) -> String {
    format!("{PROJECTS}/{}.list", id_of(project))
}

impl Store {
    /// Whether the nodes of the project in the folder `project` are listed; the list is not read.
    pub fn has_project(&self, project: &str) -> bool {
        self.stat(&place_of(project)).is_some()
    }

    /// The nodes of the project in the folder `project`; `None` where there is no list of them.
    ///
    /// # Errors
    /// [`StoreError::Keep`] where it is damaged.
    pub fn listed(&self, project: &str) -> Result<Option<Listed>, StoreError> {
        self.read_listed(&place_of(project))
    }

    /// Replaces the list of a project, and notes which keys leave it by that. Nothing happens where it stays the same.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_project(&self, list: &ProjectList) -> Result<(), StoreError> {
        self.renew_project(&list.project, |_| list.clone())
    }

    /// The same with the list that `renew` makes of the one before, which is empty where there is none.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn renew_project(
        &self,
        project: &str,
        renew: impl FnOnce(&ProjectList) -> ProjectList,
    ) -> Result<(), StoreError> {
        let place = place_of(project);
        // A damaged one is replaced: what it kept is then as old as it is itself.
        let before = self.read_list(&place).ok().flatten().unwrap_or_default();
        let list = &renew(&before);
        if before.project == list.project && before.nodes == list.nodes {
            return Ok(());
        }
        self.make_folder(PROJECTS)?;
        self.note_left(&before, list)?;
        let failed = || io("writing the list of a project", &self.path.join(&place));
        let has: Vec<u8> = list.nodes.iter().map(|(_, key)| u8::from(key.is_some())).collect();
        let keys: Vec<Digest> = list.nodes.iter().filter_map(|(_, key)| Some((*key)?.0)).collect();
        let names: Vec<&str> = list.nodes.iter().map(|(name, _)| name.as_str()).collect();
        let mut body = Vec::new();
        columns::put_bytes(&mut body, &has)
            .and_then(|()| columns::put_digests(&mut body, keys.into_iter()))
            .and_then(|()| columns::put_bytes(&mut body, names.join("\n").as_bytes()))
            .map_err(failed())?;
        let head = Head {
            format: FORMAT.to_owned(),
            project: list.project.clone(),
            updated: list.updated,
            nodes: list.nodes.len(),
            blake3: Digest::of(&body),
        };
        let mut bytes = serde_json::to_vec(&head).expect("a plain struct");
        bytes.push(b'\n');
        bytes.extend(body);
        self.put_durably(&place, &bytes, 0o644)
    }

    /// Forgets a project: what only it keeps may be collected; `false` where there is nothing.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn drop_project(&self, project: &str, now: i64) -> Result<bool, StoreError> {
        let place = place_of(project);
        if let Ok(Some(before)) = self.read_list(&place) {
            self.note_left(&before, &ProjectList { updated: now, ..ProjectList::default() })?;
        }
        let is_listed = self.remove_durably(&place)?;
        let is_fetched = self.drop_fetched(project)?;
        Ok(self.drop_clones(project)? || is_fetched || is_listed)
    }

    /// The lists of all projects, in the order of their folders.
    ///
    /// # Errors
    /// [`StoreError::Keep`] where one is damaged.
    pub fn project_lists(&self) -> Result<Vec<ProjectList>, StoreError> {
        let mut lists = Vec::new();
        for name in self.names_in(PROJECTS)? {
            if name.ends_with(".list") {
                lists.extend(self.read_list(&format!("{PROJECTS}/{name}"))?);
            }
        }
        lists.sort_by(|one, other| one.project.cmp(&other.project));
        Ok(lists)
    }

    /// When keys left the list of a project for the last time, in seconds since 1970.
    pub(super) fn left(&self) -> Result<BTreeMap<ActionKey, i64>, StoreError> {
        let mut left = BTreeMap::new();
        for name in self.names_in(PROJECTS)? {
            if !name.ends_with(".left") {
                continue;
            }
            let bytes = self.read_whole(&format!("{PROJECTS}/{name}"))?.unwrap_or_default();
            for row in bytes.as_chunks::<ROW>().0 {
                let (key, time) = row.split_first_chunk::<32>().expect("a row is longer than a key");
                let time = i64::from_le_bytes(time.try_into().expect("what is left of a row"));
                let slot = left.entry(ActionKey(Digest::from_bytes(*key))).or_insert(time);
                *slot = time.max(*slot);
            }
        }
        Ok(left)
    }

    /// Notes which keys of `before` are not in `now`; those that are not realised any more are left out.
    fn note_left(&self, before: &ProjectList, now: &ProjectList) -> Result<(), StoreError> {
        let stay: BTreeSet<ActionKey> = now.nodes.iter().filter_map(|(_, key)| *key).collect();
        let mut rows = Vec::new();
        for key in before.nodes.iter().filter_map(|(_, key)| *key).filter(|key| !stay.contains(key)) {
            rows.extend(key.0.as_bytes());
            rows.extend(now.updated.to_le_bytes());
        }
        if rows.is_empty() {
            return Ok(());
        }
        let place = format!("{PROJECTS}/{}.left", id_of(&before.project));
        let earlier = self.read_whole(&place)?.unwrap_or_default();
        let kept = earlier.as_chunks::<ROW>().0.iter().filter(|row| {
            let key = row.first_chunk::<32>().map(|key| ActionKey(Digest::from_bytes(*key)));
            key.is_some_and(|key| self.has_record(key))
        });
        let bytes: Vec<u8> = kept.flatten().copied().chain(rows).collect();
        self.put_durably(&place, &bytes, 0o644)
    }

    fn read_list(&self, place: &str) -> Result<Option<ProjectList>, StoreError> {
        Ok(self.read_listed(place)?.map(|listed| listed.list()))
    }

    fn read_listed(&self, place: &str) -> Result<Option<Listed>, StoreError> {
        let Some(bytes) = self.read_whole(place)? else { return Ok(None) };
        let damaged = || StoreError::Keep { path: self.path.join(place) };
        Listed::read(bytes).ok_or_else(damaged).map(Some)
    }

    /// Keeps what `pin` names, in place of an earlier one of that name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn pin(&self, pin: &Pin) -> Result<(), StoreError> {
        self.make_folder(PINS)?;
        self.put_durably(&format!("{PINS}/{}.json", pin.name), &sealed::encode(pin), 0o644)
    }

    /// Drops a pin; `false` where there is none of that name.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn drop_pin(&self, name: &PinName) -> Result<bool, StoreError> {
        self.remove_durably(&format!("{PINS}/{name}.json"))
    }

    /// All pins, by name.
    ///
    /// # Errors
    /// [`StoreError::Keep`] where one is damaged.
    pub fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        let mut pins = Vec::new();
        for name in self.names_in(PINS)? {
            let place = format!("{PINS}/{name}");
            if !name.ends_with(".json") {
                continue;
            }
            let Some(bytes) = self.read_whole(&place)? else { continue };
            pins.push(sealed::decode(&bytes).ok_or_else(|| StoreError::Keep { path: self.path.join(&place) })?);
        }
        Ok(pins)
    }
}

impl Store {
    /// The lists and pins that are damaged, each with its place.
    pub(super) fn damaged_keeps(&self) -> Result<Vec<(Part, String)>, StoreError> {
        let mut damaged = Vec::new();
        for name in self.names_in(PROJECTS)? {
            let place = format!("{PROJECTS}/{name}");
            if name.ends_with(".list") && matches!(self.read_list(&place), Err(StoreError::Keep { .. })) {
                damaged.push((Part::ProjectList, place));
            }
        }
        for name in self.names_in(PINS)? {
            let place = format!("{PINS}/{name}");
            let bytes = self.read_whole(&place)?;
            if name.ends_with(".json") && bytes.is_some_and(|bytes| sealed::decode::<Pin>(&bytes).is_none()) {
                damaged.push((Part::Pin, place));
            }
        }
        damaged.extend(self.damaged_fetched()?);
        Ok(damaged)
    }
}
