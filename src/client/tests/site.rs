//! A channel in a folder: packages of made-up bytes, their indexes, and signatures.

use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::*;
use super::NOW;
use crate::digest::{Digest, Sha256};
use crate::repo::{
    Binary, Blob, Facts, Fields, IndexEntry, KeepNothing, Settings, SourcePackage, assemble, release_text,
};
use crate::sign::{SecretKey, Signer};
use crate::tree::Entry;

/// A channel.
pub struct Site {
    folder: tempfile::TempDir,
    pub signer: Signer,
    /// What `Release` lists, as it was made.
    pub indexes: Vec<IndexEntry>,
}

/// A key that is always the same for one number.
pub fn signer(seed: u64) -> Signer {
    Signer::File(
        SecretKey::generate("opb test", 1_700_000_000, None, StdRng::seed_from_u64(seed)).expect("makes a key"),
    )
}

pub fn settings() -> Settings {
    Settings {
        origin: "opb".to_owned(),
        label: "opb nightly".to_owned(),
        suite: "nightly".to_owned(),
        codename: "bookworm".to_owned(),
        areas: vec!["main".to_owned()],
        description: "packages of this test".to_owned(),
        arches: ["amd64".parse().expect("plain")].into_iter().collect(),
    }
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn blob(name: &str, bytes: &[u8]) -> Blob {
    Blob { name: name.to_owned(), size: bytes.len() as u64, sha256: Sha256::of(bytes), blake3: Digest::of(bytes) }
}

fn binary(name: &str, version: &str) -> (Binary, Vec<u8>) {
    let bytes = format!("{name} {version}").into_bytes();
    let control = [
        ("Package", name),
        ("Version", version),
        ("Architecture", "amd64"),
        ("Maintainer", "opb"),
        ("Description", "a sample"),
    ];
    let file = blob(&format!("{name}_{version}_amd64.deb"), &bytes);
    let made_by = format!("build:{name}");
    let facts = Facts::new(&fields(&control), &[], name).expect("reads");
    (Binary { facts: facts.into(), area: "main".to_owned(), file, udeb: false, made_by }, bytes)
}

fn source(name: &str) -> (SourcePackage, Vec<Vec<u8>>) {
    let (archive, dsc) = (b"archive".to_vec(), b"dsc".to_vec());
    let file = blob(&format!("{name}_1.tar.xz"), &archive);
    let sums = format!("\n {} {} {}", file.sha256, file.size, file.name);
    let made = SourcePackage {
        dsc: fields(&[
            ("Format", "3.0 (native)"),
            ("Source", name),
            ("Binary", name),
            ("Architecture", "any"),
            ("Version", "1"),
            ("Checksums-Sha256", &sums),
        ]),
        dsc_file: blob(&format!("{name}_1.dsc"), &dsc),
        files: vec![file],
        made_by: format!("source-package:{name}"),
        area: "main".to_owned(),
    };
    (made, vec![archive, dsc])
}

impl Site {
    /// A folder with a key and nothing else.
    pub fn empty() -> Self {
        let (folder, signer) = (tempfile::tempdir().expect("a folder"), signer(1));
        let site = Self { folder, signer, indexes: Vec::new() };
        site.write("opb-nightly.asc", site.signer.public_key_armored().expect("exports").as_bytes());
        site
    }

    /// The suite `bookworm` with two packages and a source package.
    pub fn apt() -> Self {
        let mut site = Self::empty();
        site.publish(&["tiny", "tiny-doc"], NOW - 3_600);
        site
    }

    /// Writes the suite anew with these packages.
    pub fn publish(&mut self, packages: &[&str], date: i64) {
        let made = packages.iter().map(|name| binary(name, "1"));
        let (binaries, mut contents): (Vec<Binary>, Vec<Vec<u8>>) = made.unzip();
        let (source, more) = source("tiny");
        contents.extend(more);
        let made = assemble(&settings(), &binaries, &[source], &KeepNothing).expect("assembles");
        for (path, entry) in made.tree.iter() {
            let Entry::File { digest, .. } = entry else { continue };
            // One suite is enough here.
            if path.as_bytes().starts_with(b"dists/bookworm-debug/") {
                continue;
            }
            let of_pool = contents.iter().find(|bytes| Digest::of(bytes) == *digest);
            self.write(&path.to_string(), made.contents.get(digest).or(of_pool).expect("has the bytes"));
        }
        let [suite, _] = made.suites;
        self.indexes = suite.indexes;
        self.sign(&self.release(date, None));
    }

    /// The text of `Release`.
    pub fn release(&self, date: i64, valid_until: Option<i64>) -> String {
        release_text(&settings(), &self.indexes, date, valid_until).expect("writes")
    }

    /// Signs the text in all forms.
    pub fn sign(&self, text: &str) {
        let time = 1_700_000_100;
        self.write("dists/bookworm/Release", text.as_bytes());
        self.write("dists/bookworm/InRelease", self.signer.clear_sign(text, time).expect("signs").as_bytes());
        self.write("dists/bookworm/Release.gpg", self.signer.detached(text, time).expect("signs").as_bytes());
    }

    /// Exchanges an index, in the form `.gz` alone, and signs that.
    pub fn exchange(&mut self, index: &str, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text).expect("packs");
        let packed = packed.finish().expect("packs");
        self.indexes.retain(|entry| !entry.path.starts_with(index));
        let entries = [(index.to_owned(), text), (format!("{index}.gz"), &packed)];
        for (path, bytes) in entries {
            self.indexes.push(IndexEntry { path, size: bytes.len() as u64, sha256: Sha256::of(bytes) });
        }
        let (folder, _) = index.rsplit_once('/').expect("in a folder");
        self.write(&format!("dists/bookworm/{index}.gz"), &packed);
        self.write(&format!("dists/bookworm/{folder}/by-hash/SHA256/{}", Sha256::of(&packed)), &packed);
        self.sign(&self.release(NOW - 3_600, None));
    }

    pub fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let place = self.path(path);
        std::fs::create_dir_all(place.parent().expect("below")).expect("made");
        std::fs::write(place, bytes).expect("written");
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path(path)).expect("there")
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.path(path)).expect("removed");
    }

    pub fn change(&self, path: &str, change: impl Fn(&mut Vec<u8>)) {
        let mut bytes = self.read(path);
        change(&mut bytes);
        self.write(path, &bytes);
    }

    /// What the list says of an index's digest.
    pub fn by_hash(&self, index: &str) -> String {
        let entry = self.indexes.iter().find(|entry| entry.path == index).expect("listed");
        let (folder, _) = index.rsplit_once('/').expect("in a folder");
        format!("dists/bookworm/{folder}/by-hash/SHA256/{}", entry.sha256)
    }

    /// A look at all of it, from the folder.
    pub fn request(&self) -> Request {
        request(self.folder.path().to_str().expect("plain"))
    }

    /// The key, as somebody has it who got it otherwise.
    pub fn keys(&self) -> Keyring {
        Keyring::of(self.signer.public_key_binary().expect("exports")).expect("a key")
    }
}

/// A look at all that is at an address, without patience.
pub fn request(address: &str) -> Request {
    Request {
        address: address.to_owned(),
        suites: Vec::new(),
        yum: Vec::new(),
        keys: None,
        packages: Packages::Size,
        max_age: None,
        now: NOW,
        limits: Limits {
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(1),
            pause: Duration::from_millis(50),
            whole: Duration::from_secs(30),
        },
    }
}
