//! Projects for the small RPM distribution that `scripts/mini-rpm` makes of the host's own packages: made once for all tests,
//! served over the loopback to each.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::{Space, space};

/// A project with the distro `mini-1` and no other, and the server of its repositories.
pub struct Mini {
    /// The project.
    pub space: Space,
    /// Its repositories.
    pub server: Server,
}

/// A project for the test `name`; `None`, with the cause printed, where this machine cannot make such a distribution.
pub fn mini(name: &str) -> Option<Mini> {
    let space = space(name)?;
    let made = match distribution(&space) {
        Ok(folder) => folder,
        Err(cause) => {
            println!("skipped: {cause}");
            return None;
        }
    };
    let distro = format!("distros/{}.rhai", space.shared.distro);
    fs::remove_file(space.folder.join(distro)).expect("was there");
    fs::remove_file(space.folder.join("opb.lock")).expect("was there");
    let key = fs::read_to_string(made.join("RPM-GPG-KEY-mini")).expect("made");
    space.write("distros/keyrings/RPM-GPG-KEY-mini", &key);
    let server = Server::new(made);
    let mini = Mini { space, server };
    mini.distro(&[]);
    mini.settings("");
    Some(mini)
}

impl Mini {
    /// Writes the distro's file, with some texts in place of others.
    pub fn distro(&self, changes: &[(&str, &str)]) {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("distros/mini-1.rhai");
        let mut text = fs::read_to_string(own).expect("of the project");
        for (from, to) in changes {
            assert!(text.contains(from), "the distro's file has no `{from}`");
            text = text.replace(from, to);
        }
        self.space.write("distros/mini-1.rhai", &text);
    }

    /// Writes `opb.toml`: a channel, where the repositories are, and `more`.
    pub fn settings(&self, more: &str) {
        let address = &self.server.address;
        let mirrors = format!(
            "[mirrors]\n\"mini-1/base\" = \"http://{address}/base\"\n\"mini/updates\" = \"http://{address}/updates\"\n"
        );
        self.space.write("opb.toml", &format!("{mirrors}\n[channel.c-TAG]\n{more}"));
    }

    /// Writes `opb.toml` with the places of the source repositories too.
    pub fn source_mirrors(&self) {
        let address = &self.server.address;
        let places = ["base-source", "updates-source"];
        let places = places.map(|name| format!("\"mini-1/{name}\" = \"http://{address}/{name}\"\n")).concat();
        let settings = fs::read_to_string(self.space.folder.join("opb.toml")).expect("written before");
        self.space.write("opb.toml", &settings.replace("[mirrors]\n", &format!("[mirrors]\n{places}")));
    }

    /// A component with a spec: its source is the folder `name`, with one file in it.
    pub fn component(&self, name: &str, recipe: &str, spec: &str) {
        self.space.write(&format!("{name}/README"), "A source of a test.\n");
        self.space.write(&format!("{name}/rpm/{name}-TAG.spec"), spec);
        self.space.recipe(name, &format!("#{{ source: path(\"{name}\"), {recipe} }}\n"));
    }
}

/// A spec without anything to compile: `more` of its head, and its packages with all files of theirs.
pub fn spec(name: &str, more: &str, packages: &str) -> String {
    format!(
        "Name: {name}-TAG\nVersion: 1.0\nRelease: 1%{{?dist}}\nSummary: A test\nLicense: MIT\n\
         Source0: {name}-TAG-%{{version}}.tar.gz\n{more}\n%description\nOf a test.\n%prep\n%autosetup\n{packages}\n\
         %changelog\n* Mon Nov 02 2026 A test <test@example.org> - 1.0-1\n- First.\n"
    )
}

/// The folder with the distribution's repositories.
fn distribution(space: &Space) -> Result<&'static Path, String> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        if !nix::unistd::geteuid().is_root() {
            return Err("only root can make an RPM distribution of the host's packages".to_owned());
        }
        if space.shared.arch != "amd64" {
            return Err(format!("distros/mini-1.rhai is for amd64, and this machine is {}", space.shared.arch));
        }
        let folder = space.shared.folder.join("mini-1");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/mini-rpm");
        // Other processes that want it wait for each other in there.
        let ran = Command::new(script).arg(&folder).output().map_err(|error| error.to_string())?;
        match ran.status.code() {
            Some(0) => Ok(folder),
            Some(3) => Err(String::from_utf8_lossy(&ran.stderr).into_owned()),
            _ => panic!("cannot make the RPM distribution:\n{}", String::from_utf8_lossy(&ran.stderr)),
        }
    });
    made.as_deref().map_err(Clone::clone)
}

/// A server of files, on the loopback, until it is dropped.
pub struct Server {
    /// Where it is, such as `127.0.0.1:40000`.
    pub address: SocketAddr,
    /// What it serves.
    pub folder: PathBuf,
    /// What is served in place of files, by path; `None`: nothing.
    instead: Arc<Mutex<BTreeMap<String, Option<Vec<u8>>>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    fn new(folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listens");
        let address = listener.local_addr().expect("has an address");
        let server = Self { address, folder: folder.to_owned(), instead: Arc::default(), over: Arc::default() };
        let (folder, instead, over) = (server.folder.clone(), server.instead.clone(), server.over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (folder, instead) = (folder.clone(), instead.clone());
                std::thread::spawn(move || stream.map(|stream| answer(stream, &folder, &instead)));
            }
        });
        server
    }

    /// What the file at `path` holds.
    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.folder.join(path)).expect("reads")
    }

    /// Serves these bytes at `path` from now on; `None`: nothing.
    pub fn serve(&self, path: &str, bytes: Option<Vec<u8>>) {
        self.instead.lock().expect("not poisoned").insert(path.to_owned(), bytes);
    }

    /// Serves everything as it is.
    pub fn mend(&self) {
        self.instead.lock().expect("not poisoned").clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(stream: TcpStream, folder: &Path, instead: &Mutex<BTreeMap<String, Option<Vec<u8>>>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut line) = (String::new(), String::new());
    reader.read_line(&mut request)?;
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let known = instead.lock().expect("not poisoned").get(&path).cloned();
    let bytes = known.unwrap_or_else(|| fs::read(folder.join(&path)).ok());
    let status = if bytes.is_some() { "200 OK" } else { "404 Not Found" };
    let bytes = bytes.unwrap_or_default();
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len())?;
    stream.write_all(&bytes)
}
