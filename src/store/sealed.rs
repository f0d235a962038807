//! Records that notice when they are damaged: a line of JSON, and a line with the BLAKE3 of the first.
//!
//! Both lines are JSON, so any JSON tool reads such a file. A torn, emptied or altered record decodes to nothing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

#[derive(Serialize, Deserialize)]
struct Seal {
    blake3: Digest,
}

/// The bytes of a record.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = line(value);
    let seal = Seal { blake3: Digest::of(&bytes) };
    bytes.push(b'\n');
    bytes.extend(line(&seal));
    bytes.push(b'\n');
    bytes
}

/// What [`encode`] was given; `None` where the bytes are not exactly what it wrote.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.strip_suffix(b"\n")?;
    let middle = bytes.iter().rposition(|byte| *byte == b'\n')?;
    let seal: Seal = serde_json::from_slice(&bytes[middle + 1..]).ok()?;
    if seal.blake3 != Digest::of(&bytes[..middle]) {
        return None;
    }
    serde_json::from_slice(&bytes[..middle]).ok()
}

fn line<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("records are structs whose map keys are strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let bytes = encode(&vec!["a", "b"]);
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            format!("[\"a\",\"b\"]\n{{\"blake3\":\"{}\"}}\n", Digest::of(br#"["a","b"]"#))
        );
        assert_eq!(decode::<Vec<String>>(&bytes), Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let bytes = encode(&vec!["some", "words"]);
        for end in 0..bytes.len() {
            assert_eq!(decode::<Vec<String>>(&bytes[..end]), None, "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(decode::<Vec<String>>(&flipped), None, "flipped at {at}");
        }
    }
}
