//! Looking keys up in one cache: the list, the keys files, and the blocks of what is there.
//!
//! ```text
//! list (remembered for a minute) ──► keys files (kept for good) ──► hits ──► their blocks (kept for good), several at a time
//! ```
//!
//! Thousands of keys cost a request for the list, one for each new segment, and a few for the blocks of new hits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Cache;
use super::error::CacheError;
use super::list::{List, SegmentName, keys_path, records_path};
use super::place::Tag;
use super::segment::{Spot, Table};
use super::signature::Signed;
use crate::digest::Digest;

/// How many requests are under way at once.
pub const LANES: usize = 8;

/// A records file up to this many bytes is read whole, where more than one of its blocks is wanted.
const SMALL: u64 = 512 << 10;

/// A segment whose keys are here.
pub struct Opened {
    /// As the list names it.
    pub segment: SegmentName,
    /// Its keys.
    pub table: Table,
}

/// All segments of a cache, the oldest first, and which list that was.
#[derive(Clone)]
pub struct Contents {
    /// Their keys.
    pub segments: Arc<Vec<Opened>>,
    /// The list's tag; `None` where the list was remembered.
    pub tag: Option<Tag>,
}

type Unpacked = Arc<Vec<Vec<u8>>>;

/// Blocks that were read in this run.
#[derive(Default)]
pub struct Blocks(Mutex<BTreeMap<(Digest, u32), Unpacked>>);

impl Cache {
    /// What it has: as it was when this was first asked, unless `anew`.
    ///
    /// # Errors
    /// Where the list or a keys file cannot be had.
    pub(super) fn contents(&self, anew: bool) -> Result<Contents, CacheError> {
        let mut slot = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(contents) = slot.as_ref().filter(|_| !anew) {
            return Ok(contents.clone());
        }
        let (list, tag) = self.list(anew)?;
        let segments = in_lanes(&list.segments, |segment| self.open_segment(segment));
        let segments = segments.into_iter().collect::<Result<Vec<_>, _>>()?;
        let contents = Contents { segments: Arc::new(segments), tag };
        *slot = Some(contents.clone());
        Ok(contents)
    }

    fn list(&self, anew: bool) -> Result<(List, Option<Tag>), CacheError> {
        let remembers = self.place.is_remote() && !anew && !self.insistent;
        if let Some(list) = remembers.then(|| self.copies.list(self.now())).flatten() {
            return Ok((list, None));
        }
        self.count_request();
        let (list, bytes, tag) = self.place.list(&self.name)?;
        self.count_bytes(bytes.len() as u64);
        self.copies.keep_list(&list, self.now());
        Ok((list, Some(tag)))
    }

    fn open_segment(&self, segment: &SegmentName) -> Result<Opened, CacheError> {
        let opened = |table| Opened { segment: segment.clone(), table };
        if let Some(table) = self.copies.keys(segment.name).and_then(|kept| Table::decode(kept, segment.name).ok()) {
            return Ok(opened(table));
        }
        let path = keys_path(segment.name);
        self.count_request();
        let bytes = self.place.read(&path, segment.keys, &self.name)?;
        let bytes = bytes.ok_or_else(|| CacheError::Missing { cache: self.name.clone(), path: path.clone() })?;
        self.count_bytes(bytes.len() as u64);
        let table = Table::decode(bytes.clone(), segment.name).map_err(|error| self.damaged(&path, &error))?;
        self.copies.keep_keys(segment.name, &bytes);
        Ok(opened(table))
    }

    /// The records of each key, in the order of `asked`: what earlier segments have comes first. Nothing is verified.
    ///
    /// # Errors
    /// Where they cannot be had.
    pub(super) fn records(&self, asked: &[Digest]) -> Result<Vec<Vec<Signed>>, CacheError> {
        let contents = self.contents(false)?;
        let mut hits: Vec<Vec<(usize, Spot)>> = Vec::with_capacity(asked.len());
        let mut wanted: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for key in asked {
            let spots = contents.segments.iter().enumerate();
            let spots = spots.flat_map(|(at, opened)| opened.table.find(key).into_iter().map(move |spot| (at, spot)));
            let spots: Vec<(usize, Spot)> = spots.collect();
            for (at, spot) in &spots {
                wanted.entry(*at).or_default().insert(spot.block);
            }
            hits.push(spots);
        }
        let wanted: Vec<(usize, BTreeSet<u32>)> = wanted.into_iter().collect();
        let blocks = wanted.iter().map(|(at, numbers)| {
            let unpacked = self.blocks_of(&contents.segments[*at], numbers)?;
            Ok(unpacked.into_iter().map(move |(number, block)| ((*at, number), block)))
        });
        let blocks: BTreeMap<(usize, u32), Unpacked> =
            blocks.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let record =
            |(at, spot): &(usize, Spot)| Signed::decode(blocks.get(&(*at, spot.block))?.get(spot.place as usize)?);
        Ok(hits.iter().map(|spots| spots.iter().filter_map(record).collect()).collect())
    }

