//! How many writes, what is buffered, what waits.
use super::{super::*, peer::*};
use bytes::{Buf, Bytes};
use framing::Framed;
use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Notes the slices of every write.
struct Count(TcpStream, Arc<Mutex<Vec<Vec<usize>>>>);
impl AsyncRead for Count {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, b: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, b)
    }
}
impl AsyncWrite for Count {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        self.1.lock().unwrap().push(vec![b.len()]);
        Pin::new(&mut self.0).poll_write(cx, b)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        b: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.lock().unwrap().push(b.iter().map(|b| b.len()).filter(|n| *n > 0).collect());
        Pin::new(&mut self.0).poll_write_vectored(cx, b)
    }
    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The writes of one unary call.
async fn writes(len: usize, metadata: usize) -> Vec<Vec<usize>> {
    let (listener, spec) = listener().await;
    let Address::Tcp(address) = spec.address else { unreachable!() };
    let (io, mut p) = tokio::join!(TcpStream::connect(address), accept(&listener));
    p.send([settings(&[]), frame(SETTINGS, ACK, 0, &[])].concat()).await;
    let log = Arc::new(Mutex::new(vec![]));
    let io = Count(io.unwrap(), log.clone());
    let progress = super::super::dial::Progress::new(spec.timeout);
    let (connection, driver) =
        super::super::dial::settings(io, &spec, "peer".into(), None, progress).await.expect("dial");
    let task = tokio::spawn(driver);
    p.preface().await;
    p.barrier().await;
    log.lock().unwrap().clear();
    let mut request = request();
    request.headers_mut().insert("authorization", "t".repeat(metadata).parse().unwrap());
    let (mut send, recv) = connection.open(connection.try_slot().unwrap(), request, false).unwrap();
    send.send_now(Framed::new(false, vec![7; len].into()), true).unwrap();
    p.request(1).await;
    let writes = log.lock().unwrap().clone();
    p.send(response(1)).await;
    assert!(story((send, recv)).await.ok());
    drop(connection);
    task.await.unwrap();
    writes
}

#[tokio::test]
async fn a_unary_call_leaves_in_one_write() {
    for len in [0, 100, 250, 251, 1000, 16_000] {
        for metadata in [1, 600] {
            let writes = writes(len, metadata).await;
            assert_eq!(writes.len(), 1, "{len} {metadata} {writes:?}");
        }
    }
    // The body is not copied: it is a slice of its own.
    assert_eq!(writes(1000, 600).await[0].last(), Some(&1000));
}

#[tokio::test]
async fn the_first_message_of_a_stream_leaves_with_its_headers() {
    let (c, mut p) = plain().await;
    p.barrier().await;
    let (mut send, _recv) = c.open(false).unwrap();
    send.send(Framed::new(false, Bytes::from_static(b"first")), false).await.unwrap();
    assert_eq!(p.next().await.unwrap().kind, HEADERS);
    assert_eq!(p.next().await.unwrap().payload, b"\0\0\0\0\x05first");
    send.send(Framed::new(false, Bytes::from_static(b"second")), false).await.unwrap();
    assert_eq!(p.next().await.unwrap().payload, b"\0\0\0\0\x06second");
    send.finish().unwrap();
    send.finish().unwrap();
    let end = p.next().await.unwrap();
    assert_eq!((end.kind, end.flags, end.payload.len()), (DATA, END_STREAM, 0));
}

async fn is_pending(send: &mut SendHalf) -> bool {
    poll_fn(|cx| Poll::Ready(send.poll_sent(cx).is_pending())).await
}

