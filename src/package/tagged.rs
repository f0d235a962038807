//! Versions that come from tags, as each family of packages writes them.
//!
//! ```text
//! at the tag v1.2         1.2        deb 1.2              rpm 1.2
//! five commits later                 deb 1.2+git5.abcdef0 rpm 1.2^5.gitabcdef0, without `^` 1.2+git5.abcdef0
//! at the tag v1.3-rc1     1.3~rc1    deb 1.3~rc1          rpm 1.3~rc1
//! without any tag                    deb 0.0.0+git5.…     rpm 0.0.0^5.git…
//! ```
//!
//! A release comes before what is built behind it, and that before the next release. A Debian version without a revision
//! gets `~deb12` right behind it, which would come before any `~rc1`, so there it is `~~rc1`.

use super::version::{Version, VersionError};

/// How many digits of a commit's id a version has.
const DIGITS: usize = 7;

/// A version that comes from tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The release: letters, digits, `.`, `+` and `~`, beginning with a digit.
    pub release: String,
    /// How many commits there are since, in which version control system, and the last of them; `None` at the release itself.
    pub since: Option<Since>,
}

/// Commits since a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// How many there are.
    pub distance: u64,
    /// `git` or `hg`.
    pub system: &'static str,
    /// The last one's id, whole.
    pub commit: String,
}

impl Since {
    fn commit(&self) -> &str {
        self.commit.get(..DIGITS).unwrap_or(&self.commit)
    }

    fn plus(&self) -> String {
        format!("+{}{}.{}", self.system, self.distance, self.commit())
    }
}

impl Tagged {
    /// The upstream version of a Debian package. `native`: it has no revision.
    pub fn deb(&self, native: bool) -> String {
        let since = self.since.as_ref().map_or_else(String::new, Since::plus);
        let release = if native { self.release.replace('~', "~~") } else { self.release.clone() };
        format!("{release}{since}")
    }

    /// A Debian version with the epoch and the revision of `last`, the newest one in the package's changelog.
    ///
    /// # Errors
    /// [`VersionError`] where it comes out too long.
    pub fn deb_after(&self, last: &Version) -> Result<Version, VersionError> {
        let epoch = last.as_str().split_once(':').map_or_else(String::new, |(epoch, _)| format!("{epoch}:"));
        let upstream = self.deb(last.revision().is_none());
        let revision = last.revision().map_or_else(String::new, |revision| format!("-{revision}"));
        Version::new(&format!("{epoch}{upstream}{revision}"))
    }

