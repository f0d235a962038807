//! Objects on their way in from elsewhere: each is checked by its digest, and all are made durable and named together.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use super::durable::Temp;
use super::error::{StoreError, io};
use super::objects::{OBJECT_MODE, digest_of};
use super::{Store, Used};
use crate::digest::Digest;

/// Objects that were taken and have no name yet. What is never settled is removed when this is dropped. Threads may
/// share it.
pub struct Incoming<'a> {
    store: &'a Store,
    temps: Mutex<BTreeMap<Digest, Temp>>,
}

impl Store {
    /// Nothing yet.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { store: self, temps: Mutex::new(BTreeMap::new()) }
    }
}

impl Incoming<'_> {
    /// Takes what `from` yields, if that is the object `digest` with `size` bytes; `false` where it is something else. At
    /// most one byte more than `size` is read.
    ///
    /// # Errors
    /// [`StoreError::Reading`] where `from` fails; where it cannot be written.
    pub fn take(&self, from: &mut impl Read, digest: Digest, size: u64) -> Result<bool, StoreError> {
        let mut temp = self.store.temp()?;
        let mut hasher = blake3::Hasher::new();
        let copied = self.store.copy_into(&mut temp, from, size, &mut |bytes| {
            hasher.update(bytes);
        })?;
        if copied != size || digest_of(&hasher) != digest {
            return Ok(false);
        }
        temp.finish(OBJECT_MODE, false).map_err(io("writing an object", &self.store.object_path(digest)))?;
        self.temps.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, temp);
        Ok(true)
    }

    /// Gives all of them their names, durably.
    ///
    /// # Errors
    /// Where that cannot be done.
    pub fn settle(self) -> Result<(), StoreError> {
        let temps = self.temps.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.store.uses(&temps.keys().map(|digest| Used::Object(*digest)).collect::<Vec<_>>())?;
        self.store.settle_objects(temps)
    }
}
