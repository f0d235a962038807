//! Who ran when in a run on record: lanes, what each node waited for, and the critical path.
//!
//! ```text
//! gather.rs    a record ─► spans on lanes
//! text.rs      for people
//! json.rs      for programs (docs/schema/timings.json)
//! trace.rs     for viewers of traces, as browsers have
//! picture.rs   SVG (style.rs: colours)
//! page.rs      the picture with tables, as a page of its own
//! ```
//!
//! A *lane* is a place for one node at a time: nodes that ran side by side are on different ones, and there are as many as
//! nodes ran at once. Which thread ran a node is not on record and means nothing. A node is *ready* when the last node ended
//! that kept it from running; from then on it waits for a free job. The *critical path* leads from the node that ended last back
//! over those whose end made the next one ready. Times are milliseconds since the run began.

mod gather;
mod json;
mod page;
mod picture;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod trace;

pub use json::{TIMINGS_VERSION, json};
pub use page::html;
pub use picture::svg;
pub use text::text;
pub use trace::chrome;

use crate::name::Kind;
use crate::plan::Lane;
use crate::store::runs::RunId;

/// A run in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    /// Which.
    pub run: RunId,
    /// How it ended, in a word.
    pub result: &'static str,
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// How long it took; of one that goes on or was killed, as far as is known.
    pub milliseconds: u64,
    /// How many nodes may run at once; `None` where that is not on record.
    pub jobs: Option<usize>,
    /// The nodes that ran, in the order in which they began.
    pub spans: Vec<Span>,
    /// Nodes that ran, but of which nobody wrote down when.
    pub unknown: usize,
    /// How many lanes there are.
    pub lanes: usize,
    /// The critical path, by place among `spans`, the first first.
    pub critical: Vec<usize>,
}

/// A node that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub node: String,
    /// Its kind; `None` for a name that is none.
    pub kind: Option<Kind>,
    /// When it began.
    pub began: u64,
    /// When it ended; where that is not known, when the run did.
    pub ended: u64,
    /// What it came to, in a word.
    pub outcome: &'static str,
    /// Whether it failed.
    pub failed: bool,
    /// Its lane, from 0.
    pub lane: usize,
    /// The node whose end made it ready, by place among the spans; `None` where it was ready from the beginning.
    pub after: Option<usize>,
    /// When it was ready.
    pub ready: u64,
    /// Whether it is on the critical path.
    pub critical: bool,
}

impl Span {
    /// How long it ran.
    pub fn milliseconds(&self) -> u64 {
        self.ended.saturating_sub(self.began)
    }

    /// How long it was ready, but no job was free.
    pub fn waited(&self) -> u64 {
        self.began.saturating_sub(self.ready)
    }
}

impl Timings {
    /// What all nodes took together.
    pub fn busy(&self) -> u64 {
        sum(self.spans.iter().map(Span::milliseconds))
    }

    /// What nodes took together that have a job: neither what fetches or assembles, nor what came from a cache.
    pub fn busy_jobs(&self) -> u64 {
        let has_job =
            |span: &&Span| span.kind.is_none_or(|kind| Lane::of(kind) == Lane::Work) && span.outcome != "fetched";
        sum(self.spans.iter().filter(has_job).map(Span::milliseconds))
    }

    /// For how long no node ran, one did, two did, and so on; as many numbers as lanes, and one.
    pub fn side_by_side(&self) -> Vec<u64> {
        let mut changes: Vec<(u64, bool)> = Vec::new();
        for span in self.spans.iter().filter(|span| span.milliseconds() > 0) {
            changes.extend([(span.began, true), (span.ended, false)]);
        }
        // Ends before beginnings of the same moment.
        changes.sort_unstable();
        let mut times = vec![0; self.lanes + 1];
        let (mut before, mut running) = (0, 0usize);
        for (at, begins) in changes.into_iter().chain([(self.milliseconds, false)]) {
            if let Some(time) = times.get_mut(running) {
                *time = at.saturating_sub(before).saturating_add(*time);
            }
            before = at.max(before);
            running = if begins { running + 1 } else { running.saturating_sub(1) };
        }
        times
    }

    /// What the nodes of the critical path took, and how long they were ready without a free job.
    pub fn on_critical(&self) -> (u64, u64) {
        let of = |time: fn(&Span) -> u64| sum(self.critical.iter().map(|place| time(&self.spans[*place])));
        (of(Span::milliseconds), of(Span::waited))
    }

    /// The places of the nodes that took longest, the longest first.
    fn largest(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.spans.len()).collect();
        places.sort_by_key(|place| (std::cmp::Reverse(self.spans[*place].milliseconds()), *place));
        places
    }

    /// The nodes of each kind that ran, with what they took together.
    fn by_kind(&self) -> Vec<(Kind, usize, u64)> {
        let of = |kind| {
            let spans = || self.spans.iter().filter(|span| span.kind == Some(kind));
            (kind, spans().count(), sum(spans().map(Span::milliseconds)))
        };
        Kind::ALL.into_iter().map(of).filter(|(_, number, _)| *number > 0).collect()
    }
}

/// What is recorded may be damaged: sums never overflow.
fn sum(times: impl Iterator<Item = u64>) -> u64 {
    times.fold(0, u64::saturating_add)
}

/// `57 %` of `whole`; 0 where there is no whole.
fn share(part: u64, whole: u64) -> String {
    format!("{} %", part.saturating_mul(100).checked_div(whole).unwrap_or(0))
}
