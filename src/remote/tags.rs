//! Which tags of a repository are releases, and the versions that their names say.
//!
//! A tag's name is anybody's text. What comes out here has letters, digits and `.`, `+`, `~` only and begins with a digit, so
//! that it can stand in versions of both families, in names of files and in scripts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{is_reference, matches_tag};

/// The longest version that a tag may come to, in bytes.
const MAX_VERSION: usize = 100;

/// The most replacements, and the most bytes of each side of one.
const MAX_REPLACEMENTS: usize = 20;

/// Words for what comes before a release, as tags have them. Longer ones first where one is the start of another.
pub const BEFORE_RELEASE: [&str; 6] = ["alpha", "beta", "preview", "rc", "pre", "dev"];

/// Which tags are releases: what a recipe's `from_tags` says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TagVersions {
    pattern: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    replace: BTreeMap<String, String>,
}

/// Why something is no [`TagVersions`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagVersionsError {
    /// Not a name of a tag with exactly one `*` in it.
    #[error("`{0}` is not a pattern of tags with one `*`")]
    Pattern(String),
    /// A replacement of nothing, or by what no version has.
    #[error("`{0}` cannot be replaced by `{1}` in versions")]
    Replacement(String, String),
    /// Too many of them.
    #[error("there are more than {MAX_REPLACEMENTS} replacements")]
    Replacements,
}

/// Why a tag's name says no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tag `{tag}` says no version: {rule}")]
pub struct NoVersion {
    /// The beginning of the tag's name, without control characters.
    pub tag: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl TagVersions {
    /// Tags that `pattern` means, where the text that `*` stands for is the version; in it each key of `replace` is
    /// replaced by its value.
    ///
    /// # Errors
    /// [`TagVersionsError`] where that is no pattern, or a replacement could not lead to a version.
    pub fn new(pattern: &str, replace: BTreeMap<String, String>) -> Result<Self, TagVersionsError> {
        let is_one = pattern.matches('*').count() == 1 && (pattern == "*" || is_reference(&pattern.replace('*', "1")));
        if !is_one {
            return Err(TagVersionsError::Pattern(shown(pattern)));
        }
        if replace.len() > MAX_REPLACEMENTS {
            return Err(TagVersionsError::Replacements);
        }
        let fits = |(from, to): &(&String, &String)| {
            let is_short = !from.is_empty() && from.len() <= MAX_REPLACEMENTS && to.len() <= MAX_REPLACEMENTS;
            is_short && !from.chars().any(char::is_control) && to.bytes().all(is_plain)
        };
        match replace.iter().find(|pair| !fits(pair)) {
            Some((from, to)) => Err(TagVersionsError::Replacement(shown(from), shown(to))),
            None => Ok(Self { pattern: pattern.to_owned(), replace }),
        }
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What is replaced, and by what.
    pub fn replace(&self) -> &BTreeMap<String, String> {
        &self.replace
    }

    /// Whether the pattern means `tag`.
    pub fn means(&self, tag: &str) -> bool {
        matches_tag(&self.pattern, tag)
    }

    /// The version that `tag` says, such as `1.2~rc1` for `v1.2-rc.1`.
    ///
    /// # Errors
    /// [`NoVersion`] where the pattern does not mean it, or what is left is no version.
    pub fn version(&self, tag: &str) -> Result<String, NoVersion> {
        let wrong = |rule| NoVersion { tag: shown(tag), rule };
        if !self.means(tag) {
            return Err(wrong("the pattern does not mean it"));
        }
        let (before, after) = self.pattern.split_once('*').unwrap_or((&self.pattern, ""));
        let mut version = tag[before.len()..tag.len() - after.len()].to_owned();
        for (from, to) in &self.replace {
            version = version.replace(from, to);
            if version.len() > 4 * MAX_VERSION {
                return Err(wrong("it is longer than 100 bytes"));
            }
        }
        let version = before_release(&version);
        if version.len() > MAX_VERSION {
            return Err(wrong("it is longer than 100 bytes"));
        }
        if !version.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(wrong("it does not begin with a digit where the pattern has `*`"));
        }
        if !version.bytes().all(is_plain) {
            return Err(wrong("a version has letters, digits and `.`, `+`, `~` only"));
        }
        Ok(version)
    }
}

impl fmt::Display for TagVersions {
    /// As a recipe calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from_tags({:?}", self.pattern)?;
        if !self.replace.is_empty() {
            let pairs: Vec<String> = self.replace.iter().map(|(from, to)| format!("{from:?}: {to:?}")).collect();
            write!(f, ", #{{ replace: #{{ {} }} }}", pairs.join(", "))?;
        }
        f.write_str(")")
    }
}

/// What may stand in a version.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".+~".contains(&byte)
}

/// `version` with a `~` before each word that says that it comes before a release, so that it sorts there: `1.2-RC.1`
/// comes out as `1.2~rc1`.
fn before_release(version: &str) -> String {
    let separators: &[char] = &['-', '.', '_', '~'];
    let lower = version.to_ascii_lowercase();
    let begins = |at: usize, word: &str| {
        let follows_number = lower[..at].trim_end_matches(separators).ends_with(|c: char| c.is_ascii_digit());
        let behind = lower[at + word.len()..].trim_start_matches(separators);
        let ends = behind.is_empty() || behind.starts_with(|c: char| c.is_ascii_digit());
        follows_number && (ends || lower[at + word.len()..].starts_with(['+', '.', '-', '_', '~']))
    };
    let found = BEFORE_RELEASE
        .iter()
        .filter_map(|word| lower.match_indices(word).find(|(at, _)| begins(*at, word)).map(|(at, _)| (at, *word)))
        .min();
    let Some((at, word)) = found else { return version.to_owned() };
    let front = version[..at].trim_end_matches(separators);
    let rest = version[at + word.len()..].trim_start_matches(separators);
    let rest = if rest.starts_with(|c: char| c.is_ascii_digit()) { rest } else { &version[at + word.len()..] };
    format!("{front}~{word}{rest}")
}

