//! Bringing outputs: trees and objects out of a cache into the store, several at a time, each checked by its digest.
//!
//! Large objects come in parts (parts.rs).

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Cache;
use super::error::CacheError;
use super::http::patience;
use super::list::packed_path;
use super::lookup::in_lanes;
use super::parts;
use super::place::Answer;
use crate::digest::Digest;
use crate::drv::Outputs;
use crate::store::{Incoming, Store, StoreError, Used};
use crate::tree::Tree;

/// An object up to this many bytes is fetched whole.
const SMALL: u64 = 1 << 20;

/// How much a tree or a log is thought to have at most, which says how long it may take.
const USUAL: u64 = 8 << 20;

/// So many objects, or bytes of them, are made durable together: what a run that is killed has to fetch once more.
const CHUNK: (usize, u64) = (512, 256 << 20);

/// What a request may cost besides the bytes of its answer.
const ROUND_TRIP: Duration = Duration::from_millis(250);

/// How often a file is asked for whose connection breaks off.
const TRIES: u32 = 3;

/// The most bytes of a tree, and of a log.
const MAX_TREE: u64 = 256 << 20;

/// What went wrong: over there, or here.
pub enum Trouble {
    Cache(CacheError),
    Store(StoreError),
}

impl From<CacheError> for Trouble {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A cache, how many bytes of it came for one node, and until when they have to.
pub(super) struct Counted<'a> {
    pub cache: &'a Cache,
    pub bytes: &'a AtomicU64,
    pub until: Instant,
}

impl Counted<'_> {
    pub fn count(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.cache.count_bytes(bytes);
    }
}

/// A result that failed over there, or went as the store says.
type Brought<T> = Result<Result<T, StoreError>, CacheError>;

fn split<T>(result: Result<T, Trouble>) -> Brought<T> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Trouble::Store(error)) => Ok(Err(error)),
        Err(Trouble::Cache(error)) => Err(error),
    }
}

/// Brings all of `outputs` that are not here; how many bytes came over, packed.
///
/// # Errors
/// Where one of them cannot be had, or is not what its digest says. Then none is here that was not before, though some
/// objects may be.
pub fn bring(cache: &Cache, store: &Store, outputs: &Outputs) -> Brought<u64> {
    split(bring_all(cache, store, outputs))
}

/// Brings a log; `false` where the cache has none.
///
/// # Errors
/// As [`bring`].
pub fn bring_log(cache: &Cache, store: &Store, log: Digest) -> Brought<bool> {
    let path = packed_path("logs", log);
    let bring = || {
        let (bytes, until) = (AtomicU64::new(0), Instant::now() + patience(USUAL));
        let Some(text) = read_packed(&Counted { cache, bytes: &bytes, until }, &path, log)? else { return Ok(false) };
        store.put_log(&mut &text[..])?;
        Ok(true)
    };
    split(bring())
}

fn bring_all(cache: &Cache, store: &Store, outputs: &Outputs) -> Result<u64, Trouble> {
    let bytes = AtomicU64::new(0);
    let counted = &Counted { cache, bytes: &bytes, until: Instant::now() + patience(USUAL) };
    let mut trees: Vec<Tree> = Vec::new();
    let mut objects: BTreeMap<Digest, u64> = BTreeMap::new();
    for digest in outputs.values() {
        if store.hold(*digest)? {
            continue;
        }
        let path = packed_path("trees", *digest);
        let missing = || CacheError::Missing { cache: cache.name.clone(), path: path.clone() };
        let bytes = read_packed(counted, &path, *digest)?.ok_or_else(missing)?;
        let tree = Tree::decode(&bytes).map_err(|error| cache.damaged(&path, &error))?;
        objects.extend(tree.files().map(|(_, object, size)| (object, size)));
        trees.push(tree);
    }
    // Named before they are looked for, so that no collection takes them away in between.
    store.uses(&objects.keys().map(|object| Used::Object(*object)).collect::<Vec<_>>())?;
    objects.retain(|object, size| store.object_size(*object) != Some(*size));
    let objects: Vec<(Digest, u64)> = objects.into_iter().collect();
    let all = objects.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
    let until = Instant::now() + patience(all) + ROUND_TRIP * u32::try_from(objects.len()).unwrap_or(u32::MAX);
    for chunk in chunks(&objects) {
        bring_objects(&Counted { until, ..*counted }, store, chunk)?;
    }
    // Last, so that a tree is never here without its objects.
    trees.iter().try_for_each(|tree| store.put_tree(tree).map(drop))?;
    crate::store::fault::point("brought");
    Ok(bytes.into_inner())
}

/// The objects, in parts that are made durable together.
fn chunks(mut objects: &[(Digest, u64)]) -> Vec<&[(Digest, u64)]> {
    let mut chunks = Vec::new();
    while !objects.is_empty() {
        let mut bytes = 0u64;
        let fits = objects.iter().take(CHUNK.0).take_while(|(_, size)| {
            bytes = bytes.saturating_add(*size);
            bytes <= CHUNK.1
        });
        let (chunk, rest) = objects.split_at(fits.count().max(1));
        chunks.push(chunk);
        objects = rest;
    }
    chunks
}

