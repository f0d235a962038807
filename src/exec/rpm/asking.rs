//! What a source asks for when it runs: `%generate_buildrequires` of a spec, over the packages that were chosen so far.

use super::error::RpmError;
use super::roots;
use crate::diag::Failure;
use crate::drv::{ActionKey, Script};
use crate::exec::context::{Context, Job};
use crate::exec::guest::clean;
use crate::exec::outputs::{self, Left};
use crate::exec::scripts::{self, Task};
use crate::exec::sources::{insert, one};
use crate::package::list::PackageList;
use crate::package::spec::dependency;
use crate::sandbox::Limits;
use crate::tree::{Entry, Tree};

/// What asking may take: it unpacks a source and looks at it.
const LIMITS: Limits = Limits { wall_seconds: Some(3_600), silence_seconds: None, log_bytes: 64 << 20, ..Limits::NONE };

/// The most bytes of what is asked for.
const MAX_ASKED: u64 = 1 << 20;

/// The folder and the file that `asks.sh` leaves.
const ASKED: &str = "asked";

/// What `script` asks for in a root with the packages of `list`, sorted, each once. `key` is the list's.
///
/// # Errors
/// Where the root cannot be made, the script fails, or what it says is no need.
pub fn asked(
    ctx: &Context<'_>,
    job: &Job<'_>,
    script: &Script,
    list: &PackageList,
    key: ActionKey,
) -> Result<Vec<String>, Failure> {
    let work = ctx.store.new_work()?;
    let before = roots::before(ctx, job, list, &work)?;
    let take = |left: &Left<'_>| {
        let said = outputs::beginning(left, ASKED, ASKED, MAX_ASKED + 1)?.unwrap_or_default();
        let mut tree = Tree::default();
        let (digest, size) = (ctx.store.put_bytes(&said)?, said.len() as u64);
        insert(&mut tree, ASKED, Entry::File { digest, size, executable: false })?;
        Ok(one(ASKED, ctx.store.put_tree(&tree)?))
    };
    let task = Task { key, script, env: &[], check: None, before: before.as_ref(), limits: &LIMITS, take: &take };
    let ran = scripts::run(ctx, job, &task);
    clean(&ctx.launcher, work);
    let mut all = Vec::new();
    for digest in ran?.outputs.values() {
        for (_, object, _) in ctx.store.get_tree(*digest)?.files() {
            let said = ctx.store.read_object(object, MAX_ASKED + 1)?;
            all.extend(needs(&said)?);
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// The needs among the lines that rpm has written.
fn needs(said: &[u8]) -> Result<Vec<String>, RpmError> {
    if said.len() as u64 > MAX_ASKED {
        return Err(RpmError::Asked { why: format!("it is more than {} KiB", MAX_ASKED >> 10) });
    }
    let text = std::str::from_utf8(said).map_err(|_| RpmError::Asked { why: "it is no UTF-8".to_owned() })?;
    let mut needs = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("rpmlib(")) {
        let read = dependency::parse(line).map_err(|error| RpmError::Asked { why: error.to_string() })?;
        needs.extend(read.iter().map(ToString::to_string));
    }
    Ok(needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_line_by_line() {
        let said = b"gcc\nrpmlib(DynamicBuildRequires) <= 4.15.0-1\n\npython3dist(x) >= 1.0\n(a if b)\n";
        assert_eq!(needs(said).expect("good"), ["gcc", "python3dist(x) >= 1.0", "(a if b)"]);
        let error = |said: &[u8]| needs(said).expect_err("bad").to_string();
        assert_eq!(error(b"a <<>> b\n"), "what the spec asks for when it runs cannot be read: `<<>>` is no dependency");
        assert_eq!(error(b"\xff"), "what the spec asks for when it runs cannot be read: it is no UTF-8");
        let long = vec![b'a'; MAX_ASKED as usize + 1];
        assert_eq!(error(&long), "what the spec asks for when it runs cannot be read: it is more than 1024 KiB");
    }
}
