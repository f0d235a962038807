//! New files of a project: a component's recipe, from packaging that is there; a distro's file, from those that come with
//! the program or by the example of another.

pub mod aliases;
pub mod distro;
pub mod recipe;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diag::{Cause, Caused, Failure, did_you_mean};
use crate::name::{ComponentName, NameError, PackageName};
use crate::project::{PackagingError, Project, ProjectError, ProjectFiles, make_file, packaging};
use recipe::Source;

/// Where a new component's source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// A folder with packaging.
    Folder(PathBuf),
    /// A source package of the distros.
    Dsc(String),
    /// A source RPM of the distros.
    Srpm(String),
    /// Not said: a folder of the component's name.
    Unsaid,
}

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its path below the project's root.
    pub file: String,
    /// Lines about it for people. May be empty.
    pub notes: Vec<String>,
}

/// Why no file was made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum NewError {
    /// A name that cannot be one.
    #[error("{wrong}")]
    #[diagnostic(code(opb::new::name), help("choose another name{close}"))]
    Name {
        /// What is wrong with it.
        wrong: NameError,
        /// `, such as …`, or empty.
        close: String,
    },
    /// There is such a file.
    #[error("`{file}` is there already")]
    #[diagnostic(code(opb::new::there), help("change that file, or choose another name"))]
    There {
        /// The file.
        file: String,
    },
    /// Another file has a component of that name.
    #[error("the component `{name}` is there already, in `{file}`")]
    #[diagnostic(code(opb::new::component_there), help("choose another name"))]
    Component {
        /// The name.
        name: String,
        /// The file.
        file: String,
    },
    /// It is not said where the source is.
    #[error("it is not said where the source of `{name}` is, and there is no folder `{name}` with packaging")]
    #[diagnostic(
        code(opb::new::source),
        help(
            "write `--from FOLDER` for a folder with a `debian/` or a spec, or `--dsc {name}` for a source package of the distro"
        )
    )]
    Source {
        /// The component.
        name: String,
    },
    /// A folder that is not in the project.
    #[error("`{folder}` is not in the project at `{project}`")]
    #[diagnostic(
        code(opb::new::outside),
        help("move the source below it, or begin a project in a folder above both with `opb init`")
    )]
    Outside {
        /// The folder.
        folder: PathBuf,
        /// The project.
        project: PathBuf,
    },
    /// A folder without packaging.
    #[error("the folder `{folder}` has neither a `debian/control` nor a spec")]
    #[diagnostic(code(opb::new::no_packaging), help("name the folder that has the packaging in it, or add some first"))]
    NoPackaging {
        /// The folder.
        folder: String,
    },
    /// A folder that no recipe can name.
    #[error("the folder `{folder}` has a name that no recipe can hold")]
    #[diagnostic(code(opb::new::folder_name), help("rename it: without `\\`, `\"` and control characters"))]
    FolderName {
        /// The folder, escaped.
        folder: String,
    },
    /// A distro that nobody knows.
    #[error("opb does not know the distro `{name}`")]
    #[diagnostic(
        code(opb::new::unknown_distro),
        help("{close}choose one of {known}, or write `--like NAME` to begin with a copy of another")
    )]
    UnknownDistro {
        /// The name.
        name: String,
        /// `did you mean …? Otherwise `, or empty.
        close: String,
        /// Those that it knows.
        known: String,
    },
    /// A distro to copy that nobody knows.
    #[error("there is no distro `{name}` to copy")]
    #[diagnostic(code(opb::new::no_example), help("{close}choose one of {known}"))]
    NoExample {
        /// The name.
        name: String,
        /// `did you mean …? Otherwise `, or empty.
        close: String,
        /// Those that there are.
        known: String,
    },
    /// A distro's file to copy that is wrong.
    #[error("`{file}` cannot be copied: it has mistakes")]
    #[diagnostic(code(opb::new::bad_example), help("mend it: `opb eval` shows what is wrong"))]
    BadExample {
        /// The file.
        file: String,
    },
    /// A distro's name without a release.
    #[error("`{name}` is no vendor and release joined by `-`")]
    #[diagnostic(code(opb::new::distro_name), help("write it as in `debian-14`"))]
    DistroName {
        /// The name.
        name: String,
    },
    /// A code name or a day that cannot be one.
    #[error("`{text}` is no {what}")]
    #[diagnostic(code(opb::new::fact), help("write it as in `{example}`"))]
    Fact {
        /// `code name` or `day`.
        what: &'static str,
        /// What was given.
        text: String,
        /// A good one.
        example: &'static str,
    },
}

