//! Segments: what one push adds to a cache, in two files that never change.
//!
//! ```text
//! segments/<digest>.keys     "opb cache segment 1\n"  u32 blocks  u32 entries
//!                            blocks:  u64 end in the records file, u32 unpacked length, 32 bytes BLAKE3 of the packed
//!                            entries: 32 bytes key, u32 block, u32 place in the block; sorted
//! segments/<digest>.records  blocks, each packed by zstd on its own; unpacked: u32 length, record, again and again
//! ```
//!
//! The digest is the BLAKE3 of the keys file, which states the digest of every block: who has the name can check all of it.
//! An entry's key is an action key, or a fingerprint, under which a build of another number is found. Numbers are
//! little-endian. A reader keeps the keys file, looks keys up there, and reads no more than the blocks of its hits.

use crate::digest::Digest;

const HEAD: &[u8] = b"opb cache segment 1\n";
const BLOCK: usize = 8 + 4 + 32;
const ENTRY: usize = 32 + 4 + 4;

/// A block is closed when it has that many records,
const MOST_RECORDS: usize = 64;

/// or that many bytes, unpacked.
const FULL: usize = 1 << 20;

/// The most bytes of a block, unpacked: one that is nearly full and the largest record.
pub const MAX_BLOCK: usize = FULL + MAX_RECORD;

/// The most bytes of a block, packed: what zstd makes of the largest that does not shrink.
const MAX_PACKED: u64 = MAX_BLOCK as u64 + MAX_BLOCK as u64 / 128 + 4096;

/// The most records of one key that are looked at: one of each signer.
const MOST_SIGNERS: usize = 64;

/// The most bytes of a record.
pub const MAX_RECORD: usize = 32 << 20;

/// The level of compression: records are written once and read often.
const LEVEL: i32 = 9;

/// A record with the keys that it is found under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyed {
    /// Action key, and fingerprint where there is one.
    pub keys: Vec<Digest>,
    /// The record, signed.
    pub record: Vec<u8>,
}

/// The two files of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The keys file.
    pub keys: Vec<u8>,
    /// The records file.
    pub records: Vec<u8>,
}

/// A keys file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    bytes: Vec<u8>,
    blocks: usize,
    entries: usize,
}

/// Where a block stands in the records file, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Its first byte.
    pub from: u64,
    /// How many bytes, packed.
    pub length: u64,
    unpacked: usize,
    digest: Digest,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The block, from 0.
    pub block: u32,
    /// The place in it, from 0.
    pub place: u32,
}

