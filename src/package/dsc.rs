//! `.dsc` files: what a source package consists of, as dsc(5) defines it, plain or clear-signed.
//!
//! Signatures are not looked at: a `.dsc` is believed because its digest is pinned. Text outside the signed part is
//! refused, so that nobody takes it for signed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use miette::Diagnostic;

use super::control::{self, ControlError, Paragraph};
use super::version::{Version, VersionError};
use crate::diag::{Cause, Caused};
use crate::digest::Sha256;
use crate::name::{NameError, PackageName};

/// The most files that a source package may have.
pub const MAX_FILES: usize = 1_000;

/// What a `.dsc` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsc {
    /// The source package.
    pub source: PackageName,
    /// Its version.
    pub version: Version,
    /// Such as `3.0 (quilt)`.
    pub format: String,
    /// Its files by name, the `.dsc` itself not among them.
    pub files: BTreeMap<String, SourceFile>,
}

/// A file of a source package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFile {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Sha256,
}

/// Why a text is no `.dsc`, or a list of files is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[diagnostic(help("fetch it again; if its digest is as pinned, the source package itself is bad"))]
pub enum DscError {
    /// Not one control paragraph.
    #[error("cannot read a .dsc file")]
    #[diagnostic(code(opb::package::dsc::control))]
    Control(#[from] ControlError),
    /// The signature's frame is not whole, or something stands outside it.
    #[error("cannot read a .dsc file: {0}")]
    #[diagnostic(code(opb::package::dsc::signed))]
    Signed(&'static str),
    /// The source package's name.
    #[error("cannot read a .dsc file")]
    #[diagnostic(code(opb::package::dsc::name))]
    Name(#[from] NameError),
    /// The version.
    #[error("cannot read a .dsc file")]
    #[diagnostic(code(opb::package::dsc::version))]
    Version(#[from] VersionError),
    /// A line that is not `digest size name`.
    #[error("cannot read the files of a source package: `{0}` is not a SHA-256, a size and a plain file name")]
    #[diagnostic(code(opb::package::dsc::file))]
    File(String),
    /// A file listed twice.
    #[error("cannot read the files of a source package: `{0}` is listed twice")]
    #[diagnostic(code(opb::package::dsc::twice))]
    Twice(String),
    /// More than [`MAX_FILES`].
    #[error("cannot read the files of a source package: there are more than {MAX_FILES}")]
    #[diagnostic(code(opb::package::dsc::many))]
    Many,
}

impl Caused for DscError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Reads a `.dsc`.
///
/// # Errors
/// [`DscError`] where the text is none, or names files outside its own folder.
pub fn read(text: &str) -> Result<Dsc, DscError> {
    let signed = signed_part(text)?;
    let paragraph = control::paragraph(&signed)?;
    Ok(Dsc {
        source: PackageName::new(paragraph.required("Source")?)?,
        version: Version::new(paragraph.required("Version")?)?,
        format: paragraph.get("Format").unwrap_or("1.0").to_owned(),
        files: files_of(&paragraph)?,
    })
}

/// The files that `Checksums-Sha256` of `paragraph` lists, by name.
pub(super) fn files_of(paragraph: &Paragraph<'_>) -> Result<BTreeMap<String, SourceFile>, DscError> {
    let mut files = BTreeMap::new();
    for line in paragraph.required("Checksums-Sha256")?.lines().filter(|line| !line.trim().is_empty()) {
        let wrong = || DscError::File(line.trim().chars().take(200).collect());
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [digest, size, name] = words[..] else { return Err(wrong()) };
        let sha256 = digest.parse().map_err(|_| wrong())?;
        let size = Some(size).filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()));
        let size = size.and_then(|size| size.parse().ok()).ok_or_else(wrong)?;
        if !is_plain_file_name(name) {
            return Err(wrong());
        }
        if files.len() >= MAX_FILES {
            return Err(DscError::Many);
        }
        if files.insert(name.to_owned(), SourceFile { size, sha256 }).is_some() {
            return Err(DscError::Twice(name.to_owned()));
        }
    }
    Ok(files)
}

/// Whether `name` can be nothing but a file in one folder: no `/`, not hidden, no option.
fn is_plain_file_name(name: &str) -> bool {
    name.len() <= 255
        && !name.starts_with(['.', '-'])
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'~' | b':' | b'%'))
}

