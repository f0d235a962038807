//! The exceptions of a project: which there are and what they mean today, and taking them back.

use std::collections::BTreeSet;

use super::except::{Meaning, meaning};
use super::session::Session;
use crate::diag::{Cause, Caused, Failure, did_you_mean};
use crate::exceptions::{Exception, ExceptionKind, Exceptions};
use crate::project::{Project, today};
use crate::report::exceptions::{Listed, Means};

/// Why an exception cannot be taken back.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RemoveError {
    /// There is none.
    #[error("there is no exception for `{selector}`")]
    #[diagnostic(code(opb::exceptions::none), help("{help}"))]
    None {
        /// The selector.
        selector: String,
        /// What to do.
        help: String,
    },
}

impl Caused for RemoveError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// One that was taken back.
pub type Removed = (ExceptionKind, String, Exception);

/// All of them, by kind and selector, with what they mean today.
///
/// # Errors
/// Where the recipes or the lock have been broken meanwhile.
pub fn list(session: &Session) -> Result<Vec<Listed>, Failure> {
    let today = today();
    let mut all = Vec::new();
    for (kind, selector, exception) in session.exceptions.all() {
        // The file's selectors have been read.
        let means = match selector.parse() {
            Ok(parsed) => means(session, &meaning(session, kind, &parsed)?),
            Err(_) => Means::default(),
        };
        all.push(listed((kind, selector, exception), means, &today));
    }
    Ok(all)
}

/// An exception as it is told on the day `today`.
pub(super) fn listed(
    (kind, selector, exception): (ExceptionKind, &str, &Exception),
    means: Means,
    today: &str,
) -> Listed {
    Listed {
        kind: kind.as_str(),
        selector: selector.to_owned(),
        means,
        reason: exception.reason.to_string(),
        expires: exception.expires.to_string(),
        days_left: exception.expires.days_from(today).unwrap_or_default(),
        in_force: exception.holds(today),
    }
}

fn means(session: &Session, meaning: &Meaning) -> Means {
    let Meaning { pins, builds } = meaning;
    let components: BTreeSet<&str> = builds.iter().filter_map(|id| session.graph.node(*id).component_str()).collect();
    Means { pins: pins.distros.len() + pins.sources.len(), builds: builds.len(), components: components.len() }
}

/// Takes back all exceptions of those selectors; writes nothing where one has none.
///
/// # Errors
/// Where there is none for one of them, or the file cannot be read or written.
pub fn remove(project: &Project, selectors: &[String]) -> Result<Vec<Removed>, Failure> {
    let mut exceptions = project.exceptions()?;
    let mut removed = Vec::new();
    for selector in selectors {
        let before = removed.len();
        for kind in ExceptionKind::ALL {
            let found = exceptions.of_mut(kind).remove(selector);
            removed.extend(found.map(|exception| (kind, selector.clone(), exception)));
        }
        if removed.len() == before {
            return Err(none(&exceptions, selector).into());
        }
    }
    project.write_exceptions(&exceptions)?;
    Ok(removed)
}

/// Takes back those that have expired.
///
/// # Errors
/// Where the file cannot be read or written.
pub fn remove_expired(project: &Project) -> Result<Vec<Removed>, Failure> {
    let mut exceptions = project.exceptions()?;
    let today = today();
    let mut removed = Vec::new();
    for kind in ExceptionKind::ALL {
        let all = std::mem::take(exceptions.of_mut(kind));
        let (stay, go) = all.into_iter().partition(|(_, exception)| exception.holds(&today));
        *exceptions.of_mut(kind) = stay;
        removed.extend(Vec::from_iter(go).into_iter().map(|(selector, exception)| (kind, selector, exception)));
    }
    if !removed.is_empty() {
        project.write_exceptions(&exceptions)?;
    }
    Ok(removed)
}

fn none(exceptions: &Exceptions, selector: &str) -> RemoveError {
    let close = did_you_mean(selector, exceptions.all().map(|(_, known, _)| known));
    let help = match close {
        Some(close) => format!("did you mean `{close}`?"),
        None => "look at `opb exceptions`, which lists them".to_owned(),
    };
    RemoveError::None { selector: selector.to_owned(), help }
}

/// A line on those that have expired, for every run; none where none has.
///
/// # Errors
/// Where the file cannot be read.
pub fn warnings(project: &Project) -> Result<Vec<String>, Failure> {
    let (exceptions, today) = (project.exceptions()?, today());
    let expired = exceptions.all().filter(|(.., exception)| !exception.holds(&today));
    let expired: Vec<String> =
        expired.map(|(kind, selector, one)| format!("{kind} `{selector}` on {}", one.expires)).collect();
    let (what, them) = match expired.len() {
        0 => return Ok(Vec::new()),
        1 => ("an exception has expired and no longer counts", "it"),
        _ => ("exceptions have expired and no longer count", "them"),
    };
    let help = format!("take {them} back with `opb exceptions --remove-expired`, or give {them} another day");
    Ok(vec![format!("{what}: {}; {help}", expired.join(", "))])
}
