//! Which ids of the host the ids of a sandbox are.
//!
//! Inside there are always 0 to 65535. As root all of them lie in a high range of the host, so that not even the guest's
//! root owns anything here. As an ordinary user the guest's 0 is the caller, who then owns what root leaves behind, and
//! the others come from the caller's ranges (`subuid(5)`), through `newuidmap(1)` and `newgidmap(1)`.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{User, getegid, geteuid};
use serde::{Deserialize, Serialize};

use super::SandboxError;

/// How many ids a sandbox has.
const IDS: u32 = 65_536;

/// Where root's range begins if `/etc/subuid` has none for it: above what systemd hands out to containers
/// (`UIDS-GIDS` of systemd), below the ids that do not fit a signed integer.
const ROOT_RANGE: u32 = 0x7000_0000;

/// A mapping of the ids inside to the host's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    pub(super) uids: Vec<Extent>,
    pub(super) gids: Vec<Extent>,
    pub(super) writer: Writer,
}

/// A run of ids: `guest + n` is `host + n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    pub guest: u32,
    pub host: u32,
    pub count: u32,
}

/// Who tells the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Writer {
    /// We do, being root.
    Root,
    /// The setuid programs `newuidmap` and `newgidmap`, which are here.
    Helpers { uids: PathBuf, gids: PathBuf },
}

impl IdMap {
    /// The mapping that this process may use.
    ///
    /// # Errors
    /// Where it may use none: no ranges, no `newuidmap`, or the ids are not there in a container.
    pub fn of_this_process() -> Result<Self, SandboxError> {
        let (uid, gid) = (geteuid(), getegid());
        let login = User::from_uid(uid).ok().flatten().map(|user| user.name);
        let login = login.unwrap_or_else(|| uid.to_string());
        let uid_ranges = ranges(&read("/etc/subuid")?, &login, uid.as_raw());
        let gid_ranges = ranges(&read("/etc/subgid")?, &login, uid.as_raw());
        if uid.is_root() {
            return Self::of_root(&uid_ranges, &gid_ranges);
        }
        let short = |file, found: &[(u32, u32)]| SandboxError::NoRange {
            file,
            user: login.clone(),
            found: found.iter().map(|(_, count)| u64::from(*count)).sum(),
            needed: IDS - 1,
        };
        Ok(Self {
            uids: behind_own(uid.as_raw(), &uid_ranges).ok_or_else(|| short("/etc/subuid", &uid_ranges))?,
            gids: behind_own(gid.as_raw(), &gid_ranges).ok_or_else(|| short("/etc/subgid", &gid_ranges))?,
            writer: Writer::Helpers { uids: find("newuidmap")?, gids: find("newgidmap")? },
        })
    }

    fn of_root(uid_ranges: &[(u32, u32)], gid_ranges: &[(u32, u32)]) -> Result<Self, SandboxError> {
        let large = |ranges: &[(u32, u32)]| ranges.iter().find(|(_, count)| *count >= IDS).map(|(first, _)| *first);
        let (uid, gid) = large(uid_ranges).zip(large(gid_ranges)).unwrap_or((ROOT_RANGE, ROOT_RANGE));
        for (file, first) in [("/proc/self/uid_map", uid), ("/proc/self/gid_map", gid)] {
            if !holds(&read(file)?, first) {
                return Err(SandboxError::RangeUnmapped { first });
            }
        }
        let whole = |host| vec![Extent { guest: 0, host, count: IDS }];
        Ok(Self { uids: whole(uid), gids: whole(gid), writer: Writer::Root })
    }

    /// The host's uid and gid of the guest's root.
    pub fn guest_root(&self) -> (u32, u32) {
        (self.uids.first().map_or(0, |extent| extent.host), self.gids.first().map_or(0, |extent| extent.host))
    }

