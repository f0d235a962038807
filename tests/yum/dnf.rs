//! A dnf of its own, which knows one repository and installs into a fresh root; and a server of files.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A machine without anything but the `.repo` file of a channel.
pub struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["home", "repos", "root", "cache"] {
            fs::create_dir(folder.path().join(part)).expect("made");
        }
        // Debian's rpm keeps its database in the home folder.
        fs::write(folder.path().join("home/.rpmmacros"), "%_dbpath /var/lib/rpm\n").expect("written");
        fs::write(folder.path().join("dnf.conf"), "[main]\n").expect("written");
        Self { folder }
    }

    pub fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    /// Takes a `.repo` file as it was published.
    pub fn add(&self, file: &Path) {
        fs::copy(file, self.path("repos/opb.repo")).expect("copied");
    }

    /// Runs dnf, whose caches are as fresh as its root.
    pub fn dnf(&self, args: &[&str]) -> Output {
        let _ = fs::remove_dir_all(self.path("cache"));
        let set = |name: &str, part: &str| format!("--setopt={name}={}", self.path(part).display());
        let output = Command::new("dnf")
            .env("HOME", self.path("home"))
            .env("LC_ALL", "C.UTF-8")
            .arg(format!("--config={}", self.path("dnf.conf").display()))
            .arg(format!("--installroot={}", self.path("root").display()))
            .args([
                set("reposdir", "repos"),
                set("cachedir", "cache"),
                set("logdir", "."),
                set("persistdir", "persist"),
            ])
            .args(["--releasever=1", "--noplugins", "-y", "--setopt=retries=1", "--setopt=timeout=10"])
            .args(args)
            .output()
            .expect("dnf runs");
        self.end_agents();
        output
    }

    /// Ends what gpg has started for dnf, which nobody else would end.
    fn end_agents(&self) {
        let found = Command::new("find").arg(self.folder.path()).args(["-name", "pubring"]).output().expect("runs");
        for home in String::from_utf8_lossy(&found.stdout).lines() {
            let _ = Command::new("gpgconf").args(["--homedir", home, "--kill", "all"]).output();
        }
    }
}

/// What dnf says, all of it.
pub fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Serves the folder that a link leads to, until the test ends; where it is reached.
pub fn serve(current: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("has one"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let current = current.clone();
            std::thread::spawn(move || answer(stream, &current));
        }
    });
    address
}

fn answer(mut stream: TcpStream, current: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1)?.trim_start_matches('/').replace("%7E", "~").replace("%2B", "+");
    let (status, body) = match fs::read(current.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).ok()?;
    stream.write_all(&body).ok()
}
