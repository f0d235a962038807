//! A project, evaluated: what most deeds begin with.

use std::path::Path;

use crate::diag::{Cause, Caused, Failure};
use crate::eval::{self, RecipeWarning, weave};
use crate::graph::{Graph, NodeId, Selector, SelectorError};
use crate::lock::Lock;
use crate::name::{ComponentName, DistroName, Kind, NodeName};
use crate::project::{Project, ProjectFiles};

/// A project with its graph.
pub struct Session {
    /// Its folder.
    pub project: Project,
    /// Its distros and components.
    pub evaluated: eval::Project,
    /// Its lock.
    pub lock: Lock,
    /// Everything that is pinned.
    pub graph: Graph,
    /// What may not be what the recipes' author meant.
    pub warnings: Vec<RecipeWarning>,
    /// Lines for people about the evaluation.
    pub notices: Vec<String>,
}

/// Names that select nothing.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SelectError {
    /// It cannot be read as a selector.
    #[error(transparent)]
    #[diagnostic(
        code(opb::ops::selector),
        help(
            "write a component (`libbsd`), a target (`@debian-12/amd64`), or both with a kind (`build:lib*@debian-12/*`); kinds are `source`, `index`, `resolve`, `root`, `source-package`, `build`, `repo`"
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
        help("run `opb update`: it pins package indexes and sources in `opb.lock`")
    )]
    NothingPinned,
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
        let project = Project::open(start)?;
        let evaluated = super::watch::evaluate(&ProjectFiles(project.root()))?;
        let lock = project.lock()?;
        Self::with_lock(project, evaluated, lock)
    }

    /// The same with another lock than the project's own.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn with_lock(project: Project, evaluated: eval::Project, lock: Lock) -> Result<Self, Failure> {
        let woven = weave::weave(&evaluated, &lock, &project.settings, &|asked| project.look_at(asked))?;
        let mut evaluated = evaluated;
        let warnings = std::mem::take(&mut evaluated.warnings);
        Ok(Self { graph: woven.graph, project, evaluated, lock, warnings, notices: woven.notices })
    }

    /// The nodes that `selectors` mean, in order; without any, all of them.
    ///
    /// # Errors
    /// [`SelectError`] for a selector that matches nothing.
    pub fn select(&self, selectors: &[String]) -> Result<Vec<NodeId>, SelectError> {
        let mut found: Vec<NodeId> = Vec::new();
        if self.lock.distro.is_empty() {
            return Err(SelectError::NothingPinned);
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

    fn nothing(&self, selector: &str) -> SelectError {
        let (subject, place) = selector.split_once('@').unwrap_or((selector, ""));
        let subject = subject.split_once(':').map_or(subject, |(_, subject)| subject);
        let distro = place.split('/').next().unwrap_or_default();
        let close = |word: &str, known: Vec<&str>| {
            let close = if word.is_empty() { None } else { crate::diag::did_you_mean(word, known) };
            close.filter(|close| *close != word).map(str::to_owned)
        };
        let components = self.evaluated.components.keys().map(ComponentName::as_str).collect();
        let distros: Vec<&str> = self.evaluated.distros.keys().map(DistroName::as_str).collect();
        let unpinned = DistroName::new(distro)
            .ok()
            .filter(|name| self.evaluated.distros.contains_key(name) && !self.lock.distro.contains_key(name));
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
