//! Peers that speak TLS and agree, and peers that do not.
use super::{super::*, pki::*};
use crate::{
    failure::evidence::{Evidence, Loss, Speaks},
    transport::{DialFailed, DialPhase, dial, framing::Framed},
};
use http::Request;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const GOAWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
// HEADERS of stream 1 with END_STREAM: `:status: 200` from HPACK's static table.
const ANSWER: &[u8] = &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];

/// Dials a peer that does `script` on the accepted socket.
async fn dialled<F: Future>(script: impl FnOnce(TcpStream) -> F) -> (DialFailed, F::Output) {
    let (listener, spec) = listener(trusting(&ca("Known"))).await;
    let (failed, output) = tokio::join!(dial(&spec), async { script(accept(&listener).await).await });
    (*failed.map(|_| ()).expect_err("no TLS here"), output)
}

async fn answered(bytes: &'static [u8]) -> DialFailed {
    dialled(|mut socket| async move {
        socket.write_all(bytes).await.unwrap();
        socket
    })
    .await
    .0
}

async fn secured(script: &[&[u8]]) -> (crate::transport::Connection, crate::transport::Driver, TlsStream<TcpStream>) {
    let ca = ca("Known");
    let (listener, spec) = listener(trusting(&ca)).await;
    let acceptor = Server::new(cert(Some(&ca), |_| {})).acceptor();
    let (dialled, server) = tokio::join!(dial(&spec), async {
        let mut server = acceptor.accept(accept(&listener).await).await.unwrap();
        for bytes in script {
            server.write_all(bytes).await.unwrap();
        }
        server.flush().await.unwrap();
        server
    });
    let (connection, driver) = dialled.unwrap();
    (connection, driver, server)
}

/// Reads until the client has nothing more to say: a close with bytes unread would be a reset.
async fn read_all(server: &mut TlsStream<TcpStream>) {
    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    server.read_exact(&mut [0; 24]).await.unwrap();
    server.write_all(PING).await.unwrap();
    server.flush().await.unwrap();
    let (mut acks, mut headers) = (0, 0);
    while acks < 2 || headers < 1 {
        let mut head = [0; 9];
        server.read_exact(&mut head).await.unwrap();
        server.read_exact(&mut vec![0; usize::from(head[1]) * 256 + usize::from(head[2])]).await.unwrap();
        acks += u32::from(matches!(head[3], 4 | 6) && head[4] == 1);
        headers += u32::from(head[3] == 1);
    }
}

#[tokio::test]
async fn a_call_over_tls() {
    let (connection, driver, mut server) = secured(&[SETTINGS]).await;
    let driver = tokio::spawn(driver);
    assert!(connection.is_secure() && connection.timings().tls > Duration::ZERO);
    let request = Request::post("https://localhost/a.B/C").body(()).unwrap();
    let (mut send, mut recv) = connection.open(connection.try_slot().unwrap(), request, false).unwrap();
    send.send_now(Framed::new(false, vec![1; 100].into()), true).unwrap();
    server.write_all(ANSWER).await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(recv.head().await.unwrap().status, 200);
    drop((send, recv, connection));
    driver.await.unwrap();
}

/// The TCP connection ends with or without close_notify, before or after a GOAWAY.
#[tokio::test]
async fn a_tls_connection_that_is_cut_was_lost() {
    for (notify, goaway) in [(false, false), (true, false), (false, true)] {
        let (connection, driver, mut server) = secured(&[SETTINGS]).await;
        let driver = tokio::spawn(driver);
        let request = Request::post("https://localhost/a.B/C").body(()).unwrap();
        let (_send, mut recv) = connection.open(connection.try_slot().unwrap(), request, true).unwrap();
        read_all(&mut server).await;
        if goaway {
            server.write_all(GOAWAY).await.unwrap();
            server.flush().await.unwrap();
            connection.closed_or_draining().await;
        }
        if notify {
            server.shutdown().await.unwrap();
        }
        drop(server);
        let evidence = *recv.head().await.unwrap_err().evidence;
        match goaway {
            true => assert!(matches!(evidence, Evidence::GoAway { code: 0, unprocessed: false, .. }), "{evidence:?}"),
            false => assert!(matches!(evidence, Evidence::Lost { how: Loss::Eof, .. }), "{evidence:?}"),
        }
        driver.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_tls_is_named() {
    for (bytes, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Speaks::Http1),
        (&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100], Speaks::Http2),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Speaks::Ssh),
        (b"220 mail ESMTP\r\n", Speaks::Unknown),
    ] {
        let failed = answered(bytes).await;
        assert_eq!(failed.phase, DialPhase::Tls);
        let Evidence::NotTls { speaks, .. } = failed.evidence else { panic!("{failed:?}") };
        assert_eq!(speaks, expected);
    }
}

#[tokio::test]
async fn alerts_keep_their_number() {
    for (bytes, alert) in
        [(&[0x15, 3, 3, 0, 2, 2, 40], 40), (&[0x15, 3, 1, 0, 2, 2, 70], 70), (&[0x15, 3, 3, 0, 2, 2, 199], 199)]
    {
        let failed = answered(bytes).await;
        assert_eq!(failed.evidence, Evidence::Alert { alert, certificate_sent: false, ours_expires: None });
    }
}

