//! Why a file could not be got: the errors of downloads, and how apt's words are read as one of them.

use crate::address::Address;
use crate::diag::{Cause, Caused};
use crate::digest::Sha256;
use crate::path::HostPath;

/// Why a file could not be got. No text of it holds credentials.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum FetchError {
    /// The archive dropped it: pins rot.
    #[error("the mirror no longer has `{address}`")]
    #[diagnostic(
        code(opb::fetch::gone),
        help(
            "run `opb update --dry-run` to see what moving the pin would rebuild, then `opb update`; or try again later, if the mirror is being updated"
        )
    )]
    Gone {
        /// The file.
        address: Address,
    },
    /// The server answered, but not with the file.
    #[error("the server refused `{address}`: {detail}")]
    #[diagnostic(
        code(opb::fetch::refused),
        help("check apt's credentials and proxy for this server, or use another mirror")
    )]
    Refused {
        /// The file.
        address: Address,
        /// Status and text.
        detail: String,
    },
    /// No answer, or one that broke off.
    #[error("cannot reach `{host}`: {detail}")]
    #[diagnostic(
        code(opb::fetch::unreachable),
        help("check the network and apt's proxy setting; with `--offline` only what the store already has is used")
    )]
    Unreachable {
        /// Host and port.
        host: String,
        /// What apt says.
        detail: String,
    },
    /// Other bytes than those that were promised.
    #[error("`{address}` has other content than promised: expected {expected}, got {got}")]
    #[diagnostic(
        code(opb::fetch::mismatch),
        help(
            "try again later, if the mirror is being updated; otherwise use another mirror: this one, or a proxy before it, changes files"
        )
    )]
    Mismatch {
        /// The file.
        address: Address,
        /// Size or digest.
        expected: String,
        /// Likewise.
        got: String,
    },
    /// More bytes than it may have.
    #[error("`{address}` has more than {limit} bytes")]
    #[diagnostic(
        code(opb::fetch::too_large),
        help(
            "look at what is at that address: it is no such file, or grew since its size was noted, as `opb update` would see"
        )
    )]
    TooLarge {
        /// The file.
        address: Address,
        /// So many, in bytes: its stated size, or the most of any such file.
        limit: u64,
    },
    /// apt's helper is missing or does not start.
    #[error("cannot run `{helper}`, which downloads files")]
    #[diagnostic(code(opb::fetch::no_helper), help("install apt"))]
    NoHelper {
        /// Where it should be.
        helper: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The network is to be left alone.
    #[error("`{address}` is not on this machine, and the network is switched off")]
    #[diagnostic(code(opb::fetch::offline), help("run it without `--offline`"))]
    Offline {
        /// What was wanted.
        address: Address,
    },
    /// Somebody asked to stop.
    #[error("the download was stopped")]
    #[diagnostic(code(opb::fetch::stopped), help("run the same command again: it goes on from here"))]
    Cancelled,
    /// The disk.
    #[error("cannot write what was downloaded to `{path}`")]
    #[diagnostic(code(opb::fetch::file), help("check the folder's permissions and the free space of its disk"))]
    File {
        /// File or folder.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The disk, as apt says it.
    #[error("cannot write `{path}`: {detail}")]
    #[diagnostic(code(opb::fetch::write), help("check the folder's permissions and the free space of its disk"))]
    Write {
        /// The file.
        path: HostPath,
        /// What apt says.
        detail: String,
    },
    /// A name that is no plain name, or there twice, or a file without a place.
    #[error("cannot download to `{name}`: {why}")]
    #[diagnostic(code(opb::fetch::name), help("report this: the name comes from a verified index and should be plain"))]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// apt failed in a way that this program does not know.
    #[error("apt could not get `{address}`: {detail}")]
    #[diagnostic(code(opb::fetch::apt), help("try the same with apt itself, for instance `apt-get update`"))]
    Apt {
        /// The file.
        address: Address,
        /// What apt says.
        detail: String,
    },
}

impl FetchError {
    /// The host that did not answer, or that cannot just now, as it says itself: the same may work in a moment. `None` of all
    /// else: what is not there, is refused or is not what was promised, stays so.
    pub fn away(&self) -> Option<&str> {
        match self {
            Self::Unreachable { host, .. } => Some(host),
            Self::Refused { address, detail } => {
                let status = detail.split(' ').next().and_then(|word| word.parse::<u16>().ok());
                matches!(status, Some(408 | 425 | 429 | 500..=599)).then(|| address.host())
            }
            _ => None,
        }
    }

    /// Whether a full disk is behind it.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::File { source, .. } => matches!(source.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)),
            Self::Write { detail, .. } => ["No space left", "Disk quota"].iter().any(|text| detail.contains(text)),
            _ => false,
        }
    }
}

impl Caused for FetchError {
    fn fault(&self) -> Cause {
        match self {
            Self::Name { .. } => Cause::Bug,
            _ => Cause::Environment,
        }
    }
}

/// Whether apt itself found other bytes than those that were promised.
pub(super) fn is_mismatch(reason: &str) -> bool {
    reason.starts_with("Hash Sum mismatch") || reason.starts_with("File has unexpected size")
}

