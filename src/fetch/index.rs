//! Index files: which of those that a Release file names a distro needs, and where each may be got.

use super::release::{Release, ReleaseError};
use crate::address::Address;
use crate::digest::Sha256;
use crate::name::Arch;

/// An index file that a Release file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its place below the suite, such as `main/binary-amd64/Packages.xz`.
    pub path: String,
    /// Digest of the file as it is, so compressed.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
}

/// The index files of `areas` for `arches`, and for source packages where `sources` is true; sorted by area, then arch.
///
/// Of each index the smallest form that is there: `.xz`, else `.gz`, else plain.
///
/// # Errors
/// [`ReleaseError::NoIndex`] for the first that is in no such form.
pub fn indexes(
    release: &Release,
    suite: &str,
    areas: &[String],
    arches: &[Arch],
    sources: bool,
) -> Result<Vec<Index>, ReleaseError> {
    let mut found = Vec::new();
    for area in areas {
        let mut plain: Vec<String> = arches.iter().map(|arch| format!("{area}/binary-{arch}/Packages")).collect();
        plain.extend(sources.then(|| format!("{area}/source/Sources")));
        for path in plain {
            let form = [".xz", ".gz", ""].iter().find_map(|ending| {
                let path = format!("{path}{ending}");
                release.files.get(&path).map(|(sha256, size)| Index { path, sha256: *sha256, size: *size })
            });
            found.push(form.ok_or_else(|| ReleaseError::NoIndex { suite: suite.to_owned(), path })?);
        }
    }
    Ok(found)
}

/// The address of `suite` in the archive at `base`.
pub fn suite_address(base: &Address, suite: &str) -> Address {
    base.join("dists").join(suite)
}

/// Where the index at `path` of the suite at `suite` may be got: by its digest, which stays right while a mirror is being
/// updated, then by its name.
pub fn by_hash(suite: &Address, path: &str, sha256: Sha256) -> Vec<Address> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    vec![suite.join(&format!("{folder}/by-hash/SHA256/{sha256}")), suite.join(path)]
}

#[cfg(test)]
mod tests {
    use super::super::release::parse_release;
    use super::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_smallest_form_is_chosen() {
        let text = format!(
            "Suite: s\nDate: Sat, 21 Nov 2026 08:10:11 UTC\nSHA256:\n {HASH} 0 main/binary-amd64/Packages\n \
             {HASH} 5 main/binary-amd64/Packages.gz\n {HASH} 7 main/binary-amd64/Packages.xz\n {HASH} 9 main/source/Sources.gz\n \
             {HASH} 3 main/binary-arm64/Packages\n"
        );
        let release = parse_release(&text, "s").expect("good");
        let arches = ["amd64", "arm64"].map(|arch| arch.parse().expect("arch"));
        let found = indexes(&release, "s", &["main".into()], &arches, true).expect("there");
        let shown: Vec<(&str, u64)> = found.iter().map(|index| (index.path.as_str(), index.size)).collect();
        let wanted =
            [("main/binary-amd64/Packages.xz", 7), ("main/binary-arm64/Packages", 3), ("main/source/Sources.gz", 9)];
        assert_eq!(shown, wanted);
        let error = indexes(&release, "s", &["contrib".into()], &arches, true).unwrap_err();
        assert_eq!(error.to_string(), "suite `s` has no index `contrib/binary-amd64/Packages`");
        assert_eq!(indexes(&release, "s", &["main".into()], &[], false), Ok(Vec::new()));
    }

    #[test]
    fn addresses_of_indexes() {
        let suite = suite_address(&Address::new("http://a.example/debian/").expect("good"), "bookworm");
        let places = by_hash(&suite, "main/source/Sources.xz", HASH.parse().expect("digest"));
        let shown: Vec<String> = places.iter().map(ToString::to_string).collect();
        assert_eq!(shown[0], format!("http://a.example/debian/dists/bookworm/main/source/by-hash/SHA256/{HASH}"));
        assert_eq!(shown[1], "http://a.example/debian/dists/bookworm/main/source/Sources.xz");
    }
}
