//! A nightly's look at a few builds: made again, do they come out the same? Each night takes others.

use super::super::build::Means;
use super::super::session::Session;
use super::super::verify::{Sample, VerifyError, choose, verify};
use super::pins::one_line;
use crate::diag::Failure;
use crate::event::Sink;
use crate::graph::NodeId;
use crate::report::verify::{Came, VerifiedBuild};
use crate::store::Store;

/// The most places of which it is told where a build came out otherwise.
const MOST_PLACES: usize = 3;

/// Makes a sample of the builds among `wanted` again; a line for each that did not come out the same.
///
/// # Errors
/// Where the store cannot be used, or no sandbox be made.
pub(super) fn verify_some(
    session: &Session,
    wanted: &[NodeId],
    sample: &Sample,
    (store, means): (&Store, &Means<'_>),
    sink: &Sink<'_>,
) -> Result<Vec<String>, Failure> {
    let chosen = match choose(session, store, wanted, Some(sample)) {
        Err(failure) if matches!(failure.report.downcast_ref::<VerifyError>(), Some(VerifyError::None)) => {
            return Ok(Vec::new());
        }
        chosen => chosen?,
    };
    let names: Vec<String> = chosen.keys().map(|id| session.graph.node(*id).to_string()).collect();
    let (_, all) = verify(session, store, &chosen, &names, means, sink)?;
    Ok(all.iter().filter_map(line).collect())
}

fn line(VerifiedBuild { node, came }: &VerifiedBuild) -> Option<String> {
    match came {
        Came::Same | Came::NotRun => None,
        Came::Failed => Some(format!("{node} was made again and failed, which it did not before")),
        Came::Differs { places, .. } => {
            let told: Vec<String> = places.iter().take(MOST_PLACES).map(|place| one_line(place)).collect();
            let told = if told.is_empty() { String::new() } else { format!(": {}", told.join("; ")) };
            Some(format!("{node} was made again and came out otherwise{told}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_out_the_same_is_not_told() {
        let told = |came| line(&VerifiedBuild { node: "build:a@d/amd64".parse().expect("a name"), came });
        assert_eq!([told(Came::Same), told(Came::NotRun)], [None, None]);
        let failed = "build:a@d/amd64 was made again and failed, which it did not before";
        assert_eq!(told(Came::Failed).as_deref(), Some(failed));
        let places = ["a.deb:\n  b", "c", "d", "e"].map(str::to_owned).to_vec();
        let differs = "build:a@d/amd64 was made again and came out otherwise: a.deb: b; c; d";
        assert_eq!(told(Came::Differs { rival: None, places, hint: None }).as_deref(), Some(differs));
        let differs = "build:a@d/amd64 was made again and came out otherwise";
        assert_eq!(told(Came::Differs { rival: None, places: Vec::new(), hint: None }).as_deref(), Some(differs));
    }
}
