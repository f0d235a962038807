//! A spec that is read for many distros: once for all whose macros agree on what it asks for.
//!
//! Nearly every spec asks for `%{?dist}` in its release, and most for nothing else that differs. So what the release
//! follows from is kept apart, and the release is made anew for each table of macros.

use std::sync::{Arc, Mutex, PoisonError};

use super::expand::Expander;
use super::fields::field;
use super::macros::Macros;
use super::read::noted;
use super::table::Notes;
use super::{Spec, SpecError};
use crate::package::rpm_version::Evr;

/// The most readings of a spec that are kept: more are not looked through faster than the spec is read.
const MOST: usize = 16;

/// A spec's text, with what it came to.
pub struct Readings {
    text: String,
    known: Mutex<Vec<Arc<Reading>>>,
}

/// What a spec comes to for all tables that agree on what it asked for.
struct Reading {
    macros: Macros,
    asked: Notes,
    /// Without its release.
    spec: Arc<Spec>,
    release: Release,
}

/// What the release follows from.
enum Release {
    /// What the spec comes to without it.
    Rest(String),
    /// This line, which asks for nothing that the spec itself defines.
    Line(String),
}

impl Readings {
    /// Of a spec.
    pub fn of(text: String) -> Self {
        Self { text, known: Mutex::default() }
    }

    /// What it says under these macros: all but the release, and the release.
    ///
    /// # Errors
    /// As [`super::read()`].
    pub fn read(&self, macros: &Macros) -> Result<(Arc<Spec>, String), SpecError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut agreeing = known.iter().filter(|reading| reading.agrees(macros));
        if let Some(found) = agreeing.find_map(|reading| Some((reading.spec.clone(), reading.release(macros)?))) {
            return Ok(found);
        }
        let (mut spec, table) = noted(&self.text, macros.clone())?;
        let release = spec.evr.release.take().unwrap_or_default();
        let spec = Arc::new(spec);
        let (asked, line) = table.into_notes();
        let kept = line.map_or_else(|| Release::Rest(release.clone()), Release::Line);
        let reading = Reading { macros: macros.clone(), asked, spec: spec.clone(), release: kept };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.push(Arc::new(reading));
        }
        Ok((spec, release))
    }
}

impl Reading {
    fn agrees(&self, macros: &Macros) -> bool {
        (!self.asked.arch || self.macros.arch() == macros.arch())
            && self.asked.names.iter().all(|name| self.macros.get(name) == macros.get(name))
    }

    /// `None` where the spec has to say what is wrong with it.
    fn release(&self, macros: &Macros) -> Option<String> {
        let line = match &self.release {
            Release::Rest(release) => return Some(release.clone()),
            Release::Line(line) => line,
        };
        let mut expander = Expander::new(macros.clone());
        let line = expander.fresh(line).ok()?;
        // A macro may stand for several lines, which say more.
        if line.contains('\n') {
            return None;
        }
        let (_, value) = field(line.trim()).filter(|_| expander.left.is_none())?;
        Evr::new(&format!("{value}-1")).ok()?;
        Some(value.to_owned())
    }
}

#[cfg(test)]
mod tests;
