//! A distro's part as a channel shows it: under the channel's own names of suites, and with packages signed.
//!
//! What a channel calls itself is no part of what was built, so another label, or one more name of a suite, builds nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::keyring::{self, Keyring};
use super::names::Names;
use super::shared::folder_of;
use super::{Content, Part, PublishError, put, seconds, yum};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::name::{ChannelName, DistroName};
use crate::path::TreePath;
use crate::repo::Suite;
use crate::sign::Signers;
use crate::tree::Tree;

/// What a channel says of itself, and how long what it says holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Naming {
    /// `Origin` of its `Release` files; `None`: as the parts say.
    pub origin: Option<String>,
    /// `Label` of its `Release` files; `None`: as the parts say.
    pub label: Option<String>,
    /// Names of suites, with `{codename}` in the place of the distro's own; `None`: that alone.
    pub suite: Option<String>,
    /// Further names of a distro's suite, or of its YUM repositories' folder.
    pub aliases: BTreeMap<DistroName, Vec<String>>,
    /// Whether it has a keyring package.
    pub keyring: bool,
    /// Who makes the packages, for the keyring package: name and address.
    pub maintainer: String,
    /// Where people reach it; `None`: its folder on this machine.
    pub url: Option<String>,
    /// How long `Release` files are valid, in seconds; `None`: they do not say.
    pub valid_for: Option<u64>,
    /// For how many seconds what a generation names stays there after it was replaced. The one that was replaced last
    /// stays in any case.
    pub grace: u64,
}

impl Naming {
    /// The name of the suite that the distro calls `codename`.
    fn suite(&self, codename: &str) -> String {
        self.suite.as_ref().map_or_else(|| codename.to_owned(), |suite| suite.replace("{codename}", codename))
    }

