//! Publishes a folder of RPM packages, for `make bench`: what `opb repo publish` does once packages are built.
//!
//! ```text
//! yum prepare STORE FOLDER         puts its packages into a store, signed; prints a tree's digest
//! yum metadata STORE TREE FOLDER   makes their metadata, and `repomd.xml` in a folder, where pieces of it are kept
//! yum publish STORE TREE           publishes them in the channel `bench`
//! ```
//!
//! `metadata` does what `createrepo_c` does, `publish` checks signatures too, and writes a generation of a channel.
//! The key is made in the store's folder and is worth nothing. For stores that a benchmark made, never for one that somebody
//! publishes from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use clap::Parser;
use opb::diag::Failure;
use opb::digest::Digest;
use opb::distro::{Repodata, Signing, SigningDigest, SigningKey};
use opb::name::{ChannelName, DistroName};
use opb::package::rpm::Package;
use opb::path::{HostPath, TreePath};
use opb::publish::yum::{Place, assemble, signed_files};
use opb::publish::{Content, Naming, Part, Request, SignedText, Way, YumSettings, publish, signed};
use opb::repo::RepoError;
use opb::repo::yum::{Unsigned, lay_out};
use opb::sign::{KeyFolder, SecretKey, Signer, Signers};
use opb::store::Store;

/// Publish a folder of RPM packages.
#[derive(Debug, Parser)]
#[command(name = "yum")]
enum Arguments {
    /// Put the packages of a folder into a store, and sign them.
    Prepare {
        /// The store; made where it is missing.
        store: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// Make the metadata of what was prepared.
    Metadata {
        /// The store.
        store: PathBuf,
        /// What `prepare` printed.
        tree: Digest,
        /// Where pieces are kept and `repomd.xml` is written.
        folder: PathBuf,
        /// How metadata is compressed: `gz`, `xz` or `zst`.
        #[arg(long, default_value = "gz")]
        repodata: String,
    },
    /// Publish what was prepared.
    Publish {
        /// The store.
        store: PathBuf,
        /// What `prepare` printed.
        tree: Digest,
        /// How metadata is compressed: `gz`, `xz` or `zst`.
        #[arg(long, default_value = "gz")]
        repodata: String,
    },
}

/// A time at which the key is valid.
const NOW: i64 = 1_710_000_000;

const SIGNING: Signing = Signing { key: SigningKey::Ed25519, digest: SigningDigest::Sha256 };

fn main() -> ExitCode {
    let done = match Arguments::parse() {
        Arguments::Prepare { store, folder } => prepare(&store, &folder),
        Arguments::Metadata { store, tree, folder, repodata } => metadata(&store, tree, &folder, &repodata),
        Arguments::Publish { store, tree, repodata } => publish_tree(&store, tree, &repodata),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("yum: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn opened(path: &Path) -> Result<(Store, Signer), Failure> {
    let store = Store::open(&HostPath::new(path))?;
    let keys = KeyFolder::open_or_create(&path.with_extension("keys"), ambient_authority())?;
    let key = match keys.load("bench") {
        Ok(key) => key,
        Err(_) => {
            let key = SecretKey::generate("bench", 1_700_000_000, None, rand::rngs::OsRng)?;
            keys.save("bench", &key)?;
            key
        }
    };
    Ok((store, Signer::File(key)))
}

fn prepare(path: &Path, folder: &Path) -> Result<String, Failure> {
    let (store, signer) = opened(path)?;
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).expect("a folder of packages");
    let names = dir.entries().expect("it can be read").flatten().map(|entry| entry.file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.ends_with(".rpm"));
    names.sort();
    let paths = names.iter().map(|name| TreePath::new(name.as_bytes()).expect("a plain name")).collect();
    let mut packages = Vec::new();
    for (file, (digest, size)) in names.into_iter().zip(store.import_files(&dir, paths)?) {
        let package = Package::read(store.open_object(digest)?)
            .map_err(|source| RepoError::NotRpm { package: file.clone(), source })?;
        packages.push(Unsigned {
            name: package.name().to_owned(),
            version: format!("{}-{}", package.version(), package.release()),
            arch: package.arch().to_owned(),
            file,
            digest,
            size,
            is_debug: false,
            made_by: "build:bench".to_owned(),
        });
    }
    let digests: Vec<Digest> = packages.iter().map(|package| package.digest).collect();
    signed::packages(&store, &signer, &SIGNING, &digests, NOW.unsigned_abs())?;
    Ok(store.put_tree(&lay_out(&["x86_64"], &packages)?)?.to_string())
}

fn settings(repodata: &str) -> YumSettings {
    let repodata = match repodata {
        "xz" => Repodata::Xz,
        "zst" => Repodata::Zst,
        _ => Repodata::Gz,
    };
    YumSettings {
        distro: DistroName::new("bench-1").expect("a name"),
        description: "Packages of a benchmark".to_owned(),
        repodata,
        signing: SIGNING,
    }
}

fn metadata(path: &Path, tree: Digest, folder: &Path, repodata: &str) -> Result<String, Failure> {
    let (store, signer) = opened(path)?;
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).expect("a folder for metadata");
    let settings = settings(repodata);
    let unsigned = store.get_tree(tree)?;
    let digests: BTreeSet<Digest> = unsigned.files().map(|(_, digest, _)| digest).collect();
    let (place, mut pieces) = (Place { store: &store, dir: &dir, path: &HostPath::new(folder) }, BTreeSet::new());
    let now = NOW.unsigned_abs();
    let signed = signed_files(&place, &signer, &settings, &digests, now, true, &mut pieces)?;
    let made = assemble(&place, &settings, &unsigned, &signed, &mut pieces)?;
    for (list, text) in made.lists(settings.distro.as_str(), NOW) {
        // Of the two repositories, that of sources is empty.
        let name = if list.contains("SRPMS") { "sources.xml" } else { "repomd.xml" };
        dir.write(name, text).expect("it can be written");
    }
    Ok(format!("metadata of {} packages", digests.len()))
}

fn publish_tree(path: &Path, tree: Digest, repodata: &str) -> Result<String, Failure> {
    let (store, signer) = opened(path)?;
    let channel = ChannelName::new("bench").expect("a name");
    let part =
        Part { distro: DistroName::new("mini-1").expect("a name"), tree, content: Content::Yum(settings(repodata)) };
    let (channel, naming) = (&channel, &Naming::default());
    let signer = Signers::one(signer);
    let log = |_, _, _: &[SignedText]| Ok(());
    let (way, signer, log) = (Way::Published, &signer, &log);
    let request = Request { channel, parts: &[part], way, pins: None, naming, signer, log, now: NOW };
    let published = publish(&store, &request)?;
    Ok(format!("generation {}: {} packages", published.generation, published.packages))
}