#[tokio::test]
async fn a_close_in_the_handshake_is_an_interruption() {
    for (first, reset) in [(false, false), (true, false), (true, true)] {
        let (failed, ()) = dialled(|mut socket| async move {
            if first {
                socket.read_exact(&mut [0; 100]).await.unwrap(); // of the ClientHello
            }
            if reset {
                socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
            }
        })
        .await;
        assert_eq!(failed.phase, DialPhase::Tls);
        assert!(matches!(failed.evidence, Evidence::TlsInterrupted { .. }), "{failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_in_the_handshake_is_a_timeout() {
    let failed = answered(b"").await;
    let Evidence::TlsTimeout { waited, .. } = failed.evidence else { panic!("{failed:?}") };
    assert!(waited.as_secs() >= 9 && failed.timings.tls >= waited);
    // Silence after something that is no TLS tells more.
    let failed = answered(b"HTT").await;
    assert!(matches!(failed.evidence, Evidence::NotTls { speaks: Speaks::Http1, .. }), "{failed:?}");
}

#[tokio::test]
async fn without_h2_there_is_no_connection() {
    let ca = ca("Known");
    const OTHER: &[&[u8]] = &[b"http/1.1"];
    for alpn in [&[], OTHER] {
        let (listener, spec) = listener(trusting(&ca)).await;
        let acceptor = Server { alpn, ..Server::new(cert(Some(&ca), |_| {})) }.acceptor();
        let (failed, _) = tokio::join!(dial(&spec), async { acceptor.accept(accept(&listener).await).await });
        let failed = failed.map(|_| ()).unwrap_err();
        assert_eq!(
            (failed.phase, &failed.evidence),
            (DialPhase::Tls, &Evidence::NoAlpn { offered: None }),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn a_close_after_the_handshake_is_early() {
    let ca = ca("Known");
    let (listener, spec) = listener(trusting(&ca)).await;
    let acceptor = Server::new(cert(Some(&ca), |_| {})).acceptor();
    let (failed, ()) = tokio::join!(dial(&spec), async {
        let mut server = acceptor.accept(accept(&listener).await).await.unwrap();
        server.shutdown().await.unwrap();
        let _ = server.read_to_end(&mut vec![]).await;
    });
    let failed = failed.map(|_| ()).unwrap_err();
    assert_eq!(failed.phase, DialPhase::Settings);
    assert!(matches!(failed.evidence, Evidence::ClosedEarly { .. }), "{failed:?}");
}

struct Counting(Arc<TlsMaterial>, AtomicUsize);
impl TlsSource for Counting {
    fn material(&self) -> Result<Arc<TlsMaterial>, Box<Evidence>> {
        match self.1.fetch_add(1, Ordering::Relaxed) {
            2 => Err(Box::new(Evidence::TlsMaterial { field: "tls.cert_pem".into(), reason: "is gone".into() })),
            _ => Ok(self.0.clone()),
        }
    }
}

#[tokio::test]
async fn material_is_asked_for_each_connection() {
    let ca = ca("Known");
    let (listener, mut spec) = listener(trusting(&ca)).await;
    let source = Arc::new(Counting(Arc::new(trusting(&ca)), AtomicUsize::new(0)));
    spec.tls = Some(source.clone());
    let acceptor = Server::new(cert(Some(&ca), |_| {})).acceptor();
    for asked in [1, 2] {
        let (dialled, _server) = tokio::join!(dial(&spec), async {
            let mut server = acceptor.accept(accept(&listener).await).await.unwrap();
            server.write_all(SETTINGS).await.unwrap();
            server.flush().await.unwrap();
            server
        });
        assert!(dialled.is_ok());
        assert_eq!(source.1.load(Ordering::Relaxed), asked);
    }
    let failed = dial(&spec).await.map(|_| ()).unwrap_err();
    assert!(matches!(failed.evidence, Evidence::TlsMaterial { .. }), "{failed:?}");
}

/// A seeded storm of bytes in place of a handshake: it always ends, as a value.
#[tokio::test]
async fn any_bytes_end_the_handshake_as_a_value() {
    let (listener, mut spec) = listener(trusting(&ca("Known"))).await;
    spec.timeout = Duration::from_secs(30);
    let mut rng = fastrand::Rng::with_seed(9);
    for round in 0..300 {
        let mut bytes: Vec<u8> = (0..rng.usize(1..300)).map(|_| rng.u8(..)).collect();
        if round % 2 == 0 && bytes.len() > 9 {
            let body = (bytes.len() - 5) as u16;
            bytes[..3].copy_from_slice(&[rng.u8(0x14..0x18), 3, 3]);
            bytes[3..5].copy_from_slice(&body.to_be_bytes());
            bytes[5] = *rng.choice([1, 2, 8, 11, 20].iter()).unwrap();
        }
        let (failed, ()) = tokio::join!(dial(&spec), async {
            let mut socket = accept(&listener).await;
            socket.write_all(&bytes).await.unwrap();
            socket.shutdown().await.unwrap();
            let _ = socket.read_to_end(&mut vec![]).await;
        });
        assert!(failed.is_err(), "{bytes:?}");
    }
}
