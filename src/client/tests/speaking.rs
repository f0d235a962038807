//! A server for these tests: it serves a folder, and lies as it is told to.

use std::io::{BufRead as _, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET` or `HEAD`.
    pub method: String,
    /// Without the first slash.
    pub path: String,
    /// Whether a part of the file is wanted.
    pub range: bool,
}

/// A running server. Its threads end with the tests.
pub struct Speaking {
    pub url: String,
    pub requests: Arc<AtomicUsize>,
}

type Lie = dyn Fn(&Asked, &mut TcpStream) -> Option<()> + Send + Sync;

/// Serves `folder`, but what `lie` has another answer to.
pub fn serve(folder: PathBuf, lie: impl Fn(&Asked, &mut TcpStream) -> Option<()> + Send + Sync + 'static) -> Speaking {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (requests, lie): (Arc<AtomicUsize>, Arc<Lie>) = (Arc::default(), Arc::new(lie));
    let counted = requests.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (folder, counted, lie) = (folder.clone(), counted.clone(), lie.clone());
            std::thread::spawn(move || {
                let mut stream = stream;
                let Some(asked) = read(&stream) else { return };
                counted.fetch_add(1, Ordering::SeqCst);
                if lie(&asked, &mut stream).is_none() {
                    truth(&folder, &asked, &mut stream);
                }
            });
        }
    });
    Speaking { url, requests }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.trim_start_matches('/').to_owned());
    let mut asked = Asked { method, path, range: false };
    loop {
        let mut header = String::new();
        lines.read_line(&mut header).ok()?;
        let Some((name, _)) = header.trim_end().split_once(": ") else { return Some(asked) };
        asked.range |= name.eq_ignore_ascii_case("range");
    }
}

fn truth(folder: &std::path::Path, asked: &Asked, to: &mut TcpStream) {
    match std::fs::read(folder.join(&asked.path)) {
        Err(_) => answer(to, "404 Not Found", "", b"gone"),
        Ok(bytes) if asked.method == "HEAD" => head(to, "200 OK", bytes.len()),
        Ok(bytes) => answer(to, "200 OK", "", &bytes),
    }
}

/// Writes an answer. That nobody reads it to its end is no mistake.
pub fn answer(to: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(body));
}

/// Writes an answer without its body.
pub fn head(to: &mut TcpStream, status: &str, length: usize) {
    let _ = write!(to, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
}
