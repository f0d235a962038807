//! Signs RPM packages in a store, as publishing does: for benchmarks of that alone.
//!
//! ```text
//! cargo run --release --example sign -- put STORE FILE…         stores packages; writes their digests, one a line
//! cargo run --release --example sign -- sign STORE KEYS NAME < DIGESTS     signs by a key file; writes a place in the store for each
//! cargo run --release --example sign -- agent STORE HOME FINGERPRINT < DIGESTS      the same by the agent of a folder of GnuPG's
//! ```

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cap_std::ambient_authority;
use clap::Parser;
use opb::diag::Failure;
use opb::digest::Digest;
use opb::distro::{Signing, SigningDigest, SigningKey};
use opb::path::HostPath;
use opb::publish::signed;
use opb::sign::{AgentKey, KeyFolder, Signer};
use opb::store::Store;

/// Sign RPM packages in a store.
#[derive(Debug, Parser)]
#[command(name = "sign")]
enum Deed {
    /// Store packages.
    Put {
        /// The store.
        store: PathBuf,
        /// The packages.
        files: Vec<PathBuf>,
    },
    /// Sign those on the standard input by a key file.
    Sign {
        /// The store.
        store: PathBuf,
        /// The folder of keys.
        keys: PathBuf,
        /// The key.
        name: String,
    },
    /// Sign those on the standard input by a key of gpg-agent.
    Agent {
        /// The store.
        store: PathBuf,
        /// GnuPG's folder.
        home: PathBuf,
        /// The key.
        fingerprint: String,
    },
}

fn main() -> ExitCode {
    match run(Deed::parse()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("sign: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(deed: Deed) -> Result<String, Failure> {
    match deed {
        Deed::Put { store, files } => {
            let (store, mut text) = (open(&store)?, String::new());
            for file in files {
                let mut opened = std::fs::File::open(&file).expect("a package can be opened");
                let (digest, _) = store.put_file(&mut opened, u64::MAX)?;
                writeln!(text, "{digest}").expect("in memory");
            }
            Ok(text)
        }
        Deed::Sign { store, keys, name } => {
            let keys = KeyFolder::open_or_create(&keys, ambient_authority())?;
            sign(&open(&store)?, &Signer::File(keys.load(&name)?))
        }
        Deed::Agent { store, home, fingerprint } => {
            sign(&open(&store)?, &Signer::Agent(AgentKey::find(&fingerprint, Some(&home))?))
        }
    }
}

fn open(path: &Path) -> Result<Store, Failure> {
    Ok(Store::open(&HostPath::new(path))?)
}

fn sign(store: &Store, signer: &Signer) -> Result<String, Failure> {
    let mut digests = String::new();
    std::io::stdin().read_to_string(&mut digests).expect("digests are text");
    let digests: Vec<Digest> = digests.lines().map(|line| line.parse().expect("a digest a line")).collect();
    let signing = Signing { key: SigningKey::Rsa, digest: SigningDigest::Sha256 };
    let now = u64::try_from(opb::project::now()).unwrap_or(0);
    let mut text = String::new();
    for signed in signed::packages(store, signer, &signing, &digests, now)? {
        writeln!(text, "{}", store.object_path(signed.signed)).expect("in memory");
    }
    Ok(text)
}