    fn aliases(&self, distro: &DistroName) -> &[String] {
        self.aliases.get(distro).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A part as it is published, without what is signed anew each time.
pub(super) struct Laid {
    /// As it was given.
    pub part: Part,
    /// Its tree as it was given.
    pub given: Tree,
    /// All its files, until they are merged with those of other parts.
    pub tree: Tree,
    /// What lies where.
    pub kind: Kind,
}

/// What lists a part has.
pub(super) enum Kind {
    /// Suites, those under further names included.
    Apt(Vec<Suite>),
    /// YUM repositories, and the names of their folder, the distro's own first.
    Yum { settings: yum::YumSettings, made: yum::Assembled, names: Vec<String> },
}

/// What all parts of a channel are laid out with.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub place: yum::Place<'a>,
    pub channel: &'a ChannelName,
    pub naming: &'a Naming,
    pub signer: &'a Signers,
    pub keyring: Option<&'a Keyring>,
    /// Its public keys, armored.
    pub public: &'a str,
    /// What was published before.
    pub names: &'a Names<'a>,
    /// In seconds since 1970.
    pub now: i64,
    /// Whether the list of signed packages of before is believed.
    pub believe: bool,
}

/// Lays a part out under the channel's names. Adds the pieces of metadata that are needed to `pieces`.
pub(super) fn lay(ground: Ground<'_>, part: &Part, pieces: &mut BTreeSet<Digest>) -> Result<Laid, Failure> {
    let Ground { place, naming, signer, now, believe, .. } = ground;
    let given = place.store.get_tree(part.tree)?;
    let aliases = naming.aliases(&part.distro);
    let (tree, kind) = match &part.content {
        Content::Apt(suites) => {
            let (tree, suites) = named(ground, &given, suites, aliases)?;
            (tree, Kind::Apt(suites))
        }
        Content::Yum(settings) => {
            let mut whole = given.clone();
            keyring::add_rpm(ground, settings, &mut whole)?;
            let unsigned: BTreeSet<Digest> = whole.files().map(|(_, digest, _)| digest).collect();
            let signed = yum::signed_files(&place, signer.main(), settings, &unsigned, seconds(now), believe, pieces)?;
            let made = yum::assemble(&place, settings, &whole, &signed, pieces)?;
            let own = settings.distro.to_string();
            let tree = aliases.iter().try_fold(made.tree.clone(), |mut tree, alias| {
                copy(&mut tree, &made.tree, &format!("{}/{own}/", yum::FOLDER), &format!("{}/{alias}/", yum::FOLDER))?;
                Ok::<_, Failure>(tree)
            })?;
            let names = [own].into_iter().chain(aliases.iter().cloned()).collect();
            (tree, Kind::Yum { settings: settings.clone(), made, names })
        }
    };
    Ok(Laid { part: part.clone(), given, tree, kind })
}

/// The tree and the suites of an APT repository under the names of the channel.
fn named(ground: Ground<'_>, tree: &Tree, suites: &[Suite], aliases: &[String]) -> Result<(Tree, Vec<Suite>), Failure> {
    let naming = ground.naming;
    let own = suites.first().map(|suite| suite.settings.codename.clone()).unwrap_or_default();
    let no_pool = |_| PublishError::Clash { path: "pool".to_owned() };
    let mut all = tree.part(|path| folder_of(path.as_bytes()) == Some(b"pool")).map_err(no_pool)?;
    let mut made = Vec::new();
    for name in [naming.suite(&own)].iter().chain(aliases) {
        for suite in suites {
            // Such as `-debug`.
            let rest = suite.settings.codename.strip_prefix(&own).unwrap_or_default();
            let mut named = suite.clone();
            named.settings.codename = format!("{name}{rest}");
            named.settings.suite.clone_from(&named.settings.codename);
            let own_or = |given: &Option<String>, own: &str| given.clone().unwrap_or_else(|| own.to_owned());
            named.settings.origin = own_or(&naming.origin, &suite.settings.origin);
            named.settings.label = own_or(&naming.label, &suite.settings.label);
            let (from, to) =
                (format!("dists/{}/", suite.settings.codename), format!("dists/{}/", named.settings.codename));
            copy(&mut all, tree, &from, &to)?;
            if let (Some(keyring), "") = (ground.keyring, rest) {
                keyring::add(ground.place.store, keyring, &mut all, &mut named)?;
            }
            made.push(named);
        }
    }
    Ok((all, made))
}

/// Puts what lies below `from` in `source` below `to` in `tree`.
fn copy(tree: &mut Tree, source: &Tree, from: &str, to: &str) -> Result<(), Failure> {
    for (path, entry) in source.iter() {
        if let Some(rest) = path.as_bytes().strip_prefix(from.as_bytes()) {
            let place = [to.as_bytes(), rest].concat();
            let wrong = || PublishError::Clash { path: String::from_utf8_lossy(&place).into_owned() };
            put(tree, &TreePath::new(&place).map_err(|_| wrong())?, entry)?;
        }
    }
    Ok(())
}

/// All parts in one tree, taken from them.
pub(super) fn merged(parts: &mut [Laid]) -> Result<Tree, Failure> {
    let [first, others @ ..] = parts else { return Ok(Tree::default()) };
    let mut merged = std::mem::take(&mut first.tree);
    for part in others {
        for (path, entry) in std::mem::take(&mut part.tree).iter() {
            match merged.get(path) {
                None => put(&mut merged, path, entry)?,
                Some(there) if there == entry => {}
                Some(_) => return Err(PublishError::Clash { path: path.to_string() }.into()),
            }
        }
    }
    Ok(merged)
}

/// Whether it is the place of a package in a YUM repository.
pub(super) fn is_package_of_rpm(path: &TreePath) -> bool {
    let path = path.as_bytes();
    path.starts_with(b"rpm/") && path.ends_with(b".rpm")
}

/// How many binary packages a channel's tree holds; one that lies in several folders counts once.
pub(super) fn count_packages(tree: &Tree) -> usize {
    let debs = tree.files().filter(|(path, ..)| path.as_bytes().ends_with(b"deb")).count();
    let is_source =
        |path: &TreePath| path.as_bytes().ends_with(b".src.rpm") || path.as_bytes().ends_with(b".nosrc.rpm");
    let rpms = tree.files().filter(|(path, ..)| is_package_of_rpm(path) && !is_source(path));
    debs + rpms.map(|(_, digest, _)| digest).collect::<BTreeSet<_>>().len()
}
