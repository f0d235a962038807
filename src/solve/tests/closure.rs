//! Which dependencies of a repository's packages are unmet, for every kind of relation.

use super::*;
use crate::solve::{Member, Seen, Unmet, unmet};

fn members(text: &str, extras: &[usize]) -> Vec<Member> {
    entries(text).into_iter().map(|entry| Member { entry, extras: extras.to_vec() }).collect()
}

/// A line for each, such as `a: b (>= 2): there is no `b` (+1)`.
pub(super) fn shown(members: &[Member], unmet: &[Unmet]) -> String {
    let line = |unmet: &Unmet| {
        let followers = if unmet.followers > 0 { format!(" (+{})", unmet.followers) } else { String::new() };
        format!("{}: {}: {}{followers}", members[unmet.member].entry.package, unmet.need, unmet.available)
    };
    unmet.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is unmet in a channel, beside a distribution.
fn told(distribution: &str, channel: &str) -> String {
    let universe = Universe::new("amd64", vec![entries(distribution)]).expect("good");
    let members = members(channel, &[]);
    let found = unmet(Seen { universe: &universe, extras: &[] }, &members).expect("readable");
    shown(&members, &found)
}

#[test]
fn what_is_there_in_the_channel_or_the_distribution_is_met() {
    let distribution = "libc6 2.36\nlibmd0 1.0\nlibmd0 0.9\nexim4 4; Provides: mta\ngawk 5; Provides: awk (= 3)";
    for channel in [
        "a 1; Depends: libc6 (>= 2), b\nb 1; Pre-Depends: libc6",
        // The other one's place is taken by ours, but apt still knows it; and an older one too.
        "a 1; Depends: libmd0 (= 1.0)\nlibmd0 2.0",
        "a 1; Depends: libmd0 (<< 1)",
        "a 1; Depends: nowhere | zz (>= 2) | libc6",
        "a 1; Depends: mta, awk (>= 3), awk (<< 4), libc6:amd64",
        "a 1; Depends: b (= 1)\nb 1; Depends: a (= 1)",
        "a 1; Depends: a",
        "a 1; Depends: thing (= 2)\nb 7; Provides: thing (= 2)",
        "a 1; Depends: perl:any\nperl 5; Multi-Arch: allowed",
        "a 1; Architecture: all; Depends: libc6\n",
        "a 1; Recommends: nowhere; Conflicts: libc6",
    ] {
        assert_eq!(told(distribution, channel), "", "{channel}");
    }
}

#[test]
fn what_is_not_there_is_told_with_what_there_is() {
    let distribution = "libc6 2.36\nlibmd0 1.0\nlibmd0 0.9\nexim4 4; Provides: mta\ngawk 5; Provides: awk (= 3)";
    let told = |channel: &str| told(distribution, channel);
    insta::assert_snapshot!(told("a 1; Depends: libc6, nowhere"), @"a: nowhere: there is no `nowhere`");
    insta::assert_snapshot!(told("a 1; Pre-Depends: nowhere"), @"a: nowhere: there is no `nowhere`");
    insta::assert_snapshot!(told("a 1; Depends: libmd0 (>= 1.1)"), @"a: libmd0 (>= 1.1): `libmd0` is there as 1.0, 0.9 in the distribution");
    insta::assert_snapshot!(
        told("a 1; Depends: libmd0 (= 1.5)\nlibmd0 2.0"),
        @"a: libmd0 (= 1.5): `libmd0` is there as 2.0 in the channel and as 1.0, 0.9 in the distribution"
    );
    insta::assert_snapshot!(
        told("a 1; Depends: nowhere | libc6 (>> 3)"),
        @"a: nowhere | libc6 (>> 3): there is no `nowhere`; `libc6` is there as 2.36 in the distribution"
    );
    insta::assert_snapshot!(
        told("a 1; Depends: mta (>= 1), awk (>= 4)"),
        @"
    a: mta (>= 1): there is no `mta`; it is provided by `exim4` without a version
    a: awk (>= 4): there is no `awk`; it is provided by `gawk` as 3
    "
    );
    insta::assert_snapshot!(
        told("a 1; Depends: libc6:any, libc6:i386"),
        @"
    a: libc6:any: `libc6` is there as 2.36 in the distribution, for packages of its own arch alone
    a: libc6:i386: `libc6` is there as 2.36 in the distribution, looked for among packages of amd64
    "
    );
}

#[test]
fn packages_of_other_arches_do_not_count() {
    let universe = Universe::new("amd64", vec![entries("b 1; Architecture: arm64\nc 1; Architecture: all")]);
    let universe = universe.expect("good");
    let members = members("a 1; Depends: b, c", &[]);
    let found = unmet(Seen { universe: &universe, extras: &[] }, &members).expect("readable");
    insta::assert_snapshot!(shown(&members, &found), @"a: b: there is no `b`");
}

#[test]
fn only_roots_are_told_and_their_followers_counted() {
    let channel = "a 1; Depends: nowhere
         b 1; Depends: a
         c 1; Depends: b, d
         d 1; Depends: c
         e 1; Depends: a | f
         f 1
         g 1; Depends: a (>= 2) | other
         h 1; Pre-Depends: g";
    insta::assert_snapshot!(told("libc6 2.36", channel), @"
    a: nowhere: there is no `nowhere` (+3)
    g: a (>= 2) | other: `a` is there as 1 in the channel; there is no `other` (+1)
    ");
    // The distribution's package of the name of a broken one is as good as ever.
    assert_eq!(told("a 0.9\nnowhere 1", "a 1; Depends: nowhere\nb 1; Depends: a"), "");
    insta::assert_snapshot!(told("a 0.9", "a 1; Depends: nowhere\nb 1; Depends: a"), @"a: nowhere: there is no `nowhere`");
}

#[test]
fn extra_repositories_count_for_those_that_see_them() {
    let universe = Universe::new("amd64", vec![entries("libc6 2.36\ntool 1")]).expect("good");
    let vendor = Universe::new("amd64", vec![entries("tool 3; Provides: gadget\ntool 2; Provides: old-gadget")]);
    let vendor = vendor.expect("good");
    let extras = [("vendor", &vendor)];
    let seen = Seen { universe: &universe, extras: &extras };
    let text = "a 1; Depends: tool (>= 2), gadget, old-gadget";
    let may = members(text, &[0]);
    assert_eq!(unmet(seen, &may).expect("readable"), []);
    let may_not = members(text, &[]);
    insta::assert_snapshot!(shown(&may_not, &unmet(seen, &may_not).expect("readable")), @"
    a: tool (>= 2): `tool` is there as 1 in the distribution
    a: gadget: there is no `gadget`
    a: old-gadget: there is no `old-gadget`
    ");
    let more = members("a 1; Depends: tool (>= 4)", &[0]);
    insta::assert_snapshot!(
        shown(&more, &unmet(seen, &more).expect("readable")),
        @"a: tool (>= 4): `tool` is there as 1 in the distribution and as 3, 2 in `vendor`"
    );
}

#[test]
fn a_field_that_is_no_relation_is_refused() {
    let universe = Universe::new("amd64", Vec::new()).expect("empty");
    let refused = unmet(Seen { universe: &universe, extras: &[] }, &members("a 1; Depends: b (>> )", &[]));
    assert_eq!(refused.expect_err("unreadable").to_string(), "cannot read a relation of the package `a`");
}

proptest! {
    /// As whoever looks at each package in turn until nothing changes would find it.
    #[test]
    fn it_is_what_looking_again_and_again_finds(
        needs in prop::collection::vec(prop::collection::vec(prop::collection::vec(0usize..10, 1..3), 0..3), 8),
    ) {
        let line = |(place, needs): (usize, &Vec<Vec<usize>>)| {
            let needs: Vec<String> = needs
                .iter()
                .map(|any| any.iter().map(|of| format!("p{of}")).collect::<Vec<_>>().join(" | "))
                .collect();
            if needs.is_empty() { format!("p{place} 1") } else { format!("p{place} 1; Depends: {}", needs.join(", ")) }
        };
        let text: Vec<String> = needs.iter().enumerate().map(line).collect();
        let universe = Universe::new("amd64", vec![entries("p8 1")]).expect("good");
        let members = members(&text.join("\n"), &[]);
        let found = unmet(Seen { universe: &universe, extras: &[] }, &members).expect("readable");
        let mut broken = [false, false, false, false, false, false, false, false, false, true];
        loop {
            let before = broken;
            for (place, needs) in needs.iter().enumerate() {
                broken[place] |= needs.iter().any(|any| any.iter().all(|of| broken[*of]));
            }
            if before == broken {
                break;
            }
        }
        let mut roots: Vec<(usize, usize)> = found.iter().map(|one| (one.member, one.followers)).collect();
        roots.dedup();
        let told: usize = roots.iter().map(|(_, followers)| followers + 1).sum();
        prop_assert_eq!(told, broken.iter().filter(|broken| **broken).count() - 1);
    }
}
