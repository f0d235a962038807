//! A server of files for tests that knows of what time files are, and what stands behind a place in them; it notes what it was asked for.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What it was asked for and sent, a line for each request: `/x 200 5120`.
pub type Asked = Arc<Mutex<Vec<String>>>;

/// Serves a folder until the test ends; where it is reached, and what it was asked for.
pub fn serve_dated(folder: PathBuf) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("has one"));
    let asked = Asked::default();
    let noted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (folder, noted) = (folder.clone(), noted.clone());
            std::thread::spawn(move || answer(stream, &folder, &noted));
        }
    });
    (address, asked)
}

fn answer(mut stream: TcpStream, folder: &Path, noted: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let (mut line, mut from, mut of) = (String::new(), None, None);
    while reader.read_line(&mut line).ok()? > 2 {
        let range = line.trim_end().strip_prefix("Range: bytes=").and_then(|range| range.strip_suffix('-'));
        from = from.or_else(|| range?.parse::<usize>().ok());
        of = of.or_else(|| line.trim_end().strip_prefix("If-Range: ").map(str::to_owned));
        line.clear();
    }
    let place = request.split(' ').nth(1)?.split('?').next()?;
    let path = folder.join(place.trim_start_matches('/'));
    let time = fs::metadata(&path).and_then(|data| data.modified()).ok().map(|time| {
        let time = jiff::Timestamp::try_from(time).expect("a date");
        time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    });
    let from = from.filter(|_| of.is_some() && of == time);
    let (status, more, body) = match (fs::read(path), from) {
        (Err(_), _) => ("404 Not Found", String::new(), Vec::new()),
        (Ok(body), Some(from)) if from >= body.len() => {
            ("416 Range Not Satisfiable", format!("Content-Range: bytes */{}\r\n", body.len()), Vec::new())
        }
        (Ok(body), Some(from)) => {
            let range = format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
            ("206 Partial Content", range, body[from..].to_vec())
        }
        (Ok(body), None) => ("200 OK", String::new(), body),
    };
    let number = status.split(' ').next()?;
    noted.lock().expect("no panic").push(format!("{place} {number} {}", body.len()));
    let time = time.map(|time| format!("Last-Modified: {time}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{time}{more}Content-Length: {length}\r\nConnection: close\r\n\r\n").ok()?;
    stream.write_all(&body).ok()
}
