//! `[store]` of `opb.toml`: how far a collection of the store goes.

use serde::Deserialize;

use crate::quantity::{Age, Size};

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
