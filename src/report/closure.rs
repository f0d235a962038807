//! What is not whole or not of one piece in what would be published, as people read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::plain;

/// The most lines that tell of packages.
const MOST_LINES: usize = 20;

/// How many characters of a digest tell two apart.
const SHORT: usize = 12;

/// A package whose dependency neither its channel nor the distribution can meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Broken {
    /// Where it would be installed, such as `debian-12/amd64`.
    pub target: String,
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The dependency, as it is written.
    pub dependency: String,
    /// What there is of that name instead, or that there is nothing.
    pub available: String,
    /// The node that made the package; `None` where that is not known.
    pub made_by: Option<String>,
    /// How many more packages of the channel cannot be installed there because this one cannot.
    pub followers: usize,
}

/// A package that a build used and that is published with other content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Incoherent {
    /// The target of the package, such as `debian-12/amd64`.
    pub target: String,
    /// The package.
    pub package: String,
    /// The version that was used.
    pub version: String,
    /// The node that used it.
    pub by: String,
    /// The SHA-256 of what was used.
    pub used: String,
    /// The version and the SHA-256 of what is published.
    pub published: (String, String),
}

/// Packages that cannot be installed, in lines: by target each with what it needs and what there is instead. Empty where there
/// are none.
pub fn told(broken: &[Broken]) -> String {
    let lines = broken.iter().map(|one| {
        let Broken { package, version, dependency, available, made_by, followers, .. } = one;
        let mut line = format!("{package} {version} needs {dependency}: {available}");
        if let Some(node) = made_by {
            line.push_str(&format!("; made by {node}"));
        }
        match followers {
            0 => {}
            1 => line.push_str("; 1 more package cannot be installed without it"),
            more => line.push_str(&format!("; {more} more packages cannot be installed without it")),
        }
        (one.target.as_str(), line)
    });
    by_target(lines.collect())
}

/// Packages that builds used and that are published with other content, in lines by target. Empty where there are none.
pub fn told_incoherent(incoherent: &[Incoherent]) -> String {
    let lines = incoherent.iter().map(|one| {
        let Incoherent { package, version, by, used, published: (other, digest), .. } = one;
        let short = |digest: &str| digest.chars().take(SHORT).collect::<String>();
        let (used, digest) = (short(used), short(digest));
        let line = format!("{by} used {package} {version} ({used}), and {other} ({digest}) would be published");
        (one.target.as_str(), line)
    });
    by_target(lines.collect())
}

fn by_target(lines: Vec<(&str, String)>) -> String {
    let total = lines.len();
    let mut targets: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (target, line) in lines {
        targets.entry(target).or_default().push(line);
    }
    let (mut text, mut left) = (String::new(), MOST_LINES);
    for (target, lines) in targets {
        if left == 0 {
            break;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", plain(target));
        for line in lines.iter().take(left) {
            let _ = writeln!(text, "  {}", plain(line));
        }
        left -= lines.len().min(left);
    }
    if total > MOST_LINES {
        let _ = writeln!(text, "and {} more", total - MOST_LINES);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(target: &str, package: &str, followers: usize) -> Broken {
        Broken {
            target: target.to_owned(),
            package: package.to_owned(),
            version: "1.0-1".to_owned(),
            dependency: "libmd0 (>= 2)".to_owned(),
            available: "`libmd0` is there as 1.0 in the distribution".to_owned(),
            made_by: (followers > 0).then(|| format!("build:{package}@{target}")),
            followers,
        }
    }

    #[test]
    fn what_is_broken_is_told_by_target() {
        let all = [
            broken("debian-12/arm64", "c", 1),
            broken("debian-12/amd64", "a", 0),
            broken("debian-12/amd64", "b\u{1b}[1m", 3),
        ];
        insta::assert_snapshot!(told(&all), @r"
        debian-12/amd64
          a 1.0-1 needs libmd0 (>= 2): `libmd0` is there as 1.0 in the distribution
          b\u{1b}[1m 1.0-1 needs libmd0 (>= 2): `libmd0` is there as 1.0 in the distribution; made by build:b\u{1b}[1m@debian-12/amd64; 3 more packages cannot be installed without it
        debian-12/arm64
          c 1.0-1 needs libmd0 (>= 2): `libmd0` is there as 1.0 in the distribution; made by build:c@debian-12/arm64; 1 more package cannot be installed without it
        ");
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn after_twenty_lines_the_rest_is_counted() {
        let of = |target: &str, many: usize| -> Vec<Broken> {
            (0..many).map(|place| broken(target, &format!("p{place:02}"), 0)).collect()
        };
        let all = [of("debian-12/amd64", 15), of("debian-12/arm64", 15), of("debian-13/amd64", 5)].concat();
        let text = told(&all);
        assert_eq!(text.lines().filter(|line| line.starts_with("  ")).count(), 20);
        assert!(text.ends_with("\nand 15 more\n") && !text.contains("debian-13"), "{text}");
        let exact = told(&of("debian-12/amd64", 20));
        assert!(exact.lines().count() == 21 && !exact.contains("more"), "{exact}");
    }

    #[test]
    fn what_was_used_is_told_beside_what_would_be_published() {
        let one = Incoherent {
            target: "debian-12/amd64".to_owned(),
            package: "libmd0".to_owned(),
            version: "1.0-1+opb1".to_owned(),
            by: "build:libbsd@debian-12/amd64".to_owned(),
            used: "0123456789abcdef".to_owned(),
            published: ("1.0-1+opb2".to_owned(), "fedcba9876543210".to_owned()),
        };
        insta::assert_snapshot!(told_incoherent(&[one]), @r"
        debian-12/amd64
          build:libbsd@debian-12/amd64 used libmd0 1.0-1+opb1 (0123456789ab), and 1.0-1+opb2 (fedcba987654) would be published
        ");
    }
}
