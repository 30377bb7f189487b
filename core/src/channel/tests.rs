//! Channels against servers on loopback; time is virtual wherever it matters.
mod ends;
mod healing;
mod resolving;

use super::{ChannelCore, Parts};
use crate::{
    balance::{ConnectivityState as State, Waiting},
    clock,
    failure::{Cause, Evidence, Failure, Phase, Reached},
    observe::LogSink,
    options::{BackoffOptions, ChannelOptions, KeepaliveOptions, TlsOptions},
    resolve::{ResolveFuture, ResolveHook},
    subchannel::testing::{Server, closed_port, rt, slammed_door},
    transport::Connection,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    time::{advance, sleep, timeout},
};

fn plaintext() -> ChannelOptions {
    ChannelOptions { tls: None, ..ChannelOptions::default() }
}

fn parts() -> Parts {
    let user_agent = http::HeaderValue::from_static("grpc-test");
    Parts { resolver: None, language: "rust", credentials: None, user_agent, log: LogSink::default() }
}

fn channel(target: &str, options: ChannelOptions) -> Arc<ChannelCore> {
    ChannelCore::new(target, Arc::new(options), parts(), rt()).unwrap()
}

fn hooked(hook: impl ResolveHook + 'static, options: ChannelOptions) -> Arc<ChannelCore> {
    let parts = Parts { resolver: Some(Arc::new(hook)), ..parts() };
    ChannelCore::new("mine:///users", Arc::new(options), parts, rt()).unwrap()
}

async fn pick(channel: &ChannelCore) -> Result<Connection, Failure> {
    channel.picker().pick(false, &mut |_: &Waiting| ()).await.map(|picked| picked.lane.connection().clone())
}

async fn pick_ready(channel: &ChannelCore) -> Connection {
    channel.picker().pick(true, &mut |_: &Waiting| ()).await.unwrap().lane.connection().clone()
}

async fn reaches(channel: &ChannelCore, state: State) {
    let mut last = channel.state();
    while last != state {
        last = channel.wait_for_state_change(last).await;
    }
}

async fn phase(channel: &ChannelCore, phase: Phase) {
    while channel.picker().waiting().phase != phase {
        sleep(Duration::from_millis(1)).await;
    }
}

