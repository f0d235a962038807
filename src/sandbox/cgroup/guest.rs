//! The cgroups of one guest: made with their limits, entered, asked what was met, removed.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::fs;
use std::io;
use std::path::Path;

use super::super::Limits;
use super::super::wire::Limit;
use super::{Cgroups, Controller, PREFIX, Place, Version, namespace, start_of};

/// The cgroups of one guest, removed when dropped.
#[derive(Default)]
pub struct Own(Vec<Place>);

impl Own {
    /// Makes them with their limits. A hierarchy that refuses is left out.
    pub fn make(cgroups: &Cgroups, limits: &Limits) -> Self {
        let process = u64::from(std::process::id());
        let (Some(namespace), Some(started)) = (namespace(), start_of(process)) else { return Self::default() };
        let name = format!("{PREFIX}{namespace}-{process}-{started}");
        let made = cgroups.0.iter().filter_map(|place| {
            let folder = place.folder.join(&name);
            fs::create_dir(&folder).ok()?;
            let version = place.version;
            let set = |controller: &Controller| limit(&folder, version, *controller, limits).is_ok();
            let controllers = place.controllers.iter().copied().filter(set).collect();
            Some(Place { folder, version, controllers })
        });
        Self(made.collect())
    }

    /// Whether `controller` counts here.
    pub fn has(&self, controller: Controller) -> bool {
        self.0.iter().any(|place| place.controllers.contains(&controller))
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Enters those of version 1, so that a process that is cloned now is in them from its beginning: for its own single
    /// thread the kernel does not stop all others, as it does to move another process.
    pub fn enter(&mut self) {
        self.keep_if(|place| place.version == Version::Two || place.write("tasks", "0"));
    }

    /// Goes back to where guests get their cgroups.
    pub fn leave(&self) {
        for place in self.0.iter().filter(|place| place.version == Version::One) {
            // Where this fails, the folder is left, and the next run takes it away.
            let _ = place.folder.parent().map(|above| fs::write(above.join("tasks"), "0"));
        }
    }

    /// Puts a process into those of version 2.
    pub fn take_in(&mut self, process: libc::pid_t) {
        self.keep_if(|place| place.version == Version::One || place.write("cgroup.procs", &process.to_string()));
    }

    /// Gives up the others, which could not be entered.
    fn keep_if(&mut self, is_entered: impl Fn(&Place) -> bool) {
        self.0.retain(|place| {
            let entered = is_entered(place);
            if !entered {
                let _ = fs::remove_dir(&place.folder);
            }
            entered
        });
    }

    /// The limit that was met, if one was.
    pub fn met(&self) -> Option<Limit> {
        let count = |place: &Place, file: &str, word: &str| {
            let text = fs::read_to_string(place.folder.join(file)).unwrap_or_default();
            let counted = text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse::<u64>().ok());
            counted.unwrap_or_default() > 0
        };
        self.0.iter().find_map(|place| {
            if place.controllers.contains(&Controller::Memory) {
                // `max` and `failcnt` also count what could be helped by giving up page cache: a kill says that it could not.
                let (killed, own) = match place.version {
                    Version::One => {
                        (count(place, "memory.oom_control", "oom_kill "), count(place, "memory.failcnt", ""))
                    }
                    Version::Two => (count(place, "memory.events", "oom_kill "), count(place, "memory.events", "max ")),
                };
                if killed {
                    return Some(if own { Limit::Memory } else { Limit::HostMemory });
                }
            }
            let refused = place.controllers.contains(&Controller::Processes) && count(place, "pids.events", "max ");
            refused.then_some(Limit::Processes)
        })
    }
}

impl Place {
    fn write(&self, file: &str, text: &str) -> bool {
        fs::write(self.folder.join(file), text).is_ok()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        for place in &self.0 {
            // What is left is taken away by the next run.
            let _ = fs::remove_dir(&place.folder);
        }
    }
}

/// Writes the limit of one controller.
fn limit(folder: &Path, version: Version, controller: Controller, limits: &Limits) -> io::Result<()> {
    let write = |file: &str, value: String| fs::write(folder.join(file), value);
    match (controller, version) {
        (Controller::Memory, Version::One) => match limits.memory_bytes {
            Some(bytes) => write("memory.limit_in_bytes", bytes.to_string()),
            None => Ok(()),
        },
        (Controller::Memory, Version::Two) => {
            // Half a build is of no use: all of it goes, not its largest process.
            let _ = write("memory.oom.group", "1".to_owned());
            match limits.memory_bytes {
                Some(bytes) => write("memory.max", bytes.to_string()),
                None => Ok(()),
            }
        }
        (Controller::Processes, _) => match limits.processes {
            // Init is none of the build's.
            Some(number) => write("pids.max", number.saturating_add(1).to_string()),
            None => Ok(()),
        },
        // Half of what others have: a build gives way to what people do. In version 1 each process beside it has a share of
        // its own, so it is given one for each core.
        (Controller::Cpu, Version::Two) => write("cpu.weight", "50".to_owned()),
        (Controller::Cpu, Version::One) => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            write("cpu.shares", (cores * 512).to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_events_of_version_two() {
        let top = tempfile::tempdir().expect("a folder");
        let place =
            Place { folder: top.path().to_owned(), version: Version::Two, controllers: Controller::ALL.to_vec() };
        let limits = Limits { memory_bytes: Some(1 << 30), processes: Some(100), ..Limits::NONE };
        let own = Own::make(&Cgroups(vec![place]), &limits);
        let guest = own.0.first().expect("made").folder.clone();
        let read = |name: &str| fs::read_to_string(guest.join(name)).expect("written");
        let written = ["memory.max", "memory.oom.group", "pids.max", "cpu.weight"].map(read);
        assert_eq!(written, ["1073741824", "1", "101", "50"]);
        let says = |file: &str, text: &str| {
            fs::write(guest.join(file), text).expect("written");
            own.met()
        };
        assert_eq!(own.met(), None);
        assert_eq!(says("memory.events", "low 0\nmax 7\noom 0\noom_kill 0\n"), None, "page cache was given up");
        assert_eq!(says("pids.events", "max 2\n"), Some(Limit::Processes));
        assert_eq!(says("memory.events", "max 7\noom 1\noom_kill 3\n"), Some(Limit::Memory));
        assert_eq!(says("memory.events", "max 0\noom 0\noom_kill 3\n"), Some(Limit::HostMemory));
    }
}
