//! What recipes lay into sources: the nodes that bring the folders among it, and the packaging that may be in it.

use super::sources::{Asked, LocalError, Looked, Sources, pin_origin};
use super::{Project, archives, checkouts};
use crate::component::{Component, FilesBeside, SourceSpec};
use crate::digest::Digest;
use crate::drv::Action;
use crate::family::laid::{self, LaidFrom, UPSTREAM};
use crate::graph::{Builder, Needed, NewNode, Origin};
use crate::name::{ComponentName, DistroName, Kind};
use crate::remote::archive::{Archive, Packing};

/// The trees that are laid into a component's source.
#[derive(Debug, Clone, Default)]
pub(super) struct LaidTrees {
    /// Of each, where it goes, where it comes from, and the place in its node's name.
    origins: Vec<(String, Origin, String)>,
    /// In the same order, by role.
    pub trees: Vec<(String, Digest)>,
}

impl LaidTrees {
    /// Those of `component`.
    ///
    /// # Errors
    /// The field of the recipe that names what cannot be read or is not pinned, and why.
    pub fn of(
        sources: &Sources<'_>,
        distro: &DistroName,
        component: &Component,
    ) -> Result<Self, (&'static str, LocalError)> {
        let mut laid = Self::default();
        for tree in laid::trees(component) {
            let wrong = |error| (tree.field, error);
            let (digest, origin, place) = match &tree.from {
                LaidFrom::Folder(folder) => {
                    let found = sources.looked_at(folder).map_err(wrong)?;
                    (found.tree, Origin::Folder(folder.clone()), String::new())
                }
                LaidFrom::Checkout(checkout) => {
                    let source = SourceSpec::Checkout(checkout.clone());
                    let found = sources.own(&source).map_err(wrong)?;
                    (found.tree, sources.origin(&source, &component.name).map_err(wrong)?, String::new())
                }
                LaidFrom::Archive(archive) => {
                    let source = SourceSpec::Archive(archive.clone());
                    let found = sources.own(&source).map_err(wrong)?;
                    (found.tree, sources.origin(&source, &component.name).map_err(wrong)?, String::new())
                }
                LaidFrom::Package(name) => {
                    let pin = sources.pin(distro, name, &component.name).map_err(wrong)?;
                    (pin.tree, pin_origin(distro, pin), distro.to_string())
                }
            };
            laid.trees.push((tree.role, digest));
            laid.origins.push((tree.to, origin, place));
        }
        Ok(laid)
    }

    /// With the archive of upstream that the component is made of, where `takes` says that its source package takes it over as
    /// it is.
    ///
    /// # Errors
    /// As [`LaidTrees::of`].
    pub fn with_upstream(
        mut self,
        sources: &Sources<'_>,
        component: &Component,
        takes: impl Fn(&Component, &Archive, Packing) -> bool,
    ) -> Result<Self, (&'static str, LocalError)> {
        if let Some((tree, origin)) = sources.as_it_is(component, takes).map_err(|error| ("source", error))? {
            self.trees.push((UPSTREAM.to_owned(), tree));
            self.origins.push((UPSTREAM.to_owned(), origin, String::new()));
        }
        Ok(self)
    }

    /// Adds a node for each of the trees; gives what the source package of `component` needs of them.
    pub fn needs(&self, project: &Project, component: &Component, graph: &mut Builder) -> Vec<Needed> {
        let mut needs = Vec::new();
        for ((to, origin, place), (role, tree)) in self.origins.iter().zip(&self.trees) {
            let action = graph.action(&Action::Source { tree: *tree });
            let place = graph.word(place);
            let (mut turn, base) = (1, subject(component, to));
            let node = loop {
                // Two folders may come to one name, a recipe may take another one for another distro, and a component that is
                // called so has the name.
                let name = if turn == 1 { base.clone() } else { format!("{base}-{turn}") };
                if name.parse().is_ok_and(|name: ComponentName| project.components.contains_key(&name)) {
                    turn += 1;
                    continue;
                }
                let subject = graph.word(&name);
                match graph.find(Kind::Source, subject, place) {
                    Some(known) if graph.does(known, action) => break known,
                    Some(_) => turn += 1,
                    None => {
                        let (kind, origin) = (Kind::Source, origin.clone());
                        let node = NewNode { kind, subject, place, action, of_component: true, origin };
                        break graph.add(node, &mut []);
                    }
                }
            };
            needs.push(graph.need(role, node, "tree"));
        }
        needs
    }
}

