//! The bridge as a host holds it: several threads at one call, watches that end, questions that nobody will answer.
use bytes::Bytes;
use causewire::bridge::{
    BlockingCall, CallOptions, CallSpec, Channel, ChannelSpec, ConnectivityState as State, Event, Kind, Language,
    Metadata, Queue, Secrets, Sent,
};
use causewire::failure::Cause;
use causewire_tests::Server;
use serde_json::json;
use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

const CLIENT_STREAM: &str = "/causewire.testbed.v1.Testbed/EchoClientStream";
const SERVER_STREAM: &str = "/causewire.testbed.v1.Testbed/EchoServerStream";
const BIDI: &str = "/causewire.testbed.v1.Testbed/EchoBidi";
const UNARY: &str = "/causewire.testbed.v1.Testbed/Echo";
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

fn queue() -> (Queue, mpsc::Receiver<()>) {
    let (ring, rung) = mpsc::channel();
    let ring = std::sync::Mutex::new(ring);
    let queue = Queue::new(move || {
        let _ = ring.lock().unwrap().send(());
    });
    (queue, rung)
}

fn spec(method: u32, message: Option<Bytes>) -> CallSpec {
    CallSpec { method, metadata: Metadata::new(), options: CallOptions::default(), message }
}

/// The next event that `wanted` takes.
fn next<T>((queue, rung): &(Queue, mpsc::Receiver<()>), wanted: impl Fn(Event) -> Option<T>) -> Option<T> {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = queue.take(64).events.into_iter().find_map(&wanted) {
            return Some(found);
        }
        rung.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
    }
}

/// Calls the server of this script, whose steps begin once the first message is there.
async fn upload(steps: serde_json::Value) -> (Server, Channel, Arc<BlockingCall>) {
    let script = serde_json::from_value(json!({"connections": [steps]})).unwrap();
    let server = Server::script(script).await.unwrap();
    let channel = open(server.target(), None, false);
    let method = channel.method(CLIENT_STREAM, Kind::ClientStreaming).unwrap();
    let call = Arc::new(channel.start(spec(method, None)).unwrap());
    (server, channel, call)
}

fn joined<T>(threads: Vec<thread::JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_thread_that_waits_for_room_goes_on() {
    let (_server, _channel, call) = upload(json!(["open", {"await": "message"}, {"sleep_ms": 300}])).await;
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
        thread::spawn(move || {
            let since = Instant::now();
            call.wait(Some(SOON)).is_some() && since.elapsed() < SOON / 2
        })
    });
    assert_eq!(joined(threads.collect()), [true; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_does_not_keep_its_channel_open() {
    let home = queue();
    let channel = open("127.0.0.1:1", Some(&home.0), false);
    let watch = channel.watch_state(State::Idle);
    drop(channel);
    let seen = next(&home, |event| match event {
        Event::State { watch, state } => Some((watch, state)),
        _ => None,
    });
    assert_eq!(seen, Some((watch, State::Shutdown)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_to_a_home_that_is_gone_is_answered() {
    let (home, calls) = (queue(), queue());
    let channel = open("mine:///users", Some(&home.0), true);
    let method = channel.method(UNARY, Kind::Unary).unwrap();
    home.0.abandon();
    channel.submit(&calls.0, spec(method, Some(Bytes::new()))).unwrap();
    let failed = next(&calls, |event| match event {
        Event::Done { outcome, .. } => Some(outcome.is_err()),
        _ => None,
    });
    assert_eq!(failed, Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_when_its_host_says_so() {
    let home = queue();
    let channel = open("127.0.0.1:1", Some(&home.0), false);
    let (ended, kept) = (channel.watch_state(State::Idle), channel.watch_state(State::Idle));
    assert!(channel.unwatch(ended) && !channel.unwatch(ended));
    channel.close();
    let seen = next(&home, |event| match event {
        Event::State { watch, .. } => Some(watch),
        _ => None,
    });
    assert_eq!((seen, home.0.take(64).events.len()), (Some(kept), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_hears_that_nobody_waits_for_its_answer() {
    let (home, calls) = (queue(), queue());
    let channel = open("mine:///users", Some(&home.0), true);
    channel.connect();
    let asked = |event| match event {
        Event::Ask(ask) => Some(ask.id),
        _ => None,
    };
    let ask = next(&home, asked);
    channel.close();
    let cancelled = next(&home, |event| match event {
        Event::AskCancelled { ask } => Some(ask),
        _ => None,
    });
    assert!(ask.is_some());
    assert_eq!(cancelled, ask);
    drop(calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_ready_is_told_what_stands_in_the_way() {
    let server = Server::echo().await.unwrap();
    let home = queue();
    let channel = open(server.target(), Some(&home.0), false);
    assert!(channel.wait_ready(false, Some(SOON)).is_ok());
    let refused = open("127.0.0.1:1", Some(&home.0), false);
    for failed in [refused.wait_ready(false, None), refused.wait_ready(true, Some(Duration::from_millis(50)))] {
        assert_eq!(failed.unwrap_err().failure.cause(), Cause::ConnectRefused);
    }
    let watch = refused.watch_ready(true, Some(Duration::from_millis(50)));
    let told = next(&home, |event| match event {
        Event::Ready { watch, outcome } => Some((watch, outcome.unwrap_err().failure.cause())),
        _ => None,
    });
    assert_eq!(told, Some((watch, Cause::ConnectRefused)));
    refused.close();
    assert_eq!(refused.wait_ready(true, None).unwrap_err().failure.cause(), Cause::ChannelUnusable);
}

/// 1,100 unread messages, and the reset behind them: the host hears of the end although it reads nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_dead_stream_comes_although_nobody_reads() {
    let messages = json!({"data": {"body": {"fill": "\0\0\0\0\u{1}a", "times": 1100}}});
    let steps = json!(["open", {"await": "message"}, "headers", messages, {"sleep_ms": 100}, {"rst": 2}]);
    let script = serde_json::from_value(json!({"connections": [steps]})).unwrap();
    let server = Server::script(script).await.unwrap();
    let channel = open(server.target(), None, false);
    let method = channel.method(BIDI, Kind::Bidi).unwrap();
    let call = channel.start(spec(method, None)).unwrap();
    call.send(Bytes::from_static(b"x"));
    let (mut read, mut done) = (0, None);
    while let (None, Some(progress)) = (&done, call.wait(Some(SOON))) {
        read += progress.messages.len();
        done = progress.done;
    }
    assert_eq!((read, done.map(|outcome| outcome.unwrap_err().failure.cause())), (1100, Some(Cause::H2StreamReset)));
    assert_eq!(call.send(Bytes::new()), Sent::Ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_sending_side_is_no_end_of_the_call() {
    let (_server, _channel, call) = upload(json!(["open"])).await;
    call.close_send();
    assert_eq!(call.send(Bytes::new()), Sent::Closed);
    assert!(!call.is_ended());
}
