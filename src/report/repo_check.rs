//! What a look at a published repository came to: a line for each suite and folder, what is wrong below it, and JSON.

use miette::Diagnostic as _;
use serde::Serialize;

use super::{count, plain, wrapped};
use crate::client::{Answer, Fault, Looked, Packages};
use crate::diag::{Cause, Caused as _};

/// The version of the JSON form. What is added does not change it.
const VERSION: u32 = 1;

/// A line for each repository, what is wrong with it, and the upshot; lines are at most `width` wide where words allow. `now` is in
/// seconds since 1970.
pub fn text(answer: &Answer, packages: Packages, now: i64, width: usize) -> String {
    let mut text = String::new();
    for looked in &answer.repositories {
        let first = format!("{:<11}  {} {}: ", state(looked), looked.kind.as_str(), looked.name);
        text.push_str(&wrapped(&plain(&summary(looked, packages, now)), &first, "             ", width));
        for fault in &looked.faults {
            let told = format!("`{}`: {}", fault.place, fault.problem);
            text.push_str(&wrapped(&plain(&told), "  ", "    ", width));
            text.push_str(&wrapped(&help(fault), "    help: ", "          ", width));
        }
        if looked.more_faults > 0 {
            text.push_str(&format!("  and {} more\n", looked.more_faults));
        }
    }
    text.push_str(&format!("{}: {}\n", plain(&answer.address), upshot(answer)));
    text
}

/// What has to be said besides, in whole lines.
pub fn notices(answer: &Answer) -> Vec<String> {
    let untrusted = "trust on first use: the key came from the repository itself, so it is shown only that all there fits \
                     together; give the key that clients have with `--key FILE`";
    answer.first_use.then(|| untrusted.to_owned()).into_iter().collect()
}

fn state(looked: &Looked) -> &'static str {
    match looked.cause() {
        None => "sound",
        Some(Cause::Environment) => "unreachable",
        Some(_) => "faulty",
    }
}

fn upshot(answer: &Answer) -> String {
    let of = |state_: &str| answer.repositories.iter().filter(|looked| state(looked) == state_).count();
    let parts = ["sound", "faulty", "unreachable"].map(|word| (of(word), word));
    let parts = parts.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}"));
    let faults = answer.repositories.iter().map(faults).sum::<usize>();
    let parts = parts.collect::<Vec<_>>().join(", ");
    if faults == 0 { parts } else { format!("{parts}; {}", count(faults, "fault")) }
}

fn faults(looked: &Looked) -> usize {
    looked.faults.len() + looked.more_faults
}

/// What was looked at.
fn summary(looked: &Looked, packages: Packages, now: i64) -> String {
    if looked.signers.is_empty() {
        return format!("nothing of it is believed; {}", count(faults(looked), "fault"));
    }
    let indexes = if looked.indexes == 1 { "1 index".to_owned() } else { format!("{} indexes", looked.indexes) };
    let mut parts = vec![indexes];
    let named = match packages {
        Packages::None => format!("{}, not looked at", count(looked.packages, "package")),
        _ if looked.read == 0 => format!("{} of {} there", looked.present, count(looked.packages, "package")),
        _ => format!("{} of {} there, {} read", looked.present, count(looked.packages, "package"), looked.read),
    };
    parts.push(named);
    if let Some(date) = looked.date {
        parts.push(format!("of {}, {} old", time(date), span(now - date)));
    }
    if let Some(until) = looked.valid_until {
        parts.push(match until - now {
            left @ 0.. => format!("valid for {} more", span(left)),
            _ => format!("valid until {}", time(until)),
        });
    }
    let keys = looked.signers.join(", ");
    parts.push(match looked.key_ends {
        Some(end) if end > now => format!("signed by {keys}, which ends in {}", span(end - now)),
        Some(_) | None => format!("signed by {keys}"),
    });
    if faults(looked) > 0 {
        parts.push(count(faults(looked), "fault"));
    }
    parts.join("; ")
}

fn help(fault: &Fault) -> String {
    fault.problem.help().map(|help| help.to_string()).unwrap_or_default()
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// `40 seconds`, `3 hours`, `12 days`: the largest unit of which there are two or more.
fn span(seconds: i64) -> String {
    let seconds = usize::try_from(seconds).unwrap_or(0);
    match seconds {
        0..120 => count(seconds, "second"),
        120..7_200 => count(seconds / 60, "minute"),
        7_200..172_800 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    address: &'a str,
    sound: bool,
    first_use: bool,
    repositories: Vec<Repository<'a>>,
}

#[derive(Serialize)]
struct Repository<'a> {
    kind: &'static str,
    name: &'a str,
    state: &'static str,
    date: Option<i64>,
    age: Option<i64>,
    valid_until: Option<i64>,
    signers: &'a [String],
    key_ends: Option<i64>,
    indexes: usize,
    packages: usize,
    present: usize,
    read: usize,
    faults: Vec<Told<'a>>,
    more_faults: usize,
}

#[derive(Serialize)]
struct Told<'a> {
    code: String,
    place: &'a str,
    message: String,
    help: String,
    unreachable: bool,
}

