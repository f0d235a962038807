//! Which caches a project and its user have, and whose word counts.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::keys::CacheKeyError;
use crate::cache::{self, Access, Address, Authorities, CacheError, Keyring, PublicKey};
use crate::diag::{Cause, Caused, Failure};
use crate::ops::session::Session;
use crate::path::HostPath;
use crate::project::{Project, config_folder};
use crate::settings::{UserCache, UserSettings, UserSettingsError};

/// The user's settings, below the user's folder for this program.
pub(super) const CONFIG: &str = "config.toml";

/// Why there is no cache to push to or to pull from.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
pub enum WhichCacheError {
    /// None is set up.
    #[error("no cache is set up")]
    #[diagnostic(
        code(opb::cache::none),
        help(
            "name one: `opb cache push https://…` or `opb cache push ./FOLDER`, or add `[[cache]]` to the user's `config.toml`"
        )
    )]
    None,
    /// None is called so.
    #[error("no cache is called `{name}`")]
    #[diagnostic(
        code(opb::cache::unknown),
        help("write `./{name}` for a folder{}", if names.is_empty() { String::new() } else { format!("; there are {names}") })
    )]
    Unknown {
        /// What was given.
        name: String,
        /// What those are called that there are; may be empty.
        names: String,
    },
    /// The project names some, but nobody trusts them.
    #[error("the project names the cache `{url}`, but the key `{key}` is not trusted")]
    #[diagnostic(code(opb::cache::untrusted), help("if you know that key, run `opb cache trust {key}`"))]
    Untrusted {
        /// What it is called.
        name: String,
        /// Its address.
        url: String,
        /// The key that it states.
        key: String,
    },
}

impl Caused for WhichCacheError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// What the settings of project and user come to.
pub(super) struct Found {
    /// The caches that may be asked, in their order.
    pub caches: Vec<Access>,
    /// Whose word counts.
    pub keyring: Keyring,
    /// What people should know.
    pub notices: Vec<String>,
    /// The caches that nobody trusts.
    pub untrusted: Vec<WhichCacheError>,
}

impl Found {
    pub fn of(project: &Project) -> Result<Self, Failure> {
        let folder = config_folder();
        let user = folder.as_ref().map(user_settings).transpose()?.unwrap_or_default();
        let shared = &project.settings.cache;
        let mut found =
            Self { caches: Vec::new(), keyring: Keyring::default(), notices: Vec::new(), untrusted: Vec::new() };
        if user.cache.is_empty() && shared.is_empty() && user.trust.is_empty() {
            return Ok(found);
        }
        let folder = folder.unwrap_or_else(|| HostPath::new("/"));
        let wrong =
            |error: cache::PublicKeyError| UserSettingsError { path: folder.join(CONFIG), message: error.to_string() };
        let keys = user.trust.iter().map(|trusted| trusted.key.parse::<PublicKey>());
        found.keyring = Keyring::new(keys.collect::<Result<Vec<_>, _>>().map_err(wrong)?);
        for cache in &user.cache {
            found.caches.push(access_of(cache, &folder)?);
        }
        for cache in shared {
            let address = Address::parse(&cache.url, &project.path)?;
            let key = cache.key.parse::<PublicKey>().map_err(CacheKeyError::from)?;
            if found.caches.iter().any(|known| known.address == address) {
                continue;
            }
            // Not even asked: whoever changes a project is not to make everybody's machine send requests.
            if !found.keyring.trusts(&key) {
                let (name, url, key) = (address.name(), address.to_string(), key.to_string());
                let untrusted = WhichCacheError::Untrusted { name, url, key };
                found.notices.push(format!("{untrusted}: if you know it, run `opb cache trust {}`", cache.key));
                found.untrusted.push(untrusted);
                continue;
            }
            found.caches.push(Access { name: address.name(), address, token: None, authorities: None });
        }
        Ok(found)
    }

    /// The cache that is called `target`, or has that address; without one, the first.
    pub fn which(&self, session: &Session, target: Option<&str>) -> Result<Access, Failure> {
        let project = &session.project;
        let Some(target) = target else {
            let first = self.caches.first().cloned();
            return Ok(first.ok_or_else(|| self.untrusted.first().cloned().unwrap_or(WhichCacheError::None))?);
        };
        if let Some(known) = self.caches.iter().find(|known| known.name == target) {
            return Ok(known.clone());
        }
        let called = |untrusted: &&WhichCacheError| matches!(untrusted, WhichCacheError::Untrusted { name, .. } if name == target);
        if let Some(untrusted) = self.untrusted.iter().find(called) {
            return Err(untrusted.clone().into());
        }
        // A word that is no name is more likely a slip than a folder of the project.
        if !target.contains('/') {
            let names: Vec<String> = self.caches.iter().map(|known| format!("`{}`", known.name)).collect();
            return Err(WhichCacheError::Unknown { name: target.to_owned(), names: names.join(", ") }.into());
        }
        let address = Address::parse(target, &project.path)?;
        let known = self.caches.iter().find(|known| known.address == address).cloned();
        Ok(known.unwrap_or_else(|| Access { name: address.name(), address, token: None, authorities: None }))
    }
}

