//! A glance at a key file: whether any part of the key could end soon, without checking a signature or reading a secret number.
//!
//! To read an RSA key and check what it says of itself takes longer than a build that has nothing to do. So whoever asks each time
//! looks here first: at the lengths of packets, at when keys were made, and at how long their signatures let them last (RFC 4880,
//! sections 4.2 and 5.2.3). What is said here is never too hopeful: where it is no, no valid signature says otherwise.

use std::io::Read as _;

use zeroize::Zeroizing;

use super::MAX_KEY_FILE;

const SIGNATURE: u8 = 2;

/// Secret and public keys and subkeys.
const KEYS: [u8; 4] = [5, 6, 7, 14];

/// The subpacket that says for how long a key lasts.
const KEY_EXPIRATION: u8 = 9;

/// Whether a part of the key in a file may end at `time` or before, in seconds since 1970. `true` means: look closer.
pub fn may_end_by(file: &[u8], time: u64) -> bool {
    if file.first().is_some_and(|first| first & 0x80 != 0) {
        return packets_end_by(file, time).unwrap_or(true);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(file.len()));
    let read = pgp::armor::Dearmor::new(file).take(MAX_KEY_FILE).read_to_end(&mut bytes);
    read.is_err() || packets_end_by(&bytes, time).unwrap_or(true)
}

/// `None` for what is not understood.
fn packets_end_by(mut rest: &[u8], time: u64) -> Option<bool> {
    let mut made = None;
    while !rest.is_empty() {
        let (tag, body, after) = packet(rest)?;
        rest = after;
        if KEYS.contains(&tag) {
            made = Some(u64::from(number(body.get(1..5)?)?));
        } else if tag == SIGNATURE && body.first() == Some(&4) {
            let length = usize::from(u16::from_be_bytes(body.get(4..6)?.try_into().ok()?));
            if lasts(body.get(6..6 + length)?)?.is_some_and(|lasts| made.is_none_or(|made| made + lasts <= time)) {
                return Some(true);
            }
        } else if tag == SIGNATURE && body.first() != Some(&3) {
            // Version 3 says nothing of the kind; of a later one nothing is known.
            return None;
        }
    }
    // No key at all is nothing to be hopeful about.
    made.map(|_| false)
}

/// Tag and body of the first packet, and what follows.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let (tag, length, rest) = if first & 0x40 != 0 {
        let (length, rest) = length(rest)?;
        (first & 0x3f, length, rest)
    } else {
        let octets = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return None,
        };
        let (length, rest) = rest.split_at_checked(octets)?;
        (first >> 2 & 0xf, number(length)?, rest)
    };
    let (body, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((tag, body, after))
}

/// A length of packets of the new form and of subpackets, and what follows. A length in parts is not understood.
fn length(bytes: &[u8]) -> Option<(u32, &[u8])> {
    match bytes {
        [first @ 0..192, rest @ ..] => Some((u32::from(*first), rest)),
        [first @ 192..224, second, rest @ ..] => {
            Some((((u32::from(*first) - 192) << 8) + u32::from(*second) + 192, rest))
        }
        [255, rest @ ..] => {
            let (length, rest) = rest.split_at_checked(4)?;
            Some((number(length)?, rest))
        }
        _ => None,
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// For how many seconds a signature's subpackets let a key last, the shortest of them; `Some(None)`: for ever.
fn lasts(mut rest: &[u8]) -> Option<Option<u64>> {
    let mut shortest: Option<u64> = None;
    while !rest.is_empty() {
        let (length, after) = length(rest)?;
        let (subpacket, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        let (kind, value) = subpacket.split_first()?;
        if kind & 0x7f == KEY_EXPIRATION {
            let seconds = u64::from(number(value)?);
            if seconds > 0 {
                shortest = Some(shortest.map_or(seconds, |shortest| shortest.min(seconds)));
            }
        }
    }
    Some(shortest)
}
