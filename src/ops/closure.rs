//! Whether what would be published of a channel is whole and of one piece: all that its packages depend on is in it or in the
//! distribution, and all of it was built with what of it is published.
//!
//! ```text
//! the repository's inputs ──► its packages ─┬─ deb, rpm: by arch, beside the distro's pinned index ──► what is broken
//! lists of the roots that made them ────────┴─ coherence: what was used, and what would be published ──► what differs
//! ```
//!
//! A package of some arch is looked at there. One of all arches is looked at on those for which its component has other
//! builds, or on every arch of the repository where it has none. Every version that is there counts, of the channel and of
//! the distribution alike, as apt and dnf know both. Packages of the installer (`.udeb`) are left out: they depend on those
//! of the distribution, which are in indexes that are not pinned. Debug packages need nothing but
//! what they belong to, and are left out.

mod coherence;
mod deb;
mod rpm;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::drv::{Action, Outputs};
use crate::family::rpm::debian_arch;
use crate::graph::{Node, NodeId};
use crate::name::{Kind, NodeName};
use crate::repo::yum::{DEBUG, SOURCES};
pub use crate::report::closure::{Broken, Incoherent};
use crate::store::Store;
use crate::tree::Tree;

/// What was found of one distro's part of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closure {
    /// Dependencies that cannot be met, sorted: those alone that are at fault themselves.
    pub broken: Vec<Broken>,
    /// Packages that a build used and of which others would be published, sorted.
    pub incoherent: Vec<Incoherent>,
    /// How many packages were looked at, each once.
    pub packages: usize,
}

impl Closure {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.broken.is_empty() && self.incoherent.is_empty()
    }
}

/// Why nobody can tell.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ClosureError {
    /// A result of which the bytes are gone.
    #[error("what `{node}` came to is not in the store, so what packages depend on cannot be checked")]
    #[diagnostic(
        code(opb::closure::not_here),
        help(
            "run `opb build --again --only {node}`, which brings it back, or `opb fetch` for all that comes from archives; then publish again"
        )
    )]
    NotHere {
        /// The node.
        node: String,
    },
}

impl Caused for ClosureError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

/// Looks at what the repository `repo` holds. `outputs` gives what nodes came to, as one plan has it: inputs of which it knows
/// nothing are not in the repository.
///
/// # Errors
/// [`ClosureError`]; where the store or a package cannot be read; where there is no dnf for RPM packages.
pub fn check(
    session: &Session,
    store: &Store,
    repo: NodeId,
    outputs: impl Fn(NodeId) -> Option<Outputs>,
) -> Result<Closure, Failure> {
    let part = Part::new(session, store, repo, &outputs)?;
    let (packages, mut broken) = if part.is_rpm { rpm::check(&part)? } else { deb::check(&part)? };
    broken.sort();
    Ok(Closure { broken, incoherent: coherence::check(&part, &packages)?, packages: packages.len() })
}

/// Looks at packages that were published already, as the part of the channel that `repo` assembles: `tree` has them where
/// publishing has laid them out. Whether they go with what they were built with was looked at when they were published first.
///
/// # Errors
/// As [`check`].
pub fn check_published(session: &Session, store: &Store, repo: NodeId, tree: &Tree) -> Result<Closure, Failure> {
    let nothing = |_: NodeId| None;
    let part =
        Part { of_tree: true, ..Part::new(session, store, repo, &nothing)? }.with(tree, session.graph.node(repo));
    let (packages, mut broken) = if part.is_rpm { rpm::check(&part)? } else { deb::check(&part)? };
    broken.sort();
    Ok(Closure { broken, incoherent: Vec::new(), packages: packages.len() })
}

/// A distro's part of a channel.
struct Part<'a> {
    session: &'a Session,
    store: &'a Store,
    outputs: &'a dyn Fn(NodeId) -> Option<Outputs>,
    distro: &'a str,
    is_rpm: bool,
    /// In Debian's spelling.
    arches: BTreeSet<String>,
    builds: Vec<Built<'a>>,
    /// The packages: the place of the build, what the store calls it, and its size.
    files: Vec<(usize, Digest, u64)>,
    /// Whether it is known by its files alone, and not by what built them.
    of_tree: bool,
}

