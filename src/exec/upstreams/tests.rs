//! Archives of upstream as they come into the store. What is hostile in an archive, its reader's own tests hold; here is what
//! becomes of its entries together, and of what is fetched.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use cap_std::ambient_authority;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::diag::Cause;
use crate::path::HostPath;
use crate::remote::archive::Strip;
use crate::sign::{SecretKey, Signer};

static STOP: AtomicBool = AtomicBool::new(false);

const NOW: u64 = 1_795_255_200;

struct Space {
    folder: tempfile::TempDir,
    store: Store,
    sources: Sources,
    root: Dir,
}

impl Space {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().join("project");
        std::fs::create_dir(&project).expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("a store");
        let root = Dir::open_ambient_dir(&project, ambient_authority()).expect("there");
        Self { folder, store, sources: Sources::default(), root }
    }

    fn upstreams(&self) -> Upstreams<'_> {
        Upstreams::new(&self.store, &self.sources, &self.root, true, &STOP)
    }

    /// A tar archive of the project with these entries: a name, and content, or `-> target`, or `= other`.
    fn tar(&self, name: &str, entries: &[(&str, &str)]) {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, told) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            let (kind, content) = match (told.strip_prefix("-> "), told.strip_prefix("= ")) {
                (Some(target), _) => (tar::EntryType::Symlink, Err(target)),
                (_, Some(target)) => (tar::EntryType::Link, Err(target)),
                _ if path.ends_with('/') => (tar::EntryType::Directory, Ok("")),
                _ => (tar::EntryType::Regular, Ok(*told)),
            };
            header.set_entry_type(kind);
            header.set_size(content.map_or(0, |content| content.len() as u64));
            match content {
                Ok(content) => builder.append_data(&mut header, path, content.as_bytes()).expect("in memory"),
                Err(target) => builder.append_link(&mut header, path, target).expect("in memory"),
            }
        }
        self.write(name, &builder.into_inner().expect("in memory"));
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        self.root.write(name, bytes).expect("written");
    }

    fn archive(&self, name: &str) -> Archive {
        Archive::new(ArchiveKind::Archive, ArchiveUrl::new(&format!("./{name}")).expect("an address"))
    }

    /// Paths and contents of what is the source.
    fn held(&self, archive: &Archive) -> Result<BTreeMap<String, String>, String> {
        let told = |failure: Failure| {
            assert_ne!(failure.cause, Cause::Bug);
            crate::diag::chain(&*failure.report)
        };
        let (pin, tree) = self.upstreams().look(archive, None, NOW).map_err(told)?;
        assert_eq!(pin.tree, tree.digest());
        let mut held = BTreeMap::new();
        for (path, entry) in tree.iter() {
            let told = match entry {
                Entry::Folder => "folder".to_owned(),
                Entry::Link { target } => format!("-> {}", String::from_utf8_lossy(target)),
                Entry::File { digest, .. } => {
                    String::from_utf8(self.store.read_object(*digest, 1 << 20).expect("stored")).expect("text")
                }
            };
            held.insert(path.to_string(), told);
        }
        Ok(held)
    }

    fn told(&self, archive: &Archive) -> String {
        self.held(archive).expect_err("refused")
    }
}

fn list(held: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    held.iter().map(|(path, told)| (path.as_str(), told.as_str())).collect()
}

