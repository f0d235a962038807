//! A project, evaluated: what most deeds begin with.

use std::path::Path;
use std::sync::OnceLock;

use super::memo::Memo;
use crate::diag::{Cause, Caused, Failure};
use crate::eval::weave;
use crate::eval::{self, RecipeWarning};
use crate::exceptions::Exceptions;
use crate::graph::{Excepted, Graph, NodeId, Selector, SelectorError};
use crate::lock::Lock;
use crate::name::{DistroName, Kind, NodeName};
use crate::project::{Project, ProjectFiles, Stamps, today};

/// A project with its graph.
pub struct Session {
    /// Its folder.
    pub project: Project,
    /// Everything that is pinned.
    pub graph: Graph,
    /// What is excepted from the rules for a while.
    pub exceptions: Exceptions,
    /// What that means for the graph today.
    pub excepted: Excepted,
    /// What may not be what the recipes' author meant.
    pub warnings: Vec<RecipeWarning>,
    /// Lines for people about the evaluation.
    pub notices: Vec<String>,
    /// Read when first asked for, where the graph came from the cache.
    pub(super) evaluated: OnceLock<eval::Project>,
    pub(super) lock: OnceLock<Lock>,
    /// What all of that follows from, where it came from the cache and there is nothing to tell of it.
    pub(super) watched: Option<Vec<Stamps>>,
}

/// Names that select nothing.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SelectError {
    /// It cannot be read as a selector.
    #[error(transparent)]
    #[diagnostic(
        code(opb::ops::selector),
        help(
            "write a component (`libbsd`), a target (`@debian-12/amd64`), or both with a kind (`build:lib*@debian-12/*`); kinds are `source`, `index`, `resolve`, `root`, `probe`, `source-package`, `build`, `repo`"
        )
    )]
    Selector(#[from] SelectorError),
    /// Nothing matches.
    #[error("nothing matches `{selector}`")]
    #[diagnostic(code(opb::ops::nothing_selected), help("{help}"))]
    Nothing {
        /// The selector.
        selector: String,
        /// What to do.
        help: String,
    },
    /// There are no nodes at all.
    #[error("nothing is pinned yet, so there is nothing to build")]
    #[diagnostic(
        code(opb::ops::nothing_pinned),
        help("run `{update}`: it pins package indexes and sources in `{file}`")
    )]
    NothingPinned {
        /// The verb that pins.
        update: String,
        /// The lock's file.
        file: String,
    },
    /// It means several nodes where one is wanted.
    #[error("`{selector}` means {count} nodes, and one is wanted")]
    #[diagnostic(code(opb::ops::several_selected), help("name one of them: {names}"))]
    Several {
        /// The selector.
        selector: String,
        /// How many it means.
        count: usize,
        /// Some of them.
        names: String,
    },
}

impl Caused for SelectError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl Session {
    /// Opens and evaluates the project that `start` lies in.
    ///
    /// # Errors
    /// All errors of its recipes, or of its folder.
    pub fn open(start: &Path) -> Result<Self, Failure> {
        Self::of(Project::open(start)?)
    }

    /// Evaluates `project`.
    ///
    /// # Errors
    /// All errors of its recipes.
    pub fn of(project: Project) -> Result<Self, Failure> {
        let memo = Memo::of(&project);
        Self::remembering(project, memo)
    }

    /// Its distros and components.
    ///
    /// # Errors
    /// Where the recipes have been broken since the graph was made.
    pub fn evaluated(&self) -> Result<&eval::Project, Failure> {
        if self.evaluated.get().is_none() {
            let evaluated = super::watch::evaluate(&ProjectFiles(self.project.root()))?;
            let _ = self.evaluated.set(evaluated);
        }
        Ok(self.evaluated.get_or_init(|| unreachable!("it was set just now")))
    }

    /// Its lock.
    ///
    /// # Errors
    /// Where the file has been broken since the graph was made.
    pub fn lock(&self) -> Result<&Lock, Failure> {
        if self.lock.get().is_none() {
            let _ = self.lock.set(self.project.lock()?);
        }
        Ok(self.lock.get_or_init(|| unreachable!("it was set just now")))
    }

