//! Sources in git repositories behind git's own HTTP server: with credentials that a helper knows, and through a proxy. And by
//! ssh, which here is a program that only looks like it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

const CONTROL: &str = "Source: tool\nMaintainer: A <a@example.org>\nRules-Requires-Root: no\n\n\
                       Package: tool\nArchitecture: all\nDescription: x\n";

/// `somebody:geheim`, as RFC 7617 writes it.
const CREDENTIALS: &str = "Basic c29tZWJvZHk6Z2VoZWlt";

/// A server before `git http-backend`; it answers as a proxy too, whatever host is asked for.
struct Smart {
    address: String,
    /// The first line of each request.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Smart {
    fn new(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("has one"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, log) = (root.clone(), log.clone());
                std::thread::spawn(move || answer(stream, &root, &log));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

fn answer(mut stream: TcpStream, root: &Path, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        head.push_str(&line);
        line.clear();
    }
    let request = head.lines().next()?.to_owned();
    log.lock().expect("no panic").push(request.clone());
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let mut words = request.split(' ');
    let (method, place) = (words.next()?, words.next()?);
    if header("Authorization").as_deref() != Some(CREDENTIALS) {
        let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes()).ok();
    }
    let place = place.strip_prefix("http://").map_or(place, |rest| &rest[rest.find('/').unwrap_or(rest.len())..]);
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    let mut body = vec![0; header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    command
        .env("REMOTE_USER", "somebody")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("CONTENT_LENGTH", body.len().to_string());
    for (name, variable) in [
        ("Content-Type", "CONTENT_TYPE"),
        ("Git-Protocol", "HTTP_GIT_PROTOCOL"),
        ("Content-Encoding", "HTTP_CONTENT_ENCODING"),
    ] {
        command.env(variable, header(name).unwrap_or_default());
    }
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    child.stdin.take()?.write_all(&body).ok()?;
    let output = child.wait_with_output().ok()?.stdout;
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (lines, content) = (String::from_utf8_lossy(&output[..end]).into_owned(), &output[end + 4..]);
    let status = lines.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let lines: Vec<&str> = lines.lines().filter(|line| !line.starts_with("Status: ")).collect();
    let length = content.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
        lines.join("\r\n")
    )
    .ok()?;
    stream.write_all(content).ok()
}

/// A project with a recipe for a repository that is served.
fn served() -> (Space, Smart) {
    let space = Space::pinned();
    space.source("../served/tool", CONTROL);
    for arguments in
        [&["init", "--quiet", "--initial-branch=main"][..], &["add", "-A"], &["commit", "--quiet", "-m", "x"]]
    {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
        let output = command.current_dir(space.path("../served/tool")).output().expect("git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let smart = Smart::new(space.folder.path().join("served"));
    space.file("recipes/tool.rhai", &format!("#{{ source: git(\"{}/tool\") }}\n", smart.address));
    (space, smart)
}

/// Lets a helper know the credentials.
fn with_helper(space: &Space) {
    let helper = "[credential]\n\thelper = \"!f() { echo username=somebody; echo password=geheim; }; f\"\n";
    space.file("../home/.gitconfig", helper);
}

/// All that lies below a folder, as text.
fn all_text(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            all += &all_text(&entry.path());
        } else {
            all += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap_or_default());
        }
    }
    all
}

#[test]
fn a_helper_knows_the_credentials_and_nobody_else_gets_to_know_them() {
    let (space, smart) = served();
    let refused = space.seen(&["update", "tool"]);
    assert!(refused.starts_with("exit 3\n") && refused.contains("may not be read"), "{refused}");
    with_helper(&space);
    let pinned = space.seen(&["update", "tool"]);
    assert!(pinned.starts_with("exit 0\n") && pinned.contains("pinned  git("), "{pinned}");
    assert!(
        smart.asked().iter().any(|line| line.starts_with("POST /tool/git-upload-pack ")),
        "it is git's own protocol"
    );
    // A part of the history is enough for a build.
    let _ = fs::remove_dir_all(space.path("store"));
    let built = space.seen(&["build", "--again", "--only", "source:tool"]);
    assert!(built.starts_with("exit 0\n"), "{built}");
    for (what, text) in [
        ("output", [refused, pinned, built].concat()),
        ("lock", fs::read_to_string(space.path("opb.lock")).expect("there")),
        ("store", all_text(&space.path("store"))),
    ] {
        assert!(!text.contains("geheim") && !text.contains("c29tZWJvZHk6"), "the {what} tells the password");
    }
}

#[test]
fn a_proxy_leads_to_a_host_that_nobody_here_knows() {
    let (space, proxy) = served();
    with_helper(&space);
    space.file("recipes/tool.rhai", "#{ source: git(\"http://git.upstream.example/tool\") }\n");
    let seen = |proxy: Option<&str>| {
        let mut command = space.command(&["update", "tool"]);
        proxy.map(|proxy| command.env("http_proxy", proxy));
        space.seen_of(&mut command)
    };
    let direct = seen(None);
    assert!(direct.starts_with("exit 3\n") && direct.contains("cannot reach"), "{direct}");
    let through = seen(Some(&proxy.address));
    assert!(through.starts_with("exit 0\n"), "{through}");
    let asked = proxy.asked();
    assert!(asked.iter().all(|line| line.contains(" http://git.upstream.example/tool/")), "{asked:?}");
}

#[test]
fn ssh_is_the_one_that_the_host_is_set_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let (space, _) = served();
    let log = space.folder.path().join("ssh.log");
    let script = format!("#!/bin/sh\necho \"$@\" >> {}\nfor last; do :; done\nexec sh -c \"$last\"\n", log.display());
    space.file("../home/fake-ssh", &script);
    let program = space.folder.path().join("home/fake-ssh");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    space.file("../home/.gitconfig", &format!("[core]\n\tsshCommand = {}\n", program.display()));
    let address = format!("ssh://git@git.upstream.example{}/served/tool", space.folder.path().display());
    space.file("recipes/tool.rhai", &format!("#{{ source: git(\"{address}\") }}\n"));
    let pinned = space.seen(&["update", "tool"]);
    assert!(pinned.starts_with("exit 0\n"), "{pinned}");
    let said = fs::read_to_string(log).expect("it was asked");
    assert!(said.contains("git@git.upstream.example git-upload-pack '/"), "{said}");
}
