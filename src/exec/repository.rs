//! Nodes that assemble a repository's content from what builds made.

mod facts;
mod yum;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use facts::{KnownFile, WantedFile, known_files, learn};

use super::context::{Context, Job};
use super::error::NodeError;
use super::sources::one;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{Action, Outputs};
use crate::name::Arch;
use crate::package::dsc;
use crate::path::TreePath;
use crate::repo::{self, Binary, Blob, IndexEntry, Settings, SourcePackage, Suite};
use crate::tree::Tree;

/// The most bytes of a `.dsc`.
const MAX_DSC: u64 = 4 << 20;

/// Assembles the repository of `job`.
///
/// # Errors
/// Where a package cannot be read, or two do not go into one repository.
pub fn assemble(ctx: &Context<'_>, job: &Job<'_>) -> Result<Outputs, Failure> {
    let node = job.node();
    let Action::Repo { settings } = &node.action() else {
        return Err(NodeError::NoInput { role: "settings".to_owned() }.into());
    };
    // What it keeps of what fails was not looked for by anybody else. What is not here is told by who reads it.
    for content in job.kept.values().flat_map(Outputs::values) {
        ctx.store.hold(*content)?;
    }
    if yum::is_meant(settings) {
        return yum::assemble(ctx, job, settings);
    }
    let inputs = inputs(ctx, job)?;
    ctx.phase(node, "reading packages");
    let shelf = ctx.store.shelf(&node.to_string());
    let wanted: Vec<WantedFile<'_>> = inputs.iter().flat_map(Input::wanted).collect();
    let known = known_files(ctx.store, &shelf, &wanted)?;
    let (mut binaries, mut sources) = (Vec::new(), Vec::new());
    for Input { role, start, made_by, files } in &inputs {
        let area = area_of(settings, role);
        if *start == SOURCES {
            sources.push(source(ctx, files, &known, area, made_by.clone())?);
            continue;
        }
        for file in files {
            let (KnownFile { facts: Some(facts), .. }, blob) = (&known[&file.digest], file.blob(&known)) else {
                continue;
            };
            let (facts, udeb) = (Arc::clone(facts), *start == UDEBS);
            binaries.push(Binary { facts, area: area.clone(), file: blob, udeb, made_by: made_by.clone() });
        }
    }
    drop(known);
    ctx.phase(node, "writing indexes");
    let assembled = repo::assemble(&settings_of(settings), &binaries, &sources, &shelf)?;
    ctx.store.put_all(&assembled.contents.values().map(Vec::as_slice).collect::<Vec<_>>())?;
    let tree = ctx.store.put_tree(&assembled.tree)?;
    shelf.settle(tree)?;
    let listed = ctx.store.put_bytes(listing(&assembled.suites).as_bytes())?;
    let mut listing = Tree::default();
    let entry = crate::tree::Entry::File {
        digest: listed,
        size: ctx.store.object_size(listed).unwrap_or(0),
        executable: false,
    };
    super::sources::insert(&mut listing, "indexes", entry)?;
    let mut outputs = one("tree", tree);
    outputs.extend(one("listing", ctx.store.put_tree(&listing)?));
    Ok(outputs)
}

/// The settings of a repository from those of its derivation.
pub fn settings_of(settings: &BTreeMap<String, String>) -> Settings {
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    Settings {
        origin: get("origin"),
        label: get("label"),
        suite: get("suite"),
        codename: get("codename"),
        areas: get("areas").split_whitespace().map(str::to_owned).collect(),
        description: get("description"),
        arches: get("arches").split_whitespace().filter_map(|arch| Arch::new(arch).ok()).collect(),
    }
}

/// The area of what a component makes; `role` begins with its name (`libbsd/amd64`). What says no other is in the first.
fn area_of(settings: &BTreeMap<String, String>, role: &str) -> String {
    let component = role.split('/').next().unwrap_or(role);
    let own = settings.get(&format!("area {component}")).map(String::as_str);
    let first = || settings.get("areas").and_then(|areas| areas.split_whitespace().next());
    own.or_else(first).unwrap_or_default().to_owned()
}

/// What each `Release` has to list, a line each: SHA-256, size, the suite's code name, path below its folder.
fn listing(suites: &[Suite]) -> String {
    let line =
        |codename: &str, IndexEntry { path, size, sha256 }: &IndexEntry| format!("{sha256} {size} {codename} {path}\n");
    suites
        .iter()
        .flat_map(|Suite { settings, indexes }| indexes.iter().map(|entry| line(&settings.codename, entry)))
        .collect()
}

