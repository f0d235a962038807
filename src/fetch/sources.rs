//! What sources.list(5) files say: one-line `.list` files and deb822 `.sources` files, from their text.
//!
//! Entries that are switched off are left out, and so are addresses that only a further program could serve (`cdrom:`,
//! `ssh:`). What an entry means for a distro is [`super::mirror`]'s business.

use super::fields;
use crate::address::Address;

/// One entry of the host's sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Whether it serves packages (`deb`), rather than only source packages (`deb-src`).
    pub binary: bool,
    /// Base addresses. May be empty, where apt needs further programs for them.
    pub addresses: Vec<Address>,
    /// Suites, such as `bookworm-updates`. One that ends with `/` is a flat archive.
    pub suites: Vec<String>,
    /// Areas, such as `main`.
    pub components: Vec<String>,
    /// What it must be signed by.
    pub signed_by: SignedBy,
    /// The arches that it is limited to; empty: none.
    pub arches: Vec<String>,
    /// `Trusted: yes` switches the check of signatures off.
    pub trusted: Option<bool>,
    /// This entry's own word on `Valid-Until`.
    pub check_valid_until: Option<bool>,
    /// This entry's own word on `Date`.
    pub check_date: Option<bool>,
    /// The line that the entry begins in, from 1.
    pub line: usize,
}

/// What an entry must be signed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// Not said: by any key that the host trusts.
    Any,
    /// Keyring files, by path. Fingerprints among them are kept as they are.
    Keyrings(Vec<String>),
    /// A key in the entry itself.
    Inline,
}

/// A line of a sources file that apt would not understand either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct SourcesError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
}

/// The entries of a one-line style file.
///
/// # Errors
/// [`SourcesError`] for the first line that is no entry.
pub fn parse_list(text: &str) -> Result<Vec<Source>, SourcesError> {
    let mut sources = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // apt takes a `#` for a comment only at the start or after white space: addresses may hold one.
        let line = line.find(" #").or_else(|| line.find("\t#")).map_or(line, |at| &line[..at]).trim();
        if !line.is_empty() && !line.starts_with('#') {
            sources.push(parse_line(line, number + 1)?);
        }
    }
    Ok(sources)
}

fn parse_line(text: &str, line: usize) -> Result<Source, SourcesError> {
    let wrong = |why| SourcesError { line, why };
    let (kind, rest) = text.split_once(char::is_whitespace).ok_or(wrong("an entry is `deb ADDRESS SUITE AREAS…`"))?;
    let mut source = empty_source(is_binary(kind).ok_or(wrong("an entry begins with `deb` or `deb-src`"))?, line);
    let mut rest = rest.trim_start();
    if let Some(options) = rest.strip_prefix('[') {
        let (inside, after) = options.split_once(']').ok_or(wrong("`[` is not closed"))?;
        for option in inside.split_whitespace() {
            let (name, value) = option.split_once('=').ok_or(wrong("an option is `name=value`"))?;
            set_option(&mut source, name, &mut value.split(','), value);
        }
        rest = after;
    }
    let mut words = rest.split_whitespace();
    source.addresses.extend(words.next().and_then(|word| Address::new(word).ok()));
    source.suites.push(words.next().ok_or(wrong("the suite is missing"))?.to_owned());
    source.components.extend(words.map(str::to_owned));
    Ok(source)
}

/// The entries of a deb822 file.
///
/// # Errors
/// [`SourcesError`] for the first stanza that is no entry.
pub fn parse_deb822(text: &str) -> Result<Vec<Source>, SourcesError> {
    let mut sources = Vec::new();
    for stanza in
        fields::stanzas(text).map_err(|line| SourcesError { line, why: "neither `Field: value` nor a continuation" })?
    {
        let wrong = |why| SourcesError { line: stanza.line, why };
        if stanza.get("Enabled").and_then(truth) == Some(false) {
            continue;
        }
        let words = |name: &str| stanza.get(name).unwrap_or_default().split_whitespace();
        let mut kinds = words("Types").map(is_binary).collect::<Option<Vec<bool>>>().unwrap_or_default();
        kinds.sort_unstable_by(|a, b| b.cmp(a));
        kinds.dedup();
        if kinds.is_empty() {
            return Err(wrong("`Types` is neither `deb` nor `deb-src`"));
        }
        if words("Suites").next().is_none() || words("URIs").next().is_none() {
            return Err(wrong("`URIs` or `Suites` is missing"));
        }
        for binary in kinds {
            let mut source = empty_source(binary, stanza.line);
            source.addresses.extend(words("URIs").filter_map(|word| Address::new(word).ok()));
            source.suites.extend(words("Suites").map(str::to_owned));
            source.components.extend(words("Components").map(str::to_owned));
            for name in ["Architectures", "Signed-By", "Trusted", "Check-Valid-Until", "Check-Date"] {
                if let Some(value) = stanza.get(name) {
                    set_option(&mut source, name, &mut value.split([',', ' ', '\t', '\n']), value);
                }
            }
            sources.push(source);
        }
    }
    Ok(sources)
}

