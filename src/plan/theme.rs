//! What the reasons of several nodes have in common, so that they are told in one line.

use super::reason::{is_opaque, tell_all};
use super::{Change, Reason};
use crate::graph::{Graph, NodeId};
use crate::name::Kind;

/// What roots of one cause have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Theme {
    /// They were never built.
    New,
    /// They were asked for although they are realised.
    Again,
    /// Their realisation is gone.
    Gone,
    /// The pinned package index of this distro, or of `backports of` it, is another one.
    Index(String),
    /// The source of this component is another one.
    Source(String),
    /// The same fields of nodes of one kind changed in the same way. Values that say nothing to people are left out.
    Changed(Kind, Vec<Change>),
    /// More causes than are told apart.
    Other,
}

impl Theme {
    /// The theme of a root's reason.
    pub fn of(graph: &Graph, node: NodeId, reason: &Reason) -> Self {
        let name = graph.node(node);
        match reason {
            Reason::New => Self::New,
            Reason::Again => Self::Again,
            Reason::Gone { .. } => Self::Gone,
            Reason::Absent { .. } => Self::Other,
            Reason::Changed { changes, .. } => {
                let only = |field: &str| matches!(&changes[..], [one] if one.field == field);
                // The index that this is about: that of the distro itself, or of one of its extra repositories.
                let index = match (name.kind(), &changes[..]) {
                    (Kind::Index, _) => Some(name.subject()),
                    (Kind::Resolve, [one]) if one.field == "input index" => Some("base"),
                    (Kind::Resolve, [one]) => one.field.strip_prefix("input index of "),
                    _ => None,
                };
                match (name.kind(), name.distro()) {
                    (_, Some(distro)) if index == Some("base") => Self::Index(distro.to_owned()),
                    (_, Some(distro)) if index.is_some() => {
                        Self::Index(format!("{} of {distro}", index.unwrap_or_default()))
                    }
                    (Kind::Source, _) => Self::Source(name.subject().to_owned()),
                    (Kind::SourcePackage, _) if only("input source") => Self::Source(name.subject().to_owned()),
                    (kind, _) => Self::Changed(kind, changes.iter().map(without_opaque).collect()),
                }
            }
        }
    }

    /// A word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Again => "again",
            Self::Gone => "gone",
            Self::Index(_) => "index",
            Self::Source(_) => "source",
            Self::Changed(..) => "changed",
            Self::Other => "other",
        }
    }

    /// A few words for people.
    pub fn describe(&self) -> String {
        match self {
            Self::New => "never built".to_owned(),
            Self::Again => "asked for again".to_owned(),
            Self::Gone => "the realisation is gone".to_owned(),
            Self::Index(distro) => format!("the package index of {distro} moved"),
            Self::Source(component) => format!("the source of {component} changed"),
            Self::Changed(_, changes) => tell_all(changes),
            Self::Other => "various other reasons".to_owned(),
        }
    }
}

fn without_opaque(change: &Change) -> Change {
    let kept = |value: &Option<String>| value.as_ref().map(|_| String::new());
    match is_opaque(&change.field) {
        true => Change { field: change.field.clone(), before: kept(&change.before), now: kept(&change.now) },
        false => change.clone(),
    }
}
