//! Where the tests of the sandbox work: a base of busybox, and requests over it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use opb::path::{GuestPath, HostPath};
use opb::sandbox::{
    Bind, Cancel, Cgroups, Cpu, End, GuestUser, HIDDEN_VERB, IdMap, Launcher, Limits, Network, Outcome, Request,
    RootFs, SandboxError, Step, Upper, Zygote, remove, run,
};

/// A folder of this test run, a launcher, and a base of busybox.
pub struct Space {
    pub launcher: Launcher,
    pub folder: PathBuf,
    pub base: HostPath,
}

pub fn guest(path: &str) -> GuestPath {
    GuestPath::new(path)
}

pub fn bind(host: impl Into<PathBuf>, at: &str) -> Bind {
    Bind { host: HostPath::new(host), guest: guest(at), writable: false, collect: false }
}

pub fn command(user: GuestUser, argv: &[&str]) -> Step {
    let env = [("PATH", "/bin"), ("LANG", "C.UTF-8")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Step::Run { argv, env: BTreeMap::from(env), cwd: guest("/"), user, writable: None }
}

pub fn shell(user: GuestUser, script: &str) -> Step {
    command(user, &["sh", "-c", script])
}

pub const NO_LIMITS: Limits = Limits { wall_seconds: Some(60), log_bytes: 1 << 20, ..Limits::NONE };

/// The space, or `None` with the reason printed where this machine can have none.
pub fn space() -> Option<&'static Space> {
    static SPACE: OnceLock<Option<Space>> = OnceLock::new();
    SPACE.get_or_init(make_space).as_ref()
}

fn make_space() -> Option<Space> {
    let Some(busybox) = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).is_file()) else {
        println!("skipped: no busybox (package `busybox-static`) to make a root of");
        return None;
    };
    let map = match IdMap::of_this_process() {
        Ok(map) => map,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let program = std::env::var_os("OPB_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_opb").into());
    let zygote = Zygote::new(program, vec![HIDDEN_VERB.to_owned()]);
    let launcher = Launcher { zygote, map, cgroups: Cgroups::of_this_process() };
    let folder = make_folder(&launcher);
    let base = HostPath::new(folder.join("base"));
    let space = Space { launcher, folder, base };
    space.launcher.map.make_dir_for_guest(space.base.as_path()).expect("made");
    let made = |path: &str, mode| Step::MakeFolder { path: guest(path), mode, owner: GuestUser::Root };
    let link = |path: &str, target: &str| Step::Symlink { path: guest(path), target: target.to_owned() };
    let steps = vec![
        made("/bin", 0o755),
        made("/tmp", 0o1777),
        made("/etc", 0o755),
        made("/private", 0o700),
        Step::WriteFile { path: guest("/etc/secret"), mode: 0o600, text: "guest\n".to_owned() },
        link("/lib", "usr/lib"),
        link("/lib64", "usr/lib64"),
        command(GuestUser::Root, &["/seed/busybox", "cp", "/seed/busybox", "/bin/busybox"]),
        command(GuestUser::Root, &["/bin/busybox", "--install", "-s", "/bin"]),
    ];
    let request = Request {
        root: RootFs::Bare { folder: space.base.clone() },
        scratch: space.base.clone(),
        binds: vec![bind(busybox, "/seed/busybox")],
        steps,
        limits: NO_LIMITS,
        cpu: Cpu::Host,
        network: Network::None,
        inner: None,
    };
    let (outcome, log) = space.run(&request);
    assert_eq!(outcome.expect("a base").end, End::Exit(0), "{log}");

    Some(space)
}

/// This process's folder, under a name that overlays want escaped. Those of processes that are gone are removed: a test
/// program has no last moment to do so itself.
fn make_folder(launcher: &Launcher) -> PathBuf {
    const PREFIX: &str = "opb:sandbox,test\\";
    let parent = std::env::var_os("OPB_TEST_FOLDER").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let parent = PathBuf::from(parent);
    for entry in fs::read_dir(&parent).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(process) = name.strip_prefix(PREFIX)
            && !Path::new("/proc").join(process).exists()
        {
            remove(launcher, &HostPath::new(entry.path())).expect("removed");
        }
    }
    let folder = parent.join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir(&folder).expect("made");
    // As stores are: the guest's root may not pass through it by itself.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("set");
    folder
}

impl Space {
    /// The launchers to hold limits with: one with what cgroups this caller may have, and one without any.
    pub fn launchers(&self) -> [Launcher; 2] {
        [self.launcher.clone(), Launcher { cgroups: Cgroups::default(), ..self.launcher.clone() }]
    }

    /// A fresh folder for the guest.
    pub fn fresh(&self, name: &str) -> HostPath {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let path = self.folder.join(format!("{name}{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        self.launcher.map.make_dir_for_guest(&path).expect("made");
        HostPath::new(path)
    }

    pub fn request(&self, steps: Vec<Step>) -> Request {
        let root = RootFs::Layers { lowers: vec![self.base.clone()], upper: Upper::Discard };
        Request {
            root,
            scratch: self.fresh("scratch"),
            binds: Vec::new(),
            steps,
            limits: NO_LIMITS,
            cpu: Cpu::Host,
            network: Network::None,
            inner: None,
        }
    }

    /// A request with a collected folder at `/out`.
    pub fn with_outputs(&self, steps: Vec<Step>) -> (Request, HostPath) {
        let out = self.fresh("out");
        let mut request = self.request(steps);
        request.steps.insert(0, Step::MakeFolder { path: guest("/out"), mode: 0o755, owner: GuestUser::Builder });
        request.binds.push(Bind { host: out.clone(), guest: guest("/out"), writable: true, collect: true });
        (request, out)
    }

    pub fn run(&self, request: &Request) -> (Result<Outcome, SandboxError>, String) {
        self.run_with(request, &Cancel::new().expect("a pipe"))
    }

    pub fn run_with(&self, request: &Request, cancel: &Cancel) -> (Result<Outcome, SandboxError>, String) {
        let mut log = Vec::new();
        let outcome = run(&self.launcher, request, &mut |bytes| log.extend_from_slice(bytes), cancel);
        (outcome, String::from_utf8_lossy(&log).into_owned())
    }

    /// Runs steps that must succeed; their output.
    pub fn output(&self, request: &Request) -> String {
        let (outcome, log) = self.run(request);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {:?}\n{log}", std::error::Error::source(&error)));
        assert_eq!(outcome.end, End::Exit(0), "{log}");
        log
    }

    /// What the probe says as `user`, one `name=value` each.
    pub fn probe(&self, user: GuestUser, what: &str) -> BTreeMap<String, String> {
        self.answers(&self.probing(user, what))
    }

    /// What the probe of `request` says.
    pub fn answers(&self, request: &Request) -> BTreeMap<String, String> {
        let log = self.output(request);
        let lines = log.lines().filter_map(|line| line.split_once("probe:")?.1.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A request that runs the probe.
    pub fn probing(&self, user: GuestUser, what: &str) -> Request {
        let mut request = self.request(vec![command(user, &["/probe", "--exact", "probe_inside", "--nocapture"])]);
        let Some(Step::Run { env, .. }) = request.steps.first_mut() else { panic!("a run") };
        env.insert("OPB_PROBE".to_owned(), what.to_owned());
        request.binds = vec![bind("/usr", "/usr"), bind(std::env::current_exe().expect("a path"), "/probe")];
        request
    }
}
