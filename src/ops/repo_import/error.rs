//! Why packages that were built elsewhere are not imported.

use std::io;
use std::path::PathBuf;

use crate::diag::{Cause, Caused};

/// Why nothing is imported, or nothing let go.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ImportError {
    /// A file that cannot be read.
    #[error("cannot read `{}`", .path.display())]
    #[diagnostic(code(opb::repo_import::file), help("name files that are there and that you may read"))]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file without keys.
    #[error("cannot take keys from `{}`", .path.display())]
    #[diagnostic(
        code(opb::repo_import::keys),
        help("name a file with public keys after `--verify`, as `gpg --export` writes it")
    )]
    Keys {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A folder, a pipe or the like.
    #[error("`{}` is no file", .path.display())]
    #[diagnostic(code(opb::repo_import::no_file), help("name the files of packages one by one"))]
    NoFile {
        /// What it is not.
        path: PathBuf,
    },
    /// A file that is larger than any package.
    #[error("`{file}` is larger than {limit}, which no package may be")]
    #[diagnostic(code(opb::repo_import::too_large), help("see what it is: `file {file}` says it"))]
    TooLarge {
        /// The file.
        file: String,
        /// The most that it may have.
        limit: crate::quantity::Size,
    },
    /// Something else than a package.
    #[error("`{file}` is neither a `.deb`, nor an `.rpm`, nor a `.dsc`")]
    #[diagnostic(
        code(opb::repo_import::no_package),
        help("name packages; of a source package its `.dsc`, beside which its other files are")
    )]
    NoPackage {
        /// The file.
        file: String,
    },
    /// A package that is damaged or hostile.
    #[error("`{file}` is not imported")]
    #[diagnostic(
        code(opb::repo_import::damaged),
        help("fetch it again, and compare its digest with what its maker says")
    )]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value that a repository cannot hold.
    #[error("`{file}` is not imported: its {what} `{value}` can stand in no repository")]
    #[diagnostic(code(opb::repo_import::value), help("ask its maker for one whose {what} is a plain word"))]
    Value {
        /// The file.
        file: String,
        /// Such as `version`.
        what: &'static str,
        /// As it says, escaped.
        value: String,
    },
    /// A file of a source package that is not beside its `.dsc`, or another one.
    #[error("`{dsc}` names `{file}`, and {problem}")]
    #[diagnostic(
        code(opb::repo_import::source),
        help("put all files of the source package into the folder of its `.dsc`")
    )]
    Source {
        /// The `.dsc`.
        dsc: String,
        /// The file that it names.
        file: String,
        /// What is the matter.
        problem: &'static str,
    },
    /// No distro has such packages.
    #[error("`{channel}` holds no distro that has packages like `{file}`")]
    #[diagnostic(
        code(opb::repo_import::no_distro),
        help("name another channel; what `{channel}` holds, `targets` in `opb.toml` says, as far as it is pinned")
    )]
    NoDistro {
        /// The file.
        file: String,
        /// The channel.
        channel: String,
    },
    /// Several distros have such packages.
    #[error("`{file}` could be for several distros of `{channel}`")]
    #[diagnostic(code(opb::repo_import::which_distro), help("name one with `--distro`: {distros}"))]
    WhichDistro {
        /// The file.
        file: String,
        /// The channel.
        channel: String,
        /// Those.
        distros: String,
    },
    /// Packages of another family.
    #[error("`{file}` is no package for {distro}, which has `.{family}` packages")]
    #[diagnostic(code(opb::repo_import::family), help("name another distro, or leave `--distro` out"))]
    Family {
        /// The file.
        file: String,
        /// The distro.
        distro: String,
        /// What it has.
        family: &'static str,
    },
    /// An arch that the channel does not have.
    #[error("`{file}` is for {arch}, which `{channel}` does not have of {distro}")]
    #[diagnostic(
        code(opb::repo_import::arch),
        help("import one for {arches}, or let `targets` of the channel hold `@{distro}/{arch}` and pin that")
    )]
    Arch {
        /// The file.
        file: String,
        /// Its arch.
        arch: String,
        /// The channel.
        channel: String,
        /// The distro.
        distro: String,
        /// What there is.
        arches: String,
    },
    /// An area that the channel does not have, or cannot have.
    #[error("`{channel}` has no area `{area}` of {distro}")]
    #[diagnostic(code(opb::repo_import::area), help("{help}"))]
    Area {
        /// The channel.
        channel: String,
        /// The area.
        area: String,
        /// The distro.
        distro: String,
        /// What to do.
        help: String,
    },
    /// Other bytes under the same name and version.
    #[error("`{name}` {version} ({arch}) is imported already, with other bytes")]
    #[diagnostic(
        code(opb::repo_import::other_bytes),
        help(
            "ask its maker for another version, as a published name never gets other bytes; if it was never published, let the \
             former one go: `opb repo import {channel} --remove {name}`"
        )
    )]
    OtherBytes {
        /// The package.
        name: String,
        /// Its version.
        version: String,
        /// Its arch, or `source`.
        arch: String,
        /// The channel that has it.
        channel: String,
    },
    /// A kind of package without signatures.
    #[error("the signature of `{file}` cannot be checked: a `.deb` bears none")]
    #[diagnostic(
        code(opb::repo_import::unsigned_kind),
        help("leave `--verify` out for it, and compare its SHA-256 with what its maker says")
    )]
    UnsignedKind {
        /// The file.
        file: String,
    },
    /// A signature that does not count.
    #[error("`{file}` is not imported: its signature does not count by the keys in `{keyring}`")]
    #[diagnostic(
        code(opb::repo_import::signature),
        help("see who gave you the file, and whether these are the keys of its maker")
    )]
    Signature {
        /// The file.
        file: String,
        /// The keys.
        keyring: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing of that name.
    #[error("nothing called `{name}` is imported into `{channel}`")]
    #[diagnostic(code(opb::repo_import::unknown), help("{help}"))]
    Unknown {
        /// The name.
        name: String,
        /// The channel.
        channel: String,
        /// What there is.
        help: String,
    },
}

impl Caused for ImportError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}
