//! The archive that builds for RPM distros take as it is: upstream's own, or that of a source package of a distribution of
//! `.deb` packages, with the version that it is. The `debian/` of those is of no use to them.

use crate::lock::{ArchivePin, DscPin};
use crate::package::version::Version;

/// An archive that is taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The file among `files`: `libmd_1.0.4.orig.tar.xz`.
    pub file: String,
    /// What a source package says of it; `None` of upstream's own archive.
    pub package: Option<OfPackage>,
    /// All files of the source package, or the archive and its signature; sorted.
    pub files: Vec<String>,
}

/// What a source package says of its archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfPackage {
    /// The version, as rpm takes it: without epoch and revision, and with `_` for `-`.
    pub version: String,
    /// The date of the newest entry of its changelog, in seconds since 1970.
    pub date: i64,
}

/// How an archive is packed, by the end of its name; `None` for what no archive is called.
pub fn packing(name: &str) -> Option<&'static str> {
    let endings = [
        (".tar.gz", "gz"),
        (".tgz", "gz"),
        (".tar.bz2", "bz2"),
        (".tbz2", "bz2"),
        (".tar.xz", "xz"),
        (".txz", "xz"),
        (".tar.lzma", "lzma"),
        (".tar.zst", "zst"),
        (".tar", "none"),
    ];
    endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, packing)| packing)
}

impl Upstream {
    /// That of a pin; `None` where the source package has no archive, or several that could be it.
    pub fn of(pin: &DscPin) -> Option<Self> {
        let version = Version::new(&pin.facts.version).ok()?;
        let is_archive = |name: &&String| packing(name).is_some();
        // Further archives of upstream's are called `….orig-NAME.tar.xz`.
        let mut of_upstream = pin.files.keys().filter(is_archive).filter(|name| name.contains(".orig.tar"));
        // A native source package has one archive, which no upstream has made apart.
        let mut all = pin.files.keys().filter(is_archive);
        let only = |archives: &mut dyn Iterator<Item = &String>| {
            let first = archives.next().cloned();
            first.filter(|_| archives.next().is_none())
        };
        let file = match only(&mut of_upstream) {
            Some(file) => file,
            None if pin.files.keys().any(|name| name.contains(".orig.tar")) => return None,
            None => only(&mut all)?,
        };
        let package = OfPackage { version: version.upstream().replace('-', "_"), date: pin.facts.date };
        Some(Self { file, package: Some(package), files: pin.files.keys().cloned().collect() })
    }

    /// Upstream's own, as it lies at `/in/upstream`.
    pub fn of_archive(pin: &ArchivePin) -> Self {
        let file = format!("upstream.{}", pin.packing.as_str());
        let signature = pin.signature.as_ref().map(|_| format!("{file}.asc"));
        Self { files: std::iter::once(file.clone()).chain(signature).collect(), file, package: None }
    }

    /// The file of the source package that a spec means by `name`, where its archive is called `archive`: one of that
    /// name, or the archive's signature.
    pub fn file_for(&self, name: &str, archive: Option<&str>) -> Option<&str> {
        let signature =
            archive.and_then(|archive| name.strip_prefix(archive)).filter(|end| [".asc", ".sig"].contains(end));
        let wanted = signature.map_or_else(|| name.to_owned(), |end| format!("{}{end}", self.file));
        self.files.iter().find(|file| **file == wanted).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::digest::{Digest, Sha256};
    use crate::lock::{PinnedFile, SourceFacts};

    fn pin(version: &str, files: &[&str]) -> DscPin {
        let file = PinnedFile { size: 1, sha256: Sha256::of(b"1") };
        DscPin {
            suite: "oasis".into(),
            directory: "pool/main/libm/libmd".into(),
            tree: Digest::of(b"tree"),
            files: files.iter().map(|name| ((*name).to_owned(), file.clone())).collect(),
            facts: SourceFacts {
                source: "libmd".parse().expect("a name"),
                version: version.into(),
                distribution: "unstable".into(),
                date: 1_700_000_000,
                format: "3.0 (quilt)".into(),
                rules_requires_root: None,
                build_depends: String::new(),
                build_depends_arch: String::new(),
                build_depends_indep: String::new(),
                build_conflicts: String::new(),
                binaries: BTreeMap::new(),
            },
        }
    }

    fn found(version: &str, files: &[&str]) -> Option<(String, String)> {
        let upstream = Upstream::of(&pin(version, files))?;
        Some((upstream.file, upstream.package?.version))
    }

    #[test]
    fn the_archive_is_upstreams() {
        let said = |file: &str, version: &str| Some((file.to_owned(), version.to_owned()));
        let files = ["a_1.0-2.debian.tar.xz", "a_1.0-2.dsc", "a_1.0.orig.tar.gz", "a_1.0.orig.tar.gz.asc"];
        assert_eq!(found("2:1.0-2", &files), said("a_1.0.orig.tar.gz", "1.0"));
        assert_eq!(
            found("1.0-rc1-2", &["a_1.0-rc1.orig.tar.bz2", "a.diff.gz"]),
            said("a_1.0-rc1.orig.tar.bz2", "1.0_rc1")
        );
        assert_eq!(found("3.1~a+b", &["a_3.1~a+b.dsc", "a_3.1~a+b.tar.xz"]), said("a_3.1~a+b.tar.xz", "3.1~a+b"));
    }

    #[test]
    fn what_could_be_several_archives_is_none() {
        assert_eq!(found("1-1", &["a_1.orig.tar.xz", "a_1.orig.tar.gz", "a_1-1.debian.tar.xz"]), None);
        assert_eq!(found("1", &["a_1.dsc"]), None);
        assert_eq!(found("1-1", &["a_1.orig.tar.rar", "a_1-1.debian.tar.xz"]), None, "an archive of another kind");
    }

    #[test]
    fn a_signature_goes_with_its_archive() {
        let files = ["a_1.orig-docs.tar.xz", "a_1.orig.tar.xz", "a_1.orig.tar.xz.asc"];
        let upstream = Upstream { file: files[1].into(), package: None, files: files.map(str::to_owned).into() };
        let archive = Some("a-1.tar.xz");
        assert_eq!(upstream.file_for("a-1.tar.xz.asc", archive), Some("a_1.orig.tar.xz.asc"));
        assert_eq!(upstream.file_for("a_1.orig-docs.tar.xz", archive), Some("a_1.orig-docs.tar.xz"));
        assert_eq!((upstream.file_for("a-1.tar.xz.sig", archive), upstream.file_for("x.patch", archive)), (None, None));
    }
}
