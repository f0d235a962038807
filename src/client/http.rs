//! Files behind HTTP(S). Every wait has a limit, every body a least speed, and every line of redirections an end.
//!
//! From HTTPS none leads to plain HTTP. Proxies are the environment's, as for caches; certificates count that the host trusts.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use ureq::http::{HeaderMap, HeaderName, Response};
use ureq::tls::{RootCerts, TlsConfig};

use super::fault::{Problem, harmless};
use super::{Limits, packages};
use crate::address::Address;
use crate::diag::chain;

/// The slowest that a body may come, in bytes a second.
const SLOWEST: u64 = 8 << 10;

/// The most redirections that lead from one file to where it is.
const MOST_REDIRECTS: u32 = 5;

/// A server.
pub struct Http {
    agent: Agent,
    address: Address,
    limits: Limits,
}

impl Http {
    /// The server of what is below `address`. `roots` are whose certificates count.
    pub fn new(address: Address, limits: Limits, roots: RootCerts) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(address.scheme() == "https")
            .max_redirects(MOST_REDIRECTS)
            .max_idle_connections_per_host(packages::WORKERS)
            .user_agent(concat!("opb/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_send_request(Some(limits.answer))
            .timeout_recv_response(Some(limits.answer))
            .timeout_per_read(Some(limits.answer))
            .tls_config(tls.build())
            .build();
        Self { agent: Agent::new_with_config(config), address, limits }
    }

    /// A file's bytes, as they come.
    pub fn open(&self, path: &str, left: Duration) -> Result<Box<dyn Read + Send>, Problem> {
        let request = self.agent.get(self.address.join(path).secret());
        let response = request.config().timeout_global(Some(left)).build().call().map_err(|error| problem(&error))?;
        match response.status().as_u16() {
            200 => {
                let (began, patience) = (Instant::now(), self.limits.answer);
                Ok(Box::new(Paced { reader: response.into_body().into_reader(), began, patience, bytes: 0 }))
            }
            status => Err(of_status(status)),
        }
    }

    /// How long a file is: asked for without it, or else with its first byte.
    pub fn length(&self, path: &str, left: Duration) -> Result<u64, Problem> {
        let place = self.address.join(path);
        let request = self.agent.head(place.secret());
        let response = request.config().timeout_global(Some(left)).build().call().map_err(|error| problem(&error))?;
        match (response.status().as_u16(), number(response.headers(), CONTENT_LENGTH)) {
            (200, Some(length)) => return Ok(length),
            // Not all servers answer HEAD, and not all of those with a length.
            (200 | 400 | 403 | 405 | 501, _) => {}
            (status, _) => return Err(of_status(status)),
        }
        let request = self.agent.get(place.secret()).header(RANGE, "bytes=0-0");
        let response = request.config().timeout_global(Some(left)).build().call().map_err(|error| problem(&error))?;
        self.length_of(&response)
    }

    fn length_of<B>(&self, response: &Response<B>) -> Result<u64, Problem> {
        let headers = response.headers();
        let length = match response.status().as_u16() {
            200 => number(headers, CONTENT_LENGTH),
            206 => headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()?.rsplit('/').next()?.parse().ok()),
            // An empty file has no first byte.
            416 => Some(0),
            status => return Err(of_status(status)),
        };
        length.ok_or(Problem::NoLength)
    }
}

fn number(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn of_status(status: u16) -> Problem {
    match status {
        404 | 410 => Problem::Missing,
        300..400 => Problem::Redirects,
        status => Problem::Status { status },
    }
}

fn problem(error: &ureq::Error) -> Problem {
    match error {
        ureq::Error::Timeout(ureq::Timeout::Global) => Problem::Time,
        ureq::Error::Timeout(_) => Problem::Slow,
        ureq::Error::RequireHttpsOnly(_) => Problem::Downgrade,
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => Problem::Redirects,
        error => Problem::Broken { why: why(error) },
    }
}

/// What went wrong, without addresses: servers put signatures there when they lead elsewhere.
fn why(error: &dyn std::error::Error) -> String {
    let words = chain(error);
    let words = words.split(' ').map(|word| if word.contains("://") { "…" } else { word });
    harmless(&words.collect::<Vec<_>>().join(" "))
}

/// What it means that a body breaks off.
pub fn broken_off(error: &io::Error) -> Problem {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    match inner {
        Some(inner) => problem(inner),
        None if error.kind() == io::ErrorKind::TimedOut => Problem::Slow,
        None => Problem::Broken { why: why(error) },
    }
}

/// A body that has to come at a certain speed.
struct Paced<R> {
    reader: R,
    began: Instant,
    patience: Duration,
    bytes: u64,
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.bytes += count as u64;
        let allowed = self.patience + Duration::from_millis(self.bytes.saturating_mul(1_000) / SLOWEST);
        if count > 0 && self.began.elapsed() > allowed {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(count)
    }
}