#[tokio::test]
async fn a_message_waits_for_window_and_leaves_in_parts() {
    let (c, mut p) = connect(&[(4, 3)]).await; // the window cuts even the prefix
    let (mut send, _recv) = c.open(false).unwrap();
    let body: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    send.start_send(Framed::new(false, body.clone().into()), true);
    assert!(is_pending(&mut send).await);
    let mut got = vec![];
    let mut grant = 1;
    while got.len() < body.len() + 5 {
        p.send([window(1, grant), window(0, grant)].concat()).await;
        grant = grant * 3 + 1;
        got.extend(p.barrier().await.into_iter().filter(|f| f.kind == DATA).flat_map(|f| f.payload));
        let pending = is_pending(&mut send).await;
        assert!(pending || got.len() + grant as usize * 2 > body.len());
    }
    assert!(!is_pending(&mut send).await);
    assert_eq!((&got[..5], &got[5..]), (&[0, 0, 1, 0x86, 0xa0][..], &body[..]));
}

/// The call layer may await forever: what is accepted without window stays bounded.
#[tokio::test]
async fn a_peer_that_grants_no_window_bounds_what_is_buffered() {
    let (c, mut p) = connect(&[(4, 1000)]).await;
    let (mut send, _recv) = c.open(false).unwrap();
    let mut accepted = 0;
    loop {
        send.start_send(Framed::new(false, vec![0; 995].into()), false);
        if is_pending(&mut send).await {
            p.barrier().await;
            if is_pending(&mut send).await {
                break;
            }
        }
        accepted += 1;
    }
    assert!((1..=2).contains(&accepted), "{accepted}");
}

#[tokio::test]
async fn a_waiting_message_holds_no_window_after_its_stream() {
    let (c, mut p) = connect(&[(4, 100_000)]).await; // the connection window stays at 65,535
    let (mut hog, hog_recv) = c.open(false).unwrap();
    p.want(HEADERS).await;
    hog.start_send(Framed::new(false, vec![0; 200_000].into()), true);
    assert!(is_pending(&mut hog).await);
    p.barrier().await;
    drop((hog, hog_recv));
    p.want(RST).await;
    p.send(window(0, 65_535)).await;
    let call = c.unary();
    p.request(3).await;
    p.send(response(3)).await;
    assert!(story(call).await.ok());
}

/// Counts what is still held of a body.
struct Owner(Vec<u8>, #[allow(dead_code)] Arc<()>);
impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The peer reads nothing: the socket is stuck, and a cancel must free the memory all the same.
#[tokio::test]
async fn a_cancelled_upload_on_a_stuck_socket_frees_its_buffers() {
    let (c, mut p) = connect(&[(4, 1 << 30)]).await;
    p.send(window(0, 1 << 30)).await;
    p.barrier().await;
    let (mut send, recv) = c.open(false).unwrap();
    let alive = Arc::new(());
    for _ in 0..30 {
        let body = Bytes::from_owner(Owner(vec![0; 1 << 20], alive.clone()));
        send.send_now(Framed::new(false, body), false).unwrap();
    }
    while !c.connection.stats().write_blocked {
        tokio::task::yield_now().await;
    }
    assert!(Arc::strong_count(&alive) > 10);
    drop((send, recv));
    while c.connection.stats().queued_resets > 0 {
        tokio::task::yield_now().await;
    }
    assert!(Arc::strong_count(&alive) <= 2, "{}", Arc::strong_count(&alive));
    assert_eq!(c.connection.stats().streams, 0);
}

#[test]
fn parts_of_a_message_are_its_bytes() {
    let body: Vec<u8> = (0..50).collect();
    let all = |mut framed: Framed| framed.copy_to_bytes(framed.remaining()).to_vec();
    let whole = all(Framed::new(true, body.clone().into()));
    assert_eq!(&whole[..5], [1, 0, 0, 0, 50]);
    for step in 1..=55 {
        let mut rest = Framed::new(true, body.clone().into());
        let mut got = vec![];
        while rest.has_remaining() {
            let part = rest.split_to(step);
            assert!(part.remaining() == step || !rest.has_remaining());
            got.extend(all(part));
        }
        assert_eq!(got, whole, "{step}");
    }
}
