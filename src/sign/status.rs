//! What gpgv says in its status lines (GnuPG's doc/DETAILS), one verdict for each signature.

/// What became of one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Good, by this primary key (its fingerprint).
    Good(String),
    /// Good, with a hash that anybody can forge.
    Weak(String),
    /// Good, by a key past its time (its key id).
    Expired(String),
    /// Good, by a key that its owner revoked (its key id).
    Revoked(String),
    /// By a key that is not in the keyring (its key id).
    Unknown(String),
    /// Does not fit the text (its key id).
    Bad(String),
}

/// Numbers of MD5, SHA-1 and RIPEMD-160 in OpenPGP (RFC 4880, section 9.4).
const WEAK_HASHES: [&str; 3] = ["1", "2", "3"];

pub(super) fn read(output: &str) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut good = false;
    for line in output.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["[GNUPG:]", keyword, arguments @ ..] = &words[..] else { continue };
        let first = arguments.first().map_or("?", |word| *word).to_owned();
        match *keyword {
            "NEWSIG" => good = false,
            // Believed only together with the VALIDSIG that follows it: that one has the fingerprint and the hash.
            "GOODSIG" => good = true,
            "VALIDSIG" if good => {
                good = false;
                let hash = arguments.get(7).copied().unwrap_or("?");
                let primary = arguments.get(9).map_or(first, |word| (*word).to_owned());
                verdicts.push(if WEAK_HASHES.contains(&hash) {
                    Verdict::Weak(primary)
                } else {
                    Verdict::Good(primary)
                });
            }
            "EXPKEYSIG" => verdicts.push(Verdict::Expired(first)),
            "REVKEYSIG" => verdicts.push(Verdict::Revoked(first)),
            // EXPSIG: the signature's own time is over.
            "BADSIG" | "EXPSIG" => verdicts.push(Verdict::Bad(first)),
            // Reason 9 is a missing key, which NO_PUBKEY says as well; any other is a signature that cannot be checked.
            "ERRSIG" if arguments.get(5) != Some(&"9") => verdicts.push(Verdict::Bad(first)),
            "NO_PUBKEY" => verdicts.push(Verdict::Unknown(first)),
            _ => {}
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signature_gets_a_verdict() {
        let output = "\
[GNUPG:] NEWSIG
[GNUPG:] ERRSIG 0E98404D386FA1D9 1 8 01 1700000000 9 A7236886F3CCCAAD148A27F80E98404D386FA1D9
[GNUPG:] NO_PUBKEY 0E98404D386FA1D9
[GNUPG:] NEWSIG
[GNUPG:] GOODSIG 6ED0E7B82643E131 Somebody
[GNUPG:] VALIDSIG SUB 2023-11-14 1700000000 0 4 0 1 8 01 PRIMARY
[GNUPG:] NEWSIG
[GNUPG:] GOODSIG 6ED0E7B82643E131 Somebody
[GNUPG:] VALIDSIG SUB 2023-11-14 1700000000 0 4 0 1 2 01 PRIMARY
[GNUPG:] NEWSIG
[GNUPG:] EXPKEYSIG 1111 Somebody
[GNUPG:] VALIDSIG SUB 2023-11-14 1700000000 0 4 0 1 8 01 PRIMARY
[GNUPG:] NEWSIG
[GNUPG:] REVKEYSIG 2222 Somebody
[GNUPG:] BADSIG 3333 GOODSIG
[GNUPG:] ERRSIG 4444 99 8 01 1700000000 4
gpgv: [GNUPG:] GOODSIG 5555 forged in a message
";
        let expected = [
            Verdict::Unknown("0E98404D386FA1D9".to_owned()),
            Verdict::Good("PRIMARY".to_owned()),
            Verdict::Weak("PRIMARY".to_owned()),
            Verdict::Expired("1111".to_owned()),
            Verdict::Revoked("2222".to_owned()),
            Verdict::Bad("3333".to_owned()),
            Verdict::Bad("4444".to_owned()),
        ];
        assert_eq!(read(output), expected);
        assert!(read("[GNUPG:] VALIDSIG X\n[GNUPG:]\n\n").is_empty(), "valid without good counts for nothing");
    }
}
