//! Nobody waits for what does not come: senders of a stream that is dead, several waiters at once, one canceller for
//! many calls.
use bytes::Bytes;
use causewire::{
    Call, Canceller, Channel, ChannelOptions, Kind, Request, RpcError,
    failure::{Cause, Reached},
};
use causewire_testbed::pb::testbed::{EchoRequest, EchoResponse};
use causewire_tests::Server;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const BIDI: &str = "/causewire.testbed.v1.Testbed/EchoBidi";
const CLIENT_STREAM: &str = "/causewire.testbed.v1.Testbed/EchoClientStream";
const UNARY: &str = "/causewire.testbed.v1.Testbed/Echo";

fn open(server: &Server) -> Channel {
    let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
    Channel::builder(server.target()).options(options).build().unwrap()
}

async fn scripted(steps: Value) -> (Server, Channel) {
    let script = serde_json::from_value(json!({"connections": [steps]})).unwrap();
    let server = Server::script(script).await.unwrap();
    let channel = open(&server);
    (server, channel)
}

fn bidi(channel: &Channel) -> Call<(), ()> {
    channel.start(BIDI, Kind::Bidi, Request::new(None)).unwrap()
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.unwrap_or_else(|_| panic!("still waiting: {what}"))
}

/// Sends until it is told that the call is over.
async fn send_all(call: &mut Call<(), ()>) {
    let sends = async { while call.send_bytes(Bytes::from_static(&[0; 16 << 10])).await.unwrap() {} };
    in_time("a sender whose reader is paused", sends).await;
}

/// Reads to the end: how many messages came before the failure.
async fn read_all(call: &mut Call<(), ()>) -> (usize, RpcError) {
    let mut read = 0;
    loop {
        match in_time("the reader", call.message_bytes()).await {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("the call ended well"),
            Err(error) => return (read, error),
        }
    }
}

/// 1,100 messages of one byte: more than may be delivered and unread.
fn small() -> Vec<Value> {
    vec![json!({"data": {"body": {"fill": "\0\0\0\0\u{1}a", "times": 1100}}})]
}

/// 40 messages of 64 KiB.
fn large() -> Vec<Value> {
    let message = json!({"message": {"body": {"fill": "a", "times": 65536}, "frames": {"bytes": 16384}}});
    vec![message; 40]
}

async fn a_dead_stream(messages: Vec<Value>, end: Value) -> (usize, RpcError) {
    let mut steps = vec![json!("open"), json!({"await": "message"}), json!("headers")];
    steps.extend(messages);
    steps.push(end);
    let (_server, channel) = scripted(json!(steps)).await;
    let mut call = bidi(&channel);
    send_all(&mut call).await;
    assert!(!call.send_bytes(Bytes::new()).await.unwrap(), "a later send is refused");
    read_all(&mut call).await
}

#[tokio::test]
async fn a_sender_ends_with_its_stream_although_nobody_reads() {
    let (read, error) = a_dead_stream(small(), json!({"rst": 2})).await;
    assert_eq!((read, error.failure().cause()), (1100, Cause::H2StreamReset));
    let (read, error) = a_dead_stream(large(), json!({"rst": 2})).await;
    assert_eq!((read, error.failure().cause()), (40, Cause::H2StreamReset));
}

#[tokio::test]
async fn a_sender_ends_with_its_connection_although_nobody_reads() {
    let (read, error) = a_dead_stream(small(), json!({"close": "eof"})).await;
    assert_eq!((read, error.failure().cause()), (1100, Cause::ConnectionLost));
    let (_, error) = a_dead_stream(large(), json!({"close": "rst"})).await;
    assert_eq!(error.failure().cause(), Cause::ConnectionLost);
}

