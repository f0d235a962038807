//! Repositories as the real apt sees them: what `repo` assembles and `sign` signs is updated from, downloaded from and,
//! once a byte is changed, refused. apt runs with a configuration of its own; the machine's stays untouched.

#[path = "repository/checked.rs"]
mod checked;
#[path = "repository/rotation.rs"]
mod rotation;
#[path = "space/serve.rs"]
mod serve;
#[path = "repository/updating.rs"]
mod updating;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use opb::digest::{Digest, Sha256};
use opb::repo::{
    Assembled, Binary, Blob, Facts, Fields, KeepNothing, Settings, SourcePackage, Suite, release_text, sources_entry,
};
use opb::sign::{SecretKey, Signer, Signers};
use opb::tree::Entry;

#[path = "repository/indexes.rs"]
mod indexes;

/// A repository on disk, and an apt that knows only it.
struct Site {
    folder: tempfile::TempDir,
    signer: Signers,
    arch: String,
    areas: Vec<String>,
    /// What pool files hold.
    pool: BTreeMap<Digest, Vec<u8>>,
}

/// Whether everything that these tests run is here; says what is not.
fn ready() -> bool {
    let missing: Vec<&str> = ["apt-get", "dpkg-deb", "dpkg-source"]
        .into_iter()
        .filter(|tool| Command::new(tool).arg("--version").output().is_err())
        .collect();
    if !missing.is_empty() {
        eprintln!("skipped: {} is not installed", missing.join(", "));
    }
    missing.is_empty()
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Fields of one stanza; further lines keep their first space.
fn fields(text: &str) -> Fields {
    let mut fields = Fields::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.starts_with(' '), line.split_once(':'), fields.last_mut()) {
            (true, _, Some((_, value))) => value.extend(["\n", line]),
            (_, Some((key, value)), _) => fields.push((key.to_owned(), value.trim().to_owned())),
            _ => panic!("no field: {line}"),
        }
    }
    fields
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        for part in [
            "etc/sources.list.d",
            "etc/apt.conf.d",
            "etc/preferences.d",
            "etc/trusted.gpg.d",
            "state/lists/partial",
            "cache/archives/partial",
            "work",
        ] {
            fs::create_dir_all(folder.path().join(part)).expect("makes folders");
        }
        let arch = run(Command::new("dpkg").arg("--print-architecture")).trim().to_owned();
        let at = folder.path().display();
        let config = format!(
            "Dir::Etc \"{at}/etc\";\nDir::State \"{at}/state\";\nDir::State::status \"{at}/status\";\n\
             Dir::Cache \"{at}/cache\";\nDir::Log \"{at}\";\nAPT::Sandbox::User \"\";\n\
             APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\nAcquire::Retries \"0\";\n"
        );
        fs::write(folder.path().join("apt.conf"), config).expect("writes");
        fs::write(folder.path().join("status"), "").expect("writes");
        let key = SecretKey::generate("opb test", now() as u64 - 60, Some(86_400), rand::rngs::OsRng);
        let signer = Signer::File(key.expect("makes a key"));
        fs::write(folder.path().join("opb.pgp"), signer.public_key_binary().expect("exports")).expect("writes");
        Self { folder, signer: Signers::one(signer), arch, areas: vec!["main".to_owned()], pool: BTreeMap::new() }
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    fn settings(&self) -> Settings {
        Settings {
            origin: "opb".to_owned(),
            label: "opb nightly".to_owned(),
            suite: "nightly".to_owned(),
            codename: "bookworm".to_owned(),
            areas: self.areas.clone(),
            description: "packages of this test".to_owned(),
            arches: [self.arch.parse().expect("plain")].into_iter().collect(),
        }
    }

    fn blob(&mut self, path: &Path) -> Blob {
        let bytes = fs::read(path).expect("reads");
        let name = path.file_name().expect("named").to_str().expect("plain").to_owned();
        let blob = Blob { name, size: bytes.len() as u64, sha256: Sha256::of(&bytes), blake3: Digest::of(&bytes) };
        self.pool.insert(blob.blake3, bytes);
        blob
    }

    /// A binary package made by dpkg-deb, with a file.
    fn binary(&mut self, name: &str, arch: &str) -> Binary {
        self.binary_with(name, arch, "")
    }

    /// The same with more fields.
    fn binary_with(&mut self, name: &str, arch: &str, more: &str) -> Binary {
        let (root, file) = (self.path("work").join(name), self.path("work").join(format!("{name}_1.0_{arch}.deb")));
        fs::create_dir_all(root.join("DEBIAN")).expect("makes folders");
        fs::create_dir_all(root.join("usr/share").join(name)).expect("makes folders");
        for file in ["a file", "read me"] {
            fs::write(root.join("usr/share").join(name).join(file), name).expect("writes");
        }
        let control = format!(
            "Package: {name}\nSource: opb-sample\nVersion: 1.0\nArchitecture: {arch}\nMaintainer: opb <opb@localhost>\n\
             Section: misc\nPriority: optional\n{more}Description: a sample\n of a package\n .\n with two paragraphs\n"
        );
        fs::write(root.join("DEBIAN/control"), control).expect("writes");
        run(Command::new("dpkg-deb").args(["--root-owner-group", "-b"]).arg(&root).arg(&file));
        let control = fields(&run(Command::new("dpkg-deb").arg("-f").arg(&file)));
        let files = opb::package::deb::contents(fs::File::open(&file).expect("opens")).expect("reads");
        Binary {
            facts: Facts::new(&control, &files, name).expect("reads").into(),
            area: "main".to_owned(),
            file: self.blob(&file),
            udeb: false,
            made_by: "build:sample".to_owned(),
        }
    }

    /// A source package made by dpkg-source.
    fn source(&mut self) -> SourcePackage {
        let root = self.path("work").join("opb-sample-1.0");
        fs::create_dir_all(root.join("debian/source")).expect("makes folders");
        let put = |name: &str, text: &str| fs::write(root.join("debian").join(name), text).expect("writes");
        put("source/format", "3.0 (native)\n");
        put(
            "changelog",
            "opb-sample (1.0) unstable; urgency=low\n\n  * A sample.\n\n -- opb <opb@localhost>  Sat, 21 Nov 2026 10:00:00 +0000\n",
        );
        put(
            "control",
            "Source: opb-sample\nSection: misc\nPriority: optional\nMaintainer: opb <opb@localhost>\nStandards-Version: 4.6.2\n\nPackage: opb-sample\nArchitecture: any\nDescription: a sample\n of a package\n",
        );
        run(Command::new("dpkg-source").arg("-b").arg(&root).current_dir(self.path("work")));
        let dsc = self.path("work").join("opb-sample_1.0.dsc");
        SourcePackage {
            dsc: fields(&fs::read_to_string(&dsc).expect("reads")),
            files: vec![self.blob(&self.path("work").join("opb-sample_1.0.tar.xz"))],
            dsc_file: self.blob(&dsc),
            area: "main".to_owned(),
            made_by: "source-package:sample".to_owned(),
        }
    }

    /// Writes the repository and its signatures; apt starts without lists.
    fn publish(&self, made: &Assembled) {
        let root = self.path("repo");
        let _ = fs::remove_dir_all(&root);
        for (path, entry) in made.tree.iter() {
            let place = root.join(path.as_path());
            match entry {
                Entry::Folder => fs::create_dir_all(place).expect("makes folders"),
                Entry::File { digest, .. } => {
                    let bytes = made.contents.get(digest).or_else(|| self.pool.get(digest)).expect("has the bytes");
                    fs::write(place, bytes).expect("writes");
                }
                Entry::Link { .. } => panic!("no links in a repository"),
            }
        }
        let time = now();
        for Suite { settings, indexes } in &made.suites {
            let dists = root.join("dists").join(&settings.codename);
            let release = release_text(settings, indexes, time, Some(time + 86_400)).expect("writes");
            let inrelease = self.signer.clear_sign(&release, time as u64).expect("signs");
            let detached = self.signer.detached(&release, time as u64).expect("signs");
            for (name, text) in [("Release", release), ("InRelease", inrelease), ("Release.gpg", detached)] {
                fs::write(dists.join(name), text).expect("writes");
            }
        }
        let (uri, key) = (format!("file:{}", root.display()), self.path("opb.pgp"));
        let suites: Vec<&Settings> = made.suites.iter().map(|suite| &suite.settings).collect();
        let entry = sources_entry(&suites, &uri, key.to_str().expect("plain")).expect("writes");
        fs::write(self.path("etc/sources.list.d/opb.sources"), entry).expect("writes");
        let _ = fs::remove_dir_all(self.path("state/lists"));
        fs::create_dir_all(self.path("state/lists/partial")).expect("makes folders");
    }

    fn apt(&self, arguments: &[&str]) -> Output {
        Command::new("apt-get")
            .args(arguments)
            .env("APT_CONFIG", self.path("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(self.path("work"))
            .output()
            .expect("runs")
    }

    /// Whether `apt-get update` takes the repository; a warning counts as a refusal.
    fn update(&self) -> Result<(), String> {
        let output = self.apt(&["update", "-o", "APT::Update::Error-Mode=any"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() && said.is_empty() { Ok(()) } else { Err(said) }
    }

    fn change(&self, part: &str, change: impl Fn(&mut Vec<u8>)) {
        let path = self.path("repo/dists/bookworm").join(part);
        let mut bytes = fs::read(&path).expect("reads");
        change(&mut bytes);
        fs::write(path, bytes).expect("writes");
    }

    fn remove(&self, part: &str) {
        fs::remove_file(self.path("repo/dists/bookworm").join(part)).expect("removes");
    }
}

fn assemble(settings: &Settings, binaries: &[Binary], sources: &[SourcePackage]) -> Assembled {
    opb::repo::assemble(settings, binaries, sources, &KeepNothing).expect("assembles")
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn filled() -> (Site, Assembled) {
    let mut site = Site::new();
    let arch = site.arch.clone();
    let binaries = [site.binary("opb-sample", &arch), site.binary("opb-sample-doc", "all")];
    let sources = [site.source()];
    let made = assemble(&site.settings(), &binaries, &sources);
    (site, made)
}

#[test]
fn apt_takes_packages_and_sources() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    site.publish(&made);
    site.update().expect("is accepted");
    for package in ["opb-sample", "opb-sample-doc"] {
        let output = site.apt(&["download", package]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let simulated = site.apt(&["install", "-s", "opb-sample", "opb-sample-doc"]);
    assert!(simulated.status.success(), "{}", String::from_utf8_lossy(&simulated.stderr));
    let original = site.path("work/opb-sample_1.0.dsc");
    let text = fs::read(&original).expect("reads");
    for file in ["opb-sample_1.0.dsc", "opb-sample_1.0.tar.xz"] {
        fs::remove_file(site.path("work").join(file)).expect("removes");
    }
    fs::remove_dir_all(site.path("work/opb-sample-1.0")).expect("removes");
    let output = site.apt(&["source", "--download-only", "opb-sample"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(&original).expect("was fetched"), text);
    // Without MD5 in `Sources`, unpacking works as well.
    let output = site.apt(&["source", "opb-sample"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(site.path("work/opb-sample-1.0/debian/control").exists());
}

#[test]
fn apt_takes_packages_of_all_areas() {
    if !ready() {
        return;
    }
    let mut site = Site::new();
    site.areas.push("openapp".to_owned());
    let arch = site.arch.clone();
    let mut binaries = [site.binary("opb-sample", &arch), site.binary("opb-sample-doc", "all")];
    let mut sources = [site.source()];
    binaries[1].area = "openapp".to_owned();
    sources[0].area = "openapp".to_owned();
    site.publish(&assemble(&site.settings(), &binaries, &sources));
    let listed = fs::read_to_string(site.path("etc/sources.list.d/opb.sources")).expect("reads");
    assert!(listed.contains("Components: main openapp"), "{listed}");
    for place in [
        format!("repo/pool/main/o/opb-sample/opb-sample_1.0_{arch}.deb"),
        "repo/pool/openapp/o/opb-sample/opb-sample-doc_1.0_all.deb".to_owned(),
        "repo/pool/openapp/o/opb-sample/opb-sample_1.0.dsc".to_owned(),
        format!("repo/dists/bookworm/openapp/binary-{arch}/Packages.xz"),
    ] {
        assert!(site.path(&place).exists(), "{place}");
    }
    site.update().expect("is accepted");
    for package in ["opb-sample", "opb-sample-doc"] {
        let output = site.apt(&["download", package]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::remove_file(site.path("work/opb-sample_1.0.dsc")).expect("removes");
    let output = site.apt(&["source", "--download-only", "opb-sample"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Who takes one area only gets what is in it.
    let one = listed.replace("main openapp", "openapp");
    fs::write(site.path("etc/sources.list.d/opb.sources"), one).expect("writes");
    site.update().expect("is accepted");
    assert!(site.apt(&["download", "opb-sample-doc"]).status.success());
    fs::remove_file(site.path("work").join(format!("opb-sample_1.0_{arch}.deb"))).expect("removes");
    assert!(!site.apt(&["download", "opb-sample"]).status.success());
}

#[test]
fn a_detached_signature_is_enough() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    site.publish(&made);
    site.remove("InRelease");
    site.update().expect("is accepted");
    site.publish(&made);
    site.remove("InRelease");
    site.change("Release", |bytes| bytes[8] ^= 1);
    let said = site.update().expect_err("is changed");
    assert!(said.contains("Release"), "{said}");
    site.publish(&made);
    site.remove("InRelease");
    site.remove("Release.gpg");
    let said = site.update().expect_err("is unsigned");
    assert!(said.contains("is not signed"), "{said}");
}

#[test]
fn a_changed_byte_is_refused() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    site.publish(&made);
    site.change("InRelease", |bytes| {
        let at = bytes.windows(11).position(|part| part == b"opb nightly").expect("is there");
        bytes[at] ^= 1;
    });
    let said = site.update().expect_err("is changed");
    assert!(said.contains("InRelease"), "{said}");

    site.publish(&made);
    for entry in made.suites[0].indexes.iter().filter(|entry| entry.path.contains("Packages.")) {
        let folder = entry.path.rsplit_once('/').expect("in a folder").0;
        for place in [entry.path.clone(), format!("{folder}/by-hash/SHA256/{}", entry.sha256)] {
            site.change(&place, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            });
        }
    }
    let said = site.update().expect_err("is changed");
    assert!(said.contains("Hash Sum mismatch"), "{said}");

    site.publish(&made);
    site.update().expect("is accepted");
    let pool = site.path("repo/pool/main/o/opb-sample").join(format!("opb-sample_1.0_{}.deb", site.arch));
    let mut bytes = fs::read(&pool).expect("reads");
    bytes[100] ^= 1;
    fs::write(pool, bytes).expect("writes");
    fs::remove_file(site.path("work").join(format!("opb-sample_1.0_{}.deb", site.arch))).expect("removes");
    assert!(!site.apt(&["download", "opb-sample"]).status.success());
}

#[test]
fn another_key_is_refused() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    site.publish(&made);
    let other = Site::new();
    fs::copy(other.path("opb.pgp"), site.path("opb.pgp")).expect("copies");
    let said = site.update().expect_err("is signed by somebody else");
    assert!(said.contains("NO_PUBKEY") || said.contains("Missing key"), "{said}");
}
