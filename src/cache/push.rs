//! Pushing: results of the store into a cache.
//!
//! Objects come first, then the trees that name them, then a segment with the records, and the list last, so that whatever
//! interrupts a push leaves at worst files that nothing names, which the next push finds there. A tree that is there has all
//! of its objects. Small segments are merged into the new one, so that there are never many. What a push finds damaged it
//! puts again: segments always, the bytes of results that are there already where it is told to check them.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::caches::find_in;
use super::error::CacheError;
use super::http::patience;
use super::list::{List, SegmentName, keys_path, packed_path, records_path};
use super::lookup::{Contents, Opened, in_lanes};
use super::place::{Answer, Content, Tag};
use super::segment::{Keyed, Segment};
use super::signature::{CacheKey, Keyring, Signed};
use super::{Access, Cache, Surroundings};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::ActionKey;
use crate::exec::{Asked, same_to_readers};
use crate::store::{Realisation, Store};

/// A file up to this many bytes is packed in memory.
const SMALL: u64 = 4 << 20;

/// The level of compression of objects: most of them are packed already, as packages are.
const LEVEL: i32 = 3;

/// A segment with up to this many keys is merged into any new one.
const FEW: usize = 512;

/// Segments whose records have more bytes are left as they are.
const LARGE: u64 = 64 << 20;

/// How often the list is written again that others changed meanwhile.
const MOST_TRIES: usize = 50;

/// The longest that a push waits for what it looks up.
pub(super) const LOOKING: Duration = Duration::from_secs(600);

/// What is pushed, and how.
#[derive(Debug, Clone, Copy)]
pub struct Pushing<'a> {
    /// Who signs.
    pub key: &'a CacheKey,
    /// Whose word counts besides.
    pub keyring: &'a Keyring,
    /// The results.
    pub results: &'a [Realisation],
    /// Whether the bytes of results that are there already are looked at, and put again where they are damaged.
    pub check: bool,
}

/// What a push came to.
#[derive(Debug, Clone, Default)]
pub struct Pushed {
    /// Results that the cache did not have.
    pub new: usize,
    /// Results that it had.
    pub known: usize,
    /// Results that are not pushed, since not all of their bytes are here.
    pub absent: usize,
    /// Files that were damaged there and have been put again.
    pub mended: u64,
    /// Files that were sent.
    pub files: u64,
    /// Bytes that were sent, packed.
    pub bytes: u64,
    /// What the cache has of steps that came to something else here.
    pub differs: Vec<Realisation>,
}

/// Pushes to the cache that `access` leads to. What it has from a key that is trusted stays.
///
/// # Errors
/// Where the cache cannot be read or written to, or the store be read.
pub fn push(access: Access, around: &Surroundings, store: &Store, pushing: &Pushing<'_>) -> Result<Pushed, Failure> {
    let Pushing { key, keyring, results, check } = *pushing;
    let cache = Cache::new(access, around);
    let keyring = keyring.clone().with(key.public());
    let mut pushed = Pushed::default();
    cache.place.make()?;
    let until = Instant::now() + LOOKING;
    let contents = cache.contents(true, until)?;
    let asked: Vec<Asked> = results.iter().map(|result| Asked::Key(result.key)).collect();
    let there = find_in(&cache, &contents, &asked, &keyring, until)?;
    let (mut todo, mut doubtful) = (Vec::new(), Vec::new());
    for (result, theirs) in results.iter().zip(there) {
        match theirs {
            Some(theirs) => {
                pushed.known += 1;
                if !same_to_readers(&theirs.outputs, &result.outputs) {
                    pushed.differs.push(theirs);
                } else if check && theirs.outputs == result.outputs && is_here(store, result)? {
                    doubtful.push(result);
                }
            }
            None if is_here(store, result)? => todo.push(result),
            None => pushed.absent += 1,
        }
    }
    let mut sending = Sending::new(&cache, store);
    sending.all(&todo)?;
    sending.checks = true;
    sending.all(&doubtful)?;
    cache.place.settle()?;
    crate::store::fault::point("outputs-pushed");
    pushed.new = publish(&cache, key, &keyring, todo)?;
    pushed.mended = sending.mended.into_inner();
    (pushed.files, pushed.bytes) = (sending.files.into_inner(), sending.bytes.into_inner());
    Ok(pushed)
}

