//! `opb repo check` of a channel that was really published.

use opb::client::{Limits, Memory, Packages, Request, check};

use super::generations::{Channel, NOW};
use super::ready;

#[test]
fn a_published_channel_is_sound() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    channel.build(&["tiny", "tiny-doc"], "1");
    channel.publish_at(NOW).expect("publishes");
    let request = |now| Request {
        address: channel.current().display().to_string(),
        suites: Vec::new(),
        yum: Vec::new(),
        keys: None,
        packages: Packages::All,
        max_age: None,
        now,
        limits: Limits::default(),
    };
    let mut memory = Memory::default();
    let answer = check(&request(NOW + 60), &mut memory).expect("looks");
    let told: Vec<_> =
        answer.repositories.iter().map(|one| (&*one.name, one.indexes, one.packages, one.read)).collect();
    assert_eq!(answer.cause(), None, "{answer:?}");
    assert_eq!(
        told,
        [
            ("rpm/mini-1/SRPMS", 3, 1, 1),
            ("rpm/mini-1/aarch64", 3, 2, 2),
            ("rpm/mini-1/aarch64-debug", 3, 0, 0),
            ("rpm/mini-1/x86_64", 3, 2, 2),
            ("rpm/mini-1/x86_64-debug", 3, 0, 0)
        ]
    );
    // The next generation is newer, whatever the clock says.
    channel.build(&["tiny-more"], "1");
    channel.publish_at(NOW - 600).expect("publishes");
    let answer = check(&request(NOW + 60), &mut memory).expect("looks");
    assert_eq!(answer.cause(), None, "{answer:?}");
    assert_eq!(memory.repositories.len(), 5);
}
