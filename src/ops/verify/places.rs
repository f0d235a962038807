//! Where the packages of two results differ: what diffoscope says, where the host has it, else which members do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::Outputs;
use crate::exec::{NodeError, clean};
use crate::package::deb;
use crate::package::equivalent::essence;
use crate::path::{GuestPath, HostPath};
use crate::sandbox::{self, Bind, Cancel, Cpu, GuestUser, Launcher, Limits, Network, Request, RootFs, Step};
use crate::store::{ExportMode, Store};
use crate::tree::{Entry, Tree};

/// The program that shows best where files differ.
const DIFFOSCOPE: &str = "/usr/bin/diffoscope";

/// What it may take for one file: what it reads is as hostile as what builds make.
const LIMITS: Limits = Limits {
    wall_seconds: Some(300),
    silence_seconds: None,
    log_bytes: 64 << 10,
    memory_bytes: Some(4 << 30),
    processes: Some(256),
    disk_bytes: Some(4 << 30),
};

/// How many lines are shown of one file.
const MOST_LINES: usize = 60;

/// How many files are looked into.
const MOST_FILES: usize = 5;

/// A word that stands in no package: nothing is left out of a comparison for it.
const NO_VERSION: &str = "\u{1}opb: no version\u{1}";

/// A file of both results with its two contents.
type Pair = (String, [(Digest, u64); 2]);

/// Lines that say where the packages of two results differ, and what else could be shown.
///
/// # Errors
/// Where the store cannot be read. What diffoscope cannot do is said, and is no error.
pub fn places(
    store: &Store,
    (own, other): (&Outputs, &Outputs),
    cancel: &Cancel,
) -> Result<(Vec<String>, Option<String>), Failure> {
    let mut pairs: Vec<Pair> = Vec::new();
    for (name, digest) in own.iter().filter(|(name, _)| name.as_str() != "buildinfo") {
        let Some(there) = other.get(name.as_str()).filter(|there| *there != digest) else { continue };
        let files = |digest: Digest| -> Result<BTreeMap<String, (Digest, u64)>, Failure> {
            let tree = store.get_tree(digest)?;
            Ok(tree.files().map(|(path, digest, size)| (path.to_string(), (digest, size))).collect())
        };
        let (here, there) = (files(*digest)?, files(*there)?);
        let both = here.into_iter().filter_map(|(path, own)| Some((there.get(&path).copied()?, path, own)));
        pairs.extend(both.filter(|(there, _, own)| own != there).map(|(there, path, own)| (path, [own, there])));
    }
    let mut lines = Vec::new();
    let has_diffoscope = nix::unistd::access(DIFFOSCOPE, nix::unistd::AccessFlags::X_OK).is_ok();
    let mut hint = (!has_diffoscope && !pairs.is_empty()).then(|| {
        "with `diffoscope` on this machine, what is in them is compared too: `apt-get install diffoscope`".to_owned()
    });
    for pair in pairs.iter().take(MOST_FILES) {
        lines.extend(members(store, pair)?);
        if has_diffoscope {
            match diffoscope(store, pair, cancel)? {
                Ok(text) => lines.extend(shown(&text)),
                Err(why) => hint = Some(why),
            }
        }
    }
    if pairs.len() > MOST_FILES {
        lines.push(format!("and {} more files", pairs.len() - MOST_FILES));
    }
    Ok((lines, hint))
}

fn shown(text: &str) -> Vec<String> {
    let all: Vec<&str> = text.lines().collect();
    let mut lines: Vec<String> = all.iter().take(MOST_LINES).map(|line| format!("  {line}")).collect();
    if all.len() > MOST_LINES {
        lines.push(format!("  and {} more lines", all.len() - MOST_LINES));
    }
    lines
}

/// Which members of a package differ, by our own reading.
fn members(store: &Store, (path, sides): &Pair) -> Result<Vec<String>, Failure> {
    let mut essences = Vec::new();
    for (digest, _) in sides {
        // What is no package, or cannot be read, has no members.
        essences.push(essence(BufReader::new(store.open_object(*digest)?), NO_VERSION).unwrap_or_default());
    }
    let names: BTreeSet<&String> = essences.iter().flat_map(BTreeMap::keys).collect();
    let mut lines = Vec::new();
    for name in names {
        let what = match (essences[0].get(name), essences[1].get(name)) {
            (Some(own), Some(other)) => own.differs_in(other).join(", "),
            (Some(_), None) => "only in the one that counts".to_owned(),
            (None, Some(_)) => "only in the other".to_owned(),
            (None, None) => String::new(),
        };
        if !what.is_empty() && lines.len() < MOST_LINES {
            lines.push(format!("{path}: {name}: {what}"));
        }
    }
    lines.extend(control(store, (path, sides))?);
    if lines.is_empty() {
        lines.push(format!("{path}: no member differs, but times, order or compression do"));
    }
    Ok(lines)
}