/// What apt's `reason` means for `address`. The texts are those of apt's methods in the locale C.
pub(super) fn failure_of(address: Address, target: &HostPath, sha256: Option<Sha256>, reason: &str) -> FetchError {
    let status = reason.split_whitespace().next().filter(|word| word.len() == 3).and_then(|word| word.parse().ok());
    let detail = shown(reason);
    match status {
        Some(404 | 410) => return FetchError::Gone { address },
        Some(400..=599_u16) => return FetchError::Refused { address, detail },
        _ => {}
    }
    let has = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
    if is_mismatch(reason) {
        let expected = sha256.map_or_else(|| "another size".to_owned(), |sha256| format!("SHA-256 {sha256}"));
        let received = reason.split_once("received file").and_then(|(_, rest)| rest.split_once("SHA256:"));
        let got = received
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .map_or_else(|| "other bytes".to_owned(), |digest| format!("SHA-256 {digest}"));
        FetchError::Mismatch { address, expected, got }
    } else if address.local_path().is_some() && has(&["No such file", "File not found"]) {
        FetchError::Gone { address }
    } else if has(&["No space left", "Could not open file", "Error writing to file", "Disk quota"]) {
        FetchError::Write { path: target.clone(), detail }
    } else if has(&["Redirection", "ertificate"]) {
        FetchError::Refused { address, detail }
    } else if has(&[
        "Could not resolve",
        "Temporary failure",
        "Something wicked",
        "ould not connect",
        "nable to connect",
        "Cannot initiate the connection",
        "Connection failed",
        "Connection timed out",
        "onnection closed",
        "Error reading from server",
        "Remote end closed",
        "Data socket",
        "imeout",
        "timed out",
        "TLS",
        "Bad header",
        "bad header",
        "SOCKS",
        "roxy",
    ]) {
        FetchError::Unreachable { host: address.host().to_owned(), detail }
    } else {
        FetchError::Apt { address, detail }
    }
}

/// The first line of a message, without the runs of spaces that apt writes.
pub(super) fn shown(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reason becomes: the text that people see.
    fn read(address: &str, reason: &str) -> String {
        let address = Address::new(address).expect("good");
        failure_of(address, &HostPath::new("/t/a"), None, reason).to_string()
    }

    #[test]
    fn reasons_of_apts_methods() {
        let check = |reason: &str, wanted: &str| assert_eq!(read("https://u:p@h.example/a", reason), wanted);
        check("404  Not Found [IP: 10.0.0.1 443]", "the mirror no longer has `https://h.example/a`");
        check("410  Gone", "the mirror no longer has `https://h.example/a`");
        check(
            "407  Proxy Authentication Required",
            "the server refused `https://h.example/a`: 407 Proxy Authentication Required",
        );
        check("Could not resolve 'h.example'", "cannot reach `h.example`: Could not resolve 'h.example'");
        check(
            "Temporary failure resolving 'h.example'",
            "cannot reach `h.example`: Temporary failure resolving 'h.example'",
        );
        check(
            "Certificate verification failed: The certificate is NOT trusted.\nmore",
            "the server refused `https://h.example/a`: Certificate verification failed: The certificate is NOT trusted.",
        );
        check(
            "Error writing to file - write (28: No space left on device)",
            "cannot write `/t/a`: Error writing to file - write (28: No space left on device)",
        );
        check(
            "Could not open file /t/a - open (13: Permission denied)",
            "cannot write `/t/a`: Could not open file /t/a - open (13: Permission denied)",
        );
        check(
            "File has unexpected size (5 != 7). Mirror sync in progress?",
            "`https://h.example/a` has other content than promised: expected another size, got other bytes",
        );
        check("", "apt could not get `https://h.example/a`: no message");
        check("Something new", "apt could not get `https://h.example/a`: Something new");
        let gone = read("file:/srv/a", "Failed to stat - stat (2: No such file or directory)");
        assert_eq!(gone, "the mirror no longer has `file:/srv/a`");
    }

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let of = |reason: &str| {
            let address = Address::new("https://h.example/a").expect("good");
            failure_of(address, &HostPath::new("/t/a"), None, reason)
        };
        for reason in [
            "Could not resolve 'h.example'",
            "Could not connect to h.example:443 (10.0.0.1). - connect (111: Connection refused)",
            "Connection timed out",
            "Error reading from server - read (104: Connection reset by peer)",
            "503  Service Unavailable [IP: 10.0.0.1 443]",
            "429  Too Many Requests",
        ] {
            assert_eq!(of(reason).away(), Some("h.example"), "{reason}");
        }
        for reason in [
            "404  Not Found",
            "403  Forbidden",
            "407  Proxy Authentication Required",
            "Hash Sum mismatch",
            "File has unexpected size (5 != 7). Mirror sync in progress?",
            "Certificate verification failed: The certificate is NOT trusted.",
            "Error writing to file - write (28: No space left on device)",
            "Something new",
        ] {
            assert_eq!(of(reason).away(), None, "{reason}");
        }
        let file =
            |error| FetchError::File { path: HostPath::new("/t"), source: std::io::Error::from_raw_os_error(error) };
        assert!(of("Error writing to file - write (28: No space left on device)").is_no_space());
        assert!(file(libc::ENOSPC).is_no_space() && file(libc::EDQUOT).is_no_space());
        assert!(!file(libc::EACCES).is_no_space() && !of("404  Not Found").is_no_space());
    }

    #[test]
    fn only_our_own_names_are_our_own_fault() {
        assert_eq!(FetchError::Cancelled.fault(), Cause::Environment);
        assert_eq!(FetchError::Name { name: String::new(), why: "" }.fault(), Cause::Bug);
    }
}
