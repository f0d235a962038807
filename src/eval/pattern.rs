//! Patterns over targets: `@debian-*`, `@debian-12/amd64`, `!@debian-13/i386`.
//!
//! `*` stands for any characters but `/`. Without an arch a pattern means every arch. A list of patterns is read from
//! the first to the last line and the last that matches decides; one that begins with an exclusion begins with all.

use super::mistake::{Complaint, Mistake};
use crate::diag::did_you_mean;
use crate::name::Target;

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Whether it begins with `!`.
    pub excludes: bool,
    distro: String,
    arch: Option<String>,
    /// As it is written.
    pub written: String,
}

impl Pattern {
    /// Reads a pattern.
    pub fn new(written: &str) -> Result<Self, Complaint> {
        let wrong = |why: &str| {
            Complaint::new(Mistake::Pattern, format!("`{written}` is not a target pattern: {why}"))
                .help("write it as in `@debian-12`, `@debian-*/amd64` or `!@debian-12/i386`")
        };
        let (excludes, rest) = written.strip_prefix('!').map_or((false, written), |rest| (true, rest));
        let rest = rest.strip_prefix('@').ok_or_else(|| wrong("it does not begin with `@`"))?;
        let (distro, arch) = rest.split_once('/').map_or((rest, None), |(distro, arch)| (distro, Some(arch)));
        let is_glob = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-*".contains(&byte))
        };
        if !is_glob(distro) || !arch.is_none_or(is_glob) {
            return Err(wrong("names have lower-case letters, digits, `-`, `.` and `*`"));
        }
        Ok(Self { excludes, distro: distro.to_owned(), arch: arch.map(str::to_owned), written: written.to_owned() })
    }

    /// Whether it covers `target`; exclusions cover what they exclude.
    pub fn covers(&self, target: &Target) -> bool {
        glob(&self.distro, target.distro.as_str())
            && self.arch.as_ref().is_none_or(|arch| glob(arch, target.arch.as_str()))
    }

    /// What to say where it covers none of `targets`.
    pub fn nothing(&self, mistake: Mistake, targets: &[Target]) -> Complaint {
        let complaint = Complaint::new(mistake, format!("`{}` matches no target", self.written));
        let mut distros: Vec<&str> = targets.iter().map(|target| target.distro.as_str()).collect();
        distros.dedup();
        let near = did_you_mean(&self.distro, distros.iter().copied());
        complaint.help(match (near, &self.arch) {
            (Some(distro), _) if distro != self.distro => format!("did you mean `@{distro}`?"),
            (Some(distro), Some(_)) => {
                let of_it = targets.iter().filter(|target| target.distro.as_str() == distro);
                let arches: Vec<&str> = of_it.map(|target| target.arch.as_str()).collect();
                format!("choose one of its arches: `{}`", arches.join("`, `"))
            }
            _ => format!("name one of the distros in `distros/`: `{}`", distros.join("`, `")),
        })
    }
}

/// Whether a list of patterns selects `target`.
pub(super) fn selects(patterns: &[Pattern], target: &Target) -> bool {
    let from_all = patterns.first().is_none_or(|first| first.excludes);
    patterns.iter().rev().find(|pattern| pattern.covers(target)).map_or(from_all, |pattern| !pattern.excludes)
}

/// Whether `pattern`, with `*` for any characters, is all of `text`. Steps are bounded by the product of the lengths.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            (p, t) = (star_p + 1, star_t + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::new(text).expect("a pattern")).collect();
        let targets = ["debian-12/amd64", "debian-12/i386", "debian-13/amd64", "ubuntu-24.04/amd64"];
        let matching = targets.into_iter().filter(|target| selects(&patterns, &target.parse().expect("a target")));
        matching.map(str::to_owned).collect()
    }

    #[test]
    fn later_lines_win() {
        assert_eq!(selected(&[]).len(), 4);
        assert_eq!(selected(&["@debian-*"]), ["debian-12/amd64", "debian-12/i386", "debian-13/amd64"]);
        assert_eq!(selected(&["@*/amd64", "!@debian-*", "@debian-12/*"]).len(), 3);
        assert_eq!(selected(&["!@debian-12"]), ["debian-13/amd64", "ubuntu-24.04/amd64"]);
        assert_eq!(selected(&["@debian-1*2/*8*"]), ["debian-12/i386"]);
    }

    #[test]
    fn a_pattern_has_a_form() {
        for wrong in ["", "@", "debian-12", "!", "@/amd64", "@a/", "@a/b/c", "@Debian", "@a b", "@\u{1b}[2J"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
