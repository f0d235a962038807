//! What a source says of its tests, before its source package is made.

use crate::diag::Failure;
use crate::drv::Action;
use crate::exec::Context;
use crate::exec::testing::Texts;
use crate::family::laid::{FILE_INTO, FOLDER_INTO, PROGRAM_INTO};
use crate::graph::Node;
use crate::tree::Tree;

/// The most bytes of a text.
const MAX_TEXT: u64 = 32 << 20;

/// The texts of the source that `package` will make a source package of, with what the recipe lays into it. `tree` gives what the
/// input of a role has come to; `None` where that is not here.
///
/// # Errors
/// Where the source cannot be read.
pub fn texts(
    ctx: &Context<'_>,
    package: Node<'_>,
    tree: &dyn Fn(&str) -> Option<Tree>,
) -> Result<Option<Texts>, Failure> {
    let Some(source) = tree("source") else { return Ok(None) };
    let is_package = source.files().any(|(path, ..)| path.as_bytes().ends_with(b".dsc"));
    let packed = if is_package { Texts::of(ctx, &source)? } else { Texts::default() };
    let Action::SourcePackage { script: Some(script) } = package.action() else { return Ok(Some(packed)) };
    let folders: Vec<(&str, Tree)> =
        package.inputs().filter_map(|input| Some((input.role.strip_prefix(FOLDER_INTO)?, tree(input.role)?))).collect();
    let texts = Texts::new(|name| {
        let path = format!("debian/{name}");
        let laid = |start: &str| script.files.get(&format!("{start}{path}"));
        if let Some(bytes) = laid(FILE_INTO).or_else(|| laid(PROGRAM_INTO)) {
            return Ok(Some(String::from_utf8_lossy(bytes).into_owned()));
        }
        let below = |to: &str| path.strip_prefix(to).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
        for (tree, path) in
            folders.iter().filter_map(|(to, tree)| Some((tree, below(to)?))).chain([(&source, path.clone())])
        {
            if let Some((_, object, _)) = tree.files().find(|(known, ..)| known.as_bytes() == path.as_bytes()) {
                return Ok(Some(String::from_utf8_lossy(&ctx.store.read_object(object, MAX_TEXT)?).into_owned()));
            }
        }
        Ok(match name {
            "control" => Some(packed.control.clone()),
            _ => packed.tests.clone(),
        })
    })?;
    Ok(Some(texts))
}
