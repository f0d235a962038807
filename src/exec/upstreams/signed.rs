//! Whether somebody signed an archive whose key the recipe names.

use std::io::Read as _;

use base64::Engine as _;

use super::{MAX_SIGNATURE, Stored, UpstreamError, Upstreams, signature_of};
use crate::diag::Failure;
use crate::remote::archive::{Archive, ArchiveKind};
use crate::sign::rpm::{Keyring, RpmSignatureError, verify_digests, verify_package};

/// The most bytes of a file of keys.
const MAX_KEY: u64 = 4 << 20;

/// How many characters a line of armor has.
const LINE: usize = 64;

impl Upstreams<'_> {
    /// The fingerprint of the key that signed an archive; `None` where the recipe asks for none.
    pub(super) fn signed_by(
        &self,
        archive: &Archive,
        (file, signature): (&Stored, Option<&Stored>),
        now: u64,
    ) -> Result<Option<String>, Failure> {
        let what = archive.to_string();
        let wrong = |source| UpstreamError::Signature { what: what.clone(), source };
        if archive.keys.is_empty() {
            if archive.kind == ArchiveKind::Srpm {
                match verify_digests(self.store.open_object(file.object)?) {
                    // Packages of old times have none of their payload.
                    Ok(()) | Err(RpmSignatureError::NoPayloadDigest) => {}
                    Err(source) => return Err(wrong(source).into()),
                }
            }
            return Ok(None);
        }
        let mut keys = Vec::new();
        for path in &archive.keys {
            let failed = |source| UpstreamError::Key { path: path.clone(), source };
            let mut bytes = Vec::new();
            let opened = self.root.open(path).map_err(failed)?;
            opened.take(MAX_KEY).read_to_end(&mut bytes).map_err(failed)?;
            keys.push((path.as_str(), bytes));
        }
        let keyring = Keyring::of(keys.iter().map(|(path, bytes)| (*path, bytes.as_slice())), now).map_err(wrong)?;
        if archive.kind == ArchiveKind::Srpm {
            return Ok(Some(verify_package(&keyring, self.store.open_object(file.object)?).map_err(wrong)?));
        }
        let Some(signature) = signature else { return Err(UpstreamError::Unsigned { what }.into()) };
        let bytes = self.store.read_object(signature.object, MAX_SIGNATURE)?;
        let open = || self.store.open_object(file.object).map_err(std::io::Error::other);
        let signed_by = keyring.verify_file(&open, &bytes);
        let of_signature = |source| UpstreamError::Signature { what: signature_of(archive), source };
        Ok(Some(signed_by.map_err(of_signature)?))
    }
}

/// A signature as source packages have it: a text. One that is a text already stays as it is.
pub fn armored(signature: &[u8]) -> Vec<u8> {
    if signature.first().is_none_or(|byte| byte & 0x80 == 0) {
        return signature.to_vec();
    }
    let text = base64::engine::general_purpose::STANDARD.encode(signature);
    let mut armored = b"-----BEGIN PGP SIGNATURE-----\n\n".to_vec();
    for line in text.as_bytes().chunks(LINE) {
        armored.extend(line);
        armored.push(b'\n');
    }
    armored.extend(b"-----END PGP SIGNATURE-----\n");
    armored
}
