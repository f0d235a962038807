//! Pins of sources in repositories of version control: a row of `opb.lock` for each.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a source in a repository is pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutPin {
    /// The commit's id, in hexadecimal.
    pub commit: String,
    /// The branch or tag that it was found at, such as `refs/tags/v1.2`; `None` where a recipe names the commit.
    pub found: Option<String>,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// The newest tag that it has come from; `None` where there is none.
    pub nearest: Option<NearestTag>,
    /// What its version is made of; `None` where its recipe does not take that from tags.
    pub release: Option<ReleasePin>,
    /// Digest of the source's tree.
    pub tree: Digest,
    /// What evaluation must know of it: texts of its packaging by path, less what evaluation does not look at.
    pub texts: BTreeMap<String, String>,
    /// Paths that were looked for besides the usual ones, and where there is nothing.
    pub without: BTreeSet<String>,
}

/// The newest tag that a commit has come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearestTag {
    /// Its name.
    pub name: String,
    /// How many commits there are since.
    pub distance: u64,
}

/// What the version of a commit is made of that comes from tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasePin {
    /// The tag with the newest version among those that it has come from; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// How many commits there are since, or in all.
    pub distance: u64,
    /// What the newest commits since the last release say that they do, the newest first: plain lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// How many more of them there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde calls")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How pins are written: rows, sorted.
pub(super) mod rows {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::super::each_once;
    use super::{CheckoutPin, NearestTag, ReleasePin};
    use crate::digest::Digest;
    use crate::path::TreePath;
    use crate::remote::{Checkout, Follow, RemoteUrl, System, TagVersions, is_commit, is_reference, is_tag_pattern};

