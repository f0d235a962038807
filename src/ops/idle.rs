//! The run of every morning: what a run that found nothing to do looked at, and what it found, kept in the user's cache
//! folder.
//!
//! While every file that the graph follows from is as it was, and so is every folder of the store in which a realisation
//! could come or go, there still is nothing to do: neither the graph nor what is settled of it need be read.

use super::kept::Kept;
use super::session::Session;
use super::settled::Known;
use crate::columns::put_long_numbers;
use crate::cost::Spared;
use crate::project::{Project, Stamps};
use crate::store::{Store, put_folder_stamps, read_folder_stamps};

const FORMAT: &str = "opb idle 1";

/// The file.
pub struct Idle(Kept);

impl Idle {
    /// That of `project` in `store`; `None` where there is no place for it.
    pub fn of(project: &Project, store: &Store) -> Option<Self> {
        Kept::of_project("idle", FORMAT, project, store).map(Self)
    }

    /// How many nodes the project has and what they spare, where a run of everything still has nothing to do.
    pub fn recall(&self, project: &Project, store: &Store) -> Option<(usize, Spared)> {
        let mut from = self.0.read()?;
        let numbers = from.long_numbers().ok()?;
        let (nodes, spared) = numbers.split_first()?;
        let found = (usize::try_from(*nodes).ok()?, Spared::of_numbers(spared)?);
        let folders = read_folder_stamps(&mut from).ok()?;
        let is_same = folders == store.folder_stamps() && project.is_unchanged(&Stamps::read(&mut from).ok()?);
        is_same.then_some(found)
    }

    /// Keeps that there is nothing to do, as `known` says, and that it spares so much. Only where the graph came from the
    /// cache, and nothing is to be told of it.
    pub fn keep(&self, session: &Session, known: &Known, spared: Spared) -> Option<()> {
        let watched = session.watched.clone()?.into_iter().fold(Stamps::default(), Stamps::joined);
        let numbers = [&[session.graph.len() as u64][..], &spared.to_numbers()].concat();
        let write = |to: &mut dyn std::io::Write| {
            put_long_numbers(to, numbers.into_iter())?;
            put_folder_stamps(to, &known.folders())?;
            watched.write(to)
        };
        self.0.write(write).ok()
    }
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;