/// The suites of a repository with the settings of its derivation, from what the node wrote as the output `listing`.
///
/// # Errors
/// Where it is something else, or names another suite.
pub fn suites(settings: &BTreeMap<String, String>, listing: &str) -> Result<Vec<Suite>, NodeError> {
    let main = settings_of(settings);
    let mut suites = [main.for_debug(), main].map(|settings| Suite { settings, indexes: Vec::new() });
    suites.reverse();
    for line in listing.lines() {
        let mut put = || {
            let mut words = line.splitn(4, ' ');
            let (sha256, size) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let (codename, path) = (words.next()?, words.next()?.to_owned());
            let suite = suites.iter_mut().find(|suite| suite.settings.codename == codename)?;
            suite.indexes.push(IndexEntry { path, size, sha256 });
            Some(())
        };
        put().ok_or_else(|| NodeError::Unreadable {
            what: "a repository's listing".to_owned(),
            why: line.escape_debug().to_string(),
        })?;
    }
    Ok(suites.into())
}

/// Who makes the inputs, by their roles.
fn makers<'a>(job: &Job<'a>) -> BTreeMap<&'a str, String> {
    job.node().inputs().map(|input| (input.role, job.graph.node(input.node).to_string())).collect()
}

/// What the roles of inputs begin with.
const PACKAGES: &str = "packages ";
const DEBUG: &str = "debug ";
const UDEBS: &str = "udebs ";
const SOURCES: &str = "source ";

/// What one input gives to the repository.
struct Input<'a> {
    start: &'static str,
    role: &'a str,
    made_by: String,
    files: Vec<File>,
}

struct File {
    name: String,
    digest: Digest,
    size: u64,
}

impl Input<'_> {
    fn wanted(&self) -> impl Iterator<Item = WantedFile<'_>> {
        let is_package = self.start != SOURCES;
        self.files.iter().map(move |file| WantedFile { digest: file.digest, name: &file.name, is_package })
    }
}

impl File {
    fn blob(&self, known: &BTreeMap<Digest, KnownFile>) -> Blob {
        let Self { name, digest, size } = self;
        Blob { name: name.clone(), size: *size, sha256: known[digest].sha256, blake3: *digest }
    }
}

/// The files of all inputs, whatever folders they are in: two may have one name.
fn inputs<'a>(ctx: &Context<'_>, job: &Job<'a>) -> Result<Vec<Input<'a>>, Failure> {
    let made_by = makers(job);
    let mut inputs = Vec::new();
    for start in [PACKAGES, DEBUG, UDEBS, SOURCES] {
        for (role, digest) in job.inputs(start)? {
            let made_by = made_by.get(format!("{start}{role}").as_str()).cloned().unwrap_or_default();
            let tree = ctx.store.get_tree(digest)?;
            let file = |(path, digest, size): (&TreePath, Digest, u64)| File {
                name: String::from_utf8_lossy(path.file_name()).into_owned(),
                digest,
                size,
            };
            inputs.push(Input { start, role, made_by, files: tree.files().map(file).collect() });
        }
    }
    Ok(inputs)
}

fn source(
    ctx: &Context<'_>,
    files: &[File],
    known: &BTreeMap<Digest, KnownFile>,
    area: String,
    made_by: String,
) -> Result<SourcePackage, Failure> {
    let unreadable = |why: &str| NodeError::Unreadable { what: "a source package".to_owned(), why: why.to_owned() };
    let mut files: BTreeMap<String, Blob> = files.iter().map(|file| (file.name.clone(), file.blob(known))).collect();
    let name = files.keys().find(|name| name.ends_with(".dsc")).cloned().ok_or_else(|| unreadable("it has no .dsc"))?;
    let dsc_file = files.remove(&name).ok_or_else(|| unreadable("it has no .dsc"))?;
    let text = String::from_utf8(ctx.store.read_object(dsc_file.blake3, MAX_DSC)?)
        .map_err(|_| unreadable("its .dsc is not UTF-8"))?;
    let plain = dsc::signed_part(&text)?;
    let read = dsc::read(&text)?;
    // Only what the .dsc names: a source tree may hold signatures and the like beside it.
    files.retain(|name, _| read.files.contains_key(name));
    let fields = facts::fields(&plain)?;
    Ok(SourcePackage { dsc: fields, dsc_file, files: files.into_values().collect(), area, made_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_an_area() {
        let settings = [("areas", "main openapp"), ("area logax", "openapp")];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(area_of(&settings, "logax/amd64"), "openapp");
        assert_eq!(area_of(&settings, "logax"), "openapp");
        assert_eq!(area_of(&settings, "logax-more/all"), "main");
    }
}
