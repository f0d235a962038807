//! The node of a source.

use crate::digest::Digest;
use crate::drv::Action;
use crate::graph::{Builder, NewNode, NodeId, Origin, Word};
use crate::name::Kind;

/// The node of a source: at the first place, or where a recipe takes another source for another distro, at the second.
pub(super) fn source_node(
    graph: &mut Builder,
    subject: Word,
    (tree, origin): (Digest, Origin),
    [place, other]: [&str; 2],
) -> NodeId {
    let mut place = graph.word(place);
    let action = graph.action(&Action::Source { tree });
    if let Some(known) = graph.find(Kind::Source, subject, place) {
        if graph.does(known, action) {
            return known;
        }
        place = graph.word(other);
    }
    graph.add(NewNode { kind: Kind::Source, subject, place, action, of_component: true, origin }, &mut [])
}
