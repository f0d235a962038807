//! What recipes lay into sources: the nodes that bring the folders among it, and the packaging that may be in it.

use super::sources::{Asked, LocalError, Looked, Sources};
use crate::component::{Component, FilesBeside};
use crate::digest::Digest;
use crate::drv::Action;
use crate::family::laid::{self, LaidFolder};
use crate::graph::{Builder, Needed, NewNode, Origin};
use crate::name::Kind;

/// The folders that are laid into a component's source, with the trees that they are.
#[derive(Debug, Clone, Default)]
pub(super) struct LaidTrees {
    folders: Vec<LaidFolder>,
    /// In the order of the folders, by role.
    pub trees: Vec<(String, Digest)>,
}

impl LaidTrees {
    /// Those of `component`.
    ///
    /// # Errors
    /// The field of the recipe that names a folder which cannot be read, and why.
    pub fn of(sources: &Sources<'_>, component: &Component) -> Result<Self, (&'static str, LocalError)> {
        let folders = laid::folders(component);
        let tree = |folder: &LaidFolder| match sources.folder(Some(&folder.from)) {
            Ok(source) => Ok((folder.role.clone(), source.tree)),
            Err(error) => Err((folder.field, error)),
        };
        let trees = folders.iter().map(tree).collect::<Result<_, _>>()?;
        Ok(Self { folders, trees })
    }

    /// Adds a node for each of the folders; gives what the source package of `component` needs of them.
    pub fn needs(&self, component: &Component, graph: &mut Builder) -> Vec<Needed> {
        let mut needs = Vec::new();
        for (folder, (role, tree)) in self.folders.iter().zip(&self.trees) {
            let action = graph.action(&Action::Source { tree: *tree });
            let place = graph.word("");
            let (mut turn, base) = (1, subject(component, &folder.to));
            let node = loop {
                // Two folders may come to one name, and a recipe may take another one for another distro.
                let name = if turn == 1 { base.clone() } else { format!("{base}-{turn}") };
                let subject = graph.word(&name);
                match graph.find(Kind::Source, subject, place) {
                    Some(known) if graph.does(known, action) => break known,
                    Some(_) => turn += 1,
                    None => {
                        let origin = Origin::Folder(folder.from.clone());
                        let node = NewNode { kind: Kind::Source, subject, place, action, of_component: true, origin };
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
    let folders = laid::folders(component).into_iter().map(|folder| Layer {
        is_source: folder.field == "sources",
        to: folder.to,
        from: folder.from,
        is_folder: true,
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

    /// The folder that is to be looked at; `None` for a single file.
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
