//! `opb` builds packages for many distributions from one set of recipes.
//!
//! Rhai recipes describe components and distros; an evaluator turns them into a content-addressed graph of derivations;
//! only nodes without a realisation run, in parallel, in chroots; signed repositories are assembled from the store.
//! `ARCHITECTURE.md` says which module may know which other; the modules below stand in that order.

// What holds for the library but for its tests; `clippy.toml` and `CONTRIBUTING.md` say why.
#![cfg_attr(
    not(test),
    warn(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used
    )
)]

pub mod address;
pub mod columns;
pub mod diag;
pub mod digest;
pub mod name;
pub mod path;
pub mod remote;

pub mod component;
pub mod cost;
pub mod distro;
pub mod drv;
pub mod exceptions;
pub mod imported;
pub mod lock;
pub mod night;
pub mod package;
pub mod settings;
pub mod tree;

pub mod event;
pub mod family;
pub mod graph;
pub mod solve;

pub mod eval;
pub mod plan;
pub mod repo;

pub mod fetch;
pub mod sandbox;
pub mod sign;
pub mod store;

pub mod client;
pub mod exec;
pub mod project;

pub mod cache;
pub mod publish;
pub mod quantity;
pub mod report;

pub mod ops;

pub mod daemon;
