//! `filelists.xml`: all files of each package, of which only some are asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::RepodataError;
use super::xml::{Piece, read as read_xml};

/// The packages that have some of the `wanted` files, by their digest as the repository writes it, with those files in
/// the order of the list.
///
/// # Errors
/// Where `text` is no XML.
pub fn with_files(text: &str, wanted: &BTreeSet<String>) -> Result<BTreeMap<String, Vec<String>>, RepodataError> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut package, mut path, mut in_file) = (String::new(), String::new(), false);
    read_xml(text, &mut |piece| {
        match piece {
            Piece::Open(element) => match element.name {
                "package" => package = element.attribute("pkgid")?.unwrap_or_default().into_owned(),
                "file" => {
                    in_file = true;
                    path.clear();
                }
                _ => {}
            },
            Piece::Text(text) if in_file => path.push_str(text),
            Piece::Close("file") => {
                in_file = false;
                if wanted.contains(&path) {
                    found.entry(package.clone()).or_default().push(path.clone());
                }
            }
            Piece::Text(_) | Piece::Close(_) => {}
        }
        Ok(())
    })?;
    Ok(found)
}
