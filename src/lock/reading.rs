//! The text of a lock, read a part at a time: of the whole of tens of thousands of rows, the parser makes a tree many times as large
//! as the text.
//!
//! A part begins where a row does. What is taken for a row and is none, such as a line within a text of several lines, leaves
//! something unfinished before it, which no part may have; and what is pinned in two parts is nothing that one lock may say. Then the
//! whole is read at once, which says what is wrong and where, if anything is.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

use super::{ArchivePin, ByDistro, CheckoutPin, DistroPin, DscPin, Lock, SrpmPin};
use crate::name::DistroName;
use crate::remote::Checkout;
use crate::remote::archive::Archive;

/// The fewest bytes of a part that is not the last.
const PART: usize = if cfg!(test) { 200 } else { 256 << 10 };

/// What a part may have that is not the first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default)]
    distro: BTreeMap<DistroName, DistroPin>,
    #[serde(default)]
    dsc: ByDistro<DscPin>,
    #[serde(default)]
    srpm: ByDistro<SrpmPin>,
    #[serde(default, with = "super::checkout::rows")]
    checkout: BTreeMap<Checkout, CheckoutPin>,
    #[serde(default, with = "super::archive::rows")]
    archive: BTreeMap<Archive, ArchivePin>,
}

/// The lock that `text` is, without its name.
///
/// # Errors
/// Where it is none.
pub fn parse(text: &str) -> Result<Lock, toml::de::Error> {
    in_parts(text).map_or_else(|| toml::from_str(text), Ok)
}

/// The same; `None` where it cannot be read in parts.
fn in_parts(text: &str) -> Option<Lock> {
    let mut parts = parts(text).into_iter().map(|part| &text[part]);
    let mut lock: Lock = toml::from_str(parts.next()?).ok()?;
    for part in parts {
        let Part { distro, dsc, srpm, checkout, archive } = toml::from_str(part).ok()?;
        add(&mut lock.distro, distro)?;
        for (distro, pins) in dsc {
            add(lock.dsc.entry(distro).or_default(), pins)?;
        }
        for (distro, pins) in srpm {
            add(lock.srpm.entry(distro).or_default(), pins)?;
        }
        add(&mut lock.checkout, checkout)?;
        add(&mut lock.archive, archive)?;
    }
    Some(lock)
}

/// Adds pins to others; `None` where there are any of the same.
fn add<K: Ord, V>(to: &mut BTreeMap<K, V>, pins: BTreeMap<K, V>) -> Option<()> {
    pins.into_iter().try_for_each(|(of, pin)| to.insert(of, pin).is_none().then_some(()))
}

/// The parts of a text. They follow on each other and are all of it.
fn parts(text: &str) -> Vec<Range<usize>> {
    let (mut parts, mut from, mut at, mut row) = (Vec::new(), 0, 0, "");
    for line in text.split_inclusive('\n') {
        if begins_row(line, row) {
            if at - from >= PART {
                parts.push(from..at);
                from = at;
            }
            row = line.split(']').next().unwrap_or_default();
        }
        at += line.len();
    }
    parts.push(from..at);
    parts
}

