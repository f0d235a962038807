//! How each package family turns a component and a target into derivations.
//!
//! A distro is data, a family is code: what differs between two releases of a distribution stands in `distros/`, what
//! differs between kinds of packages stands here. Pure: which nodes exist and how they hang together is the weaver's
//! business (`eval/weave`), running them that of `exec/`.

pub mod check;
pub mod deb;
pub mod laid;
pub mod probe;
pub mod rpm;
pub mod stamped;

use crate::component::BuildSpec;
use crate::distro::Family;
use crate::drv::{Env, Script};

/// What the environment of every script begins with.
const FIXED: [(&str, &str); 9] = [
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/nonexistent"),
    ("USER", "builder"),
    ("LOGNAME", "builder"),
    ("SHELL", "/bin/sh"),
    ("LANG", "C.UTF-8"),
    ("LC_ALL", "C.UTF-8"),
    ("TZ", "UTC"),
    ("TERM", "dumb"),
];

/// Which packages of a source a build makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Those of one arch.
    Arch,
    /// Those that are independent of it.
    Indep,
}

/// Whether a build makes packages of a family at all.
pub fn makes(build: &BuildSpec, family: Family) -> bool {
    match (build, family) {
        (BuildSpec::Native, _) | (BuildSpec::Debian { .. }, Family::Deb) | (BuildSpec::Spec { .. }, Family::Rpm) => {
            true
        }
        (BuildSpec::Debian { .. }, Family::Rpm) | (BuildSpec::Spec { .. }, Family::Deb) => false,
    }
}

fn fixed_env() -> Env {
    FIXED.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

/// The environment that every script of a source from `date` (seconds since 1970) has.
fn base_env(date: i64) -> Env {
    let mut env = fixed_env();
    env.insert("SOURCE_DATE_EPOCH".into(), date.to_string().into());
    env
}

/// The version of the packages of a build with `number`, from its script's environment.
pub fn numbered_version(script: &Script, number: u32) -> String {
    version_with(script, &number.to_string())
}

/// What the numbers of a build count: the version that stays the same from one to the next.
pub fn unnumbered_version(script: &Script) -> String {
    version_with(script, "N")
}

/// The same of a build whose derivation is known as text ([`crate::drv::text_of`]); `None` where that is of no such build.
pub fn unnumbered_version_in(derivation: &str) -> Option<String> {
    let value = |field: &str| {
        let mut lines = derivation.lines();
        lines.find_map(|line| line.strip_prefix("env ")?.strip_prefix(field)?.strip_prefix(" = "))
    };
    Some(format!("{}N{}", value("OPB_VERSION_HEAD")?, value("OPB_VERSION_TAIL").unwrap_or_default()))
}

fn version_with(script: &Script, number: &str) -> String {
    let get = |key: &str| script.env.get(key).map_or("", |value| value.as_ref());
    format!("{}{number}{}", get("OPB_VERSION_HEAD"), get("OPB_VERSION_TAIL"))
}
