//! A server on the loopback interface, whose answers follow from the path that is asked for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::address::Address;

/// The longest that any server of these tests lives.
const LIFE: Duration = Duration::from_secs(60);

/// A server that ends with the test.
pub(super) struct Server {
    pub port: u16,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        listener.set_nonblocking(true).expect("set");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            let born = Instant::now();
            while !stopped.load(Ordering::Relaxed) && born.elapsed() < LIFE {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let stopped = Arc::clone(&stopped);
                        std::thread::spawn(move || serve(&stream, &stopped));
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self { port, stop }
    }

    pub fn address(&self, path: &str) -> Address {
        Address::new(&format!("http://127.0.0.1:{}{path}", self.port)).expect("good")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Answers by the first name of the path; the body is `content of ` and the last name.
fn serve(stream: &TcpStream, stop: &AtomicBool) -> Option<()> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut lines = BufReader::new(stream).lines();
    let mut out = stream;
    loop {
        let request = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let path = request.split(' ').nth(1)?.to_owned();
        let body = body_of(path.rsplit('/').next()?);
        let head = |status: &str, length: usize, more: &str| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n")
        };
        let answer = match path.split('/').nth(1)? {
            "ok" => head("200 OK", body.len(), "") + body.as_str(),
            "wrong" => head("200 OK", 5, "") + "wrong",
            "redirect" => head("302 Found", 0, &format!("Location: {}\r\n", path.replacen("redirect", "ok", 1))),
            "lost" => head("302 Found", 0, &format!("Location: {}\r\n", path.replacen("lost", "404", 1))),
            "outside" => head("302 Found", 0, "Location: file:///etc/hostname\r\n"),
            "cut" => {
                let _ = out.write_all((head("200 OK", 1_000, "") + body.as_str()).as_bytes());
                return None;
            }
            "hang" => {
                let born = Instant::now();
                while born.elapsed() < Duration::from_secs(20) && !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                return None;
            }
            "endless" => {
                out.write_all(head("200 OK", 1 << 40, "").as_bytes()).ok()?;
                let born = Instant::now();
                while born.elapsed() < Duration::from_secs(20) && !stop.load(Ordering::Relaxed) {
                    out.write_all(&[0; 4096]).ok()?;
                    std::thread::sleep(Duration::from_millis(2));
                }
                return None;
            }
            "list" => {
                let list = format!("# mirrors\nfile:/etc\nhttp://{}/ok\n", stream.local_addr().ok()?);
                head("200 OK", list.len(), "") + list.as_str()
            }
            status => head(&format!("{status} Status"), 0, ""),
        };
        out.write_all(answer.as_bytes()).ok()?;
    }
}

pub(super) fn body_of(name: &str) -> String {
    format!("content of {name}")
}
