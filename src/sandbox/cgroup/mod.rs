//! A cgroup of its own for each guest: memory, processes, and a share of the processors (`cgroups(7)`).
//!
//! Version 1, version 2, or both at once, as the host has them. Each hierarchy that has one of the three controllers, and in
//! which this process may make a child, is used; others are left. The supervisor makes the child, sees to it that
//! init is in it before any step runs, and removes it when nothing of the guest runs any more. Should the supervisor be killed, an empty
//! folder is left, which the next run takes away.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

mod guest;

pub(super) use guest::Own;

/// What the folders of guests begin with.
const PREFIX: &str = "opb-guest-";

/// What a cgroup can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Controller {
    /// Memory, page cache included.
    Memory,
    /// Processes and threads.
    Processes,
    /// Shares of the processors.
    Cpu,
}

impl Controller {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Processes, Self::Cpu];

    /// The kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "pids",
            Self::Cpu => "cpu",
        }
    }
}

/// Where guests of this process get cgroups. Without any (the default) they have none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cgroups(Vec<Place>);

/// A folder in which children are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    folder: PathBuf,
    version: Version,
    controllers: Vec<Controller>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Version {
    One,
    Two,
}

impl Cgroups {
    /// Those that this process may make, and takes away what dead runs left there.
    pub fn of_this_process() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let own = hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let places: Vec<Place> = own.into_iter().filter_map(Place::usable).collect();
        for place in &places {
            tidy(&place.folder);
        }
        Self(places)
    }

    /// The version of the hierarchy that has `controller` for guests; `None` where none has.
    pub fn version_with(&self, controller: Controller) -> Option<u8> {
        let place = self.0.iter().find(|place| place.controllers.contains(&controller))?;
        Some(if place.version == Version::One { 1 } else { 2 })
    }
}

/// A hierarchy that has controllers of ours, or may have: the folder of this process's own cgroup in it, and where it is
/// mounted. Of version 2 the controllers are found in files only.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    mounted: PathBuf,
    own: PathBuf,
    version: Version,
    controllers: Vec<Controller>,
}

/// From the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn hierarchies(mountinfo: &str, cgroup: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let (Some(root), Some(mounted)) = (before.split(' ').nth(3), before.split(' ').nth(4)) else { continue };
        let mut kind = after.split(' ');
        let version = match kind.next() {
            Some("cgroup") => Version::One,
            Some("cgroup2") => Version::Two,
            _ => continue,
        };
        let options: Vec<&str> = kind.nth(1).unwrap_or_default().split(',').collect();
        let named = |controller: &Controller| version == Version::One && options.contains(&controller.name());
        let controllers: Vec<Controller> = Controller::ALL.into_iter().filter(named).collect();
        if version == Version::One && controllers.is_empty() {
            continue;
        }
        let own = cgroup.lines().find_map(|line| {
            let (names, path) = line.split_once(':')?.1.split_once(':')?;
            let wanted = match controllers.first() {
                Some(first) => names.split(',').any(|name| name == first.name()),
                None => names.is_empty(),
            };
            wanted.then_some(path)
        });
        // In a container the mount may begin below the hierarchy's root.
        let Some(below) = own.and_then(|own| Path::new(own).strip_prefix(root).ok()) else { continue };
        let mounted = PathBuf::from(mounted);
        let known = found.iter().any(|one| one.version == version && one.controllers == controllers);
        if !known {
            found.push(Hierarchy { own: mounted.join(below), mounted, version, controllers });
        }
    }
    found
}

