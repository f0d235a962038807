//! The host's apt configuration: its sources, and how strict it is about the dates of Release files.
//!
//! `apt-config` says where the files are, so that `Dir` settings count; [`super::sources`] reads their text. Proxies,
//! credentials and certificates are not read at all: apt's own helper uses them.

#![expect(clippy::disallowed_methods, reason = "apt's configuration names absolute paths")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::sources::{self, Source, SourcesError};
use crate::path::HostPath;

/// The most bytes that a sources file may have.
const MAX_FILE: u64 = 4 << 20;

/// How strict apt is about the dates of Release files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stance {
    /// Whether a Release file past its `Valid-Until` is refused.
    pub check_valid_until: bool,
    /// Whether a Release file of the future is refused. Where this is false, the clock is not trusted at all, and
    /// `check_valid_until` is false too.
    pub check_date: bool,
}

impl Stance {
    /// apt's own default.
    pub const STRICT: Self = Self { check_valid_until: true, check_date: true };
}

/// What the host's apt is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostApt {
    /// Entries with the file that they stand in; that of `sources.list` itself come first, then by file name.
    pub sources: Vec<(HostPath, Source)>,
    /// How strict it is about dates.
    pub stance: Stance,
    /// `ID` of the host's os-release(5), such as `debian`; `None` where it says none.
    pub vendor: Option<String>,
    /// `VERSION_CODENAME` of it; `None` where it says none.
    pub codename: Option<String>,
}

