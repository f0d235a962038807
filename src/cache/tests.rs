//! Caches as a run meets them: what is there is found and brought, and what lies is not believed.

mod bounds;
mod hostile;
mod mending;
mod parcel;
mod pulling;
mod pushing;
mod server;
mod slow;

use std::path::PathBuf;

use super::sample::{key, realisation};
use super::*;
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::exec::{Asked, Elsewhere as _};
use crate::name::OutputName;
use crate::store::{Realisation, Store};
use crate::tree::{Entry, Tree};

/// A folder with stores, caches and copies.
struct Space(tempfile::TempDir);

impl Space {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self, name: &str) -> Store {
        Store::open(&HostPath::new(self.path(name))).expect("opens")
    }

    fn folder(&self, name: &str) -> Access {
        let address = Address::Folder(HostPath::new(self.path(name)));
        Access { name: name.to_owned(), address, token: None, authorities: None }
    }

    fn around(&self, insistent: bool) -> Surroundings {
        Surroundings { copies: Some(HostPath::new(self.path("copies"))), now: || 1_000, insistent }
    }

    /// The caches, with the key `own` trusted.
    fn caches(&self, all: Vec<Access>) -> Caches {
        Caches::new(all, Keyring::new([key("own").public()]), &self.around(false))
    }

    fn push(&self, store: &str, to: &str, results: &[Realisation]) -> Pushed {
        self.push_as("own", store, self.folder(to), results)
    }

    fn push_as(&self, name: &str, store: &str, to: Access, results: &[Realisation]) -> Pushed {
        let key = key(name);
        let pushing = Pushing { key: &key, keyring: &Keyring::default(), results, check: false };
        push(to, &self.around(true), &self.store(store), &pushing).expect("pushed")
    }
}

fn remote(url: &str) -> Access {
    let address = Address::parse(url, &HostPath::new("/")).expect("an address");
    Access { name: "server".to_owned(), address, token: Some("Bearer secret".to_owned()), authorities: None }
}

/// A result with a tree of these files, in the store.
fn result(store: &Store, text: &str, files: &[&[u8]]) -> Realisation {
    let mut tree = Tree::default();
    for (number, content) in files.iter().enumerate() {
        let digest = store.put_bytes(content).expect("put");
        let entry = Entry::File { digest, size: content.len() as u64, executable: false };
        tree.insert(format!("f{number}").parse().expect("a path"), entry).expect("fits");
    }
    let digest = store.put_tree(&tree).expect("put");
    let outputs = Outputs::from([(OutputName::new("packages").expect("a name"), digest)]);
    let result = Realisation { outputs, kept: None, log: None, ..realisation(text) };
    store.record(&result).expect("recorded");
    result
}

/// Bytes that do not shrink.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn find_one(caches: &Caches, key: ActionKey) -> Option<Realisation> {
    caches.find(&[Asked::Key(key)]).pop().flatten().map(|known| known.realisation)
}

#[test]
fn what_one_pushes_another_finds_and_brings() {
    let space = Space::new();
    let (one, other) = (space.store("one"), space.store("other"));
    let large = noise(3 << 20);
    let a = result(&one, "a", &[b"small", &large]);
    let log = one.put_log(&mut &b"it went well\n"[..]).expect("put");
    let a = Realisation { log: Some(log), ..a };
    let pushed = space.push("one", "cache", std::slice::from_ref(&a));
    assert_eq!((pushed.new, pushed.known, pushed.absent, pushed.files), (1, 0, 0, 4));
    let again = space.push("one", "cache", std::slice::from_ref(&a));
    assert_eq!((again.new, again.known, again.files), (0, 1, 0));

    let caches = space.caches(vec![space.folder("cache")]);
    let asked =
        [Asked::Key(ActionKey(Digest::of(b"x"))), Asked::Key(a.key), Asked::Fingerprint(a.fingerprint.expect("one"))];
    let found = caches.find(&asked);
    assert_eq!(found[0], None);
    for found in &found[1..] {
        let found = found.as_ref().expect("found");
        assert_eq!((&found.realisation, found.cache.as_str()), (&a, "cache"));
    }
    let tree = a.outputs["packages"];
    let brought = caches.bring(&other, a.key, &a.outputs).expect("no trouble here").expect("brought");
    assert!(brought.bytes >= large.len() as u64);
    assert!(other.present(tree).expect("reads"));
    let content = other.get_tree(tree).expect("there");
    let content = content.files().map(|(_, object, _)| other.read_object(object, u64::MAX).expect("verified"));
    assert!(content.eq([b"small".to_vec(), large]));
    assert!(caches.bring_log(&other, log).expect("no trouble here"));
    assert_eq!(other.read_log(log, 100).expect("there"), b"it went well\n");
    assert_eq!(caches.take_notices(), Vec::<String>::new());
    let used = &caches.used()[0];
    assert_eq!((used.asked, used.fetched, &used.left_out), (3, 1, &None));
}

