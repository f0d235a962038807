//! A quick server for a cache's folder: its files with ranges and entity tags, and where that is allowed, pushes.
//!
//! Only what belongs to a cache is served, wherever the folder is. Any other server of files does as well for reading.
//! Without TLS: behind one that has it, or on one's own machine.

#[cfg(test)]
mod tests;

use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_tempfile::TempFile;
use tower_http::services::ServeDir;

use crate::cache::{FileOfCache, LIST, List, MAX_KEYS, MAX_LIST, Table, exchange_list, file_of_cache, keys_path};
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::path::HostPath;

/// The most bytes of one file that is pushed.
const MAX_FILE: u64 = 32 << 30;

/// The most bytes that a pushed file may come to when it is unpacked: it is only hashed.
const MAX_UNPACKED: u64 = 256 << 30;

/// Why nothing is served.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ServeError {
    /// The folder.
    #[error("cannot open the cache `{path}`")]
    #[diagnostic(code(opb::serve::folder), help("name a folder that you may read; with `--accept-pushes` also write"))]
    Folder {
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The network.
    #[error("cannot serve")]
    #[diagnostic(code(opb::serve::network), help("try another address with `--listen`"))]
    Network {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Caused for ServeError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

struct Served {
    dir: Dir,
    files: ServeDir,
    /// What `Authorization` must be for a push; `None`: nobody may push.
    token: Option<String>,
}

/// Serves the cache in `folder` to whom `listener` takes in, until the process ends. `token` is what a push must state as
/// `Authorization`; without one, none is taken.
///
/// # Errors
/// [`ServeError`].
pub fn serve(folder: &HostPath, listener: TcpListener, token: Option<String>) -> Result<(), Failure> {
    let failed = |source| ServeError::Folder { path: folder.clone(), source };
    if token.is_some() {
        Dir::create_ambient_dir_all(folder.as_path(), ambient_authority()).map_err(failed)?;
    }
    let dir = Dir::open_ambient_dir(folder.as_path(), ambient_authority()).map_err(failed)?;
    let network = |source| ServeError::Network { source };
    let files = ServeDir::new(folder.as_path()).append_index_html_on_directories(false);
    let served = Arc::new(Served { dir, files, token });
    let router = Router::new().fallback(answer).with_state(served);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(network)?;
    listener.set_nonblocking(true).map_err(network)?;
    let ended = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router).await
    });
    Ok(ended.map_err(network)?)
}

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let is_put = request.method() == Method::PUT;
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let answered = match (path == LIST, file_of_cache(&path)) {
        (false, None) => return StatusCode::NOT_FOUND.into_response(),
        _ if is_put && !served.may_push(request.headers()) => return StatusCode::UNAUTHORIZED.into_response(),
        (true, _) if is_put => put_list(&served, request).await,
        (_, Some(file)) if is_put => put_file(&served, &path, file, request.into_body()).await,
        (true, _) if is_get => Ok(list(&served, request.headers())),
        (false, _) if is_get => served.files.clone().try_call(request).await.map(|found| found.map(Body::new)),
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    answered.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StatusCode::NOT_FOUND.into_response(),
        io::ErrorKind::InvalidData => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        io::ErrorKind::FileTooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    })
}