/// Bytes that are no segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no part of a segment: {0}")]
pub struct SegmentError(pub &'static str);

impl Segment {
    /// Of these records, in whatever order; those of more than 32 MiB are left out.
    pub fn of(mut all: Vec<Keyed>) -> Self {
        all.retain(|keyed| keyed.record.len() <= MAX_RECORD);
        all.sort();
        all.dedup();
        let (mut entries, mut blocks, mut records) = (Vec::new(), Vec::new(), Vec::new());
        let (mut open, mut count) = (Vec::new(), 0u32);
        for keyed in &all {
            let spot = Spot { block: blocks.len() as u32, place: count };
            entries.extend(keyed.keys.iter().map(|key| (*key, spot)));
            open.extend_from_slice(&(keyed.record.len() as u32).to_le_bytes());
            open.extend_from_slice(&keyed.record);
            count += 1;
            if count as usize == MOST_RECORDS || open.len() >= FULL {
                close(&mut open, &mut blocks, &mut records);
                count = 0;
            }
        }
        if count > 0 {
            close(&mut open, &mut blocks, &mut records);
        }
        entries.sort();
        let mut keys = HEAD.to_vec();
        keys.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
        keys.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        blocks.iter().for_each(|block| keys.extend_from_slice(block));
        for (key, spot) in entries {
            keys.extend_from_slice(key.as_bytes());
            keys.extend_from_slice(&spot.block.to_le_bytes());
            keys.extend_from_slice(&spot.place.to_le_bytes());
        }
        Self { keys, records }
    }

    /// Its name.
    pub fn name(&self) -> Digest {
        Digest::of(&self.keys)
    }
}

fn close(open: &mut Vec<u8>, blocks: &mut Vec<[u8; BLOCK]>, records: &mut Vec<u8>) {
    let packed = zstd::bulk::compress(open, LEVEL).expect("memory is written to");
    records.extend_from_slice(&packed);
    let mut block = [0; BLOCK];
    block[..8].copy_from_slice(&(records.len() as u64).to_le_bytes());
    block[8..12].copy_from_slice(&(open.len() as u32).to_le_bytes());
    block[12..].copy_from_slice(Digest::of(&packed).as_bytes());
    blocks.push(block);
    open.clear();
}

impl Table {
    /// Reads a keys file that is called `name`.
    ///
    /// # Errors
    /// [`SegmentError`] for anything that [`Segment::of`] does not write.
    pub fn decode(bytes: Vec<u8>, name: Digest) -> Result<Self, SegmentError> {
        if Digest::of(&bytes) != name {
            return Err(SegmentError("the keys are not those of its name"));
        }
        let (blocks, entries) = (number(&bytes, HEAD.len()), number(&bytes, HEAD.len() + 4));
        let (Some(blocks), Some(entries), true) = (blocks, entries, bytes.starts_with(HEAD)) else {
            return Err(SegmentError("it does not begin as one"));
        };
        let length = HEAD.len() as u64 + 8 + u64::from(blocks) * BLOCK as u64 + u64::from(entries) * ENTRY as u64;
        if bytes.len() as u64 != length {
            return Err(SegmentError("its length is not what it says"));
        }
        let table = Self { bytes, blocks: blocks as usize, entries: entries as usize };
        let ends = (0..table.blocks).map(|at| table.end(at));
        let entry = |at| (&table.row(at)[..32], table.spot(at));
        let is_sorted = (1..table.entries).all(|at| entry(at - 1) < entry(at));
        if !ends.is_sorted() {
            return Err(SegmentError("it is out of order"));
        }
        let is_small = (0..table.blocks).all(|at| table.unpacked(at) <= MAX_BLOCK && table.length(at) <= MAX_PACKED);
        let is_inside = (0..table.entries).all(|at| (table.spot(at).block as usize) < table.blocks);
        match is_sorted && is_small && is_inside {
            true => Ok(table),
            false => Err(SegmentError("it is out of order")),
        }
    }

    /// The same, if the records file has so many bytes.
    ///
    /// # Errors
    /// [`SegmentError`] where its blocks come to another length.
    pub fn with_records(self, bytes: u64) -> Result<Self, SegmentError> {
        if self.records_length() == bytes { Ok(self) } else { Err(SegmentError("its records have another length")) }
    }

    /// How many keys.
    pub fn keys(&self) -> usize {
        self.entries
    }

    /// Where the records of a key stand, in order; there may be several, of several signers, but only so many are told.
    pub fn find(&self, key: &Digest) -> Vec<Spot> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle)[..32] < key.as_bytes()[..] { low = middle + 1 } else { high = middle }
        }
        let rows = (low..self.entries).take(MOST_SIGNERS);
        rows.take_while(|at| self.row(*at)[..32] == key.as_bytes()[..]).map(|at| self.spot(at)).collect()
    }

    /// All keys with their spots, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (Digest, Spot)> {
        (0..self.entries).map(|at| {
            let key: [u8; 32] = self.row(at)[..32].try_into().expect("32 bytes");
            (Digest::from_bytes(key), self.spot(at))
        })
    }

    /// How many blocks.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The bytes of the records file.
    pub fn records_length(&self) -> u64 {
        self.blocks.checked_sub(1).map_or(0, |last| self.end(last))
    }

    /// The block of that number; `None` where there is none.
    pub fn block(&self, number: u32) -> Option<Block> {
        let at = Some(number as usize).filter(|at| *at < self.blocks)?;
        let digest: [u8; 32] = self.block_row(at)[12..].try_into().expect("32 bytes");
        let (digest, length) = (Digest::from_bytes(digest), self.length(at));
        Some(Block { from: self.end(at) - length, length, unpacked: self.unpacked(at), digest })
    }

    /// How many packed bytes a block has.
    fn length(&self, at: usize) -> u64 {
        self.end(at) - at.checked_sub(1).map_or(0, |before| self.end(before))
    }

    /// Whether `bytes` are the records file, block by block.
    pub fn is_of(&self, from: &mut dyn std::io::Read) -> std::io::Result<bool> {
        use std::io::Read as _;
        for number in 0..self.blocks as u32 {
            let Some(block) = self.block(number) else { return Ok(false) };
            let mut packed = Vec::new();
            (&mut *from).take(block.length).read_to_end(&mut packed)?;
            if block.unpack(&packed).is_err() {
                return Ok(false);
            }
        }
        Ok(from.read(&mut [0])? == 0)
    }

    fn block_row(&self, at: usize) -> &[u8] {
        let from = HEAD.len() + 8 + at * BLOCK;
        &self.bytes[from..from + BLOCK]
    }

    fn end(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.block_row(at)[..8].try_into().expect("8 bytes"))
    }

    fn unpacked(&self, at: usize) -> usize {
        u32::from_le_bytes(self.block_row(at)[8..12].try_into().expect("4 bytes")) as usize
    }

    fn row(&self, at: usize) -> &[u8] {
        let from = HEAD.len() + 8 + self.blocks * BLOCK + at * ENTRY;
        &self.bytes[from..from + ENTRY]
    }

    fn spot(&self, at: usize) -> Spot {
        let row = self.row(at);
        let number = |from: usize| u32::from_le_bytes(row[from..from + 4].try_into().expect("4 bytes"));
        Spot { block: number(32), place: number(36) }
    }
}

impl Block {
    /// One of that place, with nothing in it.
    #[cfg(test)]
    pub fn sample(from: u64, length: u64) -> Self {
        Self { from, length, unpacked: 0, digest: Digest::of(b"") }
    }

