//! The whole program on real builds in chroots: what people see, and what is on disk afterwards.
//!
//! Needs a mirror that this machine's apt is set to use, and root or ranges in `/etc/subuid`; says so where it is skipped.

#[path = "yum/dnf.rs"]
mod dnf;
mod space;

#[path = "building/again.rs"]
mod again;
#[path = "building/archives.rs"]
mod archives;
#[path = "building/autopkgtest.rs"]
mod autopkgtest;
#[path = "building/beginning.rs"]
mod beginning;
#[path = "building/bringing.rs"]
mod bringing;
#[path = "building/chain.rs"]
mod chain;
#[path = "building/checkouts.rs"]
mod checkouts;
#[path = "building/checks.rs"]
mod checks;
#[path = "building/checks_rpm.rs"]
mod checks_rpm;
#[path = "building/closure.rs"]
mod closure;
#[path = "building/damage.rs"]
mod damage;
#[path = "building/exceptions.rs"]
mod exceptions;
#[path = "building/extra.rs"]
mod extra;
#[path = "building/failing.rs"]
mod failing;
#[path = "building/fetching.rs"]
mod fetching;
#[path = "building/foreign.rs"]
mod foreign;
#[path = "building/full_disk.rs"]
mod full_disk;
#[path = "building/laid.rs"]
mod laid;
#[path = "building/left.rs"]
mod left;
#[path = "building/limits.rs"]
mod limits;
#[path = "building/may_fail.rs"]
mod may_fail;
#[path = "building/network.rs"]
mod network;
#[path = "building/nightly.rs"]
mod nightly;
#[path = "building/nightly_killed.rs"]
mod nightly_killed;
#[path = "building/pins.rs"]
mod pins;
#[path = "building/probes.rs"]
mod probes;
#[path = "building/publishing.rs"]
mod publishing;
#[path = "building/real.rs"]
mod real;
#[path = "building/releasing.rs"]
mod releasing;
#[path = "building/rpm.rs"]
mod rpm;
#[path = "building/rpm_dsc.rs"]
mod rpm_dsc;
#[path = "building/rpm_published.rs"]
mod rpm_published;
#[path = "building/rpm_publishing.rs"]
mod rpm_publishing;
#[path = "building/rpm_roots.rs"]
mod rpm_roots;
#[path = "building/sharing.rs"]
mod sharing;
#[path = "building/shell.rs"]
mod shell;
#[path = "building/sources.rs"]
mod sources;
#[path = "building/srpms.rs"]
mod srpms;
#[path = "building/stopping.rs"]
mod stopping;
#[path = "building/threats.rs"]
mod threats;
#[path = "building/user.rs"]
mod user;
#[path = "building/vendor.rs"]
mod vendor;
#[path = "building/vendor_nightly.rs"]
mod vendor_nightly;
#[path = "../examples/vendor/mod.rs"]
mod vendor_project;
#[path = "building/versions.rs"]
mod versions;
#[path = "building/watching.rs"]
mod watching;
#[path = "building/whole_distro.rs"]
mod whole_distro;
