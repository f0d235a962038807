//! Lines of Assuan, the protocol that GnuPG's programs speak (the manual of libassuan): how what is in them is escaped.

/// What `%25`, `%0D`, `%0A` and their like in a data line stand for, put behind what is in `to`.
pub(super) fn unescape(part: &[u8], to: &mut Vec<u8>) {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut rest = part;
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%'
            && let [high, low, tail @ ..] = tail
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            to.push((high * 16 + low) as u8);
            rest = tail;
        } else {
            to.push(*first);
            rest = tail;
        }
    }
}

/// `text` as an argument of a command, at most `most` bytes long.
pub(super) fn escape(text: &str, most: usize) -> String {
    let mut line = String::new();
    for letter in text.chars() {
        let mut escaped = String::new();
        match letter {
            '%' => escaped.push_str("%25"),
            _ if letter.is_control() => {
                let mut bytes = [0; 4];
                escaped.extend(letter.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
            }
            _ => escaped.push(letter),
        }
        if line.len() + escaped.len() > most {
            break;
        }
        line.push_str(&escaped);
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_escaped() {
        let mut data = Vec::new();
        unescape(b"a%25b%0A%zz%4", &mut data);
        assert_eq!(data, b"a%b\n%zz%4");
        assert_eq!(escape("50 %\n\u{85}x", 100), "50 %25%0A%C2%85x");
        assert_eq!(escape("ab%cd", 4), "ab", "an escape is not cut in two");
    }

    proptest! {
        #[test]
        fn escaping_is_undone_and_leaves_one_line(text: String) {
            let escaped = escape(&text, usize::MAX);
            prop_assert!(!escaped.contains(['\n', '\r']));
            let mut data = Vec::new();
            unescape(escaped.as_bytes(), &mut data);
            prop_assert_eq!(data, text.as_bytes());
        }
    }
}
