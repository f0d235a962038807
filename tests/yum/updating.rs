//! A dnf that updates in a loop while one generation after another is published.

use std::sync::atomic::{AtomicBool, Ordering};

use opb::distro::Repodata;
use opb::publish::Part;

use super::dnf::{Machine, said};
use super::generations::{Channel, NOW, name};
use super::ready;
use super::serve::serve;

/// As many as a farm publishes in a month and a half.
const GENERATIONS: u32 = 50;

/// `repomd.xml` and its signature are two files, so a client may read one of each generation. dnf refuses these, and must
/// get a whole pair when it asks again.
const TRIES: usize = 4;

#[test]
fn dnf_never_takes_half_of_a_switch() {
    if !ready(&["rpmbuild", "dnf"]) {
        return;
    }
    let mut channel = Channel::new();
    channel.naming.url = Some(serve(channel.current()));
    channel.naming.grace = 3_600;
    let parts: Vec<Part> = (1..=GENERATIONS)
        .map(|turn| {
            channel.anew();
            channel.build(&["tiny"], &turn.to_string());
            channel.part("mini-1", Repodata::Gz)
        })
        .collect();
    let publish_one = |part: &Part| {
        assert!(channel.publish_in(&name(), std::slice::from_ref(part), NOW).expect("publishes").new);
    };
    publish_one(&parts[0]);
    let machine = Machine::new();
    machine.add(&channel.current().join("opb-nightly-mini-1.repo"));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let (mut updates, mut seen) = (0, std::collections::BTreeSet::new());
            loop {
                let last = over.load(Ordering::Relaxed);
                let told = (0..TRIES).find_map(|_| {
                    let output = machine.dnf(&["repoquery", "-q", "--qf=%{version}", "tiny"]);
                    let text = said(&output);
                    if output.status.success() {
                        return Some(text);
                    }
                    assert!(
                        text.contains("GPG"),
                        "refused for another reason than a signature of another list: {text}"
                    );
                    None
                });
                seen.insert(told.unwrap_or_else(|| panic!("refused {TRIES} times")));
                updates += 1;
                if last {
                    return (updates, seen.len());
                }
            }
        });
        for part in &parts[1..] {
            publish_one(part);
            // As long as several clients take: a farm publishes once a night, not as fast as it can.
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
        let (updates, seen) = client.join().expect("the client ends well");
        assert!(updates >= 3 && seen >= 2, "{updates} updates saw {seen} versions: too few to show anything");
    });
}
