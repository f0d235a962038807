//! Exit codes. The table is in the manual; scripts rely on it.

use std::process::ExitCode;

use opb::diag::Cause;
use opb::event::Foreign;
use opb::exec::Outcome;

/// Stopped by Ctrl-C or a termination signal.
pub const STOPPED: u8 = 130;

/// The exit code of a run: a bug before a failed build, that before a wrong input, that before the environment. Failures
/// that are tolerated count for those alone that need what failed and may not fail themselves.
pub fn of_run(outcome: &Outcome) -> u8 {
    if outcome.stopped {
        return STOPPED;
    }
    let order = [Cause::Bug, Cause::Build, Cause::Input, Cause::Environment];
    let met = |cause: &Cause| outcome.failures.iter().any(|(_, failed)| failed == cause);
    let held_up = (!outcome.held_up.is_empty()).then_some(Cause::Build);
    order.into_iter().find(met).or(held_up).map_or(0, number)
}

/// The exit code of a plan whose nodes of foreign arches are these: the environment's, where some do not run here.
pub fn of_plan(foreign: &[Foreign]) -> u8 {
    let runs = foreign.iter().all(|told| told.emulator.is_some());
    if runs { 0 } else { number(Cause::Environment) }
}

/// The exit code for a cause.
pub fn code(cause: Cause) -> ExitCode {
    ExitCode::from(number(cause))
}

/// The same as a number.
pub fn number(cause: Cause) -> u8 {
    match cause {
        Cause::Bug => 1,
        Cause::Input => 2,
        Cause::Environment => 3,
        Cause::Build => 4,
    }
}
