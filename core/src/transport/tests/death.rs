//! How connections end with calls in flight, and what of it can be known afterwards.
use super::{super::*, peer::*};
use crate::failure::{
    Reached,
    evidence::{Evidence, Loss},
};
use framing::Framed;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[tokio::test]
async fn eof_and_reset_with_a_call_in_flight() {
    let cases = [
        ("nothing", vec![], Reached::Maybe),
        ("headers", headers(1, 0, OK), Reached::Yes),
        ("half a frame", [headers(1, 0, OK), message(1, b"hello")[..11].to_vec()].concat(), Reached::Yes),
    ];
    for (name, before, expected) in cases {
        for reset in [false, true] {
            let (c, mut p) = plain().await;
            let (send, mut recv) = c.unary();
            p.request(1).await;
            p.send(&before).await;
            if before.is_empty() {
                p.barrier().await;
            } else {
                recv.head().await.unwrap();
            }
            if reset {
                p.reset()
            } else {
                drop(p)
            }
            let fault = match before.is_empty() {
                true => recv.head().await.unwrap_err(),
                false => recv.data().await.unwrap().unwrap_err(),
            };
            let Evidence::Lost { address, how, errno } = *fault.evidence else { panic!("{name} {fault:?}") };
            assert_eq!((how, errno.is_some()), (if reset { Loss::Reset } else { Loss::Eof }, reset), "{name}");
            assert_eq!((address.as_str(), fault.reached), (&**c.connection.peer(), expected), "{name}");
            drop((send, recv));
            assert_eq!(c.connection.closed_or_draining().await, Life::Closed);
            let refused = c.connection.slot().await.unwrap_err();
            assert_eq!(refused.reached, Reached::No, "{name}");
            assert!(matches!(*refused.evidence, Evidence::Lost { .. }), "{name} {refused:?}");
            assert_eq!(c.connection.stats().streams, 0);
        }
    }
}

/// A socket whose writes fail while the peer's last words wait to be read.
struct LastWords {
    words: Vec<u8>,
    failed: bool,
    reader: Option<Waker>,
}
impl AsyncRead for LastWords {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, b: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.failed && !self.words.starts_with(&settings(&[])) {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = if self.failed { self.words.len() } else { 9 }.min(b.remaining());
        if n == 0 {
            return Poll::Ready(Err(io::Error::from_raw_os_error(110)));
        }
        b.put_slice(&self.words[..n]);
        self.words.drain(..n);
        Poll::Ready(Ok(()))
    }
}
impl AsyncWrite for LastWords {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        if b.len() > 4000 {
            self.failed = true;
            return Poll::Ready(Err(io::Error::from_raw_os_error(32)));
        }
        Poll::Ready(Ok(b.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_failed_write_is_told_after_the_last_words() {
    let answer = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "8")];
    let words = [settings(&[]), headers(1, END_STREAM, &answer), goaway(1, 11, b"calm")].concat();
    let io = LastWords { words, failed: false, reader: None };
    let spec = spec(Address::Unix("unused".into()));
    let progress = super::super::dial::Progress::new(spec.timeout);
    let (connection, driver) = super::super::dial::settings(io, &spec, "peer".into(), None, progress).await.unwrap();
    let driver = tokio::spawn(driver);
    let (mut send, recv) = connection.open(connection.try_slot().unwrap(), request(), false).unwrap();
    send.send_now(Framed::new(false, vec![0; 9000].into()), false).unwrap();
    let story = story((send, recv)).await;
    assert_eq!((story.grpc_status.as_deref(), story.fault.is_none()), (Some("8"), true));
    let end = driver.await.unwrap().evidence;
    assert!(matches!(end, Evidence::GoAway { code: 11, pings: None, .. }), "{end:?}");
    let seen = connection.wire().seen();
    assert_eq!(seen.errors().filter_map(|error| error.raw_os_error()).max(), Some(110));
    assert!(seen.write_end.is_some());
}

/// The same on real sockets: the server answers in the middle of a large upload and closes with bytes unread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_an_upload_cut_short_arrives() {
    for round in 0..50 {
        let (c, mut p) = connect(&[(4, 1 << 30), (5, 1 << 20)]).await;
        p.send(window(0, 1 << 30)).await;
        let (mut send, recv) = c.open(false).unwrap();
        send.send_now(Framed::new(false, vec![0; 32 << 20].into()), false).unwrap();
        let server = tokio::spawn(async move {
            p.want(DATA).await;
            let answer = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "8")];
            p.send([headers(1, END_STREAM, &answer), goaway(1, 11, b"calm")].concat()).await;
        });
        let story = story((send, recv)).await;
        assert_eq!(story.grpc_status.as_deref(), Some("8"), "{round} {story:?}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_driver_that_runs_no_more_fails_its_calls() {
    let (listener, spec) = listener().await;
    let (dialled, mut p) = tokio::join!(dial(&spec), async {
        let mut p = accept(&listener).await;
        p.send(settings(&[])).await;
        p
    });
    let (connection, driver) = dialled.unwrap();
    let call = connection.open(connection.try_slot().unwrap(), request(), true).unwrap();
    drop(driver);
    let (evidence, reached) = story(call).await.fault();
    assert!(matches!(evidence, Evidence::Unusable { .. }), "{evidence:?}");
    assert_eq!(reached, Reached::No, "its HEADERS were never written");
    p.preface().await;
    assert!(p.rest().await.iter().all(|f| f.kind != HEADERS));
}
