//! The tree that an archive holds: its entries put together, less its leading folder, with all contents in the store.

use std::io::{self, Cursor, Read};

use super::UpstreamError;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::fetch::leading_out;
use crate::package::unpack::{Bounds, Item, UnpackError, too_large, unpack as entries};
use crate::path::TreePath;
use crate::remote::archive::{Archive, Packing, Strip};
use crate::store::{Store, StoreError};
use crate::tree::{Entry, Tree, TreeError};

/// Files up to this size are stored many at once.
const SMALL: u64 = 1 << 20;

/// So many bytes of small files are stored at once.
const TOGETHER: usize = 32 << 20;

/// The most bytes of all paths together, those of folders that are only implied among them.
const MAX_PATHS: usize = 256 << 20;

/// How many names are shown of what an archive holds.
const SHOWN: usize = 5;

/// The source in an archive that is in the store, with the size of its file.
pub(super) fn unpack(store: &Store, file: (Digest, u64), packing: Packing, archive: &Archive) -> Result<Tree, Failure> {
    of_file(store, file, packing, (&archive.to_string(), &archive.strip, archive.folder.as_deref()))
}

/// The source in the source RPM of a distribution, which is in the store, with the size of its file. `what` is it for people.
///
/// # Errors
/// Where it is damaged, or holds what no source may hold.
pub fn source_rpm(store: &Store, file: (Digest, u64), what: &str) -> Result<Tree, Failure> {
    of_file(store, file, Packing::Rpm, (what, &Strip::Single, None))
}

fn of_file(
    store: &Store,
    (object, size): (Digest, u64),
    packing: Packing,
    (what, strip, folder): (&str, &Strip, Option<&str>),
) -> Result<Tree, Failure> {
    let most = Bounds::of(size).bytes;
    let (tree, small) = (Tree::default(), Vec::new());
    let mut gathered = Gathered { store, what, tree, paths: 0, linked: 0, most, small, bytes: 0 };
    let file = io::BufReader::with_capacity(128 << 10, store.open_object(object)?);
    let walked = entries(file, packing, Bounds::of(size), |path, item| gathered.take(path, item));
    walked.map_err(|inside| inside.told(what))?;
    let whole = gathered.end()?;
    let tree = source((strip, folder), what, whole)?;
    match leading_out(&tree) {
        Some(path) => {
            let (path, why) = (shown(path), "a link that leads out of the source");
            Err(UpstreamError::Entry { what: what.to_owned(), path, why }.into())
        }
        None => Ok(tree),
    }
}

/// What happened inside the walk; what it was in is added outside.
enum Inside {
    Unpack(UnpackError),
    Failure(Failure),
}

impl From<UnpackError> for Inside {
    fn from(error: UnpackError) -> Self {
        Self::Unpack(error)
    }
}

impl From<StoreError> for Inside {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<UpstreamError> for Inside {
    fn from(error: UpstreamError) -> Self {
        Self::Failure(error.into())
    }
}

impl Inside {
    fn told(self, what: &str) -> Failure {
        match self {
            Self::Unpack(source) => UpstreamError::Unpack { what: what.to_owned(), source }.into(),
            // The reader fails in the middle of being stored where the archive is damaged.
            Self::Failure(failure) => match failure.report.downcast::<StoreError>() {
                Ok(StoreError::Reading { source }) => {
                    let source = crate::package::unpack::damaged(source);
                    UpstreamError::Unpack { what: what.to_owned(), source }.into()
                }
                Ok(error) => error.into(),
                Err(report) => Failure { cause: failure.cause, report },
            },
        }
    }
}

/// What has come so far.
struct Gathered<'a> {
    store: &'a Store,
    what: &'a str,
    tree: Tree,
    /// Bytes of all paths.
    paths: usize,
    /// Bytes of files that are there once more, of which there may be as many as of all others.
    linked: u64,
    most: u64,
    small: Vec<Vec<u8>>,
    bytes: usize,
}

