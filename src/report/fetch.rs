//! What a fetch came to, as text for people and data for programs.

use serde::Serialize;

use super::{count, plain, size};

/// The version of the JSON: raised when a field changes its meaning or goes.
pub const FETCH_VERSION: u32 = 1;

/// How many, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Their bytes: as they were downloaded, of sources their files.
    pub bytes: u64,
}

/// Amounts by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Kinds {
    /// Package indexes of targets.
    pub indexes: Amount,
    /// Sources that are not folders of the project.
    pub sources: Amount,
    /// Packages for roots, each once.
    pub packages: Amount,
}

/// What could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Missing {
    /// What a node comes to: an index, a source, a package list.
    Node {
        /// The node.
        node: String,
        /// Why.
        why: String,
    },
    /// A package list that waits for builds, and cannot be guessed before them.
    List {
        /// The node.
        node: String,
        /// Why.
        why: String,
    },
    /// A package.
    Package {
        /// Its name.
        package: String,
        /// Its version.
        version: String,
        /// Its arch, or `all`.
        arch: String,
        /// Roots that it is for.
        roots: Vec<String>,
        /// Why.
        why: String,
    },
}

/// What a fetch came to.
#[derive(Debug, Clone, Serialize)]
pub struct FetchTold {
    version: u32,
    /// Whether nothing was fetched, only looked at.
    pub check: bool,
    /// Whether it was stopped before its end, so that not all was looked at.
    pub stopped: bool,
    /// Whether all is here that a build without network would read, as far as that can be told before it.
    pub complete: bool,
    /// What came.
    pub fetched: Kinds,
    /// What was here before.
    pub here: Kinds,
    /// Roots whose package list waits for builds, and was guessed.
    pub guessed: Vec<String>,
    /// What could not be had.
    pub missing: Vec<Missing>,
}

impl FetchTold {
    /// Of these parts.
    pub fn new(check: bool, fetched: Kinds, here: Kinds, guessed: Vec<String>, missing: Vec<Missing>) -> Self {
        let complete = missing.is_empty();
        Self { version: FETCH_VERSION, check, stopped: false, complete, fetched, here, guessed, missing }
    }

    /// The same, where it was stopped before its end.
    #[must_use]
    pub fn cut_short(self) -> Self {
        Self { stopped: true, complete: false, ..self }
    }
}

/// The same for people.
pub fn text(told: &FetchTold) -> String {
    let nothing_came = told.fetched == Kinds::default();
    let mut text = match (told.check, told.complete) {
        (true, _) if told.stopped => "stopped before all was looked at\n".to_owned(),
        (false, _) if told.stopped && nothing_came => "stopped before anything came\n".to_owned(),
        (false, _) if told.stopped => format!("stopped; fetched {} so far\n", shown(&told.fetched)),
        (true, true) => format!("a build without network has what it needs{}\n", behind(": ", &told.here)),
        (true, false) => "a build without network lacks:\n".to_owned(),
        (false, true) if nothing_came => format!("nothing to fetch: {} here\n", are(&told.here)),
        (false, _) if nothing_came => "fetched nothing\n".to_owned(),
        (false, _) => format!("fetched {}\n", shown(&told.fetched)),
    };
    for missing in &told.missing {
        text.push_str(&match missing {
            Missing::Node { node, why } => format!("missing {}: {}\n", plain(node), one_line(why)),
            Missing::List { node, why } => {
                format!("unknown {}, which waits for builds: {}\n", plain(node), one_line(why))
            }
            Missing::Package { package, version, arch, roots, why } => {
                let more = match roots.len() {
                    0 | 1 => String::new(),
                    many => format!(" and {} more", many - 1),
                };
                let root = roots.first().map_or(String::new(), |root| format!(" for {}{more}", plain(root)));
                format!("missing {} {} {}{root}: {}\n", plain(package), plain(version), plain(arch), one_line(why))
            }
        });
    }
    match told.guessed.len() {
        0 => {}
        1 => text.push_str("1 package list is only known once other components are built: it is a guess\n"),
        many => text.push_str(&format!(
            "{many} package lists are only known once other components are built: they are a guess\n"
        )),
    }
    text
}

fn one_line(text: &str) -> String {
    plain(&text.trim_end().replace('\n', "; "))
}

fn shown(kinds: &Kinds) -> String {
    let bytes = [kinds.indexes, kinds.sources, kinds.packages].iter().map(|amount| amount.bytes).sum();
    format!("{}, {}", counts(kinds), size(bytes))
}

fn behind(word: &str, kinds: &Kinds) -> String {
    if *kinds == Kinds::default() { String::new() } else { format!("{word}{}", counts(kinds)) }
}

fn are(kinds: &Kinds) -> String {
    let Kinds { indexes, sources, packages } = kinds;
    match indexes.count + sources.count + packages.count {
        0 => "what a build would read is".to_owned(),
        1 => format!("{} is", counts(kinds)),
        _ => format!("{} are", counts(kinds)),
    }
}

/// The kinds of which there are any: `1 index and 2 packages`.
fn counts(kinds: &Kinds) -> String {
    let of = |amount: Amount, word| count(usize::try_from(amount.count).unwrap_or(usize::MAX), word);
    let indexes = match kinds.indexes.count {
        1 => "1 index".to_owned(),
        many => format!("{many} indexes"),
    };
    let all = [
        (kinds.indexes, indexes),
        (kinds.sources, of(kinds.sources, "source")),
        (kinds.packages, of(kinds.packages, "package")),
    ];
    let there: Vec<String> = all.into_iter().filter(|(amount, _)| amount.count > 0).map(|(_, words)| words).collect();
    match &there[..] {
        [first, second, third] => format!("{first}, {second} and {third}"),
        others => others.join(" and "),
    }
}