    /// Every record of a segment with its keys, to be merged into another.
    ///
    /// # Errors
    /// Where they cannot be had.
    pub(super) fn all_records(&self, opened: &Opened) -> Result<Vec<super::segment::Keyed>, CacheError> {
        let numbers: BTreeSet<u32> = (0..opened.table.blocks() as u32).collect();
        let blocks = self.blocks_of(opened, &numbers)?;
        let mut keys: BTreeMap<Spot, Vec<Digest>> = BTreeMap::new();
        opened.table.iter().for_each(|(key, spot)| keys.entry(spot).or_default().push(key));
        let keyed = keys.into_iter().filter_map(|(spot, keys)| {
            let record = blocks.get(&spot.block)?.get(spot.place as usize)?.clone();
            Some(super::segment::Keyed { keys, record })
        });
        Ok(keyed.collect())
    }

    fn blocks_of(&self, opened: &Opened, numbers: &BTreeSet<u32>) -> Result<BTreeMap<u32, Unpacked>, CacheError> {
        let (name, table) = (opened.segment.name, &opened.table);
        let path = records_path(name);
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for number in numbers {
            let Some(block) = table.block(*number) else { continue };
            let held = self.blocks.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(name, *number)).cloned();
            let kept = || self.copies.block(name, *number, block.length).and_then(|kept| block.unpack(&kept).ok());
            match held.or_else(|| kept().map(Arc::new)) {
                Some(unpacked) => drop(found.insert(*number, unpacked)),
                None => missing.push((*number, block)),
            }
        }
        let length = table.records_length();
        let whole = missing.len() > 1 && (length <= SMALL || missing.len() * 2 > table.blocks());
        let bytes = match whole {
            true => Some(self.read_part(&path, 0, length)?),
            false => None,
        };
        let read = in_lanes(&missing, |(number, block)| {
            let part = match &bytes {
                // The table's order and the length that was read say that it is inside.
                Some(bytes) => {
                    bytes.get(block.from as usize..(block.from + block.length) as usize).unwrap_or_default().to_vec()
                }
                None => self.read_part(&path, block.from, block.length)?,
            };
            let unpacked = block.unpack(&part).map_err(|error| self.damaged(&path, &error))?;
            self.copies.keep_block(name, *number, &part);
            Ok((*number, Arc::new(unpacked)))
        });
        for fresh in read {
            let (number, unpacked) = fresh?;
            found.insert(number, unpacked);
        }
        let mut held = self.blocks.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.iter().for_each(|(number, unpacked)| drop(held.insert((name, *number), unpacked.clone())));
        Ok(found)
    }

    fn read_part(&self, path: &str, from: u64, length: u64) -> Result<Vec<u8>, CacheError> {
        self.count_request();
        let part = self.place.read_part(path, from, length, &self.name)?;
        self.count_bytes(part.len() as u64);
        Ok(part)
    }

    /// What bytes are that are not those of their name.
    pub(super) fn damaged(&self, path: &str, why: &dyn std::fmt::Display) -> CacheError {
        CacheError::Damaged { cache: self.name.clone(), path: path.to_owned(), why: why.to_string() }
    }
}

/// Does `deed` to each of `all`, several at once; what it gives, in their order.
pub fn in_lanes<T: Sync, R: Send>(all: &[T], deed: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(at) else { return };
            let result = deed(one);
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(at, result);
        }
    };
    // Plain threads, which wait: one of a pool would start other work of the pool meanwhile.
    std::thread::scope(|scope| {
        for _ in 1..LANES.min(all.len()) {
            scope.spawn(work);
        }
        work();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}