/// Why the host's apt configuration cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum AptConfigError {
    /// There is no `apt-config`.
    #[error("cannot run `apt-config`, which says where this machine's package sources are")]
    #[diagnostic(code(opb::fetch::no_apt), help("install apt, or name archives under `[mirrors]` in `opb.toml`"))]
    NoApt(#[source] std::io::Error),
    /// apt does not like its own configuration.
    #[error("`apt-config` failed: {detail}")]
    #[diagnostic(
        code(opb::fetch::apt_config),
        help("mend apt's configuration: `apt-config dump` shows the same error")
    )]
    Failed {
        /// What it wrote.
        detail: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    #[diagnostic(code(opb::fetch::read_sources), help("check the file's permissions"))]
    Read {
        /// The file or folder.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file holds something else than sources.
    #[error("cannot understand the package sources in `{path}`")]
    #[diagnostic(code(opb::fetch::sources), help("mend the file: `apt-get update` would refuse it too"))]
    Sources {
        /// The file.
        path: HostPath,
        /// The line.
        #[source]
        source: SourcesError,
    },
}

impl crate::diag::Caused for AptConfigError {
    fn fault(&self) -> crate::diag::Cause {
        crate::diag::Cause::Environment
    }
}

/// Reads the host's apt configuration.
///
/// `apt_config`, where given, is passed on as `APT_CONFIG` (apt.conf(5)); the variable of the surrounding environment is
/// never. `os_release` is the text of the host's os-release(5), empty where it has none.
///
/// # Errors
/// [`AptConfigError`].
pub fn read_host(apt_config: Option<&HostPath>, os_release: &str) -> Result<HostApt, AptConfigError> {
    let mut command = Command::new("apt-config");
    command.args(["shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"]);
    command.args(["UNTIL", "Acquire::Check-Valid-Until/b", "DATE", "Acquire::Check-Date/b"]);
    command.env_remove("APT_CONFIG").env("LC_ALL", "C").stdin(Stdio::null());
    if let Some(path) = apt_config {
        command.env("APT_CONFIG", path.as_path());
    }
    let output = command.output().map_err(AptConfigError::NoApt)?;
    if !output.status.success() {
        let detail = String::from_utf8_lossy(&output.stderr).trim().chars().take(2_000).collect();
        return Err(AptConfigError::Failed { detail });
    }
    let values = parse_shell(&String::from_utf8_lossy(&output.stdout));
    let on = |name: &str| values.get(name).and_then(|value| sources::truth(value)).unwrap_or(true);
    let check_date = on("DATE");
    let place = |name: &str| values.get(name).filter(|value| value.starts_with('/')).map(HostPath::new);
    let os_release = parse_shell(os_release);
    Ok(HostApt {
        sources: read_sources(place("LIST").as_ref(), place("PARTS").as_ref())?,
        stance: Stance { check_valid_until: check_date && on("UNTIL"), check_date },
        vendor: os_release.get("ID").cloned(),
        codename: os_release.get("VERSION_CODENAME").cloned(),
    })
}

/// Reads the file `list` and the folder `parts`; what is missing counts as empty.
///
/// # Errors
/// [`AptConfigError::Read`] and [`AptConfigError::Sources`].
pub fn read_sources(
    list: Option<&HostPath>,
    parts: Option<&HostPath>,
) -> Result<Vec<(HostPath, Source)>, AptConfigError> {
    let mut files: Vec<HostPath> = list.cloned().into_iter().collect();
    if let Some(folder) = parts {
        let wrong = |source| AptConfigError::Read { path: folder.clone(), source };
        let mut names = Vec::new();
        match std::fs::read_dir(folder.as_path()) {
            Ok(entries) => {
                for entry in entries {
                    names.extend(entry.map_err(wrong)?.file_name().into_string().ok().filter(|name| counts(name)));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(error)),
        }
        names.sort();
        files.extend(names.into_iter().map(|name| folder.join(name)));
    }
    let mut all = Vec::new();
    for path in files {
        let Some(text) = read_text(&path)? else { continue };
        let deb822 = path.as_path().extension().is_some_and(|ending| ending == "sources");
        let found = if deb822 { sources::parse_deb822(&text) } else { sources::parse_list(&text) };
        let found = found.map_err(|source| AptConfigError::Sources { path: path.clone(), source })?;
        all.extend(found.into_iter().map(|source| (path.clone(), source)));
    }
    Ok(all)
}

/// Whether apt reads a file of this name (sources.list(5)); others, such as `x.list.save`, it leaves alone.
fn counts(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    plain
        && !name.starts_with('.')
        && Path::new(name).extension().is_some_and(|ending| ending == "list" || ending == "sources")
}

/// The text of `path`; `None` where there is no file (sources.list often is not there, or is `/dev/null`).
fn read_text(path: &HostPath) -> Result<Option<String>, AptConfigError> {
    use std::io::Read as _;
    let wrong = |source| AptConfigError::Read { path: path.clone(), source };
    let file = match std::fs::File::open(path.as_path()) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    if !file.metadata().map_err(wrong)?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// What a text of os-release(5) says of each of `names`; `None` where it says nothing.
pub fn release_facts<const N: usize>(os_release: &str, names: [&str; N]) -> [Option<String>; N] {
    let values = parse_shell(os_release);
    names.map(|name| values.get(name).filter(|value| !value.is_empty()).cloned())
}

/// `NAME='value'` lines as `apt-config shell` and os-release(5) write them. Other lines are passed over.
fn parse_shell(text: &str) -> BTreeMap<String, String> {
    let assignment = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        let value = value.replace("'\\''", "\u{0}");
        let inside = ['\'', '"'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Some((name.to_owned(), inside.unwrap_or(&value).replace('\u{0}', "'")))
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(assignment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_assignments() {
        let values = parse_shell("A='/etc/apt/x'\nB='it'\\''s'\n# C='no'\nID=debian\nV=\"12\"\nW='\njunk\nX=\n");
        let shown: Vec<String> = values.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        assert_eq!(shown, ["A:/etc/apt/x", "B:it's", "ID:debian", "V:12", "W:'", "X:"]);
    }

    #[test]
    fn only_files_that_apt_reads_count() {
        let names = ["a.list", "b.sources", "c.list.save", "d.sources.disabled", ".e.list", "f", "g h.list", "h~.list"];
        assert_eq!(names.iter().filter(|name| counts(name)).collect::<Vec<_>>(), [&"a.list", &"b.sources"]);
    }

    #[test]
    fn a_given_configuration_is_read() {
        if !Path::new("/usr/bin/apt-config").exists() {
            eprintln!("skipped: there is no apt-config on this machine");
            return;
        }
        let folder = tempfile::tempdir().expect("scratch");
        let root = HostPath::new(folder.path());
        std::fs::create_dir(root.join("parts").as_path()).expect("scratch");
        let write = |name: &str, text: String| std::fs::write(root.join(name).as_path(), text).expect("scratch");
        write("main.list", "deb http://a.example/debian bookworm main\n".into());
        write("parts/b.sources", "Types: deb\nURIs: http://b.example/\nSuites: bookworm\nComponents: main\n".into());
        write("parts/c.list.save", "junk".into());
        let at = folder.path().display();
        write(
            "apt.conf",
            format!(
                "Dir::Etc::sourcelist \"{at}/main.list\"; Dir::Etc::sourceparts \"{at}/parts\"; Acquire::Check-Date \"no\"; Acquire::Check-Valid-Until \"yes\";"
            ),
        );
        let host = read_host(Some(&root.join("apt.conf")), "ID=debian\nVERSION_CODENAME=\"bookworm\"\n").expect("good");
        let shown: Vec<String> = host.sources.iter().map(|(_, source)| source.addresses[0].to_string()).collect();
        assert_eq!(shown, ["http://a.example/debian", "http://b.example"]);
        assert_eq!(host.stance, Stance { check_valid_until: false, check_date: false });
        assert_eq!((host.vendor.as_deref(), host.codename.as_deref()), (Some("debian"), Some("bookworm")));

        write("parts/bad.list", "deb\n".into());
        let error = read_host(Some(&root.join("apt.conf")), "").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot understand the package sources in `{at}/parts/bad.list`"));
        write("apt.conf", "A \"b\" \"c\" d;".into());
        let error = read_host(Some(&root.join("apt.conf")), "").unwrap_err();
        assert!(error.to_string().starts_with("`apt-config` failed: E:"), "{error}");
    }

    #[test]
    fn what_is_missing_is_empty() {
        let nowhere = HostPath::new("/nonexistent/opb");
        assert!(read_sources(Some(&nowhere), Some(&nowhere)).expect("empty").is_empty());
        assert!(read_sources(Some(&HostPath::new("/dev/null")), None).expect("empty").is_empty());
    }
}
