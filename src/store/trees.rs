//! Trees by their digest: the canonical bytes that [`crate::tree`] defines, one file each.

use super::durable::{folder_of, sharded};
use super::error::StoreError;
use super::objects::OBJECT_MODE;
use super::{Store, Used};
use crate::digest::Digest;
use crate::tree::Tree;

const TREES: &str = "trees";

/// Where a tree stands, relative to the store.
pub(super) fn tree_place(digest: &Digest) -> String {
    sharded(TREES, digest)
}

impl Store {
    /// Stores a tree, durably. Its files are the caller's business: put them first.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put_tree(&self, tree: &Tree) -> Result<Digest, StoreError> {
        let bytes = tree.encode();
        let digest = Digest::of(&bytes);
        let place = tree_place(&digest);
        self.uses(&[Used::Tree(digest)])?;
        let size = self.dir.symlink_metadata(&place).ok().map(|meta| meta.len());
        if size == Some(bytes.len() as u64) {
            self.sync_folder(folder_of(&place))?;
        } else {
            self.put_durably(&place, &bytes, OBJECT_MODE)?;
        }
        Ok(digest)
    }

    /// As [`Store::put_tree`], but not durable before [`Store::sync_all`].
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put_tree_lightly(&self, tree: &Tree) -> Result<Digest, StoreError> {
        let bytes = tree.encode();
        let digest = Digest::of(&bytes);
        let place = tree_place(&digest);
        self.uses(&[Used::Tree(digest)])?;
        let size = self.dir.symlink_metadata(&place).ok().map(|meta| meta.len());
        if size != Some(bytes.len() as u64) {
            self.put_unsynced(&place, &bytes, OBJECT_MODE)?;
        }
        Ok(digest)
    }

    /// A tree, verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Altered`] where the bytes are not what the digest says.
    pub fn get_tree(&self, digest: Digest) -> Result<Tree, StoreError> {
        self.find_tree(digest)?.ok_or(StoreError::Missing { what: "tree", digest })
    }

    /// Whether the tree and all its objects are here, each with its size; their bytes are not looked at. A damaged tree
    /// is not here.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn present(&self, digest: Digest) -> Result<bool, StoreError> {
        match self.find_tree(digest) {
            Ok(Some(tree)) => Ok(tree.files().all(|(_, object, size)| self.object_size(object) == Some(size))),
            Ok(None) | Err(StoreError::Altered { .. } | StoreError::NoTree { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// As [`Store::present`], for what is going to be used: a tree that is here stays until this process ends.
    ///
    /// # Errors
    /// As [`Store::present`], and where it cannot be said that it is in use.
    pub fn hold(&self, digest: Digest) -> Result<bool, StoreError> {
        self.uses(&[Used::Tree(digest)])?;
        self.present(digest)
    }

    fn find_tree(&self, digest: Digest) -> Result<Option<Tree>, StoreError> {
        let place = tree_place(&digest);
        let Some(bytes) = self.read_whole(&place)? else { return Ok(None) };
        if Digest::of(&bytes) != digest {
            return Err(StoreError::Altered { what: "tree", path: self.path.join(&place) });
        }
        Tree::decode(&bytes).map(Some).map_err(|source| StoreError::NoTree { digest, source })
    }
}
