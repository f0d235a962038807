//! Guests that want too much of the machine: memory, processes, the disk.
//!
//! Each of them ends by itself, should nobody end it. Each is held with a cgroup, where this caller may make one, and without.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use opb::path::HostPath;
use opb::sandbox::{
    Cancel, Cgroups, Controller, End, GuestUser, Launcher, Limits, Outcome, Request, Step, landlock_version, run,
    try_out,
};

use super::space::{NO_LIMITS, Space, guest, shell, space};

/// Runs a request within limits; how it ended, how long it took, and its log.
fn limited(launcher: &Launcher, request: Request, limits: Limits) -> (Outcome, Duration, String) {
    let (mut log, began) = (Vec::new(), Instant::now());
    let request = Request { limits, ..request };
    let outcome = run(launcher, &request, &mut |bytes| log.extend_from_slice(bytes), &Cancel::new().expect("a pipe"))
        .expect("ran");
    (outcome, began.elapsed(), String::from_utf8_lossy(&log).into_owned())
}

fn has(launcher: &Launcher, controller: Controller) -> bool {
    launcher.cgroups.version_with(controller).is_some()
}

#[test]
fn a_fork_bomb_is_ended() {
    let Some(space) = space() else { return };
    // Without a cgroup it is seen as long as it lasts: shells that cannot fork end by themselves.
    let bomb = "bomb() { if [ $1 -gt 0 ]; then bomb $(($1-1)) & bomb $(($1-1)) & fi; sleep 15; }; bomb 9";
    if has(&space.launcher, Controller::Processes) {
        let limits = Limits { processes: Some(100), ..NO_LIMITS };
        let (outcome, ..) = limited(&space.launcher, space.request(vec![shell(GuestUser::Builder, bomb)]), limits);
        assert_eq!((outcome.end, outcome.step), (End::ProcessLimit, None));
    }
    for launcher in space.launchers() {
        for user in [GuestUser::Builder, GuestUser::Root] {
            let limits = Limits { processes: Some(100), ..NO_LIMITS };
            let (outcome, took, log) = limited(&launcher, space.probing(user, "processes"), limits);
            assert_eq!((outcome.end, outcome.step), (End::ProcessLimit, None), "{log}");
            assert!(took < Duration::from_secs(10) && !log.contains("ended"), "{took:?} {log}");
        }
        let limits = Limits { processes: Some(100), ..NO_LIMITS };
        let many = "for n in 1 2 3 4 5 6 7 8 9; do for m in 1 2 3 4 5 6 7; do sleep 1 & done; done; wait; echo end";
        let (outcome, _, log) = limited(&launcher, space.request(vec![shell(GuestUser::Builder, many)]), limits);
        assert_eq!((outcome.end, log.as_str()), (End::Exit(0), "end\n"), "as many as there may be");
    }
}

#[test]
fn a_memory_flood_is_ended() {
    let Some(space) = space() else { return };
    for launcher in space.launchers() {
        let limits = Limits { memory_bytes: Some(100_000_000), ..NO_LIMITS };
        let request = space.probing(GuestUser::Builder, "memory");
        let (outcome, took, log) = limited(&launcher, request, limits);
        assert_eq!((outcome.end, outcome.step), (End::MemoryLimit, None), "{log}");
        assert!(took < Duration::from_secs(9) && !log.contains("kept"), "{took:?} {log}");
        // The kernel ends it at once; init, when it looks.
        assert!(!has(&launcher, Controller::Memory) || !log.contains("probe:memory=110"), "{log}");

        let limits = Limits { memory_bytes: Some(300_000_000), ..NO_LIMITS };
        let shared = shell(
            GuestUser::Builder,
            "head -c 250000000 /dev/zero > /dev/shm/x && echo fits; head -c 60000000 /dev/zero > /dev/shm/y; sleep 10",
        );
        let (outcome, _, log) = limited(&launcher, space.request(vec![shared]), limits);
        let ended = [End::MemoryLimit, End::Exit(0)];
        assert!(log.starts_with("fits") && ended.contains(&outcome.end), "{outcome:?} {log}");
        assert!(outcome.end == End::MemoryLimit || log.contains("No space left"), "{log}");
    }
}

#[test]
fn a_disk_flood_is_ended() {
    let Some(space) = space() else { return };
    let [_, launcher] = space.launchers();
    let limits = Limits { disk_bytes: Some(20_000_000), ..NO_LIMITS };
    let hidden = "mkdir /out/closed; chmod 0 /out/closed";
    let floods = [
        "n=0; while [ $n -lt 40 ]; do head -c 1000000 /dev/zero > /tmp/$n; n=$((n+1)); done; chmod 0 /tmp; sleep 15",
        "n=0; while [ $n -lt 40 ]; do head -c 1000000 /dev/zero > /out/$n; n=$((n+1)); done; chmod 0 /out; sleep 15",
        // Nothing in them.
        "n=0; while [ $n -lt 6000 ]; do : > /tmp/$n; n=$((n+1)); done; sleep 15",
        "n=0; while [ $n -lt 2000 ]; do mkdir -p /tmp/$n/a/b; n=$((n+1)); done; sleep 15",
    ];
    for flood in floods {
        let (request, _) = space.with_outputs(vec![shell(GuestUser::Builder, &format!("{hidden}; {flood}"))]);
        let mut request = request;
        request.steps.insert(0, Step::MakeFolder { path: guest("/tmp"), mode: 0o1777, owner: GuestUser::Builder });
        let (outcome, took, log) = limited(&launcher, request, limits);
        assert_eq!((outcome.end, outcome.step), (End::DiskLimit, None), "{flood}: {log}");
        assert!(took < Duration::from_secs(12), "{flood}: {took:?}");
    }
    let fits = "head -c 9000000 /dev/zero > /tmp/x; ln /tmp/x /tmp/y; ln /tmp/x /tmp/z; truncate -s 1000000000 /tmp/hole; sleep 3; echo end";
    let (outcome, _, log) = limited(&launcher, space.request(vec![shell(GuestUser::Builder, fits)]), limits);
    assert_eq!((outcome.end, log.as_str()), (End::Exit(0), "end\n"));
}

