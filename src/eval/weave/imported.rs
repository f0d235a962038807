//! Packages that were built elsewhere, in the graph: each is a source that a channel's repository reads like a build's output.

use std::collections::BTreeMap;

use super::super::mistake::{Complaint, Mistake};
use super::super::{Project, RecipeError};
use crate::digest::Digest;
use crate::drv::Action;
use crate::graph::{Builder, NewNode, NodeId, Origin};
use crate::imported::{IMPORTS_FILE, Imported, ImportedKind};
use crate::name::{ChannelName, ComponentName, DistroName, Kind};
use crate::path::TreePath;
use crate::settings::{Channel, Settings};
use crate::tree::{Entry, Tree};

/// Names of packages that the project makes, with their components, of the distros that packages are imported for.
pub(super) type Ours<'a> = BTreeMap<&'a DistroName, BTreeMap<String, ComponentName>>;

/// An imported package with its node.
pub(super) struct Brought<'a> {
    pub package: &'a Imported,
    pub node: NodeId,
    /// The subject of its node.
    pub subject: String,
}

impl Brought<'_> {
    /// What the repository reads it as: such as `packages imported+acme+1.0-amd64/amd64`.
    pub fn role(&self) -> String {
        let Self { package, subject, .. } = self;
        match package.kind {
            ImportedKind::Source => format!("source {subject}"),
            kind => {
                let start = match kind {
                    ImportedKind::Debug => "debug",
                    ImportedKind::Udeb => "udebs",
                    _ => "packages",
                };
                format!("{start} {subject}/{}", package.shown_arch())
            }
        }
    }
}

/// Mistakes in the list that show without the graph.
pub(super) fn check(project: &Project, settings: &Settings, errors: &mut Vec<RecipeError>) {
    for one in &project.imports.package {
        let Imported { name, channel, distro, .. } = one;
        let mut wrong = |message: String, help: String| errors.push(error(message, help));
        if !settings.channel.contains_key(channel) {
            let help = format!(
                "name a channel of `opb.toml` there, or let the package go with `opb repo import {channel} --remove {name}`"
            );
            let message = format!("`{IMPORTS_FILE}` lets `{name}` into the channel `{channel}`, which does not exist");
            wrong(message, help);
        }
        match project.distros.get(distro) {
            None => {
                let help = format!(
                    "name a distro of `distros/` there, or let the package go with `opb repo import {channel} --remove {name}`"
                );
                let message = format!("`{IMPORTS_FILE}` has `{name}` for the distro `{distro}`, which does not exist");
                wrong(message, help);
            }
            Some(known) => {
                let ending = if known.rpm().is_some() { ".rpm" } else { "deb" };
                let is_of_family = |file: &String| file.ends_with(ending);
                if one.kind != ImportedKind::Source && !one.files.keys().all(is_of_family) {
                    let help = "import it for a distro of its own kind of packages".to_owned();
                    wrong(format!("`{name}` of `{IMPORTS_FILE}` is no package of the kind that {distro} has"), help);
                }
            }
        }
    }
}

/// Packages that are imported although a component makes one of that name: ours win, so they must not be there.
pub(super) fn check_ours(project: &Project, ours: &Ours<'_>, errors: &mut Vec<RecipeError>) {
    for one in project.imports.package.iter().filter(|one| one.kind != ImportedKind::Source) {
        let Imported { name, distro, version, channel, .. } = one;
        if let Some(component) = ours.get(distro).and_then(|ours| ours.get(name.as_str())) {
            let message = format!(
                "`{IMPORTS_FILE}` has `{name}` {version}, and the component `{component}` makes `{name}` for {distro}"
            );
            let help = format!(
                "packages of the project win: leave it out (`opb repo import {channel} --remove {name}` lets it go), or take \
                 {distro} out of the `targets` of `{component}`"
            );
            errors.push(error(message, help));
        }
    }
}

fn error(message: String, help: String) -> RecipeError {
    RecipeError::placeless(IMPORTS_FILE, Complaint::new(Mistake::Name, message).help(help))
}

/// Adds a node for each package that enters `channel` for `distro` on `arches`, as far as the channel holds its area.
pub(super) fn add<'a>(
    project: &'a Project,
    (name, channel): (&'a ChannelName, &Channel),
    distro: &'a DistroName,
    arches: &[&str],
    graph: &mut Builder,
) -> Vec<Brought<'a>> {
    let is_held = |one: &&Imported| {
        let of_arch = one.arch.as_ref().is_none_or(|arch| arch.is_all() || arches.contains(&arch.as_str()));
        let area = one.area.as_ref().map_or("main", |area| area.as_str());
        of_arch && (channel.areas.is_empty() || channel.areas.iter().any(|held| held.as_str() == area))
    };
    let held = project.imports.of(name, distro).filter(is_held);
    held.filter_map(|package| {
        let (subject, node) = add_node(package, distro, graph)?;
        Some(Brought { package, node, subject })
    })
    .collect()
}

/// The node that has the files of `package`; `None` where their names are no names of files, which nothing writes there.
fn add_node(package: &Imported, distro: &DistroName, graph: &mut Builder) -> Option<(String, NodeId)> {
    let action = graph.action(&Action::Source { tree: tree(package)? });
    let place = graph.word(distro.as_str());
    let base = subject(package);
    for turn in 1.. {
        let name = if turn == 1 { base.clone() } else { format!("{base}-{turn}") };
        let word = graph.word(&name);
        match graph.find(Kind::Source, word, place) {
            Some(known) if graph.does(known, action) => return Some((name, known)),
            // Two versions may come to one word.
            Some(_) => {}
            None => {
                let origin = Origin::Imported {
                    channel: package.channel.clone(),
                    from: package.from.clone(),
                    files: package.files.clone(),
                };
                let node = NewNode { kind: Kind::Source, subject: word, place, action, of_component: false, origin };
                return Some((name, graph.add(node, &mut [])));
            }
        }
    }
    None
}

/// The tree that holds exactly the files of `package`.
fn tree(package: &Imported) -> Option<Digest> {
    let mut tree = Tree::default();
    for (name, file) in &package.files {
        let entry = Entry::File { digest: file.blake3, size: file.size, executable: false };
        tree.insert(TreePath::new(name.as_bytes()).ok()?, entry).ok()?;
    }
    Some(tree.digest())
}

/// Such as `imported+acme+1.0-amd64`: what a node's name can hold of it.
fn subject(package: &Imported) -> String {
    let word = |text: &str, most: usize| -> String {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
        let plain = |letter: char| if is_plain(letter) { letter.to_ascii_lowercase() } else { '-' };
        text.chars().take(most).map(plain).collect::<String>().replace("..", "--")
    };
    let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, version)| version);
    let (name, version) = (word(package.name.as_str(), 40), word(version, 30));
    format!("imported+{name}+{version}-{}", word(package.shown_arch(), 10))
}
