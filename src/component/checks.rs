//! Which checks a recipe wants of its packages.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::name::Check;

/// By check: how it is wanted, or `None` where it is not. One that is not here is run where `opb.toml` says so.
pub type Checks = BTreeMap<Check, Option<Wanted>>;

/// How a check is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Wanted {
    /// What runs, for `/bin/sh`; empty but for [`Check::Own`].
    pub script: String,
    /// Further packages of its root, as relations of the family, such as `python3 (>= 3.9)`.
    pub needs: Vec<String>,
    /// The component's packages that are looked at; empty for all.
    pub packages: Vec<String>,
}