    /// Makes one folder, of mode 0755, that belongs to the guest's root: for scratch, bare roots and outputs.
    ///
    /// # Errors
    /// Where it cannot be made, or is there already.
    pub fn make_dir_for_guest(&self, path: &Path) -> Result<(), SandboxError> {
        let (uid, gid) = self.guest_root();
        let failed = |source| SandboxError::File { doing: "make", path: path.to_owned(), source };
        fs::create_dir(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        if self.writer == Writer::Root {
            chown(path, Some(uid), Some(gid)).map_err(failed)?;
        }
        Ok(())
    }
}

/// The setting of the host that forbids ordinary users their namespaces, if one does.
pub fn forbidden() -> Option<SandboxError> {
    let settings = [
        ("user.max_user_namespaces", "0", "16384"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ];
    settings.into_iter().find_map(|(sysctl, bad, wanted)| {
        let value = fs::read_to_string(Path::new("/proc/sys").join(sysctl.replace('.', "/"))).ok()?;
        let value = value.trim().to_owned();
        (value == bad).then_some(SandboxError::Forbidden { sysctl, value, wanted })
    })
}

/// The text of a file; of one that is not there, nothing.
fn read(path: &'static str) -> Result<String, SandboxError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|source| SandboxError::File { doing: "read", path: path.into(), source }),
    }
}

/// Where one of the setuid programs is.
fn find(program: &'static str) -> Result<PathBuf, SandboxError> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.filter(|file| file.is_absolute()).ok_or(SandboxError::HelperMissing { program })
}

/// The (first id, count) that lines of `subuid(5)`, `name:first:count`, give to a login name or uid, in their order.
fn ranges(text: &str, login: &str, uid: u32) -> Vec<(u32, u32)> {
    let uid = uid.to_string();
    let of_line = |line: &str| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| *name == login || *name == uid)?;
        let (first, count) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
        (!name.is_empty() && first.checked_add(count).is_some()).then_some((first, count))
    };
    text.lines().filter_map(of_line).collect()
}

/// The guest's 0 is `own`, and 1 to 65535 are filled from `ranges`; `None` where these are too few.
fn behind_own(own: u32, ranges: &[(u32, u32)]) -> Option<Vec<Extent>> {
    let mut extents = vec![Extent { guest: 0, host: own, count: 1 }];
    let mut next = 1;
    for (first, count) in ranges {
        let count = (*count).min(IDS - next);
        if count > 0 {
            extents.push(Extent { guest: next, host: *first, count });
        }
        next += count;
    }
    (next == IDS).then_some(extents)
}

/// Whether a `uid_map` (`user_namespaces(7)`) holds the whole range from `first` on.
fn holds(map: &str, first: u32) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(start)), Some(Ok(_)), Some(Ok(count))) = (fields.next(), fields.next(), fields.next()) else {
            return false;
        };
        start <= u64::from(first) && u64::from(first) + u64::from(IDS) <= start + count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_go_by_name_or_uid() {
        let text = "anna:100000:65536\n1001:300000:10\n# x\nbad:1\nanna:x:1\nanna:4294967295:2\n anna:9:1 \n:5:5\n";
        assert_eq!(ranges(text, "anna", 1001), [(100_000, 65_536), (300_000, 10), (9, 1)]);
        assert_eq!(ranges(text, "bert", 7), []);
    }

    #[test]
    fn own_id_comes_first_and_ranges_fill_the_rest() {
        let one = behind_own(1000, &[(100_000, 65_536)]);
        let extent = |guest, host, count| Extent { guest, host, count };
        assert_eq!(one, Some(vec![extent(0, 1000, 1), extent(1, 100_000, 65_535)]));
        let two = behind_own(1000, &[(100_000, 30_000), (500_000, 40_000), (900_000, 5)]);
        let filled = vec![extent(0, 1000, 1), extent(1, 100_000, 30_000), extent(30_001, 500_000, 35_535)];
        assert_eq!(two, Some(filled));
        assert_eq!(behind_own(1000, &[(100_000, 65_534)]), None);
        assert_eq!(behind_own(1000, &[]), None);
    }

    #[test]
    fn a_container_may_lack_roots_range() {
        assert!(holds("         0          0 4294967295\n", ROOT_RANGE));
        assert!(!holds("0 100000 65536\n", ROOT_RANGE));
        assert!(holds("0 100000 131072\n", 65_536));
        assert!(!holds("junk", 0));
    }
}
