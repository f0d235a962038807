//! Pins of distros' own source RPMs: by the index of their source repositories, signed by a key of the distro, and with the specs
//! that evaluation reads.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use super::Pinner;
use super::texts::texts;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::distro::{Distro, Repository, Rpm};
use crate::eval::weave::Asked;
use crate::exec::{ArchiveFile, NodeError, metadata_text, source_rpm};
use crate::family::rpm::kind_of;
use crate::lock::{RepositoryPin, SrpmPin};
use crate::name::{Arch, PackageName};
use crate::package::repodata::RepodataError;
use crate::package::repodata::modules::Modules;
use crate::package::repodata::sources::{SourceRpm, read};
use crate::package::rpm::{Package, tag};
use crate::sign::rpm::{Keyring, RpmSignatureError, verify_package};

/// Why a distro's source RPM cannot be pinned.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SrpmError {
    /// The distro's file names no source repository.
    #[error("{distro} has no source repositories, so no `srpm(\"{name}\")`")]
    #[diagnostic(
        code(opb::update::no_source_repository),
        help(
            "name them in `source_repositories` of `distros/{distro}.rhai`, or leave {distro} out in `{file}` with `targets`"
        )
    )]
    NoRepositories {
        /// The distro.
        distro: String,
        /// The source RPM.
        name: String,
        /// The recipe's file.
        file: String,
    },
    /// None of that name.
    #[error("the source repositories of {distro} have no `{name}`")]
    #[diagnostic(
        code(opb::update::no_srpm),
        help("{close}correct the name in `{file}`, or leave {distro} out there with `targets`")
    )]
    None {
        /// The distro.
        distro: String,
        /// The source RPM.
        name: String,
        /// The recipe's file.
        file: String,
        /// `did you mean …? Otherwise `, or empty.
        close: String,
    },
    /// Only streams of modules that are not enabled have it.
    #[error("the source RPM `{name}` of {distro} is only in streams of modules that are not enabled: {streams}")]
    #[diagnostic(
        code(opb::update::srpm_stream),
        help(
            "enable one in `modules` of `distros/{distro}.rhai`, which every build for it has then; or write its address, as in `srpm(\"https://…\")`"
        )
    )]
    Stream {
        /// The distro.
        distro: String,
        /// The source RPM.
        name: String,
        /// The streams.
        streams: String,
    },
    /// One without its sources.
    #[error("the source RPM `{name}` {version} of {distro} comes without its sources (`nosrc`)")]
    #[diagnostic(
        code(opb::update::nosrc),
        help(
            "take the source from elsewhere, as in `archive(\"https://…\")` with the spec beside the recipe: its licence lets nobody pass it on"
        )
    )]
    WithoutSources {
        /// The distro.
        distro: String,
        /// The source RPM.
        name: String,
        /// Its version.
        version: String,
    },
    /// It is another one than the index says.
    #[error("what the index of {distro} calls the source RPM `{promised}` is {is}")]
    #[diagnostic(code(opb::update::other_srpm), help("check the mirror, or name another one in `opb.toml`"))]
    Other {
        /// The distro.
        distro: String,
        /// Name and version in the index.
        promised: String,
        /// What it says of itself.
        is: String,
    },
    /// It is not signed as it must be.
    #[error("the source RPM `{name}` of {distro} is not to be trusted")]
    #[diagnostic(
        code(opb::update::srpm_signature),
        help(
            "check the mirror; if the distribution has a new key, put its file into `distros/keyrings/` and name it in `keys`"
        )
    )]
    Signature {
        /// The distro.
        distro: String,
        /// The source RPM.
        name: String,
        /// What is wrong.
        #[source]
        source: Box<RpmSignatureError>,
    },
    /// There is nothing in it to build by.
    #[error("the source RPM `{name}` of {distro} has no spec")]
    #[diagnostic(code(opb::update::srpm_spec), help("leave it out: opb cannot build it"))]
    NoSpec {
        /// The distro.
        distro: String,
        /// The source RPM.
        name: String,
    },
}

