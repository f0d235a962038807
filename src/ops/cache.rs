//! Sharing results: which caches there are and whose word counts, pushing to one, pulling from them.

mod keys;
mod rivals;

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

pub use keys::{CacheKeyError, default_key, key_names, new_key, public_key, trust};
pub use rivals::{RivalOf, RivalsError, rivals};

use super::plan::{Wish, plan};
use super::session::Session;
use crate::cache::{self, Access, Address, CacheError, CacheKey, Caches, Keyring, PublicKey, Pushed, Surroundings};
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::exec::{Asked, Elsewhere as _, same_to_readers};
use crate::name::Kind;
use crate::path::HostPath;
use crate::plan::State;
use crate::project::{Project, cache_folder, config_folder, now};
use crate::settings::{UserCache, UserSettings, UserSettingsError};
use crate::store::{Realisation, Rival, Store};

/// The user's settings, below the user's folder for this program.
const CONFIG: &str = "config.toml";

/// Why there is no cache to push to or to pull from.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum WhichCacheError {
    /// None is set up.
    #[error("no cache is set up")]
    #[diagnostic(
        code(opb::cache::none),
        help(
            "name one: `opb cache push https://…` or `opb cache push FOLDER`, or add `[[cache]]` to the user's `config.toml`"
        )
    )]
    None,
    /// The project names some, but nobody trusts them.
    #[error("the project names the cache `{url}`, but the key `{key}` is not trusted")]
    #[diagnostic(code(opb::cache::untrusted), help("if you know that key, run `opb cache trust {key}`"))]
    Untrusted {
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

/// What pulling came to.
#[derive(Debug, Clone, Default)]
pub struct Pulled {
    /// Nodes whose bytes came.
    pub fetched: usize,
    /// How many bytes that were, as they were sent.
    pub bytes: u64,
    /// Nodes whose bytes were here.
    pub here: usize,
    /// Nodes that no cache has, or not wholly.
    pub missing: usize,
    /// Nodes of which a cache has another result.
    pub differs: Vec<String>,
    /// What people should know.
    pub notices: Vec<String>,
}

/// The caches of a project and of its user, and whose word counts. Costs one look for a file where there is none.
///
/// # Errors
/// Where the user's settings are wrong.
pub fn caches(project: &Project, offline: bool, insistent: bool) -> Result<Caches, Failure> {
    let found = Found::of(project)?;
    let open = |access: &Access| !offline || matches!(access.address, Address::Folder(_));
    let caches = Caches::new(found.caches.into_iter().filter(open).collect(), found.keyring, &around(insistent));
    Ok(caches.noting(found.notices))
}

/// Pushes what is realised of the selected nodes and of all that they need, but no roots, to the cache called `target`, or
/// that has this address; by default to the first that there is.
///
/// # Errors
/// Where there is no such cache or no key, or the cache cannot be written to.
pub fn push(
    session: &Session,
    store: &Store,
    target: Option<&str>,
    selectors: &[String],
    key: &CacheKey,
) -> Result<Pushed, Failure> {
    let found = Found::of(&session.project)?;
    let access = found.which(session, target)?;
    let wanted = session.graph.with_inputs(&session.select(selectors)?);
    let plan = plan(session, &Wish { wanted, again: Vec::new() }, store, None)?;
    let mut results: Vec<Realisation> = Vec::new();
    for planned in plan.nodes.iter().filter(|planned| planned.state == State::Clean) {
        let kind = session.graph.node(planned.node).kind();
        let Some(key) = planned.key.filter(|_| kind != Kind::Root) else { continue };
        let Some(result) = store.realisation(key)? else { continue };
        // The build whose packages stayed, and with it the number that is in them.
        let first = match result.kept {
            Some(kept) => store.realisation(kept)?,
            None => None,
        };
        results.extend(first);
        results.push(result);
    }
    results.sort_by_key(|result| result.key);
    results.dedup_by_key(|result| result.key);
    let pushed = cache::push(access.clone(), &around(true), store, key, &found.keyring, &results)?;
    let caches = Caches::new(vec![access], found.keyring.with(key.public()), &around(true));
    for theirs in &pushed.differs {
        keep_rival(store, &caches, theirs.clone())?;
    }
    Ok(pushed)
}

/// Brings all that caches have of the selected nodes: outputs whole, and logs. Nothing that is here is replaced.
///
/// # Errors
/// Where the store cannot be used, or the one cache that was named cannot.
pub fn pull(
    session: &Session,
    store: &Store,
    from: Option<&str>,
    selectors: &[String],
    offline: bool,
) -> Result<Pulled, Failure> {
    let found = Found::of(&session.project)?;
    let chosen = match from {
        Some(_) => vec![found.which(session, from)?],
        None => found.caches,
    };
    if chosen.is_empty() {
        return Err(found.untrusted.into_iter().next().unwrap_or(WhichCacheError::None).into());
    }
    let open = |access: &Access| !offline || matches!(access.address, Address::Folder(_));
    if let Some(closed) = chosen.iter().find(|access| !open(access)) {
        return Err(CacheError::Offline { cache: closed.name.clone() }.into());
    }
    let caches = Caches::new(chosen, found.keyring, &around(true)).noting(found.notices);
    let selected = session.select(selectors)?;
    let wish = Wish { wanted: selected.clone(), again: Vec::new() };
    let plan = plan(session, &wish, store, caches.as_elsewhere())?;
    let mut pulled = Pulled::default();
    let mut results: Vec<Realisation> = Vec::new();
    for id in selected.into_iter().filter(|id| session.graph.node(*id).kind() != Kind::Root) {
        let planned = plan.of(id).filter(|planned| planned.state == State::Clean);
        let Some((key, outputs)) = planned.and_then(|planned| planned.key.zip(planned.outputs.clone())) else {
            pulled.missing += 1;
            continue;
        };
        // A source is known by its pin, whether or not anybody has a record of it.
        let result = store.realisation(key)?;
        bring(store, &caches, key, &outputs, result.as_ref().and_then(|result| result.log), &mut pulled)?;
        results.extend(result);
    }
    let asked: Vec<Asked> = results.iter().map(|result| Asked::Key(result.key)).collect();
    for (known, own) in caches.find(&asked).into_iter().zip(&results) {
        let Some(known) = known.filter(|known| !same_to_readers(&known.realisation.outputs, &own.outputs)) else {
            continue;
        };
        keep_rival(store, &caches, known.realisation)?;
        pulled.differs.push(own.node.clone());
    }
    pulled.notices = caches.take_notices();
    if let (Some(cache), Some(Some(why))) = (from, caches.used().first().map(|used| used.left_out.clone())) {
        return Err(CacheError::Unreachable { cache: cache.to_owned(), why }.into());
    }
    Ok(pulled)
}

fn bring(
    store: &Store,
    caches: &Caches,
    key: ActionKey,
    outputs: &Outputs,
    log: Option<Digest>,
    pulled: &mut Pulled,
) -> Result<(), Failure> {
    let mut is_here = true;
    for digest in outputs.values() {
        is_here = is_here && store.present(*digest)?;
    }
    if is_here {
        pulled.here += 1;
    } else if let Some(brought) = caches.bring(store, key, outputs)? {
        pulled.fetched += 1;
        pulled.bytes += brought.bytes;
    } else {
        pulled.missing += 1;
        return Ok(());
    }
    store.not_owed(key)?;
    if let Some(log) = log.filter(|log| store.open_log(*log).is_err()) {
        caches.bring_log(store, log)?;
    }
    Ok(())
}

/// Keeps another result of a step, with its bytes where they can be had.
fn keep_rival(store: &Store, caches: &Caches, theirs: Realisation) -> Result<(), Failure> {
    let brought = caches.bring(store, theirs.key, &theirs.outputs)?;
    let cache = brought.map(|brought| brought.cache).or_else(|| Some(caches.used().first()?.cache.clone()));
    store.keep_rival(&Rival { cache, realisation: theirs })?;
    Ok(())
}

/// What the settings of project and user come to.
struct Found {
    caches: Vec<Access>,
    keyring: Keyring,
    notices: Vec<String>,
    untrusted: Vec<WhichCacheError>,
}

impl Found {
    fn of(project: &Project) -> Result<Self, Failure> {
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
                let (url, key) = (address.to_string(), key.to_string());
                let untrusted = WhichCacheError::Untrusted { url, key };
                found.notices.push(format!("{untrusted}: if you know it, run `opb cache trust {}`", cache.key));
                found.untrusted.push(untrusted);
                continue;
            }
            found.caches.push(Access { name: address.name(), address, token: None });
        }
        Ok(found)
    }

    /// The cache that is called `target`, or has that address; without one, the first.
    fn which(&self, session: &Session, target: Option<&str>) -> Result<Access, Failure> {
        let Some(target) = target else {
            let first = self.caches.first().cloned();
            return Ok(first.ok_or(WhichCacheError::None)?);
        };
        if let Some(known) = self.caches.iter().find(|known| known.name == target) {
            return Ok(known.clone());
        }
        let address = Address::parse(target, &session.project.path)?;
        let known = self.caches.iter().find(|known| known.address == address).cloned();
        Ok(known.unwrap_or_else(|| Access { name: address.name(), address, token: None }))
    }
}

fn user_settings(folder: &HostPath) -> Result<UserSettings, Failure> {
    let path = folder.join(CONFIG);
    let read = Dir::open_ambient_dir(folder.as_path(), ambient_authority()).and_then(|dir| dir.read_to_string(CONFIG));
    match read {
        Ok(text) => Ok(UserSettings::parse(&text, &path)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(UserSettings::default()),
        Err(source) => Err(CacheError::File { doing: "reading the user's settings", path, source }.into()),
    }
}

fn access_of(cache: &UserCache, folder: &HostPath) -> Result<Access, Failure> {
    let address = Address::parse(&cache.url, folder)?;
    let name = cache.name.clone().unwrap_or_else(|| address.name());
    let token = cache.token.as_deref().map(|file| token(&folder.join(file))).transpose()?;
    Ok(Access { name, address, token })
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

fn around(insistent: bool) -> Surroundings {
    Surroundings { copies: cache_folder(), now, insistent }
}