/// The text inside a clear signature's frame (RFC 9580, section 7), or the whole text where there is none.
/// The paragraph of a .dsc without its signature.
///
/// # Errors
/// [`DscError`] where the frame of a signature is not whole, or something stands outside it.
pub fn signed_part(text: &str) -> Result<Cow<'_, str>, DscError> {
    const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
    const END: &str = "-----END PGP SIGNATURE-----";
    if !text.lines().any(|line| line.starts_with("-----")) {
        return Ok(Cow::Borrowed(text));
    }
    let mut lines = text.lines().map(str::trim_ascii_end).skip_while(|line| line.is_empty());
    if lines.next() != Some(BEGIN) {
        return Err(DscError::Signed("something stands before its signed part"));
    }
    // Headers such as `Hash: SHA256`, up to an empty line.
    if !lines.by_ref().any(str::is_empty) {
        return Err(DscError::Signed("its signed part is missing"));
    }
    let mut signed = String::with_capacity(text.len());
    let mut closed = false;
    for line in lines.by_ref() {
        closed = line == SIGNATURE;
        if closed {
            break;
        }
        let line = line.strip_prefix("- ").unwrap_or(line);
        signed.push_str(line);
        signed.push('\n');
    }
    if !closed || !lines.by_ref().any(|line| line == END) {
        return Err(DscError::Signed("its signature does not end"));
    }
    if lines.any(|line| !line.is_empty()) {
        return Err(DscError::Signed("something stands after its signature"));
    }
    Ok(Cow::Owned(signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> String {
        let digest = Sha256::of(b"");
        format!(
            "Format: 3.0 (quilt)\nSource: libmd\nVersion: 1.0.4-2\nChecksums-Sha256:\n {digest} 12 libmd_1.0.4.orig.tar.xz\n {digest} 3 libmd_1.0.4-2.debian.tar.xz\n"
        )
    }

    fn signed() -> String {
        format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n",
            plain()
        )
    }

    #[test]
    fn plain_and_signed_say_the_same() {
        let dsc = read(&plain()).expect("good");
        assert_eq!(
            (dsc.source.as_str(), dsc.version.as_str(), dsc.format.as_str()),
            ("libmd", "1.0.4-2", "3.0 (quilt)")
        );
        assert_eq!(dsc.files["libmd_1.0.4.orig.tar.xz"], SourceFile { size: 12, sha256: Sha256::of(b"") });
        assert_eq!(dsc.files.len(), 2);
        assert_eq!(read(&signed()).expect("good"), dsc);
    }

    #[test]
    fn nothing_stands_outside_the_signature() {
        let error = |text: String| read(&text).expect_err("bad").to_string();
        assert_eq!(
            error(format!("Source: x\n\n{}", signed())),
            "cannot read a .dsc file: something stands before its signed part"
        );
        assert_eq!(
            error(format!("{}Source: x\n", signed())),
            "cannot read a .dsc file: something stands after its signature"
        );
        assert_eq!(
            error(signed().replace("-----END PGP SIGNATURE-----", "")),
            "cannot read a .dsc file: its signature does not end"
        );
        assert_eq!(
            error("-----BEGIN PGP SIGNED MESSAGE-----\nx".to_owned()),
            "cannot read a .dsc file: its signed part is missing"
        );
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for bad in ["../x", "a/b", "..", "-x", "a\\b"] {
            let error = read(&plain().replace("libmd_1.0.4.orig.tar.xz", bad)).expect_err(bad).to_string();
            assert!(error.starts_with("cannot read the files of a source package: `e3b0"), "{error}");
            assert!(error.ends_with("is not a SHA-256, a size and a plain file name"), "{error}");
        }
        let twice = plain().replace("libmd_1.0.4.orig.tar.xz", "libmd_1.0.4-2.debian.tar.xz");
        assert_eq!(
            read(&twice).expect_err("twice").to_string(),
            "cannot read the files of a source package: `libmd_1.0.4-2.debian.tar.xz` is listed twice"
        );
        assert!(read(&plain().replace(" 12 ", " 99999999999999999999999 ")).is_err());
        assert!(read(&plain().replace(" 12 ", " +12 ")).is_err());
    }

    #[test]
    fn more_errors() {
        assert!(matches!(read(&plain().replace("1.0.4-2\n", "1_0\n")), Err(DscError::Version(_))));
        assert!(matches!(read(&plain().replace("Source: libmd", "Source: ../x")), Err(DscError::Name(_))));
        assert!(matches!(read("Source: x\nVersion: 1\n"), Err(DscError::Control(_))));
        let many: String = (0..=MAX_FILES).map(|n| format!(" {} 1 f{n}\n", Sha256::of(b""))).collect();
        let text = format!("Source: x\nVersion: 1\nChecksums-Sha256:\n{many}");
        assert_eq!(
            read(&text).expect_err("many").to_string(),
            "cannot read the files of a source package: there are more than 1000"
        );
    }
}
