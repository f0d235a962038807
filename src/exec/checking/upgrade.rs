//! Whether what a channel has published can be upgraded to what a check would install.
//!
//! That is no node, so it is remembered on its own: by a digest over all that it reads, the root, the script, the packages of both
//! states and the known findings. What only the machine kept from its end is not remembered.

use super::{as_root, component, looked_through, to_install};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{Action, ActionKey, Derivation, Script};
use crate::event::Event;
use crate::exec::context::{Context, Job};
use crate::exec::error::NodeError;
use crate::exec::guest::{clean, finished, logged, root_env};
use crate::exec::outputs::Left;
use crate::exec::{limits, scripts};
use crate::family;
use crate::name::Check;
use crate::store::{Upgrade, UpgradeOutcome};
use crate::tree::Tree;

/// What is done, as messages begin.
const UPGRADING: &str = "the upgrade of what is published";

/// What a guest says where it has not tried.
const NOT_TRIED: &str = "upgrade-not-tried";

/// Raised when something that is read enters no digest otherwise.
const FORMAT: &str = "opb upgrade 1\n";

/// Whether what is published can be upgraded to what the check [`Check::Install`] of `job` installs: `earlier` has it by file name.
/// Where that is known it is not tried again, unless it failed and is to be `retried`.
///
/// # Errors
/// [`NodeError::Upgrade`] where it fails by the packages' fault; where the root or a package cannot be had, or a limit is met.
pub fn upgrade(
    ctx: &Context<'_>,
    job: &Job<'_>,
    script: &Script,
    (earlier, retried): (Tree, bool),
) -> Result<(), Failure> {
    let node = job.node().to_string();
    let script = Script { text: family::check::upgrade(super::family(ctx, job)), ..script.clone() };
    let (check, key) = keys(job, &script, &earlier)?;
    if let Some(known) = ctx.store.upgrade(key)? {
        let is_failure = matches!(known.outcome, UpgradeOutcome::Failed { .. });
        if !(retried && is_failure) {
            return told(ctx, known, true);
        }
    }
    let started = (ctx.now)();
    let (log, outcome) = tried(ctx, job, &script, earlier)?;
    let upgrade = Upgrade { key, check, node, started, log, outcome };
    ctx.store.keep_upgrade(&upgrade)?;
    told(ctx, upgrade, false)
}

/// The action key of the check, and the digest of all that the upgrade reads.
fn keys(job: &Job<'_>, script: &Script, earlier: &Tree) -> Result<(ActionKey, Digest), Failure> {
    let (node, contents) = (job.node(), job.contents()?);
    let action = Action::Check { check: Check::Install, script: script.clone() };
    let new = Derivation { action, ..node.derivation() }.action_key(&contents);
    let all = [FORMAT.as_bytes(), new.0.as_bytes(), earlier.digest().as_bytes()].concat();
    Ok((node.action_key(None, &contents), Digest::of(&all)))
}

fn tried(
    ctx: &Context<'_>,
    job: &Job<'_>,
    script: &Script,
    earlier: Tree,
) -> Result<(Digest, UpgradeOutcome), Failure> {
    let node = job.node();
    let limits = limits::of_build(&ctx.limits_of(&node.name()));
    let limits = limits::bounded(&ctx.limits_of(&node.name()), &limits);
    let work = ctx.store.new_work()?;
    let looked = (|| {
        let trees = [to_install(ctx, job)?, ("earlier", earlier)];
        let mut request = scripts::laid_out(ctx, job, script, &trees, &[], (&work, limits))?;
        let last = request.steps.len() - 1;
        let mut env = root_env();
        env.extend(component(script));
        request.steps[last] = as_root(vec!["/bin/sh".to_owned(), scripts::SCRIPT.to_owned()], env);
        ctx.phase(node, "upgrading what is published");
        let (outcome, log, said) = logged(ctx, &work, &node.name(), &request)?;
        let ended = finished(ctx, &node.name(), outcome, UPGRADING, &limits, (log, &said));
        let found = ended.and_then(|()| {
            let path = work.path().join(scripts::OUT);
            let failed = |source| NodeError::File { doing: "read", path: path.to_string(), source };
            let out = work.dir().open_dir(scripts::OUT).map_err(failed)?;
            let left = Left { node: &node.to_string(), out: &out, path: &path, log, text: &said.text };
            looked_through(UPGRADING, script, &left)
        });
        let outcome = match found {
            Ok(compared) => match compared.told.into_iter().find(|finding| finding.tag == NOT_TRIED) {
                Some(finding) => UpgradeOutcome::NotTried(finding.detail),
                None => UpgradeOutcome::Fine,
            },
            Err(failure) => failed(failure)?,
        };
        Ok((log, outcome))
    })();
    clean(&ctx.launcher, work);
    looked
}

