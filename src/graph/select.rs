//! Selectors: how people name nodes.
//!
//! ```text
//! libbsd                    every node of the component libbsd, its checks too
//! lib*                      of every component that matches
//! @debian-12                every node of the distro;  @debian-12/amd64  of the target
//! build:lib*@debian-12/*    nodes of one kind, component and place
//! ```
//!
//! `*` stands for any run of characters. A selector without `@` takes every place, one without a kind every kind.

use std::fmt;
use std::str::FromStr;

use super::{Graph, NodeId};
use crate::name::{Kind, NodeName, component_of};

/// A pattern over node names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    kind: Option<Kind>,
    subject: String,
    distro: String,
    arch: String,
}

/// A text that is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Nothing to select.
    #[error("an empty selector")]
    Empty,
    /// An unknown kind of node.
    #[error("`{kind}` in `{text}` is no kind of node")]
    Kind {
        /// The whole selector.
        text: String,
        /// The word before the colon.
        kind: String,
    },
    /// Characters that no node name has.
    #[error("`{0}` has characters that no node name has")]
    Characters(String),
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.is_empty() {
            return Err(SelectorError::Empty);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-.*@/:_".contains(c);
        if !text.chars().all(plain) {
            return Err(SelectorError::Characters(text.escape_debug().to_string()));
        }
        let (kind, rest) = match text.split_once(':') {
            None => (None, text),
            Some((word, rest)) => {
                let wrong = || SelectorError::Kind { text: text.to_owned(), kind: word.to_owned() };
                (Some(Kind::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(wrong)?), rest)
            }
        };
        let (subject, place) = rest.split_once('@').unwrap_or((rest, "*"));
        let (distro, arch) = place.split_once('/').unwrap_or((place, "*"));
        let or_any = |word: &str| if word.is_empty() { "*".to_owned() } else { word.to_owned() };
        let (subject, distro, arch) = (or_any(subject), or_any(distro), or_any(arch));
        Ok(Self { text: text.to_owned(), kind, subject, distro, arch })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Selector {
    /// Whether `name` is meant.
    pub fn matches(&self, name: &NodeName) -> bool {
        let (distro, arch) = (name.distro().unwrap_or_default(), name.arch().unwrap_or_default());
        self.takes(name.kind, &name.subject, distro, arch)
    }

    fn takes(&self, kind: Kind, subject: &str, distro: &str, arch: &str) -> bool {
        // Checks belong to their component, whose name is a part of theirs.
        let is_of = |of: &str| of != subject && matches_pattern(&self.subject, of);
        self.kind.is_none_or(|wanted| wanted == kind)
            && (matches_pattern(&self.subject, subject) || component_of(kind, subject).is_some_and(is_of))
            && matches_pattern(&self.distro, distro)
            && matches_pattern(&self.arch, arch)
    }

    /// Whether the index of `distro` as a whole is meant, whatever is made there: no component and no arch is named.
    pub fn is_of_index(&self, distro: &str) -> bool {
        let is_of_any = self.subject == "*" || (self.kind == Some(Kind::Index) && self.subject == "base");
        is_of_any && self.arch == "*" && self.takes(Kind::Index, &self.subject, distro, "")
    }

    /// Whether the source of `component` as it is in `distro` is meant: that has no arch.
    pub fn is_of_source(&self, component: &str, distro: &str) -> bool {
        self.arch == "*" && self.takes(Kind::Source, component, distro, "")
    }

    /// The nodes that are meant, in order. May be empty.
    pub fn select(&self, graph: &Graph) -> Vec<NodeId> {
        graph.ids().filter(|id| self.means(graph, *id)).collect()
    }

    /// Whether that node is meant.
    pub(super) fn means(&self, graph: &Graph, id: NodeId) -> bool {
        let node = graph.node(id);
        self.kind.is_none_or(|wanted| wanted == node.kind())
            && self.takes(
                node.kind(),
                node.subject(),
                node.distro().unwrap_or_default(),
                node.arch().unwrap_or_default(),
            )
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters. Linear in time.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            match rest.find(before) {
                Some(place) => rest = &rest[place + before.len()..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, node: &str, expected: bool) {
        let selector: Selector = selector.parse().expect(selector);
        assert_eq!(selector.matches(&node.parse().expect(node)), expected, "{selector} on {node}");
    }

    #[test]
    fn selectors_match_what_the_manual_says() {
        check("libbsd", "build:libbsd@debian-12/amd64", true);
        check("libbsd", "root:libbsd@debian-12/amd64", true);
        check("libbsd", "build:libmd@debian-12/amd64", false);
        check("libbsd", "check:libbsd.lintian@debian-12/amd64", true);
        check("libbsd", "resolve:libbsd.install@debian-12/amd64", true);
        check("libbsd.lintian", "check:libbsd.lintian@debian-12/amd64", true);
        check("*.lintian", "check:libbsd.install@debian-12/amd64", false);
        check("lib*", "build:base.own@debian-12/amd64", false);
        check("@debian-12/amd64", "build:libmd@debian-12/amd64", true);
        check("@debian-12/amd64", "build:libmd@debian-12/all", false);
        check("@debian-12", "build:libmd@debian-12/all", true);
        check("@debian-1", "build:libmd@debian-12/all", false);
        check("build:lib*@debian-12/*", "build:libmd@debian-12/amd64", true);
        check("build:lib*@debian-12/*", "source:libmd", false);
        check("lib*d", "source:libmd", true);
        check("*", "repo:nightly@debian-12", true);
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("*ab", "aab", true),
            ("a*a", "a", false),
            ("", "", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn wrong_selectors_are_named() {
        let error = |text: &str| text.parse::<Selector>().expect_err("wrong").to_string();
        assert_eq!(error(""), "an empty selector");
        assert_eq!(error("make:x"), "`make` in `make:x` is no kind of node");
        assert_eq!(error("a b\u{1b}"), "`a b\\u{1b}` has characters that no node name has");
    }
}
