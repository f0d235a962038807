//! How much of the machine a guest may have, and what is said of one that wanted more.
//!
//! What `opb.toml` does not say comes from the machine. A guest may have all of its memory but a part that stays for the
//! rest: divided by the number of jobs, the largest link of a distribution would not fit where it always has, while the
//! others beside it need little. None of it is in any key: results do not depend on what was not used up.

use super::guest::{BUILD_LIMITS, span};
use crate::diag::Cause;
use crate::quantity::{Age, Size};
use crate::sandbox::{End, Limits, host_memory};
use crate::settings::GuestLimits;
use crate::store::{Attempt, Limited, MetLimit};

/// Processes and threads of one guest at least, whatever the machine, …
const PROCESSES: u64 = 8_192;

/// … and for each core: linkers and compilers start as many threads as there are cores, once for each of as many jobs.
const PROCESSES_PER_CORE: u64 = 128;

/// What of the machine's memory no guest may have: one part in so many, …
const RESERVE_PART: u64 = 16;

/// … or so many bytes, if that is more.
const RESERVE: u64 = 256 << 20;

/// The limits of a build's or source package's time.
pub fn of_build(set: &GuestLimits) -> Limits {
    let seconds = |age: Option<Age>| age.and_then(|age| u64::try_from(age.seconds).ok());
    Limits {
        wall_seconds: seconds(set.time).or(BUILD_LIMITS.wall_seconds),
        silence_seconds: seconds(set.silence).or(BUILD_LIMITS.silence_seconds),
        ..BUILD_LIMITS
    }
}

/// `limits` with what a guest may have of this machine where `set` says nothing else.
pub fn bounded(set: &GuestLimits, limits: &Limits) -> Limits {
    with(limits, set, host_memory(), cores())
}

/// What is left of `limits` for a guest that goes on where others have taken so much time and written so many bytes of log.
pub fn left(limits: Limits, wall_milliseconds: u64, log_bytes: u64) -> Limits {
    let left = |seconds: u64| seconds.saturating_sub(wall_milliseconds / 1_000).max(1);
    Limits {
        wall_seconds: limits.wall_seconds.map(left),
        log_bytes: limits.log_bytes.saturating_sub(log_bytes),
        ..limits
    }
}

fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

fn with(limits: &Limits, set: &GuestLimits, memory: u64, cores: u64) -> Limits {
    let reserve = (memory / RESERVE_PART).max(RESERVE).min(memory / 2);
    Limits {
        memory_bytes: Some(set.memory.map_or(memory - reserve, |size| size.0)),
        processes: Some(set.processes.map_or_else(|| PROCESSES.max(cores * PROCESSES_PER_CORE), u64::from)),
        disk_bytes: set.disk.map(|size| size.0),
        ..*limits
    }
}

/// A limit that was met.
pub struct Met {
    /// Which, and its value; what it is said of comes before.
    pub how: String,
    /// How to raise it.
    pub help: String,
    /// The build's, where the limit was set for it; else the machine's.
    pub cause: Cause,
    /// The limit itself, where it was set for it.
    pub limit: Option<MetLimit>,
}

/// The limit of that kind that guests for builds have by `set`; `None` where there is none.
fn limit_of(what: Limited, limits: &Limits) -> Option<u64> {
    match what {
        Limited::Memory => limits.memory_bytes,
        Limited::Processes => limits.processes,
        Limited::Disk => limits.disk_bytes,
        Limited::Time => limits.wall_seconds,
        Limited::Silence => limits.silence_seconds,
    }
}

/// Whether what `attempt` failed with stands for guests with these limits: where it met one, as long as that has not been
/// raised since.
pub fn stands(attempt: &Attempt, set: &GuestLimits) -> bool {
    let now = |what| limit_of(what, &bounded(set, &of_build(set)));
    attempt.limit.is_none_or(|met| now(met.what).is_some_and(|now| now <= met.most))
}

