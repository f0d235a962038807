//! The graph of derivations: nodes with names, and edges from each node to what it reads.
//!
//! Nodes are added after their inputs, so a graph has no cycles by construction (cycles between components are found
//! before, while weaving). Iteration is in the order of adding, which the weaver keeps stable. Nodes are known by
//! [`NodeId`], never by reference.
//!
//! Stored in columns: a project of the old farm's shape has some 17,000 nodes, and one a hundred times as large must fit
//! into memory. Words and actions are kept once and known by number; a [`Node`] is a view that looks them up.
//! `build.rs` makes a graph, `view.rs` looks at a node, `order.rs` orders what is not yet a graph.

mod amend;
mod build;
mod columns;
mod excepted;
mod order;
mod select;
#[cfg(test)]
pub(crate) mod small;
mod strings;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

pub use amend::Amendment;
pub use build::{ActionId, Builder, Needed, NewNode, Ready, Word};
pub use excepted::{Excepted, builds};
pub use order::{Circle, order};
pub use select::{Selector, SelectorError, matches_pattern};
pub use view::{Names, Node, NodeInput};

use serde::{Deserialize, Serialize};

use crate::columns::{Bytes, Digests, LongNumbers};
use crate::drv::{Action, ActionDigest, DrvId};

use crate::component::MayFail;
use crate::imported::ImportedFile;
use crate::lock::PinnedFile;
use crate::name::{ChannelName, DistroName, Kind, NodeName, PackageName, RepositoryName};
use crate::remote::Checkout;
use crate::remote::archive::{Archive, Packing};
use strings::Strings;

/// A node of one graph. Small, dense, in the order of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(u32);

impl NodeId {
    /// The node's place in the order of adding.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a node's bytes can be had. Nothing in here is part of any identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Made from its inputs alone.
    Made,
    /// Files of a distribution's source package.
    Dsc {
        /// The distro whose archive has them.
        distro: DistroName,
        /// The suite whose index names them.
        suite: String,
        /// Folder below the archive's root.
        directory: String,
        /// The files by name.
        files: BTreeMap<String, PinnedFile>,
    },
    /// The source RPM of a distribution.
    Srpm {
        /// The distro whose repository has it.
        distro: DistroName,
        /// Its name there.
        name: PackageName,
        /// The source repository.
        repository: String,
        /// Its place below that.
        path: String,
        /// The file.
        file: PinnedFile,
    },
    /// A folder below the project's root; `.` is the root itself.
    Folder(String),
    /// A commit of a repository.
    Checkout {
        /// Which is meant.
        of: Box<Checkout>,
        /// The one that is pinned, in hexadecimal.
        commit: String,
        /// The branch or tag that it was found at.
        found: Option<String>,
    },
    /// An archive of upstream, or a source RPM.
    Archive {
        /// Which.
        of: Box<Archive>,
        /// The file that is pinned.
        file: PinnedFile,
        /// How it is packed.
        packing: Packing,
        /// Its signature, where it has one beside it.
        signature: Option<PinnedFile>,
        /// Whether the tree is that file as it came; else it is what it holds.
        as_it_is: bool,
    },
    /// A package that was built elsewhere: somebody put it into the store.
    Imported {
        /// The channel that it enters.
        channel: ChannelName,
        /// Where it came from, in somebody's words.
        from: Option<String>,
        /// Its files by name.
        files: BTreeMap<String, ImportedFile>,
    },
    /// Index files of a distro: for each label the suite and the path below it.
    Index {
        /// The distro that they are of.
        distro: DistroName,
        /// The extra repository of it that has them; `None`: the distribution's own archive.
        extra: Option<RepositoryName>,
        /// By label: suite, path below `dists/<suite>/`.
        files: BTreeMap<String, (String, String)>,
    },
}

/// Origins by node, read from bytes when first asked for: only what runs asks.
#[derive(Debug, Clone, Default)]
struct Origins {
    raw: Bytes,
    read: OnceLock<BTreeMap<NodeId, Origin>>,
}

impl Origins {
    fn unread(raw: Bytes) -> Self {
        Self { raw, read: OnceLock::new() }
    }

    fn get(&self) -> &BTreeMap<NodeId, Origin> {
        self.read.get_or_init(|| serde_json::from_slice(&self.raw).unwrap_or_default())
    }

    fn insert(&mut self, node: NodeId, origin: Origin) {
        self.get();
        self.read.get_mut().expect("asked for just now").insert(node, origin);
    }
}

/// Beside a node's kind: its subject is a component.
const OF_COMPONENT: u8 = 1 << 7;

/// All nodes of a project.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    strings: Strings,
    // By node.
    /// The kind's place among all, and [`OF_COMPONENT`].
    kinds: Bytes,
    subjects: Vec<u32>,
    places: Vec<u32>,
    actions: Vec<u32>,
    ids: Digests,
    /// Where the inputs of each node end in the next three.
    input_ends: Vec<u32>,
    inputs: Vec<NodeId>,
    roles: Vec<u32>,
    outputs: Vec<u32>,
    /// What is not [`Origin::Made`].
    origins: Origins,
    /// Known failures; no part of any identity.
    may_fail: BTreeMap<NodeId, MayFail>,
    // By action.
    action_digests: Digests,
    action_ends: LongNumbers,
    action_bytes: Bytes,
    /// By node: where its consumers end in the list behind. Made when first asked for.
    consumers: OnceLock<(Vec<u32>, Vec<NodeId>)>,
}

