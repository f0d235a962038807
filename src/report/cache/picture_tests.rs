//! Pictures of reports: well-formed, with room for all words, the same for the same report.

use super::chart::Letters;
use super::tests::{cause, clean, node, recorded, report, spared, started, three};
use super::*;
use crate::cost::Spared;
use crate::store::runs::{Run, RunOutcome};

/// A box around each text of a picture: left, top, right, bottom, and the words.
fn boxes(svg: &str) -> Vec<([f64; 4], String)> {
    let attribute = |tag: &str, name: &str| -> String {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).expect(name);
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let mut found = Vec::new();
    for part in svg.split("<text ").skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        let tag = format!(" {tag}");
        let words = rest.split("</text>").next().unwrap_or_default();
        let words = words.rsplit("</title>").next().unwrap_or_default();
        let words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        let (letters, size) = match attribute(&tag, "class").as_str() {
            "title" => (Letters::Title, style::TITLE),
            "head" => (Letters::Head, style::HEAD),
            "plain" => (Letters::Plain, style::TEXT),
            _ => (Letters::Small, style::SMALL),
        };
        let number = |name| attribute(&tag, name).parse::<f64>().expect("a number");
        let (x, y) = (number("x"), number("y"));
        found.push(([x, y - size, x + letters.width(&words), y + size * 0.25], words));
    }
    found
}

/// Asserts that a picture is well-formed, that its words overlap with nothing, and that all is on the sheet.
fn check_picture(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        assert!(!rest.contains('>'), "{rest}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().expect("a name")),
        }
    }
    assert!(open.is_empty() && !svg.contains("NaN") && !svg.contains("inf"), "{open:?}");
    let height: f64 = svg
        .split(" height=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .and_then(|n| n.parse().ok())
        .expect("a height");
    let boxes = boxes(svg);
    for (place, (one, words)) in boxes.iter().enumerate() {
        let [left, top, right, bottom] = *one;
        assert!(left >= 0.0 && top >= 0.0 && right <= chart::WIDE && bottom <= height, "`{words}` leaves the sheet");
        for (other, more) in &boxes[place + 1..] {
            let apart = right <= other[0] || other[2] <= left || bottom <= other[1] || other[3] <= top;
            assert!(apart, "`{words}` and `{more}` overlap");
        }
    }
}

/// As large a report as there may be, with hostile names.
fn large() -> Vec<Run> {
    let long = "x<y>&\"'é\u{1b}[31m".repeat(20);
    let rows: Vec<(String, Spared)> = (0..2_000)
        .map(|number| (format!("component-with-a-long-name-{number}"), spared(217, 31, 3, 86_400_000)))
        .collect();
    let rows: Vec<(&str, Spared)> = rows.iter().map(|(name, spared)| (name.as_str(), *spared)).collect();
    let mut facts = vec![started(0, 434_000), clean(&rows, &rows)];
    facts.extend((0..40).map(|number| cause("changed", &format!("{number} {long}"), 3)));
    for number in 0..300 {
        use RunOutcome::{Blocked, Built, CutOff, Failed};
        let outcome = [Built, CutOff, Built, Failed, Blocked][number % 5];
        let name = format!("build:component-with-a-long-name-{}@d-1/amd64", number % 50);
        let name = if number % 2 == 0 { name } else { format!("build:c{number}@d-1/arm64") };
        facts.extend(node(&name, Some(number % 40), outcome, 3_600_000));
    }
    recorded(vec![facts])
}

#[test]
fn pictures_are_well_formed_and_nothing_overlaps() {
    let pictures: Vec<(String, String)> = [("small", three()), ("large", large()), ("none", Vec::new())]
        .into_iter()
        .flat_map(|(name, runs)| {
            let by = [By::Run, By::Component, By::Arch, By::Reason];
            by.map(|by| (format!("{name}-{}", by.word()), svg(&report(&runs, by))))
        })
        .collect();
    for (_, svg) in &pictures {
        check_picture(svg);
        assert!(!svg.contains("script") && !svg.contains("href") && !svg.contains("@import"));
    }
    let of = |name: &str| &pictures.iter().find(|(known, _)| known == name).expect(name).1;
    for word in [
        "from the store: 46 (",
        "ran: ",
        "failed: 1 (",
        "spared by early cutoff: 1 (",
        ">env V changed from `1` to `2` (in 2 runs)<",
    ] {
        assert!(of("small-component").contains(word), "{word}");
    }
    assert!(of("none-run").contains("no run on record began since 2025-01-11T10:00:00Z"));
    assert_eq!(of("large-arch"), &svg(&report(&large(), By::Arch)), "the same report, the same bytes");
}
