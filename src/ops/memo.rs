//! What a project's last evaluation came to, kept where nothing is lost if it goes: in the user's cache folder.
//!
//! A file for each project: what the evaluation looked at with the system's stamps, what it told, what was learned of each
//! local source, the graph, and what it was woven from. While every stamp is as it was, the graph is taken from here; where
//! only recipes and sources changed, it may be amended; other sources are not read again. Whatever is wrong with it, evaluation begins from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::keeping;
use super::kept::Kept;
use crate::columns::put_bytes;
use crate::eval::weave::{Asked, Before, LocalSource, Looked};
use crate::eval::{Files as _, KeptWarning, RECIPES, RecipeWarning, is_recipe};
use crate::fetch::Visited;
use crate::graph::Graph;
use crate::path::HostPath;
use crate::project::{self, Project, ProjectFiles, SETTINGS_FILE, Stamps};

/// Raised when the file is laid out differently.
const FORMAT: &str = "opb evaluation 8";

/// The cache of a project's evaluation.
pub struct Memo(Kept);

/// What an evaluation came to.
pub struct Remembered {
    /// Everything that is pinned.
    pub graph: Graph,
    /// What may not be what was meant.
    pub warnings: Vec<RecipeWarning>,
    /// Lines for people.
    pub notices: Vec<String>,
    /// What all of it follows from.
    pub watched: Vec<Stamps>,
}

/// What is known of local sources, by folder, with what it follows from.
pub type KnownSources = BTreeMap<String, (Asked, LocalSource, Stamps)>;

/// What the cache has.
pub enum Recalled {
    /// Everything is as it was.
    All(Box<Remembered>),
    /// Something has changed.
    Some(Box<Partly>),
}

/// What the cache has where something has changed.
#[derive(Default)]
pub struct Partly {
    /// What is still true of local sources.
    pub known: KnownSources,
    /// The graph as it was, where nothing changed but recipes and local sources.
    pub earlier: Option<Earlier>,
}

/// A graph that was made before something changed.
pub struct Earlier {
    /// The graph.
    pub graph: Graph,
    /// What it was woven from.
    pub before: Before,
    /// Lines for people.
    pub notices: Vec<String>,
    /// Local sources that have changed, as they were.
    pub moved: BTreeMap<String, (Asked, LocalSource)>,
    /// Where nothing changed but recipes and sources: what need not be evaluated again.
    pub rest: Option<Rest>,
}

/// What stays where some recipes changed, or local sources alone.
pub struct Rest {
    /// The files of the recipes that changed; none where only sources did.
    pub recipes: BTreeSet<String>,
    /// The files that stay.
    pub files: Stamps,
    /// What was said of recipes that stay.
    pub warnings: Vec<RecipeWarning>,
}

/// What an evaluation came to, to be kept.
pub struct Found<'a> {
    /// When it began, in nanoseconds since 1970.
    pub began: i64,
    /// What it looked at since.
    pub seen: BTreeSet<String>,
    /// What it did not look at, as it stayed as it was.
    pub stayed: Stamps,
    /// What was learned of sources.
    pub sources: KnownSources,
    /// The graph, and what it was woven from.
    pub graph: (&'a Graph, &'a Before),
    /// What may not be what was meant.
    pub warnings: &'a [RecipeWarning],
    /// Lines for people.
    pub notices: &'a [String],
}

#[derive(Serialize, Deserialize)]
struct Head {
    files: Stamps,
    sources: BTreeMap<String, Stamps>,
    warnings: Vec<KeptWarning>,
    notices: Vec<String>,
}

impl Memo {
    /// The cache of `project`; `None` where there is no place for it.
    pub fn of(project: &Project) -> Option<Self> {
        Self::below(&project::cache_folder()?.join("evaluations"), project)
    }

    /// The cache of `project` in `folder`, which is made where it is not there.
    pub fn below(folder: &HostPath, project: &Project) -> Option<Self> {
        Kept::below(folder, FORMAT, keeping::project_of(project).as_bytes()).map(Self)
    }

    /// What is known of `project`.
    pub fn recall(&self, project: &Project) -> Recalled {
        self.read(project).unwrap_or_else(|| Recalled::Some(Box::default()))
    }

    fn read(&self, project: &Project) -> Option<Recalled> {
        let mut from = self.0.read()?;
        let (head, sources, before) = (from.shared().ok()?, from.shared().ok()?, from.shared().ok()?);
        let mut head: Head = serde_json::from_slice(&head).ok()?;
        let (same, moved): (BTreeSet<&String>, BTreeSet<&String>) =
            head.sources.keys().partition(|folder| project.is_unchanged(&head.sources[*folder]));
        let changed: BTreeSet<String> = project.changed(&head.files).into_iter().map(str::to_owned).collect();
        if moved.is_empty() && changed.is_empty() {
            let files = ProjectFiles(project.root());
            let warnings: Option<_> =
                head.warnings.into_iter().map(|kept| RecipeWarning::again(kept, &files)).collect();
            let graph = Graph::read(from).ok()?;
            let watched = head.sources.into_values().chain([head.files]).collect();
            let all = Remembered { graph, warnings: warnings?, notices: head.notices, watched };
            return Some(Recalled::All(Box::new(all)));
        }
        let sources: BTreeMap<String, (Asked, LocalSource)> = serde_json::from_slice(&sources).ok()?;
        let (mut known, mut of_moved) = (KnownSources::new(), BTreeMap::new());
        for (folder, (asked, source)) in sources {
            if same.contains(&folder) {
                let stamps = head.sources.get(&folder)?.clone();
                known.insert(folder, (asked, source, stamps));
            } else {
                of_moved.insert(folder, (asked, source));
            }
        }
        let earlier = if changed.iter().all(|path| path == RECIPES || Path::new(path).starts_with(RECIPES)) {
            let (before, graph) = (serde_json::from_slice(&before).ok()?, Graph::read(from).ok()?);
            let notices = std::mem::take(&mut head.notices);
            Some(Earlier { graph, before, notices, moved: of_moved, rest: rest(project, head, changed) })
        } else {
            None
        };
        Some(Recalled::Some(Box::new(Partly { known, earlier })))
    }