fn told(fault: &Fault) -> Told<'_> {
    Told {
        code: fault.problem.code().map(|code| code.to_string()).unwrap_or_default(),
        place: &fault.place,
        message: fault.problem.to_string(),
        help: help(fault),
        unreachable: fault.problem.fault() == Cause::Environment,
    }
}

/// One JSON object, as `docs/schema/repo-check.json` describes it.
pub fn json(answer: &Answer, now: i64) -> String {
    let repositories = answer.repositories.iter().map(|looked| Repository {
        kind: looked.kind.as_str(),
        name: &looked.name,
        state: state(looked),
        date: looked.date,
        age: looked.date.map(|date| now.saturating_sub(date)),
        valid_until: looked.valid_until,
        signers: &looked.signers,
        key_ends: looked.key_ends,
        indexes: looked.indexes,
        packages: looked.packages,
        present: looked.present,
        read: looked.read,
        faults: looked.faults.iter().map(told).collect(),
        more_faults: looked.more_faults,
    });
    let report = Report {
        version: VERSION,
        address: &answer.address,
        sound: answer.cause().is_none(),
        first_use: answer.first_use,
        repositories: repositories.collect(),
    };
    serde_json::to_string_pretty(&report).expect("only texts and numbers") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Kind, Problem};

    const NOW: i64 = 1_710_000_000;

    fn looked(name: &str) -> Looked {
        Looked {
            kind: Kind::Apt,
            name: name.to_owned(),
            date: Some(NOW - 7_300),
            valid_until: Some(NOW + 6 * 86_400),
            signers: vec!["ABCD".to_owned()],
            key_ends: Some(NOW + 30 * 86_400),
            indexes: 1,
            packages: 12,
            present: 12,
            read: 0,
            faults: Vec::new(),
            more_faults: 0,
        }
    }

    fn answer() -> Answer {
        let fault = |place: &str, problem| Fault { place: place.to_owned(), problem };
        let faulty = Looked {
            kind: Kind::Yum,
            valid_until: None,
            key_ends: None,
            present: 11,
            read: 2,
            faults: vec![fault("rpm/a/x\u{1b}.rpm", Problem::Missing)],
            more_faults: 3,
            ..looked("rpm/a")
        };
        let away = Looked {
            signers: Vec::new(),
            faults: vec![fault("dists/b/InRelease", Problem::Slow)],
            date: None,
            ..looked("b")
        };
        let repositories = vec![looked("a"), faulty, away];
        Answer { address: "https://example.org".to_owned(), first_use: true, repositories }
    }

    #[test]
    fn a_line_for_each_and_what_is_wrong_below() {
        insta::assert_snapshot!(text(&answer(), Packages::Size, NOW, 120), @r"
        sound        apt a: 1 index; 12 of 12 packages there; of 2024-03-09 13:58:20 UTC, 2 hours old; valid for 6 days more;
                     signed by ABCD, which ends in 30 days
        faulty       yum rpm/a: 1 index; 11 of 12 packages there, 2 read; of 2024-03-09 13:58:20 UTC, 2 hours old; signed by
                     ABCD; 4 faults
          `rpm/a/x\u{1b}.rpm`: it is not there
            help: publish again; where files are copied to the server, copy lists last, and remove what they named only later
          and 3 more
        unreachable  apt b: nothing of it is believed; 1 fault
          `dists/b/InRelease`: it does not come in time
            help: see what holds up the server or the network
        https://example.org: 1 sound, 1 faulty, 1 unreachable; 5 faults
        ");
        let sound = Answer { repositories: vec![looked("a")], ..answer() };
        let told = text(&sound, Packages::None, NOW, 200);
        assert!(told.contains("; 12 packages, not looked at; "), "{told}");
        assert!(told.ends_with("https://example.org: 1 sound\n"), "{told}");
        let over = Looked { valid_until: Some(NOW - 1), ..looked("a") };
        let told = text(&Answer { repositories: vec![over], ..answer() }, Packages::Size, NOW, 200);
        assert!(told.contains("; valid until 2024-03-09 15:59:59 UTC; "), "{told}");
        assert_eq!(notices(&answer()).len(), 1);
        assert_eq!(notices(&Answer { first_use: false, ..answer() }), [""; 0]);
    }

    #[test]
    fn spans() {
        let spans = [-5, 1, 119, 120, 7_199, 7_200, 172_799, 172_800].map(span);
        let words =
            ["0 seconds", "1 second", "119 seconds", "2 minutes", "119 minutes", "2 hours", "47 hours", "2 days"];
        assert_eq!(spans, words);
    }
}
