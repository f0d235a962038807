//! Numbers of rebuilds.

use super::*;

#[test]
fn numbers_are_given_in_order_and_never_twice() {
    let space = Space::new();
    let store = space.open();
    let ledger = ledger(&store);
    let (amd64, v) = (arch("amd64"), "1.0.4-2");
    let number = |name: &str| ledger.number_of(v, &amd64, fingerprint(name)).expect("reads");
    let assign = |name: &str| ledger.assign(v, &amd64, fingerprint(name)).expect("assigns");
    let release = |name: &str, how| ledger.release(v, &amd64, fingerprint(name), how).expect("releases");
    assert_eq!(number("a"), None);
    assert_eq!((assign("a"), assign("b"), assign("a")), (1, 2, 1));
    assert_eq!((number("a"), number("b"), number("c")), (Some(1), Some(2), None));
    assert_eq!(ledger.assign("1.0.5-1", &amd64, fingerprint("c")).expect("assigns"), 1);
    // A failed build's number goes to the next.
    assert_eq!(assign("c"), 3);
    release("c", Released::Failed);
    assert_eq!(number("c"), None);
    assert_eq!(assign("d"), 3);
    // Equivalent: the number is free, its fingerprint still known.
    release("d", Released::Equivalent);
    assert_eq!((number("d"), assign("e")), (Some(3), 3));
    // Rebuilt after its realisation was forgotten: it must not take the number that `e` has by now.
    assert_eq!((assign("d"), number("e")), (4, Some(3)));
    // Releasing what is not in use is nothing.
    release("nobody", Released::Failed);
    release("c", Released::Equivalent);
    assert_eq!(number("c"), None);
}

#[test]
fn an_arch_that_is_behind_joins_the_others() {
    let space = Space::new();
    let store = space.open();
    let ledger = ledger(&store);
    let assign = |on: &str, name: &str| ledger.assign("1", &arch(on), fingerprint(name)).expect("assigns");
    assert_eq!((assign("amd64", "a1"), assign("amd64", "a2"), assign("amd64", "a3")), (1, 2, 3));
    assert_eq!((assign("arm64", "b1"), assign("arm64", "b2")), (3, 4));
    assert_eq!((assign("amd64", "a4"), assign("i386", "c1")), (4, 4));
    ledger.release("1", &arch("amd64"), fingerprint("a4"), Released::Failed).expect("releases");
    // 4 is still used elsewhere, so it is joined, not counted up.
    assert_eq!(assign("amd64", "a5"), 4);
}

#[test]
fn the_ledger_s_lines_are_stable() {
    let space = Space::new();
    let store = space.open();
    let ledger = ledger(&store);
    ledger.assign("1-1", &arch("amd64"), fingerprint("a")).expect("assigns");
    ledger.release("1-1", &arch("amd64"), fingerprint("a"), Released::Equivalent).expect("releases");
    let text = fs::read_to_string(space.path("store/ledger/debian-12/libmd.jsonl")).expect("reads");
    let print = fingerprint("a");
    let facts = [
        format!(r#"{{"assigned":{{"version":"1-1","arch":"amd64","fingerprint":"{print}","number":1}}}}"#),
        format!(r#"{{"released":{{"version":"1-1","arch":"amd64","fingerprint":"{print}","how":"equivalent"}}}}"#),
    ];
    let lines =
        facts.map(|fact| format!("{{\"check\":\"{}\",\"fact\":{fact}}}\n", Digest::of(fact.as_bytes()).short()));
    assert_eq!(text, lines.concat());
}

#[test]
fn a_torn_last_line_is_repaired_and_a_damaged_one_refused() {
    let space = Space::new();
    let store = space.open();
    let ledger = ledger(&store);
    let assign = |name: &str| ledger.assign("1", &arch("amd64"), fingerprint(name));
    assert_eq!((assign("a").expect("assigns"), assign("b").expect("assigns")), (1, 2));
    let file = space.path("store/ledger/debian-12/libmd.jsonl");
    let whole = fs::read(&file).expect("reads");
    for end in [whole.len() - 1, whole.len() - 20, whole.len() / 2 + 1] {
        fs::write(&file, &whole[..end]).expect("written");
        assert_eq!(ledger.number_of("1", &arch("amd64"), fingerprint("a")).expect("reads"), Some(1));
        assert_eq!(ledger.number_of("1", &arch("amd64"), fingerprint("b")).expect("reads"), None);
        assert_eq!(assign("c").expect("assigns"), 2, "cut at {end}");
        assert_eq!(store.take_notices(), [Notice::TornLedger(HostPath::new(&file))]);
        assert_eq!(assign("c").expect("assigns"), 2);
        assert_eq!(store.take_notices(), []);
    }
    // After a power cut a file may end in zeros.
    fs::write(&file, [&whole[..], &[0; 300]].concat()).expect("written");
    assert_eq!(assign("c").expect("assigns"), 3);
    // Elsewhere it is refused: a number could be given twice.
    let mut damaged = whole.clone();
    let at = whole.windows(10).position(|part| part == br#""number":1"#).expect("there") + 9;
    damaged[at] = b'7';
    fs::write(&file, &damaged).expect("written");
    let error = assign("d").expect_err("refused");
    assert_eq!(
        shown(&error),
        format!(
            "line 1 of the ledger `{}` is damaged | restore the file from a backup; without one, run `opb store verify \
             --repair`, which takes the numbers from the results that bear them",
            file.display()
        )
    );
    assert_eq!(fs::read(&file).expect("reads"), damaged, "a damaged ledger was written to");
}

#[test]
fn many_at_once_get_different_numbers() {
    let space = Space::new();
    let numbers = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (space, numbers) = (&space, &numbers);
            scope.spawn(move || {
                let store = space.open();
                for number in 0..10 {
                    let name = format!("{thread} {number}");
                    let given = ledger(&store).assign("1", &arch("amd64"), fingerprint(&name)).expect("assigns");
                    numbers.lock().expect("not poisoned").push(given);
                }
            });
        }
    });
    let mut numbers = numbers.into_inner().expect("not poisoned");
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<u32>>());
}