#[test]
fn steps_write_where_they_may_only() {
    let Some(space) = space() else { return };
    let open = Step::MakeFolder { path: guest("/srv/open"), mode: 0o1777, owner: GuestUser::Root };
    let script =
        "echo x > /srv/open/x || echo refused; echo x >> /srv/open/y || echo refused; mkdir /srv/open/z || echo refused
        ln -s x /srv/open/l || echo refused; mkfifo /srv/open/p || echo refused; true > /srv/open/theirs || echo refused
        cat /srv/open/theirs; echo t > /tmp/t && mkdir /tmp/d && mv /tmp/t /tmp/d/ && cat /tmp/d/t
        echo n > /dev/null; echo s > /dev/shm/s && cat /dev/shm/s; echo 600 > /proc/self/oom_score_adj && echo proc";
    let theirs = shell(GuestUser::Root, "echo theirs > /srv/open/theirs; chmod 666 /srv/open/theirs");
    let mut step = shell(GuestUser::Builder, script);
    let Step::Run { writable, .. } = &mut step else { panic!("a run") };
    *writable = Some(["/tmp", "/dev", "/nowhere", "/proc"].map(guest).to_vec());
    let log = space.output(&space.request(vec![open.clone(), theirs.clone(), step]));
    let said: Vec<&str> = log.lines().filter(|line| !line.starts_with("sh: ") && !line.contains(": ")).collect();
    if landlock_version().is_none() {
        println!("passed over: this kernel has no Landlock");
        return;
    }
    assert_eq!(
        said,
        ["refused", "refused", "refused", "refused", "refused", "refused", "theirs", "t", "s", "proc"],
        "{log}"
    );
    // Without it modes alone decide.
    let log = space.output(&space.request(vec![open, theirs, shell(GuestUser::Builder, script)]));
    assert!(!log.contains("refused"), "{log}");
}

#[test]
fn a_sandbox_can_be_tried_without_a_root() {
    let Some(space) = space() else { return };
    let folder = HostPath::new(space.folder.join("trial"));
    assert_eq!(try_out(&space.launcher, &folder).expect("ran").end, End::Exit(0));
    assert!(!folder.as_path().exists());
    let absent = HostPath::new(space.folder.join("no/where"));
    let error = try_out(&space.launcher, &absent).expect_err("cannot").to_string();
    assert!(error.starts_with("cannot make `"), "{error}");
}

/// Folders of cgroups called `name`, wherever they are.
fn cgroups_called(name: &str) -> Vec<PathBuf> {
    let mut waiting = vec![PathBuf::from("/sys/fs/cgroup")];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            if entry.file_name() == name {
                found.push(entry.path());
            }
            waiting.push(entry.path());
        }
    }
    found
}

/// What the cgroup of a guest is called, that of the process with `marker` in its arguments.
fn cgroup_of(marker: &str) -> Option<String> {
    let began = Instant::now();
    loop {
        let process = crate::killed::marked(marker).first().copied();
        let text = process.and_then(|process| fs::read_to_string(format!("/proc/{process}/cgroup")).ok());
        if let Some(text) = text {
            let name = text.lines().find_map(|line| Path::new(line).file_name()?.to_str().map(str::to_owned));
            return text.contains("opb-guest-").then(|| {
                let named = text.lines().find(|line| line.contains("opb-guest-"));
                named.and_then(|line| line.rsplit('/').next()).map(str::to_owned).or(name).expect("named")
            });
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the guest does not run");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn cgroups_are_gone_afterwards() {
    let Some(space) = space() else { return };
    if Controller::ALL.into_iter().all(|controller| !has(&space.launcher, controller)) {
        println!("passed over: this caller may make no cgroups");
        return;
    }
    let marker = (3_000_000 + std::process::id()).to_string();
    let request = |space: &Space| {
        space.request(vec![shell(GuestUser::Builder, &format!("echo begun; (setsid sleep {marker} &); sleep 1"))])
    };
    let mut name = None;
    let heard = &mut |_: &[u8]| name = cgroup_of(&marker);
    let outcome = run(&space.launcher, &request(space), heard, &Cancel::new().expect("a pipe")).expect("ran");
    assert_eq!(outcome.end, End::Exit(0));
    assert_eq!(cgroups_called(&name.expect("it had one")), Vec::<PathBuf>::new());

    // Killed together with whoever would remove it: the next one does.
    let mut name = None;
    let kill = &mut |_: &[u8]| {
        name = cgroup_of(&marker);
        let supervisor = name.as_deref().and_then(|name| name.rsplit('-').nth(1)?.parse().ok()).expect("its number");
        let supervisor = nix::unistd::Pid::from_raw(supervisor);
        nix::sys::signal::kill(supervisor, nix::sys::signal::Signal::SIGKILL).expect("killed");
    };
    run(&space.launcher, &request(space), kill, &Cancel::new().expect("a pipe")).expect_err("lost");
    let (name, began) = (name.expect("it had one"), Instant::now());
    while !crate::killed::marked(&marker).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "processes are left");
        std::thread::sleep(Duration::from_millis(5));
    }
    // What has just ended may still be counted for a moment.
    while !cgroups_called(&name).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "folders are left");
        Cgroups::of_this_process();
        std::thread::sleep(Duration::from_millis(20));
    }
}
