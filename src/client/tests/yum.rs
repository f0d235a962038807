//! YUM repositories with one thing wrong each, and how that is told.

use std::io::Write as _;

use super::site::Site;
use super::{NOW, all_are, seen, seen_with};
use crate::client::*;
use crate::digest::Sha256;

const FOLDER: &str = "rpm/mini-1/x86_64";
const SOUND: &str = "yum rpm/mini-1/x86_64: None, 1 indexes, 2/2 packages, 0 read";
const NOTHING: &str = "yum rpm/mini-1/x86_64: Some(Build), 0 indexes, 0/0 packages, 0 read";
const LIST: &str = "rpm/mini-1/x86_64/repodata/repomd.xml";

/// A repository of two packages, `primary.xml` and `repomd.xml` as they are after these changes.
fn made(revision: i64, primary: &dyn Fn(String) -> String, repomd: &dyn Fn(String) -> String) -> Site {
    let site = Site::empty();
    publish(&site, FOLDER, revision, primary, repomd);
    site
}

fn publish(
    site: &Site,
    folder: &str,
    revision: i64,
    primary: &dyn Fn(String) -> String,
    repomd: &dyn Fn(String) -> String,
) {
    let mut text = "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"2\">".to_owned();
    for name in ["tiny", "tiny-doc"] {
        site.write(&format!("{folder}/Packages/{name}.rpm"), name.as_bytes());
        text += &format!(
            "<package type=\"rpm\"><name>{name}</name><arch>noarch</arch><version epoch=\"0\" ver=\"1\" rel=\"1\"/><checksum \
             type=\"sha256\" pkgid=\"YES\">{}</checksum><size package=\"{}\"/><location href=\"Packages/{name}.rpm\"/>\
             <format></format></package>",
            Sha256::of(name.as_bytes()),
            name.len()
        );
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(primary(text + "</metadata>").as_bytes()).expect("packs");
    let packed = packed.finish().expect("packs");
    site.write(&format!("{folder}/repodata/primary.xml.gz"), &packed);
    let list = format!(
        "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>{revision}</revision><data type=\"primary\"><checksum \
         type=\"sha256\">{}</checksum><location href=\"repodata/primary.xml.gz\"/><size>{}</size></data></repomd>",
        Sha256::of(&packed),
        packed.len()
    );
    let list = repomd(list);
    let signature = site.signer.detached(&list, 1_700_000_100).expect("signs");
    site.write(&format!("{folder}/repodata/repomd.xml"), list.as_bytes());
    site.write(&format!("{folder}/repodata/repomd.xml.asc"), signature.as_bytes());
}

fn same(text: String) -> String {
    text
}

fn sound() -> Site {
    made(NOW - 60, &same, &same)
}

#[test]
fn a_sound_folder() {
    let site = sound();
    assert_eq!(seen(&site.request()).trim_end(), SOUND);
    let all = Request { packages: Packages::All, ..site.request() };
    assert_eq!(seen(&all).trim_end(), SOUND.replace("0 read", "2 read"));
    // By itself, as people have it in their `.repo` file.
    let keys = Some(site.keys());
    let itself = Request { address: format!("{}/{FOLDER}", site.request().address), keys, ..site.request() };
    assert_eq!(seen(&itself).trim_end(), SOUND.replace(FOLDER, "."));
    let looked = check(&site.request(), &mut Memory::default()).expect("looks").repositories.remove(0);
    assert_eq!((looked.date, looked.signers), (Some(NOW - 60), vec![site.signer.fingerprint()]));
}

#[test]
fn lists_and_signatures() {
    let of = |change: &dyn Fn(&Site)| {
        let site = sound();
        change(&site);
        seen(&Request { yum: vec![FOLDER.to_owned()], ..site.request() })
    };
    let wrong = |why: &str| format!("{NOTHING}\n  `{LIST}{why}");
    let dated = |why: &str| format!("{}\n  `{LIST}`: {why}", SOUND.replace("None", "Some(Build)"));
    let cases = [
        ("none", of(&|site| site.remove(LIST)), wrong("`: it is not there")),
        ("no signature", of(&|site| site.remove(&format!("{LIST}.asc"))), wrong("`: it is not signed")),
        (
            "a changed byte",
            of(&|site| site.change(LIST, |bytes| bytes.push(b' '))),
            wrong(".asc`: its signature does not count: the signature by the key ID does not fit the text"),
        ),
        (
            "a page for a signature",
            of(&|site| site.write(&format!("{LIST}.asc"), b"<html></html>")),
            wrong(".asc`: its signature does not count: the signature of the text cannot be read"),
        ),
        (
            "no list inside",
            seen(&made(NOW, &same, &|_| "<html></html>".to_owned()).request()),
            wrong("`: it cannot be read: it has no element `repomd`"),
        ),
        (
            "only digests that can be forged",
            seen(&made(NOW, &same, &|text| text.replace("sha256", "sha")).request()),
            format!(
                "{NOTHING}\n  `{LIST}`: it has no SHA-256 of `primary`, so whoever can make two files with one MD5 or SHA-1 can \
                 exchange them"
            ),
        ),
        (
            "the future",
            seen(&made(NOW + 60, &same, &same).request()),
            dated("its date is 2024-03-09 16:01:00 UTC, which is in the future"),
        ),
        (
            "old",
            seen(&Request { max_age: Some(30), ..sound().request() }),
            dated("its date is 2024-03-09 15:59:00 UTC, and it may be at most 0 minutes old"),
        ),
    ];
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
}

#[test]
fn metadata_and_packages() {
    let primary = "rpm/mini-1/x86_64/repodata/primary.xml.gz";
    let of = |change: &dyn Fn(&Site)| {
        let site = sound();
        change(&site);
        seen(&Request { packages: Packages::All, ..site.request() })
    };
    let length = sound().read(primary).len();
    let cases = [
        (
            "missing metadata",
            of(&|site| site.remove(primary)),
            format!("{NOTHING}\n  `{primary}`: it is not there"),
        ),
        (
            "longer metadata",
            of(&|site| site.change(primary, |bytes| bytes.push(0))),
            format!("{NOTHING}\n  `{primary}`: it goes on behind the {length} bytes that are listed"),
        ),
        (
            "packages with weak digests",
            seen(&made(NOW, &|text| text.replace("sha256", "md5"), &same).request()),
            format!(
                "{NOTHING}\n  `{primary}`: it has no SHA-256 of a package, so whoever can make two files with one MD5 or SHA-1 \
                 can exchange them"
            ),
        ),
        (
            "a place elsewhere",
            seen(&made(NOW, &|text| text.replace("Packages/tiny.rpm", "../x"), &same).request()),
            format!(
                "{NOTHING}\n  `{primary}`: it cannot be read: it has the package's place `../x`, which is no plain path below \
                 the repository"
            ),
        ),
        (
            "no XML",
            seen(&made(NOW, &|_| "hello".to_owned(), &same).request()),
            format!("{NOTHING}\n  `{primary}`: it cannot be read: it has no element `metadata`"),
        ),
        (
            "another package",
            of(&|site| site.write("rpm/mini-1/x86_64/Packages/tiny.rpm", b"tony")),
            "yum rpm/mini-1/x86_64: Some(Build), 1 indexes, 1/2 packages, 1 read\n  `rpm/mini-1/x86_64/Packages/tiny.rpm`: its \
             SHA-256 is SHA256, and SHA256 is listed"
                .to_owned(),
        ),
    ];
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
}

#[test]
fn a_revision_never_goes_back() {
    let site = sound();
    let (mut memory, newer) = (Memory::default(), seen(&site.request()));
    assert_eq!(seen_with(&site.request(), &mut memory), newer);
    publish(&site, FOLDER, NOW - 120, &same, &same);
    let back = format!(
        "{}\n  `{LIST}`: its date is 2024-03-09 15:58:00 UTC, and 2024-03-09 15:59:00 UTC was seen here already\n",
        SOUND.replace("None", "Some(Build)")
    );
    assert_eq!(seen_with(&site.request(), &mut memory), back);
    assert_eq!(seen_with(&site.request(), &mut memory), back, "it is forgotten");
    // Revisions that are no times are numbers that only grow.
    publish(&site, FOLDER, 7, &same, &same);
    let mut counted = Memory::default();
    assert_eq!(seen_with(&site.request(), &mut counted), newer);
    publish(&site, FOLDER, 6, &same, &same);
    assert!(
        seen_with(&site.request(), &mut counted)
            .contains("its date is revision 6, and revision 7 was seen here already")
    );
}
