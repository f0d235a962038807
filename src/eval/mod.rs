//! Evaluation: recipes and distro files in, components for targets out.
//!
//! Pure: the same files give the same [`Project`], whatever the machine, the time, or the order of files. It sees files
//! only through [`Files`], and knows neither the network nor the store nor what is pinned.
//!
//! ```text
//! distros/*.rhai ─► distro.rs ─► targets ──────────┐
//! recipes/*.rhai ─► imports.rs ─► engine.rs (api.rs) ─► recipe/ ─► one Work for each component × target
//!                        └──────────┴─ explain.rs ───────┴─► mistake.rs, underlined by scan.rs and places.rs
//! ```
//!
//! A recipe is run once for all targets that agree on what it read of `target`: `survey.rs`. `check.rs` tells everything
//! that can be said of a project, with the lints of `lint/`.

mod api;
mod archives;
pub mod check;
mod checkouts;
mod closure;
mod code;
pub mod definitions;
mod distro;
mod engine;
mod explain;
mod extra;
pub mod fields;
mod files;
pub mod functions;
mod handle;
pub mod held;
mod imported;
mod imports;
pub mod lint;
mod mistake;
mod pattern;
mod places;
mod range;
mod read;
mod recipe;
mod scan;
mod survey;
mod tables;
mod versions;
mod watch;
pub mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use files::{Files, FilesError, MAX_FILE, MemoryFiles, Only, is_recipe};
pub use mistake::{KeptWarning, Mistake, RecipeError, RecipeErrors, RecipeWarning};
pub use places::FieldPlaces;
pub use range::{Point, Range, Related};
pub use recipe::baseline_path;
pub use watch::{Stopped, Watch};

use crate::component::{Component, FilesBeside};
use crate::distro::Distro;
use crate::imported::Imports;
use crate::name::{ComponentName, DistroName, Target};
use mistake::Complaint;
use survey::{Survey, survey};

/// The folder of distro files.
const DISTROS: &str = "distros";

/// The folder of recipes, which imports are relative to.
pub const RECIPES: &str = "recipes";

/// Everything that a project's recipes say.
#[derive(Debug, Default)]
pub struct Project {
    /// The distros.
    pub distros: BTreeMap<DistroName, Distro>,
    /// The components, whatever targets they are for.
    pub components: BTreeMap<ComponentName, ComponentInfo>,
    /// One for each component and target that it is for, sorted by both. Those to be skipped are here too.
    pub work: Vec<Work>,
    /// What is in patches and single files beside recipes.
    pub beside: FilesBeside,
    /// Packages that were built elsewhere.
    pub imports: Imports,
    /// What may not be what was meant, sorted by file and place.
    pub warnings: Vec<RecipeWarning>,
    /// Names that recipes with mistakes may have given to components: what needs one of them is not to blame. Only
    /// [`check`] ever looks at a project that has any.
    broken: BTreeSet<ComponentName>,
}

/// Where a component is written.
#[derive(Debug, Clone)]
pub struct ComponentInfo {
    /// The recipe's file below the project's root.
    pub file: String,
    /// Where its fields stand.
    pub places: FieldPlaces,
}

/// A component for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The distro and a real arch of it (never `all`).
    pub target: Target,
    /// The component, after overrides. One for all targets that come to the same.
    pub component: Arc<Component>,
}

impl Project {
    /// Every distro on every one of its arches, sorted.
    pub fn targets(&self) -> Vec<Target> {
        targets(&self.distros)
    }

    /// An error of a later stage, shown at the recipe's line: at `value`, a string inside `field`, or at the field.
    pub fn recipe_error(
        &self,
        component: &ComponentName,
        field: &str,
        value: Option<&str>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> RecipeError {
        match self.components.get(component) {
            Some(info) => info.places.error(Mistake::Need, field, value, message, help),
            None => RecipeError::placeless(component.as_str(), Complaint::new(Mistake::Need, message).help(help)),
        }
    }
}

/// Evaluates all recipes for all targets.
///
/// # Errors
/// Every independent mistake of this run, at its place.
pub fn evaluate(files: &dyn Files) -> Result<Project, RecipeErrors> {
    evaluate_watched(files, &Watch::default())
}

/// The same, until `watch` stops it.
///
/// # Errors
/// As [`evaluate`], and that it was stopped, which is the environment's fault.
pub fn evaluate_watched(files: &dyn Files, watch: &Watch) -> Result<Project, RecipeErrors> {
    let Survey { mut project, errors, warnings, .. } = survey(files, watch);
    if let Some(errors) = RecipeErrors::new(errors) {
        return Err(errors);
    }
    project.warnings = RecipeWarning::sorted(warnings.into_iter().map(RecipeWarning).collect());
    Ok(project)
}

fn targets(distros: &BTreeMap<DistroName, Distro>) -> Vec<Target> {
    let mut targets: Vec<Target> = distros
        .values()
        .flat_map(|distro| distro.arches.iter().map(|arch| Target { distro: distro.name.clone(), arch: arch.clone() }))
        .collect();
    targets.sort();
    targets
}
