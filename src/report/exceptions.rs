//! The exceptions of a project, as a table for people and as JSON; the schema is `docs/schema/exceptions.json`.

use serde::Serialize;

use super::{Side, columns, count, plain};
use crate::exceptions::{Exception, ExceptionKind};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// How many pins or builds are named.
const NAMED: usize = 5;

/// An exception, with what it means today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// `hold`, `skip` or `expect-failure`.
    pub kind: &'static str,
    /// What it is for.
    pub selector: String,
    /// How much that is.
    pub means: Means,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, as `2026-12-24`.
    pub expires: String,
    /// How many days come until then; negative where it has expired.
    pub days_left: i32,
    /// Whether it holds today.
    pub in_force: bool,
}

/// How much an exception means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Means {
    /// Of a hold: pins of distros and of sources.
    pub pins: usize,
    /// Of the others: package builds.
    pub builds: usize,
    /// Components that these are of.
    pub components: usize,
}

/// An exception that was made just now.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its selector.
    pub selector: String,
    /// The exception.
    pub exception: Exception,
    /// What was there under the same selector.
    pub before: Option<Exception>,
    /// The pins or builds that it means, by name.
    pub means: Vec<String>,
    /// Of a hold: sources that it means and that are not pinned yet, by name.
    pub unpinned: Vec<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    exceptions: &'a [Listed],
}

/// One JSON object.
pub fn json(listed: &[Listed]) -> String {
    let report = Report { version: VERSION, exceptions: listed };
    serde_json::to_string_pretty(&report).expect("only texts and numbers") + "\n"
}

/// A line for each; one that says so where there is none.
pub fn table(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "no exceptions: `opb hold`, `opb skip` and `opb expect-failure` make some\n".to_owned();
    }
    let row = |one: &Listed| {
        let left = match one.days_left {
            0 => "last day".to_owned(),
            days if days > 0 => format!("{} left", self::days(days)),
            days => format!("expired {} ago", self::days(days)),
        };
        [
            one.kind.to_owned(),
            one.selector.clone(),
            meaning(&one.means),
            format!("{} ({left})", one.expires),
            plain(&one.reason),
        ]
    };
    let title = ["KIND", "SELECTOR", "MEANS", "UNTIL", "REASON"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(title).chain(listed.iter().map(row)).collect();
    columns(&rows, [Side::Left; 5])
}

/// What an exception means that was made just now.
pub fn made(kind: ExceptionKind, made: &Made) -> String {
    let Made { selector, exception, before, means, unpinned } = made;
    let (what, verb) = match kind {
        ExceptionKind::Hold => ("pin", if means.len() == 1 { " stays" } else { " stay" }),
        ExceptionKind::Skip => ("build", ""),
        ExceptionKind::ExpectFailure => ("build", " may fail"),
    };
    let until = &exception.expires;
    let mut text = format!("{kind}: {}{verb} until {until}: {}\n", count(means.len(), what), some(means));
    if means.is_empty() {
        text = format!("{kind} until {until}: nothing that is pinned yet\n");
    }
    if !unpinned.is_empty() {
        text += &format!("not pinned yet, and held once `opb update` has pinned it: {}\n", some(unpinned));
    }
    if let Some(before) = before.as_ref().filter(|before| *before != exception) {
        text += &format!("instead of `{selector}` until {}: {}\n", before.expires, plain(before.reason.as_str()));
    }
    text
}

/// What was taken back.
pub fn removed(kind: ExceptionKind, selector: &str, exception: &Exception) -> String {
    format!("taken back: {kind} {selector} until {}: {}\n", exception.expires, plain(exception.reason.as_str()))
}

/// The first of them, and how many more there are.
fn some(names: &[String]) -> String {
    let mut shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        shown += &format!(" and {} more", names.len() - NAMED);
    }
    shown
}

fn days(days: i32) -> String {
    count(usize::try_from(days.unsigned_abs()).unwrap_or(usize::MAX), "day")
}

pub(super) fn meaning(Means { pins, builds, components }: &Means) -> String {
    match (pins, builds, components) {
        (0, 0, _) => "nothing".to_owned(),
        (0, builds, 0 | 1) => count(*builds, "build"),
        (0, builds, components) => format!("{} of {}", count(*builds, "build"), count(*components, "component")),
        (pins, ..) => count(*pins, "pin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_line_with_what_it_means_and_how_long() {
        let one = |kind, selector: &str, (pins, builds, components), days_left| Listed {
            kind,
            selector: selector.to_owned(),
            means: Means { pins, builds, components },
            reason: "x\u{1b}".to_owned(),
            expires: "2026-12-24".to_owned(),
            days_left,
            in_force: days_left >= 0,
        };
        let all = [
            one("hold", "@debian-12", (3, 0, 0), 25),
            one("skip", "lib*", (0, 12, 4), 1),
            one("skip", "libmd", (0, 1, 1), 0),
            one("expect-failure", "gone", (0, 0, 0), -5),
        ];
        insta::assert_snapshot!(table(&all), @r"
        KIND            SELECTOR    MEANS                      UNTIL                            REASON
        hold            @debian-12  3 pins                     2026-12-24 (25 days left)        x\u{1b}
        skip            lib*        12 builds of 4 components  2026-12-24 (1 day left)          x\u{1b}
        skip            libmd       1 build                    2026-12-24 (last day)            x\u{1b}
        expect-failure  gone        nothing                    2026-12-24 (expired 5 days ago)  x\u{1b}
        ");
        assert!(table(&[]).starts_with("no exceptions"));
    }
}
