//! What stands in a store, what is kept by name, and dropping a bad result.

use super::collecting::Survey;
use super::keeping::project_of;
use super::plan::{Wish, plan};
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::drv::ActionKey;
use crate::exec::Numbered;
use crate::graph::{NodeId, Selector, SelectorError};
use crate::name::{NodeName, PinName};
use crate::project;
use crate::report::store::{InfoTold, ListedTold, PinTold, ProjectTold, STORE_VERSION};
use crate::store::collect::Marked;
use crate::store::{Pin, Realisation, Released, Store};

/// Why a deed on a store cannot be done.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StoredError {
    /// No node that was selected has a result.
    #[error("nothing of what was selected is realised")]
    #[diagnostic(code(opb::stored::not_realised), help("run `opb build`, or look at `opb plan`"))]
    NotRealised,
    /// There is no such pin.
    #[error("there is no pin `{name}`")]
    #[diagnostic(code(opb::stored::no_pin), help("`opb store keep` lists them"))]
    NoPin {
        /// Its name.
        name: PinName,
    },
    /// There is no such project.
    #[error("the store keeps nothing for a project in `{project}`")]
    #[diagnostic(code(opb::stored::no_project), help("`opb store info` lists the projects, each by its folder"))]
    NoProject {
        /// Its folder.
        project: String,
    },
    /// It selects nothing.
    #[error(transparent)]
    #[diagnostic(code(opb::stored::selector))]
    Selector(#[from] SelectorError),
}

impl Caused for StoredError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// What is in `store`, and for whom it is kept.
///
/// # Errors
/// Where it cannot be read.
pub fn info(store: &Store) -> Result<InfoTold, Failure> {
    let survey = Survey::of(store)?;
    let mut told = InfoTold::new(store.path().to_string(), survey.total(), survey.dead_bytes(), store.free_bytes()?);
    (told.files, told.kept) = (survey.all().clone(), survey.kept().clone());
    for list in store.project_lists()? {
        let realised = list.nodes.iter().filter(|(_, key)| key.is_some()).count();
        let gone = !std::path::Path::new(&list.project).exists();
        told.projects.push(ProjectTold {
            folder: list.project,
            updated: list.updated,
            nodes: list.nodes.len(),
            realised,
            gone,
        });
    }
    told.pins = pins(store)?;
    Ok(told)
}

/// The pins of `store`.
///
/// # Errors
/// Where one cannot be read.
pub fn pins(store: &Store) -> Result<Vec<PinTold>, Failure> {
    let told = |pin: Pin| PinTold {
        name: pin.name.to_string(),
        project: pin.project,
        made: pin.made,
        nodes: pin.nodes.into_iter().map(|(node, _)| node).collect(),
    };
    Ok(store.pins()?.into_iter().map(told).collect())
}

/// The results in `store` whose nodes `selectors` mean, all without any; by node, the latest first.
///
/// # Errors
/// [`StoredError::Selector`], or where the store cannot be read.
pub fn list(store: &Store, selectors: &[String]) -> Result<Vec<ListedTold>, Failure> {
    let selectors: Vec<Selector> =
        selectors.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(StoredError::from)?;
    let marked = super::collecting::mark(store)?;
    let mut listed = Vec::new();
    for key in store.record_keys()? {
        let Some(found) = store.realisation(key)? else { continue };
        let name = found.node.parse::<NodeName>();
        let is_meant =
            |name: &NodeName| selectors.is_empty() || selectors.iter().any(|selector| selector.matches(name));
        if name.is_ok_and(|name| is_meant(&name)) {
            listed.push(told(store, &marked, key, found));
        }
    }
    listed.sort_by(|one, other| (&one.node, -one.started, &one.key).cmp(&(&other.node, -other.started, &other.key)));
    Ok(listed)
}

fn told(store: &Store, marked: &Marked, key: ActionKey, found: Realisation) -> ListedTold {
    let (mut bytes, mut present) = (0u64, true);
    for tree in found.outputs.values() {
        let Ok(tree) = store.get_tree(*tree) else {
            present = false;
            continue;
        };
        for (_, object, size) in tree.files() {
            bytes = bytes.saturating_add(size);
            present &= store.object_size(object) == Some(size);
        }
    }
    let name = found.node.clone();
    ListedTold {
        version: STORE_VERSION,
        node: found.node,
        key: key.to_string(),
        number: found.number,
        started: found.started,
        milliseconds: found.milliseconds,
        bytes,
        present,
        kept: marked.key(key).map(|reason| reason.for_node(&name)),
    }
}

/// Keeps under `name` what the nodes `selected` of a project are realised by now; returns how many.
///
/// # Errors
/// [`StoredError::NotRealised`] where none is.
pub fn keep(session: &Session, store: &Store, name: PinName, selected: &[NodeId]) -> Result<usize, Failure> {
    let plan = plan(session, &Wish { wanted: selected.to_vec(), ..Wish::default() }, store, None)?;
    let realised = selected.iter().filter_map(|id| {
        let planned = plan.of(*id)?;
        planned.outputs.as_ref()?;
        Some((session.graph.node(*id).to_string(), planned.key?))
    });
    let nodes: Vec<(String, ActionKey)> = realised.collect();
    if nodes.is_empty() {
        return Err(StoredError::NotRealised.into());
    }
    let count = nodes.len();
    store.pin(&Pin { name, project: project_of(&session.project), made: project::now(), nodes })?;
    Ok(count)
}

/// Drops the pin `name`.
///
/// # Errors
/// [`StoredError::NoPin`].
pub fn drop_pin(store: &Store, name: &PinName) -> Result<(), Failure> {
    if store.drop_pin(name)? { Ok(()) } else { Err(StoredError::NoPin { name: name.clone() }.into()) }
}

/// Keeps nothing more for the project in the folder `project`.
///
/// # Errors
/// [`StoredError::NoProject`].
pub fn drop_project(store: &Store, project: &str) -> Result<(), Failure> {
    let dropped = store.drop_project(project, project::now())?;
    if dropped { Ok(()) } else { Err(StoredError::NoProject { project: project.to_owned() }.into()) }
}

/// Forgets what the nodes `selected` are realised by, and their failures, so that they run again. The number of a build
/// stays used up: its packages may be published. Returns the nodes that had a result.
///
/// # Errors
/// [`StoredError::NotRealised`] where none had one.
pub fn forget(session: &Session, store: &Store, selected: &[NodeId]) -> Result<Vec<String>, Failure> {
    let plan = plan(session, &Wish { wanted: selected.to_vec(), ..Wish::default() }, store, None)?;
    let mut forgotten = Vec::new();
    for id in selected {
        let (node, name) = (session.graph.node(*id), session.graph.node(*id).to_string());
        store.forget_attempt(&name)?;
        let Some(key) = plan.of(*id).and_then(|planned| planned.key) else { continue };
        let Some(realisation) = store.realisation(key)? else { continue };
        if let (Some(numbered), Some(fingerprint)) = (Numbered::of(node), realisation.fingerprint) {
            numbered.release(store, fingerprint, Released::Forgotten)?;
        }
        store.forget(key)?;
        forgotten.push(name);
    }
    super::collecting::prune_failed(store)?;
    if forgotten.is_empty() { Err(StoredError::NotRealised.into()) } else { Ok(forgotten) }
}