/// A server that acknowledges each part of an upload and fails after 1,100 of them, while the client sends on and means
/// to read later.
#[tokio::test]
async fn an_upload_ends_when_the_server_fails_although_nobody_reads() {
    let server = Server::echo().await.unwrap();
    let channel = open(&server);
    let mut call: Call<EchoRequest, EchoResponse> = channel.bidirectional(BIDI, Request::new(())).unwrap();
    let part = EchoRequest { payload: vec![7; 10], ..EchoRequest::default() };
    let last = causewire_testbed::pb::rpc::Status { code: 13, message: "disk".into(), details: vec![] };
    let sends = async {
        for _ in 0..1100 {
            assert!(call.send(part.clone()).await.unwrap());
        }
        assert!(call.send(EchoRequest { status: Some(last), ..part.clone() }).await.unwrap());
        let more = EchoRequest { payload: vec![7; 16 << 10], ..EchoRequest::default() };
        while call.send(more.clone()).await.unwrap() {}
    };
    in_time("an upload", sends).await;
    let mut read = 0;
    let error = loop {
        match in_time("the reader", call.message()).await {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("the call ended well"),
            Err(error) => break error,
        }
    };
    assert_eq!((read, error.failure().cause()), (1101, Cause::AppFailed));
}

/// A server that takes nothing for a while: its window is small, and it does not read.
#[tokio::test]
async fn every_sender_of_a_call_goes_on_when_there_is_room() {
    let (_server, channel) = scripted(json!(["open", {"await": "message"}, "headers", {"sleep_ms": 300}])).await;
    let call: Call<(), ()> = channel.start(CLIENT_STREAM, Kind::ClientStreaming, Request::new(None)).unwrap();
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let sender = call.sender();
            tokio::spawn(async move {
                for _ in 0..16 {
                    assert!(sender.send(Bytes::from_static(&[0; 64 << 10])).await.unwrap());
                }
            })
        })
        .collect();
    for sender in senders {
        in_time("one of several senders", sender).await.unwrap();
    }
}

#[tokio::test]
async fn one_canceller_ends_every_call_that_it_was_given_to() {
    let server = Server::echo().await.unwrap();
    let channel = open(&server);
    let canceller = Canceller::new();
    let slow = EchoRequest { delay_ms: 60_000, ..EchoRequest::default() };
    let call = || {
        let request = Request::new(slow.clone()).canceller(&canceller);
        let channel = channel.clone();
        tokio::spawn(async move { channel.unary::<_, EchoResponse>(UNARY, request).await })
    };
    let calls = [call(), call(), call()];
    while channel.stats().streams < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    canceller.cancel();
    for call in calls.into_iter().chain([call()]) {
        let error = in_time("a cancelled call", call).await.unwrap().unwrap_err();
        assert_eq!(error.failure().cause(), Cause::CancelledByCaller);
    }
}

#[tokio::test]
async fn a_call_that_was_cancelled_before_it_began_sends_nothing() {
    let server = Server::echo().await.unwrap();
    let channel = open(&server);
    channel.wait_ready(Duration::from_secs(20)).await.unwrap();
    let canceller = Canceller::new();
    canceller.cancel();
    let request = Request::new(EchoRequest::default()).canceller(&canceller);
    let error = channel.unary::<_, EchoResponse>(UNARY, request).await.unwrap_err();
    assert_eq!((error.failure().cause(), error.failure().record().reached), (Cause::CancelledByCaller, Reached::No));
    assert_eq!(server.counts().streams, 0);
}

#[tokio::test]
async fn a_call_with_one_response_has_its_headers_at_its_end() {
    let server = Server::echo().await.unwrap();
    let channel = open(&server);
    for (method, kind) in [(UNARY, Kind::Unary), (CLIENT_STREAM, Kind::ClientStreaming)] {
        let message = (kind == Kind::Unary).then(Bytes::new);
        let mut call: Call<(), ()> = channel.start(method, kind, Request::new(message)).unwrap();
        call.close_send();
        assert!(in_time("headers", call.headers()).await.is_some(), "{kind:?}");
        assert!(call.message_bytes().await.unwrap().is_some());
        assert!(call.headers().await.is_some());
    }
}
