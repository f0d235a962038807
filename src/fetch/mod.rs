//! Getting files of distributions' archives with the host's own apt, and reading local source folders and commits.
//!
//! ```text
//! apt_config, sources   what this machine's apt is set to        ─┐
//! mirror, repository    where the archive of a suite is          ─┤
//! bases                 lists of mirrors replaced by their lines ─┤
//! release, index        what a (verified) Release file promises  ─┤
//! download, helper,     files by address and digest, checked     ─┘
//!   failure             and why one could not be got
//! kept                  one large file, gone on with where it was left
//! local_folder          what a local folder holds, but what .gitignore leaves out (ignore_rules)
//! git, git_objects,     what a commit of the project's git repository holds, and what of it
//!   git_folder            a folder there holds as a source
//! checkout              what commits of repositories elsewhere hold, fetched by git itself
//! ```
//!
//! There is no HTTP here: apt's helper does it, with the host's proxies, credentials and certificates. Knows nothing of
//! recipes, graphs and the store, and verifies no signatures: callers verify what [`download()`] brings and say what is
//! wanted next.

mod apt_config;
mod checkout;
mod download;
mod failure;
mod fields;
mod git;
mod git_error;
mod git_folder;
mod git_objects;
mod helper;
mod ignore_rules;
mod index;
mod kept;
mod local_folder;
mod locking;
mod mirror;
mod release;
mod repository;
mod sources;
#[cfg(test)]
mod tests;

pub use apt_config::{AptConfigError, HostApt, Stance, read_host, read_sources, release_facts};
pub use checkout::{
    CheckoutError, Clones, FileKind, Files, History, Releases, Tip, Told, check_tree, clone_name, leading_out,
    newest_release,
};
pub use download::{Access, Came, Wanted, bases, download, download_each};
pub use failure::FetchError;
pub use git::{Commit, Committed, CommittedKind};
pub use git_error::GitError;
pub use git_folder::committed_tree_paths;
pub use helper::Before;
pub use index::{Index, by_hash, indexes, suite_address};
pub use kept::{Kept, KeptFolder, download_kept};
pub use local_folder::{LocalEntry, LocalError, LocalKind, Visited, local_tree_paths, local_tree_paths_without};
pub use mirror::{Mirror, MirrorError, Overrides, mirrors};
pub use release::{Notice, Release, ReleaseError, check_dates, parse_date, parse_release};
pub use repository::repository;
pub use sources::{SignedBy, Source, SourcesError};
