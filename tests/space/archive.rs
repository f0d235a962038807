//! A signed APT archive of a made-up distribution, `test-TAG`: the packages of the shared base root, and what tests add.
//! Beside it there may be archives of others, which are extra repositories of the distribution.
//!
//! It is below the project, which names it in `[mirrors]`. Its packages are those of the host's release, by content, so
//! the base root that all tests share is also its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use opb::digest::Sha256;
use opb::package::deb;
use opb::package::list::PackageList;
use opb::sign::{SecretKey, Signer};

use super::Space;

/// How an archive's release file is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// With the key that the keyring holds.
    Well,
    /// With a key that nobody knows.
    ByAnother,
    /// Not at all.
    Not,
    /// With the right key, and changed afterwards.
    Changed,
}

/// An archive.
pub struct Archive<'a> {
    space: &'a Space,
    /// Its folder in the project.
    folder: &'static str,
    suite: &'static str,
    has_sources: bool,
    signer: Signer,
    /// Stanzas of `Packages` by package.
    stanzas: BTreeMap<String, String>,
    /// How long the release file is good, in seconds from now; may be in the past.
    pub good_for: i64,
    /// What the distro's file says of extra repositories; see [`Space::own`] for what it may hold, and `PROJECT`.
    pub extras: String,
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("before the end of time")
}

fn signer() -> Signer {
    let seconds = u64::try_from(now()).expect("after 1970");
    Signer::File(SecretKey::generate("a test", seconds - 60, None, rand::rngs::OsRng).expect("makes a key"))
}

/// Names, stanzas and files of the shared base root's packages.
fn base(space: &Space) -> &'static [(String, String, PathBuf)] {
    static BASE: OnceLock<Vec<(String, String, PathBuf)>> = OnceLock::new();
    BASE.get_or_init(|| {
        let list = PackageList::decode(&space.text("resolve:base@DISTRO/ARCH", "list")).expect("a package list");
        let store = space.open_store();
        let read = |listed: &opb::package::list::Listed| {
            let (object, _) = store.find_sha256(listed.sha256).expect("reads").expect("fetched");
            let control = deb::read(store.open_object(object).expect("opens")).expect("a package").control().to_owned();
            (listed.name.to_string(), control, store.object_path(object).as_path().to_owned())
        };
        list.iter().map(read).collect()
    })
}

impl<'a> Archive<'a> {
    /// An archive with the packages of the base, and a project that knows no other distro.
    pub fn new(space: &'a Space) -> Self {
        let _ = fs::remove_dir_all(space.folder.join("distros"));
        let _ = fs::remove_file(space.folder.join("opb.lock"));
        let signer = signer();
        let keyring = space.folder.join("distros/keyrings/test-keyring.gpg");
        fs::create_dir_all(keyring.parent().expect("has a parent")).expect("makes folders");
        fs::write(keyring, signer.public_key_binary().expect("exports")).expect("writes");
        let place = space.folder.join("archive");
        space.write("opb.toml", &format!("[mirrors]\ntest = \"file:{}\"\n\n[channel.c-TAG]\n", place.display()));
        let mut archive = Self::empty(space, "archive", "trial", signer);
        archive.has_sources = true;
        archive.distro("\"buildd\", add: []", "refuse");
        for (name, control, file) in base(space) {
            let path = format!("pool/{name}.deb");
            fs::create_dir_all(place.join("pool")).expect("makes folders");
            fs::hard_link(file, place.join(&path))
                .or_else(|_| fs::copy(file, place.join(&path)).map(drop))
                .expect("shown");
            archive.list(name, control, &path);
        }
        archive
    }

    fn empty(space: &'a Space, folder: &'static str, suite: &'static str, signer: Signer) -> Self {
        let (stanzas, extras) = (BTreeMap::new(), String::new());
        Self { space, folder, suite, has_sources: false, signer, stanzas, good_for: 86_400, extras }
    }

    /// An archive of somebody else, without packages and source packages. Its public key is in `keys/FOLDER.asc`.
    pub fn foreign(space: &'a Space, folder: &'static str, suite: &'static str) -> Self {
        let archive = Self::empty(space, folder, suite, signer());
        archive.show_key(folder);
        fs::create_dir_all(archive.path("pool")).expect("makes folders");
        archive
    }

    /// Writes its public key into `keys/NAME.asc`.
    pub fn show_key(&self, name: &str) {
        self.space.write(&format!("keys/{name}.asc"), &self.signer.public_key_armored().expect("exports"));
    }

