//! A large object comes in parts into a file beside the other copies. What was interrupted goes on there, in this run or a
//! later one; if it then has another digest it is fetched once more from its beginning.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};

use nix::fcntl::{Flock, FlockArg};

use super::error::CacheError;
use super::fetch::{Counted, Trouble, packed_bound, take, with_tries};
use super::place::{Answer, Body};
use crate::digest::Digest;
use crate::path::HostPath;
use crate::store::{Incoming, Store, StoreError};

/// How much of a large object is asked for at once, in bytes: what is lost where a connection breaks off is no more.
const PART: u64 = 8 << 20;

/// What fails where there is no room for parts.
const KEEPING: &str = "keeping what came of an object";

/// Fetches an object that is too large for memory.
///
/// # Errors
/// Where it cannot be had, or is not what its digest says.
pub fn fetch_large(
    counted: &Counted<'_>,
    store: &Store,
    incoming: &Incoming<'_>,
    (object, size): (Digest, u64),
    path: &str,
) -> Result<(), Trouble> {
    let cache = counted.cache;
    let failed = |source| StoreError::Reading { source };
    // Not where another process fetches the same, or nothing is remembered.
    let kept = cache.copies.part(object).and_then(|part| Flock::lock(part, FlockArg::LockExclusiveNonblock).ok());
    if let Some(part) = &kept {
        let part = Part { file: part, path: cache.copies.place_of_part(object) };
        match fetch_into(counted, incoming, (object, size), path, &part) {
            // Where the user's cache folder is full, there may still be room in the store.
            Err(Trouble::Cache(error @ CacheError::File { doing: KEEPING, .. })) => {
                cache.copies.forget_part(object);
                cache.note_full(&error);
            }
            other => return other,
        }
    }
    let work = store.new_work()?;
    let mut options = cap_std::fs::OpenOptions::new();
    let part = work.dir().open_with("part", options.read(true).write(true).create(true)).map_err(failed)?;
    let part = Part { file: &part.into_std(), path: work.path().join("part") };
    fetch_into(counted, incoming, (object, size), path, &part)
}

/// What came of an object, and where it is kept.
struct Part<'a> {
    file: &'a File,
    path: HostPath,
}

/// Fetches an object by way of `part`, which may have its beginning.
fn fetch_into(
    counted: &Counted<'_>,
    incoming: &Incoming<'_>,
    (object, size): (Digest, u64),
    path: &str,
    kept: &Part<'_>,
) -> Result<(), Trouble> {
    let (cache, mut part) = (counted.cache, kept.file);
    let failed = |source| StoreError::Reading { source };
    let mut resumed = part.metadata().map_err(failed)?.len() > 0;
    loop {
        let mut pieces = 0;
        with_tries(|| {
            pieces += 1;
            fill(counted, kept, path, size)
        })?;
        resumed |= pieces > 1;
        part.seek(SeekFrom::Start(0)).map_err(failed)?;
        if take(incoming, io::BufReader::with_capacity(1 << 16, part), object, size)? {
            cache.copies.forget_part(object);
            return Ok(());
        }
        part.set_len(0).map_err(failed)?;
        if !std::mem::take(&mut resumed) {
            cache.copies.forget_part(object);
            return Err(cache.damaged(path, &"its content does not have its digest").into());
        }
    }
}

/// Reads what is still missing of a file into `part`.
fn fill(counted: &Counted<'_>, kept: &Part<'_>, path: &str, size: u64) -> Result<(), CacheError> {
    let (cache, bound, mut part) = (counted.cache, packed_bound(size), kept.file);
    let here = |source| CacheError::File { doing: KEEPING, path: kept.path.clone(), source };
    loop {
        let have = part.seek(SeekFrom::End(0)).map_err(here)?;
        if have > bound {
            return Ok(());
        }
        cache.count_request();
        let Body { reader, from, total } = match cache.place.open(path, have, PART, counted.until) {
            Ok(Answer::Body(body)) => body,
            Ok(Answer::Missing) => {
                return Err(CacheError::Missing { cache: cache.name.clone(), path: path.to_owned() });
            }
            // Nothing begins there: all of it is here.
            Err(CacheError::Status { status: 416, .. }) if have > 0 => return Ok(()),
            Err(error) => return Err(error),
        };
        if from != have {
            part.set_len(from).map_err(here)?;
        }
        part.seek(SeekFrom::Start(from)).map_err(here)?;
        let copied = copy(reader.take((bound + 1).saturating_sub(from)), part, counted);
        let copied = copied.map_err(|error| match error {
            Copying::Reading(source) => cache.place.broken(source, path, &cache.name),
            Copying::Writing(source) => here(source),
        })?;
        crate::store::fault::point("part-fetched");
        match total {
            Some(total) if from + copied < total && copied > 0 => {}
            _ => return Ok(()),
        }
    }
}

enum Copying {
    Reading(io::Error),
    Writing(io::Error),
}

fn copy(mut from: impl Read, mut to: &File, counted: &Counted<'_>) -> Result<u64, Copying> {
    let (mut chunk, mut copied) = (vec![0; 64 << 10], 0);
    loop {
        if counted.cache.is_halted() {
            return Err(Copying::Reading(io::ErrorKind::NotConnected.into()));
        }
        match from.read(&mut chunk) {
            Ok(0) => return Ok(copied),
            Ok(count) => {
                to.write_all(&chunk[..count]).map_err(Copying::Writing)?;
                counted.count(count as u64);
                copied += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Copying::Reading(error)),
        }
    }
}
