//! Percent-coding of grpc-message (PROTOCOL-HTTP2.md). Decoding never fails, so that a bad message never costs the code.

/// Decodes: what is no valid escape stays as it is, invalid UTF-8 is replaced.
pub fn decode(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => {
                digit(*high).zip(digit(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((byte, tail));
        plain.push(byte);
        rest = after;
    }
    String::from_utf8(plain).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::decode;

    #[test]
    fn every_escape_is_decoded_and_nothing_else() {
        for (bytes, text) in [
            (&b"a%2Fb%3Bc%23d"[..], "a/b;c#d"),
            (b"%zz 100% %4", "%zz 100% %4"),
            (b"%ff%C3%A9", "\u{fffd}\u{e9}"),
            (b"%%41", "%A"),
            (b"\xc3\xa9", "\u{e9}"),
            (b"", ""),
        ] {
            assert_eq!(decode(bytes), text);
        }
    }

    proptest! {
        #![proptest_config(crate::failure::seeded())]

        #[test]
        fn never_panics_and_never_grows_much(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes).len() <= bytes.len() * 3);
        }

        #[test]
        fn reads_what_a_server_encodes(text in "\\PC*") {
            let encoded: String = text
                .bytes()
                .map(|byte| match byte {
                    b' '..=b'$' | b'&'..=b'~' => char::from(byte).to_string(),
                    _ => format!("%{byte:02X}"),
                })
                .collect();
            prop_assert_eq!(decode(encoded.as_bytes()), text);
        }
    }
}
