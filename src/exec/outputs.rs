//! What a script has left in its folder of outputs: into the store, or read where it lies.
//!
//! Nothing of the sandbox runs any more, but everything there is as a hostile build may have made it: no name is followed that
//! is a link.

use std::io::Read as _;

use cap_std::fs::Dir;

use super::context::Context;
use super::error::NodeError;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::Outputs;
use crate::name::OutputName;
use crate::path::HostPath;
use crate::store::{ImportRules, StoreError};
use crate::tree::Tree;

/// What a script that succeeded has left, while its work folder is there.
pub struct Left<'a> {
    /// The node's name, for messages.
    pub node: &'a str,
    /// The folder `/out`, which nothing writes any more.
    pub out: &'a Dir,
    /// The folder's path, for messages.
    pub path: &'a HostPath,
    /// Its log, in the store.
    pub log: Digest,
    /// The log's last part.
    pub text: &'a str,
}

/// The folders of `/out` that are called as `outputs`, whole; one that the script has not made is empty.
///
/// # Errors
/// Where one may not enter the store, or cannot be read.
pub fn folders(ctx: &Context<'_>, left: &Left<'_>, outputs: &[OutputName]) -> Result<Outputs, Failure> {
    let refused =
        |path: String, why: String| NodeError::Output { node: left.node.to_owned(), path, why, log: left.log };
    let mut stored = Outputs::new();
    for name in outputs {
        let tree = match open_folder(left.out, name.as_str()) {
            Ok(folder) => match ctx.store.import_folder(&folder, &ImportRules::default()) {
                Ok(tree) => tree,
                Err(StoreError::Refused { path, why }) => {
                    return Err(refused(format!("{name}/{path}"), why.to_string()).into());
                }
                Err(error) => return Err(error.into()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Tree::default(),
            // The build put something else in its place.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENOTDIR)) => {
                return Err(refused(name.to_string(), "it is no folder".to_owned()).into());
            }
            Err(source) => return Err(unreadable(left.path, source).into()),
        };
        stored.insert(name.clone(), ctx.store.put_tree(&tree)?);
    }
    Ok(stored)
}

/// The first bytes of a file in the folder `folder` of `/out`, at most so many; `None` where the script has left no plain file
/// there.
///
/// # Errors
/// Where it cannot be read.
pub fn beginning(left: &Left<'_>, folder: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>, Failure> {
    beginning_in(left.out, folder, name, most)
        .map_err(|source| unreadable(&left.path.join(folder).join(name), source).into())
}

/// The same of the folder `out`.
///
/// # Errors
/// Where it cannot be read.
pub fn beginning_in(out: &Dir, folder: &str, name: &str, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let read = || -> std::io::Result<Option<Vec<u8>>> {
        // Without waiting for the other end of a pipe.
        let file = open_plainly(&open_folder(out, folder)?, name, libc::O_NONBLOCK)?;
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    match read() {
        // Nothing there, a link, something in the folder's place, a socket.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::ELOOP | libc::ENOTDIR | libc::ENXIO | libc::EACCES)
            ) =>
        {
            Ok(None)
        }
        read => read,
    }
}

fn unreadable(path: &HostPath, source: std::io::Error) -> NodeError {
    NodeError::File { doing: "read", path: path.to_string(), source }
}

/// Opens a folder that a build made: a link in its place is refused, not followed.
fn open_folder(out: &Dir, name: &str) -> std::io::Result<Dir> {
    Ok(Dir::from_std_file(open_plainly(out, name, libc::O_DIRECTORY)?))
}

fn open_plainly(out: &Dir, name: &str, flag: i32) -> std::io::Result<std::fs::File> {
    use cap_std::fs::OpenOptionsExt as _;
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).custom_flags(flag | libc::O_NOFOLLOW);
    Ok(out.open_with(name, &options)?.into_std())
}
