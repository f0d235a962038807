//! A server of files for tests: what is current when a file is asked for is what is sent.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

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
    let place = request.split(' ').nth(1)?.split('?').next()?;
    let path = place.trim_start_matches('/').replace("%7E", "~").replace("%2B", "+");
    let (status, body) = match fs::read(current.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).ok()?;
    stream.write_all(&body).ok()
}
