//! What a cache may claim: memory is taken for no more than that.

use super::*;
use crate::cache::list::{keys_path, records_path};
use crate::cache::segment::{Keyed, Segment, SegmentError, Table};

/// A keys file with these blocks (end, bytes when unpacked, packed bytes) and entries (key, block, place).
fn keys(blocks: &[(u64, u32, &[u8])], entries: &[(Digest, u32, u32)]) -> Vec<u8> {
    let mut bytes = b"opb cache segment 1\n".to_vec();
    bytes.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    for (end, unpacked, packed) in blocks {
        bytes.extend_from_slice(&end.to_le_bytes());
        bytes.extend_from_slice(&unpacked.to_le_bytes());
        bytes.extend_from_slice(Digest::of(packed).as_bytes());
    }
    for (key, block, place) in entries {
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&block.to_le_bytes());
        bytes.extend_from_slice(&place.to_le_bytes());
    }
    bytes
}

fn table(bytes: Vec<u8>) -> Result<Table, SegmentError> {
    let name = Digest::of(&bytes);
    Table::decode(bytes, name)
}

#[test]
fn blocks_that_nobody_could_hold_are_no_table() {
    let most = (33 << 20) + (33 << 20) / 128 + 4096;
    assert!(table(keys(&[(most, 10, b"")], &[])).is_ok());
    for blocks in [
        &[(most + 1, 10, &b""[..])][..],
        &[(1 << 40, 10, b"")],
        &[(10, 10, b""), (10 + (1 << 30), 10, b"")],
        &[(10, (33 << 20) + 1, b"")],
        // Backwards, so that a length would be less than nothing.
        &[(10, 10, b""), (5, 10, b"")],
    ] {
        assert_eq!(table(keys(blocks, &[])), Err(SegmentError("it is out of order")), "{blocks:?}");
    }
}

#[test]
fn a_block_has_as_many_records_as_it_may() {
    for (count, is_fine) in [(64, true), (65, false), (1 << 20, false)] {
        let unpacked = vec![0u8; 4 * count];
        let packed = zstd::bulk::compress(&unpacked, 3).expect("packed");
        let table = table(keys(&[(packed.len() as u64, unpacked.len() as u32, &packed)], &[])).expect("a table");
        assert_eq!(table.block(0).expect("the one").unpack(&packed).is_ok(), is_fine, "{count}");
    }
}

#[test]
fn of_one_key_not_everything_is_looked_at() {
    let key = Digest::of(b"a");
    let entries: Vec<(Digest, u32, u32)> = (0..10_000).map(|place| (key, 0, place)).collect();
    assert_eq!(table(keys(&[(10, 10, b"")], &entries)).expect("a table").find(&key).len(), 64);
}

#[test]
fn entries_are_in_the_order_of_numbers() {
    let (key, blocks) = (Digest::of(b"a"), vec![(0, 0, &b""[..]); 300]);
    let entries = [(key, 255, 0), (key, 256, 0)];
    assert_eq!(table(keys(&blocks, &entries)).expect("a table").find(&key).len(), 2);
    assert!(table(keys(&blocks, &[entries[1], entries[0]])).is_err());
}

/// Puts a segment of these records into `cache`, which the list says has so many bytes of records more than it has.
fn forge(space: &Space, records: Vec<Keyed>, more: u64) {
    let (segment, cache) = (Segment::of(records), space.path("cache"));
    let name = segment.name();
    std::fs::create_dir_all(cache.join("segments")).expect("made");
    std::fs::write(cache.join(keys_path(name)), &segment.keys).expect("written");
    std::fs::write(cache.join(records_path(name)), &segment.records).expect("written");
    let (keys, records) = (segment.keys.len() as u64, segment.records.len() as u64 + more);
    let list = List { segments: vec![SegmentName { name, keys, records }], ..List::default() };
    std::fs::write(cache.join(LIST), list.encode()).expect("written");
}

/// What is said of a cache where nothing is found.
fn said(space: &Space, key: ActionKey) -> Vec<String> {
    let caches = space.caches(vec![space.folder("cache")]);
    assert_eq!(find_one(&caches, key), None);
    caches.take_notices()
}

#[test]
fn the_list_and_the_keys_agree_on_the_records() {
    let space = Space::new();
    let a = realisation("a");
    let record = key("own").sign(&a).encode();
    forge(&space, vec![Keyed { keys: vec![a.key.0], record: record.clone() }], 0);
    assert_eq!(find_one(&space.caches(vec![space.folder("cache")]), a.key), Some(a.clone()));
    forge(&space, vec![Keyed { keys: vec![a.key.0], record }], 1);
    let said = said(&space, a.key);
    assert!(said.len() == 1 && said[0].contains("its records have another length"), "{said:?}");
}

#[test]
fn records_beyond_all_measure_are_passed_over() {
    let space = Space::new();
    // Under the limit each, over it together: of one key, the word of many signers.
    let a = Realisation { derivation: "x".repeat(1 << 20), ..realisation("a") };
    let records = ["own", "b", "c", "d", "e", "f"].map(|name| key(name).sign(&a).encode());
    let all = records.map(|record| Keyed { keys: vec![a.key.0], record });
    forge(&space, all[..3].to_vec(), 0);
    assert_eq!(find_one(&space.caches(vec![space.folder("cache")]), a.key), Some(a.clone()));
    forge(&space, all.to_vec(), 0);
    let caches = space.caches(vec![space.folder("cache")]);
    let _ = find_one(&caches, a.key);
    let said = caches.take_notices();
    assert!(said.iter().any(|text| text.contains("its records are beyond all measure")), "{said:?}");
}
