//! Reports of made-up nightlies.
