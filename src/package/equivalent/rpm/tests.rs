use super::*;
use crate::package::rpm::altered;

const PACKAGE: &[u8] = include_bytes!("../../../../fuzz/seeds/rpm/package");
const VERSION: &str = "2:1.0~rc1-3.x1";
const NEXT: &str = "2:1.0~rc1-4.x1";

fn essence(package: &[u8], version: &str) -> Essence {
    super::super::essence(package, version).expect("is a package")
}

/// The sample as the next rebuild makes it: other words wherever its version stands, another time, host and payload.
fn next() -> Vec<u8> {
    altered(PACKAGE, |tag, kind, count, bytes| {
        let bytes = match tag {
            tag::RELEASE => b"4.x1\0".to_vec(),
            tag::BUILD_TIME => bytes.iter().map(|byte| byte ^ 1).collect(),
            tag::BUILD_HOST => b"elsewhere\0".to_vec(),
            tag::PAYLOAD_DIGEST => bytes.iter().map(|byte| if *byte == b'a' { b'b' } else { *byte }).collect(),
            _ if TEXTS.contains(&kind) => {
                let text = String::from_utf8(bytes).expect("text");
                text.replace("1.0~rc1-3.x1", "1.0~rc1-4.x1").into_bytes()
            }
            _ => bytes,
        };
        Some((count, bytes))
    })
}

#[test]
fn the_number_alone_makes_no_difference() {
    let (before, after) = (essence(PACKAGE, VERSION), essence(&next(), NEXT));
    assert!(before.len() > 50, "{}", before.len());
    assert_eq!(before, after);
    // What it provides has the number in its version.
    assert_ne!(essence(PACKAGE, VERSION), essence(&next(), VERSION));
    assert_ne!(essence(PACKAGE, VERSION), essence(PACKAGE, "2:1.0~rc1-9"));
}

#[test]
fn whatever_is_not_passed_over_makes_a_difference() {
    let before = essence(PACKAGE, VERSION);
    let tags: Vec<u32> = Package::read(PACKAGE).expect("reads").header.tags().collect();
    let mut looked_at = 0;
    let changelog = [tag::CHANGELOG_TIME, tag::CHANGELOG_NAME, tag::CHANGELOG_TEXT];
    for changed in tags.into_iter().filter(|tag| *tag != tag::HEADER_IMMUTABLE) {
        let other = altered(PACKAGE, |tag, kind, count, mut bytes| {
            if tag == changed {
                let place = if TEXTS.contains(&kind) { bytes.iter().rposition(|byte| *byte != 0) } else { None };
                let place = place.unwrap_or(bytes.len() - 1);
                // No text loses its end by that, and no path its last slash.
                bytes[place] = match bytes[place] {
                    b'/' | 0 if TEXTS.contains(&kind) => return Some((count, bytes)),
                    byte => byte ^ 1,
                };
            }
            Some((count, bytes))
        });
        if other == altered(PACKAGE, |_, _, count, bytes| Some((count, bytes))) {
            continue;
        }
        let Ok(other) = super::super::essence(&other[..], VERSION) else { continue };
        let passed_over = PASSED_OVER.contains(&changed) && !changelog.contains(&changed);
        assert_eq!(before == other, passed_over, "the tag {changed}");
        looked_at += 1;
    }
    assert!(looked_at > 40, "only {looked_at} tags could be changed");
    // A tag more or less is a difference too.
    let without = altered(PACKAGE, |tag, _, count, bytes| (tag != tag::URL).then_some((count, bytes)));
    assert_ne!(before, essence(&without, VERSION));
}

#[test]
fn the_entry_of_the_rebuild_is_passed_over_and_no_other() {
    let with_entry = |author: &str| {
        altered(PACKAGE, |tag, _, count, bytes| {
            let entry = match tag {
                tag::CHANGELOG_TIME => vec![0x60, 0, 0, 0],
                tag::CHANGELOG_NAME => format!("{author}\0").into_bytes(),
                tag::CHANGELOG_TEXT => b"- Rebuilt.\0".to_vec(),
                _ => return Some((count, bytes)),
            };
            Some((count + 1, [entry, bytes].concat()))
        })
    };
    let before = essence(PACKAGE, VERSION);
    assert_eq!(before, essence(&with_entry("opb <opb@example.org> - 1.0~rc1-3.x1"), VERSION));
    assert_ne!(before, essence(&with_entry("opb <opb@example.org> - 1.0~rc1-3"), VERSION));
}

#[test]
fn digests_that_can_be_forged_stand_for_nothing() {
    let old = altered(PACKAGE, |tag, _, count, bytes| (tag != FILE_DIGEST_ALGO).then_some((count, bytes)));
    let error = super::super::essence(&old[..], VERSION).expect_err("is not believed");
    assert_eq!(error.to_string(), "its files have digests that can be forged");
    let error = super::super::essence(&PACKAGE[..200], VERSION).expect_err("is cut short");
    assert_eq!(error.to_string(), "cannot read a package: it is cut short");
}
