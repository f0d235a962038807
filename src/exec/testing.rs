//! The tests of a source for its installed packages, as files that a check's script reads.

use std::collections::BTreeMap;
use std::io::Read as _;

use super::context::Context;
use super::error::NodeError;
use crate::diag::Failure;
use crate::drv::Script;
use crate::family::check::{BUILD_DEPENDS, PACKAGES};
use crate::package::autopkgtest::{Place, Test, tests};
use crate::package::compression::Compression;
use crate::package::{archive, patch};
use crate::tree::Tree;

/// Where the tests stand, below `debian/`.
const CONTROL: &str = "tests/control";

/// The longest `debian/tests/control`, in bytes.
const MAX_CONTROL: usize = 1 << 20;

/// What stands beside the script `script` for the source package in `source`: `tests`, with a line for each test, and files
/// of each: `test-000.run`, and `test-000.depends`.
///
/// # Errors
/// Where the source package cannot be read, or its tests not be understood.
pub fn files(
    ctx: &Context<'_>,
    script: &Script,
    source: &Tree,
    arch: &str,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let text = |name: &str| String::from_utf8_lossy(script.files.get(name).map_or(&[][..], Vec::as_slice)).into_owned();
    let (packages, build_depends) = (text(PACKAGES), text(BUILD_DEPENDS));
    let packages: Vec<&str> = packages.lines().collect();
    let tests = match control(ctx, source)? {
        Some(control) => tests(&control, &Place { packages: &packages, build_depends: &build_depends, arch })?,
        None => Vec::new(),
    };
    Ok(written(&tests))
}

fn written(tests: &[Test]) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut lines) = (BTreeMap::new(), String::new());
    for (turn, test) in tests.iter().enumerate() {
        let flags = [
            (test.needs_root, "needs-root"),
            (test.allow_stderr, "allow-stderr"),
            (test.skippable, "skippable"),
            (test.superficial, "superficial"),
            (test.flaky, "flaky"),
        ];
        let flags: Vec<&str> = flags.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
        lines.push_str(&format!("{turn:03} {} ,{},\n", test.name, flags.join(",")));
        files.insert(format!("test-{turn:03}.run"), format!("{}\n", test.command).into_bytes());
        files.insert(format!("test-{turn:03}.depends"), test.depends.clone().into_bytes());
        files.extend(test.skip.as_ref().map(|why| (format!("test-{turn:03}.skip"), format!("{why}\n").into_bytes())));
    }
    files.insert("tests".to_owned(), lines.into_bytes());
    files
}

/// `debian/tests/control` of the source package in `source`; `None` where it has none.
fn control(ctx: &Context<'_>, source: &Tree) -> Result<Option<String>, Failure> {
    for (path, object, _) in source.files() {
        let name = path.to_string();
        let file = ctx.store.open_object(object)?;
        let found = if name.ends_with(".diff.gz") {
            let failed = |source| NodeError::File { doing: "read", path: name.clone(), source };
            let reader = Compression::Gzip.reader(file).map_err(failed)?;
            let wanted = format!("debian/{CONTROL}");
            patch::added_files(reader, std::slice::from_ref(&wanted)).remove(&wanted)
        } else if name.contains(".tar.") && !name.contains(".orig") && !name.ends_with(".asc") {
            let found = archive::files(file.take(u64::MAX), &name, &|path| archive::is_debian_file(path, CONTROL))?;
            found.into_values().next().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        } else {
            None
        };
        if let Some(text) = found {
            if text.len() > MAX_CONTROL {
                let what = "`debian/tests/control`".to_owned();
                return Err(NodeError::Unreadable { what, why: "it is larger than 1 MiB".to_owned() }.into());
            }
            return Ok(Some(text));
        }
    }
    Ok(None)
}
