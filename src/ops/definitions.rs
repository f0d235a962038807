//! Writes what editors are told of the language of recipes.

use crate::eval::definitions;
use crate::project::{Project, ProjectError};

/// The file, below the project's root: where Rhai's language server looks.
pub const FILE: &str = ".rhai/definitions/opb.d.rhai";

/// Keeps the folder out of version control: another version of the program has other definitions.
pub const IGNORE: (&str, &str) = (".rhai/definitions/.gitignore", "*\n");

/// Writes the file anew.
///
/// # Errors
/// [`ProjectError::File`].
pub fn write(project: &Project) -> Result<(), ProjectError> {
    let (ignore, rule) = IGNORE;
    project.write(FILE, &definitions::text())?;
    if !project.root().exists(ignore) {
        project.write(ignore, rule)?;
    }
    Ok(())
}
