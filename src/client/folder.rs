//! A repository in a folder. What is below it is read, and what earlier generations of a channel share with the later ones that lie
//! beside it: there a folder of packages is a link to the same folder of another generation.
//!
//! ```text
//! generations/6/pool -> ../7/pool
//! ```
//!
//! No other link leads out of the folder.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

/// The most links that are gone along: more than the kernel follows.
const MAX_STEPS: usize = 64;

/// A repository's folder.
pub(super) struct Folder {
    dir: Dir,
    /// The folder that it lies in; `None` where that cannot be read.
    around: Option<Dir>,
    /// Where folders below it are.
    found: Mutex<BTreeMap<String, Arc<Dir>>>,
}

impl Folder {
    /// Opens the folder `path`.
    pub fn open(path: &str) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let around = Dir::open_ambient_dir(format!("{path}/.."), ambient_authority()).ok();
        Ok(Self { dir, around, found: Mutex::default() })
    }

    /// The folder itself.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The folder that the file `path` lies in, and its name there.
    pub fn at<'a>(&self, path: &'a str) -> io::Result<(Arc<Dir>, &'a str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(folder) {
            return Ok((known.clone(), name));
        }
        let dir = Arc::new(self.below(folder)?);
        found.insert(folder.to_owned(), dir.clone());
        Ok((dir, name))
    }

    /// The folder `path` below it, or below the one that it shares that with.
    fn below(&self, path: &str) -> io::Result<Dir> {
        if path.is_empty() {
            return self.dir.try_clone();
        }
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for shared in ends.map(|end| &path[..end]) {
            if self.dir.symlink_metadata(shared)?.is_symlink()
                && let Some(dir) = self.shared(shared)?
            {
                let rest = path[shared.len()..].trim_start_matches('/');
                return if rest.is_empty() { Ok(dir) } else { dir.open_dir(rest) };
            }
        }
        self.dir.open_dir(path)
    }

    /// What the link `path` leads to, where that is the folder of this name beside this one, or beside that.
    fn shared(&self, path: &str) -> io::Result<Option<Dir>> {
        let Some(around) = &self.around else { return Ok(None) };
        let up = "../".repeat(path.matches('/').count() + 1);
        let beside = |target: &std::path::Path| {
            let target = target.to_str()?.strip_prefix(&up)?;
            let name = target.strip_suffix(path)?.strip_suffix('/')?;
            (!name.is_empty() && !name.contains('/') && name != "..").then(|| name.to_owned())
        };
        let mut dir = self.dir.try_clone()?;
        for _ in 0..MAX_STEPS {
            if !dir.symlink_metadata(path)?.is_symlink() {
                return dir.open_dir(path).map(Some);
            }
            let Some(name) = beside(&dir.read_link_contents(path)?) else { return Ok(None) };
            dir = around.open_dir(name)?;
        }
        Err(io::ErrorKind::TooManyLinks.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_generations_share_is_read_and_no_other_link_leads_out() {
        let scratch = tempfile::tempdir().expect("scratch");
        let at = |path: &str| scratch.path().join("generations").join(path);
        for folder in ["7/pool/a", "7/rpm/el-9/x86_64/Packages", "6/rpm/el-9/x86_64", "5", "4/own"] {
            fs::create_dir_all(at(folder)).expect("made");
        }
        fs::write(at("7/pool/a/x.deb"), "x").expect("written");
        fs::write(at("7/rpm/el-9/x86_64/Packages/x.rpm"), "y").expect("written");
        fs::write(at("4/own/z"), "z").expect("written");
        fs::write(scratch.path().join("secret"), "s").expect("written");
        let link = |target: &str, path: &str| symlink(target, at(path)).expect("made");
        link("../6/pool", "5/pool");
        link("../7/pool", "6/pool");
        link("../../../../7/rpm/el-9/x86_64/Packages", "6/rpm/el-9/x86_64/Packages");
        link("own", "4/within");
        for (target, path) in [
            ("../../secret", "4/secret"),
            ("../..", "4/out"),
            ("../../generations", "4/generations"),
            ("/", "4/root"),
            ("../7/pool", "4/pool2"),
            ("../4/loop", "4/loop"),
            ("../8/pool", "4/pool"),
        ] {
            link(target, path);
        }
        let read = |generation: &str, path: &str| {
            let folder = Folder::open(at(generation).to_str().expect("text"))?;
            let (dir, name) = folder.at(path)?;
            dir.read_to_string(name)
        };
        for generation in ["7", "6", "5", "5/"] {
            assert_eq!(read(generation, "pool/a/x.deb").expect("there"), "x", "{generation}");
        }
        assert_eq!(read("6", "rpm/el-9/x86_64/Packages/x.rpm").expect("there"), "y");
        assert_eq!(read("4", "within/z").expect("there"), "z", "a link that stays within");
        for path in [
            "secret",
            "out/secret",
            "generations/4/own/z",
            "root/etc/hostname",
            "pool2/a/x.deb",
            "loop/x",
            "pool/x",
            "own/z/x",
            "none/x",
        ] {
            assert!(read("4", path).is_err(), "{path}");
        }
    }
}
