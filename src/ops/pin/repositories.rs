//! Pins of repositories of `.rpm` packages.
//!
//! The metadata of one is believed by its own signature where it has one; many distributions sign their packages alone, and
//! each of these is checked before it is installed.

use std::collections::{BTreeMap, BTreeSet};

use super::Pinner;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Sha256;
use crate::distro::{Distro, Repository, Rpm};
use crate::exec::{ArchiveFile, NodeError};
use crate::family::rpm::{INDEX_KINDS, SOURCE_KINDS, kind_of};
use crate::lock::RepositoryPin;
use crate::name::Arch;
use crate::package::repodata::RepodataError;
use crate::package::repodata::repomd::{MAX_REPOMD, read};
use crate::sign::rpm::{Keyring, RpmSignatureError};

/// The most bytes of a signature.
const MAX_SIGNATURE: u64 = 1 << 20;

/// Why a repository cannot be pinned. All pins stay as they are then.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RepositoryError {
    /// There is no repository at that place.
    #[error("there is no repository `{repository}` of {distro} at its mirror: it has no `repodata/repomd.xml`")]
    #[diagnostic(
        code(opb::update::no_repository),
        help("correct its address below `[mirrors]` of `opb.toml`; `$basearch` stands for the arch")
    )]
    None {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
    },
    /// Its metadata is not signed as it must be.
    #[error("the metadata of the repository `{repository}` of {distro} is not to be trusted")]
    #[diagnostic(
        code(opb::update::repository_signature),
        help(
            "check the mirror; if the distribution has a new key, put its file into `distros/keyrings/` and name it in `keys`"
        )
    )]
    Signature {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// What is wrong.
        #[source]
        source: Box<RpmSignatureError>,
    },
    /// Its metadata cannot be read.
    #[error("cannot read `repomd.xml` of the repository `{repository}` of {distro}")]
    #[diagnostic(code(opb::update::repomd), help("check the mirror, or name another one in `opb.toml`"))]
    Metadata {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// What is wrong with it.
        #[source]
        source: RepodataError,
    },
    /// Digests of another kind.
    #[error("`{file}` of the repository `{repository}` of {distro} has no SHA-256 in `repomd.xml`")]
    #[diagnostic(
        code(opb::update::repository_digest),
        help("use a mirror whose metadata is made with SHA-256, as `createrepo_c --checksum sha256` does")
    )]
    Digest {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// The file.
        file: String,
    },
    /// It was signed when it was pinned.
    #[error(
        "the metadata of the repository `{repository}` of {distro} is not signed any more, and what `opb.lock` pins was"
    )]
    #[diagnostic(
        code(opb::update::unsigned),
        help(
            "use another mirror; if the distribution itself signs it no more, remove that `[[distro.{distro}.repository]]` from `opb.lock`"
        )
    )]
    Unsigned {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
    },
    /// A file whose name is read as another kind.
    #[error(
        "`{file}` of the repository `{repository}` of {distro} is of the kind `{kind}`, and its name does not say so"
    )]
    #[diagnostic(
        code(opb::update::repository_names),
        help("use a mirror whose metadata is named as `createrepo_c` names it: `…-{kind}.xml.gz`")
    )]
    Named {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// The file, escaped.
        file: String,
        /// What `repomd.xml` says that it is.
        kind: &'static str,
    },
    /// It is older than what was pinned.
    #[error(
        "the repository `{repository}` of {distro} is older than what `opb.lock` pins: revision {now}, and {before} is pinned"
    )]
    #[diagnostic(
        code(opb::update::older),
        help(
            "use another mirror, or try again later; if the distribution itself went back, remove that `[[distro.{distro}.repository]]` from `opb.lock`"
        )
    )]
    Older {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// Its revision.
        now: u64,
        /// That of the pin.
        before: u64,
    },
}

impl Caused for RepositoryError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

