//! Links of a source: where each leads, by itself and by others on its way.

use crate::path::TreePath;
use crate::tree::{Entry, Tree};

/// The most links on the way of one.
const MAX_LINKS: usize = 40;

/// The most that following all links of a tree may cost, in bytes of the paths that are looked at.
pub(super) const MAX_FOLLOWED: usize = 1 << 30;

/// The target of the link at a path; `None` where there is none.
pub(super) type LinkAt<'a> = dyn Fn(&TreePath) -> Option<&'a [u8]> + 'a;

/// The first link of a tree that leads out of it, by itself or by others on its way, or on a longer way than any source has.
pub fn leading_out(tree: &Tree) -> Option<&TreePath> {
    leading_out_within(tree, MAX_FOLLOWED)
}

fn leading_out_within(tree: &Tree, mut left: usize) -> Option<&TreePath> {
    tree.iter().map(|(path, _)| path).find(|path| {
        let is_link = link_at(tree, path).is_some();
        is_link && leads_out(path, &|path| link_at(tree, path), &mut left)
    })
}

/// The target of the link at a path of a tree; `None` where there is none.
pub(super) fn link_at<'t>(tree: &'t Tree, path: &TreePath) -> Option<&'t [u8]> {
    match tree.get(path) {
        Some(Entry::Link { target }) => Some(target.as_slice()),
        _ => None,
    }
}

/// Whether the link at `path` leads out of the source, by itself or by other links on its way. `left` is what following those of
/// its tree may still cost; where that is used up, any does.
pub(super) fn leads_out(path: &TreePath, link: &LinkAt<'_>, left: &mut usize) -> bool {
    let mut at: Vec<&[u8]> = Vec::new();
    let mut rest: Vec<&[u8]> = path.as_bytes().rsplit(|byte| *byte == b'/').collect();
    let mut links = 0;
    while let Some(name) = rest.pop() {
        match name {
            b"" | b"." => continue,
            b".." if at.pop().is_none() => return true,
            b".." => continue,
            name => at.push(name),
        }
        let price = 64 + at.iter().map(|name| name.len() + 1).sum::<usize>();
        match left.checked_sub(price) {
            Some(rest) => *left = rest,
            None => return true,
        }
        let Ok(place) = TreePath::new(&at.join(&b'/')) else { return false };
        if let Some(target) = link(&place) {
            links += 1;
            if target.starts_with(b"/") {
                return true;
            }
            // Links in a circle lead nowhere.
            if links > MAX_LINKS {
                return false;
            }
            at.pop();
            rest.extend(target.rsplit(|byte| *byte == b'/'));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_that_never_end_lead_out() {
        let mut tree = Tree::default();
        let link = |target: String| Entry::Link { target: target.into_bytes() };
        for number in 0..30 {
            let target = format!("{}l{}", "x/../".repeat(100), number + 1);
            tree.insert(format!("l{number}").parse().expect("plain"), link(target)).expect("new");
        }
        assert_eq!(leading_out(&tree), None);
        // Thirty links, of which each goes along all behind it, a hundred names each.
        let few = 100 * 30 * 64;
        assert!(leading_out_within(&tree, few).is_some());
    }
}
