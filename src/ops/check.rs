//! Everything that can be said of a project's files in one run.

use std::path::Path;

use super::watch;
use crate::diag::{Cause, Caused, Failure, did_you_mean};
use crate::eval::FilesError;
use crate::eval::check::{Answer, Question, check as ask};
use crate::name::ComponentName;
use crate::project::{Place, Project, ProjectFiles, SETTINGS_FILE, read_text, today};

/// Words that name nothing to check.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CheckError {
    /// Neither a component nor a file.
    #[error("there is no component and no file `{word}` to check")]
    #[diagnostic(code(opb::check::unknown), help("{help}"))]
    Unknown {
        /// What was given.
        word: String,
        /// What to do.
        help: String,
    },
}

impl Caused for CheckError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Checks the project at `place`. Everything is looked at, since files depend on each other; with `words`
/// (components, files, folders, distros as `@debian-12`) only what is found in those files is in the answer.
///
/// # Errors
/// Where there is no project, or a word names nothing.
pub fn check(place: &Place<'_>, words: &[String]) -> Result<Answer, Failure> {
    // Settings that are wrong are part of the answer.
    let project = match place.channel {
        Some(_) => place.open()?,
        None => Project::find(place.folder)?,
    };
    let text = |name: &str| match read_text(project.root(), name, u64::MAX) {
        Ok(text) => Ok(Some(text)),
        Err(FilesError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let base = project.base_lock()?.unwrap_or_default();
    let mut answer = watch::check(|watch| {
        ask(Question {
            files: &ProjectFiles(project.root()),
            settings: text(SETTINGS_FILE),
            lock: (project.lock_name().cloned(), project.lock_file(), text(&project.lock_file())),
            base: base.clone(),
            look_at: &|asked| project.look_at(asked),
            today: &today(),
            watch,
        })
    });
    if !words.is_empty() {
        let mut chosen: Vec<String> = Vec::new();
        for word in words {
            chosen.push(file_of(&project, place.folder, word, &answer)?);
        }
        let is_chosen = |file: &str| {
            let below = |chosen: &String| {
                file.strip_prefix(&**chosen).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            chosen.iter().any(|chosen| chosen == "." || below(chosen))
        };
        answer.findings.retain(|finding| is_chosen(finding.file()));
    }
    Ok(answer)
}

/// The file or folder, below the project's root, that a word means.
fn file_of(project: &Project, start: &Path, word: &str, answer: &Answer) -> Result<String, CheckError> {
    let component = ComponentName::new(word).ok().and_then(|name| answer.components.get(&name));
    if let Some(file) = component {
        return Ok(file.clone());
    }
    let distro = word.strip_prefix('@').map(|distro| format!("distros/{distro}.rhai"));
    if let Some(file) = distro.filter(|file| answer.known.contains(file)) {
        return Ok(file);
    }
    // A path is meant from where the person stands, or else from the project's root.
    let here = std::path::absolute(start.join(word)).ok();
    let below = here.as_ref().and_then(|path| path.strip_prefix(project.path.as_path()).ok());
    let candidates = below.into_iter().chain([Path::new(word)]);
    for path in candidates {
        let plain: std::path::PathBuf =
            path.components().filter(|part| *part != std::path::Component::CurDir).collect();
        let text = plain.to_string_lossy().into_owned();
        let text = if text.is_empty() { ".".to_owned() } else { text };
        if answer.known.contains(&text) || project.root().exists(&text) {
            return Ok(text);
        }
    }
    let components = answer.components.keys().map(ComponentName::as_str);
    let known = components.chain(answer.known.iter().map(String::as_str));
    let help = match did_you_mean(word, known) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "name a component, a file or folder of the project, or a distro as `@debian-12`".to_owned(),
    };
    Err(CheckError::Unknown { word: word.to_owned(), help })
}