/// What is to be remembered of a failure.
///
/// # Errors
/// With that failure, where it is not by the packages' fault alone.
fn failed(failure: Failure) -> Result<UpgradeOutcome, Failure> {
    match failure.report.downcast_ref::<NodeError>() {
        Some(NodeError::Script { how, telling, .. }) => {
            Ok(UpgradeOutcome::Failed { how: how.clone(), telling: telling.clone(), findings: false })
        }
        Some(NodeError::Findings { how, telling, .. }) => {
            Ok(UpgradeOutcome::Failed { how: how.clone(), telling: telling.clone(), findings: true })
        }
        _ => Err(failure),
    }
}

fn told(ctx: &Context<'_>, upgrade: Upgrade, before: bool) -> Result<(), Failure> {
    let Upgrade { node, log, outcome, .. } = upgrade;
    match outcome {
        UpgradeOutcome::Fine => Ok(()),
        UpgradeOutcome::NotTried(why) => {
            (ctx.sink)(Event::Notice { text: format!("{node}: no upgrade was tried: {why}") });
            Ok(())
        }
        UpgradeOutcome::Failed { how, telling, findings } => {
            Err(NodeError::Upgrade { node, how, telling, log, findings, before }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::error::told;

    #[test]
    fn failures_say_what_to_do() {
        let node = || "check:up.install@debian-12/amd64".to_owned();
        let of = |how: &str, telling: &str, findings, before| {
            let (how, telling, log) = (how.to_owned(), telling.to_owned(), Digest::of(b"log"));
            told(&NodeError::Upgrade { node: node(), how, telling, log, findings, before }.into())
        };
        insta::assert_snapshot!(of("the upgrade failed with exit code 100", "\n    error: no", false, false), @r"
        the upgrade failed with exit code 100
            error: no
        help: mend the scripts and relations of the new packages, or set `upgrade = false` in `[checks]` of `opb.toml`; the whole log: `opb log --upgrade check:up.install@debian-12/amd64`
        ");
        insta::assert_snapshot!(of("the upgrade has a finding that is not known", "\n    W: up: x y", true, true), @r"
        the upgrade has a finding that is not known
            W: up: x y
        not tried again: nothing that it reads has changed since
        help: mend the packages, or write these lines into `up.install.baseline` beside the recipe; the whole log: `opb log --upgrade check:up.install@debian-12/amd64`; `--retry-failed` tries it again
        ");
    }

    #[test]
    fn only_what_packages_do_is_remembered() {
        let (node, how, telling) = ("n".to_owned(), "how".to_owned(), "telling".to_owned());
        let log = Digest::of(b"log");
        let script =
            NodeError::Script { node: node.clone(), how: how.clone(), telling: telling.clone(), log: Some(log) };
        let said = UpgradeOutcome::Failed { how: how.clone(), telling: telling.clone(), findings: false };
        assert_eq!(failed(script.into()).expect("remembered"), said);
        let full = NodeError::NoSpace { node, how, telling, log, full: true };
        assert!(failed(full.into()).is_err() && failed(NodeError::Stopped.into()).is_err());
    }
}
