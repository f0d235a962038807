//! Whoever is killed, nothing is left: callers and supervisors.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use opb::path::HostPath;
use opb::sandbox::{Cancel, GuestUser, remove, run};

use crate::space::{shell, space};

/// The caller that `a_killed_caller_leaves_no_process` kills.
#[test]
fn caller_to_be_killed() {
    let (Ok(marker), Some(space)) = (std::env::var("OPB_CALLER"), space()) else { return };
    let script =
        format!("(setsid sleep {marker} &); printf '%s\n' 'folder={}'; sleep {marker}", space.folder.display());
    let request = space.request(vec![shell(GuestUser::Builder, &script)]);
    let cancel = Cancel::new().expect("a pipe");
    let _ = run(&space.launcher, &request, &mut |bytes| println!("{}", String::from_utf8_lossy(bytes)), &cancel);
}

/// The processes with `marker` in their arguments.
pub fn marked(marker: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |process: &u32| {
        let arguments = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        arguments.windows(marker.len()).any(|window| window == marker.as_bytes())
    };
    processes.filter(has).collect()
}

#[test]
fn a_killed_supervisor_leaves_no_process() {
    let Some(space) = space() else { return };
    let marker = (2_000_000 + std::process::id()).to_string();
    let script = format!("(setsid sleep {marker} &); echo begun; sleep {marker}");
    let request = space.request(vec![shell(GuestUser::Builder, &script)]);
    let parent = |process: u32| -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
    };
    let kill_supervisor = &mut |_: &[u8]| {
        // Whoever is just becoming another program has no arguments for a moment.
        let begun = Instant::now();
        let mut process = loop {
            if let Some(process) = marked(&marker).first() {
                break *process;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "the guest's shell does not run");
            std::thread::sleep(Duration::from_millis(5));
        };
        // The supervisor is the one whose parent is the zygote.
        let zygote = space.launcher.zygote.pid();
        while parent(process) != zygote {
            process = parent(process).expect("it runs");
        }
        let process = nix::unistd::Pid::from_raw(process.try_into().expect("a pid"));
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGKILL).expect("killed");
    };
    let ended = run(&space.launcher, &request, kill_supervisor, &Cancel::new().expect("a pipe"));
    let error = ended.expect_err("nobody can say how it ended");
    assert_eq!(error.to_string(), "the sandbox was lost: its supervisor ended with signal: 9 (SIGKILL)");
    let killed = Instant::now();
    while !marked(&marker).is_empty() {
        assert!(killed.elapsed() < Duration::from_secs(5), "processes are left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_caller_leaves_no_process() {
    use std::io::BufRead as _;
    let Some(space) = space() else { return };
    let marker = (1_000_000 + std::process::id()).to_string();
    let mut caller = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "killed::caller_to_be_killed", "--nocapture"])
        .env("OPB_CALLER", &marker)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    // Held to the end: a caller that cannot print would end by itself.
    let mut lines = std::io::BufReader::new(caller.stdout.take().expect("piped")).lines();
    let folder =
        lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once("folder=")?.1.trim().to_owned()));
    let running = || marked(&marker).len();
    // Whoever is just becoming another program has no arguments for a moment.
    let begun = Instant::now();
    while running() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the guest's processes do not run");
        std::thread::sleep(Duration::from_millis(5));
    }
    caller.kill().expect("killed");
    caller.wait().expect("waited");
    let killed = Instant::now();
    while running() > 0 {
        assert!(killed.elapsed() < Duration::from_secs(5), "processes are left");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(lines);
    let folder = folder.expect("it said where it works");
    assert!(!fs::read_to_string("/proc/self/mounts").expect("mounts").contains(&folder), "a mount is left");
    remove(&space.launcher, &HostPath::new(folder)).expect("removed");
}
