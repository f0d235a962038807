//! The keyring package for dnf: the public keys of a channel where packages of keys bring them, and the `.repo` file that says so.
//!
//! One for each distro, as each has an address of its own, among the packages of every arch. Dnf reads the keys from the file
//! in place of the network, so whoever has the package gets the next key by an ordinary upgrade. What is published is signed,
//! so what was published before is told by what this package comes to once it is.

use std::collections::BTreeMap;

use super::super::laid::Ground;
use super::super::{put, seconds, signed, texts, yum};
use super::TIME;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::name::ChannelName;
use crate::package::rpm::{About, NewFile, make};
use crate::path::TreePath;
use crate::repo::RepoError;
use crate::repo::yum::{DEBUG, SOURCES};
use crate::tree::{Entry, Tree};

/// The release of each version.
const RELEASE: &str = "1";

/// Where the keys lie on the machines that have the package.
fn place(channel: &ChannelName) -> String {
    format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-opb-{channel}")
}

/// Adds the package to each repository of packages in `tree`, unsigned, and to the store. Nothing where the channel has none.
///
/// # Errors
/// Where it cannot be written or signed.
pub(in super::super) fn add(ground: Ground<'_>, settings: &yum::YumSettings, tree: &mut Tree) -> Result<(), Failure> {
    let Ground { place, channel, naming, signer, names, now, .. } = ground;
    if !naming.keyring {
        return Ok(());
    }
    let start = format!("opb-{channel}-keyring-");
    let folder = format!("{}/{}/", yum::FOLDER, settings.distro);
    let mut published: BTreeMap<u64, Digest> = BTreeMap::new();
    for (path, content) in names.below(&folder)? {
        let file = path.rsplit('/').next().unwrap_or(path);
        let version = file.strip_prefix(&start).and_then(|rest| rest.strip_suffix(&format!("-{RELEASE}.noarch.rpm")));
        if let Some(version) = version.and_then(|version| version.parse().ok()) {
            published.insert(version, content);
        }
    }
    let last = published.last_key_value().map_or(1, |(version, _)| *version);
    let store = place.store;
    let mut made = written(ground, settings, last)?;
    let mut unsigned = store.put_bytes(&made)?;
    if let Some(before) = published.get(&last) {
        let signed = signed::packages(store, signer.main(), &settings.signing, &[unsigned], seconds(now))?;
        if signed.first().is_none_or(|signed| signed.signed != *before) {
            made = written(ground, settings, last + 1)?;
            unsigned = store.put_bytes(&made)?;
            return insert(tree, &format!("{start}{}", last + 1), unsigned, made.len() as u64);
        }
    }
    insert(tree, &format!("{start}{last}"), unsigned, made.len() as u64)
}

/// Puts the package into each repository that is neither of debug packages nor of sources.
fn insert(tree: &mut Tree, name: &str, digest: Digest, size: u64) -> Result<(), Failure> {
    let tops = tree.iter().map(|(path, _)| path.to_string()).filter(|path| !path.contains('/'));
    let tops: Vec<String> = tops.filter(|top| top != SOURCES && !top.ends_with(DEBUG)).collect();
    for top in tops {
        let place = format!("{top}/o/{name}-{RELEASE}.noarch.rpm");
        let path = TreePath::new(place.as_bytes()).map_err(|_| RepoError::FileName { name: place.clone() })?;
        put(tree, &path, &Entry::File { digest, size, executable: false })?;
    }
    Ok(())
}

fn written(ground: Ground<'_>, settings: &yum::YumSettings, version: u64) -> Result<Vec<u8>, Failure> {
    let Ground { place: at, channel, naming, public, .. } = ground;
    let (distro, keys) = (settings.distro.to_string(), place(channel));
    let root = texts::root(naming, at.path, "file://");
    let entry = yum::repo_file(settings, &distro, channel, &root, &format!("file://{keys}"))?;
    let files = [
        NewFile { path: keys, bytes: public.as_bytes().to_vec(), is_config: false },
        // By the name that the published one has, so that it takes the place of one that was put there by hand.
        NewFile {
            path: format!("/etc/yum.repos.d/opb-{channel}-{distro}.repo"),
            bytes: entry.into_bytes(),
            is_config: true,
        },
    ];
    let label = naming.label.as_deref().unwrap_or(channel.as_str());
    let name = format!("opb-{channel}-keyring");
    let about = About {
        name: &name,
        version: &version.to_string(),
        release: RELEASE,
        summary: &format!("keys of the package repository {label}"),
        description: &format!(
            "With this package installed, dnf has the repository of the channel {channel},\nand goes on trusting it when its \
             key changes."
        ),
        license: "LicenseRef-Not-Copyrightable",
        packager: &naming.maintainer,
    };
    let failed = |source| RepoError::Compress { path: name.clone(), source };
    Ok(make(&about, &files, u32::try_from(TIME).unwrap_or(0)).map_err(failed)?)
}
