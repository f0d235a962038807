//! What a plan and a build ask of the store most: many action keys at once, and whole trees.

use std::hint::black_box;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use opb::digest::Digest;
use opb::drv::{ActionKey, Outputs};
use opb::name::OutputName;
use opb::path::HostPath;
use opb::store::{ImportRules, Realisation, Store};

const RECORDS: usize = 10_000;
const FILES: usize = 2_000;

fn realisation(number: usize) -> Realisation {
    let digest = Digest::of(&number.to_le_bytes());
    let output = |name: &str| (OutputName::new(name).expect("a name"), digest);
    Realisation {
        key: ActionKey(digest),
        node: format!("build:component-{}@debian-12/amd64", number % 70),
        fingerprint: None,
        number: None,
        outputs: Outputs::from([output("packages"), output("buildinfo"), output("debug")]),
        derivation: "env NAME = value\n".repeat(100),
        log: None,
        started: 0,
        milliseconds: 0,
        cpu_milliseconds: 0,
        peak_memory: 0,
        disk: 0,
        backend: "namespaces".to_owned(),
        host: "builder".to_owned(),
        kept: None,
    }
}

/// In memory where the machine has such a file system: what is measured is ours, not the disk's.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("made")
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&HostPath::new(folder.path().join("store"))).expect("opens")
}

fn realisations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    group.sample_size(10);
    let (space, all) = (folder(), (0..RECORDS).map(realisation).collect::<Vec<_>>());
    let keys: Vec<ActionKey> = all.iter().map(|realisation| realisation.key).collect();
    let store = open(&space);
    for realisation in &all {
        store.record(realisation).expect("recorded");
    }
    let mut next = RECORDS;
    group.bench_function("record one", |bencher| {
        bencher.iter_batched(
            || {
                next += 1;
                realisation(next)
            },
            |realisation| store.record(&realisation).expect("recorded"),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("open and look up 10000 keys", |bencher| {
        bencher.iter(|| {
            let found = open(&space).outputs_of(black_box(&keys)).expect("reads");
            assert!(found.iter().all(Option::is_some));
        });
    });
    group.bench_function("look up 10000 keys", |bencher| {
        bencher.iter(|| assert!(store.outputs_of(black_box(&keys)).expect("reads").iter().all(Option::is_some)));
    });
    // The look-up is no cache that hides what has happened: a deleted record is noticed.
    assert!(store.forget(keys[7]).expect("removed"));
    assert_eq!(open(&space).outputs_of(&keys).expect("reads").iter().filter(|found| found.is_none()).count(), 1);
    group.finish();
}

fn import(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    group.sample_size(10);
    let source = folder();
    for number in 0..FILES {
        let parent = source.path().join((number % 50).to_string());
        std::fs::create_dir_all(&parent).expect("made");
        std::fs::write(parent.join(number.to_string()), number.to_string().repeat(1_000)).expect("written");
    }
    let dir = Dir::open_ambient_dir(source.path(), ambient_authority()).expect("opens");
    let rules = ImportRules::default();
    group.bench_function("import 2000 new files", |bencher| {
        bencher.iter_batched(
            || {
                let space = folder();
                (open(&space), space)
            },
            |(store, space)| {
                store.import_folder(&dir, &rules).expect("imports");
                (store, space)
            },
            BatchSize::PerIteration,
        );
    });
    let space = folder();
    let store = open(&space);
    store.import_folder(&dir, &rules).expect("imports");
    group.bench_function("import 2000 known files", |bencher| {
        bencher.iter(|| store.import_folder(&dir, &rules).expect("imports"));
    });
    group.finish();
}

criterion_group!(benches, realisations, import);
criterion_main!(benches);
