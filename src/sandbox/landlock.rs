//! A second wall for steps that name where they write: Landlock (`landlock(7)`), where the kernel has it.
//!
//! What modes and owners allow a step is not enough any more: it writes below its places only, whatever lies open elsewhere
//! in the root. A kernel without Landlock, or with an early one, does what it can.

use std::io;

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope,
};
use nix::errno::Errno;

use crate::path::GuestPath;

/// What is known of Landlock here. A newer kernel is asked for no more.
const KNOWN: ABI = ABI::V5;

/// Lets this process and its children write below `places` only; one that is not there is left out. For good.
pub(super) fn write_only_below(places: &[GuestPath]) -> io::Result<()> {
    let writes = AccessFs::from_write(KNOWN);
    let rules = places.iter().filter_map(|place| {
        let opened = PathFd::new(place.as_path()).ok()?;
        Some(Ok::<_, landlock::RulesetError>(PathBeneath::new(opened, writes)))
    });
    let shut = || -> Result<_, landlock::RulesetError> {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(writes)?;
        ruleset.create()?.add_rules(rules)?.restrict_self()
    };
    shut().map(drop).map_err(io::Error::other)
}

/// Keeps this process and its children from abstract sockets (`unix(7)`) that were made outside of them. For good. A kernel
/// that has no such rule (before Linux 6.12) does without. `/` must be the guest's own by now.
pub(super) fn keep_from_nameless_sockets() -> io::Result<()> {
    let shut = || -> Result<_, landlock::RulesetError> {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
        // Whoever is under any rules may move nothing from folder to folder, unless they say otherwise.
        let ruleset = ruleset.handle_access(AccessFs::Refer)?.scope(Scope::AbstractUnixSocket)?.create()?;
        let everywhere = PathFd::new("/").map(|root| PathBeneath::new(root, AccessFs::Refer));
        ruleset.add_rules(everywhere.into_iter().map(Ok::<_, landlock::RulesetError>))?.restrict_self()
    };
    shut().map(drop).map_err(io::Error::other)
}

/// The version of Landlock's interface that the kernel has; `None` where it has none, or it is switched off.
pub fn landlock_version() -> Option<u32> {
    const VERSION: u32 = 1;
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag nothing is read through the pointer, which must be null.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0_usize, VERSION) };
    Errno::result(version).ok().and_then(|version| u32::try_from(version).ok())
}
