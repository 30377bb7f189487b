//! Many calls at once: what is cancelled leaves nothing behind, and who does not read stops nobody else.
use bytes::Bytes;
use causewire::{Call, Channel, ChannelOptions, Request, Stats};
use causewire_testbed::pb::testbed::{EchoRequest, EchoResponse};
use causewire_tests::Server;
use std::time::Duration;
use tokio::{task::JoinSet, time::timeout};

const STREAM: &str = "/causewire.testbed.v1.Testbed/EchoServerStream";
const UNARY: &str = "/causewire.testbed.v1.Testbed/Echo";

async fn connect() -> (Server, Channel) {
    let server = Server::echo().await.unwrap();
    let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
    let channel = Channel::builder(server.target()).options(options).build().unwrap();
    (server, channel)
}

fn stream(channel: &Channel, bytes: u64, count: u32) -> Call<EchoRequest, EchoResponse> {
    let request = EchoRequest { response_bytes: bytes, count, ..EchoRequest::default() };
    channel.server_streaming(STREAM, Request::new(request)).unwrap()
}

async fn echo(channel: &Channel) {
    let request = Request::new(EchoRequest { payload: b"x".to_vec(), ..EchoRequest::default() });
    let response = channel.unary::<_, EchoResponse>(UNARY, request.timeout(Duration::from_secs(30))).await.unwrap();
    assert_eq!(response.message.payload, b"x");
}

/// Until `settled` holds, giving the runtime its turns: what was dropped is cleaned up by other tasks.
async fn eventually(what: &str, mut settled: impl FnMut() -> bool) {
    let wait = async {
        while !settled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Each of 100,000 streams is ended in the middle, by `cancel` or by being dropped.
#[tokio::test]
async fn calls_that_are_cancelled_leave_nothing_behind() {
    const CALLS: u32 = 100_000;
    const AT_ONCE: u32 = 100;
    let (server, channel) = connect().await;
    for _ in 0..CALLS / AT_ONCE {
        let mut wave = JoinSet::new();
        for i in 0..AT_ONCE {
            let mut call = stream(&channel, 10, 1_000_000);
            wave.spawn(async move {
                assert!(call.message().await.unwrap().is_some());
                if i % 2 == 0 {
                    call.cancel();
                    while let Ok(Some(_)) = call.message().await {}
                }
            });
        }
        while let Some(done) = wave.join_next().await {
            done.unwrap();
        }
    }
    eventually("stats are zero", || {
        let Stats { streams, tasks, buffered_bytes, .. } = channel.stats();
        (streams, tasks, buffered_bytes) == (0, 0, 0)
    })
    .await;
    eventually("one RST_STREAM(CANCEL) per call", || server.counts().resets.get(&8) == Some(&u64::from(CALLS))).await;
    let counts = server.counts();
    println!(
        "{CALLS} calls: resets {:?}, connections {}, stats {:?}",
        counts.resets,
        counts.connections,
        channel.stats()
    );
    assert_eq!(counts.connections, 1);
    echo(&channel).await;
}

/// Four unread streams of 1 MiB messages and four of 100 B beside 1,000 calls on the same connection.
#[tokio::test]
async fn streams_that_nobody_reads_stop_nobody_else() {
    let (server, channel) = connect().await;
    let mut unread: Vec<_> = (0..8).map(|i| if i < 4 { (1 << 20, 64) } else { (100, 200_000) }).collect();
    let mut calls: Vec<_> = unread.drain(..).map(|(bytes, count)| stream(&channel, bytes, count)).collect();
    for call in &mut calls {
        assert!(call.headers().await.is_some());
    }
    for _ in 0..1000 {
        echo(&channel).await;
    }
    let held = channel.stats().buffered_bytes;
    println!("8 unread streams, 1000 calls: {held} bytes buffered, {:?}", server.counts());
    // per stream about 1 MiB delivered and unread, or one message above that
    assert!(held <= 8 * (2 << 20), "{held} bytes");
    assert_eq!(server.counts().connections, 1);
    for (mut call, expected) in calls.into_iter().zip([64, 64, 64, 64, 200_000, 200_000, 200_000, 200_000]) {
        let mut read = 0;
        while call.message().await.unwrap().is_some() {
            read += 1;
        }
        assert_eq!(read, expected);
    }
}

/// A sender that is faster than the server waits, and nothing is lost.
#[tokio::test]
async fn sends_are_accepted_in_order_and_bounded() {
    let (_server, channel) = connect().await;
    let mut call: Call<(), ()> = channel
        .start("/causewire.testbed.v1.Testbed/EchoClientStream", causewire::Kind::ClientStreaming, {
            Request::new(None::<Bytes>)
        })
        .unwrap();
    let message = prost::Message::encode_to_vec(&EchoRequest { payload: vec![7; 8 << 10], ..EchoRequest::default() });
    for _ in 0..256 {
        assert!(call.send_bytes(message.clone().into()).await.unwrap());
        assert!(channel.stats().buffered_bytes <= 128 << 10);
    }
    call.close_send();
    let reply: EchoResponse = prost::Message::decode(call.message_bytes().await.unwrap().unwrap()).unwrap();
    assert_eq!((reply.received, reply.payload.len()), (256, 256 * (8 << 10)));
}