impl Place {
    /// Where a hierarchy lets this process make children, if anywhere.
    fn usable(hierarchy: Hierarchy) -> Option<Self> {
        let Hierarchy { mounted, own, version, controllers } = hierarchy;
        if version == Version::One {
            return writable(&own).then_some(Self { folder: own, version, controllers });
        }
        // Of version 2 only the root may have processes and children that are counted: so children go beside us, if our
        // parent counts already and is ours to write to.
        let parent = own.parent().filter(|_| own != mounted);
        if let Some(parent) = parent.filter(|parent| writable(parent)) {
            let controllers = counted(parent);
            if controllers.contains(&Controller::Memory) || controllers.contains(&Controller::Processes) {
                return Some(Self { folder: parent.to_owned(), version, controllers });
            }
        }
        // Else below us: in the root, or after having gone into a child ourselves where nobody else is here, as in a service
        // or scope with `Delegate=yes`.
        if !writable(&own) || (own.join("cgroup.type").exists() && !step_down(&own)) {
            return None;
        }
        let offered = words(&own.join("cgroup.controllers"));
        let all: Vec<&str> = Controller::ALL.map(Controller::name).to_vec();
        let wanted: Vec<String> = all
            .into_iter()
            .filter(|name| offered.iter().any(|offer| offer == name))
            .map(|name| format!("+{name}"))
            .collect();
        for one in wanted {
            // One by one: that one is refused must not cost the others.
            let _ = fs::write(own.join("cgroup.subtree_control"), one);
        }
        let controllers = counted(&own);
        (!controllers.is_empty()).then_some(Self { folder: own, version, controllers })
    }
}

/// Goes into a child of `own`, the cgroup that this process is in, if nobody else is in there.
fn step_down(own: &Path) -> bool {
    let alone = fs::read_to_string(own.join("cgroup.procs"))
        .is_ok_and(|processes| processes.trim() == std::process::id().to_string());
    let child = own.join("opb");
    alone
        && (child.is_dir() || fs::create_dir(&child).is_ok())
        && fs::write(child.join("cgroup.procs"), std::process::id().to_string()).is_ok()
}

fn writable(folder: &Path) -> bool {
    access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
        && access(&folder.join("cgroup.procs"), AccessFlags::W_OK).is_ok()
}

/// What children of a folder of version 2 are counted for.
fn counted(folder: &Path) -> Vec<Controller> {
    let words = words(&folder.join("cgroup.subtree_control"));
    Controller::ALL.into_iter().filter(|controller| words.iter().any(|word| word == controller.name())).collect()
}

fn words(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The bytes that the cgroups which this process is in may have, each that says so.
pub(super) fn memory_above() -> Vec<u64> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let own = hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
    let limit = |hierarchy: &Hierarchy, folder: &Path| {
        let file = if hierarchy.version == Version::One { "memory.limit_in_bytes" } else { "memory.max" };
        fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok()
    };
    let counts = |hierarchy: &&Hierarchy| {
        hierarchy.version == Version::Two || hierarchy.controllers.contains(&Controller::Memory)
    };
    own.iter()
        .filter(counts)
        .flat_map(|hierarchy| {
            let above = hierarchy.own.ancestors().take_while(|folder| folder.starts_with(&hierarchy.mounted));
            above.filter_map(|folder| limit(hierarchy, folder)).collect::<Vec<_>>()
        })
        .collect()
}

