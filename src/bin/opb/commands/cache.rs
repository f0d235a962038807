//! `opb cache`: shares results between machines.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use opb::daemon::cache_server::{ServeError, serve};
use opb::diag::Failure;
use opb::name::ChannelName;
use opb::ops::cache::{self, Pulled, Push};
use opb::report::{count, size};

use super::{absolute, open, open_store};
use crate::cli::Global;
use crate::output;

/// Share results between machines: push them to a cache, pull them from one, serve one, say whose results count.
///
/// A cache is a folder, or a server of files that serves one. `opb build`, `opb plan`, `opb run` and `opb log` ask the caches
/// that are set up by themselves.
#[derive(Debug, Args)]
pub struct Cache {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Push what is built of the selected nodes and of all that they need, signed. Roots are never pushed.
    Push {
        /// The cache: its name, its address, or a folder's path with a `/` in it [default: the first that is set up].
        #[arg(value_name = "CACHE")]
        cache: Option<String>,
        /// What to push; everything if left out.
        #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
        selectors: Vec<String>,
        /// The key that signs [default: the only one].
        #[arg(long, value_name = "NAME")]
        key: Option<ChannelName>,
        /// Also look at what is there already, and put again what is damaged. Reads all of it.
        #[arg(long)]
        check: bool,
    },
    /// Pull what caches have of the selected nodes, whole. Nothing that is here is replaced.
    Pull {
        /// The cache: its name, its address, or a folder's path with a `/` in it [default: all that are set up].
        #[arg(value_name = "CACHE")]
        cache: Option<String>,
        /// What to pull; everything if left out.
        #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
        selectors: Vec<String>,
    },
    /// Serve a cache's folder over HTTP until stopped.
    Serve {
        /// The folder.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Where to listen. Whoever can reach it can read the cache.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8642")]
        listen: SocketAddr,
        /// Take pushes from who states the token in this file, which is of mode 0600.
        #[arg(long, value_name = "FILE")]
        accept_pushes: Option<PathBuf>,
    },
    /// Make and show keys that sign results.
    Key {
        #[command(subcommand)]
        deed: KeyDeed,
    },
    /// Let results count that this key signed. It holds for all of your projects.
    Trust {
        /// The key, as `opb cache key show` prints it.
        #[arg(value_name = "NAME:BASE64")]
        key: String,
    },
}

#[derive(Debug, Subcommand)]
enum KeyDeed {
    /// Make a key, and trust it.
    New {
        /// What others will know it by.
        name: ChannelName,
    },
    /// Show the public part of keys.
    Show {
        /// Which [default: all].
        name: Option<ChannelName>,
    },
}

pub fn run(global: &Global, args: &Cache) -> Result<ExitCode, Failure> {
    match &args.deed {
        Deed::Push { cache, selectors, key, check } => {
            let key = cache::default_key(key.as_ref())?;
            let (target, offline) = (cache.as_deref(), global.offline);
            push(global, &Push { target, selectors, key: &key, check: *check, offline })?;
        }
        Deed::Pull { cache, selectors } => pull(global, cache.as_deref(), selectors)?,
        Deed::Serve { folder, listen, accept_pushes } => {
            let token = accept_pushes.as_ref().map(|file| cache::token(&absolute(file))).transpose()?;
            let network = |source| ServeError::Network { source };
            let listener = TcpListener::bind(listen).map_err(network)?;
            let address = listener.local_addr().map_err(network)?;
            output::data(&format!("serving {} on http://{address}\n", absolute(folder)));
            serve(&absolute(folder), listener, token)?;
        }
        Deed::Key { deed: KeyDeed::New { name } } => output::data(&format!("{}\n", cache::new_key(name)?)),
        Deed::Key { deed: KeyDeed::Show { name } } => {
            let names = match name {
                Some(name) => vec![name.clone()],
                None => cache::key_names()?,
            };
            for name in names {
                output::data(&format!("{}\n", cache::public_key(Some(&name))?));
            }
        }
        Deed::Trust { key } => {
            let word = if cache::trust(key)? { "trusted from now on" } else { "trusted already" };
            output::data(&format!("{word}: {key}\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn push(global: &Global, push: &Push<'_>) -> Result<(), Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let pushed = cache::push(&session, &store, push)?;
    let results = count(pushed.new, "result");
    output::data(&format!(
        "pushed {results} in {} ({}); {} were there\n",
        count(usize::try_from(pushed.files).unwrap_or(usize::MAX), "file"),
        size(pushed.bytes),
        pushed.known
    ));
    if pushed.absent > 0 {
        let text = format!("{} not pushed: their bytes are not here", count(pushed.absent, "result"));
        output::notices(global, &[text]);
    }
    if pushed.mended > 0 {
        let files = usize::try_from(pushed.mended).unwrap_or(usize::MAX);
        output::notices(global, &[format!("{} damaged there, put again", count(files, "file"))]);
    }
    let nodes: Vec<String> = pushed.differs.into_iter().map(|differs| differs.node).collect();
    differing(global, &nodes);
    Ok(())
}

fn pull(global: &Global, from: Option<&str>, selectors: &[String]) -> Result<(), Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let pulled = cache::pull(&session, &store, from, selectors, global.offline)?;
    tell_pulled(global, ("pulled", "", "in no cache"), &pulled);
    Ok(())
}

/// What came and what did not: `pulled 3 results (2.1 kB); 1 were here, 0 are in no cache`.
pub fn tell_pulled(global: &Global, (deed, besides, missing): (&str, &str, &str), pulled: &Pulled) {
    output::data(&format!(
        "{deed} {}{besides} ({}); {} were here, {} are {missing}\n",
        count(pulled.fetched, "result"),
        size(pulled.bytes),
        pulled.here,
        pulled.missing
    ));
    output::notices(global, &pulled.notices);
    differing(global, &pulled.differs);
}

fn differing(global: &Global, nodes: &[String]) {
    let told = nodes.iter().map(|node| {
        format!(
            "{node} is not reproducible: the cache has another result; `opb diff --rivals {node}` shows what differs"
        )
    });
    output::notices(global, &told.collect::<Vec<_>>());
}
