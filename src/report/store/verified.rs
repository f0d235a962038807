//! What a verification of a store found, and what a repair did.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Amounts, STORE_VERSION, size};
use crate::drv::ActionKey;
use crate::report::{count, plain};
use crate::store::verify::{Finding, Repaired, Verified};

/// What a verification came to.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedTold {
    version: u32,
    /// What was looked at, by kind.
    pub checked: Amounts,
    /// What is wrong; before a repair.
    pub findings: Vec<FindingTold>,
    /// Files whose names mean nothing to the store; relative to it.
    pub unknown: Vec<String>,
    /// Results from elsewhere whose bytes are not here, and need not be.
    pub elsewhere: usize,
    /// What a repair did; `None` where there was none.
    pub repair: Option<RepairTold>,
}

/// Something that is wrong in a store.
#[derive(Debug, Clone, Serialize)]
pub struct FindingTold {
    /// What it is in: `object`, `tree`, `ledger` …
    pub part: String,
    /// `altered`, `missing` or `damaged`.
    pub flaw: String,
    /// Where, relative to the store.
    pub path: String,
    /// The results that are of no use with it: their nodes, each once.
    pub affects: Vec<String>,
}

/// What a repair did.
#[derive(Debug, Clone, Serialize)]
pub struct RepairTold {
    /// What was removed, relative to the store.
    pub removed: Vec<String>,
    /// Nodes whose results are whole again.
    pub restored: Vec<String>,
    /// Nodes whose results are forgotten, and that run again.
    pub forgotten: Vec<String>,
    /// Ledgers that were mended, relative to the store.
    pub ledgers: Vec<String>,
    /// What is still wrong.
    pub left: Vec<FindingTold>,
}

impl VerifiedTold {
    /// Without a repair.
    pub fn new(verified: &Verified) -> Self {
        let checked = verified.checked.iter().map(|(kind, amount)| (kind.plural().to_owned(), *amount)).collect();
        let findings = findings_told(&verified.findings);
        let (unknown, elsewhere) = (verified.unknown.clone(), verified.elsewhere);
        Self { version: STORE_VERSION, checked, findings, unknown, elsewhere, repair: None }
    }

    /// With what a repair did, and what was found afterwards.
    pub fn repaired(&mut self, repaired: &Repaired, after: &Verified) {
        let nodes = |results: &[(String, ActionKey)]| results.iter().map(|(node, _)| node.clone()).collect();
        self.repair = Some(RepairTold {
            removed: repaired.removed.clone(),
            restored: nodes(&repaired.restored),
            forgotten: nodes(&repaired.forgotten),
            ledgers: repaired.ledgers.clone(),
            left: findings_told(&after.findings),
        });
    }

    /// Whether the store is sound now.
    pub fn is_sound(&self) -> bool {
        self.repair.as_ref().map_or(self.findings.is_empty(), |repair| repair.left.is_empty())
    }
}

fn findings_told(findings: &[Finding]) -> Vec<FindingTold> {
    let told = |finding: &Finding| {
        let nodes: BTreeSet<&str> = finding.affects.iter().map(|(node, _)| node.as_str()).collect();
        FindingTold {
            part: finding.part.word().to_owned(),
            flaw: finding.flaw.word().to_owned(),
            path: finding.place.clone(),
            affects: nodes.into_iter().map(str::to_owned).collect(),
        }
    };
    findings.iter().map(told).collect()
}

/// What a verification came to, for people.
pub fn verified(told: &VerifiedTold) -> String {
    let checked = told.checked.iter().map(|(kind, amount)| format!("{} {kind}", amount.count));
    let bytes = told.checked.values().map(|amount| amount.bytes).sum();
    let mut text = format!("checked {}: {}\n", checked.collect::<Vec<_>>().join(", "), size(bytes));
    if told.elsewhere > 0 {
        let results = count(told.elsewhere, "result");
        text.push_str(&format!("the bytes of {results} from caches have not been needed here yet\n"));
    }
    for place in &told.unknown {
        text.push_str(&format!("unknown   {}: it is no file of the store\n", plain(place)));
    }
    lines_of(&told.findings, &mut text);
    match &told.repair {
        None if told.findings.is_empty() => text.push_str("nothing is wrong\n"),
        None => {
            let flaws = count(told.findings.len(), "flaw");
            text.push_str(&format!(
                "{flaws}; `opb store verify --repair` mends what can be, and has the rest made again\n"
            ));
        }
        Some(repair) => {
            for place in &repair.removed {
                text.push_str(&format!("removed   {}\n", plain(place)));
            }
            for place in &repair.ledgers {
                text.push_str(&format!("mended    {}\n", plain(place)));
            }
            for node in &repair.restored {
                text.push_str(&format!("whole     {}\n", plain(node)));
            }
            for node in &repair.forgotten {
                text.push_str(&format!("forgotten {}: it runs again when it is wanted\n", plain(node)));
            }
            if repair.left.is_empty() {
                text.push_str("nothing is wrong any more\n");
            } else {
                text.push_str("still wrong:\n");
                lines_of(&repair.left, &mut text);
            }
        }
    }
    text
}

fn lines_of(findings: &[FindingTold], text: &mut String) {
    for finding in findings {
        let FindingTold { part, flaw, path, affects } = finding;
        text.push_str(&format!("{flaw:<9} {}: {part}", plain(path)));
        if let Some(first) = affects.first() {
            let others = match affects.len() {
                1 => String::new(),
                all => format!(" and {}", count(all - 1, "other")),
            };
            text.push_str(&format!(" of {}{others}", plain(first)));
        }
        text.push('\n');
    }
}
