//! Where end-to-end tests happen: projects that `opb` really builds, each in a folder of its own, all with one store.
//!
//! The store is in cargo's folder for tests and outlives a run, so that the base root is made and packages are fetched
//! once. Everything that a test names carries its [`Space::tag`], so that tests and runs do not meet in ledgers, channels
//! or realisations.

pub mod archive;
pub mod mini;
pub mod schema;
pub mod serve;
pub mod sources;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use opb::path::HostPath;
use opb::store::{Realisation, Store};

/// What all tests share.
pub struct Shared {
    /// The folder of all end-to-end tests.
    pub folder: PathBuf,
    /// The store.
    pub store: PathBuf,
    /// The host's release, such as `debian-12`.
    pub distro: String,
    /// Its suffix in versions, such as `deb12`.
    pub suffix: String,
    /// Its code name.
    pub codename: String,
    /// This machine's arch in Debian's spelling.
    pub arch: String,
}

/// What a run of a program came to.
pub struct Ran {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// The same, after asserting that it succeeded.
    #[track_caller]
    pub fn fine(self) -> Self {
        self.exits(0)
    }

    /// The same, after asserting its exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "the exit code\n--- stdout\n{}--- stderr\n{}", self.out, self.err);
        self
    }

    /// The same, after asserting that its standard error has `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "`{text}` is not said in\n{}", self.err);
        self
    }

    /// The nodes of lines such as `done    build:libbsd@debian-12/amd64  4 s`, in the order in which they were told.
    pub fn nodes(&self, word: &str) -> Vec<&str> {
        let lines = self.err.lines().map(|line| line.split_whitespace());
        lines.filter_map(|mut words| if words.next()? == word { words.next() } else { None }).collect()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A project of one test.
pub struct Space {
    /// The test's name.
    name: String,
    /// What makes names of this test unlike those of all others.
    pub tag: String,
    /// The project's folder.
    pub folder: PathBuf,
    /// The store that it uses.
    pub store: PathBuf,
    /// What all tests share.
    pub shared: &'static Shared,
}

/// A project for the test `name`; `None`, with the cause printed, where this machine cannot build.
pub fn space(name: &str) -> Option<Space> {
    static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();
    match SHARED.get_or_init(prepare) {
        Ok(shared) => Some(Space::new(name, shared)),
        Err(cause) => {
            println!("skipped: {cause}");
            None
        }
    }
}

/// The program under test, told to use neither colours nor anything of the user's.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opb"));
    command.env_remove("OPB_STORE").env("NO_COLOR", "1").env("TERM", "dumb").stdin(Stdio::null());
    command
}

fn prepare() -> Result<Shared, String> {
    let shared = look_around()?;
    let file = fs::File::create(shared.folder.join("lock")).map_err(|error| error.to_string())?;
    // Test binaries and runs take turns: the first makes what the others find.
    let _lock = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive)
        .map_err(|(_, error)| format!("cannot lock the tests' folder: {error}"))?;
    let project = shared.folder.join("pins");
    for name in ["libmd", "libbsd"] {
        write(&project.join(format!("recipes/{name}.rhai")), &format!("#{{ source: dsc(\"{name}\") }}\n"));
    }
    let distros = Path::new(env!("CARGO_MANIFEST_DIR")).join("distros");
    let file = format!("{}.rhai", shared.distro);
    write(&project.join("distros").join(&file), &fs::read_to_string(distros.join(&file)).expect("a distro's file"));
    let opb = |args: &[&str]| -> Ran {
        let mut command = program();
        command.arg("-C").arg(&project).arg("--store").arg(&shared.store).args(args);
        command.output().expect("runs").into()
    };
    let base = format!("root:base@{}/{}", shared.distro, shared.arch);
    let lists = format!("root:libbsd@{}", shared.distro);
    let mut cause = String::new();
    for fresh in [false, true] {
        if fresh || !project.join("opb.lock").exists() {
            let _ = fs::remove_file(project.join("opb.lock"));
            let ran = opb(&["update"]);
            match ran.code {
                Some(0) => {}
                Some(3) => return Err(format!("this machine has no usable mirror:\n{}", ran.err)),
                _ => panic!("cannot pin this machine's release:\n{}", ran.err),
            }
        }
        // What pins name may have gone from the mirror since; then they are made anew.
        let ran = [opb(&["run", &base, "--", "/bin/true"]), opb(&["build", "--only", &lists])];
        match ran.iter().find(|ran| ran.code != Some(0)) {
            None => return Ok(shared),
            Some(ran) if ran.code == Some(3) => cause.clone_from(&ran.err),
            Some(ran) => panic!("cannot make a base root:\n{}", ran.err),
        }
    }
    Err(format!("this machine has no usable mirror:\n{cause}"))
}

fn look_around() -> Result<Shared, String> {
    let release = fs::read_to_string("/etc/os-release").map_err(|_| "this machine has no /etc/os-release")?;
    let of = |key: &str| -> String {
        let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let distro = format!("{}-{}", of("ID"), of("VERSION_ID"));
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("distros/{distro}.rhai")))
        .map_err(|_| format!("there is no distro file for this machine's release, {distro}"))?;
    let suffix = text.split("suffix: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a suffix").to_owned();
    if let Err(error) = opb::sandbox::IdMap::of_this_process() {
        return Err(error.to_string());
    }
    let arch = Command::new("dpkg").arg("--print-architecture").output().map_err(|_| "there is no dpkg")?;
    let arch = String::from_utf8_lossy(&arch.stdout).trim().to_owned();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("opb-tests");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(Shared { store: folder.join("store"), folder, distro, suffix, codename: of("VERSION_CODENAME"), arch })
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("has a parent")).expect("makes folders");
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if text.starts_with("#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("makes it executable");
    }
}

