//! The project's folder as evaluation sees it.

use std::io::{self, Read as _};

use cap_std::fs::Dir;

use crate::eval::{Files, FilesError, MAX_FILE};

/// Read access to the project's folder, for evaluation.
pub struct ProjectFiles<'a>(pub &'a Dir);

impl Files for ProjectFiles<'_> {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let error = |source| error(folder, source);
        let mut names = Vec::new();
        for entry in self.0.read_dir(folder).map_err(error)? {
            let entry = entry.map_err(error)?;
            if let Ok(name) = entry.file_name().into_string() {
                let is_folder = entry.file_type().map_err(error)?.is_dir();
                names.push(if is_folder { name + "/" } else { name });
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        read_text(self.0, path, MAX_FILE as u64)
    }
}

/// The text of the file at `path` below `folder`, at most `most` bytes long.
///
/// # Errors
/// [`FilesError`], one variant for each reason.
pub fn read_text(folder: &Dir, path: &str, most: u64) -> Result<String, FilesError> {
    let mut bytes = Vec::new();
    let file = folder.open(path).map_err(|source| error(path, source))?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| error(path, source))?;
    if bytes.len() as u64 > most {
        return Err(FilesError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|_| FilesError::NotText { path: path.to_owned() })
}

fn error(path: &str, source: io::Error) -> FilesError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => FilesError::Missing { path },
        _ => FilesError::Read { path, source },
    }
}
