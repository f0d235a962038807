//! A server for tests: it serves a folder, and lies as it is told to.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A request, as far as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `HEAD` or `PUT`.
    pub method: String,
    /// Without the first slash.
    pub path: String,
    /// The first byte of a range.
    pub from: Option<usize>,
    /// What stood in `Authorization`.
    pub token: Option<String>,
    /// What was sent.
    pub body: Vec<u8>,
    if_match: bool,
}

/// What a lie writes instead of an answer; `None`: the truth.
pub type Lie = dyn Fn(&Asked, &mut TcpStream) -> Option<()> + Send + Sync;

/// A running server. Its threads end with the tests.
pub struct Server {
    /// Where it listens.
    pub url: String,
    /// How many requests came.
    pub requests: Arc<AtomicUsize>,
    /// All of them.
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

/// Serves `folder`, but what `lie` has another answer to.
pub fn serve(folder: PathBuf, lie: impl Fn(&Asked, &mut TcpStream) -> Option<()> + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let server = Server { url, requests: Arc::default(), asked: Arc::default() };
    let (requests, log, lie): (_, _, Arc<Lie>) = (server.requests.clone(), server.asked.clone(), Arc::new(lie));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (folder, requests, log, lie) = (folder.clone(), requests.clone(), log.clone(), lie.clone());
            std::thread::spawn(move || {
                let mut stream = stream;
                // One request a connection: simpler, and as good.
                let Some(asked) = read(&stream) else { return };
                requests.fetch_add(1, Ordering::SeqCst);
                log.lock().expect("no panic").push(asked.clone());
                if lie(&asked, &mut stream).is_none() {
                    truth(&folder, &asked, &mut stream);
                }
            });
        }
    });
    server
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.trim_start_matches('/').to_owned());
    let mut asked = Asked { method, path, from: None, token: None, body: Vec::new(), if_match: false };
    let mut length = 0;
    loop {
        let mut header = String::new();
        lines.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                asked.from = value.strip_prefix("bytes=").and_then(|range| range.split('-').next()?.parse().ok());
            }
            "authorization" => asked.token = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            "if-match" | "if-none-match" => asked.if_match = true,
            _ => {}
        }
    }
    asked.body.resize(length, 0);
    lines.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn truth(folder: &std::path::Path, asked: &Asked, to: &mut TcpStream) {
    let path = folder.join(&asked.path);
    if asked.method == "PUT" {
        std::fs::create_dir_all(path.parent().expect("below")).expect("made");
        std::fs::write(path, &asked.body).expect("written");
        return answer(to, "201 Created", "", b"");
    }
    match (std::fs::read(path), asked.from) {
        (Err(_), _) => answer(to, "404 Not Found", "", b"gone"),
        (Ok(_), _) if asked.method == "HEAD" => answer(to, "200 OK", "", b""),
        (Ok(bytes), None) => answer(to, "200 OK", "ETag: \"1\"\r\n", &bytes),
        (Ok(bytes), Some(from)) if from >= bytes.len() => answer(to, "416 Range Not Satisfiable", "", b""),
        (Ok(bytes), Some(from)) => {
            let range = format!("Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len());
            answer(to, "206 Partial Content", &range, &bytes[from..]);
        }
    }
}

/// Writes an answer. That nobody reads it to its end is no mistake.
pub fn answer(to: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(body));
}