    /// `project` as it is now with these pins, whatever its lock says.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(super) fn pinned(project: Project, lock: Lock) -> Result<Self, Failure> {
        let evaluated = super::watch::evaluate(&ProjectFiles(project.root()))?;
        Self::with_lock(project, evaluated, lock)
    }

    /// The same with another lock than the project's own.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn with_lock(project: Project, mut evaluated: eval::Project, lock: Lock) -> Result<Self, Failure> {
        let exceptions = project.exceptions()?;
        let woven = weave::weave(&evaluated, &lock, &project.settings, &|asked| project.look_at(asked))?;
        let warnings = std::mem::take(&mut evaluated.warnings);
        let (evaluated, lock) = (evaluated.into(), lock.into());
        let (graph, notices) = (woven.graph, woven.notices);
        let excepted = Excepted::of(&exceptions, &graph, &today());
        Ok(Self { graph, project, exceptions, excepted, evaluated, lock, warnings, notices, watched: None })
    }

    /// The nodes that `selectors` mean, in order; without any, all of them.
    ///
    /// # Errors
    /// [`SelectError`] for a selector that matches nothing.
    pub fn select(&self, selectors: &[String]) -> Result<Vec<NodeId>, SelectError> {
        let mut found: Vec<NodeId> = Vec::new();
        if self.graph.is_empty() {
            let project = &self.project;
            let update = project.settings.told_for(project.lock_name(), "update");
            return Err(SelectError::NothingPinned { update, file: project.lock_file() });
        }
        if selectors.is_empty() {
            return Ok(self.graph.ids().collect());
        }
        for text in selectors {
            let selected = text.parse::<Selector>()?.select(&self.graph);
            if selected.is_empty() {
                return Err(self.nothing(text));
            }
            found.extend(selected);
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The one node that `text` means: a full name, or a selector. Where it means several, builds come before others.
    ///
    /// # Errors
    /// [`SelectError`] where it means none, or more than one build.
    pub fn one(&self, text: &str) -> Result<NodeId, SelectError> {
        if let Some(id) = text.parse::<NodeName>().ok().and_then(|name| self.graph.find(&name)) {
            return Ok(id);
        }
        let selected = self.select(&[text.to_owned()])?;
        let builds: Vec<NodeId> =
            selected.iter().copied().filter(|id| self.graph.node(*id).kind() == Kind::Build).collect();
        let candidates = if builds.is_empty() { &selected } else { &builds };
        match candidates[..] {
            [one] => Ok(one),
            _ => {
                let names: Vec<String> = candidates.iter().take(5).map(|id| self.graph.node(*id).to_string()).collect();
                Err(SelectError::Several {
                    selector: text.to_owned(),
                    count: candidates.len(),
                    names: names.join(", "),
                })
            }
        }
    }

    /// That `selector` matches nothing, with what may have been meant.
    pub(super) fn nothing(&self, selector: &str) -> SelectError {
        let (subject, place) = selector.split_once('@').unwrap_or((selector, ""));
        let subject = subject.split_once(':').map_or(subject, |(_, subject)| subject);
        let distro = place.split('/').next().unwrap_or_default();
        let close = |word: &str, known: Vec<&str>| {
            let close = if word.is_empty() { None } else { crate::diag::did_you_mean(word, known) };
            close.filter(|close| *close != word).map(str::to_owned)
        };
        // What is broken meanwhile is told by whoever needs it; here it only costs a hint.
        let (evaluated, lock) = (self.evaluated().ok(), self.lock().ok());
        let names = |evaluated: &'_ eval::Project| -> (Vec<String>, Vec<String>) {
            let components = evaluated.components.keys().map(ToString::to_string).collect();
            (components, evaluated.distros.keys().map(ToString::to_string).collect())
        };
        let (components, distros) = evaluated.map(names).unwrap_or_default();
        let components = components.iter().map(String::as_str).collect();
        let distros: Vec<&str> = distros.iter().map(String::as_str).collect();
        let unpinned = DistroName::new(distro).ok().filter(|name| {
            distros.contains(&name.as_str()) && lock.is_some_and(|lock| !lock.distro.contains_key(name))
        });
        let help = if let Some(name) = unpinned {
            format!("run `opb update @{name}` first: {name} is not pinned yet, so it has no nodes")
        } else if let Some(close) = close(subject, components) {
            format!("did you mean `{}`?", selector.replacen(subject, &close, 1))
        } else if let Some(close) = close(distro, distros) {
            format!("did you mean `{}`?", selector.replacen(distro, &close, 1))
        } else {
            "look at `opb eval`, which lists all nodes".to_owned()
        };
        SelectError::Nothing { selector: selector.to_owned(), help }
    }
}
