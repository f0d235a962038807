//! Repositories of version control as recipes name them: where one is, and what of it is followed. `archive`: the same of
//! archives of upstream.
//!
//! Addresses are checked where they are made: no user name but that of `ssh`, no password, nothing that a program could take
//! for an option or for more than one word.

pub mod archive;
mod tags;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use tags::{BEFORE_RELEASE, NoVersion, TagVersions, TagVersionsError};

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 1_000;

/// The longest name of a branch or tag, in bytes.
const MAX_REFERENCE: usize = 200;

/// A version control system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// git(1).
    Git,
    /// Mercurial, hg(1).
    Hg,
}

impl System {
    /// The name of its program, and of the function in recipes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Hg => "hg",
        }
    }

    /// How addresses of its repositories begin.
    pub fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Git => &["https", "http", "ssh", "git", "file"],
            Self::Hg => &["https", "http", "ssh", "file"],
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a recipe takes from a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkout {
    /// Which version control has it.
    pub system: System,
    /// Where it is, as the recipe says it.
    pub url: RemoteUrl,
    /// Which of its commits is meant.
    pub follow: Follow,
    /// Whether the files of its submodules belong to it (git only).
    pub submodules: bool,
    /// The folder of the repository that is the source, a plain relative path; `None`: all of it.
    pub folder: Option<String>,
    /// Which tags say its version; `None` where its packaging does.
    pub versions: Option<TagVersions>,
}

impl Checkout {
    /// The same at the newest tag, where nothing says which commit is meant.
    pub fn at_release(&self) -> Option<Self> {
        let pattern = self.versions.as_ref().map_or("*", TagVersions::pattern);
        (self.follow == Follow::Default).then(|| Self { follow: Follow::Tag(pattern.to_owned()), ..self.clone() })
    }
}

/// Which commit of a repository is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Follow {
    /// The tip of the branch that the repository itself names.
    Default,
    /// The tip of a branch.
    Branch(String),
    /// A tag, or of those that a pattern with `*` means the newest.
    Tag(String),
    /// This one, 40 or 64 hexadecimal digits.
    Commit(String),
}

impl Follow {
    /// The option of recipes that says it, and its value.
    pub fn option(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Default => None,
            Self::Branch(name) => Some(("branch", name)),
            Self::Tag(name) => Some(("tag", name)),
            Self::Commit(id) => Some(("commit", id)),
        }
    }
}

impl fmt::Display for Checkout {
    /// As a recipe calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(\"{}\"", self.system, self.url)?;
        let folder = self.folder.as_deref().map(|folder| ("folder", folder));
        let mut options: Vec<String> =
            self.follow.option().into_iter().map(|(key, value)| format!("{key}: \"{value}\"")).collect();
        if self.submodules {
            options.push("submodules: true".to_owned());
        }
        options.extend(folder.map(|(key, value)| format!("{key}: \"{value}\"")));
        if !options.is_empty() {
            write!(f, ", #{{ {} }}", options.join(", "))?;
        }
        f.write_str(")")?;
        self.versions.as_ref().map_or(Ok(()), |versions| write!(f, ", version: {versions}"))
    }
}

impl Serialize for Checkout {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = to.serialize_struct("Checkout", 6)?;
        fields.serialize_field("scheme", &self.system)?;
        fields.serialize_field("url", &self.url)?;
        match self.follow.option() {
            Some((key, value)) => fields.serialize_field(key, value)?,
            None => fields.skip_field("branch")?,
        }
        fields.serialize_field("submodules", &self.submodules)?;
        fields.serialize_field("folder", &self.folder)?;
        match &self.versions {
            Some(versions) => fields.serialize_field("versions", versions)?,
            None => fields.skip_field("versions")?,
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Checkout {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            scheme: System,
            url: RemoteUrl,
            branch: Option<String>,
            tag: Option<String>,
            commit: Option<String>,
            submodules: bool,
            folder: Option<String>,
            #[serde(default)]
            versions: Option<TagVersions>,
        }
        let Fields { scheme: system, url, branch, tag, commit, submodules, folder, versions } =
            Fields::deserialize(from)?;
        let follow = match (branch, tag, commit) {
            (None, None, None) => Follow::Default,
            (Some(name), None, None) => Follow::Branch(name),
            (None, Some(name), None) => Follow::Tag(name),
            (None, None, Some(id)) => Follow::Commit(id),
            _ => return Err(de::Error::custom("one of `branch`, `tag` and `commit`")),
        };
        Ok(Self { system, url, follow, submodules, folder, versions })
    }
}

/// Where a repository is: a whole address, or a short name below the project's base address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteUrl(String);

/// Why a text is no [`RemoteUrl`]. No text of it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteUrlError {
    /// Spaces, control characters, quotes, `?`, `#`, or anything but ASCII; no host; `..`; or overlong.
    #[error("`{0}` is not an address of a repository")]
    Shape(String),
    /// `git@host:path`.
    #[error("`{0}` is not an address of a repository")]
    Brief(String),
    /// Another scheme.
    #[error("repositories are not reached by `{scheme}://`")]
    Scheme {
        /// Which.
        scheme: String,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// A user name or a password.
    #[error("the address of the repository on `{0}` holds a user name or a password")]
    Credentials(String),
}

