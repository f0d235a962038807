//! Samples for the tests of this module.

use super::signature::CacheKey;
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint, Outputs};
use crate::name::{ChannelName, OutputName};
use crate::store::Realisation;

/// A key of that name, always the same.
pub fn key(name: &str) -> CacheKey {
    use base64::Engine as _;
    let seed = base64::engine::general_purpose::STANDARD.encode(Digest::of(name.as_bytes()).as_bytes());
    let name = ChannelName::new(name).expect("a name");
    CacheKey::parse(name, format!("opb cache key 1\n{seed}").as_bytes()).expect("a key")
}

/// A realisation that differs in every field from that of another name (of another length of `text`).
pub fn realisation(text: &str) -> Realisation {
    let digest = |what: &str| Digest::of(format!("{what} {text}").as_bytes());
    let number = text.bytes().map(u32::from).sum::<u32>();
    Realisation {
        key: ActionKey(digest("key")),
        node: format!("build:{text}@debian-12/all"),
        fingerprint: Some(Fingerprint(digest("fingerprint"))),
        number: Some(number),
        outputs: Outputs::from([(OutputName::new("packages").expect("a name"), digest("packages"))]),
        derivation: format!("derivation of {text}\n"),
        log: Some(digest("log")),
        started: i64::from(number),
        milliseconds: u64::from(number),
        cpu_milliseconds: u64::from(number) + 1,
        peak_memory: u64::from(number) + 2,
        disk: u64::from(number) + 3,
        backend: format!("backend {text}"),
        host: format!("host-{text}"),
        kept: Some(ActionKey(digest("kept"))),
    }
}
