//! The live view of a run on a terminal: a line for each running node, and one with counts below them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::duration;
use super::lines::{Verbosity, line};
use crate::event::Event;
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
}

impl Live {
    /// A view on stderr.
    pub fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            bars: MultiProgress::new(),
            state: Mutex::new(State { running: BTreeMap::new(), total: None }),
        }
    }

    /// Shows `event`.
    pub fn show(&self, event: &Event) {
        // A poisoned lock means that another thread panicked while drawing; the picture may still be drawn.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::RunStarted { nodes: _, will_run, expected_milliseconds } if *will_run > 0 => {
                let total = self.bars.add(ProgressBar::new(*will_run as u64));
                let of = expected_milliseconds.map(|time| format!(" of about {}", duration(time))).unwrap_or_default();
                total.set_style(style(&format!("{{elapsed:>6}}{of}  {{pos}} of {{len}} or fewer nodes done")));
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
                if let Some(total) = &state.total {
                    total.inc(1);
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

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
