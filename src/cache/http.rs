//! A cache behind HTTP(S): any server that serves a folder, and for pushing one that takes PUT.
//!
//! Every wait has a limit. What the answers mean is decided here: 404 is a file that is not there, 401 and 403 are a cache
//! that refuses, everything else that is unexpected is a broken one. Redirections to plain HTTP are not followed from HTTPS,
//! and none gets the token.

use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, RANGE};
use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body as Sent};

use super::error::CacheError;
use super::place::{Answer, Body, Content, Tag};

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest wait for the beginning of an answer, and for all of a small one.
pub const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 20 });

/// The slowest that a large file may come or go, in bytes a second.
const SLOWEST: u64 = 128 << 10;

/// A server.
pub struct Http {
    agent: Agent,
    url: String,
    name: String,
    token: Option<String>,
}

impl Http {
    /// The cache at `url`. The token, where there is one, goes into each request's `Authorization`.
    pub fn new(url: String, name: &str, token: Option<String>) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(url.starts_with("https://"))
            .max_redirects(4)
            .user_agent(concat!("opb/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(PATIENCE))
            .tls_config(tls.build())
            .build();
        Self { agent: Agent::new_with_config(config), url, name: name.to_owned(), token }
    }

    /// Asks for a file, or from the byte on that `range` begins with, and its entity tag. At most `size` bytes are expected.
    pub fn get(
        &self,
        path: &str,
        range: Option<(u64, Option<u64>)>,
        size: u64,
    ) -> Result<(Answer, Option<String>), CacheError> {
        let mut request = self.agent.get(self.at(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        if let Some((from, length)) = range {
            let end = length.map(|length| (from + length).saturating_sub(1).to_string()).unwrap_or_default();
            request = request.header(RANGE, format!("bytes={from}-{end}"));
        }
        let request = request.config().timeout_recv_body(Some(patience(size))).build();
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
        Ok((Answer::Body(Body { reader: Box::new(response.into_body().into_reader()), from, total }), entity))
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
            ureq::Error::Timeout(ureq::Timeout::RecvResponse | ureq::Timeout::RecvBody | ureq::Timeout::SendBody) => {
                CacheError::Slow { cache, what: format!("asking for `{path}`"), seconds: PATIENCE.as_secs() }
            }
            error => CacheError::Unreachable { cache, why: crate::diag::chain(error) },
        }
    }
}

/// How long a body of that many bytes may take.
fn patience(size: u64) -> Duration {
    PATIENCE + Duration::from_secs(size.min(1 << 40) / SLOWEST)
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
