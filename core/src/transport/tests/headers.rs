//! Odd header blocks, and whether the other calls on the connection survive them.
use super::{super::*, peer::*};
use crate::failure::Reached;
use crate::failure::evidence::{Evidence, Sized};
use tokio::io::AsyncWriteExt;

/// What must become of the call, and of another one on the same connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Fine,
    Status(u16),
    /// This call alone: the peer broke the rules.
    Violation,
    TooLarge,
    /// Every call of the connection.
    Dies,
    DiesTooLarge,
}

fn cut(id: u32, size: usize, piece: usize) -> Vec<u8> {
    let value = "v".repeat(size);
    let all = hpack(&[(":status", "200"), ("content-type", "application/grpc"), ("x", &value)]);
    let pieces: Vec<&[u8]> = all.chunks(piece).collect();
    let last = pieces.len() - 1;
    let flags = |at| if at == last { END_HEADERS } else { 0 };
    let kind = |at| if at == 0 { HEADERS } else { CONT };
    pieces.iter().enumerate().flat_map(|(at, piece)| frame(kind(at), flags(at), id, piece)).collect()
}

async fn check(name: &str, bytes: Vec<u8>, expected: Call) {
    let (c, mut p) = plain().await;
    let (one, three) = (c.unary(), c.unary());
    p.request(3).await;
    // The client may hang up in the middle.
    let _ = p.io.write_all(&[bytes, response(3)].concat()).await;
    let (one, three) = (story(one).await, story(three).await);
    let limit = Limits::default().max_metadata_bytes as u64;
    match expected {
        Call::Fine => assert!(one.ok(), "{name} {one:?}"),
        Call::Status(status) => assert_eq!((one.status, one.fault.is_none()), (Some(status), true), "{name}"),
        Call::Violation => {
            let (evidence, reached) = one.fault();
            assert!(matches!(evidence, Evidence::Violation { opening: false, .. }), "{name} {evidence:?}");
            assert_eq!(reached, Reached::Yes, "{name}");
        }
        Call::TooLarge | Call::DiesTooLarge => {
            let (evidence, _) = one.fault();
            let Evidence::ResponseTooLarge { what: Sized::Metadata, actual, limit: seen, .. } = evidence else {
                panic!("{name} {evidence:?}")
            };
            assert!(actual > limit && seen == limit, "{name}");
        }
        Call::Dies => {
            let (evidence, reached) = one.fault();
            assert!(matches!(evidence, Evidence::Violation { opening: false, .. }), "{name} {evidence:?}");
            assert_ne!(reached, Reached::No, "{name}");
        }
    }
    if matches!(expected, Call::Dies | Call::DiesTooLarge) {
        assert!(three.fault.is_some(), "{name}");
        assert_eq!(c.connection.closed_or_draining().await, Life::Closed, "{name}");
    } else {
        assert!(three.ok(), "{name} {three:?}");
    }
}

#[tokio::test]
async fn that_a_call_survives() {
    let grpc = ("content-type", "application/grpc");
    let cases = [
        ("trailers-only", headers(1, END_STREAM, &[(":status", "200"), grpc, ("grpc-status", "0")]), Call::Fine),
        (
            "100, 103, then real",
            [headers(1, 0, &[(":status", "100")]), headers(1, 0, &[(":status", "103"), ("link", "x")]), response(1)]
                .concat(),
            Call::Fine,
        ),
        ("101", [headers(1, 0, &[(":status", "101")]), response(1)].concat(), Call::Fine),
        (
            "END_STREAM on DATA, no trailers",
            [headers(1, 0, OK), frame(DATA, END_STREAM, 1, b"\0\0\0\0\x02hi")].concat(),
            Call::Status(200),
        ),
        ("data after END_STREAM", [response(1), frame(DATA, 0, 1, b"x")].concat(), Call::Fine),
        (
            "request pseudo in response",
            headers(1, END_STREAM, &[(":status", "200"), (":path", "/")]),
            Call::Status(200),
        ),
        ("unknown frame type", [frame(0xee, 0xff, 1, b"zzz"), response(1)].concat(), Call::Fine),
        ("list 12 KiB", [cut(1, 12 << 10, 16000), headers(1, END_STREAM, TRAILERS)].concat(), Call::Fine),
    ];
    for (name, bytes, expected) in cases {
        check(name, bytes, expected).await;
    }
}

