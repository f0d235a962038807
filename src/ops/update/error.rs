//! Why pins cannot be moved.

use std::path::PathBuf;

use crate::diag::{Cause, Caused};

/// Why pins cannot be moved.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum UpdateError {
    /// Nothing is pinned, nothing was named, and the host is no distro of the project.
    #[error("nothing is pinned yet, and this machine ({host}) is none of the project's distros")]
    #[diagnostic(code(opb::update::no_host_distro), help("name what to pin, such as `opb update @{example}`"))]
    NoHostDistro {
        /// What the machine says it is.
        host: String,
        /// A distro that there is.
        example: String,
    },
    /// A selector that means neither a distro nor a component.
    #[error("`{selector}` is neither a component nor a distro of this project")]
    #[diagnostic(
        code(opb::update::unknown),
        help("write a component's name, or a distro as in `@debian-12` or `@debian-12/amd64`{close}")
    )]
    Unknown {
        /// What was given.
        selector: String,
        /// `; did you mean …?`, or empty.
        close: String,
    },
    /// An arch that the distro does not have.
    #[error("`{distro}` has no arch `{arch}`")]
    #[diagnostic(code(opb::update::arch), help("choose one of {known}, or add it to `distros/{distro}.rhai`"))]
    Arch {
        /// The distro.
        distro: String,
        /// The arch.
        arch: String,
        /// Those that it has.
        known: String,
    },
    /// The keyring that a distribution signs with is not on this machine.
    #[error("the keyring `{keyring}` of {distro} is not on this machine")]
    #[diagnostic(
        code(opb::update::keyring),
        help(
            "install the package that has it (`debian-archive-keyring`, `ubuntu-keyring`), or put the file into `distros/keyrings/`"
        )
    )]
    Keyring {
        /// The distro.
        distro: String,
        /// The file.
        keyring: String,
    },
    /// A release file that is not signed as it must be.
    #[error("the release file of suite `{suite}` of {distro} is not to be trusted")]
    #[diagnostic(
        code(opb::update::signature),
        help("check the mirror; if the distribution has a new key, install its newest keyring package")
    )]
    Signature {
        /// The distro.
        distro: String,
        /// The suite.
        suite: String,
        /// What is wrong with its signature.
        #[source]
        source: crate::sign::VerifyError,
    },
    /// A source package that no pinned index has.
    #[error("{distro} has no source package `{name}`")]
    #[diagnostic(
        code(opb::update::no_source),
        help("correct the name in `{file}`, or leave {distro} out there with `targets`")
    )]
    NoSource {
        /// The distro.
        distro: String,
        /// The source package.
        name: String,
        /// The recipe's file.
        file: String,
    },
    /// A source package that lacks a file that every source package has.
    #[error("the source package `{name}` of {distro} has no `{missing}`")]
    #[diagnostic(code(opb::update::incomplete), help("leave it out: opb cannot build it"))]
    Incomplete {
        /// The distro.
        distro: String,
        /// The source package.
        name: String,
        /// What it lacks.
        missing: String,
    },
    /// A tag that means something else than it did.
    #[error("the tag `{tag}` of `{checkout}` meant the commit {before} when it was pinned, and means {now} now")]
    #[diagnostic(
        code(opb::update::moved_tag),
        help(
            "ask those who moved it: what is released should stay as it is; `opb update --allow-moved-tags` takes it"
        )
    )]
    MovedTag {
        /// What follows it.
        checkout: String,
        /// The tag.
        tag: String,
        /// The beginning of the commit's id that is pinned.
        before: String,
        /// That of the one that it means now.
        now: String,
    },
    /// A branch of which a commit that is pinned is no part any more.
    #[error("the branch of `{checkout}` was rewritten: the commit {before} that is pinned is not part of it any more")]
    #[diagnostic(
        code(opb::update::rewritten),
        help("ask those who rewrote it; `opb update` with a component that takes it follows it")
    )]
    Rewritten {
        /// What follows it.
        checkout: String,
        /// The beginning of the commit's id.
        before: String,
    },
    /// Several source packages cannot be pinned.
    #[error("cannot pin {count} sources, so all pins stay as they are{list}")]
    #[diagnostic(
        code(opb::update::sources),
        help("leave them out there with `targets` or `skip`, use another mirror, or try again later")
    )]
    Sources {
        /// How many.
        count: usize,
        /// Each with its reason, on a line of its own.
        list: String,
    },
    /// A keyring that cannot be used.
    #[error("cannot read the keyring `{path}`")]
    #[diagnostic(code(opb::update::keyring_file), help("look at its mode"))]
    KeyringFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Caused for UpdateError {
    fn fault(&self) -> Cause {
        match self {
            Self::Keyring { .. }
            | Self::Signature { .. }
            | Self::KeyringFile { .. }
            | Self::MovedTag { .. }
            | Self::Rewritten { .. }
            | Self::Sources { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}