/// Waits until `found` finds something; panics with `what` after half a minute.
#[track_caller]
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Space {
    fn new(name: &str, shared: &'static Shared) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let tag = format!("t{:x}x{:x}x{count:x}", now.as_secs(), std::process::id());
        let folder = shared.folder.join("projects").join(format!("{name}-{tag}"));
        let space = Self { name: name.to_owned(), tag, folder, store: shared.store.clone(), shared };
        let pins = shared.folder.join("pins");
        let distro = format!("distros/{}.rhai", shared.distro);
        space.write(&distro, &fs::read_to_string(pins.join(&distro)).expect("pinned"));
        space.write("opb.lock", &fs::read_to_string(pins.join("opb.lock")).expect("pinned"));
        space.write("opb.toml", "[channel.c-TAG]\n");
        fs::create_dir_all(space.folder.join("recipes")).expect("makes folders");
        space
    }

    /// `text` with this test's own tag for `TAG`, and the host's release, suffix and arch for `DISTRO`, `SUFFIX`, `ARCH`.
    pub fn own(&self, text: &str) -> String {
        let Shared { distro, suffix, arch, codename, .. } = self.shared;
        let text = text.replace("TAG", &self.tag).replace("DISTRO", distro).replace("CODENAME", codename);
        text.replace("SUFFIX", suffix).replace("ARCH", arch)
    }

    /// Writes a file of the project; see [`Space::own`] for what its path and text may hold.
    pub fn write(&self, path: &str, text: &str) {
        write(&self.folder.join(self.own(path)), &self.own(text));
    }

    /// The recipe of the component `name-TAG`.
    pub fn recipe(&self, name: &str, text: &str) {
        self.write(&format!("recipes/{name}-TAG.rhai"), text);
    }

    /// The program with this project and its store.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.env("XDG_CONFIG_HOME", self.folder.join("config"));
        command.arg("-C").arg(&self.folder).arg("--store").arg(&self.store);
        command.args(args.iter().map(|arg| self.own(arg)));
        command
    }

    /// Runs the program; `args` may hold what [`Space::own`] replaces.
    pub fn opb(&self, args: &[&str]) -> Ran {
        self.command(args).output().expect("runs").into()
    }

    /// Starts the program and does not wait for it.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
    }

    /// Runs a shell script as root in a copy of the base root; `binds` are folders of the host with their places inside.
    pub fn in_base(&self, place: &str, binds: &[(&Path, &str)], script: &str) -> Ran {
        let mut command = self.command(&["run", place, "--as-root"]);
        for (host, guest) in binds {
            command.arg("--bind").arg(format!("{}:{guest}", host.display()));
        }
        command.args(["--", "/bin/sh", "-euc", script]).output().expect("runs").into()
    }

    /// The store, opened.
    pub fn open_store(&self) -> Store {
        Store::open(&HostPath::new(&self.store)).expect("the store opens")
    }

    /// How often a node came to a result.
    pub fn times(&self, node: &str) -> usize {
        self.open_store().history_of_node(&self.own(node)).expect("reads").len()
    }

    /// The last result of a node.
    #[track_caller]
    pub fn last(&self, node: &str) -> Realisation {
        let node = self.own(node);
        self.open_store().last_of_node(&node).expect("reads").unwrap_or_else(|| panic!("{node} has no result"))
    }

    /// The files of an output of a node's last result, names and digests, sorted.
    #[track_caller]
    pub fn files(&self, node: &str, output: &str) -> Vec<(String, String)> {
        let digest = self.last(node).outputs[output];
        let tree = self.open_store().get_tree(digest).expect("the output is there");
        tree.files().map(|(path, digest, _)| (path.to_string(), digest.to_string())).collect()
    }

    /// The names of a build's packages, as they would be without this test's tag.
    #[track_caller]
    pub fn packages(&self, node: &str) -> Vec<String> {
        self.files(node, "packages").into_iter().map(|(name, _)| self.shown(&name)).collect()
    }

    /// The text of the only file of an output.
    #[track_caller]
    pub fn text(&self, node: &str, output: &str) -> String {
        let [(_, digest)] = &self.files(node, output)[..] else { panic!("{output} of {node} is not one file") };
        let bytes = self.open_store().read_object(digest.parse().expect("a digest"), 64 << 20).expect("reads");
        String::from_utf8(bytes).expect("text")
    }

    /// The folder that a channel is served from.
    pub fn current(&self) -> PathBuf {
        self.store.join(self.own("channels/c-TAG/current"))
    }

    /// `text` without what differs between runs and machines.
    pub fn shown(&self, text: &str) -> String {
        let Shared { distro, suffix, arch, codename, .. } = self.shared;
        let mut text = text.replace(&self.folder.display().to_string(), "PROJECT");
        for (from, to) in [
            (self.store.display().to_string().as_str(), "STORE"),
            (&self.tag, "TAG"),
            (distro, "DISTRO"),
            (codename, "CODENAME"),
            (suffix, "SUFFIX"),
            (arch, "ARCH"),
        ] {
            text = text.replace(from, to);
        }
        text.lines()
            .map(|line| sources::without_times(line) + "\n")
            .collect::<String>()
            .trim_end_matches('\n')
            .to_owned()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the project of `{}` is left in {}", self.name, self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