fn bring_objects(counted: &Counted<'_>, store: &Store, objects: &[(Digest, u64)]) -> Result<(), Trouble> {
    let (incoming, stop) = (store.incoming(), AtomicBool::new(false));
    let fetched = in_lanes(objects, |(object, size)| {
        // What else is to come is not asked for of a cache that is broken, nor by a run that is stopped.
        if stop.load(Ordering::Relaxed) || counted.cache.is_halted() {
            return Ok(false);
        }
        let result = fetch(counted, store, &incoming, *object, *size).map(|()| true);
        stop.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    });
    // What came whole stays: the next try goes on from there.
    incoming.settle()?;
    let fetched = fetched.into_iter().collect::<Result<Vec<bool>, _>>()?;
    if fetched.contains(&false) {
        let (cache, why) = (counted.cache.name.clone(), "the run is stopped".to_owned());
        return Err(CacheError::Unreachable { cache, why }.into());
    }
    Ok(())
}

/// The unpacked bytes of a small file that has the digest `digest`; `None` where there is none.
fn read_packed(counted: &Counted<'_>, path: &str, digest: Digest) -> Result<Option<Vec<u8>>, CacheError> {
    let cache = counted.cache;
    let Some(packed) = with_tries(|| read_counted(counted, path, MAX_TREE))? else { return Ok(None) };
    let mut bytes = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(&packed[..]).map_err(|error| cache.damaged(path, &error))?;
    decoder.take(MAX_TREE + 1).read_to_end(&mut bytes).map_err(|error| cache.damaged(path, &error))?;
    if bytes.len() as u64 > MAX_TREE || Digest::of(&bytes) != digest {
        return Err(cache.damaged(path, &"its content does not have its digest"));
    }
    Ok(Some(bytes))
}

fn fetch(
    counted: &Counted<'_>,
    store: &Store,
    incoming: &Incoming<'_>,
    object: Digest,
    size: u64,
) -> Result<(), Trouble> {
    let cache = counted.cache;
    let path = packed_path("objects", object);
    if cache.place.is_at_hand() {
        return take_at_hand(counted, incoming, (object, size), &path);
    }
    if size > SMALL {
        return parts::fetch_large(counted, store, incoming, (object, size), &path);
    }
    let missing = || CacheError::Missing { cache: cache.name.clone(), path: path.clone() };
    let packed = with_tries(|| read_counted(counted, &path, packed_bound(size)))?.ok_or_else(missing)?;
    match take(incoming, &packed[..], object, size)? {
        true => Ok(()),
        false => Err(cache.damaged(&path, &"its content does not have its digest").into()),
    }
}

/// Takes an object from a file of this machine as it lies there.
fn take_at_hand(
    counted: &Counted<'_>,
    incoming: &Incoming<'_>,
    (object, size): (Digest, u64),
    path: &str,
) -> Result<(), Trouble> {
    let cache = counted.cache;
    let Answer::Body(body) = cache.place.stream(path, counted.until)? else {
        return Err(CacheError::Missing { cache: cache.name.clone(), path: path.to_owned() }.into());
    };
    counted.count(body.total.unwrap_or_default());
    match take(incoming, body.reader, object, size)? {
        true => Ok(()),
        false => Err(cache.damaged(path, &"its content does not have its digest").into()),
    }
}

/// Whether the packed bytes are the object.
pub(super) fn take(incoming: &Incoming<'_>, packed: impl Read, object: Digest, size: u64) -> Result<bool, StoreError> {
    let Ok(mut decoder) = zstd::stream::read::Decoder::new(packed) else { return Ok(false) };
    match incoming.take(&mut decoder, object, size) {
        Err(StoreError::Reading { .. }) => Ok(false),
        other => other,
    }
}

fn read_counted(counted: &Counted<'_>, path: &str, limit: u64) -> Result<Option<Vec<u8>>, CacheError> {
    let cache = counted.cache;
    cache.count_request();
    let bytes = cache.place.read(path, limit, &cache.name, counted.until)?;
    counted.count(bytes.as_ref().map_or(0, Vec::len) as u64);
    Ok(bytes)
}

/// Tries again what broke off; a cache that was slow once is not waited for twice.
pub(super) fn with_tries<T>(mut deed: impl FnMut() -> Result<T, CacheError>) -> Result<T, CacheError> {
    let mut tries = 1;
    loop {
        match deed() {
            Err(CacheError::Unreachable { .. }) if tries < TRIES => tries += 1,
            result => return result,
        }
    }
}

/// The most bytes that zstd makes of `size`.
pub(super) fn packed_bound(size: u64) -> u64 {
    size.saturating_add(size / 64).saturating_add(4096)
}
