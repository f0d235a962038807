//! Places in a write at which tests kill the process.
//!
//! Compiled into nothing but tests and builds with the feature `faults`. There, `OPB_FAULT_AT=n` kills the process by
//! SIGKILL when it reaches its `n`th point (counting from 1), so that neither destructors nor buffers are run.

/// The environment variable that says at which point to die.
#[cfg(any(test, feature = "faults"))]
pub const VARIABLE: &str = "OPB_FAULT_AT";

/// A place at which a crash is to be survived. `name` says what has just been done.
#[cfg(not(any(test, feature = "faults")))]
#[inline(always)]
pub fn point(_name: &'static str) {}

/// A place at which a crash is to be survived. `name` says what has just been done.
#[cfg(any(test, feature = "faults"))]
pub fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: OnceLock<u64> = OnceLock::new();
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let at = *AT.get_or_init(|| std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(0));
    if at != 0 && SEEN.fetch_add(1, Ordering::SeqCst) + 1 == at {
        use std::io::Write as _;
        // Said before dying, for the test that wants to know where.
        let _ = writeln!(std::io::stderr(), "killed at {name}");
        let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL);
    }
}
