//! What stands in a store, what keeps it, what a collection took and a verification found, as text for people and data for
//! programs.

mod verified;

use std::collections::BTreeMap;

use serde::Serialize;
pub use verified::{FindingTold, RepairTold, VerifiedTold, verified};

use super::causes::date;
use super::{count, duration, plain, size};
use crate::store::RootEntry;
use crate::store::collect::{Amount, Kind, Reason, Stored};

/// The version of the JSON: raised when a field changes its meaning or goes.
pub const STORE_VERSION: u32 = 1;

/// Amounts by the word for what they have in common.
pub type Amounts = BTreeMap<String, Amount>;

/// What a collection took, or would take.
#[derive(Debug, Clone, Serialize)]
pub struct CollectionTold {
    version: u32,
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// Bytes that the store had before, roots included.
    pub total_bytes: u64,
    /// Bytes that are free on its disk: before, in a dry run; else afterwards.
    pub free_bytes: u64,
    /// What is kept, by what keeps it.
    pub kept: Amounts,
    /// What went, by kind.
    pub collected: Amounts,
    /// What is dead, but not for long enough to go; counted in a dry run only.
    pub young: Amount,
    /// The roots that went.
    pub roots: Vec<RootTold>,
}

/// A root that went, or would.
#[derive(Debug, Clone, Serialize)]
pub struct RootTold {
    /// Its action key.
    pub key: String,
    /// The bytes that it took on the disk.
    pub bytes: u64,
}

impl RootTold {
    /// Of a root that takes `bytes`.
    pub fn new(root: &RootEntry, bytes: u64) -> Self {
        Self { key: root.key.to_string(), bytes }
    }
}

/// A file of a store in a dry run.
#[derive(Debug, Clone, Serialize)]
pub struct FileTold {
    version: u32,
    /// Where it is, relative to the store.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it goes.
    pub goes: bool,
    /// What keeps it; `None` where it is dead.
    pub kept: Option<String>,
    /// When it died, in seconds since 1970; `None` where it is alive.
    pub dead_since: Option<i64>,
}

impl FileTold {
    /// Of a stored file.
    pub fn new(stored: &Stored, reason: Option<&Reason>, since: Option<i64>, goes: bool) -> Self {
        let kept = reason.filter(|_| since.is_none()).map(ToString::to_string);
        Self { version: STORE_VERSION, path: stored.place.clone(), bytes: stored.bytes, goes, kept, dead_since: since }
    }
}

impl CollectionTold {
    /// Before anything went.
    pub fn new(dry_run: bool, total_bytes: u64, free_bytes: u64, kept: Amounts) -> Self {
        let (collected, young, roots) = (Amounts::new(), Amount::default(), Vec::new());
        Self { version: STORE_VERSION, dry_run, total_bytes, free_bytes, kept, collected, young, roots }
    }

    /// One file of a kind goes.
    pub fn add(&mut self, kind: Kind, bytes: u64) {
        self.collected.entry(kind.plural().to_owned()).or_default().add(bytes);
    }

    /// So many of a kind went.
    pub fn take(&mut self, kind: &str, amount: Amount) {
        if amount.count > 0 {
            self.collected.insert(kind.to_owned(), amount);
        }
    }

    /// The bytes that went, or would.
    pub fn bytes(&self) -> u64 {
        let files: u64 = self.collected.values().map(|amount| amount.bytes).sum();
        files + self.roots.iter().map(|root| root.bytes).sum::<u64>()
    }
}

/// What is in a store.
#[derive(Debug, Clone, Serialize)]
pub struct InfoTold {
    version: u32,
    /// Its folder.
    pub path: String,
    /// The bytes of all of it, roots included.
    pub total_bytes: u64,
    /// The bytes of what nothing needs.
    pub unreachable_bytes: u64,
    /// Bytes that are free on its disk.
    pub free_bytes: u64,
    /// What it has, by kind.
    pub files: Amounts,
    /// What is kept, by what keeps it.
    pub kept: Amounts,
    /// The projects that it keeps results for.
    pub projects: Vec<ProjectTold>,
    /// What is kept by name.
    pub pins: Vec<PinTold>,
}

impl InfoTold {
    /// With nothing told of its content yet.
    pub fn new(path: String, total_bytes: u64, unreachable_bytes: u64, free_bytes: u64) -> Self {
        let (files, kept) = (Amounts::new(), Amounts::new());
        let (projects, pins) = (Vec::new(), Vec::new());
        Self { version: STORE_VERSION, path, total_bytes, unreachable_bytes, free_bytes, files, kept, projects, pins }
    }
}

/// A project that a store keeps results for.
#[derive(Debug, Clone, Serialize)]
pub struct ProjectTold {
    /// Its folder.
    pub folder: String,
    /// When its list last changed, in seconds since 1970.
    pub updated: i64,
    /// How many nodes it has.
    pub nodes: usize,
    /// How many of them have a result.
    pub realised: usize,
    /// Whether its folder is not there (any more, or on this machine).
    pub gone: bool,
}

