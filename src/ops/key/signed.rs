//! What a key has signed: a line of JSON for each signature of a text or batch of packages, in a file beside the key.
//!
//! The file is only ever appended to, and a line is durable before anybody can see the signature that it tells of. So a signature
//! that is found somewhere and has no line here was made by somebody else who has the key.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

use cap_std::fs::{OpenOptions, OpenOptionsExt as _};
use nix::fcntl::FlockArg;
use serde::{Deserialize, Serialize};

use super::KeyError;
use super::kept::Keys;
use crate::diag::Failure;
use crate::digest::Sha256;
use crate::name::ChannelName;

/// No line is longer, in bytes: one of a few short fields is far from it.
const MAX_LINE: u64 = 64 << 10;

/// What was signed, when, and by which keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedLine {
    /// When, in seconds since 1970: the time in the signature.
    pub time: u64,
    /// The channel.
    pub channel: ChannelName,
    /// Its generation.
    pub generation: u64,
    /// What, as a path in the generation or a few words, such as `dists/bookworm/InRelease` or `12 packages`.
    pub file: String,
    /// Of the bytes that were signed; of packages, of their names and digests as their caller writes them down.
    pub sha256: Sha256,
    /// Fingerprints of the keys.
    pub keys: Vec<String>,
}

fn file(name: &ChannelName) -> String {
    format!("{name}.signed.jsonl")
}

/// Appends to the list of what the key `name` has signed; all of it is durable once this returns. A line that a crash has torn,
/// whose signature nobody has seen, is taken away first.
///
/// # Errors
/// Where it cannot be written. Nothing that would have been listed may be shown to anybody then.
pub fn log_signed(name: &ChannelName, lines: &[SignedLine]) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    append(&Keys::open_or_create()?, name, &written(lines))
}

fn written(lines: &[SignedLine]) -> String {
    let json = |line| serde_json::to_string(line).expect("plain fields") + "\n";
    lines.iter().map(json).collect()
}

fn append(keys: &Keys, name: &ChannelName, text: &str) -> Result<(), Failure> {
    let _lock = keys.lock(FlockArg::LockExclusive)?;
    let file = file(name);
    let append = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let is_new = !keys.folder.dir().exists(&file);
        let mut opened = keys.folder.dir().open_with(&file, &options)?;
        mend(&mut opened)?;
        opened.write_all(text.as_bytes())?;
        opened.sync_all()?;
        if is_new { keys.folder.sync() } else { Ok(()) }
    };
    append().map_err(|source| KeyError::File { doing: "write", path: keys.path(&file), source }.into())
}

/// Makes the last line a whole one, or takes it away.
fn mend(opened: &mut cap_std::fs::File) -> std::io::Result<()> {
    let length = opened.metadata()?.len();
    let from = length.saturating_sub(MAX_LINE);
    let mut tail = Vec::new();
    opened.seek(SeekFrom::Start(from))?;
    opened.take(MAX_LINE).read_to_end(&mut tail)?;
    if tail.last().is_none_or(|last| *last == b'\n') {
        return Ok(());
    }
    let begin = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if serde_json::from_slice::<SignedLine>(&tail[begin..]).is_ok() {
        return opened.write_all(b"\n");
    }
    opened.set_len(from + begin as u64)
}

/// Hands out what the key `name` has signed, the oldest first. What is no such line is passed over.
///
/// # Errors
/// Where there is no such key and nothing that it has signed, or the list cannot be read; what `show` says.
pub fn log(name: &ChannelName, show: &mut dyn FnMut(&SignedLine) -> std::io::Result<()>) -> Result<(), Failure> {
    let keys = Keys::open_or_create()?;
    let file = file(name);
    let failed = |source| KeyError::File { doing: "read", path: keys.path(&file), source };
    let opened = match keys.folder.dir().open(&file) {
        Ok(opened) => opened,
        // A key that has signed nothing yet is no error, but one that is not there is.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return keys.pair(name).map(|_| ()),
        Err(source) => return Err(failed(source).into()),
    };
    let mut opened = BufReader::new(opened);
    loop {
        let mut line = Vec::new();
        if (&mut opened).take(MAX_LINE).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        if let Ok(line) = serde_json::from_slice(&line) {
            show(&line).map_err(failed)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use cap_std::ambient_authority;

    use super::*;
    use crate::sign::KeyFolder;

    fn line(generation: u64) -> SignedLine {
        SignedLine {
            time: 1_795_957_200,
            channel: ChannelName::new("nightly").expect("a name"),
            generation,
            file: "dists/bookworm/InRelease".to_owned(),
            sha256: Sha256::of(b"text"),
            keys: vec!["ABCD".to_owned(), "EF01".to_owned()],
        }
    }

    #[test]
    fn lines_are_appended_and_a_torn_one_is_mended() {
        let scratch = tempfile::tempdir().expect("temporary folder");
        let path = scratch.path().join("keys");
        let keys = Keys { folder: KeyFolder::open_or_create(&path, ambient_authority()).expect("opens") };
        let name = ChannelName::new("nightly").expect("a name");
        let add = |generation| append(&keys, &name, &written(&[line(generation)])).expect("writes");
        let read = || {
            let text = keys.folder.dir().read_to_string("nightly.signed.jsonl").expect("reads");
            assert!(text.ends_with('\n'), "{text}");
            let lines = text.lines().map(|line| serde_json::from_str::<SignedLine>(line).expect("is a line"));
            lines.map(|line| line.generation).collect::<Vec<_>>()
        };
        add(1);
        let mode = std::fs::metadata(path.join("nightly.signed.jsonl")).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let whole = keys.folder.dir().read_to_string("nightly.signed.jsonl").expect("reads");
        assert_eq!(
            whole,
            "{\"time\":1795957200,\"channel\":\"nightly\",\"generation\":1,\"file\":\"dists/bookworm/InRelease\",\
             \"sha256\":\"982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1\",\
             \"keys\":[\"ABCD\",\"EF01\"]}\n"
        );
        add(2);
        assert_eq!(read(), [1, 2]);
        // Wherever a crash has cut the last of them, it is gone or whole after the next, and the others are as they were.
        for cut in 1..=whole.len() {
            let kept = whole.len() * 2 - cut;
            let torn = [&whole, whole.get(..kept - whole.len()).expect("within")].concat();
            keys.folder.dir().write("nightly.signed.jsonl", torn).expect("writes");
            add(3);
            assert_eq!(read(), if cut == 1 { vec![1, 1, 3] } else { vec![1, 3] }, "{cut}");
        }
    }
}
