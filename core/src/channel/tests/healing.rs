//! Servers that hang up, fall silent and complain.
use super::*;
use crate::{observe::Level, transport::RecvHalf};

/// doc/connection-backoff-interop-test-description.md: every connection is closed at once, for 540 s. The bounds are those
/// of the document's own server, which allows 100 ms for the way.
#[tokio::test(start_paused = true)]
async fn the_interop_description_of_the_backoff_holds_for_540_seconds() {
    let (door, times) = slammed_door().await;
    let channel = channel(&door.to_string(), plaintext());
    let call = timeout(Duration::from_secs(540), pick_ready(&channel)).await;
    assert!(call.is_err(), "nobody serves");
    let times = times.lock().unwrap();
    assert!((11..=15).contains(&times.len()), "{} attempts", times.len());
    let mut expected = 1000.0;
    for pair in times.windows(2) {
        let backoff = pair[1].duration_since(pair[0]).as_secs_f64() * 1000.0;
        assert!((expected * 0.8 - 100.0..=expected * 1.2 + 100.0).contains(&backoff), "{backoff} for {expected}");
        expected = f64::min(expected * 1.6, 120_000.0);
    }
}

type Streams = Arc<Mutex<Vec<h2::server::SendResponse<bytes::Bytes>>>>;

/// Answers nothing. Each connection lasts as long as its entry says, then it complains about pings; the last for ever.
async fn complaining(lasts: &'static [u64]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    rt().spawn("test.complaining", async move {
        for lasts in lasts.iter().map(|lasts| Duration::from_secs(*lasts)).chain(std::iter::repeat(Duration::MAX)) {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let held = Streams::default();
            let end = clock::now().checked_add(lasts).unwrap_or(clock::now() + Duration::from_secs(1_000_000));
            loop {
                tokio::select! {
                    accepted = connection.accept() => match accepted {
                        Some(Ok((_, respond))) => held.lock().unwrap().push(respond),
                        _ => break,
                    },
                    () = tokio::time::sleep_until(end) => {
                        connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
                        let _ = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
                        break;
                    }
                }
            }
        }
    });
    address
}

fn call(connection: &Connection) -> RecvHalf {
    let request = http::Request::post("http://test/a/b").body(()).unwrap();
    connection.open(connection.try_slot().unwrap(), request, true).unwrap().1
}

fn pings(connection: &Connection) -> u32 {
    connection.stats().pings_out
}

/// gRFC A8: the interval of new connections is doubled, once for each that was too short; the log says so.
#[tokio::test(start_paused = true)]
async fn a_complaint_about_pings_doubles_the_interval() {
    let address = complaining(&[12]).await;
    let options = ChannelOptions {
        keepalive: Some(KeepaliveOptions { time_ms: 10_000, ..KeepaliveOptions::default() }),
        ..plaintext()
    };
    let lines = Arc::<Mutex<Vec<_>>>::default();
    let kept = lines.clone();
    let log = LogSink::new(move |level, line| kept.lock().unwrap().push((level, line)));
    let channel = ChannelCore::new(&address.to_string(), Arc::new(options), Parts { log, ..parts() }, rt()).unwrap();

    let first = pick(&channel).await.unwrap();
    let mut answer = call(&first);
    let fault = answer.head().await.unwrap_err();
    assert_eq!(pings(&first), 1);
    let Evidence::GoAway { code: 11, pings: Some(time), .. } = *fault.evidence else { panic!("{fault:?}") };
    assert_eq!(time, Duration::from_secs(10));
    reaches(&channel, State::Idle).await;

    let second = pick_ready(&channel).await;
    let _answer = call(&second);
    sleep(Duration::from_secs(19)).await;
    assert_eq!(pings(&second), 0);
    sleep(Duration::from_secs(4)).await;
    assert_eq!(pings(&second), 1);
    let lines = lines.lock().unwrap();
    let warned = lines.iter().filter(|(level, line)| *level == Level::Warn && line.contains("TOO_MANY_PINGS"));
    assert_eq!(warned.count(), 1, "{lines:?}");
}

/// Reads nothing once it has said hello, on the first connection; serves on those that follow.
#[tokio::test(start_paused = true)]
async fn a_dead_path_is_replaced_although_no_keepalive_is_configured() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    rt().spawn("test.frozen", async move {
        let mut frozen = Vec::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let _ = connection.accept().await;
            frozen.push(connection);
        }
    });
    let channel = channel(&address.to_string(), plaintext());
    let first = pick(&channel).await.unwrap();
    let start = clock::now();
    let fault = call(&first).head().await.unwrap_err();
    assert!(matches!(*fault.evidence, Evidence::Keepalive { .. }), "{fault:?}");
    let took = clock::now().duration_since(start).as_secs();
    assert!((50..=55).contains(&took), "30 s of silence, and 20 s without an answer: {took}");
    reaches(&channel, State::Idle).await;
    let second = pick(&channel).await.unwrap();
    assert!(second.is_usable() && !Arc::ptr_eq(first.peer(), second.peer()));
}