    /// Writes the distro's file, with this base (what stands behind `variant:`) and stance on expired release files.
    pub fn distro(&self, base: &str, expired: &str) {
        let extras = self.extras.replace("PROJECT", &self.space.folder.display().to_string());
        self.space.write(
            "distros/test-TAG.rhai",
            &format!(
                "#{{\n    family: \"deb\", vendor: \"test\", release: \"TAG\", codename: \"trial\", suffix: \"t1\",\n    \
                 arches: [\"ARCH\"], indep_on: \"ARCH\",\n    suites: [ #{{ name: \"trial\", areas: [\"main\"] }} ],\n    extra_repositories: [{extras}],\n    \
                 keyring: \"test-keyring.gpg\",\n    base: #{{ variant: {base} }},\n    lifecycle: #{{ end: \
                 \"2040-01-01\", archived: false, expired_release_files: \"{expired}\" }},\n    options: #{{ \
                 alternatives: \"first\", recommends: false, rules_need_no_root: true }},\n}}\n"
            ),
        );
    }

    /// Where a file of the archive is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.space.folder.join(self.folder).join(self.space.own(name))
    }

    /// Adds the package `name-TAG`, which holds its version as `/usr/share/name-TAG`, in place of any former one.
    pub fn add(&mut self, name: &str, version: &str) {
        self.add_with(name, version, "");
    }

    /// The same with further fields, each with its newline.
    pub fn add_with(&mut self, name: &str, version: &str, fields: &str) {
        let name = format!("{name}-{}", self.space.tag);
        let folder = self.space.folder.join("made").join(&name);
        let control = self.space.own(&format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: opb <opb@localhost>\n{fields}Description: of a test\n"
        ));
        super::write(&folder.join("DEBIAN/control"), &control);
        super::write(&folder.join(format!("usr/share/{name}")), &format!("{version}\n"));
        let path = format!("pool/{name}_{version}.deb");
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.args(["--root-owner-group", "--build"]).arg(folder).arg(self.path(&path));
        assert!(dpkg.output().expect("runs").status.success());
        self.list(&name, &control, &path);
    }

    /// Puts a newer version of a package of the base in its place.
    pub fn renew(&mut self, name: &str) {
        let (old, folder) = (self.path(&format!("pool/{name}.deb")), self.space.folder.join("made").join(name));
        let dpkg = |args: &[&std::ffi::OsStr]| {
            assert!(Command::new("dpkg-deb").args(args).output().expect("runs").status.success());
        };
        fs::create_dir_all(self.space.folder.join("made")).expect("makes folders");
        dpkg(&["-R".as_ref(), old.as_ref(), folder.as_ref()]);
        let file = folder.join("DEBIAN/control");
        let control = fs::read_to_string(&file).expect("reads");
        let newer = |line: &str| match line.starts_with("Version: ") {
            true => format!("{line}+new{}\n", self.space.tag),
            false => format!("{line}\n"),
        };
        let control: String = control.lines().map(newer).collect();
        fs::write(&file, &control).expect("writes");
        let path = format!("pool/{name}-new.deb");
        dpkg(&["-b".as_ref(), folder.as_ref(), self.path(&path).as_ref()]);
        self.list(name, &control, &path);
    }

    fn list(&mut self, name: &str, control: &str, path: &str) {
        let bytes = fs::read(self.path(path)).expect("reads");
        let (size, sha256) = (bytes.len(), Sha256::of(&bytes));
        let stanza = format!("{}\nFilename: {path}\nSize: {size}\nSHA256: {sha256}\n", control.trim_end());
        self.stanzas.insert(name.to_owned(), stanza);
    }

    /// Writes indexes and a release file.
    pub fn publish(&self, signed: Signed) {
        let suite = self.path(&format!("dists/{}", self.suite));
        let packages = self.stanzas.values().cloned().collect::<Vec<_>>().join("\n");
        let mut listed = String::new();
        let sources = self.has_sources.then_some(("main/source/Sources.gz", String::new()));
        for (path, text) in [("main/binary-ARCH/Packages.gz", packages)].into_iter().chain(sources) {
            let path = self.space.own(path);
            let file = suite.join(&path);
            fs::create_dir_all(file.parent().expect("has a parent")).expect("makes folders");
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(text.as_bytes()).expect("packs");
            let bytes = packer.finish().expect("packs");
            listed.push_str(&format!(" {} {} {path}\n", Sha256::of(&bytes), bytes.len()));
            fs::write(file, bytes).expect("writes");
        }
        let date = |seconds: i64| {
            let time = jiff::Timestamp::from_second(seconds).expect("a time");
            time.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
        };
        let begun = now().min(now() + self.good_for) - 60;
        let release = format!(
            "Origin: Test\nSuite: {suite}\nCodename: {suite}\nDate: {}\nValid-Until: {}\nArchitectures: {}\nComponents: main\n\
             SHA256:\n{listed}",
            date(begun),
            date(now() + self.good_for),
            self.space.shared.arch,
            suite = self.suite
        );
        let time = u64::try_from(now()).expect("after 1970");
        let text = match signed {
            Signed::Well => self.signer.clear_sign(&release, time).expect("signs"),
            Signed::ByAnother => signer().clear_sign(&release, time).expect("signs"),
            Signed::Changed => {
                self.signer.clear_sign(&release, time).expect("signs").replace("Origin: Test", "Origin: Pest")
            }
            Signed::Not => release,
        };
        fs::write(suite.join("InRelease"), text).expect("writes");
    }
}
