//! The values of the user's `config.toml`: what holds for all of a user's projects. All of it is optional.
//!
//! ```toml
//! [[cache]]
//! url = "https://cache.example.org/opb"   # or the path of a folder
//! name = "office"                         # default: the host, or the folder's name
//! token = "office.token"                  # a file beside this one, of mode 0600, where the server wants to know who asks
//! authorities = "office-ca.pem"           # certificates, beside this one, of whoever vouches for the server; default: the host's
//!
//! [[trust]]
//! key = "office:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="   # whose results count; `opb cache trust` adds one
//! ```

use serde::Deserialize;

use crate::diag::{Cause, Caused};
use crate::path::HostPath;

/// What `config.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserSettings {
    /// The user's own caches, in the order in which they are asked.
    pub cache: Vec<UserCache>,
    /// The keys whose results count.
    pub trust: Vec<Trusted>,
}

/// A cache of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserCache {
    /// `https://…`, `http://…`, or the path of a folder.
    pub url: String,
    /// What to call it; `None`: after its address.
    #[serde(default)]
    pub name: Option<String>,
    /// The file with its token, beside `config.toml` unless absolute; `None`: it wants none.
    #[serde(default)]
    pub token: Option<String>,
    /// Whether the token is sent to an `http://` address too, where others can read it on its way.
    #[serde(default)]
    pub plain_http: bool,
    /// The file with the certificates that vouch for the server, beside `config.toml` unless absolute; `None`: those that
    /// the host trusts.
    #[serde(default)]
    pub authorities: Option<String>,
}

/// A key whose results count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trusted {
    /// `NAME:BASE64`.
    pub key: String,
}

/// A `config.toml` that cannot be understood.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot read `{path}`: {message}")]
#[diagnostic(code(opb::settings::user), help("correct that place; the manual lists what `config.toml` may say"))]
pub struct UserSettingsError {
    /// The file.
    pub path: HostPath,
    /// What is wrong.
    pub message: String,
}

impl Caused for UserSettingsError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl UserSettings {
    /// Reads the text of the file at `path`, which is only for messages.
    ///
    /// # Errors
    /// [`UserSettingsError`].
    pub fn parse(text: &str, path: &HostPath) -> Result<Self, UserSettingsError> {
        toml::from_str(text)
            .map_err(|error| UserSettingsError { path: path.clone(), message: error.to_string().trim_end().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says() {
        let parse = |text: &str| UserSettings::parse(text, &HostPath::new("/config.toml"));
        assert_eq!(parse("").expect("fine"), UserSettings::default());
        let text = "[[cache]]\nurl = \"/srv/c\"\n[[trust]]\nkey = \"a:b\"\n";
        let settings = parse(text).expect("fine");
        let url = "/srv/c".to_owned();
        let cache = UserCache { url, name: None, token: None, plain_http: false, authorities: None };
        assert_eq!(settings.cache, [cache]);
        assert_eq!(settings.trust, [Trusted { key: "a:b".to_owned() }]);
        let error = parse("[[cache]]\nurl = \"/srv/c\"\nkey = 1\n").expect_err("wrong").to_string();
        assert!(error.contains("cannot read `/config.toml`") && error.contains("unknown field `key`"), "{error}");
    }
}
