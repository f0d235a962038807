//! The process that supervisors are copies of: one for a run, replaced when it is killed, gone with the last launcher.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use opb::sandbox::{Cancel, GuestUser, HIDDEN_VERB, Launcher, Zygote, run};

use crate::space::{Space, shell, space};

/// A launcher with a zygote of its own.
fn launcher(space: &Space) -> Launcher {
    let zygote = Zygote::new(space.launcher.zygote.program(), vec![HIDDEN_VERB.to_owned()]);
    Launcher { zygote, ..space.launcher.clone() }
}

fn works(space: &Space, launcher: &Launcher) {
    let mut log = Vec::new();
    let request = space.request(vec![shell(GuestUser::Builder, "echo here")]);
    let outcome = run(launcher, &request, &mut |bytes| log.extend_from_slice(bytes), &Cancel::new().expect("a pipe"));
    outcome.expect("it runs");
    assert_eq!(log, b"here\n");
}

#[test]
fn one_serves_many_sandboxes_and_is_replaced_when_it_was_killed() {
    let Some(space) = space() else { return };
    let launcher = launcher(space);
    assert_eq!(launcher.zygote.pid(), None, "nothing is started before it is wanted");
    works(space, &launcher);
    let first = launcher.zygote.pid().expect("it runs");
    works(space, &launcher.clone());
    assert_eq!(launcher.zygote.pid(), Some(first));
    kill(Pid::from_raw(i32::try_from(first).expect("a pid")), Signal::SIGKILL).expect("killed");
    works(space, &launcher);
    assert_ne!(launcher.zygote.pid().expect("another one"), first);
}

#[test]
fn it_is_gone_with_the_last_launcher() {
    let Some(space) = space() else { return };
    let launcher = launcher(space);
    works(space, &launcher);
    let place = format!("/proc/{}", launcher.zygote.pid().expect("it runs"));
    let other = launcher.clone();
    drop(launcher);
    assert!(Path::new(&place).exists(), "somebody still has it");
    drop(other);
    assert!(!Path::new(&place).exists(), "neither running nor a zombie");
}

#[test]
fn started_by_hand_it_ends_at_once() {
    let program = std::env::var_os("OPB_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_opb").into());
    let status = Command::new(program).arg(HIDDEN_VERB).stdin(Stdio::null()).status().expect("starts");
    assert_eq!(status.code(), Some(2));
}