/// A build whose packages are in the repository.
struct Built<'a> {
    node: Node<'a>,
    component: Cow<'a, str>,
    /// Of what it makes, in Debian's spelling, or `all`.
    arch: Cow<'a, str>,
}

/// A package of the repository.
#[derive(Debug, Clone)]
struct Going {
    /// The place of the build that made it.
    build: usize,
    object: Digest,
    name: String,
    version: String,
    /// In Debian's spelling, or `all`.
    arch: String,
}

impl<'a> Part<'a> {
    fn new(
        session: &'a Session,
        store: &'a Store,
        repo: NodeId,
        outputs: &'a dyn Fn(NodeId) -> Option<Outputs>,
    ) -> Result<Self, Failure> {
        let node = session.graph.node(repo);
        let settings = match node.action() {
            Action::Repo { settings } => settings,
            _ => BTreeMap::new(),
        };
        let arches = settings.get("arches").map(String::as_str).unwrap_or_default().split_whitespace();
        let arches = arches.map(|arch| debian_arch(arch).to_owned()).collect();
        let is_rpm = settings.get("family").is_some_and(|family| family == "rpm");
        let (mut builds, mut files) = (Vec::new(), Vec::new());
        for input in node.inputs() {
            let Some((component, arch)) = input.role.strip_prefix("packages ").and_then(|role| role.split_once('/'))
            else {
                continue;
            };
            let of = outputs(input.node);
            let Some(packages) = of.as_ref().and_then(|outputs| outputs.get(input.output)).copied() else { continue };
            let node = session.graph.node(input.node);
            if !store.hold(packages)? {
                return Err(ClosureError::NotHere { node: node.to_string() }.into());
            }
            files.extend(store.get_tree(packages)?.files().map(|(_, object, size)| (builds.len(), object, size)));
            builds.push(Built { node, component: component.into(), arch: arch.into() });
        }
        let distro = node.distro().unwrap_or_default();
        Ok(Self { session, store, outputs, distro, is_rpm, arches, builds, files, of_tree: false })
    }

    /// The same with the packages in `tree`. Those of one source package, by its folder, count as one component's; what made them is not known, so `node` stands for it.
    fn with(mut self, tree: &Tree, node: Node<'a>) -> Self {
        let (mut seen, mut places) = (BTreeSet::new(), BTreeMap::new());
        self.builds.clear();
        self.files.clear();
        for (path, object, size) in tree.files() {
            let path = path.to_string();
            let Some((folder, file)) = path.rsplit_once('/') else { continue };
            let (component, arch) = match file.strip_suffix(".deb").and_then(|stem| stem.rsplit_once('_')) {
                Some((name, arch)) if !name.contains("-dbgsym_") => (folder, arch),
                None if file.ends_with(".rpm") && !folder.starts_with(SOURCES) && !folder.contains(DEBUG) => {
                    (file, "all")
                }
                _ => continue,
            };
            if seen.insert(object) {
                let place = *places.entry((component.to_owned(), arch.to_owned())).or_insert_with(|| {
                    let (component, arch) = (component.to_owned().into(), arch.to_owned().into());
                    self.builds.push(Built { node, component, arch });
                    self.builds.len() - 1
                });
                self.files.push((place, object, size));
            }
        }
        self
    }

    fn target(&self, arch: &str) -> String {
        format!("{}/{arch}", self.distro)
    }