#[tokio::test]
async fn that_one_call_does_not_survive() {
    let cases = [
        ("100 with END_STREAM", headers(1, END_STREAM, &[(":status", "100")])),
        ("two header blocks", [headers(1, 0, OK), headers(1, 0, OK), message(1, b"hi")].concat()),
        ("trailers without END_STREAM", [headers(1, 0, OK), message(1, b"hi"), headers(1, 0, TRAILERS)].concat()),
        ("missing :status", headers(1, 0, &[("content-type", "application/grpc")])),
        (":status twice", headers(1, 0, &[(":status", "200"), (":status", "200")])),
        ("pseudo after field", headers(1, 0, &[("a", "b"), (":status", "200")])),
        ("connection header", headers(1, 0, &[(":status", "200"), ("connection", "close")])),
        (
            "content-length too small",
            [headers(1, 0, &[(":status", "200"), ("content-length", "3")]), message(1, b"hi")].concat(),
        ),
    ];
    for (name, bytes) in cases {
        check(name, bytes, Call::Violation).await;
    }
}

#[tokio::test]
async fn that_the_connection_does_not_survive() {
    let cases = [
        (":status abc", headers(1, 0, &[(":status", "abc")])),
        ("unknown pseudo", headers(1, 0, &[(":status", "200"), (":foo", "x")])),
        ("uppercase name", headers(1, 0, &[(":status", "200"), ("X-Up", "x")])),
        ("newline in value", headers(1, 0, &[(":status", "200"), ("x", "a\nb")])),
        ("broken hpack", frame(HEADERS, END_HEADERS, 1, &[0xff; 6])),
        ("push promise", frame(PUSH, END_HEADERS, 1, &[&2u32.to_be_bytes()[..], &hpack(&[(":path", "/")])].concat())),
        ("headers on idle stream 9", headers(9, 0, OK)),
        ("headers on even stream 2", headers(2, 0, OK)),
        ("data before headers", [frame(DATA, 0, 1, b"x"), response(1)].concat()),
        ("other frame inside a header block", [frame(HEADERS, 0, 1, &hpack(OK)), frame(PING, 0, 0, &[0; 8])].concat()),
        ("CONTINUATION flood", [frame(HEADERS, 0, 1, &hpack(OK)), frame(CONT, 0, 1, &[]).repeat(12)].concat()),
    ];
    for (name, bytes) in cases {
        check(name, bytes, Call::Dies).await;
    }
}

#[tokio::test]
async fn that_are_too_large() {
    for (name, size, expected) in [
        ("over our own limit", 20 << 10, Call::TooLarge),
        ("over h2's", (1 << 20) + 100, Call::TooLarge),
        ("over four times h2's", (4 << 20) + 100, Call::DiesTooLarge),
    ] {
        check(name, cut(1, size, 250 << 10), expected).await;
    }
    // In frames as small as most servers send, h2 gives up on the number of them.
    check("many CONTINUATION", cut(1, 300 << 10, 16 << 10), Call::DiesTooLarge).await;
}

#[tokio::test]
async fn trailers_are_measured_too_and_the_limit_is_an_option() {
    let value = "v".repeat(2000);
    let bytes = [headers(1, 0, OK), headers(1, END_STREAM, &[("grpc-status", "0"), ("x", &value)])].concat();
    for (limit, fits) in [(1000, false), (3000, true)] {
        let (c, mut p) = connect_with(|spec| spec.limits.max_metadata_bytes = limit, &[]).await;
        let call = c.unary();
        p.request(1).await;
        p.send(&bytes).await;
        let story = story(call).await;
        assert_eq!(story.ok(), fits, "{story:?}");
        if !fits {
            let option = "max_metadata_bytes";
            let actual = (11 + 1 + 32) + (1 + 2000 + 32);
            let evidence = Evidence::ResponseTooLarge { what: Sized::Metadata, actual, limit: limit as u64, option };
            assert_eq!(story.fault(), (evidence, Reached::Yes));
        }
    }
}

#[tokio::test]
async fn of_ours_are_checked_against_the_peers_limit() {
    let (c, mut p) = connect(&[(6, 100)]).await;
    let fault = c.open(true).map(|_| ()).unwrap_err();
    assert_eq!(fault.reached, Reached::No);
    let Evidence::RequestTooLarge { what: Sized::Metadata, actual, limit: 100, .. } = *fault.evidence else { panic!() };
    assert!(actual > 200);
    assert!(p.barrier().await.iter().all(|f| f.kind != HEADERS));
    assert_eq!(c.connection.stats().streams, 0);
}
