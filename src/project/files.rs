//! The project's folder as evaluation sees it.

use std::io::{self, Read as _};

use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};

use crate::component::FileBeside;
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

    fn content(&self, path: &str) -> Result<FileBeside, FilesError> {
        let error = |source| error(path, source);
        // To open a pipe that nobody writes to would last for ever.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        let file = self.0.open_with(path, &options).map_err(error)?;
        let metadata = file.metadata().map_err(error)?;
        if !metadata.is_file() {
            return Err(error(io::Error::other("it is no regular file")));
        }
        let bytes = bytes(file, path, MAX_FILE as u64)?;
        Ok(FileBeside { bytes, executable: metadata.mode() & 0o100 != 0 })
    }
}

/// The text of the file at `path` below `folder`, at most `most` bytes long.
///
/// # Errors
/// [`FilesError`], one variant for each reason.
pub fn read_text(folder: &Dir, path: &str, most: u64) -> Result<String, FilesError> {
    let file = folder.open(path).map_err(|source| error(path, source))?;
    String::from_utf8(bytes(file, path, most)?).map_err(|_| FilesError::NotText { path: path.to_owned() })
}

fn bytes(file: File, path: &str, most: u64) -> Result<Vec<u8>, FilesError> {
    // Most are smaller: one read, and one that finds the end.
    let mut bytes = Vec::with_capacity(4096);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| error(path, source))?;
    if bytes.len() as u64 > most {
        return Err(FilesError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

fn error(path: &str, source: io::Error) -> FilesError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => FilesError::Missing { path },
        _ => FilesError::Read { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::eval::evaluate;

    const DISTRO: &str = r#"#{
        family: "deb", vendor: "mirage", release: "1", codename: "oasis", suffix: "mir1",
        arches: ["amd64"], indep_on: "amd64", suites: [#{ name: "oasis", areas: ["main"] }],
        keyring: "k.gpg", base: #{ variant: "buildd", add: [] },
        lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
        options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
    }"#;

    /// What evaluation says of a recipe with one file beside it, which `make` makes.
    fn said(fields: &str, make: impl FnOnce(&std::path::Path)) -> Result<FileBeside, String> {
        let scratch = tempfile::tempdir().expect("scratch");
        let project = scratch.path().join("project");
        fs::write(scratch.path().join("outside"), "secret").expect("written");
        for (path, text) in [
            ("distros/mirage-1.rhai", DISTRO),
            ("recipes/tool.rhai", &format!("#{{ source: dsc(\"tool\"), {fields} }}")),
            ("recipes/tool/other", "other"),
        ] {
            let path = project.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        make(&project.join("recipes/tool/file"));
        let dir = Dir::open_ambient_dir(&project, cap_std::ambient_authority()).expect("opened");
        let evaluated = evaluate(&ProjectFiles(&dir)).map_err(|errors| {
            let told = errors.iter().map(|error| format!("{}: {error}", error.file()));
            told.collect::<Vec<_>>().join("; ")
        })?;
        Ok(evaluated.beside["recipes/tool/file"].clone())
    }

    const FILES: &str = "files: #{ \"x\": \"file\" }";

    #[test]
    fn files_beside_recipes_are_read_as_they_are() {
        let bytes = [0xff, 0, b'\n'];
        let file = |executable| Ok(FileBeside { bytes: bytes.to_vec(), executable });
        assert_eq!(said(FILES, |path| fs::write(path, bytes).expect("written")), file(false));
        let program = |path: &std::path::Path| {
            fs::write(path, bytes).expect("written");
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("set");
        };
        assert_eq!(said(FILES, program), file(true));
        let linked = said(FILES, |path| symlink("other", path).expect("linked"));
        assert_eq!(linked, Ok(FileBeside { bytes: b"other".to_vec(), executable: false }));
    }

    #[test]
    fn what_is_no_file_of_the_project_is_refused_at_the_recipe() {
        let wrong = |fields: &str, make: &dyn Fn(&std::path::Path)| said(fields, make).expect_err("wrong");
        let start = "recipes/tool.rhai: cannot read `recipes/tool/file`: ";
        for target in ["../../../outside", "/etc/passwd"] {
            let error = wrong(FILES, &|path| symlink(target, path).expect("linked"));
            assert!(error.starts_with(start) && !error.contains("; "), "{error}");
        }
        // Nobody writes into it, so that to open it in the usual way would never end.
        let pipe = |path: &std::path::Path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).expect("made");
        assert_eq!(wrong(FILES, &pipe), format!("{start}it is no regular file"));
        assert_eq!(
            wrong("patches: [\"file\"]", &|path| symlink(".", path).expect("linked")),
            format!("{start}it is no regular file")
        );
        let large = |path: &std::path::Path| fs::write(path, vec![b'x'; MAX_FILE + 1]).expect("written");
        let too_large = "recipes/tool.rhai: `recipes/tool/file` is larger than 1048576 bytes";
        assert_eq!(wrong(FILES, &large), too_large);
        assert_eq!(wrong("patches: [\"file\"]", &large), too_large);
        let most = |path: &std::path::Path| fs::write(path, vec![b'x'; MAX_FILE]).expect("written");
        let nine: Vec<String> = (0..9).map(|turn| format!("\"{turn}\": \"file\"")).collect();
        let eight = format!("files: #{{ {} }}", nine[..8].join(", "));
        assert_eq!(said(&eight, most).expect("as much as may be").bytes.len(), MAX_FILE);
        assert_eq!(
            wrong(&format!("files: #{{ {} }}", nine.join(", ")), &most),
            "recipes/tool.rhai: the patches and files of `tool` have more than 8388608 bytes"
        );
    }
}