#[test]
fn a_cache_that_is_not_there_costs_a_notice() {
    let space = Space::new();
    let store = space.store("one");
    let a = result(&store, "a", &[b"a"]);
    space.push("one", "second", std::slice::from_ref(&a));
    let caches = space.caches(vec![space.folder("first"), space.folder("second")]);
    assert_eq!(find_one(&caches, a.key), Some(a), "the next one answers");
    assert_eq!(
        caches.take_notices(),
        ["the cache `first` cannot be reached: there is no such folder; that cache is left out of this run"]
    );
    assert_eq!(caches.take_notices(), Vec::<String>::new());
}

#[test]
fn results_of_strangers_do_not_count() {
    let space = Space::new();
    let store = space.store("one");
    let a = result(&store, "a", &[b"a"]);
    space.push_as("foreign", "one", space.folder("cache"), std::slice::from_ref(&a));
    let caches = space.caches(vec![space.folder("cache")]);
    assert_eq!(find_one(&caches, a.key), None);
    assert_eq!(find_one(&caches, a.key), None);
    let foreign = key("foreign").public();
    assert_eq!(
        caches.take_notices(),
        [format!(
            "results in the cache `cache` are signed by `{foreign}`, which you do not trust, and are passed over; if you know that key, run `opb cache trust {foreign}`"
        )]
    );
    // A result of one's own comes beside it, not in its place.
    assert_eq!(space.push("one", "cache", std::slice::from_ref(&a)).new, 1);
    let both = Keyring::new([key("own").public(), key("foreign").public()]);
    for keyring in [Keyring::new([key("own").public()]), Keyring::new([foreign]), both] {
        let caches = Caches::new(vec![space.folder("cache")], keyring, &space.around(true));
        assert_eq!(find_one(&caches, a.key), Some(a.clone()));
    }
}

#[test]
fn thousands_of_keys_cost_few_requests() {
    let space = Space::new();
    let store = space.store("one");
    let a = result(&store, "a", &[b"a"]);
    let many: Vec<Realisation> = (0..3_000)
        .map(|number| Realisation { key: ActionKey(Digest::of(format!("{number}").as_bytes())), ..a.clone() })
        .collect();
    assert_eq!(space.push("one", "cache", &many).new, 3_000);
    let server = server::serve(space.path("cache"), |_, _| None);
    let caches = space.caches(vec![remote(&server.url)]);
    let asked: Vec<Asked> = many.iter().map(|one| Asked::Key(one.key)).collect();
    assert_eq!(caches.find(&asked).iter().flatten().count(), 3_000);
    let first = server.requests.swap(0, Ordering::SeqCst);
    assert!(first <= 4, "{first} requests");
    // Misses cost nothing, and in a later run neither do hits.
    let later = space.caches(vec![remote(&server.url)]);
    let absent: Vec<Asked> =
        (5_000..8_000).map(|number| Asked::Key(ActionKey(Digest::of(format!("{number}").as_bytes())))).collect();
    assert_eq!(later.find(&absent).iter().flatten().count(), 0);
    assert_eq!(later.find(&asked).iter().flatten().count(), 3_000);
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    assert_eq!(server.asked.lock().expect("no panic")[0].token.as_deref(), Some("Bearer secret"));
}