/// Whether a line seems to begin a row, and no table of the row that began with `row`.
fn begins_row(line: &str, row: &str) -> bool {
    let is_within = || !row.is_empty() && line.strip_prefix(row).is_some_and(|rest| rest.starts_with('.'));
    match line.strip_prefix('[') {
        Some(head) if head.starts_with("dsc.") || head.starts_with("srpm.") => !is_within(),
        Some(head) => ["[checkout]]", "[archive]]"].iter().any(|row| head.starts_with(row)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: usize) -> String {
        let row = |number: usize| {
            format!(
                "[dsc.d-1.a{number}]\nsuite = \"s\"\ndirectory = \"pool/a\"\ntree = \"{0}\"\n\n[dsc.d-1.a{number}.files.\"a_{number}.dsc\"]\n\
                 size = {number}\nsha256 = \"{0}\"\n\n[dsc.d-1.a{number}.facts]\nsource = \"a{number}\"\nversion = \"1\"\ndistribution = \"u\"\n\
                 date = 1\nformat = \"1.0\"\n\n[dsc.d-1.a{number}.facts.binaries]\n",
                "0".repeat(64)
            )
        };
        let rows: String = (0..rows).map(row).collect();
        format!(
            "version = 1\n\n[[distro.d-1.suite]]\nname = \"s\"\nrelease = \"{0}\"\ndate = \"x\"\n\n[distro.d-1.suite.index]\n{rows}",
            "1".repeat(64)
        )
    }

    fn check(text: &str, in_parts_too: bool) {
        let whole: Result<Lock, _> = toml::from_str(text);
        assert_eq!(in_parts(text).is_some(), in_parts_too, "{text}");
        assert_eq!(parse(text).map_err(|error| error.to_string()), whole.map_err(|error| error.to_string()));
    }

    #[test]
    fn parts_come_to_the_whole() {
        for rows in 0..7 {
            let text = text(rows);
            check(&text, true);
            assert_eq!(parts(&text).len(), rows + 1 - usize::from(rows > 0), "{text}");
            assert_eq!(parts(&text).into_iter().map(|part| &text[part]).collect::<String>(), text);
        }
        assert_eq!(parse(&text(5)).expect("a lock").dsc.first_key_value().expect("a distro").1.len(), 5);
        check("version = 1\n", true);
        check("", false);
        let source_rpm = |name: &str| {
            format!(
                "\n[srpm.m-1.{name}]\nrepository = \"base\"\npath = \"{name}.src.rpm\"\nversion = \"1-1\"\nsize = 7\nsha256 = \"{0}\"\n\
                 signed_by = \"{1}\"\ntree = \"{0}\"\n\n[srpm.m-1.{name}.texts]\n\"{name}.spec\" = \"\"\"\nName: {name}\n\"\"\"\n",
                "0".repeat(64),
                "A".repeat(40)
            )
        };
        let text = format!("{}{}{}", text(3), source_rpm("a"), source_rpm("b"));
        check(&text, true);
        assert_eq!(parts(&text).len(), 5, "{text}");
        assert_eq!(parse(&text).expect("a lock").srpm.first_key_value().expect("a distro").1.len(), 2);
    }

    #[test]
    fn what_is_no_row_is_not_taken_for_one() {
        let head = text(3);
        let tree = "0".repeat(64);
        let checkout = |texts: &str| {
            format!(
                "{head}\n[[checkout]]\ngit = \"https://example.org/a\"\ncommit = \"{0}\"\ntime = \"2025-01-11T10:00:00Z\"\ntree = \"{tree}\"\n{texts}\n{1}",
                "a".repeat(40),
                "#".repeat(PART)
            )
        };
        check(&checkout(""), true);
        // Lines of a text of several lines, which stand where rows would.
        let within = format!(
            "texts = {{ \"debian/control\" = \"\"\"\n{}\n[[checkout]]\n[dsc.d-1.b]\n\"\"\" }}",
            "#".repeat(PART)
        );
        check(&checkout(&within), false);
        assert!(parse(&checkout(&within)).is_ok(), "{:?}", parse(&checkout(&within)));
        // Twice the same, of which the whole says what is wrong.
        let twice = format!("{head}\n[dsc.d-1.a0]\nsuite = \"s\"\n");
        check(&twice, false);
        let (two, one) = (checkout(""), &checkout("")[head.len()..]);
        check(&format!("{two}\n{one}"), false);
        assert!(parse(&format!("{two}\n{one}")).expect_err("twice").to_string().contains("is pinned twice"));
        check(&format!("{head}\n[other]\n"), false);
        check(&format!("{head}\nversion = 2\n"), false);
        check(&format!("{}{}", &head, "[dsc.d-1.a9"), false);
    }
}
