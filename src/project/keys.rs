//! Files of public keys that distributions of `.rpm` packages sign with.

use std::io::Read as _;
use std::path::PathBuf;

use super::{Project, now};
use crate::diag::{Cause, Caused, Failure};
use crate::distro::{Distro, Expired, Rpm};
use crate::sign::rpm::Keyring;

/// No file of keys is longer, in bytes.
const MAX_KEYS: u64 = 4 << 20;

/// Why a distro's keys cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KeyFileError {
    /// A file that is nowhere.
    #[error("the key file `{file}` of {distro} is not on this machine")]
    #[diagnostic(
        code(opb::project::key_file),
        help(
            "put it into `distros/keyrings/`, from the distribution's own pages or its release package; it is looked for in {folders} too"
        )
    )]
    Missing {
        /// The distro.
        distro: String,
        /// The file.
        file: String,
        /// Where it was looked for.
        folders: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the key file `{}`", path.display())]
    #[diagnostic(code(opb::project::key_file_read), help("look at its mode and at its length"))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Caused for KeyFileError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

impl Project {
    /// The public keys of a distro of `.rpm` packages: those of the project, else those of this machine.
    ///
    /// Where the distro's file accepts metadata of keys whose time is over, what counts is whether they were good at the
    /// release's end.
    ///
    /// # Errors
    /// Where a file that the distro names is not there, or holds no key.
    pub fn rpm_keys(&self, distro: &Distro, rpm: &Rpm) -> Result<Keyring, Failure> {
        let folders = [
            self.path.join("distros/keyrings").as_path().to_owned(),
            PathBuf::from("/etc/pki/rpm-gpg"),
            PathBuf::from("/usr/share/distribution-gpg-keys").join(&distro.vendor),
        ];
        let mut files = Vec::new();
        for file in &rpm.keys {
            let found = folders.iter().map(|folder| folder.join(file)).find(|path| path.is_file());
            let missing = || KeyFileError::Missing {
                distro: distro.name.to_string(),
                file: file.clone(),
                folders: folders[1..].iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", "),
            };
            let path = found.ok_or_else(missing)?;
            let mut bytes = Vec::new();
            let opened = std::fs::File::open(&path).and_then(|opened| opened.take(MAX_KEYS).read_to_end(&mut bytes));
            opened.map_err(|source| KeyFileError::Unreadable { path, source })?;
            files.push((file.as_str(), bytes));
        }
        let named = files.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
        Ok(Keyring::of(named, when(distro, rpm))?)
    }
}

/// The time at which keys must be good, in seconds since 1970.
fn when(distro: &Distro, rpm: &Rpm) -> u64 {
    let end = || {
        let day = distro.lifecycle.end.parse::<jiff::civil::Date>().ok()?;
        let last = day.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(last.timestamp().as_second())
    };
    let now = now();
    let accepted = Some(()).filter(|()| rpm.expired_metadata == Expired::Accept).and_then(|()| end());
    u64::try_from(accepted.map_or(now, |end| end.min(now))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distro::tests::rpm_distro;

    #[test]
    fn keys_of_a_release_that_nobody_renews_must_have_been_good_at_its_end() {
        let at = |end: &str, stance| {
            let mut distro = rpm_distro("el-8", "almalinux", "8");
            end.clone_into(&mut distro.lifecycle.end);
            let rpm = Rpm { expired_metadata: stance, ..distro.rpm().expect("of the family").clone() };
            when(&distro, &rpm)
        };
        let today = u64::try_from(now()).expect("after 1970");
        // The last second of 2019.
        assert_eq!(at("2019-12-31", Expired::Accept), 1_577_836_799);
        assert!(at("2019-12-31", Expired::Refuse) >= today);
        assert!(at("2999-12-31", Expired::Accept) < today + 3_600, "never later than today");
    }
}
