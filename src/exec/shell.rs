//! A node's sandbox without its script: what a person looks around in.

use super::checking;
use super::context::{Context, Job};
use super::error::NodeError;
use super::guest::root_env;
use super::limits;
use super::numbering::Numbered;
use super::roots::layers;
use super::scripts::{self, SCRIPT};
use crate::diag::Failure;
use crate::drv::Action;
use crate::name::Kind;
use crate::path::GuestPath;
use crate::sandbox::{GuestUser, Limits, Network, Request, RootFs, Step, Upper};
use crate::store::WorkDir;

/// What the script of a node is called inside; `None` of a node that runs none over a root.
pub fn script_of(action: &Action) -> Option<GuestPath> {
    let has_one = matches!(
        action,
        Action::Build { .. } | Action::Check { .. } | Action::Probe { .. } | Action::SourcePackage { script: Some(_) }
    );
    has_one.then(|| GuestPath::new(SCRIPT))
}

/// Whether there is anything to look around in.
pub fn can_be_entered(action: &Action) -> bool {
    script_of(action).is_some() || matches!(action, Action::Root { .. })
}

/// The sandbox of the node of `job`, laid out in `work` as its script would find it. The last step is the command that would
/// run; of a root it is a shell.
///
/// # Errors
/// Where something that it reads is not in the store, or cannot be laid out.
pub fn ready(ctx: &Context<'_>, job: &Job<'_>, work: &WorkDir) -> Result<Request, Failure> {
    let node = job.node();
    let limits = limits::bounded(&ctx.limits_of(&node.name()), &Limits::NONE);
    let env = match Numbered::of(node) {
        Some(numbered) => {
            let fingerprint = node.fingerprint(&job.contents()?);
            scripts::build_env(ctx, numbered.foresee(ctx.store, fingerprint)?).to_vec()
        }
        None => Vec::new(),
    };
    match &node.action() {
        Action::Build { script, .. } | Action::Probe { script } | Action::SourcePackage { script: Some(script) } => {
            scripts::ready(ctx, job, script, &env, (work, limits))
        }
        Action::Check { check, script } => {
            let requests = checking::ready(ctx, job, (*check, script), (work, limits))?;
            requests.into_iter().next().ok_or_else(|| NodeError::NoInput { role: "root".to_owned() }.into())
        }
        _ if node.kind() == Kind::Root => {
            let scratch = work.path().join("scratch");
            ctx.launcher.map.make_dir_for_guest(scratch.as_path())?;
            let lowers = layers(ctx.store, &ctx.launcher, job, job.id)?;
            let step = Step::Run {
                argv: vec!["/bin/sh".to_owned()],
                env: root_env(),
                cwd: GuestPath::new("/"),
                user: GuestUser::Builder,
                writable: None,
            };
            let root = RootFs::Layers { lowers, upper: Upper::Discard };
            let cpu = ctx.runs(node, job.graph)?.cpu().clone();
            let (binds, steps, network, inner) = (Vec::new(), vec![step], Network::None, None);
            Ok(Request { root, scratch, binds, steps, limits, cpu, network, inner })
        }
        _ => Err(NodeError::NoInput { role: "root".to_owned() }.into()),
    }
}
