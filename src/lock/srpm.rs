//! Pins of distros' own source RPMs.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::digest::{Digest, Sha256};
use crate::path::TreePath;

/// What the source RPM of a distro is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SrpmPin {
    /// The source repository whose index names it, by the distribution's own id.
    pub repository: String,
    /// Its place below that, such as `Packages/h/hello-2.12-1.fc44.src.rpm`.
    #[serde(deserialize_with = "place")]
    pub path: String,
    /// Epoch, version and release, such as `1:2.12-1.fc44`.
    pub version: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256,
    /// The fingerprint of the key that signed it.
    pub signed_by: String,
    /// Digest of the tree that it holds.
    pub tree: Digest,
    /// What evaluation must know of it: its specs, by path.
    pub texts: BTreeMap<String, String>,
}

/// A plain relative path.
fn place<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    match text.parse::<TreePath>() {
        Ok(_) => Ok(text),
        Err(_) => Err(de::Error::custom(format!("`{}` is not a plain relative path", text.escape_debug()))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lock::{DistroPin, Lock};
    use crate::name::{DistroName, PackageName};

    fn lock(version: &str) -> Lock {
        let (distro, name): (DistroName, PackageName) = (named("mini-1"), named("hello"));
        let pin = SrpmPin {
            repository: "base-source".to_owned(),
            path: format!("h/hello-{version}.src.rpm"),
            version: version.to_owned(),
            size: 7,
            sha256: Sha256::of(version.as_bytes()),
            signed_by: "0123456789ABCDEF0123456789ABCDEF01234567".to_owned(),
            tree: Digest::of(version.as_bytes()),
            texts: BTreeMap::from([("hello.spec".to_owned(), "Name: hello\n".to_owned())]),
        };
        let pins = BTreeMap::from([(distro.clone(), BTreeMap::from([(name, pin)]))]);
        Lock { distro: [(distro, DistroPin::default())].into(), srpm: pins, ..Lock::default() }
    }

    fn named<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("a name")
    }

    #[test]
    fn a_pin_is_written_to_be_read() {
        let text = toml::to_string(&lock("1.0-1")).expect("plain");
        let digests = [Sha256::of(b"1.0-1").to_string(), Digest::of(b"1.0-1").to_string()];
        let shown = text.replace(&digests[0], "SHA256").replace(&digests[1], "TREE");
        insta::assert_snapshot!(shown, @r#"
        version = 1

        [distro.mini-1]

        [dsc]

        [srpm.mini-1.hello]
        repository = "base-source"
        path = "h/hello-1.0-1.src.rpm"
        version = "1.0-1"
        size = 7
        sha256 = "SHA256"
        signed_by = "0123456789ABCDEF0123456789ABCDEF01234567"
        tree = "TREE"

        [srpm.mini-1.hello.texts]
        "hello.spec" = """
        Name: hello
        """
        "#);
        assert_eq!(toml::from_str::<Lock>(&text).expect("the same"), lock("1.0-1"));
        let leads_out = text.replace("h/hello", "../hello");
        let told = toml::from_str::<Lock>(&leads_out).expect_err("leads out").message().to_owned();
        assert_eq!(told, "`../hello-1.0-1.src.rpm` is not a plain relative path");
    }

    #[test]
    fn pins_are_taken_over_and_told_apart_by_distro_and_name() {
        let (old, new) = (lock("1.0-1"), lock("1.0-2"));
        assert_eq!(new.beyond(&new).srpm, BTreeMap::new());
        assert_eq!(new.beyond(&old).srpm, new.srpm);
        assert_eq!(old.clone().with(new.beyond(&old)), new);
        assert_eq!(old.clone().taking(&new, |distro| distro.as_str() == "mini-1"), new);
        assert_eq!(old.clone().taking(&new, |_| false), old);
        let names = |name: &str| BTreeSet::from([named::<PackageName>(name)]);
        assert_eq!(old.clone().taking_sources(&new, &names("hello")), new);
        assert_eq!(old.clone().taking_sources(&new, &names("other")), old);
        assert_eq!(Lock::default().taking_sources(&new, &names("hello")), Lock::default());
    }
}