#[test]
fn what_is_the_source_of_an_archive() {
    let space = Space::new();
    space.tar("a.tar", &[("tool-1/", ""), ("tool-1/x", "X"), ("tool-1/sub/y", "Y"), ("tool-1/h", "= tool-1/x")]);
    let archive = space.archive("a.tar");
    let whole = [("h", "X"), ("sub", "folder"), ("sub/y", "Y"), ("x", "X")];
    assert_eq!(list(&space.held(&archive).expect("fine")), whole);
    let with = |folder: Option<&str>, strip| Archive { folder: folder.map(str::to_owned), strip, ..archive.clone() };
    let of = |folder, strip| space.held(&with(folder, strip)).map(|held| held.into_keys().collect::<Vec<_>>());
    assert_eq!(of(Some("sub"), Strip::Single), Ok(vec!["y".to_owned()]));
    let unstripped = ["tool-1", "tool-1/h", "tool-1/sub", "tool-1/sub/y", "tool-1/x"].map(str::to_owned);
    assert_eq!(of(None, Strip::Nothing), Ok(unstripped.to_vec()));
    assert_eq!(of(Some("tool-1/sub"), Strip::Nothing), Ok(vec!["y".to_owned()]));
    assert_eq!(of(None, Strip::Folder("tool-1".to_owned())).map(|all| all.len()), Ok(4));
    insta::assert_snapshot!(of(None, Strip::Folder("tool-1/sub".to_owned())).unwrap_err(), @r#"archive("./a.tar", #{ strip: "tool-1/sub" }) holds `tool-1/h`, which does not lie in `tool-1/sub`"#);
    insta::assert_snapshot!(of(None, Strip::Folder("tool-2".to_owned())).unwrap_err(), @r#"archive("./a.tar", #{ strip: "tool-2" }) has no folder `tool-2`"#);
    insta::assert_snapshot!(of(Some("none"), Strip::Single).unwrap_err(), @r#"archive("./a.tar", #{ folder: "none" }) has no folder `none`"#);
    space.tar("b.tar", &[("x", "X"), ("sub/y", "Y")]);
    assert_eq!(
        list(&space.held(&space.archive("b.tar")).expect("fine")),
        [("sub", "folder"), ("sub/y", "Y"), ("x", "X")]
    );
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let space = Space::new();
    let refused = |entries: &[(&str, &str)]| {
        space.tar("a.tar", entries);
        space.told(&space.archive("a.tar")).replace("archive(\"./a.tar\")", "A")
    };
    // A link, and something through it.
    assert_eq!(
        refused(&[("a", "-> /etc"), ("a/passwd", "x")]),
        "A holds `a/passwd`, which lies in something that is no folder"
    );
    assert_eq!(
        refused(&[("a", "-> b"), ("b/", ""), ("a/x", "x")]),
        "A holds `a/x`, which lies in something that is no folder"
    );
    assert_eq!(refused(&[("a", "x"), ("a", "y")]), "cannot unpack A: `a` is there twice");
    assert_eq!(refused(&[("a", "x"), ("a/", "")]), "cannot unpack A: `a` is there twice");
    assert_eq!(refused(&[("a/", ""), ("a", "-> b")]), "cannot unpack A: `a` is there twice");
    assert_eq!(refused(&[("t/a", "-> /etc/passwd")]), "A holds `a`, a link that leads out of the source");
    assert_eq!(refused(&[("t/a", "-> ../x"), ("t/b", "x")]), "A holds `a`, a link that leads out of the source");
    assert_eq!(refused(&[("a", "= b"), ("b", "x")]), "A holds `a`, a hard link to what is no file before it");
    assert_eq!(refused(&[("b", "-> c"), ("a", "= b")]), "A holds `a`, a hard link to what is no file before it");
    assert_eq!(refused(&[("t/", "")]), "A holds `.`, which is empty");
    let deep: Vec<(String, &str)> = (0..90).map(|number| (format!("{number}/{}y", "x/".repeat(1_890)), "")).collect();
    let told = refused(&deep.iter().map(|(path, told)| (path.as_str(), *told)).collect::<Vec<_>>());
    assert!(told.ends_with("with more and longer folders than any source has"), "{told}");
    let large = "x".repeat(1 << 20);
    let links: Vec<String> = (0..2_400).map(|number| format!("l{number}")).collect();
    let linked = links.iter().map(|name| (name.as_str(), "= a"));
    let told = refused(&[("a", large.as_str())].into_iter().chain(linked).collect::<Vec<_>>());
    assert!(told.ends_with("bytes of hard links"), "{told}");
    // A folder may be named as often as anybody likes.
    space.tar("a.tar", &[("t/x", "x"), ("t/", ""), ("t/", ""), ("t/y", "y")]);
    assert_eq!(space.held(&space.archive("a.tar")).expect("fine").len(), 2);
}

#[test]
fn what_is_no_archive_or_another_is_told() {
    let space = Space::new();
    let archive = space.archive("a.tar");
    assert_eq!(space.told(&archive), "there is no file `a.tar` in the project: archive(\"./a.tar\") cannot be had");
    space.write("a.tar", b"<html>not found</html>");
    assert_eq!(
        space.told(&archive),
        "archive(\"./a.tar\") is no archive: it is neither tar, compressed or not, nor zip"
    );
    space.write("a.tar", include_bytes!("../../../fuzz/seeds/rpm/source"));
    assert_eq!(space.told(&archive), "archive(\"./a.tar\") is an RPM package");
    let srpm = Archive { kind: ArchiveKind::Srpm, ..archive.clone() };
    assert_eq!(space.held(&srpm).expect("fine").into_keys().collect::<Vec<_>>(), ["rich.spec"]);
    space.tar("a.tar", &[("x", "X")]);
    assert_eq!(space.told(&srpm), "srpm(\"./a.tar\") is no RPM package");
    let expected = Archive { sha256: Some(Sha256::of(b"other").to_string()), ..archive };
    assert!(
        space.told(&expected).contains("is another file than expected: SHA-256 d9298a10"),
        "{}",
        space.told(&expected)
    );
    std::os::unix::fs::symlink("/etc/hostname", space.folder.path().join("project/out.tar")).expect("made");
    assert!(space.told(&space.archive("out.tar")).starts_with("cannot read archive(\"./out.tar\")"));
}

#[test]
fn only_a_good_signature_by_a_named_key_counts() {
    let space = Space::new();
    let signer = |seed, lasts| {
        let key = SecretKey::generate("upstream", 1_700_000_000, lasts, StdRng::seed_from_u64(seed));
        Signer::File(key.expect("a key"))
    };
    let (good, other, short) = (signer(1, None), signer(2, None), signer(3, Some(86_400)));
    for (name, of) in [("good.gpg", &good), ("other.gpg", &other), ("short.gpg", &short)] {
        space.write(name, &of.public_key_binary().expect("exports"));
    }
    space.tar("a.tar", &[("tool/x", "X")]);
    let text = String::from_utf8(space.root.read("a.tar").expect("there")).expect("only ASCII in it");
    let signed = |of: &Signer, time| of.detached(&text, time).expect("signs");
    let with =
        |key: &str, place| Archive { signature: Some(place), keys: vec![key.to_owned()], ..space.archive("a.tar") };
    let archive = |key: &str| with(key, SignaturePlace::Beside);
    let told = |archive: &Archive| {
        let told = space.told(archive).replace(&good.fingerprint(), "KEY").replace(&good.fingerprint()[24..], "ID");
        told.replace(&short.fingerprint(), "SHORT").replace("the signature of archive(\"./a.tar\")", "S")
    };
    assert_eq!(told(&archive("good.gpg")), "there is no file `a.tar.asc` in the project: S cannot be had");
    space.write("a.tar.asc", signed(&good, NOW - 10).as_bytes());
    let (pin, _) = space.upstreams().look(&archive("good.gpg"), None, NOW).expect("good");
    assert_eq!(pin.signed_by, Some(good.fingerprint()));
    // What is published beside the archive is what was beside it.
    let upstream = space.store.get_tree(pin.upstream).expect("stored");
    assert_eq!(
        upstream.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(),
        ["upstream.tar", "upstream.tar.asc"]
    );
    assert_eq!(
        told(&archive("other.gpg")),
        "S is not to be trusted: the file is signed by the key ID, which is none of the keys that it may be signed by"
    );
    space.write("a.tar.asc", signed(&good, NOW + 10).as_bytes());
    assert_eq!(
        told(&archive("good.gpg")),
        "S is not to be trusted: the signature by the key KEY does not count now: it was made later"
    );
    space.write("a.tar.asc", good.detached("other", NOW - 10).expect("signs").as_bytes());
    assert_eq!(told(&archive("good.gpg")), "S is not to be trusted: the signature by the key ID does not fit the file");
    space.write("a.tar.asc", signed(&short, 1_700_000_010).as_bytes());
    let expired = told(&archive("short.gpg"));
    assert!(expired.starts_with("S is not to be trusted: the file is signed by the key SHORT, which "), "{expired}");
    space.write("a.tar.asc", b"<html>");
    assert_eq!(told(&archive("good.gpg")), "S is not to be trusted: the signature of the file cannot be read");
    let key = told(&archive("a.tar.asc"));
    assert!(key.contains("reading the keys in `a.tar.asc`"), "{key}");
    assert!(told(&archive("none.gpg")).starts_with("cannot read the key `none.gpg`"));

    // A binary signature, at an address of its own, becomes the text that a source package has.
    let (signature, _) =
        <pgp::composed::DetachedSignature as pgp::composed::Deserializable>::from_string(&signed(&good, NOW - 10))
            .expect("reads");
    space.root.remove_file("a.tar.asc").expect("there");
    space.write("elsewhere.bin", &pgp::ser::Serialize::to_bytes(&signature).expect("writes"));
    let place = SignaturePlace::At(ArchiveUrl::new("./elsewhere.bin").expect("an address"));
    let (pin, _) = space.upstreams().look(&with("good.gpg", place), None, NOW).expect("good");
    let upstream = space.store.get_tree(pin.upstream).expect("stored");
    let Some(Entry::File { digest, .. }) = upstream.get(&"upstream.tar.asc".parse().expect("a path")) else {
        panic!("no signature")
    };
    let bytes = space.store.read_object(*digest, MAX_SIGNATURE).expect("stored");
    assert!(bytes.starts_with(b"-----BEGIN PGP SIGNATURE-----\n\n"));
    space.write("a.tar.sig", &bytes);
    assert!(
        space.upstreams().look(&archive("good.gpg"), None, NOW).is_ok(),
        "`.sig` beside it counts too, and an armored one"
    );
}
