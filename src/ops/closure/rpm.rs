//! What `.rpm` packages require.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::{Broken, Going, Part};
use crate::diag::Failure;
use crate::exec::{RpmMember, unmet_rpm};
use crate::family::rpm::{arch_name, debian_arch};
use crate::package::rpm::Package;

/// All packages of `part`, and what they require and nothing provides.
///
/// # Errors
/// Where a package or an index cannot be read, or there is no dnf.
pub(super) fn check(part: &Part<'_>) -> Result<(Vec<Going>, Vec<Broken>), Failure> {
    let read = part.files.par_iter().map(|&(build, object, _)| {
        let package = Package::read(part.store.open_object(object)?)?;
        let epoch = if package.epoch() == 0 { String::new() } else { format!("{}:", package.epoch()) };
        let version = format!("{epoch}{}-{}", package.version(), package.release());
        let (name, arch) = (package.name().to_owned(), debian_arch(package.arch()).to_owned());
        Ok((Going { build, object, name, version, arch }, package))
    });
    let (packages, headers): (Vec<Going>, Vec<Package>) =
        read.collect::<Result<Vec<_>, Failure>>()?.into_iter().unzip();
    let mut broken = Vec::new();
    for arch in &part.arches {
        let places = part.on(&packages, arch);
        if places.is_empty() {
            continue;
        }
        let member = |place: &usize| RpmMember { object: packages[*place].object, package: headers[*place].clone() };
        let members: Vec<RpmMember> = places.iter().map(member).collect();
        for one in unmet_rpm(part.store, part.own_index(arch)?, arch_name(arch), &members)? {
            let package = &packages[places[one.member]];
            broken.push(part.broken(arch, package, (one.need, one.available, one.followers)));
        }
    }
    Ok((packages, broken))
}
