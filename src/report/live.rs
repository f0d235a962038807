//! The live view of a run on a terminal: a line for each running node, and one with counts below them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::duration;
use super::lines::{Verbosity, line};
use crate::event::{Done, Event};
use crate::name::NodeName;

/// The live view. Lines of nodes that end are printed above it and stay.
pub struct Live {
    verbosity: Verbosity,
    bars: MultiProgress,
    state: Mutex<State>,
}

struct State {
    running: BTreeMap<NodeName, ProgressBar>,
    total: Option<ProgressBar>,
    counts: Counts,
}

/// What the last line counts besides nodes that are done.
#[derive(Default)]
struct Counts {
    clean: usize,
    fetched: usize,
    failed: usize,
}

impl Counts {
    /// `, 4 clean, 1 from a cache`; nothing of what there is none of.
    fn told(&self) -> String {
        let of = [(self.clean, "clean"), (self.fetched, "from a cache"), (self.failed, "failed")];
        of.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}")).collect()
    }
}

impl Live {
    /// A view on stderr.
    pub fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            bars: MultiProgress::new(),
            state: Mutex::new(State { running: BTreeMap::new(), total: None, counts: Counts::default() }),
        }
    }

    /// Shows `event`.
    pub fn show(&self, event: &Event) {
        // A poisoned lock means that another thread panicked while drawing; the picture may still be drawn.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::RunStarted { nodes, will_run, expected_milliseconds } if *will_run > 0 => {
                let total = self.bars.add(ProgressBar::new(*will_run as u64));
                let expected = *expected_milliseconds;
                let left = move |bar: &ProgressState, to: &mut dyn Write| {
                    // An error is one of memory, as it is text that is written to.
                    let _ = to.write_str(&left(expected, bar.elapsed()));
                };
                let counted = style("{elapsed:>6}{left}  {pos} of {len} or fewer nodes done{msg}");
                total.set_style(counted.with_key("left", left));
                state.counts.clean = nodes.saturating_sub(*will_run);
                total.set_message(state.counts.told());
                total.enable_steady_tick(Duration::from_millis(200));
                state.total = Some(total);
            }
            Event::NodeStarted { node, usual_milliseconds, .. } => {
                let bar = match &state.total {
                    Some(total) => self.bars.insert_before(total, ProgressBar::new_spinner()),
                    None => self.bars.add(ProgressBar::new_spinner()),
                };
                let usual = usual_milliseconds.map(|time| format!(" of {:<8}", duration(time)));
                let usual = usual.unwrap_or_else(|| " ".repeat(12));
                bar.set_style(style(&format!("{{spinner}} {{elapsed:>5}}{usual}  {{prefix}}  {{msg:.dim}}")));
                bar.set_prefix(node.to_string());
                bar.enable_steady_tick(Duration::from_millis(120));
                state.running.insert(node.clone(), bar);
            }
            Event::NodePhase { node, phase } => {
                if let Some(bar) = state.running.get(node) {
                    bar.set_message(super::plain(phase));
                }
            }
            Event::NodeRetried { node, .. } => {
                if let Some(bar) = state.running.get(node) {
                    bar.set_message("waits to be tried again");
                }
            }
            Event::NodeDone { node, .. }
            | Event::PackagesFetched { node, .. }
            | Event::NodeFailed { node, .. }
            | Event::NodeStopped { node } => {
                if let Some(bar) = state.running.remove(node) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                match event {
                    Event::NodeDone { how: Done::Fetched { .. }, .. } => state.counts.fetched += 1,
                    Event::NodeFailed { .. } => state.counts.failed += 1,
                    _ => {}
                }
                if let Some(total) = &state.total {
                    total.inc(1);
                    total.set_message(state.counts.told());
                }
            }
            Event::RunFinished { .. } => {
                state.running.values().chain(&state.total).for_each(ProgressBar::finish_and_clear);
            }
            _ => {}
        }
        let phase = matches!(event, Event::NodeStarted { .. } | Event::NodePhase { .. });
        if let Some(line) = line(event, self.verbosity).filter(|_| !phase) {
            // Above the bars; where stderr is closed there is nobody to tell.
            let _ = self.bars.println(line);
        }
    }
}

/// How long a run that began so long ago is going to take; nothing where nobody knows.
fn left(expected_milliseconds: Option<u64>, elapsed: Duration) -> String {
    let Some(expected) = expected_milliseconds else { return String::new() };
    let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match expected.checked_sub(elapsed) {
        // In whole seconds: it is a guess, and is drawn five times a second.
        Some(left) if left <= 59_000 => format!(", about {} s left", left.div_ceil(1_000)),
        Some(left) => format!(", about {} left", duration(left.div_ceil(1_000) * 1_000)),
        None => format!(" of about {}", duration(expected)),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_what_is_left_and_what_was_spared() {
        let after = |seconds| left(Some(90_500), Duration::from_secs(seconds));
        assert_eq!(
            [after(0), after(31), after(200)],
            [", about 1 min 31 s left", ", about 1 min 0 s left", " of about 1 min 30 s"]
        );
        assert_eq!(left(None, Duration::from_secs(1)), "");
        assert_eq!(Counts { clean: 4, fetched: 0, failed: 1 }.told(), ", 4 clean, 1 failed");
        assert_eq!(Counts { fetched: 2, ..Counts::default() }.told(), ", 2 from a cache");
    }
}
