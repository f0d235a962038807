//! Reports of made-up nightlies: as mail, as a page that is well-formed, loads nothing and can be read, and where all texts are
//! hostile.

use std::collections::BTreeSet;

use quick_xml::events::Event;

use super::pictures::{durations, failures, savings, spark};
use super::style::{COLOURS, WORDS_ON, sheet};
use super::*;
use crate::cost::{Cost, Saved, Spared};
use crate::diag::is_harmful;
use crate::digest::Digest;
use crate::name::{ChannelName, DistroName};
use crate::night::*;
use crate::report::cache::{By, Missed, Over, Sums};
use crate::report::chart_checks::check_picture;
use crate::report::exceptions::Means;
use crate::store::runs::RunId;

#[path = "../../../examples/nightly/sample.rs"]
mod sample;
#[path = "../../../examples/nightly/values.rs"]
mod values;

use sample::{BEGAN, HOSTILE, hostile, large, quiet, tiny};
use values::*;

#[test]
fn a_night_in_which_nothing_happened_is_a_few_lines() {
    insta::assert_snapshot!(text(&quiet()), @r"
    nothing new: nightly of demo, 2026-11-29

    It took 41.2 s.
    Nothing had to be built.
    ");
    let page = html(&quiet());
    assert!(
        page.contains("✓ Nothing is worse") && page.contains("generation 17 stays") && !page.contains("id=\"new\""),
        "{page}"
    );
}

#[test]
fn what_is_worse_comes_first() {
    insta::assert_snapshot!(text(&tiny()), @r"
    1 new failure of libbsd, 1 fixed, 3 packages published: nightly of demo, 2026-11-29

    NEW FAILURES
      build:libbsd on debian-12/amd64
        the script failed with exit code 2
          | strlcpy.c:41:9: error: implicit declaration of function 'reallocar…
          |    41 |   p = reallocarray(p, n, sizeof *p);
          | make[2]: *** [Makefile:812: strlcpy.lo] Error 1
          | make: *** [debian/rules:14: binary-arch] Error 2
        last good on 2026-11-27 (0.11.7-2+0opb1~deb12), and stays published
        because of it 4 nodes did not run
        commits since then:
          538454127b09 strlcpy: do not read past the end of the source

    FIXED
      build:signify@debian-13/amd64

    WHAT MOVED
      libbsd: 5c1d3f2 to 9b8e7a1, 5 commits; 4 builds of libbsd, signify; what
        was built before stays of libbsd
      @debian-13: 2026-11-21 to 2026-11-28

    PUBLISHED
      nightly, generation 18: 3 packages
        libmd0 1.1.0-2+0opb1~… to 1.1.0-2+0opb2~…, on 2 distros
        signify-openbsd 32-2+0opb1~deb13 (new)

    It took 7 min 14 s.
    spent 7 min 14 s on building (21 min 42 s CPU): 12 nodes ran (6 package
      builds), 3 failed, 4 did not run
    saved 1 h 13 min of building (3 h 40 min CPU): 187 nodes from the store, 4
      spared by early cutoff
    ");
}

#[test]
fn a_large_one_tells_once_what_is_alike() {
    let told = text(&large());
    let first: Vec<&str> = told.lines().take(13).collect();
    insta::assert_snapshot!(first.join("\n"), @r"
    63 new failures of 2 components, 1 step failed, 1 distro newly held back, 6 still failing, 2 fixed, 2074 packages published: nightly (all) of vendor, 2026-11-29

    NEW FAILURES
      build:cli on alma-8/amd64, alma-8/arm64, alma-9/amd64 and 58 more
        the script failed with exit code 2
          | strlcpy.c:41:9: error: implicit declaration of function 'reallocar…
          |    41 |   p = reallocarray(p, n, sizeof *p);
          | make[2]: *** [Makefile:812: strlcpy.lo] Error 1
          | make: *** [debian/rules:14: binary-arch] Error 2
        last good on 2026-11-27 (0.11.7-2+0opb1~deb12), and stays published
        because of it 244 nodes did not run
        commits since then:
          538454127b09 strlcpy: do not read past the end of the source
    ");
    let from = told.find("TO LOOK AFTER").expect("there");
    insta::assert_snapshot!(&told[from..], @r"
    TO LOOK AFTER
      skip stats@ubuntu-16.04/*: expired 2 days ago (2026-12-04): its new test
        suite takes a day; upstream #77
      expect-failure quota@debian-13/riscv64: 5 days left (2026-12-04): its new
        test suite takes a day; upstream #77
      the key nightly ends in 43 days, on 2027-01-11
      ubuntu-16.04 is supported until 2026-04-30 (ended 213 days ago)
      debian-11 is supported until 2027-01-31 (63 days left)
      ftp-db is pinned to what is 400 days old: 1f2e3d4c5b6a, branch main

    GROWING BUILDS
      build:grace@debian-12/amd64 took 6 min 40 s, 85 % more than usual (3 min
        36 s)
      build:quota@debian-12/amd64 took 8 min 10 s, 99 % more than usual (4 min 6
        s)
      build:dns-db@debian-12/amd64 took 9 min 40 s, 110 % more than usual (4 min
        36 s)

    It took 3 h 12 min.
    spent 24 h 0 min on building (72 h 0 min CPU): 640 nodes ran (320 package
      builds), 3 failed, 4 did not run
    saved 243 h 25 min of building (730 h 17 min CPU): 28412 nodes from the
      store, 213 spared by early cutoff
    ");
}

/// Names of elements, values of `id`, and what is led to, of a page that is well-formed.
#[track_caller]
fn parsed(page: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut names, mut ids, mut links) = (Vec::new(), Vec::new(), Vec::new());
    let mut reader = quick_xml::Reader::from_str(page);
    reader.config_mut().check_end_names = true;
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("at {}: {error}", reader.error_position()));
        let (Event::Start(element) | Event::Empty(element)) = event else {
            if matches!(event, Event::Eof) { break } else { continue }
        };
        names.push(element.name().as_ref().to_owned());
        for attribute in element.attributes() {
            let attribute = attribute.expect("an attribute");
            let value = attribute.value.to_string();
            match attribute.key.as_ref() {
                "id" => ids.push(value),
                "href" => links.push(value),
                "for" => links.push(format!("#{value}")),
                "src" | "onclick" | "onload" | "onerror" => panic!("it loads or runs `{value}`"),
                _ => {}
            }
        }
    }
    (names, ids, links)
}

#[test]
fn pages_are_well_formed_and_load_nothing() {
    for (name, page) in [("quiet", quiet()), ("tiny", tiny()), ("large", large()), ("hostile", hostile(300))] {
        let page = html(&page);
        let (names, ids, links) = parsed(&page);
        let elements: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        for element in ["script", "link", "img", "iframe", "object", "embed", "form", "base", "foreignObject"] {
            assert!(!elements.contains(element), "{name} has `{element}`");
        }
        let known: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(known.len(), ids.len(), "{name}: each id is there once");
        for link in &links {
            let leads_to = link.strip_prefix('#').map_or_else(|| panic!("{name} leads to {link}"), str::to_owned);
            assert!(known.contains(&leads_to), "{name}: nothing is at `{link}`");
        }
        assert_eq!(names.iter().filter(|name| *name == "h1").count(), 1);
        assert!(page.contains("default-src 'none'") && !page.contains("url(") && !page.contains("@import"));
        assert!(page.matches("<th ").count() == page.matches(" scope=\"").count(), "{name}: each head says of what");
    }
}

#[test]
fn hostile_texts_stay_texts() {
    let page = hostile(200);
    for (form, told) in [("page", html(&page)), ("mail", text(&page))] {
        let harmful = told.chars().find(|letter| is_harmful(*letter) && *letter != '\n');
        assert_eq!(harmful, None, "{form}");
        assert!(told.contains(r"\u{1b}") && told.contains(r"\u{202e}gpj.exe"), "{form}: it is shown");
    }
    let page = html(&page);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"));
    assert!(json(&hostile(2)).contains(r"\u001b]8;;http"), "programs get it as it is");
    let value: serde_json::Value = serde_json::from_str(&json(&hostile(2))).expect("JSON");
    assert_eq!(value["project"], HOSTILE);
}

#[test]
fn what_is_too_much_is_counted() {
    let mut page = large();
    let failing = |number: usize| Failing {
        message: number.to_string(),
        ..failing(&format!("build:c{number}@d-1/amd64"), number.is_multiple_of(2), 1)
    };
    page.night.failing = (0..10_000).map(failing).collect();
    page.night.fixed = (0..10_000).map(|number| format!("build:f{number}@d-1/amd64")).collect();
    page.night.notices = (0..10_000).map(|number| format!("notice {number}")).collect();
    let (told, shown) = (text(&page), html(&page));
    assert!(told.starts_with("5000 new failures, 1 step failed"), "{}", told.lines().next().unwrap_or_default());
    assert!(
        told.contains("  and 4988 more\n") && told.contains("  and 4980 more\n") && told.contains("  and 9988 more\n")
    );
    for words in ["and 4760 more failures", "and 4740 more failures", "and 9800 more nodes", "more notices"] {
        assert!(shown.contains(words), "{words}");
    }
    assert!(told.len() < 40_000 && shown.len() < 1 << 20, "{} and {} bytes", told.len(), shown.len());
    let page = hostile(10_000);
    let (told, shown) = (text(&page).len(), html(&page).len());
    assert!(told < 100_000 && shown < 4 << 20, "{told} and {shown} bytes");
}

#[test]
fn lines_of_mail_are_short_but_for_the_subject() {
    for page in [quiet(), tiny(), large(), hostile(50)] {
        let told = text(&page);
        let mut lines = told.lines();
        let subject = lines.next().expect("a first line");
        assert!(!subject.is_empty() && subject.chars().count() <= 300, "{subject}");
        for line in lines {
            assert!(line.chars().count() <= 76 && line == line.trim_end(), "{line}");
        }
    }
}

#[test]
fn the_grid_shows_every_state_in_a_sign_and_in_words() {
    let mut page = quiet();
    page.night.cells = summary::STATES
        .iter()
        .map(|state| cell(&format!("{state:?}").to_lowercase(), "d-1/amd64", *state, "1.0"))
        .collect();
    page.night.failing = vec![failing("build:newfailure@d-1/amd64", true, 0)];
    let page = html(&page);
    let (mut signs, mut words) = (BTreeSet::new(), BTreeSet::new());
    for state in summary::STATES {
        let (class, sign, word) = summary::state(state);
        assert!(signs.insert(sign) && words.insert(word), "{state:?} is like another");
        assert!(page.contains(&format!("<b class=\"s-{class}\">{sign}</b> {word}: 1</li>")), "the legend has {word}");
        assert!(page.contains(&format!("{sign}<i>{word}</i>")), "a cell is {word}");
    }
    assert!(page.contains(
        "<td class=\"s-new end\" title=\"newfailure on d-1/amd64: new failure, last good 1.0\"><a href=\"#n0\">!"
    ));
}

#[test]
fn calm_rows_fold_away_where_they_are_many() {
    let page = html(&large());
    assert!(page.contains("Show also the 61 components that are built everywhere"));
    assert_eq!(page.matches("<tr class=\"calm\">").count(), 61);
    assert!(!html(&tiny()).contains("<tr class=\"calm\">"));
}

#[test]
fn pictures_have_room_for_their_words() {
    let mut odd = nights(3);
    (odd[0].milliseconds, odd[1].new, odd[2].spent_and_saved) = (u64::MAX, usize::MAX, Some((u64::MAX, u64::MAX)));
    odd[2].started = i64::MAX;
    for nights in [nights(30), nights(2), nights(1), Vec::new(), odd] {
        for picture in [durations(&nights), failures(&nights), savings(&nights)] {
            check_picture(&picture);
        }
    }
    check_picture(&spark(&growing("build:a@d-1/amd64", 1)));
    check_picture(&spark(&Growing { node: String::new(), milliseconds: 0, usual: 0, before: vec![0; 3] }));
}

/// How light a colour is, as the WCAG has it.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal")) / 255.0;
    let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
}

#[test]
fn words_can_be_read_on_what_they_stand_on() {
    let of = |name: &str| COLOURS.iter().find(|(known, ..)| *known == name).unwrap_or_else(|| panic!("no {name}"));
    for (words, ground) in WORDS_ON {
        let ((_, light, dark), (_, on_light, on_dark)) = (of(words), of(ground));
        for (one, other) in [(light, on_light), (dark, on_dark)] {
            let (one, other) = (luminance(one), luminance(other));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= 4.5, "{words} on {ground}: {contrast:.2}");
        }
    }
    let sheet = sheet();
    let used = sheet.split("var(--").skip(1).filter_map(|rest| rest.split(')').next());
    let unknown: BTreeSet<&str> =
        used.filter(|name| *name != "first-row" && COLOURS.iter().all(|(known, ..)| known != name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for (name, ..) in COLOURS {
        assert!(sheet.contains(&format!("var(--{name})")), "nothing has the colour `{name}`");
    }
}

#[test]
fn rates_of_growth() {
    let of = |milliseconds, usual| Growing { node: String::new(), milliseconds, usual, before: Vec::new() }.percent();
    assert_eq!([of(150, 100), of(100, 150), of(7, 0), of(u64::MAX, 1)], [50, 0, 0, u64::MAX]);
}
