//! What a peer says first: SETTINGS, nothing, or something that is not HTTP/2.
use super::{super::*, peer::*};
use crate::failure::evidence::{Evidence, Speaks};
use tokio::io::AsyncWriteExt;

async fn refused(first: &[u8], close: bool) -> DialFailed {
    let (listener, spec) = listener().await;
    let (failed, _peer) = tokio::join!(dial(&spec), async {
        let mut peer = accept(&listener).await;
        peer.send(first).await;
        if close {
            peer.io.shutdown().await.unwrap();
        }
        peer
    });
    *failed.map(|_| ()).expect_err("no HTTP/2 here")
}

#[tokio::test]
async fn settings_are_seen_and_applied_before_dial_returns() {
    let (c, mut p) = connect(&[(3, 2), (4, 1000), (5, 20000), (6, 8192)]).await;
    assert_eq!(
        c.connection.wire().seen().settings,
        Some(tap::Settings {
            max_concurrent_streams: Some(2),
            initial_window: Some(1000),
            max_frame: Some(20000),
            max_header_list: Some(8192)
        })
    );
    assert!(!c.connection.wire().may_have_left(1));
    assert!(!c.connection.is_secure() && c.connection.is_usable());
    let (one, two) = (c.connection.try_slot(), c.connection.try_slot());
    assert!(one.is_some() && two.is_some() && c.connection.try_slot().is_none());
    drop(two);
    p.send(settings(&[(3, 1)])).await; // a later change is seen as well
    assert!(p.barrier().await.iter().any(|f| f.kind == SETTINGS && f.flags == ACK));
    assert!(c.connection.try_slot().is_none());
    assert_eq!(c.connection.wire().seen().settings.unwrap().initial_window, Some(1000));
    drop(one);
    let _call = c.unary();
    p.request(1).await;
    assert!(c.connection.wire().may_have_left(1) && !c.connection.wire().may_have_left(3));
}

#[tokio::test(start_paused = true)]
async fn no_settings_is_a_timeout_with_nothing_sent_but_our_own_opening() {
    let (listener, spec) = listener().await;
    let (failed, mut peer) = tokio::join!(dial(&spec), accept(&listener));
    let failed = failed.map(|_| ()).unwrap_err();
    let Evidence::NoSettings { address, waited } = failed.evidence else { panic!("{failed:?}") };
    assert_eq!(address, spec.address.to_string());
    assert!(waited <= spec.timeout && waited >= spec.timeout - std::time::Duration::from_secs(1));
    assert_eq!((failed.phase, failed.timings.settings), (DialPhase::Settings, waited));
    peer.preface().await;
    assert!(peer.rest().await.iter().all(|f| f.kind == SETTINGS || f.kind == WINDOW));
}

#[tokio::test]
async fn other_protocols_are_named() {
    let cases: &[(&[u8], Speaks)] = &[
        (b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n", Speaks::Http1),
        (&[0x15, 3, 3, 0, 2, 2, 40], Speaks::Tls),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Speaks::Ssh),
        (b"220 mail ESMTP\r\n", Speaks::Unknown),
        (&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], Speaks::Unknown), // PING first
        (&[0, 0, 0, 4, 1, 0, 0, 0, 0], Speaks::Unknown),                         // SETTINGS ACK first
    ];
    for (bytes, expected) in cases {
        let failed = refused(bytes, false).await;
        let Evidence::NotHttp2 { speaks, .. } = failed.evidence else { panic!("{failed:?}") };
        assert_eq!(speaks, *expected, "{bytes:?}");
    }
}

