//! Stops an evaluation from outside.
//!
//! Evaluation knows no clock and no machine. Its own limits are on steps and sizes, and always hit at the same place. A
//! watch stands behind them: whoever has a clock sets it, and the evaluation ends with an error of the environment, never
//! with another result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::mistake::{Complaint, Mistake};

/// Why an evaluation was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It takes too long.
    Time,
    /// It takes too much memory.
    Memory,
}

/// A flag that stops an evaluation. Clones are the same flag.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<AtomicU8>);

impl Watch {
    /// Stops what is watched, soon.
    pub fn stop(&self, why: Stopped) {
        let number = match why {
            Stopped::Time => 1,
            Stopped::Memory => 2,
        };
        self.0.store(number, Ordering::Relaxed);
    }

    /// Why it was stopped; `None` while it goes on.
    pub fn stopped(&self) -> Option<Stopped> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Stopped::Time),
            _ => Some(Stopped::Memory),
        }
    }

    /// What to say of it.
    pub(super) fn complaint(&self, file: &str) -> Complaint {
        let what = match self.stopped() {
            Some(Stopped::Memory) => "takes too much memory",
            _ => "takes too long",
        };
        Complaint::new(Mistake::Limit, format!("the evaluation {what}, and was stopped in `{file}`"))
            .help("try again when the machine has less to do; if that does not help, look for loops in that file")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{MemoryFiles, evaluate_watched};
    use super::*;
    use crate::diag::{Cause, Caused as _};

    #[test]
    fn a_stopped_evaluation_is_an_error_of_the_environment() {
        let distro = include_str!("../../distros/debian-12.rhai");
        let recipe = "let n = 0; loop { n += 1; } #{ source: dsc(\"a\") }";
        let files = BTreeMap::from([
            ("distros/debian-12.rhai", distro),
            ("recipes/a.rhai", recipe),
            ("recipes/b.rhai", recipe),
        ]);
        let files = MemoryFiles(files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect());
        let without = evaluate_watched(&files, &Watch::default()).expect_err("too many steps");
        assert_eq!((without.fault(), without.iter().count()), (Cause::Input, 2));
        for (why, text) in [(Stopped::Time, "takes too long"), (Stopped::Memory, "takes too much memory")] {
            let watch = Watch::default();
            watch.stop(why);
            let stopped = evaluate_watched(&files, &watch).expect_err("stopped");
            assert_eq!(stopped.fault(), Cause::Environment);
            let said: Vec<String> = stopped.iter().map(ToString::to_string).collect();
            assert_eq!(said, [format!("the evaluation {text}, and was stopped in `distros/debian-12.rhai`")]);
        }
    }

    #[test]
    fn it_stops_in_the_middle() {
        // Set by the recipe's own first step, so that there is no race to win or lose.
        struct Late(MemoryFiles, Watch);
        impl super::super::Files for Late {
            fn list(&self, folder: &str) -> Result<Vec<String>, super::super::FilesError> {
                self.0.list(folder)
            }
            fn read(&self, path: &str) -> Result<String, super::super::FilesError> {
                if path.starts_with("recipes/") {
                    self.1.stop(Stopped::Time);
                }
                self.0.read(path)
            }
        }
        let files =
            [("distros/debian-12.rhai", include_str!("../../distros/debian-12.rhai")), ("recipes/a.rhai", "loop {}")];
        let files = MemoryFiles(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
        let watch = Watch::default();
        let stopped = evaluate_watched(&Late(files, watch.clone()), &watch).expect_err("stopped");
        assert_eq!(stopped.fault(), Cause::Environment);
    }
}
