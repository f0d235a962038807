//! Looking keys up in one cache: the list, the keys files, and the blocks of what is there.
//!
//! ```text
//! list (remembered for a minute) ──► keys files (kept for good) ──► hits ──► their blocks (kept for good), several at a time
//! ```
//!
//! Thousands of keys cost a request for the list, one for each new segment, and a few for the blocks of new hits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Cache;
use super::copies::FRESH;
use super::error::CacheError;
use super::list::{List, SegmentName, keys_path, records_path};
use super::place::Tag;
use super::segment::{Block, Keyed, Spot, Table};
use super::signature::Signed;
use super::spans::{Span, spans};
use crate::digest::Digest;

/// How many requests are under way at once.
pub const LANES: usize = 8;

/// The most bytes of records that one look-up takes in: more than any honest cache has of what can be asked for.
const MOST_FOUND: u64 = if cfg!(test) { 4 << 20 } else { 512 << 20 };

/// A segment whose keys are here.
pub struct Opened {
    /// As the list names it.
    pub segment: SegmentName,
    /// Its keys.
    pub table: Table,
}

/// All segments of a cache, the oldest first, and which list that was.
pub struct Contents {
    /// Their keys.
    pub segments: Vec<Arc<Opened>>,
    /// Segments that the list names, but that are damaged or missing. Only a push looks past them, to mend them.
    pub lost: Vec<SegmentName>,
    /// The list's tag; `None` where the list was remembered.
    pub tag: Option<Tag>,
    read: Instant,
}

/// What was looked up.
pub struct Found {
    /// The records of each key, in the order of what was asked: what earlier segments have comes first.
    pub records: Vec<Vec<Signed>>,
    /// What could not be read, and counts as not being there; the first of it.
    pub trouble: Option<CacheError>,
}

/// Records by their places, and what is wrong with those that could not be read.
type Picked = (BTreeMap<Spot, Vec<u8>>, Option<CacheError>);

/// A block's number, and what was taken of it or is wrong with it.
type OfBlock<T> = (u32, Result<T, CacheError>);

/// What is taken of the records of a block.
type Take<'a, T> = dyn Fn(u32, &[Vec<u8>]) -> Result<T, CacheError> + Sync + 'a;

impl Cache {
    /// What it has: as it was a moment ago, unless `anew`, which is for a push.
    ///
    /// # Errors
    /// Where the list or a keys file cannot be had.
    pub(super) fn contents(&self, anew: bool, until: Instant) -> Result<Arc<Contents>, CacheError> {
        let mut slot = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |contents: &&Arc<Contents>| contents.read.elapsed() < Duration::from_secs(FRESH as u64);
        if let Some(contents) = slot.as_ref().filter(is_fresh).filter(|_| !anew) {
            return Ok(contents.clone());
        }
        let (list, tag) = self.list(anew, until)?;
        let known = slot.as_ref().map(|contents| contents.segments.as_slice()).unwrap_or_default();
        let opened = in_lanes(&list.segments, |segment| match known.iter().find(|known| known.segment == *segment) {
            Some(known) => Ok(known.clone()),
            None => self.open_segment(segment, until).map(Arc::new),
        });
        let (mut segments, mut lost) = (Vec::new(), Vec::new());
        for (segment, opened) in list.segments.into_iter().zip(opened) {
            match opened {
                Ok(opened) => segments.push(opened),
                Err(error) if anew && error.is_damage() => lost.push(segment),
                Err(error) => return Err(error),
            }
        }
        let contents = Arc::new(Contents { segments, lost, tag, read: Instant::now() });
        *slot = Some(contents.clone());
        Ok(contents)
    }

    fn list(&self, anew: bool, until: Instant) -> Result<(List, Option<Tag>), CacheError> {
        let remembers = self.place.is_remote() && !anew && !self.insistent;
        if let Some(list) = remembers.then(|| self.copies.list(self.now())).flatten() {
            return Ok((list, None));
        }
        self.count_request();
        let (list, bytes, tag) = self.place.list(&self.name, until)?;
        self.count_bytes(bytes.len() as u64);
        self.copies.keep_list(&list, self.now());
        Ok((list, Some(tag)))
    }

    fn open_segment(&self, segment: &SegmentName, until: Instant) -> Result<Opened, CacheError> {
        let opened = |table| Opened { segment: segment.clone(), table };
        let decode = |bytes| Table::decode(bytes, segment.name).and_then(|table| table.with_records(segment.records));
        if let Some(table) = self.copies.keys(segment.name).and_then(|kept| decode(kept).ok()) {
            return Ok(opened(table));
        }
        let path = keys_path(segment.name);
        self.count_request();
        let bytes = self.place.read(&path, segment.keys, &self.name, until)?;
        let bytes = bytes.ok_or_else(|| CacheError::Missing { cache: self.name.clone(), path: path.clone() })?;
        self.count_bytes(bytes.len() as u64);
        let table = decode(bytes.clone()).map_err(|error| self.damaged(&path, &error))?;
        self.copies.keep_keys(segment.name, &bytes);
        Ok(opened(table))
    }

