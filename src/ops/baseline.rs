//! Baselines: what checks found when they last ran, held against what is known, and taken for known where that is wanted.
//!
//! A component has one baseline for each check, whatever the target: a finding is known wherever it is found, and gone only
//! where no target has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Cause, Caused, Failure};
use crate::eval;
use crate::exec::checking::FINDINGS_END;
use crate::graph::NodeId;
use crate::name::{Check, ComponentName, Kind};
use crate::ops::session::Session;
use crate::package::finding::{Finding, baseline, baseline_text, compare, findings_in_log};
use crate::report::baseline::BaselineTold;
use crate::store::Store;

/// The longest log that findings are read from, in bytes.
const MAX_LOG: u64 = 64 << 20;

/// What stands above the findings of a file that is new.
const HEAD: &str = "Findings that are known. `opb baseline --write` keeps this list; review it like code.";

/// Why there is no baseline.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BaselineError {
    /// No check with findings was selected.
    #[error("no check is selected that has findings")]
    #[diagnostic(
        code(opb::baseline::none),
        help("say in `[checks]` of `opb.toml` or in `checks` of a recipe what is to be checked")
    )]
    None,
}

impl Caused for BaselineError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Holds what the checks among `selected` found last against what is known; with `write` that becomes what is known.
///
/// # Errors
/// [`BaselineError`], or where the store cannot be read or a file not be written.
pub fn baselines(
    session: &Session,
    store: &Store,
    selected: &[NodeId],
    write: bool,
) -> Result<Vec<BaselineTold>, Failure> {
    let of = |id: NodeId| -> Option<(ComponentName, Check)> {
        let node = session.graph.node(id);
        let (_, check) = Check::split(node.subject()).filter(|_| node.kind() == Kind::Check)?;
        Some((node.component()?, check)).filter(|_| check != Check::Own)
    };
    let wanted: BTreeSet<(ComponentName, Check)> = selected.iter().filter_map(|id| of(*id)).collect();
    if wanted.is_empty() {
        return Err(BaselineError::None.into());
    }
    let mut nodes: BTreeMap<(ComponentName, Check), Vec<NodeId>> = BTreeMap::new();
    // Also those on targets that were not selected: what is gone follows from all.
    for id in session.graph.ids() {
        if let Some(which) = of(id).filter(|which| wanted.contains(which)) {
            nodes.entry(which).or_default().push(id);
        }
    }
    let evaluated = session.evaluated()?;
    let mut told = Vec::new();
    for ((name, check), nodes) in nodes {
        let Some(work) = evaluated.work.iter().find(|work| work.component.name == name) else { continue };
        let path = eval::baseline_path(&work.component, check);
        let text = evaluated.beside.get(&path).map(|file| String::from_utf8_lossy(&file.bytes).into_owned());
        let known = text.as_deref().and_then(|text| baseline(text).ok()).unwrap_or_default();
        let (mut found, mut not_run, mut has_run) = (BTreeSet::new(), Vec::new(), false);
        for id in nodes {
            let node = session.graph.node(id);
            match last(store, &node.to_string())? {
                Some(own) => {
                    has_run = true;
                    found.extend(own);
                }
                None => not_run.push(node.name()),
            }
        }
        let compared = compare(&found, &known);
        let mut one = BaselineTold {
            name,
            check,
            path,
            new: compared.new,
            gone: compared.gone,
            has_run,
            not_run,
            written: false,
        };
        if write && !(one.new.is_empty() && (one.gone.is_empty() || !one.not_run.is_empty())) {
            let mut now: BTreeSet<Finding> = compared.known.into_iter().chain(one.new.iter().cloned()).collect();
            if !one.not_run.is_empty() {
                // What is gone elsewhere may be there.
                now.extend(one.gone.drain(..));
            }
            now.extend(known.iter().filter(|finding| finding.is_of_upgrade()).cloned());
            let comments: Vec<&str> =
                text.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with('#')).collect();
            let comments: Vec<&str> = comments.iter().map(|line| line.trim_start_matches('#').trim()).collect();
            let head = if comments.is_empty() { HEAD.to_owned() } else { comments.join("\n") };
            session.project.write(&one.path, &baseline_text(&head, &now))?;
            one.written = true;
        }
        told.push(one);
    }
    Ok(told)
}

/// What the check `node` found when it last ran to its end; `None` where it never did.
fn last(store: &Store, node: &str) -> Result<Option<BTreeSet<Finding>>, Failure> {
    let realised = store.last_of_node(node)?.and_then(|last| Some((last.started, last.log?)));
    let attempt = store.last_attempt_of_node(node)?;
    // One whose script failed has not said all.
    let ended = |message: &str| message.lines().next().is_some_and(|line| line.ends_with(FINDINGS_END));
    let attempt = attempt.filter(|attempt| ended(&attempt.message));
    let attempt = attempt.and_then(|attempt| Some((attempt.started, attempt.log?)));
    let Some((_, log)) = realised.into_iter().chain(attempt).max_by_key(|(started, _)| *started) else {
        return Ok(None);
    };
    let text = store.read_log(log, MAX_LOG)?;
    Ok(Some(findings_in_log(&String::from_utf8_lossy(&text))))
}