impl Pinner<'_> {
    /// Pins a distro's repositories as their mirrors have them now; pins of its source repositories stay.
    ///
    /// # Errors
    /// [`RepositoryError`], or where something cannot be fetched.
    pub fn pin_repositories(
        &mut self,
        distro: &Distro,
        rpm: &Rpm,
        arches: &BTreeSet<Arch>,
        before: &[RepositoryPin],
    ) -> Result<Vec<RepositoryPin>, Failure> {
        let keys = self.project.rpm_keys(distro, rpm)?;
        let mut pins = Vec::new();
        for name in &rpm.repositories {
            for arch in arches {
                let known = before.iter().find(|pin| pin.name == *name && pin.arch == *arch);
                pins.push(self.pin_repository(Repository { distro, name, arch }, &keys, known)?);
            }
        }
        pins.extend(before.iter().filter(|pin| pin.arch == Arch::source()).cloned());
        Ok(pins)
    }

    /// Pins the source repository `name` of a distro as its mirror has it now.
    ///
    /// # Errors
    /// As [`Pinner::pin_repositories`].
    pub fn pin_source_repository(
        &mut self,
        distro: &Distro,
        (name, keys): (&str, &Keyring),
        known: Option<&RepositoryPin>,
    ) -> Result<RepositoryPin, Failure> {
        let of = Repository { distro, name, arch: &Arch::source() };
        let pin = self.pin_repository(of, keys, known)?;
        if pin.index.keys().any(|path| kind_of(path) == "primary") {
            return Ok(pin);
        }
        let (distro, repository) = (distro.name.to_string(), name.to_owned());
        let source = RepodataError::Missing { what: "file of the kind `primary`".to_owned() };
        Err(RepositoryError::Metadata { distro, repository, source }.into())
    }

    fn pin_repository(
        &mut self,
        of: Repository<'_>,
        keys: &Keyring,
        known: Option<&RepositoryPin>,
    ) -> Result<RepositoryPin, Failure> {
        let (distro, repository) = (of.distro.name.to_string(), of.name.to_owned());
        let names = || (distro.clone(), repository.clone());
        let bytes = self.archives.now(of, "repodata/repomd.xml", MAX_REPOMD)?.ok_or_else(|| {
            let (distro, repository) = names();
            RepositoryError::None { distro, repository }
        })?;
        let signature = self.archives.now(of, "repodata/repomd.xml.asc", MAX_SIGNATURE)?;
        let signed = signature.is_some();
        if !signed && known.is_some_and(|pin| pin.signed) {
            let (distro, repository) = names();
            return Err(RepositoryError::Unsigned { distro, repository }.into());
        }
        if let Some(signature) = signature {
            keys.verify_detached(&bytes, &signature).map_err(|source| {
                let (distro, repository) = names();
                RepositoryError::Signature { distro, repository, source: Box::new(source) }
            })?;
        }
        let text = String::from_utf8(bytes.clone()).map_err(|_| NodeError::Unreadable {
            what: format!("`repomd.xml` of the repository `{repository}`"),
            why: "it is not UTF-8".to_owned(),
        })?;
        let repomd = read(&text).map_err(|source| {
            let (distro, repository) = names();
            RepositoryError::Metadata { distro, repository, source }
        })?;
        let number = |text: &str| text.parse::<u64>().ok();
        if let (Some(now), Some(before)) = (number(&repomd.revision), known.and_then(|pin| number(&pin.revision)))
            && now < before
        {
            return Err(RepositoryError::Older { distro, repository, now, before }.into());
        }
        let mut index = BTreeMap::new();
        let kinds: &[&str] = if *of.arch == Arch::source() { &SOURCE_KINDS } else { &INDEX_KINDS };
        for (kind, file) in kinds.iter().filter_map(|kind| Some((*kind, repomd.of_kind(kind)?))) {
            // What reads them goes by the pin, which has names alone.
            if kind_of(&file.path) != kind {
                let ((distro, repository), file) = (names(), file.path.escape_debug().to_string());
                return Err(RepositoryError::Named { distro, repository, file, kind }.into());
            }
            let sha256 = file.sha256.ok_or_else(|| {
                let (distro, repository) = names();
                RepositoryError::Digest { distro, repository, file: file.path.clone() }
            })?;
            index.insert(file.path.clone(), sha256);
        }
        // What was pinned without being there is of no use; mirrors that are being updated have such states.
        let wanted =
            |(path, sha256): (&String, &Sha256)| ArchiveFile { path: path.clone(), sha256: *sha256, size: None };
        self.archives.pool(of.into(), &index.iter().map(wanted).collect::<Vec<_>>())?;
        let (name, arch) = (repository, of.arch.clone());
        Ok(RepositoryPin { name, arch, repomd: Sha256::of(&bytes), revision: repomd.revision, signed, index })
    }
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic as _;

    use super::*;

    #[test]
    fn what_keeps_from_pinning_is_told() {
        let names = || ("el-9".to_owned(), "baseos".to_owned());
        let (distro, repository) = names();
        let unsigned = RepositoryError::Unsigned { distro, repository };
        let (distro, repository) = names();
        let file = "repodata/0a1b.xml.gz".to_owned();
        let named = RepositoryError::Named { distro, repository, file, kind: "primary" };
        let told = [unsigned, named].map(|error| {
            let help = error.help().map(|help| help.to_string()).unwrap_or_default();
            format!("{error}\n  help: {help}")
        });
        insta::assert_snapshot!(told.join("\n"), @r#"
        the metadata of the repository `baseos` of el-9 is not signed any more, and what `opb.lock` pins was
          help: use another mirror; if the distribution itself signs it no more, remove that `[[distro.el-9.repository]]` from `opb.lock`
        `repodata/0a1b.xml.gz` of the repository `baseos` of el-9 is of the kind `primary`, and its name does not say so
          help: use a mirror whose metadata is named as `createrepo_c` names it: `…-primary.xml.gz`
        "#);
    }
}
