//! What is written beside a channel's tree: signed lists, entries for package managers, the key, and a page for people.

use std::collections::BTreeMap;

use serde::Serialize;

use super::laid::{Kind, Laid};
use super::{Generation, Naming, SignedText, keyring, page, seconds, yum};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::name::ChannelName;
use crate::path::HostPath;
use crate::repo::{Suite, release_text, sources_entry};
use crate::sign::Signers;
use crate::store::Store;

/// What all texts of a generation have in common.
pub(super) struct Shown<'a> {
    pub channel: &'a ChannelName,
    /// The channel's folder.
    pub path: &'a HostPath,
    pub signer: &'a Signers,
    pub naming: &'a Naming,
    pub record: &'a Generation,
    /// The generation before it, where that is on the disk.
    pub before: Option<&'a Generation>,
}

impl Shown<'_> {
    /// The address of a channel's root, with the scheme that its readers want for a folder.
    pub(super) fn root(&self, scheme: &str) -> String {
        root(self.naming, self.path, scheme)
    }
}

/// The address of the root of the channel in the folder `path`, with `scheme` where it has no other.
pub(super) fn root(naming: &Naming, path: &HostPath, scheme: &str) -> String {
    let folder = || format!("{scheme}{}", path.join("current"));
    naming.url.as_deref().map_or_else(folder, |url| url.trim_end_matches('/').to_owned())
}

/// What programs that look at the channel begin with: where its lists are. Not signed, so nothing follows from it.
#[derive(Serialize)]
struct About<'a> {
    form: &'static str,
    channel: &'a ChannelName,
    generation: u64,
    /// In seconds since 1970.
    date: i64,
    apt: Vec<AboutSuite>,
    yum: Vec<AboutRepository>,
    key: String,
}

#[derive(Serialize)]
struct AboutSuite {
    suite: String,
}

#[derive(Serialize)]
struct AboutRepository {
    path: String,
}

/// All texts, by their place in the channel.
pub(super) fn all(store: &Store, laid: &[Laid], shown: &Shown<'_>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let Shown { channel, signer, record, .. } = shown;
    let time = seconds(record.date);
    let mut written: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let (mut apt, mut yum_lists) = (Vec::new(), Vec::new());
    for part in laid {
        match &part.kind {
            Kind::Apt(suites) => {
                for Suite { settings, indexes } in suites {
                    let folder = format!("dists/{}", settings.codename);
                    let release = release_text(settings, indexes, record.date, record.valid_until)?;
                    written.insert(format!("{folder}/InRelease"), signer.clear_sign(&release, time)?.into_bytes());
                    written.insert(format!("{folder}/Release.gpg"), signer.detached(&release, time)?.into_bytes());
                    written.insert(format!("{folder}/Release"), release.into_bytes());
                    apt.push(AboutSuite { suite: settings.codename.clone() });
                }
            }
            Kind::Yum { made, names, .. } => {
                for name in names {
                    for (list, text) in made.lists(name, record.date) {
                        yum_lists
                            .push(AboutRepository { path: list.trim_end_matches("/repodata/repomd.xml").to_owned() });
                        written.insert(format!("{list}.asc"), signer.detached(&text, time)?.into_bytes());
                        written.insert(list, text.into_bytes());
                    }
                }
            }
        }
        for (name, text) in entries(part, shown)? {
            written.insert(name, text.into_bytes());
        }
    }
    let key = format!("opb-{channel}.asc");
    let about = About {
        form: "opb channel 1",
        channel,
        generation: record.number,
        date: record.date,
        apt,
        yum: yum_lists,
        key: key.clone(),
    };
    written.insert("channel.json".to_owned(), serde_json::to_vec_pretty(&about).expect("plain fields"));
    written.insert("index.html".to_owned(), page::page(store, laid, shown)?.into_bytes());
    written.insert(key, signer.public_keys_armored()?.into_bytes());
    Ok(written)
}

/// What of these was signed, and the packages that were signed newly.
pub(super) fn signed(written: &BTreeMap<String, Vec<u8>>, packages: &[(String, Digest)]) -> Vec<SignedText> {
    let text_of = |name: &str| {
        let text = name.strip_suffix("InRelease").map(|folder| format!("{folder}Release"));
        let text = text.or_else(|| name.strip_suffix(".gpg").map(str::to_owned));
        text.or_else(|| name.strip_suffix("repomd.xml.asc").map(|folder| format!("{folder}repomd.xml")))
    };
    let texts = written.keys().filter_map(|name| {
        let text = written.get(&text_of(name)?)?;
        Some(SignedText { file: name.clone(), sha256: Sha256::of(text) })
    });
    let lines: String = packages.iter().map(|(path, digest)| format!("{path} {digest}\n")).collect();
    let count = packages.len();
    let of_packages = (count > 0).then(|| SignedText {
        file: format!("{count} package{}", if count == 1 { "" } else { "s" }),
        sha256: Sha256::of(lines.as_bytes()),
    });
    texts.chain(of_packages).collect()
}

/// The files by which people add a part to their package manager, by name.
pub(super) fn entries(part: &Laid, shown: &Shown<'_>) -> Result<Vec<(String, String)>, Failure> {
    let channel = shown.channel;
    match &part.kind {
        Kind::Apt(suites) => {
            let (uri, key) = (shown.root("file:"), keyring::place(channel, shown.naming));
            let mut entries: Vec<(String, String)> = Vec::new();
            let of_one_name = match &part.part.content {
                super::Content::Apt(own) => own.len().max(1),
                super::Content::Yum(_) => 1,
            };
            for group in suites.chunks(of_one_name) {
                let settings: Vec<_> = group.iter().map(|suite| &suite.settings).collect();
                let text = sources_entry(&settings, &uri, &key)?;
                let name = group.first().map(|suite| suite.settings.codename.clone()).unwrap_or_default();
                entries.push((format!("opb-{channel}-{name}.sources"), text));
            }
            Ok(entries)
        }
        Kind::Yum { settings, names, .. } => {
            let root = shown.root("file://");
            let entry = |name: &String| {
                let text = yum::repo_file(settings, name, channel, &root, &format!("{root}/opb-{channel}.asc"))?;
                Ok((format!("opb-{channel}-{name}.repo"), text))
            };
            names.iter().map(entry).collect()
        }
    }
}

/// Digest of what a generation says beside its content: its signed lists but for their date, descriptions, and its address.
pub(super) fn about(parts: &[Laid], naming: &Naming) -> Result<Digest, Failure> {
    let mut text = naming.url.clone().unwrap_or_default();
    for part in parts {
        text.push('\n');
        match &part.kind {
            Kind::Apt(suites) => {
                for Suite { settings, indexes } in suites {
                    text.push_str(&release_text(settings, indexes, 0, None)?);
                }
            }
            Kind::Yum { settings, made, names } => {
                text.push_str(&settings.description);
                for name in names {
                    made.lists(name, 0).into_values().for_each(|list| text.push_str(&list));
                    text.push_str(name);
                }
            }
        }
    }
    Ok(Digest::of(text.as_bytes()))
}
