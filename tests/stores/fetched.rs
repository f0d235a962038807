//! What was fetched for a project, before anything that is built names it.

use opb::store::FetchedFiles;

use super::collecting::{NOW, collect};
use super::*;

#[test]
fn what_is_fetched_stays_until_its_project_goes() {
    let space = Space::new();
    let [first, second, other] = ["first", "second", "other"].map(|text| Sha256::of(text.as_bytes()));
    let fetched = |files: &[Sha256]| FetchedFiles { project: "/vendor".to_owned(), files: files.to_vec() };
    let here = || [first, second, other].map(|sha256| space.open().find_sha256(sha256).expect("reads").is_some());
    {
        let store = space.open();
        // Named before it comes.
        store.keep_fetched(&fetched(&[first, second, Sha256::of(b"never came")])).expect("kept");
        for text in ["first", "second", "other"] {
            let (bytes, sha256) = (text.as_bytes(), Sha256::of(text.as_bytes()));
            store.put_known_sha256(&mut &*bytes, sha256, bytes.len() as u64).expect("stored");
        }
        let marked = store.mark(Vec::new(), &|_| Ok(Vec::new())).expect("marks");
        let object = Digest::of(b"first");
        assert_eq!(marked.object(object).map(ToString::to_string).as_deref(), Some("fetched for /vendor"));
    }
    collect(&space.open(), NOW);
    assert_eq!(here(), [true, true, false]);
    space.open().keep_fetched(&fetched(&[second])).expect("kept");
    collect(&space.open(), NOW);
    assert_eq!(here(), [false, true, false]);

    let file =
        fs::read_dir(space.path("store/keep/fetched")).expect("reads").next().expect("one").expect("reads").path();
    let whole = fs::read(&file).expect("reads");
    fs::write(&file, &whole[1..]).expect("written");
    assert!(matches!(space.open().mark(Vec::new(), &|_| Ok(Vec::new())), Err(StoreError::Keep { .. })));
    let found = space.open().verify(1, &|_| None).expect("verifies").findings;
    assert_eq!(found.iter().map(|finding| finding.part.word()).collect::<Vec<_>>(), ["list of fetched files"]);
    space.open().keep_fetched(&fetched(&[second])).expect("kept");
    assert!(space.open().drop_project("/vendor", 2).expect("dropped"));
    assert!(!space.open().drop_project("/vendor", 2).expect("nothing is left"));
    collect(&space.open(), NOW);
    assert_eq!(here(), [false; 3]);
}