    /// The version of an RPM package. `caret`: the distribution's rpm knows `^`.
    pub fn rpm(&self, caret: bool) -> String {
        match &self.since {
            None => self.release.clone(),
            Some(since) if caret => {
                format!("{}^{}.{}{}", self.release, since.distance, since.system, since.commit())
            }
            Some(since) => format!("{}{}", self.release, since.plus()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::package::rpm_version;

    fn tagged(release: &str, distance: u64) -> Tagged {
        let commit = format!("{:07x}{}", distance.wrapping_mul(0x9e37_79b9) & 0x0fff_ffff, "0".repeat(33));
        let since = (distance > 0).then_some(Since { distance, system: "git", commit });
        Tagged { release: release.to_owned(), since }
    }

    #[test]
    fn versions_are_written_in_each_way() {
        let commit = "abcdef0123456789abcdef0123456789abcdef01".to_owned();
        let since = Some(Since { distance: 5, system: "git", commit });
        let behind = |release: &str| Tagged { release: release.to_owned(), since: since.clone() };
        let all = |tagged: &Tagged| [tagged.deb(false), tagged.deb(true), tagged.rpm(true), tagged.rpm(false)];
        assert_eq!(all(&tagged("1.2", 0)), ["1.2"; 4]);
        assert_eq!(
            all(&behind("1.2")),
            ["1.2+git5.abcdef0", "1.2+git5.abcdef0", "1.2^5.gitabcdef0", "1.2+git5.abcdef0"]
        );
        assert_eq!(
            all(&behind("1.3~rc1")),
            ["1.3~rc1+git5.abcdef0", "1.3~~rc1+git5.abcdef0", "1.3~rc1^5.gitabcdef0", "1.3~rc1+git5.abcdef0"]
        );
        let after = |last: &str| {
            behind("1.2").deb_after(&Version::new(last).expect("a version")).expect("fits").as_str().to_owned()
        };
        assert_eq!(after("1.0-3"), "1.2+git5.abcdef0-3");
        assert_eq!(after("1.0"), "1.2+git5.abcdef0");
        assert_eq!(after("2:1.0-0ubuntu1"), "2:1.2+git5.abcdef0-0ubuntu1");
        let long = Version::new(&format!("1-{}", "1".repeat(290))).expect("fits");
        assert!(behind("1.2").deb_after(&long).is_err());
    }

    /// What is built along a branch with these releases, in order, with what our numbers and distros add.
    fn deb(native: bool) -> Vec<String> {
        let revision = if native { "" } else { "-1" };
        let line = ["0.0.0", "0.9", "1.0~beta1", "1.0~rc1", "1.0~rc2", "1.0", "1.0.1", "1.1~alpha", "1.1", "1.10", "2"];
        let mut all = Vec::new();
        for release in line {
            for distance in [0, 1, 2, 9, 10, 100] {
                for number in ["~deb12", "~deb12+opb1", "~deb12+opb2", "~deb12+opb10", "~deb13", "~deb13+opb1"] {
                    all.push(format!("{}{revision}{number}", tagged(release, distance).deb(native)));
                }
            }
        }
        all
    }

    #[test]
    fn what_is_built_along_a_branch_rises_as_dpkg_sees_it() {
        for native in [false, true] {
            let all = deb(native);
            for pair in all.windows(2) {
                let (one, other) = (Version::new(&pair[0]).expect("sound"), Version::new(&pair[1]).expect("sound"));
                assert!(one < other, "{pair:?}");
            }
            if Command::new("dpkg").arg("--version").output().is_err() {
                println!("skipped: no dpkg here to compare with");
                continue;
            }
            for pair in all.windows(2) {
                let dpkg = Command::new("dpkg").args(["--compare-versions", &pair[0], "lt", &pair[1]]).status();
                assert!(dpkg.expect("dpkg is there").success(), "{pair:?}");
            }
        }
    }

    /// The order that rpm itself says pairs have.
    fn rpm_says(pairs: &[(String, String)]) -> Option<Vec<Ordering>> {
        let calls: String =
            pairs.iter().map(|(one, other)| format!("print(rpm.vercmp(\"{one}\", \"{other}\") .. \",\") ")).collect();
        let output = Command::new("rpm").arg("--eval").arg(format!("%{{lua: {calls}}}")).output().ok()?;
        let text = String::from_utf8(output.stdout).expect("text");
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Some(words.map(|word| word.parse::<i32>().expect("a number").cmp(&0)).collect())
    }

    #[test]
    fn what_is_built_along_a_branch_rises_as_rpm_sees_it() {
        let line = ["0.0.0", "0.9", "1.0~beta1", "1.0~rc1", "1.0~rc2", "1.0", "1.0.1", "1.1~alpha", "1.1", "1.10", "2"];
        for caret in [true, false] {
            let all: Vec<String> = line
                .iter()
                .flat_map(|release| [0, 1, 2, 9, 10, 100].map(|distance| tagged(release, distance).rpm(caret)))
                .collect();
            let pairs: Vec<(String, String)> = all.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            for (one, other) in &pairs {
                assert_eq!(rpm_version::compare(one, other), Ordering::Less, "{one} {other}");
            }
            match rpm_says(&pairs) {
                Some(says) => assert_eq!(says, vec![Ordering::Less; pairs.len()], "{pairs:?}"),
                None => println!("skipped: no rpm here to compare with"),
            }
        }
    }

    proptest! {
        /// A release, then what is built behind it, then the next release, whatever the commits are called.
        #[test]
        fn nightlies_stand_between_releases(
            numbers in proptest::collection::vec(0u32..200, 1..4),
            place in 0usize..4,
            distances in proptest::collection::btree_set(1u64..100_000, 2..5),
            commits in proptest::collection::vec("[0-9a-f]{40}", 5),
            before in proptest::option::of(("alpha|beta|rc|pre|dev", 0u32..20)),
        ) {
            let release = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
            let mut next = numbers.clone();
            match next.get_mut(place) {
                Some(number) => *number += 1,
                None => next.push(1),
            }
            let next = next.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
            let mut all = Vec::new();
            if let Some((word, number)) = before {
                all.push(Tagged { release: format!("{release}~{word}{number}"), since: None });
                let since = Some(Since { distance: 3, system: "git", commit: commits[4].clone() });
                all.push(Tagged { release: format!("{release}~{word}{number}"), since });
            }
            all.push(Tagged { release: release.clone(), since: None });
            for (distance, commit) in distances.into_iter().zip(commits) {
                let since = Some(Since { distance, system: "git", commit });
                all.push(Tagged { release: release.clone(), since });
            }
            all.push(Tagged { release: next, since: None });
            for pair in all.windows(2) {
                for (native, revision) in [(false, "-1"), (true, "")] {
                    let version = |tagged: &Tagged| {
                        Version::new(&format!("{}{revision}~deb12", tagged.deb(native))).expect("sound")
                    };
                    prop_assert!(version(&pair[0]) < version(&pair[1]), "{pair:?}");
                }
                for caret in [true, false] {
                    let order = rpm_version::compare(&pair[0].rpm(caret), &pair[1].rpm(caret));
                    prop_assert_eq!(order, Ordering::Less, "{:?}", pair);
                }
            }
        }
    }
}
