//! Pins of archives of upstream and of source RPMs: a row of `opb.lock` for each.

use std::collections::{BTreeMap, BTreeSet};

use super::PinnedFile;
use crate::digest::Digest;
use crate::remote::archive::Packing;

/// What an archive is pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivePin {
    /// The file itself.
    pub file: PinnedFile,
    /// How it is packed.
    pub packing: Packing,
    /// The file with its signature, where it has one beside it.
    pub signature: Option<PinnedFile>,
    /// The fingerprint of the key that signed it; `None` where nothing was asked for.
    pub signed_by: Option<String>,
    /// Digest of the tree that it was unpacked to.
    pub tree: Digest,
    /// Digest of the tree that holds the file itself, and its signature.
    pub upstream: Digest,
    /// What evaluation must know of it: texts of its packaging by path, less what evaluation does not look at.
    pub texts: BTreeMap<String, String>,
    /// Paths that were looked for besides the usual ones, and where there is nothing.
    pub without: BTreeSet<String>,
}

/// How pins are written: rows, sorted.
pub(super) mod rows {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::super::each_once;
    use super::ArchivePin;
    use crate::digest::{Digest, Sha256};
    use crate::lock::PinnedFile;
    use crate::path::TreePath;
    use crate::remote::archive::{Archive, ArchiveKind, ArchiveRow, ArchiveUrl, Packing};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        #[serde(skip_serializing_if = "Option::is_none")]
        archive: Option<ArchiveUrl>,
        #[serde(skip_serializing_if = "Option::is_none")]
        srpm: Option<ArchiveUrl>,
        #[serde(skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strip: Option<String>,
        packing: Packing,
        size: u64,
        sha256: Sha256,
        /// Whether the recipe says the digest.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        expected: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature_size: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature_sha256: Option<Sha256>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signed_by: Option<String>,
        tree: Digest,
        upstream: Digest,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        without: BTreeSet<String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        texts: BTreeMap<String, String>,
    }

    pub fn serialize<S: Serializer>(pins: &BTreeMap<Archive, ArchivePin>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(pins.iter().map(|(archive, pin)| row(archive, pin)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Archive, ArchivePin>, D::Error> {
        each_once(Vec::<Row>::deserialize(from)?.into_iter().map(read)).map_err(de::Error::custom)
    }

    fn row(archive: &Archive, pin: &ArchivePin) -> Row {
        let ArchiveRow { scheme, url, signature, keys, folder, strip, .. } = ArchiveRow::of(archive, None);
        let of = |kind| (scheme == kind).then(|| url.clone());
        Row {
            archive: of(ArchiveKind::Archive),
            srpm: of(ArchiveKind::Srpm),
            folder,
            strip,
            packing: pin.packing,
            size: pin.file.size,
            sha256: pin.file.sha256,
            expected: archive.sha256.is_some(),
            signature,
            signature_size: pin.signature.as_ref().map(|file| file.size),
            signature_sha256: pin.signature.as_ref().map(|file| file.sha256),
            keys,
            signed_by: pin.signed_by.clone(),
            tree: pin.tree,
            upstream: pin.upstream,
            without: pin.without.clone(),
            texts: pin.texts.clone(),
        }
    }

    fn read(row: Row) -> Result<(Archive, ArchivePin), String> {
        let (scheme, url) = match (row.archive, row.srpm) {
            (Some(url), None) => (ArchiveKind::Archive, url),
            (None, Some(url)) => (ArchiveKind::Srpm, url),
            _ => return Err("an archive is one of `archive` and `srpm`".to_owned()),
        };
        let place = |text: &String| text.parse::<TreePath>().is_err();
        let strip = row.strip.iter().filter(|strip| !strip.is_empty());
        let mut paths = row.folder.iter().chain(strip).chain(&row.keys).chain(row.texts.keys()).chain(&row.without);
        if let Some(wrong) = paths.find(|text| place(text)) {
            return Err(format!("`{}` is not a plain relative path", wrong.escape_debug()));
        }
        let signature = match (row.signature_size, row.signature_sha256) {
            (Some(size), Some(sha256)) => Some(PinnedFile { size, sha256 }),
            (None, None) => None,
            _ => return Err("`signature_size` and `signature_sha256` belong together".to_owned()),
        };
        let is_fingerprint = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(wrong) = row.signed_by.iter().find(|text| !is_fingerprint(text)) {
            return Err(format!("`{}` is not the fingerprint of a key", wrong.escape_debug()));
        }
        let expected = row.expected.then(|| row.sha256.to_string());
        let (folder, strip, keys) = (row.folder, row.strip, row.keys);
        let named = ArchiveRow { scheme, url, sha256: None, signature: row.signature, keys, folder, strip };
        let pin = ArchivePin {
            file: PinnedFile { size: row.size, sha256: row.sha256 },
            packing: row.packing,
            signature,
            signed_by: row.signed_by,
            tree: row.tree,
            upstream: row.upstream,
            texts: row.texts,
            without: row.without,
        };
        Ok((named.archive(expected)?, pin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::lock::Lock;
    use crate::remote::archive::{Archive, ArchiveKind, ArchiveUrl, SignaturePlace};

    fn lock() -> Lock {
        let url = ArchiveUrl::new("https://example.org/tool-1.0.tar.xz").expect("an address");
        let mut archive = Archive::new(ArchiveKind::Archive, url);
        archive.sha256 = Some(Sha256::of(b"archive").to_string());
        archive.signature = Some(SignaturePlace::Beside);
        archive.keys = vec!["recipes/tool/tool.asc".to_owned()];
        let pin = ArchivePin {
            file: PinnedFile { size: 7, sha256: Sha256::of(b"archive") },
            packing: Packing::TarXz,
            signature: Some(PinnedFile { size: 9, sha256: Sha256::of(b"signature") }),
            signed_by: Some("0123456789ABCDEF0123456789ABCDEF01234567".to_owned()),
            tree: Digest::of(b"tree"),
            upstream: Digest::of(b"upstream"),
            texts: BTreeMap::from([("debian/control".to_owned(), "Source: tool\n".to_owned())]),
            without: BTreeSet::from(["rpm/tool.spec".to_owned()]),
        };
        Lock { archive: BTreeMap::from([(archive, pin)]), ..Lock::default() }
    }

    #[test]
    fn a_pin_is_written_to_be_read() {
        let text = toml::to_string(&lock()).expect("plain");
        insta::assert_snapshot!(text, @r#"
        version = 1

        [distro]

        [dsc]

        [[archive]]
        archive = "https://example.org/tool-1.0.tar.xz"
        packing = "tar.xz"
        size = 7
        sha256 = "0eb3e36bfb24dcd9bb1d1bece1531216b59539a8fde17ee80224af0653c92aa3"
        expected = true
        signature = "true"
        signature_size = 9
        signature_sha256 = "1a2fc26dc7ea5a2a4748b7cb2b1ef193d96ab2c99f93092f69e63075b28d1278"
        keys = ["recipes/tool/tool.asc"]
        signed_by = "0123456789ABCDEF0123456789ABCDEF01234567"
        tree = "6baa6c9f461fe834a9da0ebb62e0f6fb8c11988a58cbc51b8da8040aea19bc3a"
        upstream = "f6d81a0d883bdb6b3f8496806f8952367136ac45c578ef571b9f41fccd30cc1f"
        without = ["rpm/tool.spec"]

        [archive.texts]
        "debian/control" = """
        Source: tool
        """
        "#);
        assert_eq!(toml::from_str::<Lock>(&text).expect("the same"), lock());
    }

    #[test]
    fn a_lock_over_another_has_the_pins_that_differ() {
        let (base, mut now) = (lock(), lock());
        assert_eq!(now.beyond(&base).archive, BTreeMap::new());
        now.archive.values_mut().next().expect("one").file.size = 8;
        let own = now.beyond(&base);
        assert_eq!(own.archive, now.archive);
        assert_eq!(base.clone().with(own), now);
        assert_eq!(base.clone().taking_archives(&now, &base.archive.keys().cloned().collect()), now);
        assert_eq!(base.clone().taking_archives(&now, &BTreeSet::new()), base);
        assert_eq!(base.taking(&now, |_| false), now, "they are of no distro");
    }

    #[test]
    fn pins_that_cannot_be_are_refused() {
        let text = toml::to_string(&lock()).expect("plain");
        let told = |from: &str, to: &str| {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            toml::from_str::<Lock>(&changed).expect_err("wrong").message().to_owned()
        };
        assert!(told("archive = ", "tarball = ").starts_with("unknown field `tarball`"));
        assert_eq!(told("https://", "ftp://"), "files are not reached by `ftp://`");
        assert_eq!(
            told("https://example.org", "https://u:geheim@example.org"),
            "the address of the file on `example.org` holds a user name or a password"
        );
        assert_eq!(told("signature_size = 9\n", ""), "`signature_size` and `signature_sha256` belong together");
        assert_eq!(told("\"0123456789ABCDEF", "\"--"), "`--0123456789ABCDEF01234567` is not the fingerprint of a key");
        assert_eq!(told("recipes/tool/tool.asc", "../tool.asc"), "`../tool.asc` is not a plain relative path");
        let twice = format!("{text}{}", &text[text.find("[[").expect("a row")..]);
        let told = toml::from_str::<Lock>(&twice).expect_err("twice").message().to_owned();
        assert!(told.ends_with("is pinned twice"), "{told}");
    }
}
