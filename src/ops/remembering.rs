//! Evaluating a project as far as its cache does not know what it comes to.
//!
//! Where only recipes changed, which no other file can import, these alone are evaluated: whatever else an evaluation
//! would come to follows from files that stayed as they were. Where only sources changed, nothing is.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::thread::ScopedJoinHandle;

use super::memo::{self, Earlier, Found, KnownSources, Memo, Partly, Recalled, Remembered, Rest};
use super::session::Session;
use crate::diag::Failure;
use crate::eval::weave::{self, Asked, Before, Looked};
use crate::eval::{self, Only, RecipeWarning};
use crate::fetch::Visited;
use crate::graph::{Excepted, Graph};
use crate::lock::Lock;
use crate::project::{NotedFiles, Project, Stamps, now_exact, today};
use crate::settings::SourceRule;

/// What folders were asked for, what they answered, and what was looked at in those that are not known.
type Asking = (BTreeMap<String, Asked>, Looked, BTreeMap<String, Visited>);

/// What a project comes to.
struct Come {
    graph: Graph,
    warnings: Vec<RecipeWarning>,
    notices: Vec<String>,
    /// Where all of it was evaluated.
    evaluated: Option<eval::Project>,
    lock: Option<Lock>,
    basis: Basis,
}

/// What that follows from.
struct Basis {
    before: Before,
    /// What was learned of sources; `None` where one changed meanwhile.
    sources: Option<KnownSources>,
    /// The files that were not looked at, as they stayed as they were.
    stayed: Stamps,
}

/// Changed recipes, evaluated alone.
struct Part {
    project: eval::Project,
    rest: Rest,
}

/// An earlier graph with what changed in it, and what it was woven from earlier.
struct Amended {
    graph: Graph,
    notices: Vec<String>,
    looked: Asking,
    before: Before,
}

impl Session {
    /// Evaluates `project`, as far as `memo` does not know what it comes to.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(super) fn remembering(project: Project, memo: Option<Memo>) -> Result<Self, Failure> {
        let began = now_exact();
        let exceptions = project.exceptions()?;
        let Partly { known, earlier } = match memo.as_ref().map(|memo| memo.recall(&project)) {
            Some(Recalled::All(all)) => {
                let Remembered { graph, warnings, notices, watched } = *all;
                let is_silent = warnings.is_empty() && notices.is_empty();
                let (evaluated, lock, watched) = (OnceLock::new(), OnceLock::new(), is_silent.then_some(watched));
                let excepted = Excepted::of(&exceptions, &graph, &today());
                return Ok(Self { project, graph, exceptions, excepted, warnings, notices, evaluated, lock, watched });
            }
            Some(Recalled::Some(partly)) => *partly,
            None => Partly::default(),
        };
        let files = NotedFiles::new(&project);
        let Come { graph, warnings, notices, evaluated, lock, basis } =
            come_to(&project, &files, earlier, (&known, began))?;
        let Basis { before, sources, stayed } = basis;
        if let (Some(memo), Some(sources)) = (memo, sources) {
            let (seen, graph, warnings, notices) = (files.seen(), (&graph, &before), &warnings[..], &notices[..]);
            let found = Found { began, seen, stayed, sources, graph, warnings, notices };
            // Where it cannot be kept, the next evaluation begins from nothing, and comes to the same.
            let _ = memo.keep(&project, found);
        }
        let (evaluated, lock) = (in_cell(evaluated), in_cell(lock));
        let excepted = Excepted::of(&exceptions, &graph, &today());
        Ok(Self { project, graph, exceptions, excepted, warnings, notices, evaluated, lock, watched: None })
    }
}

fn in_cell<T>(value: Option<T>) -> OnceLock<T> {
    value.map_or_else(OnceLock::new, OnceLock::from)
}

