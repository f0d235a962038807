//! RSA signatures by key files through ring, three times as fast as rPGP's own: packages come by the thousand.
//!
//! rPGP says what is signed and writes the signature down; the bytes are the same as those that it makes itself, since nothing in
//! such a signature is random. A key that ring does not take (of more than 4096 bits, say) is left to rPGP.

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureConfig};
use pgp::ser::Serialize as _;
use pgp::types::{Mpi, PublicParams, SignatureBytes};
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512};
use sha2::digest::{Digest as _, DynDigest};

/// An RSA key as ring has it.
pub(super) struct Rsa(KeyPair);

impl Rsa {
    /// `None` where ring does not take the key.
    pub(super) fn of(secret: &pgp::crypto::rsa::SecretKey, public: &PublicParams) -> Option<Self> {
        let PublicParams::RSA(public) = public else { return None };
        let mut numbers = Vec::new();
        public.to_writer(&mut numbers).ok()?;
        let (n, rest) = number(&numbers)?;
        let (e, _) = number(rest)?;
        // OpenPGP has the smaller prime first and its inverse modulo the larger one; ring wants the larger one first.
        let (d, q, p, inverse) = secret.to_bytes();
        let (dp, dq) = (remainder(&d, &less_one(&p)), remainder(&d, &less_one(&q)));
        let public_key = PublicKeyComponents { n, e };
        let components = KeyPairComponents {
            public_key,
            d: &d[..],
            p: &p[..],
            q: &q[..],
            dP: &dp[..],
            dQ: &dq[..],
            qInv: &inverse[..],
        };
        KeyPair::from_components(&components).ok().map(Self)
    }

    /// The signature over `data` that `config` means; `None` where ring fails, or for a hash that is not ours.
    pub(super) fn sign(&self, config: SignatureConfig, data: &[u8]) -> Option<Signature> {
        let mut recorded: Box<dyn DynDigest + Send> = Box::new(Recorded(Vec::new()));
        let length = config.hash_signature_data(&mut recorded).ok()?;
        let mut signed = data.to_vec();
        signed.extend_from_slice(&recorded.finalize());
        signed.extend(config.trailer(length).ok()?);
        let (padding, digest) = match config.hash_alg {
            HashAlgorithm::Sha256 => (&RSA_PKCS1_SHA256, sha2::Sha256::digest(&signed).to_vec()),
            HashAlgorithm::Sha512 => (&RSA_PKCS1_SHA512, sha2::Sha512::digest(&signed).to_vec()),
            _ => return None,
        };
        let mut made = vec![0; self.0.public().modulus_len()];
        self.0.sign(padding, &ring::rand::SystemRandom::new(), &signed, &mut made).ok()?;
        let bytes = SignatureBytes::Mpis(vec![Mpi::from_slice(&made)]);
        Signature::from_config(config, [digest[0], digest[1]], bytes).ok()
    }
}

/// A hash that keeps what it is given.
#[derive(Clone)]
struct Recorded(Vec<u8>);

impl DynDigest for Recorded {
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    fn finalize_into(self, _: &mut [u8]) -> Result<(), sha2::digest::InvalidBufferSize> {
        Err(sha2::digest::InvalidBufferSize)
    }

    fn finalize_into_reset(&mut self, _: &mut [u8]) -> Result<(), sha2::digest::InvalidBufferSize> {
        Err(sha2::digest::InvalidBufferSize)
    }

    fn finalize(self: Box<Self>) -> Box<[u8]> {
        self.0.into_boxed_slice()
    }

    fn finalize_reset(&mut self) -> Box<[u8]> {
        std::mem::take(&mut self.0).into_boxed_slice()
    }

    fn reset(&mut self) {
        self.0.clear();
    }

    fn output_size(&self) -> usize {
        self.0.len()
    }

    fn box_clone(&self) -> Box<dyn DynDigest> {
        Box::new(self.clone())
    }
}

/// The number at the front of `bytes`, with its length in bits before it (RFC 4880, section 3.2), and what follows.
fn number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))
}

/// An odd number, less one.
fn less_one(odd: &[u8]) -> Vec<u8> {
    let mut less = odd.to_vec();
    if let Some(last) = less.last_mut() {
        *last &= !1;
    }
    less
}

/// `number` modulo `modulus`, both with the most significant byte first, without zeros at the front. Bit by bit: done
/// twice for a key.
fn remainder(number: &[u8], modulus: &[u8]) -> Vec<u8> {
    // One byte more than the modulus, for the bit that a shift moves out of it.
    let wide = [&[0], modulus].concat();
    let mut rest = vec![0; wide.len()];
    for bit in number.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)) {
        let mut carry = bit;
        for byte in rest.iter_mut().rev() {
            (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
        }
        if rest >= wide {
            let mut borrow = false;
            for (byte, less) in rest.iter_mut().zip(&wide).rev() {
                let (first, under) = byte.overflowing_sub(*less);
                let (second, again) = first.overflowing_sub(u8::from(borrow));
                (*byte, borrow) = (second, under || again);
            }
        }
    }
    rest.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use pgp::crypto::Signer as _;
    use pgp::crypto::public_key::PublicKeyAlgorithm;
    use pgp::packet::SignatureType;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn it_signs_as_the_other_does() {
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..12 {
            let secret = pgp::crypto::rsa::SecretKey::generate(StdRng::seed_from_u64(seed), 2048).expect("makes a key");
            let (_, first, second, _) = secret.to_bytes();
            if !orders.insert(first < second) {
                continue;
            }
            let quick = Rsa::of(&secret, &PublicParams::RSA((&secret).into())).expect("is taken");
            for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
                let config = SignatureConfig::v4(SignatureType::Binary, PublicKeyAlgorithm::RSA, hash);
                let made = quick.sign(config.clone(), b"a header").expect("signs");
                let mut hasher = config.hash_alg.new_hasher().expect("is known");
                hasher.update(b"a header");
                let length = config.hash_signature_data(&mut hasher).expect("hashes");
                hasher.update(&config.trailer(length).expect("fits"));
                let digest = hasher.finalize();
                assert_eq!(made.signature(), Some(&secret.sign(hash, &digest).expect("signs")));
                assert_eq!(made.signed_hash_value(), Some([digest[0], digest[1]]));
            }
            let old = SignatureConfig::v4(SignatureType::Binary, PublicKeyAlgorithm::RSA, HashAlgorithm::Sha384);
            assert!(quick.sign(old, b"a header").is_none());
        }
        assert_eq!(orders.len(), 2, "only one order of primes was tried");
        let other = pgp::crypto::rsa::SecretKey::generate(StdRng::seed_from_u64(1), 1024).expect("makes a key");
        assert!(Rsa::of(&other, &PublicParams::RSA((&other).into())).is_none(), "too short a key is left to rPGP");
    }

    #[test]
    fn remainders() {
        for (number, modulus) in
            [(0u64, 7u64), (6, 7), (7, 7), (1_000_003, 65_537), (u64::MAX, 255), (u64::MAX, 1 << 40)]
        {
            let bytes =
                |number: u64| number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
            assert_eq!(
                remainder(&bytes(number), &bytes(modulus)),
                bytes(number % modulus),
                "{number} modulo {modulus}"
            );
        }
        assert_eq!(less_one(&[1, 3]), [1, 2]);
        assert_eq!(number(&[0, 9, 1, 2, 7]), Some((&[1, 2][..], &[7][..])));
        assert_eq!(number(&[0, 9, 1]), None);
    }
}
