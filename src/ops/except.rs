//! Excepting something from the rules until a day: holding pins, skipping builds, expecting them to fail.

use super::session::{SelectError, Session};
use crate::diag::{Cause, Caused, Failure};
use crate::eval::held::{HeldPins, held_pins};
use crate::exceptions::{Day, Exception, ExceptionError, ExceptionKind, Reason};
use crate::graph::{NodeId, Selector, builds};
use crate::project::today;
use crate::quantity::Age;
use crate::report::exceptions::Made;

/// What is to be excepted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// In what way.
    pub kind: ExceptionKind,
    /// What, as people write it. Not empty.
    pub selectors: Vec<String>,
    /// Why.
    pub reason: String,
    /// The last day, or an age from today.
    pub expires: String,
}

/// What an exception means today.
#[derive(Debug, Clone, Default)]
pub struct Meaning {
    /// Of a hold.
    pub pins: HeldPins,
    /// Of the others: package builds, in order.
    pub builds: Vec<NodeId>,
}

/// Why something cannot be excepted.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ExceptError {
    /// No reason.
    #[error(transparent)]
    #[diagnostic(code(opb::except::reason), help("say in a few words why, with `--reason`"))]
    Reason(ExceptionError),
    /// Neither a day nor an age.
    #[error("`{text}` is neither a day nor a number of days or weeks")]
    #[diagnostic(
        code(opb::except::expires),
        help("write the last day in UTC (`2026-12-24`), or how far it is from today (`14d`, `2w`)")
    )]
    Expires {
        /// What was written.
        text: String,
    },
    /// A day that is over.
    #[error("`{day}` has passed: today is {today} in UTC")]
    #[diagnostic(code(opb::except::past), help("name today or a later day, or how far it is from today (`14d`, `2w`)"))]
    Past {
        /// What was written.
        day: String,
        /// Today.
        today: String,
    },
    /// It means nodes, but no builds.
    #[error("`{selector}` means no package build")]
    #[diagnostic(
        code(opb::except::no_build),
        help("name components or places without a kind, such as `libmd`, `libmd@debian-12/*` or `@debian-12/arm64`")
    )]
    NoBuild {
        /// The selector.
        selector: String,
    },
    /// It means components whose sources lie in the project.
    #[error("`{selector}` means no pin: the source of `{component}` lies in the project")]
    #[diagnostic(
        code(opb::except::local),
        help("hold what is fetched (`dsc(…)`); a source in the project moves with its files alone")
    )]
    Local {
        /// The selector.
        selector: String,
        /// The first of those.
        component: String,
    },
    /// It means nothing that is pinned.
    #[error("`{selector}` means no pin")]
    #[diagnostic(
        code(opb::except::no_pin),
        help(
            "name a distro (`@debian-12`), or a component and where its source is pinned (`libmd`, `libmd@debian-12`): pins are the same for every arch, and those of RPM distros' sources are of the Debian release that they come from"
        )
    )]
    NoPin {
        /// The selector.
        selector: String,
    },
}

impl Caused for ExceptError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Writes what is `wanted` into the project's file: all of it, or nothing. What was there under the same selector in the same
/// way goes.
///
/// # Errors
/// Where one of the selectors means nothing, there is no reason, or the day has passed.
pub fn except(session: &Session, wanted: &Wanted) -> Result<Vec<Made>, Failure> {
    let reason: Reason = wanted.reason.parse().map_err(ExceptError::Reason)?;
    let expires = day(&wanted.expires, &today())?;
    let mut exceptions = session.exceptions.clone();
    let mut made = Vec::new();
    for selector in &wanted.selectors {
        let meaning = meaning_of_new(session, wanted.kind, selector)?;
        let exception = Exception { reason: reason.clone(), expires: expires.clone() };
        let before = exceptions.of_mut(wanted.kind).insert(selector.clone(), exception.clone());
        let Meaning { pins: HeldPins { distros, sources, unpinned, .. }, builds } = meaning;
        let distros = distros.iter().map(|distro| format!("@{distro}"));
        let builds = builds.iter().map(|id| session.graph.node(*id).to_string());
        let means = distros.chain(sources).chain(builds).collect();
        made.push(Made { selector: selector.clone(), exception, before, means, unpinned });
    }
    session.project.write_exceptions(&exceptions)?;
    Ok(made)
}

/// What `selector` means in that way.
///
/// # Errors
/// Where the recipes or the lock have been broken meanwhile.
pub fn meaning(session: &Session, kind: ExceptionKind, selector: &Selector) -> Result<Meaning, Failure> {
    Ok(match kind {
        ExceptionKind::Hold => {
            Meaning { pins: held_pins(selector, session.evaluated()?, session.lock()?), builds: Vec::new() }
        }
        ExceptionKind::Skip | ExceptionKind::ExpectFailure => {
            Meaning { pins: HeldPins::default(), builds: builds(selector, &session.graph) }
        }
    })
}

fn meaning_of_new(session: &Session, kind: ExceptionKind, text: &str) -> Result<Meaning, Failure> {
    let selector: Selector = text.parse().map_err(SelectError::Selector)?;
    let meaning = meaning(session, kind, &selector)?;
    let Meaning { pins, builds } = &meaning;
    if kind != ExceptionKind::Hold {
        if builds.is_empty() {
            // Tells where it matches nothing at all.
            session.select(&[text.to_owned()])?;
            return Err(ExceptError::NoBuild { selector: text.to_owned() }.into());
        }
        return Ok(meaning);
    }
    let selector = text.to_owned();
    match (pins.distros.is_empty() && pins.sources.is_empty() && pins.unpinned.is_empty(), pins.local.first()) {
        (false, _) => Ok(meaning),
        (true, Some(component)) => Err(ExceptError::Local { selector, component: component.to_string() }.into()),
        (true, None) => {
            session.select(std::slice::from_ref(&selector))?;
            Err(ExceptError::NoPin { selector }.into())
        }
    }
}

/// The day that `text` means: a day itself, or so many days or weeks from `today` on.
fn day(text: &str, today: &str) -> Result<Day, ExceptError> {
    let wrong = || ExceptError::Expires { text: text.to_owned() };
    if let Ok(day) = text.parse::<Day>() {
        let passed = || ExceptError::Past { day: text.to_owned(), today: today.to_owned() };
        return if day.as_str() < today { Err(passed()) } else { Ok(day) };
    }
    let age = text.parse::<Age>().ok().filter(|_| text.ends_with(['d', 'w'])).ok_or_else(wrong)?;
    let days = i32::try_from(age.seconds / (24 * 60 * 60)).map_err(|_| wrong())?;
    Day::after(today, days).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_out_or_counted_from_today() {
        let read = |text: &str| match day(text, "2026-11-29") {
            Ok(day) => day.to_string(),
            Err(error) => error.to_string(),
        };
        let texts =
            ["2026-12-24", "14d", "2w", "0d", "2026-11-29", "2026-11-28", "36h", "0", "14", "soon", "99999999d", ""];
        insta::assert_snapshot!(texts.map(read).join("\n"), @r"
        2026-12-24
        2026-12-13
        2026-12-13
        2026-11-29
        2026-11-29
        `2026-11-28` has passed: today is 2026-11-29 in UTC
        `36h` is neither a day nor a number of days or weeks
        `0` is neither a day nor a number of days or weeks
        `14` is neither a day nor a number of days or weeks
        `soon` is neither a day nor a number of days or weeks
        `99999999d` is neither a day nor a number of days or weeks
        `` is neither a day nor a number of days or weeks
        ");
    }
}
