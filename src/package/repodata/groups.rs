//! Groups of packages (`comps.xml`): of each the packages that it is installed with.

use std::collections::BTreeMap;

use super::RepodataError;
use super::xml::{Piece, read as read_xml};
use crate::name::PackageName;

/// Packages by the id of their group: those that are `mandatory` or `default` in it, sorted.
pub type Groups = BTreeMap<String, Vec<String>>;

/// Reads a `comps.xml`. Names that no package can have are left out.
///
/// # Errors
/// Where `text` is no XML.
pub fn read(text: &str) -> Result<Groups, RepodataError> {
    let mut groups = Groups::new();
    let (mut way, mut value): (Vec<String>, String) = Default::default();
    let (mut id, mut packages, mut is_wanted) = (String::new(), Vec::new(), false);
    read_xml(text, &mut |piece| {
        match piece {
            Piece::Open(element) => {
                way.push(element.name.to_owned());
                value.clear();
                if element.name == "packagereq" {
                    // Without a kind it is mandatory.
                    let kind = element.attribute("type")?;
                    is_wanted = kind.is_none_or(|kind| ["mandatory", "default"].contains(&&*kind));
                }
            }
            Piece::Text(text) => value.push_str(text),
            Piece::Close(name) => {
                let in_group = way.get(1).is_some_and(|name| name == "group");
                match (way.len(), name) {
                    (3, "id") if in_group => id = value.trim().to_owned(),
                    (4, "packagereq") if in_group && is_wanted && PackageName::new(value.trim()).is_ok() => {
                        packages.push(value.trim().to_owned());
                    }
                    (2, "group") => {
                        let mut all: Vec<String> = std::mem::take(&mut packages);
                        all.sort();
                        all.dedup();
                        // Nothing that would break a line of the slim form.
                        if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()) {
                            groups.insert(std::mem::take(&mut id), all);
                        }
                    }
                    _ => {}
                }
                way.pop();
                value.clear();
            }
        }
        Ok(())
    })?;
    Ok(groups)
}

/// The groups as text: a line for each, its id and its packages.
pub fn encode(groups: &Groups) -> String {
    let line = |(id, packages): (&String, &Vec<String>)| format!("{id} {}\n", packages.join(" "));
    groups.iter().map(line).collect()
}

/// Reads what [`encode`] writes.
pub fn decode(text: &str) -> Groups {
    let group = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap_or_default(), words.filter(|word| !word.is_empty()).collect())
    };
    text.lines().map(group).collect()
}