impl Served {
    fn may_push(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).map_or(&[][..], |given| given.as_bytes());
        // Digests are compared, so that the time it takes says nothing of the token.
        self.token.as_ref().is_some_and(|token| Digest::of(token.as_bytes()) == Digest::of(given))
    }

    fn read_list(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.dir.open(LIST).ok()?.take(MAX_LIST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The keys of a segment, where they are here and sound.
    fn table(&self, name: Digest) -> Option<Table> {
        let mut keys = Vec::new();
        self.dir.open(keys_path(name)).ok()?.take(MAX_KEYS).read_to_end(&mut keys).ok()?;
        Table::decode(keys, name).ok()
    }
}

/// The tag of a list: which it is, not when it was written.
fn tag_of(list: &[u8]) -> String {
    format!("\"{}\"", Digest::of(list))
}

fn list(served: &Served, headers: &HeaderMap) -> Response {
    let Some(list) = served.read_list() else { return StatusCode::NOT_FOUND.into_response() };
    let tag = tag_of(&list);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let head = [(header::ETAG, tag), (header::CONTENT_TYPE, "application/json".to_owned())];
    if known { (StatusCode::NOT_MODIFIED, head).into_response() } else { (head, list).into_response() }
}

async fn put_list(served: &Served, request: Request) -> io::Result<Response> {
    let (head, body) = request.into_parts();
    let mut new = Vec::new();
    receive(body, MAX_LIST, |chunk| {
        new.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    if List::parse(&new, "").is_err() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let condition = |name| head.headers.get(name).map(|value| value.as_bytes().to_vec());
    let (instead, is_first) = match (condition(header::IF_MATCH), condition(header::IF_NONE_MATCH)) {
        (Some(tag), _) => (tag, false),
        (None, Some(_)) => (Vec::new(), true),
        // Without a condition, the list of another push would be lost.
        (None, None) => return Ok(StatusCode::PRECONDITION_REQUIRED.into_response()),
    };
    // Under the lock of those who push to the folder itself, which may be held for a while.
    let dir = served.dir.try_clone()?;
    let exchanged = tokio::task::spawn_blocking(move || {
        let counts = |now: Option<&[u8]>| now.map_or(is_first, |now| tag_of(now).as_bytes() == instead);
        exchange_list(&dir, &counts, &new)
    });
    let status = match exchanged.await.map_err(io::Error::other)?? {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::PRECONDITION_FAILED,
    };
    Ok(status.into_response())
}

/// Takes a file, if it is what its name says. One that is there stays, unless it is damaged.
async fn put_file(served: &Served, path: &str, file: FileOfCache, body: Body) -> io::Result<Response> {
    let keys = match file {
        FileOfCache::Records(name) => served.table(name),
        _ => None,
    };
    let keys = Arc::new(keys);
    if let Ok(there) = served.dir.open(path)
        && is_sound(there.into_std(), file, keys.clone()).await?
    {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    served.dir.create_dir_all(folder)?;
    let folder = served.dir.open_dir(folder)?;
    let mut temp = TempFile::new(&folder)?;
    receive(body, MAX_FILE, |chunk| temp.write_all(chunk)).await?;
    let mut written = temp.as_file().try_clone()?.into_std();
    written.rewind()?;
    if !is_sound(written, file, keys).await? {
        return Err(io::ErrorKind::InvalidData.into());
    }
    temp.as_file().set_permissions(cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(0o644)))?;
    temp.replace(name)?;
    Ok(StatusCode::CREATED.into_response())
}

/// Whether a file is what its name says, and on the disk. Hashing takes long; others are served meanwhile.
async fn is_sound(mut from: std::fs::File, file: FileOfCache, keys: Arc<Option<Table>>) -> io::Result<bool> {
    let checked = tokio::task::spawn_blocking(move || {
        from.sync_all()?;
        is_what_it_says(&mut from, file, keys.as_ref().as_ref())
    });
    checked.await.map_err(io::Error::other)?
}

fn is_what_it_says(from: &mut dyn io::Read, file: FileOfCache, keys: Option<&Table>) -> io::Result<bool> {
    let mut hasher = blake3::Hasher::new();
    let digest = match file {
        // Its keys come after it; whoever has them checks its blocks.
        FileOfCache::Records(_) => return keys.map_or(Ok(true), |keys| keys.is_of(from)),
        FileOfCache::Keys(name) => {
            io::copy(from, &mut hasher)?;
            name
        }
        FileOfCache::Packed(digest) => {
            let unpacked = zstd::stream::read::Decoder::new(from)
                .and_then(|decoder| io::copy(&mut decoder.take(MAX_UNPACKED), &mut hasher));
            if unpacked.is_err() {
                return Ok(false);
            }
            digest
        }
    };
    Ok(hasher.finalize().as_bytes() == digest.as_bytes())
}

/// Reads a body, in pieces, up to `limit` bytes.
async fn receive(mut body: Body, limit: u64, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut length = 0u64;
    while let Some(frame) = std::future::poll_fn(|ctx| Pin::new(&mut body).poll_frame(ctx)).await {
        let Ok(chunk) = frame.map_err(io::Error::other)?.into_data() else { continue };
        length += chunk.len() as u64;
        if length > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        take(&chunk)?;
    }
    Ok(())
}