    /// The records in these packed bytes.
    ///
    /// # Errors
    /// [`SegmentError`] where they are not this block's.
    pub fn unpack(&self, packed: &[u8]) -> Result<Vec<Vec<u8>>, SegmentError> {
        if packed.len() as u64 != self.length || Digest::of(packed) != self.digest {
            return Err(SegmentError("a block is not the one that the keys name"));
        }
        let bytes = zstd::bulk::decompress(packed, self.unpacked).map_err(|_| SegmentError("a block is not packed"))?;
        let (mut rest, mut records) = (&bytes[..], Vec::new());
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (record, tail) = tail.split_at_checked(length).ok_or(SegmentError("a block ends in the middle"))?;
            if records.len() == MOST_RECORDS {
                return Err(SegmentError("a block has too many records"));
            }
            records.push(record.to_vec());
            rest = tail;
        }
        if rest.is_empty() { Ok(records) } else { Err(SegmentError("a block ends in the middle")) }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keyed(number: u32, length: usize) -> Keyed {
        let key = |text: &str| Digest::of(format!("{text}{number}").as_bytes());
        Keyed { keys: vec![key("key"), key("fingerprint")], record: vec![number as u8; length] }
    }

    fn read(segment: &Segment) -> (Table, Vec<Vec<Vec<u8>>>) {
        let table = Table::decode(segment.keys.clone(), segment.name()).expect("a table");
        let blocks = (0..table.blocks() as u32).map(|number| {
            let block = table.block(number).expect("there");
            let (from, to) = (block.from as usize, (block.from + block.length) as usize);
            block.unpack(&segment.records[from..to]).expect("a block")
        });
        let blocks = blocks.collect();
        (table, blocks)
    }

    #[test]
    fn what_is_in_it_is_found_and_nothing_else() {
        let all: Vec<Keyed> = (0..200).map(|number| keyed(number, 10 + number as usize)).collect();
        let segment = Segment::of(all.clone());
        let (table, blocks) = read(&segment);
        assert_eq!((table.keys(), table.blocks()), (400, 4));
        assert_eq!(table.records_length(), segment.records.len() as u64);
        for keyed in &all {
            for key in &keyed.keys {
                let [spot] = table.find(key)[..] else { panic!("not found once") };
                assert_eq!(blocks[spot.block as usize][spot.place as usize], keyed.record);
            }
        }
        assert_eq!(table.find(&Digest::of(b"other")), []);
        let backwards = all.into_iter().rev().collect();
        assert_eq!(Segment::of(backwards), segment, "the order does not matter");
    }

    #[test]
    fn golden_name_and_empty_segment() {
        let segment = Segment::of(vec![keyed(1, 3)]);
        assert_eq!(&segment.keys[..28], b"opb cache segment 1\n\x01\0\0\0\x02\0\0\0");
        assert_eq!(segment.keys.len(), 28 + BLOCK + 2 * ENTRY);
        let (table, blocks) = read(&Segment::of(Vec::new()));
        assert!(table.keys() == 0 && blocks.is_empty());
    }

    #[test]
    fn large_records_are_alone() {
        let (_, blocks) = read(&Segment::of(vec![keyed(1, FULL), keyed(2, FULL), keyed(3, MAX_RECORD + 1)]));
        assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn a_bomb_is_no_block() {
        let segment = Segment::of(vec![keyed(1, 1000)]);
        let (table, _) = read(&segment);
        let block = table.block(0).expect("there");
        let bomb = zstd::bulk::compress(&vec![0; 1 << 22], 1).expect("packed");
        let block = Block { length: bomb.len() as u64, digest: Digest::of(&bomb), ..block };
        assert_eq!(block.unpack(&bomb), Err(SegmentError("a block is not packed")));
    }

    proptest! {
        #[test]
        fn any_records_read_back(lengths in prop::collection::vec(0usize..5000, 0..150)) {
            let all: Vec<Keyed> =
                lengths.iter().enumerate().map(|(number, length)| keyed(number as u32, *length)).collect();
            let segment = Segment::of(all.clone());
            let (table, blocks) = read(&segment);
            prop_assert_eq!(table.keys(), 2 * all.len());
            for keyed in all {
                let spot = table.find(&keyed.keys[0])[0];
                prop_assert_eq!(&blocks[spot.block as usize][spot.place as usize], &keyed.record);
            }
        }

        #[test]
        fn altered_keys_are_no_table(at in 0usize..400, byte: u8) {
            let segment = Segment::of(vec![keyed(1, 3), keyed(2, 4)]);
            let mut bytes = segment.keys.clone();
            let at = at % bytes.len();
            bytes[at] = byte;
            // Under their old name, and under one that fits them: no panic, whatever they say.
            prop_assert!(bytes == segment.keys || Table::decode(bytes.clone(), segment.name()).is_err());
            if let Ok(table) = Table::decode(bytes.clone(), Digest::of(&bytes)) {
                let blocks: Vec<_> = (0..=table.blocks() as u32).filter_map(|number| table.block(number)).collect();
                prop_assert_eq!(blocks.len(), table.blocks());
                for block in blocks {
                    let _ = block.unpack(&segment.records);
                }
            }
        }
    }
}
