//! Pins of extra repositories: each verified with its own key, for those that some build sees.

use std::collections::BTreeSet;

use super::{Keys, Pinner, Trust};
use crate::diag::{Cause, Caused, Failure};
use crate::distro::{ArchiveSuite, Deb, Distro, ExtraRepository};
use crate::eval::{Files as _, Work};
use crate::family::deb::extra::{index_files, seen};
use crate::fetch;
use crate::lock::{DistroPin, ExtraPin};
use crate::name::{Arch, RepositoryName};
use crate::project::ProjectFiles;
use crate::sign::{Keyring, VerifyError};

/// Why an extra repository cannot be pinned.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ExtraError {
    /// Its release file is not signed as it must be.
    #[error("the release file of the extra repository `{repository}` of {distro} is not to be trusted")]
    #[diagnostic(code(opb::update::extra_signature), help("{}", help(distro, key.as_ref())))]
    Signature {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// The file of the project with its key; `None`: it is signed by the distribution.
        key: Option<String>,
        /// What is wrong with its signature.
        #[source]
        source: VerifyError,
    },
    /// Its key cannot be used.
    #[error("cannot use the key `{key}` of the extra repository `{repository}` of {distro}")]
    #[diagnostic(code(opb::update::extra_key), help("export the public key anew, as in `gpg --export --armor NAME`"))]
    Key {
        /// The distro.
        distro: String,
        /// The repository.
        repository: String,
        /// The file.
        key: String,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
}

impl Caused for ExtraError {
    fn fault(&self) -> Cause {
        match self {
            Self::Signature { .. } => Cause::Environment,
            Self::Key { .. } => Cause::Input,
        }
    }
}

fn help(distro: &str, key: Option<&String>) -> String {
    match key {
        Some(key) => format!(
            "check its `address` in `distros/{distro}.rhai`; if it is signed with a new key, ask its owners for that, and put \
             it into `{key}`"
        ),
        None => format!(
            "check the mirror; if it is not the distribution that signs it, name its `key` in `distros/{distro}.rhai`"
        ),
    }
}

/// Pins what builds of `work` see of a distro's extra repositories, and drops other pins of such.
///
/// Of those that are pinned, only `moves` changes the pin, unless it does not hold what is wanted of it.
///
/// # Errors
/// Where one cannot be fetched, or is not signed with its key.
pub(in super::super) fn pin(
    pinner: &mut Pinner<'_>,
    (distro, deb): (&Distro, &Deb),
    work: &[Work],
    pin: &mut DistroPin,
    moves: bool,
) -> Result<(), Failure> {
    let pinned: Vec<Arch> =
        distro.arches.iter().filter(|arch| crate::family::deb::is_pinned(deb, &pin.suite, arch)).cloned().collect();
    let built = work.iter().filter(|work| work.target.distro == distro.name && work.component.skip.is_none());
    let built = built.filter(|work| pinned.contains(&work.target.arch));
    let wanted: BTreeSet<&RepositoryName> = built
        .flat_map(|work| seen(&deb.extra_repositories, &work.component, &work.target.arch).map(|extra| &extra.name))
        .collect();
    pin.extra.retain(|name, _| wanted.contains(name));
    for extra in deb.extra_repositories.iter().filter(|extra| wanted.contains(&extra.name)) {
        let arches: Vec<Arch> = pinned.iter().filter(|arch| extra.arches.contains(arch)).cloned().collect();
        let known = pin.extra.get(&extra.name);
        if moves || arches.iter().any(|arch| index_files(extra, known, arch).is_none()) {
            let now = pinner.pin_extra((distro, deb), extra, &arches)?;
            pin.extra.insert(extra.name.clone(), now);
        }
    }
    Ok(())
}

impl Pinner<'_> {
    fn pin_extra(
        &mut self,
        (distro, deb): (&Distro, &Deb),
        extra: &ExtraRepository,
        arches: &[Arch],
    ) -> Result<ExtraPin, Failure> {
        let names = || (distro.name.to_string(), extra.name.to_string());
        let keys = match &extra.key {
            None => self.keyring(distro, deb)?,
            Some(path) => {
                let path = path.to_string();
                let key = ProjectFiles(self.project.root()).content(&path)?;
                let keyring = Keyring::of(key.bytes).map_err(|source| {
                    let (distro, repository) = names();
                    ExtraError::Key { distro, repository, key: path, source }
                })?;
                Keys::Held(keyring)
            }
        };
        let wrong = |source| -> Failure {
            let ((distro, repository), key) = (names(), extra.key.as_ref().map(ToString::to_string));
            ExtraError::Signature { distro, repository, key, source }.into()
        };
        let of = ArchiveSuite::of_extra(distro, extra);
        let (release, sha256) = self.release(of, deb, &Trust { keys: &keys, wrong: &wrong })?;
        let suite = &extra.suite;
        let indexes = fetch::indexes(&release, &suite.name, &suite.areas, arches, false)?;
        Ok(ExtraPin {
            suite: suite.name.clone(),
            release: sha256,
            date: release.date.0,
            index: indexes.into_iter().map(|index| (index.path, index.sha256)).collect(),
        })
    }
}
