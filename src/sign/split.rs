//! Takes a clear-signed text (RFC 4880, section 7) apart: the text that is signed, and the signature.
//!
//! Exactly one signed block, and nothing around it: text outside the block is refused, not dropped, because whoever put it
//! there hopes that some reader takes it for signed.

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const MIDDLE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// A clear-signed text in its two parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// What is signed: without dash escapes, white space at the ends of lines, and the last line's end.
    pub(super) text: String,
    /// The armored signature.
    pub(super) signature: String,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NotSigned,
    Outside,
    Malformed(&'static str),
}

pub(super) fn split(bytes: &[u8]) -> Result<Parts, Fault> {
    let whole = std::str::from_utf8(bytes).map_err(|_| Fault::Malformed("it is not UTF-8"))?;
    let mut lines = whole.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\r']));
    if lines.next() != Some(BEGIN) {
        return Err(if whole.contains(BEGIN) { Fault::Outside } else { Fault::NotSigned });
    }
    loop {
        match lines.next() {
            Some("") => break,
            Some(line) if line.starts_with("Hash: ") => {}
            // Other headers are not signed, and not allowed here.
            _ => return Err(Fault::Malformed("its header holds more than `Hash`")),
        }
    }
    let mut text: Vec<&str> = Vec::new();
    loop {
        match lines.next() {
            None => return Err(Fault::Malformed("it has no signature")),
            Some(MIDDLE) => break,
            Some(line) => match line.strip_prefix('-') {
                None => text.push(line),
                Some(escaped) if escaped.starts_with(' ') => text.push(&escaped[1..]),
                Some(_) => return Err(Fault::Malformed("a line starts with an unescaped dash")),
            },
        }
    }
    let mut signature = String::from(MIDDLE);
    loop {
        let line = lines.next().ok_or(Fault::Malformed("its signature has no end"))?;
        signature.push('\n');
        signature.push_str(line);
        if line == END {
            break;
        }
        if line.starts_with('-') {
            return Err(Fault::Malformed("its signature holds another block"));
        }
    }
    signature.push('\n');
    if lines.any(|line| !line.is_empty()) {
        return Err(Fault::Outside);
    }
    Ok(Parts { text: text.join("\n"), signature })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nOrigin: x  \n- -----dash\n\nend\n\
                          -----BEGIN PGP SIGNATURE-----\n\nabcd\n=wxyz\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn only_the_signed_part_comes_out() {
        let parts = split(SAMPLE.as_bytes()).expect("splits");
        assert_eq!(parts.text, "Origin: x\n-----dash\n\nend");
        assert!(parts.signature.starts_with(MIDDLE) && parts.signature.ends_with("-----END PGP SIGNATURE-----\n"));
        assert_eq!(split(SAMPLE.replace('\n', "\r\n").as_bytes()), Ok(parts));
    }

    #[test]
    fn text_outside_is_refused() {
        let evil = "Origin: evil\n";
        assert_eq!(split(format!("{evil}{SAMPLE}").as_bytes()), Err(Fault::Outside));
        assert_eq!(split(format!("\n{SAMPLE}").as_bytes()), Err(Fault::Outside));
        assert_eq!(split(format!("{SAMPLE}{evil}").as_bytes()), Err(Fault::Outside));
        assert_eq!(split(format!("{SAMPLE}{SAMPLE}").as_bytes()), Err(Fault::Outside));
        assert_eq!(split(evil.as_bytes()), Err(Fault::NotSigned));
        for (from, to) in [
            ("Hash: SHA512\n", "Hash: SHA512\nComment: x\n"),
            ("Hash: SHA512\n\n", "Hash: SHA512\n"),
            ("- -----dash", "-----dash"),
            ("-----END PGP SIGNATURE-----\n", ""),
            ("abcd", "-----BEGIN PGP SIGNATURE-----"),
        ] {
            assert!(matches!(split(SAMPLE.replace(from, to).as_bytes()), Err(Fault::Malformed(_))), "{from:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..1_000) {
            let _ = split(&bytes);
            let mut sample = SAMPLE.as_bytes().to_vec();
            let at = at % sample.len();
            sample.splice(at..at + 1, bytes);
            let _ = split(&sample);
        }
    }

    proptest! {
        /// Whatever the bytes are, there is an answer, and no line of an answer is one of the armor's own.
        #[test]
        fn any_bytes_are_taken_apart_or_refused(lines in prop::collection::vec(
            prop_oneof![
                Just(BEGIN.to_owned()),
                Just(MIDDLE.to_owned()),
                Just(END.to_owned()),
                Just("Hash: SHA512".to_owned()),
                Just(String::new()),
                Just("- dashed".to_owned()),
                "\\PC{0,8}",
            ],
            0..12,
        )) {
            if let Ok(parts) = split(lines.join("\n").as_bytes()) {
                prop_assert!(parts.signature.starts_with(MIDDLE));
                prop_assert_eq!(lines.iter().filter(|line| *line == BEGIN).count(), 1);
            }
        }

        #[test]
        fn random_bytes_are_refused(bytes: Vec<u8>) {
            prop_assert!(split(&bytes).is_err());
        }
    }
}