    /// Keeps what an evaluation came to. Does nothing where a file changed meanwhile, or where it cannot be kept.
    pub fn keep(&self, project: &Project, found: Found<'_>) -> Option<()> {
        let own = project.lock_files().chain([SETTINGS_FILE.to_owned()]);
        let files = found.stayed.joined(project.stamps(found.seen.into_iter().chain(own).collect(), found.began)?);
        let (mut known, mut stamps) = (BTreeMap::new(), BTreeMap::new());
        for (folder, (asked, source, of_folder)) in found.sources {
            stamps.insert(folder.clone(), of_folder);
            known.insert(folder, (asked, source));
        }
        let head = Head {
            files,
            sources: stamps,
            warnings: found.warnings.iter().map(RecipeWarning::keep).collect::<Option<_>>()?,
            notices: found.notices.to_vec(),
        };
        let (graph, before) = found.graph;
        let parts =
            [serde_json::to_vec(&head).ok()?, serde_json::to_vec(&known).ok()?, serde_json::to_vec(before).ok()?];
        let write = |to: &mut dyn std::io::Write| {
            parts.iter().try_for_each(|part| put_bytes(to, part))?;
            graph.write(to)
        };
        self.0.write(write).ok()
    }
}

/// What stays where nothing changed but sources and recipes, which no other file can import; `None` where something else did.
fn rest(project: &Project, head: Head, mut changed: BTreeSet<String>) -> Option<Rest> {
    let Head { mut files, warnings, .. } = head;
    let again = |warning| RecipeWarning::again(warning, &ProjectFiles(project.root()));
    if changed.is_empty() {
        let warnings: Option<_> = warnings.into_iter().map(again).collect();
        return Some(Rest { recipes: changed, files, warnings: warnings? });
    }
    // Editors that write a new file and rename it change the folder, too.
    let named_as_before = !changed.remove(RECIPES) || recipe_names(project)? == names_in(&files);
    if !named_as_before || changed.is_empty() || !changed.iter().all(|path| is_recipe(path)) {
        return None;
    }
    files.retain(|path| path != RECIPES && !changed.contains(path));
    let mut kept = Vec::new();
    for warning in warnings.into_iter().filter(|warning| !changed.contains(warning.file())) {
        if !is_recipe(warning.file()) {
            return None;
        }
        kept.push(again(warning)?);
    }
    Some(Rest { recipes: changed, files, warnings: kept })
}

/// What may be recipes, and folders, in the folder of recipes.
fn recipe_names(project: &Project) -> Option<BTreeSet<String>> {
    let names = ProjectFiles(project.root()).list(RECIPES).ok()?.into_iter();
    let paths = names.map(|name| format!("{RECIPES}/{name}"));
    Some(
        paths
            .filter_map(|path| if is_recipe(&path) { Some(path) } else { path.strip_suffix('/').map(str::to_owned) })
            .collect(),
    )
}

/// The same, as far as it was looked at.
fn names_in(files: &Stamps) -> BTreeSet<String> {
    let is_in = |path: &&str| Path::new(path).parent() == Some(Path::new(RECIPES));
    files.present().filter(is_in).map(str::to_owned).collect()
}

/// Answers about the sources in `asked`: from `known` where the same was asked of them, else by looking.
/// Also what was looked at then.
pub fn look_at(
    project: &Project,
    known: &KnownSources,
    asked: &BTreeMap<String, Asked>,
) -> (Looked, BTreeMap<String, Visited>) {
    let (mut answers, mut open) = (Looked::new(), BTreeMap::new());
    for (folder, asked) in asked {
        match known.get(folder) {
            Some((before, source, _)) if before == asked => drop(answers.insert(folder.clone(), Ok(source.clone()))),
            _ => drop(open.insert(folder.clone(), asked.clone())),
        }
    }
    let (looked, visited) = project.look_at_noting(&open);
    answers.extend(looked);
    (answers, visited)
}

/// What was learned of sources by looking at them since `began`, with what was `known` before; `None` where one changed
/// meanwhile.
pub fn learned(
    project: &Project,
    known: &KnownSources,
    (asked, answers, visited): (&BTreeMap<String, Asked>, &Looked, &BTreeMap<String, Visited>),
    began: i64,
) -> Option<KnownSources> {
    let mut all = KnownSources::new();
    for (folder, asked) in asked {
        let source = answers.get(folder)?.as_ref().ok()?.clone();
        let stamps = match known.get(folder) {
            Some((before, _, stamps)) if before == asked => stamps.clone(),
            _ => {
                let mut paths = Project::paths_of(folder, visited.get(folder)?)?;
                paths.extend(asked.texts.iter().map(|text| format!("{folder}/{text}")));
                project.stamps(paths, began)?
            }
        };
        all.insert(folder.clone(), (asked.clone(), source, stamps));
    }
    Some(all)
}

#[cfg(test)]
#[path = "memo_tests.rs"]
pub(super) mod tests;
