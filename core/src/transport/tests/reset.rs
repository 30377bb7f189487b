use super::{super::*, peer::*};
use crate::failure::{Reached, evidence::Evidence};
use bytes::Bytes;
use std::future::poll_fn;

#[tokio::test]
async fn at_every_point_of_the_response() {
    let ok = headers(1, 0, OK);
    let steps =
        [("before headers", vec![]), ("after headers", ok.clone()), ("after data", [ok, message(1, b"hi")].concat())];
    for open in [false, true] {
        for (name, before) in &steps {
            for code in [0, 2, 7, 8, 11, 70007] {
                let (c, mut p) = plain().await;
                let (mut send, recv) = c.open(false).unwrap();
                send.send_now(framing::Framed::new(false, Bytes::from_static(b"x")), !open).unwrap();
                p.want(DATA).await;
                p.send([before.clone(), rst(1, code)].concat()).await;
                p.barrier().await;
                if open {
                    assert_eq!(poll_fn(|cx| send.poll_reset(cx)).await, Stopped);
                    assert_eq!(
                        send.send(framing::Framed::new(false, Bytes::from_static(b"x")), false).await,
                        Err(Stopped)
                    );
                    let large = framing::Framed::new(false, vec![0; 1 << 20].into());
                    assert_eq!(send.send(large, false).await, Err(Stopped));
                }
                let story = story((send, recv)).await;
                assert_eq!(story.bytes, if *name == "after data" { 7 } else { 0 });
                let expected = match (before.is_empty(), code) {
                    (true, 7) => Reached::Unprocessed,
                    (true, _) => Reached::Maybe,
                    (false, _) => Reached::Yes,
                };
                assert_eq!(story.fault(), (Evidence::Reset { code }, expected), "{name} {code}");
                // The connection and its other calls are well.
                let next = c.unary();
                p.request(3).await;
                p.send(response(3)).await;
                assert!(self::story(next).await.ok());
                assert_eq!(c.connection.stats().streams, 0);
            }
        }
    }
}

#[tokio::test]
async fn after_the_trailers_the_answer_stands() {
    for code in [0, 8] {
        for open in [false, true] {
            let (c, mut p) = plain().await;
            let (mut send, recv) = c.open(false).unwrap();
            send.send_now(framing::Framed::new(false, Bytes::from_static(b"x")), !open).unwrap();
            p.want(DATA).await;
            p.send([response(1), rst(1, code)].concat()).await;
            p.barrier().await;
            assert!(story((send, recv)).await.ok());
        }
    }
}

#[tokio::test]
async fn an_early_answer_ends_the_request_with_no_error() {
    let (c, mut p) = plain().await;
    let call = c.open(false).unwrap(); // never finished by us
    p.want(HEADERS).await;
    p.send(response(1)).await;
    assert!(story(call).await.ok());
    assert_eq!(p.want(RST).await.code(), 0);
    assert_eq!(c.connection.stats().streams, 0);
}

#[tokio::test]
async fn thousands_from_the_peer_do_no_harm() {
    let (c, mut p) = plain().await;
    for _ in 0..3000 {
        let call = c.unary();
        let id = call.0.id();
        p.until(|f| f.kind == HEADERS && f.id == id).await;
        p.send(rst(id, 2)).await;
        assert_eq!(story(call).await.fault(), (Evidence::Reset { code: 2 }, Reached::Maybe));
    }
}
