//! Channels: their generations, what differs between two, and what publishing would do; as text and as JSON.
//!
//! JSON: `version` (1) and what `docs/schema/repo-list.json` and `docs/schema/repo-changes.json` say.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Side, columns, count, plain};
use crate::repo::{Change, Changed};

/// The version of the JSON forms.
pub const CHANNEL_VERSION: u32 = 1;

/// More changes of a distro are only counted, unless all are wanted.
const MOST_CHANGES: usize = 40;

/// A generation, as it is told.
#[derive(Debug)]
pub struct GenerationTold<'a> {
    /// Its number.
    pub number: u64,
    /// Whether it is what people get.
    pub is_current: bool,
    /// The date of its lists, in seconds since 1970.
    pub date: i64,
    /// Until when they are valid; `None`: they do not say.
    pub valid_until: Option<i64>,
    /// Where it comes from.
    pub way: WayTold<'a>,
    /// Fingerprint of the key that signed it.
    pub key: &'a str,
    /// Where it is.
    pub path: String,
    /// Binary packages in it.
    pub packages: usize,
    /// How many are new, gone and changed since the one before.
    pub changes: Option<[usize; 3]>,
    /// Its distros, each with the generation since which it is as it is.
    pub distros: Vec<(&'a str, u64)>,
}

/// Where a generation comes from, as it is told.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WayTold<'a> {
    /// What was built was published.
    Published,
    /// What another channel had was taken over.
    Promoted {
        /// The other channel.
        from: &'a str,
        /// Its generation.
        generation: u64,
    },
    /// An earlier one was taken up again.
    RolledBack {
        /// Its number.
        to: u64,
    },
    /// A component, and what depends on it, was changed in the one before.
    Hotfix {
        /// The component.
        component: &'a str,
    },
}

/// What a distro's part of a channel comes to, as it is told.
#[derive(Debug, Serialize)]
pub struct DistroTold<'a> {
    /// The distro.
    pub distro: &'a str,
    /// Why what was built is not published, in words; `None`: it is.
    pub held: Option<String>,
    /// What differs, sorted.
    pub changes: &'a [Changed],
}

/// The generations of a channel as a table, the newest first.
pub fn table(generations: &[GenerationTold<'_>]) -> String {
    let rows: Vec<[String; 5]> = generations
        .iter()
        .rev()
        .map(|told| {
            let mark = if told.is_current { "*" } else { " " };
            let changes = told.changes.map_or_else(String::new, |changes| counted(&changes));
            [format!("{mark} {}", told.number), time(told.date), count(told.packages, "package"), changes, way(told)]
        })
        .collect();
    columns(&rows, [Side::Left, Side::Left, Side::Right, Side::Left, Side::Left])
}

/// Such as `+2 −1 ~3`: new, gone, changed.
fn counted([added, removed, changed]: &[usize; 3]) -> String {
    let part = |sign: &str, number: usize| (number > 0).then(|| format!("{sign}{number}"));
    let parts = [part("+", *added), part("−", *removed), part("~", *changed)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn way(generation: &GenerationTold<'_>) -> String {
    let mut told = match generation.way {
        WayTold::Published => String::new(),
        WayTold::Promoted { from, generation } => format!("generation {generation} of {from}"),
        WayTold::RolledBack { to } => format!("generation {to} again"),
        WayTold::Hotfix { component } => format!("hotfix of {component}"),
    };
    if let Some(until) = generation.valid_until {
        let comma = if told.is_empty() { "" } else { ", " };
        let _ = write!(told, "{comma}valid until {}", time(until));
    }
    told
}

/// What differs, distro by distro. Without `all`, long lists are cut.
pub fn changes(distros: &[DistroTold<'_>], all: bool) -> String {
    let mut text = String::new();
    for DistroTold { distro, held, changes } in distros {
        let told = match (held, changes.len()) {
            (Some(why), _) => format!("held back: {}", plain(why)),
            (None, 0) => "nothing changes".to_owned(),
            (None, number) => format!("{} differ{}", count(number, "package"), if number == 1 { "s" } else { "" }),
        };
        let _ = writeln!(text, "{distro}: {told}");
        let most = if all { usize::MAX } else { MOST_CHANGES };
        text.push_str(&rows(&changes[..changes.len().min(most)]));
        if changes.len() > most {
            let _ = writeln!(text, "  and {} more; `--all` shows them", changes.len() - most);
        }
    }
    text
}

/// Packages that differ, a line each.
pub fn rows(changes: &[Changed]) -> String {
    columns(&changes.iter().map(row).collect::<Vec<_>>(), [Side::Left, Side::Left, Side::Left])
}

fn row(changed: &Changed) -> [String; 3] {
    let Changed { name, arch, change } = changed;
    let told = match change {
        Change::Added { version } => format!("new {}", plain(version)),
        Change::Removed { version } => format!("gone {}", plain(version)),
        Change::Changed { from, to } => format!("{} → {}", plain(from), plain(to)),
    };
    [format!("  {}", plain(name)), plain(arch), told]
}

/// A time as people read it: `2026-11-29 12:00 UTC`.
pub fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[derive(Serialize)]
struct JsonList<'a> {
    version: u32,
    channel: &'a str,
    generations: Vec<JsonGeneration<'a>>,
}

#[derive(Serialize)]
struct JsonGeneration<'a> {
    number: u64,
    current: bool,
    date: String,
    valid_until: Option<String>,
    way: WayTold<'a>,
    key: &'a str,
    packages: usize,
    changes: Option<JsonCounts>,
    path: &'a str,
    distros: Vec<JsonPart<'a>>,
}

#[derive(Serialize)]
struct JsonCounts {
    added: usize,
    removed: usize,
    changed: usize,
}

#[derive(Serialize)]
struct JsonPart<'a> {
    distro: &'a str,
    since: u64,
}

/// The generations as JSON, oldest first.
pub fn json(channel: &str, generations: &[GenerationTold<'_>]) -> String {
    let generations = generations.iter().map(|one| JsonGeneration {
        number: one.number,
        current: one.is_current,
        date: instant(one.date),
        valid_until: one.valid_until.map(instant),
        way: one.way,
        key: one.key,
        packages: one.packages,
        changes: one.changes.map(|[added, removed, changed]| JsonCounts { added, removed, changed }),
        path: &one.path,
        distros: one.distros.iter().map(|(distro, since)| JsonPart { distro, since: *since }).collect(),
    });
    let list = JsonList { version: CHANNEL_VERSION, channel, generations: generations.collect() };
    pretty(&list)
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain structs") + "\n"
}

fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

#[derive(Serialize)]
struct JsonChanges<'a> {
    version: u32,
    channel: &'a str,
    from: Option<u64>,
    to: Option<u64>,
    distros: &'a [DistroTold<'a>],
}

/// What differs as JSON. `to` is `None` for what would be published.
pub fn json_of_changes(channel: &str, from: Option<u64>, to: Option<u64>, distros: &[DistroTold<'_>]) -> String {
    pretty(&JsonChanges { version: CHANNEL_VERSION, channel, from, to, distros })
}
