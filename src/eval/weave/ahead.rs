//! Making things on all cores for one who takes them in their order.
//!
//! The taker's thread makes things too where it would wait, so that no core rests and there are no more threads than
//! cores. What was taken is dropped by those who make: freeing memory on the thread that took it is dear.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many things are made before they are taken, at most: they stay in memory until then.
const AHEAD: usize = 8;

/// Makes something of each of `items` and hands it to `take`, on this thread and in the order of the items.
pub(super) fn in_order<T: Sync, R: Send>(items: &[T], make: impl Fn(&T) -> R + Sync, mut take: impl FnMut(&mut R)) {
    let line = Line { len: items.len(), state: Mutex::default(), changed: Condvar::new() };
    let helpers = rayon::current_num_threads().min(items.len()).saturating_sub(1);
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|| {
                let _breaks = Breaks(&line);
                while let Some(place) = line.claim() {
                    line.put(place, make(&items[place]));
                }
            });
        }
        let _breaks = Breaks(&line);
        while let Some(next) = line.next() {
            match next {
                Next::Make(place) => line.put(place, make(&items[place])),
                Next::Take(mut made) => {
                    take(&mut made);
                    line.taken(made);
                }
            }
        }
    });
}

/// What is made and taken.
struct Line<R> {
    len: usize,
    state: Mutex<State<R>>,
    changed: Condvar,
}

struct State<R> {
    /// How many somebody makes or has made.
    claimed: usize,
    taken: usize,
    made: BTreeMap<usize, R>,
    /// Taken, to be dropped.
    used: Vec<R>,
    /// Whether a thread has panicked: the others must not wait for it.
    broken: bool,
}

impl<R> Default for State<R> {
    fn default() -> Self {
        Self { claimed: 0, taken: 0, made: BTreeMap::new(), used: Vec::new(), broken: false }
    }
}

enum Next<R> {
    Make(usize),
    Take(R),
}

impl<R> State<R> {
    /// The place of the next thing to be made, unless enough are.
    fn claim(&mut self, len: usize) -> Option<usize> {
        let place = self.claimed;
        let is_wanted = place < len.min(self.taken + AHEAD);
        self.claimed += usize::from(is_wanted);
        is_wanted.then_some(place)
    }
}

impl<R> Line<R> {
    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a thing to be made; `None` where there is none any more.
    fn claim(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            let used = std::mem::take(&mut state.used);
            if !used.is_empty() {
                drop(state);
                drop(used);
                state = self.state();
            } else if state.broken || state.claimed == self.len {
                return None;
            } else if let Some(place) = state.claim(self.len) {
                return Some(place);
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Waits for something to be taken or made; `None` where all has been taken.
    fn next(&self) -> Option<Next<R>> {
        let mut state = self.state();
        loop {
            if state.broken || state.taken == self.len {
                return None;
            }
            let place = state.taken;
            if let Some(made) = state.made.remove(&place) {
                return Some(Next::Take(made));
            }
            if let Some(place) = state.claim(self.len) {
                return Some(Next::Make(place));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, place: usize, made: R) {
        self.state().made.insert(place, made);
        self.changed.notify_all();
    }

    fn taken(&self, made: R) {
        let mut state = self.state();
        state.taken += 1;
        state.used.push(made);
        drop(state);
        self.changed.notify_all();
    }
}

/// Tells the others where its thread panics.
struct Breaks<'a, R>(&'a Line<R>);

impl<R> Drop for Breaks<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().broken = true;
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn all_are_taken_in_order_and_few_are_made_ahead() {
        for len in [0, 1, 2, 7, AHEAD, 100] {
            let (items, waiting): (Vec<usize>, AtomicUsize) = ((0..len).collect(), AtomicUsize::new(0));
            let mut found = Vec::new();
            let make = |item: &usize| {
                assert!(waiting.fetch_add(1, Ordering::SeqCst) <= AHEAD);
                item * 2
            };
            in_order(&items, make, |made| {
                waiting.fetch_sub(1, Ordering::SeqCst);
                found.push(*made);
            });
            assert_eq!(found, items.iter().map(|item| item * 2).collect::<Vec<usize>>());
        }
    }

    #[test]
    fn a_panic_ends_it() {
        let items: Vec<usize> = (0..50).collect();
        for bad in [0, 1, 20, 49] {
            let make = |item: &usize| {
                assert_ne!(*item, bad, "made");
                *item
            };
            assert!(catch_unwind(AssertUnwindSafe(|| in_order(&items, make, |_| ()))).is_err());
            let take = |made: &mut usize| assert_ne!(*made, bad, "taken");
            assert!(catch_unwind(AssertUnwindSafe(|| in_order(&items, |item| *item, take))).is_err());
        }
    }
}