/// What the node of a folder that goes to `to` is called: `tool+vendored-lib`.
fn subject(component: &Component, to: &str) -> String {
    let plain = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() as char } else { '-' };
    let word: String = to.bytes().take(60).map(plain).collect();
    format!("{}+{word}", component.name)
}

/// Something that is laid into a source and may hold texts of its packaging. Later ones lie on top of earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Layer {
    to: String,
    from: String,
    is_folder: bool,
    /// Whether it is there before packaging in another folder becomes `debian/`.
    pub is_source: bool,
}

/// All that is laid into a component's source.
pub(super) fn layers(component: &Component) -> impl Iterator<Item = Layer> {
    let folders = laid::trees(component).into_iter().filter_map(|tree| {
        let is_source = tree.field == "sources";
        match tree.from {
            LaidFrom::Folder(from) => Some(Layer { is_source, to: tree.to, from, is_folder: true }),
            LaidFrom::Checkout(from) => {
                Some(Layer { is_source, to: tree.to, from: checkouts::key(&from), is_folder: true })
            }
            LaidFrom::Archive(from) => {
                Some(Layer { is_source, to: tree.to, from: archives::key(&from), is_folder: true })
            }
            // What opb does not have, it cannot read.
            LaidFrom::Package(_) => None,
        }
    });
    let single = component.files.iter().filter(|file| !file.is_folder).map(|file| Layer {
        to: file.to.to_string(),
        from: component.beside(&file.from),
        is_folder: false,
        is_source: false,
    });
    folders.chain(single)
}

impl Layer {
    /// Where it goes, from the source's root.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// The folder (or the key of a checkout) that is to be looked at; `None` for a single file.
    pub fn folder(&self) -> Option<&String> {
        self.is_folder.then_some(&self.from)
    }

    /// Where the source's `path` is in the folder; `None` where it is elsewhere. Empty: the file itself.
    pub fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.to.as_str())?;
        if self.is_folder { rest.strip_prefix('/') } else { Some(rest).filter(|rest| rest.is_empty()) }
    }

    /// Asks for the texts at these paths of the source, as far as they would be here.
    pub fn ask(&self, asked: &mut Asked, paths: &[String]) {
        asked.texts.extend(paths.iter().filter_map(|path| self.inside(path)).map(str::to_owned));
    }

    /// Asks for specs, as far as they would be looked for here.
    pub fn ask_specs(&self, asked: &mut Asked) {
        asked.specs |= ["rpm", "packaging"].contains(&self.to.as_str());
    }

    /// The texts here, by path in the source.
    ///
    /// # Errors
    /// Where a file is no text, or the folder cannot be read.
    pub fn texts(&self, looked: &Looked, beside: &FilesBeside) -> Result<Vec<(String, String)>, LocalError> {
        if let Some(folder) = self.folder() {
            let Some(found) = looked.get(folder) else { return Ok(Vec::new()) };
            let texts = found.as_ref().map_err(Clone::clone)?.texts.iter();
            return Ok(texts.map(|(path, text)| (format!("{}/{path}", self.to), text.clone())).collect());
        }
        let Some(content) = beside.get(&self.from) else { return Ok(Vec::new()) };
        let text = String::from_utf8(content.bytes.clone()).map_err(|_| LocalError {
            message: format!("`{}` is not UTF-8 text", self.from),
            help: "save the file as UTF-8".to_owned(),
        })?;
        Ok(vec![(self.to.clone(), text)])
    }
}
