//! The packages of an RPM distro at their places, unsigned: signatures and metadata come when a channel is published.

use std::collections::BTreeMap;

use super::super::context::{Context, Job};
use super::super::error::NodeError;
use super::super::sources::one;
use super::makers;
use crate::diag::Failure;
use crate::drv::Outputs;
use crate::package::rpm::Package;
use crate::repo::RepoError;
use crate::repo::yum::{Unsigned, lay_out};

/// Whether a repository with these settings is one of RPM packages.
pub(super) fn is_meant(settings: &BTreeMap<String, String>) -> bool {
    settings.get("family").is_some_and(|family| family == "rpm")
}

/// Assembles it.
///
/// # Errors
/// Where a package cannot be read, or two do not go into one repository.
pub(super) fn assemble(
    ctx: &Context<'_>,
    job: &Job<'_>,
    settings: &BTreeMap<String, String>,
) -> Result<Outputs, Failure> {
    let made_by = makers(job);
    let mut packages = Vec::new();
    for start in ["packages ", "debug ", "source "] {
        for (role, tree) in job.inputs(start)? {
            let made_by = made_by.get(format!("{start}{role}").as_str()).cloned().unwrap_or_default();
            let mut any = false;
            for (path, digest, size) in ctx.store.get_tree(tree)?.files() {
                let file = String::from_utf8_lossy(path.file_name()).into_owned();
                ctx.phase(job.node(), format!("reading {file}"));
                let package = Package::read(ctx.store.open_object(digest)?)
                    .map_err(|source| RepoError::NotRpm { package: file.escape_debug().to_string(), source })?;
                any |= package.is_source();
                let epoch = match package.epoch() {
                    0 => String::new(),
                    epoch => format!("{epoch}:"),
                };
                packages.push(Unsigned {
                    name: package.name().to_owned(),
                    version: format!("{epoch}{}-{}", package.version(), package.release()),
                    arch: package.arch().to_owned(),
                    file,
                    digest,
                    size,
                    is_debug: start == "debug ",
                    made_by: made_by.clone(),
                });
            }
            if start == "source " && !any {
                let (what, why) = ("a source package".to_owned(), "it has no .src.rpm".to_owned());
                return Err(NodeError::Unreadable { what, why }.into());
            }
        }
    }
    ctx.phase(job.node(), "laying packages out");
    let arches: Vec<&str> =
        settings.get("arches").map(|arches| arches.split_whitespace().collect()).unwrap_or_default();
    let tree = lay_out(&arches, &packages)?;
    Ok(one("tree", ctx.store.put_tree(&tree)?))
}
