//! The watch over an evaluation: it ends one that takes too long or too much of the machine's memory.
//!
//! Recipes have limits of their own, which are on steps and sizes and never depend on the machine. This stands behind them.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::eval::check::Answer;
use crate::eval::{self, Files, RecipeErrors, Stopped, Watch};

/// What an evaluation may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    time: Duration,
    /// Bytes that the program's memory may grow by.
    memory: u64,
}

/// A project of 434,000 builds takes some seconds and less than 1 GiB.
const LIMITS: Limits = Limits { time: Duration::from_secs(120), memory: 4 << 30 };
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// Evaluates the recipes in `files`, watched.
///
/// # Errors
/// As [`eval::evaluate`], and where it takes too much.
pub fn evaluate(files: &dyn Files) -> Result<eval::Project, RecipeErrors> {
    watched(LIMITS, |watch| eval::evaluate_watched(files, watch))
}

/// Checks what is asked, watched.
pub fn check(question: impl FnOnce(&Watch) -> Answer) -> Answer {
    watched(LIMITS, question)
}

fn watched<T>(limits: Limits, deed: impl FnOnce(&Watch) -> T) -> T {
    let watch = Watch::default();
    let (done, wait) = channel::<()>();
    std::thread::scope(|scope| {
        let watch = &watch;
        scope.spawn(move || {
            let before = resident();
            let mut passed = Duration::ZERO;
            while wait.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                passed += LOOK;
                if passed >= limits.time {
                    watch.stop(Stopped::Time);
                } else if resident().saturating_sub(before) > limits.memory {
                    watch.stop(Stopped::Memory);
                }
            }
        });
        let result = deed(watch);
        drop(done);
        result
    })
}

/// Bytes of memory that the program has; 0 where the system does not say.
#[expect(clippy::disallowed_methods, reason = "the kernel's own table on this process, no file of the project")]
fn resident() -> u64 {
    // proc_pid_statm(5): the second number is resident pages.
    let table = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = table.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    pages * u64::try_from(page).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until_stopped(limits: Limits, mut work: impl FnMut()) -> Option<Stopped> {
        watched(limits, |watch| {
            while watch.stopped().is_none() {
                work();
            }
            watch.stopped()
        })
    }

    #[test]
    fn time_and_memory_are_watched() {
        assert!(resident() > 1 << 20);
        let limits = Limits { time: LOOK, memory: u64::MAX };
        assert_eq!(until_stopped(limits, std::thread::yield_now), Some(Stopped::Time));
        let mut held: Vec<Vec<u8>> = Vec::new();
        let limits = Limits { time: Duration::from_secs(60), memory: 64 << 20 };
        let grow = || {
            if held.len() < 512 {
                held.push(vec![1; 1 << 20]);
            } else {
                std::thread::yield_now();
            }
        };
        assert_eq!(until_stopped(limits, grow), Some(Stopped::Memory));
    }

    #[test]
    fn what_ends_in_time_is_not_stopped() {
        assert_eq!(watched(LIMITS, Watch::stopped), None);
    }
}