impl Gathered<'_> {
    fn take(&mut self, path: TreePath, item: Item<'_>) -> Result<(), Inside> {
        let entry = match item {
            // Archives may name a folder as often as they like.
            Item::Folder if self.tree.get(&path) == Some(&Entry::Folder) => return Ok(()),
            Item::Folder => Entry::Folder,
            Item::Link { target } if target.is_empty() || target.contains(&0) => {
                return Err(self.entry(&path, "a link without a target").into());
            }
            Item::Link { target } => Entry::Link { target: target.to_vec() },
            Item::Same(of) => match self.tree.get(&of) {
                Some(file @ Entry::File { size, .. }) => {
                    self.linked = self.linked.saturating_add(*size);
                    if self.linked > self.most {
                        return Err(Inside::Unpack(too_large(self.most, "bytes of hard links")));
                    }
                    file.clone()
                }
                _ => return Err(self.entry(&path, "a hard link to what is no file before it").into()),
            },
            Item::File { executable, content } => {
                let (digest, size) = self.content(content)?;
                Entry::File { digest, size, executable }
            }
        };
        let implied = std::iter::successors(path.parent(), TreePath::parent);
        let implied = implied.take_while(|above| self.tree.get(above).is_none());
        self.paths += path.as_bytes().len() + implied.map(|above| above.as_bytes().len()).sum::<usize>();
        if self.paths > MAX_PATHS {
            return Err(self.entry(&path, "with more and longer folders than any source has").into());
        }
        let tree = |source| UpstreamError::Tree { what: self.what.to_owned(), source };
        match self.tree.insert_with_folders(path, entry) {
            Ok(()) => Ok(()),
            // Its error says what the tree lacks; here something else is in the way, such as a link.
            Err(TreeError::NoFolder(path)) => {
                let why = "which lies in something that is no folder";
                Err(UpstreamError::Entry { what: self.what.to_owned(), path: shown(&path), why }.into())
            }
            Err(source) => Err(tree(source).into()),
        }
    }

    fn entry(&self, path: &TreePath, why: &'static str) -> UpstreamError {
        UpstreamError::Entry { what: self.what.to_owned(), path: shown(path), why }
    }

    fn content(&mut self, content: &mut dyn Read) -> Result<(Digest, u64), Inside> {
        let mut bytes = Vec::new();
        let read = (&mut *content).take(SMALL + 1).read_to_end(&mut bytes);
        read.map_err(|error| Inside::Unpack(crate::package::unpack::damaged(error)))?;
        if bytes.len() as u64 > SMALL {
            return Ok(self.store.put_file(&mut Cursor::new(bytes).chain(content), u64::MAX)?);
        }
        let found = (Digest::of(&bytes), bytes.len() as u64);
        self.bytes += bytes.len();
        self.small.push(bytes);
        if self.bytes >= TOGETHER {
            self.store_small()?;
        }
        Ok(found)
    }

    fn store_small(&mut self) -> Result<(), StoreError> {
        self.store.put_all(&self.small.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        self.small.clear();
        self.bytes = 0;
        Ok(())
    }

    fn end(mut self) -> Result<Tree, Failure> {
        self.store_small()?;
        Ok(self.tree)
    }
}

/// What of an archive's tree is the source.
fn source((strip, folder): (&Strip, Option<&str>), what: &str, whole: Tree) -> Result<Tree, Failure> {
    let layout = |option, why: String, tree: &Tree| UpstreamError::Layout {
        what: what.to_owned(),
        why,
        option,
        holds: at_top(tree),
    };
    let stripped = match strip {
        Strip::Nothing => whole,
        Strip::Single => match single(&whole) {
            Some(folder) => below(&whole, &folder).unwrap_or_default(),
            None => whole,
        },
        Strip::Folder(name) => {
            let folder: Option<TreePath> = name.parse().ok();
            let is_in =
                |path: &TreePath| folder.as_ref().is_some_and(|folder| is_at(path, folder) || is_at(folder, path));
            let outside = whole.iter().map(|(path, _)| path).find(|path| !is_in(path));
            match (outside, folder.as_ref().and_then(|folder| below(&whole, folder))) {
                (None, Some(tree)) => tree,
                (Some(path), Some(_)) => {
                    let why = format!("holds `{}`, which does not lie in `{name}`", shown(path));
                    return Err(layout("strip", why, &whole).into());
                }
                (_, None) => return Err(layout("strip", format!("has no folder `{name}`"), &whole).into()),
            }
        }
    };
    let source = match folder {
        None => stripped,
        Some(name) => match name.parse().ok().and_then(|folder| below(&stripped, &folder)) {
            Some(tree) => tree,
            None => return Err(layout("folder", format!("has no folder `{name}`"), &stripped).into()),
        },
    };
    if source.is_empty() {
        let (path, why) = (folder.unwrap_or(".").to_owned(), "which is empty");
        return Err(UpstreamError::Entry { what: what.to_owned(), path, why }.into());
    }
    Ok(source)
}

/// Whether `path` is `folder`, or lies in it.
fn is_at(path: &TreePath, folder: &TreePath) -> bool {
    path.as_bytes().strip_prefix(folder.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The folder that all of a tree lies in.
fn single(tree: &Tree) -> Option<TreePath> {
    let mut top = tree.iter().filter(|(path, _)| path.parent().is_none());
    match (top.next(), top.next()) {
        (Some((path, Entry::Folder)), None) => Some(path.clone()),
        _ => None,
    }
}

/// What lies in a folder of a tree; `None` where it has no such folder.
fn below(tree: &Tree, folder: &TreePath) -> Option<Tree> {
    if tree.get(folder) != Some(&Entry::Folder) {
        return None;
    }
    let mut inside = Tree::default();
    for (path, entry) in tree.iter() {
        let rest = path.as_bytes().strip_prefix(folder.as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
        if let Some(rest) = rest {
            inside.insert(TreePath::new(rest).ok()?, entry.clone()).ok()?;
        }
    }
    Some(inside)
}

/// What lies at the top of a tree, for people.
fn at_top(tree: &Tree) -> String {
    let mut top: Vec<String> = tree
        .iter()
        .filter(|(path, _)| path.parent().is_none())
        .take(SHOWN + 1)
        .map(|(path, entry)| format!("`{}{}`", shown(path), if *entry == Entry::Folder { "/" } else { "" }))
        .collect();
    if top.len() > SHOWN {
        top[SHOWN] = "…".to_owned();
    }
    if top.is_empty() { "nothing".to_owned() } else { top.join(", ") }
}

fn shown(path: &TreePath) -> String {
    path.to_string().chars().take(100).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}