impl Caused for NewError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// `did you mean …? Otherwise `, or empty.
pub(crate) fn close<'a>(given: &'a str, known: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(given, known).map_or(String::new(), |word| format!("did you mean `{word}`? Otherwise "))
}

/// A component's name from what somebody typed.
///
/// # Errors
/// [`NewError::Name`], with what the name could be.
pub fn component_name(text: &str) -> Result<ComponentName, NewError> {
    ComponentName::new(text).map_err(|wrong| {
        let close = recipe::plain(text).map_or(String::new(), |name| format!(", such as `{name}`"));
        NewError::Name { wrong, close }
    })
}

/// Makes the recipe of the component `name`. `here` is where relative paths begin.
///
/// # Errors
/// [`NewError`], and [`PackagingError`] for packaging that cannot be read.
pub fn component(project: &Project, here: &Path, name: &str, from: &From) -> Result<Made, Failure> {
    let name = component_name(name)?;
    let file = format!("recipes/{name}.rhai");
    let folder_file = format!("recipes/{name}/recipe.rhai");
    if let Some(file) = [&file, &folder_file].into_iter().find(|file| project.root().symlink_metadata(file).is_ok()) {
        return Err(NewError::There { file: file.clone() }.into());
    }
    // A project with a mistake in it is no reason not to begin another recipe; it only cannot tell of what is there.
    let evaluated = crate::ops::watch::evaluate(&ProjectFiles(project.root())).ok();
    if let Some(info) = evaluated.as_ref().and_then(|evaluated| evaluated.components.get(&name)) {
        return Err(NewError::Component { name: name.to_string(), file: info.file.clone() }.into());
    }
    let package = |name: &str| PackageName::new(name).map_err(|wrong| NewError::Name { wrong, close: String::new() });
    let source = match from {
        From::Dsc(source) => Source::Dsc(package(source)?),
        From::Srpm(source) => Source::Srpm(package(source)?),
        From::Folder(folder) => from_folder(project, &below(project, here, folder)?)?,
        From::Unsaid => {
            let has_some = packaging(project.root(), name.as_str()).is_ok_and(|found| found.is_some());
            if !has_some {
                return Err(NewError::Source { name: name.to_string() }.into());
            }
            from_folder(project, name.as_str())?
        }
    };
    let mut notes = recipe::notes(&name, &source);
    let mut written = BTreeMap::new();
    if let Some(evaluated) = &evaluated {
        notes.extend(recipe::needs(project, evaluated, &source));
        let found = aliases::aliases(project, evaluated, &source);
        notes.extend(found.notes);
        written = found.written;
    }
    let text = recipe::text(&name, &source, &written);
    let failed =
        |source| ProjectError::File { deed: "make", path: project.path.join(&file).as_path().to_owned(), source };
    if !make_file(project.root(), &file, &text).map_err(failed)? {
        return Err(NewError::There { file }.into());
    }
    Ok(Made { file, notes })
}

/// The packaging in a folder of the project.
fn from_folder(project: &Project, folder: &str) -> Result<Source, Failure> {
    let found = packaging(project.root(), folder)?;
    let packaging = found.ok_or_else(|| NewError::NoPackaging { folder: folder.to_owned() })?;
    Ok(Source::Folder { folder: folder.to_owned(), packaging: Box::new(packaging) })
}

/// The path of `folder` from the project's root, `.` for that itself. It begins `here`, as paths that people type do.
pub(super) fn below(project: &Project, here: &Path, folder: &Path) -> Result<String, Failure> {
    let outside = || NewError::Outside { folder: folder.to_owned(), project: project.path.as_path().to_owned() };
    let missing = |_| PackagingError::NoFolder { folder: folder.display().to_string() };
    let whole = here.join(folder).canonicalize().map_err(missing)?;
    let root = project.path.as_path();
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let below = whole.strip_prefix(&root).map_err(|_| outside())?;
    let below = below.to_str().ok_or_else(outside)?;
    if below.contains(|c: char| c.is_control() || "\\\"".contains(c)) {
        return Err(NewError::FolderName { folder: below.escape_debug().to_string() }.into());
    }
    Ok(if below.is_empty() { ".".to_owned() } else { below.to_owned() })
}