impl Graph {
    fn push_kind(&mut self, kind: Kind, of_component: bool) {
        let place = Kind::ALL.iter().position(|known| *known == kind).unwrap_or_default();
        let bit = if of_component { OF_COMPONENT } else { 0 };
        self.kinds.to_mut().push(u8::try_from(place).unwrap_or_default() | bit);
    }

    fn kind(&self, node: NodeId) -> Kind {
        Kind::ALL[usize::from(self.kinds[node.index()] & !OF_COMPONENT)]
    }

    fn is_of_component(&self, node: NodeId) -> bool {
        self.kinds[node.index()] & OF_COMPONENT != 0
    }

    /// The node with that id.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        Node::new(self, id)
    }

    /// The node of that name. Looks through all nodes.
    pub fn find(&self, name: &NodeName) -> Option<NodeId> {
        self.ids().find(|id| {
            let node = self.node(*id);
            node.kind() == name.kind && node.subject() == name.subject && node.place() == name.place
        })
    }

    /// All nodes by name, to find many of them.
    pub fn names(&self) -> Names<'_> {
        Names::new(self)
    }

    /// The ids of what its nodes do, in their order.
    pub fn drv_ids(&self) -> &Digests {
        &self.ids
    }

    /// All nodes, inputs before what reads them.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        // Nodes are counted in 32 bits.
        (0..self.kinds.len() as u32).map(NodeId)
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The nodes that read an output of `id`, sorted, each once.
    pub fn consumers(&self, id: NodeId) -> &[NodeId] {
        let (ends, all) = self.consumers.get_or_init(|| self.turned());
        &all[range(ends, id.index())]
    }

    /// The nodes that may fail, in order, each with its known failure.
    pub fn known_failures(&self) -> impl Iterator<Item = (NodeId, &MayFail)> {
        self.may_fail.iter().map(|(node, may_fail)| (*node, may_fail))
    }

    /// `wanted` with all that they need, in order.
    pub fn with_inputs(&self, wanted: &[NodeId]) -> Vec<NodeId> {
        let mut marked = self.marks(wanted);
        for id in self.ids().rev() {
            if marked[id.index()] {
                self.node(id).input_nodes().iter().for_each(|input| marked[input.index()] = true);
            }
        }
        self.ids().filter(|id| marked[id.index()]).collect()
    }

    /// `wanted` with all that reads them, directly or not, in order.
    pub fn with_consumers(&self, wanted: &[NodeId]) -> Vec<NodeId> {
        let mut marked = self.marks(wanted);
        for id in self.ids() {
            if self.node(id).input_nodes().iter().any(|input| marked[input.index()]) {
                marked[id.index()] = true;
            }
        }
        self.ids().filter(|id| marked[id.index()]).collect()
    }

    fn marks(&self, wanted: &[NodeId]) -> Vec<bool> {
        let mut marked = vec![false; self.len()];
        for id in wanted {
            marked[id.index()] = true;
        }
        marked
    }

    fn inputs_of(&self, id: NodeId) -> Range<usize> {
        range(&self.input_ends, id.index())
    }

    /// Adds an action, whose words `interner` numbers; gives its number.
    fn push_action(&mut self, action: &Action, digest: ActionDigest, interner: &mut strings::Interner) -> u32 {
        let number = u32::try_from(self.action_digests.len()).expect("fewer than 2^32 actions");
        action.compact(self.action_bytes.to_mut(), interner);
        self.action_ends.push(self.action_bytes.len() as u64);
        self.action_digests.push(digest.0);
        number
    }

    fn id_of(&self, node: NodeId) -> DrvId {
        DrvId(self.ids.get(node.index()).expect("a node has an id"))
    }

    fn action_digest_of(&self, node: NodeId) -> ActionDigest {
        ActionDigest(self.action_digests.get(self.actions[node.index()] as usize).expect("a node has an action"))
    }

    fn action_bytes_of(&self, action: u32) -> &[u8] {
        let place = action as usize;
        let end = |place| self.action_ends.get(place).expect("an action has an end") as usize;
        let start = if place == 0 { 0 } else { end(place - 1) };
        &self.action_bytes[start..end(place)]
    }

    /// How many nodes read an output of each node.
    pub fn read_by(&self) -> Vec<u32> {
        let mut counts = vec![0; self.len()];
        self.for_each_edge(self.ids(), &mut |input, _| counts[input.index()] += 1);
        counts
    }

    /// Edges the other way round.
    fn turned(&self) -> (Vec<u32>, Vec<NodeId>) {
        let mut ends = self.read_by();
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let mut all = vec![NodeId(0); sum as usize];
        let mut free = ends.clone();
        self.for_each_edge(self.ids().rev(), &mut |input, id| {
            free[input.index()] -= 1;
            all[free[input.index()] as usize] = id;
        });
        (ends, all)
    }

    /// Each node that is read by one of `readers`, with that one; once for several outputs.
    fn for_each_edge(&self, readers: impl Iterator<Item = NodeId>, deed: &mut dyn FnMut(NodeId, NodeId)) {
        // The last reader of each.
        let mut last = vec![None; self.len()];
        for id in readers {
            for input in self.node(id).input_nodes() {
                if last[input.index()].replace(id) != Some(id) {
                    deed(*input, id);
                }
            }
        }
    }
}

/// Where the items of `place` stand in a list whose parts end at `ends`.
fn range(ends: &[u32], place: usize) -> Range<usize> {
    let start = if place == 0 { 0 } else { ends[place - 1] as usize };
    start..ends[place] as usize
}
