//! A cache behind HTTP(S): any server that serves a folder, and for pushing one that takes PUT.
//!
//! Every wait has a limit. What the answers mean is decided here: 404 is a file that is not there, 401 and 403 are a cache
//! that refuses, everything else that is unexpected is a broken one. Redirections to plain HTTP are not followed from HTTPS,
//! and none gets the token.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, RANGE};
use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body as Sent};

use super::error::CacheError;
use super::place::{Answer, Body, Content, Tag};

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest wait for the beginning of an answer, and for the next bytes of one.
pub const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 20 });

/// The slowest that all of a large file may come or go, in bytes a second.
const SLOWEST: u64 = 64 << 10;

/// The slowest that a body may come while it is waited for, in bytes a second: several come at once.
const SLOWEST_BODY: u64 = 8 << 10;

/// Over how long that is measured.
const WINDOW: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// Whose certificates of servers count.
#[derive(Debug, Clone)]
pub struct Authorities(Vec<Certificate<'static>>);

impl Authorities {
    /// Those in a file of certificates; `None` where there is none in it.
    pub fn parse(pem: &[u8]) -> Option<Self> {
        let items = ureq::tls::parse_pem(pem).map_while(Result::ok);
        let of_item = |item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        };
        let all: Vec<Certificate<'static>> = items.filter_map(of_item).collect();
        (!all.is_empty()).then_some(Self(all))
    }
}

/// A server.
pub struct Http {
    agent: Agent,
    url: String,
    name: String,
    token: Option<String>,
}