/// Removes folders of guests whose supervisor is gone. Only empty ones can be removed, so nobody's guest is harmed.
fn tidy(folder: &Path) {
    let Some(ours) = namespace() else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let numbers: Vec<u64> = rest.split('-').map_while(|number| number.parse().ok()).collect();
        if let [namespace, process, started] = numbers[..]
            // Of another container's processes nothing is known here.
            && namespace == ours
            && start_of(process) != Some(started)
        {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The number of this process's pid namespace.
fn namespace() -> Option<u64> {
    fs::metadata("/proc/self/ns/pid").ok().map(|namespace| namespace.ino())
}

/// When a process was started, in ticks since the start of the system (`proc_pid_stat(5)`, field 22).
fn start_of(process: u64) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "30 22 0:26 / /sys/fs/cgroup rw shared:5 - tmpfs tmpfs rw\n31 30 0:27 / /sys/fs/cgroup/memory rw shared:6 - cgroup cgroup rw,memory\n32 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n33 30 0:29 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n34 30 0:30 /box /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn hierarchies_are_found_where_they_are_mounted() {
        let found = hierarchies(HYBRID, "8:memory:/a/b\n3:cpu,cpuacct:/\n2:freezer:/\n0::/box/c\n");
        let one = |own: &str, mounted: &str, version, controllers: &[Controller]| Hierarchy {
            mounted: mounted.into(),
            own: own.into(),
            version,
            controllers: controllers.to_vec(),
        };
        let expected = [
            one("/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory", Version::One, &[Controller::Memory]),
            one("/sys/fs/cgroup/cpu/", "/sys/fs/cgroup/cpu", Version::One, &[Controller::Cpu]),
            one("/sys/fs/cgroup/unified/c", "/sys/fs/cgroup/unified", Version::Two, &[]),
        ];
        assert_eq!(found, expected);
        // Ours is not below what is mounted here.
        assert_eq!(hierarchies(HYBRID, "0::/elsewhere\n"), []);
        assert_eq!(hierarchies("junk\n1 2 - cgroup\n", "junk"), []);
    }

    /// A folder that looks like a cgroup of version 2.
    fn folder(at: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(at).expect("made");
        for (name, text) in files {
            fs::write(at.join(name), text).expect("written");
        }
    }

    #[test]
    fn of_version_two_children_go_where_they_are_counted() {
        let top = tempfile::tempdir().expect("a folder");
        let at = |path: &str| top.path().join(path);
        let usable = |own: &str| {
            let (mounted, own) = (top.path().to_owned(), at(own));
            Place::usable(Hierarchy { mounted, own, version: Version::Two, controllers: Vec::new() })
        };
        folder(&at("slice"), &[("cgroup.procs", ""), ("cgroup.subtree_control", "memory pids\n")]);
        folder(
            &at("slice/scope"),
            &[("cgroup.procs", "1\n2\n"), ("cgroup.type", "domain"), ("cgroup.subtree_control", "")],
        );
        let beside = usable("slice/scope").expect("beside");
        assert_eq!((beside.folder, beside.controllers), (at("slice"), vec![Controller::Memory, Controller::Processes]));

        // A parent that counts nothing, and others in the own cgroup: there is no place.
        folder(&at("dull"), &[("cgroup.procs", ""), ("cgroup.subtree_control", "")]);
        folder(&at("dull/scope"), &[("cgroup.procs", "1\n2\n"), ("cgroup.type", "domain")]);
        assert_eq!(usable("dull/scope"), None);

        // Alone in a delegated one: this process goes into a child, and children are counted (which here nobody enables).
        let own = std::process::id().to_string();
        let files = [("cgroup.procs", own.as_str()), ("cgroup.type", "domain"), ("cgroup.controllers", "cpu pids")];
        folder(&at("dull/service"), &files);
        fs::create_dir(at("dull/service/opb")).expect("made");
        assert_eq!(usable("dull/service"), None);
        assert_eq!(fs::read_to_string(at("dull/service/opb/cgroup.procs")).expect("moved"), own);
        assert_eq!(fs::read_to_string(at("dull/service/cgroup.subtree_control")).expect("asked for"), "+cpu");
    }

    #[test]
    fn what_dead_runs_left_is_taken_away() {
        let top = tempfile::tempdir().expect("a folder");
        let namespace = namespace().expect("there");
        let own = u64::from(std::process::id());
        let names = [
            format!("{PREFIX}{namespace}-{own}-{}", start_of(own).expect("runs")),
            format!("{PREFIX}{namespace}-{own}-1"),
            format!("{PREFIX}{}-{own}-1", namespace + 1),
            "other".to_owned(),
        ];
        for name in &names {
            fs::create_dir(top.path().join(name)).expect("made");
        }
        tidy(top.path());
        let left = names.each_ref().map(|name| top.path().join(name).exists());
        assert_eq!(left, [true, false, true, true]);
    }
}
