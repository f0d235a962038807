//! Pictures of reports: well-formed, with room for all words, the same for the same report.

use super::tests::{cause, clean, node, recorded, report, spared, started, three};
use super::*;
use crate::cost::Spared;
use crate::report::chart_checks::check_picture;
use crate::store::runs::{Run, RunOutcome};

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