impl RemoteUrlError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Shape(_) => {
                "write an address as in `https://example.org/tool.git`, or a short name as in `tool`".to_owned()
            }
            Self::Brief(text) => match text.split_once(':') {
                Some((host, path)) => format!("write it as `ssh://{host}/{}`", path.trim_start_matches('/')),
                None => "write it as `ssh://git@example.org/tool.git`".to_owned(),
            },
            Self::Scheme { known, .. } => {
                let known: Vec<String> = known.iter().map(|scheme| format!("`{scheme}://`")).collect();
                format!("write it with one of {}", known.join(", "))
            }
            Self::Credentials(_) => {
                "leave them out: credential helpers of the version control system know them on each machine".to_owned()
            }
        }
    }
}

impl RemoteUrl {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`RemoteUrlError`] where it is neither an address nor a short name.
    pub fn new(system: System, text: &str) -> Result<Self, RemoteUrlError> {
        let shown = || text.chars().filter(|letter| !letter.is_control()).take(200).collect::<String>();
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'`\\<>?#*{}$;|&()!".contains(&byte);
        let is_plain = text.len() <= MAX_ADDRESS && !text.is_empty() && text.bytes().all(plain);
        let Some((scheme, rest)) = text.split_once("://") else {
            if let Some((host, path)) = text.split_once(':')
                && is_plain
                && !host.contains('/')
            {
                let is_user = |user: &str| !user.is_empty() && !user.starts_with('-');
                let fits = host.split('@').all(is_user) && !path.contains(['@', ':']);
                return Err(if fits {
                    RemoteUrlError::Brief(shown())
                } else {
                    RemoteUrlError::Shape("…".to_owned())
                });
            }
            let good = is_plain && text.split('/').all(is_name) && text.len() <= MAX_REFERENCE;
            // What is before an `@` may be a secret.
            let shown = if text.contains('@') { "…".to_owned() } else { shown() };
            return if good { Ok(Self(text.to_owned())) } else { Err(RemoteUrlError::Shape(shown)) };
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if user.is_some_and(|user| scheme != "ssh" || !is_name(user)) {
            return Err(RemoteUrlError::Credentials(host.chars().filter(char::is_ascii_graphic).take(100).collect()));
        }
        // From here on nothing secret is left that could be shown.
        if !system.schemes().contains(&scheme) {
            let scheme = scheme.chars().filter(|letter| !letter.is_control()).take(40).collect();
            return Err(RemoteUrlError::Scheme { scheme, known: system.schemes() });
        }
        let host_is_good = match scheme {
            "file" => host.is_empty(),
            _ => host.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'['),
        };
        let path_is_good = !path.is_empty() && path.trim_end_matches('/').split('/').all(is_part);
        if is_plain && host_is_good && path_is_good {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(RemoteUrlError::Shape(shown()))
        }
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scheme; `None` of a short name.
    pub fn scheme(&self) -> Option<&str> {
        self.0.split_once("://").map(|(scheme, _)| scheme)
    }

    /// The address that `relative` means in a repository that is here: one that begins with `./` or `../`, as those of
    /// submodules may, or a whole one. A repository of a network never leads to one of this machine.
    ///
    /// # Errors
    /// [`RemoteUrlError`] where it is none.
    pub fn of_submodule(&self, relative: &str) -> Result<Self, RemoteUrlError> {
        let shape = || RemoteUrlError::Shape(relative.chars().filter(|c| !c.is_control()).take(200).collect());
        let url = if relative.starts_with("./") || relative.starts_with("../") {
            let (scheme, rest) = self.0.split_once("://").ok_or_else(shape)?;
            let (host, path) = rest.split_once('/').ok_or_else(shape)?;
            let mut names: Vec<&str> = path.split('/').collect();
            for name in relative.trim_end_matches('/').split('/') {
                match name {
                    "." => {}
                    ".." => drop(names.pop().ok_or_else(shape)?),
                    name => names.push(name),
                }
            }
            Self::new(System::Git, &format!("{scheme}://{host}/{}", names.join("/")))?
        } else {
            Self::new(System::Git, relative)?
        };
        match url.scheme() {
            None => Err(shape()),
            Some("file") if self.scheme() != Some("file") => Err(shape()),
            Some(_) => Ok(url),
        }
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RemoteUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RemoteUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        // All that holds for hg holds for git.
        Self::new(System::Git, &text).map_err(de::Error::custom)
    }
}

/// A name in a short address, and a user's: no option, no place above.
fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte))
}

/// A part of an address's path.
fn is_part(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".." && !part.starts_with('-')
}

/// Whether a text may name a branch or a tag: git-check-ref-format(1), and nothing that a program takes for an option.
pub fn is_reference(name: &str) -> bool {
    let plain = |letter: char| !letter.is_control() && !letter.is_whitespace() && !"~^:?[\\*\"'`".contains(letter);
    !name.is_empty()
        && name.len() <= MAX_REFERENCE
        && name.chars().all(plain)
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.ends_with(".lock")
        && !["..", "//", "@{", "/."].iter().any(|part| name.contains(part))
        && name != "@"
}

/// The same of a pattern of tags, where `*` stands for any characters.
pub fn is_tag_pattern(pattern: &str) -> bool {
    pattern == "*" || is_reference(&pattern.replace('*', "x"))
}

/// Whether a text is the whole id of a commit.
pub fn is_commit(id: &str) -> bool {
    [40, 64].contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether `pattern` means the tag `name`.
pub fn matches_tag(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
