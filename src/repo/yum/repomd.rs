//! The texts around the metadata: `repomd.xml`, which lists its files and is signed, and the `.repo` file by which people
//! add the repository to their dnf.

use std::fmt::Write as _;

use super::{Metadata, RepoError};

/// The text of `repomd.xml`. `revision` must grow whenever any file changes; `date`, in seconds since 1970, is given as
/// the time of each file.
pub fn repomd_text(metadata: &Metadata, revision: i64, date: i64) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <repomd xmlns=\"http://linux.duke.edu/metadata/repo\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n",
    );
    // Writing into memory does not fail.
    let _ = writeln!(text, "  <revision>{revision}</revision>");
    for file in &metadata.files {
        let _ = write!(
            text,
            "  <data type=\"{}\">\n    <checksum type=\"sha256\">{}</checksum>\n    \
             <open-checksum type=\"sha256\">{}</open-checksum>\n    <location href=\"{}\"/>\n    \
             <timestamp>{date}</timestamp>\n    <size>{}</size>\n    <open-size>{}</open-size>\n  </data>\n",
            file.kind,
            file.sha256,
            file.open_sha256,
            file.location(),
            file.bytes.len(),
            file.open_size,
        );
    }
    text.push_str("</repomd>\n");
    text
}

/// One entry of a `.repo` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepoEntry<'a> {
    /// What stands in square brackets: a plain name.
    pub id: &'a str,
    /// What it is for people. One line.
    pub name: &'a str,
    /// Where it is; dnf replaces `$basearch` by the machine's arch.
    pub address: &'a str,
    /// Where the public key is.
    pub key: &'a str,
    /// Whether it is used as long as nobody says otherwise.
    pub enabled: bool,
}

/// The text of a `.repo` file (dnf.conf(5), "Repo options") for `/etc/yum.repos.d/`. Packages and metadata must be signed.
///
/// # Errors
/// [`RepoError::Setting`] for a value that does not fit on its line.
pub fn repo_file(entries: &[RepoEntry<'_>]) -> Result<String, RepoError> {
    let mut text = String::new();
    for RepoEntry { id, name, address, key, enabled } in entries {
        let wrong = |setting, value: &str, problem| {
            Err(RepoError::Setting { setting, value: value.escape_debug().to_string(), problem })
        };
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return wrong("description", name, "is not one line of text");
        }
        if !super::super::pool::is_plain(id) {
            return wrong("id", id, "is not a plain name");
        }
        for (setting, value) in [("address", address), ("key's path", key)] {
            if value.is_empty() || value.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
                return wrong(setting, value, "is empty or has white space");
            }
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let enabled = u8::from(*enabled);
        let _ = write!(
            text,
            "[{id}]\nname={name}\nbaseurl={address}\nenabled={enabled}\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey={key}\n"
        );
    }
    Ok(text)
}