/// What is said of a guest for `component` (none: empty) that ended by a limit on what it may have of the machine, and ran
/// within `limits`; `None` where it ended otherwise.
pub fn met(set: &GuestLimits, component: &str, end: End, limits: &Limits) -> Option<Met> {
    let memory = Size(limits.memory_bytes.unwrap_or_default());
    let processes = limits.processes.unwrap_or(PROCESSES);
    let own = if component.is_empty() { String::new() } else { format!(" or `[limits.component.{component}]`") };
    let raise = |name: &str| format!("raise `{name}` of `[limits]`{own} in `opb.toml`, if it is right to need so much");
    let (how, help, cause) = match end {
        End::MemoryLimit if set.memory.is_some() => {
            let less = "let it do less at once with `DEB_BUILD_OPTIONS` `parallel=N` in the recipe's `env`";
            (format!("wanted more memory than {memory}"), format!("{}; or {less}", raise("memory")), Cause::Build)
        }
        End::MemoryLimit => (
            format!("wanted more memory than {memory}, which is all that it may have of this machine's,"),
            "build it where there is more memory, or set `memory` of `[limits]` in `opb.toml` if the rest of this machine \
             needs less than what is kept for it"
                .to_owned(),
            Cause::Environment,
        ),
        End::HostMemory => (
            "lost a process, as this machine had no memory left,".to_owned(),
            "build fewer nodes at once with `-j`, or end what else needs memory here, and build again".to_owned(),
            Cause::Environment,
        ),
        End::ProcessLimit => {
            (format!("wanted more processes and threads at once than {processes}"), raise("processes"), Cause::Build)
        }
        End::DiskLimit => {
            let disk = Size(limits.disk_bytes.unwrap_or_default());
            (format!("wrote more than {disk} to the disk"), raise("disk"), Cause::Build)
        }
        End::HostDisk => (
            "had all but filled the store's disk".to_owned(),
            "free space there: `opb store gc` removes what nobody needs; or choose a store on another disk with `--store`; \
             and build again"
                .to_owned(),
            Cause::Environment,
        ),
        // What has no limit of silence is no build: its time cannot be set.
        End::WallLimit if limits.silence_seconds.is_some() => {
            (format!("took longer than {}", span(limits.wall_seconds)), raise("time"), Cause::Build)
        }
        End::SilenceLimit => {
            (format!("said nothing for {}", span(limits.silence_seconds)), raise("silence"), Cause::Build)
        }
        End::Exit(_) | End::Signal(_) | End::WallLimit | End::LogLimit | End::Cancelled => return None,
    };
    let what = match end {
        End::MemoryLimit => Some(Limited::Memory),
        End::ProcessLimit => Some(Limited::Processes),
        End::DiskLimit => Some(Limited::Disk),
        End::WallLimit => Some(Limited::Time),
        End::SilenceLimit => Some(Limited::Silence),
        _ => None,
    };
    let limit = what.filter(|_| cause == Cause::Build);
    let limit = limit.and_then(|what| Some(MetLimit { what, most: limit_of(what, limits)? }));
    Some(Met { how: format!("{how} and was ended"), help, cause, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_on_has_what_is_left() {
        let limits = Limits { wall_seconds: Some(10), log_bytes: 100, ..Limits::NONE };
        let now = left(limits, 3_999, 40);
        assert_eq!((now.wall_seconds, now.log_bytes), (Some(7), 60));
        let now = left(limits, 20_000, 200);
        assert_eq!((now.wall_seconds, now.log_bytes), (Some(1), 0));
        assert_eq!(left(Limits::NONE, 20_000, 0).wall_seconds, None);
    }

    #[test]
    fn what_is_not_set_comes_from_the_machine() {
        let of = |memory, cores| {
            let limits = with(&Limits::NONE, &GuestLimits::default(), memory, cores);
            (limits.memory_bytes, limits.processes, limits.disk_bytes)
        };
        assert_eq!(of(64 << 30, 8), (Some(60 << 30), Some(8_192), None));
        assert_eq!(of(1 << 30, 256), (Some(768 << 20), Some(32_768), None));
        assert_eq!(of(100 << 20, 1).0, Some(50 << 20));
        let set = GuestLimits {
            memory: Some(Size(1 << 30)),
            processes: Some(100),
            disk: Some(Size(5)),
            ..GuestLimits::default()
        };
        let limits = with(&Limits { log_bytes: 7, ..Limits::NONE }, &set, 64 << 30, 8);
        assert_eq!((limits.memory_bytes, limits.processes, limits.disk_bytes), (Some(1 << 30), Some(100), Some(5)));
        assert_eq!(limits.log_bytes, 7);
    }

    #[test]
    fn a_limit_that_was_met_stands_until_it_is_raised() {
        let set = |memory: u64, time: i64| GuestLimits {
            memory: Some(Size(memory)),
            time: Some(Age { seconds: time }),
            ..GuestLimits::default()
        };
        let of = |end| {
            let set = set(1 << 30, 600);
            met(&set, "a", end, &bounded(&set, &of_build(&set))).expect("a limit").limit
        };
        let attempt = |limit| Attempt {
            key: crate::drv::ActionKey(crate::digest::Digest::of(b"")),
            node: "build:a@d/all".to_owned(),
            fingerprint: None,
            cause: Cause::Build,
            log: None,
            started: 1,
            milliseconds: 1,
            message: String::new(),
            tries: 1,
            limit,
        };
        let memory = attempt(of(End::MemoryLimit));
        let by_memory = [(1 << 30, 600), (1 << 29, 9_999), (1 << 31, 600)].map(|(memory, time)| set(memory, time));
        assert_eq!(by_memory.map(|set| stands(&memory, &set)), [true, true, false]);
        let time = attempt(of(End::WallLimit));
        let by_time = [(1 << 30, 600), (1 << 31, 60), (1 << 30, 601)].map(|(memory, time)| set(memory, time));
        assert_eq!(by_time.map(|set| stands(&time, &set)), [true, true, false]);
        // One that is not set any more, and what met none.
        let disk = attempt(Some(MetLimit { what: Limited::Disk, most: 5 }));
        assert!(!stands(&disk, &set(1 << 30, 600)) && stands(&attempt(None), &set(1, 1)));
        assert_eq!(of(End::HostDisk), None, "the machine's own fault");
    }

    #[test]
    fn each_limit_says_which_and_how_to_raise_it() {
        let host = GuestLimits::default();
        let set = GuestLimits {
            memory: Some(Size(2_000_000_000)),
            processes: Some(100),
            disk: Some(Size(3_000_000)),
            time: Some(Age { seconds: 90 * 60 }),
            silence: Some(Age { seconds: 3_600 }),
        };
        let said = |set: &GuestLimits, end| {
            let limits = with(&of_build(set), set, 16_000_000_000, 4);
            let Met { how, help, cause, .. } = met(set, "chromium", end, &limits)?;
            Some(format!("{cause:?}: the script {how} | {help}"))
        };
        let all = [
            said(&set, End::MemoryLimit),
            said(&host, End::MemoryLimit),
            said(&host, End::HostMemory),
            said(&set, End::ProcessLimit),
            said(&set, End::DiskLimit),
            said(&host, End::HostDisk),
            said(&set, End::WallLimit),
            said(&host, End::WallLimit),
            said(&set, End::SilenceLimit),
        ];
        insta::assert_snapshot!(all.map(|said| said.expect("a limit")).join("\n"), @r"
        Build: the script wanted more memory than 2.0 GB and was ended | raise `memory` of `[limits]` or `[limits.component.chromium]` in `opb.toml`, if it is right to need so much; or let it do less at once with `DEB_BUILD_OPTIONS` `parallel=N` in the recipe's `env`
        Environment: the script wanted more memory than 15.0 GB, which is all that it may have of this machine's, and was ended | build it where there is more memory, or set `memory` of `[limits]` in `opb.toml` if the rest of this machine needs less than what is kept for it
        Environment: the script lost a process, as this machine had no memory left, and was ended | build fewer nodes at once with `-j`, or end what else needs memory here, and build again
        Build: the script wanted more processes and threads at once than 100 and was ended | raise `processes` of `[limits]` or `[limits.component.chromium]` in `opb.toml`, if it is right to need so much
        Build: the script wrote more than 3.0 MB to the disk and was ended | raise `disk` of `[limits]` or `[limits.component.chromium]` in `opb.toml`, if it is right to need so much
        Environment: the script had all but filled the store's disk and was ended | free space there: `opb store gc` removes what nobody needs; or choose a store on another disk with `--store`; and build again
        Build: the script took longer than 90 minutes and was ended | raise `time` of `[limits]` or `[limits.component.chromium]` in `opb.toml`, if it is right to need so much
        Build: the script took longer than 6 hours and was ended | raise `time` of `[limits]` or `[limits.component.chromium]` in `opb.toml`, if it is right to need so much
        Build: the script said nothing for an hour and was ended | raise `silence` of `[limits]` or `[limits.component.chromium]` in `opb.toml`, if it is right to need so much
        ");
        assert_eq!(said(&host, End::Exit(1)), None);
        assert!(met(&host, "", End::WallLimit, &Limits { wall_seconds: Some(300), ..Limits::NONE }).is_none());
    }
}
