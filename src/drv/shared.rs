//! Parts that many actions have in common: long texts and tables, each with its digest, made once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use super::encode;
use crate::digest::Digest;

/// The environment of a script, sorted. Most of its words are fixed ones of this program.
pub type Env = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

/// A text that many actions share, such as a script. Copies are cheap.
#[derive(Clone)]
pub struct SharedText {
    text: Arc<str>,
    digest: Digest,
}

/// A table that many actions share. Copies are cheap.
#[derive(Clone)]
pub struct SharedTable {
    table: Arc<BTreeMap<String, String>>,
    digest: Digest,
}

impl SharedText {
    /// The text with its digest.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        Self { digest: encode::text_digest(&text), text }
    }

    /// The digest of the text, for what is hashed.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl SharedTable {
    /// The table with its digest.
    pub fn new(table: BTreeMap<String, String>) -> Self {
        Self { digest: encode::table_digest(&table), table: Arc::new(table) }
    }

    /// The digest of the table, for what is hashed.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl Default for SharedTable {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl Deref for SharedText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Deref for SharedTable {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &BTreeMap<String, String> {
        &self.table
    }
}

impl PartialEq for SharedText {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl PartialEq for SharedTable {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for SharedText {}

impl Eq for SharedTable {}

impl std::fmt::Debug for SharedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

impl std::fmt::Debug for SharedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.table.fmt(f)
    }
}
