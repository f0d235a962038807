//! What packages require that neither they nor a distribution have, as the host's dnf reads it.
//!
//! Nothing is chosen: every version counts, of all streams of modules. dnf is asked over the metadata that choosing uses,
//! with our packages as a repository of their own in which each stands under the digest of its object.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RpmError;
use super::host::{self, AskedClosure, AskedRepository, ClosureAnswer, UnmetRequirement};
use super::question::{self, Universe};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::package::repodata::plain;
use crate::package::rpm::{Kind, Package};
use crate::package::spec::dependency::{self, Dependency};
use crate::store::Store;

/// The repository of packages that are looked at.
const OURS: &str = "opb-ours";

/// A package that is looked at.
pub struct RpmMember {
    /// Its `.rpm`.
    pub object: Digest,
    /// What it says of itself.
    pub package: Package,
}

/// A requirement that nothing meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetRpm {
    /// The place of the package among those that were looked at.
    pub member: usize,
    /// The requirement, as rpm writes it.
    pub need: String,
    /// What there is instead.
    pub available: String,
    /// How many of the packages cannot be installed because this one cannot.
    pub followers: usize,
}

/// What of the requirements of `members`, which can be installed on `arch` (in rpm's spelling), neither they meet nor the
/// distribution whose index is the tree `index`. In the order of members, then of requirements.
///
/// # Errors
/// Where the index cannot be read, or there is no dnf.
pub fn unmet_rpm(store: &Store, index: Digest, arch: &str, members: &[RpmMember]) -> Result<Vec<UnmetRpm>, Failure> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let universe = Universe::new(store, index)?;
    let work = store.new_work()?;
    let mut texts = Vec::with_capacity(members.len());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (place, RpmMember { object, package }) in members.iter().enumerate() {
        // dnf only hands it back, so the package need not be read to its end for another digest.
        let id = Sha256::from_bytes(*object.as_bytes());
        if places.insert(id.to_string(), place).is_none() {
            texts.push(plain::package(package, id, 0));
        }
    }
    let mut repositories = universe.asked(store, &files(&universe, members), &work)?;
    question::write(&work, OURS, &plain::of(&texts), None)?;
    repositories.push(AskedRepository {
        id: OURS.to_owned(),
        folder: work.path().join(OURS).to_string(),
        place: 0,
        priority: 1,
        hotfixes: true,
        stays: false,
    });
    let asked = AskedClosure { folder: &universe.folder().to_string(), arch, repositories, ours: OURS };
    let answer = host::ask_closure(&asked, universe.folder())?;
    let _ = work.remove();
    match answer {
        ClosureAnswer::Looked { unmet } => Ok(found(unmet, &places)?),
        ClosureAnswer::Failed { failed } => {
            let said = failed.chars().filter(|char| !char.is_control()).take(600).collect();
            Err(RpmError::NotChecked { said }.into())
        }
    }
}

fn found(unmet: Vec<UnmetRequirement>, places: &BTreeMap<String, usize>) -> Result<Vec<UnmetRpm>, RpmError> {
    let one = |unmet: UnmetRequirement| {
        let unknown = || RpmError::NotChecked { said: "it speaks of a package that it was not asked about".to_owned() };
        let member = *places.get(&unmet.package).ok_or_else(unknown)?;
        let plain = |text: &str| -> String { text.chars().filter(|char| !char.is_control()).collect() };
        let available = unmet.there.iter().map(|(name, there)| match there.as_slice() {
            [] => format!("nothing provides `{}`", plain(name)),
            there => format!("`{}` is there as {}", plain(name), plain(&there.join(", "))),
        });
        let available = available.collect::<Vec<_>>().join("; ");
        // Metadata writes an epoch where the package has none.
        let need = plain(&unmet.requirement).replace(" 0:", " ");
        Ok(UnmetRpm { member, need, available: available.replace(" = 0:", " = "), followers: unmet.followers })
    };
    let mut found = unmet.into_iter().map(one).collect::<Result<Vec<_>, RpmError>>()?;
    found.sort_by(|left, right| (left.member, &left.need).cmp(&(right.member, &right.need)));
    Ok(found)
}

/// The files that `members` require by their paths and that neither have nor the slim index.
fn files(universe: &Universe, members: &[RpmMember]) -> BTreeSet<String> {
    let mut wanted = BTreeSet::new();
    for member in members {
        for one in member.package.dependencies(Kind::Requires) {
            let Ok(name) = std::str::from_utf8(one.name) else { continue };
            match name.as_bytes().first() {
                Some(b'/') => drop(wanted.insert(name.to_owned())),
                Some(b'(') => {
                    let parts = dependency::parse(name).unwrap_or_default();
                    let names = parts.iter().flat_map(Dependency::names).filter(|name| name.starts_with('/'));
                    wanted.extend(names.cloned());
                }
                _ => {}
            }
        }
    }
    let looked_at = if wanted.is_empty() { &[] } else { members };
    for member in looked_at {
        for file in member.package.files() {
            let path = [String::from_utf8_lossy(file.folder), String::from_utf8_lossy(file.name)].concat();
            wanted.remove(&path);
        }
    }
    wanted.retain(|path| !universe.has_file(path));
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_as_people_read_them() {
        let places = BTreeMap::from([("aa".to_owned(), 1)]);
        let one = |package: &str| UnmetRequirement {
            package: package.to_owned(),
            requirement: "(libmd >= 0:2 or other)".to_owned(),
            there: vec![
                ("libmd".to_owned(), vec!["libmd-1-1.x86_64".to_owned(), "md-3-1.x86_64 as libmd = 0:1".to_owned()]),
                ("other".to_owned(), Vec::new()),
            ],
            followers: 2,
        };
        let told = found(vec![one("aa")], &places).expect("known");
        let available = "`libmd` is there as libmd-1-1.x86_64, md-3-1.x86_64 as libmd = 1; nothing provides `other`";
        let need = "(libmd >= 2 or other)".to_owned();
        assert_eq!(told, [UnmetRpm { member: 1, need, available: available.to_owned(), followers: 2 }]);
        let refused = found(vec![one("bb")], &places).expect_err("unknown").to_string();
        assert_eq!(
            refused,
            "dnf cannot check what packages require: it speaks of a package that it was not asked about"
        );
    }
}
