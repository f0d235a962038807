//! Metadata: what we write of packages against what `createrepo_c` writes, and whether it reads ours.

use std::fs;
use std::path::Path;
use std::process::Command;

use opb::digest::{Digest, Sha256};
use opb::distro::Repodata;
use opb::package::rpm::Package;
use opb::repo::yum::{Entry, Metadata, Piece, divide, join, repomd_text};

use super::{Site, ready, run};

impl Site {
    fn odd(&self) {
        for spec in ["odd.spec", "nothing.spec"] {
            self.build(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yum").join(spec));
        }
        for seed in ["package", "source"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/rpm").join(seed);
            fs::copy(from, self.path("flat").join(format!("{seed}.rpm"))).expect("copied");
        }
    }

    /// Our metadata of `flat/`.
    fn metadata(&self, repodata: Repodata) -> Metadata {
        let mut entries = Vec::new();
        for file in fs::read_dir(self.path("flat")).expect("reads").flatten() {
            let (bytes, location) = (fs::read(file.path()), file.file_name().into_string().expect("plain"));
            let Ok(bytes) = bytes else { continue };
            let (digest, sha256, size) = (Digest::of(&bytes), Sha256::of(&bytes), bytes.len() as u64);
            entries.push(Entry { location, digest, sha256, size });
        }
        entries.sort_by(|one, other| one.location.cmp(&other.location));
        let piece = |range: std::ops::Range<usize>| {
            let read = |entry: &'_ Entry| {
                Package::read(fs::File::open(self.path("flat").join(&entry.location)).expect("opens")).expect("reads")
            };
            let packages: Vec<(&Entry, Package)> = entries[range].iter().map(|entry| (entry, read(entry))).collect();
            Piece::of(repodata, &packages).expect("describes")
        };
        let pieces: Vec<Piece> = divide(&entries).into_iter().map(piece).collect();
        join(repodata, entries.len(), &pieces).expect("joins")
    }

    /// Writes metadata where `createrepo_c` has it.
    fn write(&self, metadata: &Metadata) {
        let _ = fs::remove_dir_all(self.path("flat/repodata"));
        fs::create_dir_all(self.path("flat/repodata")).expect("made");
        for file in &metadata.files {
            fs::write(self.path("flat").join(file.location()), &file.bytes).expect("written");
        }
        fs::write(self.path("flat/repodata/repomd.xml"), repomd_text(metadata, 7, 1_795_860_000)).expect("written");
    }
}

/// The text of a file of metadata, with times of files as we give them.
fn text(name: &str, bytes: &[u8]) -> String {
    use std::io::Read as _;
    let mut text = String::new();
    let kind = opb::package::compression::Compression::of_name(name);
    kind.reader(bytes).expect("decoder").read_to_string(&mut text).expect("reads");
    let timed =
        text.lines().map(|line| match line.strip_prefix("  <time file=\"").and_then(|rest| rest.split('"').nth(1)) {
            Some(built) => format!("  <time file=\"{built}\" build=\"{built}\"/>"),
            None => line.to_owned(),
        });
    timed.collect::<Vec<_>>().join("\n")
}

fn kinds(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).expect("reads").flatten() {
        let name = file.file_name().into_string().expect("plain");
        if let Some((_, kind)) = name.split_once('-') {
            let kind = kind.split('.').next().expect("a kind").to_owned();
            found.push((kind, text(&name, &fs::read(file.path()).expect("reads"))));
        }
    }
    found.sort();
    found
}

#[test]
fn the_metadata_is_that_of_createrepo_c() {
    if !ready(&["rpmbuild", "createrepo_c"]) {
        return;
    }
    let site = Site::new();
    site.odd();
    run(Command::new("createrepo_c").args(["--quiet", "--no-database"]).arg(site.path("flat")));
    let theirs = kinds(&site.path("flat/repodata"));
    assert_eq!(theirs.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["filelists", "other", "primary"]);
    for repodata in [Repodata::Gz, Repodata::Xz, Repodata::Zst] {
        site.write(&site.metadata(repodata));
        for ((kind, ours), (_, theirs)) in kinds(&site.path("flat/repodata")).iter().zip(&theirs) {
            assert!(ours == theirs, "{kind}: {}", similar::TextDiff::from_lines(theirs, ours).unified_diff());
        }
    }
}

#[test]
fn createrepo_c_reads_ours() {
    if !ready(&["rpmbuild", "createrepo_c", "mergerepo_c"]) {
        return;
    }
    let site = Site::new();
    site.odd();
    for repodata in [Repodata::Gz, Repodata::Xz] {
        let ours = site.metadata(repodata);
        site.write(&ours);
        let merged = site.path("merged");
        let _ = fs::remove_dir_all(&merged);
        run(Command::new("mergerepo_c")
            .args(["--no-database", "--all", "--omit-baseurl", "--repo"])
            .arg(format!("file://{}", site.path("flat").display()))
            .arg("-o")
            .arg(&merged));
        let read = kinds(&merged.join("repodata"));
        let (_, primary) = read.iter().find(|(kind, _)| kind == "primary").expect("has one");
        let count = fs::read_dir(site.path("flat")).expect("reads").count() - 1;
        assert!(primary.contains(&format!("packages=\"{count}\"")), "{primary}");
        let checksums = |text: &str| -> Vec<String> {
            let mut found: Vec<String> =
                text.lines().filter(|line| line.contains("pkgid=")).map(str::to_owned).collect();
            found.sort();
            found
        };
        let own = text(&ours.files[0].location(), &ours.files[0].bytes);
        assert_eq!(checksums(primary), checksums(&own));
    }
}
