//! Evaluating a project as far as its cache does not know what it comes to.
//!
//! Where only recipes changed, which no other file can import, these alone are evaluated: whatever else an evaluation
//! would come to follows from files that stayed as they were.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::memo::{self, Earlier, Found, KnownSources, Memo, Partly, Recalled, Remembered, Rest};
use super::session::Session;
use crate::diag::Failure;
use crate::eval::weave::{self, Asked, Before, Looked};
use crate::eval::{self, Only, RecipeWarning};
use crate::graph::Graph;
use crate::lock::Lock;
use crate::project::{NotedFiles, Project, Stamps, now_exact};

/// What folders were asked for, and what they answered.
type Asking = (BTreeMap<String, Asked>, Looked);

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
    looked: Asking,
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
        let Partly { known, earlier } = match memo.as_ref().map(|memo| memo.recall(&project)) {
            Some(Recalled::All(all)) => {
                let Remembered { graph, warnings, notices } = *all;
                let (evaluated, lock) = (OnceLock::new(), OnceLock::new());
                return Ok(Self { project, graph, warnings, notices, evaluated, lock });
            }
            Some(Recalled::Some(partly)) => *partly,
            None => Partly::default(),
        };
        let files = NotedFiles::new(&project);
        let Come { graph, warnings, notices, evaluated, lock, basis } = come_to(&project, &files, earlier, &known)?;
        let Basis { before, looked, stayed } = basis;
        if let (Some(memo), Some(sources)) = (memo, memo::learned(&project, known, looked, began)) {
            let (seen, graph, warnings, notices) = (files.seen(), (&graph, &before), &warnings[..], &notices[..]);
            let found = Found { began, seen, stayed, sources, graph, warnings, notices };
            // Where it cannot be kept, the next evaluation begins from nothing, and comes to the same.
            let _ = memo.keep(&project, found);
        }
        let (evaluated, lock) = (in_cell(evaluated), in_cell(lock));
        Ok(Self { project, graph, warnings, notices, evaluated, lock })
    }
}

fn in_cell<T>(value: Option<T>) -> OnceLock<T> {
    value.map_or_else(OnceLock::new, OnceLock::from)
}

fn come_to(
    project: &Project,
    files: &NotedFiles<'_>,
    earlier: Option<Earlier>,
    known: &KnownSources,
) -> Result<Come, Failure> {
    let mut evaluated = None;
    if let Some(mut earlier) = earlier {
        if let Some(part) = earlier.rest.take().and_then(|rest| alone(files, rest)) {
            let Part { project: part, rest } = part;
            if let Some(amended) = amended(project, (&part, Some(&rest.recipes)), earlier, known) {
                let Amended { graph, notices, looked, before } = amended;
                let (before, warnings) = (before.with(&rest.recipes, &part), part.warnings);
                let basis = Basis { before, looked, stayed: rest.files };
                return Ok(Come { graph, warnings, notices, evaluated: None, lock: None, basis });
            }
        } else {
            let mut all = super::watch::evaluate(files)?;
            if let Some(Amended { graph, notices, looked, .. }) = amended(project, (&all, None), earlier, known) {
                let warnings = std::mem::take(&mut all.warnings);
                let basis = Basis { before: Before::of(&all), looked, stayed: Stamps::new() };
                return Ok(Come { graph, warnings, notices, evaluated: Some(all), lock: None, basis });
            }
            evaluated = Some(all);
        }
    }
    let mut evaluated = match evaluated {
        Some(evaluated) => evaluated,
        None => super::watch::evaluate(files)?,
    };
    let lock = project.lock()?;
    let looked = RefCell::new((BTreeMap::new(), Looked::new()));
    let woven = weave::weave(&evaluated, &lock, &project.settings, &|asked| {
        let answers = memo::look_at(project, known, asked);
        looked.replace((asked.clone(), answers.clone()));
        answers
    })?;
    let warnings = std::mem::take(&mut evaluated.warnings);
    let basis = Basis { before: Before::of(&evaluated), looked: looked.into_inner(), stayed: Stamps::new() };
    let (graph, notices) = (woven.graph, woven.notices);
    Ok(Come { graph, warnings, notices, evaluated: Some(evaluated), lock: Some(lock), basis })
}

/// The recipes that changed, evaluated alone; `None` where an evaluation of everything has to say what they come to.
fn alone(files: &NotedFiles<'_>, mut rest: Rest) -> Option<Part> {
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
    let Earlier { graph, before, notices, moved, .. } = earlier;
    let mut asked: BTreeMap<String, Asked> =
        moved.iter().map(|(folder, (asked, _))| (folder.clone(), asked.clone())).collect();
    let mut looked = project.look_at(&asked);
    for (folder, (of_folder, source, _)) in known {
        asked.insert(folder.clone(), of_folder.clone());
        looked.insert(folder.clone(), Ok(source.clone()));
    }
    let moved = moved.iter().map(|(folder, (_, source))| (folder.as_str(), source)).collect();
    let earlier = weave::Earlier { graph, before: &before, read, moved };
    let graph = weave::amend(earlier, evaluated, &project.settings, &looked, &|| project.lock().ok())?;
    Some(Amended { graph, notices, looked: (asked, looked), before })
}
