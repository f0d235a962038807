//! Source RPMs of distros by their names: what their pins say of them.

use super::sources::{LocalError, Sources};
use crate::graph::Origin;
use crate::lock::{PinnedFile, SrpmPin};
use crate::name::{ComponentName, DistroName, PackageName};

impl Sources<'_> {
    /// The pin of a distro's source RPM that `component` is made of.
    ///
    /// # Errors
    /// Where there is none.
    pub fn srpm(
        &self,
        distro: &DistroName,
        name: &PackageName,
        component: &ComponentName,
    ) -> Result<&SrpmPin, LocalError> {
        let pin = self.lock.srpm.get(distro).and_then(|pins| pins.get(name));
        pin.ok_or_else(|| LocalError {
            message: format!("the source RPM `{name}` of {distro} is not pinned"),
            help: format!("run `opb update {component}`, which looks it up and writes `opb.lock`"),
        })
    }
}

/// Where a distro's pinned source RPM comes from.
pub(super) fn origin((distro, name): (&DistroName, &PackageName), pin: &SrpmPin) -> Origin {
    Origin::Srpm {
        distro: distro.clone(),
        name: name.clone(),
        repository: pin.repository.clone(),
        path: pin.path.clone(),
        file: PinnedFile { size: pin.size, sha256: pin.sha256 },
    }
}

/// Why a distro of `.deb` packages has no such source.
pub(super) fn of_deb(distro: &DistroName, name: &PackageName) -> LocalError {
    LocalError {
        message: format!("`srpm(\"{name}\")` is the source RPM of a distro, and {distro} has `.deb` packages"),
        help: format!(
            "write `if target.family == \"rpm\" {{ srpm(\"{name}\") }} else {{ … }}` with another source for {distro}, or leave it \
             out with `targets`"
        ),
    }
}