fn set_option(source: &mut Source, name: &str, values: &mut dyn Iterator<Item = &str>, whole: &str) {
    match name.to_ascii_lowercase().as_str() {
        "arch" | "architectures" | "arch+" => {
            source.arches.extend(values.filter(|value| !value.is_empty()).map(str::to_owned));
        }
        "signed-by" if whole.contains("-----BEGIN") => source.signed_by = SignedBy::Inline,
        "signed-by" => {
            let keyrings: Vec<String> = values.filter(|value| !value.is_empty()).map(str::to_owned).collect();
            source.signed_by = if keyrings.is_empty() { SignedBy::Any } else { SignedBy::Keyrings(keyrings) };
        }
        "trusted" => source.trusted = truth(whole),
        "check-valid-until" => source.check_valid_until = truth(whole),
        "check-date" => source.check_date = truth(whole),
        // `lang`, `target`, `by-hash`, `pdiffs` and the like say what apt downloads, not from where.
        _ => {}
    }
}

fn empty_source(binary: bool, line: usize) -> Source {
    Source {
        binary,
        addresses: Vec::new(),
        suites: Vec::new(),
        components: Vec::new(),
        signed_by: SignedBy::Any,
        arches: Vec::new(),
        trusted: None,
        check_valid_until: None,
        check_date: None,
        line,
    }
}

fn is_binary(kind: &str) -> Option<bool> {
    match kind {
        "deb" => Some(true),
        "deb-src" => Some(false),
        _ => None,
    }
}

/// A switch as apt reads it (`StringToBool` of apt-pkg); `None` for anything else.
pub(super) fn truth(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "with" | "on" | "enable" | "1" => Some(true),
        "no" | "false" | "without" | "off" | "disable" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_line_entries() {
        let text = "# comment\n\ndeb http://a.example/debian bookworm main contrib # more\n\
             deb-src [ arch=amd64,arm64 signed-by=/k/a.gpg,/k/b.gpg trusted=no check-valid-until=no ] https://u:p@a.example/d bookworm/updates main\n\
             deb cdrom:[Debian]/ bookworm main\n  deb file:/srv ./\r\n";
        let sources = parse_list(text).expect("good");
        assert_eq!(sources.len(), 4);
        assert_eq!(sources[0].addresses[0].secret(), "http://a.example/debian");
        assert_eq!(sources[0].components, ["main", "contrib"]);
        assert_eq!((sources[0].line, sources[0].binary, &sources[0].signed_by), (3, true, &SignedBy::Any));
        assert!(!sources[1].binary);
        assert_eq!(sources[1].arches, ["amd64", "arm64"]);
        assert_eq!(sources[1].signed_by, SignedBy::Keyrings(vec!["/k/a.gpg".into(), "/k/b.gpg".into()]));
        assert_eq!((sources[1].trusted, sources[1].check_valid_until), (Some(false), Some(false)));
        assert!(sources[2].addresses.is_empty());
        assert_eq!((sources[3].suites[0].as_str(), sources[3].components.len()), ("./", 0));
    }

    #[test]
    fn wrong_lines_are_named() {
        let check = |text: &str, wanted: &str| assert_eq!(parse_list(text).unwrap_err().to_string(), wanted);
        check("\nrpm http://a x", "line 2: an entry begins with `deb` or `deb-src`");
        check("deb", "line 1: an entry is `deb ADDRESS SUITE AREAS…`");
        check("deb http://a", "line 1: the suite is missing");
        check("deb [arch=amd64 http://a b", "line 1: `[` is not closed");
        check("deb [arch] http://a b", "line 1: an option is `name=value`");
        let check = |text: &str, wanted: &str| assert_eq!(parse_deb822(text).unwrap_err().to_string(), wanted);
        check("URIs: http://a", "line 1: `Types` is neither `deb` nor `deb-src`");
        check("\n\nTypes: deb\nSuites: a", "line 3: `URIs` or `Suites` is missing");
        check("Types: deb\njunk", "line 2: neither `Field: value` nor a continuation");
        check(" Types: deb", "line 1: neither `Field: value` nor a continuation");
    }

    #[test]
    fn deb822_entries() {
        let text = "# c\nTypes: deb-src deb\n# inside\nuris: http://a.example/d\n https://b.example/d\nSuites: noble noble-updates\n\
             Components: main\n universe\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\nArchitectures: amd64 i386\n\n\n\
             Types: deb\nURIs: http://off.example/\nSuites: x\nEnabled: no\n \n\
             Types: deb\nURIs: http://c.example/\nSuites: noble\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\nCheck-Date: off\n";
        let sources = parse_deb822(text).expect("good");
        assert_eq!(sources.len(), 3);
        assert_eq!((sources[0].binary, sources[1].binary), (true, false));
        assert_eq!(sources[0].addresses.len(), 2);
        assert_eq!(sources[0].suites, ["noble", "noble-updates"]);
        assert_eq!(sources[0].components, ["main", "universe"]);
        assert_eq!(sources[0].arches, ["amd64", "i386"]);
        assert_eq!(
            sources[0].signed_by,
            SignedBy::Keyrings(vec!["/usr/share/keyrings/ubuntu-archive-keyring.gpg".into()])
        );
        assert_eq!((&sources[2].signed_by, sources[2].check_date), (&SignedBy::Inline, Some(false)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(deb|deb-src|Types:|URIs:|[\\[\\]=, \t\n#:./a-zé-])*") {
            let _ = parse_list(&text);
            let _ = parse_deb822(&text);
        }
    }
}