/// The controller and the connections are gone.
async fn is_gone(fleet: &crate::subchannel::Fleet) {
    timeout(Duration::from_secs(5), async {
        while fleet.stats() != Default::default() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn nothing_happens_before_the_first_call() {
    let server = Server::start().await;
    let channel = channel(&server.address.to_string(), plaintext());
    sleep(Duration::from_millis(50)).await;
    assert_eq!((channel.state(), server.accepted()), (State::Idle, 0));
    let connection = pick(&channel).await.unwrap();
    assert_eq!((channel.state(), server.accepted()), (State::Ready, 1));
    assert_eq!(**connection.peer(), server.address.to_string());
    assert!(channel.picker().try_pick().is_some());
    let stats = channel.stats();
    assert_eq!((stats.connections, stats.streams, stats.tasks), (1, 0, 0));
}

#[tokio::test]
async fn connect_connects_and_the_state_can_be_followed() {
    let server = Server::start().await;
    let channel = channel(&server.address.to_string(), plaintext());
    channel.connect();
    assert_eq!(channel.wait_for_state_change(State::Idle).await, State::Connecting);
    assert_eq!(channel.wait_for_state_change(State::Connecting).await, State::Ready);
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn every_address_is_tried() {
    let (dead, server) = (closed_port().await, Server::start().await);
    let channel = channel(&format!("ipv4:{dead},{}", server.address), plaintext());
    assert_eq!(**pick(&channel).await.unwrap().peer(), server.address.to_string());
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_each_address_is_in_the_failure_and_calls_fail_at_once() {
    let (dead, (door, _)) = (closed_port().await, slammed_door().await);
    let channel = channel(&format!("ipv4:{dead},{door}"), plaintext());
    let failure = pick(&channel).await.unwrap_err();
    let record = failure.record();
    assert_eq!((record.cause, record.reached), (Cause::PeerClosedEarly, Reached::No));
    assert_eq!((record.phase, record.peer.as_deref()), (Some(Phase::Settings), Some(door.to_string().as_str())));
    assert_eq!(record.target.as_deref(), Some(format!("ipv4:{dead},{door}").as_str()));
    let tried: Vec<_> = record.attempts.iter().map(|a| (a.address.clone().unwrap(), a.cause.unwrap())).collect();
    assert_eq!(
        tried,
        [(dead.to_string().into(), Cause::ConnectRefused), (door.to_string().into(), Cause::PeerClosedEarly)]
    );
    assert_eq!(channel.state(), State::TransientFailure);
    let start = clock::now();
    assert_eq!(pick(&channel).await.unwrap_err().cause(), Cause::PeerClosedEarly);
    assert_eq!(clock::now(), start);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_ready_outlives_the_failures() {
    let address = closed_port().await;
    let channel = channel(&address.to_string(), plaintext());
    let heard = Arc::<Mutex<Vec<_>>>::default();
    let note = heard.clone();
    let picker = channel.picker();
    let waiting = rt().spawn("test.pick", async move {
        let mut note = |waiting: &Waiting| note.lock().unwrap().push((waiting.phase, waiting.problem.clone()));
        picker.pick(true, &mut note).await
    });
    reaches(&channel, State::TransientFailure).await;
    phase(&channel, Phase::Backoff).await;
    let _server = Server::at(address).await;
    waiting.await.unwrap().unwrap();
    let heard = heard.lock().unwrap();
    let (_, problem) = heard.iter().find(|(phase, _)| *phase == Phase::Backoff).unwrap();
    assert_eq!(problem.as_ref().map(Failure::cause), Some(Cause::ConnectRefused));
    assert!(channel.picker().waiting().problem.is_none());
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_when_the_server_does() {
    let mut server = Server::start().await;
    let address = server.address;
    let channel = channel(&address.to_string(), plaintext());
    for _ in 0..3 {
        let connection = pick(&channel).await.unwrap();
        // Long enough for a connection that nobody has used to prove that there is a server.
        sleep(Duration::from_secs(2)).await;
        drop(server);
        reaches(&channel, State::Idle).await;
        assert!(!connection.is_usable());
        server = Server::at(address).await;
        assert_eq!(server.accepted(), 0, "an idle channel reconnects when a call asks");
    }
    pick(&channel).await.unwrap();
}

#[tokio::test]
async fn after_goaway_new_calls_go_to_a_new_connection() {
    let server = Server::start().await;
    let channel = channel(&server.address.to_string(), plaintext());
    let old = pick(&channel).await.unwrap();
    let slot = old.slot().await.unwrap();
    let request = http::Request::post("http://test/a/b").body(()).unwrap();
    let stream = old.open(slot, request, true).unwrap();
    server.drain();
    reaches(&channel, State::Idle).await;
    assert!(pick(&channel).await.unwrap().is_usable());
    assert_eq!(server.accepted(), 2);
    assert_eq!(channel.stats().streams, 1, "the running call goes on");
    drop((old, stream));
    timeout(Duration::from_secs(5), async {
        while channel.stats().connections > 1 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn fifteen_failed_attempts_keep_the_intervals_of_the_specification() {
    let (door, times) = slammed_door().await;
    let channel = channel(&door.to_string(), plaintext());
    channel.connect();
    while times.lock().unwrap().len() < 16 {
        sleep(Duration::from_secs(1)).await;
    }
    let times = times.lock().unwrap();
    let mut base = 1.0_f64;
    for (attempt, pair) in times.windows(2).take(15).enumerate() {
        let wait = pair[1].duration_since(pair[0]).as_secs_f64();
        assert!((base * 0.8 - 0.01..=base * 1.2 + 0.01).contains(&wait), "wait {attempt}: {wait} for {base}");
        base = (base * 1.6).min(120.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_of_the_backoff_tries_at_once() {
    let address = closed_port().await;
    let options = ChannelOptions {
        backoff: BackoffOptions { initial_ms: 600_000, max_ms: 600_000, ..BackoffOptions::default() },
        ..plaintext()
    };
    let channel = channel(&address.to_string(), options);
    pick(&channel).await.unwrap_err();
    let _server = Server::at(address).await;
    let start = clock::now();
    channel.reset_backoff();
    pick_ready(&channel).await;
    assert!(clock::now().duration_since(start) < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn another_network_means_another_connection() {
    let server = Server::start().await;
    let channel = channel(&server.address.to_string(), plaintext());
    channel.network_changed();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(channel.state(), State::Idle, "an idle channel stays idle");
    let old = pick(&channel).await.unwrap();
    channel.network_changed();
    channel.wait_for_state_change(State::Ready).await;
    reaches(&channel, State::Ready).await;
    assert!(!old.is_usable());
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_call_that_waits_can_see_the_phases() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let plain = channel(&address, plaintext());
    plain.connect();
    phase(&plain, Phase::Settings).await;
    let tls = ChannelOptions { tls: Some(TlsOptions::default()), ..ChannelOptions::default() };
    let secure = channel(&format!("dns:///{address}"), tls);
    assert!(secure.secure());
    secure.connect();
    phase(&secure, Phase::Tls).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_connect_timeout_is_kept_to() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ChannelOptions { connect_timeout_ms: 300, ..plaintext() };
    let channel = channel(&silent.local_addr().unwrap().to_string(), options);
    let start = clock::now();
    let failure = pick(&channel).await.unwrap_err();
    assert_eq!((failure.cause(), failure.record().phase), (Cause::H2PrefaceTimeout, Some(Phase::Settings)));
    assert_eq!(clock::now().duration_since(start).as_millis() / 10, 30);
}

#[tokio::test]
async fn close_ends_calls_and_leaves_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let waiting = channel(&silent.local_addr().unwrap().to_string(), plaintext());
    let picker = waiting.picker();
    let queued = rt().spawn("test.pick", async move { picker.pick(true, &mut |_: &Waiting| ()).await });
    phase(&waiting, Phase::Settings).await;
    waiting.close();
    let failure = queued.await.unwrap().unwrap_err();
    assert_eq!((failure.cause(), failure.record().reached), (Cause::ChannelUnusable, Reached::No));
    is_gone(&waiting.fleet()).await;

    let server = Server::start().await;
    let busy = channel(&server.address.to_string(), plaintext());
    let connection = pick(&busy).await.unwrap();
    busy.close();
    assert_eq!(busy.state(), State::Shutdown);
    assert!(busy.picker().try_pick().is_none());
    assert_eq!(pick(&busy).await.unwrap_err().cause(), Cause::ChannelUnusable);
    is_gone(&busy.fleet()).await;
    assert!(!connection.is_usable());
    assert_eq!(busy.stats(), Default::default());
    busy.connect();
    busy.close();
    assert_eq!(busy.state(), State::Shutdown);
}

#[tokio::test]
async fn dropping_the_channel_leaves_nothing_but_running_calls() {
    let server = Server::start().await;
    let idle = channel(&server.address.to_string(), plaintext());
    let fleet = idle.fleet();
    drop(idle);
    is_gone(&fleet).await;

    let channel = channel(&server.address.to_string(), plaintext());
    let (fleet, picker) = (channel.fleet(), channel.picker());
    let connection = pick(&channel).await.unwrap();
    let slot = connection.slot().await.unwrap();
    let request = http::Request::post("http://test/a/b").body(()).unwrap();
    let stream = connection.open(slot, request, true).unwrap();
    drop((channel, connection));
    let end = picker.pick(true, &mut |_: &Waiting| ()).await;
    assert_eq!(end.unwrap_err().cause(), Cause::ChannelUnusable);
    sleep(Duration::from_millis(20)).await;
    assert_eq!((fleet.stats().connections, fleet.stats().streams), (1, 1));
    drop(stream);
    is_gone(&fleet).await;
}

#[tokio::test(start_paused = true)]
async fn without_calls_it_goes_idle_and_comes_back() {
    let server = Server::start().await;
    let channel = channel(&server.address.to_string(), ChannelOptions { idle_timeout_ms: 8_000, ..plaintext() });
    for _ in 0..10 {
        pick(&channel).await.unwrap();
        advance(Duration::from_secs(4)).await;
    }
    assert_eq!((channel.state(), server.accepted()), (State::Ready, 1));
    let start = clock::now();
    reaches(&channel, State::Idle).await;
    let waited = clock::now().duration_since(start).as_secs_f64();
    assert!((3.9..=10.1).contains(&waited), "{waited}");
    timeout(Duration::from_secs(1), async {
        while channel.stats().connections > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    pick(&channel).await.unwrap();
    assert_eq!(server.accepted(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_running_call_keeps_it_from_going_idle() {
    let server = Server::start().await;
    let channel = channel(&server.address.to_string(), ChannelOptions { idle_timeout_ms: 1_000, ..plaintext() });
    let connection = pick(&channel).await.unwrap();
    let slot = connection.slot().await.unwrap();
    let request = http::Request::post("http://test/a/b").body(()).unwrap();
    let stream = connection.open(slot, request, true).unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(channel.state(), State::Ready);
    drop((stream, connection));
    reaches(&channel, State::Idle).await;
}

#[tokio::test]
async fn mistakes_are_found_when_the_channel_is_built() {
    let build =
        |target: &str, options: ChannelOptions| ChannelCore::new(target, Arc::new(options), parts(), rt()).unwrap_err();
    let bad_ca = TlsOptions { ca_pem: Some("nonsense".into()), ..TlsOptions::default() };
    let tls = ChannelOptions { tls: Some(bad_ca), ..ChannelOptions::default() };
    let idle = ChannelOptions { idle_timeout_ms: 1, ..plaintext() };
    for (failure, cause, key, value) in [
        (build("https://users", plaintext()), Cause::TargetInvalid, "target", "https://users"),
        (build("mine:///users", plaintext()), Cause::TargetInvalid, "target", "mine:///users"),
        (build("users", tls), Cause::TlsConfigInvalid, "field", "tls.ca_pem"),
        (build("users", idle), Cause::OptionInvalid, "field", "idle_timeout_ms"),
    ] {
        assert_eq!(failure.cause(), cause);
        assert_eq!(failure.record().evidence(key).and_then(|v| v.as_str()), Some(value));
        assert_eq!(failure.record().reached, Reached::No);
    }
}

/// Panics in the controller, which polls it.
struct Broken;

impl ResolveHook for Broken {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
        panic!("planted")
    }
}

#[tokio::test]
async fn a_panic_of_the_controller_ends_the_calls_that_wait_for_it() {
    let channel = hooked(Broken, plaintext());
    let fleet = channel.fleet();
    assert_eq!(pick(&channel).await.unwrap_err().cause(), Cause::CoreFault);
    assert_eq!(channel.state(), State::Shutdown);
    is_gone(&fleet).await;
}