pub(super) fn is_here(store: &Store, result: &Realisation) -> Result<bool, Failure> {
    for digest in result.outputs.values() {
        if !store.present(*digest)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What goes over, each file once.
pub(super) struct Sending<'a> {
    cache: &'a Cache,
    store: &'a Store,
    taken: Mutex<BTreeSet<Digest>>,
    /// Whether what is there is looked at.
    checks: bool,
    stop: AtomicBool,
    mended: AtomicU64,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl<'a> Sending<'a> {
    pub(super) fn new(cache: &'a Cache, store: &'a Store) -> Self {
        let (mended, files, bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        Self { cache, store, taken: Mutex::default(), checks: false, stop, mended, files, bytes }
    }

    pub(super) fn all(&self, results: &[&Realisation]) -> Result<(), Failure> {
        let trees: BTreeSet<Digest> = results.iter().flat_map(|result| result.outputs.values().copied()).collect();
        self.trees(trees.into_iter().collect())?;
        let logs: Vec<Digest> = results.iter().filter_map(|result| result.log).collect();
        in_lanes(&logs, |log| self.unless_stopped(|| self.log(*log))).into_iter().try_for_each(|sent| sent.map(drop))
    }

    /// Sends trees with all of their objects.
    pub(super) fn trees(&self, trees: Vec<Digest>) -> Result<(), Failure> {
        // A tree that is there has its objects, unless one of them is damaged.
        let there = in_lanes(&trees, |tree| self.unless_stopped(|| Ok(!self.checks && self.has("trees", *tree)?)));
        let mut wanting = Vec::new();
        for (tree, has) in trees.into_iter().zip(there) {
            if has? == Some(false) {
                wanting.push(self.store.get_tree(tree)?);
            }
        }
        let objects: BTreeSet<(Digest, u64)> =
            wanting.iter().flat_map(|tree| tree.files().map(|(_, object, size)| (object, size))).collect();
        let objects: Vec<(Digest, u64)> = objects.into_iter().collect();
        in_lanes(&objects, |(object, size)| self.unless_stopped(|| self.object(*object, *size)))
            .into_iter()
            .try_for_each(|sent| sent.map(drop))?;
        in_lanes(&wanting, |tree| {
            let bytes = tree.encode();
            self.unless_stopped(|| self.bytes("trees", Digest::of(&bytes), &bytes))
        })
        .into_iter()
        .try_for_each(|sent| sent.map(drop))
    }

    fn unless_stopped<T>(&self, deed: impl FnOnce() -> Result<T, Failure>) -> Result<Option<T>, Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let result = deed();
        self.stop.fetch_or(result.is_err(), Ordering::Relaxed);
        result.map(Some)
    }

    /// Whether a file is there; and where that is to be checked, whether it is what its name says.
    fn has(&self, kind: &str, digest: Digest) -> Result<bool, Failure> {
        let path = packed_path(kind, digest);
        let is_there = self.cache.place.has(&path)?;
        if !is_there || !self.checks {
            return Ok(is_there);
        }
        let Answer::Body(body) = self.cache.place.stream(&path, Instant::now() + patience(1 << 30))? else {
            return Ok(false);
        };
        let mut hasher = blake3::Hasher::new();
        let unpacked = zstd::stream::read::Decoder::new(body.reader)
            .and_then(|mut decoder| std::io::copy(&mut decoder, &mut hasher));
        let is_sound = unpacked.is_ok() && hasher.finalize().as_bytes() == digest.as_bytes();
        self.mended.fetch_add(u64::from(!is_sound), Ordering::Relaxed);
        Ok(is_sound)
    }

    /// Whether a file is still to be sent: it is not there, and nobody else here sends it.
    fn is_wanted(&self, kind: &str, digest: Digest) -> Result<bool, Failure> {
        let is_ours = self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
        Ok(is_ours && !self.has(kind, digest)?)
    }

    fn object(&self, object: Digest, size: u64) -> Result<(), Failure> {
        if !self.is_wanted("objects", object)? {
            return Ok(());
        }
        if size <= SMALL {
            let bytes = self.store.read_object(object, SMALL)?;
            return self.send("objects", object, Content::Bytes(pack(&bytes)));
        }
        // Checked while it is packed: what is altered here goes nowhere.
        let work = self.store.new_work()?;
        let failed = |source| CacheError::File { doing: "packing an object", path: work.path().clone(), source };
        let mut options = cap_std::fs::OpenOptions::new();
        let file = work.dir().open_with("packed", options.read(true).write(true).create_new(true)).map_err(failed)?;
        let mut file = file.into_std();
        let mut encoder = zstd::stream::write::Encoder::new(&mut file, LEVEL).map_err(failed)?;
        let (mut from, mut hasher) = (self.store.open_object(object)?, blake3::Hasher::new());
        let mut chunk = vec![0; 256 << 10];
        loop {
            let count = from.read(&mut chunk).map_err(failed)?;
            if count == 0 {
                break;
            }
            hasher.update(&chunk[..count]);
            encoder.write_all(&chunk[..count]).map_err(failed)?;
        }
        encoder.finish().map_err(failed)?;
        if hasher.finalize().as_bytes() != object.as_bytes() {
            let path = self.store.object_path(object);
            return Err(crate::store::StoreError::Altered { what: "object", path }.into());
        }
        file.rewind().map_err(failed)?;
        self.send("objects", object, Content::File(file))
    }

    fn log(&self, log: Digest) -> Result<(), Failure> {
        // A log that is gone is nobody's loss.
        let Ok(text) = self.store.read_log(log, 256 << 20) else { return Ok(()) };
        self.bytes("logs", log, &text)
    }

    fn bytes(&self, kind: &str, digest: Digest, bytes: &[u8]) -> Result<(), Failure> {
        match self.is_wanted(kind, digest)? {
            true => self.send(kind, digest, Content::Bytes(pack(bytes))),
            false => Ok(()),
        }
    }

    fn send(&self, kind: &str, digest: Digest, content: Content) -> Result<(), Failure> {
        let length = match &content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.metadata().map_or(0, |metadata| metadata.len()),
        };
        self.cache.place.put(&packed_path(kind, digest), content)?;
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, LEVEL).expect("memory is written to")
}

/// Adds the records of `todo`, those that nobody else has added meanwhile; how many.
pub(super) fn publish(
    cache: &Cache,
    key: &CacheKey,
    keyring: &Keyring,
    mut todo: Vec<&Realisation>,
) -> Result<usize, Failure> {
    let (mut new, mut taken): (usize, BTreeSet<ActionKey>) = (0, BTreeSet::new());
    for _ in 0..MOST_TRIES {
        let until = Instant::now() + LOOKING;
        let contents = cache.contents(true, until)?;
        let asked: Vec<Asked> = todo.iter().map(|result| Asked::Key(result.key)).collect();
        let mut there = find_in(cache, &contents, &asked, keyring, until)?.into_iter();
        todo.retain(|result| {
            let is_there = there.next().flatten().is_some();
            new += usize::from(is_there && taken.contains(&result.key));
            !is_there
        });
        let is_whole = contents.lost.is_empty() && !contents.segments.iter().any(|opened| is_damaged(cache, opened));
        // The list is written also for nothing new, where there is none yet: then the folder is a cache.
        if todo.is_empty() && contents.tag != Some(Tag::None) && is_whole {
            return Ok(new);
        }
        let records: Vec<Keyed> = todo.iter().map(|result| keyed(&key.sign(result), result)).collect();
        let (left, records) = merged(cache, &contents, records, until)?;
        let mut list = List { segments: left, ..List::default() };
        if !records.is_empty() {
            let segment = Segment::of(records);
            let name = segment.name();
            let (keys, records) = (segment.keys.len() as u64, segment.records.len() as u64);
            cache.place.put(&records_path(name), Content::Bytes(segment.records))?;
            cache.place.put(&keys_path(name), Content::Bytes(segment.keys))?;
            cache.place.settle()?;
            list.segments.push(SegmentName { name, keys, records });
        }
        crate::store::fault::point("segment-pushed");
        let tag = contents.tag.clone().unwrap_or(Tag::None);
        if cache.place.swap_list(&tag, &list.encode())? {
            if is_listed(cache, &list, until)? {
                crate::store::fault::point("list-pushed");
                return Ok(new + todo.len());
            }
            // Lost, or put together with what another push brought since: then it is found, and was new all the same.
            taken.extend(todo.iter().map(|result| result.key));
        }
    }
    Err(CacheError::Contended { cache: cache.name().to_owned(), times: MOST_TRIES }.into())
}

/// Whether the list that is there names our segment. A server that knows no conditions may have lost it to another push.
fn is_listed(cache: &Cache, ours: &List, until: Instant) -> Result<bool, CacheError> {
    let Some(last) = ours.segments.last().filter(|_| cache.place.is_remote()) else { return Ok(true) };
    Ok(cache.place.list(cache.name(), until)?.0.segments.contains(last))
}

/// Whether records of a segment that were looked for are damaged.
fn is_damaged(cache: &Cache, opened: &Opened) -> bool {
    cache.blocks.has_spoilt(opened.segment.name)
}

fn keyed(signed: &Signed, result: &Realisation) -> Keyed {
    let keys = std::iter::once(result.key.0).chain(result.fingerprint.map(|fingerprint| fingerprint.0));
    Keyed { keys: keys.collect(), record: signed.encode() }
}

/// The segments that stay as they are, and the records of the others together with `records`. Each that stays is larger
/// than all that came after it, so that there are few. Of a damaged one, what can be read goes over.
fn merged(
    cache: &Cache,
    contents: &Contents,
    mut records: Vec<Keyed>,
    until: Instant,
) -> Result<(Vec<SegmentName>, Vec<Keyed>), CacheError> {
    let all = contents.segments.iter().map(|opened| &**opened);
    let (damaged, mut left): (Vec<&Opened>, Vec<&Opened>) = all.partition(|opened| is_damaged(cache, opened));
    for opened in damaged {
        records.extend(cache.all_records(opened, until)?);
    }
    let mut keys: usize = records.iter().map(|keyed| keyed.keys.len()).sum();
    while let Some(last) = left.last()
        && !records.is_empty()
        && last.table.keys() <= keys.max(FEW)
        && last.segment.records <= LARGE
    {
        let theirs = cache.all_records(last, until)?;
        keys += last.table.keys();
        records.extend(theirs);
        left.pop();
    }
    Ok((left.into_iter().map(|opened| opened.segment.clone()).collect(), records))
}