impl Http {
    /// The cache at `url`. The token, where there is one, goes into each request's `Authorization`. Its certificate counts
    /// when one of `authorities` vouches for it; without them, one that the host trusts.
    pub fn new(url: String, name: &str, token: Option<String>, authorities: Option<&Authorities>) -> Self {
        let roots = authorities.map_or(RootCerts::PlatformVerifier, |authorities| authorities.0.clone().into());
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(url.starts_with("https://"))
            .max_redirects(4)
            .user_agent(concat!("opb/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .timeout_per_write(Some(PATIENCE))
            .tls_config(tls.build())
            .build();
        Self { agent: Agent::new_with_config(config), url, name: name.to_owned(), token }
    }

    /// Ends all requests that are under way, and every later one at once.
    pub fn halt(&self) {
        self.agent.clone().shutdown();
    }

    /// Asks for a file, or for so many bytes of it from one on, and its entity tag. All of it is here at `until`, or nothing.
    pub fn get(
        &self,
        path: &str,
        range: Option<(u64, u64)>,
        until: Instant,
    ) -> Result<(Answer, Option<String>), CacheError> {
        let left = self.left(path, until)?;
        let mut request = self.agent.get(self.at(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        if let Some((from, length)) = range {
            request = request.header(RANGE, format!("bytes={from}-{}", (from + length).saturating_sub(1)));
        }
        let request = request.config().timeout_global(Some(left)).build();
        let response = request.call().map_err(|error| self.failed(&error, path))?;
        let status = response.status().as_u16();
        let from = match (status, range) {
            (404 | 410, _) => return Ok((Answer::Missing, None)),
            (200, _) => 0,
            (206, Some((from, _))) if begins_at(response.headers(), from) => from,
            _ => return Err(self.status(path, status, "read")),
        };
        let entity = text(response.headers().get(ETAG));
        let total = if status == 206 { total(response.headers()) } else { None };
        let reader = Box::new(Paced::new(response.into_body().into_reader()));
        Ok((Answer::Body(Body { reader, from, total }), entity))
    }

    /// How long a request may still take; a cache that has used up its time is not asked again.
    fn left(&self, path: &str, until: Instant) -> Result<Duration, CacheError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(slow(&self.name, path)) } else { Ok(left) }
    }

    /// Whether a file is there.
    pub fn has(&self, path: &str) -> Result<bool, CacheError> {
        let mut request = self.agent.head(self.at(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        let response = request.call().map_err(|error| self.failed(&error, path))?;
        match response.status().as_u16() {
            200 => Ok(true),
            404 | 410 => Ok(false),
            status => Err(self.status(path, status, "read")),
        }
    }

    /// Sends a file. With `instead`, only in the place of what that stands for; `false` where something else is there.
    pub fn put(&self, path: &str, content: Content, instead: Option<&Tag>) -> Result<bool, CacheError> {
        let mut request = self.agent.put(self.at(path)).header("Content-Type", "application/octet-stream");
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        match instead {
            Some(Tag::None) => request = request.header(IF_NONE_MATCH, "*"),
            Some(Tag::Entity(Some(entity))) => request = request.header(IF_MATCH, entity),
            _ => {}
        }
        let size = match &content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.metadata().map_or(0, |metadata| metadata.len()),
        };
        let request = request.config().timeout_send_body(Some(patience(size))).build();
        let answer: Result<Response<Sent>, ureq::Error> = match content {
            Content::Bytes(bytes) => request.send(&bytes[..]),
            Content::File(file) => request.header("Content-Length", size.to_string()).send(file),
        };
        let response = answer.map_err(|error| self.failed(&error, path))?;
        crate::store::fault::point("cache-file-put");
        match response.status().as_u16() {
            200 | 201 | 204 => Ok(true),
            409 | 412 if instead.is_some() => Ok(false),
            status => Err(self.status(path, status, "written to")),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    fn status(&self, path: &str, status: u16, deed: &'static str) -> CacheError {
        let cache = self.name.clone();
        match status {
            401 | 403 | 405 | 407 => CacheError::Refused { cache, deed, status },
            _ => CacheError::Status { cache, path: path.to_owned(), status },
        }
    }

    fn failed(&self, error: &ureq::Error, path: &str) -> CacheError {
        let cache = self.name.clone();
        match error {
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                CacheError::Unreachable { cache, why: format!("no connection in {} s", CONNECT.as_secs()) }
            }
            ureq::Error::Timeout(_) => slow(&cache, path),
            error => CacheError::Unreachable { cache, why: without_queries(&crate::diag::chain(error)) },
        }
    }
}

/// What it means that a file does not come.
pub fn slow(cache: &str, path: &str) -> CacheError {
    CacheError::Slow { cache: cache.to_owned(), path: path.to_owned() }
}

/// Whether a body broke off because its time was over.
pub fn is_late(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    error.kind() == io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
}

/// How long a file of that many bytes may take.
pub fn patience(size: u64) -> Duration {
    PATIENCE + Duration::from_secs(size.min(1 << 40) / SLOWEST)
}

/// A body that has to come at a certain speed. Only the time counts in which it is waited for.
struct Paced<R> {
    reader: R,
    waited: Duration,
    bytes: u64,
}

impl<R> Paced<R> {
    fn new(reader: R) -> Self {
        Self { reader, waited: Duration::ZERO, bytes: 0 }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let count = self.reader.read(into)?;
        self.waited += began.elapsed();
        self.bytes += count as u64;
        if count > 0 && self.waited >= WINDOW {
            if self.bytes < SLOWEST_BODY * WINDOW.as_secs() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
        Ok(count)
    }
}

/// A message without what follows a `?` in its addresses: servers put signatures there when they send us elsewhere.
pub fn without_queries(text: &str) -> String {
    let mut shown = String::new();
    let mut is_query = false;
    for letter in text.chars() {
        let ends = letter.is_whitespace() || "\"'`<>)".contains(letter);
        is_query = !ends && (is_query || letter == '?');
        if !is_query {
            shown.push(letter);
        }
    }
    shown
}

/// Whether an answer with a part of a file has the part that was asked for.
fn begins_at(headers: &HeaderMap, from: u64) -> bool {
    let said = text(headers.get("content-range")).unwrap_or_default();
    let start = said.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.parse::<u64>().ok());
    start == Some(from)
}

/// The length of the whole file, where an answer with a part of it says so.
fn total(headers: &HeaderMap) -> Option<u64> {
    text(headers.get("content-range"))?.rsplit('/').next()?.parse().ok()
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value.and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_not_shown() {
        assert_eq!(
            without_queries("cannot go to `https://a/b?sig=secret&x=1`: why? no"),
            "cannot go to `https://a/b`: why no"
        );
    }

    /// Gives one byte after a while, again and again.
    struct Drips(Duration);

    impl Read for Drips {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(self.0);
            into[0] = 0;
            Ok(1)
        }
    }

    #[test]
    fn a_body_that_drips_ends() {
        let began = Instant::now();
        let read = Paced::new(Drips(Duration::from_millis(20))).read_to_end(&mut Vec::new());
        assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        assert!(began.elapsed() < WINDOW * 3);
        // As long as it takes, but not slowly.
        let mut body = Paced::new(io::repeat(0).take(1 << 20));
        body.waited = WINDOW;
        assert_eq!(io::copy(&mut body, &mut io::sink()).expect("all of it"), 1 << 20);
    }
}
