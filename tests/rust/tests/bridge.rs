//! The bridge as a host holds it: several threads at one call.
use bytes::Bytes;
use causewire::bridge::{
    BlockingCall, CallOptions, CallSpec, Channel, ChannelSpec, Kind, Language, Metadata, Queue, Secrets, Sent,
};
use causewire_tests::Server;
use serde_json::json;
use std::{sync::Arc, thread, time::Duration};

const CLIENT_STREAM: &str = "/causewire.testbed.v1.Testbed/EchoClientStream";
const SERVER_STREAM: &str = "/causewire.testbed.v1.Testbed/EchoServerStream";
const SOON: Duration = Duration::from_secs(10);

fn open(target: &str, home: Option<&Queue>, ask_resolve: bool) -> Channel {
    Channel::open(ChannelSpec {
        target,
        options: r#"{"tls": null}"#,
        secrets: Secrets::default(),
        language: Language::Rust,
        home: home.cloned(),
        ask_token: false,
        ask_resolve,
        logs: false,
    })
    .unwrap()
}

fn spec(method: u32, message: Option<Bytes>) -> CallSpec {
    CallSpec { method, metadata: Metadata::new(), options: CallOptions::default(), message }
}

/// Calls the server of this script, whose steps begin once the first message is there.
async fn upload(steps: serde_json::Value) -> (Server, Arc<BlockingCall>) {
    let script = serde_json::from_value(json!({"connections": [steps]})).unwrap();
    let server = Server::script(script).await.unwrap();
    let channel = open(server.target(), None, false);
    let method = channel.method(CLIENT_STREAM, Kind::ClientStreaming).unwrap();
    (server, Arc::new(channel.start(spec(method, None)).unwrap()))
}

fn joined<T>(threads: Vec<thread::JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_thread_that_waits_for_room_goes_on() {
    let (_server, call) = upload(json!(["open", {"await": "message"}, {"sleep_ms": 300}])).await;
    let threads = (0..6).map(|_| {
        let call = call.clone();
        thread::spawn(move || {
            (0..16).all(|_| match call.send(Bytes::from_static(&[0; 64 << 10])) {
                Sent::Full => call.wait_room(Some(SOON)),
                sent => sent == Sent::Accepted,
            })
        })
    });
    assert_eq!(joined(threads.collect()), [true; 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_thread_that_waits_for_news_hears_of_some() {
    let pause = || json!({"sleep_ms": 150});
    let message = || json!({"message": "a"});
    let steps = json!(["open", {"await": "headers"}, pause(), "headers", pause(), message(), pause(), message(), pause(), {"trailers": 0}]);
    let script = serde_json::from_value(json!({"connections": [steps]})).unwrap();
    let server = Server::script(script).await.unwrap();
    let channel = open(server.target(), None, false);
    let method = channel.method(SERVER_STREAM, Kind::ServerStreaming).unwrap();
    let call = Arc::new(channel.start(spec(method, Some(Bytes::new()))).unwrap());
    let threads = (0..4).map(|_| {
        let call = call.clone();
        thread::spawn(move || call.wait(Some(SOON)).is_some())
    });
    assert_eq!(joined(threads.collect()), [true; 4]);
}
