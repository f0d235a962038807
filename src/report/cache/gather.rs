//! Summing up records of runs, one after another.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{By, Missed, Over, Report, Row, RunOfReport, Sums};
use crate::cost::{Cost, Spared};
use crate::drv::ActionKey;
use crate::event::CacheUse;
use crate::name::{Kind, NodeName, component_of};
use crate::report::runs::result_word;
use crate::store::runs::{Run, RunClean, RunOf, RunOutcome};

/// A report in the making. Takes as much memory as there are rows, causes, caches and nodes that are not reproducible.
pub struct Gatherer {
    report: Report,
    rows: BTreeMap<Option<String>, Sums>,
    /// By theme and words, with the number of the last run that had it.
    missed: BTreeMap<(String, String), (usize, Missed)>,
    caches: BTreeMap<String, CacheUse>,
    differs: BTreeSet<String>,
}

/// What is asked for each node of a run.
struct OfRun<'r> {
    run: &'r Run,
    /// By theme and words, in the order in which nodes name them.
    causes: Vec<(String, String)>,
    /// Results that caches knew.
    known: BTreeSet<ActionKey>,
}

impl Gatherer {
    /// Of nothing yet.
    pub fn new(over: Over, by: By) -> Self {
        let (runs, rows, missed, caches, differs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (total, in_no_row, damaged) = (Sums::default(), 0, 0);
        let report = Report { over, by, runs, total, rows, missed, caches, differs, in_no_row, damaged };
        let (rows, missed) = (BTreeMap::new(), BTreeMap::new());
        Self { report, rows, missed, caches: BTreeMap::new(), differs: BTreeSet::new() }
    }

    /// A record cannot be read.
    pub fn damaged(&mut self) {
        self.report.damaged += 1;
    }

    /// Adds a run, which began before those that were added.
    pub fn add(&mut self, run: &Run) {
        let head = &run.head;
        let (id, result) = (head.id.clone(), result_word(head));
        let (started, project) = (head.started.started, head.started.project.clone());
        self.report.runs.push(RunOfReport { id, started, result, project });
        self.report.damaged += run.damaged;
        self.differs.extend(run.differs.iter().map(|differs| differs.node.clone()));
        run.caches.iter().for_each(|used| self.add_cache(used));
        let mut own = Sums::default();
        self.add_clean(run, &mut own);
        let known = run.known.iter().map(|known| known.key).collect();
        let of = OfRun { run, causes: self.begin_causes(run), known };
        for node in &run.nodes {
            self.add_node(&of, node, &mut own);
        }
        self.report.total.join(&own);
        if self.report.by == By::Run {
            self.report.rows.push(Row { name: Some(head.id.to_string()), sums: own });
        }
    }

    fn add_cache(&mut self, used: &CacheUse) {
        let CacheUse { cache, asked, known, fetched, bytes, requests, left_out } = used;
        let new = || CacheUse { cache: cache.clone(), ..CacheUse::default() };
        let sum = self.caches.entry(cache.clone()).or_insert_with(new);
        for (sum, more) in [
            (&mut sum.asked, asked),
            (&mut sum.known, known),
            (&mut sum.fetched, fetched),
            (&mut sum.bytes, bytes),
            (&mut sum.requests, requests),
        ] {
            *sum = sum.saturating_add(*more);
        }
        if sum.left_out.is_none() {
            sum.left_out.clone_from(left_out);
        }
    }

    fn add_clean(&mut self, run: &Run, own: &mut Sums) {
        let Some(clean) = &run.clean else {
            let nodes = run.head.started.clean;
            own.take_clean(Spared { nodes, unknown: nodes, ..Spared::default() });
            if self.has_groups() {
                self.report.in_no_row += nodes;
            }
            return;
        };
        self.add_tables(clean, own, Sums::take_clean);
        self.add_tables(&run.clean_of_caches, own, Sums::move_to_caches);
    }

    /// Adds sums that stand in tables; both count the same nodes.
    fn add_tables(&mut self, tables: &RunClean, own: &mut Sums, add: fn(&mut Sums, Spared)) {
        tables.components.values().for_each(|spared| add(own, *spared));
        let table = if self.report.by == By::Component { &tables.components } else { &tables.targets };
        if self.has_groups() {
            for (name, spared) in table {
                let name = Some(name.as_str()).filter(|name| !name.is_empty());
                let row = name.and_then(|name| part_of(self.report.by, name));
                add(self.rows.entry(row.map(str::to_owned)).or_default(), *spared);
            }
        }
    }

    /// The causes of a run, which nodes name by their place: what they are called in the report.
    fn begin_causes(&mut self, run: &Run) -> Vec<(String, String)> {
        let mut keys = Vec::new();
        for cause in &run.causes {
            let key = (cause.theme.clone(), cause.text.clone());
            self.missed(&key).roots += cause.roots;
            keys.push(key);
        }
        keys
    }

    fn add_node(&mut self, of: &OfRun<'_>, node: &RunOf, own: &mut Sums) {
        let OfRun { run, causes, known } = of;
        let outcome = run.outcome(node);
        let name = node.node.parse::<NodeName>().ok();
        let is_build = name.as_ref().is_some_and(|name| name.kind == Kind::Build);
        let ended = node.ended.as_ref();
        let spared = ended.and_then(|ended| ended.spared);
        let spent = ended.map_or_else(Cost::default, |ended| Cost {
            milliseconds: ended.milliseconds,
            cpu_milliseconds: ended.cpu_milliseconds,
        });
        let was_clean = node.planned.is_none();
        if was_clean && (ended.is_none() || outcome == Some(RunOutcome::Found)) {
            // It is among the clean ones, as far as the record goes.
            return;
        }
        if matches!(outcome, Some(RunOutcome::CutOff | RunOutcome::Found)) && spared.is_none() {
            // It was never made, and so was not spared.
            return;
        }
        let is_known = ended.and_then(|ended| ended.key).is_some_and(|key| known.contains(&key));
        let bytes = ended.and_then(|ended| ended.fetched.as_ref()).map_or(0, |fetched| fetched.bytes);
        let take = |sums: &mut Sums| {
            sums.fetched_bytes = sums.fetched_bytes.saturating_add(bytes);
            match outcome {
                Some(RunOutcome::CutOff) if is_known => sums.take_known(is_build, spared),
                _ => sums.take(outcome, is_build, spent, spared),
            }
        };
        // One that was never made is not among the clean ones. Where they are in no row, all of them are counted.
        let is_in_row = was_clean && spared.is_some() && run.clean.is_some();
        if is_in_row || (was_clean && run.clean.is_none()) {
            own.take_back(is_build, spared);
        }
        take(own);
        if self.has_groups() {
            let sums = self.row_of(name.as_ref());
            if is_in_row {
                sums.take_back(is_build, spared);
            }
            take(sums);
        }
        let place = node.planned.as_ref().and_then(|planned| planned.causes.first());
        let absent = || ("absent".to_owned(), "files that a node reads were gone".to_owned());
        let other = || ("other".to_owned(), "various other reasons".to_owned());
        let cause = place.map_or_else(absent, |place| causes.get(*place).cloned().unwrap_or_else(other));
        let missed = self.missed(&cause);
        if place.is_none() {
            missed.roots += 1;
        }
        take(&mut missed.sums);
    }

    fn row_of(&mut self, name: Option<&NodeName>) -> &mut Sums {
        let row = name.and_then(|name| match self.report.by {
            By::Component => component_of(name.kind, &name.subject),
            by => Some(name.place.as_str()).filter(|place| !place.is_empty()).and_then(|place| part_of(by, place)),
        });
        self.rows.entry(row.map(str::to_owned)).or_default()
    }

    /// What is known of a cause, which the run that is being added has. Two of one run may differ in what is not told in
    /// words.
    fn missed(&mut self, key: &(String, String)) -> &mut Missed {
        let (theme, text) = key.clone();
        let new = || (0, Missed { theme, text, runs: 0, roots: 0, sums: Sums::default() });
        let (last, missed) = self.missed.entry(key.clone()).or_insert_with(new);
        let this = self.report.runs.len();
        missed.runs += usize::from(std::mem::replace(last, this) != this);
        missed
    }

    /// Whether a run is in several rows.
    fn has_groups(&self) -> bool {
        !matches!(self.report.by, By::Run | By::Reason)
    }

    /// The report.
    pub fn finish(mut self) -> Report {
        self.report.caches = self.caches.into_values().collect();
        self.report.differs = self.differs.into_iter().collect();
        self.report.missed = self.missed.into_values().map(|(_, missed)| missed).collect();
        let order = |sums: &Sums| Reverse((sums.ran() + sums.all_failed(), sums.nodes()));
        self.report.missed.sort_by(|a, b| order(&a.sums).cmp(&order(&b.sums)).then_with(|| a.text.cmp(&b.text)));
        if self.report.by == By::Reason {
            let row = |missed: &Missed| Row { name: Some(missed.text.clone()), sums: missed.sums };
            self.report.rows = self.report.missed.iter().map(row).collect();
            let in_rows = self.report.rows.iter().map(|row| row.sums.nodes()).sum();
            self.report.in_no_row = self.report.total.nodes().saturating_sub(in_rows);
        } else if self.report.by != By::Run {
            self.report.rows = self.rows.into_iter().map(|(name, sums)| Row { name, sums }).collect();
            // By name where they have as many: the sort is stable.
            self.report.rows.sort_by_key(|row| order(&row.sums));
        }
        self.report
    }
}

/// The part of a component's, target's or distro's name that a row is called by.
fn part_of(by: By, name: &str) -> Option<&str> {
    match by {
        By::Distro => name.split('/').next(),
        By::Arch => name.split_once('/').map(|(_, arch)| arch),
        _ => Some(name),
    }
}
