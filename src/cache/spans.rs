//! Which parts of a records file are asked for at once, and the blocks of it that are held while a run lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::segment::Block;
use crate::digest::Digest;

/// A records file up to this many bytes is read whole, where more than one of its blocks is wanted.
const SMALL: u64 = 512 << 10;

/// So many bytes that nobody wants are read rather than asking twice.
const GAP: u64 = 64 << 10;

/// The most bytes that are asked for at once, unless one block has more.
const MOST: u64 = 4 << 20;

/// The most bytes of records that are held.
const HELD: u64 = 64 << 20;

/// Blocks that stand close together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub from: u64,
    /// How many bytes.
    pub length: u64,
    /// The blocks in it, with their numbers.
    pub blocks: Vec<(u32, Block)>,
}

/// `blocks`, which are in order, of a records file of `length` bytes, as they are asked for.
pub fn spans(blocks: &[(u32, Block)], length: u64) -> Vec<Span> {
    let gap = if length <= SMALL { SMALL } else { GAP };
    let mut spans: Vec<Span> = Vec::new();
    for (number, block) in blocks {
        let end = block.from + block.length;
        match spans.last_mut() {
            Some(last) if block.from - (last.from + last.length) <= gap && end - last.from <= MOST => {
                last.length = end - last.from;
                last.blocks.push((*number, *block));
            }
            _ => spans.push(Span { from: block.from, length: block.length, blocks: vec![(*number, *block)] }),
        }
    }
    spans
}

/// Blocks that were read in this run, as many as fit, and those that are damaged.
#[derive(Default)]
pub struct Blocks(Mutex<Held>);

#[derive(Default)]
struct Held {
    bytes: u64,
    blocks: BTreeMap<(Digest, u32), Arc<Vec<Vec<u8>>>>,
    bad: BTreeSet<(Digest, u32)>,
}

impl Blocks {
    /// The records of a block that is held.
    pub fn held(&self, id: (Digest, u32)) -> Option<Arc<Vec<Vec<u8>>>> {
        self.lock().blocks.get(&id).cloned()
    }

    /// Holds a block; all others are let go where it would become too much.
    pub fn hold(&self, id: (Digest, u32), records: Arc<Vec<Vec<u8>>>) {
        let mut held = self.lock();
        let bytes: u64 = records.iter().map(|record| record.len() as u64).sum();
        if held.blocks.contains_key(&id) || bytes > HELD {
            return;
        }
        if held.bytes + bytes > HELD {
            held.blocks.clear();
            held.bytes = 0;
        }
        held.bytes += bytes;
        held.blocks.insert(id, records);
    }

    /// Lets all of them go.
    #[cfg(test)]
    pub fn forget(&self) {
        *self.lock() = Held::default();
    }

    /// Notes that a block is damaged: it is not asked for again.
    pub fn spoil(&self, id: (Digest, u32)) {
        self.lock().bad.insert(id);
    }

    /// Whether a block is damaged.
    pub fn is_spoilt(&self, id: (Digest, u32)) -> bool {
        self.lock().bad.contains(&id)
    }

    /// Whether any block of a segment is damaged.
    pub fn has_spoilt(&self, segment: Digest) -> bool {
        self.lock().bad.range((segment, 0)..=(segment, u32::MAX)).next().is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_blocks_are_asked_for_at_once() {
        let block = |number: u32, from: u64, length: u64| (number, Block::sample(from, length));
        let shape = |blocks: &[(u32, Block)], length: u64| -> Vec<(u64, u64, usize)> {
            spans(blocks, length).iter().map(|span| (span.from, span.length, span.blocks.len())).collect()
        };
        assert_eq!(shape(&[], 0), []);
        assert_eq!(shape(&[block(0, 0, 10), block(7, 300 << 10, 10)], SMALL), [(0, (300 << 10) + 10, 2)]);
        let far = [block(0, 0, 10), block(1, 10 + GAP, 5), block(2, 16 + 2 * GAP, 5)];
        assert_eq!(shape(&far, 1 << 30), [(0, GAP + 15, 2), (16 + 2 * GAP, 5, 1)]);
        let large = [block(0, 0, MOST), block(1, MOST, 9 << 20), block(2, 13 << 20, 1)];
        assert_eq!(shape(&large, 1 << 30), [(0, MOST, 1), (MOST, 9 << 20, 1), (13 << 20, 1, 1)]);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let blocks = Blocks::default();
        let record = Arc::new(vec![vec![0; 20 << 20]]);
        for number in 0..4 {
            blocks.hold((Digest::of(b"a"), number), record.clone());
        }
        assert_eq!((0..4).filter(|number| blocks.held((Digest::of(b"a"), *number)).is_some()).count(), 1);
        assert!(blocks.held((Digest::of(b"a"), 3)).is_some());
    }
}