/// Results that are kept by name.
#[derive(Debug, Clone, Serialize)]
pub struct PinTold {
    /// The name.
    pub name: String,
    /// The project's folder.
    pub project: String,
    /// When it was made, in seconds since 1970.
    pub made: i64,
    /// The nodes.
    pub nodes: Vec<String>,
}

/// A result in a store.
#[derive(Debug, Clone, Serialize)]
pub struct ListedTold {
    /// The version of the JSON.
    pub version: u32,
    /// The node that ran.
    pub node: String,
    /// The action key.
    pub key: String,
    /// The number of the build.
    pub number: Option<u32>,
    /// When it started, in seconds since 1970.
    pub started: i64,
    /// How long it took.
    pub milliseconds: u64,
    /// The bytes of its outputs.
    pub bytes: u64,
    /// Whether those are here.
    pub present: bool,
    /// What keeps it; `None` where nothing does.
    pub kept: Option<String>,
}

/// What is in a store, for people.
pub fn info(told: &InfoTold) -> String {
    let mut text = format!("{}\n", plain(&told.path));
    for (kind, amount) in &told.files {
        text.push_str(&format!("  {kind:<12} {:>9}  {}\n", size(amount.bytes), amount.count));
    }
    text.push_str(&format!(
        "  {:<12} {:>9}  of which {} are needed by nothing; {} are free on the disk\n",
        "all",
        size(told.total_bytes),
        size(told.unreachable_bytes),
        size(told.free_bytes)
    ));
    text.push_str("\nkept for\n");
    for (keeper, amount) in &told.kept {
        text.push_str(&format!("  {keeper:<12} {:>9}  {}\n", size(amount.bytes), amount.count));
    }
    text.push_str("\nprojects\n");
    for project in &told.projects {
        let gone = if project.gone { ", and its folder is not there" } else { "" };
        text.push_str(&format!(
            "  {}  {} of {} nodes have results, as of {}{gone}\n",
            plain(&project.folder),
            project.realised,
            project.nodes,
            date(project.updated)
        ));
    }
    if !told.pins.is_empty() {
        text.push('\n');
        text.push_str(&pins(&told.pins));
    }
    text
}

/// Pins, for people.
pub fn pins(pins: &[PinTold]) -> String {
    let mut text = String::from("pins\n");
    for pin in pins {
        let (count, date) = (count(pin.nodes.len(), "node"), date(pin.made));
        text.push_str(&format!("  {:<20} {count} of {}, {date}\n", pin.name, plain(&pin.project)));
    }
    text
}

/// Results, for people: a line each.
pub fn listed(listed: &[ListedTold]) -> String {
    let width = listed.iter().map(|one| one.node.len()).max().unwrap_or(0);
    let line = |one: &ListedTold| {
        let bytes = if one.present { size(one.bytes) } else { "elsewhere".to_owned() };
        let kept = one.kept.as_ref().map_or_else(|| "needed by nothing".to_owned(), |kept| plain(kept));
        let (date, took) = (date(one.started), duration(one.milliseconds));
        format!("{:<width$}  {}  {bytes:>9}  {took:>10}  {date}  {kept}\n", plain(&one.node), &one.key[..12])
    };
    listed.iter().map(line).collect()
}

/// One line of a dry run's list.
pub fn file_line(file: &FileTold) -> String {
    let fate = if file.goes { "goes" } else { "stays" };
    let why = match (&file.kept, file.dead_since) {
        (Some(reason), _) => plain(reason),
        (None, Some(since)) => format!("unreachable since {}", date(since)),
        (None, None) => String::new(),
    };
    format!("{fate:<5}  {:>9}  {}  {why}\n", size(file.bytes), file.path)
}

/// What a collection came to, for people.
pub fn collection(told: &CollectionTold) -> String {
    let mut text = String::new();
    let kept: u64 = told.kept.values().map(|amount| amount.bytes).sum();
    text.push_str(&format!("the store has {}; kept are {} of files:\n", size(told.total_bytes), size(kept)));
    for (keeper, amount) in &told.kept {
        text.push_str(&format!("  {keeper:<10} {:>9}  {}\n", size(amount.bytes), count(amount.count_usize(), "file")));
    }
    let word = if told.dry_run { "would be collected" } else { "collected" };
    if told.bytes() == 0 {
        text.push_str(if told.dry_run { "nothing would be collected\n" } else { "nothing was collected\n" });
    } else {
        text.push_str(&format!("{word}: {}\n", size(told.bytes())));
        for (kind, amount) in &told.collected {
            text.push_str(&format!("  {kind:<12} {:>9}  {}\n", size(amount.bytes), amount.count));
        }
        if !told.roots.is_empty() {
            let bytes = told.roots.iter().map(|root| root.bytes).sum();
            text.push_str(&format!("  {:<12} {:>9}  {}\n", "roots", size(bytes), told.roots.len()));
        }
    }
    if told.young.count > 0 {
        let (files, bytes) = (count(told.young.count_usize(), "file"), size(told.young.bytes));
        text.push_str(&format!("{files} ({bytes}) that nothing needs stay: not unreachable for long enough\n"));
    }
    text.push_str(&format!("{} are free on its disk\n", size(told.free_bytes)));
    text
}