    /// The most bytes of what a commit says that it does, as far as a pin may have it.
    const MAX_CHANGE: usize = 2_000;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        #[serde(skip_serializing_if = "Option::is_none")]
        git: Option<RemoteUrl>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hg: Option<RemoteUrl>,
        #[serde(skip_serializing_if = "Option::is_none")]
        follows: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        submodules: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        versions: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        found: Option<String>,
        commit: String,
        time: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        distance: Option<u64>,
        tree: Digest,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        without: BTreeSet<String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        replace: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        release: Option<ReleasePin>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        texts: BTreeMap<String, String>,
    }

    pub fn serialize<S: Serializer>(pins: &BTreeMap<Checkout, CheckoutPin>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(pins.iter().map(|(checkout, pin)| row(checkout, pin)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Checkout, CheckoutPin>, D::Error> {
        each_once(Vec::<Row>::deserialize(from)?.into_iter().map(read)).map_err(de::Error::custom)
    }

    fn row(checkout: &Checkout, pin: &CheckoutPin) -> Row {
        let url = |system| (checkout.system == system).then(|| checkout.url.clone());
        Row {
            git: url(System::Git),
            hg: url(System::Hg),
            follows: match &checkout.follow {
                // It stands in the row anyway.
                Follow::Commit(_) => Some("commit".to_owned()),
                follow => follow.option().map(|(what, name)| format!("{what} {name}")),
            },
            submodules: checkout.submodules,
            folder: checkout.folder.clone(),
            versions: checkout.versions.as_ref().map(|versions| versions.pattern().to_owned()),
            found: pin.found.clone(),
            commit: pin.commit.clone(),
            time: jiff::Timestamp::from_second(pin.time).unwrap_or_default().to_string(),
            tag: pin.nearest.as_ref().map(|tag| tag.name.clone()),
            distance: pin.nearest.as_ref().map(|tag| tag.distance),
            tree: pin.tree,
            without: pin.without.clone(),
            replace: checkout.versions.as_ref().map_or_else(BTreeMap::new, |versions| versions.replace().clone()),
            release: pin.release.clone(),
            texts: pin.texts.clone(),
        }
    }

    fn read(row: Row) -> Result<(Checkout, CheckoutPin), String> {
        let (system, url) = match (row.git, row.hg) {
            (Some(url), None) => (System::Git, url),
            (None, Some(url)) => (System::Hg, url),
            _ => return Err("a checkout is one of `git` and `hg`".to_owned()),
        };
        let commit = row.commit;
        if !is_commit(&commit) {
            return Err(format!("`{}` is not the id of a commit", commit.escape_debug()));
        }
        let follow = match row.follows.as_deref().map(|text| text.split_once(' ').unwrap_or((text, ""))) {
            None => Follow::Default,
            Some(("commit", "")) => Follow::Commit(commit.clone()),
            Some(("branch", name)) if is_reference(name) => Follow::Branch(name.to_owned()),
            Some(("tag", name)) if is_tag_pattern(name) => Follow::Tag(name.to_owned()),
            Some((what, _)) => return Err(format!("`{}` is nothing that a pin follows", what.escape_debug())),
        };
        let place = |text: &String| text.parse::<TreePath>().is_err();
        if let Some(wrong) = row.folder.iter().chain(row.texts.keys()).chain(&row.without).find(|text| place(text)) {
            return Err(format!("`{}` is not a plain relative path", wrong.escape_debug()));
        }
        let is_full = |name: &String| name.starts_with("refs/") && is_reference(name);
        if let Some(wrong) = row.found.iter().find(|name| system == System::Git && !is_full(name)) {
            return Err(format!("`{}` is not the name of a branch or tag", wrong.escape_debug()));
        }
        let time: jiff::Timestamp =
            row.time.parse().map_err(|_| format!("`{}` is not a time", row.time.escape_debug()))?;
        let nearest = match (row.tag, row.distance) {
            (Some(name), Some(distance)) if is_reference(&name) => Some(NearestTag { name, distance }),
            (None, None) => None,
            _ => return Err("`tag` and `distance` belong together".to_owned()),
        };
        let versions = row.versions.map(|pattern| TagVersions::new(&pattern, row.replace)).transpose();
        let versions = versions.map_err(|error| error.to_string())?;
        check_release(versions.as_ref(), row.release.as_ref())?;
        let checkout = Checkout { system, url, follow, submodules: row.submodules, folder: row.folder, versions };
        let (found, tree, texts, without, release) = (row.found, row.tree, row.texts, row.without, row.release);
        Ok((checkout, CheckoutPin { commit, found, time: time.as_second(), nearest, release, tree, texts, without }))
    }

    /// Whether `release` is what `versions` asks for.
    fn check_release(versions: Option<&TagVersions>, release: Option<&ReleasePin>) -> Result<(), String> {
        let (versions, release) = match (versions, release) {
            (None, None) => return Ok(()),
            (Some(versions), Some(release)) => (versions, release),
            _ => return Err("`versions` and `release` belong together".to_owned()),
        };
        if let Some(tag) = &release.tag {
            versions.version(tag).map_err(|error| error.to_string())?;
        }
        let is_line = |text: &&String| text.len() > MAX_CHANGE || text.chars().any(crate::diag::is_harmful);
        match release.changes.iter().find(is_line) {
            Some(_) => Err("one of the `changes` is no plain line".to_owned()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Lock;
    use crate::remote::{Checkout, Follow, RemoteUrl, System, TagVersions};

    fn lock() -> Lock {
        let checkout = Checkout {
            system: System::Git,
            url: RemoteUrl::new(System::Git, "https://example.org/tool.git").expect("an address"),
            follow: Follow::Tag("v1.*".to_owned()),
            submodules: false,
            folder: None,
            versions: None,
        };
        let pin = CheckoutPin {
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            found: Some("refs/tags/v1.2".to_owned()),
            time: 1_795_255_200,
            nearest: Some(NearestTag { name: "v1.2".to_owned(), distance: 0 }),
            release: None,
            tree: Digest::of(b"tree"),
            texts: BTreeMap::from([("debian/control".to_owned(), "Source: tool\n\nPackage: tool\n".to_owned())]),
            without: BTreeSet::from(["other/control".to_owned()]),
        };
        Lock { checkout: BTreeMap::from([(checkout, pin)]), ..Lock::default() }
    }

    #[test]
    fn a_pin_is_written_to_be_read() {
        let text = toml::to_string(&lock()).expect("plain");
        insta::assert_snapshot!(text, @r#"
        version = 1

        [distro]

        [dsc]

        [[checkout]]
        git = "https://example.org/tool.git"
        follows = "tag v1.*"
        found = "refs/tags/v1.2"
        commit = "0123456789abcdef0123456789abcdef01234567"
        time = "2026-11-21T10:00:00Z"
        tag = "v1.2"
        distance = 0
        tree = "6baa6c9f461fe834a9da0ebb62e0f6fb8c11988a58cbc51b8da8040aea19bc3a"
        without = ["other/control"]

        [checkout.texts]
        "debian/control" = """
        Source: tool

        Package: tool
        """
        "#);
        assert_eq!(toml::from_str::<Lock>(&text).expect("the same"), lock());
    }

    #[test]
    fn a_pin_holds_what_a_version_is_made_of() {
        let mut lock = lock();
        let (mut checkout, mut pin) = lock.checkout.pop_first().expect("one");
        let replace = BTreeMap::from([("_".to_owned(), ".".to_owned())]);
        checkout.versions = Some(TagVersions::new("v*", replace).expect("a rule"));
        pin.release = Some(ReleasePin {
            tag: Some("v1_1".to_owned()),
            distance: 7,
            changes: vec!["Mend \"it\" (Closes: #12)".to_owned(), "x".to_owned()],
            more: 5,
        });
        (pin.texts, pin.without) = (BTreeMap::new(), BTreeSet::new());
        lock.checkout.insert(checkout, pin);
        let text = toml::to_string(&lock).expect("plain");
        insta::assert_snapshot!(&text[text.find("found").expect("there")..], @r#"
        found = "refs/tags/v1.2"
        commit = "0123456789abcdef0123456789abcdef01234567"
        time = "2026-11-21T10:00:00Z"
        tag = "v1.2"
        distance = 0
        tree = "6baa6c9f461fe834a9da0ebb62e0f6fb8c11988a58cbc51b8da8040aea19bc3a"

        [checkout.replace]
        _ = "."

        [checkout.release]
        tag = "v1_1"
        distance = 7
        changes = ['Mend "it" (Closes: #12)', "x"]
        more = 5
        "#);
        assert!(text.contains("\nversions = \"v*\"\n"), "{text}");
        assert_eq!(toml::from_str::<Lock>(&text).expect("the same"), lock);
        let told = |from: &str, to: &str| {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            toml::from_str::<Lock>(&changed).expect_err("wrong").message().to_owned()
        };
        assert_eq!(told("versions = \"v*\"\n", ""), "`versions` and `release` belong together");
        assert_eq!(told("versions = \"v*\"", "versions = \"v\""), "`v` is not a pattern of tags with one `*`");
        let rule = "a version has letters, digits and `.`, `+`, `~` only";
        assert_eq!(told("v1_1", "v1/1"), format!("the tag `v1/1` says no version: {rule}"));
        assert_eq!(told("\"x\"", "\"x\\n -- A\""), "one of the `changes` is no plain line");
    }

    #[test]
    fn a_lock_over_another_has_the_pins_that_differ() {
        let (base, mut now) = (lock(), lock());
        assert_eq!(now.beyond(&base).checkout, BTreeMap::new());
        let mut all = now.checkout.values_mut();
        all.next().expect("one").commit = "f".repeat(40);
        let own = now.beyond(&base);
        assert_eq!(own.checkout, now.checkout);
        assert_eq!(base.clone().with(own), now);
        let which = base.checkout.keys().cloned().collect();
        assert_eq!(base.clone().taking_checkouts(&now, &which), now);
        assert_eq!(base.clone().taking_checkouts(&now, &BTreeSet::new()), base);
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
        assert_eq!(
            told("commit = \"0123", "commit = \"--0123"),
            "`--0123456789abcdef0123456789abcdef01234567` is not the id of a commit"
        );
        assert_eq!(told("tag v1.*", "tag -x"), "`tag` is nothing that a pin follows");
        assert!(told("git = ", "fossil = ").starts_with("unknown field `fossil`"));
        assert_eq!(
            told("https://example.org", "https://u:p@example.org"),
            "the address of the repository on `example.org` holds a user name or a password"
        );
        assert_eq!(told("refs/tags/v1.2", "--upload-pack=x"), "`--upload-pack=x` is not the name of a branch or tag");
        assert_eq!(told("2026-11-21", "2026-99-21"), "`2026-99-21T10:00:00Z` is not a time");
        assert_eq!(told("distance = 0\n", ""), "`tag` and `distance` belong together");
        assert_eq!(told("other/control", "../control"), "`../control` is not a plain relative path");
        let twice = format!("{text}{}", &text[text.find("[[").expect("a row")..]);
        let told = toml::from_str::<Lock>(&twice).expect_err("twice").message().to_owned();
        assert_eq!(told, "`git(\"https://example.org/tool.git\", #{ tag: \"v1.*\" })` is pinned twice");
    }
}
