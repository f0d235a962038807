//! What dnf chooses from, laid out in folders: the index of a distro once a run, each question with the packages of components.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::host::AskedRepository;
use super::index::text;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::exec::context::Context;
use crate::exec::error::NodeError;
use crate::package::repodata::{RepodataError, filelists, groups, primary};
use crate::path::HostPath;
use crate::store::{Store, WorkDir};

/// The metadata of a distro's repositories as dnf reads it, kept while the program runs: dnf's own cache of it lies beside it.
pub struct Universe {
    work: WorkDir,
    /// By place.
    repositories: Vec<Repository>,
    /// Groups of all repositories.
    pub groups: groups::Groups,
}

/// One repository of a universe.
struct Repository {
    /// `00_baseos_amd64`.
    name: String,
    primary: String,
    modules: Option<String>,
    filelists: Option<(Digest, String)>,
}

/// Universes by the digest of the index's tree, made once.
pub type Universes = Mutex<BTreeMap<Digest, Arc<Universe>>>;

/// The universe of the index in the tree `digest`.
///
/// # Errors
/// Where it cannot be read or laid out.
pub fn universe(ctx: &Context<'_>, digest: Digest) -> Result<Arc<Universe>, Failure> {
    // Held while it is made, as for `.deb`.
    let mut universes = ctx.rpm_universes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = universes.get(&digest) {
        return Ok(known.clone());
    }
    let made = Arc::new(Universe::new(ctx.store, digest)?);
    universes.insert(digest, made.clone());
    Ok(made)
}

impl Universe {
    /// Lays out the index in the tree `digest`.
    ///
    /// # Errors
    /// Where it cannot be read or laid out.
    pub fn new(store: &Store, digest: Digest) -> Result<Self, Failure> {
        let mut found: BTreeMap<String, Repository> = BTreeMap::new();
        let mut groups = groups::Groups::new();
        let tree = store.get_tree(digest)?;
        for (path, object, _) in tree.files() {
            let path = path.to_string();
            let Some((name, kind)) = path.rsplit_once('_') else { continue };
            let repository = found.entry(name.to_owned()).or_insert_with(|| Repository {
                name: name.to_owned(),
                primary: String::new(),
                modules: None,
                filelists: None,
            });
            match kind {
                "primary" => repository.primary = text(store, object, "primary")?,
                "modules" => repository.modules = Some(text(store, object, "modules")?),
                "group" => {
                    for (group, packages) in groups::decode(&text(store, object, "group")?) {
                        groups.entry(group).or_default().extend(packages);
                    }
                }
                kind => repository.filelists = Some((object, kind.to_owned())),
            }
        }
        let work = store.new_work()?;
        let repositories: Vec<Repository> = found.into_values().collect();
        for repository in &repositories {
            write(&work, &repository.name, &repository.primary, repository.modules.as_deref())?;
        }
        Ok(Self { work, repositories, groups })
    }

    /// The folder in which dnf keeps what it makes of the metadata.
    pub fn folder(&self) -> &HostPath {
        self.work.path()
    }

    /// The repositories as dnf is asked of them. Where `files` are needed that the slim index does not have, those are looked
    /// up, and the repositories that have some are laid out again in `question`.
    ///
    /// # Errors
    /// Where file lists cannot be read, or something not be written.
    pub fn asked(
        &self,
        store: &Store,
        files: &BTreeSet<String>,
        question: &WorkDir,
    ) -> Result<Vec<AskedRepository>, Failure> {
        let mut asked = Vec::new();
        for (place, repository) in self.repositories.iter().enumerate() {
            let plain = |stays, folder: &HostPath| AskedRepository {
                id: repository.name.clone(),
                folder: folder.join(&repository.name).to_string(),
                place,
                priority: 99,
                hotfixes: false,
                stays,
            };
            let unreadable = |error: RepodataError| NodeError::Unreadable {
                what: format!("the index of `{}`", repository.name),
                why: error.to_string(),
            };
            let more = match &repository.filelists {
                Some((object, name)) if !files.is_empty() => {
                    filelists::with_files(&text(store, *object, name)?, files).map_err(unreadable)?
                }
                _ => BTreeMap::new(),
            };
            if more.is_empty() {
                asked.push(plain(true, self.work.path()));
                continue;
            }
            let text = primary::slim(&repository.primary, &more).map_err(unreadable)?;
            write(question, &repository.name, &text, repository.modules.as_deref())?;
            asked.push(plain(false, question.path()));
        }
        Ok(asked)
    }

    /// Whether it has a repository called `id`.
    pub fn has(&self, id: &str) -> bool {
        self.repositories.iter().any(|repository| repository.name == id)
    }

    /// Whether the slim index has that file, as one of a package.
    pub fn has_file(&self, path: &str) -> bool {
        let needle = format!("<file>{path}</file>");
        self.repositories.iter().any(|repository| repository.primary.contains(&needle))
    }
}

/// Lays a repository out in the folder `name` of `work`.
///
/// # Errors
/// Where it cannot be written.
pub fn write(work: &WorkDir, name: &str, primary: &str, modules: Option<&str>) -> Result<(), Failure> {
    let place = work.path().join(name);
    let write = || -> std::io::Result<()> {
        work.dir().create_dir_all(format!("{name}/repodata"))?;
        let folder = work.dir().open_dir(format!("{name}/repodata"))?;
        let mut repomd = "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>1</revision>".to_owned();
        let files = [("primary", "primary.xml", Some(primary)), ("modules", "modules.yaml", modules)];
        for (kind, file, text) in files {
            let Some(text) = text else { continue };
            folder.write(file, text)?;
            let sha256 = Sha256::of(text.as_bytes());
            repomd.push_str(&format!(
                "<data type=\"{kind}\"><checksum type=\"sha256\">{sha256}</checksum><location href=\"repodata/{file}\"/>\
                 <timestamp>1</timestamp><size>{}</size></data>",
                text.len()
            ));
        }
        folder.write("repomd.xml", repomd + "</repomd>\n")
    };
    Ok(write().map_err(|source| NodeError::File { doing: "write", path: place.to_string(), source })?)
}