    /// The tree of the index of the distribution (`base`) or of an extra repository for an arch; `None` where the graph has no
    /// such index.
    fn index(&self, subject: &str, arch: &str) -> Result<Option<Digest>, Failure> {
        let graph = &self.session.graph;
        let name = NodeName { kind: Kind::Index, subject: subject.to_owned(), place: self.target(arch) };
        let Some(id) = graph.find(&name) else { return Ok(None) };
        let not_here = || ClosureError::NotHere { node: name.to_string() };
        // A plan of the channel alone knows no index that no build of its own reads.
        let known = match (self.outputs)(id) {
            Some(outputs) => Some(outputs),
            None => self.store.outputs_of(&[graph.node(id).action_key(None, &[])])?.pop().flatten(),
        };
        let tree = known.as_ref().and_then(|outputs| outputs.get("packages")).copied().ok_or_else(not_here)?;
        if self.store.hold(tree)? { Ok(Some(tree)) } else { Err(not_here().into()) }
    }

    /// The index of the distribution for an arch, which each arch of a repository has.
    fn own_index(&self, arch: &str) -> Result<Digest, Failure> {
        let none = || ClosureError::NotHere { node: format!("index:base@{}", self.target(arch)) };
        Ok(self.index("base", arch)?.ok_or_else(none)?)
    }

    /// The node that chose the packages of the root in which a build ran.
    fn list_of(&self, build: &Built<'_>) -> Option<Node<'a>> {
        let graph = &self.session.graph;
        let root = build.node.inputs().find(|input| input.role == "root")?;
        let list = graph.node(root.node).inputs().find(|input| input.role == "list")?;
        Some(graph.node(list.node))
    }

    /// The places of those of `packages` that are looked at on `arch`.
    fn on(&self, packages: &[Going], arch: &str) -> Vec<usize> {
        let builds: Vec<(&str, &str)> = self.builds.iter().map(|build| (&*build.component, &*build.arch)).collect();
        looked_at(&builds, packages, arch)
    }

    fn broken(&self, arch: &str, package: &Going, unmet: (String, String, usize)) -> Broken {
        let (dependency, available, followers) = unmet;
        Broken {
            target: self.target(arch),
            package: package.name.clone(),
            version: package.version.clone(),
            dependency,
            available,
            made_by: (!self.of_tree).then(|| self.builds[package.build].node.to_string()),
            followers,
        }
    }
}

/// The places of those of `packages` that are looked at on `arch`; `builds` are component and arch of each.
fn looked_at(builds: &[(&str, &str)], packages: &[Going], arch: &str) -> Vec<usize> {
    let mut of_component: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (component, arch) in builds.iter().filter(|(_, arch)| *arch != "all") {
        of_component.entry(component).or_default().push(arch);
    }
    let is_looked_at = |package: &Going| match package.arch.as_str() {
        "all" => of_component.get(builds[package.build].0).is_none_or(|arches| arches.contains(&arch)),
        of => of == arch,
    };
    (0..packages.len()).filter(|place| is_looked_at(&packages[*place])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_all_arches_are_looked_at_where_their_component_is_built() {
        let builds = [("a", "all"), ("a", "amd64"), ("b", "all"), ("c", "amd64"), ("c", "arm64"), ("c", "all")];
        let going = |(build, (component, arch)): (usize, &(&str, &str))| Going {
            build,
            object: Digest::of(b"x"),
            name: (*component).to_owned(),
            version: "1".to_owned(),
            arch: (*arch).to_owned(),
        };
        let packages: Vec<Going> = builds.iter().enumerate().map(going).collect();
        assert_eq!(looked_at(&builds, &packages, "amd64"), [0, 1, 2, 3, 5]);
        assert_eq!(looked_at(&builds, &packages, "arm64"), [2, 4, 5]);
    }

    #[test]
    fn what_keeps_from_looking_is_told() {
        let node = "index:base@debian-12/amd64".to_owned();
        let error = ClosureError::NotHere { node };
        let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
        insta::assert_snapshot!(format!("{error}\nhelp: {help}"), @"
        what `index:base@debian-12/amd64` came to is not in the store, so what packages depend on cannot be checked
        help: run `opb build --again --only index:base@debian-12/amd64`, which brings it back, or `opb fetch` for all that comes from archives; then publish again
        ");
    }
}
