use bytes::{Buf, Bytes};
use proptest::prelude::*;

use super::*;
use crate::failure::{Evidence, MessageProblem, Sized};

const LIMIT: usize = 1 << 20;

#[test]
fn names_are_those_of_grpc_encoding() {
    for algorithm in Compression::ALL {
        assert_eq!(Compression::parse(algorithm.name()), Some(*algorithm));
        assert!(accept_encoding().split(',').any(|name| name == algorithm.name()));
        let json = serde_json::to_string(algorithm).unwrap();
        assert_eq!(json, format!("\"{}\"", algorithm.name()));
        assert_eq!(serde_json::from_str::<Compression>(&json).unwrap(), *algorithm);
    }
    assert_eq!(Compression::parse("br"), None);
    assert_eq!(accept_encoding().split(',').count(), Compression::ALL.len());
}

#[test]
fn deflate_is_zlib() {
    let compressed = compress(Compression::Deflate, b"hello").unwrap();
    assert_eq!(compressed.first(), Some(&0x78), "RFC 1950: deflate with a 32 KiB window");
    assert_eq!(compress(Compression::Gzip, b"hello").unwrap().get(..2), Some(&[0x1f, 0x8b][..]), "RFC 1952");
}

#[test]
fn a_message_may_lie_in_several_pieces() {
    let message: Vec<u8> = (0..100_000u32).flat_map(|number| number.to_le_bytes()).collect();
    for algorithm in Compression::ALL {
        let compressed = compress(*algorithm, &message).unwrap();
        let (front, back) = compressed.split_at(compressed.len() / 2);
        assert_eq!(decompress(*algorithm, front.chain(back), LIMIT), Ok(Bytes::from(message.clone())), "{algorithm:?}");
    }
}

#[test]
fn the_limit_is_exact() {
    for algorithm in Compression::ALL {
        for size in [0, 1, 8192, 8193, 100_000] {
            let compressed = compress(*algorithm, &vec![0; size]).unwrap();
            assert_eq!(decompress(*algorithm, compressed.clone(), size).map(|it| it.len()), Ok(size), "{algorithm:?}");
            if size > 0 {
                assert_eq!(
                    decompress(*algorithm, compressed, size - 1),
                    Err(DecompressError::TooLarge),
                    "{algorithm:?}"
                );
            }
        }
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    for algorithm in Compression::ALL.iter().filter(|it| **it != Compression::Identity) {
        let bomb = compress(*algorithm, &vec![0; 64 << 20]).unwrap();
        assert!(bomb.len() < 100_000, "{algorithm:?}");
        assert_eq!(decompress(*algorithm, bomb, 1000), Err(DecompressError::TooLarge));
    }
}

#[test]
fn what_is_cut_off_or_followed_by_more_is_corrupt() {
    let message: Vec<u8> = (0..5000u32).flat_map(|number| (number * 7919).to_le_bytes()).collect();
    for algorithm in Compression::ALL.iter().filter(|it| **it != Compression::Identity) {
        let compressed = compress(*algorithm, &message).unwrap();
        for cut in [0, 1, 5, compressed.len() / 2, compressed.len() - 1] {
            let result = decompress(*algorithm, compressed.slice(..cut), LIMIT);
            assert_eq!(result, Err(DecompressError::Corrupt), "{algorithm:?} cut at {cut} of {}", compressed.len());
        }
        let longer = compressed.clone().chain(&b"garbage"[..]);
        assert_eq!(decompress(*algorithm, longer, LIMIT), Err(DecompressError::Corrupt), "{algorithm:?}");
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_zstd_window_above_8_mib_is_refused() {
    use std::io::Write;
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(26).unwrap();
    encoder.write_all(&[0; 100]).unwrap();
    let frame = encoder.finish().unwrap();
    assert_eq!(decompress(Compression::Zstd, frame.as_slice(), LIMIT), Err(DecompressError::Corrupt));
}

#[test]
fn errors_are_evidence() {
    let corrupt = DecompressError::Corrupt.evidence(10, "max_receive_message_bytes");
    assert_eq!(corrupt, Evidence::Message { problem: MessageProblem::Decompress });
    let Evidence::ResponseTooLarge { what, actual, limit, option } =
        DecompressError::TooLarge.evidence(10, "max_receive_message_bytes")
    else {
        panic!()
    };
    assert_eq!((what, actual, limit, option), (Sized::Decompressed, 11, 10, "max_receive_message_bytes"));
}

proptest! {
    #![proptest_config(crate::failure::seeded())]

    #[test]
    fn every_message_survives(message in proptest::collection::vec(any::<u8>(), 0..3000)) {
        for algorithm in Compression::ALL {
            let compressed = compress(*algorithm, &message).unwrap();
            prop_assert_eq!(decompress(*algorithm, compressed, LIMIT), Ok(Bytes::from(message.clone())));
        }
    }

    #[test]
    fn no_bytes_panic_or_pass_the_limit(bytes in proptest::collection::vec(any::<u8>(), 0..300), flip in any::<usize>()) {
        for algorithm in Compression::ALL {
            let mut damaged = compress(*algorithm, &bytes).unwrap().to_vec();
            if let Some(byte) = flip.checked_rem(damaged.len()).and_then(|index| damaged.get_mut(index)) {
                *byte = byte.wrapping_add(1);
            }
            for input in [&bytes, &damaged] {
                if let Ok(message) = decompress(*algorithm, input.as_slice(), 200) {
                    prop_assert!(message.len() <= 200);
                }
            }
        }
    }
}
