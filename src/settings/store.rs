//! What `opb.toml` says of the store, and of the caches that share what is in it.

use serde::Deserialize;

use crate::quantity::{Age, Size};

/// A cache that a project names. Only the user can trust its key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedCache {
    /// `https://…`, `http://…`, or the path of a folder, relative to the project's.
    pub url: String,
    /// The key that signs what is in it, `NAME:BASE64`.
    pub key: String,
}

/// How far a collection of the store goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Collection {
    /// What nothing has needed for so long goes; `None`: 14 days.
    pub older_than: Option<Age>,
    /// More goes until the store has at most so many bytes.
    pub budget: Option<Size>,
    /// More goes until so many bytes are free on its disk.
    pub free: Option<Size>,
}