/// The first line in which the control files of a `.deb` differ.
fn control(store: &Store, (path, sides): (&str, &[(Digest, u64); 2])) -> Result<Option<String>, Failure> {
    let mut texts = Vec::new();
    for (digest, _) in sides {
        match deb::read(BufReader::new(store.open_object(*digest)?)) {
            Ok(deb) => texts.push(deb.control().to_owned()),
            Err(_) => return Ok(None),
        }
    }
    let differing = texts[0].lines().zip(texts[1].lines()).find(|(own, other)| own != other);
    Ok(differing.map(|(own, other)| format!("{path}: control: `{own}`, there `{other}`")))
}

/// What diffoscope says of a pair of files; the inner error says why it says nothing. It runs over the host's programs, in a
/// sandbox without network.
fn diffoscope(store: &Store, (path, sides): &Pair, cancel: &Cancel) -> Result<Result<String, String>, Failure> {
    let launcher = Launcher::this_program()?;
    let work = store.new_work()?;
    let failed = |name: &str| {
        let path = work.path().join(name).to_string();
        move |source| NodeError::File { doing: "write", path, source }
    };
    for name in ["scratch", "host"] {
        launcher.map.make_dir_for_guest(work.path().join(name).as_path())?;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    for (folder, (digest, size)) in std::iter::zip(["in", "in/own", "in/other"].into_iter().skip(1), sides) {
        use std::os::unix::fs::PermissionsExt as _;
        for folder in ["in", folder] {
            let mode = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(0o755));
            let made = work.dir().create_dir_all(folder).and_then(|()| work.dir().set_permissions(folder, mode));
            made.map_err(failed(folder))?;
        }
        let mut tree = Tree::default();
        let unreadable = |why: String| NodeError::Unreadable { what: format!("`{name}`"), why };
        let place = name.parse().map_err(|error: crate::path::TreePathError| unreadable(error.to_string()))?;
        let entry = Entry::File { digest: *digest, size: *size, executable: false };
        tree.insert(place, entry).map_err(|error| unreadable(error.to_string()))?;
        let into = work.dir().open_dir(folder).map_err(failed(folder))?;
        store.export_tree(&tree, &into, ExportMode::HardLink)?;
    }
    let bind =
        |host: HostPath, guest: &str| Bind { host, guest: GuestPath::new(guest), writable: false, collect: false };
    let links = ["bin", "sbin", "lib", "lib64"]
        .map(|name| Step::Symlink { path: GuestPath::new(format!("/{name}")), target: format!("usr/{name}") });
    let mut steps = links.to_vec();
    for (path, owner) in [("/tmp", GuestUser::Builder), ("/etc", GuestUser::Root)] {
        steps.push(Step::MakeFolder { path: GuestPath::new(path), mode: 0o755, owner });
    }
    let env = [("PATH", "/usr/bin:/bin"), ("HOME", "/tmp"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")];
    let argv = [DIFFOSCOPE, "--no-progress", "--text", "-", "--exclude-directory-metadata", "yes"];
    let files = ["/in/own", "/in/other"].map(|folder| format!("{folder}/{name}"));
    steps.push(Step::Run {
        argv: argv.into_iter().map(str::to_owned).chain(files).collect(),
        env: env.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        cwd: GuestPath::new("/tmp"),
        user: GuestUser::Builder,
        writable: Some(vec![GuestPath::new("/tmp"), GuestPath::new("/dev"), GuestPath::new("/proc")]),
    });
    let mut binds = vec![bind(HostPath::new("/usr"), "/usr"), bind(work.path().join("in"), "/in")];
    // Where programs find their libraries, and which of several is meant.
    for path in ["/etc/ld.so.cache", "/etc/alternatives"] {
        if nix::unistd::access(path, nix::unistd::AccessFlags::R_OK).is_ok() {
            binds.push(bind(HostPath::new(path), path));
        }
    }
    let request = Request {
        root: RootFs::Bare { folder: work.path().join("host") },
        scratch: work.path().join("scratch"),
        binds,
        steps,
        limits: LIMITS,
        cpu: Cpu::Host,
        network: Network::None,
        inner: None,
    };
    let mut said = Vec::new();
    let ended = sandbox::run(&launcher, &request, &mut |bytes| said.extend_from_slice(bytes), cancel);
    clean(&launcher, work);
    let text = String::from_utf8_lossy(&said).into_owned();
    // 1 is what it exits with where files differ.
    Ok(match ended?.end {
        sandbox::End::Exit(0 | 1) | sandbox::End::LogLimit => Ok(text),
        end => {
            let last = text.lines().last().unwrap_or_default().chars().take(200).collect::<String>();
            Err(format!("diffoscope did not come to an end with `{name}` ({end:?}): {last}"))
        }
    })
}