/// The beginning of a text, for people.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts, each with what stands for it.
    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn rule(pattern: &str, replace: Pairs<'_>) -> TagVersions {
        let pairs = replace.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
        TagVersions::new(pattern, pairs.collect()).expect("a rule")
    }

    #[test]
    fn tags_say_versions() {
        let said = |pattern: &str, replace: Pairs<'_>, tag: &str| rule(pattern, replace).version(tag);
        let cases: [(&str, Pairs<'_>, &str, &str); 17] = [
            ("*", &[], "1.2", "1.2"),
            ("v*", &[], "v1.2.3", "1.2.3"),
            ("release-*-final", &[], "release-1.2-final", "1.2"),
            ("debian/*", &[], "debian/1.2", "1.2"),
            ("curl-*", &[("_", ".")], "curl-8_5_0", "8.5.0"),
            ("v*", &[], "v1.2-rc1", "1.2~rc1"),
            ("v*", &[], "v1.2rc1", "1.2~rc1"),
            ("v*", &[], "v1.2-RC.10", "1.2~rc10"),
            ("v*", &[], "v1.2~rc1", "1.2~rc1"),
            ("v*", &[], "v2.0.0-beta.2", "2.0.0~beta2"),
            ("v*", &[], "v2.0-alpha", "2.0~alpha"),
            ("v*", &[("-", ".")], "v2.0-preview-3", "2.0~preview3"),
            ("v*", &[], "v1.0.dev4", "1.0~dev4"),
            ("v*", &[], "v1.0.post1", "1.0.post1"),
            ("v*", &[("b", "~beta")], "v1.0b2", "1.0~beta2"),
            ("*", &[("-", ".")], "2026-11-29", "2026.11.29"),
            ("*", &[], "1.0march", "1.0march"),
        ];
        for (pattern, replace, tag, version) in cases {
            assert_eq!(said(pattern, replace, tag), Ok(version.to_owned()), "{pattern} {tag}");
        }
    }

    #[test]
    fn hostile_names_say_none() {
        let told = |tag: &str| rule("v*", &[]).version(tag).expect_err(tag).to_string();
        assert_eq!(told("1.0"), "the tag `1.0` says no version: the pattern does not mean it");
        let digit = "it does not begin with a digit where the pattern has `*`";
        assert_eq!(told("v"), format!("the tag `v` says no version: {digit}"));
        assert_eq!(told("vendor"), format!("the tag `vendor` says no version: {digit}"));
        assert_eq!(told("v~1"), format!("the tag `v~1` says no version: {digit}"));
        let plain = "a version has letters, digits and `.`, `+`, `~` only";
        for tag in ["v1$(id)", "v1;rm", "v1/2", "v1-2", "v1_2", "v1:2", "v1%2", "v1é", "v1 2", "v1^2"] {
            assert_eq!(told(tag), format!("the tag `{tag}` says no version: {plain}"));
        }
        assert_eq!(told("v1\n\u{1b}[2J"), format!("the tag `v1[2J` says no version: {plain}"));
        let long = format!("v{}", "1".repeat(200));
        assert!(told(&long).ends_with("it is longer than 100 bytes"), "{}", told(&long));
        let grows = rule("v*", &[("1", "1111111111111111111")]);
        assert!(grows.version(&format!("v{}", "1".repeat(99))).is_err());
    }

    proptest::proptest! {
        /// Whatever a tag is called, what comes out can stand in versions and names of files.
        #[test]
        fn any_name_says_a_plain_version_or_none(tag in "v?[0-9a-zA-Z.+~_é/$-]{0,30}(rc|-beta|\\.dev)?[0-9.é]{0,4}", any in ".{0,40}") {
            for tag in [tag.as_str(), any.as_str()] {
                for rule in [rule("*", &[]), rule("v*", &[("_", "."), ("-", "~~")])] {
                    if let Ok(version) = rule.version(tag) {
                        proptest::prop_assert!(version.bytes().all(is_plain) && version.len() <= MAX_VERSION, "{version}");
                        proptest::prop_assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
                    }
                }
            }
        }
    }

    #[test]
    fn rules_are_checked_and_shown() {
        let told = |pattern: &str, from: &str, to: &str| {
            let replace = BTreeMap::from([(from.to_owned(), to.to_owned())]);
            TagVersions::new(pattern, replace).expect_err(pattern).to_string()
        };
        for pattern in ["", "v1", "v*.*", "-v*", "v *", "v*\n", "$(id)*~"] {
            assert!(told(pattern, "a", "b").ends_with("is not a pattern of tags with one `*`"), "{pattern}");
        }
        assert_eq!(told("v*", "", "."), "`` cannot be replaced by `.` in versions");
        assert_eq!(told("v*", "_", "-"), "`_` cannot be replaced by `-` in versions");
        assert_eq!(rule("v*", &[]).to_string(), "from_tags(\"v*\")");
        assert_eq!(rule("*", &[("_", ".")]).to_string(), "from_tags(\"*\", #{ replace: #{ \"_\": \".\" } })");
    }
}
