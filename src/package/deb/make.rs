//! Writes a small `.deb` (deb(5)): of files that this program makes itself, such as a keyring.
//!
//! The same content gives the same bytes. Knows nothing of what is in it.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

/// A file of a package that is written, mode 0644, owned by root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Where it is installed, without the first `/`: plain parts.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The package with this control file (one paragraph, with its last newline). `time` is that of all its files, in seconds since
/// 1970.
///
/// # Errors
/// What tar or gzip says: paths that are too long, no memory.
pub fn make(control: &str, files: &[NewFile], time: u64) -> io::Result<Vec<u8>> {
    let data: Vec<(&str, &[u8])> = files.iter().map(|file| (file.path.as_str(), file.bytes.as_slice())).collect();
    let mut archive = ar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", packed(&[("control", control.as_bytes())], time)?),
        ("data.tar.gz", packed(&data, time)?),
    ] {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mtime(time);
        header.set_mode(0o100_644);
        archive.append(&header, bytes.as_slice())?;
    }
    archive.into_inner()
}

/// A compressed tar archive of these files, with the folders above them.
fn packed(files: &[(&str, &[u8])], time: u64) -> io::Result<Vec<u8>> {
    let gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut tar = tar::Builder::new(gz);
    let mut folders = BTreeSet::from([String::new()]);
    for (path, _) in files {
        folders.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
    }
    for folder in folders {
        let name = if folder.is_empty() { "./".to_owned() } else { format!("./{folder}/") };
        let mut header = header(tar::EntryType::Directory, 0o755, 0, time);
        tar.append_data(&mut header, name, io::empty())?;
    }
    for (path, bytes) in files {
        let mut header = header(tar::EntryType::Regular, 0o644, bytes.len() as u64, time);
        tar.append_data(&mut header, format!("./{path}"), *bytes)?;
    }
    let mut gz = tar.into_inner()?;
    gz.flush()?;
    gz.finish()
}

fn header(kind: tar::EntryType, mode: u32, size: u64, time: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    // Both are shown by `dpkg-deb -c`; neither can fail, being short.
    let _ = header.set_username("root").and_then(|()| header.set_groupname("root"));
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::deb;

    #[test]
    fn what_is_written_is_read_back() {
        let control = "Package: opb-nightly-keyring\nVersion: 1\nArchitecture: all\nMaintainer: opb <opb@localhost>\nDescription: key\n";
        let files = [
            NewFile { path: "usr/share/keyrings/opb-nightly.asc".to_owned(), bytes: b"key".to_vec() },
            NewFile { path: "usr/share/doc/opb-nightly-keyring/copyright".to_owned(), bytes: b"none".to_vec() },
        ];
        let made = make(control, &files, 1_795_860_000).expect("writes");
        assert_eq!(made, make(control, &files, 1_795_860_000).expect("writes"), "the same bytes");
        let read = deb::read(made.as_slice()).expect("is a package");
        assert_eq!(read.control().trim_end(), control.trim_end());
        let Ok(listed) = std::process::Command::new("dpkg-deb").arg("--version").output() else {
            eprintln!("skipped: dpkg-deb is not installed");
            return;
        };
        assert!(listed.status.success());
        let file = tempfile::NamedTempFile::new().expect("made");
        std::fs::write(file.path(), &made).expect("written");
        let run = |args: &[&str]| {
            let output = std::process::Command::new("dpkg-deb").args(args).arg(file.path()).output().expect("runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text")
        };
        let listed: Vec<String> = run(&["-c"])
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                format!("{} {} {}", words[0], words[1], words[words.len() - 1])
            })
            .collect();
        insta::assert_snapshot!(listed.join("\n"), @r"
        drwxr-xr-x root/root ./
        drwxr-xr-x root/root usr/
        drwxr-xr-x root/root usr/share/
        drwxr-xr-x root/root usr/share/doc/
        drwxr-xr-x root/root usr/share/doc/opb-nightly-keyring/
        drwxr-xr-x root/root usr/share/keyrings/
        -rw-r--r-- root/root usr/share/keyrings/opb-nightly.asc
        -rw-r--r-- root/root usr/share/doc/opb-nightly-keyring/copyright
        ");
        assert_eq!(run(&["-f"]), control);
    }
}
