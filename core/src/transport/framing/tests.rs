use super::*;
use crate::failure::evidence::{Evidence, MessageProblem, Sized};
use bytes::Bytes;
use proptest::prelude::*;

const LIMIT: usize = 4 << 20;

fn wire(compressed: bool, body: &[u8]) -> Vec<u8> {
    [&[u8::from(compressed)][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

/// Whether it is compressed, and its body.
type Cut = (bool, Vec<u8>);

/// All messages that come out of some pieces, and the deframer.
fn messages(limit: usize, pieces: &[&[u8]]) -> (Vec<Cut>, Option<Evidence>, Deframer) {
    let (mut deframer, mut all) = (Deframer::new(limit), vec![]);
    for piece in pieces {
        deframer.push(Bytes::copy_from_slice(piece));
        loop {
            match deframer.next() {
                Ok(Some(frame)) => {
                    let len = frame.message.len;
                    let mut copy = vec![0; len];
                    assert_eq!(frame.message.copy_to(&mut copy), len);
                    assert_eq!(frame.message.into_bytes(), copy);
                    all.push((frame.compressed, copy));
                }
                Ok(None) => break,
                Err(evidence) => return (all, Some(*evidence), deframer),
            }
        }
    }
    (all, None, deframer)
}

#[test]
fn messages_come_out_as_they_went_in_however_they_are_cut() {
    let large: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
    let bodies = [(false, &b""[..]), (true, b"hi"), (false, &large), (false, b""), (true, b"end")];
    let bytes: Vec<u8> = bodies.iter().flat_map(|(compressed, body)| wire(*compressed, body)).collect();
    let expected: Vec<_> = bodies.iter().map(|(compressed, body)| (*compressed, body.to_vec())).collect();
    for step in (1..20).chain([511, 512, 513, 1000, 4096, bytes.len()]) {
        let (all, fault, deframer) = messages(LIMIT, &bytes.chunks(step).collect::<Vec<_>>());
        assert_eq!((all, fault), (expected.clone(), None), "{step}");
        assert!(!deframer.truncated() && deframer.buffered() == 0);
    }
}

#[test]
fn a_message_in_one_slice_is_not_copied() {
    let bytes = Bytes::from(wire(false, b"hello"));
    let mut deframer = Deframer::new(LIMIT);
    deframer.push(bytes.clone());
    let body = deframer.next().unwrap().unwrap().message.into_bytes();
    assert_eq!(body.as_ptr(), bytes[5..].as_ptr());
}

#[test]
fn the_limit_is_checked_on_the_prefix() {
    let (all, fault, deframer) = messages(10, &[&wire(false, &[1; 10]), &[0, 0, 0, 0], &[11]]);
    assert_eq!(all.len(), 1);
    let option = "max_receive_message_bytes";
    assert_eq!(fault, Some(Evidence::ResponseTooLarge { what: Sized::Message, actual: 11, limit: 10, option }));
    assert_eq!(deframer.buffered(), 0);
}

#[test]
fn a_bad_flag_is_named() {
    for flag in [2, 60, 255] {
        let (_, fault, _) = messages(LIMIT, &[&[flag, 0, 0, 0, 0]]);
        assert_eq!(fault, Some(Evidence::Message { problem: MessageProblem::Flag(flag) }));
    }
}

#[test]
fn an_end_inside_a_message_is_told() {
    let bytes = wire(false, b"hello");
    for cut in 0..=bytes.len() {
        let (_, _, deframer) = messages(LIMIT, &[&bytes[..cut]]);
        assert_eq!(deframer.truncated(), cut != 0 && cut != bytes.len(), "{cut}");
    }
}

/// A peer that sends a message in single bytes must not make us keep a slice for each.
#[test]
fn small_pieces_are_joined() {
    let mut deframer = Deframer::new(LIMIT);
    deframer.push(Bytes::copy_from_slice(&wire(false, &vec![7; 1 << 20])[..5]));
    assert!(deframer.next().unwrap().is_none());
    for _ in 0..1 << 20 {
        deframer.push(Bytes::from_static(&[7]));
    }
    let message = deframer.next().unwrap().unwrap().message;
    assert_eq!(message.len, 1 << 20);
    assert!(message.slices().count() <= 3, "{}", message.slices().count());
}

#[test]
fn copying_stops_where_the_room_ends() {
    let message = Message { len: 5, first: Bytes::from_static(b"abc"), rest: vec![Bytes::from_static(b"de")] };
    let mut out = [0; 4];
    assert_eq!((message.copy_to(&mut out), &out), (4, b"abcd"));
}

/// Messages of which some are too long, have a bad flag, or are cut.
fn lengths() -> impl Strategy<Value = Vec<u8>> {
    let message = (0u8..=10, 0u32..1010, 0usize..30).prop_map(|(flag, len, cut)| {
        let flag = if flag == 10 { 2 } else { flag % 2 };
        let body = vec![flag; (len as usize).saturating_sub(cut.saturating_sub(25))];
        [&[flag][..], &len.to_be_bytes(), &body].concat()
    });
    prop::collection::vec(message, 0..6).prop_map(|messages| messages.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0xdef),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_cut_alike_and_never_held_beyond_the_limit(
        bytes in prop_oneof![lengths(), "\\PC{0,50}".prop_map(String::into_bytes)], step in 1usize..700,
    ) {
        let limit = 1000;
        let (whole, fault, rest) = messages(limit, &[&bytes]);
        let (pieces, piecewise, held) = messages(limit, &bytes.chunks(step).collect::<Vec<_>>());
        prop_assert_eq!((whole, &fault), (pieces, &piecewise));
        if fault.is_none() {
            prop_assert_eq!(rest.buffered(), held.buffered());
            prop_assert_eq!(rest.truncated(), held.truncated());
            prop_assert!(held.buffered() <= limit);
        }
    }

    #[test]
    fn a_message_survives_framing_and_cutting(
        body in prop::collection::vec(any::<u8>(), 0..600), compressed in any::<bool>(), step in 1usize..400,
    ) {
        use bytes::Buf;
        let mut framed = Framed::new(compressed, Bytes::from(body.clone()));
        let mut pieces = vec![];
        while framed.has_remaining() {
            let mut part = framed.split_to(step);
            pieces.push(part.copy_to_bytes(part.remaining()));
        }
        let (all, fault, _) = messages(LIMIT, &pieces.iter().map(|piece| &piece[..]).collect::<Vec<_>>());
        prop_assert_eq!((all, fault), (vec![(compressed, body)], None));
    }
}
