//! Packages with signatures among what a store tells of itself.

use super::*;

#[test]
fn they_are_counted_apart_from_other_objects() {
    let space = Space::new();
    let store = space.open();
    let files = || opb::ops::stored::info(&store).expect("reads").files;
    let package = store.put_bytes(b"a package").expect("stored");
    assert!(!files().contains_key("signed"));
    let new = store.newly_signed("KEY", "sha256");
    let sign = |from: &mut dyn std::io::Read, into: &mut dyn std::io::Write| -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("reads");
        into.write_all(b"signed: ").and_then(|()| into.write_all(&bytes)).expect("written");
        Ok(())
    };
    new.write(package, sign).expect("signed");
    new.settle().expect("settled");
    let files = files();
    assert_eq!((files["objects"].count, files["objects"].bytes), (1, 9));
    assert_eq!((files["signed"].count, files["signed"].bytes), (1, 17));
    let told = opb::report::store::info(&opb::ops::stored::info(&store).expect("reads"));
    assert!(told.contains("  signed        17 bytes  1\n"), "{told}");
}
