//! Makes an APT repository of a folder of packages, for `make bench`: what `opb build` and `opb repo publish` do of it once
//! packages are built.
//!
//! ```text
//! apt prepare STORE FOLDER          puts its packages into a store, as builds do when they end; prints a tree's digest
//! apt index STORE TREE FOLDER       assembles the repository and signs its lists, which are written into a folder
//! apt publish STORE TREE            assembles it and publishes it in the channel `bench`
//! ```
//!
//! `--plain` leaves the compressing out. The key is made beside the store and is worth nothing. For stores that a benchmark
//! made, never for one that somebody publishes from.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use clap::Parser;
use opb::diag::Failure;
use opb::digest::Digest;
use opb::drv::Outputs;
use opb::exec::{KnownFile, WantedFile, known_files, learn};
use opb::name::{ChannelName, DistroName};
use opb::path::{HostPath, TreePath};
use opb::publish::{Content, Naming, Part, Request, SignedText, Way, publish};
use opb::repo::{Binary, Blob, Keep, Settings, Suite, assemble, release_text};
use opb::sign::{KeyFolder, SecretKey, Signer, Signers};
use opb::store::{Shelf, Store};
use opb::tree::{Entry, Tree};

/// Make an APT repository of a folder of packages.
#[derive(Debug, Parser)]
#[command(name = "apt")]
enum Arguments {
    /// Put the packages of a folder into a store.
    Prepare {
        /// The store; made where it is missing.
        store: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// Assemble what was prepared, and sign its lists.
    Index {
        /// The store.
        store: PathBuf,
        /// What `prepare` printed.
        tree: Digest,
        /// Where the lists are written.
        folder: PathBuf,
        /// Compress nothing.
        #[arg(long)]
        plain: bool,
    },
    /// Assemble and publish what was prepared.
    Publish {
        /// The store.
        store: PathBuf,
        /// What `prepare` printed.
        tree: Digest,
    },
}

/// A time at which the key is valid.
const NOW: i64 = 1_710_000_000;

fn main() -> ExitCode {
    let done = match Arguments::parse() {
        Arguments::Prepare { store, folder } => prepare(&store, &folder),
        Arguments::Index { store, tree, folder, plain } => index(&store, tree, &folder, plain),
        Arguments::Publish { store, tree } => publish_tree(&store, tree),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("apt: {failure}");
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
    let (store, _) = opened(path)?;
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).expect("a folder of packages");
    let names = dir.entries().expect("it can be read").flatten().map(|entry| entry.file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.ends_with(".deb"));
    names.sort();
    let paths: Vec<TreePath> = names.iter().map(|name| TreePath::new(name.as_bytes()).expect("a plain name")).collect();
    let mut tree = Tree::default();
    for (path, (digest, size)) in paths.iter().zip(store.import_files(&dir, paths.clone())?) {
        tree.insert(path.clone(), Entry::File { digest, size, executable: false }).expect("its name is new");
    }
    let tree = store.put_tree(&tree)?;
    learn(&store, &Outputs::from([("packages".parse().expect("a name"), tree)]));
    Ok(tree.to_string())
}

/// Claims that everything is kept, compressed to nothing.
struct Plain;

impl Keep for Plain {
    fn get(&self, _: Digest) -> Option<Vec<u8>> {
        Some(vec![0; 16])
    }

    fn put(&self, _: Digest, _: &[u8]) {}
}

fn made(store: &Store, tree: Digest, plain: bool) -> Result<(Digest, [Suite; 2], usize), Failure> {
    let settings = Settings {
        origin: "opb".to_owned(),
        label: "bench".to_owned(),
        suite: "bookworm".to_owned(),
        codename: "bookworm".to_owned(),
        areas: vec!["main".to_owned()],
        description: "Packages of a benchmark".to_owned(),
        arches: [opb::name::Arch::new("amd64").expect("a name")].into(),
    };
    let files: Vec<(String, Digest, u64)> =
        store.get_tree(tree)?.files().map(|(path, digest, size)| (path.to_string(), digest, size)).collect();
    let wanted = files.iter().map(|(name, digest, _)| WantedFile { digest: *digest, name, is_package: true });
    let shelf: Shelf<'_> = store.shelf("bench");
    let mut known = known_files(store, &shelf, &wanted.collect::<Vec<_>>())?;
    let mut binaries = Vec::with_capacity(files.len());
    for (name, blake3, size) in files {
        let Some(KnownFile { sha256, facts: Some(facts) }) = known.remove(&blake3) else { continue };
        let file = Blob { name, size, sha256, blake3 };
        let (area, made_by) = ("main".to_owned(), "build:bench".to_owned());
        binaries.push(Binary { facts, area, file, udeb: false, made_by });
    }
    let kept: &dyn Keep = if plain { &Plain } else { &shelf };
    let assembled = assemble(&settings, &binaries, &[], kept)?;
    store.put_all(&assembled.contents.values().map(Vec::as_slice).collect::<Vec<_>>())?;
    let tree = store.put_tree(&assembled.tree)?;
    shelf.settle(tree)?;
    Ok((tree, assembled.suites, binaries.len()))
}

fn index(path: &Path, tree: Digest, folder: &Path, plain: bool) -> Result<String, Failure> {
    let (store, signer) = opened(path)?;
    let (_, suites, count) = made(&store, tree, plain)?;
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).expect("a folder for lists");
    for Suite { settings, indexes } in &suites {
        let text = release_text(settings, indexes, NOW, None)?;
        let time = NOW.unsigned_abs();
        let lists = [
            ("InRelease", signer.clear_sign(&text, time)?),
            ("Release.gpg", signer.detached(&text, time)?),
            ("Release", text),
        ];
        for (name, text) in lists {
            dir.write(format!("{}.{name}", settings.codename), text).expect("it can be written");
        }
    }
    Ok(format!("indexes of {count} packages"))
}

fn publish_tree(path: &Path, tree: Digest) -> Result<String, Failure> {
    let (store, signer) = opened(path)?;
    let channel = ChannelName::new("bench").expect("a name");
    let (tree, suites, _) = made(&store, tree, false)?;
    let part = Part {
        distro: DistroName::new("debian-12").expect("a name"),
        tree,
        content: Content::Apt(suites.into()),
        imported: std::collections::BTreeSet::new(),
    };
    let (channel, naming, signer) = (&channel, &Naming::default(), &Signers::one(signer));
    let log = |_, _, _: &[SignedText]| Ok(());
    let request =
        Request { channel, parts: &[part], way: Way::Published, pins: None, naming, signer, log: &log, now: NOW };
    let published = publish(&store, &request)?;
    Ok(format!("generation {}: {} packages", published.generation, published.packages))
}
