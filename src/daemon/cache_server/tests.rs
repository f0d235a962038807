//! Pushes to a served cache: side by side with pushes to its folder, and of what is damaged there.

use crate::cache::{Access, Address, CacheKey, Caches, Keyring, Pushed, Pushing, Surroundings, push};
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::exec::{Asked, Elsewhere as _};
use crate::name::{ChannelName, OutputName};
use crate::path::HostPath;
use crate::store::{Realisation, Store};
use crate::tree::{Entry, Tree};

use super::*;

struct Space {
    folder: tempfile::TempDir,
    key: CacheKey,
    url: String,
}

impl Space {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let cache = HostPath::new(folder.path().join("cache"));
        // It ends with the tests.
        std::thread::spawn(move || serve(&cache, listener, Some("Bearer yes".to_owned())));
        Self { folder, key: CacheKey::generate(ChannelName::new("own").expect("a name")), url }
    }

    fn store(&self) -> Store {
        Store::open(&HostPath::new(self.folder.path().join("store"))).expect("opens")
    }

    fn around(&self) -> Surroundings {
        Surroundings { copies: None, now: || 1_000, insistent: true }
    }

    fn local(&self) -> Access {
        let address = Address::Folder(HostPath::new(self.folder.path().join("cache")));
        Access { name: "folder".to_owned(), address, token: None, authorities: None }
    }

    fn remote(&self) -> Access {
        let address = Address::parse(&self.url, &HostPath::new("/")).expect("an address");
        Access { name: "server".to_owned(), address, token: Some("Bearer yes".to_owned()), authorities: None }
    }

    fn push(&self, to: Access, result: &Realisation, check: bool) -> Pushed {
        let results = std::slice::from_ref(result);
        let pushing = Pushing { key: &self.key, keyring: &Keyring::default(), results, check };
        push(to, &self.around(), &self.store(), &pushing).expect("pushed")
    }

    fn has(&self, result: &Realisation) -> bool {
        let caches = Caches::new(vec![self.local()], Keyring::new([self.key.public()]), &self.around());
        caches.find(&[Asked::Key(result.key)])[0].is_some()
    }
}

fn result(store: &Store, name: &str) -> Realisation {
    let mut tree = Tree::default();
    let digest = store.put_bytes(name.as_bytes()).expect("put");
    let entry = Entry::File { digest, size: name.len() as u64, executable: false };
    tree.insert("file".parse().expect("a path"), entry).expect("fits");
    let output = OutputName::new("packages").expect("a name");
    Realisation {
        key: ActionKey(Digest::of(name.as_bytes())),
        node: format!("build:{name}@debian-12/all"),
        fingerprint: None,
        number: None,
        outputs: Outputs::from([(output, store.put_tree(&tree).expect("put"))]),
        derivation: "derivation\n".to_owned(),
        log: None,
        started: 1,
        milliseconds: 1,
        cpu_milliseconds: 1,
        peak_memory: 1,
        disk: 1,
        backend: "b".to_owned(),
        host: "h".to_owned(),
        kept: None,
    }
}

#[test]
fn pushes_by_both_ways_lose_nothing() {
    let space = Space::new();
    let store = space.store();
    let results: Vec<Realisation> = (0..16).map(|number| result(&store, &format!("r{number}"))).collect();
    std::thread::scope(|scope| {
        for (number, one) in results.iter().enumerate() {
            let to = if number % 2 == 0 { space.local() } else { space.remote() };
            let space = &space;
            scope.spawn(move || assert_eq!(space.push(to, one, false).new, 1));
        }
    });
    let lost: Vec<&str> = results.iter().filter(|one| !space.has(one)).map(|one| one.node.as_str()).collect();
    assert_eq!(lost, Vec::<&str>::new());
}

#[test]
fn what_is_damaged_is_replaced_and_nothing_else() {
    let space = Space::new();
    let store = space.store();
    let one = result(&store, "one");
    space.push(space.remote(), &one, false);
    let mut files: Vec<std::path::PathBuf> = Vec::new();
    for kind in ["objects", "trees", "segments"] {
        let entries = std::fs::read_dir(space.folder.path().join("cache").join(kind)).expect("there");
        for path in entries.flatten().map(|entry| entry.path()) {
            let inner = std::fs::read_dir(&path).map(|inner| inner.flatten().map(|entry| entry.path()).collect());
            files.extend(inner.unwrap_or_else(|_| vec![path]));
        }
    }
    assert_eq!(files.len(), 4, "an object, a tree, keys and records");
    for path in &files {
        let good = std::fs::read(path).expect("there");
        let before = std::fs::metadata(path).expect("there").modified().expect("known");
        space.push(space.remote(), &one, true);
        assert_eq!(std::fs::metadata(path).expect("there").modified().expect("known"), before, "what is sound stays");
        let mut bad = good.clone();
        let last = bad.len() - 1;
        bad[last] ^= 1;
        std::fs::write(path, bad).expect("written");
        space.push(space.remote(), &one, true);
        assert_eq!(std::fs::read(path).expect("there"), good, "{}", path.display());
    }
    assert!(space.has(&one));
}
