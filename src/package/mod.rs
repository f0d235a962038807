//! Packages and the archives that hold them, as their formats define them: control files, relations, versions, `.deb`
//! and `.rpm` files, indexes. Parsing and writing of bytes only; where bytes come from is the world wing's business.

pub mod archive;
pub mod autopkgtest;
pub mod changelog;
pub mod compression;
pub mod control;
pub mod deb;
pub mod dsc;
pub mod equivalent;
pub mod finding;
pub mod index;
pub mod list;
mod member;
pub mod patch;
pub mod relation;
pub mod repodata;
pub mod rpm;
pub mod rpm_version;
pub mod source;
pub mod sources;
pub mod spec;
pub mod tagged;
pub mod unpack;
pub mod version;
