//! Numbers of builds, and whether a rebuild made anything new.
//!
//! A build whose fingerprint is new gets the next number from the ledger before it runs, since the number stands in its
//! packages. Afterwards the packages are compared with the previous ones without regard to the number: where they are
//! equal, the earlier outputs become this realisation's, and the number is given back.

use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{Action, Fingerprint, Outputs};
use crate::family::{numbered_version, unnumbered_version, unnumbered_version_in};
use crate::graph::Node;
use crate::name::{Arch, ComponentName, DistroName, Kind, NodeName};
use crate::package::equivalent::{Essence, essence, name_without_version};
use crate::store::{Known, Realisation, Released, Store};
use crate::tree::{Entry, Tree};

/// How many of a node's results are asked for numbers.
const MOST_EARLIER: usize = 32;

/// Outputs that are compared: all that people install.
const COMPARED: [&str; 3] = ["debug", "packages", "udebs"];

/// What a build's number counts: builds of one version of a component for a distro and arch.
pub struct Numbered {
    /// The distro.
    pub distro: DistroName,
    /// The component.
    pub component: ComponentName,
    /// The version without a number.
    pub version: String,
    /// The arch, or `all`.
    pub arch: Arch,
}

/// The number that a result bears, and what it counts; `None` where it bears none.
pub fn number_of(result: &Realisation) -> Option<Known> {
    let name: NodeName = result.node.parse().ok()?;
    Some(Known {
        distro: DistroName::new(name.distro()?).ok()?,
        component: ComponentName::new(name.subject.as_str()).ok()?,
        version: unnumbered_version_in(&result.derivation)?,
        arch: Arch::new(name.arch()?).ok()?,
        fingerprint: result.fingerprint?,
        number: result.number?,
        equivalent: result.kept.is_some(),
    })
}

impl Numbered {
    /// What the number of `node` counts; `None` where it is no build.
    pub fn of(node: Node<'_>) -> Option<Self> {
        let Action::Build { script, .. } = &node.action() else { return None };
        Some(Self {
            distro: DistroName::new(node.distro()?).ok()?,
            component: node.component()?,
            version: unnumbered_version(script),
            arch: Arch::new(node.arch()?).ok()?,
        })
    }

    /// The number for a build that is about to run.
    ///
    /// # Errors
    /// Where the ledger cannot be read or written.
    pub fn assign(&self, store: &Store, fingerprint: Fingerprint) -> Result<u32, Failure> {
        let ledger = store.ledger(&self.distro, &self.component);
        // Of a ledger that was lost, or whose end was, results know more: no number of theirs is given again.
        let node = format!("{}:{}@{}/{}", Kind::Build, self.component, self.distro, self.arch);
        let known: Vec<Known> = store.latest_of_node(&node, MOST_EARLIER)?.iter().filter_map(number_of).collect();
        ledger.recover(&known)?;
        Ok(ledger.assign(&self.version, &self.arch, fingerprint)?)
    }

    /// The number that a build would be given if it ran now.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub fn foresee(&self, store: &Store, fingerprint: Fingerprint) -> Result<u32, Failure> {
        let ledger = store.ledger(&self.distro, &self.component);
        Ok(ledger.foresee(&self.version, &self.arch, fingerprint)?)
    }

    /// Takes over a number that was given elsewhere; `false` where another build has it here.
    ///
    /// # Errors
    /// Where the ledger cannot be read or written.
    pub fn adopt(
        &self,
        store: &Store,
        fingerprint: Fingerprint,
        number: u32,
        released: Option<Released>,
    ) -> Result<bool, Failure> {
        let ledger = store.ledger(&self.distro, &self.component);
        Ok(ledger.adopt(&self.version, &self.arch, fingerprint, number, released)?)
    }

    /// Gives a number back that nothing was published with.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub fn release(&self, store: &Store, fingerprint: Fingerprint, how: Released) -> Result<(), Failure> {
        Ok(store.ledger(&self.distro, &self.component).release(&self.version, &self.arch, fingerprint, how)?)
    }
}

/// Whether a build may keep earlier packages: not where its source makes both kinds of packages, since those may name
/// each other's exact version and so change together or not at all.
pub fn may_keep(node: Node<'_>) -> bool {
    !node.inputs().any(|input| input.role.starts_with("number with "))
}

/// The realisation of `node` before this one, where its packages equal `outputs` but for the number.
///
/// # Errors
/// Where the store cannot be read.
pub fn equal_before(
    store: &Store,
    node: Node<'_>,
    outputs: &Outputs,
    number: u32,
) -> Result<Option<Realisation>, Failure> {
    let Action::Build { script, .. } = &node.action() else { return Ok(None) };
    let before = store.last_of_node(&node.to_string())?.filter(|before| before.number.is_some());
    let Some(before) = before.filter(|_| may_keep(node)) else { return Ok(None) };
    // An equivalent rebuild shows the outputs of the one that was kept, so its number is in the packages.
    let shown = match before.kept {
        Some(key) => store.realisation(key)?.and_then(|kept| kept.number),
        None => before.number,
    };
    let Some(shown) = shown.filter(|shown| *shown != number) else { return Ok(None) };
    let (old, new) = (numbered_version(script, shown), numbered_version(script, number));
    for (name, digest) in outputs.iter().filter(|(name, _)| COMPARED.contains(&name.as_str())) {
        let Some(earlier) = before.outputs.get(name) else { return Ok(None) };
        if !store.hold(*earlier)? || !same_packages(store, (*earlier, &old), (*digest, &new))? {
            return Ok(None);
        }
    }
    Ok(Some(before))
}

fn same_packages(store: &Store, old: (Digest, &str), new: (Digest, &str)) -> Result<bool, Failure> {
    let (before, after) = (store.get_tree(old.0)?, store.get_tree(new.0)?);
    let (before, after) = (named(&before, old.1), named(&after, new.1));
    if before.len() != after.len() {
        return Ok(false);
    }
    for ((name, before), (other, after)) in before.into_iter().zip(after) {
        if name != other {
            return Ok(false);
        }
        let (Some(before), Some(after)) = (read(store, before, old.1)?, read(store, after, new.1)?) else {
            return Ok(false);
        };
        if before != after {
            return Ok(false);
        }
    }
    Ok(true)
}

fn named(tree: &Tree, version: &str) -> Vec<(String, Digest)> {
    let files = tree.iter().filter_map(|(path, entry)| match entry {
        Entry::File { digest, .. } => Some((name_without_version(&path.to_string(), version), *digest)),
        _ => None,
    });
    let mut files: Vec<(String, Digest)> = files.collect();
    files.sort();
    files
}

/// What a package comes to; `None` where it cannot be read, which counts as different.
fn read(store: &Store, package: Digest, version: &str) -> Result<Option<Essence>, Failure> {
    Ok(essence(std::io::BufReader::new(store.open_object(package)?), version).ok())
}
