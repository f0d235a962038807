//! How each package family turns a component and a target into derivations.
//!
//! A distro is data, a family is code: what differs between two releases of a distribution stands in `distros/`, what
//! differs between kinds of packages stands here. Pure: which nodes exist and how they hang together is the weaver's
//! business (`eval/weave`), running them that of `exec/`.

pub mod deb;
pub mod laid;
pub mod probe;
pub mod rpm;

use crate::component::BuildSpec;
use crate::distro::Family;

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