impl Caused for SrpmError {
    fn fault(&self) -> Cause {
        match self {
            Self::Other { .. } | Self::Signature { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// What the pinned source repositories of a distro have.
#[derive(Default)]
pub(in crate::ops) struct SourceRpmIndex {
    /// The names of all.
    pub names: BTreeSet<PackageName>,
    /// Of each that was wanted the one that is taken, with its repository.
    newest: BTreeMap<PackageName, (String, SourceRpm)>,
    in_streams: BTreeMap<PackageName, BTreeSet<String>>,
    modules: Modules,
}

/// A distro, its keys, and what it has.
pub(in crate::ops) struct Having<'a> {
    pub distro: &'a Distro,
    pub keys: &'a Keyring,
    pub index: &'a SourceRpmIndex,
}

impl Pinner<'_> {
    /// Reads the pinned source repositories of a distro, for the source RPMs `wanted`.
    ///
    /// # Errors
    /// Where an index cannot be had or read.
    pub fn source_rpms(
        &mut self,
        (distro, rpm): (&Distro, &Rpm),
        pins: &[RepositoryPin],
        wanted: &BTreeSet<PackageName>,
    ) -> Result<SourceRpmIndex, Failure> {
        let mut modules = Modules::enabling(rpm.modules.enable.iter().cloned());
        // What streams are made of stands in repositories of packages too.
        for (pin, path) in pins.iter().flat_map(|pin| files_of(pin, "modules")) {
            modules.read(&self.metadata(distro, pin, path)?).map_err(|error| unreadable(path, &error))?;
        }
        let mut index = SourceRpmIndex { modules, ..SourceRpmIndex::default() };
        let source = Arch::source();
        for name in &rpm.source_repositories {
            let pin = pins.iter().filter(|pin| pin.name == *name && pin.arch == source);
            for (pin, path) in pin.flat_map(|pin| files_of(pin, "primary")) {
                let text = self.metadata(distro, pin, path)?;
                let found = read(&text, wanted, &index.modules).map_err(|error| unreadable(path, &error))?;
                index.names.extend(found.names);
                for (name, streams) in found.in_streams {
                    index.in_streams.entry(name).or_default().extend(streams);
                }
                for (name, one) in found.newest {
                    // Of equal ones the first repository's is taken.
                    let known = index.newest.get(&name);
                    if known.is_none_or(|(_, known)| one.order(known).is_gt()) {
                        index.newest.insert(name, (pin.name.clone(), one));
                    }
                }
            }
        }
        Ok(index)
    }

    /// The text of a metadata file that is pinned.
    fn metadata(&self, distro: &Distro, pin: &RepositoryPin, path: &str) -> Result<String, Failure> {
        let missing = || NodeError::NoInput { role: path.to_owned() };
        let sha256 = *pin.index.get(path).ok_or_else(missing)?;
        let of = Repository { distro, name: &pin.name, arch: &pin.arch };
        let objects = self.archives.pool(of.into(), &[ArchiveFile { path: path.to_owned(), sha256, size: None }])?;
        metadata_text(self.store, objects.get(&sha256).copied().ok_or_else(missing)?, path)
    }

    /// Pins the source RPM `name` of a distro; fetches it unless it is `known`.
    ///
    /// # Errors
    /// [`SrpmError`], or where it cannot be fetched or holds what no source may hold.
    pub fn pin_srpm(
        &mut self,
        of: &Having<'_>,
        name: &PackageName,
        known: Option<&SrpmPin>,
        recipe: &str,
    ) -> Result<SrpmPin, Failure> {
        let (repository, found) = of.index.of(of.distro, name, recipe)?;
        let (distro, version) = (of.distro.name.to_string(), found.evr.to_string());
        if let Some(known) = known.filter(|known| known.sha256 == found.sha256 && known.version == version) {
            let (repository, path) = (repository.clone(), found.path.clone());
            return Ok(SrpmPin { repository, path, size: found.size, ..known.clone() });
        }
        let source = Arch::source();
        let in_repository = Repository { distro: of.distro, name: repository, arch: &source };
        let file = ArchiveFile { path: found.path.clone(), sha256: found.sha256, size: Some(found.size) };
        let objects = self.archives.pool(in_repository.into(), &[file])?;
        let missing = || NodeError::NoInput { role: found.path.clone() };
        let object = objects.get(&found.sha256).copied().ok_or_else(missing)?;
        let signed_by = self.check_srpm(of, name, found, object)?;
        let what = format!("srpm(\"{name}\") of {distro}");
        let tree = source_rpm(self.store, (object, found.size), &what)?;
        self.store.put_tree(&tree)?;
        let (mut texts, _) = texts(self.store, &what, &tree, &Asked::default())?;
        texts.retain(|path, _| path.ends_with(".spec"));
        if texts.is_empty() {
            return Err(SrpmError::NoSpec { distro, name: name.to_string() }.into());
        }
        Ok(SrpmPin {
            repository: repository.clone(),
            path: found.path.clone(),
            version,
            size: found.size,
            sha256: found.sha256,
            signed_by,
            tree: tree.digest(),
            texts,
        })
    }

    /// Whether a file is the source RPM that the index promises, signed by a key of the distro; gives that key's fingerprint.
    fn check_srpm(
        &self,
        of: &Having<'_>,
        name: &PackageName,
        found: &SourceRpm,
        object: Digest,
    ) -> Result<String, Failure> {
        let (distro, promised) = (of.distro.name.to_string(), format!("{name} {}", found.evr));
        let size = self.store.object_size(object).unwrap_or(0);
        if size != found.size {
            let is = format!("{size} bytes long, and should be {}", found.size);
            return Err(SrpmError::Other { distro, promised, is }.into());
        }
        let reader = BufReader::with_capacity(1 << 16, self.store.open_object(object)?);
        let signed_by = verify_package(of.keys, reader).map_err(|source| SrpmError::Signature {
            distro: distro.clone(),
            name: name.to_string(),
            source: Box::new(source),
        })?;
        let package = Package::read(self.store.open_object(object)?)?;
        let epoch = package.epoch();
        let epoch = if epoch == 0 { String::new() } else { format!("{epoch}:") };
        let is = format!("{} {epoch}{}-{}", package.name(), package.version(), package.release());
        if !package.is_source() {
            let is = format!("the package `{is}` for {}", package.arch());
            return Err(SrpmError::Other { distro, promised, is }.into());
        }
        if is != promised {
            return Err(SrpmError::Other { distro, promised, is: format!("`{is}`") }.into());
        }
        if package.header.has(tag::NO_SOURCE) || package.header.has(tag::NO_PATCH) {
            let (name, version) = (name.to_string(), found.evr.to_string());
            return Err(SrpmError::WithoutSources { distro, name, version }.into());
        }
        // Not all metadata says which streams its packages are of.
        let stream = package.header.text(tag::MODULARITY_LABEL).map(stream_of).filter(|stream| !stream.is_empty());
        match stream.filter(|stream| !of.index.modules.enables(stream)) {
            None => Ok(signed_by),
            Some(stream) => {
                let streams = format!("`{}`", stream.escape_debug());
                Err(SrpmError::Stream { distro, name: name.to_string(), streams }.into())
            }
        }
    }
}

impl SourceRpmIndex {
    /// The source RPM of that name, which was wanted, and its repository. `recipe` is the file that asks for it.
    ///
    /// # Errors
    /// Where there is none that could be built.
    pub fn of(&self, distro: &Distro, name: &PackageName, recipe: &str) -> Result<(&String, &SourceRpm), SrpmError> {
        let (distro, file, text) = (distro.name.to_string(), recipe.to_owned(), name.to_string());
        match (self.newest.get(name), self.in_streams.get(name)) {
            (Some((_, found)), _) if found.without_sources => {
                Err(SrpmError::WithoutSources { distro, name: text, version: found.evr.to_string() })
            }
            (Some((repository, found)), _) => Ok((repository, found)),
            (None, Some(streams)) => {
                let streams: Vec<String> = streams.iter().map(|stream| format!("`{stream}`")).collect();
                Err(SrpmError::Stream { distro, name: text, streams: streams.join(", ") })
            }
            (None, None) => {
                let close = crate::ops::new::close(name.as_str(), self.names.iter().map(PackageName::as_str));
                Err(SrpmError::None { distro, name: text, file, close })
            }
        }
    }
}

/// The pinned files of one kind.
fn files_of<'p>(pin: &'p RepositoryPin, kind: &'static str) -> impl Iterator<Item = (&'p RepositoryPin, &'p str)> {
    pin.index.keys().filter(move |path| kind_of(path) == kind).map(move |path| (pin, path.as_str()))
}

/// The stream in a label of a package: `nodejs:18` of `nodejs:18:8030020200818:30b713e6`.
fn stream_of(label: &str) -> String {
    label.split(':').take(2).collect::<Vec<_>>().join(":")
}

fn unreadable(path: &str, error: &RepodataError) -> NodeError {
    NodeError::Unreadable { what: format!("the metadata `{path}`"), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic as _;

    use super::*;

    #[test]
    fn what_keeps_from_pinning_is_told() {
        let distro = || "mini-1".to_owned();
        let name = || "hello".to_owned();
        let file = || "recipes/hello.rhai".to_owned();
        let close = "did you mean `hallo`? Otherwise ".to_owned();
        let told = [
            SrpmError::NoRepositories { distro: distro(), name: name(), file: file() },
            SrpmError::None { distro: distro(), name: name(), file: file(), close },
            SrpmError::Stream { distro: distro(), name: name(), streams: "`hello:1`, `hello:2`".to_owned() },
            SrpmError::WithoutSources { distro: distro(), name: name(), version: "1.0-1".to_owned() },
            SrpmError::Other { distro: distro(), promised: "hello 1.0-1".to_owned(), is: "`hello 1.0-2`".to_owned() },
            SrpmError::NoSpec { distro: distro(), name: name() },
        ]
        .map(|error| {
            let help = error.help().map(|help| help.to_string()).unwrap_or_default();
            format!("{error}\n  help: {help}")
        });
        insta::assert_snapshot!(told.join("\n"), @r#"
        mini-1 has no source repositories, so no `srpm("hello")`
          help: name them in `source_repositories` of `distros/mini-1.rhai`, or leave mini-1 out in `recipes/hello.rhai` with `targets`
        the source repositories of mini-1 have no `hello`
          help: did you mean `hallo`? Otherwise correct the name in `recipes/hello.rhai`, or leave mini-1 out there with `targets`
        the source RPM `hello` of mini-1 is only in streams of modules that are not enabled: `hello:1`, `hello:2`
          help: enable one in `modules` of `distros/mini-1.rhai`, which every build for it has then; or write its address, as in `srpm("https://…")`
        the source RPM `hello` 1.0-1 of mini-1 comes without its sources (`nosrc`)
          help: take the source from elsewhere, as in `archive("https://…")` with the spec beside the recipe: its licence lets nobody pass it on
        what the index of mini-1 calls the source RPM `hello 1.0-1` is `hello 1.0-2`
          help: check the mirror, or name another one in `opb.toml`
        the source RPM `hello` of mini-1 has no spec
          help: leave it out: opb cannot build it
        "#);
    }

    #[test]
    fn a_label_names_its_stream() {
        assert_eq!(stream_of("nodejs:18:8030020200818:30b713e6"), "nodejs:18");
        assert_eq!(stream_of(""), "");
    }
}
