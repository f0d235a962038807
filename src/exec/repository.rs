//! Nodes that assemble a repository's content from what builds made.

mod yum;

use std::collections::BTreeMap;

use super::context::{Context, Job};
use super::error::NodeError;
use super::packages::sha256_of;
use super::sources::one;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{Action, Outputs};
use crate::name::Arch;
use crate::package::{control, deb, dsc};
use crate::repo::{self, Binary, Blob, Fields, Settings, SourcePackage};
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
    if yum::is_meant(settings) {
        return yum::assemble(ctx, job, settings);
    }
    let area = |role: &str| area_of(settings, role);
    let settings = settings_of(settings);
    let made_by = makers(job);
    let mut binaries = Vec::new();
    for (udeb, start) in [(false, "packages "), (true, "udebs ")] {
        for (role, digest) in job.inputs(start)? {
            let made_by = made_by.get(format!("{start}{role}").as_str()).cloned().unwrap_or_default();
            for blob in blobs(ctx, digest)? {
                ctx.phase(node, format!("reading {}", blob.name));
                let package = deb::read(std::io::BufReader::new(ctx.store.open_object(blob.blake3)?))?;
                let control = fields(package.control())?;
                binaries.push(Binary { control, area: area(role), file: blob, udeb, made_by: made_by.clone() });
            }
        }
    }
    let mut sources = Vec::new();
    for (role, digest) in job.inputs("source ")? {
        let made_by = made_by.get(format!("source {role}").as_str()).cloned().unwrap_or_default();
        sources.push(source(ctx, digest, area(role), made_by)?);
    }
    ctx.phase(node, "writing indexes");
    let assembled = repo::assemble(&settings, &binaries, &sources)?;
    for bytes in assembled.contents.values() {
        ctx.store.put_bytes(bytes)?;
    }
    let tree = ctx.store.put_tree(&assembled.tree)?;
    let listed = ctx.store.put_bytes(listing(&assembled.indexes).as_bytes())?;
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

/// What `Release` has to list, a line each: SHA-256, size, path.
fn listing(indexes: &[repo::IndexEntry]) -> String {
    indexes.iter().map(|entry| format!("{} {} {}\n", entry.sha256, entry.size, entry.path)).collect()
}

/// Reads what the node wrote as the output `listing`.
///
/// # Errors
/// Where it is something else.
pub fn read_listing(text: &str) -> Result<Vec<repo::IndexEntry>, NodeError> {
    let read = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let sha256 = words.next()?.parse().ok()?;
        let size = words.next()?.parse().ok()?;
        Some(repo::IndexEntry { sha256, size, path: words.next()?.to_owned() })
    };
    let unreadable =
        |line: &str| NodeError::Unreadable { what: "a repository's listing".to_owned(), why: line.to_owned() };
    text.lines().map(|line| read(line).ok_or_else(|| unreadable(line))).collect()
}

/// Who makes the inputs, by their roles.
fn makers<'a>(job: &Job<'a>) -> BTreeMap<&'a str, String> {
    job.node().inputs().map(|input| (input.role, job.graph.node(input.node).to_string())).collect()
}

/// The files of a tree, whatever folder they are in: two may have one name.
fn blobs(ctx: &Context<'_>, tree: Digest) -> Result<Vec<Blob>, Failure> {
    let mut blobs = Vec::new();
    for (path, blake3, size) in ctx.store.get_tree(tree)?.files() {
        let name = String::from_utf8_lossy(path.file_name()).into_owned();
        let sha256 = sha256_of(ctx, blake3)?;
        blobs.push(Blob { name, size, sha256, blake3 });
    }
    Ok(blobs)
}

fn source(ctx: &Context<'_>, digest: Digest, area: String, made_by: String) -> Result<SourcePackage, Failure> {
    let unreadable = |why: &str| NodeError::Unreadable { what: "a source package".to_owned(), why: why.to_owned() };
    let files = blobs(ctx, digest)?.into_iter().map(|blob| (blob.name.clone(), blob));
    let mut files: BTreeMap<String, Blob> = files.collect();
    let name = files.keys().find(|name| name.ends_with(".dsc")).cloned().ok_or_else(|| unreadable("it has no .dsc"))?;
    let dsc_file = files.remove(&name).ok_or_else(|| unreadable("it has no .dsc"))?;
    let text = String::from_utf8(ctx.store.read_object(dsc_file.blake3, MAX_DSC)?)
        .map_err(|_| unreadable("its .dsc is not UTF-8"))?;
    let plain = dsc::signed_part(&text)?;
    let read = dsc::read(&text)?;
    // Only what the .dsc names: a source tree may hold signatures and the like beside it.
    files.retain(|name, _| read.files.contains_key(name));
    let fields = fields(&plain)?;
    Ok(SourcePackage { dsc: fields, dsc_file, files: files.into_values().collect(), area, made_by })
}

fn fields(paragraph: &str) -> Result<Fields, Failure> {
    let paragraph = control::paragraph(paragraph)?;
    Ok(paragraph.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
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
