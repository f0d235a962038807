//! What is remembered from one look to the next.

use super::site::{Site, signer};
use super::{NOW, seen, seen_with, shown};
use crate::client::*;

#[test]
fn a_date_never_goes_back() {
    let mut site = Site::apt();
    let mut memory = Memory::default();
    let sound = seen_with(&site.request(), &mut memory);
    assert!(sound.starts_with("apt bookworm: None"), "{sound}");
    assert_eq!(seen_with(&site.request(), &mut memory), sound);
    site.sign(&site.release(NOW - 7_200, None));
    let back = seen_with(&site.request(), &mut memory);
    assert_eq!(
        back,
        "apt bookworm: Some(Build), 6 indexes, 4/4 packages, 0 read\n  `dists/bookworm/InRelease`: its date is 2024-03-09 \
         14:00:00 UTC, and 2024-03-09 15:00:00 UTC was seen here already\n"
    );
    // It stays known, also by way of the text.
    let mut memory = Memory::parse(&memory.text()).expect("reads back");
    assert_eq!(seen_with(&site.request(), &mut memory), back);
    // The same date with other content.
    site.publish(&["tiny"], NOW - 3_600);
    assert_eq!(
        seen_with(&site.request(), &mut memory),
        "apt bookworm: Some(Build), 6 indexes, 3/3 packages, 0 read\n  `dists/bookworm/InRelease`: it had another content when \
         it was seen here with the same date, 2024-03-09 15:00:00 UTC\n"
    );
    // A newer date mends both.
    site.sign(&site.release(NOW - 3_599, None));
    assert_eq!(seen_with(&site.request(), &mut memory), "apt bookworm: None, 6 indexes, 3/3 packages, 0 read\n");
    // Elsewhere nothing is known of it.
    let elsewhere = Site::apt();
    elsewhere.sign(&elsewhere.release(NOW - 9_000, None));
    assert!(seen_with(&elsewhere.request(), &mut memory).starts_with("apt bookworm: None"));
    assert_eq!(memory.repositories.len(), 2);
}

#[test]
fn another_key_is_noticed_where_nobody_vouches_for_it() {
    let mut site = Site::apt();
    let mut memory = Memory::default();
    seen_with(&site.request(), &mut memory);
    let before = memory.clone();
    site.signer = signer(2);
    site.write("opb-nightly.asc", site.signer.public_key_armored().expect("exports").as_bytes());
    site.publish(&["tiny"], NOW - 60);
    assert_eq!(
        seen_with(&site.request(), &mut memory),
        "apt bookworm: Some(Build), 6 indexes, 3/3 packages, 0 read\n  `dists/bookworm/InRelease`: it is signed by KEY, and by \
         KEY when it was seen here last\n"
    );
    assert_eq!(memory.repositories, before.repositories);
    let vouched = Request { keys: Some(site.keys()), ..site.request() };
    assert_eq!(seen_with(&vouched, &mut memory), "apt bookworm: None, 6 indexes, 3/3 packages, 0 read\n");
    assert_ne!(memory.repositories, before.repositories);
}

#[test]
fn nothing_is_remembered_that_nobody_signed() {
    let site = Site::apt();
    site.write("dists/bookworm/InRelease", b"<html>\n");
    let mut memory = Memory::default();
    seen_with(&site.request(), &mut memory);
    assert_eq!(memory, Memory::default());
}

#[test]
fn only_packages_that_are_new_are_read() {
    let mut site = Site::apt();
    let changed = |site: &Site| Request { packages: Packages::Changed, ..site.request() };
    let mut memory = Memory::default();
    assert_eq!(seen_with(&changed(&site), &mut memory), "apt bookworm: None, 6 indexes, 4/4 packages, 4 read\n");
    assert_eq!(seen_with(&changed(&site), &mut memory), "apt bookworm: None, 6 indexes, 4/4 packages, 0 read\n");
    site.publish(&["tiny", "tiny-doc", "tiny-more"], NOW - 60);
    site.change("pool/main/t/tiny-more/tiny-more_1_amd64.deb", |bytes| bytes[0] ^= 1);
    let wrong = "apt bookworm: Some(Build), 6 indexes, 4/5 packages, 0 read\n  \
                 `pool/main/t/tiny-more/tiny-more_1_amd64.deb`: its SHA-256 is SHA256, and SHA256 is listed\n";
    assert_eq!(seen_with(&changed(&site), &mut memory), wrong);
    // It is not known as long as it is wrong, whatever way was looked meanwhile.
    seen_with(&site.request(), &mut memory);
    assert_eq!(seen_with(&changed(&site), &mut memory), wrong);
    site.change("pool/main/t/tiny-more/tiny-more_1_amd64.deb", |bytes| bytes[0] ^= 1);
    assert_eq!(seen_with(&changed(&site), &mut memory), "apt bookworm: None, 6 indexes, 5/5 packages, 1 read\n");
}

#[test]
fn a_text_that_is_none() {
    let of = |text: &str| Memory::parse(text).expect_err("is none").to_string();
    let head = "it is not what `opb repo check --state` writes: ";
    assert_eq!(of("{"), format!("{head}EOF while parsing an object at line 1 column 1"));
    assert_eq!(of("{\"form\":\"x\",\"repositories\":{}}"), format!("{head}its `form` is `x`"));
    assert!(of("{\"form\":\"opb repo check 1\",\"repositories\":{\"a\":{}}}").starts_with(head));
    let site = Site::apt();
    let mut memory = Memory::default();
    assert!(seen(&site.request()).contains("None"));
    seen_with(&site.request(), &mut memory);
    let text = shown(&memory.text().replace(&site.request().address, "/HERE"));
    assert_eq!(
        text,
        "{\n  \"form\": \"opb repo check 1\",\n  \"repositories\": {\n    \"apt bookworm of file:/HERE\": {\n      \"date\": \
         1709996400,\n      \"list\": \"SHA256\",\n      \"signers\": [\n        \"KEY\"\n      ]\n    }\n  }\n}\n"
    );
}
