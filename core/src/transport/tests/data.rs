use super::{super::*, peer::*};
use crate::failure::Reached;
use crate::failure::evidence::{Evidence, Loss};

#[tokio::test]
async fn violations() {
    let large = vec![0; (256 << 10) + 1];
    let cases = [
        ("pad length over the frame", frame(DATA, PADDED, 1, &[200, 1, 2])),
        ("frame over the maximum", frame(DATA, 0, 1, &large)),
        ("window update 0 on stream", window(1, 0)),
        ("window update 0 on connection", window(0, 0)),
        ("window overflow on connection", window(0, (1 << 31) - 1)),
        ("rst with length 3", frame(RST, 0, 1, &[0; 3])),
        ("ping with length 7", frame(PING, 0, 0, &[0; 7])),
        ("data on stream 0", frame(DATA, 0, 0, b"x")),
    ];
    for (name, bytes) in cases {
        let (c, mut p) = plain().await;
        let (one, three) = (c.unary(), c.unary());
        p.request(3).await;
        p.send([headers(1, 0, OK), bytes].concat()).await;
        for (call, expected) in [(one, Reached::Yes), (three, Reached::Maybe)] {
            let (evidence, reached) = story(call).await.fault();
            assert!(matches!(evidence, Evidence::Violation { opening: false, .. }), "{name} {evidence:?}");
            // The head may have been read or thrown away with the connection.
            assert!(reached == expected || reached == Reached::Maybe, "{name} {reached:?}");
        }
        assert!(matches!(c.end().await, Evidence::Violation { opening: false, .. }), "{name}");
    }
}

#[tokio::test]
async fn too_much_on_one_stream_costs_that_stream() {
    let (c, mut p) = plain().await;
    let (one, three) = (c.unary(), c.unary());
    p.request(3).await;
    p.send(headers(1, 0, OK)).await;
    for _ in 0..(4 << 20) / (256 << 10) + 1 {
        p.send(frame(DATA, 0, 1, &[0; 256 << 10])).await; // nobody reads, so no window comes back
    }
    p.send(response(3)).await;
    assert!(story(three).await.ok());
    let (evidence, reached) = story(one).await.fault();
    assert!(matches!(evidence, Evidence::Violation { code: 3, .. }), "{evidence:?}");
    assert_eq!(reached, Reached::Yes);
}

#[tokio::test]
async fn padding_is_taken_off() {
    let (c, mut p) = plain().await;
    let call = c.unary();
    p.request(1).await;
    let padded = frame(DATA, PADDED, 1, &[&[9u8][..], b"\0\0\0\0\x02hi", &[0; 9]].concat());
    p.send([headers(1, 0, OK), padded, headers(1, END_STREAM, TRAILERS)].concat()).await;
    let story = story(call).await;
    assert!(story.ok() && story.bytes == 7);
}

/// Eight streams that nobody reads, four of large and four of small messages, beside calls that must all succeed.
#[tokio::test]
async fn unread_streams_stop_nobody_else() {
    let (c, mut p) = plain().await;
    let slow: Vec<_> = (0..8).map(|_| c.unary()).collect();
    p.request(15).await;
    for id in [1, 3, 5, 7] {
        p.send([headers(id, 0, OK), frame(DATA, 0, id, &[0; 250_000]).repeat(16)].concat()).await;
    }
    for id in [9, 11, 13, 15] {
        p.send([headers(id, 0, OK), message(id, &[0; 95]).repeat(20_000)].concat()).await;
    }
    for id in (17..217).step_by(2) {
        let call = c.unary();
        p.request(id).await;
        p.send(response(id)).await;
        assert!(story(call).await.ok(), "{id}");
    }
    drop(slow);
    assert_eq!(p.until(|f| f.kind == RST && f.id == 15).await.iter().filter(|f| f.kind == RST).count(), 8);
    p.barrier().await;
    assert_eq!(c.connection.stats().streams, 0);
}

#[tokio::test]
async fn window_comes_back_only_for_what_was_consumed() {
    let (c, mut p) = plain().await;
    let (_send, mut recv) = c.unary();
    p.request(1).await;
    p.send([headers(1, 0, OK), frame(DATA, 0, 1, &[0; 250_000]).repeat(12)].concat()).await;
    recv.head().await.unwrap();
    let mut read = 0;
    while read < 3_000_000 {
        read += recv.data().await.unwrap().unwrap().len();
    }
    let updates =
        |frames: Vec<Frame>| -> u32 { frames.iter().filter(|f| f.kind == WINDOW && f.id == 1).map(Frame::code).sum() };
    assert_eq!(updates(p.barrier().await), 0);
    recv.release(read);
    assert_eq!(updates(p.barrier().await), 3_000_000);
    recv.release(1); // more than was received: nothing comes of it
    assert_eq!(updates(p.barrier().await), 0);
}

/// h2 would close the connection at the 101st.
#[tokio::test]
async fn empty_data_frames_retire_a_connection_before_they_kill_it() {
    let (c, mut p) = plain().await;
    let mut calls = 0;
    while c.connection.is_usable() {
        let call = c.unary();
        let id = call.0.id();
        p.request(id).await;
        let empty = frame(DATA, 0, id, b"");
        p.send([headers(id, 0, OK), empty, message(id, b"hi"), headers(id, END_STREAM, TRAILERS)].concat()).await;
        assert!(story(call).await.ok());
        calls += 1;
        p.barrier().await;
    }
    assert_eq!(calls, 80);
    assert_eq!(c.connection.slot().await.unwrap_err().reached, Reached::No);
}

#[tokio::test]
async fn a_kept_handle_keeps_it_open_and_the_last_one_closes_it() {
    let (c, mut p) = plain().await;
    let kept = c.connection.clone();
    drop(c.connection);
    p.barrier().await;
    assert!(kept.is_usable());
    let slot = kept.slot().await.unwrap();
    let call = kept.open(slot, request(), true).unwrap();
    drop(kept);
    p.want(HEADERS).await;
    p.send(response(1)).await;
    assert!(story(call).await.ok());
    let end = c.driver.await.unwrap().evidence;
    assert!(matches!(end, Evidence::Unusable { .. }), "{end:?}");
    assert!(p.rest().await.iter().any(|f| f.kind == GOAWAY));
}

#[tokio::test]
async fn the_end_of_an_idle_connection_is_told() {
    let (c, mut p) = plain().await;
    p.barrier().await; // a close with bytes unread would be a reset
    drop(p);
    assert_eq!(c.connection.closed_or_draining().await, Life::Closed);
    let address = c.connection.peer().to_string();
    assert_eq!(c.end().await, Evidence::Lost { address, how: Loss::Eof, errno: None });
}
