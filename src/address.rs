//! Addresses in archives: checked once, shown without their credentials.
//!
//! An address comes from the host's apt configuration, from `opb.toml` or from a distro's file, never from what a server
//! said. Its [`Display`](std::fmt::Display) and [`Debug`](std::fmt::Debug) forms leave out `user:password@`, so that no
//! message or log can hold it; only [`Address::secret`] tells it, for apt's own ears.

use std::fmt;

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 4_000;

/// Schemes that apt's own methods serve and that need no program of a third party.
const SCHEMES: [&str; 7] = ["http", "https", "file", "copy", "mirror+file", "mirror+http", "mirror+https"];

/// A place that apt can get something from: `scheme:…`, printable ASCII without spaces, one of a few schemes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(String);

/// A text that is no [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `scheme:…`, or one that apt serves only with help, such as `cdrom:` or `ssh:`.
    #[error("`{0}` does not begin with one of {list}", list = SCHEMES.join(", "))]
    Scheme(String),
    /// Spaces, control characters, quotes, or anything but ASCII; no host; an absolute path missing; or overlong.
    #[error("`{0}` is not an address")]
    Shape(String),
}

impl Address {
    /// Checks `text`. Slashes at its end are dropped.
    ///
    /// # Errors
    /// [`AddressError`]; its text holds no credentials.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        let shape = || AddressError::Shape(redact(&text.chars().take(200).collect::<String>()));
        if text.len() > MAX_ADDRESS || !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`\\<>".contains(&byte))
        {
            return Err(shape());
        }
        let (scheme, rest) = text.split_once(':').ok_or_else(shape)?;
        // Schemes are the same in capitals; apt looks for a program of that very name, so only the usual spelling works.
        if !SCHEMES.contains(&scheme) {
            return Err(AddressError::Scheme(redact(text)));
        }
        let has_place = match rest.strip_prefix("//") {
            Some(after) if is_local(scheme) => after.starts_with('/'),
            Some(after) => !host_and_port(after).is_empty(),
            None => is_local(scheme) && rest.starts_with('/'),
        };
        if !has_place || rest.split(['/', '?', '#']).any(|name| name == ".." || name == ".") {
            return Err(shape());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The address of `path` below this one. Bytes of `path` that mean something in an address are escaped.
    pub fn join(&self, path: &str) -> Self {
        let mut text = self.0.clone();
        for byte in std::iter::once(b'/').chain(path.trim_start_matches('/').bytes()) {
            if byte.is_ascii_alphanumeric() || b"/-._~+:=,@".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02x}"));
            }
        }
        Self(text)
    }

    /// The scheme, such as `https` or `mirror+file`.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// Host and port without credentials; for an address of this machine, `this machine`.
    pub fn host(&self) -> &str {
        match self.0.split_once("://") {
            Some((scheme, rest)) if !is_local(scheme) => host_and_port(rest),
            _ => "this machine",
        }
    }

    /// The path on this machine; `None` for what comes over a network. For `mirror+file`, that of the list.
    pub fn local_path(&self) -> Option<&str> {
        let (scheme, rest) = self.0.split_once(':')?;
        is_local(scheme).then(|| rest.strip_prefix("//").unwrap_or(rest))
    }

    /// The whole address with its credentials. Only for the command line of apt: never show or store it.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// `text` with `user:password@` taken out of every address in it.
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '`' | '"')).unwrap_or(after.len());
        // A password may itself hold an `@`: the last one before the path ends it.
        rest = after[..end].rfind('@').map_or(after, |sign| &after[sign + 1..]);
    }
    clean.push_str(rest);
    clean
}

fn is_local(scheme: &str) -> bool {
    matches!(scheme, "file" | "copy" | "mirror+file")
}

fn host_and_port(after_slashes: &str) -> &str {
    let end = after_slashes.find(['/', '?', '#']).unwrap_or(after_slashes.len());
    let place = &after_slashes[..end];
    place.rfind('@').map_or(place, |sign| &place[sign + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_apt_serves_itself() {
        for good in [
            "http://a.example/debian/",
            "https://u:p@a.example:8080/d",
            "file:/srv/debian",
            "file:///srv/debian",
            "copy:/srv",
            "mirror+file:/etc/apt/mirrors/debian.list",
            "mirror+https://a.example/list",
        ] {
            assert!(Address::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-o",
            "--help",
            "http:/a",
            "http://",
            "http:///x",
            "http://u:p@/x",
            "ftp://a/b",
            "ssh://a/b",
            "cdrom:[x]/",
            "ext::sh -c id",
            "file:relative",
            "file://host/share",
            "http://a/ b",
            "http://a/\nb",
            "http://é/",
            "HTTP://a/b",
            "http://a/../b",
            "file:/srv/../etc",
            &format!("http://a/{}", "x".repeat(5000)),
        ] {
            assert!(Address::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn credentials_never_show() {
        let address = Address::new("https://user:se@cret@a.example:81/debian").expect("good");
        assert_eq!(address.to_string(), "https://a.example:81/debian");
        assert_eq!(format!("{address:?}"), "Address(https://a.example:81/debian)");
        assert_eq!(address.host(), "a.example:81");
        assert_eq!(address.secret(), "https://user:se@cret@a.example:81/debian");
        let wrong = Address::new("ftp://user:secret@a.example/x").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "`ftp://a.example/x` does not begin with one of http, https, file, copy, mirror+file, mirror+http, mirror+https"
        );
        assert_eq!(Address::new("http://user:secret@a b/").unwrap_err().to_string(), "`http://a b/` is not an address");
        assert_eq!(redact("get http://u:p@h/x and http://q@h2/y@z"), "get http://h/x and http://h2/y@z");
    }

    #[test]
    fn joined_paths_are_escaped() {
        let base = Address::new("http://a.example/debian//").expect("good");
        assert_eq!(
            base.join("/pool/x/a b+1~2?#%.deb").to_string(),
            "http://a.example/debian/pool/x/a%20b+1~2%3f%23%25.deb"
        );
        assert_eq!(Address::new("file:///srv/d").expect("good").join("x").local_path(), Some("/srv/d/x"));
        assert_eq!(base.local_path(), None);
    }
}