fn come_to(
    project: &Project,
    files: &NotedFiles<'_>,
    earlier: Option<Earlier>,
    (known, began): (&KnownSources, i64),
) -> Result<Come, Failure> {
    let learned = |(asked, looked, visited): &Asking| memo::learned(project, known, (asked, looked, visited), began);
    let mut evaluated = None;
    if let Some(mut earlier) = earlier {
        if let Some(part) = earlier.rest.take().and_then(|rest| alone(files, rest)) {
            let Part { project: part, rest } = part;
            if let Some(amended) = amended(project, (&part, Some(&rest.recipes)), earlier, known) {
                let Amended { graph, notices, looked, before } = amended;
                let sources = learned(&looked);
                let (before, warnings) = (before.with(&rest.recipes, &part), part.warnings);
                let basis = Basis { before, sources, stayed: rest.files };
                return Ok(Come { graph, warnings, notices, evaluated: None, lock: None, basis });
            }
        } else {
            let mut all = super::watch::evaluate(files)?;
            if let Some(Amended { graph, notices, looked, .. }) = amended(project, (&all, None), earlier, known) {
                let warnings = std::mem::take(&mut all.warnings);
                let basis = Basis { before: Before::of(&all), sources: learned(&looked), stayed: Stamps::default() };
                return Ok(Come { graph, warnings, notices, evaluated: Some(all), lock: None, basis });
            }
            evaluated = Some(all);
        }
    }
    let (evaluated, lock) = std::thread::scope(|scope| {
        let lock = scope.spawn(|| project.lock());
        let evaluated = evaluated.map_or_else(|| super::watch::evaluate(files), Ok);
        (evaluated, joined(lock))
    });
    let (mut evaluated, lock) = (evaluated?, lock?);
    let warnings = std::mem::take(&mut evaluated.warnings);
    let (woven, before, sources) = std::thread::scope(|scope| {
        // What is kept for the next time is found out beside the weaving.
        let before = scope.spawn(|| Before::of(&evaluated));
        let sources = RefCell::new(None);
        let woven = weave::weave(&evaluated, &lock, &project.settings, &|asked| {
            let (answers, visited) = memo::look_at(project, known, asked);
            let looked = (asked.clone(), answers.clone(), visited);
            sources.replace(Some(scope.spawn(move || learned(&looked))));
            answers
        });
        (woven, joined(before), sources.into_inner().map_or_else(|| Some(KnownSources::new()), joined))
    });
    let woven = woven?;
    let basis = Basis { before, sources, stayed: Stamps::default() };
    let (graph, notices) = (woven.graph, woven.notices);
    Ok(Come { graph, warnings, notices, evaluated: Some(evaluated), lock: Some(lock), basis })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What recipes that changed come to, evaluated alone if there are any; `None` where an evaluation of everything has to say what they come to.
fn alone(files: &NotedFiles<'_>, mut rest: Rest) -> Option<Part> {
    if rest.recipes.is_empty() {
        let mut project = eval::Project::default();
        project.warnings = std::mem::take(&mut rest.warnings);
        return Some(Part { project, rest });
    }
    let mut project = super::watch::evaluate(&Only { files, recipes: &rest.recipes }).ok()?;
    if project.warnings.iter().any(|warning| !rest.recipes.contains(warning.file())) {
        return None;
    }
    let mut warnings = std::mem::take(&mut rest.warnings);
    warnings.append(&mut project.warnings);
    project.warnings = RecipeWarning::sorted(warnings);
    Some(Part { project, rest })
}

/// The graph that `earlier` comes to now; `None` where it is to be woven anew.
fn amended(
    project: &Project,
    (evaluated, read): (&eval::Project, Option<&BTreeSet<String>>),
    earlier: Earlier,
    known: &KnownSources,
) -> Option<Amended> {
    // A recipe that names another repository may have no release.
    if project.settings.rule_of(project.lock_name()) == SourceRule::Releases {
        return None;
    }
    let Earlier { graph, before, notices, moved, .. } = earlier;
    let mut asked: BTreeMap<String, Asked> =
        moved.iter().map(|(folder, (asked, _))| (folder.clone(), asked.clone())).collect();
    let (mut looked, visited) = project.look_at_noting(&asked);
    for (folder, (of_folder, source, _)) in known {
        asked.insert(folder.clone(), of_folder.clone());
        looked.insert(folder.clone(), Ok(source.clone()));
    }
    let moved = moved.iter().map(|(folder, (_, source))| (folder.as_str(), source)).collect();
    let earlier = weave::Earlier { graph, before: &before, read, moved };
    let graph = weave::amend(earlier, evaluated, &project.settings, &looked, &|| project.lock().ok())?;
    Some(Amended { graph, notices, looked: (asked, looked, visited), before })
}
