//! Files whose digest nobody says: a server that has what was there the last time is asked for nothing more.
//!
//! Whether it is the same, the server says, by the time of which it says the file to be. Whoever knows better looks with
//! [`Upstreams::anew`].

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use sha2::Digest as _;

use super::{Stored, Upstreams};
use crate::diag::Failure;
use crate::digest::Sha256;
use crate::fetch::{Before, Kept};
use crate::store::Seen;

/// By how much earlier than it came a file must be, in seconds: one that is not has its time from when it was written here.
const EARLIER: i64 = 2;

impl Upstreams<'_> {
    /// What was at the address `id` the last time, where that is here.
    pub(super) fn before(&self, id: &str) -> Result<Option<(Before, Stored)>, Failure> {
        let Some(seen) = self.store.seen(id)?.filter(|_| !self.anew) else { return Ok(None) };
        let known = self.known(Some(seen.sha256), None)?;
        Ok(known.map(|known| {
            let file = self.store.object_path(known.object);
            (Before { file, modified: seen.modified }, known)
        }))
    }

    /// Notes of what time the file is that came from the address `id`, as its server says it; what is noted stays where it is the
    /// same as `before`.
    pub(super) fn note(&self, id: &str, kept: &Kept, stored: &Stored, before: Option<&Stored>) -> Result<(), Failure> {
        if before == Some(stored) {
            return Ok(());
        }
        let data = std::fs::metadata(kept.path.as_path()).ok();
        let times = data.map(|data| (data.mtime(), data.ctime())).filter(|(of, came)| of + EARLIER <= *came);
        let modified = times.and_then(|(of, _)| u64::try_from(of).ok());
        let seen = modified.map(|modified| Seen { sha256: stored.file.sha256, modified });
        Ok(self.store.keep_seen(id, seen)?)
    }
}

/// Whether what came begins with all that was there before: a server that gives what stands behind that, whatever it is of, has made
/// two files one.
pub(super) fn is_joined(kept: &Kept, stored: &Stored, before: &Stored) -> bool {
    if stored.file.size <= before.file.size {
        return false;
    }
    let Ok(file) = std::fs::File::open(kept.path.as_path()) else { return true };
    let (mut first, mut hasher) = (file.take(before.file.size), sha2::Sha256::new());
    let read = std::io::copy(&mut first, &mut hasher);
    read.is_err() || Sha256::from_bytes(hasher.finalize().into()) == before.file.sha256
}