    /// The records of each key. Nothing is verified. Memory is taken for them alone, and for a few blocks at a time.
    ///
    /// # Errors
    /// Where the cache is of no use.
    pub(super) fn records(&self, contents: &Contents, asked: &[Digest], until: Instant) -> Result<Found, CacheError> {
        let mut hits: Vec<Vec<(usize, Spot)>> = Vec::with_capacity(asked.len());
        let mut wanted: BTreeMap<usize, BTreeSet<Spot>> = BTreeMap::new();
        for key in asked {
            let spots = contents.segments.iter().enumerate();
            let spots = spots.flat_map(|(at, opened)| opened.table.find(key).into_iter().map(move |spot| (at, spot)));
            let spots: Vec<(usize, Spot)> = spots.collect();
            spots.iter().for_each(|(at, spot)| wanted.entry(*at).or_default().extend([*spot]));
            hits.push(spots);
        }
        let (mut read, mut trouble) = (BTreeMap::new(), None);
        let room = AtomicU64::new(MOST_FOUND);
        for (at, spots) in &wanted {
            let (picked, failed) = self.pick(&contents.segments[*at], spots, &room, until)?;
            read.extend(picked.into_iter().map(|(spot, record)| ((*at, spot), record)));
            trouble = trouble.or(failed);
        }
        let record = |hit: &(usize, Spot)| Signed::decode(read.get(hit)?);
        let records = hits.iter().map(|spots| spots.iter().filter_map(record).collect()).collect();
        Ok(Found { records, trouble })
    }

    /// Every record of a segment that can be read, with its keys, to be merged into another.
    ///
    /// # Errors
    /// Where the cache is of no use.
    pub(super) fn all_records(&self, opened: &Opened, until: Instant) -> Result<Vec<Keyed>, CacheError> {
        let mut keys: BTreeMap<Spot, Vec<Digest>> = BTreeMap::new();
        opened.table.iter().for_each(|(key, spot)| keys.entry(spot).or_default().push(key));
        let spots: BTreeSet<Spot> = keys.keys().copied().collect();
        let (picked, _) = self.pick(opened, &spots, &AtomicU64::new(MOST_FOUND), until)?;
        Ok(picked.into_iter().filter_map(|(spot, record)| Some(Keyed { keys: keys.remove(&spot)?, record })).collect())
    }

    /// The records at these places, and what could not be read of them. No more bytes than `room` has.
    fn pick(
        &self,
        opened: &Opened,
        spots: &BTreeSet<Spot>,
        room: &AtomicU64,
        until: Instant,
    ) -> Result<Picked, CacheError> {
        let name = opened.segment.name;
        let path = records_path(name);
        let of_block = |number: u32| {
            let (from, to) = (Spot { block: number, place: 0 }, Spot { block: number, place: u32::MAX });
            spots.range(from..=to)
        };
        let take = |number: u32, records: &[Vec<u8>]| -> Result<Vec<(Spot, Vec<u8>)>, CacheError> {
            let found = of_block(number).filter_map(|spot| Some((*spot, records.get(spot.place as usize)?.clone())));
            let found: Vec<(Spot, Vec<u8>)> = found.collect();
            let bytes = found.iter().map(|(_, record)| record.len() as u64).sum();
            let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(bytes));
            taken.map_err(|_| self.damaged(&path, &"its records are beyond all measure"))?;
            Ok(found)
        };
        let (mut picked, mut missing, mut trouble) = (BTreeMap::new(), Vec::new(), None);
        let numbers: BTreeSet<u32> = spots.iter().map(|spot| spot.block).collect();
        for number in numbers {
            let Some(block) = opened.table.block(number) else { continue };
            if self.blocks.is_spoilt((name, number)) {
                continue;
            }
            let kept = || self.copies.block(name, number, block.length).and_then(|kept| block.unpack(&kept).ok());
            match self.blocks.held((name, number)).or_else(|| kept().map(Arc::new)) {
                Some(records) => match take(number, &records) {
                    Ok(taken) => {
                        picked.extend(taken);
                        self.blocks.hold((name, number), records);
                    }
                    Err(error) => trouble = trouble.or(Some(error)),
                },
                None => missing.push((number, block)),
            }
        }
        let spans = spans(&missing, opened.table.records_length());
        for (span, read) in spans.iter().zip(in_lanes(&spans, |span| self.read_span(name, span, until, &take))) {
            match read {
                Ok(read) => {
                    for (number, fresh) in read {
                        match fresh {
                            Ok(fresh) => picked.extend(fresh),
                            Err(error) => {
                                self.blocks.spoil((name, number));
                                trouble = trouble.or(Some(error));
                            }
                        }
                    }
                }
                Err(error) if error.is_whole() => return Err(error),
                Err(error) => {
                    span.blocks.iter().for_each(|(number, _)| self.blocks.spoil((name, *number)));
                    trouble = trouble.or(Some(error));
                }
            }
        }
        Ok((picked, trouble))
    }

    /// Reads blocks that stand together: of each what `take` takes of its records, or what is wrong with it.
    fn read_span<T>(
        &self,
        name: Digest,
        span: &Span,
        until: Instant,
        take: &Take<'_, T>,
    ) -> Result<Vec<OfBlock<T>>, CacheError> {
        let path = records_path(name);
        let part = self.read_part(&path, span.from, span.length, until)?;
        let one = |number: u32, block: &Block| {
            let from = (block.from - span.from) as usize;
            let packed = part.get(from..from + block.length as usize).unwrap_or_default();
            let records = Arc::new(block.unpack(packed).map_err(|error| self.damaged(&path, &error))?);
            self.copies.keep_block(name, number, packed);
            let taken = take(number, &records)?;
            self.blocks.hold((name, number), records);
            Ok(taken)
        };
        Ok(span.blocks.iter().map(|(number, block)| (*number, one(*number, block))).collect())
    }

    fn read_part(&self, path: &str, from: u64, length: u64, until: Instant) -> Result<Vec<u8>, CacheError> {
        self.count_request();
        let part = self.place.read_part(path, (from, length), &self.name, until)?;
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