pub(super) fn user_settings(folder: &HostPath) -> Result<UserSettings, Failure> {
    let path = folder.join(CONFIG);
    let text = settings_text(folder);
    let text =
        text.map_err(|source| CacheError::File { doing: "reading the user's settings", path: path.clone(), source })?;
    Ok(UserSettings::parse(&text, &path)?)
}

/// The text of the user's settings; nothing where there are none.
pub(super) fn settings_text(folder: &HostPath) -> std::io::Result<String> {
    match settings_place(folder).and_then(|(dir, name)| dir.read_to_string(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// Where the user's settings are; where they are a link, what it leads to.
pub(super) fn settings_place(folder: &HostPath) -> std::io::Result<(Dir, OsString)> {
    let path = folder.join(CONFIG);
    let path = path.as_path().canonicalize().unwrap_or_else(|_| path.as_path().to_owned());
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    Ok((Dir::open_ambient_dir(folder, ambient_authority())?, name.to_owned()))
}

fn access_of(cache: &UserCache, folder: &HostPath) -> Result<Access, Failure> {
    let address = Address::parse(&cache.url, folder)?;
    let name = cache.name.clone().unwrap_or_else(|| address.name());
    if let (Some(file), Address::Http(url)) = (&cache.token, &address)
        && !cache.plain_http
        && is_overheard(url)
    {
        let why = format!("`{url}` is not `https://`, so that everybody on the way could read it");
        return Err(CacheError::Token { path: folder.join(file), why }.into());
    }
    let token = cache.token.as_deref().map(|file| token(&folder.join(file))).transpose()?;
    let authorities = cache.authorities.as_deref().map(|file| authorities(&folder.join(file))).transpose()?;
    Ok(Access { name, address, token, authorities })
}

/// Whether what is sent to that address goes over a network without TLS.
fn is_overheard(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_here = name.parse::<std::net::IpAddr>().map_or(name == "localhost", |address| address.is_loopback());
    !is_here
}

/// The certificates in a file.
fn authorities(path: &HostPath) -> Result<Authorities, CacheError> {
    let wrong = |why: String| CacheError::Authorities { path: path.clone(), why };
    let (folder, name) = (path.as_path().parent().unwrap_or(path.as_path()), path.as_path().file_name());
    let read = Dir::open_ambient_dir(folder, ambient_authority()).and_then(|dir| dir.open(name.unwrap_or_default()));
    let mut pem = Vec::new();
    let read = read.and_then(|file| file.take(4 << 20).read_to_end(&mut pem));
    read.map_err(|error| wrong(error.to_string()))?;
    Authorities::parse(&pem).ok_or_else(|| wrong("there is no certificate in it".to_owned()))
}

/// The value of `Authorization` in a file that nobody else may read.
///
/// # Errors
/// [`CacheError::Token`].
pub fn token(path: &HostPath) -> Result<String, CacheError> {
    let wrong = |why: String| CacheError::Token { path: path.clone(), why };
    let read = || -> std::io::Result<(u32, String)> {
        let (folder, name) = (path.as_path().parent(), path.as_path().file_name());
        let dir = Dir::open_ambient_dir(folder.unwrap_or(path.as_path()), ambient_authority())?;
        let file = dir.open(name.unwrap_or_default())?.into_std();
        let mut text = String::new();
        let mode = file.metadata()?.mode();
        file.take(64 << 10).read_to_string(&mut text)?;
        Ok((mode, text))
    };
    let (mode, text) = read().map_err(|error| wrong(error.to_string()))?;
    if mode & 0o077 != 0 {
        return Err(wrong(format!("others can read it (its mode is {:04o})", mode & 0o7777)));
    }
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(wrong("it is not one line of text".to_owned()));
    }
    // With a scheme of its own, such as `Basic …`, it is sent as it is.
    Ok(if text.contains(' ') { text.to_owned() } else { format!("Bearer {text}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overheard() {
        for url in ["https://a", "http://localhost:1", "http://127.0.0.1:80/a", "http://[::1]:80/a"] {
            assert!(!is_overheard(url), "{url}");
        }
        for url in ["http://a.example.org/", "http://10.0.0.1:80", "http://localhost.example.org", "http://[fe80::1]/"]
        {
            assert!(is_overheard(url), "{url}");
        }
    }
}