#[tokio::test]
async fn short_first_bytes_then_close() {
    for (bytes, expected) in [(&b"HTT"[..], Speaks::Http1), (&[0x15, 3], Speaks::Tls), (b"x", Speaks::Unknown)] {
        let failed = refused(bytes, true).await;
        assert!(
            matches!(failed.evidence, Evidence::NotHttp2 { speaks, .. } if speaks == expected),
            "{bytes:?} {failed:?}"
        );
    }
    let failed = refused(b"", true).await;
    assert!(matches!(failed.evidence, Evidence::ClosedEarly { errno: None, .. }), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn short_first_bytes_then_silence() {
    let failed = refused(b"HTT", false).await;
    assert!(matches!(failed.evidence, Evidence::NotHttp2 { speaks: Speaks::Http1, .. }), "{failed:?}");
}

#[tokio::test]
async fn accept_and_reset_is_closed_early() {
    let (listener, spec) = listener().await;
    let (failed, ()) = tokio::join!(dial(&spec), async { accept(&listener).await.reset() });
    let failed = failed.map(|_| ()).unwrap_err();
    // It may come so early that the connect itself fails.
    let (Evidence::ClosedEarly { errno, .. } | Evidence::Connect { errno, .. }) = failed.evidence else {
        panic!("{failed:?}")
    };
    let kind = std::io::Error::from_raw_os_error(errno.expect("an errno")).kind();
    assert!(matches!(kind, std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe));
}

#[tokio::test]
async fn bad_settings_break_the_rules() {
    for (name, bytes, code) in [
        ("length 5", frame(SETTINGS, 0, 0, &[0; 5]), 1),
        ("on stream 1", frame(SETTINGS, 0, 1, &[]), 1),
        ("max_frame 1", settings(&[(5, 1)]), 1),
        ("window 2^31", settings(&[(4, 1 << 31)]), 1),
    ] {
        let failed = refused(&bytes, false).await;
        assert_eq!(failed.phase, DialPhase::Settings);
        let Evidence::Violation { code: seen, opening: true, .. } = failed.evidence else {
            panic!("{name} {failed:?}")
        };
        assert_eq!(seen, code, "{name}");
    }
}

#[tokio::test]
async fn a_goaway_as_the_first_frame_is_a_refusal() {
    let failed = refused(&goaway(0, 12, b"no"), false).await;
    let Evidence::GoAway { code: 12, last_stream: 0, debug, unprocessed: true, pings: None } = failed.evidence else {
        panic!("{failed:?}")
    };
    assert_eq!(debug, b"no");
}

#[tokio::test]
async fn a_refused_port_keeps_its_errno() {
    let (listener, spec) = listener().await;
    drop(listener);
    let failed = dial(&spec).await.map(|_| ()).unwrap_err();
    assert_eq!(failed.phase, DialPhase::Connect);
    let Evidence::Connect { address, errno: Some(errno), .. } = failed.evidence else { panic!("{failed:?}") };
    assert_eq!(
        (address, std::io::Error::from_raw_os_error(errno).kind()),
        (spec.address.to_string(), std::io::ErrorKind::ConnectionRefused)
    );
}

#[tokio::test]
async fn a_missing_unix_socket_keeps_its_errno() {
    let spec = spec(Address::Unix("/nonexistent/causewire.sock".into()));
    let failed = dial(&spec).await.map(|_| ()).unwrap_err();
    assert!(matches!(failed.evidence, Evidence::Connect { errno: Some(2), .. }), "{failed:?}");
    assert_eq!(spec.address.to_string(), "unix:/nonexistent/causewire.sock");
}

#[tokio::test]
async fn a_path_that_cannot_be_a_socket_is_no_timeout() {
    let failed = dial(&spec(Address::Unix("x".repeat(500).into()))).await.map(|_| ()).unwrap_err();
    assert!(matches!(failed.evidence, Evidence::Target { .. }), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connect_without_answer_times_out_in_its_phase() {
    // A backlog that is full: the kernel drops further SYNs.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _fill: Vec<_> = (0..4)
        .map(|_| {
            let fill = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            fill.set_nonblocking(true).unwrap();
            let _ = fill.connect(&address.into());
            fill
        })
        .collect();
    let failed = dial(&spec(Address::Tcp(address))).await.map(|_| ()).unwrap_err();
    assert_eq!(failed.phase, DialPhase::Connect);
    assert!(
        matches!(failed.evidence, Evidence::Connect { errno: None, waited, .. } if waited.as_secs() >= 10),
        "{failed:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_carries_calls() {
    let dir = std::env::temp_dir().join(format!("causewire-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("transport.sock");
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let spec = spec(Address::Unix(path));
    let (dialled, mut io) = tokio::join!(dial(&spec), async {
        let mut io = listener.accept().await.unwrap().0;
        io.write_all(&settings(&[])).await.unwrap();
        io
    });
    let (connection, driver) = dialled.unwrap();
    let client = Client::run(connection, driver);
    let call = client.unary();
    io.write_all(&response(1)).await.unwrap();
    assert!(story(call).await.ok());
    std::fs::remove_dir_all(dir).unwrap();
}
